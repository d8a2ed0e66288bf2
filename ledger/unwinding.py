"""Unwinding a backorder: everything unshipped is given back, and goes to the next in rank.

Where units come from is in `ledger/sourcing.py`, the moves of units themselves in `ledger/shares.py`, and who is
offered what came free in `ledger/offering.py`.
"""

from datetime import date, datetime
from typing import NamedTuple

from domain.backorder_position import BackorderPosition
from domain.errors import BooksDoNotBalance
from domain.names import backorder_workflow_id
from domain.values import count_units
from ledger.backorders import lock_sku_of
from ledger.book import Connection, Fact, Ledger, fetch, fetch_one
from ledger.collecting import resize_collecting
from ledger.offering import GivenBack, offer_free_open, offer_free_stock, tell_frozen
from ledger.positions import position
from ledger.shares import Taken, take_back

_NEED = """
    select unsourced, allocated, ordered > shipped + cancelled as open, cancel_requested_at is not null as cancelled
    from backorder where backorder_id = %s for no key update
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
_CANCEL_REST = """
    update backorder
    set allocated = allocated - %(units)s, cancelled = cancelled + unsourced + %(units)s, unsourced = 0,
        refund_deadline = least(refund_deadline, %(refund_deadline)s)
    where backorder_id = %(id)s
"""


class _Need(NamedTuple):
    unsourced: int
    allocated: int
    open: bool
    cancelled: bool


class _Units(NamedTuple):
    units: int


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
    need = await fetch_one(connection, _Need, _NEED, (backorder_id,))
    if need is None or not need.open:
        return
    if not need.cancelled:
        raise BooksDoNotBalance(f"backorder {backorder_id!r} was not asked to be cancelled; request the cancel first")
    shares = await fetch(connection, GivenBack, _SHARES_OF, (backorder_id,))
    claimed = sum(share.quantity for share in shares)
    taken = [Taken(s.backorder_id, s.po_number, s.line_no, s.quantity) for s in shares]
    await take_back(connection, taken, lost=False, back_to="cancelled")
    units = await _give_back_stock(connection, backorder_id, need.allocated, at)
    await connection.execute(_CANCEL_REST, {"id": backorder_id, "units": units, "refund_deadline": refund_deadline})
    fact.note(text=f"Unwound: {count_units(claimed)} on order, {units} allocated, {need.unsourced} not sourced yet")
    await tell_frozen(connection, shares, owed_by=owed_by, at=at)
    await offer_free_stock(connection, sku, at, owed_by)
    await resize_collecting(connection, sku)
    await offer_free_open(connection, sku, at, owed_by)


async def _give_back_stock(connection: Connection, backorder_id: str, allocated: int, at: datetime) -> int:
    """Void planned parcels and return the allocated units outside booked ones to free stock; says how many."""
    await connection.execute(_VOID_PLANNED, (at, backorder_id))
    held = await fetch_one(connection, _Units, _HELD_BY_CARRIER, (backorder_id,))
    units = allocated - (held.units if held else 0)
    if units > 0:
        await connection.execute(_GIVE_BACK_STOCK, {"id": backorder_id, "units": units})
    return max(units, 0)
