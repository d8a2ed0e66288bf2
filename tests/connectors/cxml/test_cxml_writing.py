"""What we write as cXML: every byte, what is refused, what is never in it, and texts that come out as they went in."""

import re
from datetime import timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from connectors.errors import Refused, Unsupported
from connectors.suppliers.cxml.connector import CxmlConnector
from connectors.suppliers.cxml.order_writing import order_document, with_secret
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.interface import CancelWay, Inward, OrderLine, Place, Request, WireIds
from tests.connectors.cxml.partner import CONFIG, IDS, LINES, PLACED, REDUCED, WITHDRAWN

SAMPLES = Path(__file__).parents[1] / "samples" / "cxml"
PARTNER = CxmlPartner.model_validate(CONFIG)


def written(request: Request, partner: CxmlPartner = PARTNER) -> etree._Element:
    return etree.fromstring(order_document(request, IDS, partner).body)


def with_line(**changed: object) -> Place:
    return PLACED.model_copy(update={"lines": (LINES[0].model_copy(update=changed),)})


@pytest.mark.parametrize(("name", "request_"), [("place", PLACED), ("change", REDUCED), ("cancel", WITHDRAWN)])
def test_every_byte_is_as_it_was_looked_at(name: str, request_: Request) -> None:
    envelope = CxmlConnector("acme", CONFIG).render(request_, IDS)
    assert envelope.body == (SAMPLES / "golden" / f"{name}.xml").read_bytes()
    assert (envelope.kind, envelope.operation_id, envelope.headers) == (name, IDS.operation_id, {})


@pytest.mark.parametrize(
    ("sample", "answer"),
    [
        ("confirmation_accept", "response"),
        ("public_punch_out_setup_request", "response_unacceptable"),
        ("public_profile_request", "response_not_implemented"),
    ],
)
def test_the_response_that_is_owed_goes_back_at_once(sample: str, answer: str) -> None:
    body = (SAMPLES / f"{sample}.xml").read_bytes()
    reply = CxmlConnector("acme", CONFIG).acknowledge(Inward(body=body, headers={}), IDS)
    assert reply
    assert reply.at_once
    assert reply.body == (SAMPLES / "golden" / f"{answer}.xml").read_bytes()


def test_an_update_restates_the_order_and_names_the_document_before_it() -> None:
    update = written(REDUCED)
    assert update.get("payloadID") == "PO-1.1@shop.example"
    header = update.find("Request/OrderRequest/OrderRequestHeader")
    assert header is not None
    assert (header.get("type"), header.get("orderID"), header.get("orderVersion")) == ("update", "PO-1", "2")
    before = header.find("DocumentReference")
    assert before is not None
    assert before.get("payloadID") == written(PLACED).get("payloadID") == "PO-1.0@shop.example"
    items = [(item.get("lineNumber"), item.get("quantity")) for item in update.iter("ItemOut")]
    assert items == [("1", "70")]


def test_a_resend_and_another_zone_give_the_same_bytes() -> None:
    elsewhere = IDS.written_at.astimezone(timezone(timedelta(hours=9)))
    again = IDS.model_copy(update={"written_at": elsewhere})
    assert order_document(PLACED, again, PARTNER) == order_document(PLACED, IDS, PARTNER)


def test_the_secret_is_in_what_is_sent_and_in_nothing_that_is_stored() -> None:
    envelope = order_document(PLACED, IDS, PARTNER)
    assert b"secret&gt; &amp; more" not in envelope.body
    sent = etree.fromstring(with_secret(envelope.body, PARTNER))
    assert [secret.text for secret in sent.iter("SharedSecret")] == ["our <secret> & more"]
    assert "secret> & more" not in repr(PARTNER)
    with pytest.raises(Refused, match="no place for the shared secret"):
        with_secret(b"<cXML/>", PARTNER)


def test_no_text_can_take_the_place_of_the_secret() -> None:
    held = "<SharedSecret>put-in-when-it-is-sent</SharedSecret>"
    order = with_line(description=held, supplier_sku=held)
    sent = etree.fromstring(with_secret(order_document(order, IDS, PARTNER).body, PARTNER))
    assert [secret.text for secret in sent.iter("SharedSecret")] == ["our <secret> & more"]
    assert [part.text for part in sent.iter("SupplierPartID")] == [held]


AWKWARD = st.text(st.one_of(st.characters(), st.sampled_from("<>&\"'\n\r\t\x00\x0b\x85\ufffe\ud800\u2028 ]]>äß漢😀")))
UNCARRIED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@settings(deadline=None)
@given(words=AWKWARD, terms=AWKWARD)
def test_a_text_comes_out_as_it_went_in_but_for_what_xml_cannot_hold(words: str, terms: str) -> None:
    order = with_line(description=words).model_copy(update={"terms": terms})
    document = written(order)
    assert (next(document.iter("Description")).text or "") == UNCARRIED.sub(" ", words)
    told = [extrinsic.text for extrinsic in document.iter("Extrinsic")]
    assert told == ([UNCARRIED.sub(" ", terms)] if terms else [])


@settings(deadline=None)
@given(name=AWKWARD)
def test_a_name_comes_out_as_it_went_in_or_is_refused(name: str) -> None:
    order = with_line(supplier_sku=name)
    if not name.strip() or name != name.strip() or not name.isprintable() or UNCARRIED.search(name):
        with pytest.raises(Refused, match="line 1: the supplier's item number"):
            written(order)
        return
    assert [part.text for part in written(order).iter("SupplierPartID")] == [name]


@settings(deadline=None)
@given(
    quantity=st.integers(1, 1_000_000),
    price=st.decimals(0, 10_000_000, places=4),
)
def test_quantities_and_prices_come_out_as_they_went_in(quantity: int, price: Decimal) -> None:
    document = written(with_line(quantity=quantity, unit_price=price))
    (item,) = document.iter("ItemOut")
    money = item.find("ItemDetail/UnitPrice/Money")
    assert money is not None
    assert (int(item.get("quantity") or 0), Decimal(money.text or "")) == (quantity, price)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (with_line(quantity=0), "line 1: a quantity of 0"),
        (with_line(quantity=-5), "line 1: a quantity of -5"),
        (with_line(unit_price=Decimal("Infinity")), "line 1: a unit price of Infinity"),
        (with_line(unit_price=Decimal(-1)), "line 1: a unit price of -1"),
        (with_line(line_no=0), "line 0: its number"),
        (with_line(sku=" MUG"), "line 1: our item number"),
        (PLACED.model_copy(update={"lines": ()}), "without lines"),
        (PLACED.model_copy(update={"lines": (LINES[0], LINES[0])}), "used once"),
        (PLACED.model_copy(update={"po_number": "a\nb"}), "the order number"),
        (PLACED.model_copy(update={"currency": ""}), "the currency"),
        (REDUCED.model_copy(update={"order": None}), "restates the whole order"),
        (WITHDRAWN.model_copy(update={"order": None}), "restates the whole order"),
        (REDUCED.model_copy(update={"order": PLACED}), "the change asks for 70, and the order as changed has 100"),
        (REDUCED.model_copy(update={"lines": (), "order": with_line(quantity=0)}), "cancel it as a whole"),
    ],
)
def test_what_cannot_be_written_is_refused_by_line_and_field(order: Request, words: str) -> None:
    with pytest.raises(Refused, match=words):
        order_document(order, IDS, PARTNER)


def test_what_a_partner_does_not_take_is_unsupported() -> None:
    poor = CxmlConnector("acme", CONFIG | {"updates": False, "deletes": False})
    assert not poor.capabilities.reduce_line
    assert poor.capabilities.cancel is CancelWay.NONE
    for request in (REDUCED, WITHDRAWN):
        with pytest.raises(Unsupported):
            poor.render(request, IDS)
    grown = REDUCED.model_copy(update={"before": {1: 100}})
    with pytest.raises(Unsupported, match="new lines"):
        CxmlConnector("acme", CONFIG).render(grown, IDS)
    assert CxmlConnector("acme", CONFIG | {"added_lines": True}).render(grown, IDS).kind == "change"


def test_a_test_is_marked_as_one() -> None:
    partner = CxmlPartner.model_validate(CONFIG | {"deployment_mode": "test"})
    asked = written(PLACED, partner).find("Request")
    assert asked is not None
    assert asked.get("deploymentMode") == "test"


def test_ten_thousand_lines_are_written() -> None:
    lines = tuple(
        OrderLine(
            line_no=number, sku=f"S{number}", supplier_sku=f"A{number}", description="x", quantity=1, unit_price=1
        )
        for number in range(1, 10_001)
    )
    document = written(PLACED.model_copy(update={"lines": lines}))
    assert sum(1 for _ in document.iter("ItemOut")) == 10_000


def test_who_orders_from_us_is_told_that_it_went_astray() -> None:
    document = Inward(body=(SAMPLES / "public_order_request.xml").read_bytes(), headers={})
    reply = CxmlConnector("acme", CONFIG).acknowledge(document, IDS)
    assert reply
    status = etree.fromstring(reply.body).find("Response/Status")
    assert status is not None
    assert (status.get("code"), status.text) == ("406", "We take no orders: this one went astray.")


def test_the_operations_id_of_a_response_may_be_anything() -> None:
    ids = WireIds(operation_id='a "<\x00\ud800 é')
    reply = CxmlConnector("acme", CONFIG).acknowledge(Inward(body=b"", headers={}), ids)
    assert reply
    assert etree.fromstring(reply.body).find("Response/Status").get("code") == "406"  # type: ignore[union-attr]
