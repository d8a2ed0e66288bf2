"""The ndjson connector against the conformance kit. The far side reads and writes with nothing but `json`."""

import itertools
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest
from promisekeeper_ndjson import NdjsonConnector

from connectors.suppliers.interface import FILE_NAME, Envelope, Inward
from connectors.testing import ConnectorSuite, Fault, Flaw, HeldOrder, Peer, Seen, SeenLine, held
from domain.supplier_events import SupplierEvent


class Folder(Peer):
    """A supplier who believes every file, and knows the names of those it had."""

    supplier_id = "acme"

    def __init__(self, folder: Path) -> None:
        for name in ("out", "in"):
            (folder / name).mkdir(parents=True)
        self.settings = {"folder": str(folder), "us": "shop", "them": "acme"}
        self.wrong_settings = {**self.settings, "folder": str(folder / "nowhere")}
        self.hasty_settings = self.settings
        self._folder, self._numbers = folder, itertools.count(1)

    def read(self, envelope: Envelope) -> Seen:
        return _seen(envelope.body)

    async def received(self) -> list[HeldOrder]:
        taken = sorted((self._folder / "out").glob("*.ndjson"), key=lambda path: path.stat().st_mtime_ns)
        return held(_seen(path.read_bytes()) for path in taken)

    async def fail(self, fault: Fault, seconds: float = 0) -> None:
        assert fault is Fault.UNREACHED
        (self._folder / "out").rename(self._folder / "away")

    async def mend(self) -> None:
        if (self._folder / "away").exists():
            (self._folder / "away").rename(self._folder / "out")

    def write(self, *events: SupplierEvent, flaw: Flaw | None = None) -> Inward:
        number = next(self._numbers)
        head = {"sender": "acme", "receiver": "shop", "lines": len(events), "number": number}
        head |= {flaw.value: "somebody else"} if flaw else {}
        lines = [json.dumps(head), *(event.model_dump_json() for event in events)]
        return Inward(body="".join(f"{line}\n" for line in lines).encode(), headers={FILE_NAME: f"{number:06}.ndjson"})

    async def deliver(self, *messages: Inward) -> None:
        for message in messages:
            (self._folder / "in" / message.headers[FILE_NAME]).write_bytes(message.body)


def _seen(body: bytes) -> Seen:
    head, *lines = (json.loads(line) for line in body.decode().removesuffix("\n").split("\n"))
    return Seen(kind=head["kind"], po_number=head["po_number"], lines=tuple(map(_line, lines)))


def _line(line: Mapping[str, object]) -> SeenLine:
    names = ("line_no", "sku", "supplier_sku", "description")
    quantity, price = Decimal(str(line["quantity"])), Decimal(str(line["unit_price"]))
    return SeenLine.model_validate({name: line[name] for name in names} | {"quantity": quantity, "unit_price": price})


NO_ANSWER = "a folder gives no answer: a file is there, or it is not"
NO_SIGNATURE = "whoever can write to the folder is trusted; its rights are the signature"


class TestNdjson(ConnectorSuite):
    denies: ClassVar = {
        **dict.fromkeys((Fault.BROKEN, Fault.UNANSWERED, Fault.SLOW, Fault.BUSY, Fault.REFUSED), NO_ANSWER),
        **dict.fromkeys((Flaw.SIGNATURE, Flaw.AGE), NO_SIGNATURE),
        "samples": "only this example speaks this format",
    }

    @pytest.fixture
    def peer(self, tmp_path: Path) -> Folder:
        return Folder(tmp_path / "acme")

    @pytest.fixture
    def connector(self, peer: Folder) -> NdjsonConnector:
        return NdjsonConnector(peer.supplier_id, peer.settings)
