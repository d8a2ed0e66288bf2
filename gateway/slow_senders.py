"""Connections on which nothing comes: uvicorn bounds the pause between two requests, but not how slowly one begins.

How long a body may take is `body_limit.py`'s; here are what comes before it, the request's head, and a body that goes
on after it was answered. Whoever opens many connections and feeds each a byte a minute would else hold them for ever.
"""

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class ImpatientConnection(H11Protocol):
    """A connection that is closed when it is the sender's turn for too long."""

    patience: ClassVar[float] = 10
    """Seconds for a whole head, from the connection's start or a later head's first byte; and for the rest of a body
    that was answered early."""

    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count."""
        # (the base class narrows the transport's type the same way)
        super().connection_made(transport)
        self._count()

    def data_received(self, data: bytes) -> None:
        """Whether the head is whole now decides if time still runs."""
        super().data_received(data)
        self._count()

    def on_response_complete(self) -> None:
        """What of the request is still to come is of no use; the pause before the next one is uvicorn's to bound."""
        super().on_response_complete()
        if self.conn.our_state is h11.DONE:
            self._count()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to count."""
        if self._closing is not None:
            self._closing.cancel()
        super().connection_lost(exc)

    def _count(self) -> None:
        senders_turn = self.conn.their_state is h11.IDLE or self.conn.our_state is h11.DONE
        if not senders_turn and self._closing is not None:
            self._closing.cancel()
            self._closing = None
        elif senders_turn and self._closing is None:
            self._closing = self.loop.call_later(self.patience, self.transport.close)
