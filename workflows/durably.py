"""How every step of ours runs: within limits, with a summary in the UI, and to its end even under cancellation."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

T = TypeVar("T")


HOPELESS = ("BooksDoNotBalance", "DataError", "IntegrityError", "ValidationError")
"""Failures of the books (`activities.errors`) that trying again at once does not mend: a duty that meets one is put
off, and an operator is told."""


def _again_and_again(*but: str) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=timedelta(milliseconds=500),
        maximum_interval=timedelta(seconds=30),
        non_retryable_error_types=but,
    )


@dataclass(frozen=True)
class Limits:
    """Time limits of one kind of step."""

    schedule_to_close: timedelta | None
    start_to_close: timedelta = timedelta(minutes=2)
    """Two exchanges at most (look up, then send), each of which ends by itself before."""
    heartbeat: timedelta = timedelta(seconds=15)
    """`activities.heartbeats` says that a step lives; without it for this long, another worker takes it."""
    retry: RetryPolicy = field(default_factory=lambda: _again_and_again(*HOPELESS))


IN_THE_BOOKS = Limits(schedule_to_close=None)
"""Steps that only need the ledger wait for it, however long it is gone: without the books nothing can be decided."""

NEVER_GIVEN_UP = Limits(schedule_to_close=None, retry=_again_and_again())
"""Steps whose failure nobody is left to deal with: even a defect of ours holds the workflow up until it is mended, and
never ends it. The Temporal UI shows the step and what it fails with."""

OUTSIDE = Limits(schedule_to_close=timedelta(minutes=5))
"""Steps that need somebody outside are bounded, so that one who is down holds up nothing else: the duty is put off,
said aloud, and tried again for ever."""


AT_ONCE = Limits(schedule_to_close=None, start_to_close=timedelta(seconds=5), retry=RetryPolicy(maximum_attempts=1))
"""Steps in the ledger are tried once as a local activity, for less than a workflow task may take. What does not go at
once becomes an activity, with the limits above: the UI shows it and what it fails with, and any worker may take it."""


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


def reason_of(failed: ActivityError) -> str:
    """What was wrong at the bottom of it: that a time limit passed says less than the failure it cut short."""
    cause = _bottom(failed)
    return cause.message if isinstance(cause, FailureError) else str(cause)


def wait_asked(failed: ActivityError) -> timedelta:
    """How long whoever failed it asked us to wait (`Retry-After`); nothing, if they did not."""
    cause = _bottom(failed)
    return (isinstance(cause, ApplicationError) and cause.next_retry_delay) or timedelta(0)


def _bottom(failed: BaseException) -> BaseException:
    return failed if failed.__cause__ is None else _bottom(failed.__cause__)


def text_of(raw: RawValue) -> str:
    """A signal's payload as text, whatever it holds; what is no text is shown with its bytes escaped."""
    return raw.payload.data.decode("utf-8", errors="backslashreplace").replace("\0", r"\x00")
