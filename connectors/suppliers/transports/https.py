"""Documents as the bodies of POST requests: ours to the partner's address, the partner's to our gateway's door.

Each of ours carries `Idempotency-Key` with the operation's id, the file name in `Content-Disposition`, and by the
settings `Authorization: Bearer ...`, a signature by Standard Webhooks (`webhook-id` is the operation's id), or both.
Answers are read as those of the `http` connector (see there): delivered, refused, unknown, or Retryable.
"""

import hmac
from datetime import UTC, datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

import httpx

from connectors.errors import Retryable, Undecodable, Unsupported
from connectors.rest import (
    NEVER_LEFT,
    asks_again,
    exchange,
    in_words,
    likely_wrong_address,
    quoted_key,
    retry_after,
    trusted,
)
from connectors.signatures import signed, verify_signature
from connectors.suppliers.interface import (
    FILE_NAME,
    Batch,
    Envelope,
    Health,
    Inbound,
    Inward,
    LookupStatus,
    SendReceipt,
    SendResult,
)
from connectors.suppliers.transports.configuration import HttpsConfig
from connectors.words import plain_words


class Answer(NamedTuple):
    """What came back for a document."""

    receipt: SendReceipt
    content_type: str = ""
    body: bytes = b""
    """For protocols that answer in it, as cXML does; at most `rest.LARGEST_ANSWER` bytes."""


class HttpsTransport:
    """Documents over HTTPS."""

    def __init__(self, supplier_id: str, config: HttpsConfig) -> None:
        """Args:
        supplier_id: for messages.
        config: where to, and how both sides prove who they are.
        """
        self._supplier_id = supplier_id
        self._config = config
        self._proven = config.inbound_secret is not None or config.inbound_token is not None
        self.inbound = frozenset({Inbound.WEBHOOK}) if self._proven else frozenset[Inbound]()
        self.finds = False
        self._client = httpx.AsyncClient(timeout=config.timeout_seconds, verify=trusted())

    async def check(self) -> Health:
        """Ask the address for its head with our credentials; what it says to a document, only a document shows."""
        url = self._config.url
        try:
            response = await self._exchange(self._client.build_request("HEAD", url, headers=self._bearer()))
        except httpx.RequestError as failure:
            return Health(ok=False, detail=f"{url} gave no answer: {_words(failure)}")
        if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return Health(ok=False, detail=f"{url} does not take our credentials ({in_words(response)})")
        if response.is_redirect or response.status_code == HTTPStatus.NOT_FOUND or response.is_server_error:
            return Health(ok=False, detail=f"{url} answered {in_words(response)}; is that address right?")
        taken = "at our gateway's door" if self._proven else "nowhere: neither inbound_secret nor inbound_token is set"
        return Health(ok=True, detail=f"{url} answers; documents of the partner are taken {taken}")

    async def send(self, envelope: Envelope) -> SendReceipt:
        """Post stored bytes. Raises: Retryable only if nothing can have reached the partner, or it said "later"."""
        return (await self.post(envelope)).receipt

    async def post(self, envelope: Envelope) -> Answer:
        """As `send`, with what the partner wrote back."""
        headers = {name: value for name, value in envelope.headers.items() if name != FILE_NAME}
        if name := envelope.headers.get(FILE_NAME):
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        headers |= {"Content-Type": envelope.content_type, "Idempotency-Key": quoted_key(envelope.operation_id)}
        headers |= self._bearer()
        if self._config.signing_secret is not None:
            headers |= signed(self._config.signing_secret, envelope.operation_id, datetime.now(UTC), envelope.body)
        request = self._client.build_request("POST", self._config.url, content=envelope.body, headers=headers)
        try:
            response = await self._exchange(request)
        except NEVER_LEFT as failure:
            raise Retryable(f"supplier {self._supplier_id!r} cannot be reached: {_words(failure)}") from failure
        except httpx.RequestError as failure:
            said = f"the connection broke: {_words(failure)}"
            return Answer(SendReceipt(result=SendResult.UNKNOWN, reason=said))
        if response.is_success:
            receipt = SendReceipt(result=SendResult.DELIVERED)
        else:
            self._raise_if_worth_repeating(response)
            result = SendResult.REFUSED if response.is_client_error else SendResult.UNKNOWN
            receipt = SendReceipt(result=result, reason=in_words(response))
        return Answer(receipt, response.headers.get("content-type", ""), response.content)

    def _raise_if_worth_repeating(self, response: httpx.Response) -> None:
        said = f"supplier {self._supplier_id!r} answered {in_words(response)}"
        if asks_again(response):
            raise Retryable(said, after=retry_after(response, datetime.now(UTC)))
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            raise Retryable(f"{said}; correct its token or signing_secret, this is tried again until then")
        if likely_wrong_address(response):
            raise Retryable(f"{said}; its url is likely wrong, correct it, this is tried again until then")

    async def find(self, envelope: Envelope) -> LookupStatus:
        """A door that takes documents cannot be asked. Raises: Unsupported, always."""
        raise Unsupported(f"supplier {self._supplier_id!r} cannot be asked what became of {envelope.operation_id}")

    async def poll(self, cursor: str | None) -> Batch:
        """The partner comes to our door. Raises: Unsupported, always."""
        raise Unsupported(
            f"supplier {self._supplier_id!r} posts its documents; nothing can be polled (cursor {cursor!r})"
        )

    def verify(self, message: Inward) -> None:
        """Check signature and token, whichever are set, and the size. Raises: Undecodable."""
        if not self._proven:
            raise Undecodable("nothing is expected here: neither inbound_secret nor inbound_token is set")
        if len(message.body) > self._config.largest_bytes:
            raise Undecodable(f"the document is larger than {self._config.largest_bytes} bytes")
        if self._config.inbound_token is not None:
            kind, _, token = message.headers.get("authorization", "").partition(" ")
            ours = self._config.inbound_token.get_secret_value().encode()
            if kind.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(errors="replace"), ours):
                raise Undecodable("the document does not come with the token that was agreed on")
        if self._config.inbound_secret is not None:
            verify_signature(self._config.inbound_secret, message.body, message.headers)

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()

    def _bearer(self) -> dict[str, str]:
        token = self._config.token
        return {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        return await exchange(self._client, request, within=self._config.timeout_seconds * 3)


def _words(failure: httpx.RequestError) -> str:
    return plain_words(f"{type(failure).__name__}: {failure}".rstrip(": "))
