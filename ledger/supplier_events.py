"""What each word of a supplier does to the books: acknowledgements here; ship notices, receipts and answers beside.

Every effect runs in one transaction under the order's locks. What cannot be applied is an outcome in words and, where a
person is needed, an incident; never an exception, since a message would then block those behind it for ever.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from domain.supplier_events import (
    AckLine,
    ChangeAck,
    Hint,
    OrderAck,
    Received,
    ShipNotice,
    Split,
    SupplierEvent,
    SyntaxAck,
    Unmatched,
)
from ledger.answered_days import without_days_long_past
from ledger.answered_prices import asked_of_prices
from ledger.answers import answer_change, note_reading, take_as_agreed
from ledger.attention import ask_operator
from ledger.book import Connection
from ledger.coming_again import offer_again
from ledger.confirming import as_asked, confirm, confirm_as_asked, still_to_come
from ledger.locked_orders import Effect, Line, LockedOrder, lock_order, named, stock_units
from ledger.order_lines import mark_arrived, mark_known, mark_rejected, offer_rest, reject
from ledger.receipts import receive
from ledger.ship_notices import ship


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


# An answer is old when a later revision is agreed that asked for less. While that one is only asked, or was refused,
# the order still is what the answer is about: it crossed the question in the post. Nor do added lines change what is
# said of the others, of which the supplier may have confirmed less than was ordered by itself.
_AGREED_LATER = """
    select exists (
        select from outbox o where o.po_number = %(po_number)s and o.revision > %(revision)s and o.kind <> 'place'
        and o.verdict in ('accepted', 'partly') and (o.kind = 'cancel' or exists (
            select from po_line_revision l join po_line_revision answered using (po_number, line_no)
            where l.po_number = o.po_number and l.revision = o.revision and answered.revision = %(revision)s
            and l.ordered < answered.ordered)
            and not exists (
                select from po_line_revision added
                where added.po_number = o.po_number and added.revision = o.revision and added.ordered > 0
                and not exists (
                    select from po_line_revision before join outbox asked using (po_number, revision)
                    where before.po_number = o.po_number and before.line_no = added.line_no
                    and before.revision < o.revision))))
"""
_ANSWERED = """
    update outbox set answered_at = coalesce(answered_at, %s), verdict = coalesce(verdict, %s)
    where po_number = %s and kind = 'place'
"""


async def acknowledge(connection: Connection, locked: LockedOrder, ack: OrderAck, *, at: datetime) -> Effect:
    """The supplier's answer to the order: line by line, each in parts; lines it does not name come as they were asked.

    Unless it names something that nobody can make out, which may be any of them: then they stay unanswered, and an
    answer of nothing else is none. Of lines that it is asked to add it speaks by naming them, or by naming the revision
    that asks for them.
    """
    order = locked.order
    parts = {"po_number": order.po_number, "revision": ack.revision}
    row = await (await connection.execute(_AGREED_LATER, parts)).fetchone()
    if row and row[0]:
        await mark_known(connection, order, at=at, supplier_order_no=ack.supplier_order_no)
        return Effect(outcome=f"answers revision {ack.revision}, and a later one is agreed: recorded, not applied")
    if order.is_over:
        if order.rejected_at and ack.accepted:
            accepts = f"{order.supplier_name} accepts {order.po_number} after rejecting it"
            what = f"{accepts}. Tell them that it is not wanted any more."
            return Effect(outcome="accepts what was rejected: recorded, not applied", incidents=(what,))
        return Effect(outcome="the order is over: recorded, not applied")
    stated, unread = _read(locked, ack.lines)
    if ack.accepted and unread and not stated:
        await mark_arrived(connection, order, at=at)
        return Effect(outcome="names no line that can be made out: recorded, not applied", incidents=unread)
    await mark_known(connection, order, at=at, supplier_order_no=ack.supplier_order_no)
    await connection.execute(_ANSWERED, (at, "accepted" if ack.accepted else "refused", order.po_number))
    if not ack.accepted:
        await reject(connection, locked, at=at)
        return Effect(outcome=f"rejected{f': {ack.reason}' if ack.reason else ''}")
    agreed = not unread and await take_as_agreed(connection, locked, ack.revision, at=at)
    answers, days = without_days_long_past(locked, stated, at=at)
    prices = await asked_of_prices(connection, locked, answers, at=at)
    incidents = (*unread, *_more_than_ordered(locked, answers), *prices, *days)
    lines: list[Line] = []
    for line in locked.lines:
        if line.line_no in answers:
            lines.append(await confirm(connection, locked, line, answers[line.line_no], at=at))
        elif unread or (line.to_add and not agreed):
            lines.append(line)
        else:
            lines.append(await confirm_as_asked(connection, locked, line, at=at))
    if answers and not any(line.open or line.received_good or line.received_bad for line in lines):
        await mark_rejected(connection, locked, at=at)
        return Effect(outcome="rejected, line by line", incidents=incidents)
    again = await offer_again(connection, locked, lines, at=at)
    await offer_rest(connection, order, lines, at=at)
    return Effect(outcome=_said_of(lines, answers), incidents=(*incidents, *again))


def _said_of(lines: Sequence[Line], answers: Mapping[int, Sequence[Split]]) -> str:
    said = [f"{line.open} of {line.ordered} {line.sku} to come" for line in lines if line.line_no in answers]
    return f"acknowledged: {', '.join(said)}" if said else "acknowledged as ordered"


def _read(locked: LockedOrder, lines: Sequence[AckLine]) -> tuple[dict[int, list[Split]], tuple[str, ...]]:
    """The parts of each line, by line number; and in words what cannot be read."""
    parts: dict[int, list[Split]] = {}
    unread: list[str] = []
    for answer in lines:
        line = locked.find(answer.line)
        if line is None or any(stock_units(split.quantity, line) is None for split in answer.splits):
            what = "is not on it" if line is None else f"has parts of no whole stock units ({line.unit_factor} to one)"
            unread.append(
                f"{locked.order.supplier_name} answers {locked.order.po_number} with {named(answer.line)}, "
                f"which {what}. Ask them what they will deliver."
            )
            continue
        parts.setdefault(line.line_no, []).extend(answer.splits or [as_asked(answer, line)])
    return parts, tuple(unread)


def _more_than_ordered(locked: LockedOrder, answers: Mapping[int, Sequence[Split]]) -> Iterator[str]:
    """In words, of which lines the supplier confirms more than was ordered, or says two things of the same units."""
    supplier, po_number = locked.order.supplier_name, locked.order.po_number
    for line in locked.lines:
        parts = answers.get(line.line_no, ())
        coming = stock_units(still_to_come(parts), line)
        said = stock_units(sum((part.quantity for part in parts), start=Decimal(0)), line)
        if coming is not None and coming > line.ordered - line.cancelled:
            yield (
                f"{supplier} confirms {coming} of {line.sku} on {po_number}, of which "
                f"{line.ordered - line.cancelled} are ordered. Tell them to send no more."
            )
        elif said is not None and said > line.ordered:
            yield (
                f"{supplier} answers {po_number} with {coming or 0} of {line.sku} that come and {said - (coming or 0)} "
                f"that do not, of {line.ordered} ordered. Ask them which holds."
            )
