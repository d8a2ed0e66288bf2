"""A run of the tests that is interrupted in the midst of a bench leaves nothing running."""

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
BENCH = "tests/bench/test_short_run.py::test_every_bench_runs_to_its_end_and_answers_in_its_shape"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["interrupted", "ended"])
def test_the_servers_of_a_bench_end_with_the_tests(how: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", BENCH]
    with (tmp_path / "said").open("wb") as said:
        tests = psutil.Popen(command, cwd=ROOT, stdout=said, stderr=said)
    family = [tests]
    try:
        family += _once_served(tests)
        tests.send_signal(how)  # to pytest alone, as `kill` does
        tests.wait(PATIENCE)
        assert not [one for one in family if _runs(one)], (tmp_path / "said").read_text()
    finally:
        for one in filter(_runs, family):
            one.kill()


def _once_served(tests: psutil.Process) -> list[psutil.Process]:
    """The processes below the tests, once a worker is among them: the servers stand before it is started."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):  # one that ended between the two looks
            family = tests.children(recursive=True)
            if any("worker" in one.cmdline() for one in family):
                return family
        time.sleep(0.1)
    raise AssertionError("no bench came to its servers")


def _runs(one: psutil.Process) -> bool:
    try:
        return one.status() != psutil.STATUS_ZOMBIE  # whose end only waits for somebody to take note
    except psutil.NoSuchProcess:
        return False
