"""`python -m devstack.simulators --config FILE --folder DIR`: the outside world as a process of its own.

FILE is a WorldSettings as JSON. Once everything answers, one line of JSON with the addresses is printed. It ends on
SIGTERM, on SIGINT, and with --end-with-stdin also when its standard input ends: when whoever started it is gone.
"""

import argparse
import asyncio
import signal
import sys
import threading
from pathlib import Path

from pydantic import ValidationError

from devstack.simulators.running import running_world
from devstack.simulators.settings import WorldSettings


def main() -> int:
    """Run until told to stop. Exit codes: 0 stopped, 2 the configuration cannot be used or a port is taken."""
    parser = argparse.ArgumentParser(prog="python -m devstack.simulators", description="the simulated outside world")
    parser.add_argument("--config", type=Path, required=True, help="WorldSettings as JSON")
    parser.add_argument("--folder", type=Path, required=True, help="where the books are kept")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args()
    try:
        settings = WorldSettings.model_validate_json(arguments.config.read_bytes())
        asyncio.run(_run(arguments.folder, settings, end_with_stdin=arguments.end_with_stdin))
    except (OSError, ValidationError) as unusable:
        print(f"simulators: {unusable}", file=sys.stderr)
        return 2
    return 0


async def _run(folder: Path, settings: WorldSettings, *, end_with_stdin: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if end_with_stdin:
        threading.Thread(target=_until_stdin_ends, args=(loop, stop), daemon=True).start()
    async with running_world(folder, settings) as world:
        print(world.addresses.model_dump_json(), flush=True)
        await stop.wait()


def _until_stdin_ends(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    sys.exit(main())
