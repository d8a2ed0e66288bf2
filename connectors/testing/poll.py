"""Group 11: polling loses nothing and brings nothing twice, though any poll may be the last one before a crash."""

from connectors.suppliers.interface import Connector, Inward
from connectors.testing.asking import Group, requires
from connectors.testing.notices import left
from connectors.testing.peer import Peer
from connectors.testing.talking import drained, notice

MANY = 120
"""Messages that hardly any supplier gives in one page."""


def some(peer: Peer, count: int) -> list[Inward]:
    """So many different messages."""
    return [peer.write(notice(left(1, 1), shipment_id=f"SH-{n}")) for n in range(count)]


def shipments(connector: Connector, messages: list[Inward]) -> list[str]:
    """Which of them came, in the order they came."""
    events = [event for message in messages for event in connector.decode(message).events]
    return [event.shipment_id for event in events if event.kind == "ship_notice"]


class PollTests(Group):
    """Group 11."""

    @requires("poll")
    async def test_where_nothing_waits_nothing_comes(self, connector: Connector, peer: Peer) -> None:
        batch = await connector.poll(None)
        assert batch.messages == ()
        assert (await connector.poll(batch.cursor)).messages == ()

    @requires("poll")
    async def test_what_waits_comes_once_in_its_order_and_can_be_verified(
        self, connector: Connector, peer: Peer
    ) -> None:
        await peer.deliver(*some(peer, 3))
        brought, cursor = await drained(connector)
        for message in brought:
            connector.verify(message)
        assert shipments(connector, brought) == ["SH-0", "SH-1", "SH-2"]
        assert (await connector.poll(cursor)).messages == ()

    @requires("poll")
    async def test_a_crash_before_it_is_kept_loses_nothing(self, connector: Connector, peer: Peer) -> None:
        """The cursor was not kept, so the same is asked again, by another process."""
        await peer.deliver(*some(peer, 3))
        first = await connector.poll(None)
        assert first.messages
        after_the_crash = type(connector)(peer.supplier_id, dict(peer.settings))
        assert (await after_the_crash.poll(None)).messages == first.messages
        await after_the_crash.aclose()

    @requires("poll")
    async def test_what_comes_later_comes_as_well(self, connector: Connector, peer: Peer) -> None:
        messages = some(peer, 4)
        await peer.deliver(*messages[:2])
        before, cursor = await drained(connector)
        await peer.deliver(*messages[2:])
        after, _ = await drained(connector, cursor)
        assert shipments(connector, [*before, *after]) == ["SH-0", "SH-1", "SH-2", "SH-3"]

    @requires("poll")
    async def test_of_many_none_is_lost_at_the_end_of_a_page(self, connector: Connector, peer: Peer) -> None:
        await peer.deliver(*some(peer, MANY))
        brought, _ = await drained(connector)
        assert shipments(connector, brought) == [f"SH-{n}" for n in range(MANY)]

    @requires("poll")
    async def test_the_same_document_left_again_is_known_again(self, connector: Connector, peer: Peer) -> None:
        (message,) = some(peer, 1)
        await peer.deliver(message)
        first, cursor = await drained(connector)
        await peer.deliver(message)
        again, _ = await drained(connector, cursor)
        keys = {connector.decode(one).dedupe_key for one in (*first, *again)}
        assert len(keys) == 1
