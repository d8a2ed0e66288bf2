"""`promisekeeper status` and `promisekeeper purchase-orders`: where everything stands, as the books tell it."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from cli import lists, pages
from cli.amounts import as_data
from cli.connections import open_ledger
from cli.ids import meant
from cli.next_step import Step, of_backorder, of_purchase_order
from cli.terminal import console, say
from domain.backorder_position import BackorderPosition, Status
from domain.purchase_order_position import PurchaseOrderPosition, PurchaseOrderStatus
from ledger import backorders, purchase_orders
from ledger.backorders import StoryLine
from ledger.order_list import ListedOrder, Tally, find_orders, tally_orders
from ledger.overview import find, tally
from ledger.unreadable import mailboxes

Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]

_Orders = tuple[Sequence[ListedOrder], Tally]
_Backorders = tuple[Sequence[BackorderPosition], Tally]


def status(
    one: str | None = None,
    /,
    *,
    of: Annotated[Status | None, Parameter(name="--status")] = None,
    sku: str | None = None,
    supplier: str | None = None,
    attention: Annotated[bool, Parameter(negative="")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> int:
    """Show where backorders stand and what happens next, open ones first, the oldest first; or one in full.

    Exit code 3: there is no such backorder or purchase order.

    Args:
        one: a backorder's id, or a purchase order's number such as PO-000012; a list of backorders if left out.
        of: only backorders of this status.
        sku: only those of this item.
        supplier: only those with a share at this supplier.
        attention: only those that wait for a person, purchase orders too, and what each of them needs.
        limit: the most rows.
        as_json: print JSON.
    """
    now = datetime.now(UTC)
    if one is None:
        found, asking = asyncio.run(_look(of, sku, supplier, attention=attention, limit=limit))
        if as_json:
            told = {"backorders": _list_of(found, [_backorder_data(position, now) for position in found[0]])}
            if attention:
                told["purchase_orders"] = _list_of(asking, [_order_data(order, now) for order in asking[0]])
            _print(told)
        elif attention:
            lists.attention(found, asking, now)
            if unread := asyncio.run(_unread()):
                say(f"{unread} messages of suppliers wait for a person, too: `promisekeeper mailbox`", console())
        else:
            lists.backorders(*found, asking[1], now)
        return 0
    one, is_order = asyncio.run(meant(one))
    if is_order:
        order = asyncio.run(_purchase_order(one))
        if as_json:
            _print(_order_data(order, now))
        else:
            pages.purchase_order(order, now, console())
    else:
        position, story = asyncio.run(_backorder(one))
        if as_json:
            _print(_backorder_data(position, now) | {"story": [line.model_dump(mode="json") for line in story]})
        else:
            pages.backorder(position, story, now, console())
    return 0


def list_purchase_orders(
    *,
    of: Annotated[PurchaseOrderStatus | None, Parameter(name="--status")] = None,
    sku: str | None = None,
    supplier: str | None = None,
    attention: Annotated[bool, Parameter(negative="")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> int:
    """List purchase orders: state, units, dates, and what happens next; those under way first, the oldest first.

    `promisekeeper status PO-000012` shows one in full.

    Args:
        of: only those of this status.
        sku: only those with this item.
        supplier: only those to this supplier.
        attention: only those that wait for a person.
        limit: the most rows.
        as_json: print JSON.
    """
    now = datetime.now(UTC)
    found = asyncio.run(_orders(of, sku, supplier, attention=attention, limit=limit))
    if as_json:
        _print({"purchase_orders": _list_of(found, [_order_data(order, now) for order in found[0]])})
    else:
        lists.purchase_orders(*found, now)
    return 0


async def _unread() -> int:
    """Suppliers' messages that nobody could read, or that concern no order."""
    async with open_ledger() as ledger:
        return sum(one.unreadable for one in await mailboxes(ledger))


async def _look(
    of: Status | None, sku: str | None, supplier: str | None, *, attention: bool, limit: int
) -> tuple[_Backorders, _Orders]:
    """Backorders; and the purchase orders that wait for a person, of which a list of backorders tells the number."""
    asked = attention or None
    async with open_ledger() as ledger:
        found = await find(ledger, status=of, sku=sku, supplier_id=supplier, attention=asked, limit=limit)
        total = await tally(ledger, status=of, sku=sku, supplier_id=supplier, attention=asked)
        if of is not None:  # no status of a backorder is one of a purchase order
            return (found, total), ([], Tally(0, 0))
        orders = await find_orders(ledger, sku=sku, supplier_id=supplier, attention=True, limit=limit) if asked else []
        orders_total = await tally_orders(ledger, sku=sku, supplier_id=supplier, attention=True)
        return (found, total), (orders, orders_total)


async def _orders(
    of: PurchaseOrderStatus | None, sku: str | None, supplier: str | None, *, attention: bool, limit: int
) -> _Orders:
    asked = attention or None
    async with open_ledger() as ledger:
        found = await find_orders(ledger, status=of, sku=sku, supplier_id=supplier, attention=asked, limit=limit)
        return found, await tally_orders(ledger, status=of, sku=sku, supplier_id=supplier, attention=asked)


async def _backorder(backorder_id: str) -> tuple[BackorderPosition, list[StoryLine]]:
    async with open_ledger() as ledger:
        position = await backorders.position(ledger, backorder_id)
        return position, await backorders.story(ledger, backorder_id)


async def _purchase_order(po_number: str) -> PurchaseOrderPosition:
    async with open_ledger() as ledger:
        return await purchase_orders.position(ledger, po_number)


def _print(told: object) -> None:
    print(json.dumps(told, ensure_ascii=False, indent=2))


def _list_of(found: tuple[Sequence[object], Tally], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """`total` and `need_attention` count all that match, whatever the limit."""
    total = found[1]
    return {"total": total.total, "need_attention": total.attention, "rows": rows}


def _backorder_data(position: BackorderPosition, now: datetime) -> dict[str, Any]:
    state = {"status": position.status.value, "next": _step_data(of_backorder(position, now))}
    return state | as_data(position, position.currency)


def _order_data(order: PurchaseOrderPosition, now: datetime) -> dict[str, Any]:
    state = {"status": order.status.value, "next": _step_data(of_purchase_order(order, now))}
    return state | as_data(order, order.currency, without={"terms"})


def _step_data(step: Step | None) -> dict[str, Any] | None:
    return step.as_data() if step else None
