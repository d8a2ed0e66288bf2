"""The book itself: a pool of connections, keyed facts, consistent reads, and the one lock of a SKU.

A fact is one business event in one transaction. Its journal row is written first, so a second writer with the same key
waits on the unique index and then finds the fact done: every write is at-least-once in, exactly-once in effect. Rules
and quantities live in the other modules of `ledger/`; nothing here knows what a purchase order is.

Lock order, everywhere: item rows of the SKUs concerned (sorted) -> purchase_order (a search that joins several takes
them by supplier id) -> po_line -> backorder -> the rest.
Every change of a quantity of a SKU happens under its item row, so a backorder's quantities are touched only under the
lock of its SKU; what is no quantity (promise, attention, a requested cancel) needs the backorder's row alone.
"""

import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, LiteralString, Self, TypeVar

from psycopg import AsyncConnection
from psycopg.errors import CheckViolation
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from domain.errors import BooksDoNotBalance
from ledger.laws import LAWS
from ledger.migrate import must_fit

Connection = AsyncConnection[TupleRow]
Row = TypeVar("Row")

_WRITE = """
    insert into journal (key, subject, kind, at, facts) values (%(key)s, %(subject)s, %(kind)s, %(at)s, %(facts)s)
    on conflict (key) do nothing returning seq
"""
_WRITE_MANY = """
    insert into journal (key, subject, kind, at, facts)
    select key, subject, %(kind)s, at, '{}'
    from unnest(%(keys)s::text[], %(subjects)s::text[], %(ats)s::timestamptz[]) as f (key, subject, at) order by key
    on conflict (key) do nothing returning key
"""
_COMPLETE_MANY = """
    update journal set facts = f.facts
    from unnest(%(keys)s::text[], %(facts)s::jsonb[]) as f (key, facts) where journal.key = f.key
"""
_RECALL = "select subject, result from journal where key = %s"
_COMPLETE = "update journal set subject = %s, facts = %s, result = %s where key = %s"
_CONSEQUENCES = """
    insert into journal (key, subject, kind, at, facts)
    select f.subject || '#' || gen_random_uuid(), f.subject, %(kind)s, %(at)s, f.facts
    from unnest(%(subjects)s::text[], %(facts)s::jsonb[]) with ordinality as f (subject, facts, n) order by f.n
"""
_LOCK_SKUS = "select sku from item where sku = any(%s) order by sku for no key update"


def as_json(value: Any) -> Jsonb:
    """Plain data for a jsonb column; dates and decimals become text."""
    return Jsonb(value, dumps=partial(json.dumps, default=str))


class Fact:
    """One keyed business fact in its transaction."""

    def __init__(
        self, connection: Connection, *, key: str, subject: str, repeated: bool, facts: dict[str, Any], result: Any
    ) -> None:
        """Made by `Ledger.fact` only."""
        self.connection = connection
        """The open transaction; every statement of the fact goes through it."""
        self.key = key
        self.subject = subject
        """The workflow id it is told of; may be set while the fact is written, if only then known."""
        self.repeated = repeated
        """True: the fact was written before and nothing is to be done; `result` is what was stored then."""
        self.facts = facts
        self.result: Any = result
        """Plain data kept with the fact, so that a repeat can answer as the first time."""
        self._first = (subject, dict(facts), result)

    def note(self, **facts: Any) -> None:
        """Add to what the journal says. `text` is the sentence that people read in the story."""
        self.facts.update(facts)

    @property
    def changed(self) -> bool:
        """Was anything noted after the journal row was written?"""
        return (self.subject, self.facts, self.result) != self._first


_RECONNECT_WITHIN = 10.0
"""Seconds that the pool tries by itself to replace a lost connection, each wait twice the last. Whoever wants one then
lets it try anew. With the pool's own five minutes its waits grow as long as the database is gone: after a minute's
absence it looks again a minute later."""


class Ledger:
    """The ledger's database: open it once a process, share it between all that run there."""

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        """Use `Ledger.open`."""
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, *, size: int = 10, patience: float = 30) -> Self:
        """Connect to a database that has the shape this code needs.

        Args:
            dsn: A PostgreSQL connection string.
            size: The most connections held at once.
            patience: Seconds to wait for one of them before `PoolTimeout` is raised.

        Raises:
            psycopg_pool.PoolTimeout: The database cannot be reached.
            ledger.migrate.MigrationRefused: It belongs to an older or a newer version.
        """
        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=patience,
            reconnect_timeout=_RECONNECT_WITHIN,
            kwargs={"autocommit": True},
            configure=_configure,
            open=False,
            name="ledger",
        )
        await pool.open(wait=True)
        try:
            async with pool.connection() as connection:
                await must_fit(connection)
        except BaseException:
            await pool.close()
            raise
        return cls(pool)

    async def close(self) -> None:
        """Close every connection. What is in a transaction is rolled back."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        """The open ledger itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    @asynccontextmanager
    async def fact(
        self, *, key: str, subject: str, kind: str, at: datetime, facts: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Fact, None]:
        """Write one business fact, once.

        Args:
            key: Made of a workflow id and a step; the same key again is a repeat, whoever sends it.
            subject: The workflow id it is told of, `backorder/...` or `po/...`.
            kind: What happened, in one or two words.
            at: When it is decided, an aware instant.
            facts: What the journal says; see `Fact.note`.

        Raises:
            BooksDoNotBalance: a law of the books would be broken; nothing was written.
        """
        noted = dict(facts or {})
        async with self.work() as connection:
            row = {"key": key, "subject": subject, "kind": kind, "at": at, "facts": as_json(noted)}
            if await (await connection.execute(_WRITE, row)).fetchone() is None:
                recalled = await (await connection.execute(_RECALL, (key,))).fetchone()
                first_subject, result = recalled if recalled else (subject, None)
                yield Fact(connection, key=key, subject=first_subject, repeated=True, facts=noted, result=result)
            else:
                fact = Fact(connection, key=key, subject=subject, repeated=False, facts=noted, result=None)
                yield fact
                if fact.changed:
                    result = None if fact.result is None else as_json(fact.result)
                    await connection.execute(_COMPLETE, (fact.subject, as_json(fact.facts), result, key))

    @asynccontextmanager
    async def facts(
        self, named: Mapping[str, tuple[str, datetime]], *, kind: str
    ) -> AsyncGenerator[dict[str, Fact], None]:
        """Write many facts of one kind in one transaction, each of them once.

        Args:
            named: key to (subject, at); see `fact`.
            kind: what happened, in one or two words.

        Returns:
            By key, those that were not written before: the others need nothing. They keep what is noted, and no result.

        Raises:
            BooksDoNotBalance: a law of the books would be broken; nothing was written.
        """
        async with self.work() as connection:
            subjects, ats = (list(column) for column in zip(*named.values(), strict=True))
            rows = {"keys": list(named), "subjects": subjects, "ats": ats, "kind": kind}
            written = await (await connection.execute(_WRITE_MANY, rows)).fetchall()
            new = {
                key: Fact(connection, key=key, subject=named[key][0], repeated=False, facts={}, result=None)
                for (key,) in written
            }
            yield new
            if told := [fact for fact in new.values() if fact.changed]:
                notes = {"keys": [fact.key for fact in told], "facts": [as_json(fact.facts) for fact in told]}
                await connection.execute(_COMPLETE_MANY, notes)

    @asynccontextmanager
    async def work(self) -> AsyncGenerator[Connection, None]:
        """A transaction without a journal row, for writes that are idempotent by ids of their own.

        Raises:
            BooksDoNotBalance: a law of the books would be broken; nothing was written.
        """
        try:
            async with self._pool.connection() as connection, connection.transaction():
                yield connection
        except CheckViolation as broken:
            raise _law_broken(broken) from broken

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Connection, None]:
        """A read-only view of the books as they stood at one moment."""
        async with self._pool.connection() as connection:
            await connection.execute("begin isolation level repeatable read, read only")
            try:
                yield connection
            finally:
                await connection.execute("rollback")

    @asynccontextmanager
    async def look(self) -> AsyncGenerator[Connection, None]:
        """A connection for ONE reading statement, which sees one moment anyway: no transaction, one round trip."""
        async with self._pool.connection() as connection:
            yield connection


async def _configure(connection: Connection) -> None:
    """Instants come back in UTC, whatever the server's zone; and who vanishes leaves no lock behind.

    A process that ends closes its connections, but a machine that is cut off does not: without a limit the server would
    keep its transaction, and the lock of its SKU, for hours. Nothing here waits for anybody within a transaction.
    """
    await connection.execute("set time zone 'UTC'")
    await connection.execute("set idle_in_transaction_session_timeout = '1min'")


def _law_broken(violation: CheckViolation) -> BooksDoNotBalance:
    constraint = violation.diag.constraint_name or "an unnamed check"
    law = constraint[:2].upper()  # the constraint that holds a law is named after it: l3_no_share_without_supply
    broken = f"{law}: {LAWS[law]}" if law in LAWS else f"The check {constraint} of table {violation.diag.table_name}."
    return BooksDoNotBalance(
        f"{broken} This would be broken; nothing was written. It is a defect of ours: report it with this message."
    )


async def lock_skus(connection: Connection, skus: Iterable[str]) -> None:
    """Take the lock of each SKU until the transaction ends. Take all that are needed at once, before any other lock.

    `no key update` so that accepting an order for the SKU (a foreign key) need not wait for those who move its units.
    """
    await connection.execute(_LOCK_SKUS, (sorted(set(skus)),))


async def fetch(
    connection: Connection, model: type[Row], query: LiteralString, params: Sequence[Any] | Mapping[str, Any] = ()
) -> list[Row]:
    """Every row of a query, each as a `model` built from the columns by name."""
    async with connection.cursor(row_factory=class_row(model)) as cursor:
        await cursor.execute(query, params)
        return await cursor.fetchall()


async def fetch_one(
    connection: Connection, model: type[Row], query: LiteralString, params: Sequence[Any] | Mapping[str, Any] = ()
) -> Row | None:
    """The first row of a query as a `model`, or None."""
    async with connection.cursor(row_factory=class_row(model)) as cursor:
        await cursor.execute(query, params)
        return await cursor.fetchone()


async def record_consequences(
    connection: Connection, *, kind: str, at: datetime, facts: Sequence[tuple[str, Mapping[str, Any]]]
) -> None:
    """Journal what a keyed fact did to others, in its own transaction: (subject, facts) each, `text` for the story.

    They need no key of their own making: they are repeated exactly when the fact that causes them is, which is never.
    """
    if facts:
        subjects = [subject for subject, _ in facts]
        values = [as_json(dict(what)) for _, what in facts]
        await connection.execute(_CONSEQUENCES, {"kind": kind, "at": at, "subjects": subjects, "facts": values})
