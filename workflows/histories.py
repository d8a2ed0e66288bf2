"""Deleting the histories of ended backorders from Temporal, so that what they hold of a person is gone.

Deleting, and not throwing away a key of that person: docs/decisions says why. A namespace that archives histories, and
backups of Temporal's database, keep theirs until they expire.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Collection
from typing import NamedTuple

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.sealing import NotOpened
from domain.errors import PromisekeeperError
from workflows import backorder_contract

PATIENCE = 60.0
"""Seconds to wait until a deletion that Temporal has taken is done."""

_LOOK_EVERY = 0.1


class StillRunning(PromisekeeperError):
    """The workflow has not ended, so its history is still needed."""


class NotDeletedYet(PromisekeeperError):
    """Temporal has taken a deletion and not done it in time. Asking again is harmless."""


async def delete_histories(temporal: Client, workflow_id: str) -> int:
    """Delete every run of a workflow that has ended, and wait until they are gone.

    The latest goes last, since the others are found from it: whoever is killed in between can begin again.

    Returns:
        How many there were; none the second time.

    Raises:
        StillRunning: the latest run has not ended.
        NotDeletedYet: Temporal took it and has not done it in a minute.
    """
    runs = await _runs(temporal, workflow_id)
    for run_id in runs:
        try:
            await temporal.workflow_service.delete_workflow_execution(
                DeleteWorkflowExecutionRequest(
                    namespace=temporal.namespace,
                    workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
                )
            )
        except RPCError as gone:
            if gone.status is not RPCStatusCode.NOT_FOUND:
                raise
        try:
            async with asyncio.timeout(PATIENCE):
                while await _status(temporal, workflow_id, run_id) is not None:  # noqa: ASYNC110 - Temporal tells nobody
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            raise NotDeletedYet(
                f"Temporal has not deleted run {run_id} of {workflow_id} in {PATIENCE:.0f} seconds; do the same again"
            ) from None
    return len(runs)


async def _runs(temporal: Client, workflow_id: str) -> list[str]:
    """Every run: those that visibility lists, and the chain back from the latest, which it may not list yet."""
    latest = temporal.get_workflow_handle(workflow_id)
    listed = [run.run_id async for run in temporal.list_workflows(f"WorkflowId = '{workflow_id}'")]
    try:
        described = await latest.describe()
    except RPCError as failure:
        if failure.status is not RPCStatusCode.NOT_FOUND:
            raise
        return [run_id for run_id in listed if await _status(temporal, workflow_id, run_id) is not None]
    if described.status == WorkflowExecutionStatus.RUNNING:
        raise StillRunning(f"the workflow {workflow_id} has not ended yet; do the same again when it has")
    chain = [described.run_id]
    while earlier := await _run_before(temporal, workflow_id, chain[0]):
        chain.insert(0, earlier)
    return [*(run_id for run_id in listed if run_id not in chain), *chain]


async def _run_before(temporal: Client, workflow_id: str, run_id: str) -> str:
    """The run that a run continues; empty if it is the first, or the earlier one is deleted."""
    handle = temporal.get_workflow_handle(workflow_id, run_id=run_id)
    first = await anext(aiter(handle.fetch_history_events(page_size=1)))
    earlier = first.workflow_execution_started_event_attributes.continued_execution_run_id
    return earlier if earlier and await _status(temporal, workflow_id, earlier) is not None else ""


async def _status(temporal: Client, workflow_id: str, run_id: str) -> WorkflowExecutionStatus | None:
    """None: there is no such run (any more)."""
    try:
        return (await temporal.get_workflow_handle(workflow_id, run_id=run_id).describe()).status
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


class Started(NamedTuple):
    """A backorder that did not complete, as Temporal knows it."""

    backorder_id: str
    run_id: str
    running: bool


_NOT_COMPLETED = (
    f"WorkflowType = '{backorder_contract.WORKFLOW}' "
    "AND ExecutionStatus IN ('Running', 'Failed', 'Terminated', 'TimedOut')"
)


async def not_completed(temporal: Client) -> AsyncGenerator[Started]:
    """Backorders that run, or ended without completing: refused ones are here, which the books do not know."""
    prefix = backorder_contract.workflow_id("")
    async for run in temporal.list_workflows(_NOT_COMPLETED):
        running = run.status == WorkflowExecutionStatus.RUNNING
        yield Started(run.id.removeprefix(prefix), run.run_id, running)


async def names(temporal: Client, started: Started, words: Collection[str]) -> bool:
    """Does the order that started this run name one of these words, as a whole field?

    What is sealed with a key that is not here names nobody any more.
    """
    workflow_id = backorder_contract.workflow_id(started.backorder_id)
    handle = temporal.get_workflow_handle(workflow_id, run_id=started.run_id)
    first = await anext(aiter(handle.fetch_history_events(page_size=1)))
    payloads = list(first.workflow_execution_started_event_attributes.input.payloads)
    codec = temporal.data_converter.payload_codec
    try:
        opened = await codec.decode(payloads) if codec else payloads
    except NotOpened:
        return False
    said = " ".join(payload.data.decode(errors="replace") for payload in opened).casefold()
    spelt = (spelling.casefold() for word in words for spelling in (f'"{word}"', json.dumps(word)))
    return any(spelling in said for spelling in spelt)
