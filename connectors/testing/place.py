"""Group 3: an order arrives exactly once, as it was written, whatever breaks on the way; or its fate is said openly."""

import pytest

from connectors.errors import Retryable
from connectors.suppliers.interface import Connector, Idempotency, SendResult
from connectors.testing.asking import Group, requires
from connectors.testing.orders import ORDER, OTHER_ORDER, differences, ids
from connectors.testing.peer import Fault, Peer
from connectors.testing.talking import delivered, sent


class PlaceTests(Group):
    """Group 3."""

    @requires()
    async def test_an_order_arrives_once_and_as_it_was_written(self, connector: Connector, peer: Peer) -> None:
        await sent(connector, ORDER, "place")
        (order,) = await peer.received()
        assert differences(ORDER, order, peer) == []

    @requires()
    async def test_what_was_taken_is_not_taken_again(self, connector: Connector, peer: Peer) -> None:
        """A crash between sending and noting it sends the same bytes again."""
        envelope = await sent(connector, ORDER, "place")
        if connector.capabilities.idempotency is not Idempotency.NONE:
            assert (await delivered(connector, envelope)).result is SendResult.DELIVERED
        elif connector.capabilities.lookup:
            assert (await connector.lookup(envelope)).found, "nothing else keeps it from being sent again"
        assert len(await peer.received()) == 1

    @requires()
    async def test_two_orders_are_two(self, connector: Connector, peer: Peer) -> None:
        await sent(connector, ORDER, "place", 1)
        await sent(connector, OTHER_ORDER, "place another", 2)
        assert sorted(order.po_number for order in await peer.received()) == [ORDER.po_number, OTHER_ORDER.po_number]

    @requires()
    @pytest.mark.parametrize("times", [1, 3])
    @pytest.mark.parametrize("fault", [Fault.UNREACHED, Fault.BROKEN, Fault.UNANSWERED])
    async def test_an_order_arrives_once_whatever_breaks_on_the_way(
        self, connector: Connector, peer: Peer, fault: Fault, times: int
    ) -> None:
        receipt = await delivered(connector, connector.render(ORDER, ids("place")), peer, fault, times)
        orders = await peer.received()
        if receipt.result is SendResult.UNKNOWN:  # it says that a person must find out, and does not send again
            assert len(orders) <= 1
        else:
            assert receipt.result is SendResult.DELIVERED, receipt.reason
            assert [differences(ORDER, order, peer) for order in orders] == [[]]

    @requires()
    @pytest.mark.parametrize("fault", [Fault.UNREACHED, Fault.BROKEN])
    async def test_what_did_not_arrive_is_not_called_delivered(
        self, connector: Connector, peer: Peer, fault: Fault
    ) -> None:
        await peer.fail(fault)
        try:
            receipt = await connector.send(connector.render(ORDER, ids("place")))
        except Retryable:
            receipt = None  # which says the same, and that it is safe to repeat
        await peer.mend()
        assert not await peer.received()
        assert receipt is None or (receipt.result is SendResult.UNKNOWN and receipt.reason)

    @requires()
    @pytest.mark.parametrize("fault", [Fault.UNANSWERED])
    async def test_what_may_have_arrived_is_not_called_safe_to_repeat(
        self, connector: Connector, peer: Peer, fault: Fault
    ) -> None:
        await peer.fail(fault)
        receipt = await connector.send(connector.render(ORDER, ids("place")))  # a Retryable would say: nothing arrived
        assert receipt.result is not SendResult.REFUSED
        assert receipt.result is SendResult.DELIVERED or receipt.reason

    @requires("lookup")
    async def test_what_arrived_is_found_when_asked(self, connector: Connector, peer: Peer) -> None:
        envelope = await sent(connector, ORDER, "place")
        assert (await connector.lookup(envelope)).found

    @requires("lookup")
    async def test_what_never_left_is_not_found_when_asked(self, connector: Connector, peer: Peer) -> None:
        await sent(connector, OTHER_ORDER, "place another", 1)
        assert not (await connector.lookup(connector.render(ORDER, ids("place", 2)))).found

    @requires("lookup")
    @pytest.mark.parametrize("fault", [Fault.UNREACHED])
    async def test_who_cannot_be_asked_has_not_said_no(self, connector: Connector, peer: Peer, fault: Fault) -> None:
        """A look-up that fails says nothing: a plain "not found" would send the order a second time."""
        envelope = await sent(connector, ORDER, "place")
        await peer.fail(fault)
        try:
            status = await connector.lookup(envelope)
        except Retryable:
            return
        finally:
            await peer.mend()
        assert status.found

    @requires()
    @pytest.mark.parametrize("fault", [Fault.REFUSED])
    async def test_a_refusal_is_told_in_words_and_final(self, connector: Connector, peer: Peer, fault: Fault) -> None:
        await peer.fail(fault)
        receipt = await connector.send(connector.render(ORDER, ids("place")))
        assert receipt.result is SendResult.REFUSED
        assert receipt.reason and receipt.reason.isprintable()
        assert not await peer.received()

    @requires()
    async def test_connections_can_be_closed_twice(self, connector: Connector, peer: Peer) -> None:
        await connector.aclose()
        await connector.aclose()
