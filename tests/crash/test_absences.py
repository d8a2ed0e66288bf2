"""Workers that share the work, and a database that is gone for a while, in one world that goes on all the time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest
from temporalio.service import RPCError

from domain.backorder_position import Status
from ledger.audit import audit
from tests.crash.books_compared import agreed
from tests.crash.conftest import LONG
from tests.crash.hurried_shop import plain_orders
from tests.crash.killed_world import KilledWorld, closed, killed_world, known
from workflows import backorder_contract

GONE_FOR = 60 if LONG else 6
"""Seconds."""

WORKERS = 4

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
async def world(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[KilledWorld]:
    """One with four workers."""
    folder = Path(mkdtemp(prefix="pk-"))
    async with killed_world(folder / "world", unused_tcp_port_factory, workers=WORKERS) as opened:
        yield opened
    rmtree(folder)


async def all_is_well(world: KilledWorld, name: str, count: int) -> None:
    """Every order of that name shipped, nobody was needed, and every book agrees."""
    ids = [order.backorder_id for order in plain_orders(name, count)]
    async with await world.ledger() as ledger:
        ended = await closed(ledger, ids)
        assert {(p.status, p.attention) for p in ended} == {(Status.CLOSED, None)}
        assert await audit(ledger) == []
    assert await agreed(world) == []


async def who_worked(world: KilledWorld, name: str, count: int) -> set[int]:
    """The pids of the workers that took tasks of these orders."""
    client = await world.client()
    pids: set[int] = set()
    for order in plain_orders(name, count):
        handle = client.get_workflow_handle(backorder_contract.workflow_id(order.backorder_id))
        with suppress(RPCError):  # not started yet
            for event in (await handle.fetch_history()).events:
                taken = event.workflow_task_completed_event_attributes, event.activity_task_started_event_attributes
                pids |= {int(one.identity.partition("@")[0]) for one in taken if one.identity}
    return pids


async def taken_in(world: KilledWorld, name: str, count: int) -> None:
    """Wait until all these orders are in the books."""
    async with await world.ledger() as ledger:
        for order in plain_orders(name, count):
            while await known(ledger, order.backorder_id) is None:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("count", [2, WORKERS] if LONG else [WORKERS])
async def test_workers_share_the_work_and_none_is_done_twice(world: KilledWorld, count: int) -> None:
    name = f"SHARED-{count}"
    with ExitStack() as absent:
        for number in range(count + 1, WORKERS + 1):
            absent.enter_context(world.without(f"worker-{number}"))
        at_work = {world.pid(f"worker-{number}") for number in range(1, count + 1)}
        orders = plain_orders(name, 40)
        given = 0
        while not at_work <= await who_worked(world, name, given):
            assert given < len(orders), "a worker takes no work"
            await world.submit(orders[given : given + 4])
            given += 4
            await taken_in(world, name, given)
        assert await who_worked(world, name, given) == at_work
        await all_is_well(world, name, given)
    await world.all_up()


@pytest.mark.parametrize("way", ["without", "frozen"])
async def test_while_the_database_is_gone_nothing_fails_and_then_all_go_on(world: KilledWorld, way: str) -> None:
    name = f"GONE-{way}"
    ways: dict[str, Callable[[str], AbstractContextManager[None]]] = {"without": world.without, "frozen": world.frozen}
    orders = plain_orders(name, 6)
    await world.submit(orders[:3])
    with ways[way]("postgres"):
        # Temporal takes orders while the books are away
        async with asyncio.TaskGroup() as together:
            together.create_task(asyncio.sleep(GONE_FOR))
            together.create_task(world.submit(orders[3:], by_gateway=False))
    await world.all_up()
    await all_is_well(world, name, 6)
