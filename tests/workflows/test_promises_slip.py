"""Dates that move, suppliers that stay silent, and what the customer is told and asked (16 CFR 435)."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.backorder_position import BackorderPosition, NoticeKind
from tests.workflows.shop import Shop


def customers_today() -> date:
    """The law counts the customer's days, which begin and end hours after UTC's."""
    return datetime.now(ZoneInfo("America/New_York")).date()


def notice_of(position: BackorderPosition, kind: NoticeKind) -> Any:
    return next((n for n in position.notices if n.kind is kind), None)


async def delayed(shop: Shop, days: int, **order: Any) -> Any:
    """A backorder promised in ten days whose supplier says `days`; the first notice it caused, once it is a promise."""
    today = customers_today()
    await shop.order(promised_by=today + timedelta(days=10), **order)
    await shop.acknowledged(deliver_on=today + timedelta(days=days))

    def promised(position: BackorderPosition) -> bool:
        notice = notice_of(position, NoticeKind.FIRST_DELAY)
        return notice is not None and notice.promised == position.current_promise

    return notice_of(await shop.until(promised), NoticeKind.FIRST_DELAY)


async def test_a_later_date_is_told_at_once_with_a_way_to_answer(shop: Shop) -> None:
    notice = await delayed(shop, 25)
    (mail,) = [m for m in await shop.outside.mails() if "/answers/" in m.text and "cancel" in m.text.lower()][1:]
    assert "refund" in mail.text.lower()
    position = await shop.position()
    assert position.first_promise is not None
    assert notice.promised - position.first_promise == timedelta(days=16)  # from the 10th to the 25th, and for handling
    assert position.current_promise == notice.promised


async def test_silence_to_a_short_delay_is_consent_to_the_new_date(shop: Shop) -> None:
    await delayed(shop, 25)
    await shop.forward(shop.backorder(), timedelta(days=20))
    assert (await shop.position()).cancel_requested_at is None


async def test_a_short_delay_that_is_not_kept_either_needs_a_renewed_notice_and_silence_then_cancels(
    shop: Shop,
) -> None:
    await delayed(shop, 25)
    await shop.forward(shop.backorder(), timedelta(days=26))  # the day of the goods is over
    position = await shop.until(lambda p: notice_of(p, NoticeKind.RENEWED_DELAY) is not None)
    assert notice_of(position, NoticeKind.RENEWED_DELAY).promised is None
    await shop.forward(shop.backorder(), timedelta(days=2))
    position = await shop.closed()
    assert (position.cancelled, position.cancelled_by) == (2, "law")


async def test_a_long_delay_without_an_answer_is_cancelled_by_law(shop: Shop) -> None:
    await delayed(shop, 60)
    await shop.forward(shop.backorder(), timedelta(days=39))
    assert (await shop.position()).cancel_requested_at is None
    await shop.forward(shop.backorder(), timedelta(days=4))
    position = await shop.closed()
    assert (position.cancelled, position.cancelled_by, position.refund_due) == (2, "law", 0)
    assert "cancel" in (await shop.mails())[-1].lower()


async def test_a_long_delay_that_is_consented_to_goes_on(shop: Shop) -> None:
    notice = await delayed(shop, 60)
    assert (await shop.answer(notice.notice_id, "consent"))["outcome"] == "recorded"
    await shop.forward(shop.backorder(), timedelta(days=45))
    assert (await shop.position()).cancel_requested_at is None
    po_number = (await shop.position()).claims[0].po_number
    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 2


async def test_a_delay_that_is_refused_is_cancelled_and_the_share_given_up(shop: Shop) -> None:
    notice = await delayed(shop, 25)
    await shop.answer(notice.notice_id, "cancel")
    position = await shop.closed()
    assert (position.cancelled, position.cancelled_by) == (2, "customer")


async def test_an_answer_to_somebody_elses_notice_is_refused(shop: Shop) -> None:
    await shop.order()
    await shop.until(lambda p: bool(p.claims))
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await shop.answer("backorder/other/first_delay/1", "cancel")
    assert "is not one of" in str(refused.value.cause)
    assert (await shop.position()).cancel_requested_at is None


async def test_when_no_date_can_be_given_the_notice_goes_out_before_the_legal_date(shop: Shop) -> None:
    await shop.supplier().behave("reject_all")
    await shop.order(sku="RARE", promised_by=customers_today() + timedelta(days=10))
    await shop.acknowledged()
    position = await shop.until(lambda p: p.attention is not None)
    assert "No supplier is left" in (position.attention or "")
    await shop.forward(shop.backorder(), timedelta(days=8, hours=2))  # three days ahead, and a clock change to spare
    position = await shop.until(lambda p: notice_of(p, NoticeKind.FIRST_DELAY) is not None)
    assert notice_of(position, NoticeKind.FIRST_DELAY).promised is None


async def test_the_seller_cancels_when_no_supplier_is_found_in_time(shop: Shop) -> None:
    await shop.supplier().behave("reject_all")
    await shop.order(sku="RARE")
    await shop.acknowledged()
    await shop.until(lambda p: p.attention is not None)
    await shop.forward(shop.backorder(), timedelta(days=15))
    position = await shop.closed()
    assert (position.cancelled, position.cancelled_by) == (2, "seller")


async def test_an_operator_lets_the_same_supplier_be_asked_again(shop: Shop) -> None:
    await shop.supplier().behave("reject_all")
    await shop.order(sku="RARE")
    await shop.acknowledged()
    await shop.until(lambda p: p.attention is not None)
    await shop.supplier().behave("accept")
    await shop.backorder().execute_update("resolve", {"resolution": "retry", "note": "they have some again"})
    position = await shop.until(lambda p: bool(p.claims))
    assert position.attention is None


async def test_a_silent_supplier_is_chased_then_withdrawn_and_the_goods_bought_elsewhere(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.placed()
    po = shop.po(po_number)
    for _ in range(2):
        await shop.forward(po, timedelta(days=1, minutes=1))
    await shop.po_until(po_number, lambda p: p.chases == 2)
    await shop.forward(po, timedelta(days=1, minutes=1))
    await shop.po_until(po_number, lambda p: any(o.kind == "cancel" and o.state == "delivered" for o in p.operations))
    await shop.supplier().advance("answer", po_number)
    position = await shop.until(lambda p: any(c.supplier_id == "birch" for c in p.claims))
    assert position.claimed == 2


async def test_a_supplier_that_never_answers_ends_at_an_operator_who_buys_elsewhere(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.placed()
    po = shop.po(po_number)
    for _ in range(5):
        await shop.forward(po, timedelta(days=1, minutes=1))
    await shop.po_until(po_number, lambda p: p.attention is not None)
    await po.execute_update("resolve", {"resolution": "close_short", "note": "they are out of business"})
    position = await shop.until(lambda p: any(c.supplier_id == "birch" for c in p.claims))
    assert position.claimed == 2


async def test_goods_that_do_not_come_make_the_date_unknown(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.acknowledged()
    assert (await shop.position()).claims[0].expected_on is not None
    await shop.forward(shop.po(po_number), timedelta(days=12))
    await shop.until(lambda p: p.claims[0].expected_on is None)
