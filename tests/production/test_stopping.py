"""Processes that are told to stop finish what they hold; what takes too long is another's; who does not fit says so."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from connectors.rest import trusted
from ledger import catalogue
from ledger.migrate import apply, shipped
from tests.production.compose import ROOT
from tests.workflows.shop import Shop, eventually, small_catalogue

NewDatabase = Callable[[], AbstractContextManager[str]]


@dataclass
class Processes:
    """Processes of ours on a task queue of their own, which the shop's orders go to."""

    environment: dict[str, str]
    folder: Path
    running: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self, *command: str, **changes: str) -> asyncio.subprocess.Process:
        """Start a module as the image does."""
        with (self.folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *command, cwd=ROOT, env=self.environment | changes, stdout=log, stderr=log
            )
        self.running.append(process)
        return process

    async def kill_all(self) -> None:
        for process in self.running:
            if process.returncode is None:
                process.kill()
                await process.wait()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


def plain(value: object) -> str:
    """A setting as the environment holds it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds():f}S"
    return json.dumps(value, default=str) if isinstance(value, dict | bool | None) else str(value)


@pytest.fixture
async def processes(shop: Shop, tmp_path: Path) -> AsyncIterator[Processes]:
    shop.task_queue = f"stopped-{shop.run}"
    settings = shop.world.settings.model_copy(update={"task_queue": shop.task_queue})
    ours = {
        "TEMPORAL_ADDRESS": shop.client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": shop.client.namespace,
        **{f"PROMISEKEEPER_{name.upper()}": plain(value) for name, value in settings},
    }
    opened = Processes({**os.environ, **ours}, tmp_path)
    yield opened
    await opened.kill_all()


@asynccontextmanager
async def being_sent(shop: Shop) -> AsyncIterator[str]:
    """A purchase order that a worker is just sending to a supplier who takes ten seconds; sent once in the end."""
    patient = small_catalogue(shop.outside)
    suppliers = tuple(
        one.model_copy(update={"connector_config": {**one.connector_config, "timeout_seconds": 60}})
        for one in patient.suppliers
    )
    patient = patient.model_copy(update={"suppliers": suppliers})
    await catalogue.load_catalogue(shop.world.ledger, patient, at=datetime.now(UTC))
    await shop.order()
    po_number = await shop.po_number()
    await shop.supplier().fail_next("slow", 1, on="place", seconds=10)
    await shop.po(po_number).execute_update("release_now")
    await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "unknown")
    yield po_number
    await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
    books = await shop.supplier().books()
    assert [order.po_number for order in books.orders] == [po_number]


async def test_a_worker_told_to_stop_finishes_the_order_it_is_sending(shop: Shop, processes: Processes) -> None:
    worker = await processes.start("worker")
    async with being_sent(shop) as po_number:
        worker.send_signal(signal.SIGTERM)
        assert await worker.wait() == 0, processes.log
        position = await shop.po_until(po_number, lambda p: p.place is not None)
        assert position.place is not None
        assert position.place.state == "delivered", "it did not wait for the supplier's answer"
        await processes.start("worker")
    assert "Traceback" not in processes.log


async def test_a_step_that_takes_longer_than_the_grace_is_given_to_the_next_worker(
    shop: Shop, processes: Processes
) -> None:
    worker = await processes.start("worker", PROMISEKEEPER_STOP_WITHIN="PT0.2S")
    async with being_sent(shop) as po_number:
        worker.send_signal(signal.SIGTERM)
        assert await worker.wait() == 0, processes.log
        position = await shop.po_until(po_number, lambda p: p.place is not None)
        assert position.place is not None
        assert position.place.state == "unknown", "it waited longer than it was to"
        await processes.start("worker")
        await shop.forward(shop.po(po_number), timedelta(seconds=40))


async def test_the_gateway_told_to_stop_answers_what_it_was_asked(
    shop: Shop, processes: Processes, unused_tcp_port: int
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    gateway = await processes.start("gateway", PROMISEKEEPER_GATEWAY_PORT=str(unused_tcp_port))
    await answered(f"{url}/health/ready", 200, processes)
    dsn = shop.world.settings.ledger_dsn.get_secret_value()
    async with (
        await psycopg.AsyncConnection.connect(dsn) as holding,
        httpx.AsyncClient(headers={"Authorization": "Bearer upstream-key"}, timeout=60, trust_env=False) as door,
    ):
        await holding.execute("lock table backorder in access exclusive mode")
        asked = asyncio.create_task(door.get(f"{url}/backorders/no-such"))
        await eventually(lambda: waiting_for_a_lock(holding), lambda: waiting_for_a_lock(holding))
        gateway.send_signal(signal.SIGTERM)
        await refused(f"{url}/health/live")
        await holding.rollback()
        assert (await asked).status_code == 404
    assert await gateway.wait() in (0, -signal.SIGTERM), processes.log
    assert "Traceback" not in processes.log


async def test_a_worker_says_whether_it_lives_and_is_ready(
    shop: Shop, processes: Processes, unused_tcp_port: int
) -> None:
    address = f"127.0.0.1:{unused_tcp_port}"
    worker = await processes.start("worker", PROMISEKEEPER_WORKER_HEALTH_ADDRESS=address)
    await answered(f"http://{address}/readyz", 200, processes)
    await answered(f"http://{address}/livez", 200, processes)
    for question, code in (("readyz", 0), ("livez", 0), ("no-such", 1)):
        assert await (await processes.start("cli.probe", f"http://{address}/{question}")).wait() == code
    assert await (await processes.start("cli.probe")).wait() == 2
    # while a release is rolled out: a ledger that is newer takes no running worker out of its work
    dsn = shop.world.settings.ledger_dsn.get_secret_value()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        name = shipped()[-1].name
        await connection.execute("insert into migration (name, sha256) values ('9999_newer.sql', '')")
        await answered(f"http://{address}/readyz", 200, processes)
        await connection.execute("delete from migration where name = '9999_newer.sql'")
        await connection.execute("update migration set name = 'gone' where name = %s", (name,))
        said = await answered(f"http://{address}/readyz", 503, processes)
        await connection.execute("update migration set name = %s where name = 'gone'", (name,))
        assert f"lacks {name}" in said
    await answered(f"http://{address}/readyz", 200, processes)
    async with being_sent(shop):
        worker.send_signal(signal.SIGTERM)
        assert "stopping" in await answered(f"http://{address}/readyz", 503, processes)
        await answered(f"http://{address}/livez", 200, processes)
        assert await worker.wait() == 0, processes.log
        await refused(f"http://{address}/livez")
        await processes.start("worker")


@pytest.mark.parametrize("module", ["worker", "gateway"])
async def test_one_that_does_not_fit_the_ledger_says_what_to_run_and_ends(
    module: str, processes: Processes, new_database: NewDatabase
) -> None:
    with new_database() as empty, new_database() as older, new_database() as newer:
        await apply(older, shipped()[:1])
        await apply(newer, shipped())
        async with await psycopg.AsyncConnection.connect(newer, autocommit=True) as connection:
            await connection.execute("insert into migration (name, sha256) values ('9999_newer.sql', '')")
        for dsn, said in (
            (empty, f"lacks {shipped()[0].name}"),
            (older, f"lacks {shipped()[1].name}"),
            (newer, "(9999_newer.sql): it belongs to a newer version"),
        ):
            process = await processes.start(module, PROMISEKEEPER_LEDGER_DSN=dsn)
            assert await process.wait() == 1
            assert said in processes.log
    assert "Traceback" not in processes.log


async def test_a_worker_without_temporal_says_so_and_ends(processes: Processes, unused_tcp_port: int) -> None:
    worker = await processes.start("worker", TEMPORAL_ADDRESS=f"127.0.0.1:{unused_tcp_port}")
    assert await worker.wait() == 1
    assert "Temporal does not answer at TEMPORAL_ADDRESS" in processes.log
    assert "Traceback" not in processes.log


async def answered(url: str, status: int, processes: Processes) -> str:
    """Ask until the answer has that status; what it says."""

    async def ask() -> str | None:
        assert processes.running[0].returncode is None, processes.log
        try:
            async with httpx.AsyncClient(timeout=10, trust_env=False, verify=trusted()) as door:
                answer = await door.get(url)
        except httpx.TransportError:
            return None
        return answer.text if answer.status_code == status else None

    async def last() -> str:
        return processes.log

    found: str = await eventually(ask, last)
    return found


async def refused(url: str) -> None:
    """Ask until nobody takes connections there any more."""

    async def ask() -> bool | None:
        try:
            async with httpx.AsyncClient(timeout=10, trust_env=False, verify=trusted()) as door:
                await door.get(url)
        except httpx.ConnectError:
            return True
        except httpx.TransportError:
            return None
        return None

    await eventually(ask, ask)


async def waiting_for_a_lock(connection: psycopg.AsyncConnection) -> bool | None:
    """Whether somebody waits for what this connection holds."""
    query = """
        select count(*) from pg_locks
        where not granted and database = (select oid from pg_database where datname = current_database())
    """
    row = await (await connection.execute(query)).fetchone()
    return bool(row and row[0]) or None
