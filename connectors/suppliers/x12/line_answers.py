"""The answer to one line: PO1 or POC with its ACK, SCH and DTM segments, as parts that add up to what was ordered.

Where a partner leaves something unsaid, the profile says what it means, or an operator is asked; the order itself is
not known here, so that what the document restates (PO102, POC03) is what the parts are held against.

    IA 100 of 100                    100 accepted
    IQ 35 + IB 65 of 100             35 accepted, 65 backordered
    IQ 35 of 100                     35 accepted; 65 as `changed_balance` says
    BP 35 of 100                     35 and 65, the one accepted and the other backordered, as `partial_quantity` says
    BP 35 + IB 65 (or DR 65) of 100  the others tell: 35 accepted
    IB 0, or IR without quantity     all of the rest
    IP 100 + DR 100 of 100           one part: the same units with another price and another day
    IA 100, SCH 60 + SCH 40          60 and 40, each with its day
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from pydantic import TypeAdapter

from connectors.suppliers.x12.partner import LineMeaning
from connectors.suppliers.x12.reading import NO_DATES, SAID_IN, Dates, Place, Reading, Unreadable, said
from connectors.suppliers.x12.syntax import Body, Segment
from connectors.words import plain_words
from domain.supplier_events import AckLine, SplitStatus

_STATUS = {
    LineMeaning.ACCEPTED: SplitStatus.ACCEPTED,
    LineMeaning.CHANGED: SplitStatus.ACCEPTED,
    LineMeaning.BACKORDERED: SplitStatus.BACKORDERED,
    LineMeaning.HELD: SplitStatus.HELD,
    LineMeaning.REJECTED: SplitStatus.REJECTED,
    LineMeaning.SUBSTITUTED: SplitStatus.SUBSTITUTED,
}
_RESCHEDULED = "DR"
_OTHER_PRICE = "IP"
_AS_STATED = frozenset({LineMeaning.ACCEPTED, LineMeaning.CHANGED})
_DATED = {SplitStatus.ACCEPTED, SplitStatus.HELD}
"""Parts that a day said of the whole line or order holds for; what is backordered comes on a day of its own."""


_READ = frozenset({"ACK", "CUR", "DTM", "SCH", "SLN", *SAID_IN})
"""Segments of a line that say something of it, and where its components begin; the others are not even cut."""


_Plain = dict[str, object]

_checked: Callable[[_Plain], AckLine] = TypeAdapter(AckLine).validator.validate_python
"""A line with all its parts at once, which takes half of the time of one after the other."""


class Loop(NamedTuple):
    """A PO1 or POC, and what belongs to it and is read."""

    head: Segment
    rest: list[Segment]

    def has(self, *tags: str) -> bool:
        """Whether a segment of these is in it."""
        return any(segment.tag in tags for segment in self.rest)


class Loops:
    """The lines of a set, each cut when it is looked at."""

    __slots__ = ("_body", "_start", "_stop", "_tag")

    def __init__(self, body: Body, tag: str, start: int, stop: int) -> None:
        """`tag` is what each begins with, `start` where the first does, `stop` where the last ends."""
        self._body = body
        self._tag = tag
        self._start = start
        self._stop = stop

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self._start < self._stop

    def __len__(self) -> int:
        """How many there are."""
        return self._body.tags[self._start : self._stop].count(self._tag)

    def __iter__(self) -> Iterator[Loop]:
        """Cut one after the other."""
        if not self:
            return
        tag = self._tag
        found = self._body.of(_READ | {tag}, self._start, self._stop)
        loop = Loop(next(found), [])
        for segment in found:
            if segment[0] == tag:
                yield loop
                loop = Loop(segment, [])
            else:
                loop.rest.append(segment)
        yield loop


def loops(body: Body, tag: str) -> tuple[list[Segment], Loops]:
    """The segments before the first line that are read, and the lines; what comes from CTT on belongs to none."""
    end = body.index("CTT", len(body))
    first = body.index(tag, end)
    return list(body.of(_READ, 0, first)), Loops(body, tag, first, end)


class _Part(NamedTuple):
    code: str
    meaning: LineMeaning
    quantity: Decimal | None
    dates: Dates
    substitute: str | None = None
    reason: str = ""


class LineReader:
    """One line being read."""

    def __init__(self, reading: Reading, loop: Loop, place: Place, header_dates: Dates) -> None:
        """Read what names the line and what is restated of it. Raises: Unreadable."""
        self._reading = reading
        self._sort(loop.rest)
        head = loop.head
        number = head.at(place.number)
        self.where = f"line {number[:20]}" if number else "a line without number"
        self._items = reading.items(head, place.items)
        self._named = reading.line(number, self._items, self.where)
        self.unit = head.at(place.unit).partition(">")[0].partition(":")[0]
        self._restated = head.at(place.quantity)
        self._price = reading.price(head.at(place.price), head.at(place.price + 1), self.where)
        self._dates = (
            self._joined_dates(NO_DATES, self._before).known_or(header_dates) if self._before else header_dates
        )
        self._words = said(self._spoken) if self._spoken else ""

    def _sort(self, rest: Sequence[Segment]) -> None:
        """What belongs to it by kind, in one pass: each ACK has the DTM segments behind it.

        What stands behind an SLN is said of a component of it, and not of the line, which was answered before.
        """
        self._acks: list[tuple[Segment, list[Segment]]] = []
        self._schedules: list[Segment] = []
        self._spoken: list[Segment] = []
        self._before: list[Segment] = []
        """DTM segments before the first ACK."""
        self._currency = self._reading.currency
        dates: list[Segment] = self._before
        for segment in rest:
            tag = segment[0]
            if tag == "ACK":
                dates = []
                self._acks.append((segment, dates))
            elif tag == "DTM":
                dates.append(segment)
            elif tag == "SCH":
                self._schedules.append(segment)
            elif tag == "CUR":
                self._currency = self._reading.currency_of(segment) or self._currency
            elif tag != "SLN":
                self._spoken.append(segment)
            elif self._acks:
                break

    @property
    def dated(self) -> bool:
        """Whether a day is said for it."""
        return self._dates != NO_DATES

    @property
    def detailed(self) -> bool:
        """Whether it is answered in parts of its own, or its delivery is divided."""
        return bool(self._acks or self._schedules)

    @property
    def codes(self) -> list[str]:
        """ACK01 of each of its parts."""
        return [ack.at(1) for ack, _ in self._acks]

    def answered(self) -> AckLine:
        """What its ACK and SCH segments say. Raises: Unreadable."""
        self._reading.same_unit(self.unit, self.where)
        ordered = self._reading.quantity(self._restated, self.where)
        parts = [self._part(ack, behind) for ack, behind in self._acks]
        parts = self._whole(parts, ordered) if parts else [self._as_restated(ordered)]
        parts = self._scheduled(parts)
        self._ask_for_price()
        return self._line([self._split(part) for part in parts])

    def _ask_for_price(self) -> None:
        """Accepted at another price, which a supplier may invoice, and nobody here knows which."""
        if self._price is not None or _OTHER_PRICE not in self.codes:
            return
        if self._reading.partner.line_meaning(_OTHER_PRICE) in _AS_STATED:
            self._reading.questions.append(f"{self.where} is accepted at another price (IP), and none can be read: ask")

    def restated(self) -> AckLine:
        """The line as the document repeats it, accepted. Raises: Unreadable."""
        self._reading.same_unit(self.unit, self.where)
        ordered = self._reading.quantity(self._restated, self.where)
        return self._line([self._split(self._as_restated(ordered))])

    def taken_off(self) -> AckLine:
        """The line, none of which will come."""
        ordered = self._reading.quantity(self._restated, self.where) or Decimal(0)
        return self._line([self._split(_Part("", LineMeaning.REJECTED, ordered, NO_DATES))])

    def _line(self, splits: list[_Plain]) -> AckLine:
        return _checked({"line": self._named, "splits": splits})

    def _as_restated(self, ordered: Decimal | None) -> _Part:
        if ordered is None:
            raise Unreadable(f"{self.where} restates no quantity")
        return _Part("", LineMeaning.ACCEPTED, ordered, NO_DATES)

    def _joined_dates(self, dates: Dates, segments: Iterable[Segment]) -> Dates:
        for segment in segments:
            dates = dates.joined(self._reading.dtm(segment, self.where))
        return dates

    def _part(self, ack: Segment, behind: Sequence[Segment]) -> _Part:
        code, units, unit, qualifier, day = ack.first(5)
        meaning = self._reading.partner.line_meaning(code)
        if meaning is None:
            raise Unreadable(f"{self.where} is answered with {code[:10]!r}, which nobody has agreed on")
        if unit and unit != self.unit:
            self._reading.same_unit(unit, self.where)
        quantity = self._reading.quantity(units, self.where)
        dates = self._reading.promised(qualifier, day, self.where)
        if behind:
            dates = self._joined_dates(dates, behind)
        return _Part(code, meaning, quantity, dates, self._instead(ack) if len(ack) > 8 else None)

    def _instead(self, ack: Segment) -> str | None:
        """Of the items that an ACK names, the one that was not ordered, since many name what was ordered, too."""
        items = self._reading.items(ack, 7)
        ordered = set(self._items.values())
        named = [item for item in (self._reading.theirs(items), *items.values()) if item]
        return next((item for item in named if item not in ordered), named[0] if named else None)

    def _whole(self, parts: list[_Part], ordered: Decimal | None) -> list[_Part]:
        """The parts with what they leave unsaid."""
        if len(parts) == 1 and ordered and parts[0].quantity == ordered and parts[0].meaning in _AS_STATED:
            return parts  # nearly every line of nearly every answer: nothing is left unsaid
        parts = self._filled(self._joined(parts, ordered), ordered)
        if len(parts) == 1 and parts[0].meaning is LineMeaning.ACCEPTED and not parts[0].quantity and ordered:
            raise Unreadable(f"{self.where} is accepted ({parts[0].code}) for none of {ordered}")
        parts = self._partial(parts, ordered)
        return parts if ordered is None else [*parts, *self._remainder(parts, ordered)]

    def _filled(self, parts: list[_Part], ordered: Decimal | None) -> list[_Part]:
        """The one part that states no quantity has what the others leave."""
        unsaid = list(filter(_unsaid, parts))
        if not unsaid:
            return parts
        codes = ", ".join(part.code for part in unsaid)
        if any(part.meaning is LineMeaning.PARTIAL for part in unsaid):
            raise Unreadable(f"{self.where} is shipped in part ({codes}), and it does not say how much")
        if ordered is None:
            raise Unreadable(f"{self.where} has parts without quantity ({codes}), and restates none")
        rest = ordered - _total(parts)
        if rest <= 0 and len(unsaid) < len(parts):
            return [part for part in parts if not _unsaid(part)]
        if len(unsaid) > 1:
            raise Unreadable(f"{self.where} has several parts without quantity ({codes})")
        return [part._replace(quantity=max(rest, Decimal(0))) if _unsaid(part) else part for part in parts]

    def _joined(self, parts: list[_Part], ordered: Decimal | None) -> list[_Part]:
        """Several codes for the same units, such as another price (IP) and another day (DR), are one part."""
        same = {(part.quantity, _STATUS.get(part.meaning)) for part in parts}
        if len(parts) == 1 or len(same) != 1 or not ordered or parts[0].quantity != ordered:
            return parts
        dates = NO_DATES
        for part in parts:
            dates = dates.joined(part.dates)
        return [parts[0]._replace(dates=dates)]

    def _partial(self, parts: list[_Part], ordered: Decimal | None) -> list[_Part]:
        """What BP counts, and the balance it speaks of."""
        found = [part for part in parts if part.meaning is LineMeaning.PARTIAL]
        if not found:
            return parts
        if len(found) > 1:
            raise Unreadable(f"{self.where} is a partial shipment in {len(found)} ways")
        one, others = found[0], {part.meaning for part in parts} - {LineMeaning.PARTIAL}
        rest = Decimal(0) if ordered is None else max(Decimal(0), ordered - _total(parts))
        accepted = self._reading.partner.partial_quantity == "accepted"
        if not rest and others:
            later = all(part.code == _RESCHEDULED for part in parts if part is not one)
            accepted = LineMeaning.BACKORDERED in others or later
        stated, balance = LineMeaning.ACCEPTED, LineMeaning.BACKORDERED
        if not accepted:
            stated, balance = balance, stated
        parts = [part._replace(meaning=stated) if part is one else part for part in parts]
        return [*parts, _Part(one.code, balance, rest, NO_DATES)] if rest else parts

    def _remainder(self, parts: list[_Part], ordered: Decimal) -> Iterator[_Part]:
        """What is left when the parts do not add up to what the line restates."""
        known = _total(parts)
        rest = ordered - known
        if rest < 0:
            self._reading.issue(f"{self.where} is answered for {known} of {ordered}")
        if rest <= 0:
            return
        codes = "+".join(part.code for part in parts)
        if not all(part.meaning in _AS_STATED for part in parts):
            self._reading.issue(f"{self.where}: of {ordered}, {rest} are not spoken of ({codes}); taken as accepted")
            yield _Part(codes, LineMeaning.ACCEPTED, rest, NO_DATES)
            return
        if not any(part.meaning is LineMeaning.CHANGED for part in parts):
            self._reading.issue(f"{self.where}: of {ordered}, {rest} are not spoken of ({codes})")
        match self._reading.partner.changed_balance:
            case "unclear":
                raise Unreadable(f"{self.where} is accepted for {known} of {ordered}: ask what becomes of the rest")
            case "follows":
                yield _Part(codes, LineMeaning.BACKORDERED, rest, NO_DATES, reason="the balance follows")
            case "dropped":
                yield _Part(codes, LineMeaning.REJECTED, rest, NO_DATES, reason="the balance is dropped")

    def _scheduled(self, parts: list[_Part]) -> list[_Part]:
        """A part that SCH segments divide: each has its own day."""
        if not self._schedules or not (schedule := list(self._schedule())):
            return parts
        total = sum((quantity for quantity, _ in schedule), start=Decimal(0))
        fitting = [n for n, part in enumerate(parts) if _STATUS[part.meaning] in _DATED and part.quantity == total]
        if fitting:
            n = next((n for n in fitting if parts[n].dates == NO_DATES), fitting[0])
            part = parts[n]
            divided = [part._replace(quantity=units, dates=dates.joined(part.dates)) for units, dates in schedule]
            return [*parts[:n], *divided, *parts[n + 1 :]]
        if all(part.dates != NO_DATES for part in parts):
            return parts
        self._reading.issue(f"{self.where}: its schedule (SCH) of {total} fits none of its parts, and is left out")
        return parts

    def _schedule(self) -> Iterator[tuple[Decimal, Dates]]:
        for segment in self._schedules:
            quantity = self._reading.quantity(segment.at(1), self.where)
            first = self._reading.promised(segment.at(5), segment.at(6), self.where)
            dates = first.joined(self._reading.promised(segment.at(8), segment.at(9), self.where))
            if quantity:
                yield quantity, dates

    def _split(self, part: _Part) -> _Plain:
        """As `Split` has it."""
        status = _STATUS[part.meaning]
        dates = part.dates.known_or(self._dates) if status in _DATED else part.dates
        rejected = status is SplitStatus.REJECTED
        if rejected:
            dates = NO_DATES
        price = None if rejected or part.code == "IE" else self._price
        code = f"code {part.code}" if part.code and status not in _DATED else ""
        told = [words for words in (part.reason, self._words, code) if words]
        return {
            "status": status,
            "quantity": part.quantity or Decimal(0),
            "ship_on": dates.ship_on,
            "deliver_on": dates.deliver_on,
            "unit_price": price,
            "currency": self._currency if price is not None else None,
            "substitute": part.substitute if status is SplitStatus.SUBSTITUTED else None,
            "reason": plain_words("; ".join(told)) if told else "",
        }


def header_dates(reading: Reading, header: Iterable[Segment]) -> Dates:
    """Days that are said of the whole order."""
    dates = NO_DATES
    for segment in header:
        if segment.tag == "DTM":
            dates = dates.joined(reading.dtm(segment, "the header"))
    return dates


def _total(parts: Iterable[_Part]) -> Decimal:
    return sum((part.quantity or Decimal(0) for part in parts), start=Decimal(0))


def _unsaid(part: _Part) -> bool:
    """Without a quantity; and partners who backorder, hold or reject 0 of a line mean all that is left of it."""
    counted = {LineMeaning.ACCEPTED, LineMeaning.CHANGED, LineMeaning.PARTIAL}
    return part.quantity is None or (not part.quantity and part.meaning not in counted)
