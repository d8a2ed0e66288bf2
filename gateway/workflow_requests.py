"""Asking a backorder's workflow for something: an update, with an end to the waiting, and each way it can go named.

Where the workflow has ended, the books answer in its place.
"""

import asyncio
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from fastapi import Header
from pydantic import BaseModel
from temporalio.client import (
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.service import RPCError, RPCStatusCode

from domain.backorder_position import BackorderPosition, PaymentKind, PaymentState
from domain.errors import PromisekeeperError
from gateway.connections import Connections
from ledger import backorders
from workflows import backorder_contract
from workflows.backorder_contract import (
    CancelOutcome,
    CancelReply,
    CancelRequest,
    DelayAnswer,
    DelayAnswerReply,
)

_ENDED_MEANWHILE = "AcceptedUpdateCompletedWorkflow"
"""How the server names the failure of an update whose workflow completed first."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$", description="Repeats with the same key count once."
    ),
]

Answer = TypeVar("Answer", bound=BaseModel)


class Ended(PromisekeeperError):
    """No workflow runs for this backorder: it has ended, or never was. The ledger knows which."""


class NotTaken(PromisekeeperError):
    """No worker took the request in time. It may still be taken; the same again with the same key is safe."""


class NotPossible(PromisekeeperError):
    """The workflow refused, and said why."""


async def cancel(
    connections: Connections, backorder_id: str, request: CancelRequest, *, key: str | None = None
) -> CancelReply | None:
    """Cancel what has not shipped, and wait until it is undone.

    Args:
        connections: the open ones.
        backorder_id: whose.
        request: by whom and why.
        key: the caller's own; the same again is the same request. Without one, there is one for each backorder.

    Returns:
        How it ended; None when the workflow is still at it.

    Raises:
        NotFound, NotTaken, NotPossible: see there.
    """
    try:
        return await ask(
            connections,
            backorder_id,
            backorder_contract.CANCEL,
            request,
            update_id=f"cancel/{key or backorder_id}",
            answer=CancelReply,
        )
    except Ended:
        return _reply_of_the_books(await _ended(connections, backorder_id))


async def answer_delay(
    connections: Connections, backorder_id: str, answer: DelayAnswer, *, key: str | None = None
) -> DelayAnswerReply | None:
    """Put a customer's answer to a delay notice on record. As `cancel`, but an ended backorder is too late for it."""
    try:
        return await ask(
            connections,
            backorder_id,
            backorder_contract.ANSWER_DELAY,
            answer,
            update_id=f"answer/{key or f'{answer.notice_id}/{answer.answer}'}",
            answer=DelayAnswerReply,
        )
    except Ended:
        await _ended(connections, backorder_id)
        return DelayAnswerReply(outcome="too_late")


async def ask(
    connections: Connections,
    backorder_id: str,
    update: str,
    request: BaseModel,
    *,
    update_id: str,
    answer: type[Answer],
) -> Answer | None:
    """Run an update of a backorder's workflow.

    Args:
        connections: the open ones.
        backorder_id: whose.
        update: its name in the contract.
        request: its argument.
        update_id: the same again is the same request, and gets the same answer.
        answer: the model of its answer.

    Returns:
        The answer; None when the workflow has taken the request and is still at it.

    Raises:
        Ended, NotTaken, NotPossible: see there.
    """
    handle = connections.temporal.get_workflow_handle(backorder_contract.workflow_id(backorder_id))
    taken: WorkflowUpdateHandle[Any] | None = None
    try:
        async with asyncio.timeout(connections.patience):
            # an overload of this method that is not used here has an untyped parameter
            taken = await handle.start_update(  # pyright: ignore[reportUnknownMemberType]
                update, request, id=update_id, wait_for_stage=WorkflowUpdateStage.ACCEPTED, result_type=answer
            )
            result: Answer = await taken.result()
            return result
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as late:
        if taken is None:
            raise NotTaken("nobody could take this on just now; send the same again in a moment") from late
        return None
    except WorkflowUpdateFailedError as refused:
        if isinstance(refused.cause, ApplicationError) and refused.cause.type == _ENDED_MEANWHILE:
            raise Ended("the workflow ended before it came to this request") from refused
        raise NotPossible(_in_words(refused)) from refused
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND:
            raise Ended("no workflow is running for this backorder") from failure
        raise


def _in_words(refused: WorkflowUpdateFailedError) -> str:
    cause = refused.cause
    said = cause.message if isinstance(cause, FailureError) else ""
    return said or "it was refused without a reason"


async def _ended(connections: Connections, backorder_id: str) -> BackorderPosition:
    """Where a backorder ended. Raises: NotFound, NotPossible."""
    position = await backorders.position(connections.ledger, backorder_id)
    if position.open:
        raise NotPossible(
            "its workflow was ended by hand while units are still owed; an operator has to start it again first"
        )
    return position


def _reply_of_the_books(position: BackorderPosition) -> CancelReply:
    """What a cancellation finds whose backorder has ended."""
    refunded = sum(
        (p.amount for p in position.payments if p.kind is PaymentKind.REFUND and p.state is PaymentState.SUCCEEDED),
        Decimal(0),
    )
    outcome = CancelOutcome.ALREADY_CANCELLED if position.cancelled else CancelOutcome.TOO_LATE
    return CancelReply.of(position, outcome, refunded + position.refund_due)
