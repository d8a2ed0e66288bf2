"""A purchase order under its locks, and what can be done to its lines: shrink, write off, hand the free rest on.

Everything a supplier says or is asked changes lines, and all of that comes through here, so that the laws of the line
hold in one place: claims and asked reductions never exceed what is open (L3), each confirmed unit is somewhere (L2).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from psycopg import Rollback

from domain import allocation
from domain.errors import NotFound
from domain.names import purchase_order_workflow_id
from domain.supplier_events import LineRef
from domain.values import Frozen, Instant
from ledger.book import Connection, fetch, fetch_one, lock_skus
from ledger.shares import claims_in_rank, count_units, take_from_claims, tell_changes
from ledger.supply import offer_free_open

MOST_UNITS = 100_000_000
"""The most stock units believed of one line of a message; the books' counters hold twenty times as many."""


@dataclass(frozen=True, slots=True)
class Line:
    """A PO line in stock units, as it stands under the lock; `write_line` writes a changed copy."""

    line_no: int
    sku: str
    supplier_sku: str
    unit_factor: int
    unit_price: Decimal
    ordered: int
    confirmed: int
    open: int
    claimed: int
    to_reduce: int
    received_good: int
    received_bad: int
    closed_short: int
    cancelled: int
    over_received: int
    over_quarantined: int
    in_transit: int
    expected_on: date | None

    @property
    def free(self) -> int:
        """Open units that are nobody's and that the supplier is not asked to take off."""
        return self.open - self.claimed - self.to_reduce

    @property
    def settled(self) -> int:
        """Units the supplier owes no more: received in any condition, or closed short."""
        return self.received_good + self.received_bad + self.closed_short

    @property
    def total(self) -> int:
        """What is or was to come of it: everything confirmed but cancelled and closed short."""
        return self.received_good + self.received_bad + self.open


class Order(Frozen):
    """The purchase order row, as far as its lines' changes need it."""

    po_number: str
    supplier_id: str
    supplier_name: str
    over_receipt_tolerance: Decimal
    revision: int
    frozen_at: Instant | None
    acknowledged_at: Instant | None
    rejected_at: Instant | None
    cancelled_at: Instant | None
    closed_at: Instant | None

    @property
    def workflow_id(self) -> str:
        """Who owes the announcements of what happens to it."""
        return purchase_order_workflow_id(self.po_number)

    @property
    def is_over(self) -> bool:
        """Rejected, cancelled or closed: nothing is expected of it, though goods may still come."""
        return bool(self.rejected_at or self.cancelled_at or self.closed_at)


@dataclass(frozen=True, slots=True)
class LockedOrder:
    """A purchase order and its lines, nobody else's to change until the transaction ends."""

    order: Order
    lines: tuple[Line, ...]

    def find(self, ref: LineRef) -> Line | None:
        """The line a supplier means: by its number, else by our SKU, else by theirs. No match is None, never a guess.

        A number whose SKU says otherwise matches nothing either.
        """
        if ref.line_no is not None:
            found = [line for line in self.lines if line.line_no == ref.line_no]
            if ref.sku is not None:
                found = [line for line in found if line.sku == ref.sku]
        elif ref.sku is not None:
            found = [line for line in self.lines if line.sku == ref.sku]
        else:
            found = [line for line in self.lines if line.supplier_sku == ref.supplier_sku]
        return found[0] if len(found) == 1 else None


class Effect(Frozen):
    """What became of something a supplier said."""

    outcome: str
    """In words, kept with the event."""
    incidents: tuple[str, ...] = ()
    """What an operator is asked to look at; kept as attention on the order."""


def stock_units(quantity: Decimal, line: Line) -> int | None:
    """A supplier's count of purchase units in our stock units; None if that is no whole number, or beyond reason."""
    units = quantity * line.unit_factor
    return int(units) if units == units.to_integral_value() and units <= MOST_UNITS else None


def named(ref: LineRef) -> str:
    """How a supplier's message called a line, for people."""
    parts = (("line", ref.line_no), ("SKU", ref.sku), ("supplier SKU", ref.supplier_sku))
    return ", ".join(f"{what} {value}" for what, value in parts if value is not None) or "a line without a name"


_SKUS = "select sku from po_line where po_number = %s"
_LOCK_ORDER = """
    select po_number, supplier_id, supplier.doc->>'name' as supplier_name,
           coalesce(supplier.doc->>'over_receipt_tolerance', '0')::numeric as over_receipt_tolerance, revision,
           frozen_at, acknowledged_at, rejected_at, cancelled_at, closed_at
    from purchase_order join supplier using (supplier_id) where po_number = %s for no key update of purchase_order
"""
_LOCK_LINES = """
    select line_no, sku, supplier_sku, unit_factor, unit_price, ordered, confirmed, open, claimed, to_reduce,
           received_good, received_bad, closed_short, cancelled, over_received, over_quarantined, in_transit,
           expected_on
    from po_line where po_number = %s order by line_no for no key update
"""


async def lock_order(connection: Connection, po_number: str) -> LockedOrder:
    """Lock the SKUs of a purchase order, then the order, then its lines.

    All its SKUs, even if one line changes: what is freed may go to other orders of the same SKUs, and two transactions
    that reach for each other's orders then have a SKU in common, which the first of them holds.

    Raises:
        NotFound: no such purchase order.
    """
    while True:
        async with connection.transaction() as attempt:
            skus = {row[0] for row in await (await connection.execute(_SKUS, (po_number,))).fetchall()}
            await lock_skus(connection, skus)
            order = await fetch_one(connection, Order, _LOCK_ORDER, (po_number,))
            if order is None:
                raise NotFound(f"no purchase order {po_number!r} in the ledger; check the number")
            lines = await fetch(connection, Line, _LOCK_LINES, (po_number,))
            if skus.issuperset(line.sku for line in lines):
                return LockedOrder(order, tuple(lines))
            # A share of another item joined before the order was ours. Its SKU comes before the order in the lock
            # order, so let go of everything (a rollback to the savepoint does) and begin again.
            raise Rollback(attempt)


_WRITE_LINE = """
    update po_line set confirmed = %s, open = %s, claimed = %s, to_reduce = %s, received_good = %s, received_bad = %s,
           closed_short = %s, cancelled = %s, over_received = %s, over_quarantined = %s, in_transit = %s,
           expected_on = %s
    where po_number = %s and line_no = %s
"""


async def write_line(connection: Connection, order: Order, line: Line) -> Line:
    """Write a line as it now stands, in one statement: the laws are checked on each."""
    buckets = (line.confirmed, line.open, line.claimed, line.to_reduce, line.received_good, line.received_bad)
    ends = (
        line.closed_short,
        line.cancelled,
        line.over_received,
        line.over_quarantined,
        line.in_transit,
        line.expected_on,
    )
    await connection.execute(_WRITE_LINE, (*buckets, *ends, order.po_number, line.line_no))
    return line


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
    at: datetime,
) -> Line:
    """Nothing more comes of a line: what is open moves to a bucket, and every claim on it is lost to its backorder."""
    line = await keep_only(connection, order, line, 0, why=why, lost=True, at=at)
    gone = line.open
    line = replace(line, open=0, in_transit=0)
    if bucket == "cancelled":
        line = replace(line, cancelled=line.cancelled + gone)
    else:
        line = replace(line, closed_short=line.closed_short + gone)
    return await write_line(connection, order, line)


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
        await offer_free_open(connection, sku, at, order.workflow_id, None)


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
    await connection.execute(_ARRIVED, (at, order.po_number))


_ATTENTION = """
    update purchase_order set attention_since = coalesce(attention_since, %(at)s), attention = case
        when attention is null then %(what)s
        when position(%(what)s in attention) > 0 then attention
        else attention || ' ' || %(what)s end
    where po_number = %(po_number)s
"""


async def ask_operator(connection: Connection, po_number: str, what: str, *, at: datetime) -> None:
    """Raise attention on the order, next to what is asked already; the same words are not said twice."""
    await connection.execute(_ATTENTION, {"po_number": po_number, "what": what, "at": at})
