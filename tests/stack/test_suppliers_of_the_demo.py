"""The demo's suppliers, each by its own way: what is ordered of them is received and closed, though they be killed."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.sealing import KeyRing, data_converter
from cli.catalogue import read_catalogue
from cli.order_files import OrderFormat
from devstack.ownership import Records, sole_owner
from devstack.processes import Supervisor
from devstack.simulators.settings import Pace
from devstack.stack import Habits, Stack
from domain.backorder_position import BackorderPosition
from domain.errors import NotFound
from domain.orders import Order
from domain.purchase_order_position import PurchaseOrderPosition
from ledger import backorders, catalogue, purchase_orders
from ledger.audit import audit
from ledger.book import Ledger
from tests.cli.sample_orders import EXAMPLES, read_orders
from tests.desk.world import Found, eventually
from tests.whole_stack import on_free_ports
from workflows.backorder_contract import workflow_id
from workflows.starting import start_backorder

BY_ITS_OWN_WAY = {"http": "MUG-BLUE", "x12": "HOOK-BRASS", "cxml": "PENCIL-CEDAR", "email": "JUG-STONE"}
"""By connector, an item that the demo buys in that way, in cases of several."""


@dataclass
class Demo:
    """The demo's processes, and what a test does with them."""

    stack: Stack
    ledger: Ledger
    temporal: Client

    async def order(self, sku: str) -> Order:
        """Hand in the first sample order for an item."""
        orders, _ = read_orders(EXAMPLES / "orders.csv", OrderFormat.CSV)
        order = next(order for _, order in orders if order.sku == sku)
        await start_backorder(self.temporal, order)
        return order

    async def bought(self, order: Order) -> str:
        """The purchase order that it is on, or was: what is received is no claim any more."""

        async def look() -> str | None:
            told = " ".join(line.text for line in await backorders.story(self.ledger, order.backorder_id))
            found = re.search(r" on (PO-\d+)", told)
            return found and found.group(1)

        return await self._patiently(order, look, "is not bought")

    async def stands(self, order: Order, holds: Callable[[BackorderPosition], object]) -> BackorderPosition:
        """Wait until a backorder stands as wanted."""

        async def look() -> BackorderPosition | None:
            with suppress(NotFound):
                position = await backorders.position(self.ledger, order.backorder_id)
                return position if holds(position) else None
            return None

        return await self._patiently(order, look, "does not come to stand as wanted")

    async def _patiently(self, order: Order, look: Callable[[], Awaitable[Found | None]], otherwise: str) -> Found:
        try:
            return await eventually(look, f"{order.backorder_id} {otherwise}")
        except AssertionError as waited:
            raise AssertionError(f"{waited}: {await self._doing(order)}") from None

    async def _doing(self, order: Order) -> str:
        """What its workflow waits for, and the last words of the worker."""
        running = await self.temporal.get_workflow_handle(workflow_id(order.backorder_id)).describe()
        steps = [
            (one.activity_type.name, one.attempt, one.last_failure.message)
            for one in running.raw_description.pending_activities
        ]
        said = (self.stack.folder / "logs" / "worker.log").read_text(errors="replace")
        return f"{running.status}, {running.history_length} events, waits for {steps}; the worker said: {said[-3000:]}"

    async def until(self, po_number: str, holds: Callable[[PurchaseOrderPosition], object]) -> PurchaseOrderPosition:
        """Wait until a purchase order stands as wanted."""

        async def look() -> PurchaseOrderPosition | None:
            position = await purchase_orders.position(self.ledger, po_number)
            return position if holds(position) else None

        return await eventually(look, f"{po_number} does not come to stand as wanted")

    def kill(self, part: str) -> None:
        """As by `kill -9`; the supervisor starts it again."""
        (record,) = [one for one in Records(self.stack.folder / "run").all() if one.name == part]
        os.kill(record.pid, signal.SIGKILL)


@pytest.fixture
async def demo(folder: Path, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Demo]:
    sold = read_catalogue(EXAMPLES / "catalogue.json")
    hasty = [one.model_copy(update={"collect_at_most": timedelta(seconds=1)}) for one in sold.suppliers]
    sold = sold.model_copy(update={"suppliers": tuple(hasty)})
    quick = Habits(pace=Pace(acknowledge_after=0.5, ship_after=3, deliver_after=2, answer_after=0.5))
    settings = on_free_ports(folder, unused_tcp_port_factory)
    stack = Stack(settings, sold, {supplier.supplier_id: quick for supplier in sold.suppliers})
    async with AsyncExitStack() as end:
        end.enter_context(sole_owner(stack.folder))
        supervisor = Supervisor(stack.folder, stack.parts, print)
        end.push_async_callback(supervisor.stop)
        await supervisor.start()
        watching = asyncio.create_task(supervisor.watch())
        end.push_async_callback(_cancelled, watching)
        ledger = await end.enter_async_context(await Ledger.open(stack.ledger_dsn, size=2))
        await catalogue.load_catalogue(ledger, sold, at=datetime.now(UTC))
        temporal = await Client.connect(
            f"127.0.0.1:{settings.temporal_port}",
            data_converter=data_converter(KeyRing.read(stack.environment["PROMISEKEEPER_PAYLOAD_KEYS"])),
        )
        yield Demo(stack, ledger, temporal)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.timeout(900)
async def test_orders_by_every_way_are_received_and_closed_though_the_suppliers_are_killed(demo: Demo) -> None:
    connector_of = {one.supplier_id: one.connector for one in demo.stack.catalogue.suppliers}
    orders = {way: await demo.order(sku) for way, sku in BY_ITS_OWN_WAY.items()}
    bought = {way: await demo.bought(order) for way, order in orders.items()}
    for way, po_number in bought.items():
        sent = await demo.until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
        assert connector_of[sent.supplier_id] == way
    demo.kill("simulators")
    for way, po_number in bought.items():
        closed = await demo.until(po_number, lambda p: p.closed_at is not None)
        assert (closed.attention, closed.acknowledged_at is not None) == (None, True), way
        assert [(line.received_good, line.closed_short, line.cancelled) for line in closed.lines] == [
            (line.ordered, 0, 0) for line in closed.lines
        ], way
    for order in orders.values():
        assert (await demo.stands(order, lambda p: p.closed_at)).shipped == order.quantity
    assert await audit(demo.ledger) == []
