"""The blows of a trial, drawn from its seed."""

import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from devstack.simulators.settings import FaultKind

CONNECTION_FAULTS = tuple(fault for fault in FaultKind if fault is not FaultKind.REFUSED)


@dataclass(frozen=True)
class Hit:
    """One blow, and what else goes wrong at that moment."""

    after: float
    """Seconds of quiet before it."""
    part: str
    how: signal.Signals
    fault: FaultKind
    refused: str
    """A kind of request of which the next is refused; empty: none."""

    def __str__(self) -> str:
        return f"{self.how.name} to {self.part}, {self.fault} outside" + (
            f", a {self.refused} refused" * bool(self.refused)
        )


def hits(seed: int, count: int, parts: Sequence[str]) -> list[Hit]:
    """The blows of a trial; the same for the same seed."""
    chance = random.Random(seed)
    found: list[Hit] = []
    for _ in range(count):
        part = chance.choice(parts)
        gently = part.startswith("worker") and chance.random() < 1 / 3
        found.append(
            Hit(
                after=chance.uniform(0.3, 4),
                part=part,
                how=signal.SIGTERM if gently else signal.SIGKILL,
                fault=chance.choice(CONNECTION_FAULTS),
                refused=chance.choice(("", "", "", "book", "charge", "place")),
            )
        )
    return found
