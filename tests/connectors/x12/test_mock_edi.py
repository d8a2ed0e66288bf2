"""mock-edi, an independent partner, over two folders: it takes our orders, and we read what it makes of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.suppliers.interface import Cancel, Change, OrderLine, Place, Request
from connectors.suppliers.x12.connector import X12Connector
from domain.supplier_events import (
    ChangeAck,
    ChangeVerdict,
    Hint,
    OrderAck,
    ShipNotice,
    SyntaxAck,
)
from tests.connectors import mock_edi
from tests.connectors.mock_edi import Trade
from tests.connectors.x12.partners import IDS

PARTNER = mock_edi.X12 | {
    "added_lines": True,
    "changed_balance": "follows",
    # It answers a change with the lines as they then stand, so that an accepted cancellation rejects each of them (RD).
    "change_codes": {"AD": "lines", "AC": "lines", "RD": "withdrawn"},
    "deletion_rejected": "deleted",
}
LATER = 3_600_000
"""Milliseconds until it ships, where a test wants to change the order first."""


Traders = Callable[..., Trade]


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[Traders]:
    """Builds the two; mock-edi may misbehave, or take its time."""
    with ExitStack() as stack:

        def build(behaviour: str = "accept", ships_after: int = 0, bills_after: int = 0, **settings: object) -> Trade:
            for name in ("to", "from"):
                (tmp_path / name).mkdir()
            to, back = str(tmp_path / "to"), str(tmp_path / "from")
            folders = {"drop_dir": to, "pickup_dir": back}
            clock = {"start_at": "2026-11-20T09:30:00Z", "drop_settle_ms": 0, "drop_interval_ms": 10**8}
            delays = {"despatch_delay_ms": ships_after, "invoice_delay_ms": max(bills_after, ships_after)}
            mock = stack.enter_context(mock_edi.running(**delays, **clock, **folders))
            mock.behaviour("ACME", behaviour)
            transport = {"kind": "folder", "outbox": to, "inbox": back, "settle_seconds": 0}
            return Trade(mock, X12Connector("mock", {"partner": PARTNER | settings, "transport": transport}))

        yield build


def item(line_no: int, sku: str, quantity: int, price: str) -> OrderLine:
    return OrderLine(
        line_no=line_no,
        sku=f"OUR-{line_no}",
        supplier_sku=sku,
        description="An item, ours",
        quantity=quantity,
        unit_price=Decimal(price),
        wanted_on=date(2026, 12, 4),
    )


ORDER = Place(
    po_number="PO-1001",
    supplier_id="mock",
    currency="USD",
    terms="net30",
    ordered_on=date(2026, 11, 20),
    lines=(item(1, "GEAR-100", 10, "8.90"), item(2, "BRKT-050", 4, "4.15")),
)
SCARCE = ORDER.model_copy(update={"lines": (item(1, "PANEL-A3", 100, "124.50"),)})
CANCEL = Cancel(po_number="PO-1001", supplier_id="mock", revision=1, reason="no longer needed", order=ORDER)


def change(*lines: OrderLine, revision: int = 1) -> Change:
    before = {line.line_no: line.quantity for line in ORDER.lines}
    return Change(po_number="PO-1001", supplier_id="mock", revision=revision, lines=lines, before=before, order=ORDER)


def parts(ack: OrderAck | ChangeAck) -> dict[int | None, list[tuple[str, int]]]:
    return {
        line.line.line_no: [(split.status.value, int(split.quantity)) for split in line.splits] for line in ack.lines
    }


async def answered(trade: Trade, request: Request) -> ChangeAck:
    """The answer to a change, after the syntax of it was acknowledged."""
    await trade.hear()
    number = await trade.send(request)
    heard = await trade.hear()
    assert SyntaxAck(control_number=number) in heard
    (answer,) = [event for event in heard if isinstance(event, ChangeAck)]
    assert (answer.po_number, answer.revision) == ("PO-1001", 1)
    return answer


async def test_an_order_is_taken_acknowledged_shipped_and_billed(trade: Traders) -> None:
    here = trade()
    number = await here.send(ORDER)
    heard = await here.hear()
    assert here.issues == []
    assert [event for event in heard if isinstance(event, SyntaxAck)] == [SyntaxAck(control_number=number)]
    (order,) = [event for event in heard if isinstance(event, OrderAck)]
    assert order.po_number == "PO-1001" and parts(order) == {1: [("accepted", 10)], 2: [("accepted", 4)]}
    assert order.supplier_order_no and all(line.splits[0].deliver_on for line in order.lines)
    (notice,) = [event for event in heard if isinstance(event, ShipNotice)]
    assert {line.line.line_no: int(line.shipped) for line in notice.lines} == {1: 10, 2: 4}
    assert notice.po_number == "PO-1001" and notice.tracking
    (bill,) = [event for event in heard if isinstance(event, Hint)]
    assert bill.po_number == "PO-1001" and bill.what.endswith("line 1: 10 EA; line 2: 4 EA")
    assert here.mock.unacknowledged() == [], "each of its documents has our 997"


async def test_what_is_short_of_stock_follows(trade: Traders) -> None:
    here = trade()
    await here.send(SCARCE)
    heard = await here.hear()
    (order,) = [event for event in heard if isinstance(event, OrderAck)]
    assert parts(order) == {1: [("accepted", 35), ("backordered", 65)]}
    here.mock.advance(seconds=30 * 86_400)
    later = [event for event in await here.hear() if isinstance(event, ShipNotice)]
    assert [int(notice.lines[0].shipped) for notice in later] == [65]


async def test_damaged_documents_are_read_and_acknowledged_as_damaged(trade: Traders) -> None:
    here = trade("corrupt")
    await here.send(ORDER)
    heard = await here.hear()
    assert any(isinstance(event, OrderAck) for event in heard)
    assert len(here.issues) == 3 and all("(SE01)" in issue for issue in here.issues)


async def test_the_same_bytes_again_are_one_order(trade: Traders) -> None:
    here = trade()
    envelope = here.connector.render(ORDER, IDS)
    for _ in range(2):
        await here.connector.send(envelope)
        here.mock.expect("POST", "/_mock/drop/scan")
    heard = await here.hear()
    assert len([event for event in heard if isinstance(event, OrderAck)]) == 1
    repeat = [event for event in heard if isinstance(event, Hint) and "used before" in event.what]
    assert len(repeat) == 1, "a TA1 says that the first arrived"


async def test_a_line_is_reduced_deleted_and_added(trade: Traders) -> None:
    here = trade(ships_after=LATER)
    await here.send(ORDER)
    asked = change(item(1, "GEAR-100", 6, "8.90"), item(2, "BRKT-050", 0, "4.15"), item(3, "GEAR-200", 5, "14.25"))
    answer = await answered(here, asked)
    assert answer.verdict is ChangeVerdict.PARTLY
    assert parts(answer) == {1: [("accepted", 6)], 2: [("rejected", 4)], 3: [("accepted", 5)]}
    here.mock.advance(seconds=LATER // 1000)
    (notice,) = [event for event in await here.hear() if isinstance(event, ShipNotice)]
    assert {line.line.line_no: int(line.shipped) for line in notice.lines} == {1: 6, 3: 5}


async def test_a_reduction_after_shipment_is_refused(trade: Traders) -> None:
    here = trade(bills_after=LATER)
    await here.send(ORDER)
    answer = await answered(here, change(item(1, "GEAR-100", 6, "8.90")))
    assert answer.verdict is ChangeVerdict.REFUSED and "already shipped" in answer.reason


@pytest.mark.parametrize("way", ["header", "lines"])
async def test_an_order_is_cancelled(trade: Traders, way: str) -> None:
    here = trade(ships_after=LATER, cancellation=way)
    await here.send(ORDER)
    answer = await answered(here, CANCEL)
    if way == "header":
        assert answer.verdict is ChangeVerdict.ACCEPTED
    else:
        assert answer.verdict is ChangeVerdict.PARTLY
        assert parts(answer) == {1: [("rejected", 10)], 2: [("rejected", 4)]}
    assert here.mock.order("PO-1001")["status"] == "cancelled"


async def test_a_cancellation_that_comes_too_late_is_read_and_met_by_silence(trade: Traders) -> None:
    here = trade()
    await here.send(ORDER)
    await here.hear()
    number = await here.send(CANCEL)
    assert await here.hear() == [SyntaxAck(control_number=number)]
