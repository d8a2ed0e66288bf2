"""A carrier over HTTP, in a small JSON dialect of our own; a real carrier's adapter stands beside this file.

Every request with `Authorization: Bearer <api_key>`; a booking with `Idempotency-Key: "<parcel_id>"`.

    POST {base_url}/parcels                    {"parcel_id", "ship_to": {...}, "sku", "quantity"} -> {"tracking", ...}
    POST {base_url}/parcels/{parcel_id}/void   {} -> {"outcome": "voided" | "possessed"}; harmless to repeat
    GET  {base_url}/parcels/{parcel_id}        {"parcel_id", "tracking", "possession": null | {...}}; 404 `.../unknown`

`possession` and the webhook (signed by Standard Webhooks) are the same object:
`{"event_id": "ev_9", "parcel_id": "...", "tracking": "TRK9", "possessed_at": "2026-12-01T10:00:00Z"}`. Booking a voided
parcel is refused with 409. All calls can be repeated, so whatever else goes wrong is Retryable.
"""

from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import SecretStr, ValidationError

from connectors.configuration import usable_webhook_secret
from connectors.errors import Retryable, Undecodable
from connectors.fulfilment.interface import CarrierEvent, Label, VoidOutcome
from connectors.rest import KeyedService, unreadable
from connectors.signatures import verify_signature, webhook_id
from domain.orders import Address
from domain.values import Frozen

_NAME = "carrier"

Content = TypeVar("Content", bound=Frozen)
Told = TypeVar("Told", Label, CarrierEvent)


class _Voided(Frozen):
    outcome: VoidOutcome


class _Parcel(Frozen):
    possession: CarrierEvent | None


class HttpCarrier:
    """Parcels by our parcel_id."""

    def __init__(
        self, base_url: str, api_key: SecretStr, webhook_secret: SecretStr, *, timeout_seconds: float = 10
    ) -> None:
        """Raises: ValueError when the webhook secret cannot be one."""
        self._webhook_secret = usable_webhook_secret(webhook_secret)
        self._service = KeyedService(_NAME, base_url, api_key, timeout_seconds)

    async def book(self, *, parcel_id: str, ship_to: Address, sku: str, quantity: int) -> Label:
        """Make a label and ask for collection; the same parcel_id returns the same label. Raises: Refused."""
        content = {
            "parcel_id": parcel_id,
            "ship_to": ship_to.model_dump(mode="json", exclude={"zone"}),
            "sku": sku,
            "quantity": quantity,
        }
        response = await self._service.ask("POST", "parcels", key=parcel_id, content=content)
        return _about(parcel_id, _read(Label, response))

    async def void(self, *, parcel_id: str) -> VoidOutcome:
        """Stop a parcel unless the carrier holds it. An unknown parcel_id is voided: it cannot be booked later."""
        response = await self._service.ask("POST", f"parcels/{quote(parcel_id, safe='')}/void", content={})
        return _read(_Voided, response).outcome

    async def possession(self, *, parcel_id: str) -> CarrierEvent | None:
        """The possession event, if there was one (for when its webhook was lost)."""
        response = await self._service.ask("GET", f"parcels/{quote(parcel_id, safe='')}")
        found = None if response is None else _read(_Parcel, response).possession
        return None if found is None else _about(parcel_id, found)

    def verify_event(self, body: bytes, headers: dict[str, str]) -> CarrierEvent:
        """Check the signature and read the carrier's webhook. Raises: Undecodable."""
        lowered = {name.lower(): value for name, value in headers.items()}
        verify_signature(self._webhook_secret, body, lowered)
        webhook_id(lowered)
        try:
            return CarrierEvent.model_validate_json(body)
        except ValidationError as unreadable_body:
            raise Undecodable("the carrier's webhook is signed, but is no possession event") from unreadable_body

    async def aclose(self) -> None:
        """Close connections."""
        await self._service.aclose()


def _about(parcel_id: str, told: Told) -> Told:
    """Nothing that is told of another parcel counts for this one."""
    if told.parcel_id != parcel_id:
        raise Retryable(f"the carrier was asked about parcel {parcel_id}, and answered about {told.parcel_id}")
    return told


def _read(model: type[Content], response: httpx.Response | None) -> Content:
    if response is None:
        raise Retryable("the carrier does not know its own address; correct carrier_url")
    try:
        return model.model_validate_json(response.content)
    except ValidationError as wrong:
        raise unreadable(_NAME, wrong) from wrong
