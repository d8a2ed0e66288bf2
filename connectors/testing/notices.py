"""Group 6: what a supplier says of goods that left is heard as it was said, and nothing is guessed."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import TypeAdapter

from connectors.suppliers.interface import Connector
from connectors.testing.asking import Group, requires
from connectors.testing.orders import ORDER, OTHER_ORDER
from connectors.testing.peer import Peer
from connectors.testing.talking import heard, line_no_of, notice, only, ref, shipped
from domain.supplier_events import Balance, LineRef, NoticeLine, NoticePurpose, ShipNotice, Unmatched


def left(line_no: int, units: int, **more: object) -> NoticeLine:
    """Units of a line of ORDER that left."""
    return TypeAdapter(NoticeLine).validate_python({"line": ref(line_no), "shipped": units} | more)


async def said(connector: Connector, peer: Peer, told: ShipNotice) -> ShipNotice:
    """What is heard when the supplier says this."""
    noticed = only(ShipNotice, await heard(connector, peer, peer.write(told)))
    assert (noticed.po_number, noticed.purpose) == (told.po_number, told.purpose)
    assert noticed.shipment_id, "a repeat is known by it"
    return noticed


class NoticeTests(Group):
    """Group 6."""

    @requires("inbound")
    async def test_all_of_it_leaves(self, connector: Connector, peer: Peer) -> None:
        noticed = await said(connector, peer, notice(left(1, 10), left(2, 4)))
        assert shipped(noticed) == {1: 10, 2: 4}
        assert noticed.tracking in {"1Z999", None}

    @requires("inbound")
    async def test_a_part_of_it_leaves(self, connector: Connector, peer: Peer) -> None:
        assert shipped(await said(connector, peer, notice(left(1, 6)))) == {1: 6}

    @requires("inbound")
    async def test_more_leaves_than_was_ordered(self, connector: Connector, peer: Peer) -> None:
        assert shipped(await said(connector, peer, notice(left(1, 12)))) == {1: 12}

    @requires("inbound")
    async def test_a_date_of_arrival_is_heard(self, connector: Connector, peer: Peer) -> None:
        on = date(2026, 12, 18)
        noticed = await said(connector, peer, notice(left(1, 10, deliver_on=on), left(2, 4, deliver_on=on)))
        assert {line.deliver_on for line in noticed.lines} == {on}

    @requires("inbound")
    async def test_a_notice_comes_before_the_answer(self, connector: Connector, peer: Peer) -> None:
        """Nothing was placed or heard before; a connector remembers nothing, so it makes no difference."""
        fresh = type(connector)(peer.supplier_id, dict(peer.settings))
        told = notice(left(1, 10))
        assert shipped(only(ShipNotice, await heard(fresh, peer, peer.write(told)))) == {1: 10}
        await fresh.aclose()

    @requires("inbound", "balance_known")
    @pytest.mark.parametrize("balance", ["open", "closed"])
    async def test_the_rest_is_said_to_come_or_not(self, connector: Connector, peer: Peer, balance: str) -> None:
        noticed = await said(connector, peer, notice(left(1, 6, balance=Balance(balance))))
        assert {line.balance for line in noticed.lines} == {Balance(balance)}

    @requires("inbound", "multi_po_notice")
    async def test_one_shipment_holds_goods_of_two_orders(self, connector: Connector, peer: Peer) -> None:
        theirs = NoticeLine(line=ref(1, OTHER_ORDER), shipped=Decimal(2))
        both = (notice(left(1, 10)), notice(theirs, po_number=OTHER_ORDER.po_number))
        noticed = [event for event in await heard(connector, peer, peer.write(*both)) if event.kind == "ship_notice"]
        assert {n.po_number: shipped(n, order) for n, order in zip(noticed, (ORDER, OTHER_ORDER), strict=True)} == {
            ORDER.po_number: {1: 10},
            OTHER_ORDER.po_number: {1: 2},
        }

    @requires("inbound")
    async def test_a_notice_is_withdrawn(self, connector: Connector, peer: Peer) -> None:
        first = await said(connector, peer, notice(left(1, 10)))
        second = await said(connector, peer, notice(left(1, 10), purpose=NoticePurpose.CANCEL))
        assert second.shipment_id == first.shipment_id, "else nobody knows which one"

    @requires("inbound")
    async def test_a_notice_is_replaced(self, connector: Connector, peer: Peer) -> None:
        first = await said(connector, peer, notice(left(1, 10)))
        second = await said(connector, peer, notice(left(1, 6), purpose=NoticePurpose.REPLACE))
        assert second.shipment_id == first.shipment_id, "else nobody knows which one"
        assert shipped(second) == {1: 6}

    @requires("inbound")
    async def test_goods_that_were_not_ordered_are_put_on_no_line(self, connector: Connector, peer: Peer) -> None:
        stranger = NoticeLine(line=LineRef(line_no=9, sku="PLATE-09", supplier_sku="A-90"), shipped=Decimal(5))
        events = await heard(connector, peer, peer.write(notice(stranger)))
        assert events, "somebody has to be told that they come"
        for event in events:
            assert isinstance(event, ShipNotice | Unmatched)
            if isinstance(event, ShipNotice):
                assert [line_no_of(line.line) for line in event.lines] == [None], "it is put on a line by guess"
