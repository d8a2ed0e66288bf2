"""Setting a namespace up: registered once, brought up to date, refused with what to run; and the ready-made queries."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleOverlapPolicy
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from activities.sealing import PAYLOAD_KEYS, KeyRing, data_converter, fresh_key
from cli.queries import SAVED, links
from domain.sweeps import SweepInput, SweepKind
from tests.cli.conftest import Command
from workflows import setting_up
from workflows.backorder_contract import (
    NEEDS_ATTENTION,
    PO_NUMBERS,
    PROMISED_BY,
    SALES_ORDER,
    SKU,
    STATUS,
    SUPPLIER_IDS,
)
from workflows.purchase_order_contract import STATUS as ORDER_STATUS


@pytest.fixture
async def fresh(nowhere: None, env: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A namespace that nobody has set up, and the environment that leads a command to it."""
    name = f"setup-{uuid.uuid4().hex[:8]}"
    address = env.client.service_client.config.target_host
    await env.client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86_400))
    )
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", name)
    client = await Client.connect(address, namespace=name, data_converter=pydantic_data_converter)

    async def there() -> bool:
        return [one async for one in await client.list_schedules()] == []

    await _once_known(there)  # the server takes a moment to know a namespace everywhere
    return client


async def _once_known(call: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await call()
        except RPCError as unknown:
            if unknown.status is not RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.05)
        else:
            return


async def _set_up(promisekeeper: Command, *options: str) -> dict[str, list[Any]]:
    code, out, err = await promisekeeper("setup", "--json", *options)
    assert code == 0, err
    told: dict[str, list[Any]] = {}
    for one in json.loads(out)["done"]:
        told.setdefault(one["how"], []).append(one["what"])
    return told


async def test_a_namespace_is_set_up_and_again_everything_is_there(fresh: Client, promisekeeper: Command) -> None:
    told = await _set_up(promisekeeper)
    assert len(told["registered"]) == len(setting_up.SEARCH_ATTRIBUTES) and len(told["created"]) == len(SweepKind)
    assert "already there" not in told
    assert set(await _set_up(promisekeeper)) == {"already there"}
    _, out, _ = await promisekeeper("setup")
    assert "everything was already there" in out and "/workflows?query=" in out
    description = await fresh.get_schedule_handle("promisekeeper-sweep-lost-workflows").describe()
    assert description.schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert description.schedule.policy.catchup_window and description.schedule.spec.jitter
    assert "Starts workflows again" in (description.schedule.state.note or "")


async def test_a_schedule_that_changed_is_brought_up_to_date_and_a_pause_stays(
    fresh: Client, promisekeeper: Command
) -> None:
    await _set_up(promisekeeper)
    handle = fresh.get_schedule_handle("promisekeeper-sweep-owed-words")
    await handle.pause(note="while we look into it")
    plan = setting_up.SWEEPS[SweepKind.OWED_WORDS]
    (done,) = await setting_up.schedule_sweeps(
        fresh, plans={SweepKind.OWED_WORDS: replace(plan, every=timedelta(minutes=9))}
    )
    assert (done.how, done.what) == ("updated", "schedule promisekeeper-sweep-owed-words, every 9 min")
    schedule = (await handle.describe()).schedule
    assert schedule.spec.intervals[0].every == timedelta(minutes=9)
    assert (schedule.state.paused, schedule.state.note) == (True, "while we look into it")
    assert "schedule promisekeeper-sweep-owed-words, every 5 min" in (await _set_up(promisekeeper))["updated"]
    assert (await handle.describe()).schedule.state.paused


async def test_schedules_are_sealed_anew_by_a_new_key_so_that_the_old_one_can_be_put_away(
    fresh: Client, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = fresh_key("old"), fresh_key("new")

    async def set_up_with(*keys: str) -> set[str]:
        monkeypatch.setenv(PAYLOAD_KEYS, ",".join(keys))
        return {how for how, whats in (await _set_up(promisekeeper)).items() if "schedule" in " ".join(whats)}

    await set_up_with()
    assert await set_up_with(old) == {"updated"}, "keys were switched on"
    assert await set_up_with(old, new) == {"already there"}, "the new key does not seal yet"
    assert await set_up_with(new, old) == {"updated"}
    assert await set_up_with(new) == {"already there"}
    action = (await fresh.get_schedule_handle("promisekeeper-sweep-owed-words").describe()).schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    (start,) = await data_converter(KeyRing.read(new)).decode(list(action.args), [SweepInput])
    assert start == SweepInput(kind=SweepKind.OWED_WORDS)


async def test_schedules_whose_key_was_lost_are_made_good(
    fresh: Client, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PAYLOAD_KEYS, fresh_key("a"))
    await _set_up(promisekeeper)
    monkeypatch.setenv(PAYLOAD_KEYS, fresh_key("a"))
    assert len((await _set_up(promisekeeper))["updated"]) == len(SweepKind)


async def test_an_attribute_of_another_type_is_named_with_what_to_run(fresh: Client, promisekeeper: Command) -> None:
    await fresh.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=fresh.namespace,
            search_attributes={"NeedsAttention": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD},
        )
    )
    code, out, err = await promisekeeper("setup")
    assert (code, out) == (1, "")
    assert "NeedsAttention is a Keyword, and has to be a Bool" in err
    assert f"search-attribute remove --namespace {fresh.namespace} --name NeedsAttention" in " ".join(err.split())


async def test_a_namespace_that_is_not_there_is_said(
    fresh: Client, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "no-such-namespace")
    code, _, err = await promisekeeper("setup")
    assert code == 1 and "there is no namespace 'no-such-namespace'" in err and "namespace create" in err


class _Forbidding:
    """An operator service that lets this connection do nothing, as Temporal Cloud's and many companies' do."""

    def __init__(self, status: RPCStatusCode) -> None:
        self._status = status

    async def list_search_attributes(self, _: object) -> None:
        raise RPCError("Request unauthorized.", self._status, b"")


class _Connection:
    """As much of a client as the refusal looks at."""

    def __init__(self, address: str, status: RPCStatusCode) -> None:
        self.namespace = "shop.a1b2c"
        self.operator_service = _Forbidding(status)
        self.service_client = type("Service", (), {"config": type("Config", (), {"target_host": address})})


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("shop.a1b2c.tmprl.cloud:7233", "tcld namespace search-attributes add --namespace shop.a1b2c"),
        ("us-east-1.aws.api.temporal.io:7233", "tcld namespace search-attributes add --namespace shop.a1b2c"),
        ("temporal.shop.example:7233", "temporal operator search-attribute create --namespace shop.a1b2c"),
    ],
)
@pytest.mark.parametrize("status", [RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED])
async def test_whoever_may_not_register_attributes_is_told_the_command_for_whoever_may(
    address: str, command: str, status: RPCStatusCode
) -> None:
    with pytest.raises(setting_up.SetUpRefused) as refused:
        await setting_up.register_search_attributes(_Connection(address, status))  # type: ignore[arg-type]
    said = str(refused.value)
    assert command in said and "promisekeeper setup --schedules-only" in said
    assert all(name in said for name in setting_up.SEARCH_ATTRIBUTES)


async def test_schedules_alone_are_made_for_whoever_may_not_register_attributes(
    fresh: Client, promisekeeper: Command
) -> None:
    assert set(await _set_up(promisekeeper, "--schedules-only")) == {"created"}


TODAY = date(2026, 12, 1)


def _instant(days: int) -> datetime:
    return datetime.combine(TODAY + timedelta(days=days), time(), UTC)


_WORKFLOWS: dict[str, tuple[str, dict[Any, Any]]] = {
    "backorder/late": ("Backorder", {STATUS: "on order", PROMISED_BY: _instant(-1), SKU: "LAMP", SALES_ORDER: "SO-1"}),
    "backorder/today": ("Backorder", {STATUS: "confirmed", PROMISED_BY: _instant(0), SUPPLIER_IDS: ["acme", "birch"]}),
    "backorder/third": ("Backorder", {STATUS: "refund due", PROMISED_BY: _instant(3), PO_NUMBERS: ["PO-000007"]}),
    "backorder/fourth": ("Backorder", {STATUS: "sourcing", PROMISED_BY: _instant(4), NEEDS_ATTENTION: True}),
    "backorder/undated": ("Backorder", {STATUS: "accepted", SKU: "O'CLOCK", NEEDS_ATTENTION: False}),
    "po/PO-000007": ("PurchaseOrder", {ORDER_STATUS: "acknowledgement pending", PO_NUMBERS: ["PO-000007"]}),
    "po/PO-000008": ("PurchaseOrder", {ORDER_STATUS: "send unknown", SUPPLIER_IDS: ["acme"]}),
    "po/PO-000009": ("PurchaseOrder", {ORDER_STATUS: "collecting", NEEDS_ATTENTION: True}),
    "sweep/1": ("Sweep", {NEEDS_ATTENTION: True}),
    "mailbox/acme": ("SupplierMailbox", {NEEDS_ATTENTION: True}),
    "backorder/ended": ("Backorder", {STATUS: "sourcing", PROMISED_BY: _instant(-1), SKU: "LAMP", SALES_ORDER: "SO-1"}),
}
_FOUND = {
    "attention": ["backorder/fourth", "mailbox/acme", "po/PO-000009", "sweep/1"],
    "late": ["backorder/late"],
    "due": ["backorder/third", "backorder/today"],
    "undated": ["backorder/undated"],
    "searching": ["backorder/fourth"],
    "refunds": ["backorder/third"],
    "silent": ["po/PO-000007"],
    "unsure": ["po/PO-000008"],
    "collecting": ["po/PO-000009"],
    "supplier": ["backorder/today", "po/PO-000008"],
    "sku": ["backorder/late"],
    "po": ["backorder/third", "po/PO-000007"],
    "sales-order": ["backorder/ended", "backorder/late"],
    "sweeps": ["sweep/1"],
    "mailboxes": ["mailbox/acme"],
    "broken": ["backorder/ended"],
}


async def test_every_query_is_taken_by_the_server_and_finds_the_right_workflows(
    fresh: Client, promisekeeper: Command
) -> None:
    await _set_up(promisekeeper)
    for workflow_id, (kind, attributes) in _WORKFLOWS.items():
        pairs = [SearchAttributePair(key, value) for key, value in attributes.items()]
        await fresh.start_workflow(
            kind, id=workflow_id, task_queue="nobody", search_attributes=TypedSearchAttributes(pairs)
        )
    await fresh.get_workflow_handle("backorder/ended").terminate()
    looked_for = {"SUPPLIER": "acme", "SKU": "LAMP", "PO": "PO-000007", "SALES_ORDER": "SO-1"}

    async def found(saved: Any) -> list[str]:
        today = datetime.now(UTC).date() + timedelta(days=2) if saved.name == "silent" else TODAY
        query = saved.filled(today, looked_for)  # of silence the query asks when the workflow started: just now
        return sorted([one.id async for one in fresh.list_workflows(query)])

    async with asyncio.timeout(60):  # lists lag behind
        for saved in SAVED:
            while await found(saved) != _FOUND[saved.name]:  # noqa: ASYNC110 - the server is what is waited for
                await asyncio.sleep(0.2)


async def test_a_link_leads_to_the_ui_that_is_set_and_quotes_what_is_looked_for(
    fresh: Client, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMISEKEEPER_TEMPORAL_UI_URL", "https://temporal.shop.example/")
    code, out, err = await promisekeeper("queries", "--json", "--sku", "O'CLOCK")
    assert code == 0, err
    told = {one["name"]: one for one in json.loads(out)}
    assert told["sku"]["query"].endswith("Sku = 'O''CLOCK'")
    assert told["sku"]["link"].startswith(
        f"https://temporal.shop.example/namespaces/{fresh.namespace}/workflows?query=WorkflowType%20%3D%20%27Backorder%27"
    )
    code, out, _ = await promisekeeper("queries")
    assert code == 0 and out.count("https://temporal.shop.example/namespaces/") == len(SAVED)
    assert links(TODAY, {"SUPPLIER": "a", "SKU": "b", "PO": "c", "SALES_ORDER": "d"})[1]["query"].endswith(
        "PromisedBy < '2026-12-01T00:00:00Z'"
    )
