"""How every step of ours runs: within limits, with a summary in the UI, and to its end even under cancellation."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.common import RawValue, RetryPolicy

T = TypeVar("T")

TRY_AGAIN_AFTER = timedelta(minutes=5)
"""How long a duty that could not be done is put off at first; doubled each time, an hour at most."""


@dataclass(frozen=True)
class Limits:
    """Time limits of one step."""

    start_to_close: timedelta
    schedule_to_close: timedelta
    heartbeat: timedelta
    retry: RetryPolicy


ONE_STEP = Limits(
    start_to_close=timedelta(minutes=1),
    # Bounds how long one step can keep the story from going on; a duty left undone is put off and tried again for ever.
    schedule_to_close=timedelta(minutes=5),
    heartbeat=timedelta(seconds=45),
    retry=RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=30)),
)


async def run_to_completion(step: Coroutine[Any, Any, T]) -> T:
    """Finish `step` even if the workflow is cancelled meanwhile.

    Cancellation is a state, not an accident: the caller finds it in `workflow.cancellation_reason()` and decides. One
    shield is not enough, for a cancel that arrives while it waits would leave the rest undone.
    """
    task = asyncio.create_task(step)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            if me := asyncio.current_task():
                me.uncancel()  # else `cancelling()` stays raised and later waits misbehave (sdk-python#1523)
        except Exception:  # noqa: BLE001 - the step's own failure is raised from its result below
            pass
    return task.result()


def text_of(raw: RawValue) -> str:
    """A signal's payload as text, whatever it holds; what is no text is shown with its bytes escaped."""
    return raw.payload.data.decode("utf-8", errors="backslashreplace")
