"""An operator takes a purchase order back: by the `resolve` update, or by the cancel button of the Temporal UI."""

from decimal import Decimal

import pytest

from tests.workflows.shop import Shop, eventually

BY_HAND = pytest.mark.parametrize("how", ["resolve", "cancel button"])


async def withdraw(shop: Shop, po_number: str, how: str) -> None:
    if how == "resolve":
        await shop.po(po_number).execute_update("resolve", {"resolution": "withdraw", "note": "ordered by mistake"})
    else:
        await shop.po(po_number).cancel()


@BY_HAND
async def test_withdrawn_while_it_collects_nothing_is_ever_sent_and_its_backorders_look_elsewhere(
    shop: Shop, how: str
) -> None:
    await shop.order()
    po_number = await shop.po_number()
    await withdraw(shop, po_number, how)
    position = await shop.until(lambda p: any(c.supplier_id == "birch" for c in p.claims))
    assert position.claimed == 2
    assert (await shop.po(po_number).result())["closed_at"]
    assert (await shop.supplier().books()).orders == ()


@BY_HAND
async def test_withdrawn_after_the_supplier_confirmed_it_ends_when_the_supplier_agrees(shop: Shop, how: str) -> None:
    await shop.order()
    po_number = await shop.acknowledged()
    await withdraw(shop, po_number, how)
    await shop.po_until(po_number, lambda p: any(o.kind == "cancel" and o.state == "delivered" for o in p.operations))
    assert (await shop.position()).claims[0].supplier_id == "acme"  # goods may still come until it answers
    await shop.supplier().advance("answer", po_number)
    await shop.until(lambda p: any(c.supplier_id == "birch" for c in p.claims))
    assert (await shop.po(po_number).result())["cancelled_at"]


async def test_a_supplier_that_does_not_agree_is_said_aloud_and_the_order_goes_on(shop: Shop) -> None:
    await shop.supplier().behave("cancel_too_late", synchronous=True)
    await shop.order()
    po_number = await shop.acknowledged()
    await withdraw(shop, po_number, "cancel button")
    position = await shop.po_until(po_number, lambda p: p.attention is not None)
    assert "did not agree to cancel" in (position.attention or "")
    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    assert (await shop.po(po_number).result())["closed_at"]


@pytest.mark.parametrize("decided", ["withdraw", "dismiss"])
async def test_a_price_above_the_one_ordered_waits_for_a_person_who_withdraws_it_or_has_the_goods(
    shop: Shop, decided: str
) -> None:
    await shop.supplier().behave("accept", unit_price=Decimal("22.50"))
    await shop.order()
    po_number = await shop.acknowledged()

    async def asked() -> str | None:
        return (await shop.po(po_number).query("standing"))["position"]["attention"]

    assert "at 22.50 USD instead of 20.00 USD (12.5% more)" in await eventually(asked, asked)
    await shop.po(po_number).execute_update("resolve", {"resolution": decided})
    await shop.po_until(po_number, lambda p: p.attention is None)
    if decided == "dismiss":
        await shop.supplier().advance("deliver", po_number)
        await shop.parcel_taken()
        assert (await shop.closed()).shipped == 2
    else:
        await shop.po_until(
            po_number, lambda p: any(o.kind == "cancel" and o.state == "delivered" for o in p.operations)
        )
        await shop.supplier().advance("answer", po_number)
        await shop.until(lambda p: any(c.supplier_id == "birch" for c in p.claims))
        assert (await shop.po(po_number).result())["cancelled_at"]


async def test_close_short_of_an_order_that_still_collects_withdraws_it(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.po_number()
    await shop.po(po_number).execute_update("resolve", {"resolution": "close_short"})
    await shop.until(lambda p: any(c.supplier_id == "birch" for c in p.claims))
    assert (await shop.po(po_number).result())["closed_at"]
