"""Clocks that jump: a worker's changes nothing, since workflows go by the server's; the gateway's loses no message."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from time import monotonic
from typing import NamedTuple

import pytest

from devstack.processes import Part
from domain.backorder_position import Status
from ledger.audit import audit
from tests.crash.books_compared import agreed
from tests.crash.hurried_shop import plain_orders
from tests.crash.killed_world import KilledWorld, closed, killed_world

MOVED = Path(__file__).with_name("moved_clock.py")
HOUR, DAY = 3600, 86_400

OUT_OF_TIME = """
    select what, at from (
        select 'journal ' || kind, at from journal where kind <> 'catalogue loaded'
        union all select 'notice ' || notice_id, sent_at from notice
        union all select 'payment ' || payment_id, requested_at from payment
        union all select 'payment ' || payment_id, settled_at from payment
        union all select 'parcel ' || parcel_id, planned_at from parcel
        union all select 'parcel ' || parcel_id, booked_at from parcel
        union all select 'order ' || po_number, opened_at from purchase_order
        union all select 'order ' || po_number, frozen_at from purchase_order
        union all select 'message ' || inbox_id, received_at from inbox
    ) stamped (what, at) where at not between %s and %s
"""

pytestmark = pytest.mark.timeout(1200)


class Clock:
    """The clock of some processes, which can be set."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.set(0)

    def set(self, seconds: float) -> None:
        """So much ahead of the right time; negative: behind."""
        unfinished = self.file.with_suffix(".new")
        unfinished.write_text(str(seconds))
        unfinished.rename(self.file)

    def runs(self, part: Part) -> Part:
        """That part, going by this clock."""
        python, _, module = part.command
        return replace(part, command=(python, str(MOVED), str(self.file), module))


class Clocked(NamedTuple):
    """A world whose clocks can be set."""

    world: KilledWorld
    began: datetime
    workers: Clock
    gateway: Clock


@pytest.fixture(scope="module")
async def clocked(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Clocked]:
    """One world for all these tests, with a clock for its two workers and another for its gateway."""
    folder, began = Path(mkdtemp(prefix="pk-")), datetime.now(UTC)
    workers, gateway = Clock(folder / "workers.clock"), Clock(folder / "gateway.clock")

    def change(part: Part) -> Part:
        if part.name == "gateway":
            return gateway.runs(part)
        return workers.runs(part) if part.name.startswith("worker") else part

    async with killed_world(folder / "world", unused_tcp_port_factory, change=change) as world:
        yield Clocked(world, began, workers, gateway)
    rmtree(folder)


@pytest.fixture
def right(clocked: Clocked) -> Clocked:
    """That world, all clocks of which are right."""
    for clock in (clocked.workers, clocked.gateway):
        clock.set(0)
    return clocked


async def test_a_jump_of_the_workers_clock_changes_no_instant_in_the_books(right: Clocked) -> None:
    world, began, workers, _ = right
    orders = plain_orders("JUMP", 6)
    await world.submit(orders[:2])
    workers.set(3 * HOUR)
    await world.submit(orders[2:4])
    await asyncio.sleep(2)
    workers.set(-2 * DAY)
    await world.submit(orders[4:])
    async with await world.ledger() as ledger:
        ended = await closed(ledger, [order.backorder_id for order in orders])
        assert {(p.status, p.attention) for p in ended} == {(Status.CLOSED, None)}
        assert await audit(ledger) == []
        # the servers' clocks, which are this machine's, may be read some moments apart
        within = began - timedelta(seconds=1), datetime.now(UTC) + timedelta(seconds=1)
        async with ledger.look() as connection:
            assert await (await connection.execute(OUT_OF_TIME, within)).fetchall() == []
    assert await agreed(world) == []


async def test_while_the_gateways_clock_is_wrong_no_message_is_lost(right: Clocked) -> None:
    world, gateway = right.world, right.gateway
    orders = plain_orders("WRONG", 2)
    gateway.set(HOUR)
    await world.submit(orders, by_gateway=False)
    await turned_away(world)
    gateway.set(0)
    async with await world.ledger() as ledger:
        ended = await closed(ledger, [order.backorder_id for order in orders])
    assert {(p.status, p.attention) for p in ended} == {(Status.CLOSED, None)}
    assert await agreed(world) == []


async def turned_away(world: KilledWorld) -> None:
    """Wait until the supplier was told to bring its message again."""
    deadline = monotonic() + 120
    supplier = world.outside.supplier("hartwell")
    while not any((w.state, w.last_status) == ("pending", 503) for w in (await supplier.books()).webhooks):
        assert monotonic() < deadline, (await supplier.books()).webhooks
        await asyncio.sleep(0.2)
