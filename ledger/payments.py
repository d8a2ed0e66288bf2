"""Money in the books: every movement is written here before the provider is asked, and settled once by its answer.

The payment_id is the provider's key: whatever crashes in between, the same movement is asked for again, and made once.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from domain.backorder_position import BackorderPosition, PaymentKind, PaymentPosition, PaymentState
from domain.errors import NotFound
from domain.names import backorder_workflow_id
from domain.values import Frozen, round_money
from ledger.attention import RAISE_ON_BACKORDER
from ledger.book import Connection, Ledger, fetch_one
from ledger.positions import read_position

_LOCK_BACKORDER = "select from backorder where backorder_id = %s for no key update"
_PAYMENT = """
    select y.payment_id, y.backorder_id, y.kind, y.state, y.amount, y.currency, b.payment_method, y.parcel_id,
           y.refunds, y.reference, y.reason
    from payment y join backorder b using (backorder_id) where y.payment_id = %s
"""
_DEPOSIT = """
    insert into payment (payment_id, backorder_id, kind, state, amount, currency, requested_at)
    select %(payment_id)s, backorder_id, 'deposit', 'requested', %(amount)s, currency, %(at)s
    from backorder where backorder_id = %(id)s and cancel_requested_at is null and ordered > shipped + cancelled
"""
_LIVE_DEPOSIT = "select payment_id from payment where backorder_id = %s and kind = 'deposit' and state <> 'declined'"
_LIVE_CHARGE = "select payment_id from payment where parcel_id = %s and kind = 'charge' and state <> 'declined'"
_CHARGE = """
    insert into payment (payment_id, backorder_id, kind, state, amount, currency, parcel_id, requested_at)
    select %(payment_id)s, b.backorder_id, 'charge', 'requested', q.charge_amount, b.currency, q.parcel_id, %(at)s
    from parcel q join backorder b using (backorder_id)
    where q.parcel_id = %(parcel_id)s and q.backorder_id = %(id)s and q.voided_at is null and q.charge_amount > 0
      and b.closed_at is null and b.cancel_requested_at is null
"""
_REFUND = """
    insert into payment (payment_id, backorder_id, kind, state, amount, currency, refunds, requested_at)
    select %(payment_id)s, backorder_id, 'refund', 'requested', %(amount)s, currency, %(refunds)s, %(at)s
    from backorder where backorder_id = %(id)s
"""
_SETTLE = """
    update payment set state = %(outcome)s, reference = %(reference)s, reason = %(reason)s, settled_at = %(at)s
    where payment_id = %(payment_id)s and state = 'requested'
"""
_MOVE = """
    update backorder
    set captured = captured + case when %(kind)s = 'refund' then 0 else %(amount)s end,
        refunded = refunded + case when %(kind)s = 'refund' then %(amount)s else 0 end
    where backorder_id = %(id)s
"""


class PlannedPayment(Frozen):
    """A movement of money as it is to be asked for, and what became of it."""

    payment_id: str
    """The provider's key."""
    backorder_id: str
    kind: PaymentKind
    state: PaymentState
    amount: Decimal
    currency: str
    payment_method: str
    parcel_id: str | None
    refunds: str | None
    """For a refund: the key of the capture it gives back."""
    reference: str | None
    reason: str


class PlannedRefund(Frozen):
    """A refund that is still to be asked for."""

    payment_id: str
    charge_key: str
    """The key of the capture that it gives back (a part of)."""
    amount: Decimal
    currency: str


async def payment(ledger: Ledger, payment_id: str) -> PlannedPayment:
    """One movement of money. Raises: NotFound."""
    async with ledger.look() as connection:
        return await _payment(connection, payment_id)


async def _payment(connection: Connection, payment_id: str) -> PlannedPayment:
    found = await fetch_one(connection, PlannedPayment, _PAYMENT, (payment_id,))
    if found is None:
        raise NotFound(f"no payment {payment_id!r} in the ledger; plan it before it is settled")
    return found.model_copy(update={"amount": round_money(found.amount, found.currency)})


async def plan_deposit(
    ledger: Ledger, backorder_id: str, *, payment_id: str, at: datetime, amount: Decimal
) -> PlannedPayment:
    """Write down a deposit before the provider is asked for it.

    Returns:
        What to ask for; under the first key if a deposit is under way or taken already.

    Raises:
        NotFound: nothing of the backorder is open, or it is being cancelled; no deposit is asked for.
    """
    async with ledger.fact(
        key=f"{payment_id}/planned", subject=backorder_workflow_id(backorder_id), kind="deposit planned", at=at
    ) as fact:
        connection = fact.connection
        if fact.repeated:
            return await _payment(connection, fact.result or payment_id)
        await connection.execute(_LOCK_BACKORDER, (backorder_id,))
        live = await (await connection.execute(_LIVE_DEPOSIT, (backorder_id,))).fetchone()
        if live is None:
            row = {"payment_id": payment_id, "id": backorder_id, "amount": amount, "at": at}
            if (await connection.execute(_DEPOSIT, row)).rowcount == 0:
                raise NotFound(f"nothing of backorder {backorder_id!r} is open to ask a deposit for; ask for none")
        fact.result = str(live[0]) if live else payment_id
        planned = await _payment(connection, fact.result)
        if live is None:
            fact.note(text=f"Asking for a deposit of {planned.amount} {planned.currency}")
        return planned


async def plan_charge(
    ledger: Ledger, backorder_id: str, *, payment_id: str, parcel_id: str, at: datetime
) -> PlannedPayment | None:
    """Write down the charge for a parcel before the provider is asked for it.

    Returns:
        What to ask for; under the first key if a charge of this parcel is under way or done already. None if there is
        nothing to charge: the parcel was voided, a deposit covers it, or the backorder is closed.
    """
    async with ledger.fact(
        key=f"{payment_id}/planned", subject=backorder_workflow_id(backorder_id), kind="charge planned", at=at
    ) as fact:
        connection = fact.connection
        if fact.repeated:
            return await _payment(connection, fact.result) if fact.result else None
        await connection.execute(_LOCK_BACKORDER, (backorder_id,))
        live = await (await connection.execute(_LIVE_CHARGE, (parcel_id,))).fetchone()
        if live is None:
            row = {"payment_id": payment_id, "parcel_id": parcel_id, "id": backorder_id, "at": at}
            if (await connection.execute(_CHARGE, row)).rowcount == 0:
                return None
        fact.result = str(live[0]) if live else payment_id
        planned = await _payment(connection, fact.result)
        if live is None:
            fact.note(text=f"Asking for {planned.amount} {planned.currency} for parcel {parcel_id}")
        return planned


async def plan_refunds(ledger: Ledger, backorder_id: str, *, at: datetime) -> tuple[PlannedRefund, ...]:
    """Write down the refunds that give back what is due: of each capture once, the latest first.

    What was planned before and has no answer yet is returned again, so a repeat asks for the same. A declined refund is
    planned anew under a new key.

    Raises:
        NotFound: no such backorder.
    """
    # No key of the caller's: the refunds' own ids, made of the captures they give back, make a repeat harmless.
    async with ledger.work() as connection:
        await connection.execute(_LOCK_BACKORDER, (backorder_id,))
        position = await read_position(connection, backorder_id)
        pending = [p for p in position.payments if _is(p, PaymentKind.REFUND, PaymentState.REQUESTED)]
        due = position.refund_due - sum(p.amount for p in pending)
        planned = [_refund(p.payment_id, p.refunds or "", p.amount, position.currency) for p in pending]
        given = {p.refunds for p in position.payments if p.refunds and p.state is not PaymentState.DECLINED}
        for capture in reversed(position.payments):
            taken = capture.kind is not PaymentKind.REFUND and capture.state is PaymentState.SUCCEEDED
            if due > 0 and taken and capture.payment_id not in given:
                amount = min(due, capture.amount)
                refund = _refund(_refund_id(capture, position), capture.payment_id, amount, position.currency)
                row = {"payment_id": refund.payment_id, "refunds": capture.payment_id, "amount": amount}
                await connection.execute(_REFUND, {**row, "id": backorder_id, "at": at})
                planned.append(refund)
                due -= amount
        return tuple(planned)


def _is(movement: PaymentPosition, kind: PaymentKind, state: PaymentState) -> bool:
    return movement.kind is kind and movement.state is state


def _refund(payment_id: str, charge_key: str, amount: Decimal, currency: str) -> PlannedRefund:
    return PlannedRefund(payment_id=payment_id, charge_key=charge_key, amount=amount, currency=currency)


def _refund_id(capture: PaymentPosition, position: BackorderPosition) -> str:
    """`{capture}/refund`, and with a number from the second try on."""
    tries = sum(1 for p in position.payments if p.refunds == capture.payment_id)
    return f"{capture.payment_id}/refund" + (f"/{tries + 1}" if tries else "")


async def settle(
    ledger: Ledger,
    payment_id: str,
    *,
    at: datetime,
    outcome: Literal["succeeded", "declined"],
    reference: str,
    reason: str,
) -> BackorderPosition:
    """Write down the provider's answer; the first one stands.

    Success after a decline (or after the movement was written off as never seen) is money that the books do not have:
    an operator is asked to find out.

    Args:
        ledger: the books.
        payment_id: which movement.
        at: when the answer came.
        outcome: the provider's word.
        reference: the provider's own id.
        reason: why it was declined, in the provider's words.

    Raises:
        NotFound: it was never planned.
    """
    planned = await payment(ledger, payment_id)
    subject = backorder_workflow_id(planned.backorder_id)
    async with ledger.fact(key=f"{payment_id}/settled", subject=subject, kind="payment settled", at=at) as fact:
        connection = fact.connection
        if not fact.repeated:
            await connection.execute(_LOCK_BACKORDER, (planned.backorder_id,))
            row = {"outcome": outcome, "reference": reference, "reason": reason, "at": at, "payment_id": payment_id}
            await connection.execute(_SETTLE, row)
            if outcome == "succeeded":
                moved = {"kind": planned.kind.value, "amount": planned.amount, "id": planned.backorder_id}
                await connection.execute(_MOVE, moved)
            why = f": {reason}" if reason else ""
            fact.note(text=f"{planned.kind.value.capitalize()} of {planned.amount} {planned.currency} {outcome}{why}")
        elif outcome == "succeeded" and (await _payment(connection, payment_id)).state is PaymentState.DECLINED:
            what = (
                f"The provider made the {planned.kind} {payment_id} of {planned.amount} {planned.currency} (its "
                f"reference {reference!r}), which the books have as declined. Ask it whether money moved, and have "
                "that undone there."
            )
            await connection.execute(RAISE_ON_BACKORDER, {"id": planned.backorder_id, "what": what, "at": at})
        return await read_position(connection, planned.backorder_id)
