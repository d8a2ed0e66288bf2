"""What partners' cXML documents mean: each sample's right reading, and the habits that a profile settles."""

import hashlib
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel

from connectors.errors import Undecodable
from connectors.suppliers.cxml.secrets import hidden
from connectors.suppliers.interface import Decoded, Inward
from domain.supplier_events import (
    AckLine,
    ChangeAck,
    ChangeVerdict,
    LineRef,
    NoticeLine,
    OrderAck,
    ShipNotice,
    Split,
    SplitStatus,
    SupplierEvent,
    Unmatched,
    supplier_event,
)
from tests.connectors.cxml.partner import codec

SAMPLES = Path(__file__).parents[1] / "samples" / "cxml"


class Expected(BaseModel):
    dedupe_key: str = ""
    undecodable: str | None = None
    events: list[object] = []
    issues: list[str] = []


def read(body: bytes, **habits: object) -> Decoded:
    return codec(**habits).decode(Inward(body=body, headers={}))


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.xml")), ids=lambda sample: sample.stem)
def test_a_sample_is_read_as_it_was_by_hand(sample: Path) -> None:
    body = sample.read_bytes()
    expected = Expected.model_validate_json(sample.with_suffix(".json").read_bytes())
    if expected.undecodable:
        with pytest.raises(Undecodable, match=expected.undecodable):
            read(body)
        return
    decoded = read(body)
    assert list(decoded.events) == [supplier_event.validate_python(event) for event in expected.events]
    assert list(decoded.issues) == expected.issues
    digest = f"sha256:{hashlib.sha256(hidden(body)).hexdigest()}"
    named = decoded.dedupe_key.rpartition("/")[0]
    assert decoded.dedupe_key == digest if expected.dedupe_key == "sha256" else named == expected.dedupe_key


def test_every_expected_reading_has_its_sample() -> None:
    assert {each.stem for each in SAMPLES.glob("*.json")} == {each.stem for each in SAMPLES.glob("*.xml")}
    assert json.loads((SAMPLES / "confirmation_in_parts.json").read_bytes())["events"]


IN_PARTS = (SAMPLES / "confirmation_in_parts.xml").read_bytes()


def confirmation(header: str, items: str = "", reference: str = '<OrderReference orderID="PO-1"/>') -> bytes:
    return (
        '<cXML payloadID="p"><Header/><Request><ConfirmationRequest>'
        f"<ConfirmationHeader {header}/>{reference}{items}</ConfirmationRequest></Request></cXML>"
    ).encode()


def status(text: str, item: str = 'lineNumber="1" quantity="10"') -> str:
    return f"<ConfirmationItem {item}>{text}</ConfirmationItem>"


def only(decoded: Decoded) -> SupplierEvent:
    assert len(decoded.events) == 1
    return decoded.events[0]


Edit = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda body: b"\xef\xbb\xbf" + body, id="byte-order mark"),
        pytest.param(lambda body: b"\r\n \n" + body + b"\x00\n", id="blanks around"),
        pytest.param(lambda body: body.decode().replace('"UTF-8"', '"UTF-16"').encode("utf-16"), id="UTF-16"),
        pytest.param(lambda body: body.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(lambda body: b"".join(line.strip() for line in body.splitlines(keepends=False)), id="one line"),
        pytest.param(lambda body: body.replace(b"<cXML ", b'<cXML xmlns="urn:x" '), id="a namespace"),
        pytest.param(lambda body: body.split(b"?>\n", 1)[1].replace(b"A-79 is", b"A-79 <!-- not -->is"), id="comments"),
    ],
)
def test_what_real_documents_do_is_survived(edit: Edit) -> None:
    damaged = edit(IN_PARTS)
    assert damaged != IN_PARTS
    assert read(damaged).events == read(IN_PARTS).events


def test_a_document_that_is_not_in_the_encoding_it_names_is_read_and_told() -> None:
    body = (SAMPLES / "confirmation_reject.xml").read_bytes().replace(b"we do not deliver", "Münze €".encode("cp1252"))
    decoded = read(body)
    event = only(decoded)
    assert isinstance(event, OrderAck)
    assert event.reason == "Münze € to you"
    assert decoded.issues == ("the document says it is UTF-8 and is not; it is read as Windows-1252",)
    plain = (SAMPLES / "confirmation_reject.xml").read_bytes()
    decoded = read(plain.replace(b'encoding="UTF-8"', b'encoding="utf-16"'))
    assert decoded.events == read(plain).events
    assert decoded.issues == ("the document says it is UTF-16 and is not; it is read as UTF-8",)


@pytest.mark.parametrize(
    "second",
    [
        '<OrderReference orderID="PO-2"/>',
        '<OrderIDInfo orderID="PO-2"/>',
        '<OrderReference><DocumentReference payloadID="PO-2.0@shop.example"/></OrderReference>',
    ],
)
def test_one_confirmation_of_two_orders_answers_neither(second: str) -> None:
    """Nobody can tell whose line 1 is; the sender learns of it in our Response."""
    first = '<OrderReference orderID="PO-1"/>'
    items = status('<ConfirmationStatus type="reject" quantity="10"/>')
    for body in (
        confirmation('type="detail"', items, first + second),
        confirmation('type="detail"', items + second + items, first),
        ship_notice('shipmentID="S"', PORTION.format(unit="EA").replace(first, first + second)),
    ):
        with pytest.raises(Undecodable, match=r"names 2 orders, .* Ask for one for each of PO-1, PO-2"):
            read(body)
    twice = confirmation('type="accept"', reference=first + first + second.replace("PO-2", "PO-1"))
    assert only(read(twice)) == OrderAck(po_number="PO-1")


@pytest.mark.parametrize(
    ("rejected", "verdict"), [("refused", "refused"), ("cancelled", "accepted"), ("unclear", "unclear")]
)
def test_what_a_rejected_revision_means_is_the_profiles_word(rejected: str, verdict: str) -> None:
    reference = '<OrderReference><DocumentReference payloadID="PO-1.3@shop.example"/></OrderReference>'
    event = only(read(confirmation('type="reject"', reference=reference), rejected_revision=rejected))
    expected = ChangeAck(po_number="PO-1", revision=3, verdict=ChangeVerdict(verdict), reason="rejected")
    assert event == expected


def test_an_accepted_update_with_dates_is_a_verdict_and_the_dates() -> None:
    reference = '<OrderReference orderID="PO-1"><DocumentReference payloadID="PO-1.1@SHOP.example"/></OrderReference>'
    items = status('<ConfirmationStatus type="accept" quantity="10" deliveryDate="2026-12-08"/>')
    decoded = read(confirmation('type="accept"', items, reference))
    splits = (Split(status=SplitStatus.ACCEPTED, quantity=Decimal(10), deliver_on=date(2026, 12, 8)),)
    lines = (AckLine(line=LineRef(line_no=1), splits=splits),)
    assert decoded.events == (
        ChangeAck(po_number="PO-1", revision=1, verdict=ChangeVerdict.ACCEPTED),
        OrderAck(po_number="PO-1", revision=1, lines=lines),
    )


@pytest.mark.parametrize(("unsaid", "statuses"), [("dropped", ["accepted"]), ("follows", ["accepted", "backordered"])])
def test_the_rest_of_a_line_that_nobody_speaks_of_is_the_profiles_word(unsaid: str, statuses: list[str]) -> None:
    body = confirmation('type="detail"', status('<ConfirmationStatus type="accept" quantity="8"/>'))
    decoded = read(body, unsaid_rest=unsaid)
    event = only(decoded)
    assert isinstance(event, OrderAck)
    assert [split.status for split in event.lines[0].splits] == statuses
    assert sum(split.quantity for split in event.lines[0].splits) == (8 if unsaid == "dropped" else 10)
    assert decoded.issues == ("line 1: its parts come to 8, and the line is of 10",)


def test_an_item_named_in_detail_is_a_substitute_unless_the_partner_only_repeats_it() -> None:
    item = "<ItemIn><ItemID><SupplierPartID>A-9</SupplierPartID></ItemID></ItemIn>"
    body = confirmation(
        'type="detail"', status(f'<ConfirmationStatus type="detail" quantity="10">{item}</ConfirmationStatus>')
    )
    offered, repeated = only(read(body)), only(read(body, item_in_detail_is_substitute=False))
    assert isinstance(offered, OrderAck)
    assert isinstance(repeated, OrderAck)
    assert (offered.lines[0].splits[0].status, offered.lines[0].splits[0].substitute) == ("substituted", "A-9")
    assert (repeated.lines[0].splits[0].status, repeated.lines[0].splits[0].substitute) == ("accepted", None)


def test_a_unit_that_the_profile_calls_the_same_is_the_same() -> None:
    items = status('<UnitOfMeasure>C62</UnitOfMeasure><ConfirmationStatus type="accept" quantity="10"/>')
    body = confirmation('type="detail"', items)
    assert only(read(body)).kind == "unmatched"
    assert only(read(body, same_units=["c62"])).kind == "order_ack"


def test_items_of_a_whole_backorder_have_its_status() -> None:
    event = only(read(confirmation('type="backordered"', status("<UnitOfMeasure>EA</UnitOfMeasure>"))))
    assert isinstance(event, OrderAck)
    assert event.lines[0].splits == (Split(status=SplitStatus.BACKORDERED, quantity=Decimal(10)),)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (confirmation('type="accept" operation="delete"'), "takes back its confirmation"),
        (
            confirmation('type="replace"', status('<ConfirmationStatus type="detail" quantity="1"/>')),
            "order of its own",
        ),
        (confirmation('type="perhaps"'), "unknown type 'perhaps'"),
        (confirmation('type="detail"'), "names no line"),
        (confirmation('type="accept"', reference=""), "names no order of ours"),
        (confirmation('type="accept"', reference=f'<OrderReference orderID="{"P" * 201}"/>'), "names no order"),
        (
            confirmation('type="detail"', status('<ConfirmationStatus type="accept" quantity="1"/>', "")),
            "without naming",
        ),
        (confirmation('type="detail"', status("")), "without saying what becomes"),
    ],
)
def test_what_a_person_must_ask_about_is_an_incident(body: bytes, words: str) -> None:
    event = only(read(body))
    assert event.kind == "unmatched"
    assert words in event.what


def test_a_request_for_payment_is_a_hint() -> None:
    assert only(read(confirmation('type="requestToPay"'))).kind == "hint"


def test_an_order_and_a_document_that_contradict_each_other_are_told() -> None:
    reference = '<OrderReference orderID="PO-1"><DocumentReference payloadID="PO-2.1@shop.example"/></OrderReference>'
    decoded = read(confirmation('type="accept"', reference=reference))
    assert only(decoded) == OrderAck(po_number="PO-1")
    assert decoded.issues == ("orderID says PO-1, and payloadID says PO-2: orderID is taken",)


@pytest.mark.parametrize("foreign", ["PO-1.1@other.example", "PO-1@shop.example", "PO-1.x@shop.example", ""])
def test_only_our_own_payload_ids_name_a_revision(foreign: str) -> None:
    reference = f'<OrderReference orderID="PO-1"><DocumentReference payloadID="{foreign}"/></OrderReference>'
    assert only(read(confirmation('type="accept"', reference=reference))) == OrderAck(po_number="PO-1")


def ship_notice(header: str, portions: str) -> bytes:
    return (
        '<cXML payloadID="p"><Request><ShipNoticeRequest>'
        f"<ShipNoticeHeader {header}/>{portions}</ShipNoticeRequest></Request></cXML>"
    ).encode()


PORTION = (
    '<ShipNoticePortion><OrderReference orderID="PO-1"/>'
    '<ShipNoticeItem lineNumber="1" quantity="5"><UnitOfMeasure>{unit}</UnitOfMeasure></ShipNoticeItem>'
    "</ShipNoticePortion>"
)


def test_a_shipment_without_a_name_is_named_by_its_document() -> None:
    decoded = read(ship_notice('fulfillmentType="complete"', PORTION.format(unit="EA")), says_balance=False)
    lines = (NoticeLine(line=LineRef(line_no=1), shipped=Decimal(5)),)
    assert only(decoded) == ShipNotice(po_number="PO-1", shipment_id="p", lines=lines)
    assert decoded.issues == ("the ship notice has no shipmentID; its payloadID names the shipment",)


def test_a_complete_fulfilment_closes_the_balance_where_it_is_reliable() -> None:
    event = only(read(ship_notice('ShipmentID="S" fulfillmentType="complete"', PORTION.format(unit="EA"))))
    assert isinstance(event, ShipNotice)
    assert (event.shipment_id, event.lines[0].balance) == ("S", "closed")


@pytest.mark.parametrize(
    ("header", "portions", "kind"),
    [
        ('shipmentID="S"', PORTION.format(unit="BX"), ["unmatched"]),
        ('shipmentID="S" reason="return"', PORTION.format(unit="EA"), ["hint"]),
        ('shipmentID="S"', "<ShipNoticePortion/>", ["unmatched"]),
        ('shipmentID="S"', "", ["unmatched"]),
    ],
)
def test_a_shipment_that_moves_no_line_is_told_all_the_same(header: str, portions: str, kind: list[str]) -> None:
    assert [event.kind for event in read(ship_notice(header, portions)).events] == kind


def test_ten_thousand_lines_are_read() -> None:
    parts = '<ConfirmationStatus type="accept" quantity="35"/><ConfirmationStatus type="backordered" quantity="65"/>'
    items = "".join(status(parts, f'lineNumber="{number}" quantity="100"') for number in range(1, 10_001))
    event = only(read(confirmation('type="detail"', items)))
    assert isinstance(event, OrderAck)
    assert len(event.lines) == 10_000


def test_a_day_for_the_order_as_a_whole_is_told_and_not_dropped_in_silence() -> None:
    (issue,) = read(confirmation('type="accept" deliveryDate="2026-12-24"')).issues
    assert "deliveryDate '2026-12-24' is left out" in issue


def test_a_price_for_a_hundred_is_none_wherever_the_hundred_stands() -> None:
    priced = '<UnitPrice><Money currency="USD">400</Money></UnitPrice><PriceBasisQuantity quantity="100"/>'
    part = f'<ConfirmationStatus type="detail" quantity="10">{priced}</ConfirmationStatus>'
    item = f'<ConfirmationItem lineNumber="1" quantity="10">{part}</ConfirmationItem>'
    decoded = read(confirmation('type="detail"', item))
    assert isinstance(ack := decoded.events[0], OrderAck)
    assert ack.lines[0].splits[0].unit_price is None
    assert "PriceBasisQuantity" in decoded.issues[0]


def test_cases_are_no_pieces_where_only_the_detail_names_them() -> None:
    detail = "<ShipNoticeItemDetail><UnitOfMeasure>CA</UnitOfMeasure></ShipNoticeItemDetail>"
    item = f'<ShipNoticeItem lineNumber="1" quantity="10">{detail}</ShipNoticeItem>'
    portion = f'<ShipNoticePortion><OrderReference orderID="PO-1"/>{item}</ShipNoticePortion>'
    notice = f'<ShipNoticeRequest><ShipNoticeHeader shipmentID="S-1"/>{portion}</ShipNoticeRequest>'
    (event,) = read(f'<cXML payloadID="p"><Request>{notice}</Request></cXML>'.encode()).events
    assert isinstance(event, Unmatched)
    assert "10 CA of line 1" in event.what


def test_a_second_request_in_a_document_is_not_passed_over() -> None:
    accepted = confirmation('type="accept"')
    refused = accepted.partition(b"<Request>")[2].partition(b"</Request>")[0].replace(b"accept", b"reject")
    with pytest.raises(Undecodable, match="2 requests"):
        read(accepted.replace(b"</Request>", refused + b"</Request>"))


def test_an_acceptance_whose_only_item_cannot_be_read_does_not_accept_all_of_it() -> None:
    part = '<ConfirmationStatus type="accept" quantity="1"><UnitOfMeasure>DZN</UnitOfMeasure></ConfirmationStatus>'
    item = f'<ConfirmationItem lineNumber="1" quantity="10">{part}</ConfirmationItem>'
    (event,) = read(confirmation('type="accept"', item)).events
    assert isinstance(event, Unmatched)


def test_two_documents_of_one_name_are_two_and_one_that_comes_again_is_one() -> None:
    first, other = (confirmation(f'type="{kind}"') for kind in ("accept", "reject"))
    again = first.replace(b"<cXML ", b'<cXML timestamp="2026-11-22T10:00:00Z" ').replace(b"><", b">\n<", 2)
    assert read(first).dedupe_key == read(again).dedupe_key
    assert read(first).dedupe_key != read(other).dedupe_key
