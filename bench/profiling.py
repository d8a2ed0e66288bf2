"""Where a process spends its time, by py-spy: how many of a hundred samples fall to which part of the house or library.

A sample belongs to the innermost frame whose file is of a known part; code of the standard library and compiled code
count for whoever called it. Sampling slows the process a little, so a profiled run's other figures do not count.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

PARTS = {
    "temporalio/worker/workflow_sandbox/": "Temporal SDK: the sandbox",
    "temporalio/contrib/pydantic": "payloads to and from JSON",
    "temporalio/converter": "payloads to and from JSON",
    "temporalio/": "Temporal SDK: the rest",
    "google/protobuf/": "Temporal SDK: the rest",
    "pydantic": "pydantic models",
    "psycopg": "SQL: the driver",
    "ledger/": "SQL: our statements and rows",
    "domain/": "our rules",
    "workflows/": "our workflows",
    "activities/": "our activities",
    "connectors/": "connectors and their libraries",
    "httpx/": "connectors and their libraries",
    "httpcore/": "connectors and their libraries",
    "aiosmtplib/": "connectors and their libraries",
    "jinja2/": "connectors and their libraries",
    "asyncio/": "the event loop",
}
"""By a piece of the file's name; the first that fits."""

_OUR_ROOT = str(Path(__file__).parents[1]) + "/"


@asynccontextmanager
async def profiled(pid: int, folder: Path) -> AsyncGenerator[dict[str, float]]:
    """Sample a process while the block runs; what is yielded is filled at its end: percent by part, the largest first.

    Raises:
        RuntimeError: py-spy cannot sample it (it needs the right to trace another process).
    """
    stacks = folder / "stacks.txt"
    command = (str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid), "--format", "raw")
    options = ("--rate", "100", "--duration", "86400", "--full-filenames", "--output", str(stacks))
    spy = await asyncio.create_subprocess_exec(
        *command, *options, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    found: dict[str, float] = {}
    try:
        yield found
    finally:
        if spy.returncode is None:
            spy.send_signal(2)  # SIGINT: it writes what it has
        _, said = await spy.communicate()
    if not stacks.exists():
        raise RuntimeError(f"py-spy could not sample process {pid}: {said.decode(errors='replace').strip()}")
    found.update(shares(stacks.read_text()))


def shares(stacks: str) -> dict[str, float]:
    """Percent of the samples by part, from py-spy's raw format: frames with `;` between them, outermost first, a count.

    Samples of a thread that only waits are left out by py-spy itself.
    """
    found: Counter[str] = Counter()
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        found[_part(frames.split(";"))] += int(count)
    total = sum(found.values())
    return {part: round(100 * count / total, 1) for part, count in found.most_common()}


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        file = frame.partition("(")[2].removeprefix(_OUR_ROOT).rpartition("site-packages/")[2]
        for piece, part in PARTS.items():
            if file.startswith(piece) or f"/{piece}" in file:
                return part
    return "the rest"
