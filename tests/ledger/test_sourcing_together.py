"""Many searches in one transaction end as the same searches one after the other."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import NotFound
from domain.supplier_events import OrderAck
from ledger import catalogue, purchase_orders, sourcing
from ledger.batches import Batches
from ledger.book import Ledger
from ledger.sourcing import Asked, OutOfOrder, Sourcing, source_together
from tests.ledger.conftest import CATALOGUE, NOW, Shop
from tests.ledger.ordering import hear, placed

WANTED = {"a": 1, "b": 4, "c": 2, "d": 7, "e": 1, "f": 3}

_LINES = "select po_number, line_no, ordered, open, claimed, unit_price, expected_on from po_line order by 1, 2"
_CLAIMS = "select backorder_id, po_number, line_no, quantity, lost, confirmed, expected_on from claim order by 1, 2, 3"
_ALLOCATIONS = "select backorder_id, quantity, allocated_at from allocation order by 1"
_WAITING = """
    select backorder_id, unsourced, claimed, allocated, sourcing_tries, sourcing_failed_since, last_sourced_at
    from backorder order by 1
"""
_ORDERS = "select po_number, supplier_id, opened_at, collect_until, threshold_reached_at from purchase_order order by 1"
_SAID = "select subject, facts->>'text' as text from journal where kind = 'sourced' order by subject, key"
_OWED = "select workflow_id, word from announcement where told_at is null order by 1, 2"


async def _accepted(shop: Any, sku: str) -> list[Asked]:
    for backorder_id, quantity in WANTED.items():
        await shop.accept(backorder_id, sku, quantity)
    await shop.cancel("e")
    return [Asked(one, f"{one}/source", NOW) for one in WANTED]


async def _books(shop: Any) -> list[list[dict[str, Any]]]:
    return [await shop.rows(query) for query in (_LINES, _CLAIMS, _ALLOCATIONS, _WAITING, _ORDERS, _SAID, _OWED)]


@pytest.mark.parametrize("sku", ["LAMP", "BULB", "SHADE", "RARE"])
@pytest.mark.parametrize("with_free_units", [False, True])
async def test_together_is_as_one_after_the_other(
    shop: Shop, new_ledger: Callable[[], AbstractContextManager[str]], sku: str, with_free_units: bool
) -> None:
    with new_ledger() as dsn:
        async with await Ledger.open(dsn) as another:
            await catalogue.load_catalogue(another, CATALOGUE, at=NOW)
            await _compare([shop, Shop(another, dsn)], sku, with_free_units=with_free_units)


async def _compare(shops: list[Shop], sku: str, *, with_free_units: bool) -> None:
    books = []
    for shop, together in zip(shops, (True, False), strict=True):
        if with_free_units:
            await _free_units(shop, sku)
        asked = await _accepted(shop, sku)
        if together:
            await source_together(shop.ledger, asked)
        else:
            for one in asked:
                await sourcing.source(shop.ledger, one.backorder_id, key=one.key, at=one.at)
        books.append(await _books(shop))
    assert books[0] == books[1]
    assert any("Sourced: " in str(row["text"]) for row in books[0][5])


async def _free_units(shop: Any, sku: str) -> None:
    """A frozen order with open units that are nobody's, and one who gave units of it back."""
    first = await shop.sourced("first", sku, 8)
    for claim in first.claims:
        await purchase_orders.freeze(shop.ledger, claim.po_number, key=shop.key(), at=NOW + timedelta(days=1))
    await shop.cancel("first")


async def test_the_same_again_changes_nothing(shop: Any) -> None:
    asked = await _accepted(shop, "LAMP")
    await source_together(shop.ledger, [*asked, asked[0]])
    before = await _books(shop)
    await source_together(shop.ledger, asked)
    assert await _books(shop) == before


async def test_an_unknown_one_stops_all(shop: Any) -> None:
    asked = await _accepted(shop, "LAMP")
    with pytest.raises(NotFound, match="ghost"):
        await source_together(shop.ledger, [*asked, Asked("ghost", "ghost/source", NOW)])
    assert await shop.rows("select * from claim") == []
    assert await shop.rows("select * from journal where kind = 'sourced'") == []


async def test_two_orders_are_locked_in_one_order_only_else_each_is_served_by_itself(shop: Any) -> None:
    po_number = await placed(shop, b1=1)
    await hear(shop, OrderAck(po_number=po_number, accepted=False))  # so that b1 goes to Bolt, and others to Acme
    await shop.accept("b2", "LAMP", 1)
    asked = [Asked(one, f"{one}/again", NOW) for one in ("b1", "b2")]
    with pytest.raises(OutOfOrder):
        await source_together(shop.ledger, asked)
    assert await shop.rows("select * from journal where key in ('b1/again', 'b2/again')") == []
    searches = Sourcing(shop.ledger)
    await asyncio.gather(*(searches.source(one, sku="LAMP", key=key, at=NOW) for one, key, _ in asked))
    assert [(await shop.position(one)).claims[0].supplier_id for one in ("b1", "b2")] == ["bolt", "acme"]


async def test_those_who_ask_at_once_share_transactions(shop: Any) -> None:
    ids = [f"b{n}" for n in range(40)]
    for one in ids:
        await shop.accept(one, "LAMP", 1)
    searches = Sourcing(shop.ledger), Sourcing(shop.ledger)
    await asyncio.gather(
        *(searches[n % 2].source(one, sku="LAMP", key=f"{one}/s", at=NOW) for n, one in enumerate(ids))
    )
    (line,) = await shop.rows("select po_number, claimed from po_line")
    assert line["claimed"] == 40
    (written,) = await shop.rows("select count(distinct xmin::text) as together from journal where kind = 'sourced'")
    assert written["together"] < 20
    with pytest.raises(NotFound, match="ghost"):
        await searches[0].source("ghost", sku="", key="ghost/s", at=NOW)


async def test_one_that_fails_fails_alone() -> None:
    runs: list[list[int]] = []
    going = asyncio.Event()

    async def run(items: Any) -> None:
        runs.append(list(items))
        await going.wait()
        if 3 in items:
            raise ValueError("three")

    batches = Batches[int](run, most=3)
    asked = [asyncio.create_task(batches.add("group", n)) for n in range(6)]
    await asyncio.sleep(0)  # all have asked
    going.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["None", "None", "None", "three", "None", "None"]
    assert runs == [[0, 1, 2], [3, 4, 5], [3], [4], [5]]
    await batches.add("group", 7)
    assert runs[-1] == [7]


async def test_who_goes_away_does_not_stop_the_others() -> None:
    going = asyncio.Event()

    async def run(_: Any) -> None:
        await going.wait()

    batches = Batches[int](run, most=3)
    gone, stays = (asyncio.create_task(batches.add("group", n)) for n in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    going.set()
    await stays
    assert (await asyncio.gather(gone, return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def test_nobody_works_for_those_who_went_away() -> None:
    runs: list[list[int]] = []
    going = asyncio.Event()

    async def run(items: Any) -> None:
        runs.append(list(items))
        await going.wait()
        raise ValueError

    batches = Batches[int](run, most=9)
    asked = [asyncio.create_task(batches.add("group", n)) for n in range(6)]
    await asyncio.sleep(0)
    for gone in asked[1:5]:
        gone.cancel()
    going.set()
    await asyncio.gather(*asked, return_exceptions=True)
    assert runs == [[0, 5], [0], [5]]


async def test_when_the_process_ends_nobody_is_left_waiting() -> None:
    async def run(_: Any) -> None:
        raise asyncio.CancelledError

    batches = Batches[int](run, most=1)
    asked = [asyncio.create_task(batches.add("group", n)) for n in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError] * 3
