"""What a purchase order must do next, and when: decided from where it stands, its supplier's terms, and the time."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.purchase_order_duty import PurchaseOrderDuty, PurchaseOrderDutyKind, is_over, next_duty
from domain.purchase_order_position import (
    LinePosition,
    OperationKind,
    OperationPosition,
    OperationState,
    PurchaseOrderPosition,
    SupplierTerms,
)

MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Kind = PurchaseOrderDutyKind

TERMS = SupplierTerms(
    acknowledge_within=DAY,
    chase_every=DAY,
    chase_at_most=2,
    overdue_grace=2 * DAY,
    can_reduce=True,
    can_cancel=True,
)


def line(open_units: int = 5, **more: Any) -> LinePosition:
    plain: dict[str, Any] = {
        "line_no": 1,
        "sku": "LAMP",
        "supplier_sku": "A-LAMP",
        "unit_factor": 1,
        "ordered": 5,
        "confirmed": 5,
        "open": open_units,
        "claimed": open_units,
        "received_good": 0,
        "received_bad": 0,
        "over_received": 0,
        "closed_short": 5 - open_units,
        "cancelled": 0,
        "unit_price": Decimal(20),
    }
    return LinePosition(**(plain | more))


def order(**more: Any) -> PurchaseOrderPosition:
    """A purchase order that collects until Tuesday noon, or whatever `more` says."""
    plain: dict[str, Any] = {
        "po_number": "PO-1",
        "supplier_id": "acme",
        "supplier_name": "Acme",
        "currency": "USD",
        "revision": 0,
        "opened_at": MONDAY,
        "collect_until": MONDAY + DAY,
        "threshold_reached": False,
        "held": False,
        "release_now": False,
        "terms": TERMS,
        "lines": (line(),),
    }
    return PurchaseOrderPosition(**(plain | more))


def operation(kind: str, state: str, **more: Any) -> OperationPosition:
    revision = 0 if kind == "place" else 1
    plain: dict[str, Any] = {
        "operation_id": f"po/PO-1/{revision}",
        "kind": kind,
        "revision": revision,
        "state": state,
        "rendered_at": MONDAY,
        "sent_at": MONDAY if state == "delivered" else None,
    }
    return OperationPosition(**(plain | more))


def placed(*operations: OperationPosition, **more: Any) -> PurchaseOrderPosition:
    """A purchase order that its supplier has since Monday."""
    return order(frozen_at=MONDAY, operations=(operation("place", "delivered"), *operations), **more)


def acknowledged(*operations: OperationPosition, **more: Any) -> PurchaseOrderPosition:
    return placed(*operations, acknowledged_at=MONDAY, **more)


def duty(position: PurchaseOrderPosition, now: datetime = MONDAY, **more: Any) -> PurchaseOrderDuty:
    found = next_duty(position, now, **more)
    assert found is not None
    return found


def kind_at(position: PurchaseOrderPosition, now: datetime = MONDAY, **more: Any) -> tuple[Kind, datetime]:
    found = duty(position, now, **more)
    return found.kind, found.at


def test_it_collects_until_the_cut_off() -> None:
    assert kind_at(order()) == (Kind.FREEZE, MONDAY + DAY)


@pytest.mark.parametrize("sooner", ["threshold_reached", "release_now"])
def test_the_threshold_or_an_operator_ends_collecting_at_once(sooner: str) -> None:
    assert kind_at(order(**{sooner: True})) == (Kind.FREEZE, MONDAY)


def test_one_held_by_hand_waits_for_a_message_even_past_its_cut_off_and_threshold() -> None:
    assert next_duty(order(held=True, threshold_reached=True), MONDAY + 9 * DAY) is None


def test_released_by_hand_goes_out_although_it_is_held() -> None:
    assert kind_at(order(held=True, release_now=True)) == (Kind.FREEZE, MONDAY)


def test_a_frozen_order_is_written_down_then_sent() -> None:
    assert duty(order(frozen_at=MONDAY)).kind is Kind.RENDER
    sending = duty(order(frozen_at=MONDAY, operations=(operation("place", "rendered"),)))
    assert (sending.kind, sending.operation_id) == (Kind.SEND, "po/PO-1/0")


def test_one_that_may_have_arrived_is_looked_up_and_nothing_else_is_done_meanwhile() -> None:
    position = order(frozen_at=MONDAY, operations=(operation("place", "unknown"),))
    assert kind_at(position, MONDAY + 30 * DAY, shares_changed=True) == (Kind.LOOK_UP, MONDAY + 30 * DAY)


@pytest.mark.parametrize("operations", [(), (operation("place", "rendered"),)])
def test_what_nobody_wants_any_more_is_closed_and_never_sent(operations: tuple[OperationPosition, ...]) -> None:
    assert duty(order(frozen_at=MONDAY, operations=operations, lines=(line(0),))).kind is Kind.CLOSE


def test_what_may_have_arrived_is_looked_up_even_when_nobody_wants_it_any_more() -> None:
    position = order(frozen_at=MONDAY, operations=(operation("place", "unknown"),), lines=(line(0),))
    assert duty(position).kind is Kind.LOOK_UP


def test_a_silent_supplier_is_chased_every_day_then_withdrawn_and_its_dates_are_no_dates() -> None:
    assert kind_at(placed()) == (Kind.CHASE, MONDAY + DAY)
    once = placed(chases=1, last_chased_at=MONDAY + DAY)
    assert kind_at(once) == (Kind.CHASE, MONDAY + 2 * DAY)
    twice = placed(chases=2, last_chased_at=MONDAY + 2 * DAY)
    assert kind_at(twice) == (Kind.WITHDRAW, MONDAY + 3 * DAY)
    withdrawn = placed(operation("cancel", "delivered"), chases=2, last_chased_at=MONDAY + 2 * DAY)
    assert kind_at(withdrawn, MONDAY + 3 * DAY)[0] is Kind.GIVE_UP_CHANGE
    later = {"postponed": {Kind.GIVE_UP_CHANGE: MONDAY + 9 * DAY}}
    assert kind_at(withdrawn, MONDAY + 3 * DAY, **later) == (Kind.TELL_OVERDUE, MONDAY + 3 * DAY)


def test_a_supplier_that_stays_silent_and_cannot_be_withdrawn_from_ends_at_an_operator_once() -> None:
    terms = TERMS.model_copy(update={"can_cancel": False})
    position = placed(chases=2, last_chased_at=MONDAY, terms=terms)
    assert kind_at(position) == (Kind.ASK_OPERATOR, MONDAY + DAY)
    assert "close_short" in duty(position).why
    need = duty(position).why
    asked = position.model_copy(update={"attention": f"a mail cannot leave {need}", "overdue_told_at": MONDAY})
    assert next_duty(asked, MONDAY + 9 * DAY) is None
    spoke = asked.model_copy(update={"acknowledged_at": MONDAY})
    assert (duty(spoke).kind, duty(spoke).need) == (Kind.STOP_ASKING, need)


def test_an_acknowledged_order_waits_for_its_goods_and_some_grace() -> None:
    position = acknowledged(lines=(line(expected_on=date(2026, 12, 1)),))
    assert kind_at(position) == (Kind.TELL_OVERDUE, datetime(2026, 12, 2, tzinfo=UTC) + 2 * DAY)
    told = position.model_copy(update={"overdue_told_at": datetime(2026, 12, 4, tzinfo=UTC)})
    assert next_duty(told, MONDAY) is None


def test_goods_that_have_come_are_not_overdue() -> None:
    come = line(0, expected_on=date(2026, 12, 1))
    due_later = line(5, line_no=2, expected_on=date(2026, 12, 5))
    position = acknowledged(lines=(come, due_later))
    assert duty(position).at == datetime(2026, 12, 6, tzinfo=UTC) + 2 * DAY


def test_an_order_without_dates_waits_for_a_message() -> None:
    assert next_duty(acknowledged(), MONDAY) is None


def test_everything_come_closes_it() -> None:
    assert kind_at(acknowledged(lines=(line(0),))) == (Kind.CLOSE, MONDAY)


def test_shares_given_back_are_asked_off_when_the_supplier_takes_changes_or_cancellations() -> None:
    assert duty(acknowledged(), shares_changed=True).kind is Kind.REDUCE
    fixed = TERMS.model_copy(update={"can_reduce": False, "can_cancel": False})
    assert next_duty(acknowledged(terms=fixed), MONDAY, shares_changed=True) is None


def test_one_change_is_in_flight_at_a_time_and_its_silence_ends() -> None:
    position = acknowledged(operation("change", "delivered"))
    assert kind_at(position, shares_changed=True) == (Kind.GIVE_UP_CHANGE, MONDAY + DAY)
    assert duty(position).operation_id == "po/PO-1/1"
    answered = acknowledged(operation("change", "delivered", answered_at=MONDAY, verdict="accepted"))
    assert duty(answered, shares_changed=True).kind is Kind.REDUCE


@pytest.mark.parametrize("end", ["closed_at", "rejected_at", "cancelled_at"])
def test_one_that_is_over_has_nothing_to_do(end: str) -> None:
    position = acknowledged(**{end: MONDAY}, lines=(line(0),))
    assert is_over(position)
    assert next_duty(position, MONDAY + 9 * DAY, shares_changed=True) is None


def test_a_duty_put_off_lets_others_go_first() -> None:
    twice = placed(chases=2, last_chased_at=MONDAY)
    now = MONDAY + DAY
    assert duty(twice, now).kind is Kind.WITHDRAW
    assert duty(twice, now, postponed={Kind.WITHDRAW: now + HOUR}).kind is Kind.TELL_OVERDUE


instants = st.integers(-40, 40).map(lambda days: MONDAY + days * DAY)
maybe = st.none() | instants
days = st.none() | st.integers(-30, 30).map(lambda n: (MONDAY + n * DAY).date())
operations = st.builds(
    lambda kind, state, at, answered: operation(kind, state, rendered_at=at, sent_at=at, answered_at=answered),
    kind=st.sampled_from(OperationKind),
    state=st.sampled_from(OperationState),
    at=instants,
    answered=maybe,
)
lines = st.builds(line, open_units=st.integers(0, 5), expected_on=days)
positions = st.builds(
    order,
    threshold_reached=st.booleans(),
    held=st.booleans(),
    release_now=st.booleans(),
    collect_until=instants,
    frozen_at=maybe,
    acknowledged_at=maybe,
    closed_at=maybe,
    rejected_at=st.none() | instants,
    cancelled_at=st.none() | instants,
    chases=st.integers(0, 3),
    last_chased_at=maybe,
    overdue_told_at=maybe,
    attention=st.none() | st.just("call them"),
    lines=st.lists(lines, max_size=3).map(tuple),
    operations=st.lists(operations, max_size=3).map(tuple),
    terms=st.builds(
        lambda reduce, cancel: TERMS.model_copy(update={"can_reduce": reduce, "can_cancel": cancel}),
        reduce=st.booleans(),
        cancel=st.booleans(),
    ),
)
put_off = st.dictionaries(st.sampled_from(Kind), instants)


@given(position=positions, now=instants, postponed=put_off, shares_changed=st.booleans())
def test_wherever_it_stands_there_is_one_next_duty_or_a_message_is_waited_for(
    position: PurchaseOrderPosition, now: datetime, postponed: dict[Kind, datetime], shares_changed: bool
) -> None:
    found = next_duty(position, now, postponed, shares_changed=shares_changed)
    if found is None:
        return
    assert not is_over(position)
    assert found.at >= postponed.get(found.kind, found.at)
    if found.kind in {Kind.SEND, Kind.LOOK_UP, Kind.CHASE, Kind.GIVE_UP_CHANGE}:
        assert found.operation_id in {o.operation_id for o in position.operations}
    if found.kind is Kind.CLOSE:
        assert position.open == 0
    if found.kind is Kind.FREEZE:
        assert position.frozen_at is None


@given(position=positions, now=instants, postponed=put_off)
def test_sleeping_until_the_next_duty_makes_something_due(
    position: PurchaseOrderPosition, now: datetime, postponed: dict[Kind, datetime]
) -> None:
    found = next_duty(position, now, postponed)
    if found is not None:
        later = max(found.at, now)
        woken = next_duty(position, later, postponed)
        assert woken is not None
        assert woken.at <= later


READ = TERMS.model_copy(update={"read_within": 4 * HOUR})


def test_a_document_that_nobody_said_was_read_is_asked_about_long_before_the_order_counts_as_silent() -> None:
    position = placed(terms=READ)
    found = duty(position)
    assert (found.kind, found.at) == (Kind.ASK_OPERATOR, MONDAY + 4 * HOUR)
    assert "could read place revision 0" in found.why
    asked = placed(terms=READ, attention=found.why)
    assert kind_at(asked) == (Kind.CHASE, MONDAY + DAY)


def test_who_speaks_protocols_without_that_word_is_not_asked_for_it() -> None:
    assert kind_at(placed()) == (Kind.CHASE, MONDAY + DAY)


@pytest.mark.parametrize("spoke", ["read_at", "answered_at"])
def test_the_question_whether_it_was_read_is_taken_back_when_the_supplier_speaks(spoke: str) -> None:
    need = duty(placed(terms=READ)).why
    place = operation("place", "delivered", **{spoke: MONDAY + HOUR})
    position = order(frozen_at=MONDAY, operations=(place,), terms=READ, attention=need)
    found = duty(position, MONDAY + 5 * HOUR)
    assert (found.kind, found.need) == (Kind.STOP_ASKING, need)


def test_an_acknowledged_order_was_read() -> None:
    assert next_duty(acknowledged(terms=READ), MONDAY + 5 * HOUR) is None


ADDED = {"lines": (line(), line(line_no=2, sku="BULB", to_add=True))}


def test_lines_to_add_are_asked_for_before_anything_is_taken_off() -> None:
    assert kind_at(acknowledged(**ADDED), shares_changed=True) == (Kind.ADD_LINES, MONDAY)


def test_one_question_is_in_flight_at_a_time() -> None:
    asked = acknowledged(operation("change", "rendered"), **ADDED)
    assert duty(asked).kind is Kind.SEND


def test_lines_to_add_are_never_given_up_by_themselves() -> None:
    silent = acknowledged(operation("change", "delivered"), **ADDED)
    assert kind_at(silent) == (Kind.CHASE, MONDAY + DAY)
    assert duty(silent).operation_id == "po/PO-1/1"
    chased_for_the_order = silent.model_copy(update={"last_chased_at": MONDAY - DAY, "chases": 2})
    assert kind_at(chased_for_the_order) == (Kind.CHASE, MONDAY + DAY)
    reminded = silent.model_copy(update={"last_chased_at": MONDAY + DAY, "chases": 1})
    assert kind_at(reminded) == (Kind.ASK_OPERATOR, MONDAY + DAY + TERMS.chase_every)
    asks = reminded.model_copy(update={"attention": duty(reminded).why})
    later = next_duty(asks, MONDAY + 30 * DAY)
    assert later is None or later.kind is Kind.TELL_OVERDUE
    known = asks.model_copy(update={"lines": (line(), line(line_no=2, sku="BULB"))})
    assert kind_at(known, MONDAY + 3 * DAY) == (Kind.STOP_ASKING, MONDAY + 3 * DAY)


def test_who_is_never_reminded_is_asked_about_at_once() -> None:
    terms = TERMS.model_copy(update={"chase_at_most": 0})
    silent = acknowledged(operation("change", "delivered"), terms=terms, **ADDED)
    assert kind_at(silent) == (Kind.ASK_OPERATOR, MONDAY + DAY)


def test_a_line_to_add_past_its_day_is_overdue_like_any_other() -> None:
    late = line(line_no=2, sku="BULB", to_add=True, expected_on=MONDAY.date())
    asks = acknowledged(operation("change", "delivered"), lines=(late,), last_chased_at=MONDAY + 9 * DAY)
    assert kind_at(asks, MONDAY + 4 * DAY)[0] is Kind.TELL_OVERDUE
