"""Everything an operator can do in the Temporal UI is a command: each message of each workflow is sent by one."""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.workflow import _Definition

from domain.catalogue import Catalogue, Supplier
from domain.names import SUPPLIER_MAILBOX, mailbox_workflow_id
from domain.supplier_events import OrderAck
from ledger import catalogue, inbox, purchase_orders
from tests.cli.conftest import Command
from tests.workflows.papyrus import Folders
from tests.workflows.shop import Shop, eventually, open_shop
from tests.workflows.test_promises_slip import delayed
from workflows.backorder import Backorder
from workflows.mailbox import SupplierMailbox
from workflows.purchase_order import PurchaseOrder
from workflows.purchase_order_contract import NEEDS_ATTENTION


@pytest.fixture
async def shop(
    nowhere: None, env: WorkflowEnvironment, tmp_path: Path, ledger_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shop]:
    """A shop with a worker, and the environment that leads a command to it."""
    async with open_shop(env, tmp_path, ledger_dsn, uuid4().hex[:12]) as opened:
        monkeypatch.setenv("PROMISEKEEPER_LEDGER_DSN", ledger_dsn)
        monkeypatch.setenv("PROMISEKEEPER_TASK_QUEUE", opened.task_queue)
        monkeypatch.setenv("TEMPORAL_ADDRESS", env.client.service_client.config.target_host)
        yield opened


async def _heard(handle: WorkflowHandle[Any, Any]) -> set[str]:
    """The signals and updates in a workflow's history."""
    heard: set[str] = set()
    for event in (await handle.fetch_history()).events:
        if event.HasField("workflow_execution_signaled_event_attributes"):
            heard.add(event.workflow_execution_signaled_event_attributes.signal_name)
        if event.HasField("workflow_execution_update_accepted_event_attributes"):
            heard.add(event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name)
    return heard


def _file(content: object) -> Path:
    file = Path("receipt.json")
    file.write_text(json.dumps(content))
    return file


def _messages(workflow: type) -> set[str]:
    definition = _Definition.must_from_class(workflow)
    return {str(name) for name in (*definition.signals, *definition.updates)}


async def test_every_message_of_a_purchase_order_is_sent_by_a_command(shop: Shop, promisekeeper: Command) -> None:
    await shop.order()
    po_number = await shop.po_number()
    file = _file({"receipt_id": "R-1", "lines": [{"line": {"sku": "LAMP"}, "good": 2}]})
    code, out, err = await promisekeeper("hold", po_number, "--json")
    assert code == 0 and json.loads(out) == {"id": po_number, "decided": "held", "status": "collecting"}, err
    for arguments in (
        ("hold", po_number, "--off"),
        ("look-again", po_number),
        ("standing", po_number),
        ("release-now", po_number),
    ):
        code, out, err = await promisekeeper(*arguments)
        assert code == 0, err
    await shop.po_until(po_number, lambda order: order.place is not None and order.place.state == "delivered")
    code, out, err = await promisekeeper("resolve", po_number, "acknowledged", "--json")
    assert code == 0, err
    assert json.loads(out)["id"] == po_number
    code, _, err = await promisekeeper("receipt", po_number, file)
    assert code == 0, err
    await shop.until(lambda p: p.allocated == 2)
    assert await _heard(shop.po(po_number)) == _messages(PurchaseOrder)


async def test_every_message_of_a_backorder_is_sent_by_a_command(shop: Shop, promisekeeper: Command) -> None:
    await delayed(shop, 25)
    one = shop.backorder_id()
    po_number = (await shop.position()).claims[0].po_number
    file = _file({"po_number": po_number, "receipt_id": "R-1", "lines": [{"line": {"sku": "LAMP"}, "good": 1}]})
    for arguments in (("look-again", one), ("standing", one, "--json"), ("receipt", one, file)):
        code, _, err = await promisekeeper(*arguments)
        assert code == 0, err
    code, out, err = await promisekeeper("answer-delay", one, "consent")
    assert (code, out) == (0, f"{one}: consent: on record\n"), err
    code, out, err = await promisekeeper("answer-delay", one, "consent", "--json")
    assert json.loads(out) == {"outcome": "repeat"}, err
    code, out, err = await promisekeeper("resolve", one, "retry", "--json")
    assert json.loads(out)["decided"] == "retry", err
    code, out, err = await promisekeeper("cancel", one, "--json")
    assert json.loads(out)["units_cancelled"] == 2, err
    assert await _heard(shop.backorder()) == _messages(Backorder)
    await shop.closed()
    await shop.backorder().result()
    code, out, _ = await promisekeeper("answer-delay", one, "cancel")
    assert (code, out) == (1, f"{one}: cancel: too late: the backorder has ended\n")


async def test_what_cannot_be_told_is_refused_with_what_to_do(
    shop: Shop, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (("look-again", "NOPE"), ("answer-delay", "NOPE", "cancel"), ("restart", "NOPE")):
        code, out, err = await promisekeeper(*command)
        assert (code, out) == (3, "") and "NOPE" in err
    await shop.order()
    await shop.po_number()
    one = shop.backorder_id()
    code, _, err = await promisekeeper("answer-delay", one, "cancel")
    assert code == 1 and "no notice asked" in err
    file = _file({"receipt_id": "R"})
    code, _, err = await promisekeeper("receipt", one, file)
    assert code == 2 and "receipt.json holds no receipt that can be used: " in err and "po_number" in err
    monkeypatch.setattr(sys, "stdin", io.StringIO("{}"))
    code, _, err = await promisekeeper("receipt", one, "-")
    assert code == 2 and "standard input holds no receipt that can be used: " in err
    assert await promisekeeper("receipt", one, "gone.json") == (
        2,
        "",
        "promisekeeper: gone.json cannot be read: No such file or directory\n",
    )
    code, _, err = await promisekeeper("standing", "PO-999999")
    assert code == 3 and "PO-999999" in err


async def test_a_terminated_workflow_is_started_again_by_hand_once(shop: Shop, promisekeeper: Command) -> None:
    await shop.order()
    po_number = await shop.po_number()
    for one, handle in ((shop.backorder_id(), shop.backorder()), (po_number, shop.po(po_number))):
        await handle.terminate()
        code, out, err = await promisekeeper("standing", one)
        assert (code, out) == (1, "") and f"`promisekeeper restart {one}` starts it again" in err
        code, _, err = await promisekeeper("look-again", one) if handle.id.startswith("backorder") else (1, "", "")
        assert code == 1 and (not err or f"promisekeeper restart {one}" in err)
        code, out, err = await promisekeeper("restart", one)
        assert code == 0 and "had ended (terminated)" in out, err
        code, _, err = await promisekeeper("restart", one)
        assert code == 1 and f"{one} runs" in err
    code, out, err = await promisekeeper("cancel", shop.backorder_id())
    assert (code, out) == (0, f"{shop.backorder_id()}: cancelled; 2 cancelled, 0 shipped\n"), err
    await shop.closed()
    code, _, err = await promisekeeper("restart", shop.backorder_id())
    assert code == 1 and "nothing is left to do" in err
    await shop.backorder().result()
    code, _, err = await promisekeeper("standing", shop.backorder_id())
    assert code == 1 and f"no workflow runs for {shop.backorder_id()}: it has ended" in err


async def test_sweeping_by_hand_prints_what_was_mended(shop: Shop, promisekeeper: Command) -> None:
    await shop.order()
    po_number = await shop.po_number()
    code, out, err = await promisekeeper("sweep", "lost-workflows")
    assert code == 0 and out.splitlines()[-1].split() == ["lost-workflows", "1", "0", "0"], (
        err
    )  # the order is too young
    await shop.backorder().terminate()
    code, out, err = await promisekeeper("sweep", "lost-workflows", "--at-once")
    assert code == 0 and shop.backorder_id() in out.replace("\n", "") and "started again" in " ".join(out.split()), err
    assert max(map(len, out.splitlines())) <= 80
    code, out, err = await promisekeeper("sweep", "--at-once", "--json")
    told = json.loads(out)
    assert code == 0 and set(told) == {"owed-words", "late-orders", "lost-workflows", "unknown-workflows"}, err
    assert told["lost-workflows"]["mended_total"] == 0 and told["lost-workflows"]["looked_at"] == 2
    assert (await purchase_orders.position(shop.world.ledger, po_number)).closed_at is None


async def test_a_sweep_that_is_ended_by_somebody_is_said_plainly(temporal: Client, promisekeeper: Command) -> None:
    asked = asyncio.create_task(promisekeeper("sweep", "owed-words"))  # no worker runs there
    while not asked.done():
        for run in [
            run async for run in temporal.list_workflows("WorkflowType = 'Sweep' AND ExecutionStatus = 'Running'")
        ]:
            await temporal.get_workflow_handle(run.id).terminate("not now")
        await asyncio.sleep(0.1)
    code, out, err = await asked
    assert (code, out) == (1, "") and "ended before it was done: terminated" in " ".join(err.split())


async def test_a_restart_by_hand_settles_what_the_sweep_asked_for(shop: Shop, promisekeeper: Command) -> None:
    await shop.order()
    await shop.until(lambda p: bool(p.notices))
    one = shop.backorder_id()
    for _ in range(3):
        await shop.backorder().terminate()
        assert (await promisekeeper("sweep", "lost-workflows", "--at-once"))[0] == 0
    await shop.backorder().terminate()
    code, out, _ = await promisekeeper("sweep", "lost-workflows", "--at-once")
    assert code == 1 and f"promisekeeper restart {one}" in " ".join(out.split())
    assert (await shop.position()).attention
    code, _, err = await promisekeeper("restart", one)
    assert code == 0, err
    assert (await shop.position()).attention is None
    await shop.forward(shop.backorder(), timedelta(seconds=1))


async def test_every_message_of_a_mailbox_is_sent_by_a_command(shop: Shop, promisekeeper: Command) -> None:
    stray = OrderAck(po_number="PO-0")
    await inbox.store_message(
        shop.world.ledger,
        "acme",
        door="webhook",
        dedupe_key="stray",
        headers={},
        body=b"{}",
        at=datetime.now(UTC),
        events=[stray],
    )
    handle = shop.client.get_workflow_handle(mailbox_workflow_id("acme"))
    with suppress(RPCError):  # of another test's Acme, whose shop is closed
        await handle.terminate()
    code, out, _ = await promisekeeper("mailbox")
    assert code == 1 and "acme" in out
    code, out, _ = await promisekeeper("mailbox", "acme")
    assert code == 1 and "PO-0" in out
    _, out, _ = await promisekeeper("status", "--attention")
    assert "messages of suppliers wait for a person, too: `promisekeeper mailbox`" in out
    try:
        code, _, err = await promisekeeper("mailbox", "acme", "retry", "--look")
        assert code == 1, err  # it can be read, and still concerns no order
        code, out, err = await promisekeeper("mailbox", "acme", "dismiss", "--note", "they mistyped it", "--json")
        assert code == 0 and json.loads(out)["unreadable"] == 0, err
        assert await _heard(handle) == _messages(SupplierMailbox)
    finally:
        await handle.terminate()
    code, _, err = await promisekeeper("mailbox", "nobody", "dismiss")
    assert code == 3 and "nobody" in err


async def test_what_stands_in_the_way_of_documents_is_shown(
    shop: Shop, promisekeeper: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    papyrus = Folders(shop, tmp_path / "papyrus")
    await papyrus.deal()
    (papyrus.answers / "answer.csv").symlink_to(tmp_path / "elsewhere.csv")
    try:
        await papyrus.mailbox_until(lambda s: s["position"] and s["position"]["in_the_way"])
        for decision in ((), ("dismiss",), ()):  # which is about messages
            code, out, _ = await promisekeeper("mailbox", papyrus.supplier_id, *decision)
            assert code == 1 and "'answer.csv' is a link" in out, decision
        await eventually(partial(_indexed, shop.client, papyrus.mailbox.id), papyrus.mailbox.describe)
        code, out, _ = await promisekeeper("mailbox")
        assert code == 1 and "'answer.csv' is a link" in out
        code, out, _ = await promisekeeper("mailbox", "--json")
        (told,) = [one for one in json.loads(out) if one["supplier_id"] == papyrus.supplier_id]
        assert code == 1 and "'answer.csv' is a link" in told["in_the_way"][0]
        (papyrus.answers / "answer.csv").unlink()
        await papyrus.mailbox_until(lambda s: not s["position"]["in_the_way"])
        code, out, err = await promisekeeper("mailbox", papyrus.supplier_id)
        assert (code, "in the way" in out) == (0, False), err
    finally:
        await papyrus.mailbox.terminate()
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    code, out, err = await promisekeeper("mailbox")
    assert code == 2 and papyrus.supplier_id in out, "what the books say is shown all the same"
    assert "'s documents is not known: no Temporal server answers" in " ".join(err.split())


async def test_a_mailbox_that_cannot_answer_hides_no_other(shop: Shop, promisekeeper: Command, tmp_path: Path) -> None:
    papyrus = Folders(shop, tmp_path / "papyrus")
    await papyrus.deal()
    (papyrus.answers / "answer.csv").symlink_to(tmp_path / "elsewhere.csv")
    silent = Supplier(supplier_id=f"a-{shop.run}", name="Asked first", currency="USD", connector="csv")
    await catalogue.load_catalogue(
        shop.world.ledger, Catalogue(suppliers=(silent,), items=(), supplier_items=()), at=datetime.now(UTC)
    )
    broken = await shop.client.start_workflow(
        SUPPLIER_MAILBOX,
        "an input that no version of it can read",
        id=mailbox_workflow_id(silent.supplier_id),
        task_queue=shop.task_queue,
        search_attributes=TypedSearchAttributes([SearchAttributePair(NEEDS_ATTENTION, True)]),
    )
    try:
        for one in (papyrus.mailbox, broken):
            await eventually(partial(_indexed, shop.client, one.id), one.describe)
        code, out, err = await promisekeeper("mailbox", "--wait", 10)
        assert (code, "'answer.csv' is a link" in out) == (1, True), err
        (row,) = [row.split() for row in out.splitlines() if row.startswith(silent.supplier_id)]
        assert row == [silent.supplier_id, "0", "?", "0", "never"]
        await papyrus.mailbox.terminate()
        code, _, err = await promisekeeper("mailbox", "--wait", 2)
        told = " ".join(err.split())
        assert code == 2 and f"in the way of {silent.supplier_id}'s documents is not known" in told
        assert f"look at `promisekeeper mailbox {silent.supplier_id}`" in told
    finally:
        await broken.terminate()


async def _indexed(client: Client, workflow_id: str) -> int | None:
    """Whether Temporal's index knows that it needs a person, which follows a moment later."""
    return (await client.count_workflows(f"WorkflowId = '{workflow_id}' AND NeedsAttention = true")).count or None
