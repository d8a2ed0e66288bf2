"""Telling workflows what the ledger owes them: after the commit, at least once, harmless when repeated."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from domain import names
from domain.summaries import PURCHASE_ORDER_DETAILS, purchase_order_summary

if TYPE_CHECKING:
    from ledger.announcements import Announcement
    from ledger.book import Ledger

BATCH = 200
"""Words read, told and marked at once; a crash in between tells a batch twice, which is harmless."""
AT_ONCE = 20
"""Signals under way at once from one activity; more only queue at the server."""


async def tell(ledger: Ledger, owed_by: str, at: datetime) -> int:
    """Tell every word that `owed_by` owes, and return how many."""
    from ledger import announcements

    client = activity.client()
    told = 0
    while owed := await announcements.owed(ledger, owed_by, BATCH):
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(announcement: Announcement, gate: asyncio.Semaphore = gate) -> None:
            async with gate:
                await _tell_one(client, announcement)

        await asyncio.gather(*(one(announcement) for announcement in owed))
        marked = await announcements.told(ledger, [a.announcement_id for a in owed], at=at)
        told += marked
        if not marked:
            break  # whoever is owing them anew just now tells them
    return told


async def _tell_one(client: Client, announcement: Announcement) -> None:
    if announcement.word == "start" or announcement.workflow_id.startswith("po/"):
        await wake_purchase_order(
            client,
            announcement.workflow_id.removeprefix("po/"),
            announcement.word,
            task_queue=activity.info().task_queue,
        )
        return
    try:
        await client.get_workflow_handle(announcement.workflow_id).signal(announcement.word)
    except RPCError as gone:
        if gone.status is not RPCStatusCode.NOT_FOUND:
            raise
        # The backorder ended meanwhile; the ledger knows more than the word would have told.


async def wake_purchase_order(client: Client, po_number: str, word: str, *args: object, task_queue: str) -> None:
    """Signal a purchase order, starting it if it does not run: a finished one that still receives goods wakes up."""
    start_signal = None if word == "start" else word
    await client.start_workflow(
        names.PURCHASE_ORDER,
        {"po_number": po_number},
        id=names.purchase_order_workflow_id(po_number),
        task_queue=task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal=start_signal,
        start_signal_args=list(args),
        static_summary=purchase_order_summary(po_number),
        static_details=PURCHASE_ORDER_DETAILS,
    )
