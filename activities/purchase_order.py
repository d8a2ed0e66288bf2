"""The steps of a purchase order, each one business fact in the ledger or one exchange with the supplier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.announcing import tell
from activities.metrics import count
from activities.receipts import UNUSABLE, keep_receipt
from activities.steps import (
    HoldStep,
    OperationStep,
    PurchaseOrderReceiptsStep,
    PurchaseOrderSettleStep,
    PurchaseOrderStep,
    PurchaseOrderTextStep,
)
from domain.names import purchase_order_workflow_id
from domain.purchase_order_position import PurchaseOrderPosition
from domain.supplier_events import ChangeAck, ChangeVerdict, OrderAck, SupplierEvent

if TYPE_CHECKING:
    from activities.world import World
    from connectors.suppliers.interface import Capabilities, Connector, Envelope, Request
    from ledger.operations import PlannedLine, PlannedOperation, StoredOperation


CHASE_TRIES = 6
"""Tries at one reminder before the supplier counts as out of reach."""


class PurchaseOrderActivities:
    """Steps of `PurchaseOrder` workflows. Each returns the position after it."""

    def __init__(self, world: World) -> None:
        """Use the open connections of this worker."""
        self._world = world
        self._ledger = world.ledger

    @activity.defn
    async def freeze(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Stop collecting; later shares go to the next order.

        One without shares is closed, with nothing sent; so is one whose lines an order of the same supplier takes.
        """
        from connectors.errors import WronglySetUp
        from ledger import purchase_orders

        try:
            can_add = (await self._capabilities(step.po_number)).add_line
        except WronglySetUp:
            can_add = False
        await purchase_orders.freeze(self._ledger, step.po_number, key=step.key, at=step.at, can_add=can_add)
        return await self._told(step)

    @activity.defn
    async def hold(self, step: HoldStep) -> PurchaseOrderPosition:
        """Keep collecting past the cut-off, or stop doing so."""
        from ledger import purchase_orders

        await purchase_orders.hold(self._ledger, step.po_number, key=step.key, at=step.at, held=step.held)
        return await self._position(step.po_number)

    @activity.defn
    async def release_now(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Do not wait for the cut-off."""
        from ledger import purchase_orders

        await purchase_orders.release_now(self._ledger, step.po_number, key=step.key, at=step.at)
        return await self._position(step.po_number)

    @activity.defn
    async def render(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Write the order in the supplier's format, once, and keep the bytes."""
        from ledger import operations

        await self._store(await operations.plan_place(self._ledger, step.po_number), step)
        return await self._position(step.po_number)

    @activity.defn
    async def add_lines(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Write the request to add the lines that collected since the order was placed."""
        from ledger import operations

        can_add = (await self._capabilities(step.po_number)).add_line
        planned = await operations.plan_addition(
            self._ledger, step.po_number, key=step.key, at=step.at, can_add=can_add
        )
        if planned:
            await self._store(planned, step)
        return await self._told(step)

    @activity.defn
    async def reduce(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Write the request to take cancelled shares off, if there are any that nobody else wants."""
        from ledger import operations

        capabilities = await self._capabilities(step.po_number)
        planned = await operations.plan_reduction(
            self._ledger,
            step.po_number,
            key=step.key,
            at=step.at,
            can_cancel=_can_cancel(capabilities),
            can_reduce=capabilities.reduce_line,
        )
        if planned:
            await self._store(planned, step)
        return await self._told(step)

    @activity.defn
    async def withdraw(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Write the cancellation of the whole order, after its supplier stayed silent."""
        from ledger import operations

        planned = await operations.withdraw(self._ledger, step.po_number, key=step.key, at=step.at)
        if planned:
            await self._store(planned, step)
        return await self._position(step.po_number)

    @activity.defn
    async def withdraw_by_hand(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Write the cancellation of the whole order, because an operator withdraws it."""
        from ledger import operations

        planned = await operations.withdraw_by_hand(self._ledger, step.po_number, key=step.key, at=step.at)
        if planned:
            await self._store(planned, step)
        return await self._position(step.po_number)

    @activity.defn
    async def withdraw_unsent(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """End an order that never left the house: its backorders look elsewhere."""
        from ledger import purchase_orders

        await purchase_orders.freeze(self._ledger, step.po_number, key=f"{step.key}/frozen", at=step.at)
        if (await self._position(step.po_number)).frozen_at:  # one without shares is closed by that
            await purchase_orders.close_short(self._ledger, step.po_number, key=f"{step.key}/short", at=step.at)
        return await self._told(step)

    @activity.defn
    async def deliver(self, step: OperationStep) -> PurchaseOrderPosition:
        """Send stored bytes. If they may have left before, ask the supplier first and send only what did not arrive.

        Raises:
            ApplicationError: type Retryable while the supplier cannot be reached; Unsupported when the supplier can
                neither be asked nor recognises a repeat, so that a person must find out; Unknown when a no may be meant
                for the repeat alone.
        """
        from connectors.errors import Retryable
        from connectors.suppliers.interface import SendResult
        from ledger import operations

        stored = await operations.stored_operation(self._ledger, step.operation_id)
        connector = await self._world.supplier(stored.supplier_id)
        envelope = _envelope(stored)
        found = await self._found_at_supplier(connector, envelope, step) if stored.state == "unknown" else False
        if found:
            return await self._replied(step)
        if stored.state not in {"rendered", "unknown"}:
            return await self._replied(step)
        if stored.kind != "cancel" and (await self._position(step.po_number)).open == 0:
            # Given up while nobody knew whether it had arrived. It has not, so it is not sent again.
            await self._record(step, "refused", reason="nobody wants it any more, and it is not known to have arrived")
            return await self._told(step)
        attempt = f"{step.key}/{activity.info().attempt}"
        await operations.leaves(self._ledger, step.operation_id, attempt=attempt, at=step.at)
        try:
            receipt = await connector.send(envelope)
        except Retryable:
            if stored.state == "rendered":  # else an earlier try may have arrived, and is asked about first
                await operations.never_left(self._ledger, step.operation_id, attempt=attempt)
            raise
        count("supplier_sends", "Exchanges in which bytes went to a supplier, by result.", result=receipt.result.value)
        if receipt.result is SendResult.UNKNOWN:
            raise ApplicationError(
                f"no answer from {stored.supplier_id}: {receipt.reason}. It is asked before anything is sent again",
                type="Unknown",
            )
        if found is None and receipt.result is SendResult.REFUSED:
            # Refused, goods would be bought elsewhere; a reduction or a cancellation that is refused buys nothing.
            adds = stored.kind == "change" and (await self._position(step.po_number)).adds_lines
            if stored.kind == "place" or adds:
                otherwise = "refused" if adds else "close_short"
                raise ApplicationError(
                    f"{stored.supplier_id} refuses it ({receipt.reason}), and may have it already, from an earlier "
                    "try. Ask them; resolve with 'acknowledged' if they have it, or with "
                    f"'{otherwise}' to buy elsewhere",
                    type="Unknown",
                    non_retryable=True,
                )
        # What the supplier said with it is kept first: once it counts as delivered, nobody asks again.
        await self._keep_reply(stored, receipt.events, at=step.at)
        taken = receipt.result is SendResult.DELIVERED
        await self._record(
            step, "delivered" if taken else "refused", reference=receipt.reference, reason=receipt.reason
        )
        return await self._replied(step)

    @activity.defn
    async def chase(self, step: OperationStep) -> PurchaseOrderPosition:
        """Ask the supplier where its acknowledgement is, or remind it; an answer that was lost on the way is taken.

        One that cannot be reached, however often it is tried, is as silent as one that says nothing.
        """
        from connectors.errors import Retryable, Unsupported
        from ledger import inbox, operations, purchase_orders

        stored = await operations.stored_operation(self._ledger, step.operation_id)
        connector = await self._world.supplier(stored.supplier_id)
        try:
            await self._remind(connector, _envelope(stored), step)
            status = await connector.lookup(_envelope(stored))
        except Unsupported:
            pass  # This supplier cannot be asked; the reminder is counted, and an operator is asked after the last one.
        except Retryable:
            if activity.info().attempt < CHASE_TRIES:
                raise
        else:
            await self._keep_reply(stored, status.events, at=step.at)
            await inbox.apply_events(self._ledger, step.po_number, at=step.at)
        await purchase_orders.chased(self._ledger, step.po_number, key=step.key, at=step.at)
        return await self._told(step)

    @activity.defn
    async def apply_messages(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Apply every supplier message that waits in the inbox for this order, each once, and tell the backorders."""
        from ledger import inbox

        await inbox.apply_events(self._ledger, step.po_number, at=step.at)
        return await self._told(step)

    @activity.defn
    async def take_receipts(self, step: PurchaseOrderReceiptsStep) -> PurchaseOrderPosition:
        """Keep receipts that were signalled to this order, then apply them."""
        from ledger import inbox, purchase_orders

        supplier_id = (await self._position(step.po_number)).supplier_id
        for n, raw in enumerate(step.raws):
            _, trouble = await keep_receipt(
                self._ledger, raw, at=step.at, supplier_id=supplier_id, po_number=step.po_number
            )
            if trouble:
                key = f"{step.key}/attention/{n}"
                await purchase_orders.raise_attention(
                    self._ledger, step.po_number, key=key, at=step.at, what=trouble, alike=UNUSABLE
                )
        await inbox.apply_events(self._ledger, step.po_number, at=step.at)
        return await self._told(step)

    @activity.defn
    async def acknowledge_by_hand(self, step: PurchaseOrderTextStep) -> PurchaseOrderPosition:
        """An operator heard the supplier confirm the order, exactly as ordered."""
        from ledger import inbox

        position = await self._position(step.po_number)
        await inbox.store_message(
            self._ledger,
            position.supplier_id,
            door="operator",
            dedupe_key=step.key,
            headers={},
            body=step.text.encode(),
            at=step.at,
            events=[OrderAck(po_number=step.po_number, revision=position.revision)],
        )
        await inbox.apply_events(self._ledger, step.po_number, at=step.at)
        return await self._told(step)

    @activity.defn
    async def refuse_by_hand(self, step: PurchaseOrderTextStep) -> PurchaseOrderPosition:
        """An operator heard the supplier refuse the change or cancellation that waits for its answer.

        Lines that it could not even be asked to add are bought elsewhere, too.
        """
        from ledger import inbox, operations

        position = await self._position(step.po_number)
        if position.pending is None:
            await operations.plan_addition(self._ledger, step.po_number, key=step.key, at=step.at, can_add=False)
            return await self._told(step)
        await inbox.store_message(
            self._ledger,
            position.supplier_id,
            door="operator",
            dedupe_key=step.key,
            headers={},
            body=step.text.encode(),
            at=step.at,
            events=[
                ChangeAck(po_number=step.po_number, revision=position.pending.revision, verdict=ChangeVerdict.REFUSED)
            ],
        )
        await inbox.apply_events(self._ledger, step.po_number, at=step.at)
        return await self._told(step)

    @activity.defn
    async def give_up_change(self, step: OperationStep) -> PurchaseOrderPosition:
        """No answer came to a change: what was to be taken off stays, and goes to whoever waits."""
        from ledger import operations

        await operations.give_up_change(self._ledger, step.operation_id, key=step.key, at=step.at)
        return await self._told(step)

    @activity.defn
    async def tell_overdue(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """The goods did not come and nobody says when: the backorders' date is unknown from now on."""
        from ledger import purchase_orders

        await purchase_orders.tell_overdue(self._ledger, step.po_number, key=step.key, at=step.at)
        return await self._told(step)

    @activity.defn
    async def close_short(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Nothing more will come: the backorders look for supply elsewhere."""
        from ledger import purchase_orders

        await purchase_orders.close_short(self._ledger, step.po_number, key=step.key, at=step.at)
        return await self._told(step)

    @activity.defn(name="close_purchase_order")
    async def close(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Close an order with nothing open."""
        from ledger import purchase_orders

        await purchase_orders.close(self._ledger, step.po_number, key=step.key, at=step.at)
        return await self._position(step.po_number)

    @activity.defn(name="raise_purchase_order_attention")
    async def raise_attention(self, step: PurchaseOrderTextStep) -> PurchaseOrderPosition:
        """Say in plain words what an operator is needed for."""
        from ledger import purchase_orders

        await purchase_orders.raise_attention(self._ledger, step.po_number, key=step.key, at=step.at, what=step.text)
        return await self._position(step.po_number)

    @activity.defn(name="settle_purchase_order_attention")
    async def settle_attention(self, step: PurchaseOrderSettleStep) -> PurchaseOrderPosition:
        """Record how it was settled."""
        from ledger import purchase_orders

        await purchase_orders.settle_attention(
            self._ledger, step.po_number, key=step.key, at=step.at, how=step.text, need=step.need
        )
        return await self._position(step.po_number)

    async def _told(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Tell the backorders what this order owes them, and read the position."""
        await tell(self._ledger, purchase_order_workflow_id(step.po_number), step.at)
        return await self._position(step.po_number)

    async def _capabilities(self, po_number: str) -> Capabilities:
        from ledger import purchase_orders

        supplier_id = (await purchase_orders.position(self._ledger, po_number)).supplier_id
        return (await self._world.supplier(supplier_id)).capabilities

    async def _replied(self, step: PurchaseOrderStep) -> PurchaseOrderPosition:
        """Apply what came with a response, then tell the backorders."""
        from ledger import inbox

        await inbox.apply_events(self._ledger, step.po_number, at=step.at)
        return await self._told(step)

    async def _position(self, po_number: str) -> PurchaseOrderPosition:
        from connectors.errors import WronglySetUp
        from ledger import purchase_orders

        try:
            capabilities = await self._capabilities(po_number)
        except WronglySetUp:
            # A connector that is missing or wrongly set up stops what is sent through it, not the order's books.
            return await purchase_orders.position(self._ledger, po_number)
        return await purchase_orders.position(
            self._ledger,
            po_number,
            can_reduce=capabilities.reduce_line,
            can_cancel=_can_cancel(capabilities),
            says_it_could_read=capabilities.syntax_ack,
        )

    async def _store(self, planned: PlannedOperation, step: PurchaseOrderStep) -> None:
        from connectors.suppliers.interface import WireIds
        from ledger import documents, operations

        connector = await self._world.supplier(planned.supplier_id)
        numbered = await documents.number_document(
            self._ledger, planned.supplier_id, key=f"{planned.operation_id}/number", at=step.at
        )
        ids = WireIds(operation_id=planned.operation_id, control_number=numbered.number, written_at=numbered.written_at)
        envelope = connector.render(_request(planned), ids)
        await operations.store_operation(
            self._ledger,
            planned.operation_id,
            supplier_id=planned.supplier_id,
            po_number=planned.po_number,
            kind=planned.kind,
            revision=planned.revision,
            content_type=envelope.content_type,
            headers=envelope.headers,
            body=envelope.body,
            key=f"{planned.operation_id}/rendered",
            at=step.at,
            control_number=numbered.number,
        )

    async def _remind(self, connector: Connector, envelope: Envelope, step: OperationStep) -> None:
        """Send a reminder to whom one can be sent, unless it is counted already. Raises: Retryable."""
        from connectors.suppliers.interface import Reminding

        counted = (await self._position(step.po_number)).chases
        if isinstance(connector, Reminding) and counted < step.number:
            await connector.send(connector.reminder(envelope, step.number))

    async def _found_at_supplier(self, connector: Connector, envelope: Envelope, step: OperationStep) -> bool | None:
        """Whether an operation that may have left has arrived; if so, it is recorded as delivered.

        None: the supplier cannot be asked, but knows the same bytes when it sees them again.
        """
        from connectors.errors import Unsupported
        from connectors.suppliers.interface import Idempotency
        from ledger import operations

        stored = await operations.stored_operation(self._ledger, step.operation_id)
        try:
            status = await connector.lookup(envelope)
        except Unsupported:
            if connector.capabilities.idempotency is Idempotency.NONE:
                raise
            return None
        if not status.found:
            return False
        await self._keep_reply(stored, status.events, at=step.at)
        await self._record(step, "delivered", reference=status.reference, reason="found at the supplier when asked")
        return True

    async def _record(
        self, step: OperationStep, result: Literal["delivered", "refused"], *, reason: str, reference: str | None = None
    ) -> None:
        from ledger import operations

        await operations.record_send(
            self._ledger,
            step.operation_id,
            key=f"{step.operation_id}/{result}",
            at=step.at,
            result=result,
            reference=reference,
            reason=reason,
        )

    async def _keep_reply(self, stored: StoredOperation, events: Sequence[SupplierEvent], *, at: datetime) -> None:
        """A business answer that came with the supplier's response goes the way of every message: first the inbox."""
        from ledger import inbox

        if not events:
            return
        said = "\n".join(event.model_dump_json() for event in events)
        await inbox.store_message(
            self._ledger,
            stored.supplier_id,
            door="reply",
            dedupe_key=f"{stored.operation_id}/reply/{_digest(said)}",
            headers={},
            body=said.encode(),
            at=at,
            events=events,
        )


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _can_cancel(capabilities: Capabilities) -> bool:
    from connectors.suppliers.interface import CancelWay

    return capabilities.cancel in {CancelWay.API, CancelWay.REQUEST_REPLY}


def _envelope(stored: StoredOperation) -> Envelope:
    from connectors.suppliers.interface import Envelope

    return Envelope(
        operation_id=stored.operation_id,
        po_number=stored.po_number,
        kind=stored.kind,
        revision=stored.revision,
        content_type=stored.content_type,
        body=stored.body,
        headers=stored.headers,
    )


def _request(planned: PlannedOperation) -> Request:
    """A planned operation in the words that connectors render."""
    from connectors.suppliers.interface import Cancel, Change, OrderLine, Place

    def written(lines: Sequence[PlannedLine]) -> tuple[OrderLine, ...]:
        return tuple(OrderLine.model_validate(line.model_dump()) for line in lines)

    order = Place(
        po_number=planned.po_number,
        supplier_id=planned.supplier_id,
        currency=planned.currency,
        terms=planned.terms,
        ordered_on=planned.placed_on or planned.on,
        lines=written(planned.lines if planned.kind == "place" else planned.whole),
    )
    if planned.kind == "place":
        return order
    if planned.kind == "change":
        return Change(
            po_number=planned.po_number,
            supplier_id=planned.supplier_id,
            revision=planned.revision,
            lines=written(planned.lines),
            before=planned.before,
            order=order,
        )
    return Cancel(
        po_number=planned.po_number,
        supplier_id=planned.supplier_id,
        revision=planned.revision,
        reason="no longer needed",
        order=order,
    )
