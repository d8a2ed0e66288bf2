"""Documents in folders of this machine: shared with a gateway (AS2, VAN, Peppol), or mounted from elsewhere."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from connectors.suppliers.transports.configuration import FolderConfig
from connectors.suppliers.transports.file_documents import FileDocuments
from connectors.suppliers.transports.files import MOST_ENTRIES, Entry, Files, kind_of


def folder_transport(supplier_id: str, config: FolderConfig) -> FileDocuments:
    """The transport for folders."""
    return FileDocuments(supplier_id, config, ThisMachine())


class ThisMachine:
    """Local files, and what is mounted here."""

    name = ""

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Files]:
        """Nothing to connect to."""
        yield _LocalFiles()


class _LocalFiles:
    """Each step in a thread of its own: a disk, and a mounted one even more, may take its time."""

    async def entries(self, folder: str) -> list[Entry]:
        return await asyncio.to_thread(_entries, folder)

    async def read(self, path: str, most: int) -> bytes:
        return await asyncio.to_thread(_read, path, most)

    async def write(self, path: str, body: bytes) -> None:
        await asyncio.to_thread(_write, path, body)

    async def rename(self, old: str, new: str) -> None:
        await asyncio.to_thread(_rename, old, new)

    async def keep(self, folder: str) -> None:
        await asyncio.to_thread(_keep, folder)

    async def remove(self, path: str) -> None:
        await asyncio.to_thread(os.unlink, path)

    async def make_folder(self, path: str) -> None:
        await asyncio.to_thread(os.mkdir, path)

    async def remove_folder(self, path: str) -> None:
        await asyncio.to_thread(os.rmdir, path)


def _entries(folder: str) -> list[Entry]:
    found = list[Entry]()
    with os.scandir(folder) as listed:
        for one in listed:
            try:
                about = one.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # gone since
            found.append(Entry(one.name, kind_of(about.st_mode), about.st_size, about.st_mtime))
            if len(found) >= MOST_ENTRIES:
                break
    return found


def _read(path: str, most: int) -> bytes:
    # NOFOLLOW: a link could lead to any file we may read. NONBLOCK: opening a named pipe would wait for its writer
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        return file.read(most)


def _write(path: str, body: bytes) -> None:
    with open(path, "xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _rename(old: str, new: str) -> None:
    if os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
    # Whoever comes between the two lines with the same name has the same document: names are given once. (A hard link
    # would be safe in itself, but neither all file systems have them, nor may one link to files of other users.)
    os.rename(old, new)


def _keep(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
