"""The shop of the workflow tests, databases to restore into, and a folder that PostgreSQL's own user may pass."""

import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from temporalio.testing import WorkflowEnvironment

from devstack.postgres import Postgres
from tests.workflows.shop import Shop, open_shop


@pytest.fixture
async def shop(env: WorkflowEnvironment, tmp_path: Path, ledger_dsn: str) -> AsyncIterator[Shop]:
    """A shop with its own ledger, outside world, gateway and worker."""
    async with open_shop(env, tmp_path, ledger_dsn, uuid.uuid4().hex[:12]) as open_for_business:
        yield open_for_business


@pytest.fixture(scope="session")
def new_database(postgres_server: Postgres) -> Callable[[], AbstractContextManager[str]]:
    """Gives `with new_database() as dsn`: an empty database, dropped at the end of the block."""

    @contextmanager
    def create() -> Generator[str]:
        name = f"empty_{uuid.uuid4().hex}"
        with psycopg.connect(postgres_server.dsn(), autocommit=True) as admin:
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            try:
                yield postgres_server.dsn(name)
            finally:
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    return create


@pytest.fixture
def empty_dsn(new_database: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """An empty database."""
    with new_database() as dsn:
        yield dsn


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path that PostgreSQL's own user may pass: Unix sockets have room for about a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="pk-") as made:
        path = Path(made)
        path.chmod(0o755)
        yield path
