"""Backorders that really wait: started, accepted, bought for, promised; now asleep until their goods come."""

from __future__ import annotations

import asyncio
import random
import time

from temporalio.client import WorkflowHandle

from bench.catalogue import HOT_SKU, order
from bench.stage import Stage
from ledger.book import Ledger
from workflows import backorder_contract
from workflows.backorder_contract import Resolution, Resolve
from workflows.starting import start_backorder

AT_ONCE = 50
QUIET = 2.0
"""Seconds without a new fact in the books after which everybody is asleep."""

_CLAIMED = "select count(*) from backorder where claimed > 0"
_FACTS = "select count(*) from journal"


async def put_to_wait(stage: Stage, ledger: Ledger, first: int, number: int) -> list[str]:
    """Start backorders `first` to `number` of the hot SKU, and wait until all are asleep. Returns all ids from 0 on."""
    ids = [f"wait-{n}" for n in range(number)]
    stage.watch.step(f"{number} backorders on their way to sleep", number)
    left = iter(ids[first:])

    async def one_after_the_other() -> None:
        for backorder_id in left:
            await start_backorder(stage.client, order(backorder_id, HOT_SKU))

    async def all_claimed() -> bool:
        found = await _number(ledger, _CLAIMED)
        stage.watch.reach(found)
        return found >= number

    starting = asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    await stage.until(all_claimed, f"{number} backorders find supply", every=0.2)
    await starting
    last, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET:
        if (facts := await _number(ledger, _FACTS)) != last:
            last, since = facts, time.monotonic()
        await asyncio.sleep(0.2)
    return ids


async def wake(stage: Stage, backorder_id: str) -> float:
    """Seconds until a waiting backorder answers an operator: it is loaded, replayed if need be, and decides."""
    handle: WorkflowHandle[object, object] = stage.client.get_workflow_handle(
        backorder_contract.workflow_id(backorder_id)
    )
    began = time.perf_counter()
    await handle.execute_update(  # pyright: ignore[reportUnknownMemberType] - the SDK leaves its type open
        backorder_contract.RESOLVE, Resolve(resolution=Resolution.DISMISS)
    )
    return time.perf_counter() - began


def some(ids: list[str], number: int) -> list[str]:
    """A sample, the same in every run."""
    return random.Random(1).sample(ids, min(number, len(ids)))


async def _number(ledger: Ledger, query: str) -> int:
    async with ledger.look() as connection:
        row = await (await connection.execute(query.encode())).fetchone()
    return int(row[0]) if row else 0
