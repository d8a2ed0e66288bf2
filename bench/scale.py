"""What grows with what: lifecycles with worker processes, and merge and allocation with the closed history behind them.

Closed backorders are of the very SKU that is measured, with all they leave in the books, and pass the audit. The merges
and receipts timed after each step are the same ones: neither may grow.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median

from bench import seeding
from bench.fanout import allocation_seconds
from bench.figures import Figure, at_most
from bench.histories import counted
from bench.rounds import Lifecycle
from bench.sizes import Size
from bench.stage import Stage
from ledger import sourcing
from ledger.audit import audit
from ledger.book import Ledger

RECEIPTS = 3
FLAT = 1.25
"""Growth that still counts as none: what differs from run to run."""


async def run(stage: Stage, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """The bench."""
    by_history, closed, broken = await _with_history(stage, size)
    by_workers, floor = await _with_workers(stage, size)
    few, many = closed[0], closed[-1]
    figures = [
        Figure(
            name=f"a merge, {many:,} closed backorders behind",
            value=by_history[many]["merge_ms"],
            unit="ms",
            beside=f"with {few:,} behind",
            beside_value=by_history[few]["merge_ms"],
            goal=at_most(FLAT),
        ),
        Figure(
            name=f"a receipt for {size.probe_receipt:,}, {many:,} closed behind",
            value=by_history[many]["receipt_ms"],
            unit="ms",
            beside=f"with {few:,} behind",
            beside_value=by_history[few]["receipt_ms"],
            goal=at_most(FLAT),
        ),
        *(
            Figure(
                name=f"backorders from start to shipped, {number} workers",
                value=by_workers[number],
                unit="/s",
                beside=f"{size.workers[0]} worker",
                beside_value=by_workers[size.workers[0]],
            )
            for number in size.workers[1:]
        ),
        *(
            Figure(
                name=f"the floor, {number} workers",
                value=floor[number],
                unit="/s",
                beside=f"{size.workers[0]} worker",
                beside_value=floor[size.workers[0]],
            )
            for number in size.workers[1:]
        ),
    ]
    details: dict[str, object] = {
        "by_closed_backorders": {str(number): times for number, times in by_history.items()},
        "lifecycles_per_second_by_workers": {str(number): rate for number, rate in by_workers.items()},
        "floor_per_second_by_workers": {str(number): rate for number, rate in floor.items()},
        "laws_broken": broken,
    }
    return figures, details


async def _with_history(stage: Stage, size: Size) -> tuple[dict[int, dict[str, float]], list[int], list[str]]:
    found: dict[int, dict[str, float]] = {}
    behind = 0
    async with await stage.ledger(4) as ledger:
        stage.watch.step("merges, to warm up")
        await _merge_ms(ledger, "warm-up", size.probes)
        for number in size.history:
            stage.watch.step(f"{number} closed backorders into the ledger")
            await seeding.closed_history(ledger, f"old-{number}", number - behind, at=datetime.now(UTC))
            behind = number
            stage.watch.step(f"merges and receipts, {number} closed behind")
            merge = await _merge_ms(ledger, f"merge-{number}", size.probes)
            receipts = [await _receipt_ms(ledger, f"take-{number}-{n}", size.probe_receipt) for n in range(RECEIPTS)]
            found[number] = {"merge_ms": merge, "receipt_ms": round(median(receipts), 2)}
        stage.watch.step("auditing it all")
        broken = [finding.what for finding in await audit(ledger)]
    return found, list(size.history), broken


async def _merge_ms(ledger: Ledger, name: str, number: int) -> float:
    """The median of merges made one after the other."""
    took: list[float] = []
    for backorder_id in await seeding.accepted(ledger, name, number, at=datetime.now(UTC)):
        began = time.perf_counter()
        await sourcing.source(ledger, backorder_id, key=f"join/{backorder_id}", at=datetime.now(UTC))
        took.append(time.perf_counter() - began)
    return round(1000 * median(took), 3)


async def _receipt_ms(ledger: Ledger, name: str, number: int) -> float:
    po_number, _ = await seeding.on_order(ledger, name, number, at=datetime.now(UTC))
    return 1000 * await allocation_seconds(ledger, po_number, number)


async def _with_workers(stage: Stage, size: Size) -> tuple[dict[int, float], dict[int, float]]:
    real: dict[int, float] = {}
    bare: dict[int, float] = {}
    async with await stage.ledger(4) as ledger, stage.doors():
        lives = Lifecycle(stage, ledger, size.orders_on_a_po)
        await lives.prepare()
        for number in size.workers:
            async with stage.workers(number):
                await lives.run(size.warm_up)
                done, ids = await lives.run(size.lifecycles)
            real[number] = round(size.lifecycles / done.seconds, 3)
            scripts = [one.script for one in await counted(stage.client, ids[:50])]
            async with stage.bare_workers(number):
                await lives.run_bare(scripts[: size.warm_up])
                floor, _ = await lives.run_bare([scripts[n % len(scripts)] for n in range(size.lifecycles)])
            bare[number] = round(size.lifecycles / floor.seconds, 3)
    return real, bare
