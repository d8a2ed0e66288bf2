"""The simulated supplier who speaks cXML, against our connector: what each writes, the other reads."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.errors import Retryable
from connectors.suppliers.cxml.connector import CxmlConnector
from connectors.suppliers.interface import Cancel, Inward, Request, SendResult
from devstack.simulators.running import running_simulators
from devstack.simulators.settings import Behaviour, CxmlWire, Party, StepLine, SupplierSettings
from devstack.simulators.world import CommandRefused, SupplierCommand
from domain.supplier_events import ChangeAck, ChangeVerdict, OrderAck, ShipNotice, SplitStatus, SupplierEvent
from tests.connectors.cxml.partner import CONFIG, IDS, PLACED, REDUCED

WIRE = CxmlWire(
    buyer=Party(domain="NetworkId", identity="AN01000000001"),
    buyer_secret="our <secret> & more",
    seller=Party(domain="DUNS", identity="080123456"),
    seller_secret="their-secret",
)


@dataclass
class Trade:
    """Our connector, and the supplier at the other end."""

    connector: CxmlConnector
    supplier: SupplierCommand

    async def send(self, request: Request) -> SendResult:
        return (await self.connector.send(self.connector.render(request, IDS))).result

    async def heard(self) -> list[SupplierEvent]:
        """What the supplier has said, each document proven and read without an issue."""
        events: list[SupplierEvent] = []
        for webhook in (await self.supplier.books()).webhooks:
            message = Inward(body=webhook.body.encode(), headers={"content-type": "text/xml; charset=utf-8"})
            self.connector.verify(message)
            decoded = self.connector.decode(message)
            assert decoded.issues == ()
            events += decoded.events
        return events


@pytest.fixture
async def trade(tmp_path: Path) -> AsyncIterator[Trade]:
    async with AsyncExitStack() as stack:
        settings = SupplierSettings(supplier_id="acme", cxml=WIRE)
        world = await stack.enter_async_context(running_simulators(tmp_path, suppliers=[settings]))
        supplier = world.supplier("acme")
        connector = CxmlConnector("acme", CONFIG | {"url": f"{supplier.base_url}/cxml", "rejected_revision": "refused"})
        stack.push_async_callback(connector.aclose)
        yield Trade(connector, supplier)


async def test_an_order_is_taken_once_however_often_it_comes(trade: Trade) -> None:
    assert (await trade.connector.check()).ok
    assert [await trade.send(PLACED) for _ in range(3)] == [SendResult.DELIVERED] * 3
    (order,) = (await trade.supplier.books()).orders
    assert [(line.line_no, line.supplier_sku, line.ordered) for line in order.lines] == [
        (1, "A-77", 100),
        (2, "A-78", 4),
    ]
    assert (order.currency, order.lines[0].unit_price) == ("USD", Decimal("3.125"))


async def test_an_order_is_confirmed_in_parts_and_shipped(trade: Trade) -> None:
    await trade.send(PLACED)
    await trade.supplier.behave(Behaviour.SPLIT, "MUG", confirm=70)
    await trade.supplier.advance("acknowledge", "PO-1", deliver_on=date(2026, 12, 4))
    await trade.supplier.advance("ship", "PO-1", StepLine(line_no=1, quantity=70), deliver_on=date(2026, 12, 5))
    ack, notice = await trade.heard()
    assert isinstance(ack, OrderAck) and isinstance(notice, ShipNotice)
    assert (ack.po_number, ack.revision, ack.accepted, ack.supplier_order_no) == ("PO-1", 0, True, "SO-00001")
    said = [
        (line.line.line_no, part.status, part.quantity, part.deliver_on) for line in ack.lines for part in line.splits
    ]
    assert said == [
        (1, SplitStatus.ACCEPTED, 70, date(2026, 12, 4)),
        (1, SplitStatus.BACKORDERED, 30, date(2026, 12, 18)),
        (2, SplitStatus.ACCEPTED, 4, date(2026, 12, 4)),
    ]
    (line,) = notice.lines
    assert (line.line.line_no, line.shipped, line.deliver_on) == (1, 70, date(2026, 12, 5))
    assert notice.tracking


async def test_an_order_is_refused_as_a_whole(trade: Trade) -> None:
    await trade.send(PLACED)
    await trade.supplier.behave(Behaviour.REJECT_ALL, reason="closed for stocktaking")
    await trade.supplier.advance("acknowledge", "PO-1")
    (ack,) = await trade.heard()
    assert isinstance(ack, OrderAck)
    assert (ack.accepted, ack.reason) == (False, "closed for stocktaking")


@pytest.mark.parametrize(
    ("behaviour", "verdict", "ordered"),
    [(Behaviour.ACCEPT, ChangeVerdict.ACCEPTED, [70, 0]), (Behaviour.CANCEL_TOO_LATE, ChangeVerdict.REFUSED, [100, 4])],
)
async def test_an_update_restates_the_order_and_is_answered(
    trade: Trade, behaviour: Behaviour, verdict: ChangeVerdict, ordered: list[int]
) -> None:
    await trade.send(PLACED)
    await trade.supplier.behave(behaviour)
    assert await trade.send(REDUCED) is SendResult.DELIVERED
    await trade.supplier.advance("answer", "PO-1")
    (answer,) = await trade.heard()
    assert isinstance(answer, ChangeAck)
    assert (answer.revision, answer.verdict) == (1, verdict)
    assert [line.ordered for line in (await trade.supplier.books()).order("PO-1").lines] == ordered


async def test_what_has_left_is_not_withdrawn_any_more(trade: Trade) -> None:
    await trade.send(PLACED)
    await trade.supplier.advance("ship", "PO-1", StepLine(line_no=1, quantity=60), deliver_on=date(2026, 12, 5))
    await trade.send(Cancel(po_number="PO-1", supplier_id="acme", revision=1, reason="sold elsewhere", order=PLACED))
    await trade.supplier.advance("answer", "PO-1")
    _, answer, _ = await trade.heard()  # and once more the lines, as they now stand
    assert isinstance(answer, ChangeAck)
    assert (answer.revision, answer.verdict) == (1, ChangeVerdict.PARTLY)
    still = {line.line.line_no: [(p.status, p.quantity) for p in line.splits] for line in answer.lines}
    assert still[1] == [(SplitStatus.ACCEPTED, 60)]


async def test_a_stranger_is_not_let_in_and_a_receipt_is_not_the_suppliers_to_give(trade: Trade) -> None:
    stranger = CxmlConnector("acme", CONFIG | {"url": f"{trade.supplier.base_url}/cxml", "outbound_secret": "guessed"})
    with pytest.raises(Retryable, match="outbound_secret"):
        await stranger.send(stranger.render(PLACED, IDS))
    await stranger.aclose()
    await trade.send(PLACED)
    with pytest.raises(CommandRefused, match="no goods receipt"):
        await trade.supplier.advance("deliver", "PO-1")
    assert [(line.good, line.shipped) for line in (await trade.supplier.books()).order("PO-1").lines] == [(0, 0)] * 2
