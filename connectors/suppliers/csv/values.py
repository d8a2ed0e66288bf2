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
_DAY = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4}|[0-9]{2})(?: .{0,20})?")


def read_number(text: str, partner: CsvPartner, most: Decimal) -> Decimal | None:
    """`1.234,50` or `1,234.50`, as the profile says; the thousands must stand where they belong."""
    mark, apart = (",", ".") if partner.decimal_mark is DecimalMark.COMMA else (".", ",")
    plain = _BLANKS.sub("", text)
    if apart in plain:
        if not re.fullmatch(rf"\+?[0-9]{{1,3}}(?:{re.escape(apart)}[0-9]{{3}})+(?:{re.escape(mark)}[0-9]*)?", plain):
            return None
        plain = plain.replace(apart, "")
    return number(plain.replace(mark, "."), most)


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
