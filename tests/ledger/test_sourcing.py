"""Where units come from: stock, what is open and free, the PO that collects, else a new one. Once, whoever races."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from domain.backorder_position import CancelledBy, Status
from domain.errors import BooksDoNotBalance
from ledger import announcements, backorders, sourcing
from ledger.book import Ledger, lock_skus
from ledger.offering import offer_free_open, offer_free_stock
from ledger.shares import Taken, take_back

from .conftest import DEADLINE, NOW, Shop
from .ordering import placed
from .waiting import waits


async def lines(shop: Shop) -> list[dict[str, Any]]:
    query = """
        select po_number, line_no, sku, ordered, confirmed, open, claimed, unit_price, expected_on
        from po_line order by po_number, line_no
    """
    return await shop.rows(query)


async def test_free_stock_comes_first(shop: Shop) -> None:
    position = await shop.sourced("a", "SHADE", 3)
    assert (position.allocated, position.unsourced, position.status) == (3, 0, Status.ALLOCATED)
    assert await lines(shop) == []
    assert await shop.rows("select on_hand, allocated from stock where sku = 'SHADE'") == [
        {"on_hand": 4, "allocated": 3}
    ]


async def test_what_stock_cannot_give_is_ordered(shop: Shop) -> None:
    position = await shop.sourced("a", "SHADE", 6)
    assert (position.allocated, position.claimed) == (4, 2)
    assert position.claims[0].po_number == "PO-000001"
    assert not position.claims[0].confirmed


async def test_a_new_purchase_order_collects_until_the_cut_off_and_its_workflow_is_to_be_started(shop: Shop) -> None:
    position = await shop.sourced("a", quantity=3)
    (order,) = await shop.rows("select * from purchase_order")
    assert order["collect_until"] == datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert (order["supplier_id"], order["currency"], order["terms"]) == ("acme", "USD", "net30")
    assert position.expected_on == date(2026, 11, 28)
    owed = await announcements.owed(shop.ledger, "backorder/a", 10)
    assert [(word.workflow_id, word.word) for word in owed] == [("po/PO-000001", "start")]


async def test_the_minimum_counts_once_for_the_merged_line(shop: Shop) -> None:
    await shop.sourced("a", quantity=3)
    await shop.sourced("b", quantity=2)
    (line,) = await lines(shop)
    assert (line["ordered"], line["open"], line["claimed"]) == (5, 5, 5)
    await shop.sourced("c", quantity=4)
    (line,) = await lines(shop)
    assert (line["ordered"], line["claimed"]) == (9, 9)


async def test_pack_size_and_minimum_leave_a_surplus_that_the_next_order_takes(shop: Shop) -> None:
    await shop.sourced("a", "BULB", 3)
    (line,) = await lines(shop)
    assert (line["ordered"], line["claimed"]) == (6, 3)
    await shop.sourced("b", "BULB", 3)
    (line,) = await lines(shop)
    assert (line["ordered"], line["claimed"]) == (6, 6)


async def test_the_surplus_of_a_line_and_the_rest_on_the_same_line_are_one_claim(shop: Shop) -> None:
    await shop.sourced("a", "LAMP", 3)  # the minimum is 5
    position = await shop.sourced("b", "LAMP", 6)
    assert [(claim.po_number, claim.quantity) for claim in position.claims] == [("PO-000001", 6)]
    (line,) = await lines(shop)
    assert (line["ordered"], line["claimed"]) == (9, 9)
    await shop.balanced()


async def test_the_whole_line_is_priced_at_the_break_it_reaches(shop: Shop) -> None:
    await shop.sourced("a", quantity=6)
    assert (await lines(shop))[0]["unit_price"] == Decimal(10)
    await shop.sourced("b", quantity=6)
    assert (await lines(shop))[0]["unit_price"] == Decimal(9)


async def test_other_items_of_the_supplier_join_the_same_order_on_a_line_of_their_own(shop: Shop) -> None:
    await shop.sourced("a")
    await shop.sourced("b", "BULB")
    await shop.sourced("c", "SHADE", 5)
    assert [(line["po_number"], line["line_no"], line["sku"]) for line in await lines(shop)] == [
        ("PO-000001", 1, "LAMP"),
        ("PO-000001", 2, "BULB"),
        ("PO-000001", 3, "SHADE"),
    ]


async def test_free_open_units_of_a_frozen_order_are_taken_before_a_new_one_is_opened(shop: Shop) -> None:
    await shop.sourced("a", "BULB", 3)
    await shop.freeze("PO-000001")
    position = await shop.sourced("b", "BULB", 5)
    assert [(claim.po_number, claim.quantity) for claim in position.claims] == [("PO-000001", 3), ("PO-000002", 2)]


async def test_an_order_that_was_frozen_takes_no_more_shares(shop: Shop) -> None:
    await shop.sourced("a", quantity=5)
    await shop.freeze("PO-000001")
    assert (await shop.sourced("b")).claims[0].po_number == "PO-000002"


@pytest.mark.parametrize("ended", ["closed_at", "rejected_at", "cancelled_at"])
async def test_nothing_is_taken_from_an_order_that_ended(shop: Shop, ended: str) -> None:
    await shop.sourced("a", "BULB", 3)
    await shop.freeze("PO-000001")
    await shop.do(f"update purchase_order set {ended} = now()")
    assert {claim.po_number for claim in (await shop.sourced("b", "BULB")).claims} == {"PO-000002"}


async def test_nothing_is_taken_from_an_order_that_is_being_cancelled(shop: Shop) -> None:
    await shop.sourced("a", "BULB", 3)
    await shop.freeze("PO-000001")
    await shop.do(
        """insert into outbox (operation_id, supplier_id, po_number, kind, revision, content_type, headers, body,
           state, rendered_at) values ('o', 'acme', 'PO-000001', 'cancel', 1, '', '{}', '', 'delivered', now())"""
    )
    assert {claim.po_number for claim in (await shop.sourced("b", "BULB")).claims} == {"PO-000002"}


async def test_a_supplier_who_let_the_order_down_is_not_asked_again_until_forgiven(shop: Shop) -> None:
    await shop.sourced("a", quantity=2)
    async with shop.ledger.work() as connection:
        await lock_skus(connection, ["LAMP"])
        await take_back(connection, [Taken("a", "PO-000001", 1, 2)], lost=True, back_to="unsourced")
    position = await shop.source("a")
    assert [claim.supplier_id for claim in position.claims] == ["bolt"]
    await backorders.forgive_suppliers(shop.ledger, "a", key="k", at=NOW)
    assert await shop.rows("select * from claim where lost") == []


async def test_a_try_without_any_supplier_is_counted_until_one_is_found(shop: Shop) -> None:
    await shop.accept("a", "RARE", 2)
    for tries in (1, 2):
        position = await shop.source("a")
        assert (position.sourcing_tries, position.unsourced, position.last_sourced_at) == (tries, 2, NOW)
    assert position.status is Status.SOURCING
    await shop.do("update supplier set status = 'trusted' where supplier_id = 'gone'")
    position = await shop.source("a")
    assert (position.sourcing_tries, position.unsourced, position.sourcing_failed_since) == (0, 0, None)


async def test_the_search_has_failed_since_the_first_try_until_supply_is_found_or_it_begins_anew(shop: Shop) -> None:
    await shop.accept("a", "RARE", 2)
    for days in range(3):
        await sourcing.source(shop.ledger, "a", key=shop.key(), at=NOW + timedelta(days=days))
    assert (await shop.position("a")).sourcing_failed_since == NOW
    assert (await backorders.forgive_suppliers(shop.ledger, "a", key="k", at=NOW)).sourcing_failed_since is None
    later = NOW + timedelta(days=3)
    await sourcing.source(shop.ledger, "a", key=shop.key(), at=later)
    await shop.stock("RARE", 1)
    await offer_stock(shop, "RARE")
    position = await shop.position("a")
    assert (position.unsourced, position.sourcing_tries, position.sourcing_failed_since) == (1, 1, later)
    await shop.stock("RARE", 1)
    await offer_stock(shop, "RARE")
    position = await shop.position("a")
    assert (position.unsourced, position.sourcing_tries, position.sourcing_failed_since) == (0, 0, None)


async def test_free_units_on_order_end_the_failed_search_they_serve(shop: Shop) -> None:
    po_number = await placed(shop, a=5)
    await waits(shop, "b", quantity=5)
    await shop.cancel("a")
    position = await shop.position("b")
    assert [(claim.po_number, claim.quantity) for claim in position.claims] == [(po_number, 5)]
    assert (position.sourcing_tries, position.sourcing_failed_since) == (0, None)


async def test_who_was_never_sourced_is_offered_nothing(shop: Shop) -> None:
    """Its deposit may be unpaid. Once it is, its first search finds what is free."""
    po_number = await placed(shop, a=5)
    await shop.accept("unpaid", quantity=7)
    await shop.stock("LAMP", 2)
    await shop.cancel("a")
    assert (await shop.position("unpaid")).unsourced == 7
    position = await shop.source("unpaid")
    assert (position.allocated, [(c.po_number, c.quantity) for c in position.claims]) == (2, [(po_number, 5)])
    await shop.balanced()


async def test_whoever_is_barred_from_a_line_does_not_hold_up_the_next(shop: Shop) -> None:
    po_number = await placed(shop, a=5, b=5)
    await waits(shop, "next", quantity=3)
    async with shop.ledger.work() as connection:
        await lock_skus(connection, ["LAMP"])
        await take_back(connection, [Taken("a", po_number, 1, 2)], lost=False, back_to="unsourced")
        await take_back(connection, [Taken("b", po_number, 1, 1)], lost=True, back_to="unsourced")
        await offer_free_open(connection, "LAMP", NOW, "test")
    assert [(await shop.position(one)).unsourced for one in ("a", "b", "next")] == [2, 1, 0]
    await shop.balanced()


async def test_new_terms_of_a_supplier_hold_for_the_whole_line_that_still_collects(shop: Shop) -> None:
    """Else a line that counts in pairs would be ordered in as many packs of ten."""
    await shop.sourced("a", "BULB", 5)
    terms = {"unit_factor": 10, "supplier_sku": "acme-BULB-10"}
    await shop.do("update supplier_item set doc = doc || %s where sku = 'BULB'", Jsonb(terms))
    await shop.sourced("b", "BULB", 6)
    seen = await shop.rows("select ordered, unit_factor, supplier_sku from po_line")
    assert seen == [{"ordered": 20, "unit_factor": 10, "supplier_sku": "acme-BULB-10"}]
    await shop.do("update supplier_item set doc = doc || %s where sku = 'BULB'", Jsonb({"unit_factor": 4}))
    await shop.cancel("b")
    assert await shop.rows("select ordered, unit_factor from po_line") == [{"ordered": 8, "unit_factor": 4}]


async def test_a_threshold_that_is_reached_is_told_to_the_order_once(shop: Shop) -> None:
    await shop.do("delete from supplier_item where supplier_id = 'acme' and sku = 'LAMP'")
    await shop.sourced("a", quantity=19)
    assert await shop.words("po/PO-000001") == ["start"]
    await shop.sourced("b", quantity=1)
    assert await shop.words("po/PO-000001") == ["start", "shares_changed"]
    await shop.sourced("c", quantity=1)
    assert await shop.words("po/PO-000001") == ["start", "shares_changed"]


async def test_nothing_is_sourced_for_a_customer_who_asked_to_cancel(shop: Shop) -> None:
    await shop.accept("a", "SHADE")
    await backorders.request_cancel(shop.ledger, "a", key="c", at=NOW, by=CancelledBy.CUSTOMER, reason="")
    assert (await shop.source("a")).unsourced == 1


async def test_the_same_key_twice_sources_once(shop: Shop) -> None:
    await shop.accept("a", quantity=3)
    first = await sourcing.source(shop.ledger, "a", key="k", at=NOW)
    assert await sourcing.source(shop.ledger, "a", key="k", at=NOW) == first
    assert (await lines(shop))[0]["claimed"] == 3


async def test_fifty_who_join_at_once_share_one_line_of_one_order(shop: Shop) -> None:
    await asyncio.gather(*(shop.accept(f"b{n}", "BULB") for n in range(50)))
    positions = await asyncio.gather(*(shop.source(f"b{n}") for n in range(50)))
    assert all(position.claimed == 1 for position in positions)
    (line,) = await lines(shop)
    assert (line["ordered"], line["open"], line["claimed"]) == (50, 50, 50)
    assert len(await shop.rows("select * from purchase_order")) == 1
    assert await shop.words("po/PO-000001") == ["start"]


async def test_different_items_that_join_at_once_get_different_lines_of_one_order(shop: Shop) -> None:
    skus = ["LAMP", "BULB", "SHADE"]
    await asyncio.gather(*(shop.accept(f"b{n}", skus[n % 3], 5) for n in range(30)))
    await asyncio.gather(*(shop.source(f"b{n}") for n in range(30)))
    seen = await lines(shop)
    assert {line["line_no"] for line in seen} == {1, 2, 3}
    assert {line["sku"]: line["claimed"] for line in seen} == {"LAMP": 50, "BULB": 50, "SHADE": 46}
    assert len(await shop.rows("select * from purchase_order")) == 1


async def test_two_who_source_the_same_backorder_at_once_order_it_once(shop: Shop) -> None:
    await shop.accept("a", quantity=7)
    await asyncio.gather(*(shop.source("a") for _ in range(10)))
    await asyncio.gather(*(sourcing.source(shop.ledger, "a", key="same", at=NOW) for _ in range(10)))
    assert (await lines(shop))[0]["claimed"] == 7


async def test_the_last_unit_is_never_sold_twice(shop: Shop) -> None:
    await asyncio.gather(*(shop.accept(f"b{n}", "SHADE") for n in range(12)))
    positions = await asyncio.gather(*(shop.source(f"b{n}") for n in range(12)))
    assert sorted(position.allocated for position in positions) == [0] * 8 + [1] * 4
    with pytest.raises(BooksDoNotBalance, match="L4"):
        async with shop.ledger.work() as connection:
            await connection.execute("update stock set allocated = 5 where sku = 'SHADE'")


async def test_a_freeze_and_a_join_at_once_leave_every_share_on_an_order_that_will_be_sent(shop: Shop) -> None:
    await shop.sourced("first", quantity=5)
    await asyncio.gather(*(shop.accept(f"b{n}", quantity=5) for n in range(20)))
    await asyncio.gather(
        *(shop.source(f"b{n}") for n in range(10)),
        shop.freeze("PO-000001"),
        *(shop.source(f"b{n}") for n in range(10, 20)),
    )
    seen = await lines(shop)
    assert sum(line["claimed"] for line in seen) == 105
    sent = await shop.rows("select ordered from po_line_revision")
    assert sent == [{"ordered": seen[0]["claimed"]}]


async def test_free_stock_is_offered_by_rank_and_the_share_it_replaces_is_given_up(shop: Shop) -> None:
    await shop.sourced("late", quantity=4, deadline=DEADLINE + timedelta(days=9))
    await shop.sourced("soon", quantity=4)
    await shop.accept("cancelled", quantity=4, deadline=DEADLINE - timedelta(days=9))
    await backorders.request_cancel(shop.ledger, "cancelled", key="c", at=NOW, by=CancelledBy.CUSTOMER, reason="")
    await shop.stock("LAMP", 5)
    await offer_stock(shop, "LAMP")
    soon, late = await shop.position("soon"), await shop.position("late")
    assert (soon.allocated, soon.claimed) == (4, 0)
    assert (late.allocated, late.claimed) == (1, 3)
    assert (await shop.position("cancelled")).allocated == 0
    (line,) = await lines(shop)
    assert (line["ordered"], line["claimed"]) == (5, 3)
    assert await shop.words("backorder/soon") == ["supply_changed"]
    assert (await backorders.story(shop.ledger, "late"))[-1].text == "Allocated 1 unit from stock"


async def test_shares_freed_on_a_frozen_order_go_to_those_without_supply(shop: Shop) -> None:
    await shop.sourced("has", quantity=5, priority=1)
    await shop.freeze("PO-000001")
    await waits(shop, "waits", quantity=3)
    await shop.stock("LAMP", 5)
    await offer_stock(shop, "LAMP")
    assert [(claim.po_number, claim.quantity) for claim in (await shop.position("waits")).claims] == [("PO-000001", 3)]
    assert "shares_changed" in await shop.words("po/PO-000001")
    assert await shop.words("backorder/waits") == ["supply_changed"]


async def offer_stock(shop: Shop, sku: str) -> None:
    async with shop.ledger.work() as connection:
        await lock_skus(connection, [sku])
        await offer_free_stock(connection, sku, NOW, "test")


async def test_a_word_owed_again_while_it_is_being_told_stays_owed(ledger: Ledger) -> None:
    async def owe() -> None:
        async with ledger.work() as connection:
            await announcements.owe(connection, "backorder/a", "supply_changed", "po/1", NOW)

    await owe()
    (telling,) = await announcements.owed(ledger, "po/1", 10)
    await owe()
    await announcements.told(ledger, [telling.announcement_id], at=NOW)
    (again,) = await announcements.owed(ledger, "po/1", 10)
    assert again.word == "supply_changed"
    await announcements.told(ledger, [again.announcement_id], at=NOW)
    assert await announcements.owed_total(ledger) == 0


async def test_a_word_that_is_just_being_owed_again_is_not_waited_for(ledger: Ledger) -> None:
    async with ledger.work() as connection:
        await announcements.owe_all(connection, ("backorder/a", "backorder/b"), "supply_changed", "po/1", NOW)
    telling = [word.announcement_id for word in await announcements.owed(ledger, "po/1", 10)]
    async with ledger.work() as connection:
        await announcements.owe(connection, "backorder/a", "supply_changed", "po/1", NOW)
        await asyncio.wait_for(announcements.told(ledger, telling, at=NOW), timeout=30)
    assert [word.workflow_id for word in await announcements.owed(ledger, "po/1", 10)] == ["backorder/a"]


async def test_goods_in_transit_reach_the_best_ranks_first(shop: Shop) -> None:
    await shop.sourced("late", quantity=4, deadline=DEADLINE + timedelta(days=9))
    await shop.sourced("soon", quantity=4)
    await shop.do("update po_line set in_transit = 5")
    assert [c.in_transit for c in (await shop.position("soon")).claims] == [True]
    assert [c.in_transit for c in (await shop.position("late")).claims] == [False]
    await shop.do("update po_line set in_transit = 8")
    assert (await shop.position("late")).status is Status.IN_TRANSIT


async def test_a_fact_that_fails_may_be_written_again_under_its_key(shop: Shop) -> None:
    with pytest.raises(RuntimeError):
        async with shop.ledger.fact(key="k", subject="s", kind="tried", at=NOW):
            raise RuntimeError
    async with shop.ledger.fact(key="k", subject="s", kind="tried", at=NOW) as fact:
        assert not fact.repeated
        fact.result = {"n": 1}
    async with shop.ledger.fact(key="k", subject="s", kind="tried", at=NOW) as fact:
        assert fact.repeated
        assert fact.result == {"n": 1}


async def test_the_view_of_a_reader_does_not_move(shop: Shop) -> None:
    async with shop.ledger.read() as connection:
        before = await backorders.read_positions(connection, backorders.POSITIONS, ())
        await shop.accept("a")
        assert await backorders.read_positions(connection, backorders.POSITIONS, ()) == before == []


async def test_who_vanishes_within_a_transaction_leaves_no_lock_behind(ledger: Ledger) -> None:
    async with ledger.look() as connection:
        limit = await (await connection.execute("show idle_in_transaction_session_timeout")).fetchone()
    assert limit == ("1min",)
