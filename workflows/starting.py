"""Starting backorders: by the gateway, the command line and whoever else, each in the same way.

One workflow an id is what makes an upstream retry harmless; what an id was started with is how a repeat is told from a
conflict while the books do not know it yet.
"""

from pydantic import ValidationError
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.backorder_position import Status
from domain.errors import OrderConflict, OrderRefused
from domain.orders import Order
from domain.summaries import BACKORDER_DETAILS, backorder_summary
from workflows import backorder_contract


async def start_backorder(temporal: Client, order: Order, *, task_queue: str = backorder_contract.TASK_QUEUE) -> bool:
    """Start the workflow of an order. False: one with this id was started before, whatever became of it."""
    try:
        await temporal.start_workflow(
            backorder_contract.WORKFLOW,
            order,
            id=backorder_contract.workflow_id(order.backorder_id),
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary=backorder_summary(order.quantity, order.sku, order.sales_order, order.line),
            static_details=BACKORDER_DETAILS,
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(backorder_contract.STATUS, Status.ACCEPTED.value),
                    SearchAttributePair(backorder_contract.SKU, order.sku),
                    SearchAttributePair(backorder_contract.SALES_ORDER, order.sales_order),
                ]
            ),
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def started_order(temporal: Client, backorder_id: str) -> Order | None:
    """What the workflow of this id was started with, for as long as the books do not know it.

    Returns:
        None: there is no such workflow.

    Raises:
        OrderRefused: it had to refuse the order, and has ended.
        OrderConflict: it was started with something that is no order.
    """
    handle = temporal.get_workflow_handle(backorder_contract.workflow_id(backorder_id))
    try:
        first = await anext(aiter(handle.fetch_history_events(page_size=1)))
        described = await handle.describe()
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    if described.status is WorkflowExecutionStatus.FAILED:
        try:
            await handle.result()
        except WorkflowFailureError as failed:
            reason = failed.cause.message if isinstance(failed.cause, FailureError) else "it failed"
            raise OrderRefused(f"{reason}; it was refused under this id before, so send it under another") from failed
    try:
        payloads = first.workflow_execution_started_event_attributes.input.payloads
        (order,) = await temporal.data_converter.decode(list(payloads)[:1], [Order])
    except (ValidationError, ValueError, RuntimeError) as unreadable:
        raise OrderConflict(f"backorder {backorder_id!r} was started with something that is no order") from unreadable
    return order if isinstance(order, Order) else None
