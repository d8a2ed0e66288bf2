"""Who gets the goods: the order in which backorders are served, and what each gets, may expect, or gives back.

Each function takes the claims on one supply (a PO line, or an item's free stock), one for each backorder. The books
are written by the ledger, in the transaction that holds the lock.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from domain.values import Frozen, Instant, PositiveQuantity

_NEVER = datetime.max.replace(tzinfo=UTC)


class Waiting(Frozen):
    """A backorder that waits for units of one supply."""

    backorder_id: str
    quantity: PositiveQuantity
    """Stock units it waits for."""
    legal_deadline: Instant | None
    """When the law would end it; None while no deadline runs."""
    priority: int
    """1 is served first."""
    accepted_at: Instant


def in_rank(waiting: Iterable[Waiting]) -> list[Waiting]:
    """The order of service: the nearest legal deadline, then priority, then age, then the id."""
    return sorted(
        waiting,
        key=lambda one: (
            one.legal_deadline or _NEVER,
            one.priority,
            one.accepted_at,
            one.backorder_id,
        ),
    )


def allocate(units: int, waiting: Sequence[Waiting]) -> list[tuple[str, int]]:
    """Hand out units by rank until they are gone or everybody is served.

    Args:
        units: accepted stock units on hand.
        waiting: who asks for them.

    Returns:
        (backorder id, units) by rank, each at least 1; those who get nothing are left out.

    Raises:
        ValueError: a negative number of units.
    """
    if units < 0:
        raise ValueError(f"{units} units to allocate; what is not there cannot be handed out")
    given: list[tuple[str, int]] = []
    for one in in_rank(waiting):
        share = min(units, one.quantity)
        if share == 0:
            break
        given.append((one.backorder_id, share))
        units -= share
    return given


def schedule(claims: Sequence[Waiting], splits: Sequence[tuple[int, date | None]]) -> dict[str, date | None]:
    """When each claim is whole, if the best rank gets the earliest units.

    Args:
        claims: the claims on one PO line.
        splits: (units, date) as the supplier answered; None says that no date is known.

    Returns:
        For every claim the latest date among its units; None if one of them has no date, or is in no split.
    """
    dated = sorted((day, units) for units, day in splits if day is not None)
    expected: dict[str, date | None] = {}
    covered = 0
    for claim in in_rank(claims):
        covered += claim.quantity
        expected[claim.backorder_id] = _day_of_unit(covered, dated)
    return expected


def _day_of_unit(number: int, dated: Sequence[tuple[date, int]]) -> date | None:
    """The day on which the `number`th unit comes, earliest first; None if fewer have a date."""
    for day, units in dated:
        number -= units
        if number <= 0:
            return day
    return None


def trim(claims: Sequence[Waiting], keep: int) -> list[tuple[str, int]]:
    """What the claims give back so that `keep` units of them remain: the lowest rank first.

    Args:
        claims: the claims on one PO line.
        keep: stock units the line can still serve.

    Returns:
        (backorder id, units given back), lowest rank first; claims that keep everything are left out.

    Raises:
        ValueError: a negative number to keep.
    """
    kept = dict(allocate(keep, claims))
    return [
        (claim.backorder_id, claim.quantity - kept.get(claim.backorder_id, 0))
        for claim in reversed(in_rank(claims))
        if claim.quantity > kept.get(claim.backorder_id, 0)
    ]
