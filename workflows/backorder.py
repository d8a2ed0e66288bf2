"""One backorder, from promise to parcel or refund.

The workflow owns time and decisions, the ledger owns quantities and money. So the story is short: look at where the
backorder stands, do the duty that is due (`domain.backorder_duty` says which), or sleep until the next or a message. A
signal carries no truth of its own; it only says "look again", and may come late, twice, or never.
"""

import asyncio
from collections import deque
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    import pydantic

    from activities.backorder import BackorderActivities as Do
    from activities.steps import (
        AcceptStep,
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
    from domain.backorder_duty import Duty, DutyKind, Policy, next_duty
    from domain.backorder_position import Answer, BackorderPosition, CancelledBy, NoticeKind
    from workflows import backorder_contract as contract
    from workflows.backorder_contract import (
        BackorderInput,
        CancelOutcome,
        CancelReply,
        CancelRequest,
        Carried,
        DelayAnswer,
        DelayAnswerReply,
        Resolution,
        Resolve,
        Standing,
    )
    from workflows.backorder_story import current_details
    from workflows.durably import reason_of, run_to_completion, text_of
    from workflows.duty_workflow import ASK_AGAIN_AFTER, OWED_WORDS, Asked, DutyWorkflow

CANCELLED_IN_UI = CancelRequest(by=CancelledBy.SELLER, reason="cancelled in the Temporal UI")


@workflow.defn(name=contract.WORKFLOW, failure_exception_types=[pydantic.ValidationError])
class Backorder(DutyWorkflow[BackorderPosition, Duty, CancelRequest | DelayAnswer | Resolve]):
    """Keeps one promise. Start it with the business id, reject duplicates, and forget about it."""

    NEEDS_OTHERS = frozenset(
        {Do.take_payment, Do.refund, Do.book_parcel, Do.void_parcels, Do.settle_payments, Do.check_carrier, Do.notify}
    )
    TELLS_MANY = frozenset({Do.release_supply, Do.take_receipt})
    NEVER_GIVEN_UP = frozenset({Do.look, Do.request_cancel, Do.raise_attention, Do.settle_attention})

    @workflow.init
    def __init__(self, order: BackorderInput) -> None:
        """Signals may come before `run` starts, so everything they touch is made here."""
        carried = order.carried or Carried()
        super().__init__(contract.workflow_id(order.backorder_id), carried.stuck)
        self._id = order.backorder_id
        self._order = order
        self._policy = carried.policy or Policy()
        self._cancelling: list[Asked[Any]] = []
        self._receipts: deque[str] = deque()
        self._look_again = carried.accepted
        self._accepted = carried.accepted
        self._indexed: tuple[Any, ...] = ()

    @workflow.run
    async def run(self, order: BackorderInput) -> BackorderPosition:
        """Accept the order, then do what is due until nothing is owed. Returns the closed position."""
        if not self._accepted:
            await self._accept(order)
        while True:
            if workflow.info().is_continue_as_new_suggested() and await self._may_leave():
                self._continue_as_new()
            elif self._look_again:
                await self._look()
            elif self._cancel_unread:
                await self._request_cancel(CANCELLED_IN_UI)
            elif self._receipts:
                await self._or_tell(self._take_receipt(self._receipts.popleft()), "take a signalled receipt")
            elif self._asked:
                await self._answer(self._asked.popleft())
            elif self._cancelling and self._unwound:
                self._reply_to_cancels()
            elif self._closed:
                if await self._handlers_done() and not self._message_waits:
                    break
            elif (duty := self._next_duty()) and duty.at <= workflow.now():
                await self._do(duty)
            else:
                await self._wait_for(duty)
        self._show()
        if workflow.cancellation_reason() is not None and self._standing.shipped == 0:
            raise asyncio.CancelledError  # everything is undone; the UI's word for that is "Canceled"
        return self._standing

    # --- messages -----------------------------------------------------------------------------------------------------

    @workflow.signal(name=contract.SUPPLY_CHANGED, description="Supply changed in the ledger: look again.")
    def supply_changed(self) -> None:
        """Goods were allocated, a date moved, or a share was lost; the ledger knows which."""
        self._look_again = True

    @workflow.signal(name=contract.PARCEL_MOVED, description="The carrier reported on a parcel: look again.")
    def parcel_moved(self) -> None:
        """The carrier's report is in the ledger."""
        self._look_again = True

    @workflow.signal(
        name=contract.RECEIPT, description="A goods receipt for this backorder, as JSON with its po_number."
    )
    def receipt(self, raw: RawValue) -> None:
        """Take the receipt as it came; it is stored before it is read, so a bad one is kept, too."""
        self._receipts.append(text_of(raw))

    def keep_malformed(self, signal: str, arguments: list[Any]) -> None:
        """A signal whose arguments do not fit (see `workflows.tolerance`): kept like a receipt that cannot be read."""
        self._receipts.append(f"signal {signal!r} with {len(arguments)} arguments: {arguments!r}")

    @workflow.update(
        name=contract.CANCEL,
        description="Cancel what the carrier does not hold yet, undo everything, refund. Answers how it ended. "
        'Input: {"by": "seller", "reason": "..."}.',
    )
    async def cancel(self, request: CancelRequest) -> CancelReply:
        """Cancel; always honoured before the carrier holds the parcel."""
        reply: CancelReply = await self._ask(request)
        return reply

    @workflow.update(
        name=contract.ANSWER_DELAY,
        description="A customer's answer to a notice: consent or cancel. "
        'Input: {"notice_id": "...", "answer": "consent"}.',
    )
    async def answer_delay(self, request: DelayAnswer) -> DelayAnswerReply:
        """Record the answer and act on it."""
        reply: DelayAnswerReply = await self._ask(request)
        return reply

    @answer_delay.validator
    def _check_answer(self, request: DelayAnswer) -> None:
        if not request.notice_id.startswith(f"{contract.workflow_id(self._id)}/"):
            raise ApplicationError(f"notice {request.notice_id!r} is not one of {self._id}", type="UnknownNotice")

    @workflow.update(
        name=contract.RESOLVE,
        description="An operator's decision when attention is needed: retry, cancel or dismiss. "
        'Input: {"resolution": "retry", "note": "..."}.',
    )
    async def resolve(self, request: Resolve) -> Standing:
        """Carry out the decision and answer where the backorder then stands."""
        reply: Standing = await self._ask(request)
        return reply

    @workflow.query(name=contract.STANDING, description="Where the backorder stands, and what it does next.")
    def standing(self) -> Standing:
        """Answer from what was last read from the ledger."""
        return Standing(position=self._position, next_duty=self._next_duty() if self._position else None)

    # --- steps, in the order of the story -----------------------------------------------------------------------------

    async def _accept(self, order: BackorderInput) -> None:
        if workflow.info().workflow_id != contract.workflow_id(order.backorder_id):
            wanted = contract.workflow_id(order.backorder_id)
            raise ApplicationError(f"start it under the id {wanted!r}", type="OrderRefused", non_retryable=True)
        try:
            accepted = await self._step(
                Do.accept, AcceptStep(order=order, key=self._key("accept"), at=workflow.now()), "accept the order"
            )
        except ActivityError as refused:
            # An order that cannot be accepted ends here, with the reason; nothing was done for it.
            if not isinstance(refused.cause, ApplicationError):
                raise
            for asked in self._asked:
                asked.refused = refused.cause
            await run_to_completion(workflow.wait_condition(workflow.all_handlers_finished))
            raise refused.cause from refused
        self._policy, self._accepted = accepted.policy, True
        self._stand(accepted.position)

    def _stand(self, position: BackorderPosition) -> None:
        """Take it in. Words it still owes are of a step whose task was lost, so that nothing else would tell them."""
        super()._stand(position)
        if position.unannounced and workflow.patched(OWED_WORDS):
            self._look_again = True

    async def _look(self) -> None:
        self._look_again = False
        self._stand(await self._step(Do.look, self._id, "look at the ledger"))

    async def _request_cancel(self, request: CancelRequest) -> None:
        step = CancelStep(**self._about("request-cancel"), by=request.by, reason=request.reason)
        self._stand(await self._step(Do.request_cancel, step, f"cancel, asked by the {request.by}"))
        self._postponed.clear()

    async def _take_receipt(self, raw: str) -> None:
        step = RawReceiptStep(**self._about("receipt"), raw=raw)
        self._stand(await self._step(Do.take_receipt, step, "a receipt signalled to this backorder"))

    async def _answer(self, asked: Asked[CancelRequest | DelayAnswer | Resolve]) -> None:
        try:
            match asked.request:
                case CancelRequest() as request:
                    await self._cancel(asked, request)
                case DelayAnswer() as request:
                    await self._take_delay_answer(asked, request)
                case Resolve() as request:
                    await self._resolve(asked, request)
        except ActivityError as failed:
            # What one asker got wrong (an unknown notice) is told to that asker and hurts nobody else.
            asked.refused = ApplicationError(reason_of(failed), type="Refused", non_retryable=True)

    async def _cancel(self, asked: Asked[Any], request: CancelRequest) -> None:
        if self._standing.open == 0:
            asked.reply = self._cancel_reply(known=True)
            return
        await self._request_cancel(request)
        self._cancelling.append(asked)  # answered when everything is unwound

    async def _take_delay_answer(self, asked: Asked[Any], request: DelayAnswer) -> None:
        step = AnswerStep(
            **self._about("answer"), notice_id=request.notice_id, answer=request.answer, policy=self._policy
        )
        answered = await self._step(Do.record_answer, step, f"the customer answers: {request.answer}")
        self._stand(answered.position)
        if request.answer is Answer.CANCEL and self._standing.open and not self._standing.cancel_requested_at:
            await self._request_cancel(CancelRequest(by=CancelledBy.CUSTOMER, reason="answered a notice with cancel"))
        asked.reply = DelayAnswerReply(outcome=answered.outcome)

    async def _resolve(self, asked: Asked[Any], request: Resolve) -> None:
        about = f"operator: {request.resolution}{f' ({request.note})' if request.note else ''}"
        if request.resolution is Resolution.RETRY:
            self._stand(await self._step(Do.forgive_suppliers, BackorderStep(**self._about("forgive")), about))
            self._postponed.clear()
        elif request.resolution is Resolution.CANCEL and self._standing.open:
            await self._request_cancel(
                CancelRequest(by=CancelledBy.SELLER, reason=request.note or "an operator cancelled")
            )
        await self._settle_attention(about)
        if request.resolution is Resolution.DISMISS:
            self._postponed[DutyKind.ASK_OPERATOR] = workflow.now() + ASK_AGAIN_AFTER
        asked.reply = self.standing()

    def _reply_to_cancels(self) -> None:
        for asked in self._cancelling:
            asked.reply = self._cancel_reply(known=False)
        self._cancelling.clear()

    async def _perform(self, duty: Duty) -> BackorderPosition:
        kind, about = duty.kind, duty.why
        if kind is DutyKind.UNWIND:
            return await self._unwind()
        if kind is DutyKind.CANCEL:
            return await self._step(
                Do.request_cancel,
                CancelStep(**self._about("request-cancel"), by=duty.by or CancelledBy.SELLER, reason=about),
                about,
            )
        if kind is DutyKind.ASK_OPERATOR:
            await self._raise_attention(about)
            return self._standing
        if kind is DutyKind.STOP_ASKING:
            await self._settle_attention(about, duty.need)
            return self._standing
        if kind is DutyKind.CHECK_CARRIER:
            self._postponed[kind] = workflow.now() + timedelta(days=1)
            return await self._step(Do.check_carrier, DutyStep(**self._about(kind), duty=duty), about)
        if duty.notice is not None:
            return await self._tell(duty, duty.notice)
        with_duty = {
            DutyKind.CHARGE_DEPOSIT: Do.take_payment,
            DutyKind.CHARGE: Do.take_payment,
            DutyKind.PLAN_PARCEL: Do.plan_parcel,
            DutyKind.BOOK_PARCEL: Do.book_parcel,
            DutyKind.PROMISE: Do.promise,
        }
        if kind in with_duty:
            return await self._step(with_duty[kind], DutyStep(**self._about(kind), duty=duty), about)
        if kind is DutyKind.SOURCE:
            sku, before = self._standing.sku, self._standing.last_sourced_at
            return await self._step(Do.source, SourceStep(**self._about(kind), sku=sku, last_sourced_at=before), about)
        plain = {
            DutyKind.SETTLE: Do.settle_payments,
            DutyKind.REFUND: Do.refund,
            DutyKind.CLOSE: Do.close,
        }
        return await self._step(plain[kind], BackorderStep(**self._about(kind)), about)

    async def _tell(self, duty: Duty, notice: NoticeKind) -> BackorderPosition:
        """Mail first, then record: a notice that is on record was really sent (16 CFR 435.2 counts no other).

        The second step waits for the books however long they are gone. A try whose mail left but was not known to have
        left is made again under the same id, with the same Message-ID.
        """
        number = str(sum(1 for sent in self._standing.notices if sent.kind is notice) + 1)
        if notice is NoticeKind.SHIPPED and duty.parcel_id:
            number = duty.parcel_id.rpartition("/")[2]  # by which `next_duty` knows which parcels were told of
        notice_id = f"{contract.workflow_id(self._id)}/{notice}/{number}"
        if duty.promised is not None:
            notice_id += f"/{duty.promised}"  # another date is another notice
        of: dict[str, Any] = {"duty": duty, "policy": self._policy, "notice_id": notice_id}
        await self._step(Do.notify, NotifyStep(**self._about(notice), **of), duty.why)
        sent = NotifyStep(**self._about(f"{notice}-sent"), **of)
        return await self._step(Do.record_notice, sent, "record that the mail left")

    async def _unwind(self) -> BackorderPosition:
        """Undo what was done, last first. Every step was written into the books before it was taken, so none is missed.

        A crash or a second cancel in between changes nothing: each part is idempotent, and the duty stays until all of
        it is done. The refund follows as its own duty, from what then turns out not to have shipped.
        """
        await self._step(
            Do.void_parcels, BackorderStep(**self._about("void")), "stop parcels the carrier does not hold"
        )
        await self._step(Do.settle_payments, BackorderStep(**self._about("settle")), "learn what charges became of")
        step = ReleaseStep(**self._about("release"), policy=self._policy)
        return await self._step(Do.release_supply, step, "give shares and goods to the next in rank")

    async def _raise_attention(self, need: str) -> None:
        step = TextStep(**self._about("attention"), text=need)
        self._stand(await self._step(Do.raise_attention, step, "ask an operator"))

    async def _settle_attention(self, how: str, need: str | None = None) -> None:
        if self._standing.attention:
            step = SettleStep(**self._about("settle-attention"), text=how, need=need)
            self._stand(await self._step(Do.settle_attention, step, how))

    async def _may_leave(self) -> bool:
        """Whether a new run can take over: this one did something, and owes nobody an answer."""
        if self._position is None or self._cancelling or self._cancel_unread:
            return False
        return await self._handlers_done() and not self._message_waits

    def _continue_as_new(self) -> None:
        carried = Carried(accepted=True, policy=self._policy, stuck=self._stuck)
        workflow.continue_as_new(self._order.model_copy(update={"carried": carried}))

    # --- what the story is told with ----------------------------------------------------------------------------------

    @property
    def _standing(self) -> BackorderPosition:
        if self._position is None:
            raise ApplicationError("the backorder is not accepted yet", type="NotAccepted", non_retryable=True)
        return self._position

    @property
    def _attention(self) -> str | None:
        return self._standing.attention

    @property
    def _message_waits(self) -> bool:
        return self._look_again or bool(self._receipts)

    @property
    def _closed(self) -> bool:
        return self._position is not None and self._position.closed_at is not None

    @property
    def _cancel_unread(self) -> bool:
        """The UI's cancel button was pressed, and the books do not know of it yet."""
        pressed = workflow.cancellation_reason() is not None
        return pressed and self._standing.open > 0 and not self._standing.cancel_requested_at

    @property
    def _unwound(self) -> bool:
        """Supply and parcels are undone; what is with the carrier is shipped."""
        return self._standing.open == 0

    def _next_duty(self) -> Duty | None:
        return next_duty(self._standing, self._policy, workflow.now(), self._postponed)

    def _about(self, step: str) -> dict[str, Any]:
        return {"backorder_id": self._id, "key": self._key(step), "at": workflow.now()}

    def _cancel_reply(self, *, known: bool) -> CancelReply:
        position = self._standing
        if position.shipped == position.ordered:
            outcome = CancelOutcome.TOO_LATE
        elif known:
            outcome = CancelOutcome.ALREADY_CANCELLED
        else:
            outcome = CancelOutcome.REST_CANCELLED if position.shipped else CancelOutcome.CANCELLED
        return CancelReply.of(position, outcome, position.refund_due)

    def _show(self) -> None:
        position = self._standing
        suppliers = tuple(sorted({c.supplier_id for c in position.claims}))
        orders = tuple(sorted({c.po_number for c in position.claims}))
        promised = _start_of(position.current_promise or position.promised_by)
        indexed = (position.status, suppliers, orders, promised, position.attention is not None)
        if indexed != self._indexed:
            self._indexed = indexed
            workflow.upsert_search_attributes(  # pyright: ignore[reportUnknownMemberType] - the SDK leaves its type open
                [
                    contract.STATUS.value_set(position.status.value),
                    contract.SKU.value_set(position.sku),
                    contract.SALES_ORDER.value_set(position.sales_order),
                    contract.SUPPLIER_IDS.value_set(list(suppliers)),
                    contract.PO_NUMBERS.value_set(list(orders)),
                    contract.NEEDS_ATTENTION.value_set(position.attention is not None),
                    contract.PROMISED_BY.value_set(promised) if promised else contract.PROMISED_BY.value_unset(),
                ]
            )
        workflow.set_current_details(current_details(position, self._next_duty()))


def _start_of(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None
