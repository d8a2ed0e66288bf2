"""What the duties of both workflows have in common: which one is next, and what becomes of one that fails."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol, Self, TypeVar

from domain.values import Frozen, Instant

TRY_AGAIN_AFTER = timedelta(minutes=5)
"""How long a duty that could not be done is put off at first; doubled each time."""
TRY_AGAIN_AT_LEAST_EVERY = timedelta(hours=1)


class AnyDuty(Protocol):
    """One thing to do, and when."""

    @property
    def kind(self) -> StrEnum:
        """What is to be done."""
        ...

    @property
    def at(self) -> datetime:
        """When it falls due."""
        ...

    @property
    def why(self) -> str:
        """In plain words, for the people who watch."""
        ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """The same with other values."""
        ...


SomeDuty = TypeVar("SomeDuty", bound=AnyDuty)

NOTHING_POSTPONED: Mapping[str, datetime] = MappingProxyType({})


def first_due(duties: Iterable[SomeDuty], now: datetime, postponed: Mapping[str, datetime]) -> SomeDuty | None:
    """The first of `duties` that is due at `now`, else the one that falls due first; None when there is none.

    Args:
        duties: in the order of their importance.
        now: the present instant.
        postponed: by kind, when to try duties again that could not be done.
    """
    ahead: SomeDuty | None = None
    for found in duties:
        duty = found
        if (again := postponed.get(found.kind)) and again > found.at:
            duty = found.model_copy(update={"at": again})
        if duty.at <= now:
            return duty
        if ahead is None or duty.at < ahead.at:
            ahead = duty
    return ahead


class Stuck(Frozen):
    """A duty that could not be done when last tried."""

    tries: int
    need: str
    """What an operator was told of it."""
    again_at: Instant
    """When it is tried again."""


def stuck_again(before: Stuck | None, need: str, now: datetime, at_least: timedelta = timedelta(0)) -> Stuck:
    """A duty has failed, once more or for the first time: the wait doubles from `TRY_AGAIN_AFTER` on.

    Args:
        before: how it failed before, if it did.
        need: what an operator is told.
        now: the present instant.
        at_least: the wait that whoever is needed asked for.
    """
    tries = before.tries + 1 if before else 1
    wait = max(min(TRY_AGAIN_AFTER * (1 << min(tries - 1, 10)), TRY_AGAIN_AT_LEAST_EVERY), at_least)
    return Stuck(tries=tries, need=need, again_at=now + wait)
