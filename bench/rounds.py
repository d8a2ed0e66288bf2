"""Timed rounds of the product, from start to shipped, and of the bare workflows that stand beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from bench.bare import ACTIVITY, LOCAL, SIGNAL, STORY, TELL
from bench.catalogue import QUICK_SKUS, order, shop
from bench.figures import Value
from bench.outside import SECRET
from bench.stage import BARE_QUEUE, Stage
from domain.names import BACKORDER, PURCHASE_ORDER, backorder_workflow_id, purchase_order_workflow_id
from ledger import catalogue
from ledger.book import Ledger
from workflows import purchase_order_contract
from workflows.starting import start_backorder

STARTS_AT_ONCE = 50
# Only what these rounds made: the ledger may hold closed history, and merges that were timed before.
_COLLECTING = """
    select po_number from purchase_order
    where supplier_id like 'quick-%' and frozen_at is null and closed_at is null
"""
_UNSOURCED = "select count(*) from backorder where backorder_id like 'life-%' and unsourced > 0"
_KNOWN = "select count(*) from backorder where backorder_id like 'life-%'"
_UNTOLD = "select count(*) from announcement where owed_by like 'backorder/life-%' and told_at is null"
_ORDERS = "select po_number from purchase_order where supplier_id like 'quick-%' order by opened_at, po_number"


class Round(Value):
    """One timed round of the product."""

    seconds: float
    processor: dict[str, float]
    """Seconds of processor time by kind of process."""
    actions: dict[str, float]
    """Billable actions by the server's own count."""


class Lifecycle:
    """Runs rounds of the product and of its floor on one stage, with the doors open."""

    def __init__(self, stage: Stage, ledger: Ledger, orders_on_a_po: int) -> None:
        """Use an open stage and its ledger."""
        self._stage = stage
        self._ledger = ledger
        self._per_po = orders_on_a_po
        self._rounds = 0
        self._backorders = 0
        self._bare = 0

    async def prepare(self) -> None:
        """Let quick suppliers' orders leave once enough has joined."""
        url = self._stage.settings.supplier_url("").removesuffix("/suppliers/")
        quick = shop(url, SECRET, self._per_po)
        await catalogue.load_catalogue(self._ledger, quick, at=datetime.now(UTC))

    async def run(self, number: int) -> tuple[Round, list[str]]:
        """So many backorders, all started at once. Returns the round and their ids."""
        self._rounds += 1
        name = f"life-{self._rounds}"
        orders = [order(f"{name}-{n}", QUICK_SKUS[n % len(QUICK_SKUS)]) for n in range(number)]
        self._backorders += number
        before, used = await self._stage.actions_by_server(), self._stage.processor_seconds()
        began = time.perf_counter()
        await _at_once([partial(start_backorder, self._stage.client, one) for one in orders])
        await self._release_the_rest()
        await self._stage.until_ended([BACKORDER], self._backorders, f"{number} backorders to shipped")
        seconds = time.perf_counter() - began
        after = self._stage.processor_seconds()
        await self._purchase_orders_ended()
        actions = await self._stage.actions_by_server()
        return Round(seconds=seconds, processor=_less(after, used), actions=_less(actions, before)), [
            backorder_workflow_id(one.backorder_id) for one in orders
        ]

    async def run_bare(self, scripts: Sequence[str]) -> tuple[Round, list[str]]:
        """A bare workflow for each script, all started at once."""
        client, name = self._stage.client, f"bare-{self._bare}"
        self._bare += len(scripts)
        before, used = await self._stage.actions_by_server(), self._stage.processor_seconds()
        began = time.perf_counter()
        await _at_once([partial(_start_bare, client, f"{name}-{n}", script) for n, script in enumerate(scripts)])
        await self._stage.until_ended([STORY], self._bare, f"{len(scripts)} bare workflows")
        seconds = time.perf_counter() - began
        after = self._stage.processor_seconds()
        actions = await self._stage.actions_by_server()
        return Round(seconds=seconds, processor=_less(after, used), actions=_less(actions, before)), [
            f"{name}-{n}" for n in range(len(scripts))
        ]

    async def purchase_orders(self) -> list[str]:
        """The workflow ids of all purchase orders so far, oldest first."""
        return [purchase_order_workflow_id(po) for po in await self._column(_ORDERS)]

    async def _release_the_rest(self) -> None:
        """When every backorder has its share, orders with too few to leave by themselves are released by hand."""

        async def all_sourced() -> bool:
            sourced = await self._count(_KNOWN) == self._backorders and await self._count(_UNSOURCED) == 0
            # and every new purchase order was told to start
            return sourced and await self._count(_UNTOLD) == 0

        await self._stage.until(all_sourced, "every backorder finds supply")
        for po_number in await self._column(_COLLECTING):
            handle = self._stage.client.get_workflow_handle(purchase_order_workflow_id(po_number))
            try:
                await handle.execute_update(purchase_order_contract.RELEASE_NOW)  # pyright: ignore[reportUnknownMemberType] - the SDK leaves its type open
            except RPCError as over:  # it reached its threshold meanwhile, and all of it was received
                if over.status is not RPCStatusCode.NOT_FOUND:
                    raise

    async def _purchase_orders_ended(self) -> None:
        number = len(await self.purchase_orders())
        await self._stage.until_ended([PURCHASE_ORDER], number, f"{number} purchase orders")

    async def _count(self, query: str) -> int:
        return int((await self._column(query))[0])

    async def _column(self, query: str) -> list[str]:
        async with self._ledger.look() as connection:
            return [str(row[0]) for row in await (await connection.execute(query.encode())).fetchall()]


async def _start_bare(client: Client, workflow_id: str, script: str) -> None:
    handle = await client.start_workflow(STORY, script, id=workflow_id, task_queue=BARE_QUEUE)
    for letter in script:  # signals that come before its first step
        if letter in {ACTIVITY, LOCAL}:
            break
        if letter == SIGNAL:
            await handle.signal(TELL)


async def _at_once(starts: Sequence[Callable[[], Awaitable[object]]]) -> None:
    gate = asyncio.Semaphore(STARTS_AT_ONCE)

    async def one(start: Callable[[], Awaitable[object]]) -> None:
        async with gate:
            await start()

    await asyncio.gather(*(one(start) for start in starts))


def _less(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {kind: value - before.get(kind, 0.0) for kind, value in after.items() if value > before.get(kind, 0.0)}
