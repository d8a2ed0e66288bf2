"""Whatever the partner writes and whenever we die: every document comes at least once, and none is made up."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from connectors.suppliers.interface import Batch
from connectors.suppliers.transports.configuration import FolderConfig
from connectors.suppliers.transports.file_documents import FileDocuments
from connectors.suppliers.transports.files import Files
from connectors.suppliers.transports.folder import ThisMachine

NAMES = st.sampled_from(["855.edi", "856.edi", "997.edi"])
WHICH = st.integers(0, 5)
"""Of the files that are open: not drawn from them, since which are depends on the clock, and a draw must not."""
STEPS = ("entries", "read", "rename", "remove", "make_folder")


class Died(BaseException):
    """The process, at some step."""


class Mortal:
    """This machine's files, used by a process that dies before its nth step."""

    name = ""

    def __init__(self, steps: int) -> None:
        self._left = steps

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Files]:
        async with ThisMachine().opened() as files:
            for step in STEPS:
                setattr(files, step, self._mortal(getattr(files, step)))
            yield files

    def _mortal(self, step):  # type: ignore[no-untyped-def]
        async def taken(*about: object) -> object:
            if self._left == 0:
                raise Died
            self._left -= 1
            return await step(*about)

        return taken


class Partner(RuleBasedStateMachine):
    """A partner who writes, and us who collect, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="promisekeeper-"))
        self.inbox = self.root / "inbox"
        (self.root / "outbox").mkdir()
        self.inbox.mkdir()
        self.loop = asyncio.Runner()
        self.count = 0
        self.written = set[bytes]()
        """All that was ever whole or half in a file."""
        self.due = set[bytes]()
        """What must have come in the end: what the partner finished, and did not itself replace before we saw it."""
        self.open: dict[BinaryIO, bytes] = {}
        """Files that the partner still has open, and what is in them."""
        self.stored = dict[str, bytes]()
        """Our ledger: by dedupe key."""
        self.kept: str | None = None

    @initialize(after_reading=st.sampled_from(["archive", "delete"]), batch_files=st.integers(1, 3))
    def set_up(self, after_reading: str, batch_files: int) -> None:
        folders = {"outbox": f"{self.root}/outbox", "inbox": str(self.inbox), "settle_seconds": 0}
        self.config = FolderConfig.model_validate(
            folders | {"after_reading": after_reading, "batch_files": batch_files}
        )

    @rule(name=NAMES, again=st.booleans())
    def puts_a_document(self, name: str, again: bool) -> None:
        """Whole at once, over whatever lies there under that name; sometimes one that it sent before."""
        self.count += 0 if again and self.count else 1
        body = b"document %d" % self.count
        path = self.inbox / name
        self._replaced(path)
        (self.inbox / "upload.tmp").write_bytes(body)
        (self.inbox / "upload.tmp").replace(path)
        self.written.add(body)
        self.due.add(body)

    @rule(name=NAMES)
    def begins_to_write_in_place(self, name: str) -> None:
        path = self.inbox / name
        self._replaced(path)
        path.unlink(missing_ok=True)
        self.count += 1
        file = path.open("wb", buffering=0)
        self.open[file] = b""
        self._writes(file, b"in place %d" % self.count)

    @rule(which=WHICH)
    def goes_on_writing(self, which: int) -> None:
        file = self._one_open(which)
        if file is None:
            return
        if self._waits(file):
            self._writes(file, b", and more")
        else:
            self._closes(file)  # it was put away between two polls: too slow a partner, which settle_seconds is for

    @rule(which=WHICH)
    def finishes_writing(self, which: int) -> None:
        file = self._one_open(which)
        if file is not None:
            self._closes(file)

    @rule()
    def a_poll_goes_well(self) -> None:
        batch = self._polled()
        self._store(batch, len(batch.messages))
        self.kept = batch.cursor

    @rule(stored=st.integers(0, 3))
    def we_die_while_storing_or_before_the_cursor_is_kept(self, stored: int) -> None:
        self._store(self._polled(), stored)

    @rule(steps=st.integers(0, 25))
    def we_die_in_the_middle_of_a_poll(self, steps: int) -> None:
        try:
            self.loop.run(FileDocuments("acme", self.config, Mortal(steps)).poll(self.kept))
        except Died:
            return

    def teardown(self) -> None:
        try:
            for file in list(self.open):
                self._closes(file)
            for _ in range(200):
                batch = self._polled()
                self._store(batch, len(batch.messages))
                self.kept = batch.cursor
                if not batch.messages:
                    break
            assert self.due <= set(self.stored.values())
            assert set(self.stored.values()) <= self.written
            assert [path.name for path in self.inbox.iterdir() if path.is_file()] == []
        finally:
            self.loop.close()
            shutil.rmtree(self.root)

    def _polled(self) -> Batch:
        batch = self.loop.run(FileDocuments("acme", self.config, ThisMachine()).poll(self.kept))
        assert batch.issues == ()
        return batch

    def _store(self, batch: Batch, count: int) -> None:
        for message in batch.messages[:count]:
            key = sha256(message.body).hexdigest()
            assert self.stored.setdefault(key, message.body) == message.body

    def _replaced(self, path: Path) -> None:
        """What the partner itself writes over before we have claimed it, it takes back."""
        if path.exists():
            inode = path.stat().st_ino
            for file in [file for file in self.open if os.fstat(file.fileno()).st_ino == inode]:
                self.due.discard(self.open.pop(file))
                file.close()
            # unless the very same document was sent under another name, too
            body = path.read_bytes()
            if not any(p != path and p.is_file() and p.read_bytes() == body for p in self.inbox.iterdir()):
                self.due -= {body} - set(self.stored.values())

    def _writes(self, file: BinaryIO, more: bytes) -> None:
        file.write(more)
        self.due.discard(self.open[file])
        self.open[file] += more
        self.written.add(self.open[file])
        self.due.add(self.open[file])

    def _waits(self, file: BinaryIO) -> bool:
        inode = os.fstat(file.fileno()).st_ino
        return any(path.stat().st_ino == inode for path in self.inbox.iterdir())

    def _one_open(self, which: int) -> BinaryIO | None:
        return list(self.open)[which % len(self.open)] if self.open else None

    def _closes(self, file: BinaryIO) -> None:
        del self.open[file]
        file.close()


TestAnyOrder = Partner.TestCase
TestAnyOrder.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
