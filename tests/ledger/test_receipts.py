"""Goods in: good, damaged, wrong, short, over; for those who wait, in rank; real even when nobody waits any more."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.catalogue import Supplier
from domain.purchase_order_position import PurchaseOrderStatus
from domain.supplier_events import ChangeAck, ChangeVerdict, LineRef, OrderAck, Received, ReceivedLine, SplitStatus
from ledger import inbox, purchase_orders
from ledger.locked_orders import Line
from ledger.receipts import Arrived, PutAway, put_away
from ledger.unwinding import release_supply
from tests.ledger.ordering import (
    MONDAY,
    TUESDAY,
    ack,
    balanced,
    claims,
    hear,
    hush,
    line,
    notice,
    ordered,
    outcome,
    part,
    place,
    placed,
    po,
    receipt,
    reduction,
    sent,
    told,
)
from tests.ledger.waiting import waits


async def allocated(shop: Any, *backorder_ids: str) -> list[int]:
    return [(await shop.position(one)).allocated for one in backorder_ids]


def a_line(**units: int) -> Line:
    buckets = (
        "confirmed",
        "open",
        "claimed",
        "to_reduce",
        "received_good",
        "received_bad",
        "closed_short",
        "cancelled",
    )
    empty = dict.fromkeys((*buckets, "over_received", "over_quarantined", "in_transit"), 0)
    known = {"line_no": 1, "sku": "LAMP", "supplier_sku": "a", "unit_factor": 1, "unit_price": Decimal(1)}
    return Line(**{**empty, **known, "ordered": 100, "expected_on": None, "to_add": False, **units})


@pytest.mark.parametrize(
    ("line_before", "arrived", "put"),
    [
        (a_line(open=100), Arrived(100, 0, 0), PutAway(100, 0, 0, 0, 0, 0)),
        (a_line(open=100), Arrived(40, 0, 0), PutAway(40, 0, 0, 0, 0, 0)),
        (a_line(open=100), Arrived(90, 6, 4), PutAway(90, 0, 0, 0, 0, 10)),
        (a_line(open=100), Arrived(105, 0, 0), PutAway(100, 0, 0, 5, 0, 0)),
        (a_line(open=100), Arrived(106, 0, 0), PutAway(100, 0, 0, 5, 1, 0)),
        (a_line(open=10, over_received=3), Arrived(14, 0, 0), PutAway(10, 0, 0, 2, 2, 0)),
        (a_line(open=0, cancelled=8, closed_short=2), Arrived(12, 0, 0), PutAway(0, 8, 2, 2, 0, 0)),
        (a_line(open=4), Arrived(3, 2, 2), PutAway(3, 0, 0, 0, 0, 1)),
    ],
    ids=[
        "all",
        "short",
        "some bad",
        "over within",
        "over above",
        "tolerance is spent once",
        "given up",
        "bad over open",
    ],
)
def test_where_units_go(line_before: Line, arrived: Arrived, put: PutAway) -> None:
    assert put_away(line_before, arrived, Decimal("0.05")) == put


async def test_goods_go_to_those_who_claimed_them(shop: Any) -> None:
    po_number = await placed(shop, a=3, b=4)
    await hush(shop)
    applied = await hear(shop, receipt(po_number, 7))
    assert (applied.count, applied.incidents) == (1, ())
    assert await allocated(shop, "a", "b") == [3, 4]
    assert await claims(shop, "a", "b") == [0, 0]
    assert await told(shop, ["a", "b"]) == [True, True]
    assert (await po(shop, po_number)).open == 0
    story = await shop.rows("select facts->>'text' as text from journal where subject = 'backorder/b' order by seq")
    assert f"Allocated 4 units from {po_number}" in [row["text"] for row in story]


async def test_too_little_goes_to_the_best_rank(shop: Any) -> None:
    await shop.accept("late", quantity=4)
    await shop.accept("urgent", quantity=4, priority=1)
    await shop.source("late")
    position = await shop.source("urgent")
    po_number = position.claims[0].po_number
    await place(shop, po_number)
    await hear(shop, receipt(po_number, 5))
    assert await allocated(shop, "urgent", "late") == [4, 1]
    assert await claims(shop, "urgent", "late") == [0, 3]
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.PARTLY_RECEIVED
    assert (await line(shop, po_number)).open == 3


async def test_a_receipt_for_one_backorder_serves_it_first(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, receipt(po_number, 6), prefer="b")
    assert await allocated(shop, "a", "b") == [1, 5]


async def test_the_same_receipt_in_new_wrapping_counts_once(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, receipt(po_number, 4))
    await hear(shop, receipt(po_number, 4))
    assert await outcome(shop) == "repeat, counted once"
    assert (await line(shop, po_number)).received_good == 4
    await hear(shop, receipt(po_number, 4, receipt_id="r-2"))
    assert (await line(shop, po_number)).received_good == 8


async def test_a_line_named_twice_in_a_receipt_counts_both(shop: Any) -> None:
    po_number = await placed(shop, a=10)
    once = receipt(po_number, 4).lines[0]
    await hear(shop, Received(po_number=po_number, receipt_id="r", lines=(once, once)))
    assert (await line(shop, po_number)).received_good == 8


async def test_the_surplus_of_a_minimum_order_is_free_stock_for_the_next(shop: Any) -> None:
    await waits(shop, "next", quantity=2)
    po_number = await placed(shop, a=3)
    assert (await line(shop, po_number)).ordered == 5
    await hear(shop, receipt(po_number, 5))
    assert await allocated(shop, "a", "next") == [3, 2]


async def test_packs_are_counted_in_stock_units(shop: Any) -> None:
    po_number = await placed(shop, "BULB", a=3)
    assert (await line(shop, po_number)).ordered == 6
    await hear(shop, receipt(po_number, 2))
    assert (await line(shop, po_number)).received_good == 4
    assert await allocated(shop, "a") == [3]


async def test_half_a_unit_is_not_booked(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    half = ReceivedLine(line=LineRef(line_no=1), good=Decimal("1.5"))
    applied = await hear(shop, Received(po_number=po_number, receipt_id="r", lines=(half,)))
    assert "no whole stock units" in applied.incidents[0]
    assert (await line(shop, po_number)).received_good == 0


async def test_damaged_and_wrong_units_are_never_allocated_and_are_bought_again(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, receipt(po_number, 6, damaged=2, wrong=2))
    stands = await line(shop, po_number)
    assert (stands.received_good, stands.received_bad, stands.open) == (6, 4, 0)
    assert await allocated(shop, "a", "b") == [5, 1]
    position = await shop.position("b")
    assert (position.claimed, position.unsourced) == (0, 4)
    again = await shop.source("b")
    assert [(claim.supplier_id, claim.quantity) for claim in again.claims] == [("acme", 4)]
    assert again.claims[0].po_number != po_number


async def test_damaged_surplus_costs_nobody_a_claim(shop: Any) -> None:
    po_number = await placed(shop, a=3)
    await hear(shop, receipt(po_number, 0, damaged=2))
    assert await claims(shop, "a") == [3]


async def test_a_little_more_than_ordered_goes_to_stock_and_the_next(shop: Any) -> None:
    po_number = await placed(shop, a=40)
    await waits(shop, "next", quantity=1)
    applied = await hear(shop, receipt(po_number, 42))
    stands = await line(shop, po_number)
    assert (stands.received_good, stands.over_received) == (40, 2)
    assert await allocated(shop, "a", "next") == [40, 1]
    assert applied.incidents == ()
    stock = await shop.rows("select on_hand, allocated from stock where sku = 'LAMP'")
    assert stock == [{"on_hand": 42, "allocated": 41}]


async def test_much_more_than_ordered_is_quarantined_and_asks_for_a_person(shop: Any) -> None:
    po_number = await placed(shop, a=40)
    applied = await hear(shop, receipt(po_number, 50))
    rows = await shop.rows("select over_received, over_quarantined from po_line")
    assert rows == [{"over_received": 2, "over_quarantined": 8}]
    assert "8 units of LAMP more than Acme may over-deliver" in applied.incidents[0]
    assert (await po(shop, po_number)).attention == applied.incidents[0]
    stock = await shop.rows("select on_hand from stock where sku = 'LAMP'")
    assert stock == [{"on_hand": 42}]


async def test_older_terms_tolerate_as_much_as_terms_that_say_nothing(shop: Any) -> None:
    po_number = await placed(shop, b1=40)
    await shop.do("update supplier set doc = doc - 'over_receipt_tolerance'")
    await hear(shop, receipt(po_number, 43))
    assert Supplier.model_fields["over_receipt_tolerance"].default * 40 == 2
    rows = await shop.rows("select over_received, over_quarantined from po_line")
    assert rows == [{"over_received": 2, "over_quarantined": 1}]


async def test_the_tolerance_is_spent_once_over_several_receipts(shop: Any) -> None:
    po_number = await placed(shop, a=40)
    await hear(shop, receipt(po_number, 42, receipt_id="r-1"))
    await hear(shop, receipt(po_number, 1, receipt_id="r-2"))
    rows = await shop.rows("select over_received, over_quarantined from po_line")
    assert rows == [{"over_received": 2, "over_quarantined": 1}]


async def test_a_receipt_that_closes_sends_the_rest_elsewhere(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, receipt(po_number, 6, closes=True))
    stands = await line(shop, po_number)
    assert (stands.received_good, stands.closed_short, stands.open, stands.claimed) == (6, 4, 0, 0)
    assert (await shop.position("b")).unsourced == 4
    assert [one.supplier_id for one in (await shop.source("b")).claims] == ["bolt"]


async def test_what_was_closed_short_and_comes_after_all_is_taken_in(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, receipt(po_number, 6, closes=True))
    await purchase_orders.close(shop.ledger, po_number, key=shop.key(), at=TUESDAY)
    await hear(shop, receipt(po_number, 4, receipt_id="r-2"))
    stands = await line(shop, po_number)
    assert (stands.received_good, stands.closed_short) == (10, 0)
    assert await allocated(shop, "a", "b") == [5, 5]


async def test_goods_of_an_order_that_was_rejected_serve_those_who_still_wait(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, OrderAck(po_number=po_number, accepted=False))
    assert (await shop.source("b")).claims[0].supplier_id == "bolt"
    applied = await hear(shop, receipt(po_number, 10))
    stands = await line(shop, po_number)
    assert (stands.received_good, stands.cancelled) == (10, 0)
    assert await allocated(shop, "a", "b") == [5, 5]
    assert (await shop.position("b")).claimed == 0
    assert applied.incidents == ()
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.REJECTED


async def test_a_cancelled_share_that_arrives_goes_to_the_next_and_never_back(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("a")
    await sent(shop, await reduction(shop, po_number))
    await hear(shop, ChangeAck(po_number=po_number, revision=1, verdict=ChangeVerdict.ACCEPTED))
    assert (await line(shop, po_number)).cancelled == 5
    await waits(shop, "next", quantity=3)
    await hear(shop, receipt(po_number, 10))
    stands = await line(shop, po_number)
    assert (stands.received_good, stands.cancelled, stands.open) == (10, 0, 0)
    assert await allocated(shop, "a", "b", "next") == [0, 5, 3]
    assert (await shop.position("a")).cancelled == 5


async def test_goods_that_arrive_while_a_reduction_is_asked(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("a")
    await sent(shop, await reduction(shop, po_number))
    await hear(shop, receipt(po_number, 8))
    stands = await line(shop, po_number)
    assert (stands.open, stands.claimed, stands.to_reduce) == (2, 0, 2)
    await hear(shop, ChangeAck(po_number=po_number, revision=1, verdict=ChangeVerdict.ACCEPTED))
    stands = await line(shop, po_number)
    assert (stands.open, stands.cancelled, stands.to_reduce) == (0, 2, 0)
    assert await allocated(shop, "b") == [5]


async def test_who_asked_to_cancel_is_served_last(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.do("update backorder set cancel_requested_at = %s where backorder_id = 'a'", TUESDAY)
    await hear(shop, receipt(po_number, 6))
    assert await allocated(shop, "a", "b") == [1, 5]
    await release_supply(shop.ledger, "a", key=shop.key(), at=TUESDAY, refund_deadline=TUESDAY.date())
    assert await allocated(shop, "a", "b") == [0, 5]
    await balanced(shop)


async def test_goods_before_the_acknowledgement_show_that_the_supplier_has_the_order(shop: Any) -> None:
    po_number = await placed(shop, a=10)
    await hear(shop, receipt(po_number, 4))
    assert (await po(shop, po_number)).acknowledged_at == TUESDAY
    await hear(shop, ack(po_number, part(SplitStatus.ACCEPTED, 7)))
    stands = await line(shop, po_number)
    assert (stands.received_good, stands.open, stands.claimed) == (4, 3, 3)
    assert (await shop.position("a")).unsourced == 3


async def test_a_receipt_before_its_ship_notice(shop: Any) -> None:
    po_number = await placed(shop, a=10)
    await hear(shop, receipt(po_number, 10))
    await hear(shop, notice(po_number, 10))
    rows = await shop.rows("select in_transit, received_good from po_line")
    assert rows == [{"in_transit": 0, "received_good": 10}]


async def test_what_is_not_on_the_order_is_an_incident_and_the_rest_is_booked(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    stray = receipt(po_number, 3, line_no=9).lines[0]
    both = Received(po_number=po_number, receipt_id="r", lines=(stray, *receipt(po_number, 5).lines))
    applied = await hear(shop, both)
    assert "line 9, which is not on" in applied.incidents[0]
    assert await allocated(shop, "a") == [5]


async def test_goods_of_an_order_that_was_never_sent_are_an_incident(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    applied = await hear(shop, receipt(po_number, 5))
    assert "was not sent" in applied.incidents[0]
    assert (await line(shop, po_number)).received_good == 0


async def test_two_thousand_claims_are_served_in_one_transaction(shop: Any) -> None:
    first = await ordered(shop, a=1)
    await _crowd(shop, first, 2000)
    await balanced(shop)
    await place(shop, first)
    applied = await hear(shop, receipt(first, 1501))
    assert applied.count == 1
    rows = await shop.rows("select count(*) as n from backorder where allocated = ordered")
    assert rows == [{"n": 1501}]
    receipts = await shop.rows("select count(*) as n, count(distinct xmin::text) as writers from allocation")
    assert receipts == [{"n": 1501, "writers": 1}]
    rows = await shop.rows(
        "select count(*) as n from announcement where word = 'supply_changed' and owed_by = %s", f"po/{first}"
    )
    assert rows == [{"n": 1501}]


async def _crowd(shop: Any, po_number: str, size: int) -> None:
    """So many backorders like the first, each with one unit of the line, put into the books at once."""
    columns = [
        row["column_name"]
        for row in await shop.rows("select column_name from information_schema.columns where table_name = 'backorder'")
    ]
    others = ", ".join(name for name in columns if name not in {"backorder_id", "accepted_at"})
    await shop.do(
        f"""insert into backorder (backorder_id, accepted_at, {others})
            select 'crowd-' || n, accepted_at + n * interval '1 second', {others}
            from backorder, generate_series(1, %s) n where backorder_id = 'a'""",
        size,
    )
    await shop.do(
        """update po_line set ordered = %s, confirmed = %s, open = %s, claimed = %s where po_number = %s""",
        *([size + 1] * 4),
        po_number,
    )
    await shop.do(
        """insert into claim (backorder_id, po_number, line_no, total, quantity, expected_on)
           select backorder_id, %s, 1, 1, 1, %s from backorder where backorder_id like 'crowd-%%'""",
        po_number,
        MONDAY.date() + timedelta(days=5),
    )


async def test_two_receipts_of_one_order_at_once(shop: Any) -> None:
    po_number = await placed(shop, a=10, b=10)
    for n in range(4):
        await inbox.store_message(
            shop.ledger,
            "acme",
            door="webhook",
            dedupe_key=f"d-{n}",
            headers={},
            body=b"",
            at=TUESDAY,
            events=[receipt(po_number, 5, receipt_id=f"r-{n}")],
        )
    await asyncio.gather(*(inbox.apply_events(shop.ledger, po_number, at=TUESDAY) for _ in range(4)))
    assert await allocated(shop, "a", "b") == [10, 10]
    await balanced(shop)
