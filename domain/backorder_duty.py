"""What a backorder must do next: a pure function of where it stands, its policy, and the time.

The `Backorder` workflow does nothing but ask this, do the duty that is due, or sleep until the earliest one. Each rule
below answers with a duty and when it is due; the first one due wins, so their order is the order of importance.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.backorder_position import (
    Answer,
    BackorderPosition,
    CancelledBy,
    NoticeKind,
    NoticePosition,
    ParcelPosition,
    ParcelState,
    PaymentKind,
    PaymentPosition,
    PaymentState,
    PaymentTerms,
    SourcingTerms,
)
from domain.calendars import end_of_day
from domain.delay_law import US, LawProfile, LegalPosition, NoticeFact, legal_position, refund_deadline
from domain.duties import NOTHING_POSTPONED, first_due
from domain.promises import honest_date, revised_after_overdue
from domain.values import Frozen, Instant, count_units, round_money

CARRIER_CHECK_EVERY = timedelta(days=1)
"""How often the carrier is asked about a booked parcel of which it has not reported (its webhook may be lost)."""

TELL_AT_MOST = timedelta(days=7)
"""How long a last mail that cannot be delivered keeps a backorder open of which nothing else is owed."""


class Policy(Frozen):
    """The rules one backorder lives by, fixed when it is accepted: a later change of settings cannot reach it."""

    law: LawProfile = US
    payment: PaymentTerms = PaymentTerms()
    sourcing: SourcingTerms = SourcingTerms()


class DutyKind(StrEnum):
    """What there is to do."""

    UNWIND = "unwind"
    SETTLE = "settle"
    REFUND = "refund"
    TELL_SHIPPED = "tell shipped"
    TELL_CANCELLED = "tell cancelled"
    CLOSE = "close"
    CANCEL = "cancel"
    CHARGE_DEPOSIT = "charge deposit"
    SOURCE = "source"
    ASK_OPERATOR = "ask operator"
    STOP_ASKING = "stop asking"
    PLAN_PARCEL = "plan parcel"
    CHARGE = "charge"
    TELL_PAYMENT_PROBLEM = "tell payment problem"
    BOOK_PARCEL = "book parcel"
    CHECK_CARRIER = "check carrier"
    PROMISE = "promise"
    NOTIFY = "notify"


class Duty(Frozen):
    """One thing to do, and when."""

    kind: DutyKind
    at: Instant
    why: str
    """In plain words, for the people who watch."""
    notice: NoticeKind | None = None
    promised: date | None = None
    """The date a PROMISE or a notice gives; None says that none can be given."""
    basis: str = ""
    silence: Answer | None = None
    """What silence means after this notice: consent or cancel."""
    answer_by: date | None = None
    parcel_id: str | None = None
    payment_id: str | None = None
    """The provider's key: the same while one try is unsettled, a new one for the try after a decline."""
    amount: Decimal | None = None
    by: CancelledBy | None = None
    need: str = ""
    """What STOP_ASKING takes back."""


def local_day(moment: datetime, zone: str) -> date:
    """The calendar day at the ship-to address."""
    return moment.astimezone(ZoneInfo(zone)).date()


def law_of(position: BackorderPosition, policy: Policy) -> LegalPosition:
    """What the law says of this backorder, from the notices that were really sent."""
    return legal_position(
        policy.law,
        local_day(position.accepted_at, position.zone),
        position.promised_by,
        [
            NoticeFact(
                sent_on=local_day(notice.sent_at, position.zone),
                promised=notice.promised,
                answer=notice.answer.value if notice.answer else None,
                answered_on=local_day(notice.answered_at, position.zone) if notice.answered_at else None,
                renewed=notice.kind is NoticeKind.RENEWED_DELAY,
            )
            for notice in delay_notices(position)
        ],
    )


def legal_deadline(position: BackorderPosition, policy: Policy) -> datetime:
    """The instant the law's present ship-by day ends; with consent to an indefinite delay, a far day."""
    ship_by = law_of(position, policy).ship_by
    return end_of_day(ship_by, position.zone) if ship_by else end_of_day(date(9999, 1, 1), "UTC")


def refund_by(position: BackorderPosition, policy: Policy, now: datetime) -> date:
    """The last day for the refund if the backorder is cancelled `now`: the right vested then, or when the law said."""
    today = local_day(now, position.zone)
    lapsed_on = law_of(position, policy).cancel_on
    return refund_deadline(min(today, lapsed_on or today), policy.law)


def delay_notices(position: BackorderPosition) -> list[NoticePosition]:
    """The legal delay notices sent, oldest first."""
    legal = {NoticeKind.FIRST_DELAY, NoticeKind.RENEWED_DELAY}
    return sorted((n for n in position.notices if n.kind in legal), key=lambda n: n.sent_at)


def next_duty(
    position: BackorderPosition,
    policy: Policy,
    now: datetime,
    postponed: Mapping[str, datetime] = NOTHING_POSTPONED,
) -> Duty | None:
    """The most important duty due at `now`, else the one that falls due first; None when none is left.

    Args:
        position: where the backorder stands.
        policy: the rules it lives by.
        now: the present instant.
        postponed: duties that could not be done when last tried, and when to try them again.
    """
    return first_due(_duties(position, policy, now), now, postponed)


def _duties(position: BackorderPosition, policy: Policy, now: datetime) -> Iterator[Duty]:
    if position.closed_at:
        return
    if not position.unsourced and _no_supplier(position) in (position.attention or ""):
        yield Duty(kind=DutyKind.STOP_ASKING, at=now, why="no supplier is needed", need=_no_supplier(position))
    if position.cancel_requested_at and position.open:
        yield Duty(kind=DutyKind.UNWIND, at=now, why="undo what was done for it")
    yield from _tell_shipped(position, now)
    if position.open == 0:
        yield from _wind_up(position, now)
        return
    if position.cancel_requested_at:
        return
    yield from _law_cancels(position, policy)
    yield from _deposit(position, policy, now)
    if not _deposit_missing(position, policy):
        yield from _sourcing(position, policy, now)
    yield from _parcels(position, policy, now)
    yield from _dates(position, policy, now)


def _tell_shipped(position: BackorderPosition, now: datetime) -> Iterator[Duty]:
    for parcel in _shipped_untold(position)[:1]:
        yield Duty(
            kind=DutyKind.TELL_SHIPPED,
            at=now,
            why="tell the customer that the parcel is on its way",
            notice=NoticeKind.SHIPPED,
            parcel_id=parcel.parcel_id,
        )


def _shipped_untold(position: BackorderPosition) -> list[ParcelPosition]:
    """The parcels the carrier holds of which the customer was not told, oldest first."""
    told = {_number(n.notice_id) for n in position.notices if n.kind is NoticeKind.SHIPPED}
    held = [p for p in position.parcels if p.state is ParcelState.POSSESSED]
    return [p for p in held if _number(p.parcel_id) not in told]


def _number(numbered: str) -> str:
    """The last part of an id: the notice of a parcel has the parcel's number."""
    return numbered.rpartition("/")[2]


def _wind_up(position: BackorderPosition, now: datetime) -> Iterator[Duty]:
    if any(p.kind is not PaymentKind.REFUND and p.state is PaymentState.REQUESTED for p in position.payments):
        yield Duty(kind=DutyKind.SETTLE, at=now, why="learn what charges became of whose answer was lost")
        return
    if position.refund_due > 0:
        yield Duty(
            kind=DutyKind.REFUND,
            at=now,
            why=f"refund {position.refund_due} {position.currency}",
            amount=position.refund_due,
        )
        return
    untold = [p.booked_at or p.planned_at for p in _shipped_untold(position)]
    if position.cancelled and not any(n.kind is NoticeKind.CANCELLED for n in position.notices):
        untold.append(position.cancel_requested_at or now)
        yield Duty(
            kind=DutyKind.TELL_CANCELLED,
            at=now,
            why="tell the customer what was cancelled",
            notice=NoticeKind.CANCELLED,
        )
    if untold:
        why = "nothing is owed any more but a mail that cannot be delivered"
        yield Duty(kind=DutyKind.CLOSE, at=max(untold) + TELL_AT_MOST, why=why)
    else:
        yield Duty(kind=DutyKind.CLOSE, at=now, why="nothing is owed any more")


def _law_cancels(position: BackorderPosition, policy: Policy) -> Iterator[Duty]:
    law = law_of(position, policy)
    if law.cancel_on:
        yield Duty(
            kind=DutyKind.CANCEL,
            at=end_of_day(law.cancel_on - timedelta(days=1), position.zone),
            why="the law cancels what has not shipped and was not consented to (16 CFR 435.2)",
            by=CancelledBy.LAW,
        )


def _deposit_missing(position: BackorderPosition, policy: Policy) -> bool:
    above = policy.payment.deposit_above
    if above is None or position.goods_value <= above:
        return False
    return not any(p.kind is PaymentKind.DEPOSIT and p.state is PaymentState.SUCCEEDED for p in position.payments)


def _deposit(position: BackorderPosition, policy: Policy, now: datetime) -> Iterator[Duty]:
    if not _deposit_missing(position, policy):
        return
    amount = round_money(position.goods_value * policy.payment.deposit_share, position.currency)
    tries = [p for p in position.payments if p.kind is PaymentKind.DEPOSIT]
    prefix = f"{position.backorder_id}/deposit"
    yield from _take_money(
        position, policy, now, tries, kind=DutyKind.CHARGE_DEPOSIT, prefix=prefix, amount=amount, parcel=None
    )


def _sourcing(position: BackorderPosition, policy: Policy, now: datetime) -> Iterator[Duty]:
    if not position.unsourced:
        return
    terms, asked = policy.sourcing, _no_supplier(position)
    if not position.sourcing_tries or position.last_sourced_at is None:
        yield Duty(kind=DutyKind.SOURCE, at=now, why=f"find supply for {count_units(position.unsourced)}")
        return
    if position.sourcing_tries >= terms.attention_after_tries and asked not in (position.attention or ""):
        yield Duty(kind=DutyKind.ASK_OPERATOR, at=now, why=asked)
    yield Duty(
        kind=DutyKind.SOURCE,
        at=position.last_sourced_at + terms.retry_every,
        why=f"look again for supply for {count_units(position.unsourced)}",
    )
    if position.sourcing_failed_since and asked in (position.attention or ""):
        yield Duty(
            kind=DutyKind.CANCEL,
            at=position.sourcing_failed_since + terms.give_up_after,
            why="no supplier was found in time; the seller cancels",
            by=CancelledBy.SELLER,
        )


def _no_supplier(position: BackorderPosition) -> str:
    """What an operator is asked for when a search found nobody."""
    return (
        f"No supplier is left for {position.sku}. Add one to the catalogue, or resolve with 'retry' to ask the same "
        "suppliers again, or with 'cancel' to give the money back."
    )


def _parcels(position: BackorderPosition, policy: Policy, now: datetime) -> Iterator[Duty]:
    live = [p for p in position.parcels if p.state in {ParcelState.PLANNED, ParcelState.BOOKED}]
    packed = sum(p.quantity for p in live)
    loose = position.allocated - packed
    if loose > 0 and (position.partial_shipment or position.allocated == position.open):
        yield Duty(
            kind=DutyKind.PLAN_PARCEL,
            at=now,
            why=f"pack {count_units(loose)}",
            parcel_id=f"{position.backorder_id}/parcel/{len(position.parcels) + 1}",
        )
    for parcel in live:
        if parcel.state is ParcelState.BOOKED:
            yield Duty(
                kind=DutyKind.CHECK_CARRIER,
                at=(parcel.booked_at or now) + CARRIER_CHECK_EVERY,
                why="ask the carrier what it holds",
                parcel_id=parcel.parcel_id,
            )
        elif parcel.paid:
            yield Duty(
                kind=DutyKind.BOOK_PARCEL, at=now, why="hand the parcel to the carrier", parcel_id=parcel.parcel_id
            )
        else:
            tries = [p for p in position.payments if p.kind is PaymentKind.CHARGE and p.parcel_id == parcel.parcel_id]
            yield from _take_money(
                position,
                policy,
                now,
                tries,
                kind=DutyKind.CHARGE,
                prefix=f"{parcel.parcel_id}/charge",
                amount=parcel.charge_amount,
                parcel=parcel,
            )


def _take_money(
    position: BackorderPosition,
    policy: Policy,
    now: datetime,
    tries: list[PaymentPosition],
    *,
    kind: DutyKind,
    prefix: str,
    amount: Decimal,
    parcel: ParcelPosition | None,
) -> Iterator[Duty]:
    """A charge, its retries on the schedule after declines, and what happens when it stays declined."""
    terms = policy.payment
    what = "deposit" if parcel is None else "goods"
    parcel_id = parcel.parcel_id if parcel else None
    unsettled = next((p for p in tries if p.state is PaymentState.REQUESTED), None)
    declined = sorted(
        (p for p in tries if p.state is PaymentState.DECLINED), key=lambda p: p.settled_at or p.requested_at
    )
    if unsettled:
        # After a crash: the same key again tells what became of it, and cannot take the money twice.
        yield Duty(
            kind=kind,
            at=now,
            why=f"learn what became of the charge of {unsettled.amount} {position.currency}",
            payment_id=unsettled.payment_id,
            amount=unsettled.amount,
            parcel_id=parcel_id,
        )
        return
    if not declined:
        yield Duty(
            kind=kind,
            at=now,
            why=f"charge {amount} {position.currency} for the {what}",
            payment_id=f"{prefix}/1",
            amount=amount,
            parcel_id=parcel_id,
        )
        return
    last = declined[-1].settled_at or declined[-1].requested_at
    first = declined[0].settled_at or declined[0].requested_at
    # What was told of a deposit, or of an earlier parcel, says nothing of this one.
    if not any(n.kind is NoticeKind.PAYMENT_PROBLEM and n.sent_at >= first for n in position.notices):
        yield Duty(
            kind=DutyKind.TELL_PAYMENT_PROBLEM,
            at=now,
            why="tell the customer that the charge was declined",
            notice=NoticeKind.PAYMENT_PROBLEM,
        )
    if len(declined) <= len(terms.retry_after):
        yield Duty(
            kind=kind,
            at=last + terms.retry_after[len(declined) - 1],
            why=f"try the declined charge of {amount} {position.currency} again",
            payment_id=f"{prefix}/{len(declined) + 1}",
            amount=amount,
            parcel_id=parcel_id,
        )
    yield Duty(
        kind=DutyKind.CANCEL,
        at=first + terms.hold_goods,
        why=f"the charge for the {what} stayed declined; what was held goes to the next customer",
        by=CancelledBy.SELLER,
    )


def _dates(position: BackorderPosition, policy: Policy, now: datetime) -> Iterator[Duty]:
    """Promises and notices: tell each real change once, honestly, and in the law's time."""
    if position.unsourced and not position.sourcing_tries:
        return  # supply is being looked for at this very moment; there is nothing to tell yet
    here = local_day(now, position.zone)
    ready = position.open > 0 and position.allocated == position.open
    goods_on = revised_after_overdue(position.expected_on, here)
    expected: date | None
    if ready:
        expected, basis = here, "the goods are here"
    elif all(claim.confirmed for claim in position.claims):
        expected, basis = honest_date(goods_on, None)
    else:
        expected, basis = honest_date(None, goods_on)
    if ready and position.current_promise and position.current_promise > here:
        expected = position.current_promise  # goods that came early need no new date
    told = [n for n in position.notices if n.kind in _DATE_NOTICES]
    if expected and position.current_promise is None and not told:
        yield Duty(kind=DutyKind.PROMISE, at=now, why=f"promise {expected}", promised=expected, basis=basis)
        return
    legal = _legal_notice(position, policy, now, goods_on=goods_on, expected=expected, basis=basis)
    ask_at_once = legal is not None and legal.at <= now and not ready
    if not told and not ask_at_once:  # what asks for consent confirms the order, too: one fact, one mail
        yield Duty(
            kind=DutyKind.NOTIFY,
            at=now,
            why="confirm the order and its date to the customer",
            notice=NoticeKind.ORDER_CONFIRMED,
            promised=position.current_promise,
        )
        return
    payment_problem = any(
        p.kind is not PaymentKind.REFUND and p.state is PaymentState.DECLINED for p in position.payments
    )
    if ready and not payment_problem:
        return
    if legal:
        yield legal
    if legal is None or legal.at > now:
        yield from _date_changed(position, now, expected, basis)


_DATE_NOTICES = frozenset(
    {NoticeKind.ORDER_CONFIRMED, NoticeKind.DATE_CHANGED, NoticeKind.FIRST_DELAY, NoticeKind.RENEWED_DELAY}
)


def _date_changed(position: BackorderPosition, now: datetime, expected: date | None, basis: str) -> Iterator[Duty]:
    """A later date that the law needs no notice for is still told, once; an earlier one is a pleasant surprise."""
    if expected is None or position.current_promise is None or expected <= position.current_promise:
        return
    last = delay_notices(position)
    if last and last[-1].promised is None:
        return  # told that no date can be given; the next word is the parcel's, or a renewed date by an operator
    yield Duty(
        kind=DutyKind.NOTIFY,
        at=now,
        why=f"tell the customer of the new date {expected}",
        notice=NoticeKind.DATE_CHANGED,
        promised=expected,
        basis=basis,
    )


def _legal_notice(
    position: BackorderPosition,
    policy: Policy,
    now: datetime,
    *,
    goods_on: date | None,
    expected: date | None,
    basis: str,
) -> Duty | None:
    """The first or renewed notice of 16 CFR 435.2(b): as soon as a delay is known, and never after the legal date."""
    law = law_of(position, policy)
    last_day = law.notice_due_by
    if law.next_notice is None or last_day is None:
        return None
    if expected is None:
        # With no date to give, wait for better news as long as the law lets us.
        at = end_of_day(last_day, position.zone) - policy.law.notify_before
    elif expected > last_day:
        at = now
    elif goods_on:
        # On time so far. If the goods are not here when they should be, there is no date to give any more.
        at, expected, basis = end_of_day(goods_on, position.zone), None, "the goods did not come on the day they should"
    else:
        return None
    stated = position.promised_by or local_day(position.accepted_at, position.zone) + policy.law.default_ship_within
    if law.next_notice == "renewed":
        kind, silence, answer_by = NoticeKind.RENEWED_DELAY, Answer.CANCEL, last_day
    else:
        consents = expected is not None and expected <= stated + policy.law.silence_consents_within
        kind, silence = NoticeKind.FIRST_DELAY, Answer.CONSENT if consents else Answer.CANCEL
        # Where silence consents there is nothing to be late with: the choice stays open until it ships.
        answer_by = expected if consents and expected else stated + policy.law.answer_within
    words = f"the new date {expected}" if expected else "that no date can be given"
    return Duty(
        kind=DutyKind.NOTIFY,
        at=at,
        why=f"tell the customer {words}, and ask",
        notice=kind,
        promised=expected,
        basis=basis,
        silence=silence,
        answer_by=answer_by,
    )
