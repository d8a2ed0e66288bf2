"""Starting a workflow again that was lost (terminated, failed, or gone with its Temporal) while the ledger needs it.

The ledger is the register of what was done, so a new run needs nothing of the old one: it looks, and does what is due,
as after continue-as-new. Its keys carry its own run id; payments, parcels, notices and orders to suppliers have keys of
their own, so nothing that was done before is done again. The id may be used once more, for this purpose alone: it is
the ledger that says the backorder is open.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from domain import names
from domain.orders import Address, Customer, Order
from domain.summaries import (
    BACKORDER_DETAILS,
    PURCHASE_ORDER_DETAILS,
    backorder_summary,
    purchase_order_summary,
)

if TYPE_CHECKING:
    from domain.backorder_duty import Policy
    from ledger.book import Ledger
    from ledger.sweeping import Basis

_IN_THE_LEDGER = "kept in the ledger"


async def restart_backorder(
    client: Client,
    ledger: Ledger,
    policy_of: Callable[[str], Policy],
    backorder_id: str,
    *,
    how: str,
    key: str,
    at: datetime,
    task_queue: str,
) -> str | None:
    """Start a backorder's workflow from where the ledger stands.

    Args:
        client: by which.
        ledger: the books, which have it open.
        policy_of: today's rules by currency, for a backorder whose own were not written down.
        backorder_id: which.
        how: what became of its workflow, in words.
        key: of the fact that it is started again.
        at: when.
        task_queue: of the workers.

    Returns:
        What was done; None if somebody else had started it meanwhile.

    Raises:
        NotFound: no such backorder.
    """
    from ledger import sweeping

    basis = await sweeping.basis(ledger, backorder_id)
    policy = basis.policy or policy_of(basis.currency).model_dump(mode="json")
    terms = "" if basis.policy else ", under today's terms, since its own are not on record"
    said = f"{how} while {basis.open} of its units were owed; started again{terms}"
    workflow_id = names.backorder_workflow_id(backorder_id)
    # First the story, then the start: after a crash in between, the start is simply made up for.
    await sweeping.record_restart(ledger, workflow_id, key=key, at=at, text=said[0].upper() + said[1:])
    start = order_without_contact(basis).model_dump(mode="json") | {"carried": {"accepted": True, "policy": policy}}
    summary = backorder_summary(basis.quantity, basis.sku, basis.sales_order, basis.line)
    started = await _start(
        client,
        names.BACKORDER,
        start,
        workflow_id=workflow_id,
        task_queue=task_queue,
        summary=summary,
        details=BACKORDER_DETAILS,
    )
    return said if started else None


async def restart_purchase_order(
    client: Client, ledger: Ledger, po_number: str, *, how: str, key: str, at: datetime, task_queue: str
) -> str | None:
    """Start a purchase order's workflow from where the ledger stands. As `restart_backorder`."""
    from ledger import sweeping

    said = f"{how} while the order was open; started again"
    workflow_id = names.purchase_order_workflow_id(po_number)
    await sweeping.record_restart(ledger, workflow_id, key=key, at=at, text=said[0].upper() + said[1:])
    # Shares may have been given back unheard: it asks for less only if the ledger has some that nobody wants.
    start = {"po_number": po_number, "shares_changed": True}
    summary = purchase_order_summary(po_number)
    started = await _start(
        client,
        names.PURCHASE_ORDER,
        start,
        workflow_id=workflow_id,
        task_queue=task_queue,
        summary=summary,
        details=PURCHASE_ORDER_DETAILS,
    )
    return said if started else None


def order_without_contact(basis: Basis) -> Order:
    """The order as a start input. Customers' data stays where it is: every step that needs it reads it there."""
    return Order(
        backorder_id=basis.backorder_id,
        sales_order=basis.sales_order,
        line=basis.line,
        customer=Customer(customer_id=basis.customer_id, name=_IN_THE_LEDGER, email="kept@ledger.invalid"),
        ship_to=Address(
            name=_IN_THE_LEDGER,
            street=_IN_THE_LEDGER,
            city=_IN_THE_LEDGER,
            postal_code=_IN_THE_LEDGER,
            country="ZZ",
            zone=basis.zone,
        ),
        sku=basis.sku,
        quantity=basis.quantity,
        unit_price=basis.unit_price,
        currency=basis.currency,
        shipping_charge=basis.shipping_charge,
        payment_method="kept-in-the-ledger",
        partial_shipment=basis.partial_shipment,
        priority=basis.priority,
    )


async def _start(
    client: Client,
    workflow: str,
    start: dict[str, Any],
    *,
    workflow_id: str,
    task_queue: str,
    summary: str,
    details: str,
) -> bool:
    try:
        await client.start_workflow(
            workflow,
            start,
            id=workflow_id,
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary=summary,
            static_details=details,
        )
    except WorkflowAlreadyStartedError:
        return False
    return True
