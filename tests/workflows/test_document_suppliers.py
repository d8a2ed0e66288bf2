"""Suppliers who exchange files: the whole life of an order through folders, and what a mailbox needs a person for."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy

from domain.names import mailbox_workflow_id, supplier_task_queue
from tests.workflows.papyrus import Folders
from workflows.mailbox import SupplierMailbox
from workflows.mailbox_contract import MailboxInput
from workflows.purchase_order_contract import NEEDS_ATTENTION


async def placed(papyrus: Folders, number: int = 1, quantity: int = 3) -> str:
    await papyrus.shop.order(number, sku="BOOK", quantity=quantity)
    return await papyrus.shop.placed(number)


def line(po_number: str, **more: Any) -> dict[str, Any]:
    return {"po_number": po_number, "line_no": 1, **more}


async def test_an_order_lives_from_file_to_file_until_its_goods_are_shipped(papyrus: Folders) -> None:
    await papyrus.deal()
    po_number = await placed(papyrus)
    (row,) = await papyrus.written(f"place.{po_number}.0.csv")
    assert (row["po_number"], row["supplier_sku"], row["quantity"]) == (po_number, "P-BOOK", "3")

    confirmed = line(po_number, status="accepted", quantity=3, deliver_on="2026-12-20", supplier_order_no="P-77")
    papyrus.answer("ack.csv", [confirmed])
    acknowledged = await papyrus.shop.po_until(po_number, lambda p: p.acknowledged_at is not None)
    assert str(acknowledged.lines[0].expected_on) == "2026-12-20"

    shipped = line(po_number, type="ship_notice", shipment_id="S-1", quantity=3)
    papyrus.answer("asn.csv", [shipped])
    papyrus.answer("receipt.csv", [line(po_number, type="receipt", receipt_id="R-1", good=3)])
    await papyrus.shop.parcel_taken()
    assert (await papyrus.shop.closed()).shipped == 3
    done = await papyrus.shop.po_until(po_number, lambda p: p.closed_at is not None)
    assert done.attention is None
    assert await papyrus.written(f"place.{po_number}.0.csv") and len(list(papyrus.orders.iterdir())) == 1


async def test_a_share_that_is_cancelled_is_taken_off_by_a_change_file(papyrus: Folders) -> None:
    await papyrus.deal()
    await papyrus.shop.order(1, sku="BOOK", quantity=3)
    await papyrus.shop.order(2, sku="BOOK", quantity=2)
    await papyrus.shop.po_number(2)
    po_number = await papyrus.shop.placed(1)
    papyrus.answer("ack.csv", [line(po_number, status="accepted", quantity=5)])
    await papyrus.shop.po_until(po_number, lambda p: p.acknowledged_at is not None)
    await papyrus.shop.cancel(2)
    (row,) = await papyrus.written(f"change.{po_number}.1.csv")
    assert (row["quantity"], row["quantity_before"]) == ("3", "5")
    papyrus.answer("yes.csv", [{"po_number": po_number, "revision": 1, "verdict": "accepted"}])
    stands = await papyrus.shop.po_until(po_number, lambda p: p.pending is None)
    assert (stands.open, stands.lines[0].cancelled) == (3, 2)


async def test_what_cannot_be_read_waits_for_a_person_and_is_read_when_the_profile_is_mended(papyrus: Folders) -> None:
    await papyrus.deal()
    po_number = await placed(papyrus)
    (papyrus.answers / "strange.csv").write_text('"a quote that is never closed\n')
    found = await papyrus.mailbox_until(lambda s: s["position"] and s["position"]["unreadable_total"] == 1)
    assert "closed" in found["position"]["unreadable"][0]["why"]
    assert found["position"]["unreadable"][0]["file"] == "strange.csv"
    described = await papyrus.mailbox.describe()
    assert described.typed_search_attributes.get(NEEDS_ATTENTION) is True
    left = await papyrus.mailbox.execute_update("resolve", {"resolution": "dismiss", "note": "a test of theirs"})
    assert left["position"]["unreadable_total"] == 0

    (papyrus.answers / "german.csv").write_text(f"Bestellung;Zeile;Antwort;Menge\n{po_number};1;ja;3\n")
    await papyrus.mailbox_until(lambda s: s["position"]["unreadable_total"] == 1)
    await papyrus.deal(
        columns={"Bestellung": "po_number", "Zeile": "line_no", "Antwort": "status", "Menge": "quantity"},
        statuses={"ja": "accepted"},
    )
    read = await papyrus.mailbox.execute_update("resolve", {"resolution": "retry"})
    assert read["position"]["unreadable_total"] == 0
    await papyrus.shop.po_until(po_number, lambda p: p.acknowledged_at is not None)


async def test_a_supplier_that_cannot_be_reached_delays_only_its_own_orders(papyrus: Folders) -> None:
    await papyrus.deal()
    papyrus.home.rename(papyrus.home.with_name("unplugged"))
    await papyrus.shop.order(1, sku="BOOK", quantity=3)
    po_number = await papyrus.shop.po_number(1)
    await papyrus.shop.po(po_number).execute_update("release_now")
    await papyrus.mailbox_until(lambda s: s["trouble"] or (s["position"] and s["position"]["in_the_way"]))

    await papyrus.shop.order(2)  # lamps, of Acme
    others = await papyrus.shop.acknowledged(2)
    await papyrus.shop.supplier().advance("deliver", others)
    await papyrus.shop.parcel_taken(2)
    assert (await papyrus.shop.po_until(others, lambda p: p.closed_at is not None)).attention is None

    await papyrus.shop.forward(papyrus.shop.po(po_number), timedelta(hours=1))
    waits = await papyrus.shop.po_until(po_number, lambda p: p.attention is not None)
    assert waits.place and (waits.place.state, waits.place.sent_at) == ("rendered", None)
    told = (await papyrus.shop.po(po_number).query("__temporal_workflow_metadata")).current_details
    since = f"{waits.place.rendered_at:%Y-%m-%d %H:%M} UTC"
    assert f"**Waiting for:** Papyrus, to take the place, since {since}; a person's decision." in told

    papyrus.home.with_name("unplugged").rename(papyrus.home)
    await papyrus.shop.forward(papyrus.shop.po(po_number), timedelta(hours=1))
    await papyrus.shop.po_until(
        po_number, lambda p: p.place is not None and p.place.state == "delivered" and p.attention is None
    )
    assert [file.name for file in papyrus.orders.iterdir()] == [f"place.{po_number}.0.csv"]


async def test_what_calls_a_supplier_runs_on_its_own_queue(papyrus: Folders) -> None:
    await papyrus.deal()
    po_number = await placed(papyrus)
    queues: dict[str, str] = {}
    async for event in papyrus.shop.po(po_number).fetch_history_events():
        if event.HasField("activity_task_scheduled_event_attributes"):
            scheduled = event.activity_task_scheduled_event_attributes
            queues[scheduled.activity_type.name] = scheduled.task_queue.name
    assert queues["deliver"] == supplier_task_queue(papyrus.shop.task_queue, papyrus.supplier_id)
    assert set(queues.values()) - {queues["deliver"]} <= {papyrus.shop.task_queue}


async def test_a_decision_made_while_the_mailbox_begins_a_new_run_is_answered(papyrus: Folders) -> None:
    await papyrus.deal()
    await papyrus.mailbox_until(lambda s: s["looked_at"])
    await papyrus.shop.client.start_workflow(
        SupplierMailbox.run,
        MailboxInput(supplier_id=papyrus.supplier_id, looks_per_run=1),
        id=mailbox_workflow_id(papyrus.supplier_id),
        task_queue=papyrus.shop.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
    )
    for _ in range(5):
        answered = await papyrus.mailbox.execute_update("resolve", {"resolution": "retry"})
        assert answered["position"]["unreadable_total"] == 0


async def test_a_decision_that_cannot_be_carried_out_is_told_to_whoever_made_it(papyrus: Folders) -> None:
    await papyrus.deal()
    await papyrus.mailbox_until(lambda s: s["looked_at"])
    with pytest.raises(WorkflowUpdateFailedError):
        await papyrus.mailbox.execute_update("resolve", {"resolution": "whatever"})


async def test_one_of_several_messages_can_be_decided_about_and_why_is_kept(papyrus: Folders) -> None:
    await papyrus.deal()
    for name in ("a", "b"):
        (papyrus.answers / f"{name}.csv").write_text(f'"{name}: a quote that is never closed\n')
    found = await papyrus.mailbox_until(lambda s: s["position"] and s["position"]["unreadable_total"] == 2)
    first, second = (one["inbox_id"] for one in found["position"]["unreadable"])
    left = await papyrus.mailbox.execute_update(
        "resolve", {"resolution": "dismiss", "messages": [first], "note": "a test of theirs"}
    )
    assert [one["inbox_id"] for one in left["position"]["unreadable"]] == [second]
    async with papyrus.shop.world.ledger.look() as connection:
        told = await connection.execute("select facts ->> 'text' from journal where kind = 'seen to'")
        assert await told.fetchall() == [
            (f"Seen to, put aside by an operator: a test of theirs: message {first}",),
        ]
