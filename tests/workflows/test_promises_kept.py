"""The happy paths: promised, ordered, merged, split, received, charged, shipped."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from devstack.simulators.settings import StepLine
from tests.workflows.shop import Shop, eventually


async def test_a_backorder_is_bought_received_charged_and_shipped(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.acknowledged()
    await shop.supplier().advance("ship", po_number)
    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    position = await shop.closed()
    assert (position.shipped, position.refund_due) == (2, 0)
    assert [p.amount for p in position.payments] == [Decimal("104.70")]
    assert (await shop.outside.payments.books()).charged == Decimal("104.70")
    assert (await shop.po(po_number).result())["closed_at"]
    subjects = await shop.mails()
    assert len(subjects) == 2
    assert "on its way" in subjects[1].lower() or "shipped" in subjects[1].lower()


async def test_free_stock_ships_without_any_purchase_order(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=2)
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 2
    assert (await shop.supplier().books()).orders == ()


async def test_a_label_is_not_shipment(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=1)
    position = await shop.until(lambda p: any(x.state == "booked" for x in p.parcels))
    assert (position.shipped, position.status) == (0, "shipping")
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 1


async def test_many_backorders_are_merged_onto_one_purchase_order_and_one_line(shop: Shop) -> None:
    for number in range(1, 9):
        await shop.order(number)
    for number in range(1, 9):
        await shop.until(lambda p: p.claimed == 2, number)
    po_number = await shop.acknowledged(8)
    (order,) = (await shop.supplier().books()).orders
    (line,) = order.lines
    assert (order.po_number, line.ordered) == (po_number, 16)
    await shop.supplier().advance("deliver", po_number)
    for number in range(1, 9):
        await shop.parcel_taken(number)
        assert (await shop.closed(number)).shipped == 2


async def test_moq_is_bought_once_and_the_surplus_is_free_stock(shop: Shop) -> None:
    await shop.order(sku="CASE", quantity=3)
    po_number = await shop.acknowledged()
    (line,) = (await shop.supplier().books()).order(po_number).lines
    assert line.ordered == 3  # cases of two: six glasses, for a minimum of five
    await shop.supplier().advance("deliver", po_number)
    await shop.until(lambda p: p.allocated == 3)
    assert await shop.free("CASE") == 3
    await shop.order(2, sku="CASE", quantity=3)
    await shop.parcel_taken(2)
    assert (await shop.closed(2)).shipped == 3


async def test_the_purchase_order_leaves_by_itself_at_the_cut_off(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.po_number()
    await shop.forward(shop.po(po_number), timedelta(days=1, minutes=1))
    await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
    assert [o.po_number for o in (await shop.supplier().books()).orders] == [po_number]


async def test_a_held_purchase_order_waits_past_its_cut_off(shop: Shop) -> None:
    await shop.order()
    po = shop.po(await shop.po_number())
    standing = await po.execute_update("hold", {"held": True})
    assert standing["next_duty"] is None
    await po.execute_update("hold", {"held": False})
    standing = await po.execute_update("release_now")
    assert standing["position"]["release_now"] is True


async def test_one_backorder_is_split_over_two_suppliers_when_the_first_confirms_less(shop: Shop) -> None:
    await shop.supplier().behave("short", confirm=3)
    await shop.order(quantity=5, partial_shipment=True)
    first = await shop.acknowledged()
    position = await shop.until(lambda p: {c.supplier_id for c in p.claims} == {"acme", "birch"})
    assert {c.supplier_id: c.quantity for c in position.claims} == {"acme": 3, "birch": 2}
    second = next(c.po_number for c in position.claims if c.supplier_id == "birch")
    await shop.supplier().advance("deliver", first)
    await shop.parcel_taken()
    await shop.until(lambda p: p.shipped == 3)
    await shop.po(second).execute_update("release_now")
    await shop.po_until(second, lambda p: p.place is not None and p.place.state == "delivered")
    await shop.supplier("birch").advance("acknowledge", second)
    await shop.supplier("birch").advance("deliver", second)
    await shop.parcel_taken(parcel=2)
    position = await shop.closed()
    assert (position.shipped, sum(p.amount for p in position.payments)) == (5, Decimal("254.40"))


async def test_the_carrier_is_asked_once_a_day_about_a_parcel_that_follows_one_it_took(shop: Shop) -> None:
    await shop.order(quantity=5, partial_shipment=True)
    po_number = await shop.acknowledged()
    await shop.supplier().advance("deliver", po_number, StepLine(line_no=1, good=2))
    await shop.parcel_taken()
    await shop.until(lambda p: p.shipped == 2)
    await shop.supplier().advance("deliver", po_number)
    position = await shop.until(lambda p: len(p.parcels) == 2 and p.parcels[1].booked_at is not None)
    booked_at = position.parcels[1].booked_at or datetime.max.replace(tzinfo=UTC)
    await shop.forward(shop.backorder(), timedelta(days=1, minutes=5))

    async def asked() -> bool | None:
        duty = (await shop.backorder().query("standing"))["next_duty"]
        return datetime.fromisoformat(duty["at"]) > booked_at + timedelta(days=1, hours=12) or None

    await eventually(asked, shop.position)
    assert (await shop.position()).attention is None


async def test_a_complete_shipment_waits_for_its_last_unit(shop: Shop) -> None:
    await shop.order(quantity=4)
    po_number = await shop.acknowledged()
    await shop.supplier().advance("deliver", po_number, StepLine(line_no=1, good=3))
    position = await shop.until(lambda p: p.allocated == 3)
    assert position.parcels == ()
    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 4


async def test_a_rejected_order_finds_the_next_supplier_by_itself(shop: Shop) -> None:
    await shop.supplier().behave("reject_all")
    await shop.order()
    rejected = await shop.acknowledged()
    position = await shop.until(lambda p: any(c.supplier_id == "birch" for c in p.claims))
    assert position.claims[0].po_number != rejected
    assert (await shop.po(rejected).result())["rejected_at"]


async def test_damaged_goods_are_never_allocated_and_bought_again(shop: Shop) -> None:
    await shop.order(quantity=2)
    po_number = await shop.acknowledged()
    await shop.supplier().advance("deliver", po_number, StepLine(line_no=1, good=1, damaged=1))
    position = await shop.until(lambda p: p.allocated == 1 and p.claimed == 1)
    assert position.claims[0].po_number != po_number


async def test_a_large_order_pays_a_deposit_before_anything_is_bought(shop: Shop) -> None:
    await shop.order(quantity=30)  # 1,497.00 of goods
    position = await shop.until(lambda p: bool(p.claims))
    (deposit,) = position.payments
    assert (deposit.kind, deposit.state, deposit.amount) == ("deposit", "succeeded", Decimal("299.40"))
    po_number = await shop.acknowledged()
    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    await shop.closed()
    assert (await shop.outside.payments.books()).charged == Decimal("1501.90")


async def test_a_declined_charge_is_tried_again_and_the_goods_are_held_meanwhile(shop: Shop) -> None:
    await shop.outside.payments.decline_next(1)
    backorder = await shop.order(sku="CHAIR", quantity=1)
    await shop.until(lambda p: any(x.state == "declined" for x in p.payments) and len(p.notices) == 2)
    assert (await shop.position()).allocated == 1
    await shop.forward(backorder, timedelta(hours=12, minutes=1))
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 1


async def test_goods_whose_charge_stays_declined_go_to_the_next(shop: Shop) -> None:
    broke = await shop.order(1, sku="CHAIR", quantity=3, payment_method="pm_declined_always")
    await shop.until(lambda p: p.allocated == 3 and any(x.state == "declined" for x in p.payments))
    await shop.order(2, sku="CHAIR", quantity=3)
    await shop.until(lambda p: p.claimed == 3, 2)
    await shop.forward(broke, timedelta(days=8))
    position = await shop.closed(1)
    assert (position.cancelled, position.cancelled_by) == (3, "seller")
    await shop.parcel_taken(2)
    assert (await shop.closed(2)).shipped == 3


async def test_every_mail_gives_its_own_true_reason(shop: Shop) -> None:
    await shop.order(1, quantity=30, payment_method="pm_declined_always")
    await shop.order(2)
    await shop.order(3, sku="CHAIR", quantity=1)
    await shop.until(lambda p: len(p.notices) == 1, 1)
    await shop.until(lambda p: len(p.notices) == 1, 2)
    await shop.until(lambda p: len(p.notices) >= 1, 3)
    (deposit,) = await shop.outside.mails(to="ada1@customer.example")
    assert "deposit" in deposit.subject
    assert "is here" not in deposit.text
    (bought,) = await shop.outside.mails(to="ada2@customer.example")
    assert "the supplier's quoted lead time" in bought.text
    in_stock = (await shop.outside.mails(to="ada3@customer.example"))[0]
    assert "sold out" not in in_stock.text
