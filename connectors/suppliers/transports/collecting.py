"""Collecting a partner's files so that a crash anywhere loses none: claim, read, and put away when they are stored.

    PO855.edi  ->  PO855.edi.3fa9c1d2.reading  ->  archive/2026-11/PO855.edi.<sha256>
               claimed by a poll           put away by the next poll, whose cursor names it

A claimed file cannot be replaced under its name by the partner's next one. Until a cursor that names it is kept, every
poll reads it again; that the same document is stored once is the ledger's affair, by its dedupe key. A file is put away
only if its content still has the hash that the cursor names: one that went on growing is read again.
"""

import hashlib
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from connectors.errors import Retryable
from connectors.suppliers.interface import FILE_NAME, Batch, Inward
from connectors.suppliers.transports.configuration import FilesConfig
from connectors.suppliers.transports.files import Entry, EntryKind, Files, shown, unfinished, words, wrong_name
from connectors.words import plain_words
from domain.values import Frozen

EMPTY_SETTLES = 600
"""Seconds after which an empty file is refused: some partners make the file first and fill it when they get to it."""

MOST_ISSUES = 10
"""Issues that one poll tells; the others are counted."""

MOST_TROUBLES = 100
"""Files that cannot be read, or are refused, before a poll leaves the rest to the next."""

_CLAIMED = re.compile(r"(?P<name>.+)\.[0-9a-f]{8}\.reading", re.DOTALL)
_REASON = ".reason.txt"


class Cursor(Frozen):
    """What a poll brought: names of claimed files, each with the SHA-256 of what was read."""

    files: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """One that cannot be read names nothing: its files are read again, which loses nothing."""
        try:
            return cls.model_validate_json(text) if text else cls()
        except ValidationError:
            return cls()


def original_name(name: str) -> str:
    """The name that the partner gave a file, whether it is claimed or not."""
    claimed = _CLAIMED.fullmatch(name)
    return claimed["name"] if claimed else name


class Inbox:
    """The folder in which one partner's documents wait. Lives as long as one connection."""

    def __init__(self, files: Files, config: FilesConfig, inbox: str, where: str, token: str) -> None:
        """Args:
        files: a connection.
        config: the settings.
        inbox: the folder.
        where: what stands before paths in messages.
        token: eight hexadecimal digits that no other poll has.
        """
        self._files = files
        self._config = config
        self._inbox = inbox
        self._archive = config.archive or f"{inbox}/archive"
        self._month = f"{self._archive}/{datetime.now(UTC):%Y-%m}"
        self._refused = f"{inbox}/refused"
        self._where = where
        self._token = token

    async def put_away(self, cursor: Cursor) -> None:
        """Archive or delete what is stored by now.

        Raises:
            Retryable: that cannot be done. Going on would bring the same documents for ever, and no others.
            OSError: the connection broke.
        """
        if cursor.files and self._config.after_reading == "archive":
            await self._ready_archive()
        for name, digest in cursor.files:
            if _CLAIMED.fullmatch(name) is None or wrong_name(original_name(name)):
                continue
            try:
                body = await self._files.read(f"{self._inbox}/{name}", self._config.largest_bytes + 1)
                if _digest(body) == digest:
                    await self._put_away(name, digest)
            except FileNotFoundError:
                continue  # an earlier poll did it
            except (ConnectionError, TimeoutError):
                raise
            except OSError as failure:
                raise self._stuck(failure) from failure

    async def _put_away(self, name: str, digest: str) -> None:
        path = f"{self._inbox}/{name}"
        if self._config.after_reading == "delete":
            await self._files.remove(path)
            return
        try:
            await self._files.rename(path, f"{self._month}/{original_name(name)}.{digest}")
        except FileExistsError:
            await self._files.remove(path)  # the same document once more

    async def _ready_archive(self) -> None:
        try:
            await self._made(self._archive)
            await self._made(self._month)
        except (ConnectionError, TimeoutError):
            raise
        except OSError as failure:
            raise self._stuck(failure) from failure

    def _stuck(self, failure: OSError) -> Retryable:
        to = f"moved to {self._where}{self._month}" if self._config.after_reading == "archive" else "deleted"
        return Retryable(
            f"documents of {self._where}{self._inbox} are stored with us, but cannot be {to}: {words(failure)}; let us "
            "rename and delete there. Nothing more is collected until then"
        )

    async def collect(self) -> Batch:
        """What waits, oldest first. Raises: OSError (the folder cannot be listed, or the connection broke)."""
        entries, issues = self._sorted_out(await self._files.entries(self._inbox))
        messages, read = list[Inward](), list[tuple[str, str]]()
        total = troubles = 0
        for entry in entries:
            if len(messages) >= self._config.batch_files or troubles >= MOST_TROUBLES:
                break
            if messages and total + entry.size > self._config.batch_bytes:
                break
            try:
                if problem := self._problem(entry.size):
                    troubles += 1
                    await self._refuse(entry.name, problem)
                    continue
                name = await self._claimed(entry.name)
                body = await self._files.read(f"{self._inbox}/{name}", self._config.largest_bytes + 1)
                if problem := self._problem(len(body)):  # it changed since it was listed
                    troubles += 1
                    await self._refuse(name, problem)
                    continue
            except FileNotFoundError:
                continue  # taken back, or another poll was quicker
            except (ConnectionError, TimeoutError):
                raise
            except OSError as failure:
                troubles += 1
                wrong = f"cannot be read and moved ({words(failure)}); let us read and rename there"
                issues.append(f"{self._shown(entry.name)} {wrong}")
                continue
            messages.append(Inward(body=body, headers={FILE_NAME: original_name(name)}))
            read.append((name, _digest(body)))
            total += len(body)
        issues += await self._standing_refusals()
        cursor = Cursor(files=tuple(read)).model_dump_json() if read else None
        return Batch(messages=tuple(messages), cursor=cursor, issues=_bounded(issues))

    def _sorted_out(self, entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
        """What waits and is whole, oldest first, and what is wrong with the rest."""
        waiting, issues = list[Entry](), list[str]()
        now = time.time()
        for entry in entries:
            if unfinished(entry.name) or entry.kind is EntryKind.FOLDER:
                continue
            wrong = wrong_name(original_name(entry.name))
            if wrong is None and entry.kind is EntryKind.LINK:
                wrong = "is a link, and links are not followed; put the file itself there"
            if wrong is None and entry.kind is EntryKind.OTHER:
                wrong = "is no file; take it away"
            if wrong is not None:
                issues.append(f"{self._shown(entry.name)} {wrong}")
            # Their clock may be ahead of ours: then nobody knows the age, and waiting for the day would be worse.
            elif abs(now - entry.changed) >= (self._config.settle_seconds if entry.size else EMPTY_SETTLES):
                waiting.append(entry)
        waiting.sort(key=lambda entry: (entry.changed, entry.name))
        return waiting, sorted(issues)

    def _problem(self, size: int) -> str | None:
        if size > self._config.largest_bytes:
            return (
                f"is larger than {self._config.largest_bytes} bytes (largest_bytes) and was not read; have it sent in "
                "parts, or raise that setting and move it back"
            )
        return None if size else "is empty; ask the partner what it should have been"

    async def _claimed(self, name: str) -> str:
        if _CLAIMED.fullmatch(name):
            return name  # by a poll whose cursor was not kept, or that is still under way
        claimed = f"{name}.{self._token}.reading"
        await self._files.rename(f"{self._inbox}/{name}", f"{self._inbox}/{claimed}")
        return claimed

    async def _refuse(self, name: str, reason: str) -> None:
        """Move a file aside, with the reason beside it."""
        path, kept = f"{self._inbox}/{name}", f"{self._refused}/{original_name(name)}"
        await self._made(self._refused)
        try:
            await self._files.rename(path, kept)
        except FileExistsError:
            kept = f"{kept}.{self._token}"
            await self._files.rename(path, kept)
        said = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {original_name(name)} {reason}\n"
        await self._files.write(f"{kept}{_REASON}", said.encode())

    async def _standing_refusals(self) -> list[str]:
        """Refused files are told of until somebody has looked at them and taken them away."""
        try:
            names = {entry.name for entry in await self._files.entries(self._refused)}
        except FileNotFoundError:
            return []
        except (ConnectionError, TimeoutError):
            raise
        except OSError as failure:
            return [f"{self._where}{self._refused} cannot be listed ({words(failure)}); let us read that folder"]
        told = list[str]()
        for name in sorted(name for name in names if not name.endswith(_REASON)):
            reason = await self._reason(name) if len(told) < MOST_ISSUES else ""
            told.append(f"{self._where}{self._refused}/{shown(name)} was refused{reason}. Look at it, and take it away")
        return told

    async def _reason(self, name: str) -> str:
        if wrong_name(name):
            return ""
        try:
            said = await self._files.read(f"{self._refused}/{name}{_REASON}", 1000)
        except (FileNotFoundError, PermissionError):
            return ""
        return f" ({plain_words(said.decode(errors='replace'))})"

    async def _made(self, folder: str) -> None:
        try:
            await self._files.make_folder(folder)
        except FileExistsError:
            return

    def _shown(self, name: str) -> str:
        return f"{self._where}{self._inbox}/{shown(name)}"


def _bounded(issues: list[str]) -> tuple[str, ...]:
    told = tuple(plain_words(issue) for issue in issues[:MOST_ISSUES])
    more = len(issues) - len(told)
    return (*told, f"and {more} more of that kind") if more else told


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
