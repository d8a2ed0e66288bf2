"""The supervisor as a person meets it: started, stopped, killed, started twice, on a taken port, with a dying part."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client

from devstack.postgres import Postgres
from devstack.temporal_server import prepare
from tests.patience import PATIENCE
from workflows import backorder_contract

_PROGRAM = Path(__file__).with_name("small_stack.py")


class Terminal:
    """Starts supervisors in one folder, and sees to it that none outlives the test."""

    def __init__(self, folder: Path, free_port: Callable[[], int]) -> None:
        self.folder = folder
        self.ports = {"temporal": free_port(), "ui": free_port()}
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *parts: str) -> subprocess.Popen[str]:
        """Start one, not waiting for it."""
        supervisor = subprocess.Popen(
            (sys.executable, str(_PROGRAM), str(self.folder), json.dumps(self.ports), *parts),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(supervisor)
        return supervisor

    def start_up(self, *parts: str) -> subprocess.Popen[str]:
        """Start one and wait until all its parts are up."""
        supervisor = self.start(*parts)
        read_until(supervisor, "up")
        return supervisor

    def running(self) -> dict[str, int]:
        """The recorded processes, name to pid."""
        return {path.stem: json.loads(path.read_text())["pid"] for path in (self.folder / "run").glob("*.json")}

    def close(self) -> None:
        for supervisor in self._started:
            if supervisor.poll() is None:
                supervisor.send_signal(signal.SIGTERM)
                supervisor.communicate(timeout=PATIENCE)
            assert supervisor.stdout is not None
            supervisor.stdout.close()
        if any(supervisor.returncode == -signal.SIGKILL for supervisor in self._started):
            self.start_up()  # with no parts: it ends what a killed one left
            self._started[-1].send_signal(signal.SIGTERM)
            self._started[-1].communicate(timeout=PATIENCE)


@pytest.fixture
def terminal(folder: Path, unused_tcp_port_factory: Callable[[], int]) -> Iterator[Terminal]:
    opened = Terminal(folder / "stack", unused_tcp_port_factory)
    yield opened
    opened.close()


def read_until(supervisor: subprocess.Popen[str], ending: str) -> list[str]:
    """The lines it prints up to one with that ending. Fails if it ends before."""
    assert supervisor.stdout is not None
    lines: list[str] = []
    for line in supervisor.stdout:
        lines.append(line.rstrip("\n"))
        if lines[-1].endswith(ending):
            return lines
    pytest.fail("it ended early:\n" + "\n".join(lines))


def stop(supervisor: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> str:
    """Stop it as a person does; returns what it said."""
    supervisor.send_signal(number)
    said, _ = supervisor.communicate(timeout=PATIENCE)
    assert supervisor.returncode == 0, said
    return said


def alive(pids: dict[str, int]) -> set[str]:
    """The names of those that still run."""
    return {
        name
        for name, pid in pids.items()
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    }


async def start_a_workflow(port: int) -> None:
    client = await Client.connect(f"127.0.0.1:{port}")
    await client.start_workflow("Backorder", id="backorder/1", task_queue="nobody")


async def workflows(port: int) -> list[str]:
    client = await Client.connect(f"127.0.0.1:{port}")
    description = await client.get_workflow_handle("backorder/1").describe()
    return [description.id]


async def test_stop_leaves_nothing_running_and_the_next_start_goes_on_even_after_sigkill(terminal: Terminal) -> None:
    dsn = Postgres(terminal.folder / "postgres").dsn()

    supervisor = terminal.start_up("postgres", "temporal", "steady")
    first = terminal.running()
    assert alive(first) == {"postgres", "temporal", "steady"}
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    await start_a_workflow(terminal.ports["temporal"])
    stop(supervisor)
    assert alive(first) == set()
    assert terminal.running() == {}

    supervisor = terminal.start_up("postgres", "temporal", "steady")
    killed = terminal.running()
    supervisor.kill()
    supervisor.wait()
    assert alive(killed) == {"postgres", "temporal", "steady"}

    supervisor = terminal.start("postgres", "temporal", "steady")
    said = read_until(supervisor, "up")
    assert said[0] == "ended what the last run was killed away from: steady, temporal, postgres"
    assert alive(killed) == set()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    assert await workflows(terminal.ports["temporal"]) == ["backorder/1"]
    last = terminal.running()
    stop(supervisor)
    assert alive(last) == set()


def test_a_killed_part_is_started_again(terminal: Terminal) -> None:
    supervisor = terminal.start_up("postgres", "steady")
    before = terminal.running()
    for name in ("steady", "postgres"):
        os.kill(before[name], signal.SIGKILL)
        assert f"{name} died by signal SIGKILL; starting it again" in read_until(supervisor, f"{name} is up again")
    after = terminal.running()
    assert set(after.values()).isdisjoint(before.values())
    with psycopg.connect(Postgres(terminal.folder / "postgres").dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    stop(supervisor)
    assert alive(before | after) == set()


def test_postgres_starts_over_a_pid_file_whose_pid_is_a_strangers(terminal: Terminal) -> None:
    stop(terminal.start_up("postgres"))
    (terminal.folder / "postgres" / "18" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    supervisor = terminal.start_up("postgres")
    stop(supervisor)


async def test_a_database_made_by_an_older_version_gets_the_new_search_attributes(terminal: Terminal) -> None:
    supervisor = terminal.start_up("temporal")
    client = await Client.connect(f"127.0.0.1:{terminal.ports['temporal']}")
    await prepare(terminal.ports["temporal"])  # once more: harmless
    found = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="default"))
    kinds = {name: IndexedValueType.Name(kind) for name, kind in found.custom_attributes.items()}
    for name, kind in backorder_contract.SEARCH_ATTRIBUTES.items():
        assert kinds[name].replace("_", "") == f"INDEXEDVALUETYPE{kind.upper()}"
    stop(supervisor)


def test_a_taken_port_is_named_with_its_setting_and_nothing_starts(terminal: Terminal) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        terminal.ports = {"guarded": other.getsockname()[1]}
        supervisor = terminal.start("steady")
        said, _ = supervisor.communicate(timeout=PATIENCE)
    assert supervisor.returncode != 0
    assert f"port {terminal.ports['guarded']} (guard) is taken" in said
    assert "choose another with --guarded-port or GUARDED_PORT" in said
    assert not (terminal.folder / "logs").exists()


def test_a_second_supervisor_is_told_who_has_the_folder(terminal: Terminal) -> None:
    first = terminal.start_up("steady")
    before = terminal.running()
    second = terminal.start("steady")
    said, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode != 0
    assert f"{terminal.folder} is in use by another `promisekeeper dev` (pid {first.pid})" in said
    assert terminal.running() == before
    assert alive(before) == {"steady"}
    stop(first)


def test_a_second_ctrl_c_hurries_a_part_that_does_not_listen(terminal: Terminal) -> None:
    supervisor = terminal.start_up("deaf")
    pids = terminal.running()
    supervisor.send_signal(signal.SIGINT)
    read_until(supervisor, "hurry")
    stop(supervisor)
    assert alive(pids) == set()
