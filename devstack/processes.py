"""A small supervisor: starts parts in order, each when the one before is ready; keeps them up; stops in reverse."""

import asyncio
import os
import pwd
import signal
import subprocess
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypedDict

from devstack.ownership import ProcessRecord, Records

_LOOK_EVERY = 0.05
"""Seconds between two looks at a process."""
_OWNER_ONLY = 0o077
"""The umask of all parts: as root, the folder has to be passable for PostgreSQL's user, and so for everybody."""
_LONGEST_LOG = 5_000_000
"""Bytes after which a part's log is put aside at the next start."""


class UserArguments(TypedDict, total=False):
    """What subprocess takes to change to another user."""

    user: str
    group: int
    extra_groups: list[int]


def as_user(user: str | None) -> UserArguments:
    """Arguments that make subprocess run as `user`; none for our own."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


class PartFailedError(Exception):
    """A part does not start, or keeps dying; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class Part:
    """One process of the stack."""

    name: str
    command: Sequence[str]
    ready: Callable[[], Awaitable[bool]]
    """Whether it serves by now. Asked again and again after the start."""
    environment: Mapping[str, str]
    """All of it: nothing is inherited."""
    user: str | None = None
    """Operating-system user to run as, if not ours."""
    directory: Path | None = None
    prepare: Callable[[], None] | None = None
    """Blocking work before each start."""
    once_ready: Callable[[], Awaitable[None]] | None = None
    """Work after each start that the next part relies on."""
    stop_signal: signal.Signals = signal.SIGTERM
    start_within: float = 600
    """Seconds until it must be ready; on a starved machine everything takes long, and one that ends is told at once."""
    stop_within: float = 15
    """Seconds from the stop signal until it is killed."""


class State(StrEnum):
    """How a part is doing."""

    WAITING = "waiting"
    STARTING = "starting"
    UP = "up"
    DOWN = "down"
    STOPPED = "stopped"


class Supervisor:
    """Runs the parts of one folder: `start`, then `watch` until something ends it, then `stop`, always."""

    def __init__(
        self,
        folder: Path,
        parts: Sequence[Part],
        tell: Callable[[str], None],
        *,
        deaths_allowed: int = 3,
        within: float = 60,
        tell_every: float = 60,
    ) -> None:
        """Describe the stack; nothing is started yet.

        Args:
            folder: gets `logs/` and `run/`. The caller holds `ownership.sole_owner` on it.
            parts: in the order to start.
            tell: takes one line for people whenever something happens.
            deaths_allowed: a part that dies more often than this within `within` seconds has failed for good.
            within: see `deaths_allowed`.
            tell_every: seconds of waiting for a part, after which that is told.
        """
        self._parts = parts
        self._logs = folder / "logs"
        self._records = Records(folder / "run")
        self._tell = tell
        self._deaths_allowed = deaths_allowed
        self._within = within
        self._tell_every = tell_every
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._log_starts: dict[str, int] = {}
        self._hurried = False
        self.states = {part.name: State.WAITING for part in parts}

    async def start(self) -> None:
        """Start all parts, each ready before the next. When it raises, or is cancelled, `stop` still has to be called.

        Raises:
            PartFailedError: a part ends at once, or is not ready in time.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        for part in self._parts:
            await self._start(part)

    async def watch(self) -> None:
        """Keep the parts up until cancelled. Raises: PartFailedError when one keeps dying."""
        keepers = [asyncio.create_task(self._keep_up(part)) for part in self._parts]
        try:
            await asyncio.gather(*keepers)
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)

    async def stop(self) -> None:
        """Stop all parts in reverse order, each when the one after is gone. Never raises, never leaves one running."""
        for part in reversed(self._parts):
            process = self._processes.get(part.name)
            if process is not None:
                await self._stop(part, process)
            self.states[part.name] = State.STOPPED

    def hurry(self) -> None:
        """Kill what is still to be stopped instead of asking it; what the databases have committed survives that."""
        self._hurried = True

    async def _start(self, part: Part) -> None:
        self.states[part.name] = State.STARTING
        if part.prepare is not None:
            await asyncio.to_thread(part.prepare)
        process = self._spawn(part)
        clock = asyncio.get_running_loop().time
        began, told = clock(), 0
        while not await part.ready():
            if process.poll() is not None:
                raise PartFailedError(
                    f"{part.name} ended at its start, by {_how(process.returncode)}.{self._last_lines(part)}"
                )
            waited = clock() - began
            if waited > part.start_within:
                await self._stop(part, process)
                raise PartFailedError(
                    f"{part.name} was not ready after {part.start_within:.0f} seconds. If the machine is busy, run the "
                    f"same again: it goes on from here.{self._last_lines(part)}"
                )
            if waited > (told + 1) * self._tell_every:
                told += 1
                self._tell(f"still waiting for {part.name}, which runs and is not ready after {waited:.0f} seconds")
            await asyncio.sleep(_LOOK_EVERY)
        if part.once_ready is not None:
            await part.once_ready()
        self.states[part.name] = State.UP

    def _spawn(self, part: Part) -> subprocess.Popen[bytes]:
        # No await between start and record: a cancelled start must not lose a process.
        log_path = self._log_of(part)
        if log_path.exists() and log_path.stat().st_size > _LONGEST_LOG:
            log_path.replace(log_path.with_suffix(".old.log"))
        with open(log_path, "ab", opener=_private) as log:
            self._log_starts[part.name] = log.tell()
            try:
                process = subprocess.Popen(
                    part.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=part.directory,
                    env=part.environment,
                    umask=_OWNER_ONLY,
                    # out of the terminal's process group: Ctrl-C must reach the supervisor alone, which keeps the order
                    start_new_session=True,
                    **as_user(part.user),
                )
            except OSError as error:
                raise PartFailedError(f"{part.name} cannot be run: {error}") from error
        self._processes[part.name] = process
        self._records.write(ProcessRecord.of(part.name, process.pid, part.stop_signal, part.stop_within))
        return process

    async def _keep_up(self, part: Part) -> None:
        deaths: deque[float] = deque()
        clock = asyncio.get_running_loop().time
        while True:
            process = self._processes[part.name]
            while process.poll() is None:  # noqa: ASYNC110 - looking is simpler than a thread that waits for each child
                await asyncio.sleep(_LOOK_EVERY)
            self.states[part.name] = State.DOWN
            deaths.append(clock())
            while deaths[0] < clock() - self._within:
                deaths.popleft()
            if len(deaths) > self._deaths_allowed:
                raise PartFailedError(
                    f"{part.name} died {len(deaths)} times within {self._within:.0f} seconds, "
                    f"last by {_how(process.returncode)}.{self._last_lines(part)}"
                )
            self._tell(f"{part.name} died by {_how(process.returncode)}; starting it again")
            await asyncio.sleep(0.5 * (len(deaths) - 1))
            # a start that fails is one more death: the next round counts it
            try:
                await self._start(part)
                self._tell(f"{part.name} is up again")
            except PartFailedError:
                pass
            except Exception as error:  # noqa: BLE001 - whoever looks at what dies at that moment meets anything
                self._tell(f"{part.name} does not start: {type(error).__name__}: {error}")
                await self._stop(part, self._processes[part.name])

    async def _stop(self, part: Part, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None and not self._hurried:
            process.send_signal(part.stop_signal)
            deadline = asyncio.get_running_loop().time() + part.stop_within
            while process.poll() is None and not self._hurried:
                if asyncio.get_running_loop().time() > deadline:
                    self._tell(f"{part.name} does not stop; killing it")
                    break
                await asyncio.sleep(_LOOK_EVERY)
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._records.forget(part.name)

    def _log_of(self, part: Part) -> Path:
        return self._logs / f"{part.name}.log"

    def _last_lines(self, part: Part) -> str:
        path = self._log_of(part)
        with path.open("rb") as log:
            log.seek(self._log_starts[part.name])
            lines = log.read().decode(errors="replace").splitlines()[-15:]
        said = "\n".join(f"  {line}" for line in lines) or "  (it said nothing)"
        return f" The last lines of {path}:\n{said}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o666 & ~_OWNER_ONLY)


def _how(returncode: int) -> str:
    return f"signal {signal.Signals(-returncode).name}" if returncode < 0 else f"exit code {returncode}"
