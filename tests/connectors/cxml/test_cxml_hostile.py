"""Documents that are not from whom they say, or not what they say: refused or inert, and never a stray exception."""

import random
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from lxml import etree

from connectors.errors import Undecodable
from connectors.suppliers.cxml.connector import CxmlConnector
from connectors.suppliers.cxml.documents import LARGEST_MESSAGE
from connectors.suppliers.interface import Inward
from tests.connectors.cxml.partner import CONFIG, IDS, codec
from tests.connectors.fuzz import FORMATS, damaged, try_one

SAMPLES = Path(__file__).parents[1] / "samples" / "cxml"
GENUINE = (SAMPLES / "confirmation_accept.xml").read_bytes()


def inward(body: bytes) -> Inward:
    return Inward(body=body, headers={})


def verify(body: bytes, **habits: object) -> None:
    CxmlConnector("acme", CONFIG | habits).verify(inward(body))


def test_a_genuine_document_is_taken() -> None:
    verify(GENUINE)
    verify(GENUINE.replace(b"AN01000000001", b"an01000000001").replace(b'"DUNS"', b'"duns"'))
    several = b'<Credential domain="X"><Identity>other</Identity></Credential>'
    verify(GENUINE.replace(b"<To>", b"<To>" + several).replace(b"<From>", b"<From>" + several))


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (b"their-secret", b"guessed", "SharedSecret is missing or wrong"),
        (b"their-secret", b"THEIR-SECRET", "SharedSecret is missing or wrong"),
        (b"their-secret", b"", "SharedSecret is missing or wrong"),
        (b"their-secret", "their-sécret".encode(), "SharedSecret is missing or wrong"),
        (b"<SharedSecret>their-secret</SharedSecret>", b"", "SharedSecret is missing or wrong"),
        (b"AN01000000001", b"AN01000000002", "To does not name AN01000000001"),
        (b"080123456", b"080123457", "From does not name 080123456"),
        (b'"DUNS"', b'"NetworkId"', "From does not name 080123456"),
        (b"<Sender>", b"<Sender><X/></Sender><Sender>", "SharedSecret is missing or wrong"),
        (b"Header>", b"Heading>", "From does not name"),
        (b"</cXML>", b"", "no XML"),
    ],
)
def test_a_document_of_a_stranger_or_for_somebody_else_is_refused(right: bytes, wrong: bytes, words: str) -> None:
    forged = GENUINE.replace(right, wrong)
    assert forged != GENUINE
    with pytest.raises(Undecodable, match=words):
        verify(forged)


def test_what_is_collected_without_a_door_must_prove_itself_too() -> None:
    connector = CxmlConnector("acme", CONFIG)
    assert connector.decode(inward(GENUINE)).events
    with pytest.raises(Undecodable, match="SharedSecret is missing or wrong"):
        connector.decode(inward(GENUINE.replace(b"their-secret", b"guessed")))


def test_the_secret_must_be_the_senders_own() -> None:
    """Another credential of the sender does not lend it its secret."""
    forged = GENUINE.replace(
        b'<Sender>\n      <Credential domain="DUNS">\n        <Identity>080123456</Identity>',
        b'<Sender><Credential domain="DUNS"><Identity>080123456</Identity></Credential>'
        b'<Credential domain="DUNS"><Identity>mallory</Identity>',
    )
    assert forged != GENUINE
    with pytest.raises(Undecodable, match="SharedSecret is missing or wrong"):
        verify(forged)


def test_a_network_that_forwards_proves_itself_and_not_the_supplier() -> None:
    network = {"domain": "NetworkId", "identity": "AN01000000087"}
    with pytest.raises(Undecodable, match="prove to be AN01000000087"):
        verify(GENUINE, their_sender=network)
    head, _, sender = GENUINE.partition(b"<Sender>")
    forwarded = head + b"<Sender>" + sender.replace(b'"DUNS"', b'"NetworkId"').replace(b"080123456", b"AN01000000087")
    verify(forwarded, their_sender=network)


BOMB = (
    b'<!DOCTYPE cXML [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
    + b"]>"
)


@pytest.mark.parametrize("where", [b"<Comments>&m;</Comments>", b'<Comments x="&m;"/>'])
def test_an_entity_bomb_does_nothing(where: bytes) -> None:
    body = (
        BOMB
        + b'<cXML payloadID="p"><Request><ConfirmationRequest>'
        + where
        + b"</ConfirmationRequest></Request></cXML>"
    )
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(Undecodable, match=r"declares entities.* Ask for it without them"):
            codec().decode(inward(body.decode().encode(encoding)))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'<!DOCTYPE cXML [<!ENTITY a "&b;"><!ENTITY b "&a;">]><cXML x="&a;"/>', "declares entities"),
        (b'<!DOCTYPE cXML [<!ENTITY x SYSTEM "file:///x">]><cXML x="&x;"/>', "declares entities"),
        (b'<!DOCTYPE cXML [<!ENTITY % x "%y;"><!ENTITY % y "%x;"> %x;]><cXML/>', "declares entities"),
        (b'<!DOCTYPE cXML [<!ENTITY x "<a>">]><cXML y="&x;"/>', "declares entities"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE cXML SYSTEM http://x><cXML/>", "DOCTYPE is broken at line 2, column 23"),
        (b"<!DOCTYPE cXML [<!ELEMENT cXML ]><cXML/>", "DOCTYPE is broken"),
        (b'<!DOCTYPE cXML SYSTEM "x"', "DOCTYPE is broken"),
        (b'\n<cXML>\n<a x="&nbsp;"/></cXML>', "an & at line 2, column 13 .* as they are"),
        (b"<cXML><Comments>Smith & Sons</Comments></cXML>", "an & at .* ask for &amp; in its place"),
        (b'<cXML x="&#0;"/>', "an & at line 1, column .* for other characters as they are"),
        (b'<cXML x="a?b=1&c=2"/>', "an & at .* ask for &amp; in its place"),
        (b"<cXML>" * 300 + b"</cXML>" * 300, "nested too deeply"),
        (b'<!DOCTYPE cXML SYSTEM "x"><cXML><a></b></cXML>', "no XML: Opening and ending tag mismatch"),
        (b"<cXML>\xff<a>", "no XML: Premature end"),
    ],
)
def test_what_is_wrong_is_said_in_words_for_whoever_asks_the_sender(body: bytes, words: str) -> None:
    with pytest.raises(Undecodable, match=words) as raised:
        codec().decode(inward(body))
    assert not any(theirs in str(raised.value) for theirs in ("xml", "<string>", "amplification", "XML_PARSE"))


@pytest.mark.parametrize("namespace", ["xmlns:a='x'", "xmlns='ariba'"])
def test_a_namespace_that_has_no_canonical_form_hinders_nobody(namespace: str) -> None:
    bent = GENUINE.replace(b"<Request", b"<Request " + namespace.encode(), 1)
    read, again, other = (
        codec().decode(inward(body)) for body in (bent, bent.replace(b"timestamp=", b"  timestamp="), GENUINE)
    )
    assert read.events == other.events and read.events
    assert read.dedupe_key == again.dedupe_key != other.dedupe_key


@contextmanager
def listener(asked: list[bytes]) -> Iterator[int]:
    class Ear(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline())

    with socketserver.TCPServer(("127.0.0.1", 0), Ear) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_nothing_is_fetched_for_a_document_neither_files_nor_addresses(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("top secret")
    asked: list[bytes] = []
    with listener(asked) as port:
        bodies = [
            f'<!DOCTYPE cXML [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><cXML payloadID="&x;"/>',
            f'<!DOCTYPE cXML [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/x">]><cXML><Request>&x;</Request></cXML>',
            f'<!DOCTYPE cXML [<!ENTITY % x SYSTEM "http://127.0.0.1:{port}/x"> %x;]><cXML><Request/></cXML>',
            f'<!DOCTYPE cXML SYSTEM "http://127.0.0.1:{port}/cXML.dtd">' + GENUINE.decode().split("cXML.dtd", 1)[-1],
        ]
        for body in bodies:
            with pytest.raises(Undecodable) as raised:
                codec().decode(inward(body.encode()))
            assert "top secret" not in str(raised.value)
        genuine = GENUINE.replace(b"http://xml.cxml.org/", f"http://127.0.0.1:{port}/".encode())
        assert genuine != GENUINE
        assert codec().decode(inward(genuine)).events
    assert asked == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\x00" * 1000,
        b"{}",
        b"<a/>",
        b"<cXML/>",
        b"<cXML><Request/></cXML>",
        b"<cXML><Response><Status code='200' text='OK'/></Response></cXML>",
        b"<cXML><Message><PunchOutOrderMessage/></Message></cXML>",
        b"<cXML>" * 300 + b"</cXML>" * 300,
        b"<cXML><Request><ConfirmationRequest>" + b"<a>" * 100_000,
        b'<cXML a="' + b"x" * 1_000_000,
        b"<?xml version='1.0' encoding='x-unknown'?><cXML/>",
        b"<?xml version='1.0' encoding='utf-7'?><cXML/>",
        b"\xff\xfe<\x00c\x00",
        b"<cXML>" + b" " * LARGEST_MESSAGE + b"</cXML>",
        b"<cXML><Request><ShipNoticeRequest>"
        + b"<ShipNoticePortion/>" * 20_000
        + b"</ShipNoticeRequest></Request></cXML>",
    ],
    ids=lambda body: f"{bytes(body[:24])!r}",
)
def test_what_is_no_such_document_is_undecodable_and_answered_as_that(body: bytes) -> None:
    connector = CxmlConnector("acme", CONFIG)
    with pytest.raises(Undecodable):
        connector.decode(inward(body))
    with pytest.raises(Undecodable):
        codec().decode(inward(body))
    with pytest.raises(Undecodable):
        connector.verify(inward(body))
    reply = connector.acknowledge(inward(body), IDS)
    assert reply
    assert b'code="406"' in reply.body


def test_a_huge_text_is_read_as_far_as_it_can_be_kept() -> None:
    body = GENUINE.replace(b"<ConfirmationHeader", b"<ConfirmationHeader", 1).replace(
        b'confirmID="C-1"/>', b"><Comments>" + b"x" * 1_000_000 + b"</Comments></ConfirmationHeader>"
    )
    assert len(body) > 1_000_000
    (event,) = codec().decode(inward(body)).events
    assert event.kind == "order_ack"
    assert event.reason == "x" * 500


def test_two_thousand_damaged_documents_leak_nothing() -> None:
    reader, samples = FORMATS["cxml"]()
    for body in damaged(samples, 2000, seed=3):
        try_one(reader, body)


WORDS = (
    "", " ", "0", "-1", "10000001", "1e9", "NaN", "99999999999999", "0.0000001", "٣", "x" * 300, "\u2028", "a\tb",
    "accept", "reject", "detail", "allDetail", "backordered", "unknown", "replace", "except", "new", "update", "delete",
    "2026-12-04", "2026-13-41T", "9999-12-31", "PO-1.7@shop.example", "PO-1.999999999@shop.example", "BX", "EA",
)  # fmt: skip


def wounded(samples: Sequence[bytes], documents: int, seed: int) -> Iterator[bytes]:
    """Well-formed documents that say the strangest things: texts, attributes and elements changed, moved and lost."""
    luck = random.Random(seed)
    for _ in range(documents):
        root = etree.fromstring(luck.choice(samples))
        for _ in range(luck.randint(1, 8)):
            element = luck.choice([each for each in root.iter() if isinstance(each.tag, str)])
            parent = element.getparent()
            match luck.randrange(6):
                case 0:
                    element.text = luck.choice(WORDS)
                case 1 if element.attrib:
                    element.set(luck.choice(list(element.attrib)), luck.choice(WORDS))
                case 2 if element.attrib:
                    del element.attrib[luck.choice(list(element.attrib))]
                case 3 if parent is not None:
                    parent.remove(element)
                case 4 if parent is not None:
                    parent.append(etree.fromstring(etree.tostring(element, with_tail=False)))
                case _:
                    element.tag = luck.choice(["X", "{urn:y}" + etree.QName(element).localname])
        yield etree.tostring(root)


@pytest.mark.parametrize("habits", [{}, {"unsaid_rest": "follows", "item_in_detail_is_substitute": False}])
def test_two_thousand_strange_documents_leak_nothing(habits: dict[str, object]) -> None:
    samples = [sample.read_bytes() for sample in sorted(SAMPLES.glob("*.xml"))]
    reader = codec(**habits)
    readable = sum(try_one(reader, body) for body in wounded(samples, 2000, seed=4))
    assert readable > 500
