"""Everything is killed at random while orders come in, and in the end nothing is lost and nothing happened twice.

`make crash` runs the long form. A failure names its seed: `CRASH_SEED=… make crash` repeats the trial.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError

from cli.order_files import OrderFormat
from domain.backorder_position import BackorderPosition, ParcelState, PaymentKind, PaymentPosition, PaymentState
from ledger import backorders, catalogue
from ledger.audit import audit
from ledger.book import Ledger
from tests.cli.sample_orders import read_orders
from tests.crash.conftest import Trial
from tests.crash.killed_world import EXAMPLES, KilledWorld, killed_world
from workflows import backorder_contract

SETTLES_WITHIN = 480
"""Seconds of calm in which everything that goes on by itself has come to its end or to a standstill."""


async def test_killed_at_random_nothing_is_lost_and_nothing_happens_twice(
    folder: Path, unused_tcp_port_factory: Callable[[], int], trial: Trial
) -> None:
    orders = [order for _, order in read_orders(EXAMPLES / "orders.csv", OrderFormat.CSV)[0]][: trial.backorders]
    async with killed_world(folder / "world", unused_tcp_port_factory, trial.seed) as world:
        try:
            async with await world.ledger() as ledger:
                await catalogue.load_catalogue(ledger, world.stack.catalogue, at=datetime.now(UTC))
            async with asyncio.TaskGroup() as together:
                together.create_task(world.submit(orders))
                together.create_task(world.kill_at_random(trial.kills))
            await world.all_up()
            async with await world.ledger() as ledger:
                client = await world.client()
                ended = await _all_ended(ledger, client, [order.backorder_id for order in orders])
                assert await audit(ledger) == []
                await _same_in_the_books_of_others(world, ledger, ended)
                await _no_workflow_is_stuck(client)
        except BaseException:
            print(f"CRASH_SEED={trial.seed} repeats this trial", *world.told, sep="\n")
            raise


async def _all_ended(ledger: Ledger, client: Client, ids: list[str]) -> list[BackorderPosition]:
    """Wait until every backorder is closed; what stands still (no supplier, a blocked card) is cancelled by hand."""
    loop = asyncio.get_running_loop()
    deadline, last, since = loop.time() + SETTLES_WITHIN, "", loop.time()
    while True:
        positions = [await backorders.position(ledger, backorder_id) for backorder_id in ids]
        waiting = [p for p in positions if p.closed_at is None]
        if not waiting:
            return positions
        assert loop.time() < deadline, [(p.backorder_id, p.status, p.attention) for p in waiting]
        if (now := repr(waiting)) != last:
            last, since = now, loop.time()
        elif loop.time() - since > 20:
            await asyncio.gather(*(_cancel(client, p.backorder_id) for p in waiting))
            since = loop.time()
        await asyncio.sleep(1)


async def _cancel(client: Client, backorder_id: str) -> None:
    handle = client.get_workflow_handle(backorder_contract.workflow_id(backorder_id))
    with suppress(RPCError, WorkflowUpdateFailedError):  # it ended meanwhile
        await handle.execute_update(
            backorder_contract.CANCEL, backorder_contract.CancelRequest(reason="the trial is over")
        )


async def _same_in_the_books_of_others(world: KilledWorld, ledger: Ledger, ended: list[BackorderPosition]) -> None:
    """Money, parcels and orders are to the provider, the carrier and the suppliers what they are to us."""
    payments = await world.outside.payments.books()
    assert _twice(p.key for p in payments.payments) == []
    ours = {
        p.payment_id: (p.amount, "succeeded" if p.state is PaymentState.SUCCEEDED else "declined")
        for position in ended
        for p in position.payments
    }
    taken = {p.key: (p.amount, p.outcome) for p in payments.payments if p.outcome == "succeeded"}
    assert taken == {key: what for key, what in ours.items() if what[1] == "succeeded"}
    for position in ended:
        captured = sum((p.amount for p in position.payments if _moved(p, refund=False)), Decimal(0))
        given_back = sum((p.amount for p in position.payments if _moved(p, refund=True)), Decimal(0))
        assert position.shipped or captured == given_back, position

    parcels = (await world.outside.carrier.books()).parcels
    assert _twice(parcel.parcel_id for parcel in parcels) == []
    gone = {parcel.parcel_id: parcel.quantity for parcel in parcels if parcel.state == "possessed"}
    assert gone == {
        p.parcel_id: p.quantity for position in ended for p in position.parcels if p.state is ParcelState.POSSESSED
    }

    async with ledger.look() as connection:
        rows = await (
            await connection.execute(
                "select supplier_id, po_number from outbox where kind = 'place' and state = 'delivered'"
            )
        ).fetchall()
    for supplier in world.stack.catalogue.suppliers:
        theirs = [order.po_number for order in (await world.outside.supplier(supplier.supplier_id).books()).orders]
        assert _twice(theirs) == []
        assert set(theirs) == {str(po) for supplier_id, po in rows if supplier_id == supplier.supplier_id}


def _moved(payment: PaymentPosition, *, refund: bool) -> bool:
    return (payment.kind is PaymentKind.REFUND) is refund and payment.state is PaymentState.SUCCEEDED


def _twice(keys: Iterable[str]) -> list[str]:
    return [key for key, times in Counter(keys).items() if times > 1]


async def _no_workflow_is_stuck(client: Client) -> None:
    """No workflow failed, and none has a task that is tried again and again."""
    failed = [w.id async for w in client.list_workflows("ExecutionStatus in ('Failed', 'TimedOut', 'Terminated')")]
    assert failed == []
    async for running in client.list_workflows("ExecutionStatus = 'Running'"):
        described = await client.get_workflow_handle(running.id).describe()
        assert described.raw_description.pending_workflow_task.attempt <= 1, running.id
