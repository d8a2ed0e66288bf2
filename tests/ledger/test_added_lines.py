"""Lines added to an order that its supplier has: when they are, how they are asked for, and every end that can come."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.purchase_order_duty import PurchaseOrderDutyKind, next_duty
from domain.purchase_order_position import PurchaseOrderStatus
from domain.supplier_events import (
    AckLine,
    Balance,
    ChangeAck,
    ChangeVerdict,
    LineRef,
    NoticeLine,
    OrderAck,
    ShipNotice,
    SplitStatus,
)
from ledger import catalogue, inbox, operations, purchase_orders
from ledger.audit import audit
from ledger.book import lock_skus
from ledger.operations import PlannedOperation
from tests.ledger.conftest import CATALOGUE, NOW
from tests.ledger.ordering import (
    MONDAY,
    TUESDAY,
    ack,
    balanced,
    hear,
    hush,
    line,
    ordered,
    part,
    placed,
    po,
    receipt,
    reduction,
    sent,
    store,
)

WEDNESDAY = TUESDAY + timedelta(days=1)
YES, NO, PARTLY, UNCLEAR = (
    ChangeVerdict.ACCEPTED,
    ChangeVerdict.REFUSED,
    ChangeVerdict.PARTLY,
    ChangeVerdict.UNCLEAR,
)


@pytest.fixture
async def shop(shop: Any) -> Any:
    """A shop whose supplier takes lines after the order."""
    await adding(shop, wanted=True)
    return shop


async def adding(shop: Any, *, wanted: bool) -> None:
    """Whether Acme takes them."""
    acme, *others = CATALOGUE.suppliers
    suppliers = (acme.model_copy(update={"add_to_open_orders": wanted}), *others)
    await catalogue.load_catalogue(shop.ledger, CATALOGUE.model_copy(update={"suppliers": suppliers}), at=NOW)


async def confirmed(shop: Any, sku: str = "LAMP", **units: int) -> str:
    """An order that the supplier has confirmed."""
    po_number = await placed(shop, sku, **(units or {"a": 5}))
    await hear(shop, OrderAck(po_number=po_number))
    return po_number


async def cut_off(shop: Any, po_number: str, **how: Any) -> None:
    """Collecting ends, by a connector that can add lines."""
    how = {"key": shop.key(), "at": TUESDAY, "can_add": True} | how
    await purchase_orders.freeze(shop.ledger, po_number, **how)


async def collected(shop: Any, sku: str = "BULB", **units: int) -> str:
    """Backorders of another item, whose order has just been cut off."""
    po_number = await ordered(shop, sku, **(units or {"b": 4, "c": 2}))
    await cut_off(shop, po_number)
    return po_number


async def addition(shop: Any, po_number: str, **how: Any) -> PlannedOperation | None:
    how = {"key": shop.key(), "at": TUESDAY, "can_add": True} | how
    return await operations.plan_addition(shop.ledger, po_number, **how)


async def asked(shop: Any) -> str:
    """A confirmed order whose supplier is asked to add bulbs for two backorders. Returns its number."""
    po_number = await confirmed(shop)
    await collected(shop)
    await sent(shop, await addition(shop, po_number), TUESDAY)
    await balanced(shop)
    return po_number


def answer(po_number: str, verdict: ChangeVerdict, *lines: AckLine, revision: int = 1) -> ChangeAck:
    return ChangeAck(po_number=po_number, revision=revision, verdict=verdict, lines=lines)


def of_line(line_no: int, quantity: int, day: date | None = None) -> AckLine:
    return AckLine(line=LineRef(line_no=line_no), splits=(part(SplitStatus.ACCEPTED, quantity, day),))


async def story(shop: Any, subject: str) -> list[str]:
    rows = await shop.rows("select facts->>'text' as text from journal where subject = %s order by seq", subject)
    return [row["text"] for row in rows if row["text"]]


async def on_order(shop: Any, backorder_id: str) -> list[tuple[str, int, bool]]:
    """Where a backorder's shares are, and whether they are confirmed."""
    return [(one.po_number, one.quantity, one.confirmed) for one in (await shop.position(backorder_id)).claims]


async def due(shop: Any, po_number: str, after: timedelta = timedelta()) -> tuple[PurchaseOrderDutyKind, str] | None:
    """What the order does by itself so long after it was asked to add lines."""
    duty = next_duty(await po(shop, po_number), TUESDAY + after)
    return (duty.kind, duty.why) if duty and duty.at <= TUESDAY + after else None


async def test_what_is_collected_joins_the_order_that_the_supplier_has(shop: Any) -> None:
    po_number = await confirmed(shop)
    await hush(shop)
    later = await collected(shop)
    assert await on_order(shop, "b") == [(po_number, 4, False)]
    assert await on_order(shop, "c") == [(po_number, 2, False)]
    added = await line(shop, po_number, 2)
    assert (added.sku, added.ordered, added.open, added.claimed, added.to_add) == ("BULB", 6, 6, 6, True)
    left = await po(shop, later)
    assert (left.status, left.added_to, left.open) == (PurchaseOrderStatus.CLOSED, po_number, 0)
    assert await shop.words(f"po/{po_number}") == ["shares_changed"]
    assert await shop.words("backorder/b") == ["supply_changed"]
    told = f"4 units of {later} are to come with {po_number}, which Acme has already"
    assert told in await story(shop, "backorder/b")
    assert f"Acme is asked to add 6 units on 1 lines that collected on {later}" in await story(shop, f"po/{po_number}")
    assert any(text.startswith("Not sent by itself: 6 units") for text in await story(shop, f"po/{later}"))
    assert (await due(shop, po_number)) == (
        PurchaseOrderDutyKind.ADD_LINES,
        "ask the supplier to add lines to the order it has",
    )
    await balanced(shop)


async def test_the_dates_go_with_the_lines(shop: Any) -> None:
    await confirmed(shop)
    await ordered(shop, "BULB", b=4)
    (before,) = (await shop.position("b")).claims
    await cut_off(shop, before.po_number, at=MONDAY - timedelta(hours=2))
    (after,) = (await shop.position("b")).claims
    assert after.expected_on == before.expected_on is not None


async def test_cut_off_twice_moves_once(shop: Any) -> None:
    po_number = await confirmed(shop)
    later = await ordered(shop, "BULB", b=4)
    await asyncio.gather(*(cut_off(shop, later, key=key) for key in ("one", "one", "two")))
    assert await on_order(shop, "b") == [(po_number, 4, False)]
    assert len((await po(shop, po_number)).lines) == 2
    await balanced(shop)


async def test_the_supplier_is_asked_for_new_lines_in_its_units(shop: Any) -> None:
    po_number = await confirmed(shop)
    await collected(shop)
    planned = await addition(shop, po_number, key="add")
    assert planned is not None
    assert (planned.kind, planned.revision, planned.before) == ("change", 1, {1: 5})
    assert [(one.line_no, one.sku, one.quantity, one.unit_price) for one in planned.lines] == [
        (2, "BULB", 3, Decimal(2))
    ]
    assert [(one.line_no, one.quantity) for one in planned.whole] == [(1, 5), (2, 3)]
    assert await addition(shop, po_number, key="add") == planned
    await sent(shop, planned, TUESDAY)
    assert await addition(shop, po_number) is None, "one change is in flight at a time"
    assert await reduction(shop, po_number) is None
    await balanced(shop)


async def test_an_addition_that_was_never_written_down_is_planned_anew(shop: Any) -> None:
    po_number = await confirmed(shop)
    await collected(shop)
    lost = await addition(shop, po_number)
    await shop.cancel("c")
    again = await addition(shop, po_number)
    assert lost and again and (lost.revision, again.revision) == (1, 2)
    assert [one.quantity for one in lost.lines + again.lines] == [3, 3], "the minimum holds"
    await store(shop, lost)
    assert (await po(shop, po_number)).operations[-1].revision == 0
    await sent(shop, again, TUESDAY)
    await hear(shop, answer(po_number, YES, revision=2))
    assert await on_order(shop, "b") == [(po_number, 4, True)]


async def test_accepted_is_confirmed_with_the_dates_that_were_given(shop: Any) -> None:
    po_number = await asked(shop)
    (before, *_) = (await shop.position("b")).claims
    await hear(shop, answer(po_number, YES))
    assert await on_order(shop, "b") == [(po_number, 4, True)]
    assert (await shop.position("b")).claims[0].expected_on == before.expected_on
    position = await po(shop, po_number)
    assert (position.status, position.adds_lines, position.open) == (PurchaseOrderStatus.ACKNOWLEDGED, False, 11)
    await hear(shop, answer(po_number, YES), receipt(po_number, 6, line_no=2), receipt(po_number, 5, receipt_id="r-2"))
    assert (await shop.position("b")).allocated == 4
    assert await due(shop, po_number) == (PurchaseOrderDutyKind.CLOSE, "everything has come, or never will")


async def test_accepted_line_by_line_takes_the_days_of_the_answer(shop: Any) -> None:
    po_number = await asked(shop)
    day = date(2026, 12, 9)
    await hear(shop, answer(po_number, PARTLY, of_line(1, 5), of_line(2, 3, day)))
    assert await on_order(shop, "b") == [(po_number, 4, True)]
    assert (await shop.position("b")).claims[0].expected_on == day


async def test_accepted_for_a_day_long_past_is_expected_as_quoted_and_asked_about(shop: Any) -> None:
    po_number = await asked(shop)
    quoted = (await shop.position("b")).claims[0].expected_on
    assert quoted is not None
    applied = await hear(shop, answer(po_number, PARTLY, of_line(1, 5), of_line(2, 3, date(2025, 12, 9))))
    assert "with days that are long past: line 2, BULB, on 2025-12-09. " in applied.incidents[0]
    assert [(one.confirmed, one.expected_on) for one in (await shop.position("b")).claims] == [(True, quoted)]


async def test_refused_goes_back_and_is_bought_of_the_same_supplier_by_an_order_of_its_own(shop: Any) -> None:
    po_number = await asked(shop)
    await hush(shop)
    await hear(shop, answer(po_number, NO))
    assert (await shop.position("b")).unsourced == 4
    assert await shop.words("backorder/b") == ["supply_changed"]
    assert f"4 units of {po_number} could not be added to it" in await story(shop, "backorder/b")
    added = await line(shop, po_number, 2)
    assert (added.open, added.cancelled, added.to_add) == (0, 6, False)
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.ACKNOWLEDGED
    assert await due(shop, po_number) is None
    (share,) = (await shop.source("b")).claims
    assert (share.supplier_id, share.quantity) == ("acme", 4) and share.po_number != po_number
    await cut_off(shop, share.po_number)
    assert (await po(shop, share.po_number)).frozen_at, "who refused once is not asked again for this order"
    await balanced(shop)


async def test_refused_at_the_door(shop: Any) -> None:
    po_number = await confirmed(shop)
    await collected(shop)
    planned = await addition(shop, po_number)
    assert planned
    await store(shop, planned)
    await operations.record_send(
        shop.ledger, planned.operation_id, key="no", at=TUESDAY, result="refused", reason="closed for changes"
    )
    assert (await shop.position("b")).unsourced == 4
    await balanced(shop)


async def test_of_two_lines_one_is_added(shop: Any) -> None:
    po_number = await confirmed(shop)
    await shop.do("update stock set on_hand = 0, opening = 0 where sku = 'SHADE'")
    await ordered(shop, "BULB", b=4)
    await collected(shop, "SHADE", s=3)
    await sent(shop, await addition(shop, po_number), TUESDAY)
    await hear(shop, answer(po_number, PARTLY, of_line(3, 3)))
    assert (await shop.position("b")).unsourced == 4
    assert await on_order(shop, "s") == [(po_number, 3, True)]


async def test_a_line_added_for_less_leaves_the_rest_to_an_order_of_its_own(shop: Any) -> None:
    po_number = await asked(shop)
    await hear(shop, answer(po_number, PARTLY, of_line(2, 2)))
    assert await on_order(shop, "b") == [(po_number, 4, True)]
    assert (await shop.position("c")).unsourced == 2
    (share,) = (await shop.source("c")).claims
    assert share.supplier_id == "acme"


async def test_an_answer_that_names_what_nobody_can_make_out_leaves_the_line_and_asks(shop: Any) -> None:
    po_number = await asked(shop)
    applied = await hear(shop, answer(po_number, PARTLY, of_line(9, 3)))
    assert "cannot be read" in applied.incidents[0]
    assert await on_order(shop, "b") == [(po_number, 4, True)], "not bought twice by ourselves"


async def test_an_unclear_answer_waits_for_another(shop: Any) -> None:
    po_number = await asked(shop)
    applied = await hear(shop, answer(po_number, UNCLEAR))
    assert "is unclear" in applied.incidents[0]
    assert await on_order(shop, "b") == [(po_number, 4, False)]
    await hear(shop, answer(po_number, YES))
    assert await on_order(shop, "b") == [(po_number, 4, True)]


async def test_silence_is_reminded_then_a_persons_matter_and_never_bought_twice(shop: Any) -> None:
    po_number = await asked(shop)
    assert await due(shop, po_number, timedelta(hours=23)) is None
    assert await due(shop, po_number, timedelta(days=1)) == (
        PurchaseOrderDutyKind.CHASE,
        "ask Acme whether it adds the lines",
    )
    await purchase_orders.chased(shop.ledger, po_number, key="chased", at=WEDNESDAY)
    assert await due(shop, po_number, timedelta(days=1, hours=23)) is None
    found = await due(shop, po_number, timedelta(days=2))
    assert found and found[0] is PurchaseOrderDutyKind.ASK_OPERATOR and "has not answered whether it adds" in found[1]
    operation_id = (await po(shop, po_number)).operations[-1].operation_id
    await operations.give_up_change(shop.ledger, operation_id, key="give up", at=WEDNESDAY)
    assert await on_order(shop, "b") == [(po_number, 4, False)]
    await purchase_orders.raise_attention(shop.ledger, po_number, key="ask", at=WEDNESDAY, what=found[1])
    await hear(shop, answer(po_number, YES))
    assert await due(shop, po_number, timedelta(days=2)) == (PurchaseOrderDutyKind.STOP_ASKING, "it is known now")


async def test_a_person_who_heard_yes_confirms_the_lines(shop: Any) -> None:
    po_number = await asked(shop)
    await hear(shop, OrderAck(po_number=po_number, revision=1))
    assert await on_order(shop, "b") == [(po_number, 4, True)]
    position = await po(shop, po_number)
    assert position.pending is None and position.operations[-1].verdict == "accepted"


async def test_who_agrees_has_the_change_though_nobody_knew_whether_it_arrived(shop: Any) -> None:
    po_number = await confirmed(shop)
    await collected(shop)
    planned = await addition(shop, po_number)
    assert planned
    await store(shop, planned)
    await operations.leaves(shop.ledger, planned.operation_id, attempt="1", at=TUESDAY)
    await hear(shop, OrderAck(po_number=po_number, revision=1))
    assert await on_order(shop, "b") == [(po_number, 4, True)]
    operation = (await po(shop, po_number)).operations[-1]
    assert (operation.state, operation.verdict) == ("delivered", "accepted"), "it is not sent again"


async def test_an_answer_to_the_order_says_nothing_of_lines_it_does_not_name(shop: Any) -> None:
    po_number = await asked(shop)
    await hear(shop, OrderAck(po_number=po_number))
    await hear(shop, ack(po_number, part(SplitStatus.ACCEPTED, 5)))
    assert await on_order(shop, "b") == [(po_number, 4, False)]
    day = date(2026, 12, 9)
    await hear(shop, ack(po_number, part(SplitStatus.ACCEPTED, 3, day), line_no=2))
    assert await on_order(shop, "b") == [(po_number, 4, True)]
    await hear(shop, answer(po_number, YES))
    assert (await shop.position("b")).claims[0].expected_on == day


async def test_after_lines_were_added_the_supplier_still_speaks_of_the_others(shop: Any) -> None:
    """Answers that name no revision are about the order as it was placed; less of it was never asked for."""
    po_number = await asked(shop)
    await hear(shop, answer(po_number, YES))
    day = date(2026, 12, 9)
    await hear(shop, ack(po_number, part(SplitStatus.ACCEPTED, 5, day)))
    assert (await shop.position("a")).claims[0].expected_on == day
    await shop.cancel("b")
    await shop.cancel("c")
    await sent(shop, await reduction(shop, po_number), TUESDAY)
    await hear(shop, answer(po_number, YES, revision=2))
    await hear(shop, ack(po_number, part(SplitStatus.ACCEPTED, 3), line_no=2))
    assert (await line(shop, po_number, 2)).open == 0


async def test_the_supplier_still_speaks_of_a_line_of_which_it_had_confirmed_less(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    await hear(shop, ack(po_number, part(SplitStatus.ACCEPTED, 3)))
    await collected(shop)
    assert await addition(shop, po_number), "lost before it was written down"
    await sent(shop, await addition(shop, po_number), TUESDAY)
    await hear(shop, answer(po_number, YES, revision=2))
    day = date(2026, 12, 9)
    await hear(shop, ack(po_number, part(SplitStatus.ACCEPTED, 3, day)))
    assert (await shop.position("a")).claims[0].expected_on == day


async def test_a_share_cancelled_before_it_is_asked_for_is_not_asked_for(shop: Any) -> None:
    po_number = await confirmed(shop)
    await collected(shop, b=4, c=6)
    await shop.cancel("b")
    planned = await addition(shop, po_number)
    assert planned and [one.quantity for one in planned.lines] == [3]
    assert (await line(shop, po_number, 2)).ordered == 6
    await balanced(shop)


async def test_when_nobody_wants_the_lines_any_more_nothing_is_asked(shop: Any) -> None:
    po_number = await confirmed(shop)
    await collected(shop)
    await shop.cancel("b")
    await shop.cancel("c")
    assert await addition(shop, po_number) is None
    assert not (await po(shop, po_number)).adds_lines
    assert await due(shop, po_number) is None
    await balanced(shop)


async def test_a_share_cancelled_while_it_is_asked_for_is_taken_off_after_the_answer(shop: Any) -> None:
    po_number = await confirmed(shop)
    await collected(shop, b=4, c=6)
    await sent(shop, await addition(shop, po_number), TUESDAY)
    await hush(shop)
    await shop.cancel("b")
    assert await shop.words(f"po/{po_number}") == ["shares_changed"]
    assert await reduction(shop, po_number) is None
    await hear(shop, answer(po_number, YES))
    planned = await sent(shop, await reduction(shop, po_number), TUESDAY)
    assert (planned.before, [(one.line_no, one.quantity) for one in planned.lines]) == ({2: 5}, [(2, 3)])
    await hear(shop, answer(po_number, YES, revision=2))
    assert (await line(shop, po_number, 2)).open == 6


async def test_lines_that_cannot_be_asked_for_any_more_are_sourced_anew(shop: Any) -> None:
    po_number = await confirmed(shop)
    await collected(shop)
    assert await addition(shop, po_number, can_add=False) is None
    assert (await shop.position("b")).unsourced == 4
    assert not (await po(shop, po_number)).adds_lines
    await balanced(shop)


@pytest.mark.parametrize("was_asked", [True, False])
async def test_withdrawn_with_lines_that_nobody_agreed_to(shop: Any, *, was_asked: bool) -> None:
    po_number = await confirmed(shop)
    await collected(shop)
    if was_asked:
        await sent(shop, await addition(shop, po_number), TUESDAY)
    planned = await operations.withdraw_by_hand(shop.ledger, po_number, key="w", at=WEDNESDAY)
    assert planned and planned.kind == "cancel"
    assert [one.line_no for one in planned.whole] == ([1, 2] if was_asked else [1])
    await sent(shop, planned, WEDNESDAY)
    assert ((await shop.position("a")).claimed, (await shop.position("b")).unsourced) == (5, 4)
    if was_asked:
        applied = await hear(shop, answer(po_number, YES))
        assert "adds lines" in applied.incidents[0]
        assert (await shop.position("b")).unsourced == 4
    await hear(shop, answer(po_number, YES, revision=planned.revision))
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.CANCELLED
    assert (await shop.position("a")).unsourced == 5
    # It ships all of it all the same.
    await hear(shop, receipt(po_number, 6, line_no=2))
    assert (await shop.position("b")).allocated == 4


async def test_lines_that_come_though_they_were_refused_are_free_goods(shop: Any) -> None:
    po_number = await asked(shop)
    await hear(shop, answer(po_number, NO))
    await shop.source("b")
    await hear(shop, receipt(po_number, 6, line_no=2))
    assert ((await shop.position("b")).allocated, (await shop.position("c")).allocated) == (4, 2)


async def test_goods_on_their_way_are_an_answer(shop: Any) -> None:
    po_number = await asked(shop)
    line_2 = NoticeLine(line=LineRef(line_no=2), shipped=Decimal(3), deliver_on=date(2026, 12, 9))
    await hear(shop, ShipNotice(po_number=po_number, shipment_id="s", lines=(line_2,)))
    assert await on_order(shop, "b") == [(po_number, 4, True)]
    assert await due(shop, po_number, timedelta(days=1)) == (
        PurchaseOrderDutyKind.GIVE_UP_CHANGE,
        "wait for the answer to change revision 1",
    )
    operation_id = (await po(shop, po_number)).operations[-1].operation_id
    await operations.give_up_change(shop.ledger, operation_id, key="give up", at=WEDNESDAY)
    assert (await line(shop, po_number, 2)).open == 6
    applied = await hear(shop, answer(po_number, YES))
    assert not applied.incidents


async def test_a_line_of_which_nothing_will_be_shipped_is_not_added(shop: Any) -> None:
    po_number = await asked(shop)
    line_2 = NoticeLine(line=LineRef(line_no=2), shipped=Decimal(0), balance=Balance.CLOSED)
    applied = await hear(shop, ShipNotice(po_number=po_number, shipment_id="s", lines=(line_2,)))
    assert not applied.incidents
    added = await line(shop, po_number, 2)
    assert (added.to_add, added.open, added.closed_short) == (False, 0, 6)
    (share,) = (await shop.source("b")).claims
    assert share.supplier_id == "acme" and share.po_number != po_number


async def test_a_part_that_comes_is_an_answer(shop: Any) -> None:
    po_number = await asked(shop)
    await hear(shop, receipt(po_number, 1, line_no=2))
    added = await line(shop, po_number, 2)
    assert (added.to_add, added.open, added.received_good) == (False, 4, 2)


async def test_rejected_as_a_whole(shop: Any) -> None:
    po_number = await asked(shop)
    await hear(shop, OrderAck(po_number=po_number, accepted=False))
    assert ((await shop.position("a")).unsourced, (await shop.position("b")).unsourced) == (5, 4)
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.REJECTED


async def test_closed_short(shop: Any) -> None:
    po_number = await asked(shop)
    await purchase_orders.close_short(shop.ledger, po_number, key="short", at=WEDNESDAY)
    assert (await shop.position("b")).unsourced == 4
    await balanced(shop)


async def test_units_free_on_a_line_to_add_are_given_to_who_waits_unconfirmed(shop: Any) -> None:
    po_number = await confirmed(shop)
    await collected(shop, b=3)
    await shop.sourced("d", "BULB", 1)
    assert await on_order(shop, "d") == [(po_number, 1, False)]
    await balanced(shop)


async def nothing(shop: Any, po_number: str) -> None:
    """Leave it as it is."""


async def unconfirmed(shop: Any, po_number: str) -> None:
    await shop.do("update purchase_order set acknowledged_at = null where po_number = %s", po_number)


async def in_flight(shop: Any, po_number: str) -> None:
    await shop.cancel("a")
    await sent(shop, await reduction(shop, po_number, can_cancel=False), TUESDAY)


async def planned(shop: Any, po_number: str) -> None:
    await shop.cancel("a")
    assert await reduction(shop, po_number, can_cancel=False)


async def on_the_way(shop: Any, po_number: str) -> None:
    shipped = NoticeLine(line=LineRef(line_no=1), shipped=Decimal(1))
    await hear(shop, ShipNotice(po_number=po_number, shipment_id="s", lines=(shipped,)))


async def received(shop: Any, po_number: str) -> None:
    await hear(shop, receipt(po_number, 1))


async def over(shop: Any, po_number: str) -> None:
    await purchase_orders.close_short(shop.ledger, po_number, key="short", at=TUESDAY)


async def late(shop: Any, po_number: str) -> None:
    at = TUESDAY + timedelta(days=30)
    await purchase_orders.tell_overdue(shop.ledger, po_number, key="late", at=at)


async def in_trouble(shop: Any, po_number: str) -> None:
    await purchase_orders.raise_attention(shop.ledger, po_number, key="t", at=TUESDAY, what="Call them.")


async def not_wanted(shop: Any, po_number: str) -> None:
    await adding(shop, wanted=False)


@pytest.mark.parametrize(
    "what", [unconfirmed, in_flight, planned, on_the_way, received, over, late, in_trouble, not_wanted]
)
async def test_placed_by_itself_where_the_other_order_cannot_take_more(shop: Any, what: Any) -> None:
    po_number = await confirmed(shop)
    await what(shop, po_number)
    later = await collected(shop)
    assert (await po(shop, later)).frozen_at
    assert [one.po_number for one in (await shop.position("b")).claims] == [later]
    await balanced(shop)


async def test_placed_by_itself_by_a_connector_that_cannot_add(shop: Any) -> None:
    await confirmed(shop)
    later = await ordered(shop, "BULB", b=4)
    await cut_off(shop, later, can_add=False)
    assert (await po(shop, later)).frozen_at


async def test_placed_by_itself_where_the_item_is_on_the_other_order(shop: Any) -> None:
    await confirmed(shop, a=5)
    later = await collected(shop, "LAMP", b=5)
    assert (await po(shop, later)).frozen_at


async def test_the_youngest_order_that_can_take_them_is_chosen(shop: Any) -> None:
    older = await confirmed(shop, a=5)
    younger = await ordered(shop, d=5)
    await purchase_orders.freeze(shop.ledger, younger, key=shop.key(), at=TUESDAY)
    await sent(shop, await operations.plan_place(shop.ledger, younger), TUESDAY)
    await hear(shop, OrderAck(po_number=younger))
    await collected(shop)
    assert await on_order(shop, "b") == [(younger, 4, False)]
    assert len((await po(shop, older)).lines) == 1


async def test_a_freeze_that_waited_for_the_other_order_looks_again(shop: Any) -> None:
    """Goods leave while it waits: what it saw before the lock no longer holds."""
    po_number = await confirmed(shop)
    later = await ordered(shop, "BULB", b=4)
    async with shop.ledger.work() as other:
        await lock_skus(other, ("LAMP",))
        freezing = asyncio.create_task(cut_off(shop, later))
        blocked = "select count(*) as others from pg_stat_activity where %s = any(pg_blocking_pids(pid))"
        pid = other.info.backend_pid
        # The database announces to nobody that somebody waits for a lock.
        while not freezing.done() and not (await shop.rows(blocked, pid))[0]["others"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not freezing.done()
        await other.execute("update po_line set in_transit = 1 where po_number = %s", (po_number,))
    await freezing
    assert (await po(shop, later)).frozen_at
    assert len((await po(shop, po_number)).lines) == 1
    await balanced(shop)


async def test_everything_at_once(shop: Any) -> None:
    """Cut-off, the other order's goods, a cancel, a search and the question itself, each at the same moment."""
    for n in range(6):
        po_number = await confirmed(shop, **{f"a{n}": 5, f"z{n}": 5})
        later = await ordered(shop, "BULB", **{f"b{n}": 4, f"c{n}": 2})
        await shop.accept(f"d{n}", "BULB", 3)
        await asyncio.gather(
            cut_off(shop, later, key=f"cut/{n}"),
            cut_off(shop, later, key=f"cut/{n}"),
            shop.cancel(f"b{n}"),
            shop.cancel(f"a{n}"),
            shop.source(f"d{n}"),
            reduction(shop, po_number, can_cancel=False),
            addition(shop, po_number),
            *([hear_now(shop, receipt(po_number, 2, receipt_id=f"r{n}"))] if n % 2 else []),
        )
        assert await audit(shop.ledger) == []
        if planned := await addition(shop, po_number):
            await sent(shop, planned, TUESDAY)
            verdict = (YES, NO, PARTLY)[n % 3]
            await asyncio.gather(
                hear_now(shop, answer(po_number, verdict, of_line(2, 1), revision=planned.revision)),
                hear_now(shop, receipt(po_number, 1, line_no=2, receipt_id=f"q{n}")),
                shop.cancel(f"c{n}"),
            )
        await balanced(shop)


async def hear_now(shop: Any, event: Any) -> None:
    """A message, applied while others are at work."""
    await inbox.store_message(
        shop.ledger, "acme", door="webhook", dedupe_key=shop.key(), headers={}, body=b"{}", at=TUESDAY, events=(event,)
    )
    await inbox.apply_events(shop.ledger, event.po_number, at=TUESDAY)
