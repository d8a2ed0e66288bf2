"""What the Temporal UI shows of a purchase order: how far it is, what comes next, and the story so far.

For somebody who sees it for the first time; as `workflows/backorder_story.py`.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from domain.needs import newest
from domain.purchase_order_duty import PurchaseOrderDuty, is_over
from domain.purchase_order_position import (
    LinePosition,
    OperationPosition,
    OperationState,
    PurchaseOrderPosition,
    PurchaseOrderStatus,
)
from domain.values import round_money

_MEANS = {
    PurchaseOrderStatus.COLLECTING: "backorders may still join it; nothing was sent",
    PurchaseOrderStatus.READY: "nobody joins any more; it is being written",
    PurchaseOrderStatus.SENDING: "it is on its way to the supplier",
    PurchaseOrderStatus.SEND_UNKNOWN: "it may have arrived; the supplier is asked before anything is sent again",
    PurchaseOrderStatus.ACKNOWLEDGEMENT_PENDING: "the supplier has it, and has not said yes or no",
    PurchaseOrderStatus.ACKNOWLEDGED: "the supplier will deliver; goods are waited for",
    PurchaseOrderStatus.PARTLY_RECEIVED: "a part has come; the rest is waited for",
    PurchaseOrderStatus.CHANGE_PENDING: "the supplier was asked to change it, and has not answered",
    PurchaseOrderStatus.CANCEL_PENDING: "the supplier was asked to cancel it, and has not answered",
    PurchaseOrderStatus.REJECTED: "the supplier does not deliver",
    PurchaseOrderStatus.CANCELLED: "the supplier took it back",
    PurchaseOrderStatus.CLOSED: "done",
}
_LINES_SHOWN = 40


def current_details(position: PurchaseOrderPosition, duty: PurchaseOrderDuty | None) -> str:
    """Markdown for `workflow.set_current_details`."""
    value = sum((line.ordered * line.unit_price for line in position.lines), start=Decimal(0))
    lines = [
        f"**{position.status.value.capitalize()}**: {position.po_number} to {position.supplier_name}, worth "
        f"{round_money(value, position.currency)} {position.currency}: {_MEANS[position.status]}.",
        *_needed(position),
        "",
        _next(position, duty),
        "",
        f"**Waiting for:** {_waits_for(position)}.",
        "",
        "**Lines**",
        "",
        *(_line(line) for line in position.lines[:_LINES_SHOWN]),
    ]
    if len(position.lines) > _LINES_SHOWN:
        lines.append(f"- and {len(position.lines) - _LINES_SHOWN} more")
    lines += ["", "**Story so far**", ""]
    lines += [f"- {at:%Y-%m-%d %H:%M}: {what}" for at, what in sorted(_story(position))]
    return "\n".join(lines)


def _line(line: LinePosition) -> str:
    received = (
        f"; {line.received_good} good and {line.received_bad} bad came"
        if line.received_good + line.received_bad
        else ""
    )
    expected = f", expected {line.expected_on or 'on a day nobody knows'}" if line.open else ""
    still = f"{line.open} open ({line.claimed} claimed)"
    to_add = ", to be added if the supplier agrees" if line.to_add else ""
    return f"- {line.line_no}: {line.ordered} x `{line.sku}`, {still}{expected}{received}{to_add}"


def _needed(position: PurchaseOrderPosition) -> list[str]:
    if not position.attention:
        return []
    return [
        "",
        "> **Needs a person:**",
        ">",  # without it the UI's Markdown shows the list as running text
        *(f"> - {need}" for need in newest(position.attention)),
        "",
        "*Send an Update* > `resolve`, with `retry` (the cause is mended), `acknowledged` (they confirmed otherwise), "
        "`refused` (they do not do what was asked), `close_short` (nothing more comes), `withdraw` (cancel it with "
        "them) or `dismiss` (seen):",
        "",
        '`{"resolution": "retry", "note": "why"}`',
        "",
        f"Or in a terminal: `promisekeeper resolve {position.po_number} retry`.",
    ]


def _next(position: PurchaseOrderPosition, duty: PurchaseOrderDuty | None) -> str:
    if duty:
        return f"**Next:** {duty.why} (at {duty.at:%Y-%m-%d %H:%M} UTC, by itself)."
    if is_over(position):
        return "**Next:** nothing; it is over, and late goods wake it again."
    if position.held:
        return "**Next:** nothing; it is held until the update `hold` with `held: false`."
    return "**Next:** nothing by itself; it waits for a message."


def _waits_for(position: PurchaseOrderPosition) -> str:
    if is_over(position):
        return "nobody"
    waits: list[str] = []
    if position.frozen_at is None:
        waits.append(
            "whoever holds it" if position.held else f"its cut-off on {position.collect_until:%Y-%m-%d %H:%M} UTC"
        )
    elif position.pending:
        waits.append(f"{position.supplier_name}, {_asked(position.pending)}")
    elif position.acknowledged_at is None:
        sent = position.place.sent_at if position.place else None
        waits.append(f"{position.supplier_name}, to acknowledge it{f', since {_minute(sent)}' if sent else ''}")
    elif position.open:
        days = [line.expected_on for line in position.lines if line.open and line.expected_on]
        when = f", the next by {min(days)}" if days else ", date unknown"
        waits.append(f"{position.open} units from {position.supplier_name}{when}")
    if position.attention:
        waits.append("a person's decision")
    return "; ".join(waits) or "nobody"


def _asked(operation: OperationPosition) -> str:
    """What the supplier is to do about it, and since when."""
    since = _minute(operation.sent_at or operation.rendered_at)
    match operation.state:
        case OperationState.RENDERED:
            return f"to take the {operation.kind}, since {since}"
        case OperationState.UNKNOWN:
            return f"to say whether the {operation.kind} of {since} arrived"
        case OperationState.DELIVERED | OperationState.REFUSED:
            return f"to answer the {operation.kind}, since {since}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _story(position: PurchaseOrderPosition) -> Iterator[tuple[datetime, str]]:
    yield position.opened_at, "opened by its first share"
    if position.frozen_at:
        yield position.frozen_at, "cut off: later shares go to the next order"
    for operation in position.operations:
        yield operation.sent_at or operation.rendered_at, _operation(operation)
    if position.last_chased_at:
        times = "once" if position.chases == 1 else f"{position.chases} times by then"
        yield position.last_chased_at, f"the supplier was reminded, {times}"
    for at, what in (
        (position.acknowledged_at, "acknowledged"),
        (position.overdue_told_at, "goods are overdue; the backorders were told"),
        (position.rejected_at, "rejected by the supplier"),
        (position.cancelled_at, "cancelled"),
        (position.closed_at, f"closed: added to {position.added_to}" if position.added_to else "closed"),
    ):
        if at:
            yield at, what


def _operation(operation: OperationPosition) -> str:
    answered = f", answered: {operation.verdict}" if operation.verdict else ""
    revision = f" (revision {operation.revision})" if operation.revision else ""
    return f"{operation.kind}{revision} {operation.state}{answered}"
