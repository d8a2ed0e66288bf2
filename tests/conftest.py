"""What the tests stand on: one PostgreSQL and one Temporal server a session, both real, both started when first asked for.

A test that needs a ledger takes `ledger_dsn` (fresh for each test) or, to make several, `new_ledger`. A workflow test
takes `env`: a real Temporal server whose workflows each have a clock of their own that `env.fast_forward` moves.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from devstack import postgres, temporal_server
from devstack.processes import as_user

_NOTHING_TO_LOSE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
async def postgres_server() -> AsyncIterator[postgres.Postgres]:
    """A PostgreSQL of this session's own, in a temporary folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="pk-"))
    server = postgres.Postgres(folder / "postgres", settings=_NOTHING_TO_LOSE)
    await asyncio.to_thread(server.prepare)
    with (folder / "postgres.log").open("wb") as log:
        process = subprocess.Popen(
            server.command, stdout=log, stderr=log, start_new_session=True, **as_user(server.user)
        )
    try:
        while not await server.ready():
            if process.poll() is not None:
                pytest.fail(f"PostgreSQL did not start:\n{(folder / 'postgres.log').read_text()}")
            await asyncio.sleep(0.02)
        yield server
    finally:
        process.send_signal(postgres.STOP_SIGNAL)
        process.wait(timeout=30)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def ledger_template(postgres_server: postgres.Postgres) -> str:
    """The name of a database with every migration applied, to be cloned."""
    from ledger.migrate import migrate  # noqa: PLC0415 - so that tests without a ledger do not load it

    await migrate(await postgres_server.ensure_database("ledger_template"))
    return "ledger_template"


@pytest.fixture(scope="session")
def new_ledger(postgres_server: postgres.Postgres, ledger_template: str) -> Callable[[], AbstractContextManager[str]]:
    """Gives `with new_ledger() as dsn`: an empty ledger with all migrations, dropped at the end of the block."""

    @contextmanager
    def clone() -> Iterator[str]:
        name = f"ledger_{uuid.uuid4().hex}"
        with psycopg.connect(postgres_server.dsn(), autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(ledger_template))
            )
            try:
                yield postgres_server.dsn(name)
            finally:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    return clone


@pytest.fixture
def ledger_dsn(new_ledger: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """The dsn of an empty ledger that is this test's alone."""
    with new_ledger() as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def env(request: pytest.FixtureRequest) -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server. Time stands at now for every workflow until `env.fast_forward(handle, timedelta(...))`."""
    request.config.stash[_ran_temporal] = True
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        # disabled: else an idle workflow jumps to its next timer before the test's signal arrives
        ts_config=TimeSkippingConfig(enabled=False),
        data_converter=pydantic_data_converter,
        dev_server_existing_path=str(temporal_server.binary()),
        dev_server_extra_args=[
            *temporal_server.search_attribute_arguments(),
            *("--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"),
        ],
    )
    try:
        yield environment
    finally:
        await environment.shutdown()


_ran_temporal = pytest.StashKey[bool]()
_exit_status = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_exit_status] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave with the status pytest decided on, past the interpreter's teardown.

    Now and then an interpreter that ran a Temporal worker aborts while it is torn down, after all work is done
    (sdk-python#300). Everything is reported and closed by now; only that teardown is skipped.
    """
    if config.stash.get(_ran_temporal, False) and _exit_status in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_exit_status])
