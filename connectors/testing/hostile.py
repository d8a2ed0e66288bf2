"""Group 8: whatever comes in, `verify` and `decode` raise `Undecodable` or nothing; and what is read can be stored."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Undecodable
from connectors.suppliers.interface import Connector, Decoded, Inward
from connectors.testing.asking import Group, requires
from connectors.testing.data import tried
from connectors.testing.peer import Flaw, Peer
from connectors.testing.talking import answer, has_a_door, split
from connectors.words import LONGEST_NAME
from domain.supplier_events import SplitStatus

LARGE = 60_000_000
"""Bytes of a message that no connector reads to its end."""

ANSWER = answer((1, (split(SplitStatus.ACCEPTED, 10),)), (2, (split(SplitStatus.BACKORDERED, 4),)))

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">'
    + b"".join(b'<!ENTITY c%d "%s">' % (n, b"&%s;" % (b"b" if n == 0 else b"c%d" % (n - 1)) * 10) for n in range(9))
    + b'<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&c8;&x;</a>'
)
"""A document that grows to gigabytes, and asks for a file of ours, when its entities are put in."""

KNOWN_TRICKS = {
    "nothing": b"",
    "a NUL": b"\x00",
    "no text": bytes(range(256)) * 8,
    "an entity bomb": BOMB,
    "deep nesting": b"[" * 100_000,
    "deeper nesting": b'{"events":' * 20_000,
    "nested elements": b"<a>" * 50_000,
    "a wide character set": "\ufeffISA".encode("utf-16"),
    "half a document": b"ISA*00*          *00*     ",
    "only separators": b"~" * 100_000,
    "only line feeds": b"\r\n" * 50_000,
}


def read(connector: Connector, message: Inward) -> Decoded | None:
    """What a message says; None: it cannot be read. Anything but Undecodable fails the test."""
    try:
        decoded = connector.decode(message)
    except Undecodable as unreadable:
        assert str(unreadable).strip(), "an operator reads why"
        return None
    can_be_stored(decoded)
    return decoded


def refused(connector: Connector, message: Inward) -> bool:
    """Whether a message is turned away, at the door, if there is one, or when it is read."""
    try:
        if has_a_door(connector):
            connector.verify(message)
        connector.decode(message)
    except Undecodable:
        return True
    return False


def can_be_stored(decoded: Decoded) -> None:
    """The ledger keeps no NUL, no endless name and no number beyond reason; operators read issues."""
    assert 0 < len(decoded.dedupe_key) <= 500 and decoded.dedupe_key.isprintable(), "the ledger finds it by this key"
    for event in decoded.events:
        for name in ("po_number", "shipment_id", "supplier_order_no", "receipt_id"):
            assert len(getattr(event, name, None) or "") <= LONGEST_NAME, f"an endless {name}"
        for value in _values(event.model_dump()):
            assert not isinstance(value, str) or "\x00" not in value, "a NUL"
            assert not isinstance(value, Decimal) or (value.is_finite() and 0 <= value < 10**10), f"a number {value}"
            assert not isinstance(value, int) or abs(value) < 2**31, f"a number {value}"
    for issue in decoded.issues:
        assert issue.strip() and issue.isprintable() and len(issue) <= 1000, f"an issue is one line of words: {issue!r}"
    assert len(decoded.issues) <= 1000


class HostileTests(Group):
    """Group 8."""

    @requires("inbound")
    async def test_a_genuine_message_is_taken(self, connector: Connector, peer: Peer) -> None:
        """Else the rest of this group would be easily passed."""
        message = peer.write(ANSWER)
        assert not refused(connector, message)
        assert read(connector, message) is not None

    @requires("inbound")
    @pytest.mark.parametrize("flaw", [Flaw.SIGNATURE, Flaw.AGE, Flaw.SENDER, Flaw.RECEIVER])
    async def test_a_message_with_a_flaw_is_not_taken(self, connector: Connector, peer: Peer, flaw: Flaw) -> None:
        assert refused(connector, peer.write(ANSWER, flaw=flaw))

    @requires("poll")
    async def test_what_is_polled_is_not_taken_at_our_door(self, connector: Connector, peer: Peer) -> None:
        """The gateway's door is open to everybody, and nothing proves there who brings what needs no proof."""
        if not has_a_door(connector):
            with pytest.raises(Undecodable):
                connector.verify(peer.write(ANSWER))

    @requires()
    @pytest.mark.parametrize("trick", KNOWN_TRICKS)
    async def test_known_tricks_are_turned_away(self, connector: Connector, peer: Peer, trick: str) -> None:
        for headers in self_and_none(connector, peer):
            message = Inward(body=KNOWN_TRICKS[trick], headers=headers)
            assert read(connector, message) is None
            assert refused(connector, message)

    @requires()
    async def test_a_message_without_end_is_turned_away(self, connector: Connector, peer: Peer) -> None:
        start = peer.write(ANSWER).body if connector.capabilities.inbound else b""
        for headers in self_and_none(connector, peer):
            assert read(connector, Inward(body=start + b" " * LARGE, headers=headers)) is None

    @requires()
    async def test_arbitrary_bytes_are_undecodable_and_nothing_else(self, connector: Connector, peer: Peer) -> None:
        kinds = self_and_none(connector, peer)

        @tried
        @given(st.binary(max_size=2000) | st.text(max_size=500).map(str.encode))
        def one(body: bytes) -> None:
            for headers in kinds:
                read(connector, Inward(body=body, headers=headers))
                refused(connector, Inward(body=body, headers=headers))

        one()

    @requires("inbound")
    async def test_arbitrary_headers_are_undecodable_and_nothing_else(self, connector: Connector, peer: Peer) -> None:
        message = peer.write(ANSWER)
        names = st.sampled_from(sorted(message.headers) or ["content-type"])

        @tried
        @given(st.dictionaries(names, st.text(max_size=100)))
        def one(headers: dict[str, str]) -> None:
            read(connector, Inward(body=message.body, headers=headers))
            refused(connector, Inward(body=message.body, headers=headers))

        one()

    @requires("inbound")
    async def test_a_damaged_message_is_read_or_undecodable(self, connector: Connector, peer: Peer) -> None:
        message = peer.write(ANSWER)

        @tried
        @given(
            at=st.integers(0, len(message.body) - 1), byte=st.integers(0, 255), cut=st.booleans(), n=st.integers(0, 9)
        )
        def one(at: int, byte: int, cut: bool, n: int) -> None:
            rest = b"" if cut else message.body[at + n :]
            damaged = Inward(body=message.body[:at] + bytes([byte]) + rest, headers=message.headers)
            read(connector, damaged)
            refused(connector, damaged)

        one()

    @requires("inbound")
    async def test_half_a_message_is_no_full_answer(self, connector: Connector, peer: Peer) -> None:
        message = peer.write(ANSWER)
        half = read(connector, Inward(body=message.body[: len(message.body) // 2], headers=message.headers))
        whole = read(connector, message)
        assert whole is not None
        assert half is None or half.issues or half.events != whole.events


def self_and_none(connector: Connector, peer: Peer) -> list[Mapping[str, str]]:
    """The headers of a genuine message, and none: nobody can rely on either."""
    return [peer.write(ANSWER).headers, {}] if connector.capabilities.inbound else [{}]


def _values(data: object) -> Iterable[object]:
    if isinstance(data, Mapping):
        for value in cast("Mapping[str, object]", data).values():
            yield from _values(value)
    elif isinstance(data, list | tuple):
        for value in cast("Iterable[object]", data):
            yield from _values(value)
    else:
        yield data
