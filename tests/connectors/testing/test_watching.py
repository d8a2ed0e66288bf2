"""What the kit's watch over pure code sees, and what it lets pass."""

import io
import json
import os
import random
import secrets
import socket
import time
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from connectors.testing.purity import watched

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "impure",
    [
        lambda: datetime.now(UTC),
        date.today,
        time.time,
        time.monotonic,
        random.random,
        lambda: random.choice("ab"),
        lambda: secrets.token_hex(4),
        uuid.uuid4,
        lambda: os.urandom(4),
        lambda: Path(__file__).read_bytes(),
        lambda: socket.getaddrinfo("127.0.0.1", 1),
    ],
    ids=["now", "today", "time", "monotonic", "random", "choice", "token", "uuid4", "urandom", "a file", "the network"],
)
def test_clock_chance_and_the_world_are_seen(impure: Callable[[], object]) -> None:
    with watched() as found:
        impure()
    assert found


def test_what_only_sounds_like_it_passes() -> None:
    with watched() as found:
        NOON.time().isoformat()
        NOON.date().strftime("%y%m%d")
        datetime.fromisoformat("2026-12-01T12:00:00+00:00").timestamp()
        json.loads(json.dumps({"open": "now"}))
        io.StringIO("today").read()
        sorted([3, 1, 2])
    assert found == []
