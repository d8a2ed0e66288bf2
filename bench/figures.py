"""What a run answers: figures, each beside another of the same run, and the goals that some of them have."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field


class Value(BaseModel):
    """Plain data; a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Goal(Value):
    """What a figure should be."""

    of: Literal["value", "ratio"]
    """The figure itself, or its ratio to what ran beside it."""
    must_be: Literal["at least", "at most"]
    bound: float

    @property
    def words(self) -> str:
        """`≥ 0.6 x`, `≤ 40`."""
        sign = "≥" if self.must_be == "at least" else "≤"
        return f"{sign} {self.bound:,g}{' x' if self.of == 'ratio' else ''}"

    def met_by(self, measured: float) -> bool:
        """Whether it is reached."""
        return measured >= self.bound if self.must_be == "at least" else measured <= self.bound


class Figure(Value):
    """One measured number and its neighbour."""

    name: str
    value: float
    unit: str
    beside: str
    """What ran beside it in the same run."""
    beside_value: float
    """In the same unit."""
    goal: Goal | None = None

    @computed_field  # type: ignore[prop-decorator]  # (mypy: a decorated property)
    @property
    def ratio(self) -> float | None:
        """Value over its neighbour; None when there is nothing to divide by."""
        return self.value / self.beside_value if self.beside_value else None

    @computed_field  # type: ignore[prop-decorator]  # (mypy: a decorated property)
    @property
    def met(self) -> bool | None:
        """Whether its goal is reached; None without a goal."""
        if self.goal is None:
            return None
        measured = self.value if self.goal.of == "value" else self.ratio
        return measured is not None and self.goal.met_by(measured)


class Result(Value):
    """What one bench answers."""

    bench: str
    seconds: float
    """How long the bench took, set-up included."""
    figures: tuple[Figure, ...]
    details: dict[str, Any] = Field(default_factory=dict)
    """Everything else that was counted on the way, for whoever wants to check or dig."""


class Machine(Value):
    """What it ran on."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    load_before: float
    """The load average of the last minute before the run; near 0 on an idle machine, else figures are too low."""


class Persistence(Value):
    """Where what is committed lies."""

    temporal: Literal["file", "memory"]
    """SQLite of the dev server: in a file, or gone with the process. A production cluster has another database."""
    postgres: dict[str, str]
    """The settings that decide what a commit costs: fsync, synchronous_commit, full_page_writes."""


class Report(Value):
    """A whole run."""

    started_at: datetime
    size: str
    commit: str
    """With `+` when the working tree was changed."""
    machine: Machine
    persistence: Persistence | None = None
    """None: no bench of it needed servers."""
    versions: dict[str, str]
    results: tuple[Result, ...]

    @property
    def figures(self) -> list[Figure]:
        """All of them."""
        return [figure for result in self.results for figure in result.figures]


def at_least(bound: float, of: Literal["value", "ratio"] = "ratio") -> Goal:
    """A goal that more is better for."""
    return Goal(of=of, must_be="at least", bound=bound)


def at_most(bound: float, of: Literal["value", "ratio"] = "ratio") -> Goal:
    """A goal that less is better for."""
    return Goal(of=of, must_be="at most", bound=bound)
