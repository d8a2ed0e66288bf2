"""All books in one file, and back: taken at one moment while the ledger works, and restored whole or not at all.

The file is a ZIP: of each table what PostgreSQL's COPY writes (text, UTF-8), and last `manifest.json` with the version
of the books, each table's columns, rows and SHA-256, and the sequences. A file without a manifest is not finished. It
needs no program of PostgreSQL's, and any ZIP reader and `\\copy` get at it should this one be lost.

One thing happens after the other here, so this is plain blocking code, for a command.
"""

import fcntl
import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import IO, Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, class_row
from pydantic import ValidationError

from domain.errors import PromisekeeperError
from domain.values import Frozen, Instant
from ledger.migrate import LOCK, RECORD, RECORD_TABLE, Migration, MigrationRefused, shipped, still_missing

FORMAT: Final = 1
"""Of the file. Another number is another layout."""

_MANIFEST = "manifest.json"
_BLOCK = 1 << 18
"""Bytes that are handed on at once."""

_PLAIN_TEXT = (
    "set client_encoding = 'UTF8'",
    "set time zone 'UTC'",
    "set datestyle = 'ISO, YMD'",
    "set client_min_messages = warning",
    "set statement_timeout = 0",
)
"""What COPY writes and reads must not depend on how a server or a user is set up."""

# `migration` is not copied: restoring applies the files themselves, so the shape is theirs and not what a copy says.
_TABLES = """
    select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace and c.relname <> 'migration'
      and a.attgenerated = ''
    group by c.relname order by c.relname
"""
_REFERENCES = """
    select conrelid::regclass::text, confrelid::regclass::text from pg_constraint
    where contype = 'f' and connamespace = current_schema()::regnamespace and conrelid <> confrelid
"""
_SEQUENCES = """
    select sequencename::text, coalesce(last_value, 0) from pg_sequences where schemaname = current_schema()
"""
_MIGRATIONS = "select name, sha256 from migration order by name"
_WHAT_IS_THERE = """
    select count(*) from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'S')
"""

Progress = Callable[[int, int], None]
"""Told now and then: rows done since the last time, rows there are in all."""


class BackupRefused(PromisekeeperError):
    """There is nothing to save, or the file cannot be restored here; the message says why. Nothing was changed."""


class Table(Frozen):
    """One table as it was saved."""

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str
    """Of the text that COPY wrote."""


class AppliedMigration(Frozen):
    """One file of SQL that had been applied."""

    name: str
    sha256: str


class Manifest(Frozen):
    """What a backup says of itself."""

    format: int
    taken_at: Instant
    migrations: tuple[AppliedMigration, ...]
    tables: tuple[Table, ...]
    sequences: dict[str, int]
    """The last number each gave; 0: none yet."""

    @property
    def rows(self) -> int:
        """In all tables together."""
        return sum(table.rows for table in self.tables)


class _Columns(NamedTuple):
    name: str
    columns: list[str]


Connection = psycopg.Connection[TupleRow]


def save(dsn: str, file: Path, *, at: datetime, progress: Progress) -> Manifest:
    """Write all books to a file, as they stood at one moment. Nobody waits for it but `migrate`.

    Args:
        dsn: the ledger's PostgreSQL connection string.
        file: must not be there yet. It holds customers' data: only its owner may read it.
        at: now.
        progress: is told how far it is.

    Raises:
        BackupRefused: the database holds no ledger.
        OSError: the file is there already, cannot be written, or the disk is full; no half file has its name.
    """
    with psycopg.connect(dsn, autocommit=True) as connection, _new_file(file) as unfinished:
        _prepare(connection)
        # before the snapshot is taken: a table must not change its shape between that and its copy
        connection.execute("select pg_advisory_lock_shared(%s)", (LOCK,))
        with connection.transaction(), zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            connection.execute("set transaction isolation level repeatable read, read only")
            migrations = _migrations(connection)
            found = _tables(connection)
            total = sum(_one(connection, "select count(*) from {}", sql.Identifier(table.name)) for table in found)
            tables = [_save_table(connection, archive, table, lambda rows: progress(rows, total)) for table in found]
            # after the tables: a sequence knows no snapshot, and must be ahead of all numbers that were copied
            sequences = {str(name): int(last) for name, last in connection.execute(_SEQUENCES).fetchall()}
            manifest = Manifest(
                format=FORMAT, taken_at=at, migrations=tuple(migrations), tables=tuple(tables), sequences=sequences
            )
            archive.writestr(_MANIFEST, manifest.model_dump_json(indent=2))
    return manifest


def load(dsn: str, file: Path, *, skip_numbers: int, progress: Progress) -> Manifest:
    """Fill an empty database from a backup, in one transaction: it is the whole ledger afterwards, or still empty.

    A backup of an older version gets the migrations it lacks on top.

    Args:
        dsn: an empty database, whose user may create tables.
        file: written by `save`.
        skip_numbers: how many numbers each sequence leaves out. What was done after the backup is not in it, but
            suppliers and Temporal know the purchase orders of that time: their numbers must not be given again.
        progress: is told how far it is.

    Raises:
        BackupRefused: the file is damaged or of a newer version, or the database is not empty.
    """
    with _opened(file) as archive, psycopg.connect(dsn, autocommit=True) as connection:
        manifest = _manifest(archive)
        _prepare(connection)
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            if _one(connection, _WHAT_IS_THERE):
                raise BackupRefused(
                    "the database is not empty, and a backup is never put over books. Create a new database, and "
                    "restore into that"
                )
            later = _create_tables(connection, manifest)
            _load_tables(connection, archive, manifest, progress)
            for name, last in manifest.sequences.items():
                if last + skip_numbers:
                    connection.execute("select setval(quote_ident(%s)::regclass, %s)", (name, last + skip_numbers))
            for migration in later:
                connection.execute(migration.sql)
                connection.execute(RECORD, (migration.name, migration.sha256))
        connection.execute("analyze")
    return manifest


def _prepare(connection: Connection) -> None:
    for setting in _PLAIN_TEXT:
        connection.execute(setting)


@contextmanager
def _new_file(file: Path) -> Generator[IO[bytes]]:
    """A file beside it that gets its name when all is written and on the disk; nothing is left if it fails."""
    if file.exists():
        raise FileExistsError(f"{file} is there already; a backup does not overwrite another. Give a new name")
    partial = file.with_name(f"{file.name}.partial")
    # not with O_EXCL: a backup that was killed leaves one, and the next must not need a person
    with open(os.open(partial, os.O_RDWR | os.O_CREAT, 0o600), "w+b") as unfinished:
        try:
            fcntl.flock(unfinished, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise FileExistsError(
                f"another backup is just writing {partial}; wait for it, or give a new name"
            ) from taken
        try:
            unfinished.truncate(0)
            yield unfinished
            unfinished.flush()
            os.fsync(unfinished.fileno())
            partial.rename(file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    folder = os.open(file.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too, is on the disk
    finally:
        os.close(folder)


def _save_table(
    connection: Connection, archive: zipfile.ZipFile, found: _Columns, progress: Callable[[int], None]
) -> Table:
    digest, rows = hashlib.sha256(), 0
    with (
        archive.open(_member(found.name), "w", force_zip64=True) as member,
        connection.cursor() as cursor,
        cursor.copy(_copy("copy {} ({}) to stdout", found.name, found.columns)) as copied,
    ):
        for block in _in_blocks(copied):
            digest.update(block)
            member.write(block)
            lines = block.count(b"\n")  # one a row: COPY escapes those within values
            rows += lines
            progress(lines)
    return Table(name=found.name, columns=tuple(found.columns), rows=rows, sha256=digest.hexdigest())


def _in_blocks(rows: Iterable[Any]) -> Generator[bytes]:
    """The rows of a copy, many at a time: compressing each by itself would take longer than all the rest."""
    gathered = bytearray()
    for row in rows:
        gathered += row
        if len(gathered) >= _BLOCK:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


@contextmanager
def _opened(file: Path) -> Generator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError) as damaged:
        raise BackupRefused(f"{file} is no backup, or it is damaged: {damaged}. Take another one") from damaged


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(archive.read(_MANIFEST))
    except (KeyError, ValidationError) as unreadable:
        raise BackupRefused("the file has no readable manifest, so it is no finished backup") from unreadable
    if manifest.format != FORMAT:
        raise BackupRefused(
            f"the backup is of format {manifest.format}, and this version reads {FORMAT}. Restore it with the version "
            "that wrote it, then migrate"
        )
    return manifest


def _create_tables(connection: Connection, manifest: Manifest) -> list[Migration]:
    """Make the tables as they were when the backup was taken. Returns the migrations that came later."""
    applied = {migration.name: migration.sha256 for migration in manifest.migrations}
    try:
        later = still_missing(shipped(), applied)
    except MigrationRefused as other_version:
        raise BackupRefused(f"the backup was taken of a ledger of another version: {other_version}") from other_version
    connection.execute(RECORD_TABLE)
    for migration in shipped():
        if migration.name in applied:
            connection.execute(migration.sql)
            connection.execute(RECORD, (migration.name, migration.sha256))
    made = {table.name: tuple(table.columns) for table in _tables(connection)}
    if made != {table.name: table.columns for table in manifest.tables}:
        raise BackupRefused(
            "the backup's tables are not those of its version: the database it is of was changed by hand"
        )
    return later


def _load_tables(connection: Connection, archive: zipfile.ZipFile, manifest: Manifest, progress: Progress) -> None:
    """Fill the tables, each after those it refers to."""
    saved = {table.name: table for table in manifest.tables}
    order = TopologicalSorter[str](dict.fromkeys(saved, ()))
    for table, other in connection.execute(_REFERENCES).fetchall():
        order.add(table, other)
    for name in order.static_order():
        _load_table(connection, archive, saved[name], lambda rows: progress(rows, manifest.rows))


def _load_table(
    connection: Connection, archive: zipfile.ZipFile, table: Table, progress: Callable[[int], None]
) -> None:
    digest = hashlib.sha256()
    try:
        with archive.open(_member(table.name)) as member, connection.cursor() as cursor:
            with cursor.copy(_copy("copy {} ({}) from stdin", table.name, table.columns)) as copied:
                while block := member.read(_BLOCK):
                    digest.update(block)
                    copied.write(block)
                    progress(block.count(b"\n"))
            rows = cursor.rowcount
    except (KeyError, psycopg.DataError, psycopg.IntegrityError) as damaged:
        raise BackupRefused(f"table {table.name} cannot be read from the backup; it is damaged") from damaged
    if (rows, digest.hexdigest()) != (table.rows, table.sha256):
        raise BackupRefused(f"table {table.name} is not what the backup's manifest says; it is damaged")


def _migrations(connection: Connection) -> list[AppliedMigration]:
    if not _one(connection, "select count(*) from pg_class where oid = to_regclass('migration')"):
        raise BackupRefused("the database holds no ledger, so there is nothing to save")
    with connection.cursor(row_factory=class_row(AppliedMigration)) as cursor:
        return cursor.execute(_MIGRATIONS).fetchall()


def _tables(connection: Connection) -> list[_Columns]:
    with connection.cursor(row_factory=class_row(_Columns)) as cursor:
        return cursor.execute(_TABLES).fetchall()


def _one(connection: Connection, query: LiteralString, *parts: sql.Composable) -> int:
    """The one number that a query finds."""
    row = connection.execute(sql.SQL(query).format(*parts)).fetchone()
    return int(row[0]) if row else 0


def _copy(query: LiteralString, table: str, columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(query).format(sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)))


def _member(table: str) -> str:
    return f"tables/{table}.copy"
