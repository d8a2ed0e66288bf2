"""The whole interface of a `PurchaseOrder` workflow: names, ids, payloads, search attributes."""

from enum import StrEnum

from pydantic import Field
from temporalio.common import SearchAttributeKey

from domain import names
from domain.duties import Stuck
from domain.purchase_order_duty import PurchaseOrderDuty
from domain.purchase_order_position import PurchaseOrderPosition
from domain.values import Frozen

WORKFLOW = names.PURCHASE_ORDER
TASK_QUEUE = names.TASK_QUEUE
workflow_id = names.purchase_order_workflow_id

# Signals.
SUPPLIER_MESSAGE = names.SUPPLIER_MESSAGE
SHARES_CHANGED = names.SHARES_CHANGED
RECEIPT = names.RECEIPT

# Updates for operators.
RELEASE_NOW = "release_now"
HOLD = "hold"
RESOLVE = "resolve"

# Query.
STANDING = "standing"

STATUS = SearchAttributeKey.for_keyword("PurchaseOrderStatus")
SUPPLIER_IDS = SearchAttributeKey.for_keyword_list("SupplierIds")
PO_NUMBERS = SearchAttributeKey.for_keyword_list("PoNumbers")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")

SEARCH_ATTRIBUTES: dict[str, str] = {
    STATUS.name: "Keyword",
    SUPPLIER_IDS.name: "KeywordList",
    PO_NUMBERS.name: "KeywordList",
    NEEDS_ATTENTION.name: "Bool",
}
"""Name to type, as a namespace needs them registered."""


class PurchaseOrderInput(Frozen):
    """Start input. The workflow reads everything else from the ledger."""

    po_number: str
    events_per_run: int | None = Field(default=None, ge=20)
    """Continue as new after this many history events instead of when the server suggests it (for tests and drills)."""
    shares_changed: bool = False
    withdrawing: bool = False
    """Carried over continue-as-new: an operator withdraws the order, and it could not be done yet."""
    withdrawn: str | None = None
    """Carried over continue-as-new: the operation that asks the supplier to cancel, until it is answered."""
    receipts: tuple[str, ...] = ()
    """Carried over continue-as-new: receipts signalled but not yet stored, as JSON text."""
    stuck: dict[str, Stuck] = Field(default_factory=dict[str, Stuck])
    """Carried over continue-as-new: by kind of duty, what could not be done when last tried."""


class Hold(Frozen):
    """Stop or resume collecting towards the cut-off."""

    held: bool


class PurchaseOrderResolution(StrEnum):
    """What an operator can decide when attention is needed."""

    RETRY = "retry"
    """The cause is mended: try now what could not be done."""
    ACKNOWLEDGED = "acknowledged"
    """The supplier confirmed by other means, as ordered."""
    REFUSED = "refused"
    """The supplier does not do what it was asked last, by other means: the order stands as it was before. Lines that
    were to be added are bought elsewhere."""
    CLOSE_SHORT = "close_short"
    """Nothing more will come; buy the rest elsewhere."""
    WITHDRAW = "withdraw"
    """Withdraw the order: close it if nothing was sent, else ask the supplier to cancel. The same as "Request
    Cancellation" in the Temporal UI. If it cannot be cancelled, attention says so."""
    DISMISS = "dismiss"
    """Seen; nothing to do here."""


class Resolve(Frozen):
    """An operator's decision."""

    resolution: PurchaseOrderResolution
    note: str = Field(default="", max_length=500)


class Standing(Frozen):
    """The answer to the `standing` query."""

    position: PurchaseOrderPosition | None
    next_duty: PurchaseOrderDuty | None
