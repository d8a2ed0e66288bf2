"""Texts of a partner's document as values that events can hold.

For formats in which everything is text (cXML, CSV). What cannot be a value is None and an issue, never an exception;
what is returned fits the ledger: no control characters, numbers within reason, names of a length that can be found.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from connectors.suppliers.issues import Issues
from connectors.words import LONGEST_NAME

MOST_EVENTS = 10_000
"""Things that one document may say; a longer one is to be sent in parts."""

MOST_UNITS = Decimal(10_000_000)
"""Of a quantity, as `domain.supplier_events.Units` has it."""

MOST_MONEY = Decimal(10_000_000_000)
"""Of a unit price."""

NO_DATE = frozenset({date(2049, 12, 31), date(9999, 12, 31)})
"""What partners write where they know no date."""

_NUMBER = re.compile(r"\+?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_INTEGER = re.compile(r"[0-9]{1,9}")
_ISO_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[T ].{0,40})?")


def name(text: str | None) -> str | None:
    """A partner's or our own name for a thing, without blanks around it; None when it cannot be one."""
    kept = (text or "").strip()
    return kept if kept and len(kept) <= LONGEST_NAME and kept.isprintable() else None


def number(text: str, most: Decimal) -> Decimal | None:
    """A number from 0 to `most` with six decimals at the most, in the shortest form: `12.500` is 12.5."""
    if not _NUMBER.fullmatch(text):
        return None
    value = Decimal(text).normalize()
    exponent = value.as_tuple().exponent
    if value > most or not isinstance(exponent, int) or exponent < -6:
        return None
    return value.quantize(Decimal(1)) if exponent > 0 else value


def currency_code(text: str, issues: Issues) -> str | None:
    """The ISO 4217 code that a text is, in any case; None if nothing is said, or it is none."""
    code = text.strip()
    if _CURRENCY.fullmatch(code):
        return code.upper()
    if code:
        issues.add(f"{text[:20]!r} is no currency; the order's is meant")
    return None


def line_number(text: str | None) -> int | None:
    """A line's number, from 1; leading zeros do not count."""
    kept = (text or "").strip()
    return (int(kept) or None) if _INTEGER.fullmatch(kept) else None


def iso_day(text: str) -> date | None:
    """The day of `2026-12-04`, `20261204` or `2026-12-04T18:00:00-08:00`, as the sender wrote it, in its own zone."""
    found = _ISO_DAY.fullmatch(text.strip())
    return day_of(*(int(part) for part in found.groups())) if found else None


def day_of(year: int, month: int, day: int) -> date | None:
    """That day, if the calendar has it."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def promised_day(found: date | None, text: str, where: str, issues: Issues) -> date | None:
    """The day that a text says, unless it means that none is known or cannot be meant."""
    if not text.strip():
        return None
    if found is None:
        issues.add(f"{where}: {text!r} is no date; it is taken as unknown")
    elif found in NO_DATE:
        issues.add(f"{where}: {found.isoformat()} stands for a date that is not known")
    elif not 2000 <= found.year < 2100:
        issues.add(f"{where}: the date {found.isoformat()} cannot be meant; it is taken as unknown")
    else:
        return found
    return None


class Units:
    """The words by which a partner may name the unit that our orders are in."""

    def __init__(self, ordered_in: str, also: Mapping[str, str] | frozenset[str] = frozenset()) -> None:
        """`ordered_in` is what our orders say, `also` what else means the same."""
        self.ordered_in = ordered_in
        self._same = {unit.strip().casefold() for unit in (ordered_in, *also)}

    def same(self, text: str | None) -> bool:
        """Whether it is ours; not to name a unit is to mean ours."""
        kept = (text or "").strip().casefold()
        return not kept or kept in self._same
