"""How much the crash tests try, as `make crash` says by the environment, and the world that they try it on."""

import os
import random
from dataclasses import dataclass

import pytest

LONG = "CRASH_BACKORDERS" in os.environ
"""Whether this is `make crash`; in the suite everything is shorter."""


@dataclass(frozen=True)
class Trial:
    """How much is tried."""

    seed: int
    backorders: int
    kills: int

    @property
    def again(self) -> str:
        """The command that repeats it."""
        return f"CRASH_SEED={self.seed} CRASH_BACKORDERS={self.backorders} CRASH_KILLS={self.kills} make crash"


@pytest.fixture(scope="session")
def trial() -> Trial:
    """CRASH_SEED repeats a trial; CRASH_BACKORDERS and CRASH_KILLS make it longer than the suite's short one."""
    return Trial(
        seed=int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6)),
        backorders=int(os.environ.get("CRASH_BACKORDERS", "9")),
        kills=int(os.environ.get("CRASH_KILLS", "5")),
    )
