"""Asking a backorder's workflow for something: an update, with an end to the waiting, and each way it can go named."""

import asyncio
from typing import Annotated, Any, TypeVar

from fastapi import Header
from pydantic import BaseModel
from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import PromisekeeperError
from workflows import backorder_contract

PATIENCE = 10.0
"""Seconds a caller is kept waiting for the workflow's answer."""

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$", description="Repeats with the same key count once."),
]

Answer = TypeVar("Answer", bound=BaseModel)


class Ended(PromisekeeperError):
    """No workflow runs for this backorder: it has ended, or never was. The ledger knows which."""


class NotTaken(PromisekeeperError):
    """No worker took the request in time. It may still be taken; the same again with the same key is safe."""


class NotPossible(PromisekeeperError):
    """The workflow refused, and said why."""


async def ask(
    temporal: Client,
    backorder_id: str,
    update: str,
    request: BaseModel,
    *,
    update_id: str,
    answer: type[Answer],
    patience: float = PATIENCE,
) -> Answer | None:
    """Run an update of a backorder's workflow.

    Args:
        temporal: the client.
        backorder_id: whose.
        update: its name in the contract.
        request: its argument.
        update_id: the same again is the same request, and gets the same answer.
        answer: the model of its answer.
        patience: seconds to wait at most.

    Returns:
        The answer; None when the workflow has taken the request and is still at it.

    Raises:
        Ended, NotTaken, NotPossible: see there.
    """
    handle = temporal.get_workflow_handle(backorder_contract.workflow_id(backorder_id))
    taken: WorkflowUpdateHandle[Any] | None = None
    try:
        async with asyncio.timeout(patience):
            taken = await handle.start_update(
                update, request, id=update_id, wait_for_stage=WorkflowUpdateStage.ACCEPTED, result_type=answer
            )
            result: Answer = await taken.result()
            return result
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as late:
        if taken is None:
            raise NotTaken("nobody could take this on just now; send the same again in a moment") from late
        return None
    except WorkflowUpdateFailedError as refused:
        raise NotPossible(_in_words(refused)) from refused
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND:
            raise Ended("no workflow is running for this backorder") from failure
        raise


def _in_words(refused: WorkflowUpdateFailedError) -> str:
    cause = refused.cause
    said = cause.message if isinstance(cause, FailureError) else ""
    return said or "it was refused without a reason"
