"""Group 5: what a supplier answers to an order is heard as it was said, part by part."""

from datetime import date
from decimal import Decimal

from connectors.suppliers.interface import Connector
from connectors.testing.asking import Group, requires
from connectors.testing.orders import ORDER
from connectors.testing.peer import Peer
from connectors.testing.talking import answer, heard, only, parts, sent, split
from domain.supplier_events import OrderAck, Split, SplitStatus

SOON, LATER = date(2026, 12, 14), date(2027, 1, 18)
BOWLS = split(SplitStatus.ACCEPTED, 4, SOON)


async def said(connector: Connector, peer: Peer, *mugs: Split) -> OrderAck:
    """What is heard when the supplier says this of the mugs, and takes the bowls as ordered."""
    await sent(connector, ORDER, "place")
    told = answer((1, mugs), (2, (BOWLS,)))
    acknowledged = only(OrderAck, await heard(connector, peer, peer.write(told)))
    assert acknowledged.po_number == ORDER.po_number
    assert acknowledged.accepted
    assert parts(acknowledged) == parts(told)
    return acknowledged


class AnswerTests(Group):
    """Group 5."""

    @requires("inbound")
    async def test_an_order_is_accepted_line_by_line(self, connector: Connector, peer: Peer) -> None:
        await said(connector, peer, split(SplitStatus.ACCEPTED, 10, SOON))

    @requires("inbound")
    async def test_an_order_is_accepted_as_it_is(self, connector: Connector, peer: Peer) -> None:
        """Without a word about lines, which means: every line as ordered."""
        whole = OrderAck(po_number=ORDER.po_number, supplier_order_no="SO-4711")
        acknowledged = only(OrderAck, await heard(connector, peer, peer.write(whole)))
        assert acknowledged.accepted
        assert parts(acknowledged) == parts(whole)

    @requires("inbound")
    async def test_an_order_is_refused_as_a_whole(self, connector: Connector, peer: Peer) -> None:
        refused = OrderAck(po_number=ORDER.po_number, accepted=False, reason="no credit")
        acknowledged = only(OrderAck, await heard(connector, peer, peer.write(refused)))
        assert (acknowledged.po_number, acknowledged.accepted) == (ORDER.po_number, False)

    @requires("inbound")
    async def test_a_line_is_refused(self, connector: Connector, peer: Peer) -> None:
        await said(connector, peer, split(SplitStatus.REJECTED, 10, reason="discontinued"))

    @requires("inbound")
    async def test_a_line_is_backordered(self, connector: Connector, peer: Peer) -> None:
        await said(connector, peer, split(SplitStatus.BACKORDERED, 10, LATER))

    @requires("inbound")
    async def test_a_line_is_held(self, connector: Connector, peer: Peer) -> None:
        await said(connector, peer, split(SplitStatus.HELD, 10))

    @requires("inbound")
    async def test_a_line_is_substituted(self, connector: Connector, peer: Peer) -> None:
        acknowledged = await said(connector, peer, split(SplitStatus.SUBSTITUTED, 10, SOON, substitute="A-99"))
        assert [part.substitute for part in _parts(acknowledged, SplitStatus.SUBSTITUTED)] == ["A-99"]

    @requires("inbound", "splits")
    async def test_a_line_is_answered_in_parts(self, connector: Connector, peer: Peer) -> None:
        acknowledged = await said(
            connector, peer, split(SplitStatus.ACCEPTED, 3, SOON), split(SplitStatus.BACKORDERED, 7, LATER)
        )
        assert [_on(part) for part in _parts(acknowledged, SplitStatus.BACKORDERED)] == [LATER]

    @requires("inbound", "splits")
    async def test_a_line_is_shortened(self, connector: Connector, peer: Peer) -> None:
        await said(connector, peer, split(SplitStatus.ACCEPTED, 3, SOON), split(SplitStatus.REJECTED, 7))

    @requires("inbound")
    async def test_a_date_moves_out_and_in(self, connector: Connector, peer: Peer) -> None:
        for on in (LATER, SOON):
            acknowledged = await said(connector, peer, split(SplitStatus.ACCEPTED, 10, on))
            assert on in {_on(part) for part in _parts(acknowledged, SplitStatus.ACCEPTED) if part.quantity == 10}

    @requires("inbound")
    async def test_no_date_stays_no_date(self, connector: Connector, peer: Peer) -> None:
        acknowledged = await said(connector, peer, split(SplitStatus.BACKORDERED, 10))
        assert [_on(part) for part in _parts(acknowledged, SplitStatus.BACKORDERED)] == [None]

    @requires("inbound", "prices")
    async def test_a_price_changes(self, connector: Connector, peer: Peer) -> None:
        acknowledged = await said(connector, peer, split(SplitStatus.ACCEPTED, 10, SOON, unit_price="3.5000"))
        (part,) = (part for part in _parts(acknowledged, SplitStatus.ACCEPTED) if part.quantity == 10)
        assert part.unit_price == Decimal("3.5")


def _parts(acknowledged: OrderAck, status: SplitStatus) -> list[Split]:
    return [part for line in acknowledged.lines for part in line.splits if part.status is status]


def _on(part: Split) -> date | None:
    return part.deliver_on or part.ship_on
