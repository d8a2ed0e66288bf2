"""What the Temporal UI shows of a backorder: how it stands, what comes next, and the story so far.

For somebody who sees it for the first time: first what is needed of a person, then what happens by itself and when,
then dates and money. Markdown, nothing personal.
"""

from collections.abc import Iterator
from datetime import datetime

from domain.backorder_duty import Duty
from domain.backorder_position import (
    BackorderPosition,
    ClaimPosition,
    NoticeKind,
    ParcelPosition,
    ParcelState,
    PaymentKind,
    PaymentState,
    Status,
)
from domain.needs import newest

_MEANS = {
    Status.ACCEPTED: "accepted; the search for goods comes next",
    Status.SOURCING: "not all of it has been found yet",
    Status.ON_ORDER: "ordered; the supplier has not confirmed all of it",
    Status.CONFIRMED: "ordered, and the supplier has confirmed it",
    Status.IN_TRANSIT: "on its way from the supplier to us",
    Status.ALLOCATED: "here, and set aside for this customer",
    Status.SHIPPING: "packed; the carrier comes for it",
    Status.CANCELLED: "cancelled; nothing ships",
    Status.REFUND_DUE: "money is to be given back",
    Status.CLOSED: "done",
}
_TOLD = {
    NoticeKind.ORDER_CONFIRMED: "sent the confirmation of the order",
    NoticeKind.DATE_CHANGED: "told of a new date",
    NoticeKind.FIRST_DELAY: "told of a delay, and asked",
    NoticeKind.RENEWED_DELAY: "told of a further delay, and asked again",
    NoticeKind.PAYMENT_PROBLEM: "told that a charge was declined",
    NoticeKind.SHIPPED: "told that a parcel is on its way",
    NoticeKind.CANCELLED: "told what was cancelled",
}
_STORY_LINES = 12
"""The newest; the whole story is `promisekeeper status ID`."""


def current_details(position: BackorderPosition, duty: Duty | None) -> str:
    """Markdown for `workflow.set_current_details`."""
    lines = [
        f"**{position.status.value.capitalize()}**: {position.ordered} x {position.item_name} (`{position.sku}`), "
        f"sales order {position.sales_order}: {_MEANS[position.status]}.",
        *_needed(position),
        "",
        _next(position, duty),
        "",
        *_waits_for(position),
        "",
        f"**Quantity:** {_quantity(position)}",
        "",
        f"**Dates:** {_promise(position)}",
        "",
        f"**Money:** {_money(position)}",
    ]
    story = sorted(_story(position))
    if story:
        lines += ["", "**Story so far**", ""]
        if len(story) > _STORY_LINES:
            lines.append(f"- {len(story) - _STORY_LINES} earlier")
        lines += [f"- {at:%Y-%m-%d %H:%M}: {what}" for at, what in story[-_STORY_LINES:]]
    return "\n".join(lines)


def _needed(position: BackorderPosition) -> list[str]:
    if not position.attention:
        return []
    return [
        "",
        "> **Needs a person:**",
        ">",  # without it the UI's Markdown shows the list as running text
        *(f"> - {need}" for need in newest(position.attention)),
        "",
        "*Send an Update* > `resolve`, with `retry` (the cause is mended: try again), `cancel` (give the money back) "
        "or `dismiss` (seen):",
        "",
        '`{"resolution": "retry", "note": "why"}`',
        "",
        f"Or in a terminal: `promisekeeper resolve {position.backorder_id} retry`.",
    ]


def _next(position: BackorderPosition, duty: Duty | None) -> str:
    if duty is None:
        if position.closed_at:
            return "**Next:** nothing; it has ended."
        return "**Next:** nothing by itself; it waits for a message."
    return f"**Next:** {duty.why} (at {duty.at:%Y-%m-%d %H:%M} UTC, by itself)."


def _waits_for(position: BackorderPosition) -> list[str]:
    """Whom it waits for, and for what."""
    if position.closed_at:
        return ["**Waiting for:** nobody."]
    waits = [_share(claim) for claim in position.claims]
    if position.unsourced and position.last_sourced_at:
        waits.append(f"a supplier for {position.unsourced}")
    if any(p.state is ParcelState.BOOKED for p in position.parcels):
        waits.append("the carrier, to take the parcel")
    asked = [n for n in position.notices if n.kind in {NoticeKind.FIRST_DELAY, NoticeKind.RENEWED_DELAY}]
    if asked and not asked[-1].answer and position.open:
        waits.append("the customer's answer to the last notice, which silence answers, too")
    if position.attention:
        waits.append("a person's decision")
    return [f"**Waiting for:** {'; '.join(waits) or 'nobody'}."]


def _quantity(position: BackorderPosition) -> str:
    """In words, since the pane is too narrow for a table."""
    parts = {
        "to be found": position.unsourced,
        "on order": position.claimed,
        "here": position.allocated,
        "shipped": position.shipped,
        "cancelled": position.cancelled,
    }
    return f"{position.ordered} ordered: {', '.join(f'{n} {what}' for what, n in parts.items() if n)}."


def _share(claim: ClaimPosition) -> str:
    when = f"expected {claim.expected_on}" if claim.expected_on else "date unknown"
    how = "in transit" if claim.in_transit else "confirmed" if claim.confirmed else "not confirmed"
    return f"{claim.supplier_id}, for {claim.quantity} on {claim.po_number}, {when}, {how}"


def _promise(position: BackorderPosition) -> str:
    if position.first_promise is None:
        return "none promised yet."
    if position.current_promise == position.first_promise:
        return f"promised for {position.first_promise} ({position.promise_basis})."
    now = (
        f"now {position.current_promise} ({position.promise_basis})"
        if position.current_promise
        else position.promise_basis
    )
    return f"promised for {position.first_promise} at first; {now}."


def _money(position: BackorderPosition) -> str:
    taken = [p for p in position.payments if p.kind is not PaymentKind.REFUND and p.state is PaymentState.SUCCEEDED]
    back = [p for p in position.payments if p.kind is PaymentKind.REFUND and p.state is PaymentState.SUCCEEDED]
    said = [f"goods worth {position.goods_value} {position.currency}"]
    said.append(f"{sum(p.amount for p in taken)} taken" if taken else "nothing taken yet")
    if back:
        said.append(f"{sum(p.amount for p in back)} given back")
    if position.refund_due:
        by = f" by {position.refund_deadline}" if position.refund_deadline else ""
        said.append(f"**{position.refund_due} {position.currency} to be given back{by}**")
    return f"{', '.join(said)}."


def _story(position: BackorderPosition) -> Iterator[tuple[datetime, str]]:
    yield position.accepted_at, f"{position.ordered} accepted"
    for notice in position.notices:
        date = f" ({notice.promised})" if notice.promised else ""
        yield notice.sent_at, f"the customer was {_TOLD[notice.kind]}{date}"
        if notice.answer and notice.answered_at:
            yield notice.answered_at, f"the customer answered: {notice.answer}"
    for payment in position.payments:
        at = payment.settled_at or payment.requested_at
        yield at, f"{payment.kind} of {payment.amount} {position.currency}: {payment.state}"
    for parcel in position.parcels:
        yield parcel.booked_at or parcel.planned_at, _parcel(parcel)
    if position.cancel_requested_at:
        by = f"the {position.cancelled_by}" if position.cancelled_by else "somebody"
        yield position.cancel_requested_at, f"{by} cancelled"  # not why: those are somebody's own words
    if position.closed_at:
        yield position.closed_at, "closed"


def _parcel(parcel: ParcelPosition) -> str:
    paid = "" if parcel.state is ParcelState.VOIDED else ", paid" if parcel.paid else ", not paid"
    tracking = f", tracking {parcel.tracking}" if parcel.tracking else ""
    return f"parcel of {parcel.quantity} {parcel.state}{paid}{tracking}"
