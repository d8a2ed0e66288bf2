"""What became of an operation: it was sent, refused, answered, or met by silence; each moves the lines once.

One change is in flight at a time. An answer that comes late is recorded, and applied only where it still can be.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal, NamedTuple

from domain.errors import NotFound
from domain.names import purchase_order_workflow_id
from domain.purchase_order_position import OperationKind
from domain.supplier_events import AckLine, ChangeAck, ChangeVerdict, Split, SyntaxAck
from ledger.answered_days import without_days_long_past
from ledger.answered_prices import asked_of_prices
from ledger.attention import ask_operator
from ledger.book import Connection, Ledger, fetch_one
from ledger.confirming import as_asked, confirm, confirm_as_asked, still_to_come
from ledger.locked_orders import Effect, Line, LockedOrder, lock_order, named, stock_units, write_line
from ledger.order_lines import forgo, keep_only, let_stand, offer_rest, reject, write_off

SILENT = "silent"
"""The verdict of an operation whose answer was given up."""


class _Operation(NamedTuple):
    operation_id: str
    po_number: str
    kind: str
    revision: int
    state: str
    answered_at: datetime | None
    verdict: str | None

    @property
    def said(self) -> str:
        return f"{self.kind} revision {self.revision}"


_PO_OF = "select po_number from outbox where operation_id = %s"
_OPERATION = """
    select operation_id, po_number, kind, revision, state, answered_at, verdict
    from outbox where operation_id = %s for no key update
"""
_OPERATION_OF_REVISION = """
    select operation_id, po_number, kind, revision, state, answered_at, verdict
    from outbox where po_number = %s and revision = %s and kind <> 'place' for no key update
"""
_UNANSWERED = """
    select operation_id, po_number, kind, revision, state, answered_at, verdict
    from outbox where po_number = %s and kind <> 'place' and answered_at is null
    order by revision desc limit 1 for no key update
"""
# A supplier that speaks of an operation has it, so 'unknown' told after 'delivered' is old news.
_SENT = """
    update outbox set state = %(result)s, sent_at = coalesce(sent_at, %(at)s), reason = %(reason)s,
           reference = coalesce(%(reference)s, reference)
    where operation_id = %(operation_id)s and state in ('rendered', 'unknown')
"""
_ANSWERED = """
    update outbox set answered_at = %(at)s, verdict = %(verdict)s,
           state = case when %(heard)s and state in ('rendered', 'unknown') then 'delivered' else state end
    where operation_id = %(operation_id)s
"""
_CANCELLED = "update purchase_order set cancelled_at = coalesce(cancelled_at, %s) where po_number = %s"


async def record_send(
    ledger: Ledger,
    operation_id: str,
    *,
    key: str,
    at: datetime,
    result: Literal["delivered", "refused", "unknown"],
    reference: str | None = None,
    reason: str = "",
) -> None:
    """Write down what sending an operation came to.

    A refused order is as one rejected by the supplier: every claim goes back to sourcing. A refused change or
    cancellation is as one answered with no.

    Raises:
        NotFound: no such operation.
    """
    po_number = await _po_of(ledger, operation_id)
    async with ledger.fact(
        key=key, subject=purchase_order_workflow_id(po_number), kind=f"send {result}", at=at
    ) as fact:
        if fact.repeated:
            return
        locked = await lock_order(fact.connection, po_number)
        operation = await _operation(fact.connection, operation_id)
        fact.note(operation_id=operation_id, text=f"Sent {operation.said}: {result}{f' ({reason})' if reason else ''}")
        sent = {"operation_id": operation_id, "result": result, "at": at, "reference": reference, "reason": reason}
        changed = (await fact.connection.execute(_SENT, sent)).rowcount
        if result != "refused" or not changed or operation.answered_at is not None:
            return
        await _answer(fact.connection, operation, ChangeVerdict.REFUSED, at=at, heard=True)
        if operation.kind == OperationKind.PLACE:
            await reject(fact.connection, locked, at=at)
        else:
            await let_stand(fact.connection, locked, at=at)


async def give_up_change(ledger: Ledger, operation_id: str, *, key: str, at: datetime) -> None:
    """Nobody answered a change or cancellation: the order stands as it was, and what is free goes to those who wait.

    Nothing happens if an answer came meanwhile; nor to a change that adds lines, since nobody but the supplier knows
    whether it does: buying the goods elsewhere may buy them twice.

    Raises:
        NotFound: no such operation.
    """
    po_number = await _po_of(ledger, operation_id)
    async with ledger.fact(
        key=key, subject=purchase_order_workflow_id(po_number), kind="gave up waiting", at=at
    ) as fact:
        if fact.repeated:
            return
        locked = await lock_order(fact.connection, po_number)
        operation = await _operation(fact.connection, operation_id)
        if operation.answered_at is not None or operation.kind == OperationKind.PLACE or locked.adds_lines:
            return
        fact.note(operation_id=operation_id, text=f"No answer to {operation.said}: the order stands as it was")
        await _answer(fact.connection, operation, SILENT, at=at, heard=False)
        await let_stand(fact.connection, locked, at=at)
        if operation.kind == OperationKind.CANCEL:
            supplier = locked.order.supplier_name
            what = (
                f"{supplier} did not answer the cancellation of {po_number}. Call them; then resolve with "
                "'acknowledged' if the goods will come, or with 'close_short' to buy elsewhere."
            )
            await ask_operator(fact.connection, po_number, what, at=at)


async def answer_change(connection: Connection, locked: LockedOrder, ack: ChangeAck, *, at: datetime) -> Effect:
    """The supplier's answer to a change or cancellation."""
    order = locked.order
    which = (
        (_OPERATION_OF_REVISION, (order.po_number, ack.revision)) if ack.revision else (_UNANSWERED, (order.po_number,))
    )
    operation = await fetch_one(connection, _Operation, *which)
    if operation is None:
        what = f"{order.supplier_name} answers revision {ack.revision} of {order.po_number}, which was never asked."
        return Effect(outcome="answers a revision that was never asked: recorded, not applied", incidents=(what,))
    if operation.answered_at is not None:
        return await _answer_again(connection, locked, operation, ack, at=at)
    incidents: tuple[str, ...] = ()
    verdict = ack.verdict
    if verdict is ChangeVerdict.PARTLY and not ack.lines:
        verdict = ChangeVerdict.UNCLEAR
    said = f" ({ack.reason})" if ack.reason else ""
    if verdict is ChangeVerdict.UNCLEAR and locked.adds_lines:
        what = (
            f"{order.supplier_name}'s answer to the lines added to {order.po_number} is unclear{said}. Ask them; then "
            "resolve with 'acknowledged' if they deliver them, or with 'refused' to buy the goods elsewhere."
        )
        return Effect(outcome=f"{operation.said}: unclear, it waits for another answer", incidents=(what,))
    # Written first: while a cancellation is unanswered, nothing of the order is offered to anyone.
    await _answer(connection, operation, verdict, at=at, heard=True)
    if verdict is ChangeVerdict.ACCEPTED:
        await _agreed(connection, locked, operation, at=at)
    elif verdict is ChangeVerdict.PARTLY:
        incidents = await _partly(connection, locked, ack.lines, at=at)
    else:
        await let_stand(connection, locked, at=at)
    if verdict is ChangeVerdict.UNCLEAR:
        incidents = (
            f"{order.supplier_name}'s answer to {operation.said} of {order.po_number} is unclear{said}. Ask them; the "
            "order is taken to stand as it was.",
        )
    return Effect(outcome=f"{operation.said}: {verdict}", incidents=incidents)


_READ = """
    update outbox set read_at = coalesce(read_at, %(at)s), unread_because = coalesce(unread_because, %(because)s),
           state = case when state in ('rendered', 'unknown') then 'delivered' else state end,
           sent_at = coalesce(sent_at, %(at)s)
    where supplier_id = %(supplier_id)s and control_number = %(number)s
    returning kind, revision
"""


async def note_reading(connection: Connection, locked: LockedOrder, word: SyntaxAck, *, at: datetime) -> Effect:
    """The supplier could read a document, or could not: so it has it, and that is all this says."""
    order = locked.order
    because = None if word.accepted else word.reason or "no reason given"
    parts = {"supplier_id": order.supplier_id, "number": word.control_number, "because": because, "at": at}
    row = await (await connection.execute(_READ, parts)).fetchone()
    said = f"document {word.control_number}" if row is None else f"{row[0]} revision {row[1]}"
    if word.accepted:
        return Effect(outcome=f"could read {said}")
    anew = "refused" if locked.adds_lines else "withdraw"
    what = (
        f"{order.supplier_name} could not read {said} of {order.po_number}: {because}. It will not act on it. Correct "
        f"the partner's profile; then resolve with '{anew}' to buy anew, or with 'acknowledged' if they take it."
    )
    return Effect(outcome=f"could not read {said}: {because}", incidents=(what,))


async def _answer_again(
    connection: Connection, locked: LockedOrder, operation: _Operation, ack: ChangeAck, *, at: datetime
) -> Effect:
    """An answer to what was answered or given up before. A late yes is taken while it harms nobody."""
    if operation.verdict == ack.verdict:
        return Effect(outcome="repeat, counted once")
    order = locked.order
    if operation.verdict == SILENT and ack.verdict is ChangeVerdict.ACCEPTED and not order.is_over:
        if operation.kind == OperationKind.CANCEL:
            # Nothing will come, whoever counts on it; every hour they do not know it is lost to them.
            await _agreed(connection, locked, operation, at=at)
        elif await _adds_what_was_given_up(connection, locked, operation.revision):
            what = (
                f"{order.supplier_name} adds lines to {order.po_number} after that was given up, and the goods are "
                "bought elsewhere by now. Tell them to leave the lines out; what arrives goes to whoever waits, else "
                "to stock."
            )
            return Effect(outcome="adds lines that were given up: recorded, not applied", incidents=(what,))
        elif not await _take_off_late(connection, locked, operation.revision):
            what = (
                f"{order.supplier_name} accepted {operation.said} of {order.po_number} after it was given up, and the "
                "units are promised to others by now. Ask the supplier to deliver them after all, or close it short."
            )
            return Effect(outcome="accepted too late: the units are taken; recorded, not applied", incidents=(what,))
        await _answer(connection, operation, ack.verdict, at=at, heard=True)
        return Effect(outcome=f"{operation.said}: accepted late, applied")
    if operation.verdict in {SILENT, "overtaken"}:
        return Effect(
            outcome=f"{operation.said}: {ack.verdict}, after it was {operation.verdict}: recorded, not applied"
        )
    answered = f"{order.supplier_name} answered {operation.said} of {order.po_number} twice"
    what = f"{answered}: {operation.verdict}, then {ack.verdict}. Ask them which holds."
    return Effect(
        outcome=f"contradicts the first answer, {operation.verdict}: recorded, not applied", incidents=(what,)
    )


async def _agreed(connection: Connection, locked: LockedOrder, operation: _Operation, *, at: datetime) -> None:
    """The supplier does as asked."""
    if operation.kind == OperationKind.CANCEL:
        for line in locked.lines:
            await write_off(connection, locked.order, line, "cancelled", why="are withdrawn from the supplier", at=at)
        await connection.execute(_CANCELLED, (at, locked.order.po_number))
        return
    for line in locked.lines:
        if line.to_add:
            await confirm_as_asked(connection, locked, line, at=at)
        elif line.to_reduce:
            await write_line(connection, locked.order, _without(line, line.to_reduce))


async def _partly(
    connection: Connection, locked: LockedOrder, answers: Sequence[AckLine], *, at: datetime
) -> tuple[str, ...]:
    """The lines named stand at a new total; what went is cancelled, and the rest that was asked for stays.

    A line to add that is not named is not added; unless the answer names something that nobody can make out.
    """
    order = locked.order
    incidents: list[str] = []
    totals: dict[int, int] = {}
    stated: dict[int, list[Split]] = {}
    for answer in answers:
        line = locked.find(answer.line)
        units = None
        if line is not None:
            asked = line.total - line.to_reduce
            units = stock_units(still_to_come(answer.splits), line) if answer.splits else asked
        if line is None or units is None:
            incidents.append(
                f"{order.supplier_name} answered a change of {order.po_number} with {named(answer.line)}, which cannot "
                "be read. Ask them what they will deliver."
            )
            continue
        totals[line.line_no] = totals.get(line.line_no, 0) + units
        stated.setdefault(line.line_no, []).extend(answer.splits or [as_asked(answer, line)])
    parts, days = without_days_long_past(locked, stated, at=at)
    for line in locked.lines:
        if line.to_add:
            await _added(connection, locked, line, parts.get(line.line_no), doubtful=bool(incidents), at=at)
            continue
        left = min(line.open, max(0, totals.get(line.line_no, line.total) - line.received_good - line.received_bad))
        kept = await keep_only(connection, order, line, left, why="are taken off by the supplier", lost=True, at=at)
        gone = line.open - left
        await write_line(
            connection,
            order,
            replace(
                kept,
                open=left,
                cancelled=line.cancelled + gone,
                to_reduce=0,
                in_transit=min(line.in_transit, left),
            ),
        )
    await offer_rest(connection, order, locked.lines, at=at)
    return (*incidents, *await asked_of_prices(connection, locked, parts, at=at), *days)


async def _added(
    connection: Connection,
    locked: LockedOrder,
    line: Line,
    splits: Sequence[Split] | None,
    *,
    doubtful: bool,
    at: datetime,
) -> None:
    """What became of one line that a change adds, by an answer that speaks of lines."""
    if splits is not None:
        await confirm(connection, locked, line, splits, at=at)
    elif doubtful:
        await confirm_as_asked(connection, locked, line, at=at)
    else:
        await forgo(connection, locked.order, line, at=at)


# Whoever agrees to it has it, though nobody knew yet whether it arrived.
_TAKEN = """
    update outbox set answered_at = %(at)s, verdict = 'accepted', state = 'delivered'
    where po_number = %(po_number)s and revision = %(revision)s and kind = 'change'
      and state in ('unknown', 'delivered') and answered_at is null
"""


async def take_as_agreed(connection: Connection, locked: LockedOrder, revision: int, *, at: datetime) -> bool:
    """An acknowledgement that names the revision which adds lines answers that, too. Returns whether it does."""
    if not locked.adds_lines or revision != locked.order.revision:
        return False
    parts = {"at": at, "po_number": locked.order.po_number, "revision": revision}
    return (await connection.execute(_TAKEN, parts)).rowcount > 0


_ASKED = "select line_no, ordered from po_line_revision where po_number = %s and revision = %s"
_ADDED = """
    select exists (select from po_line_revision r join po_line l using (po_number, line_no)
                   where r.po_number = %(po_number)s and r.revision = %(revision)s and r.ordered > 0
                     and l.open = 0 and l.received_good + l.received_bad = 0
                     and not exists (select from po_line_revision first where first.po_number = r.po_number
                                     and first.line_no = r.line_no and first.revision = 0))
"""


async def _adds_what_was_given_up(connection: Connection, locked: LockedOrder, revision: int) -> bool:
    """Did that revision ask for lines that were not placed with the order, and of which nothing is expected now?"""
    parts = {"po_number": locked.order.po_number, "revision": revision}
    row = await (await connection.execute(_ADDED, parts)).fetchone()
    return bool(row and row[0])


async def _take_off_late(connection: Connection, locked: LockedOrder, revision: int) -> bool:
    """Take off what a given-up change asked for, if all of it is still nobody's. Returns whether it was."""
    rows = await (await connection.execute(_ASKED, (locked.order.po_number, revision))).fetchall()
    asked: dict[int, int] = dict(rows)
    off = {line: max(0, line.total - asked.get(line.line_no, line.total)) for line in locked.lines}
    if any(units > line.free for line, units in off.items()):
        return False
    for line, units in off.items():
        if units:
            await write_line(connection, locked.order, replace(_without(line, units), to_reduce=line.to_reduce))
    return True


def _without(line: Line, units: int) -> Line:
    """The line when the supplier has taken off as many units as it was asked to."""
    left = line.open - units
    cancelled, in_transit = line.cancelled + units, min(line.in_transit, left)
    return replace(line, open=left, cancelled=cancelled, to_reduce=0, in_transit=in_transit)


async def _answer(connection: Connection, operation: _Operation, verdict: str, *, at: datetime, heard: bool) -> None:
    parts = {"operation_id": operation.operation_id, "verdict": verdict, "at": at, "heard": heard}
    await connection.execute(_ANSWERED, parts)


async def _po_of(ledger: Ledger, operation_id: str) -> str:
    async with ledger.look() as connection:
        row = await (await connection.execute(_PO_OF, (operation_id,))).fetchone()
    if row is None:
        raise NotFound(f"no operation {operation_id!r} in the outbox; store it before it is sent")
    return str(row[0])


async def _operation(connection: Connection, operation_id: str) -> _Operation:
    operation = await fetch_one(connection, _Operation, _OPERATION, (operation_id,))
    if operation is None:
        raise NotFound(f"no operation {operation_id!r} in the outbox; store it before it is sent")
    return operation
