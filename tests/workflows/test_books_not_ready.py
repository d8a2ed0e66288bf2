"""A ledger that is not as the worker knows it, in the middle of an upgrade: workflows wait for it, and none ends."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from domain.backorder_position import Status
from tests.workflows.shop import Shop, eventually
from workflows import backorder_contract


@contextmanager
def without_a_column(ledger_dsn: str) -> Iterator[None]:
    """What every position is read from is not there yet."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute("alter table backorder rename column sourcing_failed_since to not_there_yet")
        yield
        connection.execute("alter table backorder rename column not_there_yet to sourcing_failed_since")


async def tried_twice(handle: WorkflowHandle, activity: str) -> None:
    """Wait until a step has failed and is tried again."""

    async def retried() -> bool | None:
        described = await handle.describe()
        assert described.status == WorkflowExecutionStatus.RUNNING
        pending = described.raw_description.pending_activities
        return any(one.activity_type.name == activity and one.attempt > 1 for one in pending) or None

    await eventually(retried, handle.describe)


@pytest.mark.alters_tables
async def test_an_order_that_comes_before_the_ledger_is_migrated_is_accepted_after_it(
    shop: Shop, ledger_dsn: str
) -> None:
    with without_a_column(ledger_dsn):
        handle = await shop.order(sku="CHAIR", quantity=1)
        await tried_twice(handle, "accept")
    await shop.parcel_taken()
    assert (await shop.closed()).status is Status.CLOSED


@pytest.mark.alters_tables
async def test_a_backorder_that_looks_before_the_ledger_is_migrated_goes_on_after_it(
    shop: Shop, ledger_dsn: str
) -> None:
    handle = await shop.order()
    po_number = await shop.acknowledged()
    with without_a_column(ledger_dsn):
        await handle.signal(backorder_contract.SUPPLY_CHANGED)
        await tried_twice(handle, "look")
    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 2


@pytest.mark.alters_tables
async def test_a_defect_that_nobody_can_be_told_of_holds_a_backorder_up_and_does_not_end_it(
    shop: Shop, ledger_dsn: str
) -> None:
    """Neither can the duty be done nor an operator be asked: the check refuses every change of the row."""
    handle = await shop.order()
    await shop.acknowledged()
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute("alter table backorder add constraint never check (cancelled > 0) not valid")
        await handle.cancel()
        await tried_twice(handle, "request_cancel")
        connection.execute("alter table backorder drop constraint never")
    assert (await shop.closed()).cancelled == 2
