"""One purchase order, from its first share to its last receipt.

It collects shares until the cut-off, freezes, sends itself exactly once, and then listens: acknowledgements, date
changes, ship notices, receipts, refusals, silence. As in `backorder.py` the ledger owns every quantity; this workflow
does the duty that is due (`domain.purchase_order_duty`) or waits for the next one or a message.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    import pydantic

    from activities.purchase_order import PurchaseOrderActivities as Do
    from activities.steps import (
        HoldStep,
        OperationStep,
        PurchaseOrderReceiptsStep,
        PurchaseOrderSettleStep,
        PurchaseOrderStep,
        PurchaseOrderTextStep,
    )
    from domain import names
    from domain.purchase_order_duty import PurchaseOrderDuty, PurchaseOrderDutyKind, is_over, next_duty
    from domain.purchase_order_position import (
        OperationKind,
        OperationPosition,
        OperationState,
        PurchaseOrderPosition,
    )
    from workflows import purchase_order_contract as contract
    from workflows.durably import reason_of, text_of
    from workflows.duty_workflow import ASK_AGAIN_AFTER, ORDERS_OWED_WORDS, Asked, DutyWorkflow
    from workflows.purchase_order_contract import Hold, PurchaseOrderInput, PurchaseOrderResolution, Resolve, Standing
    from workflows.purchase_order_story import current_details


RECEIPTS_AT_ONCE = 100
"""Signalled receipts stored by one activity."""


@workflow.defn(name=contract.WORKFLOW, failure_exception_types=[pydantic.ValidationError])
class PurchaseOrder(DutyWorkflow[PurchaseOrderPosition, PurchaseOrderDuty, Hold | Resolve | None]):
    """Keeps one purchase order. Started by whoever opened it in the ledger; woken again by a late receipt."""

    NEEDS_OTHERS = frozenset({Do.deliver, Do.chase})
    TELLS_MANY = frozenset(
        {
            Do.apply_messages,
            Do.take_receipts,
            Do.acknowledge_by_hand,
            Do.refuse_by_hand,
            Do.give_up_change,
            Do.tell_overdue,
            Do.close_short,
            Do.withdraw_unsent,
        }
    )
    NEVER_GIVEN_UP = frozenset({Do.apply_messages, Do.raise_attention, Do.settle_attention})

    @workflow.init
    def __init__(self, start: PurchaseOrderInput) -> None:
        """Signals may come before `run` starts, so everything they touch is made here."""
        super().__init__(contract.workflow_id(start.po_number), start.stuck)
        self._start = start
        self._po_number = start.po_number
        self._receipts: deque[str] = deque(start.receipts)
        self._messages_wait = True  # whatever came before this run started is in the inbox
        self._shares_changed = start.shares_changed
        self._withdrawing = start.withdrawing
        self._withdrawn = start.withdrawn
        self._button_heeded = False
        self._indexed: tuple[Any, ...] = ()

    @workflow.run
    async def run(self, start: PurchaseOrderInput) -> PurchaseOrderPosition:
        """Do what is due until the order is over. Returns the last position."""
        while True:
            if self._position and self._long_history and await self._handlers_done():
                self._continue_as_new()
            elif self._receipts:
                await self._or_tell(self._take_receipts(), "take signalled receipts")
            elif self._messages_wait:
                await self._or_tell(self._apply_messages(), "apply what the supplier said")
            elif self._asked:
                await self._answer(self._asked.popleft())
            elif self._cancel_unheeded:
                self._button_heeded = self._withdrawing = True
            elif self._withdrawing and self._may_withdraw:
                await self._or_tell(self._withdraw(), f"withdraw {self._po_number}")
            elif self._withdrawn and self._withdrawal_refused:
                await self._tell_refusal()
            elif (duty := self._next_duty()) and duty.at <= workflow.now():
                await self._do(duty)
            elif is_over(self._standing):
                await self._give_up_stuck("the order is over")
                if await self._handlers_done() and not self._message_waits:
                    self._show()
                    return self._standing
            else:
                await self._wait_for(duty)

    # --- messages -----------------------------------------------------------------------------------------------------

    @workflow.signal(name=contract.SUPPLIER_MESSAGE, description="A supplier message waits in the inbox (its id).")
    def supplier_message(self, inbox_id: int | None = None) -> None:
        """A verified, stored message waits; every one that waits is applied, in order."""
        self._messages_wait = True

    @workflow.signal(name=contract.SHARES_CHANGED, description="Shares joined past the threshold or were given back.")
    def shares_changed(self) -> None:
        """Look at the ledger, and ask the supplier for less if customers want less."""
        self._shares_changed = True
        self._messages_wait = True

    @workflow.signal(name=contract.RECEIPT, description="A goods receipt (JSON), straight from a supplier's system.")
    def receipt(self, raw: RawValue) -> None:
        """Take the receipt as it came; it is stored before it is read, so a bad one is kept, too."""
        self._receipts.append(text_of(raw))

    def keep_malformed(self, signal: str, arguments: list[Any]) -> None:
        """A signal whose arguments do not fit (see `workflows.tolerance`): kept like a receipt that cannot be read."""
        self._receipts.append(f"signal {signal!r} with {len(arguments)} arguments: {arguments!r}")

    @workflow.update(name=contract.RELEASE_NOW, description="Send it now; do not wait for the cut-off. No input.")
    async def release_now(self) -> Standing:
        """Freeze and send without waiting."""
        return cast("Standing", await self._ask(None))

    @workflow.update(
        name=contract.HOLD, description='Keep collecting past the cut-off, or stop doing so. Input: {"held": true}.'
    )
    async def hold(self, request: Hold) -> Standing:
        """Hold or go on."""
        return cast("Standing", await self._ask(request))

    @workflow.update(
        name=contract.RESOLVE,
        description="An operator decides what needs attention: retry, acknowledged, refused, close_short, withdraw or "
        'dismiss. Input: {"resolution": "retry", "note": "..."}.',
    )
    async def resolve(self, request: Resolve) -> Standing:
        """Carry out the decision."""
        return cast("Standing", await self._ask(request))

    @resolve.validator
    def _check_resolution(self, request: Resolve) -> None:
        """A decision that would do nothing is refused, so that nobody thinks it was done."""
        if self._position is None:  # woken for this: the ledger is looked at first, and knows
            return
        decision = request.resolution
        if decision is PurchaseOrderResolution.ACKNOWLEDGED and self._position.frozen_at is None:
            wrong = "it has not gone out yet, so nobody can have confirmed it; `release-now` sends it"
        elif decision is PurchaseOrderResolution.REFUSED and not (self._question or self._position.adds_lines):
            wrong = "there is nothing to refuse: no change and no cancellation waits for the supplier's answer"
        elif decision is PurchaseOrderResolution.RETRY and not (self._attention or self._postponed):
            wrong = "there is nothing to retry: it asks for nobody, and nothing was put off"
        elif decision is PurchaseOrderResolution.DISMISS and not self._attention:
            wrong = "there is nothing to dismiss: it asks for nobody"
        else:
            return
        raise ApplicationError(wrong, type="Refused", non_retryable=True)

    @workflow.query(name=contract.STANDING, description="Where the purchase order stands, and what it does next.")
    def standing(self) -> Standing:
        """Answer from what was last read from the ledger."""
        return Standing(position=self._position, next_duty=self._next_duty() if self._position else None)

    # --- steps, in the order of the story -----------------------------------------------------------------------------

    def _stand(self, position: PurchaseOrderPosition) -> None:
        """Take it in. Words it still owes are of a step whose task was lost: they are told as messages are applied."""
        super()._stand(position)
        if position.unannounced and workflow.patched(ORDERS_OWED_WORDS):
            self._messages_wait = True

    async def _apply_messages(self) -> None:
        """Words that are owed even after it are being owed anew: whoever does that tells them, and the rest goes on."""
        self._messages_wait = False
        step = PurchaseOrderStep(**self._about("messages"))
        super()._stand(await self._step(Do.apply_messages, step, "apply supplier messages"))

    async def _take_receipts(self) -> None:
        """All that wait at once, up to a limit, so that a busy dock does not fill the history."""
        raws = [self._receipts.popleft() for _ in range(min(len(self._receipts), RECEIPTS_AT_ONCE))]
        step = PurchaseOrderReceiptsStep(**self._about("receipts"), raws=tuple(raws))
        self._stand(await self._step(Do.take_receipts, step, f"{len(raws)} receipts signalled to this order"))

    async def _look(self) -> None:
        await self._apply_messages()  # whatever waits is applied on the way

    async def _answer(self, asked: Asked[Hold | Resolve | None]) -> None:
        try:
            match asked.request:
                case None:
                    step = PurchaseOrderStep(**self._about("release-now"))
                    self._stand(await self._step(Do.release_now, step, "released by hand"))
                case Hold(held=held):
                    about = "held by hand" if held else "no longer held"
                    self._stand(await self._step(Do.hold, HoldStep(**self._about("hold"), held=held), about))
                case Resolve() as request:
                    await self._resolve(request)
        except ActivityError as failed:
            # What one operator asked for cannot be done: that is told to that operator, and the order goes on.
            asked.refused = ApplicationError(reason_of(failed), type="Refused", non_retryable=True)
        else:
            asked.reply = self.standing()

    async def _resolve(self, request: Resolve) -> None:
        about = f"operator: {request.resolution}{f' ({request.note})' if request.note else ''}"
        decision = request.resolution
        if decision is PurchaseOrderResolution.CLOSE_SHORT and self._standing.frozen_at is None:
            decision = PurchaseOrderResolution.WITHDRAW  # nothing of an order that still collects can be short
        if decision is PurchaseOrderResolution.ACKNOWLEDGED:
            step = PurchaseOrderTextStep(**self._about("acknowledged"), text=about)
            self._stand(await self._step(Do.acknowledge_by_hand, step, about))
        elif decision is PurchaseOrderResolution.REFUSED:
            step = PurchaseOrderTextStep(**self._about("refused"), text=about)
            self._stand(await self._step(Do.refuse_by_hand, step, about))
        elif decision is PurchaseOrderResolution.CLOSE_SHORT:
            self._stand(await self._step(Do.close_short, PurchaseOrderStep(**self._about("close-short")), about))
        self._postponed.clear()
        await self._settle_attention(about)
        if decision is PurchaseOrderResolution.DISMISS:
            self._postponed[PurchaseOrderDutyKind.ASK_OPERATOR] = workflow.now() + ASK_AGAIN_AFTER
        if decision is PurchaseOrderResolution.WITHDRAW:
            self._withdrawing = True
            if self._may_withdraw:  # else as soon as it is known whether the order reached the supplier
                await self._withdraw()

    async def _withdraw(self) -> None:
        """Close what never left the house; else ask the supplier to cancel, and say so if it cannot be asked."""
        self._withdrawing = False
        place = self._standing.place
        if is_over(self._standing):
            return
        if place is None or place.state is OperationState.RENDERED:
            step = PurchaseOrderStep(**self._about("withdraw-unsent"))
            self._stand(await self._step(Do.withdraw_unsent, step, "withdrawn by hand before it was sent"))
            return
        if self._standing.terms.can_cancel and not self._cancellation:
            step = PurchaseOrderStep(**self._about("withdraw-by-hand"))
            try:
                self._stand(await self._step(Do.withdraw_by_hand, step, "withdrawn by hand: ask the supplier"))
            except ActivityError as failed:
                await self._raise_attention(
                    f"{self._standing.supplier_name} could not be asked to cancel {self._po_number}: "
                    f"{reason_of(failed)}. Mend the cause; then resolve with 'withdraw' again."
                )
                return
        if asked := self._cancellation:
            self._withdrawn = asked.operation_id
        elif self._standing.open:
            await self._raise_attention(
                f"{self._standing.supplier_name} cannot be asked by us to cancel {self._po_number}. Call them; "
                "then resolve with 'close_short' if nothing will come."
            )

    async def _tell_refusal(self) -> None:
        """The supplier does not cancel: the order goes on, and whoever withdrew it must know."""
        self._withdrawn = None
        await self._raise_attention(
            f"{self._standing.supplier_name} did not agree to cancel {self._po_number}; the goods will come. Call "
            "them; then resolve with 'close_short' if they will not, or with 'dismiss'."
        )

    async def _perform(self, duty: PurchaseOrderDuty) -> PurchaseOrderPosition:
        kind = duty.kind
        if kind is PurchaseOrderDutyKind.ASK_OPERATOR:
            await self._raise_attention(duty.why)
            return self._standing
        if kind is PurchaseOrderDutyKind.STOP_ASKING:
            await self._settle_attention(duty.why, duty.need)
            return self._standing
        if kind is PurchaseOrderDutyKind.REDUCE:
            return await self._reduce(duty)
        with_operation = {
            PurchaseOrderDutyKind.SEND: Do.deliver,
            PurchaseOrderDutyKind.LOOK_UP: Do.deliver,
            PurchaseOrderDutyKind.GIVE_UP_CHANGE: Do.give_up_change,
            PurchaseOrderDutyKind.CHASE: Do.chase,
        }
        if kind in with_operation:
            number = self._standing.chases + 1 if kind is PurchaseOrderDutyKind.CHASE else 0
            step = OperationStep(**self._about(kind), operation_id=duty.operation_id or "", number=number)
            return await self._step(with_operation[kind], step, duty.why)
        plain = {
            PurchaseOrderDutyKind.FREEZE: Do.freeze,
            PurchaseOrderDutyKind.RENDER: Do.render,
            PurchaseOrderDutyKind.ADD_LINES: Do.add_lines,
            PurchaseOrderDutyKind.WITHDRAW: Do.withdraw,
            PurchaseOrderDutyKind.TELL_OVERDUE: Do.tell_overdue,
            PurchaseOrderDutyKind.CLOSE: Do.close,
        }
        return await self._step(plain[kind], PurchaseOrderStep(**self._about(kind)), duty.why)

    async def _reduce(self, duty: PurchaseOrderDuty) -> PurchaseOrderPosition:
        """Ask for less. Shares given back meanwhile are asked for next; after a failure all still are."""
        self._shares_changed = False
        try:
            return await self._step(Do.reduce, PurchaseOrderStep(**self._about(duty.kind)), duty.why)
        except ActivityError:
            self._shares_changed = True
            raise

    async def _raise_attention(self, need: str) -> None:
        step = PurchaseOrderTextStep(**self._about("attention"), text=need)
        self._stand(await self._step(Do.raise_attention, step, "ask an operator"))

    async def _settle_attention(self, how: str, need: str | None = None) -> None:
        if self._standing.attention:
            step = PurchaseOrderSettleStep(**self._about("settle-attention"), text=how, need=need)
            self._stand(await self._step(Do.settle_attention, step, how))

    def _continue_as_new(self) -> None:
        workflow.continue_as_new(
            self._start.model_copy(
                update={
                    "shares_changed": self._shares_changed,
                    "withdrawing": self._withdrawing or self._cancel_unheeded,
                    "withdrawn": self._withdrawn,
                    "receipts": tuple(self._receipts),
                    "stuck": self._stuck,
                }
            )
        )

    # --- what the story is told with ----------------------------------------------------------------------------------

    @property
    def _standing(self) -> PurchaseOrderPosition:
        assert self._position is not None, "the first thing a run does is to look"
        return self._position

    @property
    def _attention(self) -> str | None:
        return self._standing.attention

    @property
    def _message_waits(self) -> bool:
        return self._messages_wait or bool(self._receipts)

    @property
    def _cancel_unheeded(self) -> bool:
        """The UI's cancel button was pressed, and nothing was done about it yet."""
        return workflow.cancellation_reason() is not None and not self._button_heeded

    @property
    def _may_withdraw(self) -> bool:
        """It is known what left the house: never sent at all, or nothing is on its way just now. Or all is over."""
        pending = self._standing.pending
        if pending is None or pending.state is OperationState.DELIVERED or is_over(self._standing):
            return True
        return pending.kind is OperationKind.PLACE and pending.state is OperationState.RENDERED

    @property
    def _question(self) -> OperationPosition | None:
        """The change or cancellation that the supplier has or may have, and has not answered."""
        pending = self._standing.pending
        left = pending and pending.kind is not OperationKind.PLACE and pending.state is not OperationState.RENDERED
        return pending if left else None

    @property
    def _cancellation(self) -> OperationPosition | None:
        """The cancellation that the supplier has still to answer."""
        pending = self._standing.pending
        return pending if pending and pending.kind is OperationKind.CANCEL else None

    @property
    def _withdrawal_refused(self) -> bool:
        """The supplier answered the cancellation with no. Silence and unclear words ask an operator by themselves."""
        answered = [o for o in self._standing.operations if o.operation_id == self._withdrawn and o.answered_at]
        return any(o.verdict in {"refused", "partly"} for o in answered) and not is_over(self._standing)

    @property
    def _long_history(self) -> bool:
        limit = self._start.events_per_run
        if limit is not None:
            return workflow.info().get_current_history_length() > limit
        return workflow.info().is_continue_as_new_suggested()

    def _next_duty(self) -> PurchaseOrderDuty | None:
        now = workflow.now()
        return next_duty(self._standing, now, self._postponed, shares_changed=self._shares_changed)

    def _queue_of(self, activity: Callable[[Any, Any], Awaitable[object]]) -> str | None:
        """A supplier's own queue for what calls it, so that one that is slow or down holds up only its own orders."""
        if activity not in self.NEEDS_OTHERS or self._position is None:
            return None
        return names.supplier_task_queue(workflow.info().task_queue, self._position.supplier_id)

    def _about(self, step: str) -> dict[str, Any]:
        return {"po_number": self._po_number, "key": self._key(step), "at": workflow.now()}

    def _show(self) -> None:
        position = self._standing
        indexed = (position.status, position.attention is not None)
        if indexed != self._indexed:
            self._indexed = indexed
            workflow.upsert_search_attributes(  # pyright: ignore[reportUnknownMemberType] - the SDK leaves its type open
                [
                    contract.STATUS.value_set(position.status.value),
                    contract.SUPPLIER_IDS.value_set([position.supplier_id]),
                    contract.PO_NUMBERS.value_set([position.po_number]),
                    contract.NEEDS_ATTENTION.value_set(position.attention is not None),
                ]
            )
        workflow.set_current_details(current_details(position, self._next_duty()))
