"""A receipt that came as a Temporal signal: kept raw first, then read, then applied, so that none is ever lost."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from domain.errors import NotFound
from domain.supplier_events import Received

if TYPE_CHECKING:
    from ledger.book import Ledger


UNUSABLE = "A receipt was signalled"
"""How an operator is told of a receipt that cannot be used. Anybody may send hundreds of them."""

_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def read_receipt(raw: str, po_number: str | None) -> Received:
    """Read a signalled receipt. A signal to a purchase order may leave the `po_number` out.

    Raises:
        ValueError: says in words what is wrong with it.
    """
    try:
        content = _OBJECT.validate_json(raw)
    except ValidationError as broken:
        raise ValueError("it is no JSON object") from broken
    if po_number is not None:
        content.setdefault("po_number", po_number)
    content.setdefault("kind", "received")
    try:
        receipt = Received.model_validate(content)
    except ValidationError as wrong:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in wrong.errors())
        raise ValueError(reasons) from wrong
    if po_number is not None and receipt.po_number != po_number:
        raise ValueError(f"it names {receipt.po_number}, but was sent to {po_number}")
    return receipt


async def keep_receipt(
    ledger: Ledger,
    raw: str,
    *,
    at: datetime,
    supplier_id: str,
    po_number: str | None = None,
    prefer: str | None = None,
) -> tuple[str | None, str | None]:
    """Store a signalled receipt in the inbox.

    Args:
        ledger: the open ledger.
        raw: what was signalled, as text.
        at: the workflow's time.
        supplier_id: in whose inbox it is kept if it names no purchase order.
        po_number: the purchase order it was sent to; None if it was sent to a backorder.
        prefer: the backorder it was sent to, which is served first.

    Returns:
        The purchase order it is for, or None; and what an operator must be told, or None when it could be read.
    """
    from ledger import inbox, purchase_orders

    digest = hashlib.sha256(raw.encode()).hexdigest()
    receipt, unreadable = None, None
    try:
        receipt = read_receipt(raw, po_number)
        supplier_id = (await purchase_orders.position(ledger, receipt.po_number)).supplier_id
    except (ValueError, NotFound) as wrong:
        receipt, unreadable = None, str(wrong)
    await inbox.store_message(
        ledger,
        supplier_id,
        door="signal",
        dedupe_key=f"signal/{receipt.receipt_id if receipt else digest}/{digest[:16]}",
        headers={},
        body=raw.encode(),
        at=at,
        events=[receipt] if receipt else [],
        unreadable=unreadable,
        prefer=prefer,
    )
    if receipt:
        return receipt.po_number, None
    return None, (
        f"{UNUSABLE} that cannot be used: {unreadable}. It is kept in the inbox of {supplier_id} "
        f"(sha256 {digest[:12]}). Ask the sender to correct and repeat it, then resolve with 'dismiss'."
    )
