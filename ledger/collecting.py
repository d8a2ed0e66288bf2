"""The purchase orders that still collect shares: who collects, one order for each merge key, one line a SKU.

All of it runs inside a fact's transaction under the SKU's lock. Who joins is decided in `ledger/sourcing.py`, and the
claims are written by `ledger/shares.py`.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from domain.calendars import next_cut_off
from domain.catalogue import Supplier, SupplierItem
from domain.errors import BooksDoNotBalance
from domain.names import SHARES_CHANGED, purchase_order_workflow_id
from domain.purchasing import quantity_to_order, unit_price
from domain.sourcing import Candidate, merge_key
from ledger.announcements import owe
from ledger.book import Connection, fetch, fetch_one, record_consequences

START = "start"
"""The word owed to a new purchase order: its workflow is to be started."""

_CANDIDATES = """
    select s.status, s.doc as supplier, i.doc as item,
           (select coalesce(jsonb_object_agg(p.merge_key, jsonb_build_array(p.po_number, l.claimed)), '{}')
            from purchase_order p join po_line l using (po_number)
            where p.supplier_id = s.supplier_id and l.sku = i.sku
              and p.frozen_at is null and p.closed_at is null) as collecting
    from supplier_item i join supplier s using (supplier_id)
    where i.sku = %s
"""
_COLLECTING_PO = """
    select po_number, collect_until, threshold_reached_at from purchase_order
    where merge_key = %s and frozen_at is null and closed_at is null for no key update
"""
_NEW_PO = """
    insert into purchase_order (po_number, supplier_id, merge_key, currency, terms, opened_at, collect_until)
    select 'PO-' || lpad(n::text, greatest(6, length(n::text)), '0'),
           %(supplier_id)s, %(merge_key)s, %(currency)s, %(terms)s, %(at)s, %(collect_until)s
    from nextval('po_number_seq') as n
    on conflict (merge_key) where frozen_at is null and closed_at is null do nothing
    returning po_number, collect_until, threshold_reached_at
"""
_PUT_LINE = """
    insert into po_line
        (po_number, line_no, sku, supplier_sku, unit_factor, unit_price, ordered, confirmed, open, expected_on)
    select %(po_number)s, coalesce(max(line_no), 0) + 1, %(sku)s, %(supplier_sku)s, %(unit_factor)s, %(unit_price)s,
           %(quantity)s, %(quantity)s, %(quantity)s, %(expected_on)s
    from po_line where po_number = %(po_number)s
    on conflict (po_number, sku) do update
    set ordered = excluded.ordered, confirmed = excluded.confirmed, open = excluded.open,
        supplier_sku = excluded.supplier_sku, unit_factor = excluded.unit_factor, unit_price = excluded.unit_price,
        expected_on = excluded.expected_on
    returning line_no
"""
_TOTALS = """
    select coalesce(sum(ordered), 0)::int as quantity, coalesce(sum(ordered * unit_price), 0) as value
    from po_line where po_number = %s
"""
_THRESHOLD = "update purchase_order set threshold_reached_at = %s where po_number = %s"
_COLLECTING = """
    select l.po_number, l.line_no, l.claimed, l.ordered, l.unit_price, i.doc as item
    from po_line l
    join purchase_order p using (po_number)
    join supplier_item i on i.supplier_id = p.supplier_id and i.sku = l.sku
    where l.sku = %s and p.frozen_at is null and p.closed_at is null
"""
_RESIZE = """
    update po_line
    set ordered = %(quantity)s, confirmed = %(quantity)s, open = %(quantity)s, unit_price = %(unit_price)s,
        supplier_sku = %(supplier_sku)s, unit_factor = %(unit_factor)s
    where po_number = %(po_number)s and line_no = %(line_no)s
"""


class CollectingPo(NamedTuple):
    """A purchase order that collects, locked."""

    po_number: str
    collect_until: datetime
    threshold_reached_at: datetime | None


class Collector(NamedTuple):
    """A supplier of the item, and where its shares collect."""

    candidate: Candidate
    po_number: str | None
    """The order that collects for it and has a line of the item; None: there is none yet."""

    def with_units(self, units: int) -> "Collector":
        """The same after more units were claimed on its line."""
        collecting = self.candidate.collecting_quantity + units
        return self._replace(candidate=self.candidate.model_copy(update={"collecting_quantity": collecting}))


class Merged(NamedTuple):
    """A collecting line as it is to be with one more share on it."""

    po: CollectingPo
    supplier: Supplier
    item: SupplierItem
    claimed: int
    quantity: int
    """Units to order for what is claimed: minimum and multiple are met once for the whole line."""
    expected_on: date
    owed_by: str
    """The workflow id of who joined."""
    at: datetime


class _CandidateRow(NamedTuple):
    status: str
    supplier: dict[str, Any]
    item: dict[str, Any]
    collecting: dict[str, tuple[str, int]]


class _LineNo(NamedTuple):
    line_no: int


class _Totals(NamedTuple):
    quantity: int
    value: Decimal


class _CollectingLine(NamedTuple):
    po_number: str
    line_no: int
    claimed: int
    ordered: int
    unit_price: Decimal
    item: dict[str, Any]


async def candidates_for(connection: Connection, sku: str) -> dict[str, Collector]:
    """Who lists an item, by supplier id, each with what collects there already.

    The SKU's lock keeps it true: nobody else joins, shrinks or freezes such a line meanwhile.
    """
    known: dict[str, Collector] = {}
    for row in await fetch(connection, _CandidateRow, _CANDIDATES, (sku,)):
        supplier = Supplier.model_validate({**row.supplier, "status": row.status})
        po_number, claimed = row.collecting.get(merge_key(supplier), (None, 0))
        item = SupplierItem.model_validate(row.item)
        candidate = Candidate(supplier=supplier, item=item, collecting_quantity=claimed)
        known[supplier.supplier_id] = Collector(candidate, po_number)
    return known


def merge_into(po: CollectingPo, best: Candidate, units: int, owed_by: str, at: datetime) -> Merged:
    """The line of a collecting order with these units on top; `put_line` writes it."""
    supplier, item = best.supplier, best.item
    claimed = best.collecting_quantity + units
    expected_on = (po.collect_until.astimezone(ZoneInfo(supplier.cut_off.zone)) + item.lead_time).date()
    return Merged(po, supplier, item, claimed, quantity_to_order(claimed, item), expected_on, owed_by, at)


async def put_line(connection: Connection, merged: Merged) -> int:
    """Make room for the claims on a collecting order, which the caller writes next; returns the line's number."""
    po, supplier, item = merged.po, merged.supplier, merged.item
    line = {
        "po_number": po.po_number,
        "sku": item.sku,
        "supplier_sku": item.supplier_sku,
        "unit_factor": item.unit_factor,
        "unit_price": unit_price(merged.quantity, item),
        "quantity": merged.quantity,
        "expected_on": merged.expected_on,
    }
    put = await fetch_one(connection, _LineNo, _PUT_LINE, line)
    if put is None:
        raise BooksDoNotBalance(f"line of {item.sku} on {po.po_number} was not written; report it")
    if po.threshold_reached_at is None and await _reaches_threshold(connection, po.po_number, supplier):
        await connection.execute(_THRESHOLD, (merged.at, po.po_number))
        await owe(connection, purchase_order_workflow_id(po.po_number), SHARES_CHANGED, merged.owed_by, merged.at)
    return put.line_no


async def collecting_po(connection: Connection, supplier: Supplier, owed_by: str, at: datetime) -> CollectingPo:
    """The one PO that collects for the supplier's merge key, locked; a new one if there is none.

    The lock is what a freeze waits for, and what makes line numbers and thresholds of different SKUs take turns. A PO
    that was frozen while we waited no longer matches, and a PO that another opened first is found the next time round.
    """
    key = merge_key(supplier)
    while True:
        if po := await fetch_one(connection, CollectingPo, _COLLECTING_PO, (key,)):
            return po
        new = {
            "supplier_id": supplier.supplier_id,
            "merge_key": key,
            "currency": supplier.currency,
            "terms": supplier.terms,
            "at": at,
            "collect_until": min(next_cut_off(supplier.cut_off, at), at + supplier.collect_at_most),
        }
        if po := await fetch_one(connection, CollectingPo, _NEW_PO, new):
            workflow_id = purchase_order_workflow_id(po.po_number)
            text = f"Opened for {supplier.name}, collecting until {po.collect_until:%Y-%m-%d %H:%M} UTC"
            await record_consequences(connection, kind="opened", at=at, facts=[(workflow_id, {"text": text})])
            await owe(connection, workflow_id, START, owed_by, at)
            return po


async def _reaches_threshold(connection: Connection, po_number: str, supplier: Supplier) -> bool:
    if supplier.threshold_quantity is None and supplier.threshold_value is None:
        return False
    totals = await fetch_one(connection, _Totals, _TOTALS, (po_number,))
    if totals is None:
        return False
    enough = supplier.threshold_quantity is not None and totals.quantity >= supplier.threshold_quantity
    return enough or (supplier.threshold_value is not None and totals.value >= supplier.threshold_value)


async def resize_collecting(connection: Connection, sku: str) -> None:
    """Bring the lines of a SKU that still collect to what their claims need: MOQ and multiple once, price re-broken."""
    for line in await fetch(connection, _CollectingLine, _COLLECTING, (sku,)):
        item = SupplierItem.model_validate(line.item)
        quantity = quantity_to_order(line.claimed, item)
        if quantity != line.ordered:
            price = unit_price(quantity, item) if quantity else line.unit_price
            row = {
                "po_number": line.po_number,
                "line_no": line.line_no,
                "quantity": quantity,
                "unit_price": price,
                "supplier_sku": item.supplier_sku,
                "unit_factor": item.unit_factor,
            }
            await connection.execute(_RESIZE, row)
