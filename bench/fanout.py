"""One receipt for many backorders: its one allocation transaction, and the signals that tell them of it.

The transaction is `ledger.inbox.apply_events` on a stored receipt, beside a bare transaction that inserts as many rows.
The signals are `activities.announcing.tell`, which reads what is owed, signals, and marks it as told, beside the same
client signalling the same workflows as fast as it can with as many under way. No worker runs: what is measured is the
telling, not what the told ones do then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from statistics import mean, median

from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.announcing import AT_ONCE, tell
from bench import seeding
from bench.bare import IDLE
from bench.catalogue import PATIENT
from bench.figures import Figure, at_least, at_most
from bench.sizes import Size
from bench.stage import Stage
from domain.names import SUPPLY_CHANGED, backorder_workflow_id, purchase_order_workflow_id
from domain.supplier_events import LineRef, Received, ReceivedLine
from ledger import inbox
from ledger.audit import audit
from ledger.book import Ledger

REPEATS = 3
ASKED_FOR = 5_000
"""Backorders of the receipt that the goal speaks of; fewer prove nothing."""
ROWS_OF_ONE = 5
"""That an allocation writes for each backorder: claim, backorder, allocation, journal, announcement."""

_NOBODY = "nobody"
"""A task queue that nobody polls."""
_BARE_TABLE = (
    "create table bare_row (id bigint primary key, subject text not null, at timestamptz not null, facts jsonb)"
)
_BARE_ROWS = """
    insert into bare_row select %s + n, 'backorder/' || n, now(), '{"text": "Allocated 1 unit"}'
    from generate_series(1, %s) n
"""


async def run(stage: Stage, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """The bench."""
    number = size.receipt
    async with await stage.ledger(4) as ledger:
        allocated, inserted = list[float](), list[float]()
        async with ledger.work() as connection:
            await connection.execute(_BARE_TABLE)
        po_number, ids = "", list[str]()
        for n in range(REPEATS):
            stage.watch.step(f"a receipt for {number} backorders, {n + 1} of {REPEATS}")
            po_number, ids = await seeding.on_order(ledger, f"fan-{n}", number, at=datetime.now(UTC))
            allocated.append(await allocation_seconds(ledger, po_number, number))
            inserted.append(await _insert_seconds(ledger, n * ROWS_OF_ONE * number, ROWS_OF_ONE * number))
        stage.watch.step(f"starting {number} workflows that wait", number)
        workflow_ids = [backorder_workflow_id(one) for one in ids]
        await _started(stage, workflow_ids)
        stage.watch.step("signals of a bare client")
        before = await _bare_rate(stage.client, workflow_ids)
        stage.watch.step("signals of the product")
        began = time.perf_counter()
        told = await ActivityEnvironment(client=stage.client).run(
            tell, ledger, purchase_order_workflow_id(po_number), datetime.now(UTC)
        )
        ours = told / (time.perf_counter() - began)
        stage.watch.step("signals of a bare client, once more")
        after = await _bare_rate(stage.client, workflow_ids)
        broken = [finding.what for finding in await audit(ledger)]
    figures = [
        Figure(
            name=f"one allocation for {number:,} backorders",
            value=round(median(allocated), 3),
            unit="s",
            beside=f"a bare insert of {ROWS_OF_ONE * number:,} rows",
            beside_value=round(median(inserted), 3),
            goal=at_most(2, "value") if number >= ASKED_FOR else None,
        ),
        Figure(
            name="signals that tell of it",
            value=round(ours, 1),
            unit="/s",
            beside="the same client, signalling only",
            beside_value=round(mean((before, after)), 1),
            goal=at_least(0.7),
        ),
    ]
    details: dict[str, object] = {
        "allocation_seconds": [round(one, 4) for one in allocated],
        "insert_seconds": [round(one, 4) for one in inserted],
        "told": told,
        "bare_signals_per_second": [round(before, 1), round(after, 1)],
        "signals_at_once": AT_ONCE,
        "laws_broken": broken,
    }
    return figures, details


async def allocation_seconds(ledger: Ledger, po_number: str, number: int) -> float:
    """How long the transaction takes that receives and allocates everything on an order."""
    line = ReceivedLine(line=LineRef(line_no=1), good=Decimal(number))
    receipt = Received(po_number=po_number, receipt_id=f"GR-{po_number}", lines=(line,))
    await inbox.store_message(
        ledger,
        PATIENT,
        door="webhook",
        dedupe_key=receipt.receipt_id,
        headers={},
        body=receipt.model_dump_json().encode(),
        at=datetime.now(UTC),
        events=[receipt],
    )
    began = time.perf_counter()
    applied = await inbox.apply_events(ledger, po_number, at=datetime.now(UTC))
    seconds = time.perf_counter() - began
    if applied.count != 1 or applied.incidents:
        raise RuntimeError(f"the receipt for {po_number} was not taken in: {applied}")
    return seconds


async def _insert_seconds(ledger: Ledger, first: int, rows: int) -> float:
    began = time.perf_counter()
    async with ledger.work() as connection:
        await connection.execute(_BARE_ROWS, (first, rows))
    return time.perf_counter() - began


async def _started(stage: Stage, workflow_ids: Sequence[str]) -> None:
    left, done = iter(workflow_ids), 0

    async def one_after_the_other() -> None:
        nonlocal done
        for workflow_id in left:
            await stage.client.start_workflow(IDLE, id=workflow_id, task_queue=_NOBODY)
            done += 1
            stage.watch.reach(done)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def _bare_rate(client: Client, workflow_ids: Sequence[str]) -> float:
    """Signals a second when nothing else is done, with as many under way as the product has."""
    left = iter(workflow_ids)

    async def one_after_the_other() -> None:
        for workflow_id in left:
            await client.get_workflow_handle(workflow_id).signal(SUPPLY_CHANGED)

    began = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return len(workflow_ids) / (time.perf_counter() - began)
