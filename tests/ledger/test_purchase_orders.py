"""A purchase order from collecting to its end: frozen once, asked for less, withdrawn, overdue, closed."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

import pytest

from domain.errors import BooksDoNotBalance, NotFound
from domain.purchase_order_position import OperationState, PurchaseOrderStatus
from domain.supplier_events import ChangeAck, ChangeVerdict, OrderAck, SplitStatus
from ledger import operations, purchase_orders, sourcing
from ledger.book import Connection, Ledger, lock_skus
from tests.ledger.ordering import (
    CANCEL,
    CHANGE,
    MONDAY,
    TUESDAY,
    ack,
    balanced,
    claims,
    hear,
    hush,
    line,
    ordered,
    part,
    place,
    placed,
    po,
    receipt,
    reduction,
    sent,
    store,
    told,
)
from tests.ledger.waiting import waits

BEFORE_CUT_OFF = MONDAY - timedelta(hours=2)


async def test_a_collecting_order_and_its_terms(shop: Any) -> None:
    po_number = await ordered(shop, a=3, b=4)
    position = await purchase_orders.position(shop.ledger, po_number, can_reduce=True, can_cancel=True)
    assert (position.status, position.supplier_name) == (PurchaseOrderStatus.COLLECTING, "Acme")
    assert (position.terms.can_reduce, position.terms.can_cancel) == (True, True)
    assert position.terms.acknowledge_within == timedelta(days=1)
    assert [(one.sku, one.ordered, one.claimed, one.open) for one in position.lines] == [("LAMP", 7, 7, 7)]
    assert not (await po(shop, po_number)).terms.can_reduce


async def test_an_unknown_order(shop: Any) -> None:
    at = {"key": "k", "at": MONDAY}
    with pytest.raises(NotFound, match="PO-404"):
        await po(shop, "PO-404")
    with pytest.raises(NotFound, match="PO-404"):
        await operations.plan_place(shop.ledger, "PO-404")
    for step in (
        purchase_orders.freeze(shop.ledger, "PO-404", **at),
        purchase_orders.chased(shop.ledger, "PO-404", **at),
        purchase_orders.hold(shop.ledger, "PO-404", held=True, **at),
        operations.withdraw(shop.ledger, "PO-404", **at),
        operations.record_send(shop.ledger, "po/PO-404/0", result="delivered", **at),
    ):
        with pytest.raises(NotFound):
            await step
    assert await shop.rows("select key from journal where key = 'k'") == []


async def test_words_owed_are_counted(shop: Any) -> None:
    po_number = await placed(shop, a=3, b=4)
    assert (await po(shop, po_number)).unannounced == 0
    await hear(shop, receipt(po_number, 7))
    assert (await po(shop, po_number)).unannounced == 2


# Collecting and freezing


async def test_held_and_let_go(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    for held in (True, False):
        await purchase_orders.hold(shop.ledger, po_number, key=shop.key(), at=MONDAY, held=held)
        assert (await po(shop, po_number)).held is held
    await purchase_orders.release_now(shop.ledger, po_number, key=shop.key(), at=MONDAY)
    assert (await po(shop, po_number)).release_now


async def test_a_frozen_order_is_not_held(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    await purchase_orders.hold(shop.ledger, po_number, key=shop.key(), at=TUESDAY, held=True)
    await purchase_orders.release_now(shop.ledger, po_number, key=shop.key(), at=TUESDAY)
    position = await po(shop, po_number)
    assert (position.held, position.release_now) == (False, False)


async def test_later_shares_join_the_next_order(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    await purchase_orders.freeze(shop.ledger, po_number, key=shop.key(), at=BEFORE_CUT_OFF)
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.READY
    later = await shop.sourced("b", quantity=5)
    assert later.claims[0].po_number != po_number
    rows = await shop.rows("select revision, line_no, ordered from po_line_revision where po_number = %s", po_number)
    assert rows == [{"revision": 0, "line_no": 1, "ordered": 5}]


async def test_frozen_a_day_late_moves_the_dates_and_says_so(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    before = (await shop.position("a")).expected_on
    await purchase_orders.hold(shop.ledger, po_number, key=shop.key(), at=BEFORE_CUT_OFF, held=True)
    await hush(shop)
    await purchase_orders.freeze(shop.ledger, po_number, key=shop.key(), at=TUESDAY)
    assert (await shop.position("a")).expected_on == before + timedelta(days=1)
    assert (await line(shop, po_number)).expected_on == before + timedelta(days=1)
    assert await told(shop, ["a"]) == [True]


async def test_an_order_nobody_wants_any_more_is_closed_unsent(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    await shop.cancel("a")
    await purchase_orders.freeze(shop.ledger, po_number, key=shop.key(), at=MONDAY)
    position = await po(shop, po_number)
    assert (position.status, position.frozen_at) == (PurchaseOrderStatus.CLOSED, None)
    with pytest.raises(NotFound, match="no frozen purchase order"):
        await operations.plan_place(shop.ledger, po_number)


async def test_a_line_nobody_wants_any_more_is_not_ordered(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    await shop.sourced("c", "BULB", 6)
    await shop.cancel("a")
    await place(shop, po_number)
    planned = await operations.plan_place(shop.ledger, po_number)
    assert [(one.sku, one.quantity) for one in planned.lines] == [("BULB", 3)]


async def test_nobody_joins_a_frozen_order(shop: Any) -> None:
    """Thirty join while it is frozen, from two processes, with items that were on it and items that were not."""
    po_number = await ordered(shop, first=5)
    wanted = {f"b-{n}": ("LAMP", "BULB", "SHADE")[n % 3] for n in range(30)}
    for backorder_id, sku in wanted.items():
        await shop.accept(backorder_id, sku, 6)

    async with await Ledger.open(shop.dsn) as other:

        async def freeze_amid() -> list[tuple[str, int]]:
            await second_line
            await purchase_orders.freeze(other, po_number, key="freeze", at=MONDAY)
            planned = await operations.plan_place(other, po_number)
            return [(one.sku, one.quantity) for one in planned.lines]

        joins = [
            sourcing.source(ledger, one, key=f"source/{one}", at=BEFORE_CUT_OFF)
            for one, ledger in zip(wanted, cycle((shop.ledger, other)), strict=False)
        ]
        second_line = asyncio.ensure_future(joins[1])
        asked, *_ = await asyncio.gather(freeze_amid(), joins[0], *joins[2:])
    lines = (await po(shop, po_number)).lines
    factor = {one.sku: one.unit_factor for one in lines}
    assert {sku: units * factor[sku] for sku, units in asked} == {one.sku: one.ordered for one in lines}
    rows = await shop.rows("select line_no, ordered from po_line_revision where po_number = %s", po_number)
    assert {row["line_no"]: row["ordered"] for row in rows} == {one.line_no: one.claimed for one in lines}
    for backorder_id in wanted:
        position = await shop.position(backorder_id)
        assert (position.unsourced, position.claimed + position.allocated) == (0, 6)
    await balanced(shop)


async def test_a_freeze_that_waited_for_a_joining_item_takes_the_lock_of_that_item_too(shop: Any) -> None:
    """Else a cancel of the new share, under the lock of its item, could still resize a line of the frozen order."""
    po_number = await ordered(shop, a=5)
    await shop.accept("b", "BULB", 6)

    async def until_it_waits_for(connection: Connection) -> None:
        pid = connection.info.backend_pid
        blocked = "select count(*) as others from pg_stat_activity where %s = any(pg_blocking_pids(pid))"
        # The database announces to nobody that somebody waits for a lock.
        while not freeze.done() and not (await shop.rows(blocked, pid))[0]["others"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async with shop.ledger.work() as cancelling:
        async with shop.ledger.work() as another:
            await lock_skus(another, ["LAMP"])
            async with shop.ledger.work() as joining:
                await lock_skus(joining, ["BULB"])
                await sourcing.search(joining, [sourcing.Asked("b", "joining", BEFORE_CUT_OFF)])
                # It has seen the lamps alone by now, whose lock it waits for.
                freeze = asyncio.ensure_future(purchase_orders.freeze(shop.ledger, po_number, key="freeze", at=MONDAY))
                await until_it_waits_for(another)
            await lock_skus(cancelling, ["BULB"])
        await until_it_waits_for(cancelling)
        assert not freeze.done()
    await freeze
    planned = await operations.plan_place(shop.ledger, po_number)
    assert [(one.sku, one.quantity) for one in planned.lines] == [("LAMP", 5), ("BULB", 3)]
    await balanced(shop)


# Placing


async def test_an_order_is_asked_for_in_purchase_units(shop: Any) -> None:
    po_number = await placed(shop, "BULB", a=5)
    planned = await operations.plan_place(shop.ledger, po_number)
    assert (planned.operation_id, planned.revision, planned.supplier_id) == (f"po/{po_number}/0", 0, "acme")
    assert planned.on == MONDAY.date()
    (asked,) = planned.lines
    assert (asked.supplier_sku, asked.description, asked.quantity) == ("acme-BULB", "Bulb", 3)
    assert asked.unit_price == Decimal(2)


async def test_the_first_bytes_stay(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    planned = await operations.plan_place(shop.ledger, po_number)
    await store(shop, planned.model_copy(update={"terms": "other"}))
    await operations.store_operation(
        shop.ledger,
        planned.operation_id,
        supplier_id="acme",
        po_number=po_number,
        kind=planned.kind,
        revision=0,
        content_type="text/plain",
        headers={"x": "y"},
        body=b"other",
        key="another key",
        at=TUESDAY,
    )
    stored = await operations.stored_operation(shop.ledger, planned.operation_id)
    assert stored.body == planned.model_dump_json().encode()
    assert (stored.content_type, stored.state, stored.sent_at) == (
        "application/json",
        OperationState.DELIVERED,
        MONDAY,
    )
    with pytest.raises(NotFound, match="po/nothing/0"):
        await operations.stored_operation(shop.ledger, "po/nothing/0")


async def test_delivered_stays_delivered(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    for result in ("unknown", "refused"):
        await operations.record_send(
            shop.ledger, f"po/{po_number}/0", key=shop.key(), at=TUESDAY, result=result, reason="late"
        )
    position = await po(shop, po_number)
    assert (position.status, position.open) == (PurchaseOrderStatus.ACKNOWLEDGEMENT_PENDING, 5)


async def test_an_order_the_supplier_refuses_outright(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    await purchase_orders.freeze(shop.ledger, po_number, key=shop.key(), at=MONDAY)
    planned = await operations.plan_place(shop.ledger, po_number)
    await store(shop, planned)
    await hush(shop)
    refused = {"at": MONDAY, "result": "refused", "reason": "unknown customer"}
    await operations.record_send(shop.ledger, planned.operation_id, key="send", **refused)
    await operations.record_send(shop.ledger, planned.operation_id, key="send", **refused)
    position = await po(shop, po_number)
    assert (position.status, position.open) == (PurchaseOrderStatus.REJECTED, 0)
    assert (position.operations[0].state, position.operations[0].verdict) == (OperationState.REFUSED, "refused")
    assert await told(shop, ["a"]) == [True]
    assert (await shop.source("a")).claims[0].supplier_id == "bolt"
    await balanced(shop)


async def test_a_change_the_supplier_refuses_outright(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("b")
    planned = await reduction(shop, po_number)
    await store(shop, planned)
    await operations.record_send(shop.ledger, planned.operation_id, key="send", at=TUESDAY, result="refused")
    stands = await line(shop, po_number)
    assert (stands.open, stands.to_reduce) == (10, 0)
    assert (await po(shop, po_number)).pending is None


# Asking for less


async def test_a_cancelled_share_is_asked_off(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=4)
    await shop.cancel("b")
    planned = await reduction(shop, po_number)
    assert (planned.kind, planned.revision, planned.operation_id) == (CHANGE, 1, f"po/{po_number}/1")
    assert [(one.line_no, one.quantity) for one in planned.lines] == [(1, 6)]
    stands = await line(shop, po_number)
    assert (stands.open, stands.to_reduce, stands.claimed) == (10, 4, 6)
    assert (await po(shop, po_number)).revision == 1
    rows = await shop.rows("select ordered from po_line_revision where revision = 1")
    assert rows == [{"ordered": 6}]


async def test_the_minimum_order_holds(shop: Any) -> None:
    po_number = await placed(shop, a=3, b=4)
    await shop.cancel("b")
    planned = await reduction(shop, po_number)
    assert [one.quantity for one in planned.lines] == [5]
    stands = await line(shop, po_number)
    assert (stands.claimed, stands.to_reduce) == (3, 2)


async def test_only_whole_packs_are_asked_off(shop: Any) -> None:
    po_number = await placed(shop, "BULB", a=7, b=4)
    assert (await line(shop, po_number)).ordered == 12
    await shop.cancel("b")
    planned = await reduction(shop, po_number)
    assert [one.quantity for one in planned.lines] == [4]
    assert (await line(shop, po_number)).to_reduce == 4


async def test_what_has_come_is_not_asked_off(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=6)
    await hear(shop, receipt(po_number, 6))
    await shop.cancel("b")
    planned = await reduction(shop, po_number)
    assert planned.kind is CANCEL
    await sent(shop, planned)
    await hear(shop, ChangeAck(po_number=po_number, revision=1, verdict=ChangeVerdict.ACCEPTED))
    stands = await line(shop, po_number)
    assert (stands.received_good, stands.cancelled, stands.open) == (6, 6, 0)


async def test_a_share_taken_over_by_the_next_is_not_asked_off(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=4)
    await shop.cancel("b")
    await shop.sourced("next", quantity=4)
    assert await claims(shop, "a", "next") == [6, 4]
    assert await reduction(shop, po_number) is None
    assert (await po(shop, po_number)).revision == 0


@pytest.mark.parametrize(
    ("can_cancel", "can_reduce", "asked"),
    [
        (True, True, (CANCEL, [])),
        (True, False, (CANCEL, [])),
        (False, True, (CHANGE, [0])),
        (False, False, None),
    ],
)
async def test_everything_cancelled(shop: Any, can_cancel: bool, can_reduce: bool, asked: Any) -> None:
    po_number = await placed(shop, a=6, b=4)
    await shop.cancel("a")
    await shop.cancel("b")
    planned = await reduction(shop, po_number, can_cancel=can_cancel, can_reduce=can_reduce)
    assert (planned and (planned.kind, [one.quantity for one in planned.lines])) == asked
    assert (await line(shop, po_number)).to_reduce == (10 if asked else 0)


async def test_the_same_question_is_asked_once(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=4)
    await shop.cancel("b")
    once, again = [
        await operations.plan_reduction(shop.ledger, po_number, key="reduce", at=TUESDAY, can_cancel=True)
        for _ in range(2)
    ]
    assert once == again
    assert (await po(shop, po_number)).revision == 1


async def test_one_change_is_in_flight_at_a_time(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=4, c=4)
    await shop.cancel("b")
    planned = await reduction(shop, po_number)
    await shop.cancel("c")
    await store(shop, planned)
    assert await reduction(shop, po_number) is None
    await sent(shop, planned)
    assert await reduction(shop, po_number) is None
    await hear(shop, ChangeAck(po_number=po_number, revision=1, verdict=ChangeVerdict.ACCEPTED))
    again = await reduction(shop, po_number)
    assert (again.revision, [one.quantity for one in again.lines]) == (2, [6])


async def test_a_change_that_was_never_written_down_is_planned_anew(shop: Any) -> None:
    """Whoever planned it crashed, or could not render it: another try, under another key, gets on."""
    po_number = await placed(shop, a=6, b=4, c=4)
    await shop.cancel("b")
    lost = await reduction(shop, po_number)
    await shop.cancel("c")
    planned = await reduction(shop, po_number)
    assert (planned.revision, [one.quantity for one in planned.lines]) == (2, [6])
    await store(shop, lost)  # the first comes to life again, too late
    assert [one.revision for one in (await po(shop, po_number)).operations] == [0]
    await sent(shop, planned)
    await hear(shop, ChangeAck(po_number=po_number, revision=2, verdict=ChangeVerdict.ACCEPTED))
    stands = await line(shop, po_number)
    assert (stands.open, stands.to_reduce, stands.cancelled) == (6, 0, 8)
    await balanced(shop)


async def test_units_of_a_change_that_was_never_written_down_go_to_who_waits(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=4)
    await shop.cancel("b")
    await reduction(shop, po_number)
    await waits(shop, "next", quantity=4)
    assert await reduction(shop, po_number) is None
    assert await claims(shop, "a", "next") == [6, 4]
    assert (await line(shop, po_number)).to_reduce == 0
    await balanced(shop)


async def test_what_was_never_written_down_does_not_keep_an_order_from_being_withdrawn(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=4)
    await shop.cancel("b")
    await reduction(shop, po_number)
    lost = await operations.withdraw(shop.ledger, po_number, key=shop.key(), at=TUESDAY)
    planned = await operations.withdraw_by_hand(shop.ledger, po_number, key=shop.key(), at=TUESDAY)
    assert [(one.kind, one.revision) for one in (lost, planned)] == [(CANCEL, 2), (CANCEL, 3)]
    await sent(shop, planned)
    await store(shop, lost)
    await hear(shop, ChangeAck(po_number=po_number, revision=3, verdict=ChangeVerdict.ACCEPTED))
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.CANCELLED


async def test_nothing_is_asked_of_an_order_that_is_not_placed_or_is_over(shop: Any) -> None:
    po_number = await ordered(shop, a=6, b=4)
    await purchase_orders.freeze(shop.ledger, po_number, key=shop.key(), at=MONDAY)
    await shop.cancel("b")
    assert await reduction(shop, po_number) is None
    await sent(shop, await operations.plan_place(shop.ledger, po_number))
    await hear(shop, OrderAck(po_number=po_number, accepted=False))
    assert await reduction(shop, po_number) is None


async def test_silence_to_a_change_gives_the_units_to_who_waits(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=4)
    await shop.cancel("b")
    planned = await sent(shop, await reduction(shop, po_number))
    await waits(shop, "next", quantity=3)
    for _ in range(2):
        await operations.give_up_change(shop.ledger, planned.operation_id, key="give up", at=TUESDAY)
    stands = await line(shop, po_number)
    assert (stands.to_reduce, stands.claimed, stands.open) == (0, 9, 10)
    assert await told(shop, ["next"]) == [True]
    assert (await po(shop, po_number)).operations[1].verdict == "silent"
    await balanced(shop)


async def test_an_answer_just_before_it_is_given_up_stands(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=4)
    await shop.cancel("b")
    planned = await sent(shop, await reduction(shop, po_number))
    await hear(shop, ChangeAck(po_number=po_number, revision=1, verdict=ChangeVerdict.ACCEPTED))
    await operations.give_up_change(shop.ledger, planned.operation_id, key=shop.key(), at=TUESDAY)
    assert (await line(shop, po_number)).cancelled == 4
    assert (await po(shop, po_number)).operations[1].verdict == "accepted"


# Silence


async def test_reminders_are_counted_once_each(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    for key in ("first", "first", "second"):
        await purchase_orders.chased(shop.ledger, po_number, key=key, at=TUESDAY)
    position = await po(shop, po_number)
    assert (position.chases, position.last_chased_at) == (2, TUESDAY)


async def test_a_withdrawal_leaves_claims_until_the_answer(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    planned = await operations.withdraw(shop.ledger, po_number, key="withdraw", at=TUESDAY)
    assert (planned.kind, planned.revision, planned.lines) == (CANCEL, 1, ())
    assert await operations.withdraw(shop.ledger, po_number, key="withdraw", at=TUESDAY) == planned
    await sent(shop, planned)
    assert await operations.withdraw(shop.ledger, po_number, key=shop.key(), at=TUESDAY) is None
    assert await claims(shop, "a", "b") == [5, 5]
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.CANCEL_PENDING


async def test_a_withdrawal_takes_the_place_of_an_unanswered_change(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("b")
    await sent(shop, await reduction(shop, po_number))
    planned = await operations.withdraw(shop.ledger, po_number, key=shop.key(), at=TUESDAY)
    assert (planned.kind, planned.revision) == (CANCEL, 2)
    position = await po(shop, po_number)
    assert position.operations[1].verdict == "silent"
    assert position.lines[0].to_reduce == 0


async def test_an_order_acknowledged_meanwhile_is_not_withdrawn(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    await hear(shop, OrderAck(po_number=po_number))
    assert await operations.withdraw(shop.ledger, po_number, key=shop.key(), at=TUESDAY) is None
    assert (await po(shop, po_number)).revision == 0


async def test_overdue_goods_have_no_date_and_the_others_keep_theirs(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    soon, later = TUESDAY.date() + timedelta(days=2), TUESDAY.date() + timedelta(days=30)
    accepted = SplitStatus.ACCEPTED
    await hear(shop, ack(po_number, part(accepted, 5, soon), part(accepted, 5, later)))
    await hush(shop)
    at = TUESDAY + timedelta(days=4)
    await purchase_orders.tell_overdue(shop.ledger, po_number, key=shop.key(), at=at)
    assert [(await shop.position(one)).expected_on for one in ("a", "b")] == [None, later]
    assert await told(shop, ["a", "b"]) == [True, False]
    assert (await po(shop, po_number)).overdue_told_at == at


async def test_what_was_never_acknowledged_has_no_date_at_all(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await purchase_orders.tell_overdue(shop.ledger, po_number, key=shop.key(), at=TUESDAY)
    assert [(await shop.position(one)).expected_on for one in ("a", "b")] == [None, None]
    assert (await line(shop, po_number)).expected_on is None


# The end


async def test_closed_when_nothing_is_open(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    with pytest.raises(BooksDoNotBalance, match="5 units of"):
        await purchase_orders.close(shop.ledger, po_number, key="close", at=TUESDAY)
    await hear(shop, receipt(po_number, 5))
    await purchase_orders.close(shop.ledger, po_number, key="close", at=TUESDAY)
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.CLOSED


async def test_closed_short_by_an_operator(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, receipt(po_number, 6))
    await hush(shop)
    for _ in range(2):
        await purchase_orders.close_short(shop.ledger, po_number, key="short", at=TUESDAY)
    stands = await line(shop, po_number)
    assert (stands.received_good, stands.closed_short, stands.open) == (6, 4, 0)
    assert await told(shop, ["a", "b"]) == [False, True]
    assert [one.supplier_id for one in (await shop.source("b")).claims] == ["bolt"]
    await balanced(shop)


async def test_a_collecting_order_is_not_closed_short(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    with pytest.raises(BooksDoNotBalance, match="still collects"):
        await purchase_orders.close_short(shop.ledger, po_number, key=shop.key(), at=MONDAY)


async def test_attention_is_kept_until_it_is_settled(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    for what in ("Call them.", "Write to them.", "Call them."):
        await purchase_orders.raise_attention(shop.ledger, po_number, key=shop.key(), at=TUESDAY, what=what)
    assert (await po(shop, po_number)).attention == "Call them.\nWrite to them."
    await purchase_orders.settle_attention(shop.ledger, po_number, key=shop.key(), at=TUESDAY, how="called")
    assert (await po(shop, po_number)).attention is None


async def test_two_processes_do_the_same_step_at_once(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=4)
    await shop.cancel("b")
    async with await Ledger.open(shop.dsn) as other:
        plans = await asyncio.gather(
            *(
                operations.plan_reduction(which, po_number, key="reduce", at=TUESDAY, can_cancel=True)
                for which in (shop.ledger, other, shop.ledger, other)
            )
        )
    assert len({plan.model_dump_json() for plan in plans if plan}) == 1
    assert None not in plans
    assert (await po(shop, po_number)).revision == 1
