"""What sweeps ask of the books: what is owed, late, or open without anybody working on it. Paged by id, bounded.

Rules are not written again in SQL: when a purchase order is late, `domain.purchase_order_duty` says.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString, NamedTuple

from domain.errors import NotFound
from domain.values import Frozen
from ledger.book import Ledger, fetch_one
from ledger.order_list import POSITIONS as ORDERS
from ledger.order_list import ListedOrder, read_orders

RESTARTED = "restarted"
"""The journal's kind of the fact that a workflow was started again."""

_OWING = """
    select owed_by from announcement where told_at is null and owed_by > %(after)s
    group by owed_by having min(owed_at) <= %(before)s order by owed_by limit %(most)s
"""
_UNDER_WAY = "closed_at is null and rejected_at is null and cancelled_at is null"
_OPEN_ORDERS = ORDERS + (
    " where po.closed_at is null and po.rejected_at is null and po.cancelled_at is null and po.po_number > %(after)s"
    " and po.opened_at <= %(before)s order by po.po_number limit %(most)s"
)
_LAST_MOVED = """
    select w.id as po_number, (
        select j.at from journal j where j.subject = 'po/' || w.id order by j.seq desc limit 1) as at
    from unnest(%s::text[]) as w (id)
"""
_WAITING_MESSAGES = """
    select distinct e.po_number from inbox_event e join inbox i using (inbox_id)
    where e.applied_at is null and e.po_number > %(after)s and i.received_at <= %(before)s
    order by e.po_number limit %(most)s
"""
_OPEN_BACKORDERS = """
    select backorder_id from backorder where closed_at is null and backorder_id > %(after)s
    order by backorder_id limit %(most)s
"""
_OPEN_ORDER_NUMBERS = f"""
    select po_number from purchase_order where {_UNDER_WAY} and po_number > %(after)s and opened_at <= %(before)s
    order by po_number limit %(most)s
"""
_STILL_OPEN_BACKORDERS = "select backorder_id from backorder where closed_at is null and backorder_id = any(%s)"
_STILL_OPEN_ORDERS = f"select po_number from purchase_order where {_UNDER_WAY} and po_number = any(%s)"
_KNOWN_BACKORDERS = "select backorder_id from backorder where backorder_id = any(%s)"
_KNOWN_ORDERS = "select po_number from purchase_order where po_number = any(%s)"
_BASIS = """
    select b.backorder_id, b.sales_order, b.line, b.customer_id, b.zone, b.sku, b.ordered as quantity, b.unit_price,
           b.currency, b.shipping_charge, b.partial_shipment, b.priority, b.ordered - b.shipped - b.cancelled as open,
           (select j.facts->'policy' from journal j
            where j.subject = 'backorder/' || b.backorder_id and j.kind = 'accepted' and j.facts->>'policy' is not null
            order by j.seq limit 1) as policy
    from backorder b where b.backorder_id = %s
"""
_RESTARTS = "select count(*) from journal where subject = %s and kind = %s and at > %s and key <> %s"


class Page(NamedTuple):
    """Where a page of ids begins, how old its rows have to be, and how many there are at most."""

    after: str
    before: datetime
    most: int


class Basis(Frozen):
    """What a backorder's workflow is started again from. Nothing personal: contact data stays in the ledger."""

    backorder_id: str
    sales_order: str
    line: int
    customer_id: str
    zone: str
    sku: str
    quantity: int
    unit_price: Decimal
    currency: str
    shipping_charge: Decimal
    partial_shipment: bool
    priority: int
    open: int
    policy: Mapping[str, Any] | None
    """The rules it was accepted under; None if they were not written down then."""


async def owing(ledger: Ledger, page: Page) -> list[str]:
    """Who owes words that should have been told by now."""
    return await _ids(ledger, _OWING, page._asdict())


async def open_orders(ledger: Ledger, page: Page) -> tuple[list[ListedOrder], Mapping[str, datetime]]:
    """Purchase orders that are not over, as they stand; and when the books last moved each of them."""
    async with ledger.read() as connection:
        orders = await read_orders(connection, _OPEN_ORDERS, page._asdict())
        moved = await (await connection.execute(_LAST_MOVED, ([order.po_number for order in orders],))).fetchall()
    return orders, {str(po_number): at for po_number, at in moved if at is not None}


async def waiting_messages(ledger: Ledger, page: Page) -> list[str]:
    """Purchase orders with supplier messages in the inbox that should have been applied by now."""
    return await _ids(ledger, _WAITING_MESSAGES, page._asdict())


async def open_backorders(ledger: Ledger, page: Page) -> list[str]:
    """Backorders that are not closed. Whatever their age: the workflow is there before the books know of it."""
    return await _ids(ledger, _OPEN_BACKORDERS, page._asdict())


async def open_order_numbers(ledger: Ledger, page: Page) -> list[str]:
    """Purchase orders that are not over."""
    return await _ids(ledger, _OPEN_ORDER_NUMBERS, page._asdict())


async def still_open_backorders(ledger: Ledger, ids: Sequence[str]) -> set[str]:
    """Which of them are not closed."""
    return set(await _ids(ledger, _STILL_OPEN_BACKORDERS, (list(ids),)))


async def still_open_orders(ledger: Ledger, numbers: Sequence[str]) -> set[str]:
    """Which of them are not over."""
    return set(await _ids(ledger, _STILL_OPEN_ORDERS, (list(numbers),)))


async def known_backorders(ledger: Ledger, ids: Sequence[str]) -> set[str]:
    """Which of them the ledger knows."""
    return set(await _ids(ledger, _KNOWN_BACKORDERS, (list(ids),)))


async def known_orders(ledger: Ledger, numbers: Sequence[str]) -> set[str]:
    """Which of them the ledger knows."""
    return set(await _ids(ledger, _KNOWN_ORDERS, (list(numbers),)))


async def basis(ledger: Ledger, backorder_id: str) -> Basis:
    """What its workflow is started again from. Raises: NotFound."""
    async with ledger.look() as connection:
        found = await fetch_one(connection, Basis, _BASIS, (backorder_id,))
    if found is None:
        raise NotFound(f"no backorder {backorder_id!r} in the ledger; check the id")
    return found


async def record_restart(ledger: Ledger, workflow_id: str, *, key: str, at: datetime, text: str) -> None:
    """The story tells that its workflow is started again; once for each workflow that was lost."""
    async with ledger.fact(key=key, subject=workflow_id, kind=RESTARTED, at=at, facts={"text": text}):
        pass


async def restarts(ledger: Ledger, workflow_id: str, *, since: datetime, but: str = "") -> int:
    """How often its workflow was started again lately; `but` is the key of one that may be written and not done."""
    async with ledger.look() as connection:
        row = await (await connection.execute(_RESTARTS, (workflow_id, RESTARTED, since, but))).fetchone()
    return int(row[0]) if row else 0


async def _ids(ledger: Ledger, query: LiteralString, params: Sequence[Any] | Mapping[str, Any]) -> list[str]:
    async with ledger.look() as connection:
        return [str(row[0]) for row in await (await connection.execute(query, params)).fetchall()]
