"""Our `x12` connector against the conformance kit, over folders.

What we write is judged and read by mock-edi, pyx12 and ansi-x12. What we read is enveloped and punctuated by mock-edi;
its segments are written here by hand, for it answers each line once and ships one order at a time.
"""

import json
import textwrap
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import singledispatch
from pathlib import Path
from typing import ClassVar

import mockedi.x12
import pytest
from mockedi.envelope import Message, Seg

from connectors.suppliers.interface import Inward, OrderLine, Reply
from connectors.suppliers.x12.connector import X12Connector
from connectors.testing import ConnectorSuite, Flaw, Sample, Seen, SeenLine
from connectors.testing.orders import ORDER, OTHER_ORDER
from domain.supplier_events import (
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
from tests.connectors.folder_peer import DENIED_BY_FOLDERS, FolderPeer
from tests.connectors.x12.judges import judged

ON = datetime(2026, 12, 2, 8, 15, tzinfo=UTC)
PARTNER: dict[str, object] = {
    "our_id": "SHOP",
    "partner_id": "SUPPLIER",
    "added_lines": True,
    "change_codes": {"AT": "accepted", "RJ": "refused", "AC": "lines"},
}
GROUPS = {"855": "PR", "865": "CA", "856": "SH", "997": "FA"}
CODES = {
    SplitStatus.ACCEPTED: "IA",
    SplitStatus.BACKORDERED: "IB",
    SplitStatus.REJECTED: "IR",
    SplitStatus.SUBSTITUTED: "IS",
    SplitStatus.HELD: "IH",
}
VERDICTS = {ChangeVerdict.ACCEPTED: "AT", ChangeVerdict.REFUSED: "RJ", ChangeVerdict.PARTLY: "AC"}
PURPOSES = {NoticePurpose.ORIGINAL: "00", NoticePurpose.CANCEL: "01", NoticePurpose.REPLACE: "05"}
BALANCES = {Balance.OPEN: "BP", Balance.CLOSED: "CC", Balance.UNKNOWN: ""}


class Partner(FolderPeer):
    """A supplier who puts one interchange into each file."""

    partner: ClassVar = PARTNER
    suffix = ".edi"

    def seen(self, body: bytes) -> Seen:
        message = judged(body, "ascii")
        if message.code == "850":
            return Seen(kind="place", po_number=message.find("BEG").get(3), lines=tuple(_lines(message, "PO1")))
        assert message.code == "860"
        head = message.find("BCH")
        cancels = head.get(1) == "01"
        lines = () if cancels else tuple(_lines(message, "POC"))
        return Seen(kind="cancel" if cancels else "change", po_number=head.get(3), lines=lines)

    def carried(self, text: str) -> str:
        kept = "".join(" " if c in "*>~" or not c.isprintable() else c for c in unicodedata.normalize("NFC", text))
        words = " ".join("".join(map(_plain, kept)).split())
        return " ".join(textwrap.wrap(words, 80, break_on_hyphens=False)[:5])

    def write(self, *events: SupplierEvent, flaw: Flaw | None = None) -> Inward:
        number = next(self.numbers)
        code, segments = _said(events)
        interchange = mockedi.x12.wrap(
            [mockedi.x12.message(code, "0001", segments)],
            sender="STRANGER" if flaw is Flaw.SENDER else "SUPPLIER",
            receiver="STRANGER" if flaw is Flaw.RECEIVER else "SHOP",
            control=str(number),
            group_control=str(number),
            functional_id=GROUPS[code],
            moment=ON,
        )
        return self.message(number, mockedi.x12.render(interchange, newline=True).encode())

    def understands(self, reply: Reply, message: Inward) -> bool:
        about, answer = mockedi.x12.parse(message.body.decode()), mockedi.x12.parse(reply.body.decode())
        if answer.preamble:  # nothing in it could be named, so that its envelope is answered
            (ta1,) = answer.preamble
            assert ta1.get(1) == about.control.rjust(9, "0")
            return ta1.get(4) in {"A", "E"}
        (group,), ((message_back,),) = about.groups, [one.messages for one in answer.groups]
        named = message_back.find("AK1")
        assert (named.get(1), named.get(2)) == (group.functional_id, group.control)
        return message_back.find("AK9").get(1) in {"A", "E"}


def _plain(character: str) -> str:
    """Partners without another character set take ASCII: the nearest letter, else a question mark."""
    if character.isascii():
        return character
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    return plain if plain and plain.isascii() and plain.isprintable() and not set(plain) & set("*>~") else "?"


def _lines(message: Message, tag: str) -> Iterator[SeenLine]:
    quantity, price, items = (2, 4, 6) if tag == "PO1" else (3, 6, 8)
    for n, head in enumerate(message.segments):
        if head.tag != tag:
            continue
        rest = message.segments[n + 1 :]
        ends = next(at for at, segment in enumerate(rest) if segment.tag in {tag, "CTT"})
        named = {head.get(at): head.get(at + 1) for at in range(items, head.width, 2)}
        yield SeenLine(
            line_no=int(head.get(1)),
            quantity=Decimal(head.get(quantity)),
            sku=named.get("BP"),
            supplier_sku=named.get("VP"),
            unit_price=Decimal(head.get(price)),
            description=" ".join(segment.get(5) for segment in rest[:ends] if segment.tag == "PID"),
        )


def seg(tag: str, *elements: object) -> Seg:
    """A segment; None is an empty element."""
    return Seg(tag, ["" if element is None else str(element) for element in elements])


def _said(events: tuple[SupplierEvent, ...]) -> tuple[str, list[Seg]]:
    notices = [event for event in events if isinstance(event, ShipNotice)]
    if notices:
        assert len(notices) == len(events)
        return "856", list(_shipment(notices))
    (event,) = events
    return said(event)


@singledispatch
def said(event: SupplierEvent) -> tuple[str, list[Seg]]:
    """The set that says it, and what stands between ST and SE."""
    raise NotImplementedError(f"no set says {event.kind}")


@said.register
def _(event: OrderAck) -> tuple[str, list[Seg]]:
    code = ("AC" if event.lines else "AD") if event.accepted else "RJ"
    segments = [seg("BAK", "00", code, event.po_number, "20261202", None, None, None, event.supplier_order_no)]
    segments += [seg("REF", "ZZ", None, event.reason)] if event.reason else []
    for line in event.lines:
        ordered = _ordered(line.line)
        price = next((part.unit_price for part in line.splits if part.unit_price), ordered.unit_price)
        segments.append(seg("PO1", ordered.line_no, ordered.quantity, "EA", price, None, *_items(line.line)))
        segments += map(_ack, line.splits)
    if event.accepted and not event.lines:
        for ordered in ORDER.lines:
            segments.append(seg("PO1", ordered.line_no, ordered.quantity, "EA", ordered.unit_price))
            segments[-1].elements += ["", "BP", ordered.sku, "VP", ordered.supplier_sku]
    return "855", [*segments, seg("CTT", len(event.lines))]


@said.register
def _(event: ChangeAck) -> tuple[str, list[Seg]]:
    head = ("00", VERDICTS[event.verdict], event.po_number, None, event.revision, "20261202")
    segments = [seg("BCA", *head), seg("REF", "ZZ", None, event.reason)]
    for line in event.lines:
        total = sum(part.quantity for part in line.splits)
        ordered = _ordered(line.line)
        action = "NC" if total == ordered.quantity else "QD"
        what = (line.line.line_no, action, total, None, "EA", ordered.unit_price, None)
        segments += [seg("POC", *what, *_items(line.line)), *map(_ack, line.splits)]
    return "865", [*segments, seg("CTT", len(event.lines))]


@said.register
def _(event: SyntaxAck) -> tuple[str, list[Seg]]:
    verdict = ("A",) if event.accepted else ("R", "5")
    segments = [seg("AK1", "PO", event.control_number), seg("AK2", "850", "0001")]
    segments += [] if event.accepted else [seg("AK3", "PO1", "5", None, "3")]
    return "997", [*segments, seg("AK5", *verdict), seg("AK9", verdict[0], 1, 1, 1 if event.accepted else 0)]


def _shipment(notices: list[ShipNotice]) -> Iterator[Seg]:
    first = notices[0]
    yield seg("BSN", PURPOSES[first.purpose], first.shipment_id, "20261202", "0815")
    yield seg("HL", 1, None, "S")
    if first.tracking:
        yield seg("REF", "CN", first.tracking)
    level = 1
    for notice in notices:
        order = level = level + 1
        yield seg("HL", order, 1, "O")
        yield seg("PRF", notice.po_number)
        for line in notice.lines:
            level += 1
            yield seg("HL", level, order, "I")
            yield seg("LIN", line.line.line_no, *_items(line.line))
            balance = BALANCES[line.balance]
            yield seg("SN1", line.line.line_no, line.shipped, "EA", *([None] * 4 + [balance] if balance else []))
            if line.deliver_on:
                yield seg("DTM", "017", _day(line.deliver_on))
    yield seg("CTT", level)


def _ack(part: Split) -> Seg:
    on, qualifier = (part.deliver_on, "067") if part.deliver_on else (part.ship_on, "068")
    dated = (qualifier, _day(on)) if on else (None, None)
    instead = (None, "VP", part.substitute) if part.substitute else ()
    return seg("ACK", CODES[part.status], part.quantity, "EA", *dated, *instead)


def _ordered(line: LineRef) -> OrderLine:
    return next(one for one in (*ORDER.lines, *OTHER_ORDER.lines) if one.sku == line.sku)


def _items(line: LineRef) -> tuple[object, ...]:
    return ("BP", line.sku, "VP", line.supplier_sku)


def _day(on: date) -> str:
    return f"{on:%Y%m%d}"


def samples() -> Iterator[Sample]:
    """Public documents and ours, each with a connector for those between whom it goes."""
    folder = Path(__file__).parent / "samples" / "x12"
    for path in sorted(folder.glob("*.edi")):
        body = path.read_bytes()
        expected = json.loads((folder / "expected" / f"{path.stem}.json").read_text())
        text = body.decode()
        isa = text[text.index("ISA") :]
        fields = [field.strip() for field in isa.split(isa[3], 16)]
        who = {"partner_id": fields[6], "our_id": fields[8], "usage": fields[15]}
        unreadable = "undecodable" in expected
        yield Sample(
            name=path.name,
            body=body,
            events=None if unreadable else tuple(map(supplier_event.validate_python, expected["events"])),
            settings={"partner": who | expected.get("partner", {})},
        )


class TestX12(ConnectorSuite):
    denies: ClassVar = DENIED_BY_FOLDERS
    samples: ClassVar = tuple(samples())

    @pytest.fixture
    def peer(self, tmp_path: Path) -> Partner:
        return Partner(tmp_path / "acme")

    @pytest.fixture
    def connector(self, peer: Partner) -> X12Connector:
        return X12Connector(peer.supplier_id, peer.settings)
