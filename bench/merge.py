"""Joins onto one hot purchase order, 50 at once, against joining a supplier workflow by update-with-start.

The ledger's side is the transaction of place-or-merge (`ledger.sourcing`), called by as many client processes as
the machine has cores, over 50 connections in all. The workflow's side is a bare aggregator that only counts; it is
asked 50 at once, and 8 at once, where it is at its best (the server allows 10 updates in flight a workflow).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from bench import seeding
from bench.bare import JOIN, SUPPLIER
from bench.figures import Figure, Value, at_least
from bench.sizes import Size
from bench.stage import BARE_QUEUE, Stage
from ledger.audit import audit

AT_ONCE = 50
AT_ITS_BEST = 8
_GIVES_UP_AFTER = timedelta(seconds=20)

_HOT = "select count(*), max(claimed) from po_line where claimed > 0"


class Joined(Value):
    """One way of joining, measured."""

    joins: int
    failed: int
    seconds: float
    median_ms: float
    slowest_ms: float

    @property
    def per_second(self) -> float:
        """Joins that succeeded."""
        return round(self.joins / self.seconds, 2)


async def run(stage: Stage, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """The bench."""
    async with await stage.ledger(2) as ledger:
        warm = await seeding.accepted(ledger, "warm", 2 * AT_ONCE, at=datetime.now(UTC))
        ids = await seeding.accepted(ledger, "join", size.joins, at=datetime.now(UTC))
        stage.watch.step("joining purchase orders, to warm up")
        await by_ledger(stage, warm)
        stage.watch.step(f"{size.joins} joins to one purchase order")
        ours = await by_ledger(stage, ids)
        broken = [finding.what for finding in await audit(ledger)]
        async with ledger.look() as connection:
            lines, claimed = await (await connection.execute(_HOT)).fetchone() or (0, 0)
    async with stage.bare_workers(1):
        stage.watch.step(f"updates with start, {AT_ITS_BEST} at once")
        best = await by_update(stage, "best", size.update_joins, AT_ITS_BEST, size.update_seconds)
        stage.watch.step(f"updates with start, {AT_ONCE} at once")
        many = await by_update(stage, "many", size.update_joins, AT_ONCE, size.update_seconds)
    figures = [
        Figure(
            name="joins to one purchase order, 50 at once",
            value=ours.per_second,
            unit="/s",
            beside="a workflow, by update-with-start, 50 at once",
            beside_value=many.per_second,
            goal=at_least(20),
        ),
        Figure(
            name="joins to one purchase order",
            value=ours.per_second,
            unit="/s",
            beside="a workflow at its best, 8 at once",
            beside_value=best.per_second,
            goal=at_least(1000, "value"),
        ),
    ]
    details: dict[str, object] = {
        "ledger": ours.model_dump(),
        "update_with_start_50_at_once": many.model_dump(),
        "update_with_start_8_at_once": best.model_dump(),
        "client_processes": _processes(),
        "purchase_order_lines": lines,
        "claimed_on_the_hot_line": claimed,
        "laws_broken": broken,
    }
    return figures, details


def _processes() -> int:
    return max(1, min(os.cpu_count() or 1, AT_ONCE))


async def by_ledger(stage: Stage, ids: Sequence[str]) -> Joined:
    """Source these backorders over 50 connections, from as many processes as there are cores."""
    number = _processes()
    shares = [AT_ONCE // number + (n < AT_ONCE % number) for n in range(number)]
    clients = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bench.joiner", stage.dsn, str(connections)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=stage.environment,
            limit=2**26,
        )
        for connections in shares
    ]
    try:
        for n, client in enumerate(clients):
            await _say(client, "\n".join([*ids[n::number], "", ""]))
        for client in clients:
            await _hear(client)  # ready
        began = time.perf_counter()
        for client in clients:
            await _say(client, "go\n")
        took = [float(one) for client in clients for one in json.loads(await _hear(client))]
        seconds = time.perf_counter() - began
    finally:
        for client in clients:
            if client.returncode is None:
                client.kill()
            await client.wait()
    return _joined(took, 0, seconds)


async def by_update(stage: Stage, name: str, number: int, at_once: int, seconds: float) -> Joined:
    """Join a bare supplier workflow; what it refuses is not asked again. Ends after so many joins, or seconds."""
    left = iter(range(number))
    took: list[float] = []
    failed = 0
    deadline = time.perf_counter() + seconds

    async def one_after_the_other() -> None:
        nonlocal failed
        for n in left:
            if time.perf_counter() > deadline:
                return
            began = time.perf_counter()
            start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
                SUPPLIER,
                id=f"bare-supplier-{name}",
                task_queue=BARE_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
            try:
                await stage.client.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - the SDK leaves its type open
                    JOIN, f"{name}-{n}", start_workflow_operation=start, id=f"{name}-{n}", rpc_timeout=_GIVES_UP_AFTER
                )
            except (RPCError, WorkflowUpdateFailedError):  # also when the time it is given has passed
                failed += 1
            else:
                took.append(time.perf_counter() - began)
                stage.watch.reach(len(took))

    began = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return _joined(took, failed, time.perf_counter() - began)


def _joined(took: Sequence[float], failed: int, seconds: float) -> Joined:
    return Joined(
        joins=len(took),
        failed=failed,
        seconds=round(seconds, 3),
        median_ms=round(1000 * median(took), 2) if took else 0,
        slowest_ms=round(1000 * max(took), 2) if took else 0,
    )


async def _say(process: asyncio.subprocess.Process, text: str) -> None:
    assert process.stdin is not None, "it was started with a pipe"
    process.stdin.write(text.encode())
    await process.stdin.drain()


async def _hear(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None, "it was started with a pipe"
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"a client process ended too early, with exit code {await process.wait()}")
    return line.decode()
