"""How the simulated partners send webhooks: signed by Standard Webhooks, in order, tried until taken or refused.

What waits is kept in the book, so a restart loses nothing. Each partner has a lane of its own; within a lane one
message leaves at a time, in order, as partners do that number what they send.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

import httpx

from connectors.rest import trusted
from devstack.simulators.book import Book

LONGEST_BACKOFF = 5.0
"""Seconds between two tries when the gateway stays away."""

TRY_LATER = frozenset({408, 425, 429})


class Lane(NamedTuple):
    """Where a partner's webhooks go, below the gateway's address, and what they are signed with."""

    path: str
    secret: str | None
    """None: they are not signed, but prove themselves by what is in them."""
    content_type: str = "application/json"


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """A Standard Webhooks signature, written from the specification: base64 of HMAC-SHA256 over `id.timestamp.body`."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


class Courier:
    """Sends what waits in the book."""

    def __init__(self, book: Book, gateway_url: str | None, lanes: Callable[[str], Lane]) -> None:
        self.gateway_url = gateway_url
        self._book = book
        self._lanes = lanes
        self._wake = asyncio.Event()
        self._client = httpx.AsyncClient(timeout=10, trust_env=False, verify=trusted())

    def post(self, lane: str, subject: str, body: str, *, held: bool = False, repeated: bool = False) -> None:
        """Queue one webhook. Held ones wait for `release`. Repeated: twice with one id, and once more with another."""
        first, second = f"msg_{uuid.uuid4().hex}", f"msg_{uuid.uuid4().hex}"
        for webhook_id in (first, first, second) if repeated else (first,):
            self._book.write(
                "INSERT INTO webhook (lane, subject, webhook_id, body, state) VALUES (?, ?, ?, ?, ?)",
                *(lane, subject, webhook_id, body, "held" if held else "pending"),
            )
        self._wake.set()

    def release(self, lane: str, subject: str) -> None:
        """Send what was held about a subject, the last first."""
        held = self._book.rows(
            "SELECT * FROM webhook WHERE lane = ? AND subject = ? AND state = 'held' ORDER BY position DESC",
            lane,
            subject,
        )
        for row in held:
            self._book.write("DELETE FROM webhook WHERE position = ?", row["position"])
            self._book.write(
                "INSERT INTO webhook (lane, subject, webhook_id, body, state) VALUES (?, ?, ?, ?, 'pending')",
                *(lane, subject, row["webhook_id"], row["body"]),
            )
        self._wake.set()

    def wake(self) -> None:
        """Look again at once: the gateway's address changed."""
        self._book.write("UPDATE webhook SET next_at = 0 WHERE state = 'pending'")
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                self._wake.clear()
                lanes = [
                    r["lane"] for r in self._book.rows("SELECT DISTINCT lane FROM webhook WHERE state = 'pending'")
                ]
                waits: list[float] = []
                if self.gateway_url is not None and lanes:
                    waits = await asyncio.gather(*(self._empty(lane) for lane in lanes))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), min(waits, default=60.0))
        finally:
            await self._client.aclose()

    async def _empty(self, lane: str) -> float:
        """Send what a lane holds, until it is empty or must wait; for how many seconds."""
        while True:
            row = self._book.row(
                "SELECT * FROM webhook WHERE state = 'pending' AND lane = ? ORDER BY position LIMIT 1", lane
            )
            if row is None:
                return 60.0
            if (wait := row["next_at"] - time.time()) > 0:
                return min(float(wait), LONGEST_BACKOFF)
            status = await self._send(lane, row["webhook_id"], row["body"].encode())
            if status is not None and (status < 300 or (400 <= status < 500 and status not in TRY_LATER)):
                state, next_at = ("taken" if status < 300 else "refused"), 0.0
            else:
                state, next_at = "pending", time.time() + min(0.1 * 2 ** min(row["attempts"], 10), LONGEST_BACKOFF)
            self._book.write(
                "UPDATE webhook SET attempts = attempts + 1, state = ?, next_at = ?, last_status = ?"
                " WHERE position = ?",
                *(state, next_at, status, row["position"]),
            )

    async def _send(self, lane: str, webhook_id: str, body: bytes) -> int | None:
        """The status of the gateway's answer; None: there was none."""
        path, secret, content_type = self._lanes(lane)
        timestamp = int(time.time())
        headers = {"content-type": content_type}
        if secret is not None:
            headers |= {
                "webhook-id": webhook_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signature(secret, webhook_id, timestamp, body),
            }
        try:
            answer = await self._client.post(f"{self.gateway_url}{path}", content=body, headers=headers)
        except httpx.RequestError:
            return None
        return answer.status_code
