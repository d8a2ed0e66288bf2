"""The supervisor's smaller promises: order, errors with the log's last lines, and never a stranger's process."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from devstack.ownership import ProcessRecord, Records
from devstack.processes import Part, PartFailedError, State, Supervisor
from tests.patience import PATIENCE

_WRITES_ITS_END = """
import pathlib, signal, sys, time
def end(*_):
    with open({book!r}, "a") as book:
        book.write({name!r} + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path({ready!r}).touch()
time.sleep(3600)
"""


def child(name: str, code: str, *, ready_file: Path | None = None) -> Part:
    async def ready() -> bool:
        return ready_file is None or os.path.exists(ready_file)  # noqa: ASYNC240 - a look at a file does not block

    return Part(name, (sys.executable, "-c", code), ready, dict(os.environ))


async def test_parts_stop_in_reverse_order(tmp_path: Path) -> None:
    book = tmp_path / "book"
    parts = [
        child(
            name,
            _WRITES_ITS_END.format(book=str(book), name=name, ready=str(tmp_path / name)),
            ready_file=tmp_path / name,
        )
        for name in ("first", "second", "third")
    ]
    supervisor = Supervisor(tmp_path, parts, tell=print)
    await supervisor.start()
    assert set(supervisor.states.values()) == {State.UP}
    await supervisor.stop()
    assert book.read_text().split() == ["third", "second", "first"]
    assert set(supervisor.states.values()) == {State.STOPPED}


async def test_a_part_that_does_not_start_fails_with_its_last_words(tmp_path: Path) -> None:
    broken = child("oven", "raise SystemExit('no gas')", ready_file=tmp_path / "never")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "oven.log").write_text("words of an earlier run\n")
    supervisor = Supervisor(tmp_path, [broken], tell=print)
    with pytest.raises(PartFailedError, match=r"oven ended at its start, by exit code 1\.(.|\n)*no gas") as failed:
        await supervisor.start()
    await supervisor.stop()
    assert "earlier run" not in str(failed.value)


async def test_a_part_that_is_never_ready_is_stopped_and_named(tmp_path: Path) -> None:
    slow = replace(child("snail", "import time; time.sleep(3600)", ready_file=tmp_path / "never"), start_within=0.2)
    supervisor = Supervisor(tmp_path, [slow], tell=print)
    with pytest.raises(PartFailedError, match=r"snail was not ready.* run the same again: it goes on from here"):
        await supervisor.start()
    assert Records(tmp_path / "run").all() == []
    await supervisor.stop()


async def test_a_part_that_starts_slowly_is_waited_for_and_that_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    here = tmp_path / "here"

    def tell(line: str) -> None:
        told.append(line)
        here.touch()  # it becomes ready once its slowness was told

    slow = child("snail", "import time; time.sleep(3600)", ready_file=here)
    supervisor = Supervisor(tmp_path, [slow], tell, tell_every=0.1)
    await supervisor.start()
    await supervisor.stop()
    (line,) = told
    assert line.startswith("still waiting for snail, which runs and is not ready after ")


async def test_a_part_that_keeps_dying_ends_the_run_with_its_last_words(tmp_path: Path) -> None:
    told: list[str] = []
    supervisor = Supervisor(
        tmp_path, [child("oven", "raise SystemExit('no gas')")], told.append, deaths_allowed=1, within=600
    )
    await supervisor.start()
    with pytest.raises(PartFailedError, match=r"oven died 2 times(.|\n)*no gas"):
        await supervisor.watch()
    await supervisor.stop()
    assert told == ["oven died by exit code 1; starting it again", "oven is up again"]


async def test_a_part_whose_start_fails_in_any_way_is_one_more_death(tmp_path: Path) -> None:
    starts: list[int] = []

    async def once_ready() -> None:
        starts.append(pid())
        if len(starts) == 2:
            raise ConnectionResetError("it died while we looked")

    def pid() -> int:
        return Records(tmp_path / "run").all()[0].pid

    told: list[str] = []
    part = replace(child("lamp", "import time; time.sleep(3600)"), once_ready=once_ready)
    supervisor = Supervisor(tmp_path, [part], told.append)
    await supervisor.start()
    watching = asyncio.create_task(supervisor.watch())
    os.kill(starts[0], signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while len(starts) < 3 or supervisor.states["lamp"] is not State.UP:
            assert not watching.done()
            await asyncio.sleep(0.05)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await supervisor.stop()
    assert "lamp does not start: ConnectionResetError: it died while we looked" in told
    assert len(set(starts)) == 3


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = replace(child("ghost", ""), command=("/nowhere/ghost",))
    supervisor = Supervisor(tmp_path, [missing], tell=print)
    with pytest.raises(PartFailedError, match=r"ghost cannot be run: .*/nowhere/ghost"):
        await supervisor.start()
    await supervisor.stop()


def test_a_recorded_pid_that_a_stranger_has_now_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen((sys.executable, "-c", "import time; time.sleep(3600)")) as stranger:
        records = Records(tmp_path)
        truth = ProcessRecord.of("steady", stranger.pid, signal.SIGTERM, 10)
        records.write(replace(truth, started=truth.started - 3600))
        assert records.end_all() == []
        assert stranger.poll() is None
        records.write(truth)
        assert records.end_all() == ["steady"]
        assert stranger.wait(timeout=30) == -signal.SIGTERM
    assert records.all() == []
