"""Group 9: a message that comes again is known again; the order in which messages come changes nothing."""

import pytest

from connectors.suppliers.interface import Connector
from connectors.testing.asking import Group, requires
from connectors.testing.notices import left
from connectors.testing.peer import Peer
from connectors.testing.talking import answer, notice, split
from domain.supplier_events import SplitStatus

ANSWER = answer((1, (split(SplitStatus.ACCEPTED, 10),)), (2, (split(SplitStatus.ACCEPTED, 4),)))
NOTICE = notice(left(1, 10), left(2, 4))


class DuplicateTests(Group):
    """Group 9."""

    @requires("inbound")
    async def test_the_same_message_has_the_same_key(self, connector: Connector, peer: Peer) -> None:
        message = peer.write(ANSWER)
        assert connector.decode(message) == connector.decode(message)

    @requires("inbound")
    async def test_another_instance_gives_the_same_key(self, connector: Connector, peer: Peer) -> None:
        """The gateway has another one than the workers."""
        message = peer.write(ANSWER)
        twin = type(connector)(peer.supplier_id, dict(peer.settings))
        assert twin.decode(message) == connector.decode(message)
        await twin.aclose()

    @requires("inbound")
    async def test_different_messages_have_different_keys(self, connector: Connector, peer: Peer) -> None:
        messages = [peer.write(ANSWER), peer.write(NOTICE), peer.write(notice(left(1, 6)))]
        keys = [connector.decode(message).dedupe_key for message in messages]
        assert len(set(keys)) == len(keys), "one would be taken for a repeat of the other, and lost"

    @requires("inbound")
    async def test_the_same_content_in_a_new_envelope_says_the_same(self, connector: Connector, peer: Peer) -> None:
        """So that the ledger knows it by what it says: a shipment by its number, an answer by its content."""
        first, again = (connector.decode(peer.write(NOTICE)) for _ in range(2))
        assert first.events == again.events

    @requires("inbound")
    @pytest.mark.parametrize("order", ["as said", "turned round", "interleaved"])
    async def test_the_order_in_which_messages_come_changes_nothing(
        self, connector: Connector, peer: Peer, order: str
    ) -> None:
        messages = [peer.write(ANSWER), peer.write(NOTICE)]
        alone = [connector.decode(message) for message in messages]
        by_arrival = {"as said": [0, 1], "turned round": [1, 0], "interleaved": [0, 1, 0, 1, 1, 0]}[order]
        assert [connector.decode(messages[n]) for n in by_arrival] == [alone[n] for n in by_arrival]
