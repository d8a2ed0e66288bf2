"""A cold start: from the moment a worker process is spawned until an open backorder makes progress.

An operator's `resolve` is sent while no worker runs; its answer is the first progress. It is measured with few and with
many open backorders, after a worker that stopped in peace, and after one that was killed, whose cached workflows the
server still believes to be there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from statistics import median

from bench.figures import Figure
from bench.sizes import Size
from bench.stage import Stage
from bench.waiting import put_to_wait, some, wake

_ASKED_FOR = 0.5
"""Seconds that the operator's request is under way before a worker is started."""


async def run(stage: Stage, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """The bench."""
    few, many = size.open
    async with await stage.ledger(4) as ledger, stage.doors():
        async with stage.workers(1):
            ids = await put_to_wait(stage, ledger, 0, few)
        with_few = await _cold_starts(stage, some(ids, size.cold_starts), few)
        async with stage.workers(1):
            ids = await put_to_wait(stage, ledger, few, many)
        with_many = await _cold_starts(stage, some(ids, size.cold_starts), many)
        after_kills = await _cold_starts(stage, some(ids, size.cold_starts), many, killed=True)
    figures = [
        Figure(
            name=f"cold start to progress, {many:,} open",
            value=round(median(with_many), 2),
            unit="s",
            beside=f"with {few:,} open",
            beside_value=round(median(with_few), 2),
        ),
        Figure(
            name="the same, after a kill",
            value=round(median(after_kills), 2),
            unit="s",
            beside="after a stop in peace",
            beside_value=round(median(with_many), 2),
        ),
    ]
    details: dict[str, object] = {
        "few_open_seconds": _rounded(with_few),
        "many_open_seconds": _rounded(with_many),
        "after_a_kill_seconds": _rounded(after_kills),
    }
    return figures, details


async def _cold_starts(stage: Stage, ids: Sequence[str], number: int, *, killed: bool = False) -> list[float]:
    took: list[float] = []
    for backorder_id in ids:
        if killed:
            async with stage.workers(1) as (worker,):
                await wake(stage, backorder_id)  # now it is in the cache of a worker that is about to die
                worker.kill()
        stage.watch.step(f"cold start with {number} open{', after a kill' if killed else ''}")
        asked = asyncio.create_task(wake(stage, backorder_id))
        await asyncio.sleep(_ASKED_FOR)
        began = time.perf_counter()
        async with stage.workers(1):
            await asked
            took.append(time.perf_counter() - began)
    return took


def _rounded(times: Sequence[float]) -> list[float]:
    return [round(one, 2) for one in times]
