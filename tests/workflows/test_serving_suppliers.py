"""A worker for each supplier's queue: it comes and goes with the process, and no supplier hinders another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities import serving_suppliers
from activities.mailbox import MailboxActivities
from activities.serving_suppliers import SupplierQueues
from connectors.suppliers.transports.sftp import AFTER_A_WRONG_LOGIN
from domain.catalogue import Catalogue, Supplier
from domain.names import mailbox_workflow_id
from ledger import catalogue
from tests.connectors.transports.sftp_partner import USER, sftp_partner
from tests.patience import PATIENCE
from tests.workflows.shop import Shop, eventually
from workflows.mailbox import SupplierMailbox
from workflows.mailbox_contract import MailboxInput

ROUNDS = 10


@asynccontextmanager
async def serving(shop: Shop, name: str) -> AsyncIterator[SupplierQueues]:
    """Workers of a second process, on queues of its own."""
    mailbox = MailboxActivities(shop.world)

    def build(queue: str, rate: float | None) -> Worker:
        return Worker(
            shop.client,
            task_queue=queue,
            activities=[mailbox.look_into_mailbox],
            max_task_queue_activities_per_second=rate,
        )

    queues = SupplierQueues(shop.client, shop.world, f"{shop.task_queue}-{name}", build)
    async with serving_suppliers.serving_suppliers(queues):
        yield queues


async def test_leaving_ends_even_if_the_ledger_answers_in_that_very_moment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_suppliers, "LOOK_EVERY", 0.0)
    pool = shop.world.ledger._pool

    async def come_and_go(name: str) -> None:
        async with serving(shop, name):
            held = [await pool.getconn() for _ in range(pool.max_size)]
            await asyncio.sleep(0.05)
            for connection in held:
                await pool.putconn(connection)

    for n in range(ROUNDS):
        async with asyncio.timeout(PATIENCE):
            await come_and_go(f"round-{n}")


@pytest.fixture
async def in_files(shop: Shop, tmp_path: Path) -> AsyncIterator[Any]:
    """Loads a supplier whose files are fetched."""
    ids: list[str] = []

    async def load(name: str, **config: Any) -> str:
        ids.append(f"{name}-{shop.run}")
        folders = {"kind": "folder", "outbox": str(tmp_path / "orders"), "inbox": str(tmp_path / "answers")}
        supplier = Supplier(
            supplier_id=ids[-1],
            name=name.title(),
            currency="USD",
            connector="csv",
            connector_config={"partner": {}, "transport": folders} | config,
        )
        books = Catalogue(suppliers=(supplier,), items=(), supplier_items=())
        await catalogue.load_catalogue(shop.world.ledger, books, at=datetime.now(UTC))
        return ids[-1]

    yield load
    for supplier_id in set(ids):
        await shop.client.get_workflow_handle(mailbox_workflow_id(supplier_id)).terminate()


async def runs(shop: Shop, supplier_id: str) -> None:
    """Wait until the supplier's mailbox runs."""

    async def status() -> Any:
        try:
            return (await shop.client.get_workflow_handle(mailbox_workflow_id(supplier_id)).describe()).status
        except RPCError as not_yet:
            return str(not_yet)

    async def running() -> bool | None:
        return await status() is WorkflowExecutionStatus.RUNNING or None

    await eventually(running, status)


async def test_a_mailbox_that_somebody_ended_is_started_again(
    shop: Shop, in_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_suppliers, "WAKE_EVERY", 0.1)
    monkeypatch.setattr(serving_suppliers, "LOOK_EVERY", 0.1)
    papyrus = await in_files("papyrus")
    async with serving(shop, "second"):
        await runs(shop, papyrus)
        await shop.client.get_workflow_handle(mailbox_workflow_id(papyrus)).terminate()
        await runs(shop, papyrus)


async def test_a_mailbox_starts_when_wrong_settings_are_mended_and_hinders_nobody_before(
    shop: Shop, in_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_suppliers, "WAKE_EVERY", 0.1)
    monkeypatch.setattr(serving_suppliers, "LOOK_EVERY", 0.1)
    wrong = await in_files("aquarelle", transport={"kind": "folder"})
    papyrus = await in_files("papyrus")
    async with serving(shop, "second"):
        await runs(shop, papyrus)
        await in_files("aquarelle")
        await runs(shop, wrong)


async def test_a_supplier_that_does_not_let_us_in_is_left_alone_for_as_long_as_its_connector_asks(
    shop: Shop, in_files: Any, tmp_path: Path
) -> None:
    async with sftp_partner(tmp_path) as partner:
        login = {"host": "127.0.0.1", "port": partner.port, "user": USER, "password": "guessed"}
        where = {"host_keys": partner.fingerprint, "outbox": "/orders", "inbox": "/answers"}
        mailbox = await in_files("papyrus", transport={"kind": "sftp", **login, **where})
        await runs(shop, mailbox)
        handle = shop.client.get_workflow_handle(mailbox_workflow_id(mailbox))

        async def trouble() -> Any:
            return (await handle.query("standing"))["trouble"]

        assert "does not let" in await eventually(trouble, trouble)

        async def waits() -> list[timedelta]:
            return [
                event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
                async for event in handle.fetch_history_events()
                if event.HasField("timer_started_event_attributes")
            ]

        assert (await waits(), partner.logins) == ([AFTER_A_WRONG_LOGIN], 1)

        await shop.client.start_workflow(
            SupplierMailbox.run,
            MailboxInput(supplier_id=mailbox, looks_per_run=1),
            id=handle.id,
            task_queue=shop.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        )

        async def waited() -> list[timedelta] | None:
            return await waits() or None

        await eventually(waited, trouble)  # by the run after the one that looked
        assert ("does not let" in await trouble(), await waits(), partner.logins) == (True, [AFTER_A_WRONG_LOGIN], 2)
