"""Where units come from and go to: sourcing a backorder, unwinding one, and offering what is free to the next in rank.

Free stock comes first, then free open quantity of purchase orders, then the collecting purchase order of the best
supplier (one for each merge key, under any concurrency), else a new one. The `offer_*` functions work inside a fact's
transaction under the SKU's lock; the moves of units themselves are in `ledger/shares.py`, the orders that collect in
`ledger/collecting.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from domain.allocation import Waiting, allocate
from domain.backorder_position import BackorderPosition
from domain.errors import BooksDoNotBalance
from domain.names import SHARES_CHANGED, backorder_workflow_id, purchase_order_workflow_id
from domain.sourcing import REFERENCE_RATES
from ledger.announcements import owe_all
from ledger.backorders import lock_sku_of, position
from ledger.book import Connection, Fact, Ledger, fetch, fetch_one
from ledger.collecting import best_supplier, join_collecting, resize_collecting
from ledger.shares import (
    PLACE,
    Share,
    Taken,
    allocate_from_stock,
    count_units,
    join_lines,
    take_back,
    tell_allocated,
    tell_changes,
)

_NEED = """
    select b.unsourced, b.allocated, b.ordered > b.shipped + b.cancelled as open,
           b.cancel_requested_at is not null as cancelled,
           exists (select from claim c where c.backorder_id = b.backorder_id) as tried, s.on_hand - s.allocated as free
    from backorder b join stock s on s.sku = b.sku and s.place = %s
    where b.backorder_id = %s for no key update of b
"""
# Of a PO whose cancellation was asked for and not answered, nothing is promised to anyone.
_FREE_OPEN = """
    select l.po_number, l.line_no, l.open - l.claimed - l.to_reduce as free, l.expected_on,
           p.acknowledged_at is not null as confirmed, p.supplier_id, p.frozen_at is not null as frozen
    from po_line l join purchase_order p using (po_number)
    where l.sku = %(sku)s and l.open > l.claimed + l.to_reduce
      and p.closed_at is null and p.rejected_at is null and p.cancelled_at is null
      and not exists (
          select from outbox o where o.po_number = l.po_number and o.kind = 'cancel'
          and o.state <> 'refused' and o.answered_at is null)
    order by l.expected_on nulls last, l.po_number
"""
# An order never fills its own cancelled share, and does not go back to a supplier who let it down.
_BARRED = """
    select c.backorder_id, c.po_number, p.supplier_id, c.released > 0 as released, c.lost
    from claim c join purchase_order p using (po_number)
    where c.backorder_id = any(%s) and (c.released > 0 or c.lost)
"""
_SOURCED = """
    update backorder
    set sourcing_tries = case when unsourced > 0 then sourcing_tries + 1 else 0 end, last_sourced_at = %s
    where backorder_id = %s
"""
_FREE_STOCK = "select on_hand - allocated as free from stock where sku = %s and place = %s"
_WAITING = """
    select backorder_id, unsourced, claimed, legal_deadline, priority, accepted_at from backorder
    where sku = %(sku)s and unsourced + claimed > 0 and cancel_requested_at is null
      and backorder_id is distinct from %(exclude)s
    order by legal_deadline, priority, accepted_at, backorder_id collate "C" limit %(most)s for no key update
"""
_UNSOURCED = """
    select backorder_id, unsourced as quantity, legal_deadline, priority, accepted_at from backorder
    where sku = %(sku)s and unsourced > 0 and cancel_requested_at is null and backorder_id is distinct from %(exclude)s
    order by legal_deadline, priority, accepted_at, backorder_id collate "C" for no key update
"""
# The claim that comes last is the first to be given back when better supply turns up.
_SHRINKABLE = """
    select c.backorder_id, c.po_number, c.line_no, c.quantity, p.frozen_at is not null as frozen
    from claim c join purchase_order p using (po_number)
    where c.backorder_id = any(%s) and c.quantity > 0
    order by c.expected_on desc nulls first, c.po_number desc
"""
_SHARES_OF = """
    select c.backorder_id, c.po_number, c.line_no, c.quantity, p.frozen_at is not null as frozen
    from claim c join purchase_order p using (po_number) where c.backorder_id = %s and c.quantity > 0
"""
_HELD_BY_CARRIER = """
    select coalesce(sum(quantity), 0)::int as units from parcel
    where backorder_id = %s and booked_at is not null and voided_at is null and possessed_at is null
"""
_VOID_PLANNED = """
    update parcel set voided_at = %s
    where backorder_id = %s and booked_at is null and voided_at is null and possessed_at is null
"""
# The youngest allocations are given back first. Stock follows each by its place.
_GIVE_BACK_STOCK = """
    with owned as (
        select allocation_id, sku, place, quantity - shipped - released as units,
               sum(quantity - shipped - released) over (order by allocation_id desc) as running
        from allocation where backorder_id = %(id)s and quantity > shipped + released
    ), given as (
        update allocation a set released = a.released + o.give
        from (select allocation_id, sku, place, least(units, %(units)s - (running - units)) as give from owned
              where running - units < %(units)s) o
        where a.allocation_id = o.allocation_id returning o.sku, o.place, o.give
    )
    update stock s set allocated = s.allocated - g.units
    from (select sku, place, sum(give) as units from given group by sku, place) g
    where s.sku = g.sku and s.place = g.place
"""
_TO_UNSOURCED = """
    update backorder set allocated = allocated - %(units)s, unsourced = unsourced + %(units)s
    where backorder_id = %(id)s
"""
_CANCEL_REST = """
    update backorder
    set allocated = allocated - %(units)s, cancelled = cancelled + unsourced + %(units)s, unsourced = 0,
        refund_deadline = %(refund_deadline)s
    where backorder_id = %(id)s
"""


class _Need(NamedTuple):
    unsourced: int
    allocated: int
    open: bool
    cancelled: bool
    tried: bool
    free: int


class _FreeLine(NamedTuple):
    po_number: str
    line_no: int
    free: int
    expected_on: date | None
    confirmed: bool
    supplier_id: str
    frozen: bool


class _Bar(NamedTuple):
    backorder_id: str
    po_number: str
    supplier_id: str
    released: bool
    lost: bool


class _Free(NamedTuple):
    free: int


class _Units(NamedTuple):
    units: int


class _WaitingRow(NamedTuple):
    backorder_id: str
    unsourced: int
    claimed: int
    legal_deadline: datetime
    priority: int
    accepted_at: datetime


class _ShareRow(NamedTuple):
    backorder_id: str
    po_number: str
    line_no: int
    quantity: int
    frozen: bool


class _Bars:
    """Which lines and suppliers a backorder does not claim from (again)."""

    def __init__(self, rows: Sequence[_Bar]) -> None:
        self._lines = {(r.backorder_id, r.po_number) for r in rows if r.released}
        self._suppliers = {(r.backorder_id, r.supplier_id) for r in rows if r.lost}

    def line(self, backorder_id: str, line: _FreeLine) -> bool:
        """Is the line barred? A PO has one line of a SKU, so its number is enough."""
        return (backorder_id, line.po_number) in self._lines or self.supplier(backorder_id, line.supplier_id)

    def supplier(self, backorder_id: str, supplier_id: str) -> bool:
        """Is every order to the supplier barred?"""
        return (backorder_id, supplier_id) in self._suppliers


async def source(
    ledger: Ledger,
    backorder_id: str,
    *,
    key: str,
    at: datetime,
    rates: Mapping[str, Decimal] = REFERENCE_RATES,
) -> BackorderPosition:
    """Find supply for every unsourced unit of a backorder, or count a try that found no supplier.

    Does nothing when a cancel was requested, or nothing is unsourced.

    Raises:
        NotFound: no such backorder.
    """
    subject = backorder_workflow_id(backorder_id)
    async with ledger.fact(key=key, subject=subject, kind="sourced", at=at) as fact:
        if not fact.repeated:
            await _source(fact, backorder_id, at, rates)
    # Read after the commit: those who wait for the SKU's lock need not wait for this as well.
    return await position(ledger, backorder_id)


async def _source(fact: Fact, backorder_id: str, at: datetime, rates: Mapping[str, Decimal]) -> None:
    connection = fact.connection
    sku = await lock_sku_of(connection, backorder_id)
    need = await _need(connection, backorder_id)
    if need.cancelled or need.unsourced == 0:
        return
    rest, said = need.unsourced, list[str]()
    if units := min(rest, need.free):
        await allocate_from_stock(connection, sku, [(backorder_id, units)], at=at)
        said.append(f"{count_units(units)} from stock")
        rest -= units
    if rest:
        bars = _Bars(await fetch(connection, _Bar, _BARRED, ([backorder_id],)) if need.tried else [])
        shares: list[Share] = []
        for line in await fetch(connection, _FreeLine, _FREE_OPEN, {"sku": sku}):
            if rest and not bars.line(backorder_id, line):
                shares.append(_share(line, backorder_id, min(rest, line.free)))
                rest -= shares[-1].units
        # Before the rest is priced: surplus of the very line that the rest will join may be among them.
        await join_lines(connection, shares)
        best = await best_supplier(
            connection,
            sku=sku,
            needed=rest,
            may_ask=lambda supplier_id: not bars.supplier(backorder_id, supplier_id),
            at=at,
            rates=rates,
        )
        if best:
            shares.append(await join_collecting(connection, backorder_id, best, rest, at))
            await join_lines(connection, shares[-1:])
            rest = 0
        said += [_told(share) for share in shares]
    await connection.execute(_SOURCED, (at, backorder_id))
    if rest:
        said.append(f"no supplier for {count_units(rest)}")
    fact.note(text="Sourced: " + "; ".join(said))


def _told(share: Share) -> str:
    return f"{count_units(share.units)} on {share.po_number}, expected {share.expected_on or 'on no known date'}"


async def _need(connection: Connection, backorder_id: str) -> _Need:
    need = await fetch_one(connection, _Need, _NEED, (PLACE, backorder_id))
    if need is None:
        raise BooksDoNotBalance(f"the item of backorder {backorder_id!r} has no stock row; load the catalogue again")
    return need


def _share(line: _FreeLine, backorder_id: str, units: int) -> Share:
    return Share(backorder_id, line.po_number, line.line_no, units, line.expected_on, line.confirmed)


async def release_supply(
    ledger: Ledger, backorder_id: str, *, key: str, at: datetime, refund_deadline: date
) -> BackorderPosition:
    """Unwind everything unshipped of a backorder whose cancel was requested; what it held goes to the next in rank.

    Where nothing is open any more (it shipped first) nothing happens.

    Planned parcels are voided. The units of a parcel that was booked and not voided stay allocated: the carrier may
    hold it, so void it first and release again under another key.

    Args:
        ledger: the books.
        backorder_id: whose units.
        key: of workflow id and step.
        at: when.
        refund_deadline: the last day for the refund, if one is due.

    Raises:
        NotFound: no such backorder.
        BooksDoNotBalance: no cancel was requested.
    """
    subject = backorder_workflow_id(backorder_id)
    async with ledger.fact(key=key, subject=subject, kind="released", at=at) as fact:
        if not fact.repeated:
            await _release_supply(fact, backorder_id, at, refund_deadline)
    return await position(ledger, backorder_id)


async def _release_supply(fact: Fact, backorder_id: str, at: datetime, refund_deadline: date) -> None:
    connection, owed_by = fact.connection, fact.subject
    sku = await lock_sku_of(connection, backorder_id)
    need = await _need(connection, backorder_id)
    if not need.open:
        return
    if not need.cancelled:
        raise BooksDoNotBalance(f"backorder {backorder_id!r} was not asked to be cancelled; request the cancel first")
    shares = await fetch(connection, _ShareRow, _SHARES_OF, (backorder_id,))
    claimed = sum(share.quantity for share in shares)
    taken = [Taken(s.backorder_id, s.po_number, s.line_no, s.quantity) for s in shares]
    await take_back(connection, taken, lost=False, back_to="cancelled")
    units = await _give_back_stock(connection, backorder_id, need.allocated, at)
    await connection.execute(_CANCEL_REST, {"id": backorder_id, "units": units, "refund_deadline": refund_deadline})
    fact.note(text=f"Unwound: {count_units(claimed)} on order, {units} allocated, {need.unsourced} not sourced yet")
    await _tell_frozen(connection, shares, owed_by=owed_by, at=at)
    await offer_free_stock(connection, sku, at, owed_by, backorder_id)
    await resize_collecting(connection, sku)
    await offer_free_open(connection, sku, at, owed_by, backorder_id)


async def release_goods(ledger: Ledger, backorder_id: str, *, key: str, at: datetime) -> BackorderPosition:
    """Give allocated units that are not in a booked parcel to the next in rank; they are unsourced here again.

    Used when a charge stays declined: the goods are not held for ever.

    Raises:
        NotFound: no such backorder.
    """
    subject = backorder_workflow_id(backorder_id)
    async with ledger.fact(key=key, subject=subject, kind="goods released", at=at) as fact:
        if not fact.repeated:
            await _release_goods(fact, backorder_id, at)
    return await position(ledger, backorder_id)


async def _release_goods(fact: Fact, backorder_id: str, at: datetime) -> None:
    connection, owed_by = fact.connection, fact.subject
    sku = await lock_sku_of(connection, backorder_id)
    need = await _need(connection, backorder_id)
    units = await _give_back_stock(connection, backorder_id, need.allocated, at)
    await connection.execute(_TO_UNSOURCED, {"id": backorder_id, "units": units})
    fact.note(text=f"Gave {count_units(units)} back, for the next in rank")
    await offer_free_stock(connection, sku, at, owed_by, backorder_id)


async def _give_back_stock(connection: Connection, backorder_id: str, allocated: int, at: datetime) -> int:
    """Void planned parcels and return the allocated units outside booked ones to free stock; says how many."""
    await connection.execute(_VOID_PLANNED, (at, backorder_id))
    held = await fetch_one(connection, _Units, _HELD_BY_CARRIER, (backorder_id,))
    units = allocated - (held.units if held else 0)
    if units > 0:
        await connection.execute(_GIVE_BACK_STOCK, {"id": backorder_id, "units": units})
    return max(units, 0)


async def _tell_frozen(connection: Connection, shares: Sequence[_ShareRow], *, owed_by: str, at: datetime) -> None:
    """A frozen PO whose shares were given back may ask the supplier for less."""
    pos = (purchase_order_workflow_id(share.po_number) for share in shares if share.frozen)
    await owe_all(connection, pos, SHARES_CHANGED, owed_by, at)


async def offer_free_stock(
    connection: Connection, sku: str, at: datetime, owed_by: str, exclude: str | None = None
) -> int:
    """Give free stock of a locked SKU to those who wait for it, by rank; what they had on order is freed.

    Freed open quantity of collecting POs is ordered no more; on frozen ones it goes to the unsourced in rank, and the
    PO is told.

    Args:
        connection: the fact's transaction, which holds the SKU's lock.
        sku: what is free.
        at: when.
        owed_by: who tells the backorders and POs concerned.
        exclude: a backorder that gets nothing.

    Returns:
        Units allocated.
    """
    stock = await fetch_one(connection, _Free, _FREE_STOCK, (sku, PLACE))
    if stock is None or stock.free <= 0:
        return 0
    rows = await fetch(connection, _WaitingRow, _WAITING, {"sku": sku, "exclude": exclude, "most": stock.free})
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
        return 0
    unsourced = {row.backorder_id: row.unsourced for row in rows}
    surplus = {backorder_id: units - unsourced[backorder_id] for backorder_id, units in grants}
    shrunk = await _shrink_claims(connection, {who: units for who, units in surplus.items() if units > 0})
    await allocate_from_stock(connection, sku, grants, at=at)
    await tell_allocated(connection, grants, "stock", at=at, owed_by=owed_by)
    if shrunk:
        await resize_collecting(connection, sku)
        await _tell_frozen(connection, shrunk, owed_by=owed_by, at=at)
        if any(share.frozen for share in shrunk):
            await offer_free_open(connection, sku, at, owed_by, exclude)
    return sum(units for _, units in grants)


async def _shrink_claims(connection: Connection, surplus: Mapping[str, int]) -> list[_ShareRow]:
    """Take back as many claimed units of each backorder, the latest expected first; says from which claims."""
    left = dict(surplus)
    shrunk: list[_ShareRow] = []
    if left:
        for share in await fetch(connection, _ShareRow, _SHRINKABLE, (list(left),)):
            if units := min(left[share.backorder_id], share.quantity):
                left[share.backorder_id] -= units
                shrunk.append(share._replace(quantity=units))
    taken = [Taken(s.backorder_id, s.po_number, s.line_no, s.quantity) for s in shrunk]
    await take_back(connection, taken, lost=False, back_to="unsourced")
    return shrunk


async def offer_free_open(
    connection: Connection, sku: str, at: datetime, owed_by: str, exclude: str | None = None
) -> int:
    """Give free open quantity of frozen POs of a locked SKU to unsourced backorders, by rank, soonest goods first.

    A backorder is passed over where it gave units back before, and at a supplier who let it down.

    Args:
        connection: the fact's transaction, which holds the SKU's lock.
        sku: what is on order.
        at: when.
        owed_by: who tells the backorders.
        exclude: a backorder that gets nothing.

    Returns:
        Units claimed.
    """
    lines = [line for line in await fetch(connection, _FreeLine, _FREE_OPEN, {"sku": sku}) if line.frozen]
    if not lines:
        return 0
    waiting = await fetch(connection, Waiting, _UNSOURCED, {"sku": sku, "exclude": exclude})
    bars = _Bars(await fetch(connection, _Bar, _BARRED, ([one.backorder_id for one in waiting],)))
    need = {one.backorder_id: one.quantity for one in waiting}
    shares: list[Share] = []
    for line in lines:
        asking = [
            one.model_copy(update={"quantity": need[one.backorder_id]})
            for one in waiting
            if need[one.backorder_id] and not bars.line(one.backorder_id, line)
        ]
        for backorder_id, units in allocate(line.free, asking):
            need[backorder_id] -= units
            shares.append(_share(line, backorder_id, units))
    await join_lines(connection, shares)
    texts = [(s.backorder_id, f"Given {count_units(s.units)} that came free on {s.po_number}") for s in shares]
    await tell_changes(connection, "claimed", texts, at=at, owed_by=owed_by)
    return sum(share.units for share in shares)
