"""The profile: what one partner is called, writes, and means. Data only; docs/suppliers/edifact.md explains each."""

from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, model_validator

from connectors.configuration import ConnectorConfig
from connectors.errors import Refused
from connectors.suppliers.edifact.charset import exact

Identification = Annotated[str, Field(min_length=1, max_length=35)]
Qualifier = Annotated[str, Field(max_length=4, pattern=r"^[A-Z0-9]*$")]
Code = Annotated[str, Field(max_length=3, pattern=r"^[A-Z0-9]+$")]
Words35 = Annotated[str, Field(max_length=35)]


_PIECES = frozenset({"PCE", "PC", "EA", "C62", "H87", "STK"})
"""Of 6411, the words for a single thing; STK is no code, and written by Germans and Swedes all the same."""

PARTY_ID = 17
"""Characters of a party's id in NAD (3039)."""


class Meaning(StrEnum):
    """What the function (1225) or response type (4343) of an ORDRSP says of the whole order."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    BY_LINE = "by line"
    """The lines say it."""
    RECEIVED = "received"
    """They have the order, and say nothing of it yet."""
    UNCLEAR = "unclear"
    """A person must ask."""


class LineMeaning(StrEnum):
    """What an action (1229) says of a line."""

    AS_ASKED = "as asked"
    BY_QUANTITY = "by quantity"
    """The quantities say it."""
    REFUSED = "refused"
    DELETED = "deleted"
    """It is off the order, in an answer to a change as was asked."""


FUNCTIONS = {
    "1": Meaning.UNCLEAR,
    "3": Meaning.UNCLEAR,
    "4": Meaning.BY_LINE,
    "12": Meaning.UNCLEAR,
    "27": Meaning.REFUSED,
    "28": Meaning.ACCEPTED,
    "29": Meaning.ACCEPTED,
}
"""Of BGM 1225. Any other leaves it to the response type."""

RESPONSE_TYPES = {
    "AB": Meaning.RECEIVED,
    "AC": Meaning.BY_LINE,
    "AD": Meaning.ACCEPTED,
    "AI": Meaning.BY_LINE,
    "AP": Meaning.ACCEPTED,
    "RE": Meaning.REFUSED,
}
"""Of BGM 4343. Any other leaves it to the lines."""

LINE_ACTIONS = {
    "1": LineMeaning.BY_QUANTITY,
    "2": LineMeaning.DELETED,
    "3": LineMeaning.BY_QUANTITY,
    "4": LineMeaning.AS_ASKED,
    "5": LineMeaning.AS_ASKED,
    "6": LineMeaning.BY_QUANTITY,
    "7": LineMeaning.REFUSED,
}
"""Of LIN 1229."""


class Address(ConnectorConfig):
    """A party in a NAD segment."""

    id: str = Field(default="", max_length=PARTY_ID)
    agency: Code = "9"
    """Who gave the id (3055): 9 GS1, 91 the supplier, 92 the buyer."""
    name: Words35 = ""
    street: Words35 = ""
    city: Words35 = ""
    postcode: str = Field(default="", max_length=9)
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$")

    @model_validator(mode="after")
    def _somebody(self) -> "Address":
        if not self.id and not self.name:
            raise ValueError("needs an id or a name")
        return self


class EdifactPartner(ConnectorConfig):
    """One partner's profile."""

    our_id: Identification
    our_qualifier: Qualifier = "14"
    """0007 of UNB: 14 for a GLN, ZZZ for what was agreed, or empty."""
    partner_id: Identification
    partner_qualifier: Qualifier = "14"
    test: bool = False
    """True: what we send is marked as a test (UNB 0035), and only tests are taken."""
    directory: str = Field(default="D.96A", pattern=r"^D\.[0-9]{2}[AB]$")
    """The message directory, such as D.96A or D.01B."""
    association_code: str = Field(default="", max_length=6, pattern=r"^[A-Z0-9]*$")
    """0057 of UNH, such as EAN008."""
    charset: Literal["UNOA", "UNOB", "UNOC", "UNOY"] = "UNOC"
    """0001 of UNB: capitals only, ASCII, Latin-1, UTF-8."""
    syntax_version: int = Field(default=3, ge=1, le=4)
    """0002 of UNB; from 4 on, years in UNB have four digits."""
    application_reference: str = Field(default="", max_length=14)
    """0026 of UNB, if the partner wants one."""

    buyer: Address | None = None
    """NAD+BY; if not set, our_id."""
    seller: Address | None = None
    """NAD+SU; if not set, partner_id."""
    deliver_to: Address | None = None
    """NAD+DP: where goods are to go, if that is not the buyer."""
    our_item_qualifier: Code = "IN"
    """7143 by which our item number is written: IN or BP."""
    their_item_qualifier: Code = "SA"
    """7143 by which theirs is written: SA or VP; EN or SRV where the supplier's item number is a GTIN."""
    unit: Code = "PCE"
    """6411 of our quantities."""
    same_units: frozenset[Code] | None = None
    """What else the partner calls it; None: the other words for a piece, if it is one. No other is guessed at."""
    price_qualifier: Code = "AAA"
    """5125 by which prices are written and read."""
    terms_qualifier: Code = "AAI"
    """4451 of the FTX that carries the payment terms."""

    line_numbers: Literal["ours", "theirs"] = "ours"
    """Whose numbers LIN 1082 of their messages has. A number of ours in RFF+ON counts in any case."""
    functions: dict[str, Meaning] = Field(default_factory=dict[str, Meaning])
    """What BGM 1225 of an ORDRSP means here, where it is not as in FUNCTIONS."""
    response_types: dict[str, Meaning] = Field(default_factory=dict[str, Meaning])
    """What BGM 4343 means here, where it is not as in RESPONSE_TYPES."""
    line_actions: dict[str, LineMeaning] = Field(default_factory=dict[str, LineMeaning])
    """What LIN 1229 means here, where it is not as in LINE_ACTIONS."""
    change_answers: Literal["by reference", "by action"] = "by reference"
    """How an ORDRSP that answers an ORDCHG is known: it names its number (RFF), or its lines repeat our actions."""
    refused_changes: Literal["refused", "withdrawn", "unclear"] = "refused"
    """What a refusal of the whole means in an answer to an ORDCHG. With some: the order is withdrawn, as was asked."""
    confirmed_quantities: tuple[Code, ...] = ("113", "12", "66")
    """6063 of what will be delivered, the first that a line has."""
    backordered_quantities: tuple[Code, ...] = ("83",)
    backorders: Literal["follow", "dropped", "follow if dated"] = "follow"
    """Whether the quantity on backorder is still delivered."""
    short: Literal["rejected", "backordered"] = "rejected"
    """What becomes of the rest when less is confirmed than was ordered, and nothing is said of it."""
    delivery_dates: tuple[Code, ...] = ("69", "67", "17", "358", "2")
    """2005 of days when goods are here, the first that is stated."""
    ship_dates: tuple[Code, ...] = ("79", "68", "11", "10")
    """2005 of days when goods leave the supplier."""
    unknown_dates: tuple[date, ...] = (
        date(1, 1, 1),
        date(1900, 1, 1),
        date(2049, 12, 31),
        date(2099, 12, 31),
        date(9999, 12, 31),
    )
    """Days that mean that none is known."""
    rest_after_shipment: Literal["unknown", "open", "closed"] = "unknown"
    """What becomes of the rest of a line after a DESADV that does not say it (QVR)."""

    changes: bool = True
    """They take new quantities in an ORDCHG."""
    added_lines: bool = False
    """They take new lines in an ORDCHG."""
    cancellations: bool = True
    """They take an ORDCHG that withdraws the whole order."""
    receipts: bool = False
    """A RECADV of theirs books goods in: true for whoever runs our warehouse."""
    contrl_wanted: bool = True
    """We ask for a CONTRL (UNB 0031), and they send it."""
    contrl_owed: Literal["never", "when asked", "always"] = "when asked"
    """When we send them one."""
    contrl_version: str = Field(default="D:3:UN", pattern=r"^[A-Z0-9]{1,3}:[A-Z0-9]{1,3}:[A-Z]{1,2}$")
    """Version, release and agency in UNH of our CONTRL: D:3:UN, 2:2:UN or 4:1:UN."""

    @model_validator(mode="after")
    def _told_apart(self) -> "EdifactPartner":
        if self.our_item_qualifier == self.their_item_qualifier:
            raise ValueError("our_item_qualifier and their_item_qualifier must differ, or items cannot be told apart")
        return self

    @model_validator(mode="after")
    def _parties_named(self) -> "EdifactPartner":
        for party, party_id, set_instead in (
            ("buyer", self.our_id, self.buyer),
            ("seller", self.partner_id, self.seller),
        ):
            if set_instead is None and len(party_id) > PARTY_ID:
                raise ValueError(f"{party} must be set, since NAD carries ids of {PARTY_ID} characters only")
        return self

    @model_validator(mode="after")
    def _writable(self) -> "EdifactPartner":
        # whatever is written of the profile, so that no order fails for it later
        words = {
            "our_id": self.our_id,
            "partner_id": self.partner_id,
            "application_reference": self.application_reference,
        }
        for party in ("buyer", "seller", "deliver_to"):
            address: Address | None = getattr(self, party)
            if address is not None:
                parts = ("id", "name", "street", "city", "postcode")
                words |= {f"{party}.{part}": getattr(address, part) for part in parts}
        for what, value in words.items():
            if value:
                try:
                    exact(value, what, charset=self.charset, most=len(value))
                except Refused as unwritable:
                    raise ValueError(str(unwritable)) from unwritable
        return self

    def function(self, code: str) -> Meaning | None:
        """What BGM 1225 of an ORDRSP says, if anything."""
        return self.functions.get(code) or FUNCTIONS.get(code)

    def response_type(self, code: str) -> Meaning | None:
        """What BGM 4343 of an ORDRSP says, if anything."""
        return self.response_types.get(code) or RESPONSE_TYPES.get(code)

    def line_action(self, code: str) -> LineMeaning | None:
        """What LIN 1229 says, if anything."""
        return self.line_actions.get(code) or LINE_ACTIONS.get(code)

    @cached_property
    def units(self) -> frozenset[str]:
        """What a purchase unit may be called in their messages."""
        pieces = _PIECES if self.unit in _PIECES else frozenset[str]()
        return (pieces if self.same_units is None else self.same_units) | {self.unit}

    @cached_property
    def our_item_qualifiers(self) -> frozenset[str]:
        """By which their messages may name our item number."""
        return frozenset({"IN", "BP", self.our_item_qualifier}) - {self.their_item_qualifier}

    @cached_property
    def their_item_qualifiers(self) -> frozenset[str]:
        """By which their messages may name their own."""
        return frozenset({"SA", "VP", "VN", self.their_item_qualifier}) - {self.our_item_qualifier}
