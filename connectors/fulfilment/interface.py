"""What a carrier is to us: book a parcel (label), void it while the carrier does not hold it, say where it is."""

from enum import StrEnum
from typing import Protocol

from connectors.words import Reference
from domain.orders import Address
from domain.values import Frozen, Instant


class VoidOutcome(StrEnum):
    """In a tie the customer's cancel wins until the carrier holds the parcel: the carrier decides, by this answer."""

    VOIDED = "voided"
    POSSESSED = "possessed"


class Label(Frozen):
    """A booked parcel. A label is not shipment (16 CFR 435.1(e)); possession is."""

    parcel_id: Reference
    tracking: Reference


class CarrierEvent(Frozen):
    """The carrier's webhook: it has taken possession of the parcel."""

    event_id: Reference
    parcel_id: Reference
    tracking: Reference
    possessed_at: Instant


class FulfilmentConnector(Protocol):
    """All methods raise `Retryable` when the carrier could not be reached; calling again is safe."""

    async def book(self, *, parcel_id: str, ship_to: Address, sku: str, quantity: int) -> Label:
        """Make a label and ask for collection; the same parcel_id returns the same label. Raises: Refused."""
        ...

    async def void(self, *, parcel_id: str) -> VoidOutcome:
        """Stop a parcel unless the carrier holds it. An unknown parcel_id is voided: it cannot be booked later."""
        ...

    async def possession(self, *, parcel_id: str) -> CarrierEvent | None:
        """The possession event, if there was one (for when its webhook was lost)."""
        ...

    def verify_event(self, body: bytes, headers: dict[str, str]) -> CarrierEvent:
        """Check the signature and read the carrier's webhook. Raises: Undecodable."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
