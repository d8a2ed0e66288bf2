"""Serving an app on a loopback port inside this process, with connections that can be cut in mid-answer."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import ClassVar

import uvicorn
from fastapi import FastAPI, Request
from uvicorn.protocols.http.h11_impl import H11Protocol

Ends = tuple[tuple[str, int], tuple[str, int]]
"""Both ends of a connection: (host, port) of the server and of the client."""


class CuttableConnection(H11Protocol):
    """A connection that is known by its ends while it lives, so that an endpoint can cut the one it is called on."""

    alive: ClassVar[dict[Ends, asyncio.Transport]] = {}
    _ends: Ends | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # (the base class narrows it the same way)
        super().connection_made(transport)
        if self.server and self.client and self.server[1] is not None:
            self._ends = ((self.server[0], self.server[1]), (self.client[0], self.client[1]))
            self.alive[self._ends] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ends is not None:
            self.alive.pop(self._ends, None)
        super().connection_lost(exc)


def cut(request: Request) -> None:
    """Cut the TCP connection a request came on. Whatever is returned afterwards never leaves."""
    server, client = request.scope["server"], request.scope["client"]
    CuttableConnection.alive[(server[0], server[1]), (client[0], client[1])].abort()


class _QuietServer(uvicorn.Server):
    """A server that leaves the process's signals to whoever runs the process, and ends as soon as it is told to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    async def main_loop(self) -> None:
        ticks = 0
        while not self.ending.is_set():
            await self.on_tick(ticks)
            ticks = (ticks + 1) % 864_000
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), 0.1)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def listening(host: str, port: int, name: str) -> socket.socket:
    """Bind a port.

    Raises:
        OSError: it is taken; the message names the port and the setting.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as taken:
        bound.close()
        raise OSError(taken.errno, f"port {port} on {host} is taken; free it or set {name} to another one") from taken
    bound.setblocking(False)
    return bound


@asynccontextmanager
async def served(app: FastAPI, bound: socket.socket) -> AsyncGenerator[str]:
    """Serve `app` on a bound socket for as long as the block runs; yields its base URL."""
    host, port = bound.getsockname()[:2]
    server = _QuietServer(
        uvicorn.Config(
            app,
            http=CuttableConnection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=60,  # httpx lets go after 5; were it the same, a request could meet the server's close
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if serving.done():
                await serving
            await asyncio.sleep(0.005)
        yield f"http://{host}:{port}"
    finally:
        server.ending.set()
        await serving
        bound.close()
