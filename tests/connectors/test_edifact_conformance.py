"""Our `edifact` connector against the conformance kit, over folders.

What we write is read by mock-edi and pydifact. What we read is enveloped and punctuated by mock-edi; its segments are
written here by hand, for it answers each line once and ships one order at a time.
"""

import json
import textwrap
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import singledispatch
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import mockedi.edifact
import pytest
from mockedi.envelope import Seg

from connectors.suppliers.edifact.connector import EdifactConnector
from connectors.suppliers.interface import Inward, OrderLine, Reply
from connectors.testing import ConnectorSuite, Flaw, Sample, Seen, SeenLine
from connectors.testing.orders import ORDER, OTHER_ORDER
from domain.supplier_events import (
    AckLine,
    Balance,
    ChangeAck,
    ChangeVerdict,
    LineRef,
    NoticePurpose,
    OrderAck,
    ShipNotice,
    Split,
    SplitStatus,
    SupplierEvent,
    SyntaxAck,
    supplier_event,
)
from tests.connectors.edifact.judges import by_mock_edi, by_pydifact
from tests.connectors.edifact.shop import PARTNER
from tests.connectors.folder_peer import DENIED_BY_FOLDERS, FolderPeer

ON = datetime(2026, 12, 2, 8, 15, tzinfo=UTC)
US, THEM, STRANGER = "5412345000013", "4012345500004", "4099999999999"
VERDICTS = {ChangeVerdict.ACCEPTED: "29", ChangeVerdict.REFUSED: "27", ChangeVerdict.PARTLY: "4"}
PURPOSES = {NoticePurpose.ORIGINAL: "9", NoticePurpose.CANCEL: "1", NoticePurpose.REPLACE: "5"}
BALANCES = {Balance.OPEN: "BP", Balance.CLOSED: "CP"}


class Partner(FolderPeer):
    """A supplier who puts one interchange into each file, and asks for a CONTRL."""

    partner: ClassVar = {**PARTNER, "added_lines": True, "rest_after_shipment": "open"}
    suffix = ".edi"

    def seen(self, body: bytes) -> Seen:
        by_pydifact(body)
        message = by_mock_edi(body)
        head = message.find("BGM")
        if message.code == "ORDERS":
            return Seen(kind="place", po_number=head.get(2), lines=tuple(_lines(message.segments)))
        assert message.code == "ORDCHG"
        (number,) = {one.comp(1, 2) for one in message.find_all("RFF") if one.comp(1, 1) == "ON"}
        kind = {"1": "cancel", "4": "change"}[head.get(3)]
        return Seen(kind=kind, po_number=number, lines=tuple(_lines(message.segments)))

    def carried(self, text: str) -> str:
        """Latin letters, in pieces of 35; blanks apart, since a word that is cut gets one."""
        words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        pieces = textwrap.wrap("".join(map(_latin, words)), 35, break_on_hyphens=False)
        return "".join(pieces[:50]).replace(" ", "")

    def write(self, *events: SupplierEvent, flaw: Flaw | None = None) -> Inward:
        number = next(self.numbers)
        code, segments = _said(events)
        version = "D:3:UN" if code == "CONTRL" else "D:96A:UN"
        interchange = mockedi.edifact.wrap(
            [mockedi.edifact.message(code, "1", segments, version)],
            sender=STRANGER if flaw is Flaw.SENDER else THEM,
            receiver=STRANGER if flaw is Flaw.RECEIVER else US,
            control=str(number),
            sender_qualifier="14",
            receiver_qualifier="14",
            moment=ON,
            ack_requested=True,
        )
        return self.message(number, mockedi.edifact.render(interchange, newline=True).encode("latin-1"))

    def understands(self, reply: Reply, message: Inward) -> bool:
        about = by_mock_edi(reply.body).find("UCI")
        assert f"+{about.get(1)}+" in message.body.decode("latin-1").partition("UNH")[0]
        assert (about.get(2), about.get(3)) == (THEM, US)
        return about.get(4) in {"7", "8"}


def _latin(character: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    for attempt in (character, plain, plain.casefold() if character.islower() else "", plain.upper()):
        if attempt and all(ord(c) < 256 for c in attempt):
            return attempt
    return "."


def _lines(segments: list[Seg]) -> Iterator[SeenLine]:
    starts = [n for n, one in enumerate(segments) if one.tag == "LIN"]
    for start, end in pairwise([*starts, len(segments)]):
        head, *rest = segments[start:end]
        named = {one.comp(n, 2): one.comp(n, 1) for one, n in [(head, 3), *((r, 2) for r in rest if r.tag == "PIA")]}
        stated = {one.comp(1, 1): one.comp(1, 2) for one in rest if one.tag in {"QTY", "PRI"}}
        words = [one.comp(3, n) for one in rest if one.tag == "IMD" for n in (4, 5)]
        assert (head.get(2) == "2") == ("21" not in stated), "what is taken off has no quantity"
        yield SeenLine(
            line_no=int(head.get(1)),
            quantity=Decimal(stated.get("21", 0)),
            sku=named["IN"],
            supplier_sku=named["SA"],
            unit_price=Decimal(stated["AAA"]),
            description="".join(words).replace(" ", ""),
        )


def seg(tag: str, *elements: object) -> Seg:
    """A segment; a tuple is a composite, None an empty element."""
    return Seg(tag, [list(map(str, one)) if isinstance(one, tuple) else str(one or "") for one in elements])


def _said(events: tuple[SupplierEvent, ...]) -> tuple[str, list[Seg]]:
    notices = [event for event in events if isinstance(event, ShipNotice)]
    if notices:
        assert len(notices) == len(events)
        return "DESADV", list(_shipment(notices))
    (event,) = events
    return said(event)


@singledispatch
def said(event: SupplierEvent) -> tuple[str, list[Seg]]:
    """The message that says it, and what stands between UNH and UNT."""
    raise NotImplementedError(f"no message says {event.kind}")


@said.register
def _(event: OrderAck) -> tuple[str, list[Seg]]:
    function = ("4" if event.lines else "29") if event.accepted else "27"
    segments = [seg("BGM", "231", event.supplier_order_no, function), seg("RFF", ("ON", event.po_number))]
    if event.reason:
        segments.insert(1, seg("FTX", "AAI", None, None, event.reason))
    for line in event.lines:
        segments += _answer(line)
    return "ORDRSP", [*segments, seg("UNS", "S")]


@said.register
def _(event: ChangeAck) -> tuple[str, list[Seg]]:
    segments = [
        seg("BGM", "231", "A-1", VERDICTS[event.verdict]),
        seg("FTX", "AAI", None, None, event.reason),
        seg("RFF", ("ON", event.po_number)),
        seg("RFF", ("PP", f"{event.po_number}/{event.revision}")),
    ]
    for line in event.lines:
        segments.append(seg("LIN", line.line.line_no, "6", *_item(line.line)))
        segments += [seg("QTY", ("113", part.quantity)) for part in line.splits]
    return "ORDRSP", [*segments, seg("UNS", "S")]


@said.register
def _(event: SyntaxAck) -> tuple[str, list[Seg]]:
    verdict = ("7",) if event.accepted else ("4", "18")
    return "CONTRL", [seg("UCI", event.control_number, (US, "14"), (THEM, "14"), *verdict)]


def _answer(line: AckLine) -> Iterator[Seg]:
    """Each part is a quantity with its day; what is refused of a line is what none of them counts."""
    (first, *_) = line.splits
    yield seg("LIN", line.line.line_no, "7" if first.status is SplitStatus.REJECTED else "6", *_item(line.line))
    yield seg("PIA", "1", (line.line.sku, "IN"))
    if first.substitute:
        yield seg("PIA", "3", (first.substitute, "SA"))
    yield seg("QTY", ("21", _ordered(line.line).quantity))
    for part in line.splits:
        if part.status is not SplitStatus.REJECTED:
            yield from _part(part)
    for price in {part.unit_price for part in line.splits if part.unit_price}:
        yield seg("PRI", ("AAA", price))
    if first.reason:
        yield seg("FTX", "LIN", None, None, first.reason)


def _part(part: Split) -> Iterator[Seg]:
    yield seg("QTY", ("83" if part.status is SplitStatus.BACKORDERED else "113", part.quantity))
    on, qualifier = (part.deliver_on, "69") if part.deliver_on else (part.ship_on, "79")
    if on:
        yield seg("DTM", (qualifier, _day(on), "102"))


def _shipment(notices: list[ShipNotice]) -> Iterator[Seg]:
    first, number = notices[0], 0
    yield seg("BGM", "351", first.shipment_id, PURPOSES[first.purpose])
    if first.tracking:
        yield seg("RFF", ("CN", first.tracking))
    for n, told in enumerate(notices, 1):
        yield seg("CPS", n)
        yield seg("RFF", ("ON", told.po_number))
        for line in told.lines:
            number += 1
            yield seg("LIN", number, None, *_item(line.line))
            yield seg("PIA", "1", (line.line.sku, "IN"))
            yield seg("QTY", ("12", line.shipped))
            if line.balance in BALANCES:
                yield seg("QVR", (1, "21"), BALANCES[line.balance])
            if line.deliver_on:
                yield seg("DTM", ("69", _day(line.deliver_on), "102"))
            yield seg("RFF", ("ON", told.po_number, line.line.line_no))


def _ordered(line: LineRef) -> OrderLine:
    return next(one for one in (*ORDER.lines, *OTHER_ORDER.lines) if one.sku == line.sku)


def _item(line: LineRef) -> tuple[tuple[object, ...], ...]:
    return ((line.supplier_sku, "SA"),)


def _day(on: date) -> str:
    return f"{on:%Y%m%d}"


def samples() -> Iterator[Sample]:
    """Public documents and ours, each with a connector for those between whom it goes."""
    for path in sorted((Path(__file__).parent / "samples" / "edifact").glob("*.edi")):
        body = path.read_bytes()
        expected = json.loads(path.with_suffix(".json").read_text())
        header = mockedi.edifact.parse(body.decode("latin-1")[body.index(b"UN") :])
        who = {
            "partner_id": header.sender,
            "partner_qualifier": header.sender_qualifier,
            "our_id": header.receiver,
            "our_qualifier": header.receiver_qualifier,
            "test": header.test,
        }
        yield Sample(
            name=path.name,
            body=body,
            events=tuple(map(supplier_event.validate_python, expected["events"])),
            settings={"partner": who | expected.get("partner", {})},
        )


class TestEdifact(ConnectorSuite):
    denies: ClassVar = {
        **DENIED_BY_FOLDERS,
        "test_a_line_is_held": "an ORDRSP has no code for a line on hold; it is on backorder without a date",
    }
    samples: ClassVar = tuple(samples())

    @pytest.fixture
    def peer(self, tmp_path: Path) -> Partner:
        return Partner(tmp_path / "acme")

    @pytest.fixture
    def connector(self, peer: Partner) -> EdifactConnector:
        return EdifactConnector(peer.supplier_id, peer.settings)
