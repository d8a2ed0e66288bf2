"""The outside world as a process: it says where it is, remembers, ends when told, and when its parent is gone."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from devstack.simulators.world import Addresses
from tests.patience import PATIENCE


@pytest.fixture
def config(tmp_path: Path) -> Path:
    supplier = {"supplier_id": "acme", "api_key": "k", "webhook_secret": "whsec_YWNtZQ=="}
    file = tmp_path / "world.json"
    file.write_text(json.dumps({"suppliers": [supplier]}))
    return file


@pytest.fixture
def started(tmp_path: Path, config: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-W", "error", "-m", "devstack.simulators"),
            *("--config", str(config), "--folder", str(tmp_path / "books"), "--end-with-stdin"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        yield process
        if process.poll() is None:
            process.kill()


def addresses(process: subprocess.Popen[bytes]) -> Addresses:
    assert process.stdout is not None
    return Addresses.model_validate_json(process.stdout.readline())


def test_it_says_where_it_is_and_ends_on_sigterm(started: subprocess.Popen[bytes]) -> None:
    where = addresses(started)
    with httpx.Client() as client:
        assert client.get(f"{where.supplier_url}/suppliers/acme/books").json()["orders"] == []
        assert "Mail catcher" in client.get(where.mail_url).text
        started.send_signal(signal.SIGTERM)
        out, err = started.communicate(timeout=PATIENCE)
    assert (started.returncode, out, err) == (0, b"", b"")


def test_it_ends_when_its_parent_is_gone(started: subprocess.Popen[bytes]) -> None:
    addresses(started)
    _, err = started.communicate(timeout=PATIENCE)
    assert (started.returncode, err) == (0, b"")


def test_a_taken_port_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = tmp_path / "world.json"
        file.write_text(json.dumps({"carrier_port": port}))
        ended = subprocess.run(
            [sys.executable, "-m", "devstack.simulators", "--config", str(file), "--folder", str(tmp_path / "books")],
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
    assert ended.returncode == 2
    assert f"port {port} on 127.0.0.1 is taken".encode() in ended.stderr
    assert b"carrier_port" in ended.stderr
