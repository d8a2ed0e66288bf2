"""Elements of a partner's document as storable values: what cannot be read is an issue, or nothing, never a guess."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, TypedDict

from connectors.suppliers.issues import Issues
from connectors.suppliers.plain_values import currency_code
from connectors.suppliers.x12.partner import X12Partner
from connectors.suppliers.x12.syntax import Segment, TransactionSet
from connectors.words import LONGEST_NAME, plain_words
from domain.supplier_events import Unmatched

MOST_UNITS = Decimal(10_000_000)
"""The largest quantity that an event carries."""

MOST_PRICE = Decimal(10) ** 9

_NUMBER = re.compile(r"\+?(?=\.?[0-9])[0-9]{0,15}(?:\.[0-9]{0,6}0*)?")
_LONGEST_NUMBER = 32
"""Characters of one; longer ones are not even kept as no numbers."""
_CENTURIES = 50
"""Two-digit years up to this are of this century."""

_PRICE_BASES = {"HP": Decimal(100), "TP": Decimal(1000)}
"""Element 639: a price per hundred, per thousand."""

_OF_ONE_UNIT = frozenset({"", "PE", "LE", "QE", "TE", "WE", "UM", "CA", "CT", "DI", "NT", "QT"})
"""Those of one unit, by whatever list or contract, and those that say only by which; the purchase unit's own word means
the same. By any other code a price is of dozens, pounds or months, or not ours to pay."""


_NO_PROMISES = frozenset({"001", "004", "036", "037", "038", "061", "063", "064", "077", "097", "106", "118"})
"""Qualifiers of days that are the order's own (its date, its bounds, what was required): they are no news."""


class Unreadable(Exception):
    """A part of a document says something that cannot be read; the words are for an operator."""


class Place(NamedTuple):
    """Where in a line's segment things stand, by element number."""

    number: int
    quantity: int
    unit: int
    price: int
    items: int


PO1 = Place(number=1, quantity=2, unit=3, price=4, items=6)
POC = Place(number=1, quantity=3, unit=5, price=6, items=8)


class Reading:
    """One transaction set being read for one partner."""

    def __init__(self, partner: X12Partner, current: TransactionSet, issues: Issues, fallback: str = "") -> None:
        """Start on a set.

        Args:
            partner: whose it is.
            current: the set.
            issues: where damage is noted.
            fallback: a name for the set that no other has, for documents that have none themselves.
        """
        self.partner = partner
        self.body = current.body
        self.fallback = fallback
        self._set = current
        self._issues = issues
        self.questions: list[str] = []
        """What a person has to ask, beside what is read."""
        self._promised: dict[tuple[str, str], Dates] = {}
        self.currency = self._of_heading() if "CUR" in self.body.tags else None
        """What the prices of the set are in, by the CUR of its heading; None if it has none."""

    def _of_heading(self) -> str | None:
        at = self.body.tags.index("CUR")
        before = self.body.tags[:at]
        return None if "PO1" in before or "POC" in before else self.currency_of(self.body[at])

    def currency_of(self, segment: Segment) -> str | None:
        """What prices are in, by a CUR (CUR02); None if it does not say."""
        return currency_code(segment.at(2), self._issues)

    def issue(self, what: str) -> None:
        """Note damage of this set."""
        self._issues.add(f"{self._set}: {what}")

    def unmatched(self, po_number: str | None, what: str) -> Unmatched:
        """Something for a person."""
        return Unmatched(po_number=po_number, what=plain_words(f"X12 {self._set}: {what}"))

    def first(self, tag: str) -> Segment:
        """The first segment of a kind. Raises: Unreadable (there is none)."""
        if (at := self.body.index(tag, len(self.body))) == len(self.body):
            raise Unreadable(f"there is no {tag} segment; ask for it again")
        return self.body[at]

    def quantity(self, text: str, where: str) -> Decimal | None:
        """A quantity; None if nothing is said. Raises: Unreadable."""
        if not text:
            return None
        number = _number(text) if len(text) <= _LONGEST_NUMBER else None
        if number is None or number > MOST_UNITS:
            raise Unreadable(f"{where}: {text[:40]!r} is no quantity")
        return number

    def price(self, text: str, basis: str, where: str) -> Decimal | None:
        """A price of one purchase unit; None if none is said, or none that can be read."""
        number = _number(text) if len(text) <= _LONGEST_NUMBER else None
        if number is None or number > MOST_PRICE:
            if text:
                self.issue(f"{where}: {text[:40]!r} is no price")
            return None
        if basis in _PRICE_BASES:
            return round(number / _PRICE_BASES[basis], 6)
        if basis in _OF_ONE_UNIT or basis in self.partner.units:
            return number
        self.issue(f"{where}: {text} is a price by {basis[:10]!r}, and not of one {self.partner.unit}; it is not read")
        return None

    def day(self, text: str, where: str) -> date | None:
        """A date (CCYYMMDD, or YYMMDD as before version 004010); None if it is unknown or cannot be read."""
        if not text or not text.strip("0"):
            return None
        try:
            day = _day(text)
        except ValueError:
            self.issue(f"{where}: {text[:40]!r} is no date")
            return None
        return None if day in self.partner.unknown_dates else day

    def name(self, text: str) -> str | None:
        """A name that the ledger can keep; None if there is none, or it cannot be kept."""
        return text if text and len(text) <= LONGEST_NAME and text.isprintable() else None

    def po_number(self, text: str) -> str:
        """The order's. Raises: Unreadable."""
        named = self.name(text)
        if named is None:
            raise Unreadable(f"it names no order ({text[:40]!r}); ask which one it is about")
        return named

    def items(self, segment: Segment, start: int) -> dict[str, str]:
        """Item numbers by their qualifier, from the element of the first qualifier on."""
        found: dict[str, str] = {}
        for n in range(start, len(segment) - 1, 2):
            if named := self.name(segment[n + 1].strip()):
                found.setdefault(segment[n].strip(), named)
        return found

    def ours(self, items: dict[str, str]) -> str | None:
        """Our item number, by the first qualifier that is there."""
        for qualifier in self.partner.our_item:
            if qualifier in items:
                return items[qualifier]
        return None

    def theirs(self, items: dict[str, str]) -> str | None:
        """The partner's, likewise."""
        for qualifier in self.partner.partner_item:
            if qualifier in items:
                return items[qualifier]
        return None

    def line(self, number: str, items: dict[str, str], where: str) -> "Named":
        """How the document names a line. Raises: Unreadable (it does not)."""
        echoed = self.partner.echoes_line_numbers and number.isascii() and number.isdigit() and len(number) <= 20
        line_no = int(number) if echoed else None
        ours = self.ours(items)
        theirs = self.theirs(items)
        line_no = line_no if line_no and line_no < 2**31 else None
        if line_no is None and ours is None and theirs is None:
            raise Unreadable(f"{where} names neither a line nor an item that we know the qualifier of")
        return {"line_no": line_no, "sku": ours, "supplier_sku": theirs}

    def same_unit(self, unit: str, where: str) -> None:
        """Check that a quantity is in purchase units. Raises: Unreadable (it may be, and nobody has said so)."""
        if unit and unit not in self.partner.units:
            agreed = ", ".join(sorted(self.partner.units))
            raise Unreadable(f"{where} counts in {unit[:10]!r}, not in {agreed}: ask how many it is")

    def promised(self, qualifier: str, text: str, where: str) -> "Dates":
        """A date of an answer as its qualifier has it; one that may be a promise, and cannot be placed, is told."""
        found = self._promised.get((qualifier, text))
        if found is not None:
            return found
        found = self.dates(qualifier, text, where)
        if found != NO_DATES:
            self._promised[qualifier, text] = found
        elif text:
            placed = (self.partner.delivery_dates, self.partner.ship_dates, _NO_PROMISES)
            if not any(qualifier in known for known in placed):
                told = f"the profile does not know what {qualifier[:10]!r} dates"
                self.issue(f"{where}: {text[:40]!r} is left out: {told}")
        return found

    def dtm(self, segment: Segment, where: str) -> "Dates":
        """The day of a DTM; a period in place of one (DTM05 and DTM06) is told, and is no day."""
        if not segment.at(2) and (period := segment.at(6)):
            self.issue(f"{where}: {period[:40]!r} ({segment.at(5)[:10]}) is no day, and is left out")
        return self.promised(segment.at(1), segment.at(2), where)

    def dates(self, qualifier: str, text: str, where: str) -> "Dates":
        """A date as its qualifier has it; none if the qualifier is of no day of ours."""
        if qualifier in self.partner.delivery_dates:
            return Dates(None, self.day(text, where))
        if qualifier in self.partner.ship_dates:
            return Dates(self.day(text, where), None)
        return NO_DATES


class Named(TypedDict):
    """How a document names a line, as `LineRef` has it and before that has checked it."""

    line_no: int | None
    sku: str | None
    supplier_sku: str | None


class Dates(NamedTuple):
    """When a part of a line leaves, and when it is here."""

    ship_on: date | None
    deliver_on: date | None

    def known_or(self, other: "Dates") -> "Dates":
        """These, if either is known; else the others, which were said of more."""
        return self if self != NO_DATES else other

    def joined(self, other: "Dates") -> "Dates":
        """Two dates of the same thing."""
        return Dates(self.ship_on or other.ship_on, self.deliver_on or other.deliver_on)


NO_DATES = Dates(None, None)


SAID_IN = {"REF": 3, "MSG": 1, "NTE": 2}
"""The element of each segment that holds words for people."""
_MOST_SAID = 5


def said(segments: Iterable[Segment]) -> str:
    """What segments say to people (REF03, MSG01, NTE02), the first few."""
    words = [told for one in segments if one[0] in SAID_IN and (told := one.at(SAID_IN[one[0]]))]
    return plain_words("; ".join(list(dict.fromkeys(words))[:_MOST_SAID])) if words else ""


@lru_cache(maxsize=4096)
def _number(text: str) -> Decimal | None:
    """Of type R, not negative; None if it is no such number."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=4096)
def _day(text: str) -> date:
    if not text.isascii() or not text.isdigit() or len(text) not in {6, 8}:
        raise ValueError("no date")
    if len(text) == 6:
        text = ("20" if int(text[:2]) <= _CENTURIES else "19") + text
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))
