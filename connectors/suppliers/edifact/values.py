"""Values in elements: days, quantities, prices and names, each read with suspicion of what it holds."""

import re
from calendar import monthrange
from collections.abc import Container, Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache

from connectors.suppliers.edifact.syntax import Segment
from connectors.suppliers.issues import Issues
from connectors.suppliers.plain_values import currency_code
from connectors.words import LONGEST_NAME

MOST_UNITS = Decimal(10_000_000)
"""The largest quantity that is believed."""

_NUMBER = re.compile(r"\d{1,15}(?:[.,]\d{0,6})?", re.ASCII)
_LONGEST_NUMBER = 22
_LONGEST_DATE = 35
"""Characters of 2380."""

_DIGITS = re.compile(r"\d+", re.ASCII)
_INSTANT = re.compile(r"(\d+)(?:[+-]\d+|[A-Z]{3})?", re.ASCII)
"""Digits, and a zone in formats 303 and 304."""

_PERIODS = {"711": "102", "713": "201", "716": "616", "718": "102", "719": "203"}
"""2379 of two dates, from and to, with the format of each."""

_LENGTHS = {
    "": (6, 8, 10, 12, 14),
    "101": (6,),
    "102": (8,),
    "201": (10,),
    "203": (12,),
    "204": (14,),
    "303": (12,),
    "304": (14,),
    "610": (6,),
    "615": (4,),
    "616": (6,),
}
"""Digits of each 2379: days, days with a time, a month, weeks; without a format, whatever fits."""


def number(text: str) -> Decimal | None:
    """A number with up to 15 digits before and 6 after the mark, which is a point or a comma whatever UNA says."""
    return _number(text) if len(text) <= _LONGEST_NUMBER else None


@lru_cache(maxsize=4096)
def _number(text: str) -> Decimal | None:
    return Decimal(text.replace(",", ".").rstrip(".")) if _NUMBER.fullmatch(text) else None


def quantity(segment: Segment, units: Container[str], issues: Issues) -> Decimal | None:
    """What a QTY states (C186, 6060), in purchase units.

    Args:
        segment: the QTY.
        units: what a purchase unit is called (6411); one that is not named is meant.
        issues: told of what is no quantity, or counts something else, which nobody here can convert.
    """
    stated, unit = number(segment.part(1, 2)), segment.part(1, 3)
    if stated is None or stated > MOST_UNITS:
        issues.add(f"QTY+{segment.part(1)}: {segment.part(1, 2) or 'nothing'} is no quantity that can be believed")
        return None
    if unit and unit not in units:
        issues.add(f"QTY+{segment.part(1)}: {segment.part(1, 2)} is in {unit}, not in the unit of the order")
        return None
    return stated


def price(segment: Segment, units: Container[str], issues: Issues) -> Decimal | None:
    """What a PRI states for one purchase unit (C509: 5118 for 5284 of what 6411 names; if it names none, for these).

    Args:
        segment: the PRI.
        units: what a purchase unit is called.
        issues: told of what is no price, or is one of something else, which nobody here can convert.
    """
    amount = number(segment.part(1, 2))
    basis = number(segment.part(1, 5) or "1")
    if amount is None or amount >= 10**10 or not basis:
        issues.add(f"PRI+{segment.part(1)}: {segment.part(1, 2) or 'nothing'} is no price that can be believed")
        return None
    if (unit := segment.part(1, 6)) and unit not in units:
        issues.add(f"PRI+{segment.part(1)}: {segment.part(1, 2)} is a price by {unit}, not by the unit of the order")
        return None
    return amount if basis == 1 else (amount / basis).quantize(Decimal("0.000001"))


def currency(segments: Iterable[Segment], issues: Issues) -> str | None:
    """What prices are in, by the first CUX (C504, 6345); None if none says."""
    stated = next((segment.part(1, 2) for segment in segments if segment.tag == "CUX"), "")
    return currency_code(stated, issues)


def day(segment: Segment, unknown: Iterable[date], issues: Issues) -> date | None:
    """The day that a DTM states (C507); the last one of a period, since that is when all is here at the latest.

    Args:
        segment: the DTM.
        unknown: the days that mean that none is known.
        issues: told of a date that cannot be read.
    """
    value, form = segment.part(1, 2), segment.part(1, 3)
    try:
        found = _day(value, form)
    except (ValueError, OverflowError, KeyError):
        said = f"{value}:{form}" if form else value
        issues.add(f"DTM+{segment.part(1)}: {said or 'nothing'} is no date that can be read")
        return None
    return None if found in unknown else found


@lru_cache(maxsize=4096)
def _day(value: str, form: str) -> date:
    if len(value) > _LONGEST_DATE:
        raise ValueError(value)
    if form in _PERIODS:
        first, mark, last = value.partition("-")
        return _day(last if mark else first[len(first) // 2 :], _PERIODS[form])
    stated = _INSTANT.fullmatch(value)
    if stated is None or len(digits := stated[1]) not in _LENGTHS[form]:
        raise ValueError(value)
    if form == "610":
        year, month = int(digits[:4]), int(digits[4:])
        return date(year, month, monthrange(year, month)[1])
    if form in {"615", "616"}:
        return date.fromisocalendar(int(digits[:-2]) + (2000 if form == "615" else 0), int(digits[-2:]), 7)
    if len(digits) in {6, 10}:
        digits = f"20{digits}"
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))


def name(text: str, what: str, issues: Issues) -> str:
    """The partner's or our name for a thing, or nothing if it is one that no ledger can keep."""
    if len(text) > LONGEST_NAME or not text.isprintable():
        issues.add(f"{what} is too long or cannot be printed: {text[:50]}")
        return ""
    return text


def line_number(text: str) -> int | None:
    """A line number, if it is one."""
    return int(text) if text and len(text) <= 6 and _DIGITS.fullmatch(text) else None


def free_text(segments: Iterable[Segment]) -> str:
    """The words of all FTX (C108); what is said again, as of each line, stands there once."""
    words: list[str] = []
    for segment in segments:
        if segment.tag == "FTX" and len(segment.elements) >= 4:
            words.append(" ".join(filter(None, (part.strip() for part in segment.elements[3]))))
    return "; ".join(filter(None, dict.fromkeys(words)))
