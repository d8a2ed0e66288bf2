"""Files as a folder on this machine and a partner's SFTP server both have them, and which names we take.

What goes wrong with a file is an OSError in either place, by Python's own kinds: FileNotFoundError, FileExistsError,
PermissionError, and TimeoutError or ConnectionError when nobody knows whether it was done.
"""

import re
import secrets
import stat
from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from typing import NamedTuple, Protocol

from connectors.words import plain_words

LONGEST_FILE_NAME = 180
"""Bytes. File systems allow 255, and while we work on a file its name is longer."""

MOST_ENTRIES = 100_000
"""Entries of a folder that are looked at; no honest folder has more."""

_UNFINISHED = re.compile(r"\..*|.*\.(tmp|part|filepart)", re.IGNORECASE | re.DOTALL)


class EntryKind(Enum):
    """What stands under a name."""

    FILE = auto()
    FOLDER = auto()
    LINK = auto()
    OTHER = auto()


def kind_of(mode: int) -> EntryKind:
    """By the type bits of a POSIX mode."""
    if stat.S_ISREG(mode):
        return EntryKind.FILE
    if stat.S_ISDIR(mode):
        return EntryKind.FOLDER
    return EntryKind.LINK if stat.S_ISLNK(mode) else EntryKind.OTHER


class Entry(NamedTuple):
    """One name in a folder."""

    name: str
    """As the far side gives it: not yet fit for anything."""
    kind: EntryKind
    size: int
    """Bytes."""
    changed: float
    """Seconds since 1970, by the clock of whoever keeps the file."""


class Files(Protocol):
    """What can be done with files, once there is a connection. Paths are POSIX paths."""

    async def entries(self, folder: str) -> list[Entry]:
        """What is in a folder, in no order."""
        ...

    async def read(self, path: str, most: int) -> bytes:
        """A file's content, at most `most` bytes of it. Links are not followed."""
        ...

    async def write(self, path: str, body: bytes) -> None:
        """Write a new file, down to the disk as far as the far side lets us. Raises: FileExistsError."""
        ...

    async def rename(self, old: str, new: str) -> None:
        """Give a file another name, at once or not at all. Raises: FileExistsError (nothing is ever replaced)."""
        ...

    async def keep(self, folder: str) -> None:
        """See to it that the names in a folder outlive a power cut, as far as the far side lets us."""
        ...

    async def remove(self, path: str) -> None:
        """Delete a file."""
        ...

    async def make_folder(self, path: str) -> None:
        """Make a folder in one that is there. Raises: FileExistsError."""
        ...

    async def remove_folder(self, path: str) -> None:
        """Delete an empty folder."""
        ...


class Place(Protocol):
    """Where the files are: this machine, or a server."""

    name: str
    """For messages, put before a path: empty, or `sftp.acme.example:`."""

    def opened(self) -> AbstractAsyncContextManager[Files]:
        """Connect. Raises: Retryable (nothing was done; the words say what to do)."""
        ...


def unfinished(name: str) -> bool:
    """Whether a name says that its writer is still at it, or that it is not meant for others."""
    return _UNFINISHED.fullmatch(name) is not None


def wrong_name(name: str) -> str | None:
    """Why we do not take a file of this name; None: we do."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "has a name that is not UTF-8; rename it"
    if not name or name in {".", ".."} or "/" in name or "\\" in name:
        return "has a name with a path in it; nothing outside the folder is touched"
    if not name.isprintable():
        return "has a name with control characters; rename it"
    if length > LONGEST_FILE_NAME:
        return f"has a name of more than {LONGEST_FILE_NAME} bytes; rename it"
    return None


def shown(name: str) -> str:
    """A name as it can be shown to people: in quotes, with what cannot be printed spelt out, and not too long."""
    return ascii(name if len(name) <= 80 else f"{name[:80]}...") if wrong_name(name) else f"'{name}'"


def part_name(name: str) -> str:
    """A name under which a document is written until it is whole: another one for each attempt, and never polled."""
    return f"{name}.{secrets.token_hex(4)}.tmp"


def words(failure: OSError) -> str:
    """What went wrong with a file, in plain words without paths (whoever tells it knows the path)."""
    match failure:
        case FileNotFoundError():
            return "it is not there"
        case FileExistsError():
            return "something of that name is there already"
        case PermissionError():
            return "permission denied"
        case TimeoutError():
            return plain_words(str(failure)) or "no answer in time"
        case _:
            return plain_words(failure.strerror or str(failure)) or type(failure).__name__
