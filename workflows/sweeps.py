"""A sweep: page by page through ledger or Temporal, for what got lost between them. Started by a Temporal Schedule.

A sweep mends what can be mended and reports the rest: in its result, in its current details, and by `NeedsAttention`.
What each kind looks for is in `domain/sweeps.py`; the schedules are made by `workflows/setting_up.py`.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.sweeping import SweepActivities as Do
    from activities.sweeping import SweepStep
    from domain import names
    from domain.sweeps import SweepInput, SweepKind, Swept
    from workflows.backorder_contract import NEEDS_ATTENTION

NAMED = 100
"""Findings that are named; all are counted."""
MOST_FOUND = 2_000
"""What one run mends or asks for at most, so that it ends and its history stays small, since each page tells all that
it found. The next run goes on: what is mended is found no more. What is asked for is, until a person has seen to it."""
MOST_PAGES = 2_000
"""A million rows; then the history is long enough."""

STEPS: dict[SweepKind, tuple[Callable[[Do, SweepStep], Awaitable[Swept]], ...]] = {
    SweepKind.OWED_WORDS: (Do.sweep_owed_words,),
    SweepKind.LATE_ORDERS: (Do.sweep_late_orders, Do.sweep_waiting_messages),
    SweepKind.LOST_WORKFLOWS: (Do.sweep_lost_orders, Do.sweep_lost_backorders),
    SweepKind.UNKNOWN_WORKFLOWS: (Do.sweep_unknown_workflows,),
}
"""What each kind does, in order."""


@workflow.defn(name=names.SWEEP)
class Sweep:
    """One run of one sweep."""

    @workflow.run
    async def run(self, start: SweepInput) -> Swept:
        """Go through all pages, and tell what was mended and what is left for a person."""
        so_far = Swept()
        pages = 0
        for do in STEPS[start.kind]:
            after: str | None = ""
            while after is not None:
                step = SweepStep(
                    key=f"{workflow.info().workflow_id}/{workflow.info().run_id[:8]}",
                    at=workflow.now(),
                    grace=start.grace,
                    after=after,
                    restart_all=start.restart_all,
                )
                page = await self._page(do, step, so_far)
                so_far, after, pages = _together(so_far, page), page.after, pages + 1
                workflow.set_current_details(details(start.kind, so_far))
                if after is not None and (so_far.mended_total + so_far.asks_total >= MOST_FOUND or pages >= MOST_PAGES):
                    so_far = so_far.model_copy(update={"after": after})
                    break
        workflow.set_current_details(details(start.kind, so_far))
        if so_far.asks_total:
            workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(True)])  # pyright: ignore[reportUnknownMemberType] - the SDK leaves its type open
        return so_far

    async def _page(self, do: Callable[[Do, SweepStep], Awaitable[Swept]], step: SweepStep, so_far: Swept) -> Swept:
        return await workflow.execute_activity_method(
            do,
            step,
            start_to_close_timeout=timedelta(minutes=5),
            schedule_to_close_timeout=timedelta(minutes=20),
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
            summary=f"after {so_far.looked_at} looked at, {so_far.mended_total} mended",
        )


def _together(so_far: Swept, page: Swept) -> Swept:
    return Swept(
        looked_at=so_far.looked_at + page.looked_at,
        mended=(*so_far.mended, *page.mended)[:NAMED],
        asks=(*so_far.asks, *page.asks)[:NAMED],
        mended_total=so_far.mended_total + page.mended_total,
        asks_total=so_far.asks_total + page.asks_total,
        after=so_far.after,
    )


def details(kind: SweepKind, swept: Swept) -> str:
    """Markdown for the Temporal UI."""
    lines = [
        f"**{kind.value.replace('-', ' ').capitalize()}**: {swept.looked_at} looked at, {swept.mended_total} mended, "
        f"{swept.asks_total} for a person."
    ]
    for heading, findings, total in (
        ("Needs a person", swept.asks, swept.asks_total),
        ("Mended", swept.mended, swept.mended_total),
    ):
        if findings:
            lines += ["", f"**{heading}**", ""]
            lines += [f"- `{finding.what}`: {finding.said}" for finding in findings[:20]]
            if total > 20:
                lines.append(f"- and {total - 20} more")
    if swept.after is not None:
        lines += ["", "There is more than one run may mend; the next one goes on."]
    return "\n".join(lines)
