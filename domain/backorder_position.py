"""Where one backorder stands, as the ledger tells it. All a decision needs, nothing personal; status is derived."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.values import Frozen, Instant


class Status(StrEnum):
    """The derived state of a backorder, in the trade's words."""

    ACCEPTED = "accepted"
    SOURCING = "sourcing"
    ON_ORDER = "on order"
    CONFIRMED = "confirmed"
    IN_TRANSIT = "in transit"
    ALLOCATED = "allocated"
    SHIPPING = "shipping"
    CANCELLED = "cancelled"
    REFUND_DUE = "refund due"
    CLOSED = "closed"


class CancelledBy(StrEnum):
    """Who ended the backorder."""

    CUSTOMER = "customer"
    LAW = "law"
    SELLER = "seller"


class ClaimPosition(Frozen):
    """This backorder's open share of one PO line."""

    po_number: str
    supplier_id: str
    quantity: int
    expected_on: date | None
    """When the goods should be here; None is not known."""
    confirmed: bool
    in_transit: bool = False


class NoticeKind(StrEnum):
    """The mails a customer can get."""

    ORDER_CONFIRMED = "order_confirmed"
    DATE_CHANGED = "date_changed"
    FIRST_DELAY = "first_delay"
    RENEWED_DELAY = "renewed_delay"
    PAYMENT_PROBLEM = "payment_problem"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


class Answer(StrEnum):
    """A customer's answer to a delay notice."""

    CONSENT = "consent"
    CANCEL = "cancel"


class NoticePosition(Frozen):
    """A notice that was sent, and what was answered."""

    notice_id: str
    kind: NoticeKind
    sent_at: Instant
    promised: date | None
    """The date it gave; None says that none can be given."""
    answer: Answer | None = None
    answered_at: Instant | None = None


class PaymentKind(StrEnum):
    """What money moved for."""

    DEPOSIT = "deposit"
    CHARGE = "charge"
    REFUND = "refund"


class PaymentState(StrEnum):
    """REQUESTED is written before the provider is asked: after a crash its key tells what became of it."""

    REQUESTED = "requested"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"


class PaymentPosition(Frozen):
    """One movement of money."""

    payment_id: str
    kind: PaymentKind
    state: PaymentState
    amount: Decimal
    requested_at: Instant
    settled_at: Instant | None = None
    parcel_id: str | None = None
    """The parcel a CHARGE pays for."""
    refunds: str | None = None
    """For a REFUND: the payment_id it gives back."""


class ParcelState(StrEnum):
    """PLANNED: set aside. BOOKED: the label is made. POSSESSED: the carrier holds it, and only that is 'shipped'."""

    PLANNED = "planned"
    BOOKED = "booked"
    POSSESSED = "possessed"
    VOIDED = "voided"


class ParcelPosition(Frozen):
    """Allocated units that go out together."""

    parcel_id: str
    quantity: int
    state: ParcelState
    paid: bool
    planned_at: Instant
    booked_at: Instant | None = None
    tracking: str | None = None
    charge_amount: Decimal
    """What is still to be charged for it (goods and, on the first parcel, shipping; less deposit)."""


class BackorderPosition(Frozen):
    """One backorder, read in one transaction."""

    backorder_id: str
    sales_order: str
    sku: str
    item_name: str
    zone: str
    """IANA zone of the ship-to address."""
    currency: str
    goods_value: Decimal
    partial_shipment: bool
    accepted_at: Instant
    promised_by: date | None
    """The ship-by date stated at order, if one was."""
    ordered: int
    unsourced: int
    claimed: int
    allocated: int
    shipped: int
    cancelled: int
    first_promise: date | None
    current_promise: date | None
    promise_basis: str
    """Whose word the current promise rests on, in words."""
    claims: tuple[ClaimPosition, ...] = ()
    notices: tuple[NoticePosition, ...] = ()
    payments: tuple[PaymentPosition, ...] = ()
    parcels: tuple[ParcelPosition, ...] = ()
    sourcing_tries: int = 0
    """Consecutive tries that found no supplier for the unsourced rest."""
    sourcing_failed_since: Instant | None = None
    """When the first of them was made; None while there is none."""
    last_sourced_at: Instant | None = None
    cancel_requested_at: Instant | None = None
    cancelled_by: CancelledBy | None = None
    cancel_reason: str = ""
    refund_due: Decimal = Decimal(0)
    """Captured, for goods that will not ship, and not refunded yet."""
    refund_deadline: date | None = None
    attention: str | None = None
    """What an operator is asked for, in plain words."""
    attention_since: Instant | None = None
    unannounced: int = 0
    """Words this backorder still owes to other workflows (a freed share, a new purchase order)."""
    closed_at: Instant | None = None

    @property
    def open(self) -> int:
        """Units still owed to the customer."""
        return self.ordered - self.shipped - self.cancelled

    @property
    def expected_on(self) -> date | None:
        """When everything still on order should be here; None if any part is unknown or unsourced."""
        if self.unsourced or any(c.expected_on is None for c in self.claims):
            return None
        return max((c.expected_on for c in self.claims if c.expected_on), default=None)

    @property
    def status(self) -> Status:
        """Derived, never stored (law L8)."""
        if self.refund_due > 0:
            return Status.REFUND_DUE
        if self.open == 0:
            return Status.CANCELLED if self.shipped == 0 else Status.CLOSED
        if any(p.state is ParcelState.BOOKED for p in self.parcels):
            return Status.SHIPPING
        if self.allocated and not self.claimed and not self.unsourced:
            return Status.ALLOCATED
        if self.unsourced:
            return Status.SOURCING if self.last_sourced_at else Status.ACCEPTED
        if self.claims and all(c.in_transit for c in self.claims):
            return Status.IN_TRANSIT
        if self.claims and all(c.confirmed for c in self.claims):
            return Status.CONFIRMED
        return Status.ON_ORDER


class PaymentTerms(Frozen):
    """When customers are charged. Amounts are in the order's currency."""

    deposit_above: Decimal | None = Decimal(1000)
    """Orders whose goods value is higher pay a deposit before anything is ordered for them; None: no deposits."""
    deposit_share: Decimal = Decimal("0.2")
    retry_after: tuple[timedelta, ...] = (timedelta(hours=12), timedelta(days=1), timedelta(days=2))
    """Waits after the first, second ... declined charge of the same parcel."""
    hold_goods: timedelta = timedelta(days=7)
    """How long paid-for-not goods are held before they go to the next."""


class SourcingTerms(Frozen):
    """What happens when no supplier is found."""

    retry_every: timedelta = timedelta(hours=6)
    attention_after_tries: int = 1
    give_up_after: timedelta = timedelta(days=14)
    """The seller cancels when no supplier was found for so long after the first search that found none."""
