"""Where units come from and go to: sourcing a backorder, unwinding one, and offering what is free to the next in rank.

Free stock comes first, then free open quantity of purchase orders, then the collecting purchase order of the best
supplier (one for each merge key, under any concurrency), else a new one. The `offer_*` functions work inside a fact's
transaction under the SKU's lock; the moves of units themselves are in `ledger/shares.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from domain.allocation import Waiting, allocate
from domain.backorder_position import BackorderPosition
from domain.calendars import next_cut_off
from domain.catalogue import Supplier, SupplierItem
from domain.errors import BooksDoNotBalance
from domain.names import SHARES_CHANGED, backorder_workflow_id, purchase_order_workflow_id
from domain.purchasing import quantity_to_order, unit_price
from domain.sourcing import REFERENCE_RATES, Candidate, merge_key, rank
from ledger.announcements import owe, owe_all
from ledger.backorders import lock_sku_of, read_position
from ledger.book import Connection, Ledger, fetch, fetch_one, record_consequences
from ledger.shares import (
    PLACE,
    Share,
    Taken,
    allocate_from_stock,
    count_units,
    join_lines,
    resize_collecting,
    take_back,
    tell_allocated,
    tell_changes,
)

START = "start"
"""The word owed to a new purchase order: its workflow is to be started."""

_NEED = """
    select b.unsourced, b.allocated, b.cancel_requested_at is not null as cancelled, s.on_hand - s.allocated as free
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
_CANDIDATES = """
    select s.status, s.doc as supplier, i.doc as item,
           (select coalesce(jsonb_object_agg(p.merge_key, l.claimed), '{}')
            from purchase_order p join po_line l using (po_number)
            where p.supplier_id = s.supplier_id and l.sku = i.sku
              and p.frozen_at is null and p.closed_at is null) as collecting
    from supplier_item i join supplier s using (supplier_id) where i.sku = %s
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
        unit_price = excluded.unit_price, expected_on = excluded.expected_on
    returning line_no
"""
_TOTALS = """
    select coalesce(sum(ordered), 0)::int as quantity, coalesce(sum(ordered * unit_price), 0) as value
    from po_line where po_number = %s
"""
_THRESHOLD = "update purchase_order set threshold_reached_at = %s where po_number = %s"
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
    cancelled: bool
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


class _CandidateRow(NamedTuple):
    status: str
    supplier: dict[str, Any]
    item: dict[str, Any]
    collecting: dict[str, int]


class _CollectingPo(NamedTuple):
    po_number: str
    collect_until: datetime
    threshold_reached_at: datetime | None


class _LineNo(NamedTuple):
    line_no: int


class _Totals(NamedTuple):
    quantity: int
    value: Decimal


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
        connection = fact.connection
        if fact.repeated:
            return await read_position(connection, backorder_id)
        sku = await lock_sku_of(connection, backorder_id)
        need = await _need(connection, backorder_id)
        if need.cancelled or need.unsourced == 0:
            return await read_position(connection, backorder_id)
        rest, said = need.unsourced, list[str]()
        if units := min(rest, need.free):
            await allocate_from_stock(connection, sku, [(backorder_id, units)], at=at)
            said.append(f"{count_units(units)} from stock")
            rest -= units
        if rest:
            bars = _Bars(await fetch(connection, _Bar, _BARRED, ([backorder_id],)))
            shares: list[Share] = []
            for line in await fetch(connection, _FreeLine, _FREE_OPEN, {"sku": sku}):
                if rest and not bars.line(backorder_id, line):
                    shares.append(_share(line, backorder_id, min(rest, line.free)))
                    rest -= shares[-1].units
            if rest and (
                best := await _best_supplier(
                    connection, backorder_id, sku=sku, needed=rest, bars=bars, at=at, rates=rates
                )
            ):
                shares.append(await _join_collecting(connection, backorder_id, best, rest, at))
                rest = 0
            await join_lines(connection, shares)
            said += [
                f"{count_units(s.units)} on {s.po_number}, expected {s.expected_on or 'at no known date'}"
                for s in shares
            ]
        await connection.execute(_SOURCED, (at, backorder_id))
        if rest:
            said.append(f"no supplier for {count_units(rest)}")
        fact.note(text="Sourced: " + "; ".join(said))
        return await read_position(connection, backorder_id)


async def _need(connection: Connection, backorder_id: str) -> _Need:
    need = await fetch_one(connection, _Need, _NEED, (PLACE, backorder_id))
    if need is None:
        raise BooksDoNotBalance(f"the item of backorder {backorder_id!r} has no stock row; load the catalogue again")
    return need


def _share(line: _FreeLine, backorder_id: str, units: int) -> Share:
    return Share(backorder_id, line.po_number, line.line_no, units, line.expected_on, line.confirmed)


async def _best_supplier(
    connection: Connection,
    backorder_id: str,
    *,
    sku: str,
    needed: int,
    bars: _Bars,
    at: datetime,
    rates: Mapping[str, Decimal],
) -> Candidate | None:
    """The supplier to ask for the rest, priced at the break that the merged line would reach."""
    candidates: list[Candidate] = []
    for row in await fetch(connection, _CandidateRow, _CANDIDATES, (sku,)):
        supplier = Supplier.model_validate({**row.supplier, "status": row.status})
        if not bars.supplier(backorder_id, supplier.supplier_id):
            collecting = row.collecting.get(merge_key(supplier), 0)
            item = SupplierItem.model_validate(row.item)
            candidates.append(Candidate(supplier=supplier, item=item, collecting_quantity=collecting))
    ranked = rank(candidates, needed, at.date(), rates)
    return ranked[0] if ranked else None


async def _join_collecting(
    connection: Connection, backorder_id: str, best: Candidate, units: int, at: datetime
) -> Share:
    """Make room for the units on the collecting PO of the supplier; the claim itself is the caller's."""
    owed_by = backorder_workflow_id(backorder_id)
    supplier, item = best.supplier, best.item
    po = await _collecting_po(connection, supplier, owed_by, at)
    # The SKU's lock keeps collecting_quantity true: nobody else joins, shrinks or freezes this line meanwhile.
    quantity = quantity_to_order(best.collecting_quantity + units, item)
    expected_on = (po.collect_until.astimezone(ZoneInfo(supplier.cut_off.zone)) + item.lead_time).date()
    line = {
        "po_number": po.po_number,
        "sku": item.sku,
        "supplier_sku": item.supplier_sku,
        "unit_factor": item.unit_factor,
        "unit_price": unit_price(quantity, item),
        "quantity": quantity,
        "expected_on": expected_on,
    }
    put = await fetch_one(connection, _LineNo, _PUT_LINE, line)
    if put is None:
        raise BooksDoNotBalance(f"line of {item.sku} on {po.po_number} was not written; report it")
    if po.threshold_reached_at is None and await _reaches_threshold(connection, po.po_number, supplier):
        await connection.execute(_THRESHOLD, (at, po.po_number))
        await owe(connection, purchase_order_workflow_id(po.po_number), SHARES_CHANGED, owed_by, at)
    return Share(backorder_id, po.po_number, put.line_no, units, expected_on, confirmed=False)


async def _collecting_po(connection: Connection, supplier: Supplier, owed_by: str, at: datetime) -> _CollectingPo:
    """The one PO that collects for the supplier's merge key, locked; a new one if there is none.

    The lock is what a freeze waits for, and what makes line numbers and thresholds of different SKUs take turns. A PO
    that was frozen while we waited no longer matches, and a PO that another opened first is found the next time round.
    """
    key = merge_key(supplier)
    while True:
        if po := await fetch_one(connection, _CollectingPo, _COLLECTING_PO, (key,)):
            return po
        new = {
            "supplier_id": supplier.supplier_id,
            "merge_key": key,
            "currency": supplier.currency,
            "terms": supplier.terms,
            "at": at,
            "collect_until": min(next_cut_off(supplier.cut_off, at), at + supplier.collect_at_most),
        }
        if po := await fetch_one(connection, _CollectingPo, _NEW_PO, new):
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


async def release_supply(
    ledger: Ledger, backorder_id: str, *, key: str, at: datetime, refund_deadline: date
) -> BackorderPosition:
    """Unwind everything unshipped of a backorder whose cancel was requested; what it held goes to the next in rank.

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
        connection = fact.connection
        if fact.repeated:
            return await read_position(connection, backorder_id)
        sku = await lock_sku_of(connection, backorder_id)
        need = await _need(connection, backorder_id)
        if not need.cancelled:
            raise BooksDoNotBalance(
                f"backorder {backorder_id!r} was not asked to be cancelled; request the cancel first"
            )
        shares = await fetch(connection, _ShareRow, _SHARES_OF, (backorder_id,))
        claimed = sum(share.quantity for share in shares)
        taken = [Taken(s.backorder_id, s.po_number, s.line_no, s.quantity) for s in shares]
        await take_back(connection, taken, lost=False, back_to="cancelled")
        units = await _give_back_stock(connection, backorder_id, need.allocated, at)
        await connection.execute(_CANCEL_REST, {"id": backorder_id, "units": units, "refund_deadline": refund_deadline})
        fact.note(text=f"Unwound: {count_units(claimed)} on order, {units} allocated, {need.unsourced} not sourced yet")
        await _tell_frozen(connection, shares, owed_by=subject, at=at)
        await offer_free_stock(connection, sku, at, subject, backorder_id)
        await resize_collecting(connection, sku)
        await offer_free_open(connection, sku, at, subject, backorder_id)
        return await read_position(connection, backorder_id)


async def release_goods(ledger: Ledger, backorder_id: str, *, key: str, at: datetime) -> BackorderPosition:
    """Give allocated units that are not in a booked parcel to the next in rank; they are unsourced here again.

    Used when a charge stays declined: the goods are not held for ever.

    Raises:
        NotFound: no such backorder.
    """
    subject = backorder_workflow_id(backorder_id)
    async with ledger.fact(key=key, subject=subject, kind="goods released", at=at) as fact:
        connection = fact.connection
        if fact.repeated:
            return await read_position(connection, backorder_id)
        sku = await lock_sku_of(connection, backorder_id)
        need = await _need(connection, backorder_id)
        units = await _give_back_stock(connection, backorder_id, need.allocated, at)
        await connection.execute(_TO_UNSOURCED, {"id": backorder_id, "units": units})
        fact.note(text=f"Gave {count_units(units)} back, for the next in rank")
        await offer_free_stock(connection, sku, at, subject, backorder_id)
        return await read_position(connection, backorder_id)


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
