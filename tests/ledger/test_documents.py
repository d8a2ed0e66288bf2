"""What exchanging documents asks of the book: numbers, words that a document could be read, replies, cursors."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from domain.supplier_events import (
    Balance,
    ChangeAck,
    ChangeVerdict,
    Hint,
    LineRef,
    NoticePurpose,
    OrderAck,
    ShipNotice,
    SplitStatus,
    SyntaxAck,
)
from ledger import documents, inbox, operations, purchase_orders, unreadable
from tests.ledger.ordering import (
    CANCEL,
    CHANGE,
    MONDAY,
    TUESDAY,
    ack,
    balanced,
    claims,
    hear,
    line,
    notice,
    ordered,
    outcome,
    part,
    placed,
    po,
    receipt,
    reduction,
    sent,
)


async def numbered(shop: Any, supplier_id: str = "acme", *, key: str | None = None) -> documents.Numbered:
    return await documents.number_document(shop.ledger, supplier_id, key=key or shop.key(), at=MONDAY)


async def test_a_document_has_one_number_however_often_it_is_asked_for(shop: Any) -> None:
    first = await numbered(shop, key="po/PO-1/0/number")
    again = await documents.number_document(shop.ledger, "acme", key="po/PO-1/0/number", at=TUESDAY)
    assert again == first == documents.Numbered(number=1, written_at=MONDAY)
    assert (await numbered(shop)).number == 2
    assert (await numbered(shop, "bolt")).number == 1


async def test_no_two_documents_share_a_number_however_many_are_written_at_once(shop: Any) -> None:
    found = await asyncio.gather(*(numbered(shop) for _ in range(20)))
    assert sorted(one.number for one in found) == list(range(1, 21))


async def placed_as(shop: Any, control_number: int, *, delivered: bool = True) -> str:
    """An order whose document has that number."""
    po_number = await ordered(shop, b1=5)
    await purchase_orders.freeze(shop.ledger, po_number, key=shop.key(), at=MONDAY)
    planned = await operations.plan_place(shop.ledger, po_number)
    await operations.store_operation(
        shop.ledger,
        planned.operation_id,
        supplier_id="acme",
        po_number=po_number,
        kind=planned.kind,
        revision=0,
        content_type="application/edi-x12",
        headers={},
        body=b"ISA",
        key=f"{planned.operation_id}/rendered",
        at=MONDAY,
        control_number=control_number,
    )
    result: Any = "delivered" if delivered else "unknown"
    await operations.record_send(shop.ledger, planned.operation_id, key=shop.key(), at=MONDAY, result=result)
    return po_number


async def test_a_word_that_a_document_could_be_read_finds_its_order_by_the_number_and_agrees_to_nothing(
    shop: Any,
) -> None:
    po_number = await placed_as(shop, 7)
    applied = await hear(shop, SyntaxAck(control_number=7))
    assert (applied.count, applied.incidents) == (1, ())
    assert await outcome(shop) == "could read place revision 0"
    position = await po(shop, po_number)
    assert (position.operations[0].read_at, position.acknowledged_at) == (TUESDAY, None)


async def test_a_document_that_was_read_has_arrived(shop: Any) -> None:
    po_number = await placed_as(shop, 7, delivered=False)
    await hear(shop, SyntaxAck(control_number=7))
    assert (await po(shop, po_number)).operations[0].state == "delivered"


async def test_a_document_that_could_not_be_read_is_an_operators(shop: Any) -> None:
    po_number = await placed_as(shop, 7)
    applied = await hear(shop, SyntaxAck(control_number=7, accepted=False, reason="segment BEG is missing"))
    assert len(applied.incidents) == 1
    position = await po(shop, po_number)
    assert position.attention and "segment BEG is missing" in position.attention
    assert "withdraw" in position.attention
    assert position.acknowledged_at is None and position.operations[0].read_at == TUESDAY
    assert await claims(shop, "b1") == [5]  # nothing is bought twice before a person has looked


@pytest.mark.parametrize(("supplier_id", "number"), [("bolt", 7), ("acme", 8)])
async def test_a_number_that_we_never_gave_that_supplier_is_kept_and_moves_nothing(
    shop: Any, supplier_id: str, number: int
) -> None:
    po_number = await placed_as(shop, 7)
    before = await po(shop, po_number)
    applied = await hear(shop, SyntaxAck(control_number=number), supplier_id=supplier_id)
    assert applied.count == 0
    assert "no order" in await outcome(shop)
    assert await po(shop, po_number) == before


async def test_a_document_of_no_order_that_could_not_be_read_is_a_persons(shop: Any) -> None:
    """A reply of ours, say: that we could read theirs."""
    assert not (await kept(shop, SyntaxAck(control_number=8))).astray
    refused = SyntaxAck(control_number=8, accepted=False, reason="unknown receiver")
    assert (await kept(shop, refused, key="ISA/42", body=b"ISA*")).astray
    (waits,), _ = await unreadable.unreadable(shop.ledger, "acme")
    assert "document 8 of ours" in waits.why and "unknown receiver" in waits.why


async def test_a_hint_is_told_in_the_story_and_moves_nothing(shop: Any) -> None:
    po_number = await placed(shop, b1=5)
    before = await po(shop, po_number)
    applied = await hear(shop, Hint(po_number=po_number, what="invoice 4711 names it"))
    assert applied.incidents == ()
    assert await outcome(shop) == "says in passing: invoice 4711 names it"
    assert await po(shop, po_number) == before


async def test_a_reply_is_written_once_and_owed_until_it_was_sent(shop: Any) -> None:
    message = await inbox.store_message(
        shop.ledger, "acme", door="folder", dedupe_key="a", headers={}, body=b"ISA", at=MONDAY, events=[]
    )
    for body in (b"first", b"second"):
        await documents.owe_reply(
            shop.ledger,
            "acme",
            message.inbox_id,
            await numbered(shop, key="reply"),
            content_type="application/edi-x12",
            headers={"file-name": "997.edi"},
            body=body,
        )
    (owed,) = await documents.replies_owed(shop.ledger, "acme")
    assert (owed.body, owed.control_number, owed.headers) == (b"first", 1, {"file-name": "997.edi"})
    assert await documents.replies_owed(shop.ledger, "bolt") == []
    for _ in range(2):
        await documents.reply_sent(shop.ledger, owed.inbox_id, at=TUESDAY)
    assert await documents.replies_owed(shop.ledger, "acme") == []


async def test_a_reply_that_went_back_at_once_is_not_owed(shop: Any) -> None:
    message = await inbox.store_message(
        shop.ledger, "acme", door="webhook", dedupe_key="a", headers={}, body=b"<cXML/>", at=MONDAY, events=[]
    )
    await documents.owe_reply(
        shop.ledger,
        "acme",
        message.inbox_id,
        await numbered(shop),
        content_type="text/xml",
        headers={},
        body=b"<Response/>",
        sent=True,
    )
    assert await documents.replies_owed(shop.ledger, "acme") == []


async def test_a_cursor_is_each_suppliers_own(shop: Any) -> None:
    assert await documents.cursor(shop.ledger, "acme") is None
    await documents.keep_cursor(shop.ledger, "acme", "a.edi", at=MONDAY)
    await documents.keep_cursor(shop.ledger, "acme", "b.edi", at=TUESDAY)
    assert await documents.cursor(shop.ledger, "acme") == "b.edi"
    assert await documents.cursor(shop.ledger, "bolt") is None


async def test_a_change_says_what_was_on_order_before_and_restates_the_whole(shop: Any) -> None:
    po_number = await placed(shop, b1=4, b2=6)
    await shop.cancel("b2")
    planned = await reduction(shop, po_number, can_cancel=False)
    assert planned is not None and planned.kind is CHANGE
    assert planned.before == {1: 10}
    assert [(one.line_no, one.quantity) for one in planned.lines] == [(1, 5)]  # five are the least that Acme sells
    assert planned.whole == planned.lines
    assert planned.placed_on == date(2026, 11, 23)


async def test_a_cancellation_restates_what_it_takes_back(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    await shop.cancel("b1")
    planned = await sent(shop, await reduction(shop, po_number))
    assert (planned.kind, planned.lines) == (CANCEL, ())
    assert [(one.line_no, one.quantity) for one in planned.whole] == [(1, 10)]


def with_balance(told: ShipNotice, balance: Balance) -> ShipNotice:
    lines = tuple(replace(one, balance=balance) for one in told.lines)
    return told.model_copy(update={"lines": lines})


async def test_what_is_not_shipped_any_more_is_looked_for_elsewhere(shop: Any) -> None:
    po_number = await placed(shop, b1=6, b2=4)
    await hear(shop, with_balance(notice(po_number, 6), Balance.CLOSED))
    assert await claims(shop, "b1", "b2") == [6, 0]
    stands = await line(shop, po_number)
    assert (stands.open, stands.closed_short) == (6, 4)
    assert "supply_changed" in await shop.words("backorder/b2")


async def test_a_line_in_two_parcels_of_one_shipment_is_closed_after_both(shop: Any) -> None:
    po_number = await placed(shop, b1=6, b2=4)
    first, second = (with_balance(notice(po_number, units), Balance.CLOSED) for units in (6, 3))
    await hear(shop, first.model_copy(update={"lines": (*first.lines, *second.lines)}))
    stands = await line(shop, po_number)
    assert (stands.open, stands.closed_short) == (9, 1)
    assert await claims(shop, "b1", "b2") == [6, 3]


@pytest.mark.parametrize("balance", [Balance.OPEN, Balance.UNKNOWN])
async def test_what_may_still_be_shipped_is_waited_for(shop: Any, balance: Balance) -> None:
    po_number = await placed(shop, b1=6, b2=4)
    await hear(shop, with_balance(notice(po_number, 6), balance))
    assert await claims(shop, "b1", "b2") == [6, 4]


def again(told: ShipNotice, purpose: NoticePurpose) -> ShipNotice:
    return told.model_copy(update={"purpose": purpose})


async def test_a_notice_that_is_replaced_counts_as_told_last(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    await hear(shop, notice(po_number, 9))
    replaced = again(notice(po_number, 4), NoticePurpose.REPLACE)
    await hear(shop, replaced)
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 4}]
    await hear(shop, replaced)
    assert await outcome(shop) == "repeat, counted once"
    await hear(shop, again(notice(po_number, 7), NoticePurpose.REPLACE))
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 7}]


async def test_of_a_notice_that_is_replaced_what_has_come_is_not_on_its_way_again(shop: Any) -> None:
    po_number = await placed(shop, b1=6, b2=4)
    await hear(shop, notice(po_number, 10))
    await hear(shop, receipt(po_number, 4))
    await hear(shop, with_balance(again(notice(po_number, 8), NoticePurpose.REPLACE), Balance.CLOSED))
    assert await shop.rows("select open, in_transit, closed_short from po_line") == [
        {"open": 4, "in_transit": 4, "closed_short": 2}
    ]
    assert await claims(shop, "b1", "b2") == [2, 2]


async def test_more_told_than_was_open_is_no_word_that_any_has_come(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    await hear(shop, notice(po_number, 12))
    await hear(shop, again(notice(po_number, 11), NoticePurpose.REPLACE))
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 10}]


async def test_a_notice_that_is_taken_back_is_an_operators(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    await hear(shop, notice(po_number, 9))
    back = again(ShipNotice(po_number=po_number, shipment_id="s-1", lines=()), NoticePurpose.CANCEL)
    applied = await hear(shop, back)
    assert len(applied.incidents) == 1 and "takes back" in applied.incidents[0]
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 0}]
    await balanced(shop)


@pytest.mark.parametrize(
    ("told", "purpose", "asked"),
    [
        (10, NoticePurpose.REPLACE, 0),
        (12, NoticePurpose.REPLACE, 0),
        (6, NoticePurpose.REPLACE, 1),
        (0, NoticePurpose.CANCEL, 2),
    ],
)
async def test_less_told_of_a_shipment_than_has_come_of_it_is_an_operators(
    shop: Any, told: int, purpose: NoticePurpose, asked: int
) -> None:
    """Goods are real: what was received and given out stays so."""
    po_number = await placed(shop, b1=6, b2=4)
    await hear(shop, notice(po_number, 10))
    await hear(shop, receipt(po_number, 10))
    stands = "select open, in_transit, received_good from po_line"
    corrected = again(notice(po_number, told), purpose)
    if purpose is NoticePurpose.CANCEL:
        corrected = corrected.model_copy(update={"lines": ()})
    applied = await hear(shop, corrected)
    assert len(applied.incidents) == asked
    if asked:
        assert f"shipment s-1 of {po_number} carries {told} of LAMP, and 10 have come" in applied.incidents[-1]
    assert await shop.rows(stands) == [{"open": 0, "in_transit": 0, "received_good": 10}]
    assert (await hear(shop, corrected)).incidents == ()
    await balanced(shop)


async def test_what_has_come_of_a_shipment_is_known_however_often_its_notice_is_corrected(shop: Any) -> None:
    po_number = await placed(shop, b1=20)
    await hear(shop, notice(po_number, 10))
    await hear(shop, receipt(po_number, 10))
    for told in (6, 5):
        (asked,) = (await hear(shop, again(notice(po_number, told), NoticePurpose.REPLACE))).incidents
        assert f"carries {told} of LAMP, and 10 have come" in asked
    back = again(notice(po_number, 10), NoticePurpose.CANCEL)  # with its lines, as many repeat them
    assert "carries 0 of LAMP, and 10 have come" in (await hear(shop, back)).incidents[-1]
    assert (await hear(shop, again(notice(po_number, 10), NoticePurpose.REPLACE))).incidents == ()
    assert await shop.rows("select open, in_transit from po_line") == [{"open": 10, "in_transit": 0}]
    await hear(shop, again(notice(po_number, 6), NoticePurpose.REPLACE))
    await hear(shop, notice(po_number, 10, shipment_id="s-2"))
    await hear(shop, again(notice(po_number, 7), NoticePurpose.REPLACE))
    assert await shop.rows("select open, in_transit from po_line") == [{"open": 10, "in_transit": 10}]


async def test_what_came_by_another_shipment_did_not_come_by_the_one_that_is_taken_back(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    await hear(shop, notice(po_number, 4, shipment_id="s-0"))
    await hear(shop, receipt(po_number, 4))
    await hear(shop, notice(po_number, 6))
    await hear(shop, ack(po_number, part(SplitStatus.ACCEPTED, 4), part(SplitStatus.REJECTED, 6)))
    back = again(notice(po_number, 0), NoticePurpose.CANCEL).model_copy(update={"lines": ()})
    (asked,) = (await hear(shop, back)).incidents
    assert "takes back" in asked


async def test_a_line_that_a_corrected_notice_leaves_out_did_not_come_by_it(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    await hear(shop, notice(po_number, 4))
    await hear(shop, receipt(po_number, 4))
    stranger = replace(notice(po_number, 1).lines[0], line=LineRef(sku="NOTHING"))
    applied = await hear(
        shop, again(notice(po_number, 1), NoticePurpose.REPLACE).model_copy(update={"lines": (stranger,)})
    )
    assert ["carries 0 of LAMP, and 4 have come" in one for one in applied.incidents] == [False, True]


async def test_a_replacement_of_a_notice_that_never_came_counts(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    await hear(shop, again(notice(po_number, 4), NoticePurpose.REPLACE))
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 4}]


@pytest.mark.parametrize(("later", "on_its_way"), [(NoticePurpose.REPLACE, 4), (NoticePurpose.CANCEL, 0)])
async def test_a_notice_that_comes_after_the_word_that_overtook_it_counts_nothing(
    shop: Any, later: NoticePurpose, on_its_way: int
) -> None:
    po_number = await placed(shop, b1=10)
    await hear(shop, again(notice(po_number, 4), later))
    await hear(shop, notice(po_number, 9))
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": on_its_way}]
    await hear(shop, again(notice(po_number, 2), NoticePurpose.REPLACE))
    assert await shop.rows("select in_transit from po_line") == [{"in_transit": 2}]


async def kept(shop: Any, *events: Any, key: str = "ISA/41", body: bytes = b"ISA") -> inbox.StoredMessage:
    return await inbox.store_message(
        shop.ledger, "acme", door="fetched", dedupe_key=key, headers={}, body=body, at=MONDAY, events=events
    )


async def test_another_document_under_a_number_that_was_given_before_is_told_from_a_repeat(shop: Any) -> None:
    one, other = Hint(what="one"), Hint(what="other")
    first = await kept(shop, one)
    assert not first.differs
    repeats = [await kept(shop, one), await kept(shop, one, body=b"ISA, written again"), await kept(shop, other)]
    assert [(again.inbox_id, again.repeated, again.differs) for again in repeats] == [(first.inbox_id, True, False)] * 3
    assert (await kept(shop, other, body=b"ISA, another")).differs


async def test_a_message_that_concerned_no_order_can_be_read_again(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    astray = await kept(shop, OrderAck(po_number="4711"))
    assert astray.astray and astray.po_numbers == ()
    for key in ("first", "first", "second"):
        read = await unreadable.read_after_all(
            shop.ledger, "acme", astray.inbox_id, [OrderAck(po_number=po_number)], key=key, at=TUESDAY
        )
        assert read.po_numbers == ((po_number,) if key == "first" else ())
    assert (await inbox.apply_events(shop.ledger, po_number, at=TUESDAY)).count == 1
    assert await unreadable.unreadable(shop.ledger, "acme") == ([], 0)


async def test_a_message_of_which_a_part_counts_is_not_read_twice(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    both = await kept(shop, notice(po_number, 4), OrderAck(po_number="4711"))
    await inbox.apply_events(shop.ledger, po_number, at=TUESDAY)
    again_read = [notice(po_number, 4, shipment_id="s-2")]
    read = await unreadable.read_after_all(shop.ledger, "acme", both.inbox_id, again_read, key="retry", at=TUESDAY)
    assert read.po_numbers == ()
    assert await inbox.unapplied(shop.ledger, po_number) == []
    _, waiting = await unreadable.unreadable(shop.ledger, "acme")
    assert waiting == 1


async def test_what_is_wrong_with_a_message_that_was_read_is_left_to_a_person(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    message = await kept(shop, notice(po_number, 4))
    for _ in range(2):
        await unreadable.leave_to_person(shop.ledger, message.inbox_id, "the supplier refuses our reply 3 to it")
    ((waiting,), total) = await unreadable.unreadable(shop.ledger, "acme")
    assert (waiting.why, total) == ("the supplier refuses our reply 3 to it", 1)


async def test_a_long_message_is_told_in_short(shop: Any) -> None:
    await kept(shop, *[Hint(what=f"part {n}") for n in range(500)], OrderAck(po_number="4711"))
    (told,) = await shop.rows("select facts ->> 'text' as text from journal where kind = 'message'")
    assert told["text"] == "Message through the fetched: 500 hint, order_ack"


async def test_an_answer_that_does_not_say_to_what_is_to_what_was_asked(shop: Any) -> None:
    po_number = await placed(shop, b1=10)
    await hear(shop, ChangeAck(po_number=po_number, revision=0, verdict=ChangeVerdict.ACCEPTED))
    assert "never asked" in await outcome(shop)
    await shop.cancel("b1")
    await sent(shop, await reduction(shop, po_number))
    await hear(shop, ChangeAck(po_number=po_number, revision=0, verdict=ChangeVerdict.ACCEPTED))
    assert (await po(shop, po_number)).cancelled_at is not None
