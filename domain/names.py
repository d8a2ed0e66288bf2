"""The names by which workflows are known on the wire: ids, types, signals, the task queue.

Plain strings only, so that every layer may use them. The payload models, updates and search attributes that belong to
them stand in `workflows/backorder_contract.py` and `workflows/purchase_order_contract.py`.
"""

TASK_QUEUE = "promisekeeper"
"""The task queue the production worker polls."""

BACKORDER = "Backorder"
"""Workflow type of one backorder."""

PURCHASE_ORDER = "PurchaseOrder"
"""Workflow type of one purchase order."""

SUPPLIER_MAILBOX = "SupplierMailbox"
"""Workflow type of what comes from one supplier and is owed to it, apart from its orders."""

SWEEP = "Sweep"
"""Workflow type of a sweep."""

SUPPLY_CHANGED = "supply_changed"
"""Signal to a backorder: its supply changed in the ledger (allocated, dated, lost). Carries no quantity: look it up."""

PARCEL_MOVED = "parcel_moved"
"""Signal to a backorder: the carrier reported on one of its parcels. The report itself is in the ledger."""

SUPPLIER_MESSAGE = "supplier_message"
"""Signal to a purchase order: a verified, stored supplier message waits in the inbox under this id."""

RECEIPT = "receipt"
"""Signal to a purchase order or a backorder: a full goods receipt, straight from a supplier or warehouse system."""

SHARES_CHANGED = "shares_changed"
"""Signal to a purchase order: shares joined past the threshold or were given back; look at the ledger."""


def backorder_workflow_id(backorder_id: str) -> str:
    """The workflow id of a backorder: the business key, so an upstream retry is harmless."""
    return f"backorder/{backorder_id}"


def is_po_number(what: str) -> bool:
    """The ledger numbers purchase orders PO-000001 and on. No backorder may be named so, for commands take both."""
    return what.startswith("PO-") and what[3:].isdigit()


def purchase_order_workflow_id(po_number: str) -> str:
    """The workflow id of a purchase order."""
    return f"po/{po_number}"


LOOK = "look"
"""Signal to a mailbox: something came or is owed; do not wait until the next look."""


def mailbox_workflow_id(supplier_id: str) -> str:
    """The workflow id of a supplier's mailbox."""
    return f"mailbox/{supplier_id}"


def supplier_task_queue(task_queue: str, supplier_id: str) -> str:
    """The queue of the steps that call one supplier, so that one that is slow or down holds up no other."""
    return f"{task_queue}/supplier/{supplier_id}"


def sweep_workflow_id(task_queue: str, kind: str) -> str:
    """The workflow id of a sweep, to which a Schedule adds the time. Two installations may share a namespace."""
    return f"sweep/{task_queue}/{kind}"
