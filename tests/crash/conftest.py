"""The crash test's options come from the environment, as `make crash` gives them."""

import os
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Trial:
    """How much is tried."""

    seed: int
    backorders: int
    kills: int


@pytest.fixture(scope="session")
def trial() -> Trial:
    """CRASH_SEED repeats a trial; CRASH_BACKORDERS and CRASH_KILLS make it longer than the suite's short one."""
    return Trial(
        seed=int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6)),
        backorders=int(os.environ.get("CRASH_BACKORDERS", "12")),
        kills=int(os.environ.get("CRASH_KILLS", "6")),
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path that PostgreSQL's own user may pass: Unix sockets have room for about a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="pk-") as made:
        path = Path(made)
        path.chmod(0o755)
        yield path
