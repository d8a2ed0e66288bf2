"""What can be done to the lines of a locked purchase order: shrink, write off, date, let stand, hand the free rest on.

Everything a supplier says or is asked changes lines, and all of that comes through here, so that the laws of the line
hold in one place: claims and asked reductions never exceed what is open (L3), each confirmed unit is somewhere (L2).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Literal

from domain import allocation
from domain.values import count_units
from ledger.book import Connection
from ledger.locked_orders import Line, LockedOrder, Order, write_line
from ledger.offering import offer_free_open
from ledger.shares import claims_in_rank, take_from_claims, tell_changes


async def keep_only(
    connection: Connection, order: Order, line: Line, open_units: int, *, why: str, lost: bool, at: datetime
) -> Line:
    """Make room for a line that will have only `open_units` open: the asked reduction shrinks first, then the claims.

    Claims give back from the lowest rank up; the units go back to sourcing and their backorders are told.

    Args:
        connection: the fact's transaction, which holds the order's locks.
        order: whose line it is.
        line: the line as it stands.
        open_units: what will be open on it, not more than now.
        why: the rest of the sentence "3 units of PO-000012 ..." for the backorder's story.
        lost: the supplier took them away, so that the backorder does not go back there with them.
        at: when.

    Returns:
        The line with its claims and asked reduction as they will be; the caller writes it with its open units.
    """
    to_reduce = min(line.to_reduce, max(0, open_units - line.claimed))
    if line.claimed <= open_units:
        return replace(line, to_reduce=to_reduce)
    claims = await claims_in_rank(connection, order.po_number, line.line_no)
    taken = allocation.trim(claims, open_units)
    await take_from_claims(connection, order.po_number, line.line_no, taken, lost=lost)
    texts = [(one, f"{count_units(units)} of {order.po_number} {why}") for one, units in taken]
    await tell_changes(connection, "share lost", texts, at=at, owed_by=order.workflow_id)
    return replace(line, to_reduce=to_reduce, claimed=open_units)


async def write_off(
    connection: Connection,
    order: Order,
    line: Line,
    bucket: Literal["cancelled", "closed_short"],
    *,
    why: str,
    lost: bool = True,
    at: datetime,
) -> Line:
    """Nothing more comes of a line: what is open moves to a bucket, and every claim on it goes back to sourcing."""
    line = await keep_only(connection, order, line, 0, why=why, lost=lost, at=at)
    gone = line.open
    line = replace(line, open=0, in_transit=0, to_add=False)
    if bucket == "cancelled":
        line = replace(line, cancelled=line.cancelled + gone)
    else:
        line = replace(line, closed_short=line.closed_short + gone)
    return await write_line(connection, order, line)


async def forgo(connection: Connection, order: Order, line: Line, *, at: datetime) -> Line:
    """A line is not added to an order that its supplier has. The supplier may deliver it as an order of its own."""
    return await write_off(connection, order, line, "cancelled", why="could not be added to it", lost=False, at=at)


_OVERTAKEN = """
    update outbox set answered_at = %s, verdict = 'overtaken'
    where po_number = %s and kind <> 'place' and answered_at is null
"""
_REJECTED = """
    update purchase_order set rejected_at = coalesce(rejected_at, %(at)s)
    where po_number = %(po_number)s and %(untouched)s
"""


async def reject(connection: Connection, locked: LockedOrder, *, at: datetime) -> None:
    """The supplier will not deliver (the rest of) the order: every claim goes back to sourcing, elsewhere.

    An order of which something came is not called rejected; it ends as closed.
    """
    for line in locked.lines:
        await write_off(connection, locked.order, line, "cancelled", why="are refused by the supplier", at=at)
    await mark_rejected(connection, locked, at=at)


async def mark_rejected(connection: Connection, locked: LockedOrder, *, at: datetime) -> None:
    """Nothing is open any more by the supplier's word; questions in flight are overtaken by it."""
    untouched = not any(line.received_good or line.received_bad for line in locked.lines)
    po_number = locked.order.po_number
    await connection.execute(_REJECTED, {"untouched": untouched, "at": at, "po_number": po_number})
    await connection.execute(_OVERTAKEN, (at, po_number))


async def offer_rest(connection: Connection, order: Order, lines: Iterable[Line], *, at: datetime) -> None:
    """Offer what has become free on these lines to the backorders that wait for the same SKUs."""
    for sku in sorted({line.sku for line in lines}):
        await offer_free_open(connection, sku, at, order.workflow_id)


async def let_stand(connection: Connection, locked: LockedOrder, *, at: datetime) -> None:
    """The order stands as it was before the supplier was (to be) asked to change it.

    What was to be taken off will come, and is free for others; what was to be added will not, and is sourced anew.
    """
    for line in locked.lines:
        if line.to_add:
            await forgo(connection, locked.order, line, at=at)
        elif line.to_reduce:
            await write_line(connection, locked.order, replace(line, to_reduce=0))
    await offer_rest(connection, locked.order, locked.lines, at=at)


_DATE_CLAIMS = """
    update claim set expected_on = dated.expected_on, confirmed = true
    from unnest(%(ids)s::text[], %(dates)s::date[]) as dated (backorder_id, expected_on)
    where claim.backorder_id = dated.backorder_id and po_number = %(po_number)s and line_no = %(line_no)s
      and quantity > 0 and (claim.expected_on is distinct from dated.expected_on or not confirmed)
    returning claim.backorder_id
"""


async def date_claims(
    connection: Connection, order: Order, line: Line, dates: Mapping[str, date | None], *, what: str, at: datetime
) -> None:
    """Confirm claims by the supplier's word, each with its date; those for whom anything changed are told.

    Args:
        connection: the fact's transaction, which holds the order's locks.
        order: whose line it is.
        line: the line claimed on.
        dates: backorder id to the day its goods are expected; None is not known.
        what: the start of the sentence for the story, such as "PO-000012 is confirmed".
        at: when.
    """
    parts = {"ids": list(dates), "dates": list(dates.values()), "po_number": order.po_number, "line_no": line.line_no}
    changed = [row[0] for row in await (await connection.execute(_DATE_CLAIMS, parts)).fetchall()]
    texts = [(one, f"{what}; {_expected(dates[one])}") for one in sorted(changed)]
    await tell_changes(connection, "date given", texts, at=at, owed_by=order.workflow_id)


def _expected(day: date | None) -> str:
    return f"goods are expected on {day}" if day else "no date is known"


_ACKNOWLEDGED = """
    update purchase_order
    set acknowledged_at = coalesce(acknowledged_at, %s), supplier_order_no = coalesce(%s, supplier_order_no)
    where po_number = %s
"""
_ARRIVED = """
    update outbox set state = 'delivered', sent_at = coalesce(sent_at, %s)
    where po_number = %s and kind = 'place' and state in ('rendered', 'unknown')
"""


async def mark_known(
    connection: Connection, order: Order, *, at: datetime, supplier_order_no: str | None = None
) -> None:
    """The supplier speaks of the order, so it has it: it is not silent, and the order did reach it."""
    await connection.execute(_ACKNOWLEDGED, (at, supplier_order_no, order.po_number))
    await mark_arrived(connection, order, at=at)


async def mark_arrived(connection: Connection, order: Order, *, at: datetime) -> None:
    """The order did reach the supplier: it says something of it, and be it nothing that anybody understands."""
    await connection.execute(_ARRIVED, (at, order.po_number))
