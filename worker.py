"""A production worker: reads the environment, runs until told to stop.

Settings: `activities.settings.Settings` (PROMISEKEEPER_...), and Temporal's own environment (TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE, TEMPORAL_PROFILE ...: `temporalio.envconfig`). SIGTERM and SIGINT finish what is in hand first.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.worker import Interceptor, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.backorder import BackorderActivities
from activities.errors import InTradeWords
from activities.heartbeats import Heartbeats
from activities.purchase_order import PurchaseOrderActivities
from activities.settings import Settings
from activities.world import World
from domain.names import TASK_QUEUE
from workflows.backorder import Backorder
from workflows.connecting import connect
from workflows.purchase_order import PurchaseOrder
from workflows.tolerance import TolerantSignals

GRACE = timedelta(seconds=20)
"""What a step in hand may take after SIGTERM; less than the orchestrator's grace."""

WORKFLOWS: Sequence[type] = (Backorder, PurchaseOrder)

PURE = ("domain", "pydantic", "holidays", "tzdata", "zoneinfo")
"""Modules without state or effects, shared with the workflow sandbox instead of imported anew for each workflow."""


def build_worker(client: Client, world: World, *, task_queue: str = TASK_QUEUE) -> Worker:
    """The worker with everything it serves; used by production, the demo and the tests alike."""
    backorder, purchase_order = BackorderActivities(world), PurchaseOrderActivities(world)
    return worker_of(
        client,
        task_queue,
        workflows=WORKFLOWS,
        activities=[*_steps_of(backorder), *_steps_of(purchase_order)],
        interceptors=[Heartbeats(), InTradeWords(), TolerantSignals()],
    )


def worker_of(
    client: Client,
    task_queue: str,
    *,
    workflows: Sequence[type],
    activities: Sequence[Callable[..., Any]],
    interceptors: Sequence[Interceptor] = (),
) -> Worker:
    """A worker set up as ours are, whatever it serves; `bench` measures bare workflows by it."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        activities=activities,
        interceptors=interceptors,
        workflow_runner=SandboxedWorkflowRunner(
            restrictions=SandboxRestrictions.default.with_passthrough_modules(*PURE)
        ),
        graceful_shutdown_timeout=GRACE,
    )


def _steps_of(activities: object) -> list[Callable[..., Any]]:
    """The methods marked with @activity.defn."""
    methods = (getattr(activities, name) for name in dir(activities) if not name.startswith("_"))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]


async def run_until_stopped() -> None:
    """Connect, work, and stop on SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings = Settings()  # pyright: ignore[reportCallIssue] - its fields come from the environment
    client = await connect()
    world = await World.open(settings)
    try:
        async with build_worker(client, world, task_queue=settings.task_queue):
            logging.info("worker ready on task queue %s", settings.task_queue)
            await stop.wait()
    finally:
        await world.close()


def main() -> int:
    """Run; a missing setting is named plainly. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(run_until_stopped())
    except ValidationError as missing:
        for error in missing.errors():
            print(f"PROMISEKEEPER_{str(error['loc'][0]).upper()}: {error['msg']}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # past the interpreter's teardown, which now and then aborts after a worker ran (sdk-python#300)
