"""Where one purchase order stands, as the ledger tells it. Everything its next step needs; status is derived."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Self

from domain.catalogue import Supplier
from domain.values import Frozen, Instant


class PurchaseOrderStatus(StrEnum):
    """The derived state of a purchase order, in the trade's words."""

    COLLECTING = "collecting"
    READY = "ready"
    SENDING = "sending"
    SEND_UNKNOWN = "send unknown"
    ACKNOWLEDGEMENT_PENDING = "acknowledgement pending"
    ACKNOWLEDGED = "acknowledged"
    PARTLY_RECEIVED = "partly received"
    CHANGE_PENDING = "change pending"
    CANCEL_PENDING = "cancel pending"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    CLOSED = "closed"


class OperationKind(StrEnum):
    """What an outbox row asks of the supplier."""

    PLACE = "place"
    CHANGE = "change"
    CANCEL = "cancel"


class OperationState(StrEnum):
    """RENDERED: bytes stored, not known to have left. UNKNOWN: they may have; look up before sending again."""

    RENDERED = "rendered"
    DELIVERED = "delivered"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class OperationPosition(Frozen):
    """One operation on the PO: its revision, its bytes' fate, the supplier's answer."""

    operation_id: str
    kind: OperationKind
    revision: int
    state: OperationState
    rendered_at: Instant
    sent_at: Instant | None = None
    answered_at: Instant | None = None
    verdict: str | None = None
    read_at: Instant | None = None
    """The supplier said that it could read the document, or that it could not."""


class LinePosition(Frozen):
    """One PO line in stock units. confirmed = good + bad + open + closed short + cancelled (law L2)."""

    line_no: int
    sku: str
    supplier_sku: str
    unit_factor: int
    ordered: int
    confirmed: int
    open: int
    claimed: int
    received_good: int
    received_bad: int
    over_received: int
    closed_short: int
    cancelled: int
    unit_price: Decimal
    """Per stock unit, at the whole line's price break."""
    to_reduce: int = 0
    """Units whose customers cancelled after sending and that the supplier is (to be) asked to take off."""
    expected_on: date | None = None
    to_add: bool = False
    """The supplier is (to be) asked to add it to an order that it has, and has not agreed."""


class SupplierTerms(Frozen):
    """The part of the supplier's terms that times this PO."""

    acknowledge_within: timedelta
    chase_every: timedelta
    chase_at_most: int
    overdue_grace: timedelta
    can_reduce: bool
    """The connector can ask for a lower line quantity."""
    can_cancel: bool
    """The connector can ask to cancel the whole order."""
    read_within: timedelta | None = None
    """How long the supplier may take to say that it could read a document; None: its protocol has no such word."""

    @classmethod
    def of(
        cls,
        supplier: Supplier,
        *,
        can_reduce: bool = False,
        can_cancel: bool = False,
        says_it_could_read: bool = False,
    ) -> Self:
        """Take them from the supplier's terms and its connector's capabilities."""
        return cls(
            acknowledge_within=supplier.acknowledge_within,
            chase_every=supplier.chase_every,
            chase_at_most=supplier.chase_at_most,
            overdue_grace=supplier.overdue_grace,
            can_reduce=can_reduce,
            can_cancel=can_cancel,
            read_within=supplier.read_within if says_it_could_read else None,
        )


class PurchaseOrderPosition(Frozen):
    """One purchase order, read in one transaction."""

    po_number: str
    supplier_id: str
    supplier_name: str
    currency: str
    revision: int
    opened_at: Instant
    collect_until: Instant
    threshold_reached: bool
    held: bool
    release_now: bool
    frozen_at: Instant | None = None
    acknowledged_at: Instant | None = None
    rejected_at: Instant | None = None
    cancelled_at: Instant | None = None
    closed_at: Instant | None = None
    added_to: str | None = None
    """Closed unsent: the order that its lines were added to."""
    chases: int = 0
    last_chased_at: Instant | None = None
    overdue_told_at: Instant | None = None
    terms: SupplierTerms
    lines: tuple[LinePosition, ...] = ()
    operations: tuple[OperationPosition, ...] = ()
    unannounced: int = 0
    """Words that are still to be told, to backorders and to other orders."""
    attention: str | None = None

    @property
    def open(self) -> int:
        """Stock units still to come."""
        return sum(line.open for line in self.lines)

    @property
    def adds_lines(self) -> bool:
        """The supplier is (to be) asked to add lines, and has not agreed."""
        return any(line.to_add for line in self.lines)

    @property
    def pending(self) -> OperationPosition | None:
        """The one operation in flight: sent or being sent, and not answered."""
        for operation in self.operations:
            if operation.state in {OperationState.RENDERED, OperationState.UNKNOWN}:
                return operation
            if (
                operation.kind is not OperationKind.PLACE
                and operation.state is OperationState.DELIVERED
                and operation.answered_at is None
            ):
                return operation
        return None

    @property
    def place(self) -> OperationPosition | None:
        """The operation that placed this PO, if it was rendered."""
        return next((o for o in self.operations if o.kind is OperationKind.PLACE), None)

    @property
    def status(self) -> PurchaseOrderStatus:
        """Derived, never stored (law L8)."""
        if self.rejected_at:
            return PurchaseOrderStatus.REJECTED
        if self.cancelled_at:
            return PurchaseOrderStatus.CANCELLED
        if self.closed_at:
            return PurchaseOrderStatus.CLOSED
        if self.frozen_at is None:
            return PurchaseOrderStatus.COLLECTING
        place = self.place
        if place is None:
            return PurchaseOrderStatus.READY
        if place.state is OperationState.RENDERED:
            return PurchaseOrderStatus.SENDING
        if place.state is OperationState.UNKNOWN:
            return PurchaseOrderStatus.SEND_UNKNOWN
        if self.pending and self.pending.kind is OperationKind.CHANGE:
            return PurchaseOrderStatus.CHANGE_PENDING
        if self.pending and self.pending.kind is OperationKind.CANCEL:
            return PurchaseOrderStatus.CANCEL_PENDING
        if any(line.received_good or line.received_bad for line in self.lines):
            return PurchaseOrderStatus.PARTLY_RECEIVED
        if self.acknowledged_at:
            return PurchaseOrderStatus.ACKNOWLEDGED
        return PurchaseOrderStatus.ACKNOWLEDGEMENT_PENDING
