"""Backorders from start to shipped and closed, against bare workflows that take as many steps and do nothing.

The supplier accepts at once and the goods are received at once, through our own doors (`bench.outside`); a purchase
order leaves when so many shares have joined. The floor runs in the same minute on the same server with as many worker
processes: each bare workflow follows the script of one real history, so it has the same activities, local activities,
timers, signals and upserts, in the same order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from statistics import mean, median

from temporalio.client import Client

from bench.bare import ACTIVITY, LOCAL, SIGNAL, STORY, TELL
from bench.catalogue import QUICK_SKUS, order, shop
from bench.figures import Figure, Value, at_least, at_most
from bench.histories import Counted, actions_in, counted, steps_in
from bench.outside import SECRET
from bench.profiling import profiled
from bench.sizes import Size
from bench.stage import BARE_QUEUE, Stage
from domain.names import BACKORDER, PURCHASE_ORDER, backorder_workflow_id, purchase_order_workflow_id
from ledger import catalogue
from ledger.audit import audit
from ledger.book import Ledger
from workflows import purchase_order_contract
from workflows.starting import start_backorder

STARTS_AT_ONCE = 50
HISTORIES_READ = 200
"""Backorders whose histories are read; purchase orders are all read."""
HEARTBEAT = "grpc_RecordActivityTaskHeartbeat"
"""How the server names this action. The others are counted from histories; its own count of all is in the details."""

_COLLECTING = "select po_number from purchase_order where frozen_at is null and closed_at is null"
_UNSOURCED = "select count(*) from backorder where unsourced > 0"
_KNOWN = "select count(*) from backorder"
_ORDERS_OF = "select po_number from purchase_order order by opened_at, po_number"


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
        await _at_once([lambda one=one: start_backorder(self._stage.client, one) for one in orders])  # type: ignore[misc]
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
        await _at_once([lambda n=n, s=s: _start_bare(client, f"{name}-{n}", s) for n, s in enumerate(scripts)])  # type: ignore[misc]
        await self._stage.until_ended([STORY], self._bare, f"{len(scripts)} bare workflows")
        seconds = time.perf_counter() - began
        after = self._stage.processor_seconds()
        actions = await self._stage.actions_by_server()
        return Round(seconds=seconds, processor=_less(after, used), actions=_less(actions, before)), [
            f"{name}-{n}" for n in range(len(scripts))
        ]

    async def purchase_orders(self) -> list[str]:
        """The workflow ids of all purchase orders so far, oldest first."""
        return [purchase_order_workflow_id(po) for po in await self._column(_ORDERS_OF)]

    async def _release_the_rest(self) -> None:
        """When every backorder has its share, orders with too few to leave by themselves are released by hand."""

        async def all_sourced() -> bool:
            return await self._count(_KNOWN) == self._backorders and await self._count(_UNSOURCED) == 0

        await self._stage.until(all_sourced, "every backorder finds supply")
        for po_number in await self._column(_COLLECTING):
            handle = self._stage.client.get_workflow_handle(purchase_order_workflow_id(po_number))
            await handle.execute_update(purchase_order_contract.RELEASE_NOW)

    async def _purchase_orders_ended(self) -> None:
        number = len(await self.purchase_orders())
        await self._stage.until_ended([PURCHASE_ORDER], number, f"{number} purchase orders")

    async def _count(self, query: str) -> int:
        return int((await self._column(query))[0])

    async def _column(self, query: str) -> list[str]:
        async with self._ledger.look() as connection:
            return [str(row[0]) for row in await (await connection.execute(query.encode())).fetchall()]


async def run(stage: Stage, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """The bench."""
    async with await stage.ledger(4) as ledger, stage.doors(), stage.workers(1) as (worker,), stage.bare_workers(1):
        lives = Lifecycle(stage, ledger, size.orders_on_a_po)
        await lives.prepare()
        _, warm = await lives.run(size.warm_up)
        pos_before = len(await lives.purchase_orders())
        await lives.run_bare([one.script for one in await counted(stage.client, warm)])
        profile: dict[str, float] = {}
        real: list[Round] = []
        bare: list[Round] = []
        for n in range(size.rounds):
            if stage.profile:
                async with profiled(worker.pid, stage.folder) as profile:
                    done, ids = await lives.run(size.lifecycles)
            else:
                done, ids = await lives.run(size.lifecycles)
            real.append(done)
            pos = (await lives.purchase_orders())[pos_before:]
            pos_before += len(pos)
            stage.watch.step("reading histories")
            backorders, orders = (
                await counted(stage.client, ids[:HISTORIES_READ]),
                await counted(stage.client, pos),
            )
            scripts = [backorders[m % len(backorders)].script for m in range(size.lifecycles)]
            floor, bare_ids = await lives.run_bare(scripts + [one.script for one in orders])
            bare.append(floor)
            stage.watch.step(f"round {n + 1} of {size.rounds} is done")
        stage.watch.step("reading histories of the floor")
        bare_backorders = await counted(stage.client, bare_ids[: len(backorders)])
        bare_orders = await counted(stage.client, bare_ids[size.lifecycles :])
        broken = [finding.what for finding in await audit(ledger)]
    number = size.lifecycles
    speed, floor_speed = _rates(real, number), _rates(bare, number)
    share = len(orders) / number
    figures = [
        Figure(
            name="backorders from start to shipped",
            value=median(speed),
            unit="/s",
            beside="bare workflows with the same steps",
            beside_value=median(floor_speed),
            goal=at_least(0.6),
        ),
        _each(
            "events of history", "a backorder", [b.events for b in backorders], [b.events for b in bare_backorders], 40
        ),
        _each("events of history", "a purchase order", [o.events for o in orders], [o.events for o in bare_orders]),
        _each("bytes of history", "a backorder", [b.size for b in backorders], [b.size for b in bare_backorders]),
        _each("bytes of history", "a purchase order", [o.size for o in orders], [o.size for o in bare_orders]),
        Figure(
            name="billable actions with share of the order",
            value=_actions(backorders) + share * _actions(orders) + _heartbeats(real, number),
            unit="each",
            beside="the bare workflows'",
            beside_value=_actions(bare_backorders) + share * _actions(bare_orders) + _heartbeats(bare, number),
            goal=at_most(12, "value"),
        ),
        Figure(
            name="worker's processor time",
            value=_processor(real, "worker", number),
            unit="ms each",
            beside="the bare worker's",
            beside_value=_processor(bare, "bare", number),
        ),
    ]
    details: dict[str, object] = {
        "backorders_per_second": speed,
        "bare_per_second": floor_speed,
        "orders_on_a_po": round(number / max(1, len(orders)), 2),
        "steps_of_a_backorder": steps_in(backorders),
        "steps_of_a_purchase_order": steps_in(orders),
        "steps_of_a_bare_backorder": steps_in(bare_backorders),
        "steps_of_a_bare_purchase_order": steps_in(bare_orders),
        "actions_of_a_backorder": actions_in(backorders),
        "actions_of_a_purchase_order": actions_in(orders),
        "heartbeats_of_a_backorder": round(_heartbeats(real, number), 2),
        "actions_by_the_servers_own_count": round(mean(sum(one.actions.values()) for one in real) / number, 2),
        "actions_by_the_servers_own_names": {
            kind: round(mean(one.actions.get(kind, 0.0) for one in real) / number, 2)
            for kind in sorted({kind for one in real for kind in one.actions})
        },
        "processor_ms_of_a_backorder": _by_process(real, number),
        "processor_ms_of_a_bare_one": _by_process(bare, number),
        "worker_percent_by_part": profile,
        "laws_broken": broken,
    }
    return figures, details


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


def _rates(rounds: Sequence[Round], number: int) -> list[float]:
    return [round(number / one.seconds, 3) for one in rounds]


def _each(what: str, of: str, real: Sequence[int], bare: Sequence[int], most: float | None = None) -> Figure:
    return Figure(
        name=f"{what} of {of}".replace("of history of", "of"),
        value=round(mean(real), 2),
        unit="each",
        beside="a bare workflow with the same steps",
        beside_value=round(mean(bare), 2),
        goal=at_most(most, "value") if most else None,
    )


def _actions(histories: Sequence[Counted]) -> float:
    return mean(one.billable for one in histories)


def _heartbeats(rounds: Sequence[Round], number: int) -> float:
    return mean(one.actions.get(HEARTBEAT, 0.0) for one in rounds) / number


def _processor(rounds: Sequence[Round], kind: str, number: int) -> float:
    return round(1000 * mean(one.processor.get(kind, 0.0) for one in rounds) / number, 2)


def _by_process(rounds: Sequence[Round], number: int) -> dict[str, float]:
    return {kind: _processor(rounds, kind, number) for kind in sorted(rounds[0].processor)}


def _less(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {kind: value - before.get(kind, 0.0) for kind, value in after.items() if value > before.get(kind, 0.0)}
