"""Whoever sends nothing, or a byte now and then, does not keep a connection for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from gateway.slow_senders import ImpatientConnection

DRIP_EVERY = 0.02


class VeryImpatient(ImpatientConnection):
    """The same, for tests that wait for the end of its patience."""

    patience = 0.3


class RatherImpatient(ImpatientConnection):
    """The same, for a test that must not come near it."""

    patience = 2


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An app that answers before it reads a byte, as our doors do to whoever has no key."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


@asynccontextmanager
async def connected(
    kind: type[ImpatientConnection],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of that kind to that app."""
    config = uvicorn.Config(refuse, http=kind, ws="none", lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: kind(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        await server.wait_closed()


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a byte again and again."""
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(DRIP_EVERY)


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"POST /backorders HTTP/1.1\r\nHost: shop\r\nX-Long: ",
        b"GET / HTTP/1.1\r\nHost: shop\r\n\r\nGET / HTTP/1.1\r\nX-Long: ",
        b"POST /backorders HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000000\r\n\r\n",
    ],
    ids=["nothing", "half a head", "half a second head", "a body after its answer"],
)
async def test_a_connection_on_which_nothing_whole_comes_is_closed(beginning: bytes) -> None:
    async with connected(VeryImpatient) as (reader, writer):
        writer.write(beginning)
        dripping = asyncio.create_task(drip(writer)) if beginning else None
        try:
            said = await reader.read()  # to its end: only the server can bring it
        except ConnectionResetError:
            said = b""  # closed as well, with bytes of ours on the way
        if dripping:
            dripping.cancel()
        assert said == b"" or b"401" in said


async def test_a_rest_between_two_requests_is_welcome() -> None:
    async with connected(RatherImpatient) as (reader, writer):
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
            assert b"401" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"no"
            await asyncio.sleep(RatherImpatient.patience + 0.5)  # within what uvicorn's own limit allows
