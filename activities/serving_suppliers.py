"""A worker for each supplier's own task queue, kept in step with the catalogue while this process runs.

The queue's rate is the supplier's limit over all processes together: the Temporal server holds it. Who is slow or down
fills its own few slots, and nobody else's.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic

from temporalio.client import Client
from temporalio.worker import Worker

from activities.inward import wake_mailbox
from activities.world import World
from domain.catalogue import Supplier
from domain.names import supplier_task_queue

LOOK_EVERY = 5.0
"""Seconds between two looks at the catalogue: so long may a new supplier wait for its first exchange."""

WAKE_EVERY = 60.0
"""Seconds after which it is made sure once more that a supplier's mailbox runs: its settings may be mended by now, or
somebody ended the workflow."""

Build = Callable[[str, float | None], Worker]
"""Makes the worker of a task queue, with at most so many exchanges a second over all processes."""

log = logging.getLogger(__name__)


@dataclass
class _Served:
    rate: float | None
    stop: asyncio.Event
    running: asyncio.Task[None]
    wake_at: float = 0
    """When to make sure of the mailbox, by the monotonic clock."""


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
        self._leaving = asyncio.Event()

    async def follow(self) -> None:
        """Serve whoever is in the catalogue, until told to leave.

        Told by an event and never by a cancel: before Python 3.12 `asyncio.wait_for`, by which the ledger's pool waits,
        swallows a cancel that comes in the moment a connection does, and this loop would go on for ever.
        """
        while not self._leaving.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._leaving.wait()
                    return
            try:
                await self.look()
            except Exception:  # whatever it is: who is served goes on being served
                log.warning("the suppliers cannot be looked up just now; tried again at once", exc_info=True)

    async def look(self) -> None:
        """Begin with who is new, begin anew where the rate has changed, or a worker came to grief."""
        from ledger import catalogue

        for supplier in await catalogue.suppliers(self._world.ledger):
            if self._leaving.is_set():
                return
            served = self._served.get(supplier.supplier_id)
            if served is None or served.rate != supplier.requests_per_second or served.running.done():
                if served:
                    served.stop.set()
                    if failed := (await asyncio.gather(served.running, return_exceptions=True))[0]:
                        log.error("the worker of supplier %s ended: %s; it begins anew", supplier.supplier_id, failed)
                served = self._begin(supplier)
            if served.wake_at <= monotonic():
                served.wake_at = monotonic() + WAKE_EVERY
                await self._wake(supplier.supplier_id)

    def leave(self) -> None:
        """Have every worker finish what is in hand, and begin with no other."""
        self._leaving.set()
        for served in self._served.values():
            served.stop.set()

    async def left(self) -> None:
        """Wait until all of them have finished."""
        self.leave()  # a look that was under way may have begun with one more
        await asyncio.gather(*(served.running for served in self._served.values()), return_exceptions=True)

    def _begin(self, supplier: Supplier) -> _Served:
        queue = supplier_task_queue(self._task_queue, supplier.supplier_id)
        worker, stop = self._build(queue, supplier.requests_per_second), asyncio.Event()

        async def run() -> None:
            async with worker:
                await stop.wait()

        served = _Served(supplier.requests_per_second, stop, asyncio.create_task(run()))
        self._served[supplier.supplier_id] = served
        return served

    async def _wake(self, supplier_id: str) -> None:
        """Have the mailbox of a supplier run whose messages are fetched."""
        try:
            if (await self._world.supplier(supplier_id)).capabilities.poll:
                await wake_mailbox(self._client, supplier_id, task_queue=self._task_queue, look=False)
        except Exception as failed:  # noqa: BLE001 - a connector of anybody's making hinders no other supplier
            log.warning("the mailbox of supplier %s cannot be started just now: %s", supplier_id, failed)


@asynccontextmanager
async def serving_suppliers(queues: SupplierQueues) -> AsyncGenerator[None]:
    """Serve them meanwhile."""
    try:
        await queues.look()
        following = asyncio.create_task(queues.follow())
        try:
            yield
        finally:
            queues.leave()
            await following
    finally:
        await queues.left()
