"""Lists of backorders and purchase orders, page by page, and how many there are in all."""

from datetime import timedelta

import pytest

from domain.backorder_position import Status
from domain.purchase_order_position import PurchaseOrderStatus
from ledger import backorders, order_list, overview, purchase_orders
from ledger.order_list import Tally, find_orders, tally_orders
from ledger.overview import find, tally
from tests.ledger.conftest import NOW, Shop


@pytest.fixture
async def busy(shop: Shop) -> Shop:
    """Closed: b, d. Open, oldest first: a, c, e; of these c asks for an operator."""
    for nth, name in enumerate("abcde"):
        await shop.sourced(name, ordered_at=NOW + timedelta(minutes=nth))
    for ended in "bd":
        await shop.cancel(ended)
        await backorders.close(shop.ledger, ended, key=shop.key(), at=NOW)
    await backorders.raise_attention(shop.ledger, "c", key=shop.key(), at=NOW, what="Call them.")
    return shop


@pytest.mark.parametrize("page", [1, 2, 3, 500])
async def test_open_ones_come_first_then_the_oldest_whatever_a_page_holds(
    busy: Shop, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "_PAGE", page)
    assert [one.backorder_id for one in await find(busy.ledger)] == ["a", "c", "e", "b", "d"]
    assert [one.backorder_id for one in await find(busy.ledger, status=Status.CANCELLED)] == ["b", "d"]
    assert [one.backorder_id for one in await find(busy.ledger, limit=4)] == ["a", "c", "e", "b"]


async def test_all_that_match_are_counted_whatever_is_shown(busy: Shop) -> None:
    assert await tally(busy.ledger) == Tally(total=5, attention=1)
    assert await tally(busy.ledger, status=Status.ON_ORDER) == Tally(3, 1)
    assert await tally(busy.ledger, status=Status.CANCELLED) == Tally(2, 0)
    assert await tally(busy.ledger, status=Status.SHIPPING) == Tally(0, 0)
    assert await tally(busy.ledger, attention=False) == Tally(4, 0)
    assert await tally(busy.ledger, supplier_id="acme") == Tally(3, 1)
    assert await tally(busy.ledger, sku="SHADE") == Tally(0, 0)


@pytest.fixture
async def ordering(shop: Shop) -> Shop:
    """PO-000001 to acme is closed and asks for an operator, PO-000002 to acme is ready, PO-000003 to acme collects."""
    await shop.sourced("a", quantity=3)
    await shop.cancel("a")
    await shop.freeze("PO-000001")
    await purchase_orders.raise_attention(shop.ledger, "PO-000001", key=shop.key(), at=NOW, what="Look at it.")
    await shop.sourced("b", quantity=3)
    await shop.freeze("PO-000002")
    await shop.sourced("c", "BULB", 4)
    return shop


@pytest.mark.parametrize("page", [1, 2, 500])
async def test_orders_under_way_come_first_whatever_a_page_holds(
    ordering: Shop, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_list, "_PAGE", page)

    async def numbers(**wanted: object) -> list[str]:
        return [one.po_number for one in await find_orders(ordering.ledger, **wanted)]  # type: ignore[arg-type]

    assert await numbers() == ["PO-000002", "PO-000003", "PO-000001"]
    assert await numbers(limit=1) == ["PO-000002"]
    assert await numbers(status=PurchaseOrderStatus.CLOSED) == ["PO-000001"]
    assert await numbers(status=PurchaseOrderStatus.COLLECTING) == ["PO-000003"]
    assert await numbers(attention=True) == ["PO-000001"]
    assert await numbers(sku="BULB") == ["PO-000003"]
    assert await numbers(supplier_id="bolt") == []


async def test_a_listed_order_stands_as_it_does_by_itself(ordering: Shop) -> None:
    for listed in await find_orders(ordering.ledger):
        alone = await purchase_orders.position(ordering.ledger, listed.po_number)
        told = listed.model_dump(exclude={"attention_since"})
        assert told == alone.model_dump()
        assert listed.attention_since == (NOW if listed.attention else None)


async def test_orders_are_counted_by_their_derived_status(ordering: Shop) -> None:
    assert await tally_orders(ordering.ledger) == Tally(3, 1)
    assert await tally_orders(ordering.ledger, status=PurchaseOrderStatus.READY) == Tally(1, 0)
    assert await tally_orders(ordering.ledger, attention=True) == Tally(1, 1)
    seen = await overview.overview(ordering.ledger)
    assert seen.purchase_orders == {"closed": 1, "ready": 1, "collecting": 1}
    assert (seen.attention, seen.asking) == (1, ("PO-000001",))


async def test_who_asks_longest_is_named_first(ordering: Shop) -> None:
    earlier = NOW - timedelta(hours=1)
    await backorders.raise_attention(ordering.ledger, "c", key=ordering.key(), at=earlier, what="Find a supplier.")
    assert (await overview.overview(ordering.ledger)).asking == ("c", "PO-000001")


async def test_fingerprints_of_many_ids_are_found_at_once(shop: Shop) -> None:
    await shop.accept("a")
    assert await backorders.fingerprints(shop.ledger, ["a", "b"]) == {"a": shop.order("a").fingerprint}
