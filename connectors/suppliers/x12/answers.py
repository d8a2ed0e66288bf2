"""What a supplier says of an order (855), of a change of it, and what it changes by itself (865).

An answer to a change names the change by our number (BCA05), which is our revision. Where it names none, or none that
is a number, its revision is 0: `NONE_NAMED`, the one change that is in flight; there is never more than one. What the
seller changes by itself (an 865 of its own, or an 855 in place of an earlier one) is an acknowledgement of the order as
it then stands: its revision is `AS_IT_STANDS`, since no later one can have overtaken it.
"""

from collections.abc import Sequence

from connectors.suppliers.x12.line_answers import LineReader, Loop, Loops, header_dates, loops
from connectors.suppliers.x12.partner import ChangeMeaning, LineMeaning, OrderMeaning
from connectors.suppliers.x12.reading import PO1, POC, Dates, Place, Reading, Unreadable, said
from connectors.suppliers.x12.syntax import Segment
from connectors.words import plain_words
from domain.supplier_events import (
    AS_IT_STANDS,
    NONE_NAMED,
    AckLine,
    ChangeAck,
    ChangeVerdict,
    OrderAck,
    SupplierEvent,
)

_CANCELLED = "01"
_IN_PLACE = frozenset({"04", "05"})
"""BAK01: a change of what was answered before, or another answer in its place."""
_ASKED_BY_US = frozenset({"AI", "DI", "QD", "QI"})
"""POC02 of the changes of lines that we ask for; a partner that answers them repeats it."""

MOST_TOLD = 5
"""Unreadable lines that are told one by one."""


def order_answer(reading: Reading) -> list[SupplierEvent]:
    """An 855. Raises: Unreadable."""
    bak = reading.first("BAK")
    po_number = reading.po_number(bak.at(3))
    code = bak.at(2)
    if bak.at(1) == _CANCELLED:
        return [reading.unmatched(po_number, f"takes its answer to {po_number} back (BAK01 = 01): ask what holds now")]
    meaning = reading.partner.order_meaning(code)
    header, lines = loops(reading.body, "PO1")
    days = header_dates(reading, header)
    words = said(header)
    if meaning is OrderMeaning.REFUSED and not _rejects_all(reading, lines):
        reading.issue(f"refuses the order ({code}), and accepts lines of it: the lines are taken to hold")
        meaning = OrderMeaning.LINES
    match meaning:
        case OrderMeaning.REFUSED:
            reason = plain_words("; ".join(dict.fromkeys([words, *_reasons(lines)])).strip("; "))
            return [_order_ack(reading, bak, po_number, reason=reason or f"code {code}", accepted=False)]
        case OrderMeaning.UNCLEAR:
            return [reading.unmatched(po_number, f"answers {po_number} with {code[:10]!r}: ask what it means. {words}")]
        case OrderMeaning.HELD if not any(loop.has("ACK", "SCH") for loop in lines):
            return [reading.unmatched(po_number, f"holds {po_number}: ask why, and until when. {words}")]
        case OrderMeaning.LINES if not lines and code != "AE":
            return [reading.unmatched(po_number, f"changes {po_number} ({code}), and names no line: ask which")]
        case _:
            pass
    known, problems = _answered(reading, lines, PO1, days, restated=meaning is not OrderMeaning.ACCEPTED)
    events: list[SupplierEvent] = []
    if known or not problems:
        events.append(_order_ack(reading, bak, po_number, reason=words, lines=tuple(known)))
    return [*events, *_told(reading, po_number, [*problems, *reading.questions])]


def change_answer(reading: Reading) -> list[SupplierEvent]:
    """An 865, asked for or not. Raises: Unreadable."""
    bca = reading.first("BCA")
    po_number = reading.po_number(bca.at(3))
    revision = _revision(reading, bca.at(5))
    if bca.at(1) in reading.partner.own_change_purposes or (
        revision is None and reading.partner.unnumbered_865 == "own"
    ):
        return _own_change(reading, bca, po_number)
    header, lines = loops(reading.body, "POC")
    code = bca.at(2)
    verdict, known, problems = _verdict(reading, code, lines, header_dates(reading, header))
    unclear = verdict is ChangeVerdict.UNCLEAR
    unread = [f"code {code}", *problems[:MOST_TOLD]] if unclear else []
    reason = plain_words("; ".join(dict.fromkeys(filter(None, [*unread, said(header), *_reasons(lines)]))))
    return [
        ChangeAck(
            po_number=po_number,
            revision=NONE_NAMED if revision is None else revision,
            verdict=verdict,
            lines=tuple(known) if verdict is ChangeVerdict.PARTLY else (),
            reason=reason,
        ),
        *_told(reading, po_number, reading.questions),
    ]


def _own_change(reading: Reading, bca: Segment, po_number: str) -> list[SupplierEvent]:
    header, lines = loops(reading.body, "POC")
    if bca.at(1) == _CANCELLED:
        reason = said(header) or "the seller cancels the order (BCA01 = 01)"
        return [OrderAck(po_number=po_number, revision=AS_IT_STANDS, accepted=False, reason=reason)]
    known: list[AckLine] = []
    problems: list[str] = []
    for loop in lines:
        try:
            line = LineReader(reading, loop, POC, header_dates(reading, header))
            deleted = loop.head.at(2) == "DI"
            known.append(line.taken_off() if deleted else line.answered())
        except Unreadable as unreadable:
            problems.append(str(unreadable))
    events: list[SupplierEvent] = []
    if known:
        ack = OrderAck(
            po_number=po_number,
            revision=AS_IT_STANDS,
            supplier_order_no=reading.name(bca.at(9)),
            lines=tuple(known),
            reason=said(header),
        )
        events.append(ack)
    elif not problems:
        problems.append("the seller changes the order, and names no line")
    return [*events, *_told(reading, po_number, [*problems, *reading.questions])]


def _verdict(reading: Reading, code: str, lines: Loops, days: Dates) -> tuple[ChangeVerdict, list[AckLine], list[str]]:
    """What became of a change, with the lines as they now stand and what of them cannot be read."""
    meaning = reading.partner.change_meaning(code)
    simple = {
        ChangeMeaning.ACCEPTED: ChangeVerdict.ACCEPTED,
        ChangeMeaning.REFUSED: ChangeVerdict.REFUSED,
        ChangeMeaning.UNCLEAR: ChangeVerdict.UNCLEAR,
    }
    if meaning in simple:
        return simple[meaning], [], []
    if meaning is ChangeMeaning.WITHDRAWN and _withdraws_all(reading, lines):
        return ChangeVerdict.ACCEPTED, [], []
    known: list[AckLine] = []
    problems: list[str] = []
    for loop in lines:
        try:
            if line := _standing(reading, LineReader(reading, loop, POC, days), loop):
                known.append(line)
        except Unreadable as unreadable:
            problems.append(str(unreadable))
    if problems or not lines:
        return ChangeVerdict.UNCLEAR, [], problems or ["no line is named"]
    return (ChangeVerdict.PARTLY if known else ChangeVerdict.REFUSED), known, []


def _standing(reading: Reading, line: LineReader, loop: Loop) -> AckLine | None:
    """A line of an answered change as it now stands; None if it stands as it did before. Raises: Unreadable."""
    deletion = loop.head.at(2) == "DI"
    rejected = bool(line.codes) and all(_rejects(reading, code) for code in line.codes)
    if not rejected:
        return line.taken_off() if deletion else line.answered()
    if "ID" in line.codes:
        return line.taken_off()
    if not deletion:
        # We asked for another quantity, and that is what is rejected. Under any other code it is the line itself.
        return None if loop.head.at(2) in _ASKED_BY_US else line.taken_off()
    match reading.partner.deletion_rejected:
        case "deleted":
            return line.taken_off()
        case "stands":
            return None
        case "unclear":
            raise Unreadable(f"{line.where}: its deletion is answered with {'+'.join(line.codes)}: is it deleted?")


def _withdraws_all(reading: Reading, lines: Loops) -> bool:
    """Every line is rejected, and not because we asked something of that line."""
    return (
        bool(lines)
        and all(loop.head.at(2) not in _ASKED_BY_US for loop in lines)
        and all(loop.has("ACK") and _rejected(reading, loop) for loop in lines)
    )


def _answered(
    reading: Reading, lines: Loops, place: Place, days: Dates, *, restated: bool
) -> tuple[list[AckLine], list[str]]:
    """The lines that say more than "as ordered", and what cannot be read."""
    known: list[AckLine] = []
    problems: list[str] = []
    for loop in lines:
        try:
            line = LineReader(reading, loop, place, days)
            if line.detailed:
                known.append(line.answered())
            elif restated or line.dated:
                known.append(line.restated())
        except Unreadable as unreadable:
            problems.append(str(unreadable))
    return known, problems


def _order_ack(
    reading: Reading,
    bak: Segment,
    po_number: str,
    *,
    reason: str,
    accepted: bool = True,
    lines: tuple[AckLine, ...] = (),
) -> OrderAck:
    return OrderAck(
        po_number=po_number,
        revision=AS_IT_STANDS if bak.at(1) in _IN_PLACE else 0,
        accepted=accepted,
        supplier_order_no=reading.name(bak.at(8)),
        lines=lines,
        reason=reason,
    )


def _revision(reading: Reading, text: str) -> int | None:
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return int(text) or None
    if text:
        reading.issue(f"the change it answers, {text[:20]!r} (BCA05), is no number of ours")
    return None


def _rejects(reading: Reading, code: str) -> bool:
    return reading.partner.line_meaning(code) is LineMeaning.REJECTED


def _rejected(reading: Reading, loop: Loop) -> bool:
    return all(_rejects(reading, segment.at(1)) for segment in loop.rest if segment.tag == "ACK")


def _rejects_all(reading: Reading, lines: Loops) -> bool:
    return all(_rejected(reading, loop) for loop in lines)


def _reasons(lines: Loops) -> list[str]:
    """What lines say to people: each once, the first few."""
    words = dict.fromkeys(said(loop.rest) for loop in lines)
    return list(filter(None, words))[:MOST_TOLD]


def _told(reading: Reading, po_number: str, problems: Sequence[str]) -> list[SupplierEvent]:
    """What cannot be read, or has to be asked, as one incident."""
    if not problems:
        return []
    for problem in problems:
        reading.issue(problem)
    more = f"; and {len(problems) - MOST_TOLD} more" if len(problems) > MOST_TOLD else ""
    return [reading.unmatched(po_number, "; ".join(problems[:MOST_TOLD]) + more)]
