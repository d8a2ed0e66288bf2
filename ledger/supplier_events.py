"""What each word of a supplier does to the books: acknowledgements here; ship notices, receipts and answers beside.

Every effect runs in one transaction under the order's locks. What cannot be applied is an outcome in words and, where a
person is needed, an incident; never an exception, since a message would then block those behind it for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from domain import allocation
from domain.supplier_events import (
    AckLine,
    ChangeAck,
    Hint,
    OrderAck,
    Received,
    ShipNotice,
    Split,
    SplitStatus,
    SupplierEvent,
    SyntaxAck,
    Unmatched,
)
from ledger.answers import TO_COME, answer_change, note_reading, still_to_come
from ledger.attention import ask_operator
from ledger.book import Connection
from ledger.locked_orders import Effect, Line, LockedOrder, lock_order, named, stock_units, write_line
from ledger.order_lines import date_claims, keep_only, mark_known, mark_rejected, offer_rest, reject
from ledger.receipts import receive
from ledger.shares import LineClaim, claims_in_rank
from ledger.ship_notices import ship

TRANSIT = timedelta(days=2)
"""Assumption: goods are here so long after the supplier hands them over, when it states no delivery date."""


async def apply_event(
    connection: Connection, po_number: str, event: SupplierEvent, *, at: datetime, prefer: str | None = None
) -> Effect:
    """Apply one event to its order and raise attention for what needs a person.

    Args:
        connection: the fact's transaction, which holds no other lock yet.
        po_number: the order, known to be one of the supplier's who speaks.
        event: what it says.
        at: when it is applied.
        prefer: for a receipt, the backorder that it was sent for.

    Raises:
        NotFound: no such purchase order.
    """
    locked = await lock_order(connection, po_number)
    if locked.order.frozen_at is None:
        what = f"{locked.order.supplier_name} speaks of {po_number}, which was not sent to it."
        effect = Effect(outcome="the order was not sent yet: recorded, not applied", incidents=(what,))
    else:
        effect = await _apply(connection, locked, event, at=at, prefer=prefer)
    for incident in effect.incidents:
        await ask_operator(connection, po_number, incident, at=at)
    return effect


async def _apply(
    connection: Connection, locked: LockedOrder, event: SupplierEvent, *, at: datetime, prefer: str | None
) -> Effect:
    match event:
        case OrderAck():
            return await acknowledge(connection, locked, event, at=at)
        case ChangeAck():
            return await answer_change(connection, locked, event, at=at)
        case ShipNotice():
            return await ship(connection, locked, event, at=at)
        case Received():
            return await receive(connection, locked, event, at=at, prefer=prefer)
        case SyntaxAck():
            return await note_reading(connection, locked, event, at=at)
        case Hint():
            return Effect(outcome=f"says in passing: {event.what}")
        case Unmatched():
            return Effect(outcome="matches nothing on the order: recorded", incidents=(event.what,))


# An answer is old when a later revision is agreed. While that one is only asked, or was refused, the order still is
# what the answer is about: it crossed the question in the post.
_AGREED_LATER = """
    select exists (select from outbox where po_number = %s and revision > %s and kind <> 'place'
                   and verdict in ('accepted', 'partly'))
"""
_ANSWERED = """
    update outbox set answered_at = coalesce(answered_at, %s), verdict = coalesce(verdict, %s)
    where po_number = %s and kind = 'place'
"""
_FORGET_SPLITS = "delete from po_line_split where po_number = %s and line_no = %s"
_SPLITS = """
    insert into po_line_split (po_number, line_no, n, status, quantity, expected_on)
    select %s, %s, n, status, quantity, expected_on
    from unnest(%s::text[], %s::int[], %s::date[]) with ordinality as split (status, quantity, expected_on, n)
"""


async def acknowledge(connection: Connection, locked: LockedOrder, ack: OrderAck, *, at: datetime) -> Effect:
    """The supplier's answer to the order: line by line, each in parts; lines it does not name stay as they are."""
    order = locked.order
    row = await (await connection.execute(_AGREED_LATER, (order.po_number, ack.revision))).fetchone()
    if row and row[0]:
        await mark_known(connection, order, at=at, supplier_order_no=ack.supplier_order_no)
        return Effect(outcome=f"answers revision {ack.revision}, and a later one is agreed: recorded, not applied")
    if order.is_over:
        if order.rejected_at and ack.accepted:
            accepts = f"{order.supplier_name} accepts {order.po_number} after rejecting it"
            what = f"{accepts}. Tell them that it is not wanted any more."
            return Effect(outcome="accepts what was rejected: recorded, not applied", incidents=(what,))
        return Effect(outcome="the order is over: recorded, not applied")
    await mark_known(connection, order, at=at, supplier_order_no=ack.supplier_order_no)
    await connection.execute(_ANSWERED, (at, "accepted" if ack.accepted else "refused", order.po_number))
    if not ack.accepted:
        await reject(connection, locked, at=at)
        return Effect(outcome=f"rejected{f': {ack.reason}' if ack.reason else ''}")
    answers, incidents = _read(locked, ack.lines)
    lines: list[Line] = []
    for line in locked.lines:
        if line.line_no in answers:
            lines.append(await _confirm(connection, locked, line, answers[line.line_no], at=at))
        else:
            lines.append(line)
            claims = await claims_in_rank(connection, order.po_number, line.line_no)
            await _date(connection, locked, line, {one.backorder_id: one.expected_on for one in claims}, at=at)
    if answers and not any(line.open or line.received_good or line.received_bad for line in lines):
        await mark_rejected(connection, locked, at=at)
        return Effect(outcome="rejected, line by line", incidents=incidents)
    await offer_rest(connection, order, lines, at=at)
    return Effect(outcome=_said_of(lines, answers), incidents=incidents)


def _as_asked(answer: AckLine, line: Line) -> Split:
    """All of a line, of which the supplier states no quantity."""
    return Split(
        status=SplitStatus.ACCEPTED,
        quantity=Decimal(line.ordered - line.cancelled) / line.unit_factor,
        ship_on=answer.ship_on,
        deliver_on=answer.deliver_on,
    )


def _said_of(lines: Sequence[Line], answers: Mapping[int, Sequence[Split]]) -> str:
    said = [f"{line.open} of {line.ordered} {line.sku} to come" for line in lines if line.line_no in answers]
    return f"acknowledged: {', '.join(said)}" if said else "acknowledged as ordered"


def _read(locked: LockedOrder, lines: Sequence[AckLine]) -> tuple[dict[int, list[Split]], tuple[str, ...]]:
    """The parts of each line, by line number; and in words what cannot be read."""
    parts: dict[int, list[Split]] = {}
    incidents: list[str] = []
    for answer in lines:
        line = locked.find(answer.line)
        if line is None or any(stock_units(split.quantity, line) is None for split in answer.splits):
            what = "is not on it" if line is None else f"has parts of no whole stock units ({line.unit_factor} to one)"
            incidents.append(
                f"{locked.order.supplier_name} answers {locked.order.po_number} with {named(answer.line)}, "
                f"which {what}. Ask them what they will deliver."
            )
            continue
        parts.setdefault(line.line_no, []).extend(answer.splits or [_as_asked(answer, line)])
    for line in locked.lines:
        units = stock_units(still_to_come(parts.get(line.line_no, ())), line)
        if units is not None and units > line.ordered - line.cancelled:
            incidents.append(
                f"{locked.order.supplier_name} confirms {units} of {line.sku} on {locked.order.po_number}, of which "
                f"{line.ordered - line.cancelled} are ordered. Tell them to send no more."
            )
    return parts, tuple(incidents)


async def _confirm(
    connection: Connection, locked: LockedOrder, line: Line, splits: Sequence[Split], *, at: datetime
) -> Line:
    """One line as the supplier will deliver it: claims beyond that are trimmed, the others get their dates."""
    order = locked.order
    parts = [(stock_units(split.quantity, line) or 0, split.status, _expected_on(split, line)) for split in splits]
    confirmed = min(sum(units for units, status, _ in parts if status in TO_COME), line.ordered - line.cancelled)
    left = max(0, confirmed - line.settled)
    kept = await keep_only(connection, order, line, left, why="will not be delivered by the supplier", lost=True, at=at)
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


def _expected_on(split: Split, line: Line) -> date | None:
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
