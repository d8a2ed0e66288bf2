"""What a notice says to one customer: gathered from where the backorder stands, and true for its kind of mail."""

from __future__ import annotations

from datetime import date, datetime
from email.utils import parseaddr
from typing import TYPE_CHECKING

from temporalio.exceptions import ApplicationError

from activities.settings import Settings
from activities.steps import NotifyStep
from domain.backorder_duty import local_day
from domain.backorder_position import (
    BackorderPosition,
    NoticeKind,
    ParcelPosition,
    PaymentKind,
    PaymentPosition,
    PaymentState,
)

if TYPE_CHECKING:
    from connectors.messages.rendering import NoticeContext
    from ledger.backorders import Contact


def notice_context(
    settings: Settings, step: NotifyStep, position: BackorderPosition, contact: Contact
) -> NoticeContext:
    """Everything the templates may say.

    Args:
        settings: shop name, links.
        step: which notice, and why.
        position: where the backorder stands.
        contact: whom it goes to.
    """
    from connectors.messages.links import answer_link
    from connectors.messages.rendering import NoticeContext

    duty = step.duty
    shop_name, shop_address = parseaddr(settings.mail_from)
    parcel = _parcel(position, duty.parcel_id)
    declined = _declined(position)
    refunded = sum(
        p.amount for p in position.payments if p.kind is PaymentKind.REFUND and p.state is not PaymentState.DECLINED
    )
    return NoticeContext(
        key=step.notice_id,
        to=contact.email,
        shop_name=shop_name or shop_address,
        mail_domain=shop_address.rpartition("@")[2],
        customer_name=contact.name,
        sales_order=position.sales_order,
        item_name=position.item_name,
        sku=position.sku,
        quantity=_quantity_told(position, duty.notice, parcel),
        remaining=position.open if duty.notice in {NoticeKind.SHIPPED, NoticeKind.CANCELLED} else 0,
        currency=position.currency,
        first_promise=position.first_promise,
        previous_date=position.current_promise if position.current_promise != duty.promised else None,
        new_date=duty.promised,
        reason=_reason(position, step),
        in_stock=position.allocated == position.open,
        first_word=not position.notices,
        answer_url=answer_link(
            settings.public_url, settings.link_secret.get_secret_value(), step.backorder_id, step.notice_id
        ),
        silence_means=duty.silence,
        answer_by=duty.answer_by,
        amount=parcel.charge_amount if parcel else (declined[-1].amount if declined else None),
        deposit=bool(declined) and declined[-1].kind is PaymentKind.DEPOSIT,
        next_try_on=_next_try(position, step),
        hold_until=local_day(_settled(declined[0]) + step.policy.payment.hold_goods, position.zone)
        if declined
        else None,
        tracking=parcel.tracking if parcel else None,
        cancelled_by=position.cancelled_by,
        refund_amount=refunded or None,
        refund_deadline=position.refund_deadline,
    )


def _reason(position: BackorderPosition, step: NotifyStep) -> str:
    """Why the date is what it is, as a clause; empty where nothing true can be added."""
    duty = step.duty
    if duty.notice is NoticeKind.ORDER_CONFIRMED:
        if duty.promised:
            return position.promise_basis
        return "no supplier has named one yet" if position.claims else "we are still looking for a supplier"
    if duty.notice in {NoticeKind.DATE_CHANGED, NoticeKind.FIRST_DELAY, NoticeKind.RENEWED_DELAY}:
        if duty.promised is None:
            return "no supplier has named one" if position.claims else "we have not found a supplier yet"
        if all(claim.confirmed for claim in position.claims):
            return "our supplier has given us a later date"
        return "our supplier needs that long"
    return ""


def _declined(position: BackorderPosition) -> list[PaymentPosition]:
    """The tries that were declined of what was declined last (the deposit, or one parcel), oldest first."""
    taking = (p for p in position.payments if p.kind is not PaymentKind.REFUND)
    declined = sorted((p for p in taking if p.state is PaymentState.DECLINED), key=_settled)
    return [p for p in declined if (p.kind, p.parcel_id) == (declined[-1].kind, declined[-1].parcel_id)]


def _settled(payment: PaymentPosition) -> datetime:
    return payment.settled_at or payment.requested_at


def _next_try(position: BackorderPosition, step: NotifyStep) -> date | None:
    """The day on which a declined charge is tried again, if it is."""
    declined, waits = _declined(position), step.policy.payment.retry_after
    if not declined or len(declined) > len(waits):
        return None
    return local_day(_settled(declined[-1]) + waits[len(declined) - 1], position.zone)


def _parcel(position: BackorderPosition, parcel_id: str | None) -> ParcelPosition | None:
    if parcel_id is None:
        return None
    for parcel in position.parcels:
        if parcel.parcel_id == parcel_id:
            return parcel
    raise ApplicationError(f"{position.backorder_id} has no parcel {parcel_id!r}", non_retryable=True)


def _quantity_told(position: BackorderPosition, notice: NoticeKind | None, parcel: ParcelPosition | None) -> int:
    """The units a notice is about."""
    if parcel:
        return parcel.quantity
    if notice is NoticeKind.CANCELLED:
        return position.cancelled
    return position.open or position.ordered
