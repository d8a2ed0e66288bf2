"""Units that a supplier confirms after it had refused them: for those who still look for them, else a person's matter.

Whoever waited for them was sent elsewhere at once, so that by now they may be bought twice.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from ledger.book import Connection, fetch_one
from ledger.locked_orders import Line, LockedOrder
from ledger.offering import offer_free_open

# What each backorder gave up here and did not get back here comes, or came, from elsewhere; the surplus of the
# supplier's minimum was nobody's before, either, and is not bought twice.
_BOUGHT_TWICE = """
    select least(l.open - l.claimed - l.to_reduce,
                 (select coalesce(sum(least(c.released, b.ordered - b.cancelled - c.quantity - c.fulfilled)), 0)
                  from claim c join backorder b using (backorder_id)
                  where c.po_number = l.po_number and c.line_no = l.line_no))::int as units
    from po_line l where l.po_number = %s and l.line_no = %s
"""


class _Units(NamedTuple):
    units: int


async def offer_again(
    connection: Connection, locked: LockedOrder, lines: Sequence[Line], *, at: datetime
) -> tuple[str, ...]:
    """Offer what comes after all to those whom it was taken from, if they still look; the rest is told.

    Args:
        connection: the fact's transaction, which holds the order's locks.
        locked: the order as it stood before the answer.
        lines: its lines by the answer.
        at: when.

    Returns:
        In words, of which lines units wait for nobody.
    """
    order = locked.order
    told: list[str] = []
    before = {line.line_no: line.open for line in locked.lines}
    for line in lines:
        more = line.open - before[line.line_no]
        if more <= 0:
            continue
        await offer_free_open(connection, line.sku, at, order.workflow_id, forgiven=order.po_number)
        twice = await fetch_one(connection, _Units, _BOUGHT_TWICE, (order.po_number, line.line_no))
        if twice and twice.units > 0:
            what = (
                f"{order.supplier_name} now confirms {line.confirmed - line.cancelled} of {line.sku} on "
                f"{order.po_number}, of which it had refused {more}; {min(more, twice.units)} of these are bought "
                "elsewhere by now, and wait for nobody. Tell them to send no more, or let them come for stock; then "
                "resolve with 'dismiss'."
            )
            told.append(what)
    return tuple(told)
