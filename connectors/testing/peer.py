"""The far side, as the suite commands it: what an author writes beside a connector, mostly in 40 to 60 lines.

A peer reads what the connector wrote and writes what the connector shall read, so it must do both by code of its own or
of somebody else, never by the connector's: two halves of one misunderstanding agree with each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import Field

from connectors.suppliers.interface import Envelope, Inward, Reply
from domain.supplier_events import SupplierEvent
from domain.values import Frozen


class Fault(StrEnum):
    """What goes wrong when the connector sends."""

    UNREACHED = "unreached"
    """Nothing gets through: no connection, no folder, or the line is cut before anything is done."""
    BROKEN = "broken"
    """The far side fails over it (a 500) and does nothing, which the connector cannot know."""
    UNANSWERED = "unanswered"
    """The far side takes it, and its answer is lost."""
    SLOW = "slow"
    """The far side takes it, and answers later than a connector with `Peer.hasty_settings` waits."""
    BUSY = "busy"
    """The far side does nothing and asks to come again after a time (a 429 with Retry-After)."""
    REFUSED = "refused"
    """The far side understands, and says no at once."""


class Flaw(StrEnum):
    """What makes a message one that must not be taken."""

    SIGNATURE = "signature"
    """Signed by somebody else, or altered after it was signed."""
    AGE = "age"
    """Genuine, but an hour old: whoever kept it plays it again."""
    SENDER = "sender"
    """It says that it is from somebody else."""
    RECEIVER = "receiver"
    """It is addressed to somebody else."""


class SeenLine(Frozen):
    """One line as the far side read it. None: this format does not carry that."""

    line_no: int
    quantity: Decimal
    sku: str | None = None
    supplier_sku: str | None = None
    unit_price: Decimal | None = None
    description: str | None = None


class Seen(Frozen):
    """One document as the far side read it."""

    kind: str
    """place, change or cancel."""
    po_number: str
    lines: tuple[SeenLine, ...] = ()
    """Of a change: the lines with the quantity that they are to have from now on; 0 takes one off."""


class HeldOrder(Frozen):
    """One order in the far side's books, with all changes so far."""

    po_number: str
    lines: tuple[SeenLine, ...]
    cancelled: bool = False


def held(documents: Iterable[Seen]) -> list[HeldOrder]:
    """The books of a far side that believes every document, in this order: for peers that only collect documents.

    An order that comes twice is there twice; a change of an order that is not there is an order of its own.
    """
    orders: list[HeldOrder] = []
    for seen in documents:
        at = next((n for n, order in enumerate(orders) if order.po_number == seen.po_number), None)
        if seen.kind == "place" or at is None:
            orders.append(HeldOrder(po_number=seen.po_number, lines=seen.lines))
        elif seen.kind == "cancel":
            orders[at] = orders[at].model_copy(update={"cancelled": True})
        else:
            lines = {line.line_no: line for line in (*orders[at].lines, *seen.lines)}
            still = tuple(line for line in lines.values() if line.quantity)
            orders[at] = HeldOrder(po_number=seen.po_number, lines=still, cancelled=orders[at].cancelled)
    return orders


class Sample(Frozen):
    """A document that is none of the suite's own making, and what a person says it means."""

    name: str
    body: bytes
    events: tuple[SupplierEvent, ...] | None
    """None: it is none that a supplier sends, or nothing in it can be relied on, and it must be Undecodable."""
    settings: Mapping[str, object] = Field(default_factory=dict[str, object])
    """Those that the peer's settings have otherwise: who is who in it, and the habits of its sender."""


class Peer(Protocol):
    """The far side of one connector, new for each test.

    Subclass it: what has a body here is right for a far side that has no such thing. What makes no sense for yours
    (`Fault.BUSY` for a folder) is named in the suite's `denies`, and then is never asked.
    """

    supplier_id: str
    settings: Mapping[str, object]
    """With which a connector reaches this far side, and can do all that it can."""
    wrong_settings: Mapping[str, object]
    """With which it does not: another API key, another folder. Its `check` must say so."""
    hasty_settings: Mapping[str, object]
    """Like `settings`, with so little patience that `Fault.SLOW` is too slow."""

    def read(self, envelope: Envelope) -> Seen:
        """Pure: read what the connector wrote, strictly. Raises: anything, when it is no sound document."""
        ...

    async def received(self) -> Sequence[HeldOrder]:
        """The orders in its books; one it took twice is there twice."""
        ...

    async def fail(self, fault: Fault, seconds: float = 0) -> None:
        """Let the next write fail so; where that cannot be (a folder that is gone is gone), every one until `mend`.

        UNREACHED is for whatever the connector asks next, not only for writes. `seconds`: after which BUSY asks to come
        again.
        """
        ...

    async def mend(self) -> None:
        """All is well again."""

    def write(self, *events: SupplierEvent, flaw: Flaw | None = None) -> Inward:
        """A message that says these events, as it comes through our door or out of `poll`.

        Each call writes a new message (id, control number, envelope), sound and genuine but for `flaw`. All speak of
        `orders.ORDER` or `orders.OTHER_ORDER`, where formats that restate the order find the rest. Several events in
        one message are asked only where `multi_po_notice` is claimed.
        """
        ...

    async def deliver(self, *messages: Inward) -> None:
        """Put messages where the connector's `poll` finds them, in this order."""
        raise AssertionError(f"{len(messages)} messages wait, and this far side is not polled")

    def understands(self, reply: Reply, message: Inward) -> bool:
        """Read what the connector wrote by `acknowledge`: True when it says that `message` could be read.

        Raises: anything, when it is no sound document, or speaks of another message.
        """
        raise AssertionError(f"a {reply.content_type} for {len(message.body)} bytes: nothing is owed here")

    def carried(self, text: str) -> str:
        """What is left of a description in this format, as its documentation says; here: all of it."""
        return text
