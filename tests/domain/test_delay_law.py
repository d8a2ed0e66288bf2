"""16 CFR Part 435 as the law profile tells it: notices, silence, consent, cancellation, refund."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.delay_law import (
    PROFILES,
    US,
    LawProfile,
    LegalPosition,
    NoticeFact,
    legal_position,
    refund_deadline,
)

DAY = timedelta(days=1)
ORDERED = date(2026, 8, 1)
T = date(2026, 8, 31)
"""Thirty days after ORDERED."""
INDEFINITE = None


def told(
    sent: int,
    promised: int | None,
    answer: Literal["consent", "cancel"] | None = None,
    answered: int | None = None,
    *,
    renewed: bool = False,
    offers_cancel: bool = True,
) -> NoticeFact:
    """A notice; all days are counted from T."""
    return NoticeFact(
        sent_on=T + sent * DAY,
        promised=None if promised is None else T + promised * DAY,
        answer=answer,
        answered_on=None if answered is None else T + answered * DAY,
        renewed=renewed,
        offers_cancel=offers_cancel,
    )


def stands(*notices: NoticeFact, profile: LawProfile = US) -> LegalPosition:
    return legal_position(profile, ORDERED, None, notices)


def days_after_t(day: date | None) -> int | None:
    return None if day is None else (day - T).days


# The five worked examples.


def test_example_no_notice_by_the_stated_day_and_not_shipped() -> None:
    stated = date(2026, 9, 4)
    position = legal_position(US, ORDERED, stated, [])
    assert position.cancel_on == date(2026, 9, 5)
    assert refund_deadline(date(2026, 9, 5), US) == date(2026, 9, 16)


def test_example_notice_in_time_silence_and_shipped_before_the_revised_day() -> None:
    notice = NoticeFact(sent_on=date(2026, 8, 18), promised=date(2026, 9, 5))
    position = legal_position(US, ORDERED, date(2026, 8, 19), [notice])
    assert position.ship_by == date(2026, 9, 5)
    assert position.cancel_on == date(2026, 9, 6)


def test_example_nothing_stated_is_thirty_days() -> None:
    position = legal_position(US, date(2026, 8, 1), None, [])
    assert position.ship_by == date(2026, 8, 31)
    assert position.cancel_on == date(2026, 9, 1)
    assert refund_deadline(date(2026, 9, 1), US) == date(2026, 9, 11)


def test_example_a_notice_without_the_cancel_option_is_as_none() -> None:
    assert stands(told(-5, 10, offers_cancel=False)) == stands()


# Nothing sent yet.


def test_until_t_the_first_notice_is_what_is_asked_for() -> None:
    assert stands() == LegalPosition(
        ship_by=T,
        cancel_on=T + DAY,
        consent_pending=False,
        may_cancel_any_time=False,
        notice_due_by=T,
        next_notice="first",
    )


# The first notice.


@pytest.mark.parametrize("promised", [1, 30])
def test_silence_consents_to_a_date_up_to_thirty_days_late(promised: int) -> None:
    assert stands(told(-3, promised)) == LegalPosition(
        ship_by=T + promised * DAY,
        cancel_on=T + (promised + 1) * DAY,
        consent_pending=False,
        may_cancel_any_time=False,
        notice_due_by=T + promised * DAY,
        next_notice="renewed",
    )


@pytest.mark.parametrize("promised", [31, INDEFINITE])
def test_silence_on_a_longer_or_an_indefinite_delay_cancels_thirty_days_after_t(promised: int | None) -> None:
    assert stands(told(-3, promised)) == LegalPosition(
        ship_by=T + 30 * DAY,
        cancel_on=T + 31 * DAY,
        consent_pending=True,
        may_cancel_any_time=False,
        notice_due_by=None,
        next_notice=None,
    )


def test_a_longer_delay_that_is_consented_to_holds_until_its_date() -> None:
    position = stands(told(-3, 50, "consent", 30))
    assert (days_after_t(position.ship_by), days_after_t(position.cancel_on)) == (50, 51)
    assert position.next_notice == "renewed" and days_after_t(position.notice_due_by) == 50
    assert not position.consent_pending


def test_a_consent_after_the_thirty_days_comes_too_late() -> None:
    position = stands(told(-3, 50, "consent", 31))
    assert days_after_t(position.cancel_on) == 31
    assert position.consent_pending


def test_consent_to_an_indefinite_delay_needs_no_more_notices_and_can_be_ended_at_any_time() -> None:
    assert stands(told(-3, INDEFINITE, "consent", 2)) == LegalPosition(
        ship_by=None,
        cancel_on=None,
        consent_pending=False,
        may_cancel_any_time=True,
        notice_due_by=None,
        next_notice=None,
    )


def test_nothing_said_later_takes_back_the_consent_to_an_indefinite_delay() -> None:
    consented = told(-3, INDEFINITE, "consent", 2)
    assert stands(consented, told(20, 45, renewed=True)) == stands(consented)


def test_the_first_notice_may_go_out_on_t_itself() -> None:
    assert days_after_t(stands(told(0, 10)).ship_by) == 10


def test_a_first_notice_after_t_cures_nothing_not_even_with_consent() -> None:
    assert stands(told(1, 10, "consent", 1)) == stands()


def test_another_law_may_let_a_late_first_notice_count() -> None:
    lenient = LawProfile(name="lenient", first_notice_by_ship_by=False)
    assert days_after_t(stands(told(1, 10), profile=lenient).ship_by) == 10


@pytest.mark.parametrize("promised", [-2, 0])
def test_a_notice_of_a_day_no_later_than_t_is_no_delay_notice(promised: int) -> None:
    assert stands(told(-9, promised)) == stands()


def test_silence_never_consents_to_a_notice_that_said_it_rejects() -> None:
    position = stands(told(-3, 10, renewed=True))
    assert days_after_t(position.cancel_on) == 1
    assert position.consent_pending


# Renewed notices.


def test_silence_on_a_renewed_notice_rejects_the_further_delay() -> None:
    position = stands(told(-3, 10), told(8, 20, renewed=True))
    assert (days_after_t(position.ship_by), days_after_t(position.cancel_on)) == (10, 11)
    assert position.consent_pending
    assert position.next_notice is None


def test_consent_to_a_renewed_notice_holds_until_its_date_and_asks_for_the_next() -> None:
    position = stands(told(-3, 10), told(8, 20, "consent", 10, renewed=True))
    assert days_after_t(position.ship_by) == 20
    assert (position.next_notice, days_after_t(position.notice_due_by)) == ("renewed", 20)


def test_consent_after_the_old_date_does_not_save_the_order() -> None:
    assert days_after_t(stands(told(-3, 10), told(8, 20, "consent", 11, renewed=True)).cancel_on) == 11


def test_a_renewed_notice_after_the_old_date_cures_nothing() -> None:
    first = told(-3, 10)
    assert stands(first, told(11, 20, "consent", 11, renewed=True)) == stands(first)


def test_renewed_notices_chain_as_long_as_each_is_consented_to() -> None:
    chain = [
        told(-3, 10),
        told(8, 40, "consent", 9, renewed=True),
        told(35, 70, "consent", 40, renewed=True),
        told(65, INDEFINITE, "consent", 70, renewed=True),
    ]
    assert [days_after_t(stands(*chain[:n]).ship_by) for n in range(5)] == [0, 10, 40, 70, None]


def test_the_first_silence_breaks_the_chain() -> None:
    position = stands(told(-3, 10), told(8, 40, renewed=True), told(30, 70, "consent", 31, renewed=True))
    assert days_after_t(position.cancel_on) == 11


def test_better_news_asks_for_no_consent_and_changes_nothing() -> None:
    first = told(-3, 20)
    assert stands(first, told(5, 12, renewed=True)) == stands(first)


def test_a_definite_day_found_while_consent_is_pending_can_still_be_consented_to() -> None:
    position = stands(told(-3, INDEFINITE), told(5, 25, "consent", 6, renewed=True))
    assert (days_after_t(position.ship_by), position.consent_pending) == (25, False)


def test_consent_to_a_day_that_has_passed_is_consent_to_nothing() -> None:
    position = stands(told(-3, INDEFINITE), told(5, 7, "consent", 8, renewed=True))
    assert (days_after_t(position.cancel_on), position.consent_pending) == (31, True)


# The customer cancels.


@pytest.mark.parametrize(
    "notices",
    [
        pytest.param([told(-3, 10, "cancel", 4)], id="after a short delay"),
        pytest.param([told(-3, INDEFINITE, "cancel", 4)], id="while consent is pending"),
        pytest.param([told(-3, INDEFINITE, "consent", 1), told(3, 60, "cancel", 4)], id="after consent without end"),
    ],
)
def test_the_customers_cancel_ends_it_on_the_day_it_came(notices: Sequence[NoticeFact]) -> None:
    assert stands(*notices) == LegalPosition(
        ship_by=T + 3 * DAY,
        cancel_on=T + 4 * DAY,
        consent_pending=False,
        may_cancel_any_time=False,
        notice_due_by=None,
        next_notice=None,
    )


def test_a_cancel_is_honoured_though_the_notice_forgot_to_offer_it() -> None:
    assert days_after_t(stands(told(-9, 10, "cancel", -4, offers_cancel=False)).cancel_on) == -4


def test_a_cancel_after_the_order_lapsed_does_not_move_the_refund_clock() -> None:
    assert days_after_t(stands(told(-3, 10, "cancel", 15)).cancel_on) == 11


# The refund clock, and the profile as data.


def test_the_refund_clock_skips_labor_day_and_columbus_day() -> None:
    assert refund_deadline(date(2026, 9, 4), US) == date(2026, 9, 16)
    assert refund_deadline(date(2026, 10, 9), US) == date(2026, 10, 21)


def test_a_profile_may_count_the_day_the_right_vests() -> None:
    stricter = LawProfile(name="stricter", refund_counting_starts=timedelta(0))
    assert refund_deadline(date(2026, 9, 1), US) == date(2026, 9, 11)
    assert refund_deadline(date(2026, 9, 1), stricter) == date(2026, 9, 10)


def test_the_numbers_of_a_profile_are_the_ones_that_count() -> None:
    other = LawProfile(
        name="other",
        default_ship_within=timedelta(days=20),
        silence_consents_within=timedelta(days=5),
        answer_within=timedelta(days=8),
        vests_after=timedelta(days=2),
    )
    due = ORDERED + 20 * DAY
    assert legal_position(other, ORDERED, None, []).cancel_on == due + 2 * DAY
    six_days_late = NoticeFact(sent_on=due, promised=due + 6 * DAY)
    assert legal_position(other, ORDERED, None, [six_days_late]).ship_by == due + 8 * DAY


def test_the_profiles_are_found_by_name() -> None:
    assert PROFILES["us"] is US
    assert all(profile.name == name for name, profile in PROFILES.items())


@pytest.mark.parametrize("half", [{"answer": "consent"}, {"answered_on": T}])
def test_an_answer_without_its_day_is_refused_with_what_to_give(half: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="give both or neither"):
        NoticeFact.model_validate({"sent_on": T, "promised": None} | half)


# Laws that hold for every history of notices.

numbers = st.integers(-35, 90)


@st.composite
def histories(draw: st.DrawFn) -> list[NoticeFact]:
    """Notices on different days, with and without answers on or after the day they were sent."""
    history: list[NoticeFact] = []
    for sent in draw(st.lists(numbers, max_size=5, unique=True)):
        answer = draw(st.sampled_from(["consent", "consent", "cancel", None, None]))
        history.append(
            told(
                sent,
                draw(st.none() | numbers),
                answer,
                None if answer is None else sent + draw(st.integers(0, 40)),
                renewed=draw(st.booleans()),
                offers_cancel=draw(st.sampled_from([True, True, True, False])),
            )
        )
    return history


def consents(history: Sequence[NoticeFact]) -> list[NoticeFact]:
    return [notice for notice in history if notice.answer == "consent"]


@settings(deadline=None)
@given(histories())
def test_an_order_lapses_on_the_day_after_it_may_last_be_shipped(history: list[NoticeFact]) -> None:
    position = stands(*history)
    if position.ship_by is None:
        assert position.cancel_on is None and position.may_cancel_any_time
    else:
        assert position.cancel_on == position.ship_by + DAY and not position.may_cancel_any_time


@settings(deadline=None)
@given(histories())
def test_only_an_express_consent_allows_shipping_later_than_thirty_days_after_t(history: list[NoticeFact]) -> None:
    position = stands(*history)
    consented_to = [notice.promised or date.max for notice in consents(history)]
    assert (position.ship_by or date.max) <= max([T + 30 * DAY, *consented_to])


@settings(deadline=None)
@given(histories(), st.none() | numbers)
def test_what_the_customer_never_answered_cannot_outlast_thirty_days_however_many_notices(
    history: list[NoticeFact], promised: int | None
) -> None:
    silent = [n.model_copy(update={"answer": None, "answered_on": None}) for n in history]
    before = stands(*silent)
    assert before.ship_by is not None and T <= before.ship_by <= T + 30 * DAY
    assert not before.may_cancel_any_time
    after_all = max(((n.sent_on - T).days for n in silent), default=-40) + 1
    assert stands(*silent, told(after_all, promised, renewed=True)).ship_by == before.ship_by


@settings(deadline=None)
@given(histories())
def test_it_is_never_cancelled_before_t_lapses_unless_the_customer_said_so(history: list[NoticeFact]) -> None:
    cancels = [n.answered_on for n in history if n.answer == "cancel" and n.answered_on]
    position = stands(*history)
    assert (position.cancel_on or date.max) >= min([T + DAY, *cancels])
    assert (position.cancel_on or date.max) <= min(cancels, default=date.max)


@settings(deadline=None)
@given(histories())
def test_a_notice_is_asked_for_by_the_last_lawful_day_or_not_at_all(history: list[NoticeFact]) -> None:
    position = stands(*history)
    assert position.notice_due_by == (position.ship_by if position.next_notice else None)
    assert not (position.next_notice and position.consent_pending)


@settings(deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_the_ledger_lists_notices_does_not_matter(
    history: list[NoticeFact], shuffle: random.Random
) -> None:
    shuffled = history.copy()
    shuffle.shuffle(shuffled)
    assert stands(*shuffled) == stands(*history)


@settings(deadline=None)
@given(histories())
def test_notices_that_all_came_after_t_leave_only_the_customers_own_cancel(history: list[NoticeFact]) -> None:
    late = [notice for notice in history if notice.sent_on > T]
    position = stands(*late)
    assert position.cancel_on == T + DAY


@settings(deadline=None)
@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_a_refund_is_due_nine_to_thirteen_days_after_the_right_vests(vested: date) -> None:
    deadline = refund_deadline(vested, US)
    # Seven working days, one or two weekends, and at most two federal holidays (Christmas, New Year).
    assert 9 <= (deadline - vested).days <= 13
    assert deadline.weekday() < 5
