"""The steps of a supplier's mailbox: fetch what waits, send what is owed, read again what could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity

from activities.announcing import wake_purchase_order
from activities.inward import fit_to_keep, take_in
from activities.steps import KeyedStep
from domain import names
from domain.mailbox import SHOWN, MailboxPosition

if TYPE_CHECKING:
    from activities.world import World
    from connectors.suppliers.interface import Connector, Inward

ROUNDS = 20
"""Batches fetched by one look; who left more than that is looked at again at once."""
REREAD = 1000
"""Messages read again, or put aside, by one decision."""


class MailboxStep(KeyedStep):
    """A step of one supplier's mailbox."""

    supplier_id: str
    task_queue: str
    """Of the workflows, which are told of messages."""


class MailboxActivities:
    """Steps of `SupplierMailbox` workflows. Each returns where the mailbox stands after it."""

    def __init__(self, world: World) -> None:
        """Use the open connections of this worker."""
        self._world = world
        self._ledger = world.ledger

    @activity.defn
    async def look_into_mailbox(self, step: MailboxStep) -> MailboxPosition:
        """Fetch every document that waits, keep and tell each, and send the replies that are owed.

        The cursor is kept last, so that whatever a crash leaves half done is fetched again and known by its key.

        Raises:
            ApplicationError: type Retryable while the supplier cannot be reached.
        """
        from ledger import documents

        connector = await self._world.supplier(step.supplier_id)
        fetched, in_the_way = 0, list[str]()
        for _ in range(ROUNDS if connector.capabilities.poll else 0):
            before = await documents.cursor(self._ledger, step.supplier_id)
            batch = await connector.poll(before)
            for message in batch.messages:
                fetched += await self._taken(connector, step, message)
            in_the_way += batch.issues
            if batch.cursor != before:
                await documents.keep_cursor(self._ledger, step.supplier_id, batch.cursor, at=step.at)
            if not batch.messages:
                break
        replied, refused = await self._reply(connector, step)
        return await self._position(
            step, connector, fetched=fetched, replied=replied, in_the_way=(*in_the_way, *refused)
        )

    @activity.defn
    async def read_again(self, step: MailboxStep) -> MailboxPosition:
        """Read what could not be read once more: the connector, or the partner's profile, was mended."""
        from connectors.errors import Undecodable
        from connectors.suppliers.interface import Inward
        from ledger import unreadable

        connector = await self._world.supplier(step.supplier_id)
        waiting, _ = await unreadable.unreadable(self._ledger, step.supplier_id, most=REREAD)
        for one in waiting:
            raw = await unreadable.raw_message(self._ledger, one.inbox_id)
            if raw is None:
                continue
            try:
                decoded = connector.decode(Inward(body=raw.body, headers=raw.headers))
            except Undecodable:
                continue
            stored = await unreadable.read_after_all(
                self._ledger, step.supplier_id, one.inbox_id, decoded.events, at=step.at
            )
            for po_number in stored.po_numbers:
                await wake_purchase_order(
                    activity.client(), po_number, names.SUPPLIER_MESSAGE, one.inbox_id, task_queue=step.task_queue
                )
        return await self._position(step, connector)

    @activity.defn
    async def put_aside(self, step: MailboxStep) -> MailboxPosition:
        """An operator has seen to the messages that could not be read."""
        from ledger import unreadable

        connector = await self._world.supplier(step.supplier_id)
        waiting, _ = await unreadable.unreadable(self._ledger, step.supplier_id, most=REREAD)
        await unreadable.put_aside(
            self._ledger,
            step.supplier_id,
            [one.inbox_id for one in waiting],
            key=step.key,
            at=step.at,
            how="put aside by an operator",
        )
        return await self._position(step, connector)

    async def _taken(self, connector: Connector, step: MailboxStep, message: Inward) -> bool:
        """Take in one fetched message. Returns whether it is new."""
        taken, _ = await take_in(
            self._ledger,
            activity.client(),
            connector,
            step.supplier_id,
            message,
            door="fetched",
            at=step.at,
            task_queue=step.task_queue,
        )
        return not taken.repeated

    async def _reply(self, connector: Connector, step: MailboxStep) -> tuple[int, list[str]]:
        """Send what the protocol is owed. What may have arrived is sent again as it is: a reply changes nothing."""
        from connectors.suppliers.interface import Envelope, SendResult
        from ledger import documents

        sent, refused = 0, list[str]()
        for owed in await documents.replies_owed(self._ledger, step.supplier_id):
            receipt = await connector.send(
                Envelope(
                    operation_id=f"reply/{owed.inbox_id}",
                    po_number="",
                    kind="acknowledge",
                    revision=0,
                    content_type=owed.content_type,
                    body=owed.body,
                    headers=owed.headers,
                )
            )
            if receipt.result is SendResult.UNKNOWN:
                break
            if receipt.result is SendResult.REFUSED:
                refused.append(f"it refuses our reply {owed.control_number}: {fit_to_keep(receipt.reason)}")
            await documents.reply_sent(self._ledger, owed.inbox_id, at=step.at)
            sent += receipt.result is SendResult.DELIVERED
        return sent, refused

    async def _position(
        self,
        step: MailboxStep,
        connector: Connector,
        *,
        fetched: int = 0,
        replied: int = 0,
        in_the_way: tuple[str, ...] = (),
    ) -> MailboxPosition:
        from ledger import catalogue, unreadable

        supplier = await catalogue.supplier(self._ledger, step.supplier_id)
        waiting, total = await unreadable.unreadable(self._ledger, step.supplier_id)
        return MailboxPosition(
            supplier_id=step.supplier_id,
            supplier_name=supplier.name,
            fetches=connector.capabilities.poll,
            fetch_every=supplier.fetch_every,
            fetched=fetched,
            replied=replied,
            in_the_way=in_the_way[:SHOWN],
            unreadable=tuple(waiting),
            unreadable_total=total,
        )
