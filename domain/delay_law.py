"""The law of late shipment: 16 CFR Part 435 (US mail, internet and telephone orders) as data, and a fold over notices.

All dates are calendar days at the ship-to address. Given when the order was complete, what was stated, and the
notices sent with their answers, `legal_position` says how things stand; it asks no clock. Engineering research, not
legal advice: what the rule leaves open is marked as an assumption and can be set otherwise in another profile.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal, Self

from pydantic import Field, model_validator

from domain.calendars import add_working_days
from domain.values import Frozen

_DAY = timedelta(days=1)


class LawProfile(Frozen):
    """The numbers of one law of delay. The defaults are those of 16 CFR Part 435; paragraphs stand at each field.

    T is the time by which shipment is due at first: the one stated, else `default_ship_within` after the order.
    """

    name: str
    default_ship_within: timedelta = timedelta(days=30)
    """T after a complete order when no time was stated. 435.2(a)(1)."""
    silence_consents_within: timedelta = timedelta(days=30)
    """A first notice with a definite date at most this long after T: silence consents to that date. 435.2(b)(1)(ii)."""
    answer_within: timedelta = timedelta(days=30)
    """After any other first notice: shipped or expressly consented to by then, else cancelled. 435.2(b)(1)(iii)."""
    first_notice_by_ship_by: bool = True
    """The first notice is due by T; one sent later cures nothing. 435.2(b)(1), 435.2(c)(5)."""
    notify_before: timedelta = timedelta(days=3)
    """How long before the legal date a notice goes out when nothing better is known. Assumption: the rule asks for a
    'reasonable time' after the seller knows, and never later than the date itself."""
    vests_after: timedelta = Field(default=_DAY, ge=_DAY)
    """From the last day of a period to the day on which the order counts as cancelled. Assumption: the next day."""
    refund_working_days: int = Field(default=7, ge=1)
    """Working days within which a refund is sent. 435.1(b)(1)."""
    refund_counting_starts: timedelta = _DAY
    """From the day the right vests to the first day counted. Assumption: the next day, and working days are Monday to
    Friday less federal holidays."""


US = LawProfile(name="us")
"""United States: 16 CFR Part 435."""

PROFILES: Mapping[str, LawProfile] = MappingProxyType({US.name: US})
"""The laws known, by name."""


class NoticeFact(Frozen):
    """A delay notice that was sent, and what the customer answered. Days are local to the ship-to address."""

    sent_on: date
    promised: date | None
    """The definite revised date it gave; None says that none can be given."""
    answer: Literal["consent", "cancel"] | None = None
    """An answer in the customer's own words or click; silence is None."""
    answered_on: date | None = None
    renewed: bool = False
    """Which text was sent: a renewed notice says that silence rejects the delay, so silence never consents to it."""
    offers_cancel: bool = True
    """It offered to cancel with a prompt refund. Without that it is as none. 435.2(b)(1)(i)."""

    @model_validator(mode="after")
    def _answer_has_a_day(self) -> Self:
        if (self.answer is None) != (self.answered_on is None):
            raise ValueError("an answer and answered_on go together; give both or neither")
        return self


class LegalPosition(Frozen):
    """How one unshipped order stands in law."""

    ship_by: date | None
    """The last day on which it may be shipped as things stand; None: consented to an indefinite delay."""
    cancel_on: date | None
    """The first day on which it counts as cancelled, if not shipped before; None: silence never cancels it."""
    consent_pending: bool
    """An express consent was asked for and has not come: without it the order ends on `cancel_on`."""
    may_cancel_any_time: bool
    """The customer consented to an indefinite delay and keeps the right to cancel until shipment."""
    notice_due_by: date | None
    """The last day for the next notice, should `ship_by` not be kept; None: no further notice is asked for."""
    next_notice: Literal["first", "renewed"] | None
    """Which notice that is."""


def legal_position(
    profile: LawProfile, ordered_on: date, stated: date | None, notices: Sequence[NoticeFact]
) -> LegalPosition:
    """How an order stands that has not been shipped.

    Args:
        profile: the law.
        ordered_on: the day the order was complete (payment or authority to charge, and all information).
        stated: the ship-by day stated at order, if one was.
        notices: the delay notices sent, in any order.
    """
    due = stated if stated is not None else ordered_on + profile.default_ship_within
    sent = sorted(notices, key=lambda notice: notice.sent_on)
    standing = _Standing(ship_by=due, next_notice="first")
    for notice in sent:
        if notice.offers_cancel and (notice.promised is None or notice.promised > due):
            standing = _after(standing, notice, due, profile)

    cancelled = [notice.answered_on for notice in sent if notice.answer == "cancel" and notice.answered_on is not None]
    lapses_on = None if standing.ship_by is None else standing.ship_by + profile.vests_after
    cancel_on = min((day for day in (lapses_on, *cancelled) if day is not None), default=None)
    if cancel_on is not None and cancel_on != lapses_on:
        # The customer's own cancellation ends it before any period does: 435.2(c)(1).
        standing = _Standing(ship_by=cancel_on - _DAY, next_notice=None)
    return LegalPosition(
        ship_by=standing.ship_by,
        cancel_on=cancel_on,
        consent_pending=standing.consent_pending,
        may_cancel_any_time=standing.ship_by is None,
        notice_due_by=standing.ship_by if standing.next_notice else None,
        next_notice=standing.next_notice,
    )


def refund_deadline(vested_on: date, profile: LawProfile) -> date:
    """The last day on which a refund may be sent, the right to it having vested on `vested_on` (`cancel_on`)."""
    return add_working_days(vested_on + profile.refund_counting_starts - _DAY, profile.refund_working_days)


class _Standing(Frozen):
    """The fold's state: how far shipment is allowed, and what is still to be asked."""

    ship_by: date | None
    next_notice: Literal["first", "renewed"] | None
    consent_pending: bool = False


def _after(standing: _Standing, notice: NoticeFact, due: date, profile: LawProfile) -> _Standing:
    """How things stand after one notice of a date later than T, and its answer or silence."""
    if standing.ship_by is None:
        # Consented to an indefinite delay: no renewed notice is needed, and none takes the consent back. 435.2(b)(2).
        return standing
    if standing.next_notice == "first":
        if profile.first_notice_by_ship_by and notice.sent_on > due:
            return standing
        if not notice.renewed and notice.promised and notice.promised <= due + profile.silence_consents_within:
            # Consent by silence as much as by word: 435.2(b)(1)(ii).
            return _Standing(ship_by=notice.promised, next_notice="renewed")
        period_ends = due if notice.renewed else due + profile.answer_within
    else:
        period_ends = standing.ship_by
        better_news = notice.promised is not None and notice.promised <= period_ends and not standing.consent_pending
        if notice.sent_on > period_ends or better_news:
            return standing
    if _consents(notice, period_ends):
        # 435.2(b)(1)(iii)(B), 435.2(b)(2): the date expressly consented to takes the old one's place.
        return _Standing(ship_by=notice.promised, next_notice="renewed" if notice.promised else None)
    return _Standing(ship_by=period_ends, next_notice=None, consent_pending=True)


def _consents(notice: NoticeFact, period_ends: date) -> bool:
    """An express consent that came within the period, and no later than the date it consents to."""
    if notice.answer != "consent" or notice.answered_on is None:
        return False
    return notice.answered_on <= min(period_ends, notice.promised or period_ends)
