"""The prices of a supplier's answer, held against those of the order: above the band of its terms, a person decides.

What is within the band, or lower, is taken as it comes, and changes nothing here: the books keep the price that was
ordered. The customer's price never rises, so that whatever is paid on top is the shop's.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_UP, Decimal

from domain.supplier_events import Split
from domain.values import money
from ledger.book import Connection, as_json
from ledger.confirming import TO_COME
from ledger.locked_orders import Line, LockedOrder, Order

MOST_TOLD = 5
"""Lines that are told one by one: a supplier that raises its prices raises all of them."""

_ASKED = """
    insert into journal (key, subject, kind, at, facts) values (%s, %s, 'prices', %s, %s)
    on conflict (key) do nothing returning seq
"""


async def asked_of_prices(
    connection: Connection, locked: LockedOrder, answers: Mapping[int, Sequence[Split]], *, at: datetime
) -> tuple[str, ...]:
    """What `dearer` finds, once for each order: a person who agreed is not asked when only a date moves afterwards."""
    order = locked.order
    for what in dearer(locked, answers):
        key = f"prices/{order.po_number}/{hashlib.sha256(what.encode()).hexdigest()[:16]}"
        row = (key, order.workflow_id, at, as_json({"text": what}))
        if await (await connection.execute(_ASKED, row)).fetchone():
            return (what,)
    return ()


def dearer(locked: LockedOrder, answers: Mapping[int, Sequence[Split]]) -> tuple[str, ...]:
    """In words, which lines cost more than the supplier's terms allow, or another currency; one need, if there are any.

    Args:
        locked: the order.
        answers: the parts of each line that is answered, by line number.
    """
    order = locked.order
    told = [said for line in locked.lines if (said := _dearer(order, line, answers.get(line.line_no, ())))]
    if not told:
        return ()
    more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    what = (
        f"{order.supplier_name} answers {order.po_number} with other prices than ordered: "
        f"{'; '.join(told[:MOST_TOLD])}{more}. Agree with them; then resolve with 'dismiss' to have the goods, "
        "or with 'withdraw' to buy elsewhere."
    )
    return (what,)


def _dearer(order: Order, line: Line, splits: Sequence[Split]) -> str | None:
    """One line by the worst of its parts: both prices are of a purchase unit, and no product of them is rounded."""
    ordered = line.unit_price * line.unit_factor
    stated = [
        (split.currency not in {None, order.currency}, split.unit_price, split.currency or order.currency)
        for split in splits
        if split.status in TO_COME and split.quantity and split.unit_price is not None
    ]
    if not stated:
        return None
    foreign, price, currency = max(stated)
    if not foreign and price <= ordered * (1 + order.price_rise_tolerance):
        return None
    each = f" for each {line.unit_factor}" if line.unit_factor > 1 else ""
    rise = "" if foreign or not ordered else f" ({_per_cent(price - ordered, ordered)} more)"
    asked = f"{money(price, currency)}{each} instead of {money(ordered, order.currency)}{rise}"
    return f"line {line.line_no}, {line.sku}, at {asked}"


def _per_cent(part: Decimal, whole: Decimal) -> str:
    """Rounded up: what is above a band is not told as what is within."""
    share = (part * 100 / whole).quantize(Decimal("0.01"), rounding=ROUND_UP)
    return f"{share.normalize():f}%"
