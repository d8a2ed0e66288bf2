"""What suppliers say, in one vocabulary: the events every connector decodes to. Wire formats stay in `connectors/`.

Quantities are in purchase units, as the supplier counts; the ledger multiplies by the item's unit factor. A line is
named by its number, else the buyer's SKU, else the supplier's; one that matches nothing becomes `Unmatched`.

What a document has thousands of, its lines and their parts, are checked dataclasses with slots: an eighth of a model's
memory, and less than half of the objects that the garbage collector goes through while more come.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from domain.values import Frozen

Units = Annotated[Decimal, Field(ge=0, le=10_000_000)]


def _in_capitals(said: object) -> object:
    """A code in any case, as people write it; an empty one says nothing. With letters beyond ASCII it is left."""
    return (said.strip().upper() or None) if isinstance(said, str) and said.isascii() else said


_CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class SplitStatus(StrEnum):
    """What a supplier says of a part of a line."""

    ACCEPTED = "accepted"
    BACKORDERED = "backordered"
    REJECTED = "rejected"
    SUBSTITUTED = "substituted"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A part of a line's quantity with one answer. A line answer is always a list of these."""

    status: SplitStatus
    quantity: Units
    ship_on: date | None = None
    """When the supplier hands it over; None is not known."""
    deliver_on: date | None = None
    unit_price: Decimal | None = None
    """Per purchase unit, when the supplier states one."""
    currency: Annotated[_CurrencyCode | None, BeforeValidator(_in_capitals)] = None
    """Of `unit_price` (ISO 4217); None: the PO's."""
    substitute: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRef:
    """How a supplier's message names a PO line."""

    line_no: int | None = None
    sku: str | None = None
    supplier_sku: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AckLine:
    """The answer to one line: in parts; or, without any, all of it as it was asked, by the day that stands here."""

    line: LineRef
    splits: tuple[Split, ...]
    ship_on: date | None = None
    deliver_on: date | None = None


NONE_NAMED: Final = 0
"""The revision of a `ChangeAck` that does not say which it answers: the one that waits."""
AS_IT_STANDS: Final = 2**31 - 1
"""The revision of an `OrderAck` that tells how the order stands now: no later revision can have overtaken it."""


class OrderAck(Frozen):
    """The business answer to a purchase order. No lines means: every line exactly as ordered."""

    kind: Literal["order_ack"] = "order_ack"
    po_number: str
    revision: int = 0
    """The revision it answers; an answer to an older one is recorded, not applied."""
    accepted: bool = True
    """False refuses the whole order; lines are then ignored."""
    supplier_order_no: str | None = None
    lines: tuple[AckLine, ...] = ()
    reason: str = ""


class ChangeVerdict(StrEnum):
    """The answer to a change or a cancellation."""

    ACCEPTED = "accepted"
    PARTLY = "partly"
    REFUSED = "refused"
    UNCLEAR = "unclear"


class ChangeAck(Frozen):
    """The answer to a change or cancellation request of that revision."""

    kind: Literal["change_ack"] = "change_ack"
    po_number: str
    revision: int
    """0: the supplier does not say which; then it is the one that waits for an answer."""
    verdict: ChangeVerdict
    lines: tuple[AckLine, ...] = ()
    """With PARTLY: the lines as they now stand."""
    reason: str = ""


class Balance(StrEnum):
    """What a supplier says of the rest of a line after a shipment."""

    OPEN = "open"
    CLOSED = "closed"
    """Nothing more of it is shipped."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeLine:
    """One line of a ship notice."""

    line: LineRef
    shipped: Units
    deliver_on: date | None = None
    balance: Balance = Balance.UNKNOWN


class NoticePurpose(StrEnum):
    """What a ship notice is to those before it with the same shipment id."""

    ORIGINAL = "original"
    REPLACE = "replace"
    CANCEL = "cancel"


class ShipNotice(Frozen):
    """Goods have left the supplier (ASN). It moves dates, not quantities."""

    kind: Literal["ship_notice"] = "ship_notice"
    po_number: str
    shipment_id: str
    lines: tuple[NoticeLine, ...]
    tracking: str | None = None
    purpose: NoticePurpose = NoticePurpose.ORIGINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedLine:
    """What arrived of one line, by condition."""

    line: LineRef
    good: Units = Decimal(0)
    damaged: Units = Decimal(0)
    wrong: Units = Decimal(0)
    """Units of another item than ordered."""


class Received(Frozen):
    """Goods receipt at our warehouse. `closes` says the supplier sends no more of the lines named."""

    kind: Literal["received"] = "received"
    po_number: str
    receipt_id: str
    """Unique for the supplier; a repeat counts once."""
    lines: tuple[ReceivedLine, ...]
    closes: bool = False


class SyntaxAck(Frozen):
    """The supplier could read a document of ours, or could not (997, TA1, CONTRL). Never that it accepts the order."""

    kind: Literal["syntax_ack"] = "syntax_ack"
    po_number: str | None = None
    """Known to the ledger, which finds the order by the control number."""
    control_number: int
    """The document's, as `connectors.suppliers.interface.WireIds` had it."""
    accepted: bool = True
    reason: str = ""


class Hint(Frozen):
    """Said in passing (inventory advice, order status, invoice): shown in the order's story, and moves nothing."""

    kind: Literal["hint"] = "hint"
    po_number: str | None = None
    what: str


class Unmatched(Frozen):
    """Something readable that names no PO or line of ours: an incident for an operator, not a crash."""

    kind: Literal["unmatched"] = "unmatched"
    po_number: str | None = None
    what: str


SupplierEvent = Annotated[
    OrderAck | ChangeAck | ShipNotice | Received | SyntaxAck | Hint | Unmatched, Field(discriminator="kind")
]
supplier_event: TypeAdapter[SupplierEvent] = TypeAdapter(SupplierEvent)
"""Reads a SupplierEvent from JSON or plain data."""
