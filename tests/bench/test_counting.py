"""Billable actions and scripts are read out of histories as Temporal's documentation says."""

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from bench.bare import signals_between
from bench.histories import count


def _event(name: str, **attributes: object) -> HistoryEvent:
    event = HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_{name}"))
    if attributes:
        target = getattr(event, f"{name.lower()}_event_attributes")
        for field, value in attributes.items():
            setattr(target, field, value)
    return event


def _upsert(*names: str) -> HistoryEvent:
    event = _event("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES")
    fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
    for name in names:
        fields[name].data = b"1"
    return event


def _local(task: int, marker: str = "core_local_activity") -> HistoryEvent:
    return _event("MARKER_RECORDED", marker_name=marker, workflow_task_completed_event_id=task)


START = _event("WORKFLOW_EXECUTION_STARTED")


def test_every_attempt_of_an_activity_is_an_action() -> None:
    history = [START, _event("ACTIVITY_TASK_SCHEDULED"), _event("ACTIVITY_TASK_STARTED", attempt=3)]
    assert count(history).actions == {"start": 1, "activity": 3}


def test_local_activities_of_one_workflow_task_are_one_action() -> None:
    history = [START, _local(4), _local(4), _local(9)]
    assert count(history).actions == {"start": 1, "local activities": 2}
    assert count(history).script == "LLL"


def test_an_upsert_is_an_action_but_not_that_of_a_version() -> None:
    history = [START, _upsert("BackorderStatus", "Sku"), _upsert("TemporalChangeVersion")]
    assert count(history).actions == {"start": 1, "upsert": 1}


def test_a_signal_is_an_action_but_one_that_starts_is_the_same_as_the_start() -> None:
    signal = _event("WORKFLOW_EXECUTION_SIGNALED")
    task = _event("WORKFLOW_TASK_SCHEDULED")
    assert count([START, task, signal, signal]).billable == 3
    assert count([START, signal, task, signal]).billable == 2


def test_timers_updates_and_children_are_counted() -> None:
    history = [
        START,
        _event("TIMER_STARTED", timer_id="1"),
        _event("WORKFLOW_EXECUTION_UPDATE_ACCEPTED"),
        _event("START_CHILD_WORKFLOW_EXECUTION_INITIATED"),
    ]
    assert count(history).actions == {"start": 1, "timer": 1, "update": 1, "child": 2}


def test_what_only_reports_is_no_action() -> None:
    history = [START, _event("WORKFLOW_TASK_COMPLETED"), _event("ACTIVITY_TASK_COMPLETED"), _event("TIMER_CANCELED")]
    assert count(history).billable == 1


def test_a_timer_that_ran_out_is_another_step_than_one_that_was_cancelled() -> None:
    history = [
        START,
        _event("TIMER_STARTED", timer_id="1"),
        _event("TIMER_FIRED", timer_id="1"),
        _event("TIMER_STARTED", timer_id="2"),
        _event("WORKFLOW_EXECUTION_SIGNALED"),
        _event("TIMER_CANCELED", timer_id="2"),
    ]
    assert count(history).script == "FTS"


def test_a_patch_is_no_step() -> None:
    assert count([START, _local(4, "core_patch")]).script == ""


def test_a_step_sends_the_signals_up_to_the_next_step_elsewhere() -> None:
    assert [signals_between("AUTSSLS", position) for position in (0, 5)] == [2, 1]
