"""The outbox: what is asked of a supplier, rendered once into bytes, stored, and sent as stored however often.

An operation belongs to one revision of a purchase order; placing it is revision 0. What to ask is planned here
(placing) and in `ledger.changes` (more lines, less of it, or none); what became of it is written by `ledger.answers`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import Field

from domain.catalogue import Supplier
from domain.errors import NotFound
from domain.names import purchase_order_workflow_id
from domain.purchase_order_position import OperationKind, OperationState
from domain.values import Frozen, Instant
from ledger.book import Ledger, as_json, fetch, fetch_one


class PlannedLine(Frozen):
    """One line to be asked for, as the supplier counts: quantity in purchase units, price per purchase unit."""

    line_no: int
    sku: str
    supplier_sku: str
    description: str
    quantity: int
    unit_price: Decimal


class PlannedOperation(Frozen):
    """What is to be asked of a supplier: everything a connector needs to render it, and nothing of its format."""

    operation_id: str
    """The idempotency key on the wire: workflow id and revision."""
    kind: OperationKind
    revision: int
    po_number: str
    supplier_id: str
    currency: str
    terms: str
    on: date
    """The day it is asked, in the supplier's zone."""
    lines: tuple[PlannedLine, ...] = ()
    """PLACE: every line. CHANGE: the lines with a new total. CANCEL: none, since everything goes."""
    before: dict[int, int] = Field(default_factory=dict)
    """CHANGE: by line number, what was on order of each line that changes; where lines are added, of all others."""
    whole: tuple[PlannedLine, ...] = ()
    """CHANGE: every line as it stands with the change. CANCEL: every line as it last stood."""
    placed_on: date | None = None
    """CHANGE and CANCEL: the day the order was placed, in the supplier's zone."""


class StoredOperation(Frozen):
    """An outbox row, with the bytes exactly as they are (to be) sent."""

    operation_id: str
    supplier_id: str
    po_number: str
    kind: OperationKind
    revision: int
    content_type: str
    headers: dict[str, str]
    body: bytes
    state: OperationState
    reference: str | None
    reason: str
    rendered_at: Instant
    sent_at: Instant | None
    answered_at: Instant | None
    verdict: str | None


class OrderToPlan(Frozen):
    """What every operation of a purchase order repeats."""

    po_number: str
    supplier_id: str
    currency: str
    terms: str
    revision: int
    frozen_at: Instant | None
    supplier: Supplier

    def planned(
        self,
        kind: OperationKind,
        revision: int,
        at: datetime,
        *lines: PlannedLine,
        before: Mapping[int, int] | None = None,
        whole: Sequence[PlannedLine] = (),
    ) -> PlannedOperation:
        """The operation of one revision, asked at an instant."""
        zone = ZoneInfo(self.supplier.cut_off.zone)
        return PlannedOperation(
            operation_id=operation_id(self.po_number, revision),
            kind=kind,
            revision=revision,
            po_number=self.po_number,
            supplier_id=self.supplier_id,
            currency=self.currency,
            terms=self.terms,
            on=at.astimezone(zone).date(),
            lines=lines,
            before=dict(before or {}),
            whole=tuple(whole),
            placed_on=self.frozen_at.astimezone(zone).date() if self.frozen_at else None,
        )


def operation_id(po_number: str, revision: int) -> str:
    """The key of one operation: the workflow id and the revision."""
    return f"{purchase_order_workflow_id(po_number)}/{revision}"


TO_PLAN = """
    select po_number, supplier_id, currency, terms, revision, frozen_at, supplier.doc as supplier
    from purchase_order join supplier using (supplier_id) where po_number = %s
"""
"""One `OrderToPlan`."""

_LINES_TO_PLACE = """
    select line_no, sku, supplier_sku, item.name as description, ordered / unit_factor as quantity,
           unit_price * unit_factor as unit_price
    from po_line join item using (sku) where po_number = %s and ordered > 0 order by line_no
"""


async def plan_place(ledger: Ledger, po_number: str) -> PlannedOperation:
    """The order as it is to be placed. A frozen order never changes what it asks first, so this is the same every time.

    Raises:
        NotFound: no such purchase order, or it is not frozen.
    """
    async with ledger.read() as connection:
        order = await fetch_one(connection, OrderToPlan, TO_PLAN, (po_number,))
        if order is None or order.frozen_at is None:
            raise NotFound(f"{po_number} is no frozen purchase order; freeze it before it is placed")
        lines = await fetch(connection, PlannedLine, _LINES_TO_PLACE, (po_number,))
    return order.planned(OperationKind.PLACE, 0, order.frozen_at, *lines)


# Of an older revision nothing is kept: it was planned and never written down, and the later plan stands in its place.
_STORE = """
    insert into outbox (operation_id, supplier_id, po_number, kind, revision, content_type, headers, body, rendered_at,
                        control_number)
    select %s, %s, po_number, %s, revision, %s, %s, %s, %s, %s
    from purchase_order where po_number = %s and revision = %s for no key update
    on conflict (operation_id) do nothing
"""


async def store_operation(
    ledger: Ledger,
    operation_id: str,
    *,
    supplier_id: str,
    po_number: str,
    kind: OperationKind,
    revision: int,
    content_type: str,
    headers: Mapping[str, str],
    body: bytes,
    key: str,
    at: datetime,
    control_number: int | None = None,
) -> None:
    """Keep the rendered bytes of an operation. The first stay, whatever a repeat brings: they may have been sent.

    Only of the order's latest revision: one that was planned anew meanwhile is never asked.
    """
    subject = purchase_order_workflow_id(po_number)
    async with ledger.fact(key=key, subject=subject, kind="rendered", at=at) as fact:
        if fact.repeated:
            return
        content = (operation_id, supplier_id, kind, content_type, as_json(dict(headers)), body, at, control_number)
        if (await fact.connection.execute(_STORE, (*content, po_number, revision))).rowcount:
            fact.note(operation_id=operation_id, text=f"Wrote down {kind} revision {revision}")


_STORED = """
    select operation_id, supplier_id, po_number, kind, revision, content_type, headers, body, state, reference, reason,
           rendered_at, sent_at, answered_at, verdict
    from outbox where operation_id = %s
"""


async def stored_operation(ledger: Ledger, operation_id: str) -> StoredOperation:
    """The bytes of an operation and what became of them.

    Raises:
        NotFound: it was never stored.
    """
    async with ledger.look() as connection:
        stored = await fetch_one(connection, StoredOperation, _STORED, (operation_id,))
    if stored is None:
        raise NotFound(f"no operation {operation_id!r} in the outbox; store it before it is sent")
    return stored
