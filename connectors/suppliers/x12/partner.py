"""The profile of a partner: who both sides are on the wire, what its ambiguous codes mean, and what it takes.

No two partners mean the same by X12. What follows is agreed with each, mostly in its implementation guide, and put
down here as data. Codes are X12 version 004010's; the words are ours.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from connectors.configuration import ConnectorConfig
from domain.supplier_events import Balance


class OrderMeaning(StrEnum):
    """What BAK02 says of an order."""

    ACCEPTED = "accepted"
    """As ordered, but for what its lines say."""
    LINES = "lines"
    """What the lines say; without ACK segments, what they restate."""
    HELD = "held"
    """On hold, whole."""
    REFUSED = "refused"
    UNCLEAR = "unclear"
    """A person has to ask."""


class LineMeaning(StrEnum):
    """What ACK01 says of a line, or of a part of it."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    """Accepted with another quantity: `changed_balance` says what becomes of the rest."""
    BACKORDERED = "backordered"
    PARTIAL = "partial"
    """A part comes now and the balance later: `partial_quantity` says which of the two is stated."""
    HELD = "held"
    REJECTED = "rejected"
    SUBSTITUTED = "substituted"


class ChangeMeaning(StrEnum):
    """What BCA02 says of a change or cancellation."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    LINES = "lines"
    """The lines tell how they now stand."""
    WITHDRAWN = "withdrawn"
    """If every line is rejected, the order is cancelled as asked; else what the lines tell."""
    UNCLEAR = "unclear"


_ORDER_MEANINGS = {
    "AC": OrderMeaning.LINES,
    "AE": OrderMeaning.LINES,
    "AD": OrderMeaning.ACCEPTED,
    "AK": OrderMeaning.ACCEPTED,
    "AP": OrderMeaning.ACCEPTED,
    "AT": OrderMeaning.ACCEPTED,
    "AH": OrderMeaning.HELD,
    "RD": OrderMeaning.REFUSED,
    "RF": OrderMeaning.REFUSED,
    "RJ": OrderMeaning.REFUSED,
}

_LINE_MEANINGS = {
    **dict.fromkeys(("IA", "AA", "AC", "AR", "IC", "IE", "IP", "DR", "SP"), LineMeaning.ACCEPTED),
    "IQ": LineMeaning.CHANGED,
    "IB": LineMeaning.BACKORDERED,
    "BP": LineMeaning.PARTIAL,
    **dict.fromkeys(("IF", "IH", "IW"), LineMeaning.HELD),
    **dict.fromkeys(("ID", "IR", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8"), LineMeaning.REJECTED),
    "IS": LineMeaning.SUBSTITUTED,
}

_BALANCES = {
    **dict.fromkeys(("BP", "IB", "BO", "SP"), Balance.OPEN),
    **dict.fromkeys(("ID", "IR", "CC", "CP"), Balance.CLOSED),
}

_PIECES = frozenset({"EA", "PC", "UN"})
"""Of element 355, the words for a single thing."""

_CONTROLS = {"FS": "\x1c", "GS": "\x1d", "RS": "\x1e", "US": "\x1f"}
_LINE_ENDS = {"LF": "\n", "CR": "\r", "CRLF": "\r\n"}


def _delimiter(value: str) -> str:
    if value in _CONTROLS:
        return value
    if len(value) != 1 or not value.isascii() or value.isalnum() or value in " .-+,'\"":
        raise ValueError("is FS, GS, RS, US or one character, and no letter, digit, blank, or one of . - + , ' \"")
    return value


def _terminator(value: str) -> str:
    return value if value in _LINE_ENDS else _delimiter(value)


def _character(delimiter: str) -> str:
    return _CONTROLS.get(delimiter) or _LINE_ENDS.get(delimiter, delimiter)


Delimiter = Annotated[str, AfterValidator(_delimiter)]
Terminator = Annotated[str, AfterValidator(_terminator)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,3}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,13}[!-~])?$")]
"""Of an interchange (ISA06, ISA08): 1 to 15 characters, with no blank at either end."""
Qualifier = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=60)]


class Address(ConnectorConfig):
    """Who is at an N1 loop."""

    name: Words
    qualifier: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,2}$")] = "92"
    """Of `identifier` (N103): 92 is the buyer's number, 1 a D-U-N-S number, 9 the same with four digits more."""
    identifier: Annotated[str, StringConstraints(max_length=80)] = ""
    street: tuple[Annotated[str, StringConstraints(min_length=1, max_length=55)], ...] = Field(default=(), max_length=2)
    city: Annotated[str, StringConstraints(max_length=30)] = ""
    region: Annotated[str, StringConstraints(max_length=2)] = ""
    """State or province, two letters."""
    postal_code: Annotated[str, StringConstraints(max_length=15)] = ""
    country: Annotated[str, StringConstraints(max_length=3)] = ""


class X12Partner(ConnectorConfig):
    """One supplier's X12."""

    # who both sides are
    our_id: Identifier
    our_qualifier: Qualifier = "ZZ"
    partner_id: Identifier
    partner_qualifier: Qualifier = "ZZ"
    our_group_id: Identifier | None = None
    """GS02 of what we send; None: as `our_id`."""
    partner_group_id: Identifier | None = None
    """GS03 of what we send; None: as `partner_id`."""
    usage: Literal["T", "P"] = "P"
    """ISA15: T for tests, which are read and not acted upon. What comes with the other mark is not taken."""

    # how it is written
    interchange_version: Literal["00400", "00401", "00402", "00403", "00501", "00600"] = "00401"
    """ISA12."""
    version: Annotated[str, StringConstraints(pattern=r"^00[4-6]0[1-9]0[A-Z0-9]{0,6}$")] = "004010"
    """GS08."""
    element_separator: Delimiter = "*"
    component_separator: Delimiter = ">"
    repetition_separator: Delimiter = "^"
    """Written from version 00402 on."""
    segment_terminator: Terminator = "~"
    """A character, or LF, CR, CRLF; any delimiter may be one of the control characters FS, GS, RS, US."""
    line_per_segment: bool = False
    """A line end behind each terminator, for people."""
    character_set: Literal["ascii", "latin-1", "utf-8"] = "ascii"
    file_suffix: Annotated[str, StringConstraints(pattern=r"^\.[A-Za-z0-9]{1,8}$")] = ".edi"

    # what our orders say
    order_type: Code = "SA"
    """BEG02 and BCH02: SA stand-alone, NE new, RL release, DS drop ship ..."""
    unit: Code = "EA"
    """PO103: what one purchase unit is called."""
    same_units: frozenset[Code] | None = None
    """What this partner calls it, too; None: the other words for a piece, if it is one. No other is guessed at."""
    our_item: tuple[Qualifier, ...] = Field(default=("BP", "IN"), min_length=1)
    """Qualifiers of our item number; the first is written."""
    partner_item: tuple[Qualifier, ...] = Field(default=("VP", "VN", "VC"), min_length=1)
    """Qualifiers of the partner's item number; the first is written."""
    references: tuple[tuple[Code, Annotated[str, StringConstraints(min_length=1, max_length=30)]], ...] = ()
    """REF segments of each order and change: qualifier and value, such as ["IA", "our vendor number"]."""
    buyer: Address | None = None
    """N1*BY."""
    ship_to: Address | None = None
    """N1*ST: where the goods go."""

    # what it takes
    line_changes: bool = True
    """860 with other quantities for lines."""
    added_lines: bool = False
    """860 with new lines."""
    cancellation: Literal["header", "lines", "none"] = "header"
    """860 with BCH01 = 01; or one that deletes each line; or not at all."""
    sends_997: bool = True
    sends_ta1: bool = False
    """It answers each interchange with a TA1, and is asked to (ISA14)."""
    wants_997: bool = True
    wants_ta1: bool = False

    # what its answers mean
    order_codes: Mapping[Code, OrderMeaning] = Field(default_factory=dict[str, OrderMeaning])
    """BAK02 where it differs from the usual."""
    line_codes: Mapping[Code, LineMeaning] = Field(default_factory=dict[str, LineMeaning])
    """ACK01 where it differs from the usual."""
    changed_balance: Literal["dropped", "follows", "unclear"] = "dropped"
    """What becomes of the rest when a line is accepted for less (IQ, or IA of less)."""
    partial_quantity: Literal["accepted", "backordered"] = "accepted"
    """What ACK02 counts under BP, where the other parts of the line do not tell."""
    echoes_line_numbers: bool = True
    """Line numbers in its documents are ours. False: lines are found by item numbers alone."""
    change_codes: Mapping[Code, ChangeMeaning] = Field(default_factory=dict[str, ChangeMeaning])
    """BCA02 of an answer to a change. None is usual: what is not named here is unclear."""
    deletion_rejected: Literal["deleted", "stands", "unclear"] = "unclear"
    """What a rejecting ACK (IR) on a line that we asked to delete means."""
    unnumbered_865: Literal["answer", "own"] = "answer"
    """What an 865 without a change number (BCA05) is: an answer, or the seller's own change."""
    own_change_purposes: frozenset[Code] = frozenset({"06"})
    """BCA01 of 865s that are the seller's own changes, whatever else they say."""
    balance_codes: Mapping[Code, Balance] = Field(default_factory=dict[str, Balance])
    """SN108 where it differs from the usual."""
    unknown_dates: frozenset[date] = frozenset({date(2049, 12, 31), date(9999, 12, 31)})
    """Dates that mean that none is known."""
    delivery_dates: frozenset[Code] = frozenset({"002", "017", "067", "069", "070", "073", "074", "076", "371"})
    """Date qualifiers of an answer that mean the day of delivery."""
    ship_dates: frozenset[Code] = frozenset({"010", "068", "079", "080", "081", "086"})
    """Those that mean the day the goods leave."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        written = self.delimiters
        if len(set(written)) < len(written):
            raise ValueError("the delimiters must differ from each other")
        for name in (self.our_id, self.partner_id, self.gs_sender, self.gs_receiver):
            if any(delimiter in name for delimiter in written):
                raise ValueError("an identifier holds one of the delimiters; agree on other delimiters")
        if self.delivery_dates & self.ship_dates:
            raise ValueError("a date qualifier cannot mean both delivery and shipment")
        return self

    @property
    def delimiters(self) -> list[str]:
        """As characters: of elements, components, segments, and repetitions where there are any."""
        repetition = [self.repetition_separator] if self.repeats else []
        named = [self.element_separator, self.component_separator, self.segment_terminator, *repetition]
        return list(map(_character, named))

    @property
    def repeats(self) -> bool:
        """Whether ISA11 holds the repetition separator."""
        return self.interchange_version >= "00402"

    @property
    def gs_sender(self) -> str:
        """GS02 of what we send."""
        return self.our_group_id or self.our_id

    @property
    def gs_receiver(self) -> str:
        """GS03 of what we send."""
        return self.partner_group_id or self.partner_id

    @cached_property
    def units(self) -> frozenset[str]:
        """What a purchase unit may be called in its documents."""
        pieces = _PIECES if self.unit in _PIECES else frozenset[str]()
        return (pieces if self.same_units is None else self.same_units) | {self.unit}

    def order_meaning(self, code: str) -> OrderMeaning:
        """Of BAK02. A counter-offer (RO), and what nobody has heard of, is unclear."""
        return self.order_codes.get(code) or _ORDER_MEANINGS.get(code, OrderMeaning.UNCLEAR)

    def line_meaning(self, code: str) -> LineMeaning | None:
        """Of ACK01; None if nobody has heard of it."""
        return self.line_codes.get(code) or _LINE_MEANINGS.get(code)

    def change_meaning(self, code: str) -> ChangeMeaning:
        """Of BCA02."""
        return self.change_codes.get(code, ChangeMeaning.UNCLEAR)

    def balance(self, code: str) -> Balance:
        """Of SN108."""
        return self.balance_codes.get(code) or _BALANCES.get(code, Balance.UNKNOWN)
