"""How cXML documents travel: posted over HTTPS, each answered at once by a Response; theirs come by our webhook.

How answers to a POST are read: the cXML status first, since servers send it with any HTTP status; without one, HTTP's.

    2xx                               delivered
    HTTP 408, 425, 429, 503           Retryable, after Retry-After if it is given (at most an hour)
    cXML 550, 551, 560                Retryable: a network or server that did nothing yet
    401                               Retryable: nothing was taken; an operator can mend the secret
    other 4xx                         refused; delivered, if the profile names it among `repeat_codes`
    HTTP 3xx, 403, 404, 405, no cXML  Retryable: a proxy or another server says that, not the supplier
    other 5xx, no or half an answer   unknown
    HTTP 2xx without a Response       unknown; delivered, if the profile does not require one
    no connection at all              Retryable: nothing left this machine

A partner cannot be asked what became of a document, but knows one that it has by its payloadID: what is unknown is
sent again, byte for byte.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from uuid import uuid4

import httpx

from connectors.errors import Retryable, Unsupported
from connectors.rest import NEVER_LEFT, asks_again, exchange, in_words, likely_wrong_address, retry_after, trusted
from connectors.suppliers.cxml.order_writing import CONTENT_TYPE, profile_request, with_secret
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.cxml.responses import Status, response_status
from connectors.suppliers.interface import (
    Batch,
    Envelope,
    Health,
    Inbound,
    Inward,
    LookupStatus,
    SendReceipt,
    SendResult,
    WireIds,
)

_LATER = frozenset({550, 551, 560})
"""cXML statuses by which a server says that it did nothing, and may later."""


class Posting:
    """One supplier's address. Its `verify` leaves the proof to the document, which holds the sender's secret."""

    inbound = frozenset({Inbound.WEBHOOK})
    finds = False

    def __init__(self, supplier_id: str, partner: CxmlPartner) -> None:
        """`supplier_id` is for messages."""
        self._supplier_id, self._partner = supplier_id, partner
        self._client = httpx.AsyncClient(timeout=partner.timeout_seconds, verify=trusted())

    async def check(self) -> Health:
        """Send a ProfileRequest, which changes nothing."""
        url = self._partner.url
        body = profile_request(WireIds(operation_id=f"check-{uuid4()}", written_at=datetime.now(UTC)), self._partner)
        try:
            answer = await self._post(body, CONTENT_TYPE)
        except httpx.RequestError as failure:
            return Health(ok=False, detail=f"{url} gave no answer: {_words(failure)}")
        status = response_status(answer.content)
        if status is None:
            said = f"{url} answered {in_words(answer)}, without a cXML Response"
            return Health(ok=False, detail=f"{said}; is that address right?")
        if status.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return Health(ok=False, detail=f"{url} does not take our credentials ({status.words})")
        if status.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Health(ok=False, detail=f"{url} answered {status.words}")
        return Health(ok=True, detail=f"{url} answers in cXML ({status.words})")

    async def send(self, envelope: Envelope) -> SendReceipt:
        """Send stored bytes. Raises: Retryable only if nothing can have reached the supplier, or it said "later"."""
        try:
            answer = await self._post(envelope.body, envelope.content_type)
        except NEVER_LEFT as failure:
            raise Retryable(f"supplier {self._supplier_id!r} cannot be reached: {_words(failure)}") from failure
        except httpx.RequestError as failure:
            return SendReceipt(result=SendResult.UNKNOWN, reason=f"the connection broke: {_words(failure)}")
        status = response_status(answer.content)
        said = f"supplier {self._supplier_id!r} answered {status.words if status else in_words(answer)}"
        if asks_again(answer) or (status and status.code in _LATER):
            raise Retryable(said, after=retry_after(answer, datetime.now(UTC)))
        if HTTPStatus.UNAUTHORIZED in {answer.status_code, status and status.code}:
            raise Retryable(f"{said}; correct its identities or outbound_secret, this is tried again until then")
        if status:
            return self._by_status(status)
        if likely_wrong_address(answer):
            raise Retryable(f"{said}; its url is likely wrong, correct it, this is tried again until then")
        if answer.is_success and not self._partner.response_required:
            return SendReceipt(result=SendResult.DELIVERED)
        if answer.is_client_error:
            return SendReceipt(result=SendResult.REFUSED, reason=in_words(answer))
        return SendReceipt(result=SendResult.UNKNOWN, reason=f"{in_words(answer)}, without a cXML Response")

    async def find(self, envelope: Envelope) -> LookupStatus:
        """CXML has no look-up. Raises: Unsupported, always."""
        asked = f"what became of {envelope.operation_id!r}; the same document may be sent again"
        raise Unsupported(f"supplier {self._supplier_id!r} cannot be asked {asked}")

    async def poll(self, cursor: str | None) -> Batch:
        """Documents are pushed. Raises: Unsupported, always."""
        raise Unsupported(f"supplier {self._supplier_id!r} sends documents; nothing can be polled (cursor {cursor!r})")

    def verify(self, message: Inward) -> None:
        """Who sent it is proven by the document itself."""

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def _post(self, body: bytes, content_type: str) -> httpx.Response:
        headers = {"Content-Type": content_type, "Accept": "text/xml, application/xml"}
        content = with_secret(body, self._partner)
        request = self._client.build_request("POST", self._partner.url, content=content, headers=headers)
        return await exchange(self._client, request, within=self._partner.timeout_seconds * 3)

    def _by_status(self, status: Status) -> SendReceipt:
        if status.code < HTTPStatus.MULTIPLE_CHOICES:
            return SendReceipt(result=SendResult.DELIVERED)
        if status.code in self._partner.repeat_codes:
            return SendReceipt(result=SendResult.DELIVERED, reason=f"it was there already: {status.words}")
        refused = HTTPStatus.BAD_REQUEST <= status.code < HTTPStatus.INTERNAL_SERVER_ERROR
        return SendReceipt(result=SendResult.REFUSED if refused else SendResult.UNKNOWN, reason=status.words)


def _words(failure: httpx.RequestError) -> str:
    return f"{type(failure).__name__}: {failure}".rstrip(": ")
