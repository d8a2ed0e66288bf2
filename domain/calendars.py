"""Days and times of day: a supplier's cut-offs, the law's working days, the end of a customer's day."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays

from domain.catalogue import CutOff

_FEDERAL_CALENDAR = holidays.country_holidays("US")
"""Saturdays, Sundays and the legal public holidays of 5 U.S.C. 6103, with the days on which they are observed."""


def next_cut_off(cut_off: CutOff, after: datetime) -> datetime:
    """The first cut-off strictly after an instant.

    A time that a clock change skips is kept by the clock before the change (02:30 becomes 03:30); one that occurs
    twice counts the first time. Public holidays are not known here: a supplier that rests on them says so itself.

    Args:
        cut_off: the supplier's days and local times.
        after: an aware instant.

    Returns:
        An instant in UTC.
    """
    zone = ZoneInfo(cut_off.zone)
    here = after.astimezone(zone).date()
    # From yesterday, because a skipped time can fall onto the next day; to this weekday of next week.
    days = [here + timedelta(days=ahead) for ahead in range(-1, 8)]
    moments = (
        datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
        for day in days
        if day.weekday() in cut_off.weekdays
        for at in cut_off.times
    )
    return min(moment for moment in moments if moment > after)


def add_working_days(day: date, days: int) -> date:
    """The working day that comes `days` after a day: Monday to Friday less US federal holidays.

    Counting starts the day after `day`, which itself need not be a working day. With 0 it is the day itself, or the
    working day that follows it.
    """
    return _FEDERAL_CALENDAR.get_nth_working_day(day, days)


def end_of_day(day: date, zone: str) -> datetime:
    """When a local day is over: the first instant of the next one, in UTC. What is due on `day` is done before it."""
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=ZoneInfo(zone)).astimezone(UTC)
