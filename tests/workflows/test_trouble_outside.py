"""What lost answers, refused mails and impatience leave behind: nothing twice, nothing hanging, nobody's name told."""

import asyncio
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy

from ledger import backorders
from tests.workflows.shop import Shop, as_json


async def test_an_answer_that_was_lost_is_asked_for_and_the_order_not_sent_again(shop: Shop) -> None:
    await shop.supplier().behave("drop_response")
    await shop.order()
    await shop.placed()
    (place,) = [o for o in (await shop.supplier().books()).operations if o.kind == "place"]
    assert place.requests == 1


async def test_a_charge_whose_answer_never_came_is_found_and_refunded_when_the_order_is_cancelled(shop: Shop) -> None:
    await shop.outside.payments.fail_next("drop_response", 10_000, on="charge")
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "requested" for x in p.payments))
    await shop.forward(shop.backorder(), timedelta(minutes=6))
    await shop.until(lambda p: p.attention is not None)
    reply = await shop.cancel()
    assert (reply["outcome"], Decimal(reply["refund"])) == ("cancelled", Decimal("104.70"))
    await shop.closed()
    books = await shop.outside.payments.books()
    assert (books.charged, books.refunded) == (Decimal("104.70"), Decimal("104.70"))


async def test_the_cancel_button_pressed_while_everything_is_undone_already_interrupts_nothing(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "booked" for x in p.parcels))
    await shop.outside.carrier.fail_next("slow", 1, on="void", seconds=2)
    cancel = asyncio.create_task(shop.cancel())
    await shop.until(lambda p: p.cancel_requested_at is not None)
    await shop.backorder().cancel()
    assert (await cancel)["outcome"] == "cancelled"
    await shop.closed()
    story = await backorders.story(shop.world.ledger, shop.backorder_id())
    assert "attention" not in {line.kind for line in story}


async def test_the_cancel_button_pressed_at_once_cancels_what_was_just_accepted(shop: Shop) -> None:
    await shop.order()
    await shop.backorder().cancel()
    position = await shop.closed()
    assert (position.cancelled, position.cancelled_by) == (2, "seller")


async def test_who_cancels_an_order_that_is_refused_is_told_why(shop: Shop) -> None:
    refused = WithStartWorkflowOperation(
        "Backorder",
        shop.order_of(sku="NO-SUCH"),
        id=f"backorder/{shop.backorder_id()}",
        task_queue=shop.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    with pytest.raises(WorkflowUpdateFailedError) as told:
        await shop.client.execute_update_with_start_workflow("cancel", {}, start_workflow_operation=refused)
    assert "NO-SUCH" in str(told.value.cause)


async def test_a_refused_mail_stops_nothing_else_and_no_operator_reads_the_customers_address(shop: Shop) -> None:
    await shop.outside.control_mail(refuse=["ada1@customer.example"])
    await shop.order(sku="CHAIR", quantity=1)
    await shop.parcel_taken()
    position = await shop.until(lambda p: p.shipped == 1 and "parcel is on its way" in (p.attention or ""))
    assert position.closed_at is None
    failures = [
        str(event.activity_task_failed_event_attributes.failure)
        async for event in shop.backorder().fetch_history_events()
        if event.HasField("activity_task_failed_event_attributes")
    ]
    assert "does not take this recipient" in failures[0]
    for personal in ("ada1", "customer.example", "Ada", "Lovelace"):
        assert personal not in position.attention + "".join(failures)


async def test_a_mail_that_could_not_leave_for_hours_leaves_once_and_no_other_need_is_forgotten(shop: Shop) -> None:
    await shop.supplier().behave("reject_all")
    await shop.outside.control_mail(refuse=["ada1@customer.example"])
    await shop.order(sku="RARE")
    await shop.acknowledged()
    both = await shop.until(
        lambda p: "No supplier is left" in (p.attention or "") and "Cannot confirm" in (p.attention or "")
    )
    await shop.outside.control_mail()
    await shop.forward(shop.backorder(), timedelta(hours=2))
    position = await shop.until(lambda p: p.attention is not None and "Cannot confirm" not in p.attention)
    assert "No supplier is left" in (position.attention or "")
    assert position.attention_since == both.attention_since
    assert len(await shop.mails()) == 1


async def test_goods_signalled_to_a_backorder_end_its_purchase_order_too(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.acknowledged()
    all_of_it = as_json(
        kind="received", po_number=po_number, receipt_id="R-1", lines=[{"line": {"line_no": 1}, "good": 2}]
    )
    await shop.backorder().signal("receipt", all_of_it)
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 2
    await shop.po_until(po_number, lambda p: p.closed_at is not None)


async def test_what_is_asked_while_a_run_gives_way_to_the_next_is_answered(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.po_number()
    await shop.po(po_number).terminate("started again with a small history limit")
    await shop.client.start_workflow(
        "PurchaseOrder",
        {"po_number": po_number, "events_per_run": 20},
        id=f"po/{po_number}",
        task_queue=shop.task_queue,
    )
    for _ in range(6):
        held = await asyncio.gather(
            *(shop.po(po_number).execute_update("hold", {"held": True}, id=uuid.uuid4().hex) for _ in range(5))
        )
        assert all(standing["position"]["held"] for standing in held)
    runs = [w.run_id async for w in shop.client.list_workflows(f"WorkflowId = 'po/{po_number}'")]
    assert len(runs) > 2
