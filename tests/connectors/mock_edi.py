"""Us and mock-edi, an independent partner, over two folders: what is sent and heard, and both sides' identifiers."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from mockedi.server import Config, Handler, make_server
from mockedi.testing import Mock

from connectors.suppliers.documents import DocumentConnector
from connectors.suppliers.interface import Envelope, Inward, Request, SendResult, WireIds
from domain.supplier_events import SupplierEvent
from tests.connectors.x12.partners import IDS

X12: dict[str, object] = {"our_id": "ACME", "partner_id": "MOCKEDI", "usage": "T"}
EDIFACT: dict[str, object] = {
    "our_id": "EURODIS",
    "partner_id": "MOCKEDI",
    "partner_qualifier": "ZZ",
    "their_item_qualifier": "VP",
    "test": True,
}
"""ACME and EURODIS are customers in mock-edi's own data, where all documents are marked as tests."""


class _Prompt(Handler):
    disable_nagle_algorithm = True


@contextmanager
def running(**settings: Any) -> Iterator[Mock]:
    """As `Mock.start`, whose every answer takes a twentieth of a second, and its end half a second."""
    server = make_server(Config(host="127.0.0.1", port=0, db_path=":memory:", quiet=True, **settings))
    server.RequestHandlerClass = _Prompt
    serving = Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    mock = Mock(f"http://127.0.0.1:{server.server_port}")
    try:
        yield mock
    finally:
        mock.disconnect()
        server.shutdown()
        server.server_close()
        serving.join()


class Trade:
    """Our connector, and a mock-edi that works in the same folders when it is told to."""

    def __init__(self, mock: Mock, connector: DocumentConnector) -> None:
        self.mock = mock
        self.connector = connector
        self.issues: list[str] = []
        self.keys: list[str] = []
        """The dedupe key of each message that was read."""
        self._number = 0
        self._cursor: str | None = None

    def render(self, request: Request) -> Envelope:
        """With the next control number."""
        return self.connector.render(request, self._ids())

    async def send(self, request: Request) -> int:
        """Send one request, let the partner work, and return the control number."""
        await self.hand_over(self.render(request))
        return self._number

    async def hand_over(self, *envelopes: Envelope) -> None:
        """Let the partner take what is sent, and work."""
        for envelope in envelopes:
            assert (await self.connector.send(envelope)).result is SendResult.DELIVERED
        scanned = self.mock.expect("POST", "/_mock/drop/scan")
        assert [one["ok"] for one in scanned["files"]] == [True] * len(envelopes), scanned

    async def hear(self) -> list[SupplierEvent]:
        """What came, each message read, acknowledged and put away."""
        found: list[SupplierEvent] = []
        while (batch := await self.connector.poll(self._cursor)).messages:
            self._cursor = batch.cursor
            found += [event for message in batch.messages for event in self._read(message)]
            replies = [self.connector.acknowledge(message, self._ids()) for message in batch.messages]
            await self.hand_over(*[reply.enveloped("acknowledge") for reply in replies if reply is not None])
        return found

    def _read(self, message: Inward) -> tuple[SupplierEvent, ...]:
        decoded = self.connector.decode(message)
        self.issues += decoded.issues
        self.keys.append(decoded.dedupe_key)
        return decoded.events

    def _ids(self) -> WireIds:
        self._number += 1
        return IDS.model_copy(update={"control_number": self._number, "operation_id": f"op-{self._number}"})
