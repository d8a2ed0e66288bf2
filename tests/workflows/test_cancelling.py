"""Cancelling at every stage, and every race it can lose or win."""

import asyncio
from datetime import timedelta
from decimal import Decimal

from devstack.simulators.settings import StepLine
from tests.workflows import endings
from tests.workflows.shop import Shop


async def test_cancelled_while_its_purchase_order_collects_nothing_is_ever_sent(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.po_number()
    reply = await shop.cancel(reason="changed my mind")
    assert (reply["outcome"], reply["units_cancelled"]) == ("cancelled", 2)
    await shop.closed()
    await shop.po(po_number).execute_update("release_now")
    await shop.po_until(po_number, lambda p: p.closed_at is not None)
    assert (await shop.supplier().books()).orders == ()
    assert "cancel" in (await shop.mails())[-1].lower()


async def test_one_share_of_a_merged_order_is_cancelled_and_the_supplier_asked_for_less(shop: Shop) -> None:
    await shop.order(1)
    await shop.order(2)
    await shop.until(lambda p: p.claimed == 2, 1)
    await shop.until(lambda p: p.claimed == 2, 2)
    po_number = await shop.acknowledged(2)
    assert (await shop.cancel(1))["outcome"] == "cancelled"
    await shop.po_until(po_number, lambda p: p.pending is not None and p.pending.state == "delivered")
    await shop.supplier().advance("answer", po_number)
    position = await shop.po_until(po_number, lambda p: p.lines[0].cancelled == 2)
    assert (position.lines[0].open, position.lines[0].claimed) == (2, 2)
    assert (await shop.supplier().books()).order(po_number).lines[0].ordered == 2


async def test_a_supplier_that_refuses_to_take_it_off_fills_the_next_backorder(shop: Shop) -> None:
    await shop.supplier().behave("cancel_too_late", synchronous=True)
    await shop.order(1)
    await shop.until(lambda p: p.claimed == 2, 1)
    po_number = await shop.acknowledged(1)
    assert (await shop.cancel(1))["outcome"] == "cancelled"
    await shop.po_until(
        po_number,
        lambda p: len(p.operations) == 2 and p.pending is None and p.lines[0].open - p.lines[0].to_reduce == 2,
    )
    await shop.order(2)
    position = await shop.until(lambda p: p.claimed == 2, 2)
    assert position.claims[0].po_number == po_number


@endings.each
async def test_what_is_asked_of_a_placed_order_ends_in_one_of_four_ways(shop: Shop, asked: str, ending: str) -> None:
    behaviour = {endings.TOO_LATE: "cancel_too_late", endings.ANYWAY: "ships_after_cancel"}.get(ending, "accept")
    await shop.supplier().behave(behaviour)
    po_number = await endings.ordered(shop, "LAMP", asked)
    await shop.supplier().advance("acknowledge", po_number)
    await shop.po_until(po_number, lambda p: p.acknowledged_at is not None)
    if ending == endings.PARTLY:
        left = StepLine(line_no=1, quantity=4 if asked == endings.SHARE else 1)
        await shop.supplier().advance("ship", po_number, left)
    await endings.asked_for_less(shop, po_number, asked)
    if ending == endings.SILENT:
        await shop.forward(shop.po(po_number), timedelta(days=1, minutes=1))
    else:
        await shop.supplier().advance("answer", po_number)
    await endings.settled(shop, po_number, asked, ending)

    async def deliver(units: int) -> None:
        await shop.supplier().advance("deliver", po_number)

    await endings.ended(shop, po_number, "LAMP", (asked, ending), deliver)


async def test_cancelled_after_allocation_the_goods_go_to_the_next_in_rank(shop: Shop) -> None:
    await shop.outside.payments.decline_next(1)
    await shop.order(1, sku="CHAIR", quantity=3)
    await shop.until(lambda p: any(x.state == "declined" for x in p.payments), 1)
    await shop.order(2, sku="CHAIR", quantity=3)
    await shop.until(lambda p: p.claimed == 3, 2)
    assert (await shop.cancel(1))["outcome"] == "cancelled"
    await shop.parcel_taken(2)
    assert (await shop.closed(2)).shipped == 3


async def test_cancelled_after_charge_and_label_voids_the_label_and_refunds_every_cent(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "booked" for x in p.parcels))
    reply = await shop.cancel()
    assert (reply["outcome"], Decimal(reply["refund"])) == ("cancelled", Decimal("104.70"))
    assert reply["refund_by"]
    await shop.closed()
    books = await shop.outside.payments.books()
    assert (books.charged, books.refunded) == (Decimal("104.70"), Decimal("104.70"))
    (parcel,) = (await shop.outside.carrier.books()).parcels
    assert parcel.state == "voided"
    assert await shop.free("CHAIR") == 3


async def test_cancelled_when_the_carrier_already_holds_it_is_too_late(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "booked" for x in p.parcels))
    await shop.outside.send_webhooks_to(None)  # the carrier took it, but its word is on the way
    await shop.outside.carrier.take(f"{shop.backorder_id()}/parcel/1")
    reply = await shop.cancel()
    assert (reply["outcome"], reply["units_shipped"], Decimal(reply["refund"])) == ("too_late", 2, Decimal(0))
    await shop.closed()
    assert (await shop.outside.payments.books()).refunded == 0


async def test_the_carriers_word_after_the_cancel_counts_once_and_changes_nothing(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "booked" for x in p.parcels))
    await shop.outside.send_webhooks_to(None)
    await shop.outside.carrier.take(f"{shop.backorder_id()}/parcel/1")
    await shop.cancel()
    await shop.closed()
    await shop.outside.send_webhooks_to(shop.gateway_url)
    await shop.outside.webhooks_settled()
    position = await shop.position()
    assert (position.shipped, position.cancelled) == (2, 0)


async def test_the_cancel_button_of_the_temporal_ui_does_the_same(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "booked" for x in p.parcels))
    await shop.backorder().cancel()
    position = await shop.closed()
    assert (position.cancelled, position.refund_due) == (2, 0)
    assert (await shop.outside.payments.books()).refunded == Decimal("104.70")
    described = await shop.backorder().describe()
    assert described.status is not None
    assert described.status.name in {"CANCELED", "RUNNING"}


async def test_cancelled_twice_during_compensation_everything_is_still_undone_once(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "booked" for x in p.parcels))
    await shop.outside.carrier.fail_next("503", 2, on="void", seconds=1)
    first = asyncio.create_task(shop.cancel())
    await shop.until(lambda p: p.cancel_requested_at is not None)
    await shop.backorder().cancel()
    second = asyncio.create_task(shop.cancel())
    assert (await first)["outcome"] == "cancelled"
    assert (await second)["outcome"] in {"cancelled", "already_cancelled"}
    await shop.closed()
    books = await shop.outside.payments.books()
    assert (books.charged, books.refunded) == (Decimal("104.70"), Decimal("104.70"))
    assert len([p for p in books.payments if p.kind == "refund"]) == 1


async def test_the_refund_waits_for_a_provider_that_is_down_and_says_so(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "booked" for x in p.parcels))
    await shop.outside.payments.fail_next("503", 3, on="refund", seconds=0)
    await shop.cancel()
    position = await shop.closed()
    assert position.refund_due == 0
    assert (await shop.outside.payments.books()).refunded == Decimal("104.70")


async def test_cancel_and_receipt_at_the_same_time_never_lose_a_unit(shop: Shop) -> None:
    await shop.order(1)
    await shop.order(2)
    await shop.until(lambda p: p.claimed == 2, 1)
    await shop.until(lambda p: p.claimed == 2, 2)
    po_number = await shop.acknowledged(2)
    _, reply = await asyncio.gather(shop.supplier().advance("deliver", po_number), shop.cancel(1))
    assert reply["outcome"] == "cancelled"
    await shop.parcel_taken(2)
    assert (await shop.closed(2)).shipped == 2
    await shop.closed(1)
    line = (await shop.po_until(po_number, lambda p: p.closed_at is not None or p.open > 0)).lines[0]
    received = await shop.free("LAMP")
    assert received + line.cancelled + line.open == 2


async def test_a_deposit_is_given_back_when_the_order_is_cancelled(shop: Shop) -> None:
    await shop.order(quantity=30)
    await shop.until(lambda p: bool(p.claims))
    reply = await shop.cancel()
    assert Decimal(reply["refund"]) == Decimal("299.40")
    await shop.closed()
    assert (await shop.outside.payments.books()).refunded == Decimal("299.40")
