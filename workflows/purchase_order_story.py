"""What the Temporal UI shows of a purchase order: how far it is and what happens next, in Markdown."""

from domain.purchase_order_duty import PurchaseOrderDuty
from domain.purchase_order_position import PurchaseOrderPosition


def current_details(position: PurchaseOrderPosition, duty: PurchaseOrderDuty | None) -> str:
    """Markdown for `workflow.set_current_details`."""
    lines = [f"**{position.status.value.capitalize()}**: {position.po_number} to {position.supplier_name}"]
    if position.attention:
        lines += ["", f"> **Needs attention:** {position.attention}", "> Send the update `resolve`."]
    lines += [
        "",
        "| line | item | ordered | open | claimed | good | bad | expected |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {line.line_no} | `{line.sku}` | {line.ordered} | {line.open} | {line.claimed} | {line.received_good} "
        f"| {line.received_bad} | {line.expected_on or 'unknown'} |"
        for line in position.lines
    ]
    if position.chases:
        lines += ["", f"Chased {position.chases} times for the acknowledgement."]
    lines += ["", "**Next:** nothing; it waits for a message."]
    if duty:
        lines[-1] = f"**Next:** {duty.why} (at {duty.at:%Y-%m-%d %H:%M} UTC)."
    return "\n".join(lines)
