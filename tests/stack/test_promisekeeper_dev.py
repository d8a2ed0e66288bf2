"""`promisekeeper dev` itself: all parts come up, say where they are, and go when told."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from devstack.settings import StackSettings
from tests.patience import PATIENCE

_PORTS = [name for name in StackSettings.model_fields if name.endswith("_port") and name != "postgres_port"]


@pytest.fixture
def command(folder: Path, unused_tcp_port_factory: Callable[[], int]) -> list[str]:
    """The command, on ports and in a folder of its own."""
    ports = [word for name in _PORTS for word in (f"--{name.replace('_', '-')}", str(unused_tcp_port_factory()))]
    return [sys.executable, "-c", "from cli.main import main; main()", "dev", "--folder", str(folder), *ports]


@pytest.fixture
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The command, running; stopped at the end if the test has not done it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROMISEKEEPER_")}
    with subprocess.Popen(
        [*command, "--no-samples"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as supervisor:
        yield supervisor
        if supervisor.poll() is None:
            supervisor.send_signal(signal.SIGINT)
            supervisor.communicate(timeout=PATIENCE)


def test_all_parts_come_up_say_where_they_are_and_go_when_told(
    started: subprocess.Popen[str], command: list[str], folder: Path
) -> None:
    assert started.stdout is not None
    said: list[str] = []
    for line in started.stdout:
        said.append(line)
        if line.startswith("backorders:"):
            break
    text = "".join(said)
    assert "backorders: none yet" in text, text
    for name in ("ui", "gateway", "mail"):
        port = command[command.index(f"--{name}-port") + 1]
        assert f"http://127.0.0.1:{port}" in text
        assert httpx.get(f"http://127.0.0.1:{port}", follow_redirects=True, trust_env=False).status_code < 500
    pids = {path.stem: json.loads(path.read_text())["pid"] for path in (folder / "run").glob("*.json")}
    assert set(pids) == {"postgres", "temporal", "simulators", "gateway", "worker", "warehouse"}
    assert all(psutil.pid_exists(pid) for pid in pids.values())

    started.send_signal(signal.SIGINT)
    rest, _ = started.communicate(timeout=PATIENCE)
    assert started.returncode == 0, rest
    assert not any(psutil.pid_exists(pid) for pid in pids.values())


def test_a_taken_port_is_said_before_anything_starts(command: list[str], folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        command[command.index("--gateway-port") + 1] = str(taken)
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 2
    assert f"port {taken} (gateway) is taken" in ended.stderr
    assert "--gateway-port or PROMISEKEEPER_DEV_GATEWAY_PORT" in ended.stderr
    assert not (folder / "logs").exists()
