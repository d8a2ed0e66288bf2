"""The worker is killed in the middle of a step, as by a power cut; another takes over, and nothing happens twice."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from activities.steps import CancelStep, DutyStep, HoldStep, SourceStep
from domain.backorder_duty import Duty, DutyKind
from domain.backorder_position import CancelledBy
from domain.names import SHARES_CHANGED, SUPPLY_CHANGED
from ledger import purchase_orders
from ledger.announcements import owe, owed_total
from ledger.audit import audit
from tests.workflows.papyrus import Folders
from tests.workflows.shop import Shop
from workflows.duty_workflow import keyed_by_content

ROOT = Path(__file__).parents[2]
SOON = timedelta(seconds=40)
"""More than a dead worker's heartbeat and its workflow tasks are waited for; the workflow's own clock is moved on."""


@dataclass
class Workers:
    """Worker processes on a task queue of their own, which the shop's orders go to."""

    shop: Shop
    environment: dict[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start `worker.py` as production does."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "worker.py", cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        """End it without any warning."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        assert await self.process.wait() == -signal.SIGKILL

    async def replaced(self, *stories: WorkflowHandle[Any, Any]) -> None:
        """Kill it, start another, and let the time pass after which the dead one is given up."""
        await self.kill()
        await self.start()
        for story in stories:
            await self.pass_time(story)

    async def pass_time(self, story: WorkflowHandle[Any, Any]) -> None:
        """For one that has ended meanwhile there is none."""
        try:
            await self.shop.forward(story, SOON)
        except RPCError as ended:
            if ended.status is not RPCStatusCode.NOT_FOUND:
                raise


@pytest.fixture
async def workers(shop: Shop, tmp_path: Path) -> AsyncIterator[Workers]:
    """One worker process, and the means to replace it. The shop's own worker polls another queue and idles."""
    shop.task_queue = f"killed-{shop.run}"
    settings = shop.world.settings.model_copy(update={"task_queue": shop.task_queue})
    environment = {
        **os.environ,
        "TEMPORAL_ADDRESS": shop.client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": shop.client.namespace,
        **{f"PROMISEKEEPER_{name.upper()}": plain(value) for name, value in settings},
    }
    workers = Workers(shop, environment, tmp_path / "worker.log")
    await workers.start()
    try:
        yield workers
    finally:
        await workers.kill()


def plain(value: object) -> str:
    """A setting as the environment holds it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value, default=str) if isinstance(value, dict | bool | None) else str(value)


async def test_killed_while_a_cancellation_is_half_done_another_worker_finishes_it_once(
    shop: Shop, workers: Workers
) -> None:
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "booked" for x in p.parcels))
    await shop.outside.carrier.fail_next("slow", 1, on="void", seconds=4)
    cancel = asyncio.create_task(shop.cancel())
    await shop.until(lambda p: p.cancel_requested_at is not None)
    await workers.replaced(shop.backorder())
    assert (await cancel)["outcome"] == "cancelled"
    await shop.closed()
    books = await shop.outside.payments.books()
    assert (books.charged, books.refunded) == (Decimal("104.70"), Decimal("104.70"))
    assert [p.kind for p in books.payments] == ["charge", "refund"]
    assert [p.state for p in (await shop.outside.carrier.books()).parcels] == ["voided"]
    assert await shop.free("CHAIR") == 3


async def test_killed_while_a_purchase_order_is_being_sent_the_supplier_still_gets_it_once(
    shop: Shop, workers: Workers
) -> None:
    await shop.order()
    po_number = await shop.po_number()
    await shop.supplier().fail_next("slow", 1, on="place", seconds=4)
    await shop.po(po_number).execute_update("release_now")
    await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "unknown")
    await workers.replaced(shop.po(po_number))
    await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
    books = await shop.supplier().books()
    assert [o.po_number for o in books.orders] == [po_number]
    await shop.supplier().advance("acknowledge", po_number)
    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 2


async def test_killed_while_a_charge_is_under_way_the_customer_is_charged_once(shop: Shop, workers: Workers) -> None:
    await shop.outside.payments.fail_next("slow", 1, on="charge", seconds=4)
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "requested" for x in p.payments))
    await workers.replaced(shop.backorder())
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 2
    books = await shop.outside.payments.books()
    assert [(p.kind, p.amount) for p in books.payments] == [("charge", Decimal("104.70"))]


async def test_what_a_lost_task_left_in_the_books_swallows_no_other_decision(shop: Shop) -> None:
    """A worker died after its local activity, before its task was complete; whoever asked for that gave up."""
    await shop.order()
    po_number = await shop.po_number()
    run_id = (await shop.po(po_number).describe()).run_id
    left = HoldStep(po_number=po_number, key=f"po/{po_number}/hold/{run_id[:8]}.1", at=datetime.now(UTC), held=True)
    await purchase_orders.hold(shop.world.ledger, po_number, held=True, key=keyed_by_content(left).key, at=left.at)
    asked = await shop.po(po_number).execute_update("hold", {"held": False})
    assert asked["position"]["held"] is False
    async with shop.world.ledger.look() as connection:
        query = "select key from journal where key like %s"
        keys = [row[0] for row in await (await connection.execute(query, (f"po/{po_number}/hold/%",))).fetchall()]
    assert len(keys) == 2
    assert all(re.fullmatch(r".*/[0-9a-f-]{8}\.1\.[0-9a-f]{8}", key) for key in keys), keys


def test_the_same_step_taken_again_later_has_the_same_key_and_no_key_tells_of_a_person() -> None:
    now, later = datetime(2026, 11, 22, 9, tzinfo=UTC), datetime(2026, 11, 22, 10, tzinfo=UTC)

    def promise(at: datetime, why: str = "promise a date") -> str:
        duty = Duty(kind=DutyKind.PROMISE, at=at, why=why)
        return keyed_by_content(DutyStep(backorder_id="b1", key="k", at=at, duty=duty)).key

    def cancel(reason: str) -> str:
        step = CancelStep(backorder_id="b1", key="k", at=now, by=CancelledBy.CUSTOMER, reason=reason)
        return keyed_by_content(step).key

    def search(last: datetime | None) -> str:
        return keyed_by_content(SourceStep(backorder_id="b1", key="k", at=now, last_sourced_at=last)).key

    assert promise(now) == promise(later) != promise(now, "promise another")
    assert cancel("moved to 5 Elm Street") == cancel("changed my mind")
    assert search(None) == search(None) != search(now)


async def test_what_a_lost_task_owes_is_told_by_the_next(shop: Shop) -> None:
    """A worker died after its search had opened an order, before it told anybody; the units stand as claimed."""
    story = await shop.order()
    po_number = await shop.po_number()
    await shop.po(po_number).terminate("it was never started")
    async with shop.world.ledger.work() as left:
        await owe(left, f"po/{po_number}", "start", story.id, datetime.now(UTC))
    await story.execute_update("resolve", {"resolution": "retry", "note": "whatever wakes it"})
    # it stands still unless the word was told
    await shop.po(po_number).execute_update("release_now")
    await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
    assert await owed_total(shop.world.ledger) == 0


async def test_what_a_lost_task_of_a_purchase_order_owes_is_told_by_the_next(shop: Shop) -> None:
    """A worker died after its freeze had moved lines, before it told; the next decides otherwise and never freezes."""
    story = await shop.order()
    po_number = await shop.po_number()
    await shop.po(po_number).execute_update("hold", {"held": True})
    async with shop.world.ledger.work() as left:
        await owe(left, story.id, SUPPLY_CHANGED, shop.po(po_number).id, datetime.now(UTC))
    await shop.po(po_number).execute_update("hold", {"held": False})
    await shop.until_told()


async def test_a_backorder_goes_on_while_somebody_else_owes_its_words_anew(shop: Shop) -> None:
    story = await shop.order()
    told = shop.po(await shop.po_number()).id
    async with shop.world.ledger.work() as left:
        await owe(left, told, SHARES_CHANGED, story.id, datetime.now(UTC))
    async with shop.world.ledger.work() as elsewhere:
        await owe(elsewhere, told, SHARES_CHANGED, story.id, datetime.now(UTC))
        for _ in range(2):
            await story.execute_update("resolve", {"resolution": "retry"})
    await story.execute_update("resolve", {"resolution": "retry"})
    await shop.until_told()


async def test_an_order_goes_on_while_somebody_else_owes_its_words_anew(shop: Shop) -> None:
    """Such as an earlier try of the same step, which has not ended yet; and then tells, unless it is lost, too."""
    story = await shop.order()
    po = shop.po(await shop.po_number())
    async with shop.world.ledger.work() as left:
        await owe(left, story.id, SUPPLY_CHANGED, po.id, datetime.now(UTC))
    async with shop.world.ledger.work() as elsewhere:
        await owe(elsewhere, story.id, SUPPLY_CHANGED, po.id, datetime.now(UTC))
        for held in (True, False):
            await po.execute_update("hold", {"held": held})
    await po.execute_update("hold", {"held": True})
    await shop.until_told()


async def test_killed_while_lines_move_to_another_order_they_are_asked_for_once(
    shop: Shop, workers: Workers, papyrus: Folders
) -> None:
    await papyrus.deal(adds=True, added_lines=True)
    await shop.order(1, sku="BOOK", quantity=3)
    po_number = await shop.placed(1)
    papyrus.answer("ack.csv", [{"po_number": po_number, "line_no": 1, "status": "accepted", "quantity": 3}])
    await shop.po_until(po_number, lambda p: p.acknowledged_at is not None)
    await shop.order(2, sku="PEN", quantity=2)
    later = await shop.po_number(2)
    release = asyncio.create_task(shop.po(later).execute_update("release_now"))
    await shop.until(lambda p: [share.po_number for share in p.claims] == [po_number], 2)
    await workers.replaced(shop.po(later), shop.po(po_number))
    await release
    await workers.pass_time(shop.po(po_number))  # whatever of it the dead one had begun when it was told
    await shop.po_until(po_number, lambda p: any(o.kind == "change" and o.state == "delivered" for o in p.operations))
    assert (await shop.po_until(later, lambda p: p.closed_at is not None)).operations == ()
    sent = sorted(file.name for file in papyrus.orders.iterdir())
    assert [name.partition(".")[0] for name in sent] == ["change", "place"]
    assert await audit(shop.world.ledger) == []
