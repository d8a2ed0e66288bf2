"""What the page behind a link posts, read into events. The form says itself what was asked, as it was shown.

Each form on the page is one kind of answer, named by its field `do`; `n` is a line number, quantities are purchase
units, dates are `2026-12-04` and mean the day on which the goods are with us:

    confirm   asked-n                                       every line as ordered
    answer    asked-n now-n now-on-n later-n later-on-n last-n last-on-n not-n why-n
                                                            each line in parts, which sum up to what is asked
    refuse    sure reason                                   nothing of the order
    change    verdict reason, asked-n most-n came-n still-n the answer to a change or cancellation; `still-n` with
                                                            `partly`: how many of a line are still to come
    ship      most-n shipped-n shipment tracking arrives    a shipment has left

`order_no` may come with the first two. `seen` is the number of the last message that the page knew of: the same answer
given again after another one is a new answer, while a form that is sent twice is one.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import parse_qs

from connectors.errors import Undecodable
from connectors.words import LONGEST_NAME, LONGEST_WORDS, plain_words
from domain.supplier_events import (
    AckLine,
    ChangeAck,
    ChangeVerdict,
    LineRef,
    NoticeLine,
    OrderAck,
    ShipNotice,
    Split,
    SplitStatus,
    SupplierEvent,
)

LARGEST_FORM = 1_000_000
"""Bytes. Five hundred lines make a tenth of it."""
MOST_FIELDS = 50_000

PARTS = (("now", SplitStatus.ACCEPTED), ("later", SplitStatus.BACKORDERED), ("last", SplitStatus.BACKORDERED))
"""The parts in which a line comes, and what each means; `not` is what does not come at all."""

_MOST_UNITS = Decimal(10_000_000)
_QUANTITY = re.compile(r"[0-9]{1,8}(\.[0-9]{1,3})?")
_LINE = re.compile(r"(?:asked|most)-([0-9]{1,9})")
_YEARS = range(2000, 2100)


class FieldProblem(NamedTuple):
    """One thing that is wrong with what was typed."""

    field: str
    words: str
    """What is wrong and what to do, as a sentence."""


class FormNotRight(Undecodable):
    """The form can be read, and what it says does not add up."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        super().__init__(f"the form is not right: {' '.join(problem.words for problem in problems[:10])}")
        self.problems = problems


def fields(body: bytes) -> dict[str, str]:
    """The fields of a form, each once. Raises: Undecodable (it is none of ours, or too large)."""
    if len(body) > LARGEST_FORM:
        raise Undecodable(f"the form is larger than {LARGEST_FORM} bytes")
    try:
        found = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as unreadable:
        raise Undecodable("this is no form, or none of ours") from unreadable
    typed = {name: values[0].strip() for name, values in found.items()}
    if typed.get("do") not in _KINDS:
        raise Undecodable("the form says nothing that an order is answered by")
    return typed


def digest(body: bytes) -> str:
    """Of the form's content: the same form sent again is the same answer."""
    return hashlib.sha256(body).hexdigest()


def events(form: Mapping[str, str], po_number: str, revision: int, key: str) -> tuple[SupplierEvent, ...]:
    """What a form says of a revision of an order.

    Args:
        form: its `fields`.
        po_number: the order that the link is to.
        revision: likewise.
        key: names a shipment that was given no number.

    Raises:
        FormNotRight: what is typed in it does not add up; each problem says in which field.
        Undecodable: it is no form of ours.
    """
    reader = _Reader(form)
    event = _KINDS[form["do"]](reader, po_number, revision, key)
    if reader.problems:
        raise FormNotRight(reader.problems)
    return (event,)


class _Reader:
    """Reads fields, and collects what is wrong with them."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self._form = form
        self.problems: list[FieldProblem] = []
        self.lines = sorted({int(found[1]) for name in form if (found := _LINE.fullmatch(name))})
        if any(line_no >= 2**31 for line_no in self.lines):
            raise Undecodable("the form names a line that no order has")

    def wrong(self, field: str, words: str) -> None:
        self.problems.append(FieldProblem(field, words))

    def said(self, field: str) -> str:
        return self._form.get(field, "")

    def quantity(self, field: str, line_no: int) -> Decimal:
        """What is typed, 0 if nothing is."""
        typed = self.said(field)
        if not typed:
            return Decimal(0)
        if not _QUANTITY.fullmatch(typed) or Decimal(typed) > _MOST_UNITS:
            self.wrong(field, f"Line {line_no}: write a number such as 12, without commas or words.")
            return Decimal(0)
        return Decimal(typed)

    def shown(self, field: str, line_no: int) -> Decimal:
        """What the page had put there itself."""
        if not _QUANTITY.fullmatch(self.said(field)):
            raise Undecodable(f"the form does not say what of line {line_no} it is about")
        return Decimal(self.said(field))

    def day(self, field: str, what: str) -> date | None:
        typed = self.said(field)
        if not typed:
            return None
        try:
            day = date.fromisoformat(typed)
        except ValueError:
            day = None
        if day is None:
            self.wrong(field, f"{what}: write the date as year, month and day, such as 2026-12-04.")
        elif day.year not in _YEARS:
            no_date = "; if you do not know the day, leave it empty."
            self.wrong(field, f"{what}: {day} is not a day of the years 2000 to 2099{no_date}")
        return day

    def words(self, field: str, what: str, most: int) -> str:
        typed = self.said(field)
        if len(typed) > most:
            self.wrong(field, f"{what}: write at most {most} characters.")
        return plain_words(typed)[:most]


def _confirm(reader: _Reader, po_number: str, revision: int, _key: str) -> SupplierEvent:
    lines = tuple(
        AckLine(
            line=LineRef(line_no=n),
            splits=(Split(status=SplitStatus.ACCEPTED, quantity=reader.shown(f"asked-{n}", n)),),
        )
        for n in reader.lines
    )
    return OrderAck(po_number=po_number, revision=revision, lines=_some(lines), supplier_order_no=_order_no(reader))


def _answer(reader: _Reader, po_number: str, revision: int, _key: str) -> SupplierEvent:
    lines = tuple(AckLine(line=LineRef(line_no=n), splits=_splits(reader, n)) for n in reader.lines)
    return OrderAck(po_number=po_number, revision=revision, lines=_some(lines), supplier_order_no=_order_no(reader))


def _splits(reader: _Reader, n: int) -> tuple[Split, ...]:
    """A line in parts, which have to sum up to what is asked."""
    asked = reader.shown(f"asked-{n}", n)
    problems_before = len(reader.problems)
    splits: list[Split] = []
    for name, status in PARTS:
        quantity = reader.quantity(f"{name}-{n}", n)
        day = reader.day(f"{name}-on-{n}", f"Line {n}")
        if quantity:
            splits.append(Split(status=status, quantity=quantity, deliver_on=day))
        elif day and name != "now":
            reader.wrong(f"{name}-{n}", f"Line {n}: say how many come on {day}, or take the date out.")
    refused = reader.quantity(f"not-{n}", n)
    why = reader.words(f"why-{n}", f"Line {n}", LONGEST_NAME)
    if refused:
        splits.append(Split(status=SplitStatus.REJECTED, quantity=refused, reason=why))
    total = sum((split.quantity for split in splits), start=Decimal(0))
    if len(reader.problems) == problems_before and total != asked:
        reader.wrong(f"now-{n}", _does_not_add_up(n, total, asked))
    return tuple(splits)


def plain(quantity: Decimal) -> str:
    """`12`, or `0.5` of a case that came in part."""
    return format(round(quantity, 3).normalize() if quantity else Decimal(0), "f")


def _does_not_add_up(n: int, total: Decimal, asked: Decimal) -> str:
    if not total:
        return f"Line {n}: say how many of the {plain(asked)} you deliver, and how many not."
    if total > asked:
        off = plain(total - asked)
        return f"Line {n}: your numbers make {plain(total)}, but only {plain(asked)} are ordered. Take {off} off."
    return (
        f"Line {n}: your numbers make {plain(total)}, but {plain(asked)} are ordered. Say of the other "
        f"{plain(asked - total)} when they come, or that they do not."
    )


def _refuse(reader: _Reader, po_number: str, revision: int, _key: str) -> SupplierEvent:
    if reader.said("sure") != "yes":
        reader.wrong("sure", "Tick the box if you will deliver nothing of this order.")
    reason = reader.words("reason", "The reason", LONGEST_WORDS)
    return OrderAck(po_number=po_number, revision=revision, accepted=False, reason=reason)


def _change(reader: _Reader, po_number: str, revision: int, _key: str) -> SupplierEvent:
    verdicts = {one.value: one for one in (ChangeVerdict.ACCEPTED, ChangeVerdict.PARTLY, ChangeVerdict.REFUSED)}
    verdict = verdicts.get(reader.said("verdict"))
    if verdict is None:
        reader.wrong("verdict-accepted", "Choose one of the answers.")
    reason = reader.words("reason", "The reason", LONGEST_WORDS)
    lines: list[AckLine] = []
    for n in reader.lines if verdict is ChangeVerdict.PARTLY else ():
        still, most = reader.quantity(f"still-{n}", n), reader.shown(f"most-{n}", n)
        if not reader.said(f"still-{n}"):
            reader.wrong(f"still-{n}", f"Line {n}: say how many are still to come; 0 if none.")
        elif still > most:
            reader.wrong(f"still-{n}", f"Line {n}: at most {plain(most)} are still to come.")
        # an answer in part states the line's total, with what has come
        total = still + reader.shown(f"came-{n}", n)
        lines.append(AckLine(line=LineRef(line_no=n), splits=(Split(status=SplitStatus.ACCEPTED, quantity=total),)))
    return ChangeAck(
        po_number=po_number,
        revision=revision,
        verdict=verdict or ChangeVerdict.UNCLEAR,
        lines=tuple(lines),
        reason=reason,
    )


def _ship(reader: _Reader, po_number: str, _revision: int, key: str) -> SupplierEvent:
    arrives = reader.day("arrives", "The day it arrives")
    lines: list[NoticeLine] = []
    for n in reader.lines:
        shipped, most = reader.quantity(f"shipped-{n}", n), reader.shown(f"most-{n}", n)
        if shipped > most:
            said = f"Line {n}: only {plain(most)} are still to come. If you really sent more, reply to our mail."
            reader.wrong(f"shipped-{n}", said)
        elif shipped:
            lines.append(NoticeLine(line=LineRef(line_no=n), shipped=shipped, deliver_on=arrives))
    if not lines and not reader.problems:
        reader.wrong(f"shipped-{reader.lines[0] if reader.lines else 0}", "Say how many of which line you sent.")
    return ShipNotice(
        po_number=po_number,
        shipment_id=reader.words("shipment", "Your delivery note number", LONGEST_NAME) or f"page-{key}",
        tracking=reader.words("tracking", "The tracking number", LONGEST_NAME) or None,
        lines=tuple(lines),
    )


def _some(lines: tuple[AckLine, ...]) -> tuple[AckLine, ...]:
    """No lines would mean: everything as ordered, whatever that is by now."""
    if not lines:
        raise Undecodable("the form names no line of the order")
    return lines


def _order_no(reader: _Reader) -> str | None:
    return reader.words("order_no", "Your order number", LONGEST_NAME) or None


_KINDS: Mapping[str, Callable[[_Reader, str, int, str], SupplierEvent]] = {
    "confirm": _confirm,
    "answer": _answer,
    "refuse": _refuse,
    "change": _change,
    "ship": _ship,
}
