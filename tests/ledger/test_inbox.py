"""The inbox: raw first, each message and each fact once, in order, and nothing that blocks what comes behind it."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import NotFound
from domain.supplier_events import OrderAck, Split, SplitStatus, Unmatched
from ledger import inbox
from ledger.book import Ledger
from tests.ledger.ordering import TUESDAY, ack, balanced, hear, line, outcome, part, placed, po, receipt


async def keep(shop: Any, *events: Any, dedupe_key: str = "m-1", supplier_id: str = "acme", **more: Any) -> Any:
    return await inbox.store_message(
        shop.ledger,
        supplier_id,
        door="webhook",
        dedupe_key=dedupe_key,
        headers={"webhook-id": dedupe_key},
        body=b"raw \xff bytes",
        at=TUESDAY,
        events=events,
        **more,
    )


async def test_a_message_is_kept_raw_and_names_its_orders(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    stored = await keep(shop, receipt(po_number, 5))
    assert (stored.repeated, stored.po_numbers) == (False, (po_number,))
    kept = await shop.rows("select body, headers, door, received_at from inbox where inbox_id = %s", stored.inbox_id)
    assert kept == [
        {"body": b"raw \xff bytes", "headers": {"webhook-id": "m-1"}, "door": "webhook", "received_at": TUESDAY}
    ]
    assert await inbox.unapplied(shop.ledger, po_number) == [(stored.inbox_id, 0)]


async def test_the_same_envelope_is_one_message(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    first = await keep(shop, receipt(po_number, 2))
    again = await keep(shop, receipt(po_number, 2))
    assert again == first.model_copy(update={"repeated": True})
    assert (await inbox.apply_events(shop.ledger, po_number, at=TUESDAY)).count == 1
    assert (await line(shop, po_number)).received_good == 2


async def test_the_same_envelope_from_two_suppliers_is_two_messages(shop: Any) -> None:
    assert not (await keep(shop, supplier_id="acme")).repeated
    assert not (await keep(shop, supplier_id="bolt")).repeated


async def test_what_cannot_be_read_is_kept_with_the_reason(shop: Any) -> None:
    stored = await keep(shop, unreadable="no JSON at character 3")
    assert stored.po_numbers == ()
    rows = await shop.rows("select unreadable from inbox")
    assert rows == [{"unreadable": "no JSON at character 3"}]


async def test_an_unknown_supplier_is_refused(shop: Any) -> None:
    with pytest.raises(NotFound, match="no supplier 'nobody'"):
        await keep(shop, supplier_id="nobody")


async def test_a_supplier_cannot_speak_of_anothers_order(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    stored = await keep(shop, receipt(po_number, 5), supplier_id="bolt")
    assert stored.po_numbers == ()
    assert (await inbox.apply_events(shop.ledger, po_number, at=TUESDAY)).count == 0
    assert "no order of ours with bolt" in await outcome(shop)
    assert (await line(shop, po_number)).received_good == 0


async def test_an_order_nobody_knows_is_kept_and_told_to_nobody(shop: Any) -> None:
    stored = await keep(shop, receipt("PO-999999", 5), Unmatched(what="an advert"))
    assert stored.po_numbers == ()
    rows = await shop.rows("select outcome from inbox_event order by n")
    assert [row["outcome"] for row in rows] == [
        "names PO-999999, no order of ours with acme",
        "names no order, no order of ours with acme",
    ]


async def test_one_message_may_speak_of_two_orders(shop: Any) -> None:
    first = await placed(shop, a=5)
    second = await placed(shop, b=5)
    stored = await keep(shop, receipt(first, 5), receipt(second, 4))
    assert stored.po_numbers == (first, second)
    await inbox.apply_events(shop.ledger, second, at=TUESDAY)
    assert (await line(shop, first)).received_good == 0
    await inbox.apply_events(shop.ledger, first, at=TUESDAY)
    assert [(await line(shop, one)).received_good for one in (first, second)] == [5, 4]


async def test_events_are_applied_in_the_order_they_came_and_once(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    later = ack(po_number, part(SplitStatus.ACCEPTED, 4))
    await keep(shop, OrderAck(po_number=po_number), later, dedupe_key="m-1")
    await keep(shop, receipt(po_number, 4), dedupe_key="m-2")
    assert (await inbox.apply_events(shop.ledger, po_number, at=TUESDAY)).count == 3
    assert (await inbox.apply_events(shop.ledger, po_number, at=TUESDAY)).count == 0
    rows = await shop.rows("select outcome from inbox_event order by inbox_id, n")
    assert [row["outcome"] for row in rows] == [
        "acknowledged as ordered",
        "acknowledged: 4 of 5 LAMP to come",
        "received 4 units of LAMP",
    ]
    assert await inbox.unapplied(shop.ledger, po_number) == []


async def test_what_matches_nothing_raises_attention(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    applied = await hear(shop, Unmatched(po_number=po_number, what="Acme asks for a fax number."))
    assert applied.incidents == ("Acme asks for a fax number.",)
    assert (await po(shop, po_number)).attention == "Acme asks for a fax number."


@pytest.mark.alters_tables
async def test_an_event_that_would_break_the_books_is_set_aside_and_blocks_nothing(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    # A law that the first receipt breaks and the second does not; no honest event of ours breaks a real one.
    await shop.do("alter table stock add constraint l4_of_this_test check (sku <> 'LAMP' or on_hand < 3)")
    await keep(shop, receipt(po_number, 4, receipt_id="r-1"), receipt(po_number, 2, receipt_id="r-2"))
    applied = await inbox.apply_events(shop.ledger, po_number, at=TUESDAY)
    assert applied.count == 2
    assert len(applied.incidents) == 1
    assert "could not be applied: L4" in ((await po(shop, po_number)).attention or "")
    assert (await line(shop, po_number)).received_good == 2
    assert await inbox.unapplied(shop.ledger, po_number) == []
    await balanced(shop)


async def test_two_processes_apply_the_same_events_at_once(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5, c=5)
    for n in range(12):
        await keep(shop, receipt(po_number, 1, receipt_id=f"r-{n}"), dedupe_key=f"m-{n}")
    async with await Ledger.open(shop.dsn) as other:
        applied = await asyncio.gather(
            *(inbox.apply_events(which, po_number, at=TUESDAY) for which in (shop.ledger, other, shop.ledger, other))
        )
    assert sum(one.count for one in applied) == 12
    assert (await line(shop, po_number)).received_good == 12
    await balanced(shop)


async def test_two_processes_store_the_same_message_at_once(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    stored = await asyncio.gather(*(keep(shop, receipt(po_number, 1)) for _ in range(8)))
    assert sorted(one.repeated for one in stored) == [False] + 7 * [True]
    assert {(one.inbox_id, one.po_numbers) for one in stored} == {(stored[0].inbox_id, (po_number,))}


async def test_an_event_that_cannot_be_reckoned_with_is_set_aside_and_the_next_is_applied(shop: Any) -> None:
    """No calendar has a day after the last one; the message must not be tried again for ever."""
    po_number = await placed(shop, a=5)
    for_ever = Split(status=SplitStatus.ACCEPTED, quantity=Decimal(5), ship_on=date.max)
    applied = await hear(shop, ack(po_number, for_ever), receipt(po_number, 5))
    assert applied.count == 2
    assert "could not be applied" in applied.incidents[0]
    assert (await line(shop, po_number)).received_good == 5
    assert (await po(shop, po_number)).attention is not None


async def test_a_message_is_never_taken_for_an_event_of_another(shop: Any) -> None:
    """Supplier 1's message 0 and event 0 of message 1 are not the same fact."""
    po_number = await placed(shop, a=5)
    await keep(shop, receipt(po_number, 5))
    await shop.do("insert into supplier select '1', status, doc from supplier where supplier_id = 'bolt'")
    assert not (await keep(shop, supplier_id="1", dedupe_key="0")).repeated
    assert (await inbox.apply_events(shop.ledger, po_number, at=TUESDAY)).count == 1
    assert (await line(shop, po_number)).received_good == 5
