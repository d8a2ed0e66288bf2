"""What `check` says: in words that a tired operator understands, and nothing stays behind."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.connectors.transports.conftest import Meeting

ROOT = Path(__file__).parents[3]


async def test_a_good_place_is_said_to_be_good_and_left_as_it_was(meeting: Meeting) -> None:
    meeting.partner_puts("a.edi", b"A")
    health = await meeting.open().check()
    assert health.ok, health.detail
    assert "documents can be put into" in health.detail and "1 file is waiting in" in health.detail
    assert sorted(p.name for p in meeting.root.rglob("*")) == ["a.edi", "inbox", "outbox"]


async def test_all_that_is_wrong_is_told_at_once(meeting: Meeting) -> None:
    meeting.inbox.rmdir()
    meeting.outbox.rmdir()
    health = await meeting.open(outbox_archive=meeting.path("taken")).check()
    assert not health.ok
    outbox, archive, inbox = health.detail.split(". ")
    assert outbox.startswith("files cannot be written") and outbox.endswith("/outbox (outbox): it is not there")
    assert archive.endswith("/taken (outbox_archive) cannot be listed: it is not there")
    assert inbox.endswith("/inbox (inbox) cannot be listed: it is not there")


async def test_an_archive_that_cannot_be_made_is_found(meeting: Meeting) -> None:
    health = await meeting.open(archive=meeting.path("no/such/parent")).check()
    assert not health.ok and health.detail.endswith("/no/such/parent (archive) cannot be made: it is not there")


async def test_an_archive_that_is_no_folder_is_found(meeting: Meeting) -> None:
    (meeting.inbox / "archive").write_text("x")
    health = await meeting.open().check()
    assert not health.ok and "/inbox/archive (archive)" in health.detail
    assert (meeting.left_behind()) == ["inbox/archive"]


async def test_an_archive_is_not_needed_where_documents_are_deleted(meeting: Meeting) -> None:
    (meeting.inbox / "archive").write_text("x")
    assert (await meeting.open(after_reading="delete").check()).ok


async def test_without_an_inbox_that_is_said(meeting: Meeting) -> None:
    health = await meeting.open(inbox=None).check()
    assert health.ok and "nothing is collected" in health.detail


@pytest.mark.parametrize("step", ["create", "write", "open", "rename", "remove"])
async def test_what_a_server_does_not_allow_is_found(remote: Meeting, step: str) -> None:
    assert remote.sftp is not None
    if step == "write":
        remote.sftp.cut_before["write"] = 1
    else:
        remote.sftp.denied.add(step)
    health = await remote.open().check()
    assert not health.ok
    assert ("the connection broke" if step == "write" else "permission denied") in health.detail
    assert "127.0.0.1:/outbox (outbox)" in health.detail


async def test_a_wrong_password_is_said_without_showing_it(remote: Meeting) -> None:
    health = await remote.open(password="guessed").check()
    assert not health.ok and "does not let 'ada' in" in health.detail and "guessed" not in health.detail


AS_NOBODY = """
import asyncio, concurrent.futures.thread, json, os, sys
from connectors.errors import Retryable
from connectors.suppliers.transports.configuration import FolderConfig, open_transport
import connectors.suppliers.transports.folder
from tests.connectors.transports.conftest import document

if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)  # root may do anything, and would find nothing wrong

async def tell() -> None:
    root = sys.argv[1]
    transport = open_transport("acme", FolderConfig(outbox=f"{root}/outbox", inbox=f"{root}/inbox", settle_seconds=0))
    said = {"check": (await transport.check()).detail}
    try:
        batch = await transport.poll(None)
        said |= {"issues": batch.issues, "bodies": [message.body.decode() for message in batch.messages]}
    except Retryable as stopped:
        said["poll"] = str(stopped)
    try:
        await transport.send(document())
    except Retryable as stopped:
        said["send"] = str(stopped)
    print(json.dumps(said))

asyncio.run(tell())
"""


def told(root: Path) -> dict[str, object]:
    """What a process without rights of its own says."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, root], cwd=ROOT, check=True, capture_output=True, timeout=120
    )
    said: dict[str, object] = json.loads(done.stdout)
    return said


def test_folders_and_files_without_rights_are_told_of() -> None:
    with tempfile.TemporaryDirectory(prefix="promisekeeper-") as made:
        root = Path(made)
        root.chmod(0o755)
        for name in ("outbox", "inbox"):
            (root / name).mkdir()
        (root / "outbox").chmod(0o555)
        (root / "inbox").chmod(0o777)
        (root / "inbox/closed.edi").write_bytes(b"A")
        (root / "inbox/closed.edi").chmod(0)
        (root / "inbox/open.edi").write_bytes(b"B")
        said = told(root)
        assert said["bodies"] == ["B"]
        (issue,) = said["issues"]  # type: ignore[misc]
        assert issue.startswith(f"{root}/inbox/'closed.edi' cannot be read and moved (permission denied)")
        assert said["check"] == (
            f"files cannot be written, read, renamed and deleted in {root}/outbox (outbox): permission denied"
        )
        assert said["send"] == (
            f"supplier 'acme': nothing was put into {root}/outbox: permission denied; mend the folder, or correct the "
            "setting outbox"
        )
        os.chmod(root / "inbox", 0o000)
        assert str(told(root)["poll"]).startswith(
            f"supplier 'acme': nothing can be collected from {root}/inbox: permission denied"
        )
        os.chmod(root / "inbox", 0o755)
