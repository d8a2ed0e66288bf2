"""What sweeps ask of the books: page by page, only what is open, owed or waiting, however much was closed before."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from domain.backorder_duty import Policy
from ledger import announcements, backorders, inbox, purchase_orders, sweeping
from ledger.sweeping import Page
from tests.ledger.conftest import DEADLINE, NOW
from tests.ledger.ordering import MONDAY, TUESDAY, ordered, placed, receipt


async def _all(ask: Callable[..., Any], ledger: Any, *, before: Any = TUESDAY, most: int = 2) -> list[list[str]]:
    """Every page, each beginning where the one before ended."""
    pages: list[list[str]] = []
    after = ""
    while page := await ask(ledger, Page(after, before, most)):
        pages.append(page)
        after = page[-1]
    return pages


async def test_open_backorders_come_in_pages_and_closed_ones_not_at_all(shop: Any) -> None:
    for one in ("e", "a", "d", "b", "c"):
        await shop.accept(one)
    await shop.do("update backorder set closed_at = now() where backorder_id = 'c'")
    assert await _all(sweeping.open_backorders, shop.ledger) == [["a", "b"], ["d", "e"]]
    assert await sweeping.still_open_backorders(shop.ledger, ["a", "c", "nobody"]) == {"a"}
    assert await sweeping.known_backorders(shop.ledger, ["a", "c", "nobody"]) == {"a", "c"}


async def test_what_was_closed_in_years_is_not_read_again(shop: Any) -> None:
    await shop.accept("a")
    await shop.do("""
        insert into backorder
        select (jsonb_populate_record(b, jsonb_build_object('backorder_id', 'old-' || n, 'closed_at', now()))).*
        from backorder b, generate_series(1, 5000) n where b.backorder_id = 'a'
    """)
    await shop.do("analyze backorder")
    query = sweeping._OPEN_BACKORDERS % {"after": "''", "most": "500"}
    plan = "\n".join(row["QUERY PLAN"] for row in await shop.rows(f"explain {query}"))
    assert "backorder_open_by_id" in plan and "Seq Scan" not in plan


async def test_orders_under_way_are_told_with_when_the_books_last_moved_them(shop: Any) -> None:
    po_number = await placed(shop, a=2)
    young = await ordered(shop, "BULB", b=2)
    orders, moved = await sweeping.open_orders(shop.ledger, Page("", NOW, 10))
    assert [order.po_number for order in orders] == sorted({po_number, young})
    assert moved[po_number] == MONDAY
    assert (await sweeping.open_orders(shop.ledger, Page("", NOW - timedelta(seconds=1), 10)))[0] == []
    await purchase_orders.close_short(shop.ledger, po_number, key=shop.key(), at=TUESDAY)
    await purchase_orders.close(shop.ledger, po_number, key=shop.key(), at=TUESDAY)
    assert await _all(sweeping.open_order_numbers, shop.ledger) == [[young]]
    assert await sweeping.still_open_orders(shop.ledger, [po_number, young]) == {young}
    assert await sweeping.known_orders(shop.ledger, [po_number, "PO-9"]) == {po_number}


async def test_a_message_waits_until_it_is_applied(shop: Any) -> None:
    po_number = await placed(shop, a=2)
    await inbox.store_message(
        shop.ledger,
        "acme",
        door="webhook",
        dedupe_key="m",
        headers={},
        body=b"{}",
        at=TUESDAY,
        events=[receipt(po_number, 2)],
    )
    assert await _all(sweeping.waiting_messages, shop.ledger, before=TUESDAY - timedelta(seconds=1)) == []
    assert await _all(sweeping.waiting_messages, shop.ledger) == [[po_number]]
    await inbox.apply_events(shop.ledger, po_number, at=TUESDAY)
    assert await _all(sweeping.waiting_messages, shop.ledger) == []


async def test_who_owes_an_old_word_is_found_once_however_many_it_owes(shop: Any) -> None:
    async with shop.ledger.work() as connection:
        await announcements.owe_all(connection, ["backorder/a", "backorder/b"], "supply_changed", "po/1", MONDAY)
        await announcements.owe(connection, "backorder/c", "supply_changed", "po/2", TUESDAY)
    assert await _all(sweeping.owing, shop.ledger, before=MONDAY) == [["po/1"]]
    assert await _all(sweeping.owing, shop.ledger, most=1) == [["po/1"], ["po/2"]]


async def test_the_rules_a_backorder_was_accepted_under_are_kept_for_whoever_goes_on(shop: Any) -> None:
    policy = Policy().model_dump(mode="json")
    order = shop.order("a", quantity=3)
    await backorders.accept(shop.ledger, order, key=shop.key(), at=NOW, legal_deadline=DEADLINE, policy=policy)
    await backorders.accept(shop.ledger, order, key=shop.key(), at=NOW, legal_deadline=DEADLINE, policy={"law": "new"})
    basis = await sweeping.basis(shop.ledger, "a")
    assert (basis.policy, basis.quantity, basis.open) == (policy, 3, 3)
    await shop.accept("b")
    assert (await sweeping.basis(shop.ledger, "b")).policy is None


async def test_a_restart_is_told_once_and_counted(shop: Any) -> None:
    await shop.accept("a")
    for _ in range(2):
        await sweeping.record_restart(shop.ledger, "backorder/a", key="lost-run", at=MONDAY, text="Started again")
    assert [line.text for line in await backorders.story(shop.ledger, "a")].count("Started again") == 1
    assert await sweeping.restarts(shop.ledger, "backorder/a", since=MONDAY - timedelta(days=1)) == 1
    assert await sweeping.restarts(shop.ledger, "backorder/a", since=MONDAY) == 0
