"""A collected order whose lines are added to one that its supplier has, instead of being placed by itself.

Here the units move, in the transaction that ends collecting; `ledger.changes` asks the supplier for the lines, and
`ledger.answers` takes its word. Until then the lines are marked (`to_add`): they are claimed, and no more confirmed
than those of an order that was just placed.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from domain.names import SHARES_CHANGED
from domain.values import count_units
from ledger.announcements import owe
from ledger.book import Connection, fetch, fetch_one, record_consequences
from ledger.locked_orders import Line, LockedOrder
from ledger.shares import Share, Taken, join_lines, take_back, tell_changes

# One that agreed to all that it was asked, is not late, and of which nothing has left or come: whoever packs an order
# cannot take more into it. The youngest is the furthest from being packed. A purchase order has one line of a SKU.
_OPEN_ORDER = """
    select p.po_number from purchase_order p
    join purchase_order c on c.merge_key = p.merge_key
    join supplier s on s.supplier_id = c.supplier_id
    where c.po_number = %s and (s.doc->>'add_to_open_orders')::bool
      and p.acknowledged_at is not null and p.closed_at is null and p.rejected_at is null and p.cancelled_at is null
      and p.overdue_told_at is null and p.attention is null
      and p.revision = (select max(o.revision) from outbox o where o.po_number = p.po_number)
      and not exists (
          select from outbox o where o.po_number = p.po_number
          and (o.state <> 'delivered' or o.kind <> 'place' and o.verdict is distinct from 'accepted'))
      and exists (select from po_line l where l.po_number = p.po_number and l.open > 0)
      and not exists (
          select from po_line l where l.po_number = p.po_number
          and (l.to_add or l.in_transit + l.received_good + l.received_bad + l.closed_short > 0
               or l.over_received + l.over_quarantined > 0
               or l.sku in (select n.sku from po_line n where n.po_number = c.po_number and n.claimed > 0)))
    order by p.frozen_at desc, p.po_number desc limit 1
"""
_ADD_LINES = """
    insert into po_line (po_number, line_no, sku, supplier_sku, unit_factor, unit_price, ordered, confirmed, open,
                         expected_on, to_add)
    select %(onto)s, last.line_no + row_number() over (order by l.line_no), sku, supplier_sku, unit_factor, unit_price,
           ordered, ordered, ordered, expected_on, true
    from po_line l, (select max(line_no) as line_no from po_line where po_number = %(onto)s) last
    where l.po_number = %(po_number)s and l.claimed > 0
    returning sku, line_no
"""
_CLAIMS = """
    select backorder_id, po_number, line_no, quantity as units, expected_on
    from claim where po_number = %s and quantity > 0 order by backorder_id
"""
_EMPTY = "update po_line set ordered = 0, confirmed = 0, open = 0 where po_number = %s"
_ADDED_TO = "update purchase_order set closed_at = %s, added_to = %s where po_number = %s"


class _Number(NamedTuple):
    po_number: str


class _NewLine(NamedTuple):
    sku: str
    line_no: int


class _Claimed(NamedTuple):
    backorder_id: str
    po_number: str
    line_no: int
    units: int
    expected_on: date | None


async def open_order(connection: Connection, po_number: str) -> str | None:
    """The order that the lines of a collecting one may be added to, as its supplier takes it; None: it has none.

    True for as long as that order is locked (`ledger.locked_orders`), and a guess before.
    """
    found = await fetch_one(connection, _Number, _OPEN_ORDER, (po_number,))
    return found.po_number if found else None


async def add_lines(
    connection: Connection, collected: LockedOrder, onto: LockedOrder, wanted: Sequence[Line], *, at: datetime
) -> str:
    """Move what is claimed on a collecting order to new lines of another, and close it; both are locked.

    The supplier is asked by the other order's workflow, which is owed the word.

    Returns:
        What happened, in words for the story of the collecting order.
    """
    order, other = collected.order, onto.order
    parts = {"po_number": order.po_number, "onto": other.po_number}
    new = {line.sku: line.line_no for line in await fetch(connection, _NewLine, _ADD_LINES, parts)}
    becomes = {line.line_no: new[line.sku] for line in wanted}
    claims = await fetch(connection, _Claimed, _CLAIMS, (order.po_number,))
    taken = [Taken(one.backorder_id, one.po_number, one.line_no, one.units) for one in claims]
    await take_back(connection, taken, lost=False, back_to="unsourced")
    await connection.execute(_EMPTY, (order.po_number,))
    shares = [
        Share(one.backorder_id, other.po_number, becomes[one.line_no], one.units, one.expected_on, confirmed=False)
        for one in claims
    ]
    await join_lines(connection, shares)
    await connection.execute(_ADDED_TO, (at, other.po_number, order.po_number))
    lines = f"{count_units(sum(line.ordered for line in wanted))} on {len(wanted)} lines"
    asked = f"{other.supplier_name} is asked to add {lines} that collected on {order.po_number}"
    await record_consequences(connection, kind="lines to add", at=at, facts=[(other.workflow_id, {"text": asked})])
    await owe(connection, other.workflow_id, SHARES_CHANGED, order.workflow_id, at)
    said = f"of {order.po_number} are to come with {other.po_number}, which {other.supplier_name} has already"
    texts = [(one.backorder_id, f"{count_units(one.units)} {said}") for one in claims]
    await tell_changes(connection, "claimed", texts, at=at, owed_by=order.workflow_id)
    return f"Not sent by itself: {lines} are to be added to {other.po_number}, which {other.supplier_name} has already"
