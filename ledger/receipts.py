"""Goods receipt: what arrived, by condition, against what is open, and who gets it: one transaction for all claims.

Goods are real: they are taken in after a cancel, a rejection or a close as well, and what nobody claims goes to free
stock and from there to whoever waits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import floor

from domain import allocation
from domain.allocation import Waiting
from domain.supplier_events import Received
from domain.values import count_units
from ledger.book import Connection
from ledger.locked_orders import Effect, Line, LockedOrder, named, stock_units, write_line
from ledger.offering import offer_free_stock
from ledger.order_lines import keep_only, mark_known, offer_rest, write_off
from ledger.shares import PLACE, Grant, allocate_from_line, claims_in_rank, tell_allocated


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came of one line, in stock units, by condition."""

    good: int
    damaged: int
    wrong: int

    def __add__(self, other: "Arrived") -> "Arrived":
        """A receipt that names a line twice counts both."""
        return Arrived(self.good + other.good, self.damaged + other.damaged, self.wrong + other.wrong)


@dataclass(frozen=True, slots=True)
class PutAway:
    """Where the arrived units of a line go."""

    expected: int
    """Good, against what is open."""
    after_cancel: int
    """Good, and cancelled before."""
    after_close: int
    """Good, and closed short before."""
    over: int
    """Good, more than was ever asked, within the supplier's tolerance: into stock."""
    quarantined: int
    """Good, above the tolerance: nobody's until an operator decides."""
    bad: int
    """Damaged or wrong, against what is open; more of it than is open is kept in the receipt only."""

    @property
    def good(self) -> int:
        """Good units against the line."""
        return self.expected + self.after_cancel + self.after_close

    @property
    def into_stock(self) -> int:
        """Accepted units."""
        return self.good + self.over


def put_away(line: Line, arrived: Arrived, tolerance: Decimal) -> PutAway:
    """Decide where units go: what is open first, then what was given up before, then on top.

    Args:
        line: the line before the receipt.
        arrived: what came.
        tolerance: the share of the ordered quantity that may come on top, over all receipts of the line together.
    """
    expected = min(arrived.good, line.open)
    rest = arrived.good - expected
    after_cancel = min(rest, line.cancelled)
    rest -= after_cancel
    after_close = min(rest, line.closed_short)
    rest -= after_close
    over = min(rest, max(0, floor(tolerance * line.ordered) - line.over_received))
    bad = min(arrived.damaged + arrived.wrong, line.open - expected)
    return PutAway(expected, after_cancel, after_close, over, rest - over, bad)


_KNOWN = "select line_no from receipt where supplier_id = %s and receipt_id = %s and po_number = %s"
_RECEIPT = """
    insert into receipt (supplier_id, receipt_id, po_number, line_no, good, damaged, wrong, over_received,
                         over_quarantined, received_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_INTO_STOCK = """
    insert into stock (sku, place, opening, on_hand) values (%(sku)s, %(place)s, 0, %(units)s)
    on conflict (sku, place) do update set on_hand = stock.on_hand + excluded.on_hand
"""


async def receive(
    connection: Connection, locked: LockedOrder, receipt: Received, *, at: datetime, prefer: str | None = None
) -> Effect:
    """Take a receipt in. A line that this receipt was counted for before is not counted again.

    Args:
        connection: the fact's transaction.
        locked: the order, under its locks.
        receipt: what the supplier or the warehouse says.
        at: when.
        prefer: the backorder that the goods were sent for, which is served before the rank.
    """
    order = locked.order
    arrived, incidents = _read(locked, receipt)
    known = await connection.execute(_KNOWN, (order.supplier_id, receipt.receipt_id, order.po_number))
    counted_before = {row[0] for row in await known.fetchall()}
    fresh = {line: units for line, units in arrived.items() if line.line_no not in counted_before}
    if arrived and not fresh:
        return Effect(outcome="repeat, counted once", incidents=incidents)
    await mark_known(connection, order, at=at)
    taken_in: list[str] = []
    for line, units in fresh.items():
        put = put_away(line, units, order.over_receipt_tolerance)
        row = (units.damaged, units.wrong, put.over, put.quarantined, at)
        key = (order.supplier_id, receipt.receipt_id, order.po_number, line.line_no)
        await connection.execute(_RECEIPT, (*key, put.good, *row))
        await _take_in(connection, locked, line, put, closes=receipt.closes, at=at, prefer=prefer)
        taken_in.append(f"{count_units(put.into_stock)} of {line.sku}" + (f", {put.bad} bad" if put.bad else ""))
        if put.quarantined:
            incidents += (
                f"Receipt {receipt.receipt_id} brought {count_units(put.quarantined)} of {line.sku} more than "
                f"{order.supplier_name} may over-deliver; they are in quarantine. Send them back or take them in.",
            )
    for sku in sorted({line.sku for line in fresh}):
        await offer_free_stock(connection, sku, at, order.workflow_id)
    await offer_rest(connection, order, fresh, at=at)
    return Effect(outcome=f"received {'; '.join(taken_in) or 'nothing that is on the order'}", incidents=incidents)


def _read(locked: LockedOrder, receipt: Received) -> tuple[dict[Line, Arrived], tuple[str, ...]]:
    """What came of which line; and in words what cannot be booked."""
    arrived: dict[Line, Arrived] = {}
    incidents: list[str] = []
    for part in receipt.lines:
        line = locked.find(part.line)
        if line is None:
            incidents.append(
                f"Receipt {receipt.receipt_id} brought {part.good} good of {named(part.line)}, which is not on "
                f"{locked.order.po_number}. Find out what came and book it by hand."
            )
            continue
        counts = [stock_units(quantity, line) for quantity in (part.good, part.damaged, part.wrong)]
        good, damaged, wrong = counts
        if good is None or damaged is None or wrong is None:
            incidents.append(
                f"Receipt {receipt.receipt_id} counts {named(part.line)} in quantities that are no whole stock units "
                f"({line.unit_factor} to a purchase unit). Count the goods and send the receipt again under a new id."
            )
            continue
        arrived[line] = arrived.get(line, Arrived(0, 0, 0)) + Arrived(good, damaged, wrong)
    return arrived, tuple(incidents)


async def _take_in(
    connection: Connection,
    locked: LockedOrder,
    line: Line,
    put: PutAway,
    *,
    closes: bool,
    at: datetime,
    prefer: str | None,
) -> None:
    """Book one line: stock first (L4), then the claims, then the line's own buckets (L2, L3)."""
    order = locked.order
    await connection.execute(_INTO_STOCK, {"sku": line.sku, "place": PLACE, "units": put.into_stock})
    most = None if prefer else put.good
    claims = await claims_in_rank(connection, order.po_number, line.line_no, most=most)
    grants = _served(put.good, claims, prefer)
    await allocate_from_line(connection, line.sku, order.po_number, line.line_no, grants, at=at)
    await tell_allocated(connection, grants, order.po_number, at=at, owed_by=order.workflow_id)
    line = replace(line, claimed=line.claimed - sum(units for _, units in grants))
    open_units = line.open - put.expected - put.bad
    line = await keep_only(
        connection, order, line, open_units, why="arrived damaged or are of another item", lost=False, at=at
    )
    line = replace(
        line,
        open=open_units,
        received_good=line.received_good + put.good,
        received_bad=line.received_bad + put.bad,
        cancelled=line.cancelled - put.after_cancel,
        closed_short=line.closed_short - put.after_close,
        over_received=line.over_received + put.over,
        over_quarantined=line.over_quarantined + put.quarantined,
        in_transit=min(open_units, max(0, line.in_transit - put.expected - put.bad)),
        to_add=line.to_add and open_units == line.open,  # what comes was added, whatever was said
    )
    await write_line(connection, order, line)
    if closes:
        await write_off(connection, order, line, "closed_short", why="will not come: the line was closed short", at=at)


def _served(units: int, claims: Sequence[Waiting], prefer: str | None) -> list[Grant]:
    """Who gets the units: the preferred backorder, then by rank."""
    first = allocation.allocate(units, _only(claims, prefer, preferred=True))
    rest = units - sum(given for _, given in first)
    return [*first, *allocation.allocate(rest, _only(claims, prefer, preferred=False))]


def _only(claims: Iterable[Waiting], prefer: str | None, *, preferred: bool) -> list[Waiting]:
    return [one for one in claims if (one.backorder_id == prefer) is preferred]
