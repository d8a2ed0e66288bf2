"""A worker for each supplier's own task queue, kept in step with the catalogue while this process runs.

The queue's rate is the supplier's limit over all processes together: the Temporal server holds it. Who is slow or down
fills its own few slots, and nobody else's.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.inward import wake_mailbox
from activities.world import World
from domain.catalogue import Supplier
from domain.names import supplier_task_queue

LOOK_EVERY = 5.0
"""Seconds between two looks at the catalogue: so long may a new supplier wait for its first exchange."""

Build = Callable[[str, float | None], Worker]
"""Makes the worker of a task queue, with at most so many exchanges a second over all processes."""

log = logging.getLogger(__name__)


@dataclass
class _Served:
    rate: float | None
    stop: asyncio.Event
    running: asyncio.Task[None]


class SupplierQueues:
    """The workers of all suppliers' queues in this process."""

    def __init__(self, client: Client, world: World, task_queue: str, build: Build) -> None:
        """Serve nobody yet.

        Args:
            client: where the queues are.
            world: the ledger, whose catalogue says who there is.
            task_queue: of the workflows.
            build: makes one worker.
        """
        self._client = client
        self._world = world
        self._task_queue = task_queue
        self._build = build
        self._served: dict[str, _Served] = {}

    async def follow(self) -> None:
        """Serve whoever is in the catalogue, until cancelled; then finish what is in hand."""
        import psycopg
        from psycopg_pool import PoolTimeout

        try:
            while True:
                try:
                    await self.look()
                except (psycopg.Error, PoolTimeout, RPCError) as away:
                    log.warning("the suppliers cannot be looked up just now: %s", away)
                await asyncio.sleep(LOOK_EVERY)
        finally:
            for served in self._served.values():
                served.stop.set()
            await asyncio.gather(*(served.running for served in self._served.values()), return_exceptions=True)

    async def look(self) -> None:
        """Begin with who is new, begin anew where the rate has changed, or a worker came to grief."""
        from ledger import catalogue

        for supplier in await catalogue.suppliers(self._world.ledger):
            served = self._served.get(supplier.supplier_id)
            if served and served.rate == supplier.requests_per_second and not served.running.done():
                continue
            if served:
                served.stop.set()
                if failed := (await asyncio.gather(served.running, return_exceptions=True))[0]:
                    log.error("the worker of supplier %s ended: %s; it begins anew", supplier.supplier_id, failed)
            await self._begin(supplier)

    async def _begin(self, supplier: Supplier) -> None:
        from connectors.errors import WronglySetUp

        queue = supplier_task_queue(self._task_queue, supplier.supplier_id)
        worker, stop = self._build(queue, supplier.requests_per_second), asyncio.Event()

        async def run() -> None:
            async with worker:
                await stop.wait()

        self._served[supplier.supplier_id] = _Served(supplier.requests_per_second, stop, asyncio.create_task(run()))
        with suppress(WronglySetUp):  # then nothing can be fetched; orders to it say so
            if (await self._world.supplier(supplier.supplier_id)).capabilities.poll:
                await wake_mailbox(self._client, supplier.supplier_id, task_queue=self._task_queue, look=False)


@asynccontextmanager
async def serving_suppliers(queues: SupplierQueues) -> AsyncGenerator[None]:
    """Serve them meanwhile."""
    await queues.look()
    following = asyncio.create_task(queues.follow())
    try:
        yield
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
