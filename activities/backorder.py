"""The steps of a backorder, each one business fact in the ledger or one effect outside it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.announcing import tell, wake_purchase_order
from activities.metrics import count
from activities.notice_context import notice_context
from activities.privacy import kept_private, without
from activities.receipts import UNUSABLE, keep_receipt
from activities.steps import (
    Accepted,
    AcceptStep,
    Answered,
    AnswerStep,
    BackorderStep,
    CancelStep,
    DutyStep,
    NotifyStep,
    RawReceiptStep,
    ReleaseStep,
    SettleStep,
    SourceStep,
    TextStep,
)
from domain.backorder_duty import Policy, legal_deadline, local_day, refund_by
from domain.backorder_position import (
    BackorderPosition,
    NoticeKind,
    ParcelPosition,
    ParcelState,
    PaymentKind,
    PaymentState,
)
from domain.calendars import end_of_day
from domain.names import SUPPLIER_MESSAGE, backorder_workflow_id, purchase_order_workflow_id
from domain.orders import refuse_nonsense

if TYPE_CHECKING:
    from activities.world import World

_PAYMENTS = "Answers of the payment provider, by what the money moved for and how it ended."


class BackorderActivities:
    """Steps of `Backorder` workflows. Each returns the position after it."""

    def __init__(self, world: World) -> None:
        """Use the open connections of this worker."""
        self._world = world
        self._ledger = world.ledger

    @activity.defn
    async def accept(self, step: AcceptStep) -> Accepted:
        """Take the order into the books, once.

        Raises:
            ApplicationError: type OrderRefused or OrderConflict, never retried.
        """
        from ledger import backorders

        settings = self._world.settings
        if await backorders.fingerprint(self._ledger, step.order.backorder_id) is None:
            refuse_nonsense(step.order, step.at)
        policy = settings.policy(step.order.currency)
        ordered_on = local_day(step.order.ordered_at or step.at, step.order.ship_to.zone)
        ship_by = step.order.promised_by or ordered_on + policy.law.default_ship_within
        position = await backorders.accept(
            self._ledger,
            step.order,
            key=step.key,
            at=step.at,
            legal_deadline=end_of_day(ship_by, step.order.ship_to.zone),
            policy=policy.model_dump(mode="json"),
        )
        return Accepted(position=position, policy=policy)

    @activity.defn
    async def look(self, backorder_id: str) -> BackorderPosition:
        """Read where the backorder stands, and tell what it owes the word of: a worker may have died before."""
        from ledger import backorders

        position = await backorders.position(self._ledger, backorder_id)
        if not position.unannounced:
            return position
        await tell(self._ledger, backorder_workflow_id(backorder_id), activity.info().started_time)
        position = await backorders.position(self._ledger, backorder_id)
        # what is owed even now is being owed anew: whoever does that tells it, and looking again would turn in circles
        return position.model_copy(update={"unannounced": 0})

    @activity.defn
    async def source(self, step: SourceStep) -> BackorderPosition:
        """Claim supply: free stock, a share of an open purchase order, or a new one."""
        await self._world.sourcing.source(step.backorder_id, sku=step.sku, key=step.key, at=step.at)
        return await self._told(step)

    @activity.defn
    async def request_cancel(self, step: CancelStep) -> BackorderPosition:
        """Record that the backorder is to be cancelled; from now on it takes no new supply and books no parcel."""
        from ledger import backorders

        return await backorders.request_cancel(
            self._ledger, step.backorder_id, key=step.key, at=step.at, by=step.by, reason=step.reason
        )

    @activity.defn
    async def settle_payments(self, step: BackorderStep) -> BackorderPosition:
        """Learn what became of charges whose answer was lost, so that none is missed by the refund.

        Their keys are closed at the provider: a try that hangs somewhere cannot take the money after all.
        """
        from ledger import backorders, payments

        position = await backorders.position(self._ledger, step.backorder_id)
        for payment in position.payments:
            if payment.kind is PaymentKind.REFUND or payment.state is not PaymentState.REQUESTED:
                continue
            result = await self._world.payments.void(key=payment.payment_id)
            await payments.settle(
                self._ledger,
                payment.payment_id,
                at=step.at,
                outcome=result.outcome.value,
                reference=result.reference,
                reason=result.reason,
            )
        return await backorders.position(self._ledger, step.backorder_id)

    @activity.defn
    async def void_parcels(self, step: BackorderStep) -> BackorderPosition:
        """Stop parcels the carrier does not hold yet. What it holds is shipped, whatever was asked."""
        from connectors.fulfilment.interface import VoidOutcome
        from ledger import backorders, parcels

        position = await backorders.position(self._ledger, step.backorder_id)
        for parcel in position.parcels:
            # A paid parcel may have been booked by a try whose answer was lost: the carrier is asked about it, too.
            maybe_booked = parcel.state is ParcelState.BOOKED or (parcel.state is ParcelState.PLANNED and parcel.paid)
            if not maybe_booked:
                continue
            if await self._world.carrier.void(parcel_id=parcel.parcel_id) is VoidOutcome.VOIDED:
                await parcels.void(self._ledger, parcel.parcel_id, at=step.at)
            else:
                await self._record_possession(parcel.parcel_id)
        return await backorders.position(self._ledger, step.backorder_id)

    @activity.defn
    async def release_supply(self, step: ReleaseStep) -> BackorderPosition:
        """Give shares and goods back: to the next backorder in rank, else to stock, never to this one."""
        from ledger import backorders, unwinding

        position = await backorders.position(self._ledger, step.backorder_id)
        deadline = refund_by(position, step.policy, step.at)
        await unwinding.release_supply(
            self._ledger, step.backorder_id, key=step.key, at=step.at, refund_deadline=deadline
        )
        return await self._told(step)

    @activity.defn
    async def refund(self, step: BackorderStep) -> BackorderPosition:
        """Give back what was taken for goods that do not ship: each capture once, by its key."""
        from connectors.payments.interface import PaymentOutcome
        from ledger import backorders, payments

        for planned in await payments.plan_refunds(self._ledger, step.backorder_id, at=step.at):
            result = await self._world.payments.refund(
                key=planned.payment_id,
                charge_key=planned.charge_key,
                amount=planned.amount,
                currency=planned.currency,
            )
            await payments.settle(
                self._ledger,
                planned.payment_id,
                at=step.at,
                outcome=result.outcome.value,
                reference=result.reference,
                reason=result.reason,
            )
            count("payments", _PAYMENTS, kind=PaymentKind.REFUND.value, outcome=result.outcome.value)
            if result.outcome is not PaymentOutcome.SUCCEEDED:
                raise ApplicationError(
                    f"the provider declined the refund {planned.payment_id}: {result.reason}. Ask them why; it is "
                    "asked for again under a new key",
                    type="RefundDeclined",
                    non_retryable=True,
                )
        return await backorders.position(self._ledger, step.backorder_id)

    @activity.defn
    async def take_payment(self, step: DutyStep) -> BackorderPosition:
        """Charge a deposit, or a parcel whose goods are here. The books know of it before the provider does."""
        from ledger import backorders, payments

        duty = step.duty
        payment_id, parcel_id = duty.payment_id or "", duty.parcel_id
        if parcel_id is None:
            planned = await payments.plan_deposit(
                self._ledger, step.backorder_id, payment_id=payment_id, at=step.at, amount=duty.amount or Decimal(0)
            )
        else:
            charge = await payments.plan_charge(
                self._ledger, step.backorder_id, payment_id=payment_id, parcel_id=parcel_id, at=step.at
            )
            if charge is None:  # the parcel was voided meanwhile, or costs nothing
                return await backorders.position(self._ledger, step.backorder_id)
            planned = charge
        with kept_private(planned.payment_method):
            result = await self._world.payments.charge(
                key=planned.payment_id,
                payment_method=planned.payment_method,
                amount=planned.amount,
                currency=planned.currency,
            )
        kind = PaymentKind.DEPOSIT if parcel_id is None else PaymentKind.CHARGE
        count("payments", _PAYMENTS, kind=kind.value, outcome=result.outcome.value)
        return await payments.settle(
            self._ledger,
            planned.payment_id,
            at=step.at,
            outcome=result.outcome.value,
            reference=result.reference,
            reason=without(result.reason, [planned.payment_method]),
        )

    @activity.defn
    async def plan_parcel(self, step: DutyStep) -> BackorderPosition:
        """Set allocated units aside as one parcel."""
        from ledger import parcels

        return await parcels.plan_parcel(
            self._ledger, step.backorder_id, parcel_id=step.duty.parcel_id or "", at=step.at
        )

    @activity.defn
    async def book_parcel(self, step: DutyStep) -> BackorderPosition:
        """Make the label and ask for collection. Not yet shipped: that is the carrier's possession."""
        from ledger import backorders, parcels

        position = await backorders.position(self._ledger, step.backorder_id)
        contact = await backorders.contact(self._ledger, step.backorder_id)
        parcel = _parcel(position, step.duty.parcel_id)
        to = contact.ship_to
        with kept_private(contact.name, to.name, to.street, to.postal_code, to.city):
            label = await self._world.carrier.book(
                parcel_id=parcel.parcel_id, ship_to=to, sku=position.sku, quantity=parcel.quantity
            )
        await parcels.book(self._ledger, parcel.parcel_id, at=step.at, tracking=label.tracking)
        return await backorders.position(self._ledger, step.backorder_id)

    @activity.defn
    async def check_carrier(self, step: DutyStep) -> BackorderPosition:
        """Ask whether the carrier holds what was booked, in case its own word was lost."""
        from ledger import backorders

        for parcel in (await backorders.position(self._ledger, step.backorder_id)).parcels:
            if parcel.state is ParcelState.BOOKED:
                await self._record_possession(parcel.parcel_id)
        return await backorders.position(self._ledger, step.backorder_id)

    @activity.defn
    async def promise(self, step: DutyStep) -> BackorderPosition:
        """Record a promise and whose word it rests on."""
        from ledger import backorders

        return await backorders.set_promise(
            self._ledger,
            step.backorder_id,
            key=step.key,
            at=step.at,
            promised=step.duty.promised,
            basis=step.duty.basis,
        )

    @activity.defn
    async def notify(self, step: NotifyStep) -> None:
        """Write a notice into the books, then mail it. A repeat is the same mail, by its Message-ID."""
        from connectors.messages.rendering import render_notice
        from ledger import backorders, notices

        kind = step.duty.notice
        if kind is None:
            raise ApplicationError("a duty to notify names no notice", non_retryable=True)
        await notices.write(
            self._ledger,
            step.backorder_id,
            notice_id=step.notice_id,
            kind=kind,
            at=step.at,
            promised=step.duty.promised,
            silence=step.duty.silence,
            answer_by=step.duty.answer_by,
        )
        contact = await backorders.contact(self._ledger, step.backorder_id)
        position = await backorders.position(self._ledger, step.backorder_id)
        mail = render_notice(kind, notice_context(self._world.settings, step, position, contact))
        with kept_private(contact.email, contact.email.partition("@")[0], contact.name):
            await self._world.messages.send(mail)

    @activity.defn
    async def record_notice(self, step: NotifyStep) -> BackorderPosition:
        """The mail left: from now on the notice counts, and the date it gave is the promise."""
        from ledger import backorders, notices

        await notices.sent(self._ledger, step.notice_id, at=step.at)
        count("notices", "Mails to customers that left, by kind.", kind=step.duty.notice or "")
        if step.duty.notice in {NoticeKind.DATE_CHANGED, NoticeKind.FIRST_DELAY, NoticeKind.RENEWED_DELAY}:
            await backorders.set_promise(
                self._ledger,
                step.backorder_id,
                key=f"{step.key}/promise",
                at=step.at,
                promised=step.duty.promised,
                basis=step.duty.basis,
            )
        return await self._rank_by_law(step, step.policy)

    @activity.defn
    async def record_answer(self, step: AnswerStep) -> Answered:
        """Record what the customer answered to a notice; the first consent and any cancel count."""
        from ledger import notices

        outcome = await notices.answer(
            self._ledger, step.backorder_id, step.notice_id, key=step.key, at=step.at, answer=step.answer
        )
        return Answered(outcome=outcome, position=await self._rank_by_law(step, step.policy))

    @activity.defn
    async def raise_attention(self, step: TextStep) -> BackorderPosition:
        """Say in plain words what an operator is needed for."""
        from ledger import backorders

        return await backorders.raise_attention(
            self._ledger, step.backorder_id, key=step.key, at=step.at, what=step.text
        )

    @activity.defn
    async def settle_attention(self, step: SettleStep) -> BackorderPosition:
        """Record how it was settled."""
        from ledger import backorders

        return await backorders.settle_attention(
            self._ledger, step.backorder_id, key=step.key, at=step.at, how=step.text, need=step.need
        )

    @activity.defn
    async def forgive_suppliers(self, step: BackorderStep) -> BackorderPosition:
        """Let every supplier be asked again, those included that let this backorder down."""
        from ledger import backorders

        return await backorders.forgive_suppliers(self._ledger, step.backorder_id, key=step.key, at=step.at)

    @activity.defn
    async def take_receipt(self, step: RawReceiptStep) -> BackorderPosition:
        """Keep a receipt that was signalled to this backorder, and apply it; this backorder is served first."""
        from ledger import backorders, inbox

        position = await backorders.position(self._ledger, step.backorder_id)
        supplier_id = next((claim.supplier_id for claim in position.claims), None)
        if supplier_id is None:
            trouble: str | None = f"{UNUSABLE} to this backorder, which waits for no supplier: {step.raw[:500]}"
        else:
            po_number, trouble = await keep_receipt(
                self._ledger, step.raw, at=step.at, supplier_id=supplier_id, prefer=step.backorder_id
            )
            if po_number:
                await inbox.apply_events(self._ledger, po_number, at=step.at)
                await tell(self._ledger, purchase_order_workflow_id(po_number), step.at)
                # It did not apply this itself, so it must look again: nothing may be open on it any more.
                task_queue = activity.info().task_queue
                await wake_purchase_order(activity.client(), po_number, SUPPLIER_MESSAGE, task_queue=task_queue)
        if trouble:
            await backorders.raise_attention(
                self._ledger, step.backorder_id, key=f"{step.key}/attention", at=step.at, what=trouble, alike=UNUSABLE
            )
        return await self._told(step)

    @activity.defn
    async def close(self, step: BackorderStep) -> BackorderPosition:
        """Close the backorder; the books must balance."""
        from ledger import backorders

        return await backorders.close(self._ledger, step.backorder_id, key=step.key, at=step.at)

    async def _told(self, step: BackorderStep) -> BackorderPosition:
        """Tell the workflows concerned what this one owes them, and read the position."""
        from ledger import backorders

        await tell(self._ledger, backorder_workflow_id(step.backorder_id), step.at)
        return await backorders.position(self._ledger, step.backorder_id)

    async def _rank_by_law(self, step: BackorderStep, policy: Policy) -> BackorderPosition:
        """After a notice or an answer the legal date may have moved, and with it the place in the queue."""
        from ledger import backorders

        position = await backorders.position(self._ledger, step.backorder_id)
        return await backorders.set_legal_deadline(
            self._ledger,
            step.backorder_id,
            key=f"{step.key}/legal-deadline",
            at=step.at,
            legal_deadline=legal_deadline(position, policy),
        )

    async def _record_possession(self, parcel_id: str) -> None:
        from ledger import parcels

        event = await self._world.carrier.possession(parcel_id=parcel_id)
        if event:
            await parcels.possess(self._ledger, parcel_id, event_id=event.event_id, at=event.possessed_at)


def _parcel(position: BackorderPosition, parcel_id: str | None) -> ParcelPosition:
    for parcel in position.parcels:
        if parcel.parcel_id == parcel_id:
            return parcel
    raise ApplicationError(f"{position.backorder_id} has no parcel {parcel_id!r}", non_retryable=True)
