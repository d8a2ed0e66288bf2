"""Deciding from a terminal: what is carried out, what is refused and why, and what happens when nobody is there."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from cli.asking import NobodyRuns, ask_backorder
from cli.catalogue import read_catalogue
from cli.order_files import OrderFormat
from ledger import backorders, purchase_orders
from ledger.book import Ledger
from ledger.catalogue import load_catalogue
from tests.cli.conftest import Command
from tests.cli.sample_orders import EXAMPLES, order_csv, read_orders
from tests.workflows.shop import Shop, open_shop
from workflows import backorder_contract


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


async def _closed_order(shop: Shop) -> str:
    """A purchase order that nobody wanted any more, whose workflow has ended."""
    await shop.order()
    po_number = await shop.po_number()
    await shop.cancel()
    await shop.po(po_number).execute_update("release_now")
    await shop.po(po_number).result()
    return po_number


async def _asking(shop: Shop, po_number: str) -> str | None:
    return (await purchase_orders.position(shop.world.ledger, po_number)).attention


async def test_what_a_closed_purchase_order_asks_for_is_dismissed(shop: Shop, promisekeeper: Command) -> None:
    po_number = await _closed_order(shop)
    now = datetime.now(UTC)
    await purchase_orders.raise_attention(shop.world.ledger, po_number, key="t", at=now, what="A strange receipt.")
    code, _, err = await promisekeeper("resolve", po_number, "close_short")
    assert code == 1 and "is over (closed)" in err and "dismiss` is all that is left" in err
    assert await _asking(shop, po_number) == "A strange receipt."

    code, out, err = await promisekeeper("resolve", po_number, "dismiss", "--note", "sent back")
    assert (code, out) == (0, f"{po_number}: dismiss\n"), err
    assert await _asking(shop, po_number) is None
    woken = await shop.po(po_number).result()
    assert woken["closed_at"] and woken["attention"] is None

    code, _, err = await promisekeeper("resolve", po_number, "dismiss")
    assert code == 1 and "nothing can be done about it any more" in err


async def test_what_a_running_purchase_order_asks_for_is_dismissed(shop: Shop, promisekeeper: Command) -> None:
    await shop.order()
    po_number = await shop.po_number()
    before = (await shop.po(po_number).describe()).run_id
    await shop.po(po_number).signal("receipt", {"nonsense": True})
    await shop.po_until(po_number, lambda order: order.attention is not None)
    code, _, err = await promisekeeper("resolve", po_number, "dismiss")
    assert code == 0, err
    assert await _asking(shop, po_number) is None
    assert (await shop.po(po_number).describe()).run_id == before


async def test_what_a_closed_backorder_asks_for_is_dismissed(shop: Shop, promisekeeper: Command) -> None:
    handle = await shop.order()
    await shop.po_number()
    await shop.cancel()
    await handle.result()
    one = shop.backorder_id()
    now = datetime.now(UTC)
    await backorders.raise_attention(shop.world.ledger, one, key="t", at=now, what="The carrier took a voided parcel.")
    code, _, err = await promisekeeper("resolve", one, "retry")
    assert code == 1 and "has ended (cancelled)" in err and "dismiss` is all that is left" in err
    code, out, err = await promisekeeper("resolve", one, "dismiss", "--note", "came back")
    assert (code, out) == (0, f"{one}: dismiss\n"), err
    assert (await shop.position()).attention is None
    assert (await backorders.story(shop.world.ledger, one))[-1].text == "Settled: operator: dismiss (came back)"


async def test_cancelling_tells_how_it_ended_and_again_that_it_had(shop: Shop, promisekeeper: Command) -> None:
    handle = await shop.order()
    await shop.po_number()
    one = shop.backorder_id()
    code, out, err = await promisekeeper("cancel", one, "--reason", "ordered twice")
    assert (code, out) == (0, f"{one}: cancelled; 2 cancelled, 0 shipped\n"), err
    await handle.result()
    _, out, _ = await promisekeeper("cancel", one, "--json")  # nothing was charged
    assert (json.loads(out)["refund"], json.loads(out)["refund_by"]) == ("0.00", None)
    code, out, err = await promisekeeper("cancel", one)
    assert (code, out) == (0, f"{one}: was cancelled before; 2 cancelled, 0 shipped\n"), err


async def test_what_nobody_knows_is_told_from_what_has_ended(shop: Shop, promisekeeper: Command) -> None:
    for arguments in (("cancel", "NOPE"), ("resolve", "NOPE", "retry"), ("hold", "PO-404"), ("release-now", "NOPE")):
        code, out, err = await promisekeeper(*arguments)
        assert (code, out) == (3, "") and arguments[1] in err


async def test_an_order_that_was_refused_says_why_when_it_is_cancelled(shop: Shop, promisekeeper: Command) -> None:
    handle = await shop.order(sku="UNHEARD-OF")
    with pytest.raises(Exception, match="Workflow execution failed"):
        await handle.result()
    code, _, err = await promisekeeper("cancel", shop.backorder_id())
    assert code == 1 and "was never accepted" in err and "UNHEARD-OF" in err


async def test_an_id_of_the_other_kind_is_told_so(shop: Shop, promisekeeper: Command) -> None:
    await shop.order()
    po_number = await shop.po_number()
    one = shop.backorder_id()
    for command in ("release-now", "hold"):
        code, _, err = await promisekeeper(command, one)
        assert code == 2 and f"{one} is a backorder" in err and f"It is on {po_number}" in err
    code, _, err = await promisekeeper("cancel", po_number)
    assert code == 2 and f"`promisekeeper resolve {po_number} withdraw`" in err


async def test_a_purchase_order_is_held_let_go_and_released(shop: Shop, promisekeeper: Command) -> None:
    await shop.order()
    po_number = await shop.po_number()
    assert await promisekeeper("hold", po_number) == (0, f"{po_number}: held\n", "")
    assert (await purchase_orders.position(shop.world.ledger, po_number)).held
    assert await promisekeeper("hold", po_number, "--off") == (0, f"{po_number}: goes on\n", "")
    assert await promisekeeper("release-now", po_number) == (0, f"{po_number}: goes out now\n", "")
    await shop.po_until(po_number, lambda order: order.place is not None and order.place.state == "delivered")
    code, out, _ = await promisekeeper("release-now", po_number)
    assert code == 0 and out.startswith(f"{po_number}: went out before (")
    code, _, err = await promisekeeper("hold", po_number)
    assert code == 1 and "does not collect any more" in err and "withdraw" in err


async def test_a_decision_that_would_do_nothing_is_refused(shop: Shop, promisekeeper: Command) -> None:
    await shop.order()
    po_number = await shop.po_number()
    # only what knows where it stands can refuse
    while not (await shop.po(po_number).query("standing"))["position"]:  # noqa: ASYNC110 - no event crosses the server
        await asyncio.sleep(0.05)
    for resolution, why in (
        ("acknowledged", "it has not gone out yet, so nobody can have confirmed it; `release-now` sends it"),
        ("refused", "there is nothing to refuse: no change and no cancellation waits for the supplier's answer"),
        ("retry", "there is nothing to retry"),
        ("dismiss", "there is nothing to dismiss"),
    ):
        code, out, err = await promisekeeper("resolve", po_number, resolution)
        assert (code, out) == (1, "") and f"{po_number}: {why}" in " ".join(err.split())
    assert (await shop.po_until(po_number, lambda _: True)).acknowledged_at is None


async def test_a_backorder_whose_workflow_was_ended_by_hand_is_said(shop: Shop, promisekeeper: Command) -> None:
    handle = await shop.order()
    await shop.po_number()
    await handle.terminate()
    code, _, err = await promisekeeper("cancel", shop.backorder_id())
    assert code == 1 and "2 of its units are owed" in err and f"promisekeeper restart {shop.backorder_id()}" in err


async def test_a_decision_nobody_takes_up_ends_the_wait_and_says_what_is_missing(
    books: Ledger, temporal: Client, promisekeeper: Command, tmp_path: Path
) -> None:
    code, out, err = await promisekeeper("hold", "PO-000001", "--wait", "0.3")
    assert (code, out) == (2, "")
    assert "PO-000001 has not taken it on within 0.3 seconds: no worker runs on task queue 'promisekeeper'" in err
    one = f"BO-{uuid4().hex[:12]}"
    await promisekeeper("submit", order_csv(tmp_path / "o.csv", {"backorder_id": one}))
    code, _, err = await promisekeeper("cancel", one, "--wait", "0.3")
    assert code == 2 and "no worker runs" in err and "promisekeeper dev" in err
    code, _, err = await promisekeeper("standing", one, "--wait", "0.3")
    assert code == 2 and f"{one} has not taken it on within 0.3 seconds: no worker runs" in err


async def test_ctrl_c_while_waiting_is_no_answer_that_came_too_late(
    temporal: Client, promisekeeper: Command, tmp_path: Path
) -> None:
    one = f"BO-{uuid4().hex[:12]}"
    await promisekeeper("submit", order_csv(tmp_path / "o.csv", {"backorder_id": one}))
    request = backorder_contract.CancelRequest()
    asking = asyncio.create_task(ask_backorder(temporal, one, backorder_contract.CANCEL, request, object, wait=60))
    await asyncio.sleep(0.5)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_nobody_runs_under_an_id_that_was_never_started(temporal: Client) -> None:
    request: Any = backorder_contract.CancelRequest()
    with pytest.raises(NobodyRuns):
        await ask_backorder(temporal, "NOPE", backorder_contract.CANCEL, request, object, wait=20)


@pytest.mark.parametrize(
    ("what", "resolution", "words"),
    [
        ("BO-1", "close_short", "retry, cancel, dismiss"),
        ("PO-000001", "cancel", "acknowledged, refused, close_short, withdraw, dismiss"),
    ],
)
async def test_a_resolution_must_fit_what_it_resolves(
    books: Ledger, promisekeeper: Command, what: str, resolution: str, words: str
) -> None:
    code, _, err = await promisekeeper("resolve", what, resolution)
    assert code == 2 and words in err


async def _named_like_an_order(ledger: Ledger, path: Path) -> str:
    """A backorder of an earlier release, which took such ids."""
    one = "PO-000777"
    ((_, order),), _ = read_orders(order_csv(path, {"backorder_id": one}), OrderFormat.CSV)
    deadline = datetime.now(UTC) + timedelta(days=30)
    await backorders.accept(ledger, order, key="t", at=datetime.now(UTC), legal_deadline=deadline)
    return one


async def test_a_backorder_that_is_named_like_a_purchase_order_can_be_decided(
    shop: Shop, promisekeeper: Command, tmp_path: Path
) -> None:
    await load_catalogue(shop.world.ledger, read_catalogue(EXAMPLES / "catalogue.json"), at=datetime.now(UTC))
    one = await _named_like_an_order(shop.world.ledger, tmp_path / "o.csv")
    code, out, err = await promisekeeper("status", one, "--json")
    assert code == 0 and json.loads(out)["backorder_id"] == one, err
    code, _, err = await promisekeeper("restart", one)
    assert code == 0, err
    for arguments in (("standing", one), ("look-again", one), ("resolve", one, "retry")):
        code, _, err = await promisekeeper(*arguments)
        assert code == 0, err
    code, out, err = await promisekeeper("cancel", one)
    assert code == 0 and f"{one}: cancelled" in out, err


async def test_ids_are_taken_as_the_temporal_ui_shows_them(shop: Shop, promisekeeper: Command) -> None:
    await shop.order()
    po_number, one = await shop.po_number(), shop.backorder_id()
    for command in ("status", "standing", "look-again"):
        for shown in (f"backorder/{one}", f"po/{po_number}"):
            code, out, err = await promisekeeper(command, shown)
            assert code == 0 and "/" not in out.split()[0], err
    assert await promisekeeper("hold", f"po/{po_number}") == (0, f"{po_number}: held\n", "")
    code, out, _ = await promisekeeper("cancel", f"backorder/{one}")
    assert code == 0 and out.startswith(f"{one}: cancelled")
