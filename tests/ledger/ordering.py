"""Building blocks for the tests of purchase orders: place one, hear its supplier, check that the books balance."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from domain.backorder_position import BackorderPosition
from domain.purchase_order_position import LinePosition, OperationKind, PurchaseOrderPosition
from domain.supplier_events import (
    AckLine,
    LineRef,
    OrderAck,
    Received,
    ReceivedLine,
    ShipNotice,
    Split,
    SplitStatus,
    SupplierEvent,
)
from ledger import inbox, operations, purchase_orders
from ledger.audit import audit
from ledger.book import Ledger
from ledger.operations import PlannedOperation

MONDAY = datetime.fromisoformat("2026-11-23T18:00:00+00:00")
"""Just after the cut-off of the shop's suppliers."""
TUESDAY = MONDAY + timedelta(days=1)


class AnyShop(Protocol):
    """What of the `shop` fixture is used here."""

    ledger: Ledger

    def key(self) -> str: ...
    async def accept(
        self, backorder_id: str, sku: str = "LAMP", quantity: int = 1, **more: Any
    ) -> BackorderPosition: ...
    async def sourced(
        self, backorder_id: str, sku: str = "LAMP", quantity: int = 1, **more: Any
    ) -> BackorderPosition: ...
    async def position(self, backorder_id: str) -> BackorderPosition: ...
    async def rows(self, query: str, *params: Any) -> list[dict[str, Any]]: ...
    async def words(self, workflow_id: str) -> list[str]: ...


IDLE_STOCK = """
    select s.sku from stock s join backorder b using (sku)
    where s.on_hand > s.allocated and b.unsourced > 0
      and b.cancel_requested_at is null and b.last_sourced_at is not null
"""


async def balanced(shop: AnyShop) -> None:
    """Every law of the books holds, and nobody waits while stock is free."""
    assert await audit(shop.ledger) == []
    assert await shop.rows(IDLE_STOCK) == []


async def store(shop: AnyShop, planned: PlannedOperation, at: datetime = MONDAY) -> None:
    """Render an operation the simplest way and keep the bytes."""
    await operations.store_operation(
        shop.ledger,
        planned.operation_id,
        supplier_id=planned.supplier_id,
        po_number=planned.po_number,
        kind=planned.kind,
        revision=planned.revision,
        content_type="application/json",
        headers={},
        body=planned.model_dump_json().encode(),
        key=f"{planned.operation_id}/rendered",
        at=at,
    )


async def sent(shop: AnyShop, planned: PlannedOperation | None, at: datetime = MONDAY) -> PlannedOperation:
    """Store an operation and have it delivered."""
    assert planned is not None
    await store(shop, planned, at)
    await operations.record_send(
        shop.ledger, planned.operation_id, key=f"{planned.operation_id}/sent", at=at, result="delivered"
    )
    return planned


async def ordered(shop: AnyShop, sku: str = "LAMP", **units: int) -> str:
    """Backorders of so many units each, on one purchase order that still collects. Returns its number."""
    for backorder_id, quantity in units.items():
        position = await shop.sourced(backorder_id, sku, quantity)
    return position.claims[0].po_number


async def placed(shop: AnyShop, sku: str = "LAMP", **units: int) -> str:
    """The same, frozen and delivered to the supplier."""
    po_number = await ordered(shop, sku, **units)
    await place(shop, po_number)
    return po_number


async def place(shop: AnyShop, po_number: str) -> None:
    """Freeze an order and deliver it."""
    await purchase_orders.freeze(shop.ledger, po_number, key=shop.key(), at=MONDAY)
    await sent(shop, await operations.plan_place(shop.ledger, po_number))


async def hear(
    shop: AnyShop,
    *events: SupplierEvent,
    supplier_id: str = "acme",
    at: datetime = TUESDAY,
    prefer: str | None = None,
) -> inbox.AppliedEvents:
    """One message from a supplier, applied to every order it speaks of; the books balance after it."""
    stored = await inbox.store_message(
        shop.ledger,
        supplier_id,
        door="webhook",
        dedupe_key=shop.key(),
        headers={"webhook-id": "w"},
        body=b"{}",
        at=at,
        events=events,
        prefer=prefer,
    )
    count, incidents = 0, list[str]()
    for po_number in stored.po_numbers:
        applied = await inbox.apply_events(shop.ledger, po_number, at=at)
        count += applied.count
        incidents += applied.incidents
    await balanced(shop)
    return inbox.AppliedEvents(count=count, incidents=tuple(incidents))


async def outcome(shop: AnyShop) -> str:
    """What became of the event heard last."""
    rows = await shop.rows("select outcome from inbox_event order by inbox_id desc, n desc limit 1")
    return str(rows[0]["outcome"])


def part(status: SplitStatus, quantity: int, deliver_on: date | None = None, **more: Any) -> Split:
    """A part of a line answer."""
    return Split(status=status, quantity=Decimal(quantity), deliver_on=deliver_on, **more)


def ack(po_number: str, *splits: Split, line_no: int = 1, **more: Any) -> OrderAck:
    """The answer to one line of an order."""
    return OrderAck(po_number=po_number, lines=(AckLine(line=LineRef(line_no=line_no), splits=splits),), **more)


def receipt(po_number: str, good: int = 0, *, receipt_id: str = "r-1", closes: bool = False, **counts: int) -> Received:
    """Goods of line 1 at our door."""
    line_no = counts.pop("line_no", 1)
    rest = {name: Decimal(units) for name, units in counts.items()}
    line = ReceivedLine(line=LineRef(line_no=line_no), good=Decimal(good), **rest)
    return Received(po_number=po_number, receipt_id=receipt_id, lines=(line,), closes=closes)


def notice(po_number: str, shipped: int, deliver_on: date | None = None, *, shipment_id: str = "s-1") -> ShipNotice:
    """Goods of line 1 on their way."""
    line: dict[str, Any] = {"line": LineRef(line_no=1), "shipped": Decimal(shipped), "deliver_on": deliver_on}
    return ShipNotice.model_validate({"po_number": po_number, "shipment_id": shipment_id, "lines": [line]})


async def po(shop: AnyShop, po_number: str) -> PurchaseOrderPosition:
    """Where the order stands."""
    return await purchase_orders.position(shop.ledger, po_number)


async def line(shop: AnyShop, po_number: str, line_no: int = 1) -> LinePosition:
    """Where one line of the order stands."""
    return next(one for one in (await po(shop, po_number)).lines if one.line_no == line_no)


async def reduction(shop: AnyShop, po_number: str, **can: bool) -> PlannedOperation | None:
    """Plan to ask for what customers gave back."""
    return await operations.plan_reduction(
        shop.ledger, po_number, key=shop.key(), at=TUESDAY, **{"can_cancel": True, **can}
    )


async def claims(shop: AnyShop, *backorder_ids: str) -> list[int]:
    """How many units each still has on order."""
    return [(await shop.position(one)).claimed for one in backorder_ids]


async def told(shop: AnyShop, backorder_ids: Sequence[str]) -> list[bool]:
    """Whether each backorder is owed word that its supply changed."""
    return ["supply_changed" in await shop.words(f"backorder/{one}") for one in backorder_ids]


async def hush(shop: AnyShop) -> None:
    """Everything owed so far was told."""
    await shop.rows("update announcement set told_at = %s where told_at is null returning announcement_id", TUESDAY)


CHANGE = OperationKind.CHANGE
CANCEL = OperationKind.CANCEL
