"""Taking an order: the same one again is harmless, another under the same id is a conflict, nonsense starts nothing.

The workflow's start is the one moment of acceptance, since upstream systems may start workflows themselves. So two
different orders that race for one id are judged by Temporal, which starts one workflow an id; the loser is compared
with what the winner was started with.
"""

from datetime import datetime

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
from domain.orders import Order, refuse_nonsense
from gateway.connections import Connections
from ledger import backorders, catalogue
from workflows import backorder_contract


async def take(connections: Connections, order: Order, now: datetime) -> bool:
    """Start the order's workflow, unless it was started before.

    Returns:
        True if it was started now, False for an exact repeat.

    Raises:
        OrderRefused: it cannot be accepted as it stands; nothing was started.
        OrderConflict: the id belongs to another order; nothing was changed.
    """
    fingerprint = await backorders.fingerprint(connections.ledger, order.backorder_id)
    if fingerprint is None:
        # Only a new order is judged by today's dates and catalogue: a repeat stays a repeat.
        refuse_nonsense(order, now)
        if order.sku not in await catalogue.known_skus(connections.ledger):
            raise OrderRefused(f"sku {order.sku!r} is not in the catalogue; add it there, or correct the order")
        if await _start(connections, order):
            return True
        started = await started_order(connections.temporal, order.backorder_id)
        fingerprint = started.fingerprint if started else None
    if fingerprint != order.fingerprint:
        raise OrderConflict(
            f"backorder {order.backorder_id!r} was accepted before with other content; "
            "send that content again, or use another id"
        )
    return False


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


async def _start(connections: Connections, order: Order) -> bool:
    """True if the workflow was started now."""
    try:
        await connections.temporal.start_workflow(
            backorder_contract.WORKFLOW,
            order,
            id=backorder_contract.workflow_id(order.backorder_id),
            task_queue=connections.settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary=f"{order.quantity} x {order.sku} for {order.sales_order} line {order.line}",
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
