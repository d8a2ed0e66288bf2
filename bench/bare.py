"""Bare workflows for the product to stand beside: as many steps of each kind, and nothing done in any of them.

`BareStory` follows a script that `bench.histories` reads out of a real history, so that both have the same activities,
local activities, timers, signals and upserts in the same order. `BareSupplier` is the design that was not chosen: a
workflow that collects shares by update.
"""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import SearchAttributeKey

STORY = "BareStory"
SUPPLIER = "BareSupplier"
IDLE = "BareIdle"
"""A type nobody serves: its workflows only take signals."""
TELL = "told"
JOIN = "join"

ACTIVITY, LOCAL, UPSERT, TIMER, FIRED, SIGNAL = "ALUTFS"
"""The letters of a script. TIMER is cancelled by the signal after it, FIRED runs out."""

_INDEXED = SearchAttributeKey.for_keyword("BackorderStatus")
_OUTSIDE_TAKES = 0.05
"""Seconds until somebody outside answers with a signal: time enough for the workflow to have gone to sleep."""


def signals_between(script: str, position: int) -> int:
    """How many signals a story waits for between its step there and the next that runs somewhere else."""
    count = 0
    for letter in script[position + 1 :]:
        if letter in {ACTIVITY, LOCAL}:
            break
        count += letter == SIGNAL
    return count


@workflow.defn(name=STORY)
class BareStory:
    """Takes every step of its script, and waits where the real one was signalled."""

    def __init__(self) -> None:
        """Signals may come before `run` starts."""
        self._told = 0

    @workflow.run
    async def run(self, script: str) -> None:
        """Follow the script."""
        heard = 0
        timer: asyncio.Task[None] | None = None
        for position, letter in enumerate(script):
            follow = signals_between(script, position)
            if letter == ACTIVITY:
                await workflow.execute_activity(bare_step, follow, start_to_close_timeout=timedelta(minutes=2))
            elif letter == LOCAL:
                await workflow.execute_local_activity(
                    bare_local_step, follow, start_to_close_timeout=timedelta(minutes=2)
                )
            elif letter == UPSERT:
                workflow.upsert_search_attributes(  # pyright: ignore[reportUnknownMemberType] - the SDK leaves its type open
                    [_INDEXED.value_set(str(position))]
                )
            elif letter == FIRED:
                await asyncio.sleep(0.01)
            elif letter == TIMER and self._told > heard:
                await asyncio.sleep(0.01)  # its signal came early: a timer cancelled within one task would be none
            elif letter == TIMER:
                timer = asyncio.create_task(asyncio.sleep(timedelta(days=1).total_seconds()))
            else:
                heard += 1
                wanted = heard
                await workflow.wait_condition(lambda wanted=wanted: self._told >= wanted)  # type: ignore[misc]
                if timer:
                    timer.cancel()
                    timer = None

    @workflow.signal(name=TELL)
    def told(self) -> None:
        """Something happened outside."""
        self._told += 1


@workflow.defn(name=SUPPLIER)
class BareSupplier:
    """Collects shares by update, one handler each, and continues as new when the server suggests it."""

    def __init__(self) -> None:
        """Updates may come before `run` starts."""
        self._shares = 0

    @workflow.run
    async def run(self) -> None:
        """Collect for ever."""
        await workflow.wait_condition(lambda: workflow.info().is_continue_as_new_suggested())
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new()

    @workflow.update(name=JOIN)
    def join(self, backorder_id: str) -> int:
        """Take a share."""
        self._shares += bool(backorder_id)
        return self._shares


@activity.defn
async def bare_step(signals: int) -> None:
    """Do nothing. If signals follow in the script, they come from outside a moment later."""
    if signals:
        _signal_later(activity.client(), activity.info().workflow_id or "", signals)


@activity.defn
async def bare_local_step(signals: int) -> None:
    """The same, as a local activity."""
    if signals:
        _signal_later(activity.client(), activity.info().workflow_id or "", signals)


_on_their_way: set[asyncio.Task[None]] = set()


def _signal_later(client: Client, workflow_id: str, signals: int) -> None:
    async def signal() -> None:
        handle = client.get_workflow_handle(workflow_id)
        for _ in range(signals):
            await asyncio.sleep(_OUTSIDE_TAKES)
            await handle.signal(TELL)

    task = asyncio.create_task(signal())
    _on_their_way.add(task)
    task.add_done_callback(_on_their_way.discard)
