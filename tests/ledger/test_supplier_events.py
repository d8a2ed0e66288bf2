"""What suppliers say: acknowledgements in parts, answers to changes, ship notices; in any order, however often."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from domain.purchase_order_duty import PurchaseOrderDutyKind, next_duty
from domain.purchase_order_position import PurchaseOrderStatus
from domain.supplier_events import (
    AckLine,
    ChangeAck,
    ChangeVerdict,
    LineRef,
    NoticeLine,
    OrderAck,
    ShipNotice,
    Split,
    SplitStatus,
)
from ledger import operations, purchase_orders
from tests.ledger.ordering import (
    MONDAY,
    TUESDAY,
    ack,
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
    store,
    told,
)
from tests.ledger.waiting import waits

ACCEPTED, BACKORDERED = SplitStatus.ACCEPTED, SplitStatus.BACKORDERED
SOON, LATER = date(2026, 12, 1), date(2027, 1, 10)


async def expected(shop: Any, *backorder_ids: str) -> list[date | None]:
    return [(await shop.position(one)).expected_on for one in backorder_ids]


def answer(po_number: str, verdict: ChangeVerdict, revision: int = 1, **more: Any) -> ChangeAck:
    return ChangeAck(po_number=po_number, revision=revision, verdict=verdict, **more)


def stands_at(units: int) -> tuple[AckLine, ...]:
    return (AckLine(line=LineRef(line_no=1), splits=(part(ACCEPTED, units),)),)


# Acknowledgements


async def test_confirmed_as_ordered_keeps_the_quoted_date_and_tells_once(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    quoted = await expected(shop, "a", "b")
    await hush(shop)
    await hear(shop, OrderAck(po_number=po_number, supplier_order_no="SO-77"))
    assert (await po(shop, po_number)).acknowledged_at == TUESDAY
    assert await expected(shop, "a", "b") == quoted
    assert all(claim.confirmed for claim in (await shop.position("a")).claims)
    assert await told(shop, ["a", "b"]) == [True, True]
    assert await shop.rows("select supplier_order_no from purchase_order") == [{"supplier_order_no": "SO-77"}]
    await hush(shop)
    await hear(shop, OrderAck(po_number=po_number), at=TUESDAY + timedelta(days=1))
    assert await told(shop, ["a", "b"]) == [False, False]
    assert (await po(shop, po_number)).acknowledged_at == TUESDAY


async def test_a_line_that_is_confirmed_without_a_quantity_comes_whole_by_its_day(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    dated = AckLine(line=LineRef(line_no=1), splits=(), deliver_on=LATER)
    applied = await hear(shop, OrderAck(po_number=po_number, lines=(dated,)))
    assert applied.incidents == ()
    assert await claims(shop, "a", "b") == [5, 5]
    assert await expected(shop, "a", "b") == [LATER, LATER]


async def test_a_line_of_a_partly_agreed_change_without_a_quantity_is_as_it_was_asked(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=6)
    await shop.cancel("b")
    await sent(shop, await reduction(shop, po_number, can_cancel=False))
    as_asked = (AckLine(line=LineRef(line_no=1), splits=()),)
    await hear(shop, answer(po_number, ChangeVerdict.PARTLY, lines=as_asked))
    assert ((await line(shop, po_number)).open, await claims(shop, "a")) == (6, [6])


async def test_short_trims_the_lowest_rank_which_looks_elsewhere(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, ack(po_number, part(ACCEPTED, 7), part(SplitStatus.REJECTED, 3)))
    stands = await line(shop, po_number)
    assert (stands.ordered, stands.confirmed, stands.open) == (10, 7, 7)
    assert await claims(shop, "a", "b") == [5, 2]
    again = await shop.source("b")
    assert [(one.supplier_id, one.quantity) for one in again.claims] == [("acme", 2), ("bolt", 3)]


async def test_the_surplus_goes_before_any_claim(shop: Any) -> None:
    po_number = await placed(shop, a=3)
    await hear(shop, ack(po_number, part(ACCEPTED, 3)))
    assert await claims(shop, "a") == [3]
    assert (await line(shop, po_number)).open == 3


async def test_parts_date_the_claims_by_rank(shop: Any) -> None:
    po_number = await placed(shop, a=4, b=4, c=4)
    await hear(shop, ack(po_number, part(ACCEPTED, 6, SOON), part(BACKORDERED, 6, LATER)))
    assert await expected(shop, "a", "b", "c") == [SOON, LATER, LATER]
    assert (await line(shop, po_number)).expected_on == LATER
    rows = await shop.rows("select status, quantity, expected_on from po_line_split order by n")
    assert [tuple(row.values()) for row in rows] == [("accepted", 6, SOON), ("backordered", 6, LATER)]


async def test_backordered_without_a_date_has_none(shop: Any) -> None:
    po_number = await placed(shop, a=4, b=4)
    await hear(shop, ack(po_number, part(ACCEPTED, 4, SOON), part(BACKORDERED, 4)))
    assert await expected(shop, "a", "b") == [SOON, None]
    assert (await line(shop, po_number)).expected_on is None


async def test_a_ship_date_is_two_days_before_the_goods(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    await hear(shop, ack(po_number, part(ACCEPTED, 5, ship_on=SOON)))
    assert await expected(shop, "a") == [SOON + timedelta(days=2)]


async def test_held_units_are_to_come_but_substitutes_are_not_what_was_ordered(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    other = part(SplitStatus.SUBSTITUTED, 5, substitute="LAMP-2")
    await hear(shop, ack(po_number, part(SplitStatus.HELD, 5), other))
    assert await claims(shop, "a", "b") == [5, 0]
    assert await expected(shop, "a") == [None]


async def test_a_later_word_moves_the_date_and_tells_only_whom_it_moves(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, ack(po_number, part(ACCEPTED, 10, SOON)))
    await hush(shop)
    await hear(shop, ack(po_number, part(ACCEPTED, 5, SOON), part(ACCEPTED, 5, LATER)))
    assert await expected(shop, "a", "b") == [SOON, LATER]
    assert await told(shop, ["a", "b"]) == [False, True]


async def test_what_has_come_was_the_earliest_part(shop: Any) -> None:
    po_number = await placed(shop, a=4, b=4)
    await hear(shop, receipt(po_number, 4))
    await hear(shop, ack(po_number, part(ACCEPTED, 4, SOON), part(BACKORDERED, 4, LATER)))
    assert await expected(shop, "b") == [LATER]


async def test_more_than_ordered_is_confirmed_as_ordered_and_asked_about(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    applied = await hear(shop, ack(po_number, part(ACCEPTED, 8)))
    assert (await line(shop, po_number)).open == 5
    assert "confirms 8 of LAMP" in applied.incidents[0]


async def test_units_that_come_back_serve_who_waits(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, ack(po_number, part(ACCEPTED, 5)))
    await waits(shop, "next", quantity=2)
    await hear(shop, ack(po_number, part(ACCEPTED, 7)))
    # b was let down by this order, and still looks: it comes first, as by its rank
    assert await claims(shop, "a", "b", "next") == [5, 2, 0]
    assert await told(shop, ["b", "next"]) == [True, False]
    applied = await hear(shop, ack(po_number, part(ACCEPTED, 10)))
    assert await claims(shop, "a", "b", "next") == [5, 5, 0]
    assert applied.incidents == ()


def bought_twice(po_number: str, confirmed: int, refused: int, twice: int) -> str:
    return (
        f"Acme now confirms {confirmed} of LAMP on {po_number}, of which it had refused {refused}; {twice} of these "
        "are bought elsewhere by now, and wait for nobody. Tell them to send no more, or let them come for stock; then "
        "resolve with 'dismiss'."
    )


async def test_units_that_come_back_after_they_were_bought_elsewhere_are_a_persons_matter(shop: Any) -> None:
    po_number = await placed(shop, a=10)
    await hear(shop, ack(po_number, part(ACCEPTED, 1), part(SplitStatus.REJECTED, 9)))
    assert [(one.supplier_id, one.quantity) for one in (await shop.source("a")).claims] == [("acme", 1), ("bolt", 9)]
    applied = await hear(shop, ack(po_number, part(ACCEPTED, 10)))
    what = bought_twice(po_number, 10, 9, 9)
    assert (applied.incidents, (await po(shop, po_number)).attention) == ((what,), what)
    stands = await line(shop, po_number)
    assert (stands.open, stands.claimed) == (10, 1)
    # who is told once need not be told when it says the same again
    await purchase_orders.settle_attention(shop.ledger, po_number, key=shop.key(), at=TUESDAY, how="dismissed")
    assert (await hear(shop, ack(po_number, part(ACCEPTED, 10, LATER)))).incidents == ()
    assert (await po(shop, po_number)).attention is None


async def test_of_units_that_come_back_only_those_are_told_that_nobody_takes(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, ack(po_number, part(ACCEPTED, 2)))
    await shop.source("b")
    await waits(shop, "next", quantity=1)
    applied = await hear(shop, ack(po_number, part(ACCEPTED, 10)))
    # a still looks for 3 that it was to have of here, next for 1; b has bought its 5
    assert await claims(shop, "a", "b", "next") == [5, 5, 1]
    assert applied.incidents == (bought_twice(po_number, 10, 8, 4),)


async def test_what_a_supplier_confirms_again_and_was_nobodys_before_is_not_asked_about(shop: Any) -> None:
    po_number = await placed(shop, a=3)
    assert (await line(shop, po_number)).ordered == 5
    await hear(shop, ack(po_number, part(ACCEPTED, 3)))
    assert (await hear(shop, ack(po_number, part(ACCEPTED, 5)))).incidents == ()
    await hear(shop, ack(po_number, part(ACCEPTED, 1)))
    assert (await hear(shop, ack(po_number, part(ACCEPTED, 5)))).incidents == ()
    assert await claims(shop, "a") == [3]


async def test_who_gets_back_what_an_order_refused_gets_nothing_of_the_suppliers_other_orders(shop: Any) -> None:
    refusing = await placed(shop, a=5)
    with_surplus = await placed(shop, b=3)
    await hear(shop, ack(with_surplus, part(ACCEPTED, 5, SOON)))
    await hear(shop, ack(refusing, part(ACCEPTED, 1, LATER)))
    assert await claims(shop, "a", "b") == [1, 3]
    assert (await hear(shop, ack(refusing, part(ACCEPTED, 2, LATER)))).incidents == ()
    assert [(one.po_number, one.quantity) for one in (await shop.position("a")).claims] == [(refusing, 2)]


@pytest.mark.parametrize("line_by_line", [False, True])
async def test_all_rejected(shop: Any, line_by_line: bool) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hush(shop)
    if line_by_line:
        await hear(shop, ack(po_number, part(SplitStatus.REJECTED, 10)))
    else:
        await hear(shop, OrderAck(po_number=po_number, accepted=False, reason="credit stop"))
    position = await po(shop, po_number)
    assert (position.status, position.open, position.rejected_at) == (PurchaseOrderStatus.REJECTED, 0, TUESDAY)
    assert await claims(shop, "a", "b") == [0, 0]
    assert await told(shop, ["a", "b"]) == [True, True]
    assert [one.supplier_id for one in (await shop.source("a")).claims] == ["bolt"]


async def test_one_line_of_two_rejected(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    await shop.sourced("c", "BULB", 6)
    await place(shop, po_number)
    await hear(shop, ack(po_number, part(SplitStatus.REJECTED, 3), line_no=2))
    assert await claims(shop, "a", "c") == [5, 0]
    assert (await po(shop, po_number)).rejected_at is None
    assert all(one.confirmed for one in (await shop.position("a")).claims)


async def test_the_rest_rejected_after_a_part_has_come_is_no_rejection_of_the_order(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, receipt(po_number, 5))
    await hear(shop, OrderAck(po_number=po_number, accepted=False))
    position = await po(shop, po_number)
    assert (position.rejected_at, position.open) == (None, 0)
    assert (await shop.position("b")).unsourced == 5


async def test_accepted_after_rejected_is_recorded_and_asked_about(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    await hear(shop, OrderAck(po_number=po_number, accepted=False))
    applied = await hear(shop, OrderAck(po_number=po_number))
    assert await outcome(shop) == "accepts what was rejected: recorded, not applied"
    assert len(applied.incidents) == 1
    assert await claims(shop, "a") == [0]


async def test_an_unknown_line_is_an_incident_and_the_others_are_applied(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    known = AckLine(line=LineRef(sku="LAMP"), splits=(part(ACCEPTED, 5),))
    unknown = AckLine(line=LineRef(line_no=7), splits=(part(ACCEPTED, 5),))
    applied = await hear(shop, OrderAck(po_number=po_number, lines=(unknown, known)))
    assert "line 7, which is not on it" in applied.incidents[0]
    assert (await po(shop, po_number)).attention == applied.incidents[0]
    assert await claims(shop, "a", "b") == [5, 0]


async def test_an_unknown_line_may_be_any_that_is_not_named_so_those_stay_unanswered(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    await shop.sourced("c", "BULB", 6)
    await place(shop, po_number)
    unknown = AckLine(line=LineRef(sku="20"), splits=(part(SplitStatus.REJECTED, 6),))
    known = AckLine(line=LineRef(sku="LAMP"), splits=(part(ACCEPTED, 5),))
    await hear(shop, OrderAck(po_number=po_number, lines=(known, unknown)))
    assert [(await shop.position(one)).claims[0].confirmed for one in ("a", "c")] == [True, False]
    await hear(shop, OrderAck(po_number=po_number))
    assert (await shop.position("c")).claims[0].confirmed


@pytest.mark.parametrize(
    ("line", "splits"),
    [
        (LineRef(sku="10"), (part(SplitStatus.REJECTED, 5),)),
        (LineRef(line_no=1), (Split(status=ACCEPTED, quantity=Decimal("2.5")),)),
    ],
    ids=["no such line", "half a unit"],
)
async def test_an_answer_of_which_nothing_can_be_made_out_is_none(
    shop: Any, line: LineRef, splits: tuple[Split, ...]
) -> None:
    po_number = await ordered(shop, a=5)
    await purchase_orders.freeze(shop.ledger, po_number, key=shop.key(), at=MONDAY)
    place_it = await operations.plan_place(shop.ledger, po_number)
    assert place_it is not None
    await store(shop, place_it)
    await operations.record_send(shop.ledger, place_it.operation_id, key="timed out", at=MONDAY, result="unknown")
    applied = await hear(shop, OrderAck(po_number=po_number, lines=(AckLine(line=line, splits=splits),)))
    position = await po(shop, po_number)
    # it has arrived, and an answer is waited for; silence ends as ever
    assert (position.status, position.acknowledged_at) == (PurchaseOrderStatus.ACKNOWLEDGEMENT_PENDING, None)
    duty = next_duty(position, TUESDAY)
    assert duty is not None and duty.kind is PurchaseOrderDutyKind.CHASE
    assert position.attention == applied.incidents[0]
    assert await outcome(shop) == "names no line that can be made out: recorded, not applied"
    assert [claim.confirmed for claim in (await shop.position("a")).claims] == [False]


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        (LineRef(line_no=1), True),
        (LineRef(sku="LAMP"), True),
        (LineRef(supplier_sku="acme-LAMP"), True),
        (LineRef(line_no=1, sku="BULB"), False),
        (LineRef(supplier_sku="LAMP"), False),
        (LineRef(), False),
    ],
    ids=["number", "our SKU", "their SKU", "contradiction", "our SKU as theirs", "nothing"],
)
async def test_how_a_line_may_be_named(shop: Any, ref: LineRef, found: bool) -> None:
    po_number = await placed(shop, a=10)
    answered = OrderAck(po_number=po_number, lines=(AckLine(line=ref, splits=(part(ACCEPTED, 6),)),))
    await hear(shop, answered)
    assert ((await line(shop, po_number)).open == 6) is found


async def test_a_line_answered_twice_for_the_same_units_is_a_persons_matter(shop: Any) -> None:
    po_number = await placed(shop, a=10)
    twice = [
        AckLine(line=LineRef(line_no=1), splits=(part(status, 10),)) for status in (ACCEPTED, SplitStatus.REJECTED)
    ]
    applied = await hear(shop, OrderAck(po_number=po_number, lines=tuple(twice)))
    assert "with 10 of LAMP that come and 10 that do not, of 10 ordered" in applied.incidents[0]


async def test_a_number_beside_their_name_of_another_line_is_nobodys(shop: Any) -> None:
    """A supplier who numbers lines anew, and names them by his own SKUs alone: neither is guessed at."""
    await shop.sourced("a", "LAMP", 10)
    await shop.sourced("b", "BULB", 10)
    po_number = (await shop.position("a")).claims[0].po_number
    await place(shop, po_number)
    before = [one.open for one in (await po(shop, po_number)).lines]
    swapped = [LineRef(line_no=1, supplier_sku="acme-BULB"), LineRef(line_no=2, supplier_sku="acme-LAMP")]
    answers = tuple(AckLine(line=one, splits=(part(SplitStatus.REJECTED, 5),)) for one in swapped)
    applied = await hear(shop, OrderAck(po_number=po_number, lines=answers))
    assert len(applied.incidents) == 2 and "which is not on it" in applied.incidents[0]
    assert [one.open for one in (await po(shop, po_number)).lines] == before


async def test_an_old_answer_is_recorded_and_not_applied(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("b")
    await sent(shop, await reduction(shop, po_number))
    await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED))
    await hear(shop, ack(po_number, part(ACCEPTED, 1)))
    assert "a later one is agreed: recorded, not applied" in await outcome(shop)
    stands = await line(shop, po_number)
    assert (stands.open, stands.cancelled, stands.confirmed) == (5, 5, 10)
    assert (await po(shop, po_number)).acknowledged_at == TUESDAY


async def test_an_answer_that_crosses_a_change_in_the_post_is_applied(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("b")
    await sent(shop, await reduction(shop, po_number))
    await hear(shop, ack(po_number, part(ACCEPTED, 7)))
    stands = await line(shop, po_number)
    assert (stands.open, stands.claimed, stands.to_reduce) == (7, 5, 2)
    await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED))
    stands = await line(shop, po_number)
    assert (stands.open, stands.cancelled, stands.to_reduce) == (5, 2, 0)


# Answers to changes


async def test_an_accepted_change_takes_the_units_off(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("b")
    await sent(shop, await reduction(shop, po_number))
    await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED))
    stands = await line(shop, po_number)
    assert (stands.open, stands.claimed, stands.cancelled, stands.to_reduce) == (5, 5, 5, 0)
    position = await po(shop, po_number)
    assert position.pending is None
    assert (position.operations[1].answered_at, position.operations[1].verdict) == (TUESDAY, "accepted")
    await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED))
    assert await outcome(shop) == "repeat, counted once"
    assert (await line(shop, po_number)).cancelled == 5


@pytest.mark.parametrize("verdict", [ChangeVerdict.REFUSED, ChangeVerdict.UNCLEAR, ChangeVerdict.PARTLY])
async def test_units_the_supplier_keeps_on_go_to_who_waits(shop: Any, verdict: ChangeVerdict) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("b")
    await sent(shop, await reduction(shop, po_number))
    await waits(shop, "next", quantity=3)
    applied = await hear(shop, answer(po_number, verdict))
    stands = await line(shop, po_number)
    assert (stands.open, stands.to_reduce, stands.claimed) == (10, 0, 8)
    assert await claims(shop, "a", "b", "next") == [5, 0, 3]
    # partly, without saying which part, is as good as unclear
    assert bool(applied.incidents) is (verdict is not ChangeVerdict.REFUSED)


async def test_partly_accepted(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("b")
    await sent(shop, await reduction(shop, po_number))
    await hear(shop, answer(po_number, ChangeVerdict.PARTLY, lines=stands_at(8)))
    stands = await line(shop, po_number)
    assert (stands.open, stands.cancelled, stands.to_reduce, stands.claimed) == (8, 2, 0, 5)


async def test_partly_accepted_for_less_than_is_wanted_trims_claims(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5, c=5)
    await shop.cancel("c")
    await sent(shop, await reduction(shop, po_number))
    await hear(shop, answer(po_number, ChangeVerdict.PARTLY, lines=stands_at(7)))
    assert await claims(shop, "a", "b") == [5, 2]
    assert (await line(shop, po_number)).cancelled == 8


async def test_an_answer_to_what_was_never_asked(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    applied = await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED, revision=3))
    assert "revision 3" in applied.incidents[0]
    assert (await line(shop, po_number)).open == 5


async def test_a_second_answer_that_contradicts_is_asked_about(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("b")
    await sent(shop, await reduction(shop, po_number))
    await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED))
    applied = await hear(shop, answer(po_number, ChangeVerdict.REFUSED))
    assert "twice: accepted, then refused" in applied.incidents[0]
    assert (await line(shop, po_number)).cancelled == 5


async def _silent_change(shop: Any) -> str:
    po_number = await placed(shop, a=5, b=5)
    await shop.cancel("b")
    planned = await sent(shop, await reduction(shop, po_number))
    await operations.give_up_change(shop.ledger, planned.operation_id, key=shop.key(), at=TUESDAY)
    return po_number


async def test_a_late_yes_is_taken_while_the_units_are_nobodys(shop: Any) -> None:
    po_number = await _silent_change(shop)
    assert (await line(shop, po_number)).open == 10
    await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED))
    stands = await line(shop, po_number)
    assert (stands.open, stands.cancelled) == (5, 5)
    assert (await po(shop, po_number)).operations[1].verdict == "accepted"


async def test_a_late_yes_to_units_that_were_given_on_is_asked_about(shop: Any) -> None:
    po_number = await _silent_change(shop)
    await shop.sourced("next", quantity=2)
    applied = await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED))
    assert "promised to others" in applied.incidents[0]
    assert (await line(shop, po_number)).open == 10
    assert await claims(shop, "next") == [2]


async def test_a_late_no_changes_nothing(shop: Any) -> None:
    po_number = await _silent_change(shop)
    applied = await hear(shop, answer(po_number, ChangeVerdict.REFUSED))
    assert applied.incidents == ()
    assert (await line(shop, po_number)).open == 10


async def _withdrawn(shop: Any) -> str:
    po_number = await placed(shop, a=5, b=5)
    planned = await operations.withdraw(shop.ledger, po_number, key=shop.key(), at=TUESDAY)
    await sent(shop, planned)
    return po_number


async def test_an_accepted_withdrawal_sends_everybody_elsewhere(shop: Any) -> None:
    po_number = await _withdrawn(shop)
    assert await claims(shop, "a", "b") == [5, 5]
    await hush(shop)
    await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED))
    position = await po(shop, po_number)
    assert (position.status, position.open) == (PurchaseOrderStatus.CANCELLED, 0)
    assert await claims(shop, "a", "b") == [0, 0]
    assert await told(shop, ["a", "b"]) == [True, True]
    assert [one.supplier_id for one in (await shop.source("a")).claims] == ["bolt"]


async def test_a_refused_withdrawal_leaves_the_claims(shop: Any) -> None:
    po_number = await _withdrawn(shop)
    await hear(shop, answer(po_number, ChangeVerdict.REFUSED))
    assert await claims(shop, "a", "b") == [5, 5]
    assert (await po(shop, po_number)).pending is None


async def test_a_withdrawal_accepted_after_it_was_given_up(shop: Any) -> None:
    po_number = await _withdrawn(shop)
    await operations.give_up_change(shop.ledger, f"po/{po_number}/1", key=shop.key(), at=TUESDAY)
    assert "did not answer the cancellation" in ((await po(shop, po_number)).attention or "")
    assert await claims(shop, "a", "b") == [5, 5]
    await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED))
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.CANCELLED
    assert await claims(shop, "a", "b") == [0, 0]


async def test_ships_after_the_cancel(shop: Any) -> None:
    po_number = await _withdrawn(shop)
    await hear(shop, answer(po_number, ChangeVerdict.ACCEPTED))
    applied = await hear(shop, notice(po_number, 10))
    assert "which had ended" in applied.incidents[0]
    await hear(shop, receipt(po_number, 10))
    assert [(await shop.position(one)).allocated for one in ("a", "b")] == [5, 5]


# Ship notices


async def test_a_ship_notice_dates_the_best_ranks(shop: Any) -> None:
    po_number = await placed(shop, a=4, b=4, c=4)
    quoted = await expected(shop, "c")
    await hush(shop)
    await hear(shop, notice(po_number, 9, SOON))
    assert await expected(shop, "a", "b", "c") == [SOON, SOON, *quoted]
    assert await told(shop, ["a", "b", "c"]) == [True, True, False]
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 9}]
    position = await shop.position("a")
    assert position.claims[0].in_transit
    assert position.claims[0].confirmed


async def test_the_rest_follows_in_a_second_shipment(shop: Any) -> None:
    po_number = await placed(shop, a=4, b=4)
    await hear(shop, notice(po_number, 6, SOON))
    await hear(shop, notice(po_number, 2, LATER, shipment_id="s-2"))
    assert await expected(shop, "a", "b") == [SOON, LATER]
    assert (await line(shop, po_number)).expected_on == LATER


async def test_the_same_shipment_counts_once(shop: Any) -> None:
    po_number = await placed(shop, a=10)
    await hear(shop, notice(po_number, 4))
    await hear(shop, notice(po_number, 4))
    assert await outcome(shop) == "repeat, counted once"
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 4}]


async def test_more_on_the_way_than_is_open_counts_what_is_open(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    await hear(shop, notice(po_number, 9, SOON))
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 5}]
    await hear(shop, receipt(po_number, 3))
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 2}]


async def test_a_shipment_of_something_else_is_an_incident(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    stray = NoticeLine(line=LineRef(sku="NOTHING"), shipped=Decimal(2))
    applied = await hear(shop, ShipNotice(po_number=po_number, shipment_id="s", lines=(stray,)))
    assert "SKU NOTHING, which does not fit" in applied.incidents[0]


async def test_an_acknowledgement_after_the_ship_notice_leaves_its_date(shop: Any) -> None:
    po_number = await placed(shop, a=4, b=4)
    await hear(shop, notice(po_number, 4, SOON))
    await hear(shop, ack(po_number, part(ACCEPTED, 8, LATER)))
    assert await expected(shop, "a", "b") == [SOON, LATER]


# In any order


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_acknowledgement_ship_notice_and_receipt_in_any_order(shop: Any, order: tuple[int, ...]) -> None:
    po_number = await placed(shop, a=6, b=4)
    events = (ack(po_number, part(ACCEPTED, 8, SOON)), notice(po_number, 8, SOON), receipt(po_number, 8))
    for n in order:
        await hear(shop, events[n])
        await hear(shop, events[n])
    stands = await line(shop, po_number)
    assert (stands.received_good, stands.open, stands.confirmed) == (8, 0, 8)
    assert [(await shop.position(one)).allocated for one in ("a", "b")] == [6, 2]
    assert (await shop.position("b")).unsourced == 2
    assert (await po(shop, po_number)).acknowledged_at == TUESDAY
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 0}]


async def test_an_answer_shows_that_the_order_arrived(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    await purchase_orders.freeze(shop.ledger, po_number, key=shop.key(), at=MONDAY)
    planned = await sent_unknown(shop, po_number)
    await hear(shop, OrderAck(po_number=po_number))
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.ACKNOWLEDGED
    await operations.record_send(shop.ledger, planned, key=shop.key(), at=TUESDAY, result="unknown")
    assert (await po(shop, po_number)).status is PurchaseOrderStatus.ACKNOWLEDGED


async def sent_unknown(shop: Any, po_number: str) -> str:
    planned = await operations.plan_place(shop.ledger, po_number)
    await store(shop, planned)
    await operations.record_send(shop.ledger, planned.operation_id, key=shop.key(), at=MONDAY, result="unknown")
    return planned.operation_id
