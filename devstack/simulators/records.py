"""What the simulators' books say, as their `/books` pages give it out and the tests read it."""

from decimal import Decimal

from devstack.simulators.book import Book
from devstack.simulators.settings import Value


class BookedLine(Value):
    """One order line, in purchase units."""

    line_no: int
    sku: str
    supplier_sku: str
    description: str
    unit_price: Decimal
    ordered: int
    """What the order, with its agreed changes, asks for."""
    confirmed: int
    """What the supplier means to deliver; all that is ordered until it has acknowledged."""
    shipped: int
    good: int
    damaged: int
    wrong: int


class BookedOrder(Value):
    """One order as the supplier sees it."""

    po_number: str
    reference: str
    revision: int
    currency: str
    state: str
    """new, acknowledged, rejected or cancelled."""
    lines: tuple[BookedLine, ...]


class BookedOperation(Value):
    """One keyed request and how often it came."""

    key: str
    kind: str
    status: int
    requests: int


class BookedWebhook(Value):
    """One webhook, and whether it was taken."""

    webhook_id: str
    subject: str
    state: str
    """held, pending, taken or refused."""
    attempts: int
    last_status: int | None
    body: str


class SupplierBooks(Value):
    """Everything one supplier believes."""

    orders: tuple[BookedOrder, ...]
    operations: tuple[BookedOperation, ...]
    webhooks: tuple[BookedWebhook, ...]
    units_shipped: dict[str, int]
    """By the buyer's SKU, purchase units that left."""

    def order(self, po_number: str) -> BookedOrder:
        """One order. Raises: KeyError."""
        for order in self.orders:
            if order.po_number == po_number:
                return order
        raise KeyError(f"the supplier has no order {po_number}; it has {[o.po_number for o in self.orders]}")


class BookedPayment(Value):
    """One movement of money."""

    key: str
    kind: str
    amount: Decimal
    currency: str
    payment_method: str
    charge_key: str | None
    outcome: str
    reference: str
    reason: str


class PaymentBooks(Value):
    """Everything the payment provider believes."""

    payments: tuple[BookedPayment, ...]
    operations: tuple[BookedOperation, ...]
    charged: Decimal
    """Σ of charges that succeeded, whatever the currency."""
    refunded: Decimal

    def held_of(self, payment_method: str) -> Decimal:
        """What was taken by one payment method and not given back."""
        mine = [p for p in self.payments if p.payment_method == payment_method and p.outcome == "succeeded"]
        return sum((p.amount if p.kind == "charge" else -p.amount for p in mine), Decimal(0))


class BookedParcel(Value):
    """One parcel."""

    parcel_id: str
    tracking: str
    sku: str
    quantity: int
    state: str
    """booked, voided or possessed."""


class CarrierBooks(Value):
    """Everything the carrier believes."""

    parcels: tuple[BookedParcel, ...]
    operations: tuple[BookedOperation, ...]
    webhooks: tuple[BookedWebhook, ...]

    def parcel(self, parcel_id: str) -> BookedParcel:
        """One parcel. Raises: KeyError."""
        for parcel in self.parcels:
            if parcel.parcel_id == parcel_id:
                return parcel
        raise KeyError(f"the carrier has no parcel {parcel_id}; it has {[p.parcel_id for p in self.parcels]}")


class CaughtMail(Value):
    """One mail."""

    mail_id: int
    received_at: str
    sender: str
    recipient: str
    message_id: str
    subject: str
    text: str
    html: str


def operations(book: Book, service: str) -> tuple[BookedOperation, ...]:
    """The keyed requests a service has seen."""
    rows = book.rows("SELECT * FROM operation WHERE service = ? ORDER BY rowid", service)
    return tuple(BookedOperation.model_validate({k: row[k] for k in BookedOperation.model_fields}) for row in rows)


def webhooks(book: Book, lane: str) -> tuple[BookedWebhook, ...]:
    """The webhooks of a lane, in the order they leave."""
    rows = book.rows("SELECT * FROM webhook WHERE lane = ? ORDER BY position", lane)
    return tuple(BookedWebhook.model_validate({k: row[k] for k in BookedWebhook.model_fields}) for row in rows)
