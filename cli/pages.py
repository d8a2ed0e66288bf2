"""One backorder or one purchase order in full, as `promisekeeper status ID` prints it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from rich.console import Console

from cli.next_step import of_backorder, of_purchase_order
from cli.terminal import plain, table
from domain.backorder_position import BackorderPosition, ParcelState
from domain.needs import needs
from domain.purchase_order_position import PurchaseOrderPosition
from domain.values import count_units, in_decimals, money, round_money
from ledger.backorders import StoryLine


def backorder(position: BackorderPosition, story: Sequence[StoryLine], now: datetime, on: Console) -> None:
    """Print one backorder, what is done for it, and its story."""
    step = of_backorder(position, now)
    quantities = {
        "ordered": position.ordered,
        "unsourced": position.unsourced,
        "on order": position.claimed,
        "allocated": position.allocated,
        "shipped": position.shipped,
        "cancelled": position.cancelled,
    }
    facts = [
        ("Backorder", f"{position.backorder_id} of sales order {position.sales_order}"),
        ("Status", position.status.value),
        ("Item", f"{position.sku}, {position.item_name}"),
        ("Units", ", ".join(f"{number} {what}" for what, number in quantities.items() if number)),
        ("Value", money(position.goods_value, position.currency)),
        ("Promise", _promise(position)),
    ]
    if position.refund_due:
        by = f" by {position.refund_deadline}" if position.refund_deadline else ""
        facts.append(("Refund due", f"{money(position.refund_due, position.currency)}{by}"))
    if position.attention:
        facts += [("" if n else "Attention", need) for n, need in enumerate(needs(position.attention))]
        facts.append(("", f"Decide with `promisekeeper resolve {position.backorder_id} ...`"))
    for claim in position.claims:
        expected = f"expected {claim.expected_on}" if claim.expected_on else "no date known"
        confirmed = "confirmed" if claim.confirmed else "not confirmed yet"
        facts.append(("Share", f"{claim.quantity} of {claim.po_number} ({claim.supplier_id}), {expected}, {confirmed}"))
    for parcel in position.parcels:
        if parcel.state is not ParcelState.VOIDED:
            tracking = f", tracking {parcel.tracking}" if parcel.tracking else ""
            facts.append(("Parcel", f"{count_units(parcel.quantity)}, {parcel.state.value}{tracking}"))
    if step:
        facts.append(("Next", step.full(now)))
    _print_facts(facts, on)
    on.print()
    happened = table("When (UTC)", "What", whole=["When (UTC)"])
    for line in story:
        happened.add_row(plain(f"{line.at:%Y-%m-%d %H:%M:%S}"), plain(line.text))
    on.print(happened)


def _promise(position: BackorderPosition) -> str:
    if position.current_promise is None:
        return "none yet" if position.first_promise is None else f"no date known; at first {position.first_promise}"
    basis = f" ({position.promise_basis})" if position.promise_basis else ""
    moved = position.first_promise not in (None, position.current_promise)
    return f"{position.current_promise}{f'; at first {position.first_promise}' if moved else ''}{basis}"


def purchase_order(order: PurchaseOrderPosition, now: datetime, on: Console) -> None:
    """Print one purchase order with its lines."""
    step = of_purchase_order(order, now)
    moments = {
        "Opened": order.opened_at,
        "Sent": order.place.sent_at if order.place else None,
        "Confirmed": order.acknowledged_at,
        "Ended": order.closed_at or order.rejected_at or order.cancelled_at,
    }
    facts = [("Order", f"{order.po_number} to {order.supplier_name} ({order.supplier_id})"), ("Status", order.status)]
    facts += [(name, f"{at:%Y-%m-%d %H:%M:%S} UTC") for name, at in moments.items() if at]
    value = sum((line.ordered * line.unit_price for line in order.lines), start=Decimal(0))
    facts.append(("Value", money(round_money(value, order.currency), order.currency)))
    if order.attention:
        facts += [("" if n else "Attention", need) for n, need in enumerate(needs(order.attention))]
        facts.append(("", f"Decide with `promisekeeper resolve {order.po_number} ...`"))
    if step:
        facts.append(("Next", step.full(now)))
    _print_facts(facts, on)
    on.print()
    numbers = ("Ordered", "Claimed", "Open", "Good", "Bad", "Price")
    drawn = table("SKU", *numbers, "Expected", right=numbers, whole=(*numbers, "Expected"))
    for line in order.lines:
        good = line.received_good + line.over_received
        price = in_decimals(line.unit_price, order.currency)
        cells = (line.sku, line.ordered, line.claimed, line.open, good, line.received_bad, f"{price:f}")
        drawn.add_row(*map(plain, cells), plain(line.expected_on))
    on.print(drawn)


def _print_facts(facts: Sequence[tuple[str, str]], on: Console) -> None:
    drawn = table("", "")
    drawn.show_header = False
    for name, value in facts:
        drawn.add_row(plain(name), plain(value))
    on.print(drawn)
