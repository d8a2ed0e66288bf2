"""What goes into and comes out of activities. Small: ids, dates, a few totals; the ledger has the rest."""

from typing import Literal

from domain.backorder_duty import Duty, Policy
from domain.backorder_position import Answer, BackorderPosition, CancelledBy
from domain.orders import Order
from domain.values import Frozen, Instant


class KeyedStep(Frozen):
    """What every step in the ledger has."""

    key: str
    """Of workflow id and step: a retry is known by it, and repeats nothing."""
    at: Instant
    """The workflow's own time."""


class AcceptStep(KeyedStep):
    """Take an order into the books."""

    order: Order


class Accepted(Frozen):
    """An accepted backorder and the rules it lives by from now on."""

    position: BackorderPosition
    policy: Policy


class BackorderStep(KeyedStep):
    """A step that needs nothing but the backorder."""

    backorder_id: str


class SourceStep(BackorderStep):
    """Find supply."""

    sku: str = ""
    """Those who need the same are sourced together. Steps of release 0.1 do not say it."""
    last_sourced_at: Instant | None = None
    """The search before this one, as far as the workflow knows: what makes it another step than that."""


class DutyStep(BackorderStep):
    """A step that carries out one duty."""

    duty: Duty


class CancelStep(BackorderStep):
    """Ask to cancel."""

    by: CancelledBy
    reason: str


class ReleaseStep(BackorderStep):
    """Give supply back and fix until when money must be returned."""

    policy: Policy


class NotifyStep(DutyStep):
    """Write and mail one notice, or record that its mail left."""

    policy: Policy
    notice_id: str
    """The same for every try at the same notice, so that its mail has one Message-ID."""


class AnswerStep(BackorderStep):
    """Record a customer's answer."""

    notice_id: str
    answer: Answer
    policy: Policy


class Answered(Frozen):
    """What became of an answer."""

    outcome: Literal["recorded", "repeat", "too_late"]
    position: BackorderPosition


class TextStep(BackorderStep):
    """A step with words for people: what is needed, or how it was settled."""

    text: str


class SettleStep(TextStep):
    """How something was settled that an operator was asked for."""

    need: str | None
    """What is not asked any more; None: nothing is."""


class RawReceiptStep(BackorderStep):
    """A receipt signalled straight to a backorder, as it came."""

    raw: str


class PurchaseOrderStep(KeyedStep):
    """A step that needs nothing but the purchase order."""

    po_number: str


class HoldStep(PurchaseOrderStep):
    """Stop or resume collecting."""

    held: bool


class OperationStep(PurchaseOrderStep):
    """A step on one operation of the outbox."""

    operation_id: str
    number: int = 0
    """Of a reminder: which it is, from 1. 0: it was asked for before reminders were counted."""


class PurchaseOrderTextStep(PurchaseOrderStep):
    """A step with words for people."""

    text: str


class PurchaseOrderSettleStep(PurchaseOrderTextStep):
    """How something was settled that an operator was asked for."""

    need: str | None
    """What is not asked any more; None: nothing is."""


class PurchaseOrderReceiptsStep(PurchaseOrderStep):
    """Receipts signalled straight to a purchase order, as they came."""

    raws: tuple[str, ...]
