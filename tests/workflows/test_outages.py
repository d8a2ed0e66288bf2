"""Suppliers that are busy, throttled or away: what waits is their own orders alone, all of it arrives once, and the
desk sees who waits for whom, and since when."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from cli.main import run
from devstack.simulators.running import running_world
from devstack.simulators.settings import SupplierSettings, WorldSettings
from devstack.simulators.world import SupplierCommand, World
from domain.catalogue import Catalogue, CutOff, Item, PriceBreak, Supplier, SupplierItem
from domain.names import supplier_task_queue
from ledger import catalogue
from tests.workflows.shop import Shop, eventually

SECRET = "whsec_Y2VkYXItY2VkYXItY2VkYXItY2VkYXItY2VkYXI="
A_WHILE = timedelta(minutes=6)
"""Longer than a step outside is tried at a stretch."""


@dataclass
class Cedar:
    """A supplier of vases with a server of its own, which can be switched off and on."""

    shop: Shop
    folder: Path
    port: int
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)
    _world: World | None = None

    async def deal(self, **terms: Any) -> None:
        """Have the shop buy vases of it."""
        supplier = Supplier(
            supplier_id="cedar",
            name="Cedar",
            currency="USD",
            connector_config={
                "base_url": f"http://127.0.0.1:{self.port}/suppliers/cedar",
                "api_key": "key-cedar",
                "webhook_secret": SECRET,
                "timeout_seconds": 5,
            },
            cut_off=CutOff(times=(time(0, 1),), weekdays=tuple(range(7))),
            **terms,
        )
        sold = SupplierItem(
            supplier_id="cedar",
            sku="VASE",
            supplier_sku="C-VASE",
            price_breaks=(PriceBreak(from_quantity=1, unit_price=Decimal(9)),),
        )
        vases = Catalogue(suppliers=(supplier,), items=(Item(sku="VASE", name="Vase"),), supplier_items=(sold,))
        await catalogue.load_catalogue(self.shop.world.ledger, vases, at=datetime.now(UTC))

    async def switch_on(self) -> None:
        cedar = SupplierSettings(supplier_id="cedar", api_key="key-cedar", webhook_secret=SECRET)
        settings = WorldSettings(gateway_url=self.shop.gateway_url, supplier_port=self.port, suppliers=(cedar,))
        self._world = await self._running.enter_async_context(running_world(self.folder, settings))

    async def switch_off(self) -> None:
        await self._running.aclose()

    @property
    def itself(self) -> SupplierCommand:
        assert self._world
        return self._world.supplier("cedar")

    async def ordered(self, number: int = 1) -> str:
        """Order vases and let the order go."""
        await self.shop.order(number, sku="VASE")
        po_number = await self.shop.po_number(number)
        await self.shop.po(po_number).execute_update("release_now")
        return po_number


@pytest.fixture
async def cedar(shop: Shop, tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Cedar]:
    (tmp_path / "cedar").mkdir()
    cedar = Cedar(shop, tmp_path / "cedar", unused_tcp_port)
    await cedar.switch_on()
    await cedar.deal()
    yield cedar
    await cedar.switch_off()


async def details(shop: Shop, po_number: str) -> str:
    """What the Temporal UI shows of it."""
    return str((await shop.po(po_number).query("__temporal_workflow_metadata")).current_details)


async def waiting(shop: Shop, po_number: str) -> Any:
    """The exchange that failed and waits for its next try, as the server tells its UI."""

    async def pending() -> list[Any]:
        return list((await shop.po(po_number).describe()).raw_description.pending_activities)

    async def look() -> Any:
        return next((one for one in await pending() if one.attempt > 1), None)

    return await eventually(look, pending)


async def delivered(shop: Shop, po_number: str) -> None:
    await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "delivered")


async def requests(supplier: SupplierCommand) -> dict[str, int]:
    """By kind, how often it was asked for something that it took."""
    return {one.kind: one.requests for one in (await supplier.books()).operations}


async def scheduled(shop: Shop, po_number: str) -> list[Any]:
    """The activities in its history."""
    return [
        event.activity_task_scheduled_event_attributes
        async for event in shop.po(po_number).fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]


async def rates(shop: Shop, supplier_id: str, wanted: float) -> set[float]:
    """The rates that the workers of a supplier's queue told the server."""
    request = DescribeTaskQueueRequest(
        namespace=shop.client.namespace,
        task_queue=TaskQueue(name=supplier_task_queue(shop.task_queue, supplier_id)),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )

    async def told() -> set[float]:
        answer = await shop.client.workflow_service.describe_task_queue(request)
        return {poller.rate_per_second for poller in answer.pollers}

    async def look() -> set[float] | None:
        found = await told()
        return found if wanted in found else None

    found: set[float] = await eventually(look, told)
    return found


async def test_its_exchanges_go_through_its_own_queue_at_its_own_rate(shop: Shop, cedar: Cedar) -> None:
    await cedar.deal(requests_per_second=2.5)
    await delivered(shop, await cedar.ordered(1))
    assert await rates(shop, "cedar", 2.5) == {2.5}
    await shop.order(2)
    theirs = await shop.placed(2)
    await cedar.deal(requests_per_second=40)
    assert 40 in await rates(shop, "cedar", 40)
    mine = await cedar.ordered(3)
    await delivered(shop, mine)
    for number, supplier_id in ((theirs, "acme"), (mine, "cedar")):
        queue = supplier_task_queue(shop.task_queue, supplier_id)
        outside = [(one.activity_type.name, one.task_queue.name) for one in await scheduled(shop, number)]
        assert [one for one in outside if one[1] != shop.task_queue] == [("deliver", queue)]
    assert await requests(cedar.itself) == {"place": 1}


@pytest.mark.parametrize("busy", ["429", "503"])
async def test_retry_after_is_the_next_retry_delay(shop: Shop, busy: str) -> None:
    await shop.supplier().fail_next(busy, 1, on="place", seconds=120)
    await shop.order()
    po_number = await shop.po_number()
    await shop.po(po_number).execute_update("release_now")
    later = await waiting(shop, po_number)
    assert (later.activity_type.name, later.current_retry_interval.seconds) == ("deliver", 120)
    assert later.last_failure.application_failure_info.next_retry_delay.ToTimedelta() == timedelta(seconds=120)
    assert later.last_failure.message.startswith(f"supplier 'acme' answered {busy} ")
    await shop.forward(shop.po(po_number), timedelta(seconds=121))
    await delivered(shop, po_number)
    assert await requests(shop.supplier()) == {"place": 1}


async def test_a_supplier_that_wants_an_hour_is_given_it_and_the_order_can_be_talked_to_meanwhile(shop: Shop) -> None:
    await shop.supplier().fail_next("503", 1, on="place", seconds=3600)
    await shop.order()
    po_number = await shop.po_number()
    await shop.po(po_number).execute_update("release_now")
    await shop.po_until(po_number, lambda p: p.attention is not None)
    (failed,) = [
        event.activity_task_failed_event_attributes.failure
        async for event in shop.po(po_number).fetch_history_events()
        if event.HasField("activity_task_failed_event_attributes")
    ]
    assert failed.application_failure_info.next_retry_delay.ToTimedelta() == timedelta(hours=1)
    standing = await shop.po(po_number).execute_update("hold", {"held": False})
    assert standing["next_duty"]["kind"] == "send"
    for _ in range(11):
        await shop.forward(shop.po(po_number), timedelta(minutes=5))
    assert [one.activity_type.name for one in await scheduled(shop, po_number)].count("deliver") == 1
    await shop.forward(shop.po(po_number), timedelta(minutes=5))
    await delivered(shop, po_number)
    await shop.po_until(po_number, lambda p: p.attention is None)
    assert await requests(shop.supplier()) == {"place": 1}


async def test_a_supplier_that_is_down_for_an_hour_delays_its_own_orders_alone_and_loses_none(
    shop: Shop, cedar: Cedar, ledger_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await cedar.switch_off()
    late = await cedar.ordered(1)
    await waiting(shop, late)

    await shop.order(2)  # lamps, of Acme
    others = await shop.acknowledged(2)
    await shop.supplier().advance("deliver", others)
    await shop.parcel_taken(2)
    assert (await shop.po_until(others, lambda p: p.closed_at is not None)).attention is None
    assert (await shop.closed(2)).shipped == 2

    await shop.forward(shop.po(late), A_WHILE)
    position = await shop.po_until(late, lambda p: p.attention is not None)
    assert position.place and (position.place.state, position.place.sent_at) == ("rendered", None)
    for _ in range(3):
        await shop.forward(shop.po(late), timedelta(minutes=18))
    since = f"{position.place.rendered_at:%Y-%m-%d %H:%M} UTC"
    told = await details(shop, late)
    assert f"**Sending**: {late} to Cedar" in told
    assert f"**Waiting for:** Cedar, to take the place, since {since}; a person's decision." in told
    assert "> - Cannot send place revision 0: supplier 'cedar' cannot be reached" in told
    assert (await shop.po_until(late, lambda p: True)).attention == position.attention  # said once, however often tried
    mine = str((await shop.backorder(1).query("__temporal_workflow_metadata")).current_details)
    assert f"**Waiting for:** cedar, for 2 on {late}, " in mine

    monkeypatch.setenv("PROMISEKEEPER_LEDGER_DSN", ledger_dsn)
    monkeypatch.setenv("COLUMNS", "200")
    assert await asyncio.to_thread(run, ["purchase-orders"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[1:4] for row in rows if row and row[0] == late] == [["cedar", "sending", "!"]]
    assert await asyncio.to_thread(run, ["status", "--attention"]) == 0
    assert f"{late} sending" in " ".join(capsys.readouterr().out.split())

    await cedar.switch_on()
    await shop.forward(shop.po(late), timedelta(hours=1))
    await shop.po_until(late, lambda p: p.place is not None and p.place.state == "delivered" and p.attention is None)
    assert await requests(cedar.itself) == {"place": 1}
    for step in ("acknowledge", "deliver"):
        await cedar.itself.advance(step, late)
    await shop.parcel_taken(1)
    await shop.po_until(late, lambda p: p.closed_at is not None)
    assert (await shop.closed(1)).shipped == 2
    assert len((await cedar.itself.books()).orders) == 1


async def test_an_order_that_had_arrived_before_its_supplier_went_down_is_found_and_not_sent_again(
    shop: Shop, cedar: Cedar
) -> None:
    await cedar.itself.behave("drop_response")
    await cedar.itself.fail_next("503", 1, on="lookup", seconds=200)
    po_number = await cedar.ordered()
    await waiting(shop, po_number)
    await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "unknown")
    await cedar.switch_off()
    await shop.forward(shop.po(po_number), A_WHILE)
    await shop.po_until(po_number, lambda p: p.attention is not None)
    told = await details(shop, po_number)
    assert "**Send unknown**" in told and "**Waiting for:** Cedar, to say whether the place of " in told
    await cedar.switch_on()
    await shop.forward(shop.po(po_number), timedelta(hours=1))
    await delivered(shop, po_number)
    assert await requests(cedar.itself) == {"place": 1}


async def test_an_order_that_never_left_can_be_withdrawn_while_its_supplier_is_down(shop: Shop, cedar: Cedar) -> None:
    await cedar.switch_off()
    po_number = await cedar.ordered()
    await shop.forward(shop.po(po_number), A_WHILE)
    await shop.po_until(po_number, lambda p: p.attention is not None)
    await shop.po(po_number).execute_update("resolve", {"resolution": "withdraw"})
    assert (await shop.po_until(po_number, lambda p: p.closed_at is not None)).open == 0
    await shop.until(lambda p: p.unsourced == 2)
    await cedar.switch_on()
    assert (await cedar.itself.books()).orders == ()
