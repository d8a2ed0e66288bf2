"""The dates customers are told, and whose word they rest on."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.promises import HANDLING, honest_date, revised_after_overdue

QUOTED = date(2026, 12, 1)
WORD = date(2026, 12, 10)
days = st.dates(date(2020, 1, 1), date(2040, 1, 1))


def test_before_the_supplier_speaks_the_quoted_lead_time_is_the_basis() -> None:
    told, basis = honest_date(None, QUOTED)
    assert told == date(2026, 12, 2)
    assert "quoted lead time" in basis and "2026-12-01" in basis


def test_the_suppliers_word_takes_the_quoted_lead_times_place() -> None:
    told, basis = honest_date(WORD, QUOTED)
    assert told == date(2026, 12, 11)
    assert "supplier's word" in basis and "2026-12-10" in basis


def test_an_earlier_word_is_believed_too() -> None:
    assert honest_date(date(2026, 11, 27), QUOTED)[0] == date(2026, 11, 28)


def test_a_supplier_measured_to_be_late_is_told_later_and_the_basis_says_so() -> None:
    told, basis = honest_date(WORD, QUOTED, timedelta(days=3))
    assert told == date(2026, 12, 14)
    assert "3 days that this supplier is measured to be late" in basis


def test_a_part_of_a_day_late_is_a_day() -> None:
    told, basis = honest_date(WORD, QUOTED, timedelta(hours=2))
    assert told == date(2026, 12, 12)
    assert "1 day that" in basis


def test_a_supplier_measured_to_be_early_is_not_promised_early() -> None:
    assert honest_date(WORD, QUOTED, timedelta(days=-4)) == honest_date(WORD, QUOTED)


def test_without_any_word_no_date_is_made_up() -> None:
    told, basis = honest_date(None, None, timedelta(days=3))
    assert told is None
    assert basis.startswith("no date can be given")


@settings(deadline=None)
@given(word=st.none() | days, quoted=days, late=st.timedeltas(timedelta(days=-40), timedelta(days=40)))
def test_no_customer_is_told_a_day_before_the_goods_are_expected_and_handled(
    word: date | None, quoted: date, late: timedelta
) -> None:
    told, basis = honest_date(word, quoted, late)
    assert told is not None and basis
    assert told >= (word or quoted) + HANDLING
    assert told - (word or quoted) - HANDLING >= late


def test_a_day_that_lies_ahead_or_is_today_still_stands() -> None:
    assert revised_after_overdue(WORD, date(2026, 12, 9)) == WORD
    assert revised_after_overdue(WORD, WORD) == WORD


def test_a_day_that_passed_without_goods_gives_no_date() -> None:
    assert revised_after_overdue(WORD, date(2026, 12, 11)) is None


def test_what_was_never_dated_stays_without_a_date() -> None:
    assert revised_after_overdue(None, WORD) is None
