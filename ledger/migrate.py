"""Brings a ledger's database to the shape this code needs: forward only, each file once, checked.

The files in `ledger/migrations/` are applied in the order of their names, each in one transaction. What was applied is
recorded with its SHA-256, so that a file changed afterwards, or a database of newer code, is an error and not a guess.
"""

import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from domain.errors import PromisekeeperError

LOCK: Final = 728051402
"""Whoever changes a database's shape holds this advisory lock; the number is ours and means nothing else."""

_LOCK = "select pg_advisory_lock(%s)"
_UNLOCK = "select pg_advisory_unlock(%s)"
RECORD_TABLE: Final = """
    create table if not exists migration (
        name       text primary key,
        sha256     text not null,
        applied_at timestamptz not null default now()
    )
"""
_APPLIED = "select name, sha256 from migration"
_IS_THERE = "select to_regclass('migration') is not null"
RECORD: Final = "insert into migration (name, sha256) values (%s, %s)"


class MigrationRefused(PromisekeeperError):
    """The database cannot be brought to this code's shape; the message says why. What was applied before stays."""


class Migration(NamedTuple):
    """One file of SQL."""

    name: str
    sql: bytes

    @property
    def sha256(self) -> str:
        """What is recorded of it."""
        return hashlib.sha256(self.sql).hexdigest()


def shipped() -> list[Migration]:
    """The migrations that come with this code, in order."""
    folder = resources.files("ledger") / "migrations"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return sorted(Migration(file.name, file.read_bytes()) for file in files)


async def migrate(dsn: str) -> list[str]:
    """Apply what is missing; two processes at once are safe.

    Args:
        dsn: A PostgreSQL connection string whose user may create tables.

    Returns:
        The names of the files applied now; empty if the database was up to date.

    Raises:
        MigrationRefused: the database is newer than this code, or an applied file was changed afterwards.
    """
    return await apply(dsn, shipped())


async def apply(dsn: str, migrations: list[Migration]) -> list[str]:
    """Apply those of `migrations` that the database does not have (see `migrate`)."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(_LOCK, (LOCK,))
        try:
            await connection.execute("set client_min_messages = warning")
            await connection.execute(RECORD_TABLE)
            missing = still_missing(migrations, await _applied(connection))
            for migration in missing:
                async with connection.transaction():
                    await connection.execute(migration.sql)
                    await connection.execute(RECORD, (migration.name, migration.sha256))
            return [migration.name for migration in missing]
        finally:
            await connection.execute(_UNLOCK, (LOCK,))


async def must_fit(connection: AsyncConnection[TupleRow]) -> None:
    """Refuse to work on a ledger of another version; asked when a process opens it.

    Raises:
        MigrationRefused: the ledger is older or newer than this code; the message says what to run.
    """
    if missing := still_missing(shipped(), await _applied(connection)):
        raise MigrationRefused(
            f"the ledger's database lacks {', '.join(migration.name for migration in missing)}: it is older than this "
            "version. Run `promisekeeper migrate` of this version first"
        )


async def lacks(connection: AsyncConnection[TupleRow]) -> list[str]:
    """Names of the migrations that this code has and the ledger has not.

    A ledger that is newer lacks nothing: while a release is rolled out, processes of the one before go on with it.
    """
    applied = await _applied(connection)
    return [migration.name for migration in shipped() if migration.name not in applied]


async def _applied(connection: AsyncConnection[TupleRow]) -> dict[str, str]:
    if await (await connection.execute(_IS_THERE)).fetchone() == (False,):
        return {}
    rows = await (await connection.execute(_APPLIED)).fetchall()
    return {str(name): str(sha256) for name, sha256 in rows}


def still_missing(migrations: list[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """What is still to be applied to a database with those applied (name to SHA-256). Raises: MigrationRefused."""
    known = {migration.name for migration in migrations}
    if unknown := sorted(applied.keys() - known):
        raise MigrationRefused(
            f"the database has migrations that this code does not know ({', '.join(unknown)}): it belongs to a newer "
            "version. Run that version; there is no way back"
        )
    for migration in migrations:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise MigrationRefused(
                f"{migration.name} was changed after it was applied to this database. Restore the file, and put the "
                "change into a new migration"
            )
    missing = [migration for migration in migrations if migration.name not in applied]
    if missing and applied and missing[0].name < max(applied):
        raise MigrationRefused(
            f"{missing[0].name} comes before {max(applied)}, which is applied already. Give the new one a higher number"
        )
    return missing
