"""The days of a supplier's answer: one that is long past is no promise, and counts as none; a person asks for another.

Believed, it would make the order overdue at once, and leave those who wait without a date that anybody asks for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from domain.supplier_events import Split
from ledger.confirming import TO_COME, expected_on
from ledger.locked_orders import Line, LockedOrder, stock_units

LONG_PAST = timedelta(days=30)
"""Before the day on which an answer is applied: a message may have lain about for a while, and its day with it."""
MOST_TOLD = 5
"""Lines that are told one by one."""


def without_days_long_past(
    locked: LockedOrder, answers: Mapping[int, Sequence[Split]], *, at: datetime
) -> tuple[dict[int, Sequence[Split]], tuple[str, ...]]:
    """The answers with no day where one is long past; and in words, of which lines: one need, if there are any.

    Args:
        locked: the order.
        answers: the parts of each line that is answered, by line number.
        at: when they are applied.
    """
    before = at.date() - LONG_PAST
    believed = dict(answers)
    told: list[str] = []
    for line in locked.lines:
        parts = list(answers.get(line.line_no, ()))
        if past := _to_come_before(before, line, parts):
            told.append(f"line {line.line_no}, {line.sku}, on {min(past.values())}")
            believed[line.line_no] = [
                replace(part, ship_on=None, deliver_on=None) if n in past else part for n, part in enumerate(parts)
            ]
    if not told:
        return believed, ()
    more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    what = (
        f"{locked.order.supplier_name} answers {locked.order.po_number} with days that are long past: "
        f"{'; '.join(told[:MOST_TOLD])}{more}. They count as none. Ask when the goods will come, and have them answer "
        "again; then resolve with 'dismiss'."
    )
    return believed, (what,)


def _to_come_before(day: date, line: Line, parts: Sequence[Split]) -> dict[int, date]:
    """Which parts state a day before that one and have not come yet, by position: what has come was the earliest."""
    stated = {
        n: said
        for n, part in enumerate(parts)
        if part.status in TO_COME and (part.ship_on or part.deliver_on) and (said := expected_on(part, line))
    }
    settled = line.settled
    past: dict[int, date] = {}
    for n, said in sorted(stated.items(), key=lambda one: one[1]):
        units = stock_units(parts[n].quantity, line) or 0
        if units > settled and said < day:
            past[n] = said
        settled = max(0, settled - units)
    return past
