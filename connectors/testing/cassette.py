"""Group 12: the bytes on the wire stand in a file beside the test, so that a change of them is seen in a review.

`golden/<suite>.txt` holds what the connector writes for each request of `orders.REQUESTS`. A run with
`--write-golden` writes it anew; every other run compares. Real documents, if there are any, stand in the folder that
`samples` names, each `NAME` beside `NAME.json`: the events that a person says it means.
"""

import inspect
import json
from pathlib import Path

import pytest

from connectors.suppliers.interface import Change, Connector, Envelope, Inward, Place
from connectors.testing.asking import Group, requires
from connectors.testing.hostile import ANSWER
from connectors.testing.orders import ORDER, OTHER_ORDER, REQUESTS, differences
from connectors.testing.peer import Peer
from connectors.testing.purity import rendered
from domain.supplier_events import supplier_event


def cassette(written: dict[str, Envelope]) -> bytes:
    """Every document with its name, type and headers; bytes as they are, so an editor shows what a supplier gets."""
    parts: list[bytes] = []
    for name, envelope in written.items():
        about = [f"==== {name}: {envelope.content_type}", *(f"{k}: {v}" for k, v in sorted(envelope.headers.items()))]
        parts.append("\n".join(about).encode() + b"\n\n" + envelope.body + b"\n")
    return b"\n".join(parts)


class CassetteTests(Group):
    """Group 12."""

    @requires()
    async def test_the_bytes_on_the_wire_are_those_that_were_reviewed(self, connector: Connector, peer: Peer) -> None:
        golden = Path(inspect.getfile(type(self))).parent / "golden" / f"{type(self).__name__}.txt"
        now = cassette(rendered(connector))
        if self.writes_golden:
            golden.parent.mkdir(exist_ok=True)
            golden.write_bytes(now)
        if not golden.exists():
            pytest.fail(f"there is no {golden}: run once with --write-golden, read it, and keep it")
        same = now == golden.read_bytes()
        assert same or _lines(now) == _lines(golden.read_bytes()), "if that is meant, run with --write-golden"
        assert same, f"other bytes than in {golden}, which look the same: line ends, or a character set"

    @requires()
    async def test_the_far_side_reads_in_them_what_was_asked(self, connector: Connector, peer: Peer) -> None:
        for name, envelope in rendered(connector).items():
            request = REQUESTS[name]
            seen = peer.read(envelope)
            assert (seen.kind, seen.po_number) == (envelope.kind, request.po_number)
            if isinstance(request, Place):
                assert differences(ORDER if request == ORDER else OTHER_ORDER, seen, peer) == []
            elif isinstance(request, Change):
                told = {line.line_no: int(line.quantity) for line in seen.lines}
                wanted = {line.line_no: line.quantity for line in request.lines}
                assert {n: told.get(n, 0) for n in wanted} == wanted

    @requires("inbound")
    async def test_samples_are_read_as_a_person_reads_them(self, connector: Connector, peer: Peer) -> None:
        if self.samples is None:
            pytest.fail("name a folder of real documents in `samples`, or say in `denies` why there are none")
        read = sorted(self.samples.glob("*.json"))
        assert read, f"no document in {self.samples} has its NAME.json beside it"
        for expected in read:
            headers = peer.write(ANSWER).headers
            decoded = connector.decode(Inward(body=expected.with_suffix("").read_bytes(), headers=headers))
            wanted = [supplier_event.validate_python(event) for event in json.loads(expected.read_text())["events"]]
            assert list(decoded.events) == wanted, expected.name


def _lines(document: bytes) -> list[str]:
    return document.decode(errors="backslashreplace").splitlines()
