"""What a backorder must do next, and when: decided from where it stands, the rules it lives by, and the time."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.backorder_duty import (
    CARRIER_CHECK_EVERY,
    TELL_AT_MOST,
    Duty,
    DutyKind,
    Policy,
    legal_deadline,
    local_day,
    next_duty,
    refund_by,
)
from domain.backorder_position import (
    Answer,
    BackorderPosition,
    CancelledBy,
    ClaimPosition,
    NoticeKind,
    NoticePosition,
    ParcelPosition,
    ParcelState,
    PaymentKind,
    PaymentPosition,
    PaymentState,
)

MONDAY = datetime(2026, 11, 23, 17, tzinfo=UTC)  # noon in Boston
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
T = date(2026, 12, 23)
"""Thirty days after Monday: the ship-by day when none was stated. 16 CFR 435.2(a)(1)."""
END_OF_T = datetime(2026, 12, 24, 5, tzinfo=UTC)
POLICY = Policy()


def notice(kind: str, sent_at: datetime = MONDAY, **more: Any) -> NoticePosition:
    plain: dict[str, Any] = {"notice_id": f"backorder/B/{kind}", "kind": kind, "sent_at": sent_at, "promised": None}
    return NoticePosition(**(plain | more))


CONFIRMED = notice("order_confirmed", promised=date(2026, 12, 2))


def claim(expected_on: date | None = date(2026, 12, 1), **more: Any) -> ClaimPosition:
    plain: dict[str, Any] = {
        "po_number": "PO-1",
        "supplier_id": "acme",
        "quantity": 2,
        "expected_on": expected_on,
        "confirmed": True,
    }
    return ClaimPosition(**(plain | more))


def parcel(state: str = "planned", number: int = 1, **more: Any) -> ParcelPosition:
    plain: dict[str, Any] = {
        "parcel_id": f"B/parcel/{number}",
        "quantity": 2,
        "state": state,
        "paid": state != "planned",
        "planned_at": MONDAY,
        "booked_at": MONDAY if state in {"booked", "possessed"} else None,
        "charge_amount": Decimal("104.70"),
    }
    return ParcelPosition(**(plain | more))


def payment(state: str, number: int = 1, kind: str = "charge", at: datetime = MONDAY) -> PaymentPosition:
    return PaymentPosition(
        payment_id=f"B/parcel/1/charge/{number}" if kind == "charge" else f"B/{kind}/{number}",
        kind=PaymentKind(kind),
        state=PaymentState(state),
        amount=Decimal("104.70"),
        requested_at=at,
        settled_at=None if state == "requested" else at,
        parcel_id="B/parcel/1" if kind == "charge" else None,
    )


def backorder(**more: Any) -> BackorderPosition:
    """Two lamps accepted on Monday and not sourced yet, or whatever `more` says."""
    plain: dict[str, Any] = {
        "backorder_id": "B",
        "sales_order": "SO-1",
        "sku": "LAMP",
        "item_name": "Desk lamp",
        "zone": "America/New_York",
        "currency": "USD",
        "goods_value": Decimal("99.80"),
        "partial_shipment": False,
        "accepted_at": MONDAY,
        "promised_by": None,
        "ordered": 2,
        "unsourced": 2,
        "claimed": 0,
        "allocated": 0,
        "shipped": 0,
        "cancelled": 0,
        "first_promise": None,
        "current_promise": None,
        "promise_basis": "",
    }
    return BackorderPosition(**(plain | more))


def on_order(*claims: ClaimPosition, **more: Any) -> BackorderPosition:
    """Promised for the second of December, the goods expected a day before; the customer knows."""
    plain: dict[str, Any] = {
        "unsourced": 0,
        "claimed": 2,
        "claims": claims or (claim(),),
        "first_promise": date(2026, 12, 2),
        "current_promise": date(2026, 12, 2),
        "promise_basis": "the supplier's word",
        "notices": (CONFIRMED,),
        "last_sourced_at": MONDAY,
    }
    return backorder(**(plain | more))


def here(*parcels: ParcelPosition, **more: Any) -> BackorderPosition:
    """The goods are here and allocated."""
    return on_order(**({"claimed": 0, "claims": (), "allocated": 2, "parcels": parcels} | more))


def gone(**more: Any) -> BackorderPosition:
    """The carrier holds everything."""
    return here(**({"allocated": 0, "shipped": 2, "parcels": (parcel("possessed"),)} | more))


def duty(position: BackorderPosition, now: datetime = MONDAY, **more: Any) -> Duty:
    found = next_duty(position, POLICY, now, **more)
    assert found is not None
    return found


def due(position: BackorderPosition, now: datetime = MONDAY, **more: Any) -> tuple[DutyKind, datetime]:
    found = duty(position, now, **more)
    return found.kind, found.at


# --- supply


def test_first_it_looks_for_supply() -> None:
    assert due(backorder()) == (DutyKind.SOURCE, MONDAY)


def test_an_order_above_the_limit_pays_its_deposit_before_anything_is_bought() -> None:
    dear = backorder(goods_value=Decimal("1000.01"))
    found = duty(dear)
    assert (found.kind, found.amount, found.payment_id) == (
        DutyKind.CHARGE_DEPOSIT,
        Decimal("200.00"),
        "B/deposit/1",
    )
    paid = dear.model_copy(update={"payments": (payment("succeeded", kind="deposit"),)})
    assert duty(paid).kind is DutyKind.SOURCE
    assert duty(backorder(goods_value=Decimal(1000))).kind is DutyKind.SOURCE


def test_without_a_supplier_an_operator_is_asked_once_next_to_whatever_else_is_asked() -> None:
    nobody = backorder(sourcing_tries=1, last_sourced_at=MONDAY, notices=(CONFIRMED,))
    asking = duty(nobody)
    assert asking.kind is DutyKind.ASK_OPERATOR
    other = nobody.model_copy(update={"attention": "a mail cannot leave", "attention_since": MONDAY})
    assert duty(other).kind is DutyKind.ASK_OPERATOR
    asked = nobody.model_copy(update={"attention": f"a mail cannot leave {asking.why}", "attention_since": MONDAY})
    assert due(asked) == (DutyKind.SOURCE, MONDAY + 6 * HOUR)
    found = on_order(attention=asked.attention, attention_since=MONDAY)
    assert (duty(found).kind, duty(found).need) == (DutyKind.STOP_ASKING, asking.why)
    assert duty(found.model_copy(update={"attention": "a mail cannot leave"})).kind is not DutyKind.STOP_ASKING


def test_two_weeks_after_an_operator_was_asked_for_a_supplier_the_seller_cancels() -> None:
    nobody = backorder(
        sourcing_tries=1, last_sourced_at=MONDAY + 14 * DAY, sourcing_failed_since=MONDAY, notices=(CONFIRMED,)
    )
    asked = duty(nobody).why
    position = nobody.model_copy(update={"attention": asked, "attention_since": MONDAY - 9 * DAY})
    found = duty(position, MONDAY + 14 * DAY)
    assert (found.kind, found.by) == (DutyKind.CANCEL, CancelledBy.SELLER)
    elsewhere = nobody.model_copy(update={"attention": "a mail cannot leave", "attention_since": MONDAY})
    assert duty(elsewhere, MONDAY + 14 * DAY).kind is not DutyKind.CANCEL


# --- parcels and money


def test_goods_that_are_here_are_packed_charged_and_handed_over() -> None:
    packing = duty(here())
    assert (packing.kind, packing.parcel_id) == (DutyKind.PLAN_PARCEL, "B/parcel/1")
    charging = duty(here(parcel()))
    assert (charging.kind, charging.payment_id) == (DutyKind.CHARGE, "B/parcel/1/charge/1")
    assert duty(here(parcel(paid=True))).kind is DutyKind.BOOK_PARCEL
    assert due(here(parcel("booked"))) == (DutyKind.CHECK_CARRIER, MONDAY + CARRIER_CHECK_EVERY)


def test_a_part_is_packed_only_if_the_customer_takes_partial_shipments() -> None:
    part = on_order(claim(quantity=1), claimed=1, allocated=1)
    assert duty(part).kind is not DutyKind.PLAN_PARCEL
    assert duty(part.model_copy(update={"partial_shipment": True})).kind is DutyKind.PLAN_PARCEL


def test_a_charge_without_an_answer_is_asked_for_under_the_same_key() -> None:
    assert duty(here(parcel(), payments=(payment("requested"),))).payment_id == "B/parcel/1/charge/1"


def test_a_declined_charge_is_told_once_and_tried_again_under_a_new_key() -> None:
    declined = here(parcel(), payments=(payment("declined"),))
    assert duty(declined).kind is DutyKind.TELL_PAYMENT_PROBLEM
    told = declined.model_copy(update={"notices": (CONFIRMED, notice("payment_problem"))})
    found = duty(told)
    assert (found.kind, found.at, found.payment_id) == (DutyKind.CHARGE, MONDAY + 12 * HOUR, "B/parcel/1/charge/2")


def test_a_charge_declined_after_the_customer_was_told_of_another_is_told_too() -> None:
    earlier = notice("payment_problem", MONDAY - 30 * DAY)  # of the deposit, or of an earlier parcel
    assert duty(here(parcel(), payments=(payment("declined"),), notices=(CONFIRMED, earlier))).kind is (
        DutyKind.TELL_PAYMENT_PROBLEM
    )


def test_goods_whose_charge_stays_declined_are_held_for_a_week() -> None:
    tries = tuple(payment("declined", number) for number in range(1, 5))
    position = here(parcel(), payments=tries, notices=(CONFIRMED, notice("payment_problem")))
    assert due(position) == (DutyKind.CANCEL, MONDAY + 7 * DAY)
    assert duty(position).by is CancelledBy.SELLER


# --- cancelling and the end


def test_a_requested_cancel_is_undone_before_anything_else() -> None:
    for position in (backorder(), on_order(), here(parcel("booked"))):
        asked = position.model_copy(update={"cancel_requested_at": MONDAY})
        assert due(asked) == (DutyKind.UNWIND, MONDAY)
        later = {"postponed": {DutyKind.UNWIND: MONDAY + HOUR}}
        assert due(asked, **later) == (DutyKind.UNWIND, MONDAY + HOUR)  # and nothing new is begun meanwhile


def cancelled(**more: Any) -> BackorderPosition:
    plain: dict[str, Any] = {"unsourced": 0, "cancelled": 2, "cancel_requested_at": MONDAY}
    return backorder(**(plain | more))


def test_money_goes_back_before_the_customer_is_told_and_only_then_it_closes() -> None:
    owing = cancelled(refund_due=Decimal("104.70"))
    assert duty(owing).kind is DutyKind.REFUND
    assert due(owing, postponed={DutyKind.REFUND: MONDAY + HOUR}) == (DutyKind.REFUND, MONDAY + HOUR)
    assert duty(cancelled()).kind is DutyKind.TELL_CANCELLED
    assert duty(cancelled(notices=(notice("cancelled"),))).kind is DutyKind.CLOSE


def test_a_shipped_backorder_is_told_so_and_closed() -> None:
    assert duty(gone()).kind is DutyKind.TELL_SHIPPED
    assert duty(gone(notices=(CONFIRMED, notice("shipped", notice_id="backorder/B/shipped/1")))).kind is DutyKind.CLOSE


def test_each_parcel_is_told_of_whichever_the_carrier_takes_first() -> None:
    second = here(parcel("booked", 1), parcel("possessed", 2), notices=(CONFIRMED,))
    assert (duty(second).kind, duty(second).parcel_id) == (DutyKind.TELL_SHIPPED, "B/parcel/2")
    both = gone(
        parcels=(parcel("possessed", 1), parcel("possessed", 2)),
        notices=(CONFIRMED, notice("shipped", notice_id="backorder/B/shipped/2")),
    )
    assert (duty(both).kind, duty(both).parcel_id) == (DutyKind.TELL_SHIPPED, "B/parcel/1")


@pytest.mark.parametrize(
    ("position", "kind"), [(gone(), DutyKind.TELL_SHIPPED), (cancelled(), DutyKind.TELL_CANCELLED)]
)
def test_a_last_mail_that_cannot_be_delivered_is_tried_for_a_week_then_the_backorder_closes(
    position: BackorderPosition, kind: DutyKind
) -> None:
    now = MONDAY + DAY
    assert due(position, now, postponed={kind: now + HOUR}) == (kind, now + HOUR)
    now = MONDAY + TELL_AT_MOST
    assert due(position, now, postponed={kind: now + HOUR}) == (DutyKind.CLOSE, now)


def test_one_that_is_closed_has_nothing_to_do() -> None:
    assert next_duty(gone(closed_at=MONDAY), POLICY, MONDAY + 99 * DAY) is None


# --- dates, notices and the law


def test_the_first_date_is_promised_then_confirmed_to_the_customer() -> None:
    fresh = on_order(first_promise=None, current_promise=None, notices=())
    promising = duty(fresh)
    assert (promising.kind, promising.promised) == (DutyKind.PROMISE, date(2026, 12, 2))
    confirming = duty(on_order(notices=()))
    assert (confirming.kind, confirming.notice) == (DutyKind.NOTIFY, NoticeKind.ORDER_CONFIRMED)


def test_a_later_date_within_the_law_is_told_an_earlier_one_is_a_pleasant_surprise() -> None:
    later = duty(on_order(claim(date(2026, 12, 10))))
    assert (later.notice, later.promised) == (NoticeKind.DATE_CHANGED, date(2026, 12, 11))
    assert duty(on_order(claim(date(2026, 11, 25)))).notice is not NoticeKind.DATE_CHANGED


def test_a_delay_beyond_the_legal_day_is_told_at_once_and_a_short_one_is_consented_to_by_silence() -> None:
    found = duty(on_order(claim(date(2027, 1, 10))))
    assert (found.notice, found.at, found.silence) == (NoticeKind.FIRST_DELAY, MONDAY, Answer.CONSENT)
    assert found.answer_by == found.promised, "silence consents, so there is nothing to be late with"
    long = duty(on_order(claim(date(2027, 2, 10))))
    assert (long.silence, long.answer_by) == (Answer.CANCEL, T + 30 * DAY)


def test_an_order_that_cannot_be_kept_from_the_start_gets_one_mail_that_confirms_it_and_asks() -> None:
    new = on_order(claim(date(2027, 1, 10)), notices=())
    assert duty(new).notice is NoticeKind.FIRST_DELAY
    later = date(2027, 1, 11)
    told = new.model_copy(update={"notices": (notice("first_delay", promised=later),), "current_promise": later})
    asked = duty(told)
    assert asked.notice is not NoticeKind.ORDER_CONFIRMED
    assert asked.at > MONDAY
    assert duty(on_order(notices=())).notice is NoticeKind.ORDER_CONFIRMED


def test_without_any_date_the_notice_waits_as_long_as_the_law_lets_it() -> None:
    found = duty(on_order(claim(None)))
    assert (found.notice, found.promised, found.at) == (NoticeKind.FIRST_DELAY, None, END_OF_T - 3 * DAY)


def test_a_day_that_passed_without_goods_is_no_basis_for_a_date() -> None:
    found = duty(on_order(), MONDAY + 12 * DAY)
    assert (found.notice, found.promised) == (NoticeKind.FIRST_DELAY, None)


def test_after_the_legal_day_there_is_no_notice_any_more_and_the_law_cancels() -> None:
    found = duty(on_order(claim(date(2027, 1, 10))), END_OF_T)
    assert (found.kind, found.by) == (DutyKind.CANCEL, CancelledBy.LAW)


def test_a_label_that_no_carrier_has_scanned_is_not_shipment() -> None:
    labelled = here(parcel("booked", booked_at=END_OF_T - HOUR))
    assert due(labelled, END_OF_T - HOUR) == (DutyKind.CANCEL, END_OF_T)
    assert due(gone(), END_OF_T)[0] is DutyKind.TELL_SHIPPED


def test_a_short_delay_that_is_not_kept_needs_a_renewed_notice_whose_silence_cancels() -> None:
    told = notice("first_delay", promised=date(2027, 1, 11))
    late = on_order(
        claim(date(2027, 1, 20)), notices=(CONFIRMED, told), current_promise=date(2027, 1, 11), promise_basis="told"
    )
    found = duty(late, MONDAY + 40 * DAY)
    assert (found.notice, found.silence, found.answer_by) == (
        NoticeKind.RENEWED_DELAY,
        Answer.CANCEL,
        date(2027, 1, 11),
    )


def test_who_consented_to_wait_without_a_date_is_left_alone() -> None:
    told = notice("first_delay", answer="consent", answered_at=MONDAY + DAY)
    waiting = on_order(claim(None), notices=(CONFIRMED, told), current_promise=None)
    assert next_duty(waiting, POLICY, MONDAY + 300 * DAY) is None
    assert legal_deadline(waiting, POLICY).year == 9999


def test_the_refund_is_due_seven_working_days_after_the_right_to_it() -> None:
    assert refund_by(on_order(), POLICY, MONDAY) == date(2026, 12, 3)  # Thanksgiving does not count
    # The right vested when the law cancelled it on December 24, not when somebody noticed.
    assert refund_by(on_order(), POLICY, MONDAY + 60 * DAY) == refund_by(on_order(), POLICY, END_OF_T + HOUR)


def test_days_are_those_of_the_ship_to_address() -> None:
    assert local_day(datetime(2026, 12, 24, 4, 59, tzinfo=UTC), "America/New_York") == T


# --- wherever it stands

instants = st.integers(-5, 200).map(lambda days: MONDAY + days * DAY)
dates = st.integers(-30, 120).map(lambda days: (MONDAY + days * DAY).date())
some_notices = st.lists(
    st.builds(
        lambda kind, at, promised, answer: notice(
            kind, at, promised=promised, answer=answer, answered_at=at + DAY if answer else None
        ),
        kind=st.sampled_from(NoticeKind),
        at=instants,
        promised=st.none() | dates,
        answer=st.none() | st.sampled_from(Answer),
    ),
    max_size=4,
).map(tuple)
some_parcels = st.lists(
    st.builds(lambda state, paid: parcel(state, paid=paid), state=st.sampled_from(ParcelState), paid=st.booleans()),
    max_size=3,
).map(lambda parcels: tuple(p.model_copy(update={"parcel_id": f"B/parcel/{n}"}) for n, p in enumerate(parcels, 1)))
some_payments = st.lists(
    st.builds(
        payment,
        state=st.sampled_from(PaymentState),
        number=st.integers(1, 4),
        kind=st.sampled_from(["charge", "deposit"]),
        at=instants,
    ),
    max_size=4,
).map(tuple)


@st.composite
def standings(draw: st.DrawFn) -> BackorderPosition:
    """Any position whose units add up (law L1)."""
    unsourced, claimed, allocated, shipped, cancelled = (draw(st.integers(0, 3)) for _ in range(5))
    ordered = max(1, unsourced + claimed + allocated + shipped + cancelled)
    current = draw(st.none() | dates)
    return backorder(
        ordered=ordered,
        unsourced=ordered - claimed - allocated - shipped - cancelled,
        claimed=claimed,
        allocated=allocated,
        shipped=shipped,
        cancelled=cancelled,
        goods_value=draw(st.sampled_from([Decimal(100), Decimal(5000)])),
        partial_shipment=draw(st.booleans()),
        promised_by=draw(st.none() | dates),
        first_promise=current,
        current_promise=current,
        claims=(claim(draw(st.none() | dates), quantity=claimed, confirmed=draw(st.booleans())),) if claimed else (),
        notices=draw(some_notices),
        parcels=draw(some_parcels),
        payments=draw(some_payments),
        sourcing_tries=draw(st.integers(0, 2)),
        last_sourced_at=draw(st.none() | instants),
        cancel_requested_at=draw(st.none() | instants),
        refund_due=draw(st.sampled_from([Decimal(0), Decimal(5)])),
        attention=draw(st.none() | st.just("call them")),
        attention_since=draw(st.none() | instants),
        closed_at=draw(st.none() | instants),
    )


put_off = st.dictionaries(st.sampled_from(DutyKind), instants)


@given(position=standings(), now=instants, postponed=put_off)
def test_any_standing_has_a_next_duty_that_fits_it(
    position: BackorderPosition, now: datetime, postponed: dict[DutyKind, datetime]
) -> None:
    found = next_duty(position, POLICY, now, postponed)
    if found is None:
        # Closed; or the ball is with the supplier or the customer, and no clock of the law runs.
        waits = position.open > 0 and not position.unsourced and not position.cancel_requested_at
        assert position.closed_at or waits
        return
    assert position.closed_at is None
    assert found.at >= postponed.get(found.kind, found.at)
    if position.cancel_requested_at and position.open:
        assert found.kind in {DutyKind.UNWIND, DutyKind.TELL_SHIPPED}
    if found.kind is DutyKind.CLOSE:
        assert (position.open, position.refund_due) == (0, 0)
    if found.notice in {NoticeKind.FIRST_DELAY, NoticeKind.RENEWED_DELAY}:
        assert found.silence is not None
        assert found.answer_by is not None
        assert found.silence is Answer.CANCEL or found.promised is not None


@given(position=standings(), now=instants)
def test_no_legal_notice_is_sent_after_the_legal_day(position: BackorderPosition, now: datetime) -> None:
    found = next_duty(position, POLICY, now)
    if found and found.at <= now and found.notice in {NoticeKind.FIRST_DELAY, NoticeKind.RENEWED_DELAY}:
        assert now < legal_deadline(position, POLICY)


@given(position=standings(), now=instants, postponed=put_off)
def test_sleeping_until_the_next_duty_makes_something_due(
    position: BackorderPosition, now: datetime, postponed: dict[DutyKind, datetime]
) -> None:
    found = next_duty(position, POLICY, now, postponed)
    if found is not None:
        later = max(found.at, now)
        woken = next_duty(position, POLICY, later, postponed)
        assert woken is not None
        assert woken.at <= later


def test_nothing_is_refunded_or_closed_before_a_lost_charge_is_accounted_for() -> None:
    over = backorder(unsourced=0, cancelled=2, cancel_requested_at=MONDAY, payments=(payment("requested"),))
    duty = next_duty(over, POLICY, MONDAY)
    assert duty is not None
    assert duty.kind is DutyKind.SETTLE
