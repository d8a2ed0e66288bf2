"""What collects later is added to an order that its supplier has: asked once, and every end of that question."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.purchase_order_position import PurchaseOrderPosition, PurchaseOrderStatus
from ledger.audit import audit
from tests.workflows.papyrus import Folders


async def confirmed(papyrus: Folders, **config: Any) -> str:
    """Papyrus has an order of three books, and delivers it. Returns its number."""
    await papyrus.deal(adds=True, added_lines=True, **config)
    await papyrus.shop.order(1, sku="BOOK", quantity=3)
    po_number = await papyrus.shop.placed(1)
    papyrus.answer("ack.csv", [{"po_number": po_number, "line_no": 1, "status": "accepted", "quantity": 3}])
    await papyrus.shop.po_until(po_number, lambda p: p.acknowledged_at is not None)
    return po_number


async def pens(papyrus: Folders, number: int = 2, quantity: int = 2) -> str:
    """Pens are ordered, and the order that collects for them is cut off. Returns its number."""
    await papyrus.shop.order(number, sku="PEN", quantity=quantity)
    later = await papyrus.shop.po_number(number)
    await papyrus.shop.po(later).execute_update("release_now")
    return later


async def asked(papyrus: Folders, **config: Any) -> str:
    """Papyrus has an order of books, and is asked to add pens to it. Returns its number."""
    po_number = await confirmed(papyrus, **config)
    await pens(papyrus)
    await delivered(papyrus, po_number)
    return po_number


async def delivered(papyrus: Folders, po_number: str, revision: int = 1) -> PurchaseOrderPosition:
    return await papyrus.shop.po_until(
        po_number, lambda p: any(o.revision == revision and o.state == "delivered" for o in p.operations)
    )


def answer(papyrus: Folders, po_number: str, verdict: str, *lines: dict[str, Any]) -> None:
    whole = {"po_number": po_number, "revision": 1, "verdict": verdict}
    empty = dict.fromkeys(("line_no", "status", "quantity", "deliver_on"), "")
    papyrus.answer(f"{verdict}.csv", [whole | empty, *({**whole, **one} for one in lines)])


async def ships(papyrus: Folders, po_number: str, line_no: int, good: int) -> None:
    lines = [{"line": {"line_no": line_no}, "good": good}]
    await papyrus.shop.po(po_number).signal("receipt", {"receipt_id": f"dock-{po_number}-{line_no}", "lines": lines})


async def refused_by_telephone(papyrus: Folders, po_number: str) -> None:
    """A person says no in Papyrus's place: the pens are bought otherwise, and the order stands as it was."""
    await papyrus.shop.po(po_number).execute_update("resolve", {"resolution": "refused"})
    await papyrus.shop.until(lambda p: bool(p.claims) and p.claims[0].po_number != po_number, 2)
    settled = await papyrus.shop.po_until(po_number, lambda p: p.attention is None)
    assert (settled.status, settled.adds_lines) == (PurchaseOrderStatus.ACKNOWLEDGED, False)
    await balanced(papyrus)


async def balanced(papyrus: Folders) -> None:
    assert await audit(papyrus.shop.world.ledger) == []


def files(papyrus: Folders) -> list[str]:
    """What Papyrus was sent."""
    return sorted(file.name for file in papyrus.orders.iterdir())


async def test_accepted_and_delivered_with_the_order(papyrus: Folders) -> None:
    po_number = await confirmed(papyrus)
    later = await pens(papyrus)
    (row,) = await papyrus.written(f"change.{po_number}.1.csv")
    assert (row["line_no"], row["supplier_sku"], row["quantity"], row["quantity_before"]) == ("2", "P-PEN", "2", "")
    left = await papyrus.shop.po_until(later, lambda p: p.closed_at is not None)
    assert (left.added_to, left.operations) == (po_number, ())
    described = await papyrus.shop.po(later).describe()
    assert described.status is not None and described.status.name == "COMPLETED"

    await delivered(papyrus, po_number)
    added = {"line_no": 2, "status": "accepted", "quantity": 2, "deliver_on": "2026-12-20"}
    answer(papyrus, po_number, "accepted", added)
    await papyrus.shop.po_until(po_number, lambda p: str(p.lines[1].expected_on) == "2026-12-20")
    (share,) = (await papyrus.shop.position(2)).claims
    assert (share.po_number, share.confirmed, str(share.expected_on)) == (po_number, True, "2026-12-20")

    for line_no, good in ((1, 3), (2, 2)):
        await ships(papyrus, po_number, line_no, good)
    for number, quantity in ((1, 3), (2, 2)):
        await papyrus.shop.parcel_taken(number)
        assert (await papyrus.shop.closed(number)).shipped == quantity
    assert (await papyrus.shop.po_until(po_number, lambda p: p.closed_at is not None)).attention is None
    assert files(papyrus) == [f"change.{po_number}.1.csv", f"place.{po_number}.0.csv"]
    await balanced(papyrus)


async def test_refused_is_bought_by_an_order_of_its_own(papyrus: Folders) -> None:
    po_number = await asked(papyrus)
    answer(papyrus, po_number, "refused")
    await papyrus.shop.until(lambda p: bool(p.claims) and p.claims[0].po_number != po_number, 2)
    again = await papyrus.shop.placed(2)
    (row,) = await papyrus.written(f"place.{again}.0.csv")
    assert (row["supplier_sku"], row["quantity"]) == ("P-PEN", "2")
    assert (await papyrus.shop.position(1)).claims[0].confirmed, "the books are none the worse for it"
    await balanced(papyrus)


async def test_silence_is_a_persons_matter_and_buys_nothing_twice(papyrus: Folders) -> None:
    po_number = await asked(papyrus)
    order = papyrus.shop.po(po_number)
    await papyrus.shop.forward(order, timedelta(days=1, hours=1))
    await papyrus.shop.po_until(po_number, lambda p: p.chases == 1)
    await papyrus.shop.forward(order, timedelta(days=1, hours=1))
    silent = await papyrus.shop.po_until(po_number, lambda p: p.attention is not None)
    assert silent.attention and "has not answered whether it adds lines" in silent.attention
    assert silent.status is PurchaseOrderStatus.CHANGE_PENDING
    assert [share.po_number for share in (await papyrus.shop.position(2)).claims] == [po_number]

    await order.execute_update("resolve", {"resolution": "refused", "note": "they never saw it"})
    settled = await papyrus.shop.po_until(po_number, lambda p: p.attention is None)
    assert not settled.adds_lines
    bought = await papyrus.shop.until(lambda p: bool(p.claims) and p.claims[0].po_number != po_number, 2)
    # They come all the same: the goods are real, and what collects for them is not bought any more.
    await ships(papyrus, po_number, 2, 2)
    await papyrus.shop.parcel_taken(2)
    assert (await papyrus.shop.closed(2)).shipped == 2
    spared = bought.claims[0].po_number
    await papyrus.shop.po(spared).execute_update("release_now")
    assert (await papyrus.shop.po_until(spared, lambda p: p.closed_at is not None)).operations == ()
    await balanced(papyrus)


async def test_a_person_who_heard_yes_says_so(papyrus: Folders) -> None:
    po_number = await asked(papyrus)
    await papyrus.shop.po(po_number).execute_update("resolve", {"resolution": "acknowledged"})
    assert (await papyrus.shop.position(2)).claims[0].confirmed
    assert (await papyrus.shop.po_until(po_number, lambda p: p.pending is None)).operations[1].verdict == "accepted"
    with pytest.raises(WorkflowUpdateFailedError) as wrong:
        await papyrus.shop.po(po_number).execute_update("resolve", {"resolution": "refused"})
    assert "nothing to refuse" in str(wrong.value.cause)
    await balanced(papyrus)


async def test_what_cannot_even_be_asked_is_bought_elsewhere_when_a_person_says_so(papyrus: Folders) -> None:
    po_number = await confirmed(papyrus, encoding="iso-8859-1")
    unwritable = """update supplier_item set doc = doc || '{"supplier_sku": "П-ПЕРО"}' where sku = 'PEN'"""
    async with papyrus.shop.world.ledger.work() as connection:
        await connection.execute(unwritable)
    await pens(papyrus)
    await papyrus.shop.po_until(po_number, lambda p: "cannot be written" in (p.attention or ""))
    await refused_by_telephone(papyrus, po_number)


async def test_what_may_have_arrived_can_be_answered_by_telephone(papyrus: Folders) -> None:
    po_number = await asked(papyrus, knows_orders_by_number=False)
    async with papyrus.shop.world.ledger.work() as crashed:
        await crashed.execute("update outbox set state = 'unknown' where po_number = %s and revision = 1", (po_number,))
    await papyrus.shop.po(po_number).signal("shares_changed")
    await papyrus.shop.po_until(po_number, lambda p: "cannot be found" in (p.attention or ""))
    await refused_by_telephone(papyrus, po_number)


async def test_cancelled_while_the_question_is_open_is_taken_off_after_the_answer(papyrus: Folders) -> None:
    po_number = await asked(papyrus)
    await papyrus.shop.cancel(2)
    assert (await papyrus.shop.closed(2)).cancelled == 2
    answer(papyrus, po_number, "accepted")
    (row,) = await papyrus.written(f"change.{po_number}.2.csv")
    assert (row["line_no"], row["quantity"], row["quantity_before"]) == ("2", "0", "2")
    await balanced(papyrus)


async def test_withdrawn_while_the_question_is_open(papyrus: Folders) -> None:
    po_number = await asked(papyrus)
    await papyrus.shop.po(po_number).execute_update("resolve", {"resolution": "withdraw"})
    assert await papyrus.written(f"cancel.{po_number}.2.csv")
    await papyrus.shop.until(lambda p: all(share.po_number != po_number for share in p.claims), 2)
    await delivered(papyrus, po_number, 2)
    papyrus.answer("gone.csv", [{"po_number": po_number, "revision": 2, "verdict": "accepted"}])
    await papyrus.shop.po_until(po_number, lambda p: p.cancelled_at is not None)
    await balanced(papyrus)


async def test_who_does_not_want_it_gets_another_order(papyrus: Folders) -> None:
    """Its profile takes lines; the shop does not wish to add any."""
    await confirmed(papyrus)
    await papyrus.deal(added_lines=True)
    later = await pens(papyrus)
    assert await papyrus.written(f"place.{later}.0.csv")
