"""The same two folders met in two ways: on this machine, and through a partner's SFTP server."""

import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connectors.suppliers.interface import FILE_NAME, Envelope
from connectors.suppliers.transports.configuration import FolderConfig, SftpConfig, open_transport
from connectors.suppliers.transports.file_documents import FileDocuments
from tests.connectors.transports.sftp_partner import PASSWORD, USER, SftpPartner, sftp_partner


@dataclass
class Meeting:
    """Where a partner's files and ours meet."""

    root: Path
    sftp: SftpPartner | None = None
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    def open(self, **overridden: object) -> FileDocuments:
        """Each gets its own, as each of several workers would."""
        base = "" if self.sftp else str(self.root)
        folders = {"outbox": f"{base}/outbox", "inbox": f"{base}/inbox", "settle_seconds": 0}
        settings = folders | self.settings | overridden
        config: FolderConfig | SftpConfig
        if self.sftp is None:
            config = FolderConfig.model_validate(settings)
        else:
            login = {"host": "127.0.0.1", "port": self.sftp.port, "user": USER, "password": PASSWORD}
            keys = {"host_keys": self.sftp.fingerprint, "timeout_seconds": 20}
            config = SftpConfig.model_validate(login | keys | settings)
        transport = open_transport("acme", config)
        assert isinstance(transport, FileDocuments)
        return transport

    def path(self, name: str) -> str:
        """A folder's path as the settings name it."""
        return f"/{name}" if self.sftp else f"{self.root}/{name}"

    def partner_puts(self, name: str, body: bytes, age: float = 60) -> Path:
        """As a well-behaved partner does: whole at once. Dated back, so that the order is plain."""
        path, unfinished = self.inbox / name, self.inbox / f"{name[:170]}.tmp"
        unfinished.write_bytes(body)
        os.utime(unfinished, (time.time() - age,) * 2)
        unfinished.replace(path)
        return path

    def partner_takes(self) -> dict[str, bytes]:
        """What the partner would see as documents for it."""
        return {p.name: p.read_bytes() for p in self.outbox.iterdir() if not p.name.endswith(".tmp")}

    def left_behind(self) -> list[str]:
        """Everything in both folders."""
        return sorted(str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file())


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("outbox", "inbox"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def local(folders: Path) -> Meeting:
    return Meeting(folders)


@pytest.fixture
async def remote(folders: Path) -> AsyncIterator[Meeting]:
    async with sftp_partner(folders) as partner:
        yield Meeting(folders, partner)


@pytest.fixture(params=["folder", "sftp"])
async def meeting(request: pytest.FixtureRequest, folders: Path) -> AsyncIterator[Meeting]:
    if request.param == "folder":
        yield Meeting(folders)
        return
    async with sftp_partner(folders) as partner:
        yield Meeting(folders, partner)


def document(name: str = "PO-1.edi", body: bytes = b"ISA*00~") -> Envelope:
    return Envelope(
        operation_id=f"po/{name}/place",
        po_number="PO-1",
        kind="place",
        revision=0,
        content_type="application/edi-x12",
        body=body,
        headers={FILE_NAME: name},
    )
