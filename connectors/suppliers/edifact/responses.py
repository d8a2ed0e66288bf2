"""ORDRSP: the answer to an order, or to a change of it, line by line and each line in parts.

A line that is accepted without any quantity is left out, since a line that is not named stands as it was ordered.

An ORDRSP answers a change if it names its number. One that names none tells how the order stands at the supplier,
which no later revision can have overtaken: `AS_IT_STANDS`. Some partners name none and repeat the action of our ORDCHG
on each line instead; then it is about the one change that is in flight: `NONE_NAMED`.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from connectors.suppliers.edifact.lines import Blocks, blocks, line_ref, reference, substitute
from connectors.suppliers.edifact.partner import EdifactPartner, LineMeaning, Meaning
from connectors.suppliers.edifact.syntax import Body, Segment
from connectors.suppliers.edifact.values import MOST_UNITS, currency, day, free_text, name, price, quantity
from connectors.suppliers.issues import Issues
from connectors.words import plain_words
from domain.supplier_events import (
    AS_IT_STANDS,
    NONE_NAMED,
    AckLine,
    ChangeAck,
    ChangeVerdict,
    Hint,
    OrderAck,
    Split,
    SplitStatus,
    SupplierEvent,
    Unmatched,
)

CHANGE_MARK = "/"
"""Between order number and revision in the number of an ORDCHG: no order number of ours holds it."""

_ASKED_BY_US = frozenset({"1", "2", "3"})
"""LIN 1229 of an ORDCHG, which some repeat in the answer."""

_NO_PROMISES = frozenset({"4", "36", "94", "137", "171", "361"})
"""DTM 2005 of days that promise nothing: of the order, of documents, of production and expiry."""

_ORDERED: Final = "21"
"""QTY 6063 of what was ordered, which an answer repeats."""

_NO_ANSWERS = frozenset({_ORDERED, "47", "52", "53", "54", "59", "85"})
"""QTY 6063 of what was ordered, is invoiced, is in a package, may be ordered, is cancelled."""

_CHANGE_REFERENCES = ("PP", "CR", "ACW", "ON")
"""RFF 1153 by which an answer may name our ORDCHG."""


_REFUSED_CHANGES = {
    "refused": ChangeVerdict.REFUSED,
    "withdrawn": ChangeVerdict.ACCEPTED,
    "unclear": ChangeVerdict.UNCLEAR,
}


class _Dates(NamedTuple):
    deliver_on: date | None = None
    ship_on: date | None = None

    def otherwise(self, other: "_Dates") -> "_Dates":
        """These, or others if there are none."""
        return self if self.deliver_on or self.ship_on else other


_NO_DATES = _Dates()


class _Part(NamedTuple):
    """Quantities that stand together, by 6063, and the days that follow them; None if no DTM does."""

    quantities: dict[str, Decimal]
    dates: _Dates | None


class _Stated(NamedTuple):
    """A part of the answer to a line."""

    status: SplitStatus
    units: Decimal
    dates: _Dates = _NO_DATES


class _Said(NamedTuple):
    """What a line says of all its parts."""

    unit_price: Decimal | None
    currency: str | None
    reason: str
    instead: str | None

    def split(self, part: _Stated) -> Split:
        """A part, with this."""
        substituted = self.instead is not None and part.status is SplitStatus.ACCEPTED
        return Split(
            status=SplitStatus.SUBSTITUTED if substituted else part.status,
            quantity=part.units,
            ship_on=part.dates.ship_on,
            deliver_on=part.dates.deliver_on,
            unit_price=self.unit_price,
            currency=self.currency,
            substitute=self.instead if substituted else None,
            reason=self.reason,
        )


class _Line(NamedTuple):
    """What one LIN says."""

    answer: AckLine
    """Without parts if it is accepted as asked, and no quantity is stated."""
    meaning: LineMeaning | None
    unreadable: bool
    """It states a quantity, and none that can be read."""

    @property
    def name(self) -> str:
        """What it is called, for people."""
        line = self.answer.line
        return f"line {line.line_no or line.sku or line.supplier_sku or '?'}"

    @property
    def says_something(self) -> bool:
        """It has parts, or a day for all of it; the others stand as they were ordered."""
        return bool(self.answer.splits or self.answer.ship_on or self.answer.deliver_on)

    @property
    def nothing_accepted(self) -> bool:
        """Its parts are all late or refused."""
        return not any(split.status is SplitStatus.ACCEPTED for split in self.answer.splits)


def read_response(segments: Body, partner: EdifactPartner, issues: Issues) -> list[SupplierEvent]:
    """The events of one ORDRSP."""
    header, lines = blocks(segments, issues)
    bgm = next((segment for segment in header if segment.tag == "BGM"), Segment("BGM", []))
    number, revision = _order(header, lines, issues)
    response = name(bgm.part(2), "the number of the ORDRSP", issues)
    said = f"ORDRSP {response or 'without number'}"
    if not number:
        return [Unmatched(what=plain_words(f"{said} names no order of ours (RFF+ON). Ask them which it is."))]
    reason = plain_words(free_text(header))
    meaning = partner.function(bgm.part(3)) or partner.response_type(bgm.part(4)) or Meaning.BY_LINE
    if meaning is Meaning.RECEIVED:
        return [Hint(po_number=number, what=plain_words(f"{said}: they have it and say nothing of it yet. {reason}"))]
    dates = _dates([segment for segment in header if segment.tag == "DTM"], partner, issues)
    priced_in = currency(header, issues)
    read = [_read_line(block, dates, priced_in, partner, issues) for block in lines]
    if meaning is Meaning.BY_LINE and not any(one.meaning or one.answer.splits for one in read):
        meaning = Meaning.UNCLEAR
    if revision is None and partner.change_answers == "by action":
        revision = NONE_NAMED if any(block[0].part(2) in _ASKED_BY_US for block in lines) else None
    if revision is not None:
        verdict, stand = _verdict(meaning, read, partner)
        if verdict is ChangeVerdict.UNCLEAR:
            reason = reason or "It does not say how many stay on each line."
        return [ChangeAck(po_number=number, revision=revision, verdict=verdict, lines=stand, reason=reason)]
    if meaning is Meaning.UNCLEAR:
        code = f"function {bgm.part(3) or 'none'}, response type {bgm.part(4) or 'none'}"
        what = f"{said} ({code}) says neither that they take the order nor that they do not. Ask them. {reason}"
        return [Unmatched(po_number=number, what=plain_words(what))]
    theirs = name(reference(header, "VN"), "the supplier's order number", issues) or response or None
    if meaning is Meaning.REFUSED:
        reason = reason or plain_words(free_text([segment for block in lines for segment in block]))
        return [
            OrderAck(po_number=number, revision=AS_IT_STANDS, accepted=False, supplier_order_no=theirs, reason=reason)
        ]
    if meaning is Meaning.ACCEPTED and any(one.meaning is LineMeaning.REFUSED for one in read):
        issues.add("the ORDRSP accepts the order and refuses lines of it; the lines count")
    answers = tuple(one.answer for one in read if one.says_something)
    unreadable = [one.name for one in read if one.unreadable]
    events: list[SupplierEvent] = []
    if answers or not unreadable:  # without any line it would say that all is as ordered
        events.append(
            OrderAck(po_number=number, revision=AS_IT_STANDS, supplier_order_no=theirs, lines=answers, reason=reason)
        )
    if unreadable:
        what = f"{said} states a quantity that cannot be read for {', '.join(unreadable)}. Ask what they will deliver."
        events.append(Unmatched(po_number=number, what=plain_words(what)))
    if not lines and (day_of_all := dates.deliver_on or dates.ship_on):
        events.append(Hint(po_number=number, what=plain_words(f"{said} accepts all lines for {day_of_all}")))
    return events


def _order(header: Sequence[Segment], lines: Blocks, issues: Issues) -> tuple[str, int | None]:
    """The order's number, and which change of it is answered, if one is named."""
    named = reference(header, "ON")
    if not named:
        of_lines = {found for block in lines if (found := reference(block, "ON"))}
        named = of_lines.pop() if len(of_lines) == 1 else ""
        if of_lines:
            issues.add("the ORDRSP names several orders, and none in its header")
            named = ""
    for segment in header:
        if segment.tag == "RFF" and segment.part(1) in _CHANGE_REFERENCES:
            order, mark, revision = segment.part(1, 2).rpartition(CHANGE_MARK)
            counts = mark and revision.isascii() and revision.isdigit() and len(revision) < 6
            if counts and named in {"", segment.part(1, 2), order}:
                return name(order, "our order number", issues), int(revision)
    return name(named, "our order number", issues), None


def _verdict(
    meaning: Meaning, read: Sequence[_Line], partner: EdifactPartner
) -> tuple[ChangeVerdict, tuple[AckLine, ...]]:
    """What became of a change, as the whole message says, else as its lines agree, else line by line."""
    # a line whose change is refused stands as it was, as do lines that are not named
    taken = [one for one in read if one.meaning is not LineMeaning.REFUSED]
    if meaning is Meaning.REFUSED:
        return _REFUSED_CHANGES[partner.refused_changes], ()
    if meaning is Meaning.UNCLEAR or any(one.unreadable for one in read):
        return ChangeVerdict.UNCLEAR, ()
    if meaning is Meaning.ACCEPTED and len(taken) == len(read):
        return ChangeVerdict.ACCEPTED, ()
    if read and all(one.meaning is LineMeaning.AS_ASKED for one in read):
        return ChangeVerdict.ACCEPTED, ()
    if not taken:
        return ChangeVerdict.REFUSED, ()
    if not all(one.answer.splits for one in taken):
        return ChangeVerdict.UNCLEAR, ()
    if partner.change_answers == "by action" and any(one.nothing_accepted for one in taken):
        return ChangeVerdict.UNCLEAR, ()  # zero as we asked, or because the change is refused: the action is the same
    return ChangeVerdict.PARTLY, tuple(one.answer for one in taken)


def _read_line(
    block: Sequence[Segment], of_order: _Dates, priced_in: str | None, partner: EdifactPartner, issues: Issues
) -> _Line:
    action = block[0].part(2)
    meaning = partner.line_action(action)
    if action and meaning is None:
        issues.add(f"LIN {block[0].part(1)} has action {action}, which the profile does not know; its quantities count")
    _note_left_out(block, partner, issues)
    parts, dates, unreadable = _parts(block, partner, issues)
    dates = dates.otherwise(of_order)
    unit_price = next(
        (
            price(one, partner.units, issues)
            for one in block
            if one.tag == "PRI" and one.part(1) == partner.price_qualifier
        ),
        None,
    )
    said = _Said(
        unit_price,
        None if unit_price is None else currency(block, issues) or priced_in,
        plain_words(free_text(block)),
        substitute(block, issues),
    )
    splits = tuple(said.split(part) for part in _stated(meaning, parts, dates, partner))
    if not splits and meaning is LineMeaning.BY_QUANTITY and not unreadable:
        issues.add(f"LIN {block[0].part(1)} is changed, and no quantity is stated; it is taken as it was ordered")
    whole = _NO_DATES
    if not splits and not unreadable:
        whole = next((part.dates for part in parts if part.dates), _NO_DATES).otherwise(dates)
    return _Line(
        answer=AckLine(
            line=line_ref(block, partner, issues),
            splits=splits,
            ship_on=whole.ship_on,
            deliver_on=whole.deliver_on,
        ),
        meaning=meaning,
        unreadable=unreadable and not splits,
    )


def _parts(block: Sequence[Segment], partner: EdifactPartner, issues: Issues) -> tuple[list[_Part], _Dates, bool]:
    """Quantities with the dates that follow them, and the dates before any quantity, which are the line's.

    No parts, and true, if a quantity that counts cannot be read: what the others say is then not the whole answer.
    """
    found: list[tuple[dict[str, Decimal], list[Segment]]] = []
    before: list[Segment] = []
    counts = {_ORDERED, *partner.confirmed_quantities, *partner.backordered_quantities}
    unreadable = False
    for segment in block:
        if segment.tag == "QTY":
            if not found or found[-1][1]:
                found.append(({}, []))
            quantities, code = found[-1][0], segment.part(1)
            if code not in counts:
                continue
            units = quantity(segment, partner.units, issues)
            if units is None:
                unreadable = True
                continue
            quantities[code] = min(quantities[code] + units, MOST_UNITS) if code in quantities else units
        elif segment.tag == "DTM":
            (found[-1][1] if found else before).append(segment)
    of_line = _dates(before, partner, issues)
    if unreadable:
        return [], of_line, True
    parts = [_Part(stated, _dates(dates, partner, issues) if dates else None) for stated, dates in found]
    return parts, of_line, False


def _note_left_out(block: Sequence[Segment], partner: EdifactPartner, issues: Issues) -> None:
    """Days and quantities of a line, where the profile names the kind of none of them: one may be the answer."""
    dated, counted = partner.delivery_dates + partner.ship_dates, partner.confirmed_quantities
    for tag, known, no_answers, says in (
        ("DTM", dated, _NO_PROMISES, "dates"),
        ("QTY", counted + partner.backordered_quantities, _NO_ANSWERS, "counts"),
    ):
        stated = [segment for segment in block if segment.tag == tag and segment.part(1) not in no_answers]
        if not any(one.part(1) in known for one in stated):
            for one in stated:
                said = f"{tag}+{one.part(1)}:{one.part(1, 2)}"
                issues.add(f"LIN {block[0].part(1)}: {said} is left out: the profile does not know what it {says}")


def _dates(segments: Sequence[Segment], partner: EdifactPartner, issues: Issues) -> _Dates:
    if not segments:
        return _NO_DATES
    stated = {one.part(1): one for one in reversed(segments)}
    found: list[date | None] = []
    for qualifiers in (partner.delivery_dates, partner.ship_dates):
        chosen = next((stated[qualifier] for qualifier in qualifiers if qualifier in stated), None)
        found.append(None if chosen is None else day(chosen, partner.unknown_dates, issues))
    return _Dates(*found)


def _stated(
    meaning: LineMeaning | None, parts: Sequence[_Part], of_line: _Dates, partner: EdifactPartner
) -> list[_Stated]:
    """The parts of the answer to a line; none if it is accepted and no quantity is stated."""
    ordered = next((part.quantities[_ORDERED] for part in parts if _ORDERED in part.quantities), None)
    if meaning in {LineMeaning.REFUSED, LineMeaning.DELETED}:
        return [_Stated(SplitStatus.REJECTED, ordered or Decimal(0))]
    codes = {code for part in parts for code in part.quantities}
    late = [code for code in partner.backordered_quantities if code in codes]
    confirmed = next((code for code in partner.confirmed_quantities if code in codes), None if late else _ORDERED)
    stated: list[_Stated] = []
    for part in parts:
        dates = (part.dates or _NO_DATES).otherwise(of_line)
        if confirmed and (units := part.quantities.get(confirmed)):
            stated.append(_Stated(SplitStatus.ACCEPTED, units, dates))
        for code in late:
            if units := part.quantities.get(code):
                stated.append(_backordered(units, dates, partner))
    if not late and confirmed not in codes:
        return stated
    rest = (ordered or Decimal(0)) - sum((one.units for one in stated), start=Decimal(0))
    if not confirmed and rest > 0:  # only what is late was stated: the rest comes as asked
        first = next(part for part in parts if _ORDERED in part.quantities)
        stated.insert(0, _Stated(SplitStatus.ACCEPTED, rest, (first.dates or _NO_DATES).otherwise(of_line)))
    elif rest > 0 or not stated:
        short = SplitStatus.BACKORDERED if partner.short == "backordered" and rest > 0 else SplitStatus.REJECTED
        stated.append(_Stated(short, max(rest, Decimal(0))))
    return stated


def _backordered(units: Decimal, dates: _Dates, partner: EdifactPartner) -> _Stated:
    dated = dates.deliver_on or dates.ship_on
    follows = partner.backorders == "follow" or (partner.backorders == "follow if dated" and dated)
    return _Stated(SplitStatus.BACKORDERED, units, dates) if follows else _Stated(SplitStatus.REJECTED, units)
