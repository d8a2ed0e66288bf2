"""Who gets what came free: stock and open quantity are offered, by rank, in the transaction that frees them.

All of it runs inside a fact's transaction under the SKU's lock. Only a backorder that was sourced before is offered
anything: before its first search nothing is done for it, since its deposit may still be unpaid, and that search finds
whatever is free by then.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import LiteralString, NamedTuple

from domain.allocation import Waiting, allocate
from domain.names import SHARES_CHANGED, purchase_order_workflow_id
from domain.values import count_units
from ledger.announcements import owe_all
from ledger.book import Connection, fetch, fetch_one
from ledger.collecting import resize_collecting
from ledger.shares import (
    PLACE,
    Share,
    Taken,
    allocate_from_stock,
    join_lines,
    take_back,
    tell_allocated,
    tell_changes,
)

# A sum and no `exists`, which the planner may turn into a join with all that was ever given back: the few who are asked
# in rank are looked up one by one.
BARRED: LiteralString = """
    (select count(*) from claim c join purchase_order given using (po_number)
     where c.backorder_id = b.backorder_id and c.released > 0
       and not (c.po_number = %(forgiven)s and p.po_number = %(forgiven)s)
       and (c.po_number = p.po_number or c.lost and given.supplier_id = p.supplier_id)) > 0
"""
"""Of a backorder `b` and a purchase order `p`: an order never fills a share that it gave up, and does not go back to a
supplier who let it down. A purchase order has one line of a SKU, so its number is enough. Parameter: `forgiven`, the
number of an order that may fill the shares that it gave up, or nothing."""

# Of a PO whose cancellation was asked and not answered, nothing is promised to anyone.
FREE_OPEN: LiteralString = """
    select l.po_number, l.line_no, l.open - l.claimed - l.to_reduce as free, l.expected_on,
           p.acknowledged_at is not null and not l.to_add as confirmed, p.supplier_id
    from po_line l join purchase_order p using (po_number)
    where l.sku = %(sku)s and l.open > l.claimed + l.to_reduce
      and p.closed_at is null and p.rejected_at is null and p.cancelled_at is null
      and not exists (
          select from outbox o where o.po_number = l.po_number and o.kind = 'cancel'
          and o.state <> 'refused' and o.answered_at is null)
"""
_FREE_FROZEN: LiteralString = FREE_OPEN + " and p.frozen_at is not null order by l.expected_on nulls last, l.po_number"
_FREE_STOCK = "select on_hand - allocated as free from stock where sku = %s and place = %s"
# Each of them takes a unit at least, so no more of them are needed than there are units.
_WAITING = """
    select backorder_id, unsourced, claimed, legal_deadline, priority, accepted_at from backorder
    where sku = %(sku)s and unsourced + claimed > 0 and cancel_requested_at is null and last_sourced_at is not null
    order by legal_deadline, priority, accepted_at, backorder_id collate "C" limit %(most)s for no key update
"""
_UNSOURCED: LiteralString = f"""
    select b.backorder_id, b.unsourced as quantity, b.legal_deadline, b.priority, b.accepted_at
    from backorder b join purchase_order p on p.po_number = %(po_number)s
    where b.sku = %(sku)s and b.unsourced > 0 and b.cancel_requested_at is null and b.last_sourced_at is not null
      and not {BARRED}
    order by b.legal_deadline, b.priority, b.accepted_at, b.backorder_id collate "C" limit %(most)s
    for no key update of b
"""
# The claim that comes last is the first to be given back when better supply turns up.
_SHRINKABLE = """
    select c.backorder_id, c.po_number, c.line_no, c.quantity, p.frozen_at is not null as frozen
    from claim c join purchase_order p using (po_number)
    where c.backorder_id = any(%s) and c.quantity > 0
    order by c.expected_on desc nulls first, c.po_number desc
"""


class FreeLine(NamedTuple):
    """Open units of a PO line that are nobody's."""

    po_number: str
    line_no: int
    free: int
    expected_on: date | None
    confirmed: bool
    supplier_id: str

    def share(self, backorder_id: str, units: int) -> Share:
        """What a backorder takes of them."""
        return Share(backorder_id, self.po_number, self.line_no, units, self.expected_on, self.confirmed)


class GivenBack(NamedTuple):
    """A share, as it is given back."""

    backorder_id: str
    po_number: str
    line_no: int
    quantity: int
    frozen: bool


class _Free(NamedTuple):
    free: int


class _WaitingRow(NamedTuple):
    backorder_id: str
    unsourced: int
    claimed: int
    legal_deadline: datetime
    priority: int
    accepted_at: datetime


async def offer_free_stock(connection: Connection, sku: str, at: datetime, owed_by: str) -> None:
    """Give free stock of a locked SKU to those who wait for it, by rank; what they had on order is freed.

    Freed open quantity of collecting POs is ordered no more; on frozen ones it goes to the unsourced in rank, and the
    PO is told.

    Args:
        connection: the fact's transaction, which holds the SKU's lock.
        sku: what is free.
        at: when.
        owed_by: who tells the backorders and POs concerned.
    """
    stock = await fetch_one(connection, _Free, _FREE_STOCK, (sku, PLACE))
    if stock is None or stock.free <= 0:
        return
    rows = await fetch(connection, _WaitingRow, _WAITING, {"sku": sku, "most": stock.free})
    waiting = [
        Waiting(
            backorder_id=row.backorder_id,
            quantity=row.unsourced + row.claimed,
            legal_deadline=row.legal_deadline,
            priority=row.priority,
            accepted_at=row.accepted_at,
        )
        for row in rows
    ]
    grants = allocate(stock.free, waiting)
    if not grants:
        return
    unsourced = {row.backorder_id: row.unsourced for row in rows}
    surplus = {backorder_id: units - unsourced[backorder_id] for backorder_id, units in grants}
    shrunk = await _shrink_claims(connection, {who: units for who, units in surplus.items() if units > 0})
    await allocate_from_stock(connection, sku, grants, at=at)
    await tell_allocated(connection, grants, "stock", at=at, owed_by=owed_by)
    if shrunk:
        await resize_collecting(connection, sku)
        await tell_frozen(connection, shrunk, owed_by=owed_by, at=at)
        if any(share.frozen for share in shrunk):
            await offer_free_open(connection, sku, at, owed_by)


async def _shrink_claims(connection: Connection, surplus: Mapping[str, int]) -> list[GivenBack]:
    """Take back as many claimed units of each backorder, the latest expected first; says from which claims."""
    left = dict(surplus)
    shrunk: list[GivenBack] = []
    if left:
        for share in await fetch(connection, GivenBack, _SHRINKABLE, (list(left),)):
            if units := min(left[share.backorder_id], share.quantity):
                left[share.backorder_id] -= units
                shrunk.append(share._replace(quantity=units))
    taken = [Taken(s.backorder_id, s.po_number, s.line_no, s.quantity) for s in shrunk]
    await take_back(connection, taken, lost=False, back_to="unsourced")
    return shrunk


async def tell_frozen(connection: Connection, shares: Sequence[GivenBack], *, owed_by: str, at: datetime) -> None:
    """A frozen PO whose shares were given back may ask the supplier for less."""
    pos = (purchase_order_workflow_id(share.po_number) for share in shares if share.frozen)
    await owe_all(connection, pos, SHARES_CHANGED, owed_by, at)


async def offer_free_open(connection: Connection, sku: str, at: datetime, owed_by: str, *, forgiven: str = "") -> None:
    """Give free open quantity of frozen POs of a locked SKU to unsourced backorders, by rank, soonest goods first.

    Args:
        connection: the fact's transaction, which holds the SKU's lock.
        sku: what is on order.
        at: when.
        owed_by: who tells the backorders.
        forgiven: the number of an order that will deliver after all what it had refused: it may fill those shares.
    """
    given: list[Share] = []
    for line in await fetch(connection, FreeLine, _FREE_FROZEN, {"sku": sku}):
        asked = {"sku": sku, "po_number": line.po_number, "most": line.free, "forgiven": forgiven}
        waiting = await fetch(connection, Waiting, _UNSOURCED, asked)
        shares = [line.share(backorder_id, units) for backorder_id, units in allocate(line.free, waiting)]
        await join_lines(connection, shares)
        given += shares
    texts = [(s.backorder_id, f"Given {count_units(s.units)} that came free on {s.po_number}") for s in given]
    await tell_changes(connection, "claimed", texts, at=at, owed_by=owed_by)
