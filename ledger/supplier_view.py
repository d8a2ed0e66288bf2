"""A purchase order as its supplier may see it: what is asked, what is still to come, what it has said so far.

Nothing about customers is read here: neither claims nor backorders, only the order's own lines.
"""

from decimal import Decimal

from domain.errors import NotFound
from domain.names import purchase_order_workflow_id
from domain.purchase_order_position import OperationKind, OperationPosition
from domain.supplier_events import SupplierEvent
from domain.values import Frozen, Instant
from ledger.book import Ledger, fetch, fetch_one

MOST_MESSAGES = 200
"""Of a supplier's messages about an order, the newest are enough to show what it said."""


class SeenLine(Frozen):
    """A line, in stock units; the supplier counts in units of `unit_factor`."""

    line_no: int
    sku: str
    supplier_sku: str
    description: str
    unit_factor: int
    unit_price: Decimal
    """Per purchase unit."""
    ordered: int
    """The total that was placed; of a line that was added later, 0."""
    asked: int
    """The total that the revision in question asks for."""
    received: int
    open: int
    to_reduce: int
    """Open units that an unanswered change asks to take off."""
    in_transit: int
    to_add: bool = False
    """An unanswered change asks to add the line."""


class Message(Frozen):
    """What the supplier said about the order, in one message."""

    inbox_id: int
    received_at: Instant
    door: str
    body: bytes
    events: tuple[SupplierEvent, ...]


class SupplierView(Frozen):
    """A purchase order at one moment, for one revision of it."""

    po_number: str
    supplier_id: str
    currency: str
    terms: str
    frozen_at: Instant
    acknowledged_at: Instant | None
    rejected_at: Instant | None
    cancelled_at: Instant | None
    closed_at: Instant | None
    lines: tuple[SeenLine, ...]
    operations: tuple[OperationPosition, ...]
    """What was asked, by revision."""
    messages: tuple[Message, ...]
    """The oldest first."""

    @property
    def is_over(self) -> bool:
        """Nothing is expected of it any more."""
        return bool(self.rejected_at or self.cancelled_at or self.closed_at)

    def operation(self, revision: int) -> OperationPosition | None:
        """What a revision asked."""
        return next((one for one in self.operations if one.revision == revision), None)

    def newer_than(self, revision: int) -> OperationPosition | None:
        """The latest change or cancellation after a revision that is still unanswered, or was agreed."""
        later = [one for one in self.operations if one.revision > revision and one.kind is not OperationKind.PLACE]
        return next((one for one in reversed(later) if one.answered_at is None or one.verdict in _AGREED), None)

    def changed_by(self, revision: int) -> bool:
        """Was a change or a part of a cancellation agreed, up to a revision?"""
        return any(
            one.kind is not OperationKind.PLACE and one.verdict in _AGREED and one.revision <= revision
            for one in self.operations
        )


_AGREED = frozenset({"accepted", "partly"})

_ORDER = """
    select po_number, supplier_id, currency, terms, frozen_at, acknowledged_at, rejected_at, cancelled_at, closed_at
    from purchase_order where po_number = %s and supplier_id = %s and frozen_at is not null
"""
_LINES = """
    select line_no, sku, supplier_sku, item.name as description, unit_factor, unit_price * unit_factor as unit_price,
           coalesce((select placed.ordered from po_line_revision placed
                     where placed.po_number = l.po_number and placed.line_no = l.line_no and placed.revision = 0), 0)
               as ordered,
           revised.ordered as asked, received_good + received_bad as received, open, to_reduce, in_transit, to_add
    from po_line l join item using (sku) join po_line_revision revised using (po_number, line_no)
    where po_number = %(po_number)s and revised.revision = %(revision)s
    order by line_no
"""
_OPERATIONS = """
    select operation_id, kind, revision, state, rendered_at, sent_at, answered_at, verdict
    from outbox where po_number = %s order by revision
"""
# An applied event is a fact of its order, by a key that names the message; so both ends have an index.
_MESSAGES = """
    with told as (
        select inbox_id from inbox_event where po_number = %(po_number)s and applied_at is null
        union
        select split_part(key, '/', 2)::bigint from journal
        where subject = %(workflow_id)s and kind = 'supplier says' and key like 'inbox/%%'
        order by inbox_id desc limit %(most)s
    )
    select inbox_id, received_at, door, body,
           (select jsonb_agg(event order by n) from inbox_event e
            where e.inbox_id = i.inbox_id and e.po_number = %(po_number)s) as events
    from inbox i join told using (inbox_id) where supplier_id = %(supplier_id)s order by inbox_id
"""


class _Order(Frozen):
    po_number: str
    supplier_id: str
    currency: str
    terms: str
    frozen_at: Instant
    acknowledged_at: Instant | None
    rejected_at: Instant | None
    cancelled_at: Instant | None
    closed_at: Instant | None


async def supplier_view(ledger: Ledger, supplier_id: str, po_number: str, revision: int) -> SupplierView:
    """A purchase order that was frozen, as its supplier may see it.

    Args:
        ledger: the ledger.
        supplier_id: who looks; another supplier's order is not there for them.
        po_number: which order.
        revision: by which `SeenLine.asked` is told.

    Raises:
        NotFound: no such order of this supplier, or nothing was asked by that revision.
    """
    asked = {
        "po_number": po_number,
        "supplier_id": supplier_id,
        "revision": revision,
        "workflow_id": purchase_order_workflow_id(po_number),
        "most": MOST_MESSAGES,
    }
    async with ledger.read() as connection:
        order = await fetch_one(connection, _Order, _ORDER, (po_number, supplier_id))
        if order is None:
            raise NotFound(f"no purchase order {po_number!r} was sent to {supplier_id!r}; check the number")
        view = SupplierView(
            **dict(order),
            lines=tuple(await fetch(connection, SeenLine, _LINES, asked)),
            operations=tuple(await fetch(connection, OperationPosition, _OPERATIONS, (po_number,))),
            messages=tuple(await fetch(connection, Message, _MESSAGES, asked)),
        )
    if view.operation(revision) is None:
        raise NotFound(f"revision {revision} of {po_number!r} was never asked; check the number")
    return view
