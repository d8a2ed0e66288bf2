"""`python -m bench.outside`: an outside world that takes no time, so that the product is measured and not its partners.

Suppliers accept an order in their answer and have the goods received at once; a payment succeeds; the carrier takes a
parcel as soon as it is booked; mails vanish. What partners say on their own comes through the product's own doors as
signed webhooks. (The simulators of `devstack` keep books and misbehave on command, which costs more than what they
would be measured with.) One process on one port for HTTP and one for SMTP; it runs until SIGTERM.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpx
from aiosmtpd.smtp import SMTP, Envelope, Session

from devstack.ports import HOST
from devstack.simulators.courier import signature

SECRET = "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g="
"""What its suppliers sign with."""

_AT_ONCE = 20
"""Webhooks under way at once."""
_TRIES = 10

Answer = tuple[HTTPStatus, Mapping[str, Any]]


class Outside:
    """All partners in one."""

    def __init__(self, gateway_url: str, carrier_secret: str) -> None:
        """Webhooks go to `gateway_url`; the carrier signs its own with `carrier_secret`."""
        self._gateway = httpx.AsyncClient(base_url=gateway_url, timeout=60, trust_env=False)
        self._carrier_secret = carrier_secret
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._numbers = itertools.count(1)
        self._under_way: set[asyncio.Task[None]] = set()

    def answer(self, method: str, path: str, content: dict[str, Any]) -> Answer:
        """What a partner says to a request, and what it does next by itself."""
        parts = path.strip("/").split("/")
        match (method, *parts):
            case ("POST", "suppliers", supplier_id, "orders"):
                self._later(self._receive(supplier_id, content))
                accepted = {"kind": "order_ack", "po_number": content["po_number"]}
                return HTTPStatus.CREATED, {"reference": f"SO-{content['po_number']}", "events": [accepted]}
            case ("POST", "charges"):
                return HTTPStatus.CREATED, {"outcome": "succeeded", "reference": self._number("ch"), "reason": ""}
            case ("POST", "parcels"):
                tracking = self._number("TRK")
                self._later(self._take(content["parcel_id"], tracking))
                return HTTPStatus.CREATED, {"parcel_id": content["parcel_id"], "tracking": tracking}
            case _:
                return HTTPStatus.NOT_FOUND, {"type": "about:blank", "title": f"nobody here does {method} {path}"}

    async def _receive(self, supplier_id: str, order: dict[str, Any]) -> None:
        lines = [{"line": {"line_no": line["line_no"]}, "good": str(line["quantity"])} for line in order["lines"]]
        receipt = {
            "kind": "received",
            "po_number": order["po_number"],
            "receipt_id": f"GR-{order['po_number']}",
            "lines": lines,
        }
        await self._post(f"/suppliers/{supplier_id}/events", SECRET, {"events": [receipt]})

    async def _take(self, parcel_id: str, tracking: str) -> None:
        event = {
            "event_id": self._number("ev"),
            "parcel_id": parcel_id,
            "tracking": tracking,
            "possessed_at": datetime.now(UTC).isoformat(),
        }
        await self._post("/carrier/events", self._carrier_secret, event)

    async def _post(self, path: str, secret: str, content: Mapping[str, Any]) -> None:
        """Send a webhook until it is taken."""
        body, webhook_id = json.dumps(content).encode(), self._number("msg")
        async with self._gate:
            for tried in range(_TRIES):
                timestamp = int(time.time())
                headers = {
                    "content-type": "application/json",
                    "webhook-id": webhook_id,
                    "webhook-timestamp": str(timestamp),
                    "webhook-signature": signature(secret, webhook_id, timestamp, body),
                }
                with contextlib.suppress(httpx.RequestError):
                    if (await self._gateway.post(path, content=body, headers=headers)).is_success:
                        return
                await asyncio.sleep(0.1 * 2**tried)
        print(f"a webhook to {path} was never taken", flush=True)

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _number(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):07d}"


def served(outside: Outside) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """As much of an HTTP/1.1 server as httpx needs: kept-alive connections, bodies with a length."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ", 2)
                fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                status, content = outside.answer(method, path, json.loads(body) if body else {})
                answer = json.dumps(content).encode()
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(answer)}\r\n\r\n".encode()
                    + answer
                )
                await writer.drain()
        writer.close()

    return connection


class _Nowhere:
    """A mail server's handler that takes every mail and keeps none."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        return "250 taken"


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    outside = Outside(arguments.gateway, arguments.carrier_secret)
    http = await asyncio.start_server(served(outside), HOST, arguments.http_port)
    smtp = await loop.create_server(lambda: SMTP(_Nowhere(), loop=loop), HOST, arguments.smtp_port)
    async with http, smtp:
        await stop.wait()


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m bench.outside")
    parser.add_argument("--gateway", required=True, help="where webhooks go")
    parser.add_argument("--carrier-secret", required=True, help="what the carrier signs with")
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
