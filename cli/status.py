"""`promisekeeper status`: where backorders stand; or one backorder, with its story, or one purchase order in full."""

import asyncio
import json
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from cli.connections import open_ledger
from cli.decisions import is_po_number
from cli.terminal import console, plain, table
from domain.backorder_position import BackorderPosition, ParcelState, Status
from domain.purchase_order_position import PurchaseOrderPosition
from ledger import backorders, purchase_orders
from ledger.backorders import StoryLine
from ledger.overview import find


def status(
    one: str | None = None,
    /,
    *,
    of: Annotated[Status | None, Parameter(name="--status")] = None,
    sku: str | None = None,
    supplier: str | None = None,
    attention: Annotated[bool, Parameter(negative="")] = False,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))] = 50,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Show where backorders stand, open ones first, the oldest first; or one of them in full.

    Args:
        one: a backorder's id, or a purchase order's number such as PO-000012; a table of backorders if left out.
        of: only backorders of this status.
        sku: only backorders of this item.
        supplier: only backorders with a share at this supplier.
        attention: only backorders that wait for an operator.
        limit: the most rows.
        as_json: print JSON.
    """
    if one is None:
        found = asyncio.run(_find(of, sku, supplier, attention=attention or None, limit=limit))
        if as_json:
            print(json.dumps([_as_data(position) for position in found], ensure_ascii=False, indent=2))
        else:
            overview(found, console())
        return 0
    if is_po_number(one):
        order = asyncio.run(_purchase_order(one))
        if as_json:
            print(json.dumps({"status": order.status} | order.model_dump(mode="json"), ensure_ascii=False, indent=2))
        else:
            purchase_order(order, console())
        return 0
    position, story = asyncio.run(_backorder(one))
    if as_json:
        told = [line.model_dump(mode="json") for line in story]
        print(json.dumps(_as_data(position) | {"story": told}, ensure_ascii=False, indent=2))
    else:
        backorder(position, story, console())
    return 0


async def _find(
    of: Status | None, sku: str | None, supplier: str | None, *, attention: bool | None, limit: int
) -> list[BackorderPosition]:
    async with open_ledger() as ledger:
        return await find(ledger, status=of, sku=sku, supplier_id=supplier, attention=attention, limit=limit)


async def _backorder(backorder_id: str) -> tuple[BackorderPosition, list[StoryLine]]:
    async with open_ledger() as ledger:
        position = await backorders.position(ledger, backorder_id)
        return position, await backorders.story(ledger, backorder_id)


async def _purchase_order(po_number: str) -> PurchaseOrderPosition:
    async with open_ledger() as ledger:
        return await purchase_orders.position(ledger, po_number)


def overview(found: list[BackorderPosition], on: Console) -> None:
    """Print a line for each backorder."""
    if not found:
        on.print("no backorders", soft_wrap=True)
        return
    drawn = table("Backorder", "Status", "SKU", "Qty", "Promise", "PO", right=["Qty"])
    for position in found:
        state = position.status.value + (" !" if position.attention else "")
        orders = ", ".join(dict.fromkeys(claim.po_number for claim in position.claims))
        cells = (position.backorder_id, state, position.sku, position.ordered, position.current_promise, orders)
        drawn.add_row(*map(plain, cells))
    on.print(drawn)
    waiting = sum(1 for position in found if position.attention)
    if waiting:
        on.print(f"! {waiting} need attention: `promisekeeper status ID` says what for", soft_wrap=True)


def backorder(position: BackorderPosition, story: list[StoryLine], on: Console) -> None:
    """Print one backorder in full."""
    facts = table("", "")
    facts.show_header = False
    money = f"{position.goods_value} {position.currency}"
    quantities = {
        "ordered": position.ordered,
        "unsourced": position.unsourced,
        "on order": position.claimed,
        "allocated": position.allocated,
        "shipped": position.shipped,
        "cancelled": position.cancelled,
    }
    for name, value in (
        ("Backorder", f"{position.backorder_id} of sales order {position.sales_order}"),
        ("Status", position.status.value),
        ("Item", f"{position.sku}, {position.item_name}"),
        ("Units", ", ".join(f"{number} {what}" for what, number in quantities.items() if number)),
        ("Value", money),
        ("Promise", _promise(position)),
        ("Refund due", f"{position.refund_due} {position.currency} by {position.refund_deadline}"),
        ("Attention", position.attention),
    ):
        if value and (name != "Refund due" or position.refund_due):
            facts.add_row(plain(name), plain(value))
    for claim in position.claims:
        expected = f"expected {claim.expected_on}" if claim.expected_on else "no date known"
        confirmed = "confirmed" if claim.confirmed else "not confirmed yet"
        share = f"{claim.quantity} of {claim.po_number} ({claim.supplier_id}), {expected}, {confirmed}"
        facts.add_row("Share", plain(share))
    for parcel in position.parcels:
        if parcel.state is not ParcelState.VOIDED:
            tracking = f", tracking {parcel.tracking}" if parcel.tracking else ""
            facts.add_row("Parcel", plain(f"{parcel.quantity} units, {parcel.state.value}{tracking}"))
    on.print(facts)
    on.print()
    happened = table("When (UTC)", "What")
    for line in story:
        happened.add_row(plain(f"{line.at:%Y-%m-%d %H:%M:%S}"), plain(line.text))
    on.print(happened)


def _promise(position: BackorderPosition) -> str:
    if position.current_promise is None:
        return "none yet" if position.first_promise is None else f"no date known; at first {position.first_promise}"
    basis = f" ({position.promise_basis})" if position.promise_basis else ""
    moved = position.first_promise not in (None, position.current_promise)
    return f"{position.current_promise}{f'; at first {position.first_promise}' if moved else ''}{basis}"


def purchase_order(order: PurchaseOrderPosition, on: Console) -> None:
    """Print one purchase order with its lines."""
    on.print(plain(f"{order.po_number} to {order.supplier_name}: {order.status.value}"), soft_wrap=True)
    if order.status == "collecting":
        until = "held by an operator" if order.held else f"collects until {order.collect_until:%Y-%m-%d %H:%M:%S} UTC"
        on.print(until, soft_wrap=True)
    if order.attention:
        on.print(plain(f"Attention: {order.attention}"), soft_wrap=True)
    numbers = ("Ordered", "Claimed", "Open", "Good", "Bad")
    drawn = table("SKU", *numbers, "Expected", right=numbers)
    for line in order.lines:
        counts = (line.ordered, line.claimed, line.open, line.received_good + line.over_received, line.received_bad)
        drawn.add_row(plain(line.sku), *map(plain, counts), plain(line.expected_on))
    on.print(drawn)


def _as_data(position: BackorderPosition) -> dict[str, Any]:
    return {"status": position.status.value} | position.model_dump(mode="json")
