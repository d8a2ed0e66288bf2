"""When suppliers take orders, what a working day is, and when a customer's day is over."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendars import add_working_days, end_of_day, next_cut_off
from domain.catalogue import CutOff

CHICAGO = CutOff(zone="America/Chicago", times=(time(11, 0), time(16, 30)))
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Pacific/Apia", "Asia/Kathmandu"]
FRIDAY = date(2026, 11, 20)


def at(day: date, hour: int, minute: int = 0, zone: str = "America/Chicago") -> datetime:
    return datetime.combine(day, time(hour, minute), tzinfo=ZoneInfo(zone))


def test_an_order_in_the_morning_makes_the_first_cut_off_of_the_day() -> None:
    assert next_cut_off(CHICAGO, at(FRIDAY, 9)) == at(FRIDAY, 11)


def test_an_order_at_noon_waits_for_the_afternoon_cut_off() -> None:
    assert next_cut_off(CHICAGO, at(FRIDAY, 12)) == at(FRIDAY, 16, 30)


def test_an_order_at_the_very_cut_off_has_missed_it() -> None:
    assert next_cut_off(CHICAGO, at(FRIDAY, 11)) == at(FRIDAY, 16, 30)


def test_an_order_on_friday_evening_waits_for_monday() -> None:
    assert next_cut_off(CHICAGO, at(FRIDAY, 17)) == at(date(2026, 11, 23), 11)


def test_a_supplier_that_takes_orders_once_a_week_is_waited_for_a_whole_week() -> None:
    fridays = CutOff(zone="America/Chicago", times=(time(11, 0),), weekdays=(4,))
    assert next_cut_off(fridays, at(FRIDAY, 11)) == at(date(2026, 11, 27), 11)


def test_times_need_not_be_listed_in_order() -> None:
    assert next_cut_off(CutOff(times=(time(16, 30), time(11, 0))), at(FRIDAY, 9, zone="UTC")).hour == 11


def test_the_answer_is_in_utc_and_follows_the_suppliers_clock_through_daylight_saving() -> None:
    every_day = CutOff(zone="America/Chicago", times=(time(17, 0),), weekdays=(0, 1, 2, 3, 4, 5, 6))
    before = next_cut_off(every_day, at(date(2026, 3, 7), 12))
    after = next_cut_off(every_day, before)
    assert before.tzinfo is UTC
    assert (before, after) == (datetime(2026, 3, 7, 23, tzinfo=UTC), datetime(2026, 3, 8, 22, tzinfo=UTC))


def test_a_cut_off_in_the_hour_that_spring_skips_is_an_hour_later_by_the_new_clock() -> None:
    at_night = CutOff(zone="America/New_York", times=(time(2, 30),), weekdays=(6,))
    found = next_cut_off(at_night, at(date(2026, 3, 8), 0, zone="America/New_York"))
    assert found.astimezone(ZoneInfo("America/New_York")).time() == time(3, 30)


def test_a_cut_off_in_the_hour_that_autumn_repeats_comes_once() -> None:
    at_night = CutOff(zone="America/New_York", times=(time(1, 30),), weekdays=(6,))
    first = next_cut_off(at_night, at(date(2026, 11, 1), 0, zone="America/New_York"))
    assert first == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert next_cut_off(at_night, first) == datetime(2026, 11, 8, 6, 30, tzinfo=UTC)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        next_cut_off(CHICAGO, datetime(2026, 11, 20, 9))  # noqa: DTZ001 -- that is the mistake under test


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    times=st.lists(st.times(), min_size=1, max_size=3),
    weekdays=st.sets(st.integers(0, 6), min_size=1),
    after=st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- its zone is beside it
)
def test_the_next_cut_off_lies_ahead_within_a_week_and_none_is_skipped(
    zone: str, times: list[time], weekdays: set[int], after: datetime
) -> None:
    cut_off = CutOff(zone=zone, times=tuple(times), weekdays=tuple(weekdays))
    found = next_cut_off(cut_off, after)
    # A week, and an hour or (Apia, 2011) a day by which the clock may have been changed in it.
    assert after < found <= after + timedelta(days=8)
    halfway = after + (found - after) / 2
    assert next_cut_off(cut_off, halfway) == found
    assert next_cut_off(cut_off, found) > found


def test_working_days_start_to_count_on_the_next_day() -> None:
    assert add_working_days(date(2026, 11, 16), 1) == date(2026, 11, 17)


def test_weekends_do_not_count() -> None:
    assert add_working_days(FRIDAY, 1) == date(2026, 11, 23)
    assert add_working_days(date(2026, 11, 21), 1) == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("day", "next_working_day"),
    [
        pytest.param(date(2026, 9, 4), date(2026, 9, 8), id="Labor Day"),
        pytest.param(date(2026, 10, 9), date(2026, 10, 13), id="Columbus Day"),
        pytest.param(date(2026, 11, 10), date(2026, 11, 12), id="Veterans Day"),
        pytest.param(date(2026, 11, 25), date(2026, 11, 27), id="Thanksgiving, and not the Friday after it"),
        pytest.param(date(2026, 7, 2), date(2026, 7, 6), id="Independence Day on a Saturday, observed on Friday"),
        pytest.param(date(2027, 12, 30), date(2028, 1, 3), id="New Year's Day on a Saturday, observed in the old year"),
    ],
)
def test_federal_holidays_do_not_count(day: date, next_working_day: date) -> None:
    assert add_working_days(day, 1) == next_working_day


def test_no_working_days_from_a_sunday_is_monday() -> None:
    assert add_working_days(date(2026, 11, 22), 0) == date(2026, 11, 23)


@settings(deadline=None)
@given(day=st.dates(date(2020, 1, 1), date(2040, 1, 1)), days=st.integers(1, 30), more=st.integers(1, 10))
def test_working_days_add_up_and_never_end_on_a_weekend(day: date, days: int, more: int) -> None:
    end = add_working_days(day, days)
    assert end.weekday() < 5
    assert end >= day + timedelta(days=days)
    assert add_working_days(end, more) == add_working_days(day, days + more)


def test_a_day_in_new_york_ends_at_midnight_there() -> None:
    assert end_of_day(date(2026, 11, 20), "America/New_York") == datetime(2026, 11, 21, 5, tzinfo=UTC)


def test_a_day_whose_midnight_the_clock_skips_ends_when_the_next_one_starts() -> None:
    # Cairo went from 2026-04-23 24:00 straight to 2026-04-24 01:00.
    assert end_of_day(date(2026, 4, 23), "Africa/Cairo") == datetime(2026, 4, 23, 22, tzinfo=UTC)


@settings(deadline=None)
@given(day=st.dates(date(2005, 1, 1), date(2035, 1, 1)), zone=st.sampled_from(ZONES))
def test_the_end_of_a_day_is_the_first_instant_that_is_no_longer_that_day(day: date, zone: str) -> None:
    end = end_of_day(day, zone)
    assert end.tzinfo is UTC
    assert end.astimezone(ZoneInfo(zone)).date() > day
    assert (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date() <= day
