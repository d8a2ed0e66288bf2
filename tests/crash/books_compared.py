"""The books of supplier, carrier, payment provider and mailbox, compared with ours; and how the workflows are.

Each function answers in words what differs; nothing when all agree. What is still on its way is a difference, too,
until it has arrived.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from time import monotonic
from typing import Any

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client

from connectors.messages.rendering import message_id
from devstack.simulators.records import PaymentBooks, SupplierBooks
from domain.backorder_position import BackorderPosition, ParcelState, PaymentKind, PaymentPosition, PaymentState
from ledger import backorders
from ledger.book import Ledger
from tests.crash.killed_world import KilledWorld

_RECEIVED = """
    select r.receipt_id || '/' || r.po_number || '/' || l.supplier_sku as key,
           (r.good + r.over_received + r.over_quarantined) / l.unit_factor as good,
           r.damaged / l.unit_factor as damaged, r.wrong / l.unit_factor as wrong
    from receipt r join po_line l using (po_number, line_no) where r.supplier_id = %s
"""
_PLACED = "select po_number from outbox where kind = 'place' and state = 'delivered' and supplier_id = %s"
_LEFT_OVER = {
    "words never told": "select workflow_id || ' ' || word from announcement where told_at is null",
    "messages never applied": "select inbox_id || '/' || n from inbox_event where applied_at is null",
    "messages that could not be read": "select inbox_id || ' ' || unreadable from inbox where unreadable is not null",
    "notices never sent": """
        select n.notice_id from notice n join backorder b using (backorder_id) where n.sent_at is null and n.kind in
        ('shipped', 'cancelled') and b.closed_at < n.written_at + interval '7 days'
    """,
}


AGREE_WITHIN = 120
"""Seconds in which the last message, mail and word arrive."""


async def agreed(world: KilledWorld) -> list[str]:
    """What is left of the differences and of the workflows' troubles when the last word has arrived."""
    deadline = monotonic() + AGREE_WITHIN
    async with await world.ledger() as ledger:
        while True:
            found = await differences(world, ledger) + await troubled_workflows(await world.client())
            if not found or monotonic() > deadline:
                return found
            await asyncio.sleep(2)


async def differences(world: KilledWorld, ledger: Ledger) -> list[str]:
    """Everything in which somebody else's books differ from ours, and whatever was done twice."""
    ids = [backorder_id for (backorder_id,) in await _rows(ledger, "select backorder_id from backorder")]
    ended = [await backorders.position(ledger, backorder_id) for backorder_id in ids]
    found = payments_unlike(await world.outside.payments.books(), ended)
    found += await _of_parcels(world, ended)
    for supplier in world.stack.catalogue.suppliers:
        books = await world.outside.supplier(supplier.supplier_id).books()
        found += await _of_supplier(supplier.supplier_id, books, ledger)
    found += await _of_mails(world, ledger)
    for what, query in _LEFT_OVER.items():
        found += [f"{what}: {one}" for (one,) in await _rows(ledger, query)]
    return found


def payments_unlike(theirs: PaymentBooks, ended: Sequence[BackorderPosition]) -> list[str]:
    found = _twice("payment", (p.key for p in theirs.payments))
    found += _twice("refund of charge", (p.charge_key for p in theirs.payments if p.charge_key))
    ours = {
        p.payment_id: p.amount for position in ended for p in position.payments if p.state is PaymentState.SUCCEEDED
    }
    moved = {p.key: p.amount for p in theirs.payments if p.outcome == "succeeded"}
    found += _unlike("the provider moved", moved, ours)
    for position in ended:
        captured, given_back = (_sum(position.payments, refunds=refunds) for refunds in (False, True))
        if position.shipped == 0 and captured != given_back:
            found.append(f"{position.backorder_id}: nothing shipped, {captured} taken, {given_back} given back")
        if position.shipped and captured == 0 and position.goods_value:
            found.append(f"{position.backorder_id}: {position.shipped} shipped, nothing taken")
    return found


async def _of_parcels(world: KilledWorld, ended: Sequence[BackorderPosition]) -> list[str]:
    parcels = (await world.outside.carrier.books()).parcels
    gone = {parcel.parcel_id: parcel.quantity for parcel in parcels if parcel.state == "possessed"}
    ours = [p for position in ended for p in position.parcels]
    found = _twice("parcel", (parcel.parcel_id for parcel in parcels))
    found += _unlike(
        "the carrier took", gone, {p.parcel_id: p.quantity for p in ours if p.state is ParcelState.POSSESSED}
    )
    for position in ended:
        shipped = sum(p.quantity for p in position.parcels if p.state is ParcelState.POSSESSED)
        if shipped != position.shipped or position.shipped + position.cancelled != position.ordered:
            found.append(f"{position.backorder_id}: {shipped} in parcels, {position}")
    return found


async def _of_supplier(supplier_id: str, theirs: SupplierBooks, ledger: Ledger) -> list[str]:
    orders = [order.po_number for order in theirs.orders]
    placed = {po_number for (po_number,) in await _rows(ledger, _PLACED, supplier_id)}
    found = _twice(f"order at {supplier_id}", orders)
    found += _unlike(f"{supplier_id} holds", dict.fromkeys(orders, "an order"), dict.fromkeys(placed, "an order"))
    told: dict[str, tuple[int, ...]] = {}
    for webhook in theirs.webhooks:
        if webhook.state != "taken":
            found.append(f"{supplier_id}: {webhook.state} ({webhook.last_status}): {webhook.body[:120]}")
        for event in json.loads(webhook.body)["events"]:
            if event["kind"] == "received":
                for line in event["lines"]:
                    key = f"{event['receipt_id']}/{event['po_number']}/{line['line']['supplier_sku']}"
                    told[key] = tuple(int(line[condition]) for condition in ("good", "damaged", "wrong"))
    counted = {key: tuple(int(n) for n in counts) for key, *counts in await _rows(ledger, _RECEIVED, supplier_id)}
    return found + _unlike(f"{supplier_id} delivered", told, counted)


async def _of_mails(world: KilledWorld, ledger: Ledger) -> list[str]:
    """A mail may come twice (SMTP has no keys), under one Message-ID; one that is on record came."""
    caught = {mail.message_id.strip() for mail in await world.outside.mails()}
    sent = await _rows(ledger, "select notice_id from notice where sent_at is not null")
    return [f"no mail: {notice}" for (notice,) in sent if message_id(notice, "shop.example") not in caught]


async def troubled_workflows(client: Client) -> list[str]:
    """Workflows that failed, whose task is tried again and again, or that ever failed in a task by a defect of ours."""
    found: list[str] = []
    defects = {
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
    }
    async for one in client.list_workflows("ExecutionStatus in ('Failed', 'TimedOut', 'Terminated')"):
        found.append(f"{one.id} has ended as {one.status.name if one.status else 'nothing'}")
    async for one in client.list_workflows("ExecutionStatus = 'Running'"):
        described = (await client.get_workflow_handle(one.id).describe()).raw_description
        if described.pending_workflow_task.attempt > 1:
            found.append(f"{one.id} tries a task for the {described.pending_workflow_task.attempt}. time")
        found += [
            f"{one.id} tries {a.activity_type.name} for the {a.attempt}. time: {a.last_failure.message}"
            for a in described.pending_activities
            if a.attempt > 1
        ]
    async for one in client.list_workflows(""):
        history = await client.get_workflow_handle(one.id, run_id=one.run_id).fetch_history()
        found += [
            f"{one.id} failed in a task: {event.workflow_task_failed_event_attributes.failure.message}"
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
            and event.workflow_task_failed_event_attributes.cause in defects
        ]
    return found


def _sum(payments: Iterable[PaymentPosition], *, refunds: bool) -> Decimal:
    done = (p for p in payments if p.state is PaymentState.SUCCEEDED)
    return sum((p.amount for p in done if (p.kind is PaymentKind.REFUND) is refunds), Decimal(0))


def _unlike(what: str, theirs: Mapping[str, object], ours: Mapping[str, object]) -> list[str]:
    return [
        f"{what} {key}: {theirs.get(key)} in their books, {ours.get(key)} in ours"
        for key in sorted({*theirs, *ours})
        if theirs.get(key) != ours.get(key)
    ]


def _twice(what: str, keys: Iterable[str]) -> list[str]:
    return [f"{what} {key}: {times} times" for key, times in Counter(keys).items() if times > 1]


async def _rows(ledger: Ledger, query: Any, *values: object) -> list[tuple[Any, ...]]:
    async with ledger.look() as connection:
        return await (await connection.execute(query, values)).fetchall()
