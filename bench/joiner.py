"""`python -m bench.joiner DSN CONNECTIONS`: a client process of `merge`, which joins backorders to orders.

It reads ids from standard input up to an empty line, opens its connections, says `ready`, waits for a line, and then
sources every backorder, as many at once as it has connections. At the end it says how long each took, as JSON.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime

from bench.catalogue import HOT_SKU
from ledger.book import Ledger
from ledger.sourcing import Sourcing


async def join(dsn: str, connections: int, ids: list[str]) -> None:
    """Source these backorders, and say the seconds each took."""
    async with await Ledger.open(dsn, size=connections) as ledger:
        await asyncio.gather(*(_touch(ledger) for _ in range(connections)))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        sourcing = Sourcing(ledger)
        left, took = iter(ids), list[float]()

        async def one_after_the_other() -> None:
            for backorder_id in left:
                began = time.perf_counter()
                await sourcing.source(backorder_id, sku=HOT_SKU, key=f"join/{backorder_id}", at=datetime.now(UTC))
                took.append(time.perf_counter() - began)

        await asyncio.gather(*(one_after_the_other() for _ in range(connections)))
        print(json.dumps(took), flush=True)  # before the connections are closed, which is not what is measured


async def _touch(ledger: Ledger) -> None:
    """Have the pool open a connection, which is not what is measured."""
    async with ledger.look() as connection:
        await connection.execute("select pg_sleep(0.2)")


if __name__ == "__main__":
    named = [line.strip() for line in iter(sys.stdin.readline, "\n")]
    asyncio.run(join(sys.argv[1], int(sys.argv[2]), named))
