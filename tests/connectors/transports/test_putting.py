"""Documents put where a partner takes them: whole or not at all, once, and found again."""

import asyncio
import errno
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from connectors.errors import Retryable, Undecodable, Unsupported
from connectors.suppliers.interface import Inbound, Inward, SendResult
from connectors.suppliers.transports.configuration import FolderConfig
from connectors.suppliers.transports.file_documents import FileDocuments
from connectors.suppliers.transports.files import Files
from connectors.suppliers.transports.folder import ThisMachine
from tests.connectors.transports.conftest import Meeting, document


async def test_a_document_is_there_byte_for_byte_and_nothing_else_is(meeting: Meeting) -> None:
    body = bytes(range(256)) * 3000  # several pieces
    receipt = await meeting.open().send(document("PO-1.edi", body))
    assert (receipt.result, receipt.reference) == (SendResult.DELIVERED, "PO-1.edi")
    assert meeting.partner_takes() == {"PO-1.edi": body}
    assert meeting.left_behind() == ["outbox/PO-1.edi"]


async def test_the_same_document_again_is_the_same_document(meeting: Meeting) -> None:
    for _ in range(2):
        assert (await meeting.open().send(document())).result is SendResult.DELIVERED
    assert meeting.left_behind() == ["outbox/PO-1.edi"]


async def test_what_the_partner_took_to_its_archive_is_not_put_there_again(meeting: Meeting) -> None:
    (meeting.root / "taken").mkdir()
    transport = meeting.open(outbox_archive=meeting.path("taken"))
    await transport.send(document())
    (meeting.outbox / "PO-1.edi").rename(meeting.root / "taken/PO-1.edi")
    assert (await transport.send(document())).result is SendResult.DELIVERED
    assert meeting.partner_takes() == {}


async def test_another_document_under_the_same_name_is_not_overwritten(meeting: Meeting) -> None:
    (meeting.outbox / "PO-1.edi").write_bytes(b"another shop's")
    with pytest.raises(Retryable, match=r"supplier 'acme': .*outbox/PO-1.edi is another document under the same name"):
        await meeting.open().send(document())
    assert meeting.partner_takes() == {"PO-1.edi": b"another shop's"}
    assert meeting.left_behind() == ["outbox/PO-1.edi"]


async def test_an_old_document_of_the_same_name_in_the_archive_is_not_ours(meeting: Meeting) -> None:
    """Control numbers wrap after years, and file names with them."""
    (meeting.root / "taken").mkdir()
    (meeting.root / "taken/PO-1.edi").write_bytes(b"of 2019")
    transport = meeting.open(outbox_archive=meeting.path("taken"))
    assert not (await transport.find(document())).found
    assert (await transport.send(document())).result is SendResult.DELIVERED
    assert meeting.partner_takes() == {"PO-1.edi": b"ISA*00~"}


async def test_a_document_is_found_in_the_outbox_and_in_the_partners_archive_and_nowhere_else(meeting: Meeting) -> None:
    (meeting.root / "taken").mkdir()
    transport = meeting.open(outbox_archive=meeting.path("taken"))
    assert transport.finds
    assert not (await transport.find(document())).found
    await transport.send(document())
    assert (await transport.find(document())).found
    (meeting.outbox / "PO-1.edi").rename(meeting.root / "taken/PO-1.edi")
    assert (await transport.find(document())).found
    (meeting.root / "taken/PO-1.edi").write_bytes(b"ISA*00~ and more")
    assert not (await transport.find(document())).found


@pytest.mark.parametrize("gone", ["outbox", "taken"])
async def test_a_folder_that_is_not_there_has_not_said_no(meeting: Meeting, gone: str) -> None:
    """A "not found" would put the document out a second time, once the drive is mounted again."""
    (meeting.root / "taken").mkdir()
    transport = meeting.open(outbox_archive=meeting.path("taken"))
    (meeting.root / gone).rename(meeting.root / "elsewhere")
    with pytest.raises(Retryable, match=f"{gone} cannot be looked into"):
        await transport.find(document())
    (meeting.root / "elsewhere").rename(meeting.root / gone)
    assert not (await transport.find(document())).found


async def test_without_the_partners_archive_nobody_can_say_whether_it_was_taken(meeting: Meeting) -> None:
    transport = meeting.open()
    assert not transport.finds
    with pytest.raises(Unsupported, match="outbox_archive"):
        await transport.find(document())


async def test_a_missing_folder_is_not_made_but_told_of(meeting: Meeting) -> None:
    """It may be a drive that is not mounted, and nobody would ever look into what we made in its place."""
    meeting.outbox.rmdir()
    with pytest.raises(Retryable, match=r"nothing was put into .*/outbox: it is not there; mend the folder"):
        await meeting.open().send(document())
    assert not meeting.outbox.exists()


@pytest.mark.parametrize("name", ["", "..", "../PO-1.edi", "a\\b", "a\nb", "x" * 181, "\udcff.edi"])
async def test_a_name_that_leads_elsewhere_is_refused(meeting: Meeting, name: str) -> None:
    assert (await meeting.open().send(document(name))).result is SendResult.REFUSED
    assert meeting.left_behind() == []


async def test_a_name_of_another_script_is_kept(meeting: Meeting) -> None:
    await meeting.open().send(document("Bestellung für Jürgen 註文.edi"))
    assert list(meeting.partner_takes()) == ["Bestellung für Jürgen 註文.edi"]


async def test_the_same_document_put_by_many_at_once_is_there_once_and_whole(meeting: Meeting) -> None:
    body = b"x" * 500_000
    receipts = await asyncio.gather(*(meeting.open().send(document("PO-1.edi", body)) for _ in range(8)))
    assert {receipt.result for receipt in receipts} == {SendResult.DELIVERED}
    assert meeting.partner_takes() == {"PO-1.edi": body}
    assert meeting.left_behind() == ["outbox/PO-1.edi"]


class MountedDrive(ThisMachine):
    """A drive of another machine, on which folders cannot be flushed."""

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Files]:
        async with super().opened() as files:
            files.keep = self.keep  # type: ignore[method-assign]
            yield files

    async def keep(self, folder: str) -> None:
        raise OSError(errno.EINVAL, "Invalid argument", folder)


async def test_a_document_on_a_drive_that_cannot_flush_folders_is_delivered_all_the_same(local: Meeting) -> None:
    config = FolderConfig(outbox=str(local.outbox))
    assert (await FileDocuments("acme", config, MountedDrive()).send(document())).result is SendResult.DELIVERED
    assert local.left_behind() == ["outbox/PO-1.edi"]


async def test_without_an_inbox_nothing_is_collected(meeting: Meeting) -> None:
    transport = meeting.open(inbox=None)
    assert transport.inbound == frozenset()
    with pytest.raises(Unsupported, match="no inbox"):
        await transport.poll(None)


def test_nothing_of_this_partner_comes_through_our_own_door(local: Meeting) -> None:
    transport = local.open()
    assert transport.inbound == {Inbound.POLL}
    with pytest.raises(Undecodable, match="collected as files"):
        transport.verify(Inward(body=b"ISA*00~", headers={"file-name": "PO-1.edi"}))
