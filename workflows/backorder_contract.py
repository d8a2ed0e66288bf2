"""The whole interface of a `Backorder` workflow: names, ids, payloads, search attributes.

Upstream teams can start and talk to backorders with any Temporal SDK by this page alone. Start it with
`id=workflow_id(order.backorder_id)`, `REJECT_DUPLICATE`, task queue `TASK_QUEUE`, and one `Order` as JSON
(`promisekeeper schema order` prints its JSON Schema).
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Self

from pydantic import ConfigDict, Field
from temporalio.common import SearchAttributeKey

from domain import names
from domain.backorder_duty import Duty, Policy
from domain.backorder_position import Answer, BackorderPosition, CancelledBy
from domain.duties import Stuck
from domain.orders import Order
from domain.values import Frozen, Words, round_money

__all__ = ["RECEIPT", "SUPPLY_CHANGED", "TASK_QUEUE", "WORKFLOW", "Order", "workflow_id"]

WORKFLOW = names.BACKORDER
TASK_QUEUE = names.TASK_QUEUE
workflow_id = names.backorder_workflow_id

# Signals: told by the system, carry no truth of their own (the ledger has it), harmless when repeated.
SUPPLY_CHANGED = names.SUPPLY_CHANGED
PARCEL_MOVED = names.PARCEL_MOVED
RECEIPT = names.RECEIPT

# Updates: asked by people or upstream, with an answer.
CANCEL = "cancel"
ANSWER_DELAY = "answer_delay"
RESOLVE = "resolve"

# Query.
STANDING = "standing"

# Search attributes: typed, never personal, never used for correctness.
STATUS = SearchAttributeKey.for_keyword("BackorderStatus")
SKU = SearchAttributeKey.for_keyword("Sku")
SUPPLIER_IDS = SearchAttributeKey.for_keyword_list("SupplierIds")
PO_NUMBERS = SearchAttributeKey.for_keyword_list("PoNumbers")
SALES_ORDER = SearchAttributeKey.for_keyword("SalesOrder")
PROMISED_BY = SearchAttributeKey.for_datetime("PromisedBy")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")

SEARCH_ATTRIBUTES: dict[str, str] = {
    STATUS.name: "Keyword",
    SKU.name: "Keyword",
    SUPPLIER_IDS.name: "KeywordList",
    PO_NUMBERS.name: "KeywordList",
    SALES_ORDER.name: "Keyword",
    PROMISED_BY.name: "Datetime",
    NEEDS_ATTENTION.name: "Bool",
}
"""Name to type, as a namespace needs them registered."""


class CancelRequest(Frozen):
    """Cancel what has not shipped."""

    by: CancelledBy = CancelledBy.CUSTOMER
    reason: Words = ""


class CancelOutcome(StrEnum):
    """How a cancellation ended. The carrier's possession is the line: before it the cancel wins, after it not."""

    CANCELLED = "cancelled"
    """Nothing ships; every cent taken is refunded or being refunded."""
    REST_CANCELLED = "rest_cancelled"
    """A part is with the carrier (a return, if unwanted); the rest is cancelled."""
    TOO_LATE = "too_late"
    """The carrier holds everything: not a cancellation but a return."""
    ALREADY_CANCELLED = "already_cancelled"


class CancelReply(Frozen):
    """The answer to `cancel`, given when supply and parcel are unwound and every refund has a date."""

    outcome: CancelOutcome
    units_cancelled: int
    units_shipped: int
    refund: Decimal
    """What is given back, in `currency`."""
    currency: str
    refund_by: date | None
    """The last day for it; None where nothing is given back."""

    @classmethod
    def of(cls, position: BackorderPosition, outcome: CancelOutcome, refund: Decimal) -> Self:
        """The answer of a backorder that stands so, of which so much is given back."""
        return cls(
            outcome=outcome,
            units_cancelled=position.cancelled,
            units_shipped=position.shipped,
            refund=round_money(refund, position.currency),
            currency=position.currency,
            refund_by=position.refund_deadline if refund else None,
        )


class DelayAnswer(Frozen):
    """A customer's answer to a delay notice."""

    notice_id: Words
    answer: Answer


class DelayAnswerReply(Frozen):
    """RECORDED counts; REPEAT was known; TOO_LATE came after the backorder ended."""

    outcome: Literal["recorded", "repeat", "too_late"]


class Resolution(StrEnum):
    """What an operator can decide when attention is needed."""

    RETRY = "retry"
    """Ask all suppliers again, those that failed before included."""
    CANCEL = "cancel"
    """The seller cancels; money goes back."""
    DISMISS = "dismiss"
    """Seen; nothing to do here."""


class Resolve(Frozen):
    """An operator's decision."""

    resolution: Resolution
    note: Words = ""


class Standing(Frozen):
    """The answer to the `standing` query."""

    position: BackorderPosition | None
    next_duty: Duty | None


class Carried(Frozen):
    """What one run hands to the next on continue-as-new. Nothing a sender of orders needs."""

    accepted: bool = False
    policy: Policy | None = None
    stuck: dict[str, Stuck] = Field(default_factory=dict[str, Stuck])
    """By kind of duty: what could not be done when last tried."""


class BackorderInput(Order):
    """The start input: an `Order`, and nothing else when somebody starts a backorder.

    One model on purpose: the SDK decodes without types when a sender gives fewer arguments than `run` takes, so an
    optional second argument would turn every order into a plain dict.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # a refusal is read by many, and must not quote the customer

    carried: Carried | None = None
