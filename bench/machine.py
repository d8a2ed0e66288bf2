"""What a run ran on: machine, versions, commit. Figures without them mean nothing."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from bench.figures import Machine
from devstack import temporal_server

HERE = Path(__file__).parents[1]
GIB = 2**30


def machine() -> Machine:
    """This machine, before anything is started."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / GIB, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        load_before=round(os.getloadavg()[0], 2),
    )


def versions() -> dict[str, str]:
    """What is measured, and what it runs on. PostgreSQL's own is added by whoever asks it."""
    said = subprocess.run([str(temporal_server.binary()), "--version"], capture_output=True, text=True, check=False)
    return {
        "python": platform.python_version(),
        "promisekeeper": version("promisekeeper"),
        "temporalio": version("temporalio"),
        "psycopg": version("psycopg"),
        "pydantic": version("pydantic"),
        "temporal": said.stdout.strip(),
    }


def commit() -> str:
    """The commit that is measured, with `+` when the working tree was changed; `unknown` outside a repository."""
    found = _git("rev-parse", "--short", "HEAD")
    return f"{found}{'+' if _git('status', '--porcelain') else ''}" if found else "unknown"


def _git(*arguments: str) -> str:
    try:
        said = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    if known.exists():
        for line in known.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
