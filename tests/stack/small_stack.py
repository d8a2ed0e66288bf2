"""A supervisor in a process of its own, for tests to stop and to kill: `python small_stack.py FOLDER PORTS PART...`.

PORTS is a JSON object `{"temporal": n, "ui": n, "guarded": n}`; a part is `postgres`, `temporal`, or the name of a
trivial child: `steady` waits, `deaf` ignores SIGTERM. Whatever is told is printed; `up` says that all parts are.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from devstack.ports import Port
from devstack.processes import Part, Supervisor
from devstack.running import run

_CHILDREN = {
    "steady": "import time; time.sleep(3600)",
    "deaf": """if True:
        import pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path({ready!r}).touch()
        time.sleep(3600)
    """,
}


def part(name: str, folder: Path, ports: dict[str, int]) -> Part:
    """The part of that name."""
    if name == "postgres":
        from devstack import postgres  # noqa: PLC0415 - most tests need neither server, and start faster without

        return postgres.part(postgres.Postgres(folder / "postgres"))
    if name == "temporal":
        from devstack import temporal_server  # noqa: PLC0415

        return temporal_server.part(folder, ports["temporal"], ports["ui"])
    ready_file = folder / f"{name}.ready"
    ready_file.unlink(missing_ok=True)

    async def ready() -> bool:
        return name != "deaf" or ready_file.exists()

    code = _CHILDREN[name].format(ready=str(ready_file))
    return Part(name, (sys.executable, "-c", code), ready, dict(os.environ), stop_within=60)


async def say_up(_: Supervisor) -> None:
    """All parts are up."""
    print("up", flush=True)


if __name__ == "__main__":
    folder, ports = Path(sys.argv[1]), json.loads(sys.argv[2])
    guarded = [Port(ports["guarded"], "guard", "--guarded-port", "GUARDED_PORT")] if "guarded" in ports else []
    folder.mkdir(parents=True, exist_ok=True)
    parts = [part(name, folder, ports) for name in sys.argv[3:]]
    asyncio.run(run(folder, guarded, parts, lambda line: print(line, flush=True), say_up))
