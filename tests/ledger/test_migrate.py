"""Bringing a database to the shape of the code."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import sql

from devstack.postgres import Postgres
from ledger import unreadable
from ledger.book import Ledger
from ledger.migrate import Migration, MigrationRefused, apply, migrate, shipped

FIRST = Migration("0001_first.sql", b"create table thing (id int); create table other (id int);")
SECOND = Migration("0002_second.sql", b"alter table thing add column name text;")


@pytest.fixture
async def empty_dsn(postgres_server: Postgres) -> AsyncIterator[str]:
    name = sql.Identifier(f"empty_{uuid.uuid4().hex}")
    async with await psycopg.AsyncConnection.connect(postgres_server.dsn(), autocommit=True) as admin:
        await admin.execute(sql.SQL("create database {}").format(name))
        yield postgres_server.dsn(name.as_string(None).strip('"'))
        await admin.execute(sql.SQL("drop database {} with (force)").format(name))


async def test_an_empty_database_gets_every_migration_once(empty_dsn: str) -> None:
    assert await migrate(empty_dsn) == [migration.name for migration in shipped()]
    assert await migrate(empty_dsn) == []


async def test_two_processes_that_migrate_at_once_apply_each_file_once(empty_dsn: str) -> None:
    results = await asyncio.gather(*(apply(empty_dsn, [FIRST, SECOND]) for _ in range(5)))
    assert sorted(results, key=len, reverse=True) == [[FIRST.name, SECOND.name], [], [], [], []]


async def test_a_later_file_is_applied_on_top(empty_dsn: str) -> None:
    await apply(empty_dsn, [FIRST])
    assert await apply(empty_dsn, [FIRST, SECOND]) == [SECOND.name]


async def test_a_file_that_was_changed_after_it_was_applied_is_refused(empty_dsn: str) -> None:
    await apply(empty_dsn, [FIRST])
    with pytest.raises(MigrationRefused, match=r"0001_first\.sql was changed"):
        await apply(empty_dsn, [FIRST._replace(sql=b"create table thing (id bigint);"), SECOND])


async def test_a_database_of_a_newer_version_is_refused(empty_dsn: str) -> None:
    await apply(empty_dsn, [FIRST, SECOND])
    with pytest.raises(MigrationRefused, match="newer version"):
        await apply(empty_dsn, [FIRST])


async def test_a_file_slipped_in_before_an_applied_one_is_refused(empty_dsn: str) -> None:
    await apply(empty_dsn, [SECOND._replace(sql=b"create table late (id int)")])
    with pytest.raises(MigrationRefused, match="higher number"):
        await apply(empty_dsn, [FIRST, SECOND._replace(sql=b"create table late (id int)")])


async def test_a_file_that_fails_leaves_nothing_of_itself(empty_dsn: str) -> None:
    broken = Migration("0002_broken.sql", b"create table half (id int); select nonsense;")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        await apply(empty_dsn, [FIRST, broken])
    async with await psycopg.AsyncConnection.connect(empty_dsn) as connection:
        assert await (await connection.execute("select to_regclass('half')::text")).fetchone() == (None,)
    assert await apply(empty_dsn, [FIRST, SECOND]) == [SECOND.name]


async def test_messages_that_an_older_release_could_not_read_are_left_to_a_person(empty_dsn: str) -> None:
    older = [migration for migration in shipped() if migration.name < "0005"]
    await apply(empty_dsn, older)
    async with await psycopg.AsyncConnection.connect(empty_dsn, autocommit=True) as connection:
        await connection.execute(
            "insert into supplier (supplier_id, status, doc) values ('acme', 'trusted', '{}')",
        )
        for key, why in (("a", "no JSON"), ("b", None)):
            await connection.execute(
                "insert into inbox (supplier_id, door, dedupe_key, sha256, headers, body, received_at, unreadable) "
                "values ('acme', 'webhook', %s, '', '{}', '', now(), %s)",
                (key, why),
            )
    await migrate(empty_dsn)
    async with await Ledger.open(empty_dsn, size=1) as ledger:
        (waiting,), total = await unreadable.unreadable(ledger, "acme")
        assert (waiting.why, total) == ("no JSON", 1)
