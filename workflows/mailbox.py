"""A supplier's mailbox: what comes from one supplier and what its protocol is owed, apart from the orders' own stories.

It looks again and again: fetches documents, keeps each before it is read, tells the orders concerned, and sends the
replies that are owed. A supplier who cannot be reached delays its own mailbox and nobody else's: its steps run on a
task queue of their own. What could not be read waits here for a person.
"""

from collections import deque
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.mailbox import MailboxActivities as Do
    from activities.mailbox import MailboxStep
    from domain import names
    from domain.mailbox import MailboxPosition
    from workflows import mailbox_contract as contract
    from workflows.durably import IN_THE_BOOKS, OUTSIDE, reason_of, run_to_completion
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
        self._trouble: str | None = None
        self._look = True
        self._decisions: deque[ResolveMailbox] = deque()
        self._decided = 0
        self._looks = 0
        self._indexed: bool | None = None

    @workflow.run
    async def run(self, start: MailboxInput) -> None:
        """Look, wait, and look again."""
        while True:
            if self._decisions:
                await self._resolve(self._decisions[0])
                self._decisions.popleft()
                self._decided += 1
            elif workflow.info().is_continue_as_new_suggested() or self._looks >= start.looks_per_run:
                await workflow.wait_condition(lambda: bool(self._decisions) or workflow.all_handlers_finished())
                if not self._decisions:
                    workflow.continue_as_new(start.model_copy(update={"position": self._position}))
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
        'dismiss. Input: {"resolution": "retry", "note": "..."}.',
    )
    async def resolve(self, request: ResolveMailbox) -> MailboxStanding:
        """Carry out the decision."""
        self._decisions.append(request)
        mine = self._decided + len(self._decisions)
        await workflow.wait_condition(lambda: self._decided >= mine)
        if self._trouble:
            raise ApplicationError(self._trouble, type="Refused", non_retryable=True)
        return self.standing()

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
            self._trouble = reason_of(failed)
        else:
            self._trouble, self._looked_at = None, workflow.now()

    async def _resolve(self, request: ResolveMailbox) -> None:
        do = Do.read_again if request.resolution is MailboxResolution.RETRY else Do.put_aside
        try:
            self._position = await run_to_completion(
                workflow.execute_activity_method(
                    do,
                    self._step(request.resolution),
                    start_to_close_timeout=IN_THE_BOOKS.start_to_close,
                    schedule_to_close_timeout=OUTSIDE.schedule_to_close,
                    heartbeat_timeout=IN_THE_BOOKS.heartbeat,
                    retry_policy=IN_THE_BOOKS.retry,
                    summary=f"operator: {request.resolution}{f' ({request.note})' if request.note else ''}"[:180],
                )
            )
        except ActivityError as failed:
            self._trouble = reason_of(failed)
        else:
            self._trouble = None

    async def _wait(self) -> None:
        """Until the next look is due. One whose messages come to our door is looked at when something is owed."""
        position = self._position
        fetches = position is None or position.fetches or self._trouble is not None
        every = position.fetch_every if position else FIRST_LOOK
        try:
            await workflow.wait_condition(
                lambda: self._look or bool(self._decisions),
                timeout=every if fetches else None,
                timeout_summary="next look",
            )
        except TimeoutError:
            self._look = True

    def _step(self, step: str) -> MailboxStep:
        info = workflow.info()
        number = self._looks + self._decided
        return MailboxStep(
            key=f"{info.workflow_id}/{step}/{info.run_id[:8]}.{number}",
            at=workflow.now(),
            supplier_id=self._start.supplier_id,
            task_queue=info.task_queue,
        )

    def _show(self) -> None:
        needs = bool(self._trouble or (self._position and self._position.unreadable_total))
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
        lines += [f"**{name} cannot be reached**, and only its own messages wait for that: {trouble}.", ""]
        lines += [f"It is tried again by itself. To see what is wrong: `promisekeeper check {supplier_id}`.", ""]
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
            "They are kept as they came. Mend the partner's profile, then resolve with `retry`; or see to them by "
            "hand, then `dismiss`.",
            "",
        ]
        lines += [
            f"- message {one.inbox_id} of {one.received_at:%Y-%m-%d %H:%M}: {one.why}" for one in position.unreadable
        ]
    if position.in_the_way:
        lines += ["", "**In the way**", "", *(f"- {what}" for what in position.in_the_way)]
    return "\n".join(lines)
