"""What one CSV partner's habits are: how its files are written, and what its columns and words mean."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from connectors.configuration import ConnectorConfig
from domain.supplier_events import SplitStatus


class Delimiter(StrEnum):
    """What stands between two cells."""

    COMMA = "comma"
    SEMICOLON = "semicolon"
    TAB = "tab"
    BAR = "bar"

    @property
    def character(self) -> str:
        """As it stands in a file."""
        return {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}[self.value]


class DecimalMark(StrEnum):
    """What stands before the decimals; the other one may stand between thousands in what we read."""

    POINT = "point"
    COMMA = "comma"


class Dates(StrEnum):
    """How days are written. 2026-12-04 is always read."""

    ISO = "iso"
    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


class Encoding(StrEnum):
    """How characters are written."""

    UTF_8 = "utf-8"
    LATIN_1 = "iso-8859-1"
    WINDOWS = "windows-1252"


class Layout(ConnectorConfig):
    """How files are written, and how they are read where they do not say it themselves."""

    delimiter: Delimiter = Delimiter.COMMA
    decimal_mark: DecimalMark = DecimalMark.POINT
    dates: Dates = Dates.ISO
    encoding: Encoding = Encoding.UTF_8
    byte_order_mark: bool = False
    """True: our UTF-8 files start with one, by which a spreadsheet knows them."""
    spreadsheet: bool = True
    """False: only programs open our files, and a text may start with = + - or @."""
    unit_of_measure: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)] = "EA"
    """The purchase unit, as this partner calls it."""
    test: bool = False
    """True: our files are marked as a test, and theirs that are marked are acted upon."""


Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


def _by_lower_case(words: Mapping[str, object]) -> Mapping[str, object]:
    return {word.casefold(): meaning for word, meaning in words.items()}


class CsvPartner(Layout):
    """The habits of one supplier."""

    buyer: Annotated[str, StringConstraints(max_length=100)] = ""
    """Who we are to this partner; if it is set, a file whose column `buyer` says otherwise is not for us."""
    supplier: Annotated[str, StringConstraints(max_length=100)] = ""
    """Who the partner is; likewise."""
    columns: Annotated[Mapping[Word, Word], AfterValidator(_by_lower_case)] = Field(default_factory=dict[str, str])
    """The partner's header names and ours: `{"Bestell-Nr": "po_number"}`."""
    statuses: Annotated[Mapping[Word, SplitStatus], AfterValidator(_by_lower_case)] = Field(
        default_factory=dict[str, SplitStatus]
    )
    """The partner's words for a status, and ours: `{"Rückstand": "backordered"}`."""
    same_units: frozenset[Word] = frozenset()
    """Other words for the purchase unit."""
    changes: bool = True
    """False: this partner takes no change files."""
    added_lines: bool = False
    """True: a change file may bring new lines."""
    cancellations: bool = True
    """False: this partner takes no cancel files."""
    knows_orders_by_number: bool = True
    """False: a file that comes twice is an order that is placed twice."""
