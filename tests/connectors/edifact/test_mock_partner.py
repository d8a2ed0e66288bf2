"""mock-edi as the supplier: it takes our orders, and we read what it answers."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from mockedi.testing import Mock

from connectors.suppliers.edifact.codec import EdifactCodec
from connectors.suppliers.interface import Cancel, Change, OrderLine, Place, Request, WireIds
from domain.supplier_events import (
    NONE_NAMED,
    ChangeAck,
    ChangeVerdict,
    Hint,
    OrderAck,
    ShipNotice,
    SplitStatus,
    SupplierEvent,
    SyntaxAck,
)
from tests.connectors import mock_edi
from tests.connectors.edifact.shop import IDS, codec, inward

PANELS = OrderLine(
    line_no=1,
    sku="PANEL",
    supplier_sku="PANEL-A3",
    description="Panel + 'frame'",
    quantity=100,
    unit_price=Decimal("124.50"),
    wanted_on=date(2026, 12, 4),
)
GEARS = OrderLine(
    line_no=2, sku="GEAR", supplier_sku="GEAR-100", description="", quantity=4, unit_price=Decimal("8.90")
)
ORDER = Place(
    po_number="PO-000001",
    supplier_id="mock",
    currency="EUR",
    terms="net30",
    ordered_on=date(2026, 11, 22),
    lines=(PANELS, GEARS),
)
CHANGE = Change(
    po_number="PO-000001",
    supplier_id="mock",
    revision=1,
    lines=(PANELS.model_copy(update={"quantity": 30}),),
    before={1: 100, 2: 4},
    order=ORDER,
)
CANCEL = Cancel(po_number="PO-000001", supplier_id="mock", revision=1, reason="not wanted any more", order=ORDER)


@pytest.fixture
def mock() -> Iterator[Mock]:
    """It packs and bills two hours after it answers, by its own clock."""
    with Mock.start(
        start_at="2026-11-22T10:15:00Z", despatch_delay_ms=7_200_000, invoice_delay_ms=7_200_000
    ) as running:
        yield running


def send(mock: Mock, edifact: EdifactCodec, request: Request, control_number: int) -> None:
    ids = WireIds(operation_id="x", control_number=control_number, written_at=IDS.written_at)
    body = edifact.render(request, ids).body.decode("latin-1")
    assert mock.findings(body) == [f"{'ORDERS' if isinstance(request, Place) else 'ORDCHG'}/1: accepted"]
    assert mock.send(body)["accepted"]


def collected(mock: Mock, edifact: EdifactCodec) -> list[SupplierEvent]:
    """The events of all that waits; every document is for us, and the wire is free of damage."""
    events: list[SupplierEvent] = []
    for row in mock.mailbox("EURODIS", leave=False):
        document = inward(row["payload"])
        edifact.addressed(document)
        decoded = edifact.decode(document)
        assert decoded.issues == ()
        events += decoded.events
    return events


def answers(ack: SupplierEvent) -> dict[int | None, list[tuple[SplitStatus, Decimal]]]:
    assert isinstance(ack, OrderAck)
    return {one.line.line_no: [(split.status, split.quantity) for split in one.splits] for one in ack.lines}


ACCEPTED, BACKORDERED, REJECTED = SplitStatus.ACCEPTED, SplitStatus.BACKORDERED, SplitStatus.REJECTED


def test_an_order_is_acknowledged_answered_shipped_in_parts_and_billed(mock: Mock) -> None:
    edifact = codec(**mock_edi.EDIFACT)
    send(mock, edifact, ORDER, 7)
    read, ack = collected(mock, edifact)
    assert read == SyntaxAck(control_number=7)
    assert answers(ack) == {1: [(ACCEPTED, 35), (BACKORDERED, 65)], 2: [(ACCEPTED, 4)]}
    assert isinstance(ack, OrderAck) and ack.lines[1].splits[0].unit_price == Decimal("8.90")
    mock.advance(everything=True)
    first, first_invoice, second, second_invoice = collected(mock, edifact)
    assert isinstance(first, ShipNotice) and isinstance(second, ShipNotice)
    assert [(one.line.line_no, one.shipped) for one in first.lines] == [(1, 35), (2, 4)]
    assert [(one.line.line_no, one.shipped) for one in second.lines] == [(1, 65)]
    assert first.shipment_id != second.shipment_id and first.tracking
    assert isinstance(first_invoice, Hint) and isinstance(second_invoice, Hint)
    assert first_invoice.po_number == "PO-000001" and "EUR" in first_invoice.what


@pytest.mark.parametrize(
    ("behaviour", "backorders", "lines"),
    [
        ("short-ship", "dropped", {1: [(ACCEPTED, 35), (REJECTED, 65)], 2: [(ACCEPTED, 3), (REJECTED, 1)]}),
        ("reject-line", "follow if dated", {1: [(ACCEPTED, 35), (BACKORDERED, 65)], 2: [(REJECTED, 4)]}),
    ],
)
def test_its_backorders_mean_what_the_profile_says(
    mock: Mock, behaviour: str, backorders: str, lines: dict[int | None, list[tuple[SplitStatus, Decimal]]]
) -> None:
    mock.behaviour("EURODIS", behaviour)
    edifact = codec(**mock_edi.EDIFACT, backorders=backorders)
    send(mock, edifact, ORDER, 7)
    _, ack = collected(mock, edifact)
    assert answers(ack) == lines


def test_a_refused_document_is_no_answer_to_the_order(mock: Mock) -> None:
    mock.behaviour("EURODIS", "reject-ack")
    edifact = codec(**mock_edi.EDIFACT)
    ids = IDS.model_copy(update={"control_number": 8})
    mock.send(edifact.render(ORDER, ids).body.decode("latin-1"))
    (refusal,) = collected(mock, edifact)
    assert isinstance(refusal, SyntaxAck) and not refusal.accepted
    assert (refusal.control_number, refusal.po_number) == (8, None) and refusal.reason


def test_the_same_document_twice_is_one_order(mock: Mock) -> None:
    edifact = codec(**mock_edi.EDIFACT)
    body = edifact.render(ORDER, IDS).body.decode("latin-1")
    assert mock.send(body)["accepted"]
    again = mock.send(body)
    assert not again.get("orders")
    acks = [event for event in collected(mock, edifact) if isinstance(event, OrderAck)]
    assert len(acks) == 1


def test_a_reduction_is_taken(mock: Mock) -> None:
    edifact = codec(**mock_edi.EDIFACT, change_answers="by action")  # it names no change in its answer
    send(mock, edifact, ORDER, 7)
    collected(mock, edifact)
    send(mock, edifact, CHANGE, 8)
    assert Decimal(mock.order("PO-000001")["lines"][0]["quantity"]) == 30
    read, answer = collected(mock, edifact)
    assert read == SyntaxAck(control_number=8)
    assert isinstance(answer, ChangeAck)
    assert (answer.revision, answer.verdict) == (NONE_NAMED, ChangeVerdict.ACCEPTED)


def test_a_withdrawal_is_taken(mock: Mock) -> None:
    # it answers a withdrawal with a refusal of every line, which it uses for a change that it does not take, too
    edifact = codec(**mock_edi.EDIFACT, change_answers="by action", refused_changes="unclear")
    send(mock, edifact, ORDER, 7)
    collected(mock, edifact)
    send(mock, edifact, CANCEL, 8)
    assert mock.order("PO-000001")["status"] == "cancelled"
    _, answer = collected(mock, edifact)
    assert isinstance(answer, ChangeAck) and answer.verdict is ChangeVerdict.UNCLEAR
    mock.advance(everything=True)
    assert [event for event in collected(mock, edifact) if isinstance(event, ShipNotice)] == []
