"""One page of a sweep: find what got lost between ledger and Temporal, make sure, mend it or say what a person must do.

Temporal's lists lag behind, so they only make somebody a suspect: before anything is done, the one workflow is
described, which tells the present, and then the ledger is asked once more. Whoever ends meanwhile has told the ledger
first, so a workflow that is still needed and not running is lost. Two sweeps, or a sweep and an operator, may meet:
Temporal runs one workflow an id, words told twice are harmless, and what is written has a key.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.announcing import tell, wake_purchase_order
from activities.restarting import restart_backorder, restart_purchase_order
from domain import names
from domain.errors import PromisekeeperError
from domain.purchase_order_duty import PurchaseOrderDutyKind, next_duty
from domain.sweeps import RESTARTS_A_DAY, SUSPICIOUSLY_MANY, Finding, Swept
from domain.values import Frozen, Instant

if TYPE_CHECKING:
    from activities.world import World
    from ledger.order_list import ListedOrder

PAGE = 500
"""Ledger rows, or running workflows, looked at by one activity."""
AT_ONCE = 20
"""Requests under way at once."""
DISMISSED_FOR = timedelta(days=1)
"""How long a workflow leaves an operator in peace who dismissed what is still needed."""
PAUSES = (1, 4, 0)
"""Seconds after each try at what failed. From then on it is a person's, and holds up no other."""
IDS_IN_A_QUERY = 100
"""Business ids have 80 characters, and a query should stay far below the server's limits."""


class SweepStep(Frozen):
    """One page of a sweep."""

    key: str
    """Of the sweep; what it writes is keyed by this where nothing better is known."""
    at: Instant
    grace: timedelta
    after: str = ""
    """Where the page before ended."""
    restart_all: bool = False

    @property
    def before(self) -> datetime:
        """What happened later is left alone."""
        return self.at - self.grace


@dataclass(frozen=True)
class _Lost:
    """A workflow that is needed and does not run."""

    of: str
    """Backorder id or purchase order number."""
    run_id: str | None
    """Of the run that ended; None: Temporal knows none at all."""
    how: str


class SweepActivities:
    """The steps of `Sweep` workflows, one page each."""

    def __init__(self, world: World) -> None:
        """Use the open connections of this worker."""
        self._world = world
        self._ledger = world.ledger

    @activity.defn
    async def sweep_owed_words(self, step: SweepStep) -> Swept:
        """Tell words that the ledger owes for longer than the grace time."""
        from ledger import sweeping

        owing = await sweeping.owing(self._ledger, sweeping.Page(step.after, step.before, PAGE))
        mended: list[Finding] = []

        async def make_tell(owed_by: str) -> None:
            if told := await tell(self._ledger, owed_by, step.at):
                words = "a word" if told == 1 else f"{told} words"
                mended.append(Finding(what=_business_id(owed_by), said=f"told {words} that it owed to others"))

        failed = await _each(make_tell, owing, at_once=1)  # which tells many at once
        return _page(len(owing), owing, mended=mended, asks=failed)

    @activity.defn
    async def sweep_late_orders(self, step: SweepStep) -> Swept:
        """Make purchase orders look again whose next duty is past, because a timer or the terms under it are wrong.

        Of one that asks for an operator it is known that its workflow is alive and what it waits for.
        """
        from ledger import sweeping

        orders, moved = await sweeping.open_orders(self._ledger, sweeping.Page(step.after, step.before, PAGE))
        late = [
            (order.po_number, why)
            for order in orders
            if (why := _late(order, moved.get(order.po_number, order.opened_at), step)) is not None
        ]
        saying = {po_number: f"told to look again: {why}" for po_number, why in late}
        return await self._poke([order.po_number for order in orders], saying)

    @activity.defn
    async def sweep_waiting_messages(self, step: SweepStep) -> Swept:
        """Make purchase orders look again for which a supplier's message waits in the inbox."""
        from ledger import sweeping

        waiting = await sweeping.waiting_messages(self._ledger, sweeping.Page(step.after, step.before, PAGE))
        return await self._poke(waiting, dict.fromkeys(waiting, "told to apply what its supplier said"))

    @activity.defn
    async def sweep_lost_backorders(self, step: SweepStep) -> Swept:
        """Start workflows of backorders again that are open in the ledger and run nowhere."""
        from ledger import backorders, sweeping

        ids = await sweeping.open_backorders(self._ledger, sweeping.Page(step.after, step.before, PAGE))
        client, queue = activity.client(), activity.info().task_queue

        async def restart(lost: _Lost, key: str) -> str | None:
            return await restart_backorder(
                client,
                self._ledger,
                self._world.settings.policy,
                lost.of,
                how=lost.how,
                key=key,
                at=step.at,
                task_queue=queue,
            )

        async def ask(lost: _Lost, what: str, key: str) -> None:
            await backorders.raise_attention(self._ledger, lost.of, key=key, at=step.at, what=what)

        lost, failed = await self._lost(step, ids, names.backorder_workflow_id, sweeping.still_open_backorders)
        return await self._bring_back(
            step, ids, lost, failed, workflow_id=names.backorder_workflow_id, restart=restart, ask=ask
        )

    @activity.defn
    async def sweep_lost_orders(self, step: SweepStep) -> Swept:
        """Start workflows of purchase orders again that are not over in the ledger and run nowhere."""
        from ledger import purchase_orders, sweeping

        numbers = await sweeping.open_order_numbers(self._ledger, sweeping.Page(step.after, step.before, PAGE))
        client, queue = activity.client(), activity.info().task_queue

        async def restart(lost: _Lost, key: str) -> str | None:
            return await restart_purchase_order(
                client, self._ledger, lost.of, how=lost.how, key=key, at=step.at, task_queue=queue
            )

        async def ask(lost: _Lost, what: str, key: str) -> None:
            await purchase_orders.raise_attention(self._ledger, lost.of, key=key, at=step.at, what=what)

        lost, failed = await self._lost(step, numbers, names.purchase_order_workflow_id, sweeping.still_open_orders)
        return await self._bring_back(
            step, numbers, lost, failed, workflow_id=names.purchase_order_workflow_id, restart=restart, ask=ask
        )

    @activity.defn
    async def sweep_unknown_workflows(self, step: SweepStep) -> Swept:
        """Report running workflows of this task queue that the ledger does not know."""
        client = activity.client()
        query = (
            f"WorkflowType IN ('{names.BACKORDER}', '{names.PURCHASE_ORDER}') AND ExecutionStatus = 'Running' "
            f"AND TaskQueue = '{activity.info().task_queue}' AND StartTime < '{step.before.isoformat()}'"
        )
        found = client.list_workflows(query, page_size=PAGE, next_page_token=b64decode(step.after) or None)
        await found.fetch_next_page()
        running = [execution.id for execution in found.current_page or ()]
        asks: list[Finding] = []
        for workflow_id in await self._unknown(running):
            described = await _described(client, workflow_id)
            if described is None or described.status is not WorkflowExecutionStatus.RUNNING:
                continue
            if any(p.activity_type.name == "accept" for p in described.raw_description.pending_activities):
                continue  # it waits for the ledger to take it in
            if await self._unknown([workflow_id]):
                asks.append(Finding(what=_business_id(workflow_id), said=_unknown_to_the_ledger(workflow_id)))
        after = b64encode(found.next_page_token).decode() if found.next_page_token else None
        return Swept(looked_at=len(running), asks=tuple(asks), asks_total=len(asks), after=after)

    async def _poke(self, looked_at: Sequence[str], saying: Mapping[str, str]) -> Swept:
        """Make purchase orders look again; `saying` is by number what is said of it."""
        client, queue = activity.client(), activity.info().task_queue
        mended: list[Finding] = []

        async def one(po_number: str) -> None:
            await wake_purchase_order(client, po_number, names.SUPPLIER_MESSAGE, task_queue=queue)
            mended.append(Finding(what=po_number, said=saying[po_number]))

        failed = await _each(one, saying)
        return _page(len(looked_at), looked_at, mended=mended, asks=failed)

    async def _unknown(self, workflow_ids: Sequence[str]) -> list[str]:
        from ledger import sweeping

        backorders = [_business_id(one) for one in workflow_ids if one.startswith(names.backorder_workflow_id(""))]
        orders = [_business_id(one) for one in workflow_ids if one.startswith(names.purchase_order_workflow_id(""))]
        known = {names.backorder_workflow_id(one) for one in await sweeping.known_backorders(self._ledger, backorders)}
        known |= {names.purchase_order_workflow_id(one) for one in await sweeping.known_orders(self._ledger, orders)}
        return [one for one in workflow_ids if one not in known]

    async def _lost(
        self,
        step: SweepStep,
        ids: Sequence[str],
        workflow_id: Callable[[str], str],
        still_open: Callable[[Any, Sequence[str]], Awaitable[set[str]]],
    ) -> tuple[list[_Lost], list[Finding]]:
        """Those of `ids` whose workflow ended or was never there, made sure of one by one; and what failed."""
        client = activity.client()
        running = await _running(client, [workflow_id(one) for one in ids])
        found: list[_Lost] = []

        async def confirm(one: str) -> None:
            described = await _described(client, workflow_id(one))
            if described is None:
                found.append(_Lost(one, None, "Temporal knew of no workflow for it"))
            elif described.status is not WorkflowExecutionStatus.RUNNING and (
                described.close_time is None or described.close_time <= step.before
            ):
                status = described.status.name.lower().replace("_", " ") if described.status else "ended"
                found.append(_Lost(one, described.run_id, f"its workflow had ended ({status})"))

        failed = await _each(confirm, [one for one in ids if workflow_id(one) not in running])
        needed = await still_open(self._ledger, [lost.of for lost in found])
        return [lost for lost in found if lost.of in needed], failed

    async def _bring_back(
        self,
        step: SweepStep,
        ids: Sequence[str],
        lost: Sequence[_Lost],
        failed: Sequence[Finding],
        *,
        workflow_id: Callable[[str], str],
        restart: Callable[[_Lost, str], Awaitable[str | None]],
        ask: Callable[[_Lost, str, str], Awaitable[None]],
    ) -> Swept:
        from ledger import sweeping

        missing = sum(one.run_id is None for one in lost)
        if not step.after and not step.restart_all and missing == len(ids) >= SUSPICIOUSLY_MANY:
            return Swept(looked_at=len(ids), asks=(_wrong_namespace(ids),), asks_total=1)
        mended: list[Finding] = []
        asks = list(failed)
        by_id = {one.of: one for one in lost}

        async def bring_back(of: str) -> None:
            one, its_id = by_id[of], workflow_id(of)
            key = f"{its_id}/restarted/{one.run_id or step.key}"
            lately = await sweeping.restarts(self._ledger, its_id, since=step.at - timedelta(days=1), but=key)
            if lately >= RESTARTS_A_DAY:
                what = _ends_again_and_again(one, lately)
                await ask(one, what, f"{its_id}/not-restarted/{one.run_id or step.key}")
                asks.append(Finding(what=one.of, said=what))
            elif said := await restart(one, key):
                mended.append(Finding(what=one.of, said=said))

        asks += await _each(bring_back, by_id)
        return _page(len(ids), ids, mended=mended, asks=asks)


def _late(order: ListedOrder, moved: datetime, step: SweepStep) -> str | None:
    """Why a purchase order is past its window; None: it is not."""
    if order.attention:
        return None
    duty = next_duty(order, step.at)
    if duty is None:
        return None
    due = moved if duty.at >= step.at else duty.at  # what is due "now" is due since the books last moved
    if duty.kind is PurchaseOrderDutyKind.ASK_OPERATOR:
        due = max(due, moved) + DISMISSED_FOR  # an operator may have been asked, and want to hear no more of it now
    return duty.why if duty.at <= step.at and due <= step.before else None


async def _running(client: Client, workflow_ids: Sequence[str]) -> set[str]:
    """Which of them Temporal's list has as running. It lags behind."""
    running: set[str] = set()
    for n in range(0, len(workflow_ids), IDS_IN_A_QUERY):
        some = ", ".join(f"'{one}'" for one in workflow_ids[n : n + IDS_IN_A_QUERY])
        query = f"ExecutionStatus = 'Running' AND WorkflowId IN ({some})"
        running |= {execution.id async for execution in client.list_workflows(query)}
    return running


async def _described(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    """The latest run as it is at present; None: there is none."""
    try:
        return await client.get_workflow_handle(workflow_id).describe()
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _each(do: Callable[[str], Awaitable[None]], ids: Iterable[str], *, at_once: int = AT_ONCE) -> list[Finding]:
    """Do it for each. One for which it cannot be done keeps no other waiting, and is tried again after all others.

    Returns:
        Those for which it failed each time.
    """
    gate = asyncio.Semaphore(at_once)
    failed = dict[str, Exception]()

    async def one(of: str) -> None:
        async with gate:
            try:
                await do(of)
            except Exception as failure:  # noqa: BLE001 - whatever it is: it is told of below
                failed[of] = failure

    left = list(ids)
    for pause in PAUSES:
        failed.clear()
        await asyncio.gather(*(one(of) for of in left))
        if not failed:
            break
        left = list(failed)
        await asyncio.sleep(pause)
    return [
        Finding(what=_business_id(of), said=f"could not be seen to ({_in_short(why)}); the next sweep tries again")
        for of, why in failed.items()
    ]


def _in_short(failure: Exception) -> str:
    """Without the words of a database, which quote rows."""
    match failure:
        case RPCError():
            return f"{failure.status.name}: {failure.message}"
        case PromisekeeperError():
            return str(failure)
        case _:
            return type(failure).__name__


def _page(looked_at: int, ids: Sequence[str], *, mended: Sequence[Finding] = (), asks: Sequence[Finding] = ()) -> Swept:
    return Swept(
        looked_at=looked_at,
        mended=tuple(sorted(mended, key=lambda finding: finding.what)),
        asks=tuple(sorted(asks, key=lambda finding: finding.what)),
        mended_total=len(mended),
        asks_total=len(asks),
        after=ids[-1] if len(ids) == PAGE else None,
    )


def _business_id(workflow_id: str) -> str:
    return workflow_id.partition("/")[2] or workflow_id


def _wrong_namespace(ids: Sequence[str]) -> Finding:
    return Finding(
        what=f"{ids[0]} and all others",
        said="Temporal knows none of the workflows that the ledger has open, so nothing was started: is this their "
        "namespace? If it is, and Temporal itself was lost, run `promisekeeper sweep --restart-all`.",
    )


def _ends_again_and_again(lost: _Lost, times: int) -> str:
    return (
        f"The workflow of {lost.of} was started again {times} times within a day, and again {lost.how}. Look in the "
        f"Temporal UI for what ends it, mend that, then run `promisekeeper restart {lost.of}`."
    )


def _unknown_to_the_ledger(workflow_id: str) -> str:
    if workflow_id.startswith(names.backorder_workflow_id("")):
        return (
            "runs, and the ledger does not know it. If an older ledger was restored, reset the workflow to its first "
            "task in the Temporal UI: it is then accepted again, and charges nothing twice. Else terminate it."
        )
    return (
        "runs, and the ledger does not know it. Terminate it; and ask the supplier whether it has an order of that "
        "number, for the ledger cannot follow it."
    )
