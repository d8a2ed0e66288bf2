"""The steps of a supplier's mailbox: fetch what waits, send what is owed, read again what could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity

from activities.announcing import wake_purchase_order
from activities.inward import fit_to_keep, reading, take_in
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
    messages: tuple[int, ...] = ()
    """Which ones a decision is about, by their inbox ids; none named: all that wait."""
    note: str = ""
    """Why, as the operator says."""


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
        fetched, in_the_way, more = 0, dict[str, None](), connector.capabilities.poll
        for _ in range(ROUNDS):
            if not more:
                break
            batch = await connector.poll(await documents.cursor(self._ledger, step.supplier_id))
            for message in batch.messages:
                fetched += await self._taken(connector, step, message)
            in_the_way |= dict.fromkeys(batch.issues)
            await documents.keep_cursor(self._ledger, step.supplier_id, batch.cursor, at=step.at)
            more = bool(batch.messages)
        replied = await self._reply(connector, step)
        position = await self._position(step, connector)
        return position.model_copy(
            update={
                "fetched": fetched,
                "replied": replied,
                "in_the_way": tuple(in_the_way)[:SHOWN],
                "more": more and fetched > 0,  # the same once more is no reason to hurry
            }
        )

    @activity.defn
    async def read_again(self, step: MailboxStep) -> MailboxPosition:
        """Read what could not be read once more: the connector, or the partner's profile, was mended.

        A crash before an order is told is healed by the sweep for messages that wait in the inbox.
        """
        from connectors.suppliers.interface import HidesSecrets, Inward
        from ledger import unreadable

        connector = await self._world.supplier(step.supplier_id)
        for inbox_id in await self._meant(step):
            raw = await unreadable.raw_message(self._ledger, step.supplier_id, inbox_id)
            if raw is None:
                continue
            message = Inward(body=raw.body, headers=raw.headers)
            decoded, why = reading(
                connector, connector.shown(message) if isinstance(connector, HidesSecrets) else message
            )
            if why:
                continue
            stored = await unreadable.read_after_all(
                self._ledger,
                step.supplier_id,
                inbox_id,
                decoded.events,
                issues=decoded.issues,
                key=f"{step.key}/{inbox_id}",
                at=step.at,
            )
            for po_number in stored.po_numbers:
                await wake_purchase_order(
                    activity.client(), po_number, names.SUPPLIER_MESSAGE, inbox_id, task_queue=step.task_queue
                )
        return await self._position(step, connector)

    @activity.defn
    async def put_aside(self, step: MailboxStep) -> MailboxPosition:
        """An operator has seen to the messages that could not be read."""
        from ledger import unreadable

        how = f"put aside by an operator{f': {step.note}' if step.note else ''}"
        meant = await self._meant(step)
        await unreadable.put_aside(self._ledger, step.supplier_id, meant, key=step.key, at=step.at, how=how)
        return await self._position(step, await self._world.supplier(step.supplier_id))

    async def _meant(self, step: MailboxStep) -> list[int]:
        """The messages that a decision is about."""
        from ledger import unreadable

        waiting, _ = await unreadable.unreadable(self._ledger, step.supplier_id, most=REREAD)
        return [one.inbox_id for one in waiting if not step.messages or one.inbox_id in step.messages]

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

    async def _reply(self, connector: Connector, step: MailboxStep) -> int:
        """Send what the protocol is owed. What may have arrived is sent again as it is: a reply changes nothing.

        Returns:
            How many arrived. One that the supplier refuses is a person's.
        """
        from connectors.suppliers.interface import Reply, SendResult
        from ledger import documents, unreadable

        sent = 0
        while waiting := await documents.replies_owed(self._ledger, step.supplier_id):
            for owed in waiting:
                reply = Reply(content_type=owed.content_type, body=owed.body, headers=owed.headers)
                receipt = await connector.send(reply.enveloped(f"reply/{owed.inbox_id}"))
                if receipt.result is SendResult.UNKNOWN:
                    return sent
                if receipt.result is SendResult.REFUSED:
                    why = f"the supplier refuses our reply {owed.control_number} to it: {fit_to_keep(receipt.reason)}"
                    await unreadable.leave_to_person(self._ledger, owed.inbox_id, why)
                await documents.reply_sent(self._ledger, owed.inbox_id, at=step.at)
                sent += receipt.result is SendResult.DELIVERED
        return sent

    async def _position(self, step: MailboxStep, connector: Connector) -> MailboxPosition:
        from ledger import catalogue, documents, unreadable

        supplier = await catalogue.supplier(self._ledger, step.supplier_id)
        waiting, total = await unreadable.unreadable(self._ledger, step.supplier_id)
        return MailboxPosition(
            supplier_id=step.supplier_id,
            supplier_name=supplier.name,
            fetches=connector.capabilities.poll,
            fetch_every=supplier.fetch_every,
            owes=bool(await documents.replies_owed(self._ledger, step.supplier_id, most=1)),
            unreadable=tuple(waiting),
            unreadable_total=total,
        )
