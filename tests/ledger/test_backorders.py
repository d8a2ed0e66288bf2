"""Accepting orders, promises, requests to cancel, attention, and what is told of a backorder."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import pytest
from psycopg.conninfo import make_conninfo

from domain.backorder_position import CancelledBy, Status
from domain.errors import BooksDoNotBalance, NotFound, OrderConflict, OrderRefused
from ledger import backorders, catalogue, overview
from ledger.book import Ledger

from .conftest import CATALOGUE, DEADLINE, NOW, Shop


async def test_an_accepted_order_waits_for_supply(shop: Shop) -> None:
    position = await shop.accept("a", quantity=3, promised_by=date(2026, 12, 20))
    assert (position.ordered, position.unsourced, position.status) == (3, 3, Status.ACCEPTED)
    assert (position.first_promise, position.promise_basis) == (date(2026, 12, 20), "stated at order")
    assert position.goods_value == Decimal("60.00")
    assert position.accepted_at == NOW


async def test_the_time_of_the_order_itself_counts_for_its_age(shop: Shop) -> None:
    ordered_at = NOW - timedelta(days=2)
    assert (await shop.accept("a", ordered_at=ordered_at)).accepted_at == ordered_at


async def test_the_same_order_again_is_harmless_under_any_key(shop: Shop) -> None:
    order = shop.order("a", quantity=3)
    first = await backorders.accept(shop.ledger, order, key="k1", at=NOW, legal_deadline=DEADLINE)
    assert await backorders.accept(shop.ledger, order, key="k1", at=NOW, legal_deadline=DEADLINE) == first
    assert await backorders.accept(shop.ledger, order, key="k2", at=NOW, legal_deadline=DEADLINE) == first
    assert [line.text for line in await backorders.story(shop.ledger, "a")] == ["Accepted 3 of LAMP"]


@pytest.mark.parametrize("key", ["k1", "k2"])
async def test_the_same_id_with_other_content_is_a_conflict(shop: Shop, key: str) -> None:
    await backorders.accept(shop.ledger, shop.order("a", quantity=3), key="k1", at=NOW, legal_deadline=DEADLINE)
    with pytest.raises(OrderConflict, match="accepted before with other content"):
        await backorders.accept(shop.ledger, shop.order("a", quantity=4), key=key, at=NOW, legal_deadline=DEADLINE)
    assert (await shop.position("a")).ordered == 3


async def test_an_unknown_sku_is_refused_and_leaves_no_trace(shop: Shop) -> None:
    with pytest.raises(OrderRefused, match="load a catalogue"):
        await shop.accept("a", "UNHEARD-OF")
    assert await shop.rows("select * from journal where subject like 'backorder/%%'") == []


async def test_twenty_who_send_the_same_order_at_once_accept_it_once(shop: Shop) -> None:
    await asyncio.gather(*(shop.accept("a", quantity=2) for _ in range(20)))
    assert [row["ordered"] for row in await shop.rows("select ordered from backorder")] == [2]


async def test_nobody_knows_an_unknown_backorder(shop: Shop) -> None:
    with pytest.raises(NotFound):
        await shop.position("nobody")
    with pytest.raises(NotFound):
        await shop.source("nobody")
    with pytest.raises(NotFound):
        await backorders.raise_attention(shop.ledger, "nobody", key="k", at=NOW, what="help")
    with pytest.raises(NotFound):
        await backorders.contact(shop.ledger, "nobody")
    assert await backorders.fingerprint(shop.ledger, "nobody") is None


async def test_contact_data_is_told_apart_from_the_position(shop: Shop) -> None:
    order = shop.order("a")
    await shop.accept("a")
    contact = await backorders.contact(shop.ledger, "a")
    assert (contact.email, contact.ship_to, contact.payment_method) == ("ann@example.com", order.ship_to, "pm_1")
    assert "ann@example.com" not in (await shop.position("a")).model_dump_json()
    assert await backorders.fingerprint(shop.ledger, "a") == order.fingerprint


async def test_the_first_promise_never_changes(shop: Shop) -> None:
    await shop.accept("a")
    dates = [None, date(2026, 12, 10), date(2026, 12, 17)]
    for promised in dates:
        position = await backorders.set_promise(
            shop.ledger, "a", key=shop.key(), at=NOW, promised=promised, basis="Acme's word"
        )
    assert (position.first_promise, position.current_promise) == (date(2026, 12, 10), date(2026, 12, 17))
    kept = await shop.rows("select seq, promised, basis from promise order by seq")
    assert [(row["seq"], row["promised"]) for row in kept] == list(enumerate(dates, start=1))


async def test_a_promise_without_a_basis_is_not_written(shop: Shop) -> None:
    await shop.accept("a")
    with pytest.raises(BooksDoNotBalance):
        await backorders.set_promise(shop.ledger, "a", key="k", at=NOW, promised=date(2026, 12, 10), basis="")
    assert (await shop.position("a")).current_promise is None


async def test_the_same_key_twice_promises_once(shop: Shop) -> None:
    await shop.accept("a")
    for _ in range(2):
        await backorders.set_promise(shop.ledger, "a", key="k", at=NOW, promised=date(2026, 12, 10), basis="a guess")
    assert len(await shop.rows("select * from promise")) == 1


async def test_the_first_request_to_cancel_stands(shop: Shop) -> None:
    await shop.accept("a")
    for by in (CancelledBy.CUSTOMER, CancelledBy.LAW):
        position = await backorders.request_cancel(shop.ledger, "a", key=by.value, at=NOW, by=by, reason=by.value)
    assert (position.cancelled_by, position.cancel_reason) == (CancelledBy.CUSTOMER, "customer")


async def test_attention_is_raised_and_settled(shop: Shop) -> None:
    await shop.accept("a")
    later = NOW + timedelta(hours=1)
    await backorders.raise_attention(shop.ledger, "a", key="k1", at=NOW, what="find a supplier")
    for key in ("k2", "k3"):
        raised = await backorders.raise_attention(shop.ledger, "a", key=key, at=later, what="Call the customer.")
    assert (raised.attention, raised.attention_since) == ("find a supplier\nCall the customer.", NOW)
    rest = await backorders.settle_attention(
        shop.ledger, "a", key="k4", at=later, how="found one", need="find a supplier"
    )
    assert (rest.attention, rest.attention_since) == ("Call the customer.", NOW)
    assert (await overview.overview(shop.ledger)).attention == 1
    settled = await backorders.settle_attention(shop.ledger, "a", key="k5", at=later, how="called")
    assert (settled.attention, settled.attention_since) == (None, None)


async def test_settling_one_need_leaves_the_words_of_the_others_as_they_are(shop: Shop) -> None:
    await shop.accept("a")
    said = "They said:  no."  # what others say is not ours to tidy, and is settled by the very words it was raised in
    for key, what in enumerate((said, "Find a supplier.", "Refind a supplier.")):
        await backorders.raise_attention(shop.ledger, "a", key=f"raise-{key}", at=NOW, what=what)
    rest = await backorders.settle_attention(shop.ledger, "a", key="k1", at=NOW, how="found", need="Find a supplier.")
    assert rest.attention == f"{said}\nRefind a supplier."
    rest = await backorders.settle_attention(shop.ledger, "a", key="k2", at=NOW, how="answered", need=said)
    assert rest.attention == "Refind a supplier."


async def test_an_open_backorder_cannot_be_closed(shop: Shop) -> None:
    await shop.accept("a")
    with pytest.raises(BooksDoNotBalance, match="1 units are open"):
        await backorders.close(shop.ledger, "a", key="k", at=NOW)
    await shop.cancel("a")
    await backorders.close(shop.ledger, "a", key="k", at=NOW)
    assert (await shop.rows("select closed_at from backorder"))[0]["closed_at"] == NOW


async def test_the_story_is_told_in_the_trades_words(shop: Shop) -> None:
    await shop.sourced("a", "SHADE", 5)
    await shop.cancel("a")
    assert [line.text for line in await backorders.story(shop.ledger, "a")] == [
        "Accepted 5 of SHADE",
        "Sourced: 4 units from stock; 1 unit on PO-000001, expected 2026-11-30",
        "Cancel requested by the customer: changed my mind",
        "Unwound: 1 unit on order, 4 allocated, 0 not sourced yet",
    ]


async def test_the_overview_counts_by_derived_status(shop: Shop) -> None:
    await shop.accept("new")
    await shop.sourced("ordered-1", quantity=2)
    await shop.sourced("ordered-2", quantity=3)
    await shop.sourced("here", "SHADE", 2)
    await shop.sourced("ended", "SHADE", 1)
    await shop.cancel("ended")
    seen = await overview.overview(shop.ledger)
    assert seen.backorders == {"accepted": 1, "on order": 2, "allocated": 1, "cancelled": 1}
    assert seen.purchase_orders == {"collecting": 1}
    assert seen.recent[0].backorder_id == "ended"
    assert seen.recent[0].what.startswith("Unwound")


async def test_backorders_are_found_by_what_is_known_of_them(shop: Shop) -> None:
    await shop.accept("new")
    await shop.sourced("ordered")
    await shop.sourced("here", "SHADE", 2)

    async def ids(**wanted: object) -> list[str]:
        found = await overview.find(shop.ledger, **wanted)  # type: ignore[arg-type]
        return sorted(position.backorder_id for position in found)

    assert await ids() == ["here", "new", "ordered"]
    assert await ids(status=Status.ALLOCATED) == ["here"]
    assert await ids(sku="LAMP") == ["new", "ordered"]
    assert await ids(supplier_id="acme") == ["ordered"]
    assert await ids(attention=True) == []
    assert len(await ids(limit=2)) == 2


async def test_instants_come_back_aware_whatever_zone_the_server_keeps(shop: Shop) -> None:
    await shop.accept("a")
    async with await Ledger.open(make_conninfo(shop.dsn, options="-c timezone=Asia/Tokyo")) as ledger:
        assert (await backorders.position(ledger, "a")).accepted_at.utcoffset() == timedelta(0)


async def test_loading_a_catalogue_again_keeps_stock_and_standing(shop: Shop) -> None:
    await shop.sourced("a", "SHADE", 2)
    await shop.do("update supplier set status = 'probation' where supplier_id = 'acme'")
    again = CATALOGUE.model_copy(
        update={"items": tuple(item.model_copy(update={"on_hand": 50}) for item in CATALOGUE.items)}
    )
    counts = await catalogue.load_catalogue(shop.ledger, again, at=NOW + timedelta(days=1))
    assert set(counts.values()) == {0}
    assert (await shop.rows("select on_hand, allocated from stock where sku = 'SHADE'")) == [
        {"on_hand": 4, "allocated": 2}
    ]
    assert (await catalogue.supplier(shop.ledger, "acme")).status == "probation"


async def test_a_changed_catalogue_entry_holds_from_then_on(shop: Shop) -> None:
    entries = tuple(
        entry.model_copy(update={"lead_time": timedelta(days=20)}) if entry.sku == "BULB" else entry
        for entry in CATALOGUE.supplier_items
    )
    changed = CATALOGUE.model_copy(update={"supplier_items": entries})
    counts = await catalogue.load_catalogue(shop.ledger, changed, at=NOW + timedelta(days=1))
    assert counts["supplier_items_changed"] == 1
    assert (await catalogue.supplier_item(shop.ledger, "acme", "BULB")).lead_time == timedelta(days=20)
    assert {s.supplier_id for s in await catalogue.suppliers(shop.ledger)} == {"acme", "bolt", "gone"}
    assert await catalogue.has_items(shop.ledger)
    assert await catalogue.known_skus(shop.ledger) == {"LAMP", "BULB", "RARE", "SHADE"}
    with pytest.raises(NotFound):
        await catalogue.supplier_item(shop.ledger, "bolt", "BULB")
