"""Cancelling at every stage unwinds exactly what was done, and what was held goes to the next, never back."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import pytest

from domain.backorder_position import CancelledBy, ParcelState, Status
from domain.errors import BooksDoNotBalance
from domain.orders import Order
from ledger import backorders, parcels, unwinding
from ledger.book import lock_skus
from ledger.offering import offer_free_open, offer_free_stock
from ledger.shares import Taken, take_back

from .conftest import DEADLINE, NOW, Shop
from .ordering import placed
from .waiting import waits

LATER = DEADLINE + timedelta(days=9)


async def test_a_cancel_before_anything_was_found_cancels_every_unit(shop: Shop) -> None:
    await shop.accept("a", quantity=3)
    position = await shop.cancel("a")
    assert (position.cancelled, position.open, position.status) == (3, 0, Status.CANCELLED)
    assert position.refund_deadline == date(2026, 12, 3)


async def test_the_last_share_given_back_leaves_nothing_to_order(shop: Shop) -> None:
    await shop.sourced("a", quantity=3)
    await shop.cancel("a")
    assert await shop.rows("select ordered, confirmed, open, claimed from po_line") == [
        {"ordered": 0, "confirmed": 0, "open": 0, "claimed": 0}
    ]
    await shop.balanced()


async def test_a_share_of_a_collecting_order_makes_the_line_smaller_and_dearer(shop: Shop) -> None:
    await shop.sourced("a", quantity=6)
    await shop.sourced("b", quantity=6)
    await shop.cancel("a")
    assert await shop.rows("select ordered, claimed, unit_price from po_line") == [
        {"ordered": 6, "claimed": 6, "unit_price": Decimal(10)}
    ]
    assert (await shop.position("b")).claimed == 6
    await shop.balanced()


async def test_a_share_of_a_sent_order_stays_open_there_and_the_order_is_told(shop: Shop) -> None:
    po_number = await placed(shop, a=3, b=4)
    await shop.cancel("a")
    assert await shop.rows("select open, claimed from po_line") == [{"open": 7, "claimed": 4}]
    assert "shares_changed" in await shop.words(f"po/{po_number}")
    await shop.balanced()


async def test_a_share_of_a_sent_order_goes_to_the_next_who_has_no_supply(shop: Shop) -> None:
    po_number = await placed(shop, a=5)
    await waits(shop, "later", quantity=4, deadline=LATER)
    await waits(shop, "sooner", quantity=3)
    await shop.cancel("a")
    sooner, later = await shop.position("sooner"), await shop.position("later")
    assert [(claim.po_number, claim.quantity) for claim in sooner.claims] == [(po_number, 3)]
    assert (later.claimed, later.unsourced) == (2, 2)
    assert await shop.words("backorder/sooner") == ["supply_changed"]
    await shop.balanced()


async def test_allocated_units_go_to_the_next_in_rank_at_once(shop: Shop) -> None:
    await shop.sourced("a", "SHADE", 4)
    await shop.sourced("later", "SHADE", 3, deadline=LATER)
    await shop.sourced("sooner", "SHADE", 3)
    position = await shop.cancel("a")
    assert (position.allocated, position.cancelled) == (0, 4)
    sooner, later = await shop.position("sooner"), await shop.position("later")
    assert (sooner.allocated, sooner.claimed, later.allocated, later.claimed) == (3, 0, 1, 2)
    assert await shop.rows("select ordered from po_line") == [{"ordered": 2}]
    await shop.balanced()


async def test_with_nobody_waiting_allocated_units_are_free_stock_again(shop: Shop) -> None:
    await shop.sourced("a", "SHADE", 4)
    await shop.cancel("a")
    assert await shop.rows("select on_hand, allocated from stock where sku = 'SHADE'") == [
        {"on_hand": 4, "allocated": 0}
    ]


async def test_two_who_cancel_at_once_do_not_fill_each_other(shop: Shop) -> None:
    await placed(shop, a=5, b=5)
    for backorder_id in ("a", "b"):
        await backorders.request_cancel(
            shop.ledger, backorder_id, key=shop.key(), at=NOW, by=CancelledBy.CUSTOMER, reason=""
        )
    await asyncio.gather(*(shop.cancel(backorder_id) for backorder_id in ("a", "b")))
    assert await shop.rows("select open, claimed from po_line") == [{"open": 10, "claimed": 0}]
    await shop.balanced()


async def test_an_order_never_fills_its_own_share_that_it_gave_up(shop: Shop) -> None:
    po_number = await placed(shop, a=5)
    async with shop.ledger.work() as connection:
        await lock_skus(connection, ["LAMP"])
        await take_back(connection, [Taken("a", po_number, 1, 2)], lost=False, back_to="unsourced")
        await offer_free_open(connection, "LAMP", NOW, "test")
    assert (await shop.position("a")).unsourced == 2
    position = await shop.source("a")
    assert {(c.po_number, c.quantity) for c in position.claims} == {(po_number, 3), ("PO-000002", 2)}
    await shop.balanced()


async def test_nothing_is_unwound_that_nobody_asked_to_cancel(shop: Shop) -> None:
    await shop.sourced("a")
    with pytest.raises(BooksDoNotBalance, match="request the cancel first"):
        await unwinding.release_supply(shop.ledger, "a", key="k", at=NOW, refund_deadline=date(2026, 12, 3))
    assert (await shop.position("a")).claimed == 1


async def test_the_same_key_twice_unwinds_once(shop: Shop) -> None:
    await shop.sourced("a", "SHADE", 4)
    first = await shop.cancel("a")
    await shop.sourced("b", "SHADE", 4)
    for key in ("test/3", "another"):
        again = await unwinding.release_supply(shop.ledger, "a", key=key, at=NOW, refund_deadline=date(2026, 12, 3))
        assert again == first
    assert (await shop.position("b")).allocated == 4
    await shop.balanced()


async def test_a_planned_parcel_is_voided_and_a_booked_one_keeps_its_units(shop: Shop) -> None:
    await shop.sourced("a", "SHADE", 2)
    await parcels.plan_parcel(shop.ledger, "a", parcel_id="p-1", at=NOW)
    await parcels.book(shop.ledger, "p-1", at=NOW, tracking="T1")
    position = await shop.cancel("a")
    assert (position.allocated, position.cancelled) == (2, 0)
    await parcels.void(shop.ledger, "p-1", at=NOW)
    position = await unwinding.release_supply(shop.ledger, "a", key="k", at=NOW, refund_deadline=date(2026, 12, 4))
    assert (position.allocated, position.cancelled) == (0, 2)
    assert position.refund_deadline == date(2026, 12, 3)  # the right to it did not begin anew

    await shop.sourced("b", "SHADE", 2)
    await parcels.plan_parcel(shop.ledger, "b", parcel_id="p-2", at=NOW)
    position = await shop.cancel("b")
    assert [parcel.state for parcel in position.parcels] == [ParcelState.VOIDED]
    assert position.cancelled == 2
    await shop.balanced()


async def test_a_label_for_a_parcel_that_was_voided_meanwhile_leaves_it_void(shop: Shop) -> None:
    await shop.sourced("a", "SHADE", 2)
    await parcels.plan_parcel(shop.ledger, "a", parcel_id="p-1", at=NOW)
    await shop.cancel("a")
    position = await parcels.book(shop.ledger, "p-1", at=NOW, tracking="T1")
    assert [parcel.state for parcel in position.parcels] == [ParcelState.VOIDED]


@pytest.mark.parametrize("carrier_first", [True, False])
async def test_cancel_against_possession_has_one_winner(shop: Shop, carrier_first: bool) -> None:
    """The units are shipped, or they are cancelled: never both, never neither."""
    for n in range(4):
        await shop.sourced(f"b{n}", "SHADE", 1)
        await parcels.plan_parcel(shop.ledger, f"b{n}", parcel_id=f"p-{n}", at=NOW)
        await parcels.book(shop.ledger, f"p-{n}", at=NOW, tracking=f"T{n}")

    async def take(n: int) -> None:
        await parcels.possess(shop.ledger, f"p-{n}", event_id=f"e-{n}", at=NOW)

    async def call_off(n: int) -> None:
        await parcels.void(shop.ledger, f"p-{n}", at=NOW)
        await shop.cancel(f"b{n}")

    first, second = (take, call_off) if carrier_first else (call_off, take)
    await asyncio.gather(*(step(n) for n in range(4) for step in (first, second)))
    ends = [await shop.position(f"b{n}") for n in range(4)]
    assert all(end.shipped + end.cancelled == 1 and end.allocated == 0 for end in ends)
    assert all((end.attention is not None) == (end.cancelled == 1) for end in ends)
    (stock,) = await shop.rows("select on_hand, allocated from stock where sku = 'SHADE'")
    assert stock == {"on_hand": 4 - sum(end.shipped for end in ends), "allocated": 0}
    await shop.balanced()


async def test_cancel_against_sourcing_leaves_nothing_on_order(shop: Shop) -> None:
    await asyncio.gather(*(shop.accept(f"b{n}", quantity=2) for n in range(10)))
    await asyncio.gather(*(step(f"b{n}") for n in range(10) for step in (shop.source, shop.cancel)))
    ends = [await shop.position(f"b{n}") for n in range(10)]
    assert [end.cancelled for end in ends] == [2] * 10
    assert [row["claimed"] for row in await shop.rows("select claimed from po_line where claimed > 0")] == []
    await shop.balanced()


async def test_five_thousand_who_wait_are_served_in_one_go(shop: Shop) -> None:
    order: Order = shop.order("one")
    await shop.do(
        """insert into backorder (backorder_id, fingerprint, sales_order, line, customer_id, sku, unit_price, currency,
           shipping_charge, payment_method, partial_shipment, zone, priority, accepted_at, legal_deadline, ordered,
           unsourced, last_sourced_at)
           select 'b' || n, '', 'so', 1, 'c', 'LAMP', 1, 'USD', 0, %s, false, 'UTC', 5, %s, %s, 2, 2, %s
           from generate_series(1, 5000) n""",
        order.payment_method,
        NOW,
        DEADLINE,
        NOW,
    )
    await shop.stock("LAMP", 9999)
    async with shop.ledger.work() as connection:
        await lock_skus(connection, ["LAMP"])
        await offer_free_stock(connection, "LAMP", NOW, "test")
    assert (await shop.rows("select allocated from stock where sku = 'LAMP'")) == [{"allocated": 9999}]
    assert len(await shop.rows("select * from announcement where told_at is null")) == 5000
    await shop.balanced()
