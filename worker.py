"""A production worker: reads the environment, runs until told to stop.

Settings: `activities.settings.Settings` (PROMISEKEEPER_...), and Temporal's own environment (TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE, TEMPORAL_PROFILE ...: `temporalio.envconfig`). SIGTERM and SIGINT finish what is in hand first.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from psycopg_pool import PoolTimeout
from pydantic import ValidationError
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.worker import Interceptor, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities import logs
from activities.backorder import BackorderActivities
from activities.errors import InTradeWords
from activities.health import answering
from activities.heartbeats import Heartbeats
from activities.mailbox import MailboxActivities
from activities.metrics import runtime
from activities.purchase_order import PurchaseOrderActivities
from activities.readiness import missing_to
from activities.serving_suppliers import SupplierQueues, serving_suppliers
from activities.settings import Settings
from activities.sweeping import SweepActivities
from activities.tracing import traced
from activities.world import World
from domain.errors import PromisekeeperError
from domain.names import TASK_QUEUE
from workflows.backorder import Backorder
from workflows.connecting import connect
from workflows.mailbox import SupplierMailbox
from workflows.purchase_order import PurchaseOrder
from workflows.sweeps import Sweep
from workflows.tolerance import TolerantSignals

WORKFLOWS: Sequence[type] = (Backorder, PurchaseOrder, SupplierMailbox, Sweep)

PURE = (
    *("domain", "pydantic", "holidays", "tzdata", "zoneinfo"),
    *("workflows.backorder_contract", "workflows.purchase_order_contract", "workflows.mailbox_contract"),
)
"""Modules without state or effects, shared with the workflow sandbox instead of imported anew for each workflow, which
takes time, and a quarter of a megabyte for the models of a contract."""

CACHED = 500
"""Workflows a worker process keeps in memory. One that was put away is played again from its history when a message
comes: most backorders wait for weeks, so more memory would hold little that is needed soon."""

AT_ONE_SUPPLIER = 10
"""Exchanges with one supplier that a worker process has under way at once."""

STOP_WITHIN = timedelta(seconds=20)
"""What a bare worker gives steps in hand; ours read PROMISEKEEPER_STOP_WITHIN."""


def workflow_runner() -> SandboxedWorkflowRunner:
    """What workflows run in: here, and when their histories are replayed."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PURE))


@asynccontextmanager
async def at_work(client: Client, world: World, *, task_queue: str = TASK_QUEUE) -> AsyncGenerator[Worker]:
    """A worker with everything it serves, and one for each supplier's own queue; for production, demo and tests alike.

    Leaving finishes what is in hand.
    """
    orders, mailbox = PurchaseOrderActivities(world), MailboxActivities(world)
    steps = (BackorderActivities(world), orders, mailbox, SweepActivities(world))
    interceptors = [Heartbeats(), InTradeWords(), TolerantSignals()]
    worker = worker_of(
        client,
        task_queue,
        workflows=WORKFLOWS,
        activities=[step for activities in steps for step in _steps_of(activities)],
        interceptors=interceptors,
        stop_within=world.settings.stop_within,
    )

    def for_supplier(queue: str, rate: float | None) -> Worker:
        return Worker(
            client,
            task_queue=queue,
            activities=[orders.deliver, orders.chase, mailbox.look_into_mailbox],
            interceptors=interceptors,
            graceful_shutdown_timeout=world.settings.stop_within,
            max_concurrent_activities=AT_ONE_SUPPLIER,
            max_concurrent_activity_task_polls=2,
            max_task_queue_activities_per_second=rate,
        )

    async with worker, serving_suppliers(SupplierQueues(client, world, task_queue, for_supplier)):
        yield worker


def worker_of(
    client: Client,
    task_queue: str,
    *,
    workflows: Sequence[type],
    activities: Sequence[Callable[..., Any]],
    interceptors: Sequence[Interceptor] = (),
    stop_within: timedelta = STOP_WITHIN,
) -> Worker:
    """A worker set up as ours are, whatever it serves; `bench` measures bare workflows by it."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        activities=activities,
        interceptors=interceptors,
        workflow_runner=workflow_runner(),
        max_cached_workflows=CACHED,
        graceful_shutdown_timeout=stop_within,
    )


def _steps_of(activities: object) -> list[Callable[..., Any]]:
    """The methods marked with @activity.defn."""
    methods = (getattr(activities, name) for name in dir(activities) if not name.startswith("_"))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]


async def run_until_stopped(settings: Settings, temporal: Runtime) -> None:
    """Connect, work, and stop on SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect(settings.key_ring, runtime=temporal)
    world = await World.open(settings)
    try:
        workers = list[Worker]()

        async def missing() -> Sequence[str]:
            working = any(worker.is_running for worker in workers) and not stop.is_set()
            return (
                await missing_to(client, world.ledger) if working else ["it takes no work: it is starting or stopping"]
            )

        async with (
            answering(settings.worker_health_address, missing),
            at_work(client, world, task_queue=settings.task_queue) as worker,
        ):
            workers.append(worker)
            logging.info("worker ready on task queue %s", settings.task_queue)
            await stop.wait()
            logging.info("finishing what is in hand, for %s at most", settings.stop_within)
    finally:
        await world.close()


def main() -> int:
    """Run; a missing setting is named plainly. Returns the exit code."""
    try:
        settings = Settings()  # pyright: ignore[reportCallIssue] - its required fields come from the environment
    except ValidationError as missing:
        for error in missing.errors():
            print(f"PROMISEKEEPER_{str(error['loc'][0]).upper()}: {error['msg']}", file=sys.stderr)
        return 2
    logs.set_up(settings.log_format)
    try:
        temporal = runtime(settings)
    except ValueError as unusable:
        print(unusable, file=sys.stderr)
        return 2
    try:
        with traced("promisekeeper-worker"):
            asyncio.run(run_until_stopped(settings, temporal))
    except PromisekeeperError as refused:
        print(refused, file=sys.stderr)
        return 1
    except PoolTimeout:
        print("The ledger does not answer at PROMISEKEEPER_LEDGER_DSN: is its database up?", file=sys.stderr)
        return 1
    except RuntimeError as unreachable:
        if not str(unreachable).startswith("Failed client connect"):
            raise
        print(f"Temporal does not answer at TEMPORAL_ADDRESS: {unreachable}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # past the interpreter's teardown, which now and then aborts after a worker ran (sdk-python#300)
