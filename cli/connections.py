"""How commands reach Temporal and the ledger. Nobody there is a plain error that names the address and the setting."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from psycopg import AsyncConnection, Error, ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from temporalio.client import Client

from activities import tracing
from activities.sealing import data_converter, ring_of_environment
from cli.environment import LEDGER_DSN, TEMPORAL_ADDRESS
from cli.errors import CommandFailed
from domain.names import TASK_QUEUE
from ledger.book import Ledger
from workflows.connecting import profile

SECONDS_TO_CONNECT = 5


async def temporal_client() -> Client:
    """A client for the Temporal server that the environment or temporal.toml names.

    Raises:
        CommandFailed: nobody answers there, or the profile or the payload keys cannot be read.
    """
    try:
        chosen, converter = profile(), data_converter(ring_of_environment())
    except (RuntimeError, ValueError, OSError) as unreadable:
        raise CommandFailed(f"the Temporal settings cannot be read: {unreadable}") from unreadable
    address = chosen.get("target_host")
    try:
        async with asyncio.timeout(SECONDS_TO_CONNECT):
            return await Client.connect(**chosen, data_converter=converter, interceptors=tracing.interceptors())
    except (RuntimeError, TimeoutError) as unreachable:
        if "InvalidCertificate" in str(unreachable):
            raise CommandFailed(
                f"the server at {address} shows a certificate that is not believed ({_why_not(unreachable)}); nothing "
                "was sent to it. If it is yours, set TEMPORAL_TLS_SERVER_CA_CERT_PATH to its authority's certificate."
            ) from unreachable
        raise CommandFailed(
            f"no Temporal server answers at {address}. Start `promisekeeper dev` in this folder, "
            f"or set {TEMPORAL_ADDRESS} to where yours is."
        ) from unreachable


def _why_not(error: Exception) -> str:
    """The SDK's own word for what is wrong with a certificate, such as UnknownIssuer or Expired."""
    said = re.search(r"InvalidCertificate\((\w+)", str(error))
    return said[1] if said else "InvalidCertificate"


def task_queue() -> str:
    """The task queue that worker and gateway use: PROMISEKEEPER_TASK_QUEUE, or the contract's own."""
    return os.environ.get("PROMISEKEEPER_TASK_QUEUE") or TASK_QUEUE


def ledger_dsn() -> str | None:
    """The connection string of the ledger, if one is set."""
    return os.environ.get(LEDGER_DSN) or None


def address_of(dsn: str) -> str:
    """Where a connection string points, without user or password, fit to be shown."""
    try:
        parts: Mapping[str, object] = conninfo_to_dict(dsn)
    except ProgrammingError:
        return "(an unreadable connection string)"
    port = f":{parts['port']}" if "port" in parts else ""
    return f"{parts.get('host', 'localhost')}{port}/{parts.get('dbname', '')}"


@asynccontextmanager
async def open_ledger() -> AsyncGenerator[Ledger, None]:
    """The ledger that PROMISEKEEPER_LEDGER_DSN names, open until the block ends.

    Raises:
        CommandFailed: the variable is not set, nobody answers, or the database holds no ledger.
    """
    dsn = ledger_dsn()
    if dsn is None:
        raise CommandFailed(
            f"{LEDGER_DSN} is not set, so there is no ledger to ask. Start `promisekeeper dev` in this folder, "
            "or set it to the PostgreSQL connection string of yours."
        )
    await _there_is_a_ledger(dsn)
    ledger = await Ledger.open(dsn, size=4)
    try:
        yield ledger
    finally:
        await ledger.close()


async def reachable(dsn: str) -> None:
    """Raises: CommandFailed - no PostgreSQL answers there in a few seconds, or it does not let us in."""
    async with _connection(dsn):
        pass


def first_line(error: Exception) -> str:
    """What PostgreSQL says first; the rest quotes the statement."""
    return (str(error).strip().splitlines() or ["no reason given"])[0]


async def _there_is_a_ledger(dsn: str) -> None:
    """A pool waits half a minute for a database that is not there, so one connection asks first."""
    async with _connection(dsn) as connection:
        row = await (await connection.execute("select to_regclass('journal')")).fetchone()
    if row is None or row[0] is None:
        raise CommandFailed(
            f"the database at {address_of(dsn)} ({LEDGER_DSN}) holds no ledger yet; run `promisekeeper migrate`"
        )


@asynccontextmanager
async def _connection(dsn: str) -> AsyncGenerator[AsyncConnection]:
    try:
        connection = await AsyncConnection.connect(dsn, connect_timeout=SECONDS_TO_CONNECT)
    except Error as unreachable:
        raise CommandFailed(
            f"no ledger answers at {address_of(dsn)} ({LEDGER_DSN}): {first_line(unreachable)}. "
            "Start `promisekeeper dev` in this folder, or set it to where yours is."
        ) from unreachable
    async with connection:
        yield connection
