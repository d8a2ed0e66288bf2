"""What the Temporal UI says of a workflow from its first moment on: one line for lists, and what it is about.

Nothing personal: who may look at Temporal need not be one who may look at customers.
"""


def backorder_summary(quantity: int, sku: str, sales_order: str, line: int) -> str:
    """One line about a backorder."""
    return f"{quantity} x {sku} for {sales_order} line {line}"


def purchase_order_summary(po_number: str) -> str:
    """One line about a purchase order."""
    return f"Purchase order {po_number}"


def mailbox_summary(supplier_id: str) -> str:
    """One line about a supplier's mailbox."""
    return f"Messages of supplier {supplier_id}"


def sweep_summary(kind: str) -> str:
    """One line about a sweep."""
    return f"Sweep: {kind.replace('-', ' ')}"


# A line that ends here ends in the UI, too: where a paragraph goes on, the line end is escaped.
BACKORDER_DETAILS = """\
**A promise to one customer**: goods that were sold and are not here yet. This workflow runs until the parcel is with \
the carrier or every cent is back.

- *Current Details* tells where it stands, what happens next and when, and what is needed from whom.
- It goes on by itself. If it needs a person, `NeedsAttention` is true, and the details say for what.
- To decide: *More Actions* > *Send an Update* > `resolve` or `cancel`. *Request Cancellation* is the same as `cancel`.
- *Terminate* undoes nothing: the customer is still owed the goods, and a sweep starts the workflow again.
"""

PURCHASE_ORDER_DETAILS = """\
**One order to one supplier**, shared by all backorders that have a claim on it. This workflow collects their shares \
until the cut-off, sends the order once, and follows it until the last receipt.

- *Current Details* tells where it stands, what happens next and when, and what is needed from whom.
- To decide: *More Actions* > *Send an Update* > `resolve`, `release_now` or `hold`. *Request Cancellation* \
withdraws it.
- *Terminate* undoes nothing: the supplier still has the order, and a sweep starts the workflow again.
"""

MAILBOX_DETAILS = """\
**What one supplier sends, and what its protocol is owed for it**. This workflow fetches documents where they are left \
for us, keeps each before it is read, and tells the purchase orders concerned.

- *Current Details* tells when it looked last, what could not be read, and what stands in the way.
- To decide: *More Actions* > *Send an Update* > `resolve` with `retry` (the cause is mended: read again) or `dismiss`.
- *Terminate* loses nothing: messages stay where they are, and a worker starts it again.
"""

SWEEP_DETAILS = {
    "owed-words": "Tells workflows what the ledger still owes them, such as an allocation whose word was lost.",
    "late-orders": "Makes purchase orders look again that are past their window, or whose supplier spoke unheard.",
    "lost-workflows": "Starts workflows again that the ledger still needs: terminated, failed, or lost with Temporal.",
    "unknown-workflows": "Reports workflows that the ledger does not know, as after an older ledger was restored.",
}
"""By kind of sweep."""
