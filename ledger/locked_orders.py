"""A purchase order and its lines under their locks, as values; and how suppliers name and count lines."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from psycopg import Rollback

from domain.errors import NotFound
from domain.names import purchase_order_workflow_id
from domain.supplier_events import LineRef
from domain.values import Frozen, Instant
from ledger.book import Connection, fetch, lock_skus

MOST_UNITS = 100_000_000
"""The most stock units believed of one line of a message; the books' counters hold twenty times as many."""


@dataclass(frozen=True, slots=True)
class Line:
    """A PO line in stock units, as it stands under the lock; `write_line` writes a changed copy."""

    line_no: int
    sku: str
    supplier_sku: str
    unit_factor: int
    unit_price: Decimal
    ordered: int
    confirmed: int
    open: int
    claimed: int
    to_reduce: int
    received_good: int
    received_bad: int
    closed_short: int
    cancelled: int
    over_received: int
    over_quarantined: int
    in_transit: int
    expected_on: date | None
    to_add: bool
    """The supplier is (to be) asked to add it to an order that it has, and has not agreed."""

    @property
    def free(self) -> int:
        """Open units that are nobody's and that the supplier is not asked to take off."""
        return self.open - self.claimed - self.to_reduce

    @property
    def settled(self) -> int:
        """Units the supplier owes no more: received in any condition, or closed short."""
        return self.received_good + self.received_bad + self.closed_short

    @property
    def total(self) -> int:
        """What is or was to come of it: everything confirmed but cancelled and closed short."""
        return self.received_good + self.received_bad + self.open


class Order(Frozen):
    """The purchase order row, as far as its lines' changes need it."""

    po_number: str
    supplier_id: str
    supplier_name: str
    currency: str
    over_receipt_tolerance: Decimal
    price_rise_tolerance: Decimal
    revision: int
    frozen_at: Instant | None
    acknowledged_at: Instant | None
    rejected_at: Instant | None
    cancelled_at: Instant | None
    closed_at: Instant | None

    @property
    def workflow_id(self) -> str:
        """Who owes the announcements of what happens to it."""
        return purchase_order_workflow_id(self.po_number)

    @property
    def is_over(self) -> bool:
        """Rejected, cancelled or closed: nothing is expected of it, though goods may still come."""
        return bool(self.rejected_at or self.cancelled_at or self.closed_at)


@dataclass(frozen=True, slots=True)
class LockedOrder:
    """A purchase order and its lines, nobody else's to change until the transaction ends."""

    order: Order
    lines: tuple[Line, ...]

    @property
    def adds_lines(self) -> bool:
        """The supplier is (to be) asked to add lines, and has not agreed."""
        return any(line.to_add for line in self.lines)

    def find(self, ref: LineRef) -> Line | None:
        """The line a supplier means: by its number, else by our SKU, else by theirs. No match is None, never a guess.

        A number beside the SKU of another line, ours or theirs, matches nothing either.
        """
        if ref.line_no is not None:
            found = [line for line in self.lines if line.line_no == ref.line_no]
            if ref.sku is not None:
                found = [line for line in found if line.sku == ref.sku]
            if any(line.supplier_sku == ref.supplier_sku for line in self.lines):
                found = [line for line in found if line.supplier_sku == ref.supplier_sku]
        elif ref.sku is not None:
            found = [line for line in self.lines if line.sku == ref.sku]
        else:
            found = [line for line in self.lines if line.supplier_sku == ref.supplier_sku]
        return found[0] if len(found) == 1 else None


class Effect(Frozen):
    """What became of something a supplier said."""

    outcome: str
    """In words, kept with the event."""
    incidents: tuple[str, ...] = ()
    """What an operator is asked to look at; kept as attention on the order."""


def stock_units(quantity: Decimal, line: Line) -> int | None:
    """A supplier's count of purchase units in our stock units; None if that is no whole number, or beyond reason."""
    units = quantity * line.unit_factor
    return int(units) if units == units.to_integral_value() and units <= MOST_UNITS else None


def named(ref: LineRef) -> str:
    """How a supplier's message called a line, for people."""
    parts = (("line", ref.line_no), ("SKU", ref.sku), ("supplier SKU", ref.supplier_sku))
    return ", ".join(f"{what} {value}" for what, value in parts if value is not None) or "a line without a name"


_SKUS = "select sku from po_line where po_number = any(%s)"
_LOCK_ORDERS = """
    select po_number, supplier_id, supplier.doc->>'name' as supplier_name, currency,
           coalesce(supplier.doc->>'over_receipt_tolerance', '0.05')::numeric as over_receipt_tolerance,
           coalesce(supplier.doc->>'price_rise_tolerance', '0.05')::numeric as price_rise_tolerance, revision,
           frozen_at, acknowledged_at, rejected_at, cancelled_at, closed_at
    from purchase_order join supplier using (supplier_id) where po_number = any(%s)
    order by po_number for no key update of purchase_order
"""
_LOCK_LINES = """
    select line_no, sku, supplier_sku, unit_factor, unit_price, ordered, confirmed, open, claimed, to_reduce,
           received_good, received_bad, closed_short, cancelled, over_received, over_quarantined, in_transit,
           expected_on, to_add
    from po_line where po_number = %s order by line_no for no key update
"""


async def lock_order(connection: Connection, po_number: str) -> LockedOrder:
    """Lock the SKUs of a purchase order, then the order, then its lines.

    All its SKUs, even if one line changes: what is freed may go to other orders of the same SKUs, and two transactions
    that reach for each other's orders then have a SKU in common, which the first of them holds.

    Raises:
        NotFound: no such purchase order.
    """
    (locked,) = await lock_orders(connection, po_number)
    return locked


async def lock_orders(connection: Connection, *po_numbers: str) -> list[LockedOrder]:
    """The same for several at once, in the order of their numbers whatever the order asked for.

    Raises:
        NotFound: one of them is not in the ledger.
    """
    numbers = list(po_numbers)
    while True:
        async with connection.transaction() as attempt:
            skus = {row[0] for row in await (await connection.execute(_SKUS, (numbers,))).fetchall()}
            await lock_skus(connection, skus)
            orders = {order.po_number: order for order in await fetch(connection, Order, _LOCK_ORDERS, (numbers,))}
            for po_number in numbers:
                if po_number not in orders:
                    raise NotFound(f"no purchase order {po_number!r} in the ledger; check the number")
            locked = [
                LockedOrder(orders[po_number], tuple(await fetch(connection, Line, _LOCK_LINES, (po_number,))))
                for po_number in numbers
            ]
            if skus.issuperset(line.sku for one in locked for line in one.lines):
                return locked
            # A share of another item joined before the order was ours. Its SKU comes before the order in the lock
            # order, so let go of everything (a rollback to the savepoint does) and begin again.
            raise Rollback(attempt)


_WRITE_LINE = """
    update po_line set confirmed = %s, open = %s, claimed = %s, to_reduce = %s, received_good = %s, received_bad = %s,
           closed_short = %s, cancelled = %s, over_received = %s, over_quarantined = %s, in_transit = %s,
           expected_on = %s, to_add = %s
    where po_number = %s and line_no = %s
"""


async def write_line(connection: Connection, order: Order, line: Line) -> Line:
    """Write a line as it now stands, in one statement: the laws are checked on each."""
    buckets = (line.confirmed, line.open, line.claimed, line.to_reduce, line.received_good, line.received_bad)
    ends = (
        line.closed_short,
        line.cancelled,
        line.over_received,
        line.over_quarantined,
        line.in_transit,
        line.expected_on,
        line.to_add,
    )
    await connection.execute(_WRITE_LINE, (*buckets, *ends, order.po_number, line.line_no))
    return line
