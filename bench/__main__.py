"""`python -m bench`: run benches, print their table, write JSON and a plot. `make bench` calls it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import documents, fanout, lifecycle, machine, merge, parked, recover, report_files, scale
from bench.figures import Figure, Persistence, Report, Result
from bench.plot import draw
from bench.publishing import publish
from bench.sizes import SIZES, Size
from bench.stage import Ground, Stage, open_ground
from bench.table import table
from bench.watching import Watch, watched

Measured = tuple[list[Figure], dict[str, object]]

ON_SERVERS: dict[str, Callable[[Stage, Size], Awaitable[Measured]]] = {
    "lifecycle": lifecycle.run,
    "merge": merge.run,
    "fanout": fanout.run,
    "parked": parked.run,
    "recover": recover.run,
    "scale": scale.run,
}
BY_ITSELF: dict[str, Callable[[Watch, Size], Awaitable[Measured]]] = {"documents": documents.run}
"""Without PostgreSQL and Temporal."""
BENCHES = (*ON_SERVERS, *BY_ITSELF)
OUTPUT = Path(".promisekeeper") / "bench" / "bench.json"


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Promisekeeper; see docs/scale.md.")
    parser.add_argument(
        "--only", type=_names, default=list(BENCHES), help=f"some of {', '.join(BENCHES)} (with commas)"
    )
    parser.add_argument("--size", choices=SIZES, default="small", help="tiny proves that it works; full takes hours")
    parser.add_argument("--temporal", choices=("file", "memory"), default="file", help="where Temporal keeps its state")
    parser.add_argument("--folder", type=Path, help="where databases lie while it runs; it decides the disk")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the JSON file; the plot is written beside it")
    parser.add_argument("--together", action="store_true", help="all benches on one pair of servers: a quick try")
    parser.add_argument(
        "--profile", action="store_true", help="lifecycle: sample the worker by py-spy, for its details"
    )
    parser.add_argument("--publish", action="store_true", help="write the figures into docs/scale.md, too")
    parser.add_argument("--show", action="store_true", help="only print and draw what the JSON file says")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    chosen = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := sorted(set(chosen) - set(BENCHES)):
        raise argparse.ArgumentTypeError(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    return chosen


async def measure(asked: argparse.Namespace, watch: Watch) -> Report:
    """Run the benches one after the other; what is done is written at once."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _cancel(asyncio.current_task()))
    size = SIZES[asked.size]
    here, started_at, results = machine.machine(), datetime.now(UTC), list[Result]()
    report: Report | None = None
    persistence: Persistence | None = None
    servers: dict[str, str] = {}
    async with AsyncExitStack() as for_all:
        shared: Ground | None = None
        if asked.together and (together := [name for name in asked.only if name in ON_SERVERS]):
            shared = await for_all.enter_async_context(_ground(asked, together))
        for name in asked.only:
            watch.bench(name)
            began = time.perf_counter()
            if name in BY_ITSELF:
                figures, details = await BY_ITSELF[name](watch, size)
            else:
                async with AsyncExitStack() as for_one:
                    ground = shared if shared else await for_one.enter_async_context(_ground(asked, [name]))
                    stage = await ground.stage(name, watch, profile=asked.profile)
                    figures, details = await ON_SERVERS[name](stage, size)
                persistence, servers = stage.persistence, {"postgres": stage.postgres_version}
            seconds = round(time.perf_counter() - began, 1)
            results.append(Result(bench=name, seconds=seconds, figures=tuple(figures), details=details))
            report = Report(
                started_at=started_at,
                size=size.name,
                commit=machine.commit(),
                machine=here,
                persistence=persistence,
                versions={**machine.versions(), **servers},
                results=tuple(results),
            )
            report_files.write(report, asked.output)
    if report is None:
        raise SystemExit("nothing was asked for; name a bench with --only")
    return report


def _ground(asked: argparse.Namespace, benches: list[str]) -> AbstractAsyncContextManager[Ground]:
    return open_ground(benches, temporal=asked.temporal, in_folder=asked.folder)


def _cancel(task: asyncio.Task[object] | None) -> Callable[[], object]:
    """On SIGTERM as on SIGINT: everything that was started is ended."""
    assert task is not None, "it is asked for from within a task"
    return task.cancel


def main() -> int:
    """Measure, or show what was measured. Returns the exit code; a goal that is missed is no failure."""
    asked, console = arguments(), Console()
    if asked.show:
        report = report_files.read(asked.output)
    else:
        with watched(console) as watch:
            report = asyncio.run(measure(asked, watch))
    picture = asked.output.with_suffix(".png")
    draw(report, picture)
    console.print(table(report))
    if asked.publish:
        publish(report)
    console.print(f"written: {asked.output}, {picture}", soft_wrap=True)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # past the interpreter's teardown, which now and then aborts after a Temporal client ran
