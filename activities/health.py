"""Is this worker alive, and can it work? Two addresses over HTTP, for whoever restarts it or rolls out a release.

`/livez` answers while the event loop turns. `/readyz` answers 200 while the worker takes work: it polls, Temporal and
the ledger answer, and the ledger has every migration of this version; else 503 and, in words, what is missing.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Missing = Callable[[], Awaitable[Sequence[str]]]
"""What stands between this worker and its work, each in words; nothing: it is ready."""


class _Door(uvicorn.Server):
    """A server that leaves the process's signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def answering(address: str, missing: Missing) -> AsyncGenerator[None]:
    """Answer both questions for as long as the block runs.

    Args:
        address: `host:port` to listen on; empty: nobody can ask.
        missing: see `Missing`.

    Raises:
        OSError: the address cannot be listened on.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    with socket.create_server((host, int(port))) as bound:
        quiet = uvicorn.Config(
            _app(missing),
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        door = _Door(quiet)
        serving = asyncio.create_task(door.serve(sockets=[bound]))
        try:
            yield
        finally:
            door.should_exit = True
            await serving


def _app(missing: Missing) -> Starlette:
    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        what = await missing()
        return JSONResponse({"status": "not ready", "missing": what}, 503) if what else JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/livez", live), Route("/readyz", ready)])
