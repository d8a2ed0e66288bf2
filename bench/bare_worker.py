"""`python -m bench.bare_worker QUEUE`: a worker process like the product's own, which serves the bare workflows."""

import asyncio
import os
import signal
import sys

from activities.sealing import ring_of_environment
from bench.bare import BareStory, BareSupplier, bare_local_step, bare_step
from worker import worker_of
from workflows.connecting import connect


async def run_until_stopped(task_queue: str) -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await connect(ring_of_environment())
    # the same runner, sandbox and tuning as production, so that only what the steps do differs
    worker = worker_of(client, task_queue, workflows=[BareStory, BareSupplier], activities=[bare_step, bare_local_step])
    async with worker:
        print("worker ready on task queue", task_queue, flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(run_until_stopped(sys.argv[1]))
    os._exit(0)  # past the interpreter's teardown, which now and then aborts after a worker ran (sdk-python#300)
