"""Group 7: changes and cancellations reach the supplier once, and each of its answers is heard as it was said."""

import pytest

from connectors.errors import Unsupported
from connectors.suppliers.interface import Connector, SendResult
from connectors.testing.asking import Group, claims, requires
from connectors.testing.notices import left
from connectors.testing.orders import ADDED, CANCELLED, ORDER, REDUCED, TAKEN_OFF, changed, ids, quantities
from connectors.testing.peer import Fault, HeldOrder, Peer
from connectors.testing.talking import delivered, heard, notice, only, parts, ref, sent, split
from domain.supplier_events import AckLine, ChangeAck, ChangeVerdict, OrderAck, ShipNotice, SplitStatus


async def books(peer: Peer) -> HeldOrder:
    """The one order that the far side holds."""
    (order,) = await peer.received()
    return order


def verdict(word: ChangeVerdict, *lines: AckLine) -> ChangeAck:
    """An answer to the change."""
    return ChangeAck(po_number=ORDER.po_number, revision=1, verdict=word, lines=lines, reason="as agreed by telephone")


async def said(connector: Connector, peer: Peer, told: ChangeAck) -> ChangeAck:
    """What is heard when the supplier answers a change like this, or a cancellation where there are no changes."""
    await sent(connector, ORDER, "place", 1)
    await sent(connector, REDUCED if claims(connector.capabilities, "reduce_line") else CANCELLED, "change", 2)
    events = await heard(connector, peer, peer.write(told))
    beside = [event for event in events if isinstance(event, OrderAck)]
    for standing in beside:  # a verdict has no dates, so the lines may be told as an answer to the order, too
        assert (standing.revision, parts(standing)) == (told.revision, parts(told))
    answered = only(ChangeAck, [event for event in events if event not in beside])
    assert (answered.po_number, answered.revision, answered.verdict) == (told.po_number, 1, told.verdict)
    return answered


class ChangeTests(Group):
    """Group 7."""

    @requires("reduce_line")
    async def test_a_line_is_reduced(self, connector: Connector, peer: Peer) -> None:
        """So one share of a merged order is cancelled, too: the others keep theirs."""
        await sent(connector, ORDER, "place", 1)
        await sent(connector, REDUCED, "change", 2)
        assert quantities(await books(peer)) == {1: 7, 2: 4}

    @requires("reduce_line")
    async def test_a_line_is_taken_off(self, connector: Connector, peer: Peer) -> None:
        await sent(connector, ORDER, "place", 1)
        await sent(connector, TAKEN_OFF, "change", 2)
        assert {n: q for n, q in quantities(await books(peer)).items() if q} == {1: 10}

    @requires("add_line")
    async def test_a_line_is_added(self, connector: Connector, peer: Peer) -> None:
        await sent(connector, ORDER, "place", 1)
        await sent(connector, ADDED, "change", 2)
        assert quantities(await books(peer)) == {1: 10, 2: 4, 3: 2}

    @requires("cancel")
    async def test_an_order_is_cancelled(self, connector: Connector, peer: Peer) -> None:
        await sent(connector, ORDER, "place", 1)
        await sent(connector, CANCELLED, "cancel", 2)
        order = await books(peer)
        assert order.cancelled or not any(quantities(order).values())

    @requires("reduce_line")
    @pytest.mark.parametrize("fault", [Fault.UNREACHED, Fault.BROKEN, Fault.UNANSWERED])
    async def test_a_change_arrives_once_whatever_breaks_on_the_way(
        self, connector: Connector, peer: Peer, fault: Fault
    ) -> None:
        await sent(connector, ORDER, "place", 1)
        receipt = await delivered(connector, connector.render(REDUCED, ids("change", 2)), peer, fault)
        order = await books(peer)
        if receipt.result is SendResult.DELIVERED:
            assert quantities(order) == {1: 7, 2: 4}
        else:
            assert receipt.result is SendResult.UNKNOWN, receipt.reason

    @requires("inbound", "reduce_line")
    @pytest.mark.parametrize("word", ["accepted", "refused"])
    async def test_a_change_is_granted_or_refused(self, connector: Connector, peer: Peer, word: str) -> None:
        await said(connector, peer, verdict(ChangeVerdict(word)))

    @requires("inbound", "reduce_line")
    async def test_a_change_is_granted_in_part(self, connector: Connector, peer: Peer) -> None:
        lines = (
            AckLine(line=ref(1), splits=(split(SplitStatus.ACCEPTED, 9),)),
            AckLine(line=ref(2), splits=(split(SplitStatus.ACCEPTED, 4),)),
        )
        told = verdict(ChangeVerdict.PARTLY, *lines)
        assert parts(await said(connector, peer, told)) == parts(told)

    @requires("inbound", "cancel")
    async def test_a_cancellation_is_too_late_and_the_goods_come(self, connector: Connector, peer: Peer) -> None:
        await sent(connector, ORDER, "place", 1)
        await sent(connector, CANCELLED, "cancel", 2)
        messages = (peer.write(verdict(ChangeVerdict.REFUSED)), peer.write(notice(left(1, 10), left(2, 4))))
        refused, coming = await heard(connector, peer, *messages)
        assert isinstance(refused, ChangeAck) and refused.verdict is ChangeVerdict.REFUSED
        assert isinstance(coming, ShipNotice)

    @requires("inbound", "cancel")
    async def test_a_cancellation_is_granted_and_the_goods_come_all_the_same(
        self, connector: Connector, peer: Peer
    ) -> None:
        await sent(connector, ORDER, "place", 1)
        await sent(connector, CANCELLED, "cancel", 2)
        messages = (peer.write(verdict(ChangeVerdict.ACCEPTED)), peer.write(notice(left(1, 10))))
        granted, coming = await heard(connector, peer, *messages)
        assert isinstance(granted, ChangeAck) and granted.verdict is ChangeVerdict.ACCEPTED
        assert isinstance(coming, ShipNotice), "it is not for the connector to say that this cannot be"

    @requires("cancel")
    async def test_silence_is_no_answer(self, connector: Connector, peer: Peer) -> None:
        await sent(connector, ORDER, "place", 1)
        await sent(connector, CANCELLED, "cancel", 2)
        assert await heard(connector, peer) == []

    @requires()
    async def test_what_cannot_be_asked_for_is_never_written_as_something_else(
        self, connector: Connector, peer: Peer
    ) -> None:
        """A reduction that comes with a new line is not quietly halved where lines cannot be added."""
        both = changed(*REDUCED.lines, *ADDED.lines)
        can = connector.capabilities
        if can.reduce_line and can.add_line:
            assert len(peer.read(connector.render(both, ids("change"))).lines) >= 2
        else:
            with pytest.raises(Unsupported):
                connector.render(both, ids("change"))
