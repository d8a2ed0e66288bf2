"""Lists that commands print: backorders, purchase orders, and who of both waits for a person. All fit 80 columns."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from cli.next_step import lasting, of_backorder, of_purchase_order, short_day
from cli.terminal import console, in_lines, plain, say, table
from domain.backorder_position import BackorderPosition
from domain.needs import needs
from domain.values import count_units
from ledger.order_list import ListedOrder, Tally
from workflows.backorder_contract import Resolution
from workflows.purchase_order_contract import PurchaseOrderResolution


def backorders(found: Sequence[BackorderPosition], of: Tally, orders: Tally, now: datetime) -> None:
    """Print a line for each backorder.

    Args:
        found: those to show.
        of: all that match.
        orders: the purchase orders on which attention is needed.
        now: the present instant.
    """
    on = console()
    if not found:
        say("no backorders", on)
    else:
        drawn = table("Backorder", "Status", "Item", "Promise", "PO", "Next", whole=["Promise", "PO"])
        for position in found:
            step = of_backorder(position, now)
            drawn.add_row(
                plain(position.backorder_id),
                plain(position.status.value + (" !" if position.attention else "")),
                plain(f"{position.ordered} {position.sku}"),
                plain(short_day(position.current_promise, now)),
                Text("\n").join(plain(number) for number in dict.fromkeys(one.po_number for one in position.claims)),
                plain(step.short(now) if step else ""),
            )
        on.print(drawn)
    _cut(len(found), of.total, "backorders", on)
    asking = _and(_counted(of.attention, "backorder"), _counted(orders.attention, "purchase order"))
    if asking:
        needs = "needs" if of.attention + orders.attention == 1 else "need"
        say(f"! {asking} {needs} attention: see `status --attention`", on)


NARROW = 70
"""Columns; where there are fewer, purchase orders do not fit a line each."""


def purchase_orders(found: Sequence[ListedOrder], of: Tally, now: datetime) -> None:
    """Print a line for each purchase order; on a narrow terminal a few lines for each."""
    on = console()
    if not found:
        say("no purchase orders", on)
        return
    if on.width < NARROW:
        _in_blocks(found, now, on)
    else:
        _in_a_table(found, now, on)
    _cut(len(found), of.total, "purchase orders", on)
    if asking := _counted(of.attention, "purchase order"):
        needs = "needs" if of.attention == 1 else "need"
        say(f"! {asking} {needs} attention: see `status --attention`", on)


def _in_a_table(found: Sequence[ListedOrder], now: datetime, on: Console) -> None:
    numbers = ("Lines", "Units")
    dates = ("Sent", "Ack'd", "Goods")
    drawn = table(
        "PO", "Supplier", "State", *numbers, *dates, "Next", right=numbers, whole=["PO", *numbers, *dates], gap=1
    )
    for order in found:
        step = of_purchase_order(order, now)
        cells = (
            order.po_number,
            order.supplier_id,
            order.status.value.replace("acknowledgement", "ack.") + (" !" if order.attention else ""),
            len(order.lines),
            sum(line.ordered for line in order.lines),
            short_day(order.place.sent_at.date() if order.place and order.place.sent_at else None, now),
            short_day(order.acknowledged_at.date() if order.acknowledged_at else None, now),
            short_day(order.expected_on, now),
            step.short(now) if step else "",
        )
        drawn.add_row(*map(plain, cells))
    on.print(drawn)


def _in_blocks(found: Sequence[ListedOrder], now: datetime, on: Console) -> None:
    for order in found:
        step = of_purchase_order(order, now)
        units = count_units(sum(line.ordered for line in order.lines))
        days = {
            "sent": order.place.sent_at.date() if order.place and order.place.sent_at else None,
            "ack'd": order.acknowledged_at.date() if order.acknowledged_at else None,
            "goods": order.expected_on,
        }
        dates = [f"{what} {short_day(day, now)}" for what, day in days.items() if day]
        on.print(plain(f"{order.po_number} {order.supplier_id}"))
        for said in (
            f"{order.status.value}{' !' if order.attention else ''}, {_counted(len(order.lines), 'line')}, {units}",
            ", ".join(dates),
            f"next: {step.short(now)}" if step else "",
        ):
            if said:
                on.print(Padding(plain(said), (0, 0, 0, 2)))


def attention(
    waiting: tuple[Sequence[BackorderPosition], Tally], orders: tuple[Sequence[ListedOrder], Tally], now: datetime
) -> None:
    """Print who waits for a person, and what is to be done: those found of each kind, and all that match."""
    on = console()
    (backorders_found, of_backorders), (orders_found, of_orders) = waiting, orders
    if not (backorders_found or orders_found):
        say("nothing needs attention", on)
        return
    asking = [(one.attention_since, one.backorder_id, one.status.value, one.attention) for one in backorders_found]
    asking += [(one.attention_since, one.po_number, one.status.value, one.attention) for one in orders_found]
    drawn = table("Who", "Status", "For", "What is to be done", whole=["For"])
    for since, who, status, what in sorted(asking, key=lambda one: (one[0] or now, one[1])):
        drawn.add_row(plain(who), plain(status), plain(lasting(since, now)), in_lines(needs(what)))
    on.print(drawn)
    on.print()
    _cut(len(backorders_found), of_backorders.total, "backorders", on)
    _cut(len(orders_found), of_orders.total, "purchase orders", on)
    say("Decide with `promisekeeper resolve ID DECISION`; `status ID` tells more.", on)
    if backorders_found:
        on.print(f"  backorder       {', '.join(Resolution)}")
    if orders_found:
        on.print(f"  purchase order  {', '.join(PurchaseOrderResolution)}")


def _cut(shown: int, total: int, what: str, on: Console) -> None:
    if shown < total:
        say(f"{shown:,} of {total:,} {what} shown; --limit N for more", on)


def _counted(number: int, what: str) -> str:
    return "" if number == 0 else f"{number:,} {what}{'' if number == 1 else 's'}"


def _and(*parts: str) -> str:
    return " and ".join(filter(None, parts))
