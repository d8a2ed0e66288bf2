"""The moves of units between claims, allocations and backorders: set-based SQL inside a fact's transaction.

Every function here needs the SKU's lock (`ledger.book.lock_skus`) and moves both ends of a unit in one statement, so no
law is broken in between. Who gets what is decided by the caller (`ledger.sourcing`, `ledger.supplier_events`).
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from domain.allocation import Waiting
from domain.names import SUPPLY_CHANGED, backorder_workflow_id
from domain.values import count_units
from ledger.announcements import owe_all
from ledger.book import Connection, fetch, record_consequences

PLACE = "main"
"""The warehouse all goods come to. The books can hold more places; nothing uses them yet."""

Grant = tuple[str, int]
"""(backorder_id, units)."""

# The rank of domain.allocation.in_rank. A claim whose customer has asked to cancel comes last, as one without deadline:
# goods rather go to those who still want them, and what must be given back is taken from it first.
_CLAIMS_IN_RANK = """
    select c.backorder_id, c.quantity,
           case when b.cancel_requested_at is null then b.legal_deadline end as legal_deadline,
           b.priority, b.accepted_at, c.expected_on, c.confirmed
    from claim c join backorder b using (backorder_id)
    where c.po_number = %s and c.line_no = %s and c.quantity > 0
    order by legal_deadline nulls last, b.priority, b.accepted_at, c.backorder_id collate "C" limit %s
"""
_JOIN = """
    with share as (
        select * from unnest(
            %(ids)s::text[], %(pos)s::text[], %(lines)s::int[],
            %(units)s::int[], %(dates)s::date[], %(confirmed)s::bool[]
        ) as s (backorder_id, po_number, line_no, units, expected_on, confirmed)
    ), line as (
        update po_line l set claimed = l.claimed + s.units
        from (select po_number, line_no, sum(units) as units from share group by po_number, line_no) s
        where l.po_number = s.po_number and l.line_no = s.line_no
    ), claimed as (
        insert into claim as c (backorder_id, po_number, line_no, total, quantity, expected_on, confirmed)
        select backorder_id, po_number, line_no, units, units, expected_on, confirmed from share
        on conflict (backorder_id, po_number, line_no) do update
        set total = c.total + excluded.total, quantity = c.quantity + excluded.quantity,
            expected_on = excluded.expected_on, confirmed = excluded.confirmed
    )
    update backorder b set unsourced = b.unsourced - s.units, claimed = b.claimed + s.units,
           sourcing_tries = case when b.unsourced > s.units then b.sourcing_tries else 0 end,
           sourcing_failed_since = case when b.unsourced > s.units then b.sourcing_failed_since end
    from (select backorder_id, sum(units) as units from share group by backorder_id) s
    where b.backorder_id = s.backorder_id
"""
_TAKE_BACK = """
    with taken as (
        update claim c set quantity = c.quantity - t.units, released = c.released + t.units, lost = c.lost or %(lost)s
        from unnest(%(ids)s::text[], %(pos)s::text[], %(lines)s::int[], %(units)s::int[])
             as t (backorder_id, po_number, line_no, units)
        where c.backorder_id = t.backorder_id and c.po_number = t.po_number and c.line_no = t.line_no
        returning c.backorder_id, c.po_number, c.line_no, t.units
    ), line as (
        update po_line l set claimed = l.claimed - t.units
        from (select po_number, line_no, sum(units) as units from taken group by po_number, line_no) t
        where l.po_number = t.po_number and l.line_no = t.line_no
    )
    update backorder b
    set claimed = b.claimed - t.units,
        unsourced = b.unsourced + case when %(back_to)s = 'unsourced' then t.units else 0 end,
        cancelled = b.cancelled + case when %(back_to)s = 'cancelled' then t.units else 0 end
    from (select backorder_id, sum(units) as units from taken group by backorder_id) t
    where b.backorder_id = t.backorder_id
"""
_ALLOCATE_LINE = """
    with given as (
        update claim c set quantity = c.quantity - g.units, fulfilled = c.fulfilled + g.units
        from unnest(%(ids)s::text[], %(units)s::int[]) as g (backorder_id, units)
        where c.backorder_id = g.backorder_id and c.po_number = %(po_number)s and c.line_no = %(line_no)s
        returning c.backorder_id, g.units
    ), line as (
        update po_line set claimed = claimed - (select coalesce(sum(units), 0) from given)
        where po_number = %(po_number)s and line_no = %(line_no)s
    ), house as (
        update stock set allocated = allocated + (select coalesce(sum(units), 0) from given)
        where sku = %(sku)s and place = %(place)s
    ), waiting as (
        update backorder b set claimed = b.claimed - g.units, allocated = b.allocated + g.units
        from given g where b.backorder_id = g.backorder_id
    )
    insert into allocation (backorder_id, sku, place, quantity, po_number, line_no, allocated_at)
    select backorder_id, %(sku)s, %(place)s, units, %(po_number)s, %(line_no)s, %(at)s from given
"""
_ALLOCATE_STOCK = """
    with given as (
        update backorder b set unsourced = b.unsourced - g.units, allocated = b.allocated + g.units,
               sourcing_tries = case when b.unsourced > g.units then b.sourcing_tries else 0 end,
               sourcing_failed_since = case when b.unsourced > g.units then b.sourcing_failed_since end
        from unnest(%(ids)s::text[], %(units)s::int[]) as g (backorder_id, units)
        where b.backorder_id = g.backorder_id
        returning b.backorder_id, g.units
    ), house as (
        update stock set allocated = allocated + (select coalesce(sum(units), 0) from given)
        where sku = %(sku)s and place = %(place)s
    )
    insert into allocation (backorder_id, sku, place, quantity, allocated_at)
    select backorder_id, %(sku)s, %(place)s, units, %(at)s from given
"""


class LineClaim(Waiting):
    """A claim that still waits for goods of a line; compare with `domain.allocation`."""

    expected_on: date | None
    confirmed: bool


class Share(NamedTuple):
    """Units of a backorder on a PO line, to be claimed."""

    backorder_id: str
    po_number: str
    line_no: int
    units: int
    expected_on: date | None
    confirmed: bool


class Taken(NamedTuple):
    """Units of a claim, to be given back."""

    backorder_id: str
    po_number: str
    line_no: int
    units: int


async def claims_in_rank(
    connection: Connection, po_number: str, line_no: int, *, most: int | None = None
) -> list[LineClaim]:
    """The claims on a line that wait for goods, best rank first; those of customers who cancelled come last.

    Each waits for a unit at least, so who hands out so many units needs the first so many of them at `most`.
    """
    return await fetch(connection, LineClaim, _CLAIMS_IN_RANK, (po_number, line_no, most))


async def join_lines(connection: Connection, shares: Sequence[Share]) -> None:
    """Unsourced units become claims on lines that have as many free (law L3 refuses more).

    A batch names each claim once; more for the same claim is a batch of its own.
    """
    if shares:
        ids, pos, lines, units, dates, confirmed = (list(column) for column in zip(*shares, strict=True))
        parts = {"ids": ids, "pos": pos, "lines": lines, "units": units, "dates": dates, "confirmed": confirmed}
        await connection.execute(_JOIN, parts)


async def take_back(
    connection: Connection, taken: Sequence[Taken], *, lost: bool, back_to: Literal["unsourced", "cancelled"]
) -> None:
    """Claims give units back; the line's open quantity stays, so they are free there until the caller moves it.

    Args:
        connection: the fact's transaction.
        taken: no more than each claim has; a claim that does not exist is passed over.
        lost: the supplier took them away, so the backorder does not go back to that supplier.
        back_to: where the backorder counts them from now on.
    """
    if taken:
        ids, pos, lines, units = (list(column) for column in zip(*taken, strict=True))
        parts = {"ids": ids, "pos": pos, "lines": lines, "units": units, "lost": lost, "back_to": back_to}
        await connection.execute(_TAKE_BACK, parts)


async def take_from_claims(
    connection: Connection,
    po_number: str,
    line_no: int,
    taken: Sequence[Grant],
    *,
    lost: bool,
    back_to: Literal["unsourced", "cancelled"] = "unsourced",
) -> None:
    """The claims on one line give units back (see `take_back`). Lower the line's open quantity after this."""
    parts = [Taken(backorder_id, po_number, line_no, units) for backorder_id, units in taken]
    await take_back(connection, parts, lost=lost, back_to=back_to)


async def allocate_from_line(
    connection: Connection, sku: str, po_number: str, line_no: int, grants: Sequence[Grant], *, at: datetime
) -> None:
    """Claimed units have arrived: each claim turns into an allocation.

    Raise stock.on_hand before this (law L4) and lower the line's open quantity after it (law L3).
    """
    if grants:
        parts = _grant_parts(sku, grants, at)
        await connection.execute(_ALLOCATE_LINE, {**parts, "po_number": po_number, "line_no": line_no})


async def allocate_from_stock(connection: Connection, sku: str, grants: Sequence[Grant], *, at: datetime) -> None:
    """Free stock is hard-assigned to units that are unsourced."""
    if grants:
        await connection.execute(_ALLOCATE_STOCK, _grant_parts(sku, grants, at))


def _grant_parts(sku: str, grants: Sequence[Grant], at: datetime) -> dict[str, Any]:
    ids, units = (list(column) for column in zip(*grants, strict=True))
    return {"sku": sku, "place": PLACE, "ids": ids, "units": units, "at": at}


async def tell_changes(
    connection: Connection, kind: str, texts: Sequence[tuple[str, str]], *, at: datetime, owed_by: str
) -> None:
    """Journal a sentence for each backorder whose supply changed, and owe its workflow the word.

    Args:
        connection: the fact's transaction.
        kind: what happened, in one or two words.
        texts: (backorder_id, sentence) each.
        at: when.
        owed_by: who tells them after the commit.
    """
    told = [(backorder_workflow_id(backorder_id), {"text": text}) for backorder_id, text in texts]
    await record_consequences(connection, kind=kind, at=at, facts=told)
    await owe_all(connection, (workflow_id for workflow_id, _ in told), SUPPLY_CHANGED, owed_by, at)


async def tell_allocated(
    connection: Connection, grants: Sequence[Grant], source: str, *, at: datetime, owed_by: str
) -> None:
    """Tell each backorder that units were allocated to it from `source`: `stock`, or a PO's number."""
    texts = [(backorder_id, f"Allocated {count_units(units)} from {source}") for backorder_id, units in grants]
    await tell_changes(connection, "allocated", texts, at=at, owed_by=owed_by)
