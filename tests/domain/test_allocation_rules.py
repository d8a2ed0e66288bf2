"""Who gets the goods, who may expect them when, and who gives back first."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.allocation import Waiting, allocate, in_rank, schedule, trim

START = datetime(2026, 11, 1, 9, tzinfo=UTC)
SOON, LATER = date(2026, 12, 1), date(2026, 12, 15)


def waiting(
    backorder_id: str, quantity: int = 1, *, deadline: int | None = None, priority: int = 5, age: int = 0
) -> Waiting:
    """A waiting backorder; `deadline` and `age` are days after and before START."""
    return Waiting(
        backorder_id=backorder_id,
        quantity=quantity,
        legal_deadline=None if deadline is None else START + timedelta(days=deadline),
        priority=priority,
        accepted_at=START - timedelta(days=age),
    )


def ids(line: list[Waiting]) -> list[str]:
    return [one.backorder_id for one in line]


def test_the_nearest_legal_deadline_comes_before_priority_and_age() -> None:
    line = [waiting("old", priority=1, age=30, deadline=9), waiting("due", priority=9, deadline=2)]
    assert ids(in_rank(line)) == ["due", "old"]


def test_a_backorder_without_a_deadline_comes_after_those_that_have_one() -> None:
    assert ids(in_rank([waiting("free", priority=1), waiting("due", priority=9, deadline=300)])) == ["due", "free"]


def test_priority_then_age_then_id_decide_between_equals() -> None:
    line = [waiting("b"), waiting("a"), waiting("older", age=3), waiting("urgent", priority=1)]
    assert ids(in_rank(line)) == ["urgent", "older", "a", "b"]


def test_goods_go_to_the_best_rank_first_and_the_last_gets_what_is_left() -> None:
    line = [waiting("second", 4, age=1), waiting("first", 3, age=2), waiting("third", 2)]
    assert allocate(5, line) == [("first", 3), ("second", 2)]


def test_no_goods_are_handed_to_nobody() -> None:
    assert allocate(0, [waiting("a")]) == []
    assert allocate(7, []) == []


def test_more_goods_than_asked_for_stay_in_stock() -> None:
    assert allocate(10, [waiting("a", 3)]) == [("a", 3)]


def test_a_negative_delivery_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be handed out"):
        allocate(-1, [waiting("a")])


def test_a_claim_is_whole_when_its_last_unit_comes() -> None:
    line = [waiting("first", 3, age=2), waiting("second", 4, age=1), waiting("third", 3)]
    assert schedule(line, [(5, LATER), (5, SOON)]) == {"first": SOON, "second": LATER, "third": LATER}


def test_units_without_a_date_come_last_and_give_no_date() -> None:
    line = [waiting("first", 3, age=1), waiting("second", 3)]
    assert schedule(line, [(2, None), (4, SOON)]) == {"first": SOON, "second": None}


def test_a_claim_that_no_split_covers_has_no_date() -> None:
    assert schedule([waiting("first", 3, age=1), waiting("second", 1)], [(3, SOON)]) == {"first": SOON, "second": None}


def test_a_short_confirmation_takes_from_the_lowest_rank_up() -> None:
    line = [waiting("first", 3, age=2), waiting("second", 4, age=1), waiting("third", 2)]
    assert trim(line, 5) == [("third", 2), ("second", 2)]


def test_a_full_confirmation_takes_nothing() -> None:
    assert trim([waiting("a", 3)], 3) == []
    assert trim([waiting("a", 3)], 8) == []


def test_a_rejected_line_takes_everything() -> None:
    assert trim([waiting("a", 3), waiting("b", 2)], 0) == [("b", 2), ("a", 3)]


@st.composite
def queues(draw: st.DrawFn) -> list[Waiting]:
    """Queues with many ties, each backorder once."""
    names = draw(st.lists(st.integers(0, 99).map(str), unique=True, max_size=8))
    return [
        waiting(
            name,
            draw(st.integers(1, 9)),
            deadline=draw(st.none() | st.integers(0, 2)),
            priority=draw(st.integers(1, 3)),
            age=draw(st.integers(0, 2)),
        )
        for name in names
    ]


units_of_goods = st.integers(0, 60)
answers = st.lists(st.tuples(st.integers(0, 12), st.none() | st.dates(SOON, LATER)), max_size=5)


@settings(deadline=None)
@given(queue=queues(), units=units_of_goods)
def test_allocation_conserves_goods_and_gives_nobody_more_than_asked(queue: list[Waiting], units: int) -> None:
    given_out = allocate(units, queue)
    asked = {one.backorder_id: one.quantity for one in queue}
    assert sum(share for _, share in given_out) == min(units, sum(asked.values()))
    assert len(dict(given_out)) == len(given_out)
    assert all(0 < share <= asked[name] for name, share in given_out)


@settings(deadline=None)
@given(queue=queues(), units=units_of_goods)
def test_nobody_is_served_before_everyone_of_better_rank_is_whole(queue: list[Waiting], units: int) -> None:
    given_out = allocate(units, queue)
    line = in_rank(queue)
    assert [name for name, _ in given_out] == ids(line)[: len(given_out)]
    assert [share for _, share in given_out[:-1]] == [one.quantity for one in line[: max(0, len(given_out) - 1)]]


@settings(deadline=None)
@given(queue=queues(), units=units_of_goods, more=st.integers(0, 10))
def test_more_goods_never_leave_anyone_worse_off(queue: list[Waiting], units: int, more: int) -> None:
    before, after = dict(allocate(units, queue)), dict(allocate(units + more, queue))
    assert all(after.get(name, 0) >= share for name, share in before.items())


@settings(deadline=None)
@given(queue=queues(), keep=units_of_goods)
def test_what_is_given_back_and_what_is_kept_are_the_whole_claims(queue: list[Waiting], keep: int) -> None:
    given_back = trim(queue, keep)
    assert all(units > 0 for _, units in given_back)
    kept, back = dict(allocate(keep, queue)), dict(given_back)
    assert {one.backorder_id: kept.get(one.backorder_id, 0) + back.get(one.backorder_id, 0) for one in queue} == {
        one.backorder_id: one.quantity for one in queue
    }


@settings(deadline=None)
@given(queue=queues(), splits=answers)
def test_a_better_rank_is_never_promised_a_later_date(
    queue: list[Waiting], splits: list[tuple[int, date | None]]
) -> None:
    expected = schedule(queue, splits)
    by_rank = [expected[name] or date.max for name in ids(in_rank(queue))]
    assert by_rank == sorted(by_rank)


@settings(deadline=None)
@given(queue=queues(), splits=answers)
def test_no_day_is_promised_more_units_than_have_come_by_then(
    queue: list[Waiting], splits: list[tuple[int, date | None]]
) -> None:
    expected = schedule(queue, splits)
    assert set(expected) == set(ids(queue))
    for day in {d for d in expected.values() if d is not None}:
        promised = sum(one.quantity for one in queue if (when := expected[one.backorder_id]) and when <= day)
        assert promised <= sum(units for units, comes in splits if comes and comes <= day)


@settings(deadline=None)
@given(queue=queues(), splits=answers)
def test_no_claim_is_told_a_later_day_than_needed(queue: list[Waiting], splits: list[tuple[int, date | None]]) -> None:
    expected = schedule(queue, splits)
    total = 0
    for one in in_rank(queue):
        total += one.quantity
        enough = [day for _, day in splits if day and sum(u for u, d in splits if d and d <= day) >= total]
        assert expected[one.backorder_id] == min(enough, default=None)
