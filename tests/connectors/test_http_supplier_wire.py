"""The http profile's bytes: rendering is pure, awkward data survives, and nothing inbound can hurt."""

import os
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.errors import ClocksApart, Refused, Undecodable
from connectors.suppliers.http import LARGEST_MESSAGE, HttpConnector
from connectors.suppliers.interface import Cancel, Change, Inward, OrderLine, Place, WireIds
from devstack.simulators.courier import signature
from devstack.simulators.supplier_wire import OrderBody
from domain.supplier_events import (
    AckLine,
    ChangeAck,
    ChangeVerdict,
    LineRef,
    NoticeLine,
    OrderAck,
    Received,
    ReceivedLine,
    ShipNotice,
    Split,
    SplitStatus,
    SupplierEvent,
)
from tests.patience import PATIENCE

SECRET = "whsec_YWNtZSBzaWducyB3aXRoIHRoaXM="
OTHER_SECRET = "whsec_c29tZWJvZHkgZWxzZQ=="
CONFIG = {"base_url": "http://127.0.0.1:9", "api_key": "k", "webhook_secret": SECRET}
acme = HttpConnector("acme", CONFIG)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
lines = st.builds(
    OrderLine,
    line_no=st.integers(1, 999),
    sku=names,
    supplier_sku=names,
    description=st.text(max_size=300),
    quantity=st.integers(1, 1_000_000),
    unit_price=st.decimals(0, 10**9, places=4),
    wanted_on=st.none() | st.dates(),
)
orders = st.builds(
    Place,
    po_number=names,
    supplier_id=st.just("acme"),
    currency=st.sampled_from(["USD", "EUR", "JPY"]),
    terms=names,
    ordered_on=st.dates(),
    lines=st.lists(lines, min_size=1, max_size=5, unique_by=lambda line: line.line_no).map(tuple),
)


@given(orders)
@example(
    Place(
        po_number='PO "1"\\/\u2028',
        supplier_id="acme",
        currency="USD",
        terms="Žluťoučký kůň\n\t😀",
        ordered_on=date(2026, 12, 1),
        lines=(
            OrderLine(
                line_no=1,
                sku="Ω~*^",
                supplier_sku="a,b;c",
                description="x" * 200,
                quantity=10**6,
                unit_price=Decimal("0.125"),
            ),
        ),
    )
)
def test_awkward_orders_are_read_back_equal_by_an_independent_reader(order: Place) -> None:
    read = OrderBody.model_validate_json(acme.render(order, WireIds(operation_id="x")).body)
    assert (read.po_number, read.currency, read.terms, read.ordered_on) == (
        order.po_number,
        order.currency,
        order.terms,
        order.ordered_on,
    )
    for written, line in zip(read.lines, order.lines, strict=True):
        assert written.model_dump(exclude={"unit_price"}) == line.model_dump(exclude={"unit_price"})
        assert Decimal(written.unit_price) == line.unit_price


same_acme = HttpConnector("acme", CONFIG)


@given(orders)
def test_the_same_order_gives_the_same_bytes(order: Place) -> None:
    ids = WireIds(operation_id="x")
    assert acme.render(order, ids) == same_acme.render(order, ids)


def test_another_process_writes_the_same_bytes() -> None:
    order = Place(
        po_number="PO-1",
        supplier_id="acme",
        currency="EUR",
        terms="net30",
        ordered_on=date(2026, 12, 1),
        lines=(
            OrderLine(line_no=1, sku="M", supplier_sku="A", description="é", quantity=3, unit_price=Decimal("1.10")),
        ),
    )
    script = (
        "import sys\n"
        "from connectors.suppliers.http import HttpConnector\n"
        "from connectors.suppliers.interface import Place, WireIds\n"
        f"connector = HttpConnector('acme', {CONFIG!r})\n"
        "order = Place.model_validate_json(sys.stdin.read())\n"
        "sys.stdout.buffer.write(connector.render(order, WireIds(operation_id='x')).model_dump_json().encode())\n"
    )
    written = subprocess.run(
        [sys.executable, "-c", script],
        input=order.model_dump_json().encode(),
        env=os.environ | {"PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo"},
        check=True,
        stdout=subprocess.PIPE,
        timeout=PATIENCE,
    ).stdout
    assert written == acme.render(order, WireIds(operation_id="x")).model_dump_json().encode()


def test_stored_envelopes_hold_no_secret() -> None:
    cancel = Cancel(po_number="PO-1", supplier_id="acme", revision=1, reason="")
    envelope = HttpConnector("acme", CONFIG | {"api_key": "very-secret"}).render(cancel, WireIds(operation_id="x"))
    assert "very-secret" not in repr(envelope)


def test_the_idempotency_key_is_a_quoted_string_even_with_quotes_in_it() -> None:
    change = Change(
        po_number="PO-1",
        supplier_id="acme",
        revision=1,
        lines=(OrderLine(line_no=1, sku="M", supplier_sku="A", description="", quantity=0, unit_price=Decimal(1)),),
    )
    envelope = acme.render(change, WireIds(operation_id='po/"1"\\x'))
    assert envelope.headers["Idempotency-Key"] == r'"po/\"1\"\\x"'


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-1"])
def test_an_impossible_price_is_refused(price: str) -> None:
    line = OrderLine.model_construct(
        line_no=1, sku="M", supplier_sku="A", description="", quantity=1, unit_price=Decimal(price), wanted_on=None
    )
    change = Change.model_construct(po_number="PO-1", supplier_id="acme", revision=1, lines=(line,))
    with pytest.raises(Refused, match="price"):
        acme.render(change, WireIds(operation_id="x"))


# Inbound

units = st.decimals(0, 10**6, places=3)
storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=100)
line_refs = st.builds(LineRef, line_no=st.none() | st.integers(1, 999), sku=st.none() | storable)
splits = st.builds(
    Split,
    status=st.sampled_from(SplitStatus),
    quantity=units,
    ship_on=st.none() | st.dates(),
    deliver_on=st.none() | st.dates(),
    unit_price=st.none() | st.decimals(0, 10**6, places=4),
    substitute=st.none() | storable,
    reason=storable,
)
ack_lines = st.lists(st.builds(AckLine, line=line_refs, splits=st.lists(splits, max_size=3).map(tuple)), max_size=3)
events: st.SearchStrategy[SupplierEvent] = st.one_of(
    st.builds(
        OrderAck,
        po_number=storable,
        revision=st.integers(0, 99),
        accepted=st.booleans(),
        supplier_order_no=st.none() | storable,
        lines=ack_lines.map(tuple),
        reason=storable,
    ),
    st.builds(
        ChangeAck,
        po_number=storable,
        revision=st.integers(0, 99),
        verdict=st.sampled_from(ChangeVerdict),
        lines=ack_lines.map(tuple),
        reason=storable,
    ),
    st.builds(
        ShipNotice,
        po_number=storable,
        shipment_id=storable,
        lines=st.lists(
            st.builds(NoticeLine, line=line_refs, shipped=units, deliver_on=st.none() | st.dates()), max_size=3
        ).map(tuple),
        tracking=st.none() | storable,
    ),
    st.builds(
        Received,
        po_number=storable,
        receipt_id=storable,
        lines=st.lists(st.builds(ReceivedLine, line=line_refs, good=units, damaged=units, wrong=units), max_size=3).map(
            tuple
        ),
        closes=st.booleans(),
    ),
)


def signed(body: bytes, *, secret: str = SECRET, webhook_id: str = "msg_1", age: int = 0) -> Inward:
    at = int(time.time()) - age
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret, webhook_id, at, body),
    }
    return Inward(body=body, headers=headers)


def bare(body: bytes) -> Inward:
    return Inward(body=body, headers={"webhook-id": "msg_1"})


EVENT = b'{"events": [{"kind": "order_ack", "po_number": "PO-1"}]}'


@given(events)
def test_every_event_survives_the_wire(event: SupplierEvent) -> None:
    body = f'{{"events": [{event.model_dump_json()}]}}'.encode()
    message = signed(body)
    acme.verify(message)
    decoded = acme.decode(message)
    assert decoded.events == (event,)
    assert decoded.dedupe_key == "msg_1"
    assert acme.decode(message) == decoded


def only_undecodable(message: Inward) -> None:
    for read in (acme.verify, acme.decode):
        try:
            read(message)
        except Undecodable:
            continue


@given(st.binary(max_size=2000))
def test_arbitrary_bytes_are_undecodable_and_nothing_else(body: bytes) -> None:
    with pytest.raises(Undecodable):
        acme.decode(bare(body))
    only_undecodable(signed(body))


@given(event=events, at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_damaged_messages_are_read_or_undecodable(event: SupplierEvent, at: int, byte: int) -> None:
    body = bytearray(f'{{"events": [{event.model_dump_json()}]}}'.encode())
    body[at % len(body)] = byte
    only_undecodable(bare(bytes(body)))
    only_undecodable(bare(bytes(body[: at % len(body)])))


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text(max_size=60)))
@example({"webhook-id": "a", "webhook-timestamp": "nan", "webhook-signature": "v1,x"})
@example({"webhook-id": "a", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1"})
@example({"webhook-id": "a", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,é"})
def test_arbitrary_headers_never_verify(headers: dict[str, str]) -> None:
    with pytest.raises(Undecodable):
        acme.verify(Inward(body=EVENT, headers=headers))


def receipt_of(good: bytes) -> bytes:
    lines = b'[{"line": {}, "good": "' + good + b'"}]'
    return b'{"events": [{"kind": "received", "po_number": "PO-1", "receipt_id": "1", "lines": ' + lines + b"}]}"


def test_a_plain_receipt_is_read() -> None:
    acme.decode(bare(receipt_of(b"1")))


def priced_in(currency: bytes) -> bytes:
    part = b'{"status": "accepted", "quantity": 1, "unit_price": "2.50", "currency": ' + currency + b"}"
    return (
        b'{"events": [{"kind": "order_ack", "po_number": "PO-1", "lines": [{"line": {}, "splits": [' + part + b"]}]}]}"
    )


@pytest.mark.parametrize(
    ("written", "currency"),
    [(b'"USD"', "USD"), (b'"usd"', "USD"), (b'" Usd "', "USD"), (b'""', None), (b'" "', None), (b"null", None)],
)
def test_a_currency_is_read_in_any_case_and_an_empty_one_says_nothing(written: bytes, currency: str | None) -> None:
    (ack,) = acme.decode(bare(priced_in(written))).events
    assert isinstance(ack, OrderAck)
    assert ack.lines[0].splits[0].currency == currency


@pytest.mark.parametrize("written", ["US$", "dollar", "\u20ac", "\u00dfa", "us\u0131"])
def test_what_is_no_currency_is_named(written: str) -> None:
    with pytest.raises(Undecodable, match="currency: String should match"):
        acme.decode(bare(priced_in(f'"{written}"'.encode())))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"events": []}',
        b'{"events": [{"kind": "invoice", "po_number": "PO-1"}]}',
        b'{"events": [{"kind": "order_ack", "po_number": "PO\\u0000"}]}',
        b'{"events": [{"kind": "order_ack", "po_number": "\\ud800"}]}',
        b'{"events": [{"kind": "order_ack", "po_number": "PO-1", "revision": 99999999999}]}',
        receipt_of(b"NaN"),
        receipt_of(b"-1"),
        receipt_of(b"1e-99"),
        b'{"events": [{"kind": "order_ack", "po_number": "PO-1", "lines": [{"line": {}, "splits":'
        b' [{"status": "accepted", "quantity": 1, "unit_price": "1e400"}]}]}]}',
        b"[" * 100_000,
        b'{"events":' * 5_000,
        b" " * (LARGEST_MESSAGE + 1),
    ],
    ids=range(15),
)
def test_what_no_ledger_could_hold_is_undecodable(body: bytes) -> None:
    with pytest.raises(Undecodable):
        acme.decode(bare(body))


def test_a_message_without_an_id_is_undecodable() -> None:
    for headers in ({}, {"webhook-id": ""}, {"webhook-id": "x" * 201}, {"webhook-id": "a\nb"}):
        with pytest.raises(Undecodable):
            acme.decode(Inward(body=EVENT, headers=headers))


def test_a_good_signature_verifies() -> None:
    acme.verify(signed(EVENT))


def test_another_suppliers_signature_does_not_verify() -> None:
    with pytest.raises(Undecodable, match="signature"):
        acme.verify(signed(EVENT, secret=OTHER_SECRET))


def test_changed_content_does_not_verify() -> None:
    message = signed(EVENT)
    with pytest.raises(Undecodable):
        acme.verify(Inward(body=message.body.replace(b"PO-1", b"PO-2"), headers=message.headers))


@pytest.mark.parametrize("age", [600, -600])
def test_an_old_message_replayed_does_not_verify(age: int) -> None:
    with pytest.raises(ClocksApart, match="too"):
        acme.verify(signed(EVENT, age=age))
    with pytest.raises(Undecodable) as forged:
        acme.verify(signed(EVENT, age=age, secret=OTHER_SECRET))
    assert not isinstance(forged.value, ClocksApart)


def test_while_a_secret_is_rotated_either_signature_will_do() -> None:
    ours, other = signed(EVENT), signed(EVENT, secret=OTHER_SECRET)
    both = f"{other.headers['webhook-signature']} {ours.headers['webhook-signature']}"
    acme.verify(Inward(body=EVENT, headers={**ours.headers, "webhook-signature": both}))


def test_the_same_message_delivered_again_has_the_same_dedupe_key() -> None:
    assert acme.decode(signed(EVENT)).dedupe_key == acme.decode(signed(EVENT, age=60)).dedupe_key
    assert acme.decode(signed(EVENT, webhook_id="msg_2")).dedupe_key != acme.decode(signed(EVENT)).dedupe_key
