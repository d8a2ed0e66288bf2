"""A supplier's mailbox: what comes from one supplier and what its protocol is owed, apart from the orders' own stories.

It looks again and again: fetches documents, keeps each before it is read, tells the orders concerned, and sends the
replies that are owed. A supplier who cannot be reached delays its own mailbox and nobody else's: its steps run on a
task queue of their own. What could not be read waits here for a person.
"""

from collections import deque
from datetime import datetime, timedelta
from typing import cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.mailbox import MailboxActivities as Do
    from activities.mailbox import MailboxStep
    from domain import names
    from domain.mailbox import MailboxPosition
    from workflows import mailbox_contract as contract
    from workflows.durably import IN_THE_BOOKS, OUTSIDE, reason_of, run_to_completion, wait_asked
    from workflows.duty_workflow import Asked
    from workflows.mailbox_contract import MailboxInput, MailboxResolution, MailboxStanding, ResolveMailbox
    from workflows.purchase_order_contract import NEEDS_ATTENTION, SUPPLIER_IDS

FIRST_LOOK = timedelta(minutes=1)
"""Until it is known how often the supplier is to be looked at."""

TRIES = 3
"""Of one look. Then it is said what stands in the way, and tried again at the next look."""


@workflow.defn(name=contract.WORKFLOW)
class SupplierMailbox:
    """Keeps one supplier's mailbox. Runs for as long as there is one."""

    @workflow.init
    def __init__(self, start: MailboxInput) -> None:
        """Signals may come before `run` starts."""
        self._start = start
        self._position = start.position
        self._looked_at: datetime | None = None
        self._trouble = start.trouble
        self._asked_to_wait = start.asked_to_wait
        self._look = start.trouble is None
        self._asked: deque[Asked[ResolveMailbox]] = deque()
        self._steps = 0
        self._looks = 0
        self._indexed: bool | None = None

    @workflow.run
    async def run(self, start: MailboxInput) -> None:
        """Look, wait, and look again."""
        while True:
            if self._asked:
                await self._resolve(self._asked.popleft())
            elif workflow.info().is_continue_as_new_suggested() or self._looks >= start.looks_per_run:
                # a decision may come with the very task that leaves: whoever made it waits for this run
                await workflow.wait_condition(lambda: bool(self._asked) or workflow.all_handlers_finished())
                if not self._asked:
                    kept = {"trouble": self._trouble, "asked_to_wait": self._asked_to_wait}
                    workflow.continue_as_new(start.model_copy(update={"position": self._position, **kept}))
            elif self._look:
                await self._look_now()
            else:
                self._show()
                await self._wait()

    @workflow.signal(name=contract.LOOK, description="Something came or is owed: look now. No input.")
    def look(self) -> None:
        """Do not wait until the next look."""
        self._look = True

    @workflow.update(
        name=contract.RESOLVE,
        description="An operator decides about messages that could not be read: retry (what was wrong is mended) or "
        'dismiss. Input: {"resolution": "retry", "messages": [17], "note": "..."}; without messages, all of them.',
    )
    async def resolve(self, request: ResolveMailbox) -> MailboxStanding:
        """Carry out the decision."""
        asked = Asked(request)
        self._asked.append(asked)
        await workflow.wait_condition(lambda: asked.reply is not None or asked.refused is not None)
        if asked.refused:
            raise asked.refused
        return cast("MailboxStanding", asked.reply)

    @workflow.query(name=contract.STANDING, description="Where the mailbox stands.")
    def standing(self) -> MailboxStanding:
        """Answer from what the last look told."""
        return MailboxStanding(position=self._position, looked_at=self._looked_at, trouble=self._trouble)

    async def _look_now(self) -> None:
        self._look = False
        self._looks += 1
        try:
            self._position = await run_to_completion(
                workflow.execute_activity_method(
                    Do.look_into_mailbox,
                    self._step("look"),
                    task_queue=names.supplier_task_queue(workflow.info().task_queue, self._start.supplier_id),
                    start_to_close_timeout=timedelta(minutes=10),
                    schedule_to_close_timeout=OUTSIDE.schedule_to_close,
                    heartbeat_timeout=OUTSIDE.heartbeat,
                    retry_policy=RetryPolicy(maximum_attempts=TRIES),
                    summary="fetch what waits, send what is owed",
                )
            )
        except ActivityError as failed:
            self._trouble, self._asked_to_wait = reason_of(failed), wait_asked(failed)
        else:
            self._trouble, self._asked_to_wait, self._looked_at = None, timedelta(0), workflow.now()
            self._look = self._look or self._position.more

    async def _resolve(self, asked: Asked[ResolveMailbox]) -> None:
        request = asked.request
        do = Do.read_again if request.resolution is MailboxResolution.RETRY else Do.put_aside
        in_the_way = self._position.in_the_way if self._position else ()
        try:
            decided = await run_to_completion(
                workflow.execute_activity_method(
                    do,
                    self._step(request.resolution, request),
                    start_to_close_timeout=IN_THE_BOOKS.start_to_close,
                    schedule_to_close_timeout=OUTSIDE.schedule_to_close,
                    heartbeat_timeout=IN_THE_BOOKS.heartbeat,
                    retry_policy=IN_THE_BOOKS.retry,
                    summary=f"operator: {request.resolution}{f' ({request.note})' if request.note else ''}"[:180],
                )
            )
        except ActivityError as failed:
            asked.refused = ApplicationError(reason_of(failed), type="Refused", non_retryable=True)
        else:
            self._position = decided.model_copy(update={"in_the_way": in_the_way})  # only a look knows another answer
            asked.reply = self.standing()

    async def _wait(self) -> None:
        """Until the next look is due. One whose messages come to our door is looked at while something is owed."""
        position = self._position
        again = position is None or position.fetches or position.owes or self._trouble is not None
        every = max(position.fetch_every if position else FIRST_LOOK, self._asked_to_wait)
        try:
            await workflow.wait_condition(
                lambda: self._look or bool(self._asked),
                timeout=every if again else None,
                timeout_summary="next look",
            )
        except TimeoutError:
            self._look = True

    def _step(self, step: str, request: ResolveMailbox | None = None) -> MailboxStep:
        info = workflow.info()
        self._steps += 1
        return MailboxStep(
            key=f"{info.workflow_id}/{step}/{info.run_id[:8]}.{self._steps}",
            at=workflow.now(),
            supplier_id=self._start.supplier_id,
            task_queue=info.task_queue,
            messages=request.messages if request else (),
            note=request.note if request else "",
        )

    def _show(self) -> None:
        position = self._position
        needs = bool(self._trouble or (position and (position.unreadable_total or position.in_the_way)))
        if needs != self._indexed:
            self._indexed = needs
            workflow.upsert_search_attributes(  # pyright: ignore[reportUnknownMemberType] - the SDK leaves its type open
                [
                    SUPPLIER_IDS.value_set([self._start.supplier_id]),
                    NEEDS_ATTENTION.value_set(needs),
                ]
            )
        workflow.set_current_details(
            current_details(self._start.supplier_id, self._position, self._looked_at, self._trouble)
        )


def current_details(
    supplier_id: str, position: MailboxPosition | None, looked_at: datetime | None, trouble: str | None
) -> str:
    """Markdown for the Temporal UI."""
    name = position.supplier_name if position else supplier_id
    lines: list[str] = []
    if trouble:
        lines += [f"**The last look at what {name} sends came to nothing**: {trouble}.", ""]
        lines += [
            "Only its own messages wait for that, and it is tried again by itself. To see what is wrong: "
            f"`promisekeeper check {supplier_id}`.",
            "",
        ]
    if looked_at:
        lines.append(f"Last looked at {looked_at:%Y-%m-%d %H:%M:%S} UTC.")
    if position is None:
        return "\n".join(lines)
    lines.append(
        f"Documents are fetched every {position.fetch_every}." if position.fetches else "Messages come to our door."
    )
    if position.unreadable_total:
        lines += [
            "",
            f"**Needs a person: {position.unreadable_total} messages could not be read, or concern no order of ours.** "
            f"They are kept as they came: `promisekeeper mailbox {supplier_id} --message NUMBER --save FILE` gives one "
            "out. Mend the partner's profile, then resolve with `retry`; or see to them by hand, then `dismiss`.",
            "",
        ]
        lines += [
            f"- message {one.inbox_id} of {one.received_at:%Y-%m-%d %H:%M}: {one.told}" for one in position.unreadable
        ]
    if position.in_the_way:
        lines += ["", "**In the way**", "", *(f"- {what}" for what in position.in_the_way)]
    return "\n".join(lines)
