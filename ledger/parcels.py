"""Parcels in the books: planned, booked, voided, and possessed by the carrier, which alone is what 'shipped' means.

Planning a parcel sets allocated units aside and fixes its charge. Stock, allocation and backorder move to shipped in
one transaction when the carrier reports possession, once however often it reports. The ids are the keys.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from domain.backorder_position import BackorderPosition
from domain.errors import NotFound
from domain.money import Worth, parcel_charge
from domain.names import backorder_workflow_id
from domain.values import count_units, round_money
from ledger.attention import RAISE_ON_BACKORDER
from ledger.backorders import lock_sku_of
from ledger.book import Connection, Fact, Ledger, fetch_one
from ledger.positions import read_position

# What is not set aside yet, and what money covers already: captured, or still to be charged for another live parcel.
_TO_PACK = """
    select b.unit_price, b.shipping_charge, b.currency, b.shipped, b.captured - b.refunded as captured,
           coalesce(live.units, 0)::int as live, b.allocated - coalesce(live.units, 0)::int as units,
           coalesce(live.uncharged, 0) as uncharged
    from backorder b left join lateral (
        select sum(q.quantity) filter (where q.possessed_at is null) as units,
               sum(q.charge_amount) filter (where not exists (
                   select from payment y
                   where y.parcel_id = q.parcel_id and y.kind = 'charge' and y.state = 'succeeded')) as uncharged
        from parcel q where q.backorder_id = b.backorder_id and q.voided_at is null
    ) live on true
    where b.backorder_id = %s for no key update of b
"""
_PLAN = """
    insert into parcel (parcel_id, backorder_id, quantity, charge_amount, planned_at)
    values (%(parcel_id)s, %(id)s, %(units)s, %(charge)s, %(at)s)
"""
_OWNER = "select backorder_id from parcel where parcel_id = %s"
_LOCK_BACKORDER = "select from backorder where backorder_id = %s for no key update"
_BOOK = """
    update parcel set booked_at = %(at)s, tracking = %(tracking)s
    where parcel_id = %(parcel_id)s and booked_at is null and voided_at is null
"""
_VOID = """
    update parcel set voided_at = %(at)s
    where parcel_id = %(parcel_id)s and voided_at is null and possessed_at is null
"""
_PARCEL = "select backorder_id, quantity, voided_at, possessed_at from parcel where parcel_id = %s"
_REPORT = """
    insert into carrier_event (event_id, parcel_id, possessed_at, received_at, outcome)
    values (%(event_id)s, %(parcel_id)s, %(at)s, %(at)s, %(outcome)s) on conflict (event_id) do nothing
"""
_POSSESS = "update parcel set possessed_at = %(at)s where parcel_id = %(parcel_id)s"
# The oldest allocations go out first; stock leaves each by its place.
_SHIP = """
    with owned as (
        select allocation_id, quantity - shipped - released as units,
               sum(quantity - shipped - released) over (order by allocation_id) as running
        from allocation where backorder_id = %(id)s and quantity > shipped + released
    ), gone as (
        update allocation a set shipped = a.shipped + o.give
        from (select allocation_id, least(units, %(units)s - (running - units)) as give from owned
              where running - units < %(units)s) o
        where a.allocation_id = o.allocation_id returning a.sku, a.place, o.give
    ), house as (
        update stock s set on_hand = s.on_hand - g.units, allocated = s.allocated - g.units
        from (select sku, place, sum(give) as units from gone group by sku, place) g
        where s.sku = g.sku and s.place = g.place
    )
    update backorder set allocated = allocated - %(units)s, shipped = shipped + %(units)s where backorder_id = %(id)s
"""


class _ToPack(NamedTuple):
    unit_price: Decimal
    shipping_charge: Decimal
    currency: str
    shipped: int
    captured: Decimal
    live: int
    units: int
    uncharged: Decimal


class _Parcel(NamedTuple):
    backorder_id: str
    quantity: int
    voided_at: datetime | None
    possessed_at: datetime | None


async def plan_parcel(ledger: Ledger, backorder_id: str, *, parcel_id: str, at: datetime) -> BackorderPosition:
    """Set aside every allocated unit that is in no live parcel, and fix what it is charged; no unit, no parcel.

    The charge is cumulative: over all parcels it adds up to the goods' value and the shipping charge, to the cent.

    Raises:
        NotFound: no such backorder.
    """
    subject = backorder_workflow_id(backorder_id)
    async with ledger.fact(key=f"{parcel_id}/planned", subject=subject, kind="parcel planned", at=at) as fact:
        if not fact.repeated:
            await _plan(fact, backorder_id, parcel_id, at)
        return await read_position(fact.connection, backorder_id)


async def _plan(fact: Fact, backorder_id: str, parcel_id: str, at: datetime) -> None:
    await lock_sku_of(fact.connection, backorder_id)
    pack = await fetch_one(fact.connection, _ToPack, _TO_PACK, (backorder_id,))
    if pack is None or pack.units <= 0:
        return
    worth = Worth(unit_price=pack.unit_price, shipping_charge=pack.shipping_charge, currency=pack.currency)
    charge = parcel_charge(worth, pack.shipped + pack.live + pack.units, pack.captured + pack.uncharged)
    row = {"parcel_id": parcel_id, "id": backorder_id, "units": pack.units, "charge": charge, "at": at}
    await fact.connection.execute(_PLAN, row)
    due = f"{round_money(charge, pack.currency)} {pack.currency}"
    fact.note(text=f"Set {count_units(pack.units)} aside for parcel {parcel_id}, {due} to charge")


async def book(ledger: Ledger, parcel_id: str, *, at: datetime, tracking: str) -> BackorderPosition:
    """The carrier made a label. One for a parcel that was voided meanwhile stays voided: the label is to be voided too.

    Raises:
        NotFound: the parcel was never planned.
    """
    text = f"Parcel {parcel_id} booked with the carrier, tracking {tracking}"
    backorder_id = await _owner(ledger, parcel_id)
    subject = backorder_workflow_id(backorder_id)
    async with ledger.fact(key=f"{parcel_id}/booked", subject=subject, kind="parcel booked", at=at) as fact:
        if not fact.repeated:
            await fact.connection.execute(_LOCK_BACKORDER, (backorder_id,))
            row = {"parcel_id": parcel_id, "tracking": tracking, "at": at}
            if (await fact.connection.execute(_BOOK, row)).rowcount:
                fact.note(text=text)
        return await read_position(fact.connection, backorder_id)


async def void(ledger: Ledger, parcel_id: str, *, at: datetime) -> BackorderPosition:
    """The parcel will not go: its units are only allocated again. One that the carrier holds stays as it is.

    Raises:
        NotFound: the parcel was never planned.
    """
    backorder_id = await _owner(ledger, parcel_id)
    subject = backorder_workflow_id(backorder_id)
    async with ledger.fact(key=f"{parcel_id}/voided", subject=subject, kind="parcel voided", at=at) as fact:
        if not fact.repeated:
            await fact.connection.execute(_LOCK_BACKORDER, (backorder_id,))
            if (await fact.connection.execute(_VOID, {"parcel_id": parcel_id, "at": at})).rowcount:
                fact.note(text=f"Parcel {parcel_id} voided")
        return await read_position(fact.connection, backorder_id)


async def possess(ledger: Ledger, parcel_id: str, *, event_id: str, at: datetime) -> str | None:
    """The carrier holds the parcel: its units leave stock and count as shipped, once.

    A parcel that was voided or never planned cannot be shipped in the books; the report is kept and says so, and the
    backorder, if there is one, asks for attention.

    Args:
        ledger: the books.
        parcel_id: which parcel.
        event_id: the report's own id; the same report again changes nothing.
        at: when the carrier took it.

    Returns:
        The backorder it belongs to; None if the parcel is unknown.
    """
    try:
        backorder_id = await _owner(ledger, parcel_id)
    except NotFound:
        async with ledger.work() as connection:
            await _report(connection, parcel_id, event_id, at, "no such parcel was planned; ask the carrier what it is")
        return None
    subject = backorder_workflow_id(backorder_id)
    key = f"carrier/{event_id}"
    async with ledger.fact(key=key, subject=subject, kind="parcel possessed", at=at) as fact:
        if not fact.repeated:
            await lock_sku_of(fact.connection, backorder_id)
            await fact.connection.execute(_LOCK_BACKORDER, (backorder_id,))
            outcome = await _ship(fact, parcel_id, at)
            await _report(fact.connection, parcel_id, event_id, at, outcome)
    return backorder_id


async def _ship(fact: Fact, parcel_id: str, at: datetime) -> str:
    """Move the parcel's units to shipped, unless it was shipped or voided; says what became of the report."""
    parcel = await fetch_one(fact.connection, _Parcel, _PARCEL, (parcel_id,))
    if parcel is None:
        raise NotFound(f"parcel {parcel_id!r} vanished from the ledger; parcels are never deleted, so report this")
    if parcel.possessed_at:
        return "repeat, counted once"
    if parcel.voided_at:
        what = (
            f"The carrier took parcel {parcel_id}, which had been voided. Its units still count as in the house: "
            "ask the carrier to return it, or treat it as a gift and correct the stock"
        )
        await fact.connection.execute(RAISE_ON_BACKORDER, {"what": what, "at": at, "id": parcel.backorder_id})
        fact.note(text=f"Needs attention: {what}")
        return "the parcel had been voided; attention raised"
    await fact.connection.execute(_POSSESS, {"parcel_id": parcel_id, "at": at})
    await fact.connection.execute(_SHIP, {"id": parcel.backorder_id, "units": parcel.quantity})
    fact.note(text=f"Shipped {count_units(parcel.quantity)}: the carrier holds parcel {parcel_id}")
    return "shipped"


async def _report(connection: Connection, parcel_id: str, event_id: str, at: datetime, outcome: str) -> None:
    row = {"event_id": event_id, "parcel_id": parcel_id, "at": at, "outcome": outcome}
    await connection.execute(_REPORT, row)


async def _owner(ledger: Ledger, parcel_id: str) -> str:
    """The backorder a parcel belongs to; it never changes. Raises: NotFound."""
    async with ledger.look() as connection:
        row = await (await connection.execute(_OWNER, (parcel_id,))).fetchone()
    if row is None:
        raise NotFound(f"no parcel {parcel_id!r} in the ledger; plan it first")
    return str(row[0])
