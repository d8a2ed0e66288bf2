"""Documents on an SFTP server. Needs the extra `sftp`: asyncssh.

Each step has its own connection. The server must show one of the keys that are set: there is no "first time", since the
first time is when somebody else may answer. Renaming never replaces (SFTP version 3, `SSH_FXP_RENAME`).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import TypeVar, cast

from connectors.errors import Retryable, WronglySetUp
from connectors.suppliers.transports.configuration import SftpConfig
from connectors.suppliers.transports.file_documents import FileDocuments
from connectors.suppliers.transports.files import MOST_ENTRIES, Entry, EntryKind, Files, kind_of
from connectors.words import plain_words

try:
    import asyncssh
except ImportError as absent:
    raise WronglySetUp("SFTP needs the package asyncssh; install promisekeeper[sftp]") from absent

T = TypeVar("T")

PIECE = 256 * 1024
"""Bytes that are sent or asked for at once; each piece may take as long as the settings say."""

_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
}
"""By the kind of a host key, how it may prove itself. (SHA-1 in the last is no danger to a key that is known.)"""

AFTER_A_WRONG_LOGIN = timedelta(minutes=10)
"""Servers lock accounts, and block addresses, after a few wrong passwords in a row."""


def sftp_transport(supplier_id: str, config: SftpConfig) -> FileDocuments:
    """The transport for an SFTP server. Raises: WronglySetUp (the private key cannot be used)."""
    return FileDocuments(supplier_id, config, Server(supplier_id, config))


class Server:
    """A partner's SFTP server."""

    def __init__(self, supplier_id: str, config: SftpConfig) -> None:
        """Raises: WronglySetUp."""
        self.name = f"{config.host}:"
        self._config = config
        self._keys = list[asyncssh.SSHKey]()
        if config.private_key is not None:
            passphrase = config.passphrase.get_secret_value() if config.passphrase else None
            try:
                self._keys = [asyncssh.import_private_key(config.private_key.get_secret_value(), passphrase)]
            except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as unusable:
                raise WronglySetUp(
                    f"supplier {supplier_id!r}: the private_key of its transport cannot be used ({unusable}); give the "
                    "whole text of an OpenSSH or PEM file, and its passphrase if it has one"
                ) from unusable

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Files]:
        """Connect and log in. Raises: Retryable."""
        connection, client = await self._connected()
        try:
            yield _RemoteFiles(client, self._config.timeout_seconds)
        finally:
            client.exit()
            connection.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._config.timeout_seconds):
                    await connection.wait_closed()
            connection.abort()

    async def _connected(self) -> tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]:
        config = self._config
        who = f"the SFTP server {config.host} (port {config.port})"
        expected = _HostKey(config.host_keys)
        try:
            async with asyncio.timeout(config.timeout_seconds):
                connection = await asyncssh.connect(
                    config.host,
                    config.port,
                    client_factory=lambda: expected,
                    # Nothing of the machine: no files in the home of whoever started us, no agent, no other login.
                    config=None,
                    known_hosts=_nobody_else,
                    server_host_key_algs=expected.algorithms,
                    agent_path=None,
                    username=config.user,
                    password=config.password.get_secret_value() if config.password else None,
                    client_keys=self._keys or None,
                    preferred_auth="publickey,password,keyboard-interactive",
                )
                try:
                    return connection, await connection.start_sftp_client(path_errors="surrogateescape")
                except BaseException:
                    connection.abort()
                    raise
        except asyncssh.HostKeyNotVerifiable as stranger:
            raise Retryable(
                f"{who} shows the key {expected.offered}, which is none of host_keys ({', '.join(config.host_keys)}). "
                "Either the partner has changed it (ask, by telephone) or somebody stands between; we do not log in"
            ) from stranger
        except asyncssh.PermissionDenied as denied:
            raise Retryable(
                f"{who} does not let {config.user!r} in; correct user, password or private_key. This is tried again "
                "every ten minutes, lest the account be locked",
                after=AFTER_A_WRONG_LOGIN,
            ) from denied
        except TimeoutError as slow:
            raise Retryable(f"{who} gave no answer within {config.timeout_seconds:g} s") from slow
        except OSError as unreachable:
            said = plain_words(unreachable.strerror or str(unreachable))
            raise Retryable(f"{who} cannot be reached: {said}; is host right, and port?") from unreachable
        except (asyncssh.Error, ValueError) as failure:
            raise Retryable(f"{who} cannot be talked to: {plain_words(str(failure))}") from failure


def _nobody_else(host: str, address: str, port: int | None) -> tuple[list[str], list[str], list[str]]:
    """No known hosts: `_HostKey` is asked about every key."""
    del host, address, port
    return [], [], []


class _HostKey(asyncssh.SSHClient):
    """Compares the key that the server shows."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._fingerprints = frozenset(key.rpartition(" ")[2] for key in keys)
        kinds = {key.rpartition(" ")[0] for key in keys}
        # A server with several keys shows the one of the kind that we ask for first: where we know the kind, by that.
        # Host certificates are not asked for: their authorities are not in the settings.
        self.algorithms = [a for kind, its in _ALGORITHMS.items() if kind in kinds or "" in kinds for a in its]
        self.offered = "that cannot be read"

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Whether it is one of those that are set. That the server really has it, is proven afterwards."""
        del host, addr, port
        fingerprint = key.get_fingerprint("sha256")
        self.offered = f"{key.get_algorithm()} {fingerprint}"
        return fingerprint in self._fingerprints


class _RemoteFiles:
    """Files of an open connection; each answer is waited for only so long."""

    def __init__(self, client: asyncssh.SFTPClient, patience: float) -> None:
        self._client = client
        self._patience = patience

    async def entries(self, folder: str) -> list[Entry]:
        found = list[Entry]()
        with _as_os_errors():
            # an async generator in truth, which has to be closed when it is left early
            listed = cast("AsyncGenerator[asyncssh.SFTPName]", self._client.scandir(folder))
            try:
                while len(found) < MOST_ENTRIES:
                    one = await self._soon(anext(listed, None))
                    if one is None:
                        break
                    if (name := str(one.filename)) not in {".", ".."}:
                        found.append(
                            Entry(name, kind_of(one.attrs.permissions or 0), one.attrs.size or 0, one.attrs.mtime or 0)
                        )
            finally:
                await listed.aclose()
        return found

    async def read(self, path: str, most: int) -> bytes:
        with _as_os_errors():
            about = await self._soon(self._client.lstat(path))
            if kind_of(about.permissions or 0) is not EntryKind.FILE:
                raise OSError("it is no file")
            file = await self._soon(self._client.open(path, "rb"))
            body = b""
            try:
                while len(body) < most:
                    # text only if it were opened as text
                    asked = cast("Awaitable[bytes]", file.read(min(PIECE, most - len(body)), len(body)))
                    piece = await self._soon(asked)
                    if not piece:
                        break
                    body += piece
            finally:
                await self._closed(file)
        return body[:most]

    async def write(self, path: str, body: bytes) -> None:
        with _as_os_errors():
            file = await self._soon(self._client.open(path, "xb"))
            try:
                for start in range(0, len(body), PIECE):
                    await self._soon(file.write(body[start : start + PIECE], start))
                with suppress(asyncssh.SFTPOpUnsupported):
                    await self._soon(file.fsync())
            except BaseException:
                await self._closed(file)
                raise
            # What a server could not keep (no space, quota) some say only now.
            await self._soon(file.close())

    async def rename(self, old: str, new: str) -> None:
        try:
            with _as_os_errors():
                await self._soon(self._client.rename(old, new))
        except (FileNotFoundError, FileExistsError, ConnectionError, TimeoutError):
            raise
        except OSError as failure:
            # Version 3 has no word for "is there already": servers say "failure", and some "permission denied".
            if await self._is_there(new):
                raise FileExistsError(str(failure)) from failure
            raise

    async def _is_there(self, path: str) -> bool:
        try:
            with _as_os_errors():
                await self._soon(self._client.lstat(path))
        except OSError:
            return False
        return True

    async def keep(self, folder: str) -> None:
        """SFTP has no word for it; the server's own habits decide."""

    async def remove(self, path: str) -> None:
        with _as_os_errors():
            await self._soon(self._client.remove(path))

    async def make_folder(self, path: str) -> None:
        try:
            with _as_os_errors():
                await self._soon(self._client.mkdir(path))
        except (ConnectionError, TimeoutError):
            raise
        except OSError as failure:
            if await self._is_there(path):
                raise FileExistsError(str(failure)) from failure
            raise

    async def remove_folder(self, path: str) -> None:
        with _as_os_errors():
            await self._soon(self._client.rmdir(path))

    async def _soon(self, answer: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._patience):
                return await answer
        except TimeoutError as slow:
            raise TimeoutError(f"no answer within {self._patience:g} s") from slow

    async def _closed(self, file: "asyncssh.SFTPClientFile") -> None:
        """After reading or a failure: that it cannot be closed changes nothing any more."""
        with suppress(asyncssh.Error, OSError):
            await self._soon(file.close())


@contextmanager
def _as_os_errors() -> Generator[None]:
    """What the server says, as Python says it of local files."""
    try:
        yield
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as missing:
        raise FileNotFoundError(plain_words(missing.reason)) from missing
    except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect) as denied:
        raise PermissionError(plain_words(denied.reason)) from denied
    except asyncssh.SFTPFileAlreadyExists as there:
        raise FileExistsError(plain_words(there.reason)) from there
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError) as lost:
        raise ConnectionError(f"the connection broke ({plain_words(lost.reason)})") from lost
    except asyncssh.Error as failure:
        raise OSError(plain_words(failure.reason) or type(failure).__name__) from failure
