"""A partner's SFTP server, in this process, on a loopback port, over a folder; its connections can be cut anywhere."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

USER, PASSWORD = "ada", "topsecret"


@dataclass
class SftpPartner:
    """The server, as a test commands it."""

    root: Path
    host_key: asyncssh.SSHKey
    login_key: asyncssh.SSHKey
    port: int = 0
    cut_before: dict[str, int] = field(default_factory=dict)
    """By step (create, write, open, read, rename, remove, mkdir, list): cut the connection at its nth call, undone."""
    cut_after: dict[str, int] = field(default_factory=dict)
    """The same, after it is done; the answer is lost."""
    extra_names: list[bytes] = field(default_factory=list)
    """Names that every listing of the inbox lies about."""
    slow: set[str] = field(default_factory=set)
    """Steps that are never answered."""
    takes_at_once: bool = False
    """What is put into the outbox is taken and deleted before anybody can look."""
    denied: set[str] = field(default_factory=set)
    """Steps that are answered with "permission denied"."""
    logins: int = 0

    @property
    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint("sha256")

    def strikes(self, when: dict[str, int], step: str) -> bool:
        if step not in when:
            return False
        when[step] -= 1
        if when[step] > 0:
            return False
        del when[step]
        return True


class _Login(asyncssh.SSHServer):
    def __init__(self, partner: SftpPartner) -> None:
        self._partner = partner

    def begin_auth(self, username: str) -> bool:
        self._partner.logins += 1
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == self._partner.login_key.public_data


class _Session(asyncssh.SFTPServer):
    def __init__(self, chan: asyncssh.SSHServerChannel, partner: SftpPartner) -> None:
        self._partner = partner
        super().__init__(chan, chroot=str(partner.root).encode())

    async def _before(self, step: str) -> None:
        if step in self._partner.denied:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        if step in self._partner.slow:
            await self.connection.wait_closed()
        if self._partner.strikes(self._partner.cut_before, step):
            self._cut()

    def _cut(self) -> None:
        self.connection.abort()
        raise asyncssh.SFTPConnectionLost("cut")

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        await self._before("create" if pflags & asyncssh.FXF_CREAT else "open")
        return super().open(path, pflags, attrs)

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        await self._before("write")
        return super().write(file_obj, offset, data)

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        await self._before("read")
        return super().read(file_obj, offset, size)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        await self._before("rename")
        super().rename(oldpath, newpath)
        if self._partner.takes_at_once:
            super().remove(newpath)
        if self._partner.strikes(self._partner.cut_after, "rename"):
            self._cut()

    async def remove(self, path: bytes) -> None:
        await self._before("remove")
        super().remove(path)

    async def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        await self._before("mkdir")
        super().mkdir(path, attrs)

    async def scandir(self, path: bytes) -> AsyncGenerator[asyncssh.SFTPName]:
        await self._before("list")
        async for name in super().scandir(path):
            yield name
        if path.endswith(b"inbox"):
            for extra in self._partner.extra_names:
                attrs = asyncssh.SFTPAttrs(size=10, permissions=0o100644, mtime=1, atime=1)
                yield asyncssh.SFTPName(extra, attrs=attrs)


@asynccontextmanager
async def sftp_partner(
    root: Path, *, port: int = 0, more_host_keys: Sequence[asyncssh.SSHKey] = ()
) -> AsyncGenerator[SftpPartner]:
    host_key, login_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    partner = SftpPartner(root, host_key, login_key)
    server = await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=[host_key, *more_host_keys],
        server_factory=lambda: _Login(partner),
        sftp_factory=lambda chan: _Session(chan, partner),
        allow_scp=False,
    )
    partner.port = server.get_port()
    try:
        yield partner
    finally:
        server.close()
        await server.wait_closed()
