"""The books as people look at them: how many of each, what happened lately, and backorders to choose from.

The list of purchase orders is in `ledger.order_list`."""

from collections.abc import Mapping
from itertools import chain
from typing import LiteralString, NamedTuple

from domain.backorder_position import BackorderPosition, Status
from domain.names import backorder_workflow_id
from domain.values import CURRENCY_DIGITS, Frozen, Instant
from ledger.backorders import POSITIONS, read_position, read_positions
from ledger.book import Connection, Ledger, as_json, fetch
from ledger.order_list import Shape, Tally, by_status, orders_by_status, sum_up

_WANTED = """
    (%(sku)s::text is null or b.sku = %(sku)s)
    and (%(supplier_id)s::text is null or exists (
        select from claim c join purchase_order p using (po_number)
        where c.backorder_id = b.backorder_id and c.quantity > 0 and p.supplier_id = %(supplier_id)s))
    and (%(attention)s::bool is null or (b.attention is not null) = %(attention)s)
"""


def _shapes(which: LiteralString) -> LiteralString:
    """Status is a rule of domain.backorder_position and is not written a second time in SQL.

    This groups backorders by all that the rule looks at, and names one example of each group; the rule then says the
    status of the example.
    """
    return (
        """
    with share as (
        select c.backorder_id, c.confirmed, l.in_transit > 0 and (l.in_transit >= l.claimed or l.in_transit >= sum(
                   c.quantity) over (partition by c.po_number, c.line_no
                   order by b.legal_deadline, b.priority, b.accepted_at, b.backorder_id collate "C")) as in_transit
        from claim c join po_line l using (po_number, line_no) join backorder b using (backorder_id)
        where c.quantity > 0 and b.closed_at is null -- who is closed has none; it keeps the search to who is open
    ), shares as (
        select backorder_id, bool_and(confirmed) as confirmed, bool_and(in_transit) as in_transit
        from share group by backorder_id
    ), booked as (
        select distinct backorder_id from parcel
        where booked_at is not null and voided_at is null and possessed_at is null
    ), seen as (
        select b.backorder_id, b.attention is not null as asks,
               b.unsourced > 0 as unsourced, b.claimed > 0 as claimed, b.allocated > 0 as allocated,
               b.shipped > 0 as shipped, b.last_sourced_at is not null as sourced, s.confirmed, s.in_transit,
               k.backorder_id is not null as booked, b.ordered = b.shipped + b.cancelled as settled,
               b.captured - b.refunded > case when b.shipped = 0 then 0 else
                   round(b.unit_price * b.shipped, (%(digits)s->>b.currency)::int)
                   + round(b.shipping_charge, (%(digits)s->>b.currency)::int) end as overpaid
        from backorder b left join shares s using (backorder_id) left join booked k using (backorder_id)
        where """
        + which
        + """
    )
    select min(backorder_id) as example, count(*)::int as number, (count(*) filter (where asks))::int as asking
    from seen
    group by unsourced, claimed, allocated, shipped, sourced, confirmed, in_transit, booked, settled, overpaid
"""
    )


_SHAPES = _shapes(_WANTED)
_OPEN_SHAPES = _shapes("b.closed_at is null")
_TOTALS = """
    select (select count(*) from announcement where told_at is null)::int as owed,
           array(select id from (
               select backorder_id as id, attention_since from backorder where attention is not null union all
               select po_number, attention_since from purchase_order where attention is not null) asking
           order by attention_since, id limit %(most)s) as asking
"""
_RECENT = """
    select at, substr(subject, %(prefix)s) as backorder_id, facts->>'text' as what from journal
    where starts_with(subject, 'backorder/') and facts ? 'text' order by seq desc limit %(most)s
"""
_FIND = (
    POSITIONS
    + " where "
    + _WANTED
    + """
      and (%(after_id)s::text is null or (b.closed_at is not null, b.accepted_at, b.backorder_id)
           > (%(after_closed)s::bool, %(after_at)s::timestamptz, %(after_id)s))
    order by b.closed_at is not null, b.accepted_at, b.backorder_id limit %(most)s
"""
)
_PAGE = 500
_ASKING_NAMED = 10


class Happening(Frozen):
    """One line of what happened lately."""

    at: Instant
    backorder_id: str
    what: str


class Overview(Frozen):
    """The whole shop at a glance."""

    backorders: Mapping[str, int]
    """How many backorders have each derived status; those that none has are left out."""
    purchase_orders: Mapping[str, int]
    """The same of purchase orders."""
    attention: int
    """Backorders and purchase orders that ask for an operator."""
    asking: tuple[str, ...]
    """The first ten of them, by id or number; who asks longest comes first."""
    refunds_due: int
    """Backorders with money to give back."""
    announcements_owed: int
    """Words that workflows are still to be told."""
    recent: tuple[Happening, ...]
    """What happened last, newest first."""


class _Totals(NamedTuple):
    owed: int
    asking: list[str]


async def overview(ledger: Ledger, *, recent: int = 20) -> Overview:
    """The whole shop at a glance, as of one moment.

    Args:
        ledger: the books.
        recent: how many of the latest happenings to tell.
    """
    async with ledger.read() as connection:
        backorders = await _by_status(connection, sku=None, supplier_id=None, attention=None)
        orders = await orders_by_status(connection)
        totals = (await fetch(connection, _Totals, _TOTALS, {"most": _ASKING_NAMED}))[0]
        prefix = len(backorder_workflow_id("")) + 1
        happenings = await fetch(connection, Happening, _RECENT, {"prefix": prefix, "most": recent})
    return Overview(
        backorders={status.value: tally.total for status, tally in backorders.items()},
        purchase_orders={status.value: tally.total for status, tally in orders.items()},
        attention=sum_up(chain(backorders.values(), orders.values())).attention,
        asking=tuple(totals.asking),
        refunds_due=backorders.get(Status.REFUND_DUE, Tally(0, 0)).total,
        announcements_owed=totals.owed,
        recent=tuple(happenings),
    )


async def tally(
    ledger: Ledger,
    *,
    status: Status | None = None,
    sku: str | None = None,
    supplier_id: str | None = None,
    attention: bool | None = None,
) -> Tally:
    """How many backorders match everything given, and how many of these ask for an operator. As `find`, uncut."""
    async with ledger.read() as connection:
        seen = await _by_status(connection, sku=sku, supplier_id=supplier_id, attention=attention)
    return sum_up(counted for of, counted in seen.items() if status in (None, of))


async def open_by_status(connection: Connection) -> dict[Status, Tally]:
    """How many that are not closed have each derived status, without reading those that are."""
    return await _tallied(connection, _OPEN_SHAPES, {})


async def _by_status(connection: Connection, **wanted: object) -> dict[Status, Tally]:
    return await _tallied(connection, _SHAPES, wanted)


async def _tallied(connection: Connection, query: LiteralString, wanted: Mapping[str, object]) -> dict[Status, Tally]:
    shapes = await fetch(connection, Shape, query, {**wanted, "digits": as_json(CURRENCY_DIGITS)})
    return by_status([((await read_position(connection, shape.example)).status, shape) for shape in shapes])


async def find(
    ledger: Ledger,
    *,
    status: Status | None = None,
    sku: str | None = None,
    supplier_id: str | None = None,
    attention: bool | None = None,
    limit: int = 50,
) -> list[BackorderPosition]:
    """Backorders that match everything given: open ones first, then the oldest first.

    Args:
        ledger: the books.
        status: their derived status.
        sku: what they wait for.
        supplier_id: who has a share of them on order.
        attention: whether they ask for an operator.
        limit: the most to return.
    """
    wanted: dict[str, object] = {"sku": sku, "supplier_id": supplier_id, "attention": attention}
    wanted |= {"most": _PAGE if status else min(limit, _PAGE), "after_closed": None, "after_at": None, "after_id": None}
    found: list[BackorderPosition] = []
    async with ledger.read() as connection:
        # The status is only known of what was read, so pages are read until enough of them match.
        while len(found) < limit:
            page = await read_positions(connection, _FIND, wanted)
            found += [position for position in page if status is None or position.status is status]
            if len(page) < _PAGE:
                break
            last = page[-1]
            wanted |= {
                "after_closed": last.closed_at is not None,
                "after_at": last.accepted_at,
                "after_id": last.backorder_id,
            }
    return found[:limit]
