"""What both workflows are: a loop that does the duty that is due, or waits for the next one or a message.

A duty that cannot be done is put off, said aloud, and tried again for ever; the rest goes on meanwhile. Updates wait
for the loop, so that one story is told and no handler needs a lock.
"""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from activities.steps import KeyedStep
from domain.duties import SomeDuty, Stuck, stuck_again
from workflows.durably import (
    AT_ONCE,
    IN_THE_BOOKS,
    NEVER_GIVEN_UP,
    OUTSIDE,
    reason_of,
    run_to_completion,
    wait_asked,
)

ASK_AGAIN_AFTER = timedelta(days=1)
"""How long an operator is left in peace who dismissed what is still needed."""
_PUT_OFF = "Times that a duty could not be done and was put off, by kind of duty."

SHORT_HISTORY = "short-history"
"""Patch of release 0.2: quick steps are local activities, one timer serves as many waits as it can, and search
attributes are written once for many steps. A run that began before goes on with the commands it began with
(docs/changing-workflows.md)."""

OWED_WORDS = "owed-words"
"""Patch of release 0.2: a backorder whose books still owe words, because the task that was to tell them was lost, looks
at once, which tells them. It is asked for only then, so that other histories know nothing of it."""

ORDERS_OWED_WORDS = "orders-owed-words"
"""Patch of release 0.3: a purchase order does so, too."""

RETRY_AFTER = "retry-after"
"""Patch of release 0.2: a duty is put off for as long as its failure asks for, where it would be for less. It is asked
for only then."""

Position = TypeVar("Position")
Request = TypeVar("Request")
Step = TypeVar("Step")
Result = TypeVar("Result")


@dataclass
class Asked(Generic[Request]):
    """An update that waits for the main loop."""

    request: Request
    reply: Any = None
    refused: ApplicationError | None = None


@dataclass(frozen=True)
class Alarm:
    """The timer that runs."""

    at: datetime
    rings: asyncio.Task[None]


class DutyWorkflow(ABC, Generic[Position, SomeDuty, Request]):
    """The mechanics; what the duties are and how they are done, a subclass tells."""

    NEEDS_OTHERS: ClassVar[frozenset[Callable[..., Awaitable[object]]]]
    """The steps that call somebody outside; all others need the ledger alone."""

    TELLS_MANY: ClassVar[frozenset[Callable[..., Awaitable[object]]]]
    """The steps in the ledger that may have thousands of workflows to tell, and so say meanwhile that they live. Others
    that have somebody to tell seldom have many; what takes them too long becomes an activity by itself."""

    NEVER_GIVEN_UP: ClassVar[frozenset[Callable[..., Awaitable[object]]]]
    """The steps that `run` itself takes, or by which a failure is told: theirs would end the workflow."""

    def __init__(self, workflow_id: str, stuck: Mapping[str, Stuck]) -> None:
        """Make everything a message may touch, for messages may come before `run` starts.

        Args:
            workflow_id: under which the workflow runs; keys are made of it.
            stuck: by kind of duty, what an earlier run could not do.
        """
        self._workflow_id = workflow_id
        self._position: Position | None = None
        self._steps: dict[str, int] = {}
        self._stuck = dict(stuck)
        self._postponed: dict[str, datetime] = {kind: one.again_at for kind, one in stuck.items()}
        self._asked: deque[Asked[Request]] = deque()
        self._alarm: Alarm | None = None

    @property
    @abstractmethod
    def _attention(self) -> str | None:
        """What an operator is asked for at present."""

    @property
    @abstractmethod
    def _message_waits(self) -> bool:
        """Something came that is not an update."""

    @abstractmethod
    def _next_duty(self) -> SomeDuty | None:
        """The duty that is due, else the next to fall due."""

    @abstractmethod
    async def _perform(self, duty: SomeDuty) -> Position:
        """Carry out a duty."""

    @abstractmethod
    async def _look(self) -> None:
        """Learn from the ledger how things stand."""

    @abstractmethod
    def _show(self) -> None:
        """Show the position: search attributes for lists, details for whoever opens this workflow."""

    @abstractmethod
    async def _raise_attention(self, need: str) -> None:
        """Ask an operator for something, next to what is asked already."""

    @abstractmethod
    async def _settle_attention(self, how: str, need: str | None = None) -> None:
        """`need` is not asked any more; without it, nothing is."""

    def _stand(self, position: Position) -> None:
        """Take in a position. It is shown when the workflow waits next, for a message or for somebody outside."""
        self._position = position
        if not workflow.patched(SHORT_HISTORY):
            self._show()

    async def _do(self, duty: SomeDuty) -> None:
        """Carry out one duty; one that cannot be done now is put off."""
        before = self._position
        try:
            self._stand(await self._perform(duty))
        except ActivityError as failed:
            await self._put_off(duty, reason_of(failed), wait_asked(failed))
            return
        still = self._next_duty()
        same = self._position == before and not self._message_waits
        if same and still and still.kind is duty.kind and still.at <= workflow.now():
            # Never turn in circles: a duty that changes nothing is a defect, or somebody else's turn.
            await self._put_off(duty, "it made no difference")
        elif stuck := self._stuck.pop(duty.kind, None):
            await self._settle_attention(f"done at last: {duty.why}", stuck.need)

    async def _put_off(self, duty: SomeDuty, reason: str, asked: timedelta = timedelta(0)) -> None:
        workflow.metric_meter().create_counter("promisekeeper_duties_put_off", _PUT_OFF).add(1, {"duty": duty.kind})
        before = self._stuck.get(duty.kind)
        said = before is not None and before.need in (self._attention or "")
        need = f"Cannot {duty.why}: {reason}. It is tried again by itself; mend the cause, or resolve with 'retry'."
        stuck = stuck_again(before, before.need if before and said else need, workflow.now())
        if workflow.now() + asked > stuck.again_at and workflow.patched(RETRY_AFTER):
            stuck = stuck_again(before, stuck.need, workflow.now(), at_least=asked)
        self._stuck[duty.kind], self._postponed[duty.kind] = stuck, stuck.again_at
        if said:
            await self._look()  # nothing more is to be said
        else:
            await self._raise_attention(need)

    async def _give_up_stuck(self, why: str) -> None:
        """It is over, so nobody needs to mend what could not be done."""
        while self._stuck:
            _, stuck = self._stuck.popitem()
            await self._settle_attention(why, stuck.need)

    async def _or_tell(self, message: Awaitable[None], what: str) -> None:
        """Deal with a message. One that cannot be dealt with must not end the workflow: an operator is told."""
        try:
            await message
        except ActivityError as failed:
            await self._raise_attention(f"Could not {what}: {reason_of(failed)}. Mend the cause, and send it again.")

    async def _ask(self, request: Request) -> Any:
        """Hand an update to the main loop, and wait for its reply."""
        asked = Asked(request)
        self._asked.append(asked)
        await workflow.wait_condition(lambda: asked.reply is not None or asked.refused is not None)
        if asked.refused:
            raise asked.refused
        return asked.reply

    async def _wait_for(self, duty: SomeDuty | None) -> None:
        """Sleep until the duty falls due, a message comes, or the UI's cancel button is pressed."""
        if not workflow.patched(SHORT_HISTORY):
            await self._wait_with_a_timer_of_its_own(duty)
            return
        self._show()
        self._set_alarm(duty)
        try:
            await workflow.wait_condition(
                lambda: self._message_waits or bool(self._asked) or bool(self._alarm and self._alarm.rings.done())
            )
        except asyncio.CancelledError:
            _heed_cancel()

    def _set_alarm(self, duty: SomeDuty | None) -> None:
        """One timer, kept for as long as it serves: messages wake the loop often, and seldom change what is next."""
        if self._alarm and (duty is None or duty.at != self._alarm.at or self._alarm.rings.done()):
            self._alarm.rings.cancel()
            self._alarm = None
        if duty and self._alarm is None:
            delay = max(duty.at - workflow.now(), timedelta(milliseconds=1))
            self._alarm = Alarm(duty.at, asyncio.create_task(workflow.sleep(delay, summary=duty.why[:180])))

    async def _wait_with_a_timer_of_its_own(self, duty: SomeDuty | None) -> None:
        """As runs wait that began before `SHORT_HISTORY`."""
        timeout = None if duty is None else max(duty.at - workflow.now(), timedelta(milliseconds=1))
        try:
            await workflow.wait_condition(
                lambda: self._message_waits or bool(self._asked),
                timeout=timeout,
                timeout_summary=None if duty is None else duty.why[:180],
            )
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            _heed_cancel()

    async def _handlers_done(self) -> bool:
        """Let handlers finish that were called in this very task, so that leaving loses none. False: there is more."""
        await run_to_completion(workflow.wait_condition(lambda: bool(self._asked) or workflow.all_handlers_finished()))
        return not self._asked

    async def _step(self, activity: Callable[[Any, Step], Awaitable[Result]], argument: Step, summary: str) -> Result:
        """Run one step to its end, whoever cancels meanwhile.

        One transaction in the ledger is a local activity: a third of the events, and no way over the server. What calls
        somebody outside, or may take long, is an activity, which any worker can take over and the Temporal UI shows.
        """
        if activity not in self.NEEDS_OTHERS | self.TELLS_MANY and workflow.patched(SHORT_HISTORY):
            argument = keyed_by_content(argument)
            with suppress(FailureError):  # of any kind: the same step as an activity fails in the one way callers know
                return await self._step_at_once(activity, argument, summary)
        if self._position is not None and workflow.patched(SHORT_HISTORY):
            self._show()
        limits = OUTSIDE if activity in self.NEEDS_OTHERS else IN_THE_BOOKS
        if activity in self.NEVER_GIVEN_UP:
            limits = NEVER_GIVEN_UP
        return await run_to_completion(
            workflow.execute_activity_method(
                activity,
                argument,
                start_to_close_timeout=limits.start_to_close,
                schedule_to_close_timeout=limits.schedule_to_close,
                heartbeat_timeout=limits.heartbeat,
                retry_policy=limits.retry,
                summary=summary[:180],
                task_queue=self._queue_of(activity),
            )
        )

    def _queue_of(self, activity: Callable[[Any, Step], Awaitable[object]]) -> str | None:
        """The task queue of a step; None is the workflow's own."""
        del activity
        return None

    async def _step_at_once(
        self, activity: Callable[[Any, Step], Awaitable[Result]], argument: Step, summary: str
    ) -> Result:
        return await run_to_completion(
            workflow.execute_local_activity_method(
                activity,
                argument,
                start_to_close_timeout=AT_ONCE.start_to_close,
                retry_policy=AT_ONCE.retry,
                summary=summary[:180],
            )
        )

    def _key(self, step: str) -> str:
        """Workflow id, step, run, and how often the run took it: what the ledger knows this fact by.

        What the outside world knows an effect by (payment, parcel, notice) is made of the effect itself.
        """
        number = self._steps[step] = self._steps.get(step, 0) + 1
        return f"{self._workflow_id}/{step.replace(' ', '-')}/{workflow.info().run_id[:8]}.{number}"


def keyed_by_content(step: Step) -> Step:
    """The same step under a key that also says what it does.

    A local activity writes into the ledger before history knows of it. If its worker dies in between, the workflow
    comes to the same point again, perhaps with another message: by a key that only counts, the ledger would take that
    for a repeat of the first, and drop it. When it was to be done is no content: the same step, taken again, is later.
    Nor is what is personal, since keys outlive persons; of those steps a run has but one that counts.
    """
    if not isinstance(step, KeyedStep):
        return step
    content = step.model_dump_json(
        exclude={"key": True, "at": True, "duty": {"at": True}, "order": True, "reason": True}
    ).encode()
    return step.model_copy(update={"key": f"{step.key}.{hashlib.sha256(content).hexdigest()[:8]}"})


def _heed_cancel() -> None:
    """The request stays readable in `cancellation_reason`; the loop finds it there, and decides."""
    if task := asyncio.current_task():
        task.uncancel()
