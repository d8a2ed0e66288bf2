"""What the tests stand on: one PostgreSQL and one Temporal server a session, both real and started lazily.

A test that needs a ledger takes `ledger_dsn`: empty, its own while it runs, then emptied for the next one. One that
changes the tables themselves is marked `alters_tables`; one that needs several ledgers takes `new_ledger`. A workflow
test takes `env`: a real Temporal server whose workflows each have a clock of their own that `env.fast_forward` moves.
"""

import asyncio
import fcntl
import itertools
import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import psycopg
import pytest
from psycopg import sql
from temporalio.converter import DataConverter
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from activities.sealing import KeyRing, data_converter
from devstack import ports, postgres, temporal_server
from devstack.ownership import FolderTakenError, Records, sole_owner
from devstack.processes import Supervisor
from tests.patience import PATIENCE

_SESSIONS = Path(tempfile.gettempdir()) / f"promisekeeper-tests-{os.getuid()}"
# Nothing would be missed after a crash; and the ledger that is emptied again and again stays small by itself.
_NOTHING_TO_LOSE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


_PORTS_OF_A_SESSION = 200


@pytest.fixture(scope="session")
def unused_tcp_port_factory() -> Iterator[Callable[[], int]]:
    """Gives ports that nobody else is given, however long it takes until somebody listens on them.

    They lie below those that the kernel hands out to sockets which do not ask for one (32768 and up on Linux, 49152 on
    macOS), in a block whose lock this process holds.
    """
    _SESSIONS.mkdir(exist_ok=True)
    block, lock = _own_block(range(20_000, 32_000, _PORTS_OF_A_SESSION))
    numbers = itertools.cycle(range(block, block + _PORTS_OF_A_SESSION))
    with lock:
        yield lambda: next(number for number in numbers if ports.is_free(number))


def _own_block(blocks: range) -> tuple[int, TextIO]:
    for block in blocks:
        lock = (_SESSIONS / f"ports-{block}").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            return block, lock
    raise RuntimeError(f"all {len(blocks)} blocks of ports are taken by other test sessions")


@pytest.fixture
def unused_tcp_port(unused_tcp_port_factory: Callable[[], int]) -> int:
    """One such port."""
    return unused_tcp_port_factory()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a stack to live in: short, since Unix sockets have room for about a hundred characters, and one that
    others may pass, as PostgreSQL has to when the tests run as root.

    Not `tmp_path`: every pytest that starts meanwhile closes the folder above those again.
    """
    made = Path(tempfile.mkdtemp(prefix="pk-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
async def postgres_server() -> AsyncIterator[postgres.Postgres]:
    """A PostgreSQL of this session's own, in a temporary folder that goes with it."""
    await asyncio.to_thread(_clear_up_after_killed_sessions)
    folder = Path(tempfile.mkdtemp(dir=_SESSIONS))
    server = postgres.Postgres(folder / "postgres", settings=_NOTHING_TO_LOSE)
    with sole_owner(folder):
        supervisor = Supervisor(folder, [postgres.part(server)], tell=print)
        try:
            await supervisor.start()
            yield server
        finally:
            await supervisor.stop()
            await asyncio.to_thread(_remove, folder)


def _clear_up_after_killed_sessions() -> None:
    with _one_session_removes():
        # run/ appears only after its owner has taken the folder, so one that is just being made is not mistaken
        for run in _SESSIONS.glob("*/run"):
            with suppress(FolderTakenError), sole_owner(run.parent):
                Records(run).end_all()
                shutil.rmtree(run.parent)


def _remove(folder: Path) -> None:
    with _one_session_removes():
        shutil.rmtree(folder)


@contextmanager
def _one_session_removes() -> Generator[None]:
    """Removing a folder removes its lock, after which another session could take it for one that nobody owns."""
    _SESSIONS.mkdir(exist_ok=True)
    with (_SESSIONS / "removing").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
    def clone() -> Generator[str]:
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


_END_OTHERS = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
"""
_EMPTY = """
    do $$ declare book text; begin
        set local session_replication_role = replica;  -- in any order, and without a word from triggers
        for book in select quote_ident(tablename) from pg_tables
            where schemaname = current_schema() and tablename <> 'migration' loop
            execute 'delete from ' || book;
        end loop;
        perform setval(quote_ident(sequencename)::regclass, start_value, false) from pg_sequences
            where schemaname = current_schema();
    end $$
"""


@pytest.fixture(scope="session")
def emptied_ledger(new_ledger: Callable[[], AbstractContextManager[str]]) -> Iterator[Callable[[], str]]:
    """Empties the one ledger that tests use in turn, which takes a hundredth of making one, and gives its dsn."""
    with new_ledger() as dsn:

        def empty() -> str:
            with psycopg.connect(dsn, autocommit=True) as admin:
                admin.execute(_END_OTHERS)  # what a failed test left open would make the next statement wait for ever
                admin.execute(_EMPTY)
            return dsn

        yield empty


@pytest.fixture
def ledger_dsn(request: pytest.FixtureRequest, new_ledger: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """The dsn of an empty ledger that is this test's alone while it runs."""
    if request.node.get_closest_marker("alters_tables"):
        with new_ledger() as dsn:
            yield dsn
    else:
        yield request.getfixturevalue("emptied_ledger")()


@pytest.fixture(scope="session")
async def env() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server. Time stands at now for every workflow until `env.fast_forward(handle, timedelta(...))`."""
    async with temporal_for_tests(data_converter(KeyRing())) as environment:
        yield environment


@asynccontextmanager
async def temporal_for_tests(converter: DataConverter) -> AsyncGenerator[WorkflowEnvironment]:
    """Such a server, with a client of this converter."""
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        # disabled: else an idle workflow jumps to its next timer before the test's signal arrives
        ts_config=TimeSkippingConfig(enabled=False),
        data_converter=converter,
        dev_server_existing_path=str(temporal_server.binary()),
        dev_server_startup_timeout=timedelta(seconds=PATIENCE),
        dev_server_extra_args=[
            *temporal_server.search_attribute_arguments(),
            *("--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"),
        ],
    )
    try:
        yield environment
    finally:
        await environment.shutdown()


def pytest_configure(config: pytest.Config) -> None:
    # a time limit or a CI that ends the run by SIGTERM leaves no more servers behind than Ctrl-C does
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.addinivalue_line("markers", "alters_tables: the test gets a ledger of its own, since it changes its tables")


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
    if _exit_status in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_exit_status])
