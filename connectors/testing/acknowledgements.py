"""Group 13: words about reading, which are none about business: those we get, and those we owe (997, CONTRL, Response).

A syntax acknowledgement names the document of ours by its control number; a document without one could never be
matched. Of those we owe, none is owed for an acknowledgement: two sides would thank each other for ever.
"""

from contextlib import suppress

import pytest

from connectors.errors import ConnectorError, Undecodable
from connectors.suppliers.interface import Connector, Inward
from connectors.testing.asking import Group, requires
from connectors.testing.hostile import KNOWN_TRICKS
from connectors.testing.orders import ORDER, ids
from connectors.testing.peer import Peer
from connectors.testing.talking import answer, heard, only, sent, split
from domain.supplier_events import SplitStatus, SyntaxAck

ANSWER = answer((1, (split(SplitStatus.ACCEPTED, 10),)), (2, (split(SplitStatus.ACCEPTED, 4),)))


class AcknowledgementTests(Group):
    """Group 13."""

    @requires("syntax_ack")
    @pytest.mark.parametrize("control_number", [1, 4711, 999_999_999])
    async def test_the_far_side_could_read_a_document_and_names_it_by_its_control_number(
        self, connector: Connector, peer: Peer, control_number: int
    ) -> None:
        await sent(connector, ORDER, "place", control_number)
        told = SyntaxAck(control_number=control_number)
        acknowledged = only(SyntaxAck, await heard(connector, peer, peer.write(told)))
        assert (acknowledged.control_number, acknowledged.accepted) == (control_number, True)

    @requires("syntax_ack")
    async def test_the_far_side_could_not_read_a_document(self, connector: Connector, peer: Peer) -> None:
        await sent(connector, ORDER, "place", 8)
        told = SyntaxAck(control_number=8, accepted=False, reason="segment PO1 is missing")
        acknowledged = only(SyntaxAck, await heard(connector, peer, peer.write(told)))
        assert (acknowledged.control_number, acknowledged.accepted) == (8, False)
        assert acknowledged.reason, "an operator has to know why"

    @requires("syntax_ack")
    async def test_each_document_carries_its_control_number(self, connector: Connector, peer: Peer) -> None:
        bodies = {connector.render(ORDER, ids("place", number)).body for number in (1, 2, 3)}
        assert len(bodies) == 3, "the far side could not name the document"

    @requires("acknowledges")
    async def test_a_message_that_could_be_read_is_acknowledged(self, connector: Connector, peer: Peer) -> None:
        message = peer.write(ANSWER)
        reply = connector.acknowledge(message, ids("reply"))
        assert reply is not None
        assert peer.understands(reply, message)
        assert connector.acknowledge(message, ids("reply")) == reply

    @requires("acknowledges")
    async def test_a_damaged_message_is_not_acknowledged_as_if_it_could_be_read(
        self, connector: Connector, peer: Peer
    ) -> None:
        message = peer.write(ANSWER)
        for end in range(0, len(message.body), max(1, len(message.body) // 40)):
            damaged = Inward(body=message.body[:end], headers=message.headers)
            reply = connector.acknowledge(damaged, ids("reply"))
            with suppress(Undecodable):
                if connector.decode(damaged).events:
                    continue  # it could be read, as far as it goes
            assert reply is None or not peer.understands(reply, damaged)

    @requires("acknowledges", "syntax_ack")
    async def test_an_acknowledgement_is_not_acknowledged(self, connector: Connector, peer: Peer) -> None:
        assert connector.acknowledge(peer.write(SyntaxAck(control_number=1)), ids("reply")) is None

    @requires()
    async def test_whatever_comes_it_is_known_whether_a_word_is_owed(self, connector: Connector, peer: Peer) -> None:
        """Never an error, since there is nobody to tell; and no word from who says that he owes none."""
        for body in (*KNOWN_TRICKS.values(), peer.write(ANSWER).body if connector.capabilities.inbound else b""):
            try:
                reply = connector.acknowledge(Inward(body=body, headers={}), ids("reply"))
            except ConnectorError as stray:
                pytest.fail(f"acknowledge raised {stray!r}")
            assert reply is None or connector.capabilities.acknowledges
