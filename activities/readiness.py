"""Can this process work? What gateway and worker both ask before they say that they are ready."""

import asyncio
import logging

import psycopg
from temporalio.client import Client
from temporalio.service import RPCError

from ledger.book import Ledger
from ledger.migrate import lacks

PATIENCE = 2.0
"""Seconds that each part is given to answer; less than whoever asks waits."""

log = logging.getLogger(__name__)


async def missing_to(client: Client, ledger: Ledger) -> list[str]:
    """What a process that works with this Temporal and this ledger lacks, in words; nothing: it can work."""
    found = await asyncio.gather(_of_the_ledger(ledger), _of_temporal(client))
    return [words for words in found if words]


async def _of_the_ledger(ledger: Ledger) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE), ledger.look() as connection:
            lacking = await lacks(connection)
    except (TimeoutError, psycopg.Error) as failure:
        log.warning("the ledger does not answer: %s", type(failure).__name__)
        return "the ledger does not answer"
    return f"the ledger lacks {', '.join(lacking)}; run `promisekeeper migrate`" if lacking else None


async def _of_temporal(client: Client) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            answered = await client.service_client.check_health()
    except (TimeoutError, RPCError, RuntimeError) as failure:
        # RuntimeError: how a client that has never reached its server says so
        log.warning("Temporal does not answer: %s", type(failure).__name__)
        answered = False
    return None if answered else "Temporal does not answer"
