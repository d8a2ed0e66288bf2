"""The documents that are timed, and who reads and writes them: our codecs, other people's libraries, and bare floors.

A reader takes the bytes and gives whatever its author makes of them, which is said beside its name.

    ours        checks the envelope and reports its damage, finds the answer to each line in all its parts, with days,
                numbers, prices and items, adds them up, and makes checked events of them
    mock-edi    checks no envelope; of each line one answer, with numbers, day and description, in an object
    draftedi    cuts segments and elements into dictionaries, and hashes the bytes
    pyx12       cuts them into objects, and compares counts and control numbers
    pydifact    cuts them into objects, and checks the header of the interchange

So ours is the longest way. Beside those who only cut, our own cutting alone is timed, too.
"""

# The others leave their types open, or have none:
# mypy: disable-error-code="import-untyped"
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import csv
import io
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import draftedi
import mockedi.edifact
import mockedi.envelope
import mockedi.transactions
import mockedi.x12
import pyx12.x12file
from lxml import etree
from pydifact.segmentcollection import Interchange
from pydifact.segments import Segment

from connectors.suppliers.csv.codec import CsvCodec
from connectors.suppliers.csv.profile import CsvPartner
from connectors.suppliers.cxml.codec import CxmlCodec
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.documents import Codec
from connectors.suppliers.edifact.codec import EdifactCodec
from connectors.suppliers.edifact.interchange import read_interchanges
from connectors.suppliers.edifact.partner import EdifactPartner
from connectors.suppliers.interface import Decoded, Inward, OrderLine, Place, WireIds
from connectors.suppliers.issues import Issues as EdifactIssues
from connectors.suppliers.x12 import syntax as x12_syntax
from connectors.suppliers.x12.codec import X12Codec
from connectors.suppliers.x12.partner import X12Partner

US, THEM = "5412345000013", "4012345500004"
FLOOR = "floor:"
"""How what nobody can be ahead of is marked."""

WRITTEN_AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
IDS = WireIds(operation_id="po/PO-1001/0", control_number=41, written_at=WRITTEN_AT)
DAY = date(2026, 12, 1)

Reads = Callable[[bytes], object]
Writes = Callable[[], bytes | str]


@dataclass(frozen=True)
class Format:
    """One format: its documents, and others beside us."""

    name: str
    answer: str
    """What is read, such as 855."""
    order: str
    """What is written, such as 850."""
    codec: Codec
    answering: Callable[[int], bytes]
    """The answer to an order of so many lines."""
    readers: dict[str, Reads]
    """Others who make dates and numbers of it."""
    cutters: dict[str, Reads]
    """Others who make segments and elements of it."""
    cut: Reads | None
    """The same by our codec's own syntax."""
    floors: dict[str, Reads]
    """What any reader has to do, and no more: nobody can be ahead of it."""
    writers: Callable[[int], dict[str, Writes]]
    """Others who write an order of so many lines."""

    def reading(self, body: bytes) -> Callable[[], Decoded]:
        """By our codec."""
        message = Inward(body=body, headers={})
        return lambda: self.codec.decode(message)

    def write(self, order: Place) -> bytes:
        """By our codec."""
        return self.codec.render(order, IDS).body


def ordered(lines: int) -> Place:
    """An order of so many lines."""
    return Place(
        po_number="PO-1001",
        supplier_id="acme",
        currency="USD",
        terms="net30",
        ordered_on=date(2026, 11, 18),
        lines=tuple(
            OrderLine(
                line_no=n,
                sku=f"SKU-{n}",
                supplier_sku=f"V-{n}",
                description=f"Mug, blue, number {n}",
                quantity=12 + n % 50,
                unit_price=Decimal("3.5"),
                wanted_on=DAY + timedelta(days=n % 9),
            )
            for n in range(1, lines + 1)
        ),
    )


def _rows(lines: int) -> list[dict[str, Any]]:
    """The answer to that order, as mock-edi has it: every seventh line is short, and the rest of it comes later."""
    return [
        {
            "line": str(line.line_no),
            "sku": line.supplier_sku,
            "upc": "",
            "description": line.description,
            "quantity": str(line.quantity),
            "confirmed": str(line.quantity - 5 if line.line_no % 7 == 0 else line.quantity),
            "backordered": "5" if line.line_no % 7 == 0 else "0",
            "status": mockedi.transactions.SHORT if line.line_no % 7 == 0 else mockedi.transactions.ACCEPTED,
            "uom": "EA",
            "price": str(line.unit_price),
            "scheduled_on": (line.wanted_on or DAY).isoformat(),
        }
        for line in ordered(lines).lines
    ]


_THEIR_ORDER: dict[str, Any] = {
    "po_number": "PO-1001",
    "currency": "USD",
    "ordered_on": "2026-11-18",
    "seller_order": "SO-77",
    "ship_to_name": "Warehouse 2",
    "ship_to_id": "W2",
}
_THEIR_PARTNER: dict[str, Any] = {"id": US, "name": "The Shop"}
_ACME = mockedi.transactions.Party(role="SE", name="Acme", identifier=THEM)


def _x12_by_mock_edi(code: str, group: str, body: list[mockedi.envelope.Seg]) -> str:
    message = mockedi.x12.message(code, "0001", body)
    rendered: str = mockedi.x12.render(
        mockedi.x12.wrap([message], THEM, US, "000000041", "41", group, moment=WRITTEN_AT), newline=True
    )
    return rendered


def _answer_in_x12(lines: int) -> bytes:
    body = mockedi.transactions.write_response("X12", _ACME, _THEIR_PARTNER, _THEIR_ORDER, _rows(lines), WRITTEN_AT)
    return _x12_by_mock_edi("855", "PR", body).encode()


def _write_x12(lines: int) -> dict[str, Writes]:
    rows = _rows(lines)

    def by_mock_edi() -> str:
        body = mockedi.transactions.write_order("X12", _ACME, _THEIR_PARTNER, _THEIR_ORDER, rows, WRITTEN_AT)
        return _x12_by_mock_edi("850", "PO", body)

    return {"mock-edi": by_mock_edi}


def _edifact_by_mock_edi(code: str, body: list[mockedi.envelope.Seg]) -> str:
    message = mockedi.edifact.message(code, "1", body)
    wrapped = mockedi.edifact.wrap(
        [message], THEM, US, "41", sender_qualifier="14", receiver_qualifier="14", moment=WRITTEN_AT
    )
    rendered: str = mockedi.edifact.render(wrapped)
    return rendered


def _answer_in_edifact(lines: int) -> bytes:
    body = mockedi.transactions.write_response("EDIFACT", _ACME, _THEIR_PARTNER, _THEIR_ORDER, _rows(lines), WRITTEN_AT)
    return _edifact_by_mock_edi("ORDRSP", body).encode("latin-1")


def _write_edifact(lines: int) -> dict[str, Writes]:
    rows = _rows(lines)
    written = EDIFACT.write(ordered(lines)).decode()
    with _without_directories():
        segments = [(one.tag, list(one.elements)) for one in Interchange.from_str(written).segments]

    def by_mock_edi() -> str:
        body = mockedi.transactions.write_order("EDIFACT", _ACME, _THEIR_PARTNER, _THEIR_ORDER, rows, WRITTEN_AT)
        return _edifact_by_mock_edi("ORDERS", body)

    def by_pydifact() -> str:
        interchange = Interchange(US, THEM, "41", ("UNOC", 3), timestamp=WRITTEN_AT)
        with _without_directories():
            for tag, elements in segments:
                interchange.add_segment(Segment(tag, *elements))
            return interchange.serialize()

    return {"mock-edi": by_mock_edi, "pydifact, from segments": by_pydifact}


_CXML_ITEM = (
    '<ConfirmationItem quantity="{quantity}" lineNumber="{line}"><UnitOfMeasure>EA</UnitOfMeasure>'
    '<ConfirmationStatus quantity="{confirmed}" type="accept" shipmentDate="{scheduled_on}T17:00:00-08:00">'
    "<UnitOfMeasure>EA</UnitOfMeasure></ConfirmationStatus>{rest}</ConfirmationItem>"
)
_CXML_REST = (
    '<ConfirmationStatus quantity="{backordered}" type="backordered" deliveryDate="2027-01-15T23:30:00-08:00">'
    "<UnitOfMeasure>EA</UnitOfMeasure></ConfirmationStatus>"
)
_CXML_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><cXML payloadID="1764696600.1@acme.example" '
    'timestamp="2026-12-02T09:30:00-08:00"><Header>'
    '<From><Credential domain="DUNS"><Identity>080123456</Identity></Credential></From>'
    '<To><Credential domain="NetworkId"><Identity>AN01</Identity></Credential></To>'
    '<Sender><Credential domain="DUNS"><Identity>080123456</Identity><SharedSecret>theirs</SharedSecret></Credential>'
    "<UserAgent>Acme</UserAgent></Sender></Header><Request><ConfirmationRequest>"
    '<ConfirmationHeader type="detail" noticeDate="2026-12-02T09:30:00-08:00" confirmID="C-1" operation="new"/>'
    '<OrderReference orderID="PO-1001"><DocumentReference payloadID="PO-1001.0@shop.example"/></OrderReference>'
)


def _answer_in_cxml(lines: int) -> bytes:
    items = (
        _CXML_ITEM.format(**row, rest=_CXML_REST.format(**row) if row["backordered"] != "0" else "")
        for row in _rows(lines)
    )
    return f"{_CXML_HEAD}{''.join(items)}</ConfirmationRequest></Request></cXML>".encode()


def _write_cxml(lines: int) -> dict[str, Writes]:
    tree = etree.fromstring(CXML.write(ordered(lines)))
    return {f"{FLOOR} lxml writing down what is built": lambda: etree.tostring(tree)}


_CSV_HEADER = ("type", "po_number", "revision", "line_no", "sku", "status", "quantity", "ship_on", "unit_price")


def _answer_in_csv(lines: int) -> bytes:
    return _csv_by_the_library(list(_csv_cells(lines))).encode()


def _csv_cells(lines: int) -> Iterator[tuple[str, ...]]:
    yield _CSV_HEADER
    for row in _rows(lines):
        head = ("acknowledgement", "PO-1001", "0", row["line"], f"SKU-{row['line']}")
        yield (*head, "accepted", row["confirmed"], row["scheduled_on"], row["price"])
        if row["backordered"] != "0":
            yield (*head, "backordered", row["backordered"], "", "")


def _csv_by_the_library(cells: list[tuple[str, ...]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(cells)
    return text.getvalue()


def _write_csv(lines: int) -> dict[str, Writes]:
    written = CSV.write(ordered(lines)).decode()
    cells = [tuple(record) for record in csv.reader(io.StringIO(written, newline=""))]
    return {f"{FLOOR} csv writing down cells": lambda: _csv_by_the_library(cells)}


def _x12_cut_by_us(body: bytes) -> object:
    return [list(one.body) for interchange in x12_syntax.read(body, x12_syntax.Issues()) for one in interchange.sets()]


def _edifact_cut_by_us(body: bytes) -> object:
    found = read_interchanges(body, EdifactIssues())
    return [list(message.segments) for interchange in found for message in interchange.messages]


def _x12_read_by_mock_edi(body: bytes) -> object:
    ((message,),) = [group.messages for group in mockedi.x12.parse(body.decode()).groups]
    return mockedi.transactions.read_response(message, "X12")


def _edifact_read_by_mock_edi(body: bytes) -> object:
    ((message,),) = [group.messages for group in mockedi.edifact.parse(body.decode("latin-1")).groups]
    return mockedi.transactions.read_response(message, "EDIFACT")


def _read_by_pyx12(body: bytes) -> object:
    with pyx12.x12file.X12Reader(io.StringIO(body.decode(), newline="")) as reader:
        return list(reader)


def _read_by_pydifact(body: bytes) -> object:
    with _without_directories():
        return list(Interchange.from_str(body.decode("latin-1")).get_messages())


@contextmanager
def _without_directories() -> Generator[None]:
    """pydifact warns that it has no directory as old as D.96A."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read_by_csv(body: bytes) -> object:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


X12 = Format(
    name="X12",
    answer="855",
    order="850",
    codec=X12Codec(X12Partner.model_validate({"our_id": US, "partner_id": THEM, "changed_balance": "follows"})),
    answering=_answer_in_x12,
    readers={"mock-edi, one answer a line": _x12_read_by_mock_edi},
    cutters={"draftedi, cuts": draftedi.parse_edi_file, "pyx12, cuts and counts": _read_by_pyx12},
    cut=_x12_cut_by_us,
    floors={},
    writers=_write_x12,
)
EDIFACT = Format(
    name="EDIFACT",
    answer="ORDRSP",
    order="ORDERS",
    codec=EdifactCodec(EdifactPartner.model_validate({"our_id": US, "partner_id": THEM})),
    answering=_answer_in_edifact,
    readers={"mock-edi, one answer a line": _edifact_read_by_mock_edi},
    cutters={"pydifact, cuts": _read_by_pydifact},
    cut=_edifact_cut_by_us,
    floors={},
    writers=_write_edifact,
)
CXML = Format(
    name="cXML",
    answer="ConfirmationRequest",
    order="OrderRequest",
    codec=CxmlCodec(
        CxmlPartner.model_validate(
            {
                "url": "http://127.0.0.1:9/cxml",
                "ours": {"domain": "NetworkId", "identity": "AN01"},
                "theirs": {"domain": "DUNS", "identity": "080123456"},
                "outbound_secret": "ours",
                "inbound_secret": "theirs",
                "payload_domain": "shop.example",
                "bill_to": {"name": "Shop", "street": ["Main St 1"], "city": "Springfield", "country": "US"},
            }
        )
    ),
    answering=_answer_in_cxml,
    readers={},
    cutters={},
    cut=None,
    floors={f"{FLOOR} lxml parsing": etree.fromstring},
    writers=_write_cxml,
)
CSV = Format(
    name="CSV",
    answer="acknowledgement",
    order="order",
    codec=CsvCodec(CsvPartner(buyer="shop")),
    answering=_answer_in_csv,
    readers={},
    cutters={},
    cut=None,
    floors={f"{FLOOR} csv cutting cells": _read_by_csv},
    writers=_write_csv,
)
FORMATS = (X12, EDIFACT, CXML, CSV)
