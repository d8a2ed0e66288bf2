"""What the Temporal UI shows of a backorder: the story so far and what happens next, in Markdown, nothing personal."""

from domain.backorder_duty import Duty
from domain.backorder_position import BackorderPosition, ParcelState


def current_details(position: BackorderPosition, duty: Duty | None) -> str:
    """Markdown for `workflow.set_current_details`."""
    lines = [
        f"**{position.status.value.capitalize()}**: {position.ordered} x {position.item_name} (`{position.sku}`), "
        f"sales order {position.sales_order}"
    ]
    if position.attention:
        lines += ["", f"> **Needs attention:** {position.attention}", "> Send the update `resolve`."]
    lines += [
        "",
        "| ordered | unsourced | claimed | allocated | shipped | cancelled |",
        "|---|---|---|---|---|---|",
        f"| {position.ordered} | {position.unsourced} | {position.claimed} | {position.allocated} "
        f"| {position.shipped} | {position.cancelled} |",
        "",
        _promise(position),
    ]
    for claim in position.claims:
        when = f"expected {claim.expected_on}" if claim.expected_on else "date unknown"
        lines.append(
            f"- {claim.quantity} on {claim.po_number} from {claim.supplier_id}, {when}"
            f"{', confirmed' if claim.confirmed else ''}{', in transit' if claim.in_transit else ''}"
        )
    for parcel in position.parcels:
        lines.append(f"- parcel of {parcel.quantity}: {parcel.state}{_paid(parcel.paid, parcel.state)}")
    for notice in position.notices:
        answered = f", answered {notice.answer}" if notice.answer else ""
        lines.append(f"- told on {notice.sent_at:%Y-%m-%d}: {notice.kind.value.replace('_', ' ')}{answered}")
    if position.refund_due:
        lines.append(f"- **refund due:** {position.refund_due} {position.currency} by {position.refund_deadline}")
    lines += ["", _next(duty)]
    return "\n".join(lines)


def _promise(position: BackorderPosition) -> str:
    if position.first_promise is None:
        return "No date promised yet."
    if position.current_promise == position.first_promise:
        return f"Promised for {position.first_promise} ({position.promise_basis})."
    now = position.current_promise or "no date can be given"
    return f"Promised for {position.first_promise} at first; now {now} ({position.promise_basis})."


def _paid(paid: bool, state: ParcelState) -> str:
    return "" if state is ParcelState.VOIDED else (", paid" if paid else ", not paid")


def _next(duty: Duty | None) -> str:
    if duty is None:
        return "**Next:** nothing; it waits for a message."
    return f"**Next:** {duty.why} (at {duty.at:%Y-%m-%d %H:%M} UTC)."
