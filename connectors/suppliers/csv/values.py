"""A cell as a number, a day or a word, as one partner writes them."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from connectors.suppliers.csv.profile import CsvPartner, Dates, DecimalMark
from connectors.suppliers.plain_values import day_of, iso_day, number
from domain.supplier_events import Balance, NoticePurpose, SplitStatus

STATUSES: Mapping[str, SplitStatus] = {
    "accepted": SplitStatus.ACCEPTED,
    "accept": SplitStatus.ACCEPTED,
    "confirmed": SplitStatus.ACCEPTED,
    "ok": SplitStatus.ACCEPTED,
    "backordered": SplitStatus.BACKORDERED,
    "backorder": SplitStatus.BACKORDERED,
    "rejected": SplitStatus.REJECTED,
    "reject": SplitStatus.REJECTED,
    "refused": SplitStatus.REJECTED,
    "cancelled": SplitStatus.REJECTED,
    "canceled": SplitStatus.REJECTED,
    "substituted": SplitStatus.SUBSTITUTED,
    "substitute": SplitStatus.SUBSTITUTED,
    "held": SplitStatus.HELD,
    "hold": SplitStatus.HELD,
    "on hold": SplitStatus.HELD,
}
PURPOSES: Mapping[str, NoticePurpose] = {
    "": NoticePurpose.ORIGINAL,
    "original": NoticePurpose.ORIGINAL,
    "new": NoticePurpose.ORIGINAL,
    "replace": NoticePurpose.REPLACE,
    "update": NoticePurpose.REPLACE,
    "cancel": NoticePurpose.CANCEL,
    "delete": NoticePurpose.CANCEL,
}
BALANCES: Mapping[str, Balance] = {
    "": Balance.UNKNOWN,
    "unknown": Balance.UNKNOWN,
    "open": Balance.OPEN,
    "partial": Balance.OPEN,
    "closed": Balance.CLOSED,
    "complete": Balance.CLOSED,
}
YES = frozenset({"yes", "y", "true", "1", "x", "ja", "j"})

_BLANKS = re.compile(r"[\s\u00a0\u202f']")
_EITHER = re.compile(r"\+?([1-9][0-9]{0,2})[.,]([0-9]{3})")
_DAY = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4}|[0-9]{2})(?: .{0,20})?")


def read_number(text: str, partner: CsvPartner, most: Decimal) -> Decimal | None:
    """`1.234,50` or `1,234.50`, as the profile says; the thousands must stand where they belong.

    Where the profile does not say which mark is which, `1.000` is none: a thousand, or one with three decimals.
    """
    if _may_be_either(text, partner):
        return None
    mark, apart = (",", ".") if partner.decimal_mark is DecimalMark.COMMA else (".", ",")
    plain = _BLANKS.sub("", text)
    if apart in plain:
        if not re.fullmatch(rf"\+?[0-9]{{1,3}}(?:{re.escape(apart)}[0-9]{{3}})+(?:{re.escape(mark)}[0-9]*)?", plain):
            return None
        plain = plain.replace(apart, "")
    return number(plain.replace(mark, "."), most)


def why_no_number(text: str, partner: CsvPartner) -> str:
    """What is wrong with a text of which `read_number` makes none, as the end of a sentence."""
    if not (both := _may_be_either(text, partner)):
        return "which cannot be read"
    whole, three = both.groups()
    decimals = three.rstrip("0")
    small = f"{whole}.{decimals}" if decimals else whole
    return f"which may be {small} or {whole},{three}: set decimal_mark in the profile"


def _may_be_either(text: str, partner: CsvPartner) -> re.Match[str] | None:
    """One mark before exactly three digits; `0.125`, `1234.000` and `1.00` can only be decimals."""
    if "decimal_mark" in partner.model_fields_set:
        return None
    return _EITHER.fullmatch(_BLANKS.sub("", text))


def read_day(text: str, partner: CsvPartner) -> date | None:
    """`2026-12-04` always; `4.12.2026`, `12/4/26` as the profile says which is the day."""
    found = iso_day(text)
    if found or partner.dates is Dates.ISO:
        return found
    parts = _DAY.fullmatch(text.strip())
    if not parts:
        return None
    first, second, year = (int(part) for part in parts.groups())
    day, month = (first, second) if partner.dates is Dates.DAY_FIRST else (second, first)
    return day_of(year if year > 99 else 2000 + year, month, day)
