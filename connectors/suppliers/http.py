"""Suppliers that speak JSON over HTTP: our own `http` profile, for whoever has no EDI and can be asked to follow it.

Out, every request with `Authorization: Bearer <api_key>`; every write with `Idempotency-Key: "<operation_id>"`:

    POST {base_url}/orders                              {"po_number", "currency", "terms", "ordered_on", "lines": [...]}
    POST {base_url}/orders/{po_number}/changes          {"po_number", "revision", "lines": [...]}
    POST {base_url}/orders/{po_number}/cancellation     {"po_number", "revision", "reason"}
    GET  {base_url}/operations/{operation_id}           what became of a write; 404 with a problem type `.../unknown`
    GET  {base_url}/health                              2xx when the credentials are good

A line is `{"line_no": 1, "sku": "MUG-01", "supplier_sku": "A-77", "description": "Mug, blue", "quantity": 12,
"unit_price": "3.1250", "wanted_on": "2026-12-04"}`: quantity in purchase units, price per purchase unit as a string,
`wanted_on` may be null. A change names the new ordered quantity of each line it touches; the others stay.

A 2xx says "taken", with `{"reference": "SO-4711", "events": []}`; `events` may already hold the business answer. It
usually comes later, as a webhook signed by Standard Webhooks, each carrying one or more events:

    {"events": [{"kind": "order_ack", "po_number": "PO-1", "revision": 0, "accepted": true,
                 "supplier_order_no": "SO-4711",
                 "lines": [{"line": {"line_no": 1},
                            "splits": [{"status": "accepted", "quantity": "8", "deliver_on": "2026-12-01"},
                                       {"status": "backordered", "quantity": "4", "deliver_on": "2027-01-15"}]}]}]}

`kind` is order_ack, change_ack, ship_notice or received; the fields are those of `domain.supplier_events`, by the same
names. A change or cancellation is answered by a change_ack of its revision.

How answers to a write are read: the status class first, the problem type second.

    2xx                                   delivered
    408, 425, 429, 503, 409 "in-flight"   Retryable, after Retry-After if it is given (at most an hour)
    401, 3xx                              Retryable: nothing was taken; an operator can mend key or address
    403, 404, 405 without problem details Retryable likewise: a proxy or another server says that, not the supplier
    other 4xx                             refused, with the problem's own words
    other 5xx, no or half an answer       unknown: `lookup` it, never send it afresh
    no connection at all                  Retryable: nothing left this machine

`send` reports the unknown outcome as `SendResult.UNKNOWN`, and never raises `Unknown`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import quote

import httpx
from pydantic import Field, ValidationError

from connectors.configuration import Address, ApiKey, ConnectorConfig, WebhookSecret
from connectors.errors import Retryable, Undecodable, Unsupported
from connectors.rest import (
    NEVER_LEFT,
    asks_again,
    exchange,
    in_words,
    likely_wrong_address,
    problem,
    quoted_key,
    retry_after,
    trusted,
)
from connectors.signatures import verify_signature, webhook_id
from connectors.suppliers.http_bodies import Answer, Webhook, written, written_lines
from connectors.suppliers.interface import (
    Batch,
    Cancel,
    CancelWay,
    Capabilities,
    Change,
    Decoded,
    Envelope,
    Grade,
    Health,
    Idempotency,
    Inbound,
    Inward,
    LookupStatus,
    Manifest,
    Place,
    Reply,
    Request,
    SendReceipt,
    SendResult,
    WireIds,
)
from connectors.words import plain_words

LARGEST_MESSAGE = 1_000_000
"""Bytes of an inbound message; more is not read."""

UNKNOWN_OPERATION = "unknown"
"""The last part of the problem type by which a supplier says that it never saw an operation."""


class HttpConfig(ConnectorConfig):
    """Settings of one supplier. Any value may be `env:NAME`."""

    base_url: Address
    """Where the profile's paths start, such as https://api.acme.example/v1."""
    api_key: ApiKey
    webhook_secret: WebhookSecret
    """`whsec_...`, by which the supplier signs."""
    timeout_seconds: float = Field(default=10, gt=0, le=300)
    """The longest wait for a connection and for each piece of an answer; a whole exchange gets three times that."""
    changes: bool = True
    """False: this supplier takes no changes of a placed order."""
    cancellations: bool = True
    """False: this supplier takes no cancellations."""
    lookups: bool = True
    """False: this supplier cannot be asked what became of an operation."""


class HttpConnector:
    """The `http` profile for one supplier."""

    manifest: ClassVar[Manifest] = Manifest(
        name="http", version="1", protocol="JSON over HTTP", config=HttpConfig, grade=Grade.GOLD
    )
    capabilities: Capabilities

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        """Read and check the configuration. Raises: pydantic.ValidationError naming the setting."""
        self._supplier_id = supplier_id
        self._config = HttpConfig.model_validate(dict(config))
        self.capabilities = Capabilities(
            reduce_line=self._config.changes,
            cancel=CancelWay.REQUEST_REPLY if self._config.cancellations else CancelWay.NONE,
            idempotency=Idempotency.KEY,
            lookup=self._config.lookups,
            inbound=frozenset({Inbound.WEBHOOK}),
            splits=True,
            prices=True,
        )
        self._client = httpx.AsyncClient(
            base_url=self._config.base_url,
            timeout=self._config.timeout_seconds,
            headers={"Accept": "application/json"},
            verify=trusted(),
        )

    async def check(self) -> Health:
        """Try the connection and the credentials, changing nothing."""
        try:
            response = await self._exchange(self._client.build_request("GET", "health"))
        except httpx.RequestError as failure:
            return Health(ok=False, detail=f"{self._config.base_url} gave no answer: {_words(failure)}")
        if response.is_success:
            return Health(ok=True, detail=f"{self._config.base_url} answers and takes our API key")
        if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return Health(ok=False, detail=f"{self._config.base_url} does not take our API key ({in_words(response)})")
        said = f"{self._config.base_url} answered {in_words(response)}"
        return Health(ok=False, detail=f"{said}; is that address right?" if likely_wrong_address(response) else said)

    def render(self, request: Request, ids: WireIds) -> Envelope:
        """Pure: the same request and ids give the same bytes anywhere. Raises: Unsupported, Refused (unwritable)."""
        content: dict[str, object]
        match request:
            case Place():
                kind, revision = "place", 0
                content = {
                    "po_number": request.po_number,
                    "currency": request.currency,
                    "terms": request.terms,
                    "ordered_on": request.ordered_on.isoformat(),
                    "lines": written_lines(request.lines),
                }
            case Change():
                if not self.capabilities.reduce_line:
                    raise Unsupported(f"supplier {self._supplier_id!r} takes no changes of a placed order")
                new = [line.line_no for line in request.lines if line.line_no not in request.before]
                if request.before and new:  # where nobody says what was on order, the supplier finds out
                    raise Unsupported(f"line {new[0]} is new; supplier {self._supplier_id!r} adds no lines to an order")
                kind, revision = "change", request.revision
                content = {
                    "po_number": request.po_number,
                    "revision": request.revision,
                    "lines": written_lines(request.lines),
                }
            case Cancel():
                if self.capabilities.cancel is CancelWay.NONE:
                    raise Unsupported(f"supplier {self._supplier_id!r} takes no cancellations")
                kind, revision = "cancel", request.revision
                content = {"po_number": request.po_number, "revision": request.revision, "reason": request.reason}
        return Envelope(
            operation_id=ids.operation_id,
            po_number=request.po_number,
            kind=kind,
            revision=revision,
            content_type="application/json",
            body=written(content),
            headers={"Idempotency-Key": quoted_key(ids.operation_id)},
        )

    async def send(self, envelope: Envelope) -> SendReceipt:
        """Send stored bytes. Raises: Retryable only if nothing can have reached the supplier, or it said "later"."""
        request = self._client.build_request(
            "POST",
            _path(envelope),
            content=envelope.body,
            headers={**envelope.headers, "Content-Type": envelope.content_type},
        )
        try:
            response = await self._exchange(request)
        except NEVER_LEFT as failure:
            raise Retryable(f"supplier {self._supplier_id!r} cannot be reached: {_words(failure)}") from failure
        except httpx.RequestError as failure:
            return SendReceipt(result=SendResult.UNKNOWN, reason=f"the connection broke: {_words(failure)}")
        if response.is_success:
            return _delivered(response)
        self._raise_if_worth_repeating(response)
        if response.is_client_error:
            return SendReceipt(result=SendResult.REFUSED, reason=in_words(response))
        return SendReceipt(result=SendResult.UNKNOWN, reason=in_words(response))

    async def lookup(self, envelope: Envelope) -> LookupStatus:
        """Ask whether an operation reached the supplier. Raises: Retryable, Unsupported."""
        if not self.capabilities.lookup:
            raise Unsupported(f"supplier {self._supplier_id!r} cannot be asked what became of an operation")
        request = self._client.build_request("GET", f"operations/{quote(envelope.operation_id, safe='')}")
        try:
            response = await self._exchange(request)
        except httpx.RequestError as failure:
            raise Retryable(f"supplier {self._supplier_id!r} gave no answer: {_words(failure)}") from failure
        if response.is_success:
            try:
                answer = Answer.model_validate_json(response.content)
            except ValidationError as unreadable:
                raise Retryable(f"supplier {self._supplier_id!r} answered a look-up unreadably") from unreadable
            return LookupStatus(found=True, reference=answer.reference, events=answer.events)
        self._raise_if_worth_repeating(response)
        if response.status_code == HTTPStatus.NOT_FOUND and problem(response).name == UNKNOWN_OPERATION:
            return LookupStatus(found=False)
        # Any other 404 may come from a proxy or a wrong address: that is not the supplier's word that it knows nothing.
        raise Retryable(f"supplier {self._supplier_id!r} answered a look-up with {in_words(response)}")

    async def poll(self, cursor: str | None) -> Batch:
        """This profile pushes. Raises: Unsupported, always."""
        raise Unsupported(f"supplier {self._supplier_id!r} sends webhooks; nothing can be polled (cursor {cursor!r})")

    def verify(self, message: Inward) -> None:
        """Check signature, age and addressee (each supplier has its own secret). Raises: Undecodable."""
        if len(message.body) > LARGEST_MESSAGE:
            raise Undecodable(f"the message is larger than {LARGEST_MESSAGE} bytes")
        verify_signature(self._config.webhook_secret, message.body, message.headers)

    def decode(self, message: Inward) -> Decoded:
        """Pure: raw message to events. Raises: Undecodable, and nothing else, whatever the bytes."""
        dedupe_key = webhook_id(message.headers)
        if len(message.body) > LARGEST_MESSAGE:
            raise Undecodable(f"the message is larger than {LARGEST_MESSAGE} bytes")
        try:
            webhook = Webhook.model_validate_json(message.body)
        except ValidationError as unreadable:
            first = unreadable.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            wrong = plain_words(first["msg"].removeprefix("Value error, "))  # it may quote the message
            raise Undecodable(f"the message is not of the http profile: {where}: {wrong}") from unreadable
        return Decoded(dedupe_key=dedupe_key, events=webhook.events)

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        """The 2xx of our door is all that this profile owes."""
        del message, ids
        return None

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        request.headers["Authorization"] = f"Bearer {self._config.api_key.get_secret_value()}"
        return await exchange(self._client, request, within=self._config.timeout_seconds * 3)

    def _raise_if_worth_repeating(self, response: httpx.Response) -> None:
        said = f"supplier {self._supplier_id!r} answered {in_words(response)}"
        if asks_again(response):
            raise Retryable(said, after=retry_after(response, datetime.now(UTC)))
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            raise Retryable(f"{said}; correct its api_key, this is tried again until then")
        if likely_wrong_address(response):
            raise Retryable(f"{said}; its base_url is likely wrong, correct it, this is tried again until then")


def _path(envelope: Envelope) -> str:
    order = f"orders/{quote(envelope.po_number, safe='')}"
    paths = {"place": "orders", "change": f"{order}/changes", "cancel": f"{order}/cancellation"}
    path = paths.get(envelope.kind)
    if path is None:
        raise Unsupported(f"the http profile has no operation {envelope.kind!r}")
    return path


def _delivered(response: httpx.Response) -> SendReceipt:
    if not response.content:
        return SendReceipt(result=SendResult.DELIVERED)
    try:
        answer = Answer.model_validate_json(response.content)
    except ValidationError:
        # The status says that it was taken, and that is what counts; what the body should have said can still come
        # as a webhook.
        return SendReceipt(result=SendResult.DELIVERED, reason="taken, but the body of the answer cannot be read")
    return SendReceipt(result=SendResult.DELIVERED, reference=answer.reference, events=answer.events)


def _words(failure: httpx.RequestError) -> str:
    return f"{type(failure).__name__}: {failure}".rstrip(": .")  # others put it into their sentences
