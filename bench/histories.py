"""What histories tell: events, bytes, the script of a bare story, and Temporal Cloud's billable actions.

Actions are counted as https://docs.temporal.io/evaluate/cloud/actions says (read 2026-11-22), from history events:
a start (also by continue-as-new), each attempt of an activity, all markers of one workflow task together (local
activities), a timer, a signal, an accepted update, an upsert but not that of TemporalChangeVersion, two for a child
workflow, a Nexus operation, changed options. A signal-with-start is one action in all. Not in histories, and counted
at the server instead: heartbeats (`bench.stage`). Queries and rejected updates are not made here at all.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import mean

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from bench.bare import ACTIVITY, FIRED, LOCAL, SIGNAL, TIMER, UPSERT
from bench.figures import Value

_ONE_EACH = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "start",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "signal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED: "nexus",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: "options",
}
_LOCAL_MARKER = "core_local_activity"
_EXEMPT_ATTRIBUTE = "TemporalChangeVersion"


class Counted(Value):
    """One run of one workflow."""

    events: int
    size: int
    """Bytes of its events as protobuf."""
    actions: dict[str, int]
    """By kind."""
    script: str
    """Its steps, in the letters of `bench.bare`."""

    @property
    def billable(self) -> int:
        """Actions in all."""
        return sum(self.actions.values())


async def counted(client: Client, workflow_ids: Iterable[str]) -> list[Counted]:
    """Read the histories of these workflows' latest runs."""
    found: list[Counted] = []
    for workflow_id in workflow_ids:
        history = await client.get_workflow_handle(workflow_id).fetch_history()
        found.append(count(history.events))
    return found


def count(events: Sequence[HistoryEvent]) -> Counted:
    """Count one history."""
    return Counted(
        events=len(events),
        size=sum(event.ByteSize() for event in events),
        actions=dict(actions_of(events)),
        script=script_of(events),
    )


def actions_of(events: Sequence[HistoryEvent]) -> Counter[str]:
    """Billable actions by kind; the module's docstring names the source."""
    found: Counter[str] = Counter()
    tasks_with_markers: set[int] = set()
    for event in events:
        if kind := _ONE_EACH.get(event.event_type):
            found[kind] += 1
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            found["activity"] += event.activity_task_started_event_attributes.attempt
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            tasks_with_markers.add(event.marker_recorded_event_attributes.workflow_task_completed_event_id)
        elif event.event_type == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            found["child"] += 2
        elif event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
            named = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
            found["upsert"] += set(named) != {_EXEMPT_ATTRIBUTE}
    found["local activities"] += len(tasks_with_markers)
    if len(events) > 1 and events[1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        found["signal"] -= 1  # signal-with-start is one action in all
    return +found


def script_of(events: Sequence[HistoryEvent]) -> str:
    """The steps a bare story has to take to get a history of the same shape."""
    ran_out = {
        event.timer_fired_event_attributes.timer_id
        for event in events
        if event.event_type == EventType.EVENT_TYPE_TIMER_FIRED
    }
    letters: list[str] = []
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            letters.append(ACTIVITY)
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            if event.marker_recorded_event_attributes.marker_name == _LOCAL_MARKER:
                letters.append(LOCAL)
        elif event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
            letters.append(UPSERT)
        elif event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            letters.append(FIRED if event.timer_started_event_attributes.timer_id in ran_out else TIMER)
        elif event.event_type in {
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        }:
            letters.append(SIGNAL)
    return "".join(letters)


def steps_in(histories: Sequence[Counted]) -> dict[str, float]:
    """How many steps of each kind one has on average."""
    kinds = {
        "activities": ACTIVITY,
        "local activities": LOCAL,
        "upserts": UPSERT,
        "timers": TIMER + FIRED,
        "signals": SIGNAL,
    }
    return {
        kind: round(mean(sum(one.script.count(letter) for letter in letters) for one in histories), 2)
        for kind, letters in kinds.items()
    }


def actions_in(histories: Sequence[Counted]) -> dict[str, float]:
    """How many actions of each kind one has on average."""
    total: Counter[str] = Counter()
    for one in histories:
        total.update(one.actions)
    return {kind: round(number / len(histories), 2) for kind, number in sorted(total.items())}
