"""What suppliers send: repeated, reordered, lost, malformed; and what is sent to them exactly once."""

import asyncio
import time
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from devstack.simulators.settings import StepLine
from tests.workflows.shop import Shop, as_json


def receipt(po_number: str, receipt_id: str, good: int) -> dict[str, Any]:
    return as_json(
        kind="received", po_number=po_number, receipt_id=receipt_id, lines=[{"line": {"line_no": 1}, "good": good}]
    )


async def test_a_response_lost_after_the_supplier_accepted_makes_no_second_order(shop: Shop) -> None:
    await shop.supplier().behave("drop_response")
    await shop.order()
    po_number = await shop.placed()
    books = await shop.supplier().books()
    assert [o.po_number for o in books.orders] == [po_number]
    assert (await shop.po_until(po_number, lambda p: p.place is not None)).place.state == "delivered"


@pytest.mark.parametrize("kind", ["503", "500", "reset", "slow"])
async def test_a_supplier_in_trouble_still_gets_the_order_once(shop: Shop, kind: str) -> None:
    await shop.supplier().fail_next(kind, 2, on="place", seconds=0 if kind != "slow" else 6)
    await shop.order()
    po_number = await shop.placed()
    books = await shop.supplier().books()
    assert [o.po_number for o in books.orders] == [po_number]


async def test_every_webhook_twice_counts_once(shop: Shop) -> None:
    await shop.supplier().behave("duplicate")
    await shop.order(quantity=2)
    po_number = await shop.acknowledged()
    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    await shop.outside.webhooks_settled()
    assert (await shop.closed()).shipped == 2
    assert await shop.free("LAMP") == 0


async def test_goods_before_acknowledgement_and_ship_notice_are_goods_all_the_same(shop: Shop) -> None:
    await shop.supplier().behave("out_of_order")
    await shop.order()
    po_number = await shop.placed()
    await shop.supplier().advance("acknowledge", po_number)
    await shop.supplier().advance("ship", po_number)
    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 2


async def test_a_receipt_signalled_straight_to_the_purchase_order_counts_once(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.acknowledged()
    for _ in range(3):
        await shop.po(po_number).signal("receipt", receipt(po_number, "R-1", 2))
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 2
    assert await shop.free("LAMP") == 0


async def test_a_receipt_signalled_to_one_backorder_serves_that_one_first(shop: Shop) -> None:
    await shop.order(1)
    await shop.order(2)
    await shop.until(lambda p: p.claimed == 2, 1)
    await shop.until(lambda p: p.claimed == 2, 2)
    po_number = await shop.acknowledged(2)
    await shop.backorder(2).signal("receipt", receipt(po_number, "R-1", 2))
    await shop.until(lambda p: p.allocated == 2, 2)
    assert (await shop.position(1)).claimed == 2


@pytest.mark.parametrize("nonsense", ["", "no json", 7, None, ["a list"], {"receipt_id": "R"}, {"lines": "none"}])
async def test_a_malformed_receipt_is_kept_and_raises_attention(shop: Shop, nonsense: object) -> None:
    await shop.order()
    po_number = await shop.acknowledged()
    await shop.po(po_number).signal("receipt", nonsense)
    position = await shop.po_until(po_number, lambda p: p.attention is not None)
    assert "kept" in (position.attention or "")
    await shop.po(po_number).signal("receipt", receipt(po_number, "R-1", 2))
    await shop.until(lambda p: p.allocated == 2)


async def test_a_signal_with_the_wrong_number_of_arguments_does_not_wedge_the_workflow(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.acknowledged()
    await shop.po(po_number).signal("receipt", args=[1, 2, 3])
    await shop.po(po_number).signal("shares_changed", "unexpected")
    await shop.backorder().signal("supply_changed", "unexpected")
    await shop.backorder().signal("receipt")
    await shop.po_until(po_number, lambda p: p.attention is not None)
    await shop.until(lambda p: p.attention is not None)
    await shop.supplier().advance("deliver", po_number)
    await shop.until(lambda p: p.allocated == 2)


async def test_an_over_receipt_above_the_tolerance_is_quarantined(shop: Shop) -> None:
    await shop.order(quantity=2)
    po_number = await shop.acknowledged()
    await shop.supplier().advance("deliver", po_number, StepLine(line_no=1, over=10))
    await shop.until(lambda p: p.allocated == 2)
    assert await shop.free("LAMP") == 0


async def test_a_purchase_order_continues_as_new_while_signals_arrive_and_loses_none(shop: Shop) -> None:
    await shop.order(quantity=40, partial_shipment=True, unit_price="1.00")
    po_number = await shop.acknowledged()
    po = shop.po(po_number)
    await po.terminate("started again with a small history limit")
    first = await shop.client.start_workflow(
        "PurchaseOrder",
        {"po_number": po_number, "events_per_run": 25},
        id=f"po/{po_number}",
        task_queue=shop.task_queue,
    )
    for batch in range(20):
        await asyncio.gather(*(po.signal("receipt", receipt(po_number, f"R-{batch}-{n}", 1)) for n in range(2)))
        await asyncio.sleep(0.2)
    position = await shop.po_until(po_number, lambda p: p.closed_at is not None)
    assert position.lines[0].received_good == 40
    runs = [w.run_id async for w in shop.client.list_workflows(f"WorkflowId = 'po/{po_number}'")]
    assert len(runs) >= 3 or first.first_execution_run_id != (await po.describe()).run_id


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("quantity", 0, "greater than or equal to 1"),
        ("currency", "XXX", "unsupported currency"),
        ("sku", "NO-SUCH", "NO-SUCH"),
        ("promised_by", "2020-01-01", "past"),
    ],
)
async def test_nonsense_is_refused_with_a_typed_error_and_not_retried_for_ever(
    shop: Shop, field: str, value: object, says: str
) -> None:
    content = shop.order_of().model_dump(mode="json") | {field: value}
    handle = await shop.client.start_workflow(
        "Backorder", content, id=f"backorder/{shop.backorder_id()}", task_queue=shop.task_queue
    )
    with pytest.raises(WorkflowFailureError) as refused:
        await asyncio.wait_for(handle.result(), 30)
    assert says in str(refused.value.cause)


async def test_a_backorder_named_like_a_purchase_order_is_refused(shop: Shop) -> None:
    one = f"PO-{time.time_ns()}"
    content = shop.order_of().model_dump(mode="json") | {"backorder_id": one}
    handle = await shop.client.start_workflow("Backorder", content, id=f"backorder/{one}", task_queue=shop.task_queue)
    with pytest.raises(WorkflowFailureError) as refused:
        await asyncio.wait_for(handle.result(), 30)
    assert "is a purchase order's number" in str(refused.value.cause)


async def test_the_same_id_with_other_content_is_refused_and_changes_nothing(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=1)
    await shop.parcel_taken()
    await shop.closed()
    await shop.backorder().result()
    again = await shop.order(sku="CHAIR", quantity=2)
    with pytest.raises(WorkflowFailureError) as conflict:
        await again.result()
    assert getattr(conflict.value.cause, "type", None) == "OrderConflict"
    assert (await shop.position()).ordered == 1


async def test_a_backorder_started_under_another_id_is_refused(shop: Shop) -> None:
    handle = await shop.client.start_workflow(
        "Backorder", shop.order_of(), id=f"backorder/{shop.run}-other", task_queue=shop.task_queue
    )
    with pytest.raises(WorkflowFailureError) as refused:
        await handle.result()
    assert getattr(refused.value.cause, "type", None) == "OrderRefused"
