"""The sweeps: what is looked for again and again, in case a word, a timer or a whole workflow got lost.

Each is a `Sweep` workflow that a Temporal Schedule starts (`workflows/sweeps.py`); how it mends is in
`activities/sweeping.py`. Everything a sweep does is keyed or harmless when repeated, so that two may run at once.
"""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from domain.values import Frozen

GRACE = timedelta(minutes=5)
"""What is younger is left alone: it may just be on its way, or somebody may be working on it."""

RESTARTS_A_DAY = 3
"""A workflow that ended more often than this within a day is not started again by itself: something is wrong."""

SUSPICIOUSLY_MANY = 20
"""When Temporal knows none of so many open ones, this is more likely the wrong namespace than so many accidents."""


class SweepKind(StrEnum):
    """What a sweep looks for."""

    OWED_WORDS = "owed-words"
    """Words that the ledger owes to workflows, such as an allocation, and that were not told: they are told."""
    LATE_ORDERS = "late-orders"
    """Purchase orders past their window, and supplier messages nobody applied: the workflow is told to look again."""
    LOST_WORKFLOWS = "lost-workflows"
    """Open in the ledger without a running workflow: started again from where the ledger stands."""
    UNKNOWN_WORKFLOWS = "unknown-workflows"
    """Running in Temporal and unknown to the ledger: reported, never touched."""


class SweepInput(Frozen):
    """Start input of a `Sweep` workflow."""

    kind: SweepKind
    grace: timedelta = Field(default=GRACE, ge=timedelta(0))
    restart_all: bool = False
    """Also when Temporal knows none of the open ones: an operator says that Temporal itself was lost."""


class Finding(Frozen):
    """One thing that a sweep found."""

    what: str
    """A backorder's id or a purchase order's number."""
    said: str
    """What was done about it, or what a person has to do."""


class Swept(Frozen):
    """What a sweep, or one step of it, came to."""

    looked_at: int = 0
    mended: tuple[Finding, ...] = ()
    asks: tuple[Finding, ...] = ()
    """What only a person can mend."""
    mended_total: int = 0
    asks_total: int = 0
    """The lists name the first hundred; these count all."""
    after: str | None = None
    """Of a step: where the next one goes on. Of a sweep: set if there is more than one run may mend; the next will."""
