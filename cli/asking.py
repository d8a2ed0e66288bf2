"""Asking a workflow for something: an update, with an end to the waiting, and each way it can go in words."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from pydantic import BaseModel
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import QueryRejectCondition, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.service import RPCError, RPCStatusCode

from cli.connections import SECONDS_TO_CONNECT, task_queue
from cli.errors import CommandFailed, Refused
from cli.terminal import plain, progress_console
from domain.summaries import MAILBOX_DETAILS, PURCHASE_ORDER_DETAILS, mailbox_summary, purchase_order_summary
from workflows import backorder_contract, mailbox_contract, purchase_order_contract
from workflows.mailbox_contract import MailboxStanding, ResolveMailbox

Answer = TypeVar("Answer")

_ENDED_MEANWHILE = "AcceptedUpdateCompletedWorkflow"
"""How the server names the failure of an update whose workflow completed first."""

_NOBODY_ANSWERS = frozenset(
    {RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED}
)
"""How the server ends a query that no worker takes, or that one took and does not answer."""


class NobodyRuns(Exception):
    """No workflow runs for what was asked about: it has ended, or never was. The books know which."""


async def ask_backorder(
    client: Client, backorder_id: str, update: str, request: BaseModel, answer: type[Answer], *, wait: float
) -> Answer:
    """Run an update of a backorder's workflow and wait for its answer.

    Args:
        client: by which.
        backorder_id: whom to ask.
        update: its name in the contract.
        request: its argument.
        answer: the type of the answer.
        wait: seconds to wait at most.

    Raises:
        NobodyRuns: see there.
        Refused: the workflow said no.
        CommandFailed: nobody answered in time.
    """
    handle = client.get_workflow_handle(backorder_contract.workflow_id(backorder_id))
    asked = handle.start_update(  # pyright: ignore[reportUnknownMemberType] - an overload not used here is untyped
        update, request, wait_for_stage=WorkflowUpdateStage.ACCEPTED, result_type=answer
    )
    reply: Answer = await _answered(client, backorder_id, asked, wait)
    return reply


async def ask_purchase_order(
    client: Client, po_number: str, update: str, request: BaseModel | None, answer: type[Answer], *, wait: float
) -> Answer:
    """Run an update of a purchase order's workflow, as `ask_backorder`; one that has ended is woken for it.

    The number must be one of the ledger's: a workflow that is woken for another has nothing to look at.
    """
    wake: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        purchase_order_contract.WORKFLOW,
        {"po_number": po_number},
        id=purchase_order_contract.workflow_id(po_number),
        task_queue=task_queue(),
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=purchase_order_summary(po_number),
        static_details=PURCHASE_ORDER_DETAILS,
    )
    asked = client.start_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - likewise
        update,
        args=[] if request is None else [request],
        start_workflow_operation=wake,
        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
        result_type=answer,
    )
    reply: Answer = await _answered(client, po_number, asked, wait)
    return reply


async def ask_mailbox(client: Client, supplier_id: str, request: ResolveMailbox, *, wait: float) -> MailboxStanding:
    """Have a decision about a supplier's mailbox carried out, as `ask_backorder`; one that does not run is started."""
    wake: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        mailbox_contract.WORKFLOW,
        {"supplier_id": supplier_id},
        id=mailbox_contract.workflow_id(supplier_id),
        task_queue=task_queue(),
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=mailbox_summary(supplier_id),
        static_details=MAILBOX_DETAILS,
    )
    asked = client.start_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - likewise
        mailbox_contract.RESOLVE,
        request,
        start_workflow_operation=wake,
        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
        result_type=MailboxStanding,
    )
    reply: MailboxStanding = await _answered(client, supplier_id, asked, wait, shown_by="mailbox")
    return reply


async def ask_standing(
    client: Client, who: str, workflow_id: str, query: str, *, wait: float, shown_by: str = "status"
) -> Any:
    """Query a workflow that runs.

    Args:
        client: by which.
        who: the id that people know it by.
        workflow_id: whom to ask.
        query: its name in the contract.
        wait: seconds to wait at most.
        shown_by: the command that shows it, too.

    Raises:
        NobodyRuns: it has ended, however, or never was.
        Refused: it could not answer.
        CommandFailed: nobody answered in time.
    """
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id)
    try:
        async with asyncio.timeout(wait):
            # one that was terminated would answer, too, as if it would go on
            return await handle.query(query, reject_condition=QueryRejectCondition.NOT_OPEN)
    except WorkflowQueryRejectedError as ended:
        raise NobodyRuns from ended
    except WorkflowQueryFailedError as failed:
        raise Refused(f"{who} cannot say: {failed}") from failed
    except TimeoutError as late:
        raise CommandFailed(await _why_late(client, who, wait, taken=False, shown_by=shown_by)) from late
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND and not _lacks_namespace(failure):
            raise NobodyRuns from failure
        if failure.status in _NOBODY_ANSWERS:
            raise CommandFailed(await _why_late(client, who, wait, taken=False, shown_by=shown_by)) from failure
        raise


async def _answered(
    client: Client, who: str, asked: Awaitable[WorkflowUpdateHandle[Any]], wait: float, *, shown_by: str = "status"
) -> Any:
    taken: WorkflowUpdateHandle[Any] | None = None
    limit = asyncio.timeout(wait)
    try:
        with progress_console().status(
            plain(f"waiting for {who}, {wait:g} seconds at most; Ctrl-C takes nothing back")
        ):
            async with limit:
                taken = await asked
                return await taken.result()
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as late:
        if isinstance(late.__cause__, asyncio.CancelledError) and not limit.expired():
            raise asyncio.CancelledError from late  # Ctrl-C, which the SDK takes for a timeout
        raise CommandFailed(await _why_late(client, who, wait, taken=taken is not None, shown_by=shown_by)) from late
    except WorkflowUpdateFailedError as refused:
        cause = refused.cause
        if isinstance(cause, ApplicationError) and cause.type == _ENDED_MEANWHILE:
            raise NobodyRuns from refused
        raise Refused(f"{who}: {cause.message if isinstance(cause, FailureError) else cause}") from refused
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND and not _lacks_namespace(failure):
            raise NobodyRuns from failure
        raise


def _lacks_namespace(failure: RPCError) -> bool:
    return any(detail.type_url.endswith("NamespaceNotFoundFailure") for detail in failure.grpc_status.details)


async def _why_late(client: Client, who: str, wait: float, *, taken: bool, shown_by: str = "status") -> str:
    """What is known of an answer that did not come, and what to do."""
    if taken:
        return (
            f"{who} took it on, and is not done after {wait:g} seconds. It goes on by itself: "
            f"`promisekeeper {shown_by} {who}` shows how far it is."
        )
    queue = task_queue()
    if await _somebody_works(client, queue):
        return (
            f"{who} has not taken it on within {wait:g} seconds, although a worker runs on task queue {queue!r}. It "
            f"may still do so: look at `promisekeeper {shown_by} {who}`, and ask again if nothing happened, which is "
            "safe."
        )
    return (
        f"{who} has not taken it on within {wait:g} seconds: no worker runs on task queue {queue!r}. Start one "
        "(`promisekeeper dev`, or `python -m worker`), then ask again, which is safe."
    )


async def _somebody_works(client: Client, queue: str) -> bool:
    """Has any worker asked this queue for work in the last minutes? True if the server does not tell."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        async with asyncio.timeout(SECONDS_TO_CONNECT):
            return bool((await client.workflow_service.describe_task_queue(request)).pollers)
    except (TimeoutError, RPCError):
        return True
