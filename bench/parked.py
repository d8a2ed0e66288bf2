"""What waiting costs: the memory of a worker process with more and more sleeping backorders, and waking one of them.

One worker process takes all of them through their first steps, so its memory is what it really is after that, not that
of a fresh process. To wake one is an operator's `resolve` on it: most of many are in nobody's cache and are replayed.
"""

from __future__ import annotations

from statistics import median

from bench.figures import Figure, at_most
from bench.sizes import Size
from bench.stage import Stage
from bench.waiting import put_to_wait, some, wake

MIB = 2**20
FLAT = 1.25
"""Growth that still counts as none, from the second size to the last; up to the first, the worker's cache fills."""


async def run(stage: Stage, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """The bench."""
    memory: dict[int, float] = {}
    woken: dict[int, list[float]] = {}
    async with await stage.ledger(4) as ledger, stage.doors(), stage.workers(1) as (worker,):
        asleep = 0
        for number in size.parked:
            ids = await put_to_wait(stage, ledger, asleep, number)
            asleep = number
            memory[number] = round(worker.memory_info().rss / MIB, 1)
            stage.watch.step(f"waking some of {number}")
            woken[number] = [await wake(stage, one) for one in some(ids, size.wakes)]
    few, *more = size.parked
    figures = [
        Figure(
            name=f"worker's memory, {number:,} waiting",
            value=memory[number],
            unit="MiB",
            beside=f"with {few if number == more[0] else more[0]:,} waiting",
            beside_value=memory[few if number == more[0] else more[0]],
            goal=at_most(FLAT) if number != more[0] or len(more) == 1 else None,
        )
        for number in more
    ]
    figures.append(
        Figure(
            name=f"waking one of {more[-1]:,}",
            value=round(1000 * median(woken[more[-1]]), 1),
            unit="ms",
            beside=f"one of {few:,}",
            beside_value=round(1000 * median(woken[few]), 1),
        )
    )
    details: dict[str, object] = {
        "memory_mib": {str(number): value for number, value in memory.items()},
        "wake_ms": {str(number): [round(1000 * one, 1) for one in times] for number, times in woken.items()},
    }
    return figures, details
