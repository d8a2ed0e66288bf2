"""`promisekeeper sweep` and `restart`: what the schedules do by themselves, now, for whoever has no patience."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.restarting import restart_backorder, restart_purchase_order
from cli.connections import open_ledger, task_queue, temporal_client
from cli.errors import CommandFailed, Refused
from cli.ids import Meant, meant
from cli.next_step import policy
from cli.terminal import console, plain, progress_console, say, table
from domain import names
from domain.needs import needs
from domain.purchase_order_duty import is_over
from domain.summaries import SWEEP_DETAILS, sweep_summary
from domain.sweeps import GRACE, SweepInput, SweepKind, Swept
from ledger import backorders, purchase_orders
from ledger.book import Ledger

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


def sweep(
    kind: SweepKind | None = None,
    /,
    *,
    at_once: Annotated[bool, Parameter(negative="")] = False,
    restart_all: Annotated[bool, Parameter(negative="")] = False,
    wait: Annotated[float, Parameter(validator=Number(gt=0))] = 600.0,
    as_json: AsJson = False,
) -> int:
    """Find what got lost between ledger and Temporal, mend it, and tell what was mended. Again is harmless.

    Exit code 1: something is left that only a person can mend.

    Args:
        kind: one of them only.
        at_once: also what is younger than five minutes, and may just be on its way.
        restart_all: start workflows again although Temporal knows none of them: Temporal itself was lost.
        wait: seconds to wait for each; it goes on by itself.
        as_json: print JSON.
    """
    kinds = [kind] if kind else list(SweepKind)
    grace = timedelta(0) if at_once else GRACE
    starts = [SweepInput(kind=one, grace=grace, restart_all=restart_all) for one in kinds]
    swept = asyncio.run(_sweep(starts, wait))
    if as_json:
        print(json.dumps({one.value: did.model_dump(mode="json") for one, did in swept.items()}, indent=2))
    else:
        report(swept, console())
    return 1 if any(did.asks_total for did in swept.values()) else 0


def restart(what: str, /) -> int:
    """Start the workflow of a backorder or purchase order again that ended while the ledger still needs it.

    A sweep does this by itself, unless it ends again and again. Exit code 1: it runs, or nothing is left to do.

    Args:
        what: a backorder's id, or a purchase order's number such as PO-000012.
    """
    one = asyncio.run(meant(what))
    said = asyncio.run(_restart(one))
    say(f"{one.id}: {said}", console())
    return 0


def report(swept: dict[SweepKind, Swept], on: Console) -> None:
    """Print what each sweep did, then what it mended and what is left for a person."""
    drawn = table("Sweep", "Looked at", "Mended", "For a person", right=["Looked at", "Mended", "For a person"])
    for kind, did in swept.items():
        drawn.add_row(*map(plain, (kind.value, did.looked_at, did.mended_total, did.asks_total)))
    on.print(drawn)
    for heading, found in (
        ("Mended", [finding for did in swept.values() for finding in did.mended]),
        ("For a person", [finding for did in swept.values() for finding in did.asks]),
    ):
        if found:
            on.print()
            told = table(heading, "What", whole=())
            for finding in found:
                told.add_row(plain(finding.what), plain(finding.said))
            on.print(told)
    if any(did.after is not None for did in swept.values()):
        say("There is more than one run may mend: run it again, or leave it to the schedule.", on)


async def _sweep(starts: list[SweepInput], wait: float) -> dict[SweepKind, Swept]:
    client = await temporal_client()
    swept: dict[SweepKind, Swept] = {}
    with progress_console().status("sweeping"):
        for start in starts:
            workflow_id = f"{names.sweep_workflow_id(task_queue(), start.kind)}/{uuid.uuid4()}"
            handle = await client.start_workflow(
                names.SWEEP,
                start,
                id=workflow_id,
                task_queue=task_queue(),
                execution_timeout=timedelta(hours=1),
                result_type=Swept,
                static_summary=sweep_summary(start.kind),
                static_details=SWEEP_DETAILS[start.kind],
            )
            try:
                async with asyncio.timeout(wait):
                    swept[start.kind] = await handle.result()
            except TimeoutError as late:
                raise CommandFailed(
                    f"{workflow_id} is not done after {wait:g} seconds. It goes on by itself, if a worker runs on task "
                    f"queue {task_queue()!r}; the Temporal UI shows how far it is."
                ) from late
            except WorkflowFailureError as ended:
                raise Refused(
                    f"{workflow_id} ended before it was done: {_reason(ended)}. What it mended stays; run it again"
                ) from ended
    return swept


def _reason(ended: WorkflowFailureError) -> str:
    """What was wrong at the bottom of it."""
    cause: BaseException = ended
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return str(cause)


async def _restart(one: Meant) -> str:
    what, is_order = one
    client = await temporal_client()
    async with open_ledger() as ledger:
        at = datetime.now(UTC)
        if is_order:
            workflow_id = names.purchase_order_workflow_id(what)
            order = await purchase_orders.position(ledger, what)
            if is_over(order):
                raise Refused(f"{what} is over ({order.status}); late goods wake it by themselves")
            how, key = await _gone(client, what, workflow_id)
            said = await restart_purchase_order(client, ledger, what, how=how, key=key, at=at, task_queue=task_queue())
            attention = order.attention
        else:
            workflow_id = names.backorder_workflow_id(what)
            position = await backorders.position(ledger, what)
            if position.closed_at:
                raise Refused(f"{what} has ended ({position.status}); nothing is left to do")
            how, key = await _gone(client, what, workflow_id)
            said = await restart_backorder(
                client, ledger, policy, what, how=how, key=key, at=at, task_queue=task_queue()
            )
            attention = position.attention
        if said is None:
            raise Refused(f"{what} runs: somebody started it just now")
        await _asked_no_more(ledger, one, attention, key=key, at=at)
        return said


async def _gone(client: Client, what: str, workflow_id: str) -> tuple[str, str]:
    """What became of a workflow, and the key of its restart. Raises: Refused - it runs."""
    described: WorkflowExecutionDescription | None = None
    try:
        described = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as failure:
        if failure.status is not RPCStatusCode.NOT_FOUND:
            raise
    if described is None:
        return "Temporal knew of no workflow for it", f"{workflow_id}/restarted/{uuid.uuid4()}"
    if described.status is WorkflowExecutionStatus.RUNNING:
        raise Refused(f"{what} runs; `promisekeeper look-again {what}` makes it look at the ledger")
    status = described.status.name.lower().replace("_", " ") if described.status else "ended"
    return f"its workflow had ended ({status})", f"{workflow_id}/restarted/{described.run_id}"


async def _asked_no_more(ledger: Ledger, one: Meant, attention: str | None, *, key: str, at: datetime) -> None:
    """The sweep's own need is settled by this; all others stay."""
    mine = [need for need in needs(attention) if need.startswith(f"The workflow of {one.id} was started again")]
    for n, need in enumerate(mine):
        settle = purchase_orders.settle_attention if one.is_order else backorders.settle_attention
        await settle(ledger, one.id, key=f"{key}/settled/{n}", at=at, how="started again by hand", need=need)
