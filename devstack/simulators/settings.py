"""What the simulators are told at start: who there is, by which secrets they are known, and how fast they work."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=86_400 * 365)]


class Value(BaseModel):
    """A value whose fields are all known: a misspelt command is an error, not a silent nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Behaviour(StrEnum):
    """How a simulated supplier takes an order."""

    ACCEPT = "accept"
    """Confirms, ships and delivers as ordered."""
    SHORT = "short"
    """Confirms a part and rejects the rest."""
    SPLIT = "split"
    """Confirms a part now and the rest for a later date."""
    BACKORDER = "backorder"
    """Confirms everything for a later date."""
    REJECT_LINE = "reject_line"
    REJECT_ALL = "reject_all"
    SILENT = "silent"
    """Takes the order, then never says a word nor ships."""
    LATE = "late"
    """Confirms as ordered, then moves the date, then delivers."""
    DUPLICATE = "duplicate"
    """Sends every webhook twice, and once more under a new webhook-id."""
    OUT_OF_ORDER = "out_of_order"
    """Holds back acknowledgement and ship notice until the goods have arrived."""
    DROP_RESPONSE = "drop_response"
    """Takes the order, then cuts the connection instead of answering; a repeat is answered."""
    CANCEL_TOO_LATE = "cancel_too_late"
    """Refuses every change and cancellation."""
    SHIPS_AFTER_CANCEL = "ships_after_cancel"
    """Agrees to changes and cancellations, yet delivers as if nothing had been said."""
    DAMAGED = "damaged"
    """A third of what it delivers (at least a unit) arrives broken, and nothing replaces it."""
    SHORT_DELIVERY = "short_delivery"
    """A third of what it says it shipped (rounded down) never arrives, and nothing more comes."""


class Rule(Value):
    """A behaviour and what it needs."""

    behaviour: Behaviour = Behaviour.ACCEPT
    skus: tuple[str, ...] = ()
    """For these items (the buyer's SKU); empty: for all that have no rule of their own."""
    confirm: int | None = Field(default=None, ge=0)
    """SHORT, SPLIT: purchase units of the line confirmed now; None: half, rounded down."""
    later_days: int = Field(default=14, ge=0, le=1000)
    """SPLIT, BACKORDER, LATE: how many days after the first date."""
    reason: str = ""
    unit_price: Decimal | None = Field(default=None, ge=0)
    """Acknowledge this price instead of the one ordered."""
    synchronous: bool = False
    """Answer changes and cancellations in the response itself instead of by webhook."""


class Pace(Value):
    """How long each step takes; None: it happens only when told (`advance`)."""

    acknowledge_after: Seconds | None = None
    ship_after: Seconds | None = None
    deliver_after: Seconds | None = None
    answer_after: Seconds | None = None
    """From a change or cancellation to its answer."""


class Party(Value):
    """Who somebody is in cXML: domain and identity of a Credential."""

    domain: str
    identity: str


class CxmlWire(Value):
    """What a supplier who speaks cXML and its buyer know of each other."""

    buyer: Party
    buyer_secret: str
    """What the buyer proves itself with."""
    seller: Party
    seller_secret: str
    unit: str = "EA"


class SupplierSettings(Value):
    """One simulated supplier."""

    supplier_id: str
    api_key: str = ""
    webhook_secret: str = ""
    """`whsec_...`; what it signs with."""
    cxml: CxmlWire | None = None
    """It speaks cXML; None: the http profile, with the two secrets above."""
    pace: Pace = Pace()
    lead_days: int = Field(default=7, ge=0)
    """It promises goods this many days after the order's own date, where the order wants no date."""
    rules: tuple[Rule, ...] = ()
    """How it behaves at first; later commands outlive a restart."""


class EdiItem(Value):
    """What a supplier who speaks X12 sells; the price is per purchase unit."""

    supplier_sku: str
    name: str
    unit_price: Decimal
    lead_days: int


class EdiSettings(Value):
    """One simulated supplier who speaks X12 over two folders."""

    supplier_id: str
    name: str
    identifier: str
    buyer: str
    """What both are called in an interchange (ISA06, ISA08)."""
    orders: Path
    """Where it takes the buyer's documents from."""
    answers: Path
    """Where it leaves its own."""
    items: tuple[EdiItem, ...]
    pace: Pace = Pace()


class MailboxSettings(Value):
    """One simulated supplier who gets orders by mail, and answers on the page that the mail links to."""

    address: str
    """Where its orders are mailed to."""
    pace: Pace = Pace()


class WorldSettings(Value):
    """The whole outside world. A port of 0 is chosen by the system."""

    gateway_url: str | None = None
    """Where webhooks go; None: they wait."""
    host: str = "127.0.0.1"
    supplier_port: int = 0
    payment_port: int = 0
    carrier_port: int = 0
    mail_port: int = 0
    """The mail catcher's web page."""
    smtp_port: int = 0
    suppliers: tuple[SupplierSettings, ...] = ()
    edi_suppliers: tuple[EdiSettings, ...] = ()
    mailbox_suppliers: tuple[MailboxSettings, ...] = ()
    payment_api_key: str = "sim-payment-key"
    carrier_api_key: str = "sim-carrier-key"
    carrier_webhook_secret: str = "whsec_c2ltdWxhdGVkLWNhcnJpZXItc2lnbmluZy1rZXk="
    """The demo's own secret; whoever runs a real carrier has another."""
    customers_answer: bool = False
    """Do customers answer their mails by themselves (see `customers.py`)?"""
    possession_after: Seconds | None = None
    """How long after booking the carrier takes the parcel; None: only when told."""


class Step(StrEnum):
    """What a supplier can be told to do."""

    ACKNOWLEDGE = "acknowledge"
    """State every line under the rules of now. Repeated, it is a revised acknowledgement."""
    SHIP = "ship"
    DELIVER = "deliver"
    ANSWER = "answer"
    """Answer the changes and cancellations that wait for it."""


class StepLine(Value):
    """Quantities of one line, in purchase units; what is not given follows from the books."""

    line_no: int
    quantity: int | None = Field(default=None, ge=0)
    """SHIP: units shipped."""
    good: int | None = Field(default=None, ge=0)
    damaged: int = Field(default=0, ge=0)
    wrong: int = Field(default=0, ge=0)
    over: int = Field(default=0, ge=0)
    """DELIVER: good units on top of what the books say."""


class Advance(Value):
    """One step of one order."""

    what: Step
    po_number: str
    lines: tuple[StepLine, ...] | None = None
    """SHIP, DELIVER: only these lines; None: all that is open."""
    deliver_on: date | None = None
    """ACKNOWLEDGE, SHIP: the date to state instead of the supplier's own."""
    closes: bool = False
    """DELIVER: say that nothing more comes of these lines."""
    verdict: str | None = None
    """ANSWER: say `refused` or `unclear`, whatever the books say."""


class FaultKind(StrEnum):
    """What goes wrong with a request."""

    UNAVAILABLE = "503"
    THROTTLED = "429"
    BROKEN = "500"
    """Nothing is done, but the caller cannot know."""
    RESET = "reset"
    """The connection is cut before anything is done."""
    SLOW = "slow"
    """It is done, but only after `seconds`."""
    DROP_RESPONSE = "drop_response"
    """It is done, then the connection is cut instead of an answer."""
    REFUSED = "422"
    """Understood, and no: nothing is done, and a repeat under the same key gets the same answer."""


class FailNext(Value):
    """Let the next `n` requests fail."""

    kind: FaultKind
    n: int = Field(default=1, ge=1, le=10_000)
    on: str = "write"
    """`write`, `any`, or one kind: place, change, cancel, lookup; charge, refund, void; book, void."""
    seconds: float = Field(default=1, ge=0)
    """SLOW: how long; 503 and 429: the Retry-After, in whole seconds."""
