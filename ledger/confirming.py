"""What a supplier confirms of a line, and when it comes. Claims beyond that are trimmed, the others get their dates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from domain import allocation
from domain.supplier_events import AckLine, Split, SplitStatus
from ledger.book import Connection
from ledger.locked_orders import Line, LockedOrder, stock_units, write_line
from ledger.order_lines import date_claims, keep_only
from ledger.shares import LineClaim, claims_in_rank

TRANSIT = timedelta(days=2)
"""Assumption: goods are here so long after the supplier hands them over, when it states no delivery date."""

TO_COME = frozenset({SplitStatus.ACCEPTED, SplitStatus.BACKORDERED, SplitStatus.HELD})
"""The parts of a line answer that will be delivered. Rejected units will not, and substitutes were not ordered."""


def still_to_come(splits: Iterable[Split]) -> Decimal:
    """Purchase units of a line that the supplier will deliver, now or later."""
    return sum((split.quantity for split in splits if split.status in TO_COME), start=Decimal(0))


def as_asked(answer: AckLine, line: Line) -> Split:
    """All of a line, of which the supplier states no quantity."""
    return Split(
        status=SplitStatus.ACCEPTED,
        quantity=Decimal(line.ordered - line.cancelled) / line.unit_factor,
        ship_on=answer.ship_on,
        deliver_on=answer.deliver_on,
    )


_FORGET_SPLITS = "delete from po_line_split where po_number = %s and line_no = %s"
_SPLITS = """
    insert into po_line_split (po_number, line_no, n, status, quantity, expected_on)
    select %s, %s, n, status, quantity, expected_on
    from unnest(%s::text[], %s::int[], %s::date[]) with ordinality as split (status, quantity, expected_on, n)
"""


async def confirm(
    connection: Connection, locked: LockedOrder, line: Line, splits: Sequence[Split], *, at: datetime
) -> Line:
    """One line as the supplier will deliver it: claims beyond that are trimmed, the others get their dates.

    What the supplier does not add to an order that it has, it may deliver as another; so that bars nobody from it.
    """
    order = locked.order
    parts = [(stock_units(split.quantity, line) or 0, split.status, expected_on(split, line)) for split in splits]
    confirmed = min(sum(units for units, status, _ in parts if status in TO_COME), line.ordered - line.cancelled)
    left = max(0, confirmed - line.settled)
    why = "will not be delivered by the supplier"
    kept = await keep_only(connection, order, line, left, why=why, lost=not line.to_add, at=at)
    coming = _coming([(units, day) for units, status, day in parts if status in TO_COME], line.settled)
    line = await write_line(
        connection,
        order,
        replace(
            kept,
            open=left,
            confirmed=line.settled + line.cancelled + left,
            in_transit=min(line.in_transit, left),
            expected_on=_whole_on(coming, left) if left else line.expected_on,
            to_add=False,
        ),
    )
    await connection.execute(_FORGET_SPLITS, (order.po_number, line.line_no))
    await connection.execute(
        _SPLITS,
        (
            order.po_number,
            line.line_no,
            [status.value for _, status, _ in parts],
            [units for units, _, _ in parts],
            [day for _, _, day in parts],
        ),
    )
    claims = await claims_in_rank(connection, order.po_number, line.line_no)
    dates = allocation.schedule(claims, coming)
    await _date(connection, locked, line, {**dates, **_on_the_way(claims, line.in_transit)}, at=at)
    return line


async def confirm_as_asked(connection: Connection, locked: LockedOrder, line: Line, *, at: datetime) -> Line:
    """One line will be delivered as it stands: its claims keep their dates, and are confirmed."""
    if line.to_add:
        line = await write_line(connection, locked.order, replace(line, to_add=False))
    claims = await claims_in_rank(connection, locked.order.po_number, line.line_no)
    await _date(connection, locked, line, {one.backorder_id: one.expected_on for one in claims}, at=at)
    return line


def expected_on(split: Split, line: Line) -> date | None:
    """The day a part is here by the supplier's word; accepted without any word, the quoted day holds."""
    if split.deliver_on:
        return split.deliver_on
    if split.ship_on:
        return split.ship_on + TRANSIT
    return line.expected_on if split.status is SplitStatus.ACCEPTED else None


def _coming(parts: Sequence[tuple[int, date | None]], settled: int) -> list[tuple[int, date | None]]:
    """The parts that are still to come: what is settled was the earliest."""
    coming: list[tuple[int, date | None]] = []
    for units, day in sorted(parts, key=lambda part: (part[1] is None, part[1] or date.max)):
        gone = min(units, settled)
        settled -= gone
        if units > gone:
            coming.append((units - gone, day))
    return coming


def _whole_on(coming: Sequence[tuple[int, date | None]], units: int) -> date | None:
    """When all of a line is here; None if a part has no date."""
    for number, day in coming:
        units -= number
        if units <= 0 or day is None:
            return day
    return None


def _on_the_way(claims: Sequence[LineClaim], in_transit: int) -> dict[str, date | None]:
    """The claims whose goods have left the supplier keep the ship notice's date: it is the later word on them."""
    kept: dict[str, date | None] = {}
    for claim in claims:
        in_transit -= claim.quantity
        if in_transit < 0:
            break
        kept[claim.backorder_id] = claim.expected_on
    return kept


async def _date(
    connection: Connection, locked: LockedOrder, line: Line, dates: Mapping[str, date | None], *, at: datetime
) -> None:
    what = f"{locked.order.po_number} is confirmed by {locked.order.supplier_name}"
    await date_claims(connection, locked.order, line, dates, what=what, at=at)
