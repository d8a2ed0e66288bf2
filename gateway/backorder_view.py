"""A backorder as upstream systems see it: where it stands, what is promised, what comes next, what happened so far."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from domain.backorder_duty import Duty
from domain.backorder_position import (
    Answer,
    BackorderPosition,
    CancelledBy,
    NoticeKind,
    ParcelState,
    PaymentKind,
    PaymentState,
    Status,
)
from domain.orders import Order
from domain.values import Frozen, Instant, round_money
from ledger.backorders import StoryLine


class Quantities(Frozen):
    """Stock units: ordered = unsourced + claimed + allocated + shipped + cancelled, always."""

    ordered: int
    unsourced: int
    """No supply is claimed for these yet."""
    claimed: int
    """On order at a supplier."""
    allocated: int
    """Here, and set aside for this backorder."""
    shipped: int
    cancelled: int


class PromiseView(Frozen):
    """Ship-by dates told to the customer."""

    first: date | None
    """Never changes."""
    current: date | None
    basis: str
    """Whose word the current one rests on."""


class SupplyView(Frozen):
    """This backorder's share of one purchase order."""

    po_number: str
    supplier_id: str
    quantity: int
    expected_on: date | None
    confirmed: bool
    in_transit: bool


class NextDuty(Frozen):
    """What happens next by itself, unless a message comes first."""

    what: str
    due: Instant
    why: str


class MoneyView(Frozen):
    """Amounts in `currency`, with its own number of decimals."""

    currency: str
    goods_value: Decimal
    captured: Decimal
    refunded: Decimal
    refund_due: Decimal
    """Taken for goods that will not ship, and not given back yet."""
    refund_deadline: date | None


class NoticeView(Frozen):
    """A mail that was sent to the customer, and the answer to it."""

    notice_id: str
    kind: NoticeKind
    sent_at: Instant
    promised: date | None
    answer: Answer | None
    answered_at: Instant | None


class ParcelView(Frozen):
    """A parcel. Only `possessed` is shipped: a label is not."""

    parcel_id: str
    quantity: int
    state: ParcelState
    tracking: str | None


class Cancellation(Frozen):
    """Who asked to cancel, and when."""

    by: CancelledBy
    requested_at: Instant
    reason: str


class Happening(Frozen):
    """One line of the story so far."""

    at: Instant
    text: str


class BackorderView(Frozen):
    """One backorder. `status` is derived from the quantities and dates beside it."""

    backorder_id: str
    sales_order: str
    sku: str
    item_name: str | None
    """Null for the moment between taking the order and writing it into the books."""
    status: Status
    quantities: Quantities
    promise: PromiseView
    purchase_orders: tuple[SupplyView, ...] = ()
    next_duty: NextDuty | None = None
    money: MoneyView
    notices: tuple[NoticeView, ...] = ()
    parcels: tuple[ParcelView, ...] = ()
    cancellation: Cancellation | None = None
    attention: str | None = None
    """What an operator is asked for."""
    accepted_at: Instant | None = None
    closed_at: Instant | None = None
    history: tuple[Happening, ...] = ()
    """Oldest first; only on a backorder's own page."""


def view_of_order(order: Order) -> BackorderView:
    """An order whose workflow is started, and which is not in the books yet."""
    return BackorderView(
        backorder_id=order.backorder_id,
        sales_order=order.sales_order,
        sku=order.sku,
        item_name=None,
        status=Status.ACCEPTED,
        quantities=Quantities(
            ordered=order.quantity, unsourced=order.quantity, claimed=0, allocated=0, shipped=0, cancelled=0
        ),
        promise=PromiseView(
            first=order.promised_by, current=order.promised_by, basis="stated at order" if order.promised_by else ""
        ),
        money=MoneyView(
            currency=order.currency,
            goods_value=order.goods_value,
            captured=round_money(Decimal(0), order.currency),
            refunded=round_money(Decimal(0), order.currency),
            refund_due=round_money(Decimal(0), order.currency),
            refund_deadline=None,
        ),
    )


def view_of_position(
    position: BackorderPosition, next_duty: Duty | None = None, story: Sequence[StoryLine] = ()
) -> BackorderView:
    """What the books say."""
    return BackorderView(
        backorder_id=position.backorder_id,
        sales_order=position.sales_order,
        sku=position.sku,
        item_name=position.item_name,
        status=position.status,
        quantities=Quantities(
            ordered=position.ordered,
            unsourced=position.unsourced,
            claimed=position.claimed,
            allocated=position.allocated,
            shipped=position.shipped,
            cancelled=position.cancelled,
        ),
        promise=PromiseView(
            first=position.first_promise, current=position.current_promise, basis=position.promise_basis
        ),
        purchase_orders=tuple(
            SupplyView(
                po_number=claim.po_number,
                supplier_id=claim.supplier_id,
                quantity=claim.quantity,
                expected_on=claim.expected_on,
                confirmed=claim.confirmed,
                in_transit=claim.in_transit,
            )
            for claim in position.claims
        ),
        next_duty=NextDuty(what=next_duty.kind, due=next_duty.at, why=next_duty.why) if next_duty else None,
        money=MoneyView(
            currency=position.currency,
            goods_value=round_money(position.goods_value, position.currency),
            captured=_moved(position, PaymentKind.DEPOSIT, PaymentKind.CHARGE),
            refunded=_moved(position, PaymentKind.REFUND),
            refund_due=round_money(position.refund_due, position.currency),
            refund_deadline=position.refund_deadline,
        ),
        notices=tuple(
            NoticeView(
                notice_id=notice.notice_id,
                kind=notice.kind,
                sent_at=notice.sent_at,
                promised=notice.promised,
                answer=notice.answer,
                answered_at=notice.answered_at,
            )
            for notice in position.notices
        ),
        parcels=tuple(
            ParcelView(
                parcel_id=parcel.parcel_id, quantity=parcel.quantity, state=parcel.state, tracking=parcel.tracking
            )
            for parcel in position.parcels
        ),
        cancellation=Cancellation(
            by=position.cancelled_by, requested_at=position.cancel_requested_at, reason=position.cancel_reason
        )
        if position.cancelled_by and position.cancel_requested_at
        else None,
        attention=position.attention,
        accepted_at=position.accepted_at,
        closed_at=position.closed_at,
        history=tuple(Happening(at=line.at, text=line.text) for line in story),
    )


def _moved(position: BackorderPosition, *kinds: PaymentKind) -> Decimal:
    """Money that really moved: asked for and declined does not count."""
    moved = (p.amount for p in position.payments if p.kind in kinds and p.state is PaymentState.SUCCEEDED)
    return round_money(sum(moved, Decimal(0)), position.currency)
