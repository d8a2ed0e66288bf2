"""Our `cxml` connector against the conformance kit; the far side is a server that reads and writes with the stdlib."""

import asyncio
import itertools
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from connectors.suppliers.cxml.connector import CxmlConnector
from connectors.suppliers.interface import Envelope, Inward, Reply
from connectors.testing import ConnectorSuite, Fault, Flaw, HeldOrder, Peer, Sample, Seen, SeenLine
from devstack.simulators.serving import cut, listening, served
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
    supplier_event,
)
from tests.connectors.cxml.partner import CONFIG

XML = "text/xml; charset=UTF-8"
OURS, THEIRS, STRANGER = ("NetworkId", "AN01000000001"), ("DUNS", "080123456"), ("DUNS", "999999999")
KINDS = {"new": "place", "update": "change", "delete": "cancel"}
STATUSES = {
    SplitStatus.ACCEPTED: "accept",
    SplitStatus.BACKORDERED: "backordered",
    SplitStatus.REJECTED: "reject",
    SplitStatus.SUBSTITUTED: "detail",
    SplitStatus.HELD: "unknown",
}
VERDICTS = {ChangeVerdict.ACCEPTED: "accept", ChangeVerdict.REFUSED: "reject", ChangeVerdict.PARTLY: "detail"}
OPERATIONS = {NoticePurpose.ORIGINAL: "new", NoticePurpose.CANCEL: "delete", NoticePurpose.REPLACE: "update"}
BALANCES = {Balance.OPEN: "partial", Balance.CLOSED: "complete"}


class Server(Peer):
    """A supplier's cXML server: it keeps each payloadID once, and answers at once."""

    supplier_id = "acme"

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._kept: dict[str, Seen] = {}
        self._faults: list[tuple[Fault, float]] = []

    def at(self, url: str) -> None:
        """Where it is, and how it is reached there."""
        habits = {"url": url, "added_lines": True, "rejected_revision": "refused"}
        self.settings = {**CONFIG, **habits}
        self.wrong_settings = {**self.settings, "outbound_secret": "a guess"}
        self.hasty_settings = {**self.settings, "timeout_seconds": 0.2}

    async def take(self, request: Request) -> Response:
        """A POST to it."""
        fault, seconds = self._faults.pop(0) if self._faults else (None, 0)
        if fault is Fault.UNREACHED:
            cut(request)
            return Response()
        body = await request.body()
        if fault is Fault.BUSY:
            return _told(503, "Service Unavailable", status=503, headers={"Retry-After": f"{seconds:.0f}"})
        if fault in {Fault.BROKEN, Fault.REFUSED}:
            return _told(500 if fault is Fault.BROKEN else 400, "it is not taken")
        document = ET.fromstring(body)
        if document.findtext("Header/Sender/Credential/SharedSecret") != "our <secret> & more":
            return _told(401, "Unauthorized")
        if document.find("Request/OrderRequest") is not None:
            self._kept.setdefault(document.attrib["payloadID"], _seen(body))
        if fault is Fault.UNANSWERED:
            cut(request)
        if fault is Fault.SLOW:
            await asyncio.sleep(1.5)
        return _told(200, "OK")

    def read(self, envelope: Envelope) -> Seen:
        return _seen(envelope.body)

    async def received(self) -> list[HeldOrder]:
        orders: dict[str, HeldOrder] = {}
        for seen in self._kept.values():  # each restates the whole order
            cancelled = seen.kind == "cancel"
            orders[seen.po_number] = HeldOrder(po_number=seen.po_number, lines=seen.lines, cancelled=cancelled)
        return list(orders.values())

    async def fail(self, fault: Fault, seconds: float = 0) -> None:
        self._faults.append((fault, seconds))

    async def mend(self) -> None:
        self._faults.clear()

    def carried(self, text: str) -> str:
        return "".join(c if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") else " " for c in text)

    def write(self, *events: SupplierEvent, flaw: Flaw | None = None) -> Inward:
        document = ET.Element("cXML", payloadID=f"{next(self._numbers)}@acme.example", timestamp="2026-12-02T08:15:00Z")
        header = ET.SubElement(document, "Header")
        secret = "a guess" if flaw is Flaw.SIGNATURE else "their-secret"
        _who(header, "From", STRANGER if flaw is Flaw.SENDER else THEIRS)
        _who(header, "To", STRANGER if flaw is Flaw.RECEIVER else OURS)
        _put(_who(header, "Sender", THEIRS), "SharedSecret", secret)
        document.append(_request(events))
        return Inward(body=ET.tostring(document, "utf-8", xml_declaration=True), headers={"content-type": XML})

    def understands(self, reply: Reply, message: Inward) -> bool:
        assert reply.at_once, "it goes back on the same connection, and so speaks of no other message"
        status = ET.fromstring(reply.body).find("Response/Status")
        assert status is not None
        return status.attrib["code"] in {"200", "201"}


def _told(code: int, text: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = f'<cXML payloadID="r" timestamp="t"><Response><Status code="{code}" text="{text}"/></Response></cXML>'
    return Response(body, status, headers, XML)


def _seen(body: bytes) -> Seen:
    order = ET.fromstring(body).find("Request/OrderRequest")
    assert order is not None
    head = order.find("OrderRequestHeader")
    assert head is not None
    return Seen(
        kind=KINDS[head.attrib["type"]],
        po_number=head.attrib["orderID"],
        lines=tuple(map(_line, order.iter("ItemOut"))),
    )


def _line(item: ET.Element) -> SeenLine:
    return SeenLine(
        line_no=int(item.attrib["lineNumber"]),
        quantity=Decimal(item.attrib["quantity"]),
        sku=item.findtext("ItemID/BuyerPartID"),
        supplier_sku=item.findtext("ItemID/SupplierPartID"),
        unit_price=Decimal(item.findtext("ItemDetail/UnitPrice/Money") or "NaN"),
        description=item.findtext("ItemDetail/Description"),
    )


def _put(parent: ET.Element, tag: str, text: object = None, **attributes: object) -> ET.Element:
    """An element at the end of another; attributes that are None are left out."""
    given = {name: str(value) for name, value in attributes.items() if value is not None}
    element = ET.SubElement(parent, tag, given)
    element.text = None if text is None else str(text)
    return element


def _who(header: ET.Element, role: str, who: tuple[str, str]) -> ET.Element:
    credential = _put(_put(header, role), "Credential", domain=who[0])
    _put(credential, "Identity", who[1])
    return credential


def _request(events: tuple[SupplierEvent, ...]) -> ET.Element:
    request = ET.Element("Request")
    match events[0]:
        case OrderAck() as told:
            kind = ("detail" if told.lines else "accept") if told.accepted else "reject"
            _confirmation(request, kind, told, 0, told.supplier_order_no)
        case ChangeAck() as told:
            _confirmation(request, VERDICTS[told.verdict], told, told.revision, None)
        case ShipNotice():
            _shipment(request, [event for event in events if isinstance(event, ShipNotice)])
        case other:
            raise NotImplementedError(f"no document says {other.kind}")
    return request


def _confirmation(
    request: ET.Element, kind: str, told: OrderAck | ChangeAck, revision: int, order_no: str | None
) -> None:
    said = _put(request, "ConfirmationRequest")
    header = _put(said, "ConfirmationHeader", type=kind, noticeDate="2026-12-02T08:15:00Z", operation="new")
    if order_no:
        _put(header, "IdReference", identifier=order_no, domain="supplierReference")
    if told.reason:
        _put(header, "Comments", told.reason)
    reference = _put(said, "OrderReference", orderID=told.po_number)
    _put(reference, "DocumentReference", payloadID=f"{told.po_number}.{revision}@shop.example")
    for line in told.lines:
        _confirmed(said, line)


def _confirmed(said: ET.Element, line: AckLine) -> None:
    whole = sum(part.quantity for part in line.splits)
    item = _put(said, "ConfirmationItem", quantity=whole, lineNumber=line.line.line_no)
    _put(item, "UnitOfMeasure", "EA")
    for part in line.splits:
        kind = "detail" if part.unit_price else STATUSES[part.status]
        dates = {"shipmentDate": _noon(part.ship_on), "deliveryDate": _noon(part.deliver_on)}
        status = _put(item, "ConfirmationStatus", quantity=part.quantity, type=kind, **dates)
        _put(status, "UnitOfMeasure", "EA")
        _offered(status, part)
        if part.reason:
            _put(status, "Comments", part.reason)


def _offered(status: ET.Element, part: Split) -> None:
    if part.unit_price:
        _put(_put(status, "UnitPrice"), "Money", part.unit_price, currency="USD")
    if part.substitute:
        instead = _put(status, "ItemIn", quantity=part.quantity)
        _put(_put(instead, "ItemID"), "SupplierPartID", part.substitute)


def _shipment(request: ET.Element, notices: list[ShipNotice]) -> None:
    said, first = _put(request, "ShipNoticeRequest"), notices[0]
    lines = [line for notice in notices for line in notice.lines]
    (on,), (balance,) = {line.deliver_on for line in lines}, {line.balance for line in lines}
    _put(
        said,
        "ShipNoticeHeader",
        shipmentID=first.shipment_id,
        operation=OPERATIONS[first.purpose],
        noticeDate="2026-12-02T08:15:00Z",
        deliveryDate=_noon(on),
        fulfillmentType=BALANCES.get(balance),
    )
    _put(_put(said, "ShipControl"), "ShipmentIdentifier", first.tracking)
    for notice in notices:
        portion = _put(said, "ShipNoticePortion")
        _put(portion, "OrderReference", orderID=notice.po_number)
        for n, line in enumerate(notice.lines, 1):
            item = _put(
                portion, "ShipNoticeItem", quantity=line.shipped, lineNumber=line.line.line_no, shipNoticeLineNumber=n
            )
            _named(item, line.line)
            _put(item, "UnitOfMeasure", "EA")


def _named(item: ET.Element, line: LineRef) -> None:
    item_id = _put(item, "ItemID")
    _put(item_id, "SupplierPartID", line.supplier_sku)
    _put(item_id, "BuyerPartID", line.sku)


def _noon(on: date | None) -> str | None:
    return f"{on}T12:00:00+00:00" if on else None


class _Expected(BaseModel):
    undecodable: str | None = None
    events: list[object] = []


def samples() -> Iterator[Sample]:
    """Public documents and ours, each with a connector for those between whom it goes."""
    for path in sorted((Path(__file__).parent / "samples" / "cxml").glob("*.xml")):
        expected = _Expected.model_validate_json(path.with_suffix(".json").read_bytes())
        yield Sample(
            name=path.name,
            body=path.read_bytes(),
            events=None if expected.undecodable else tuple(map(supplier_event.validate_python, expected.events)),
            settings={**CONFIG, **dict(_parties(path.read_bytes()))},
        )


def _parties(body: bytes) -> Iterable[tuple[str, object]]:
    header = ET.fromstring(body.lstrip()).find("Header")
    assert header is not None
    for role, setting in (("From", "theirs"), ("To", "ours"), ("Sender", "their_sender")):
        credential = header.find(f"{role}/Credential")
        assert credential is not None
        yield setting, {"domain": credential.attrib["domain"], "identity": credential.findtext("Identity")}
    yield "inbound_secret", header.findtext("Sender/Credential/SharedSecret")


class TestCxml(ConnectorSuite):
    denies: ClassVar = {
        Flaw.AGE: "a document proves its sender by a secret in it, and no time; a repeat is known by its payloadID"
    }
    samples: ClassVar = tuple(samples())

    @pytest.fixture
    async def peer(self) -> AsyncIterator[Server]:
        peer, app = Server(), FastAPI(openapi_url=None)
        app.post("/cxml")(peer.take)
        async with served(app, listening("127.0.0.1", 0, "a cXML supplier")) as url:
            peer.at(f"{url}/cxml")
            yield peer

    @pytest.fixture
    async def connector(self, peer: Server) -> AsyncIterator[CxmlConnector]:
        connector = CxmlConnector(peer.supplier_id, peer.settings)
        yield connector
        await connector.aclose()
