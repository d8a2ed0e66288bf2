"""A codec and a transport as one connector: what it can do, and who may speak through it."""

from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.errors import Undecodable, Unsupported
from connectors.suppliers.documents import DocumentConnector
from connectors.suppliers.interface import (
    FILE_NAME,
    Capabilities,
    Decoded,
    Envelope,
    Idempotency,
    Inbound,
    Inward,
    Reply,
    Request,
    SendResult,
    WireIds,
)
from connectors.suppliers.transports.configuration import FolderConfig, HttpsConfig, open_transport
from tests.connectors.transports.conftest import Meeting


class Notes:
    """A format as plain as can be: the sender's name, a colon, and what it says."""

    def __init__(self, idempotency: Idempotency = Idempotency.NONE) -> None:
        self.capabilities = Capabilities(add_line=True, idempotency=idempotency)

    def render(self, request: Request, ids: WireIds) -> Envelope:
        return Envelope(
            operation_id=ids.operation_id,
            po_number=request.po_number,
            kind="place",
            revision=0,
            content_type="text/plain",
            body=f"us: {request.po_number}".encode(),
            headers={FILE_NAME: f"{request.po_number}.txt"},
        )

    def decode(self, message: Inward) -> Decoded:
        return Decoded(dedupe_key=sha256(message.body).hexdigest(), events=())

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        return None

    def addressed(self, message: Inward) -> None:
        if not message.body.startswith(b"acme: "):
            raise Undecodable("this note is not from acme")


class NotesConnector(DocumentConnector):
    """Notes over any transport."""

    def __init__(self, transport: FolderConfig | HttpsConfig, idempotency: Idempotency = Idempotency.NONE) -> None:
        super().__init__("acme", Notes(idempotency), open_transport("acme", transport))


def folder(root: Path, **more: object) -> FolderConfig:
    folders = {"outbox": f"{root}/outbox", "inbox": f"{root}/inbox", "settle_seconds": 0}
    return FolderConfig.model_validate(folders | more)


HTTPS = HttpsConfig(url="https://edi.acme.example/in")


def test_what_both_can_do_the_connector_can(folders: Path) -> None:
    plain = NotesConnector(folder(folders)).capabilities
    assert (plain.add_line, plain.poll, plain.inbound, plain.lookup) == (True, True, {Inbound.POLL}, False)
    silent = NotesConnector(folder(folders, inbox=None)).capabilities
    assert (silent.poll, silent.inbound) == (False, frozenset())
    pushed = NotesConnector(HTTPS.model_copy(update={"inbound_token": SecretStr("t")})).capabilities
    assert (pushed.poll, pushed.inbound, pushed.lookup) == (False, {Inbound.WEBHOOK}, False)


def test_a_transport_that_finds_documents_makes_up_for_a_partner_who_does_not_know_them_again(folders: Path) -> None:
    found = folder(folders, outbox_archive=f"{folders}/taken")
    assert NotesConnector(found).capabilities.lookup
    assert NotesConnector(found).capabilities.idempotency is Idempotency.KEY
    assert NotesConnector(folder(folders)).capabilities.idempotency is Idempotency.NONE
    numbered = NotesConnector(found, Idempotency.CONTROL_NUMBER).capabilities
    assert numbered.idempotency is Idempotency.CONTROL_NUMBER


async def test_an_order_sent_again_after_it_was_taken_is_not_put_there_again(local: Meeting) -> None:
    (local.root / "taken").mkdir()
    connector = NotesConnector(folder(local.root, outbox_archive=f"{local.root}/taken"))
    envelope = Envelope(
        operation_id="po/PO-1/place", po_number="PO-1", kind="place", revision=0, content_type="text/plain",
        body=b"us: PO-1", headers={FILE_NAME: "PO-1.txt"},
    )  # fmt: skip
    await connector.send(envelope)
    (local.outbox / "PO-1.txt").rename(local.root / "taken/PO-1.txt")
    assert (await connector.lookup(envelope)).found
    assert (await connector.send(envelope)).result is SendResult.DELIVERED
    assert local.partner_takes() == {}


async def test_a_collected_document_of_somebody_else_is_not_read_as_the_partners(local: Meeting) -> None:
    """What is collected comes through no door that would have asked whom it is from."""
    local.partner_puts("1.txt", b"acme: yes", age=60)
    local.partner_puts("2.txt", b"other: yes", age=30)
    connector = NotesConnector(folder(local.root))
    ours, theirs = (await connector.poll(None)).messages
    assert connector.decode(ours).events == ()
    with pytest.raises(Undecodable, match="not from acme"):
        connector.decode(theirs)


async def test_what_the_transport_cannot_do_is_unsupported(local: Meeting) -> None:
    with pytest.raises(Unsupported):
        await NotesConnector(HTTPS).poll(None)
    with pytest.raises(Undecodable):
        NotesConnector(folder(local.root)).verify(Inward(body=b"acme: yes", headers={}))
