"""What a Temporal namespace needs before we work in it: search attributes, and a Schedule for each sweep.

The one place that knows, for `promisekeeper setup`, `promisekeeper dev` and the tests alike. Everything may be done
again: what is there already is left alone, what has changed is brought up to date, and a pause stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.sealing import NotOpened
from domain import names
from domain.errors import PromisekeeperError
from domain.summaries import SWEEP_DETAILS, sweep_summary
from domain.sweeps import SweepInput, SweepKind
from workflows import backorder_contract, purchase_order_contract

SEARCH_ATTRIBUTES: Mapping[str, str] = backorder_contract.SEARCH_ATTRIBUTES | purchase_order_contract.SEARCH_ATTRIBUTES
"""Name to type."""

_CLOUD = (".tmprl.cloud", ".api.temporal.io")
_NOT_OURS_TO_DO = {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.UNIMPLEMENTED}


class SetUpRefused(PromisekeeperError):
    """The namespace could not be set up; the message says what to run or to change."""


@dataclass(frozen=True)
class Plan:
    """When a sweep runs."""

    every: timedelta
    offset: timedelta
    """So that not all begin at once."""
    jitter: timedelta
    """Many installations share a server, and Temporal Cloud limits starts by schedules."""


SWEEPS: Mapping[SweepKind, Plan] = {
    SweepKind.OWED_WORDS: Plan(timedelta(minutes=5), timedelta(minutes=1), timedelta(seconds=30)),
    SweepKind.LATE_ORDERS: Plan(timedelta(minutes=15), timedelta(minutes=2), timedelta(minutes=1)),
    SweepKind.LOST_WORKFLOWS: Plan(timedelta(minutes=15), timedelta(minutes=7), timedelta(minutes=1)),
    SweepKind.UNKNOWN_WORKFLOWS: Plan(timedelta(hours=1), timedelta(minutes=11), timedelta(minutes=2)),
}


@dataclass(frozen=True)
class Done:
    """One thing that was seen to."""

    what: str
    how: str
    """`registered`, `created`, `updated` or `already there`."""


async def set_up(client: Client, *, task_queue: str = names.TASK_QUEUE) -> list[Done]:
    """Register the search attributes and make the schedules, as far as they are not there.

    Raises:
        SetUpRefused: an attribute has another type, or this connection may not do it.
    """
    return [*await register_search_attributes(client), *await schedule_sweeps(client, task_queue=task_queue)]


async def register_search_attributes(client: Client) -> list[Done]:
    """Register what is missing. The server itself passes over a name that is there with another type, so we look.

    Raises:
        SetUpRefused: see `set_up`; the message has the command to run by whoever may.
    """
    operator, namespace = client.operator_service, client.namespace
    missing = dict(SEARCH_ATTRIBUTES)
    try:
        found = await operator.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
        there = {name: _type_name(kind) for name, kind in found.custom_attributes.items()}
        wrong = {name: there[name] for name, kind in SEARCH_ATTRIBUTES.items() if there.get(name, kind) != kind}
        if wrong:
            raise SetUpRefused(_of_another_type(client, wrong))
        missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in there}
        if missing:
            await operator.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=namespace, search_attributes={name: _type_of(kind) for name, kind in missing.items()}
                )
            )
    except RPCError as failed:
        if failed.status in _NOT_OURS_TO_DO:
            raise SetUpRefused(_ask_whoever_may(client, missing, failed)) from failed
        raise _refused(client, failed, "the search attributes cannot be registered") from failed
    return [
        Done(f"search attribute {name} ({kind})", "registered" if name in missing else "already there")
        for name, kind in SEARCH_ATTRIBUTES.items()
    ]


async def schedule_sweeps(
    client: Client, *, task_queue: str = names.TASK_QUEUE, plans: Mapping[SweepKind, Plan] = SWEEPS
) -> list[Done]:
    """Make the schedules of the sweeps, or bring them up to date. One that an operator paused stays paused.

    Raises:
        SetUpRefused: this connection may not do it.
    """
    try:
        return [await _schedule(client, kind, plan, task_queue) for kind, plan in plans.items()]
    except RPCError as failed:
        raise _refused(client, failed, "the schedules of the sweeps cannot be made") from failed


def schedule_id(kind: SweepKind, task_queue: str) -> str:
    """What the schedule of a sweep is called: two installations may share a namespace, each with its own queue."""
    return f"{task_queue}-sweep-{kind}"


async def _schedule(client: Client, kind: SweepKind, plan: Plan, task_queue: str) -> Done:
    what = f"schedule {schedule_id(kind, task_queue)}, every {_in_words(plan.every)}"
    wanted = _wanted(kind, plan, task_queue)
    try:
        await client.create_schedule(schedule_id(kind, task_queue), wanted)
    except ScheduleAlreadyRunningError:
        pass
    else:
        return Done(what, "created")
    handle = client.get_schedule_handle(schedule_id(kind, task_queue))
    if await _same((await handle.describe()).schedule, wanted, client):
        return Done(what, "already there")

    def update(found: ScheduleUpdateInput) -> ScheduleUpdate:
        state = found.description.schedule.state
        kept = state if state.paused else replace(state, note=wanted.state.note)
        return ScheduleUpdate(replace(wanted, state=kept))

    await handle.update(update)
    return Done(what, "updated")


def _wanted(kind: SweepKind, plan: Plan, task_queue: str) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            names.SWEEP,
            SweepInput(kind=kind),
            id=names.sweep_workflow_id(task_queue, kind),
            task_queue=task_queue,
            execution_timeout=timedelta(hours=1),  # one that hangs must not keep the next from starting
            static_summary=sweep_summary(kind),
            static_details=SWEEP_DETAILS[kind],
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=plan.every, offset=plan.offset)], jitter=plan.jitter),
        # What was missed while Temporal was away is made up for by one run: the latest finds everything.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=plan.every),
        state=ScheduleState(note=SWEEP_DETAILS[kind]),
    )


async def _same(found: Schedule, wanted: Schedule, client: Client) -> bool:
    """Whether a schedule is as wanted. The server hands payloads back encoded, so they are read first."""
    there, ours = found.action, wanted.action
    if not isinstance(there, ScheduleActionStartWorkflow) or not isinstance(ours, ScheduleActionStartWorkflow):
        return False
    if _plainly(there) != _plainly(ours) or found.spec != wanted.spec or found.policy != wanted.policy:
        return False
    if not found.state.paused and found.state.note != wanted.state.note:
        return False
    payloads = [payload for payload in there.args if isinstance(payload, Payload)]
    as_we_would = await client.data_converter.encode(ours.args)
    # A schedule outlives every key's retention: one sealed otherwise than now (by an older key, or not at all) is
    # sealed anew, or all its runs would fail once that key is put away.
    if [dict(payload.metadata) for payload in payloads] != [dict(payload.metadata) for payload in as_we_would]:
        return False
    try:
        decoded = await client.data_converter.decode(payloads, [SweepInput])
    except (NotOpened, ValidationError, ValueError, RuntimeError):  # of another version, or of other keys of that id
        return False
    return decoded == list(ours.args)


def _plainly(action: ScheduleActionStartWorkflow) -> tuple[object, ...]:
    return action.workflow, action.id, action.task_queue, action.execution_timeout


def _type_of(kind: str) -> IndexedValueType.ValueType:
    return IndexedValueType.Value(_SPELT[kind])


_SPELT = {
    "Keyword": "INDEXED_VALUE_TYPE_KEYWORD",
    "KeywordList": "INDEXED_VALUE_TYPE_KEYWORD_LIST",
    "Datetime": "INDEXED_VALUE_TYPE_DATETIME",
    "Bool": "INDEXED_VALUE_TYPE_BOOL",
    "Int": "INDEXED_VALUE_TYPE_INT",
    "Double": "INDEXED_VALUE_TYPE_DOUBLE",
    "Text": "INDEXED_VALUE_TYPE_TEXT",
}


def _type_name(kind: IndexedValueType.ValueType) -> str:
    spelt = IndexedValueType.Name(kind)
    return next((name for name, server in _SPELT.items() if server == spelt), spelt)


def _in_cloud(client: Client) -> bool:
    host = client.service_client.config.target_host.partition(":")[0]
    return host.endswith(_CLOUD)


def _of_another_type(client: Client, wrong: Mapping[str, str]) -> str:
    said = "; ".join(f"{name} is a {kind}, and has to be a {SEARCH_ATTRIBUTES[name]}" for name, kind in wrong.items())
    if _in_cloud(client):
        mend = "On Temporal Cloud an attribute keeps its type: rename it there with `tcld`, or use another namespace"
    else:
        mend = (
            "Remove it if nobody uses it ("
            + "; ".join(
                f"`temporal operator search-attribute remove --namespace {client.namespace} --name {name}`"
                for name in wrong
            )
            + "), or use another namespace"
        )
    return f"namespace {client.namespace!r} has search attributes of ours with other types: {said}. {mend}."


def _ask_whoever_may(client: Client, missing: Mapping[str, str], failed: RPCError) -> str:
    if _in_cloud(client):
        by = "On Temporal Cloud they are registered by its own tool"
        command = f"tcld namespace search-attributes add --namespace {client.namespace}" + "".join(
            f' --search-attribute "{name}={kind}"' for name, kind in missing.items()
        )
    else:
        by = "Have somebody with the right run"
        command = f"temporal operator search-attribute create --namespace {client.namespace}" + "".join(
            f" --name {name} --type {kind}" for name, kind in missing.items()
        )
    return (
        f"this connection may not see to the search attributes of namespace {client.namespace!r} "
        f"({failed.message}). {by}, then run `promisekeeper setup --schedules-only`:\n{command}"
    )


def _refused(client: Client, failed: RPCError, what: str) -> SetUpRefused:
    if failed.status is RPCStatusCode.NOT_FOUND:
        create = (
            "create it in Temporal Cloud"
            if _in_cloud(client)
            else f"create it: `temporal operator namespace create --namespace {client.namespace} --retention 90d`"
        )
        return SetUpRefused(f"there is no namespace {client.namespace!r}; {create}, or set TEMPORAL_NAMESPACE")
    return SetUpRefused(f"{what} in namespace {client.namespace!r}: {failed.message}")


def _in_words(every: timedelta) -> str:
    minutes = int(every.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
