"""What got lost between ledger and Temporal is found and mended: once, and without harm to what is well."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from domain.names import SWEEP
from domain.sweeps import SweepInput, SweepKind, Swept
from ledger import announcements, backorders, purchase_orders, sweeping
from ledger.audit import audit
from tests.workflows.shop import Shop, eventually
from tests.workflows.test_messages import receipt
from workflows.backorder_contract import BackorderInput
from workflows.sweeps import Sweep

AT_ONCE = timedelta(0)


async def sweep(shop: Shop, kind: SweepKind, *, grace: timedelta = AT_ONCE, **more: Any) -> Swept:
    """Run a sweep as its schedule or the command would."""
    return await shop.client.execute_workflow(
        Sweep.run,
        SweepInput(kind=kind, grace=grace, **more),
        id=f"sweep/{shop.task_queue}/{kind}/{uuid4()}",
        task_queue=shop.task_queue,
    )


def named(swept: Swept) -> list[str]:
    """Whom it mended."""
    return [finding.what for finding in swept.mended]


async def runs(shop: Shop, handle: WorkflowHandle[Any, Any]) -> str:
    """The id of the latest run, which has to be running."""
    described = await handle.describe()
    assert described.status is WorkflowExecutionStatus.RUNNING
    return described.run_id


async def known(shop: Shop, handle: WorkflowHandle[Any, Any], position: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    """Wait until a workflow knows what the ledger knows; its answer to `standing`."""

    async def look() -> dict[str, Any] | None:
        standing: dict[str, Any] = await handle.query("standing")
        told = (await position()).model_dump(mode="json", exclude={"terms"})
        seen = {name: value for name, value in (standing["position"] or {}).items() if name != "terms"}
        return standing if seen == told else None

    found: dict[str, Any] = await eventually(look, handle.describe)
    return found


async def story(shop: Shop, number: int = 1) -> list[str]:
    """What happened to a backorder."""
    return [line.text for line in await backorders.story(shop.world.ledger, shop.backorder_id(number))]


async def test_a_terminated_backorder_is_started_again_and_keeps_its_promise(shop: Shop) -> None:
    handle = await shop.order()
    po_number = await shop.acknowledged()
    await shop.until(lambda p: bool(p.notices) and all(claim.confirmed for claim in p.claims))
    duty = (await known(shop, handle, shop.position))["next_duty"]
    await handle.terminate("a mistake")
    swept = await sweep(shop, SweepKind.LOST_WORKFLOWS)
    assert named(swept) == [shop.backorder_id()]
    assert "had ended (terminated) while 2 of its units were owed; started again" in swept.mended[0].said
    assert "today's terms" not in swept.mended[0].said
    await runs(shop, shop.backorder())
    assert swept.mended[0].said[1:] in (await story(shop))[-1]
    assert (await known(shop, shop.backorder(), shop.position))["next_duty"] == duty

    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    assert (await shop.closed()).shipped == 2
    books = await shop.outside.payments.books()
    assert [(p.kind, str(p.amount)) for p in books.payments] == [("charge", "104.70")]
    assert await shop.mails() == [*dict.fromkeys(await shop.mails())], "no mail is sent twice"
    assert await audit(shop.world.ledger) == []


async def test_a_sweep_again_or_two_at_once_start_nothing_twice(shop: Shop) -> None:
    for number in (1, 2, 3):
        await shop.order(number)
    for number in (1, 2, 3):
        await shop.until(lambda p: bool(p.notices), number)
    await shop.backorder(1).terminate()
    await shop.backorder(3).terminate()
    untouched = await runs(shop, shop.backorder(2))
    both = await asyncio.gather(*(sweep(shop, SweepKind.LOST_WORKFLOWS) for _ in range(2)))
    assert sorted(named(both[0]) + named(both[1])) == [shop.backorder_id(1), shop.backorder_id(3)]
    first = [await runs(shop, shop.backorder(number)) for number in (1, 3)]
    assert named(await sweep(shop, SweepKind.LOST_WORKFLOWS)) == []
    assert [await runs(shop, shop.backorder(number)) for number in (1, 3)] == first
    assert await runs(shop, shop.backorder(2)) == untouched
    assert sum("started again" in line for line in await story(shop, 1)) == 1


async def test_nothing_personal_goes_into_the_history_of_a_workflow_that_is_started_again(shop: Shop) -> None:
    await shop.order()
    await shop.until(lambda p: bool(p.notices))
    await shop.backorder().terminate()
    await sweep(shop, SweepKind.LOST_WORKFLOWS)
    history = await shop.backorder().fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    for personal in ("Lovelace", "ada1@", "1 Main St", "pm_1"):
        assert personal not in history.to_json()
    (start,) = await shop.client.data_converter.decode(list(started.input.payloads), [BackorderInput])
    assert start.carried.accepted and start.carried.policy == shop.world.settings.policy("USD")


async def test_a_cancel_that_was_under_way_is_finished_by_the_next_run(shop: Shop) -> None:
    await shop.order(sku="CHAIR", quantity=2)
    await shop.until(lambda p: any(x.state == "booked" for x in p.parcels))
    await shop.outside.carrier.fail_next("slow", 1, on="void", seconds=4)
    asked = asyncio.create_task(shop.cancel())
    await shop.until(lambda p: p.cancel_requested_at is not None)
    await shop.backorder().terminate()
    with pytest.raises(Exception, match=r"."):
        await asked
    await sweep(shop, SweepKind.LOST_WORKFLOWS)
    closed = await shop.closed()
    assert (closed.cancelled, closed.refund_due) == (2, 0)
    books = await shop.outside.payments.books()
    assert (str(books.charged), str(books.refunded)) == ("104.70", "104.70")


async def test_a_terminated_purchase_order_is_started_again_and_sends_nothing_twice(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.placed()
    await shop.po(po_number).terminate()
    swept = await sweep(shop, SweepKind.LOST_WORKFLOWS)
    assert named(swept) == [po_number]
    await shop.supplier().advance("acknowledge", po_number)
    await shop.supplier().advance("deliver", po_number)
    await shop.until(lambda p: p.allocated == 2)
    assert [o.po_number for o in (await shop.supplier().books()).orders] == [po_number]
    assert (await shop.po(po_number).result())["closed_at"]
    assert named(await sweep(shop, SweepKind.LOST_WORKFLOWS)) == []


async def test_shares_given_back_unheard_are_still_taken_off_the_order(shop: Shop) -> None:
    await shop.order(1)
    await shop.order(2)
    await shop.until(lambda p: p.claimed == 2, 2)
    po_number = await shop.acknowledged(1)
    await shop.po(po_number).terminate()
    await shop.cancel(1)  # its word to the order wakes it, so it is ended once more
    await shop.po(po_number).terminate()
    await sweep(shop, SweepKind.LOST_WORKFLOWS)
    await shop.po_until(po_number, lambda p: any(o.kind == "change" for o in p.operations))


async def test_what_ended_just_now_is_left_alone(shop: Shop) -> None:
    await shop.order()
    await shop.until(lambda p: bool(p.notices))
    await shop.backorder().terminate()
    swept = await sweep(shop, SweepKind.LOST_WORKFLOWS, grace=timedelta(minutes=5))
    assert (named(swept), swept.asks) == ([], ())
    assert (await shop.backorder().describe()).status is WorkflowExecutionStatus.TERMINATED


async def test_a_workflow_that_ends_again_and_again_is_a_persons_matter(shop: Shop) -> None:
    await shop.order()
    await shop.until(lambda p: bool(p.notices))
    for _ in range(3):
        await shop.backorder().terminate()
        assert named(await sweep(shop, SweepKind.LOST_WORKFLOWS)) == [shop.backorder_id()]
    await shop.backorder().terminate()
    for _ in range(2):
        swept = await sweep(shop, SweepKind.LOST_WORKFLOWS)
        assert (named(swept), [one.what for one in swept.asks]) == ([], [shop.backorder_id()])
    attention = (await shop.position()).attention or ""
    assert attention.count("was started again 3 times within a day") == 1
    assert f"promisekeeper restart {shop.backorder_id()}" in attention


async def test_one_that_cannot_be_started_again_holds_up_no_other_and_is_a_persons_matter(shop: Shop) -> None:
    for number in (1, 2):
        await shop.order(number)
        await shop.until(lambda p: bool(p.notices), number)
        await shop.backorder(number).terminate()
    async with shop.world.ledger.work() as connection:  # a row that no order can be made of
        await connection.execute(
            "update backorder set zone = 'Atlantis' where backorder_id = %s", [shop.backorder_id(1)]
        )
    swept = await sweep(shop, SweepKind.LOST_WORKFLOWS)
    assert [(one.what, one.said) for one in swept.asks] == [
        (shop.backorder_id(1), "could not be seen to (ValidationError); the next sweep tries again")
    ]
    assert [one.what for one in swept.mended] == [shop.backorder_id(2)]
    await runs(shop, shop.backorder(2))
    assert (await shop.backorder(1).describe()).status is WorkflowExecutionStatus.TERMINATED


async def test_a_restart_that_was_cut_off_before_the_start_is_made_up_for_and_counts_once(shop: Shop) -> None:
    await shop.order()
    await shop.until(lambda p: bool(p.notices))
    for _ in range(2):
        await shop.backorder().terminate()
        await sweep(shop, SweepKind.LOST_WORKFLOWS)
    run_id = await runs(shop, shop.backorder())
    await shop.backorder().terminate()
    its_id = shop.backorder().id  # the worker wrote it down, and was killed then
    key = f"{its_id}/restarted/{run_id}"
    await sweeping.record_restart(shop.world.ledger, its_id, key=key, at=datetime.now(UTC), text="Started again")
    assert named(await sweep(shop, SweepKind.LOST_WORKFLOWS)) == [shop.backorder_id()]
    await runs(shop, shop.backorder())


async def test_when_temporal_knows_none_of_many_a_person_has_to_say_that_it_was_lost(shop: Shop) -> None:
    for number in range(20):
        content = shop.order_of(number)
        await backorders.accept(
            shop.world.ledger,
            content,
            key=f"test/{number}",
            at=datetime.now(UTC),
            legal_deadline=datetime.now(UTC) + timedelta(days=30),
        )
    swept = await sweep(shop, SweepKind.LOST_WORKFLOWS)
    assert (named(swept), swept.asks_total) == ([], 1) and "Temporal itself was lost" in swept.asks[0].said
    swept = await sweep(shop, SweepKind.LOST_WORKFLOWS, restart_all=True)
    assert len(named(swept)) == 20 and "under today's terms" in swept.mended[0].said
    for number in range(20):
        await runs(shop, shop.backorder(number))


async def test_a_word_that_was_not_told_is_told(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.acknowledged()
    handle = shop.backorder()
    before = len((await handle.fetch_history()).events)
    async with shop.world.ledger.work() as connection:
        at = datetime.now(UTC) - timedelta(minutes=6)
        await announcements.owe(connection, handle.id, "supply_changed", f"po/{po_number}", at)
    assert named(await sweep(shop, SweepKind.OWED_WORDS, grace=timedelta(minutes=5))) == [po_number]
    assert await announcements.owed_total(shop.world.ledger) == 0

    async def heard() -> bool | None:
        return len((await handle.fetch_history()).events) > before or None

    await eventually(heard, handle.describe)
    assert named(await sweep(shop, SweepKind.OWED_WORDS)) == []


async def test_a_purchase_order_past_its_cut_off_looks_again(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.po_number()
    await known(shop, shop.po(po_number), lambda: purchase_orders.position(shop.world.ledger, po_number))
    async with shop.world.ledger.work() as connection:  # the terms changed under the timer that it sleeps by
        await connection.execute("update purchase_order set collect_until = now() - interval '1 hour'")
    assert named(await sweep(shop, SweepKind.LATE_ORDERS, grace=timedelta(minutes=5))) == []  # it was opened just now
    swept = await sweep(shop, SweepKind.LATE_ORDERS)
    assert named(swept) == [po_number] and "the supplier's cut-off" in swept.mended[0].said
    await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
    assert named(await sweep(shop, SweepKind.LATE_ORDERS)) == []


async def test_a_held_order_and_one_that_asks_for_a_person_are_not_late(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.po_number()
    await shop.po(po_number).execute_update("hold", {"held": True})
    async with shop.world.ledger.work() as connection:
        await connection.execute("update purchase_order set collect_until = now() - interval '1 hour'")
    assert named(await sweep(shop, SweepKind.LATE_ORDERS)) == []
    async with shop.world.ledger.work() as connection:
        await connection.execute("update purchase_order set held_at = null, attention = 'Call them.'")
    assert named(await sweep(shop, SweepKind.LATE_ORDERS)) == []


async def test_a_stored_message_nobody_was_told_of_is_applied(shop: Shop) -> None:
    await shop.order()
    po_number = await shop.acknowledged()
    from activities.receipts import keep_receipt  # noqa: PLC0415 - as a door would, that died before it told anybody

    raw = json.dumps(receipt(po_number, "R-1", 2))
    await keep_receipt(shop.world.ledger, raw, at=datetime.now(UTC), supplier_id="acme", po_number=po_number)
    swept = await sweep(shop, SweepKind.LATE_ORDERS)
    assert (po_number, "told to apply what its supplier said") in [(one.what, one.said) for one in swept.mended]
    await shop.until(lambda p: p.allocated == 2)


async def test_workflows_that_the_ledger_does_not_know_are_reported_and_not_touched(shop: Shop) -> None:
    await shop.order(1)
    await shop.until(lambda p: bool(p.notices))
    po_number = await shop.po_number()
    await shop.order(2)
    await shop.until(lambda p: bool(p.notices), 2)
    await _forget(shop, 2)
    before = await runs(shop, shop.backorder(2))

    async def reported() -> Swept | None:
        swept = await sweep(shop, SweepKind.UNKNOWN_WORKFLOWS)
        return swept if swept.asks else None

    swept = await eventually(reported, shop.backorder(2).describe)  # lists lag behind
    assert [one.what for one in swept.asks] == [shop.backorder_id(2)]
    assert "reset the workflow to its first task" in swept.asks[0].said
    assert await runs(shop, shop.backorder(2)) == before
    assert po_number not in {one.what for one in swept.asks}


async def _forget(shop: Shop, number: int) -> None:
    """The ledger as it was before this backorder: an older one was restored."""
    async with shop.world.ledger.work() as connection:
        await connection.execute("set local session_replication_role = replica")
        for table in ("contact", "promise", "notice", "claim", "announcement", "backorder"):
            column = "workflow_id" if table == "announcement" else "backorder_id"
            await connection.execute(f"delete from {table} where {column} = %s", (shop.backorder_id(number),))


async def test_a_sweep_that_found_what_it_cannot_mend_is_found_by_its_attribute(shop: Shop) -> None:
    await shop.order(1)
    await shop.until(lambda p: bool(p.notices))
    await _forget(shop, 1)

    async def found() -> list[str] | None:
        await sweep(shop, SweepKind.UNKNOWN_WORKFLOWS)
        query = f"WorkflowType = '{SWEEP}' AND NeedsAttention = true AND TaskQueue = '{shop.task_queue}'"
        return [one.id async for one in shop.client.list_workflows(query)] or None

    assert await eventually(found, shop.backorder().describe)


async def test_a_backorder_that_a_restored_ledger_forgot_is_accepted_again_by_a_reset(shop: Shop) -> None:
    await shop.order(1)
    await shop.until(lambda p: bool(p.notices))
    await _forget(shop, 1)
    described = await shop.backorder().describe()
    await shop.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=shop.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=described.id, run_id=described.run_id),
            reason="an older ledger was restored",
            workflow_task_finish_event_id=3,
            request_id=str(uuid4()),
        )
    )
    again = await shop.until(lambda p: bool(p.claims))
    assert (again.ordered, again.claimed) == (2, 2)
