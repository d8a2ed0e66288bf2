"""One run of a stack in its folder: take the folder, clear up after a killed predecessor, start, stay up, stop."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from devstack import ports
from devstack.ownership import Records, sole_owner
from devstack.processes import Part, Supervisor

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(
    folder: Path,
    listening: Sequence[ports.Port],
    parts: Sequence[Part],
    tell: Callable[[str], None],
    once_up: Callable[[Supervisor], Awaitable[None]],
) -> None:
    """Run parts until a signal comes, then stop them all; a second signal hurries the stop.

    Args:
        folder: where logs, process records and the lock go.
        listening: the ports the parts will take, checked before anything starts.
        parts: in the order to start.
        tell: takes one line for people whenever something happens.
        once_up: runs when all parts are up, and is cancelled at the stop. Its end does not end the run; its error does.

    Raises:
        FolderTakenError: another supervisor runs in this folder.
        PortTakenError: a port is in use.
        PartFailedError: a part does not start or keeps dying.
    """
    with sole_owner(folder):
        left = await asyncio.to_thread(Records(folder / "run").end_all)
        if left:
            tell(f"ended what the last run was killed away from: {', '.join(left)}")
        ports.check(listening)
        supervisor = Supervisor(folder, parts, tell)
        told = asyncio.Event()

        def stop_or_hurry() -> None:
            if told.is_set():
                supervisor.hurry()
            told.set()

        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, stop_or_hurry)
        try:
            await _until(told, _live(supervisor, once_up))
        finally:
            tell("stopping; once more Ctrl-C to hurry")
            # from here on any signal hurries
            told.set()
            await supervisor.stop()
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)
        tell("stopped; nothing is left running")


async def _live(supervisor: Supervisor, once_up: Callable[[Supervisor], Awaitable[None]]) -> None:
    await supervisor.start()
    await _together(supervisor.watch(), _run(once_up, supervisor))


async def _run(once_up: Callable[[Supervisor], Awaitable[None]], supervisor: Supervisor) -> None:
    await once_up(supervisor)


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """Wait for all; the first error cancels the rest and is raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        await _cancelled(*tasks)


async def _until(told: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do the work until told to stop; its error is raised."""
    working = asyncio.create_task(work)
    waiting = asyncio.create_task(told.wait())
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        await _cancelled(working, waiting)


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
