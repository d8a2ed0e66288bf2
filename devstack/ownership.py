"""Who runs in a folder: one supervisor at a time, and a record of every process it starts.

A supervisor killed with SIGKILL cannot stop its children. Its successor finds them by these records and ends them: by
pid and by start time, since a pid alone may belong to a stranger by now.
"""

import fcntl
import json
import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

_SAME_START = 2.0
"""Seconds two readings of one process's start time may differ: the clock may have been set between them."""
_LOOK_EVERY = 0.02
_KILL_WITHIN = 10.0


class FolderTakenError(Exception):
    """Another supervisor runs in this folder; the message names both."""


@dataclass(frozen=True)
class ProcessRecord:
    """A process as its supervisor wrote it down."""

    name: str
    pid: int
    started: float
    """Seconds since the epoch, as the operating system tells it."""
    stop_signal: int
    stop_within: float
    """Seconds it may take to stop before it is killed."""

    @classmethod
    def of(cls, name: str, pid: int, stop_signal: signal.Signals, stop_within: float) -> Self:
        """Describe a child just started, even if it ended already: until we wait for it, it still tells its start."""
        return cls(name, pid, psutil.Process(pid).create_time(), int(stop_signal), stop_within)

    def process(self) -> psutil.Process | None:
        """The process meant, if it still runs."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started) < _SAME_START and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return found if same else None

    def end(self) -> bool:
        """Ask it to stop, kill it if it does not; returns whether there was anything to end."""
        found = self.process()
        if found is None:
            return False
        with suppress(psutil.NoSuchProcess):
            found.send_signal(self.stop_signal)
            if not self._gone(self.stop_within):
                found.kill()
                self._gone(_KILL_WITHIN)
        return True

    def _gone(self, seconds: float) -> bool:
        """Wait for its end. Not by psutil's own wait: that also waits for whoever adopted an orphan to take note."""
        deadline = time.monotonic() + seconds
        while self.process() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_EVERY)
        return True


class Records:
    """The records of one folder, a file for each name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, record: ProcessRecord) -> None:
        """Remember a process, in the place of an earlier one of that name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f"{record.name}.json.new"
        unfinished.write_text(json.dumps(asdict(record)))
        unfinished.rename(self._folder / f"{record.name}.json")

    def forget(self, name: str) -> None:
        """It has ended."""
        (self._folder / f"{name}.json").unlink(missing_ok=True)

    def all(self) -> list[ProcessRecord]:
        """What is remembered, the youngest process first: the order to end them in."""
        found = [ProcessRecord(**json.loads(path.read_text())) for path in self._folder.glob("*.json")]
        return sorted(found, key=lambda record: record.started, reverse=True)

    def end_all(self) -> list[str]:
        """End what a killed predecessor left; returns the names of those that still ran."""
        ended: list[str] = []
        for record in self.all():
            if record.end():
                ended.append(record.name)
            self.forget(record.name)
        return ended


@contextmanager
def sole_owner(folder: Path) -> Generator[None]:
    """Hold a folder for one supervisor. The operating system lets go of it when the process ends, however it ends.

    A new folder is its owner's alone: orders with names and addresses will lie in it.

    Raises:
        FolderTakenError: another supervisor holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise FolderTakenError(
                f"{folder} is in use by another `promisekeeper dev` (pid {lock.read().strip() or 'unknown'}); "
                "stop that one, or choose another folder with --folder"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
