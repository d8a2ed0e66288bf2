"""The books as people look at them: how many of each, what happened lately, and lists to choose from."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from domain.backorder_position import BackorderPosition, Status
from domain.names import backorder_workflow_id
from domain.values import CURRENCY_DIGITS, Frozen, Instant
from ledger import purchase_orders
from ledger.backorders import POSITIONS, read_position, read_positions
from ledger.book import Ledger, as_json, fetch

# Status is a rule of domain.backorder_position and is not written a second time in SQL. This groups backorders by all
# that the rule looks at, and names one example of each group; the rule then says the status of the example.
_SHAPES = """
    with share as (
        select c.backorder_id, c.confirmed, l.in_transit > 0 and (l.in_transit >= l.claimed or l.in_transit >= sum(
                   c.quantity) over (partition by c.po_number, c.line_no
                   order by b.legal_deadline, b.priority, b.accepted_at, b.backorder_id collate "C")) as in_transit
        from claim c join po_line l using (po_number, line_no) join backorder b using (backorder_id)
        where c.quantity > 0
    ), shares as (
        select backorder_id, bool_and(confirmed) as confirmed, bool_and(in_transit) as in_transit
        from share group by backorder_id
    ), booked as (
        select distinct backorder_id from parcel
        where booked_at is not null and voided_at is null and possessed_at is null
    ), seen as (
        select b.backorder_id, b.unsourced > 0 as unsourced, b.claimed > 0 as claimed, b.allocated > 0 as allocated,
               b.shipped > 0 as shipped, b.last_sourced_at is not null as sourced, s.confirmed, s.in_transit,
               k.backorder_id is not null as booked, b.ordered = b.shipped + b.cancelled as settled,
               b.captured - b.refunded > case when b.shipped = 0 then 0 else
                   round(b.unit_price * b.shipped, (%(digits)s->>b.currency)::int)
                   + round(b.shipping_charge, (%(digits)s->>b.currency)::int) end as overpaid
        from backorder b left join shares s using (backorder_id) left join booked k using (backorder_id)
    )
    select min(backorder_id) as example, count(*)::int as number from seen
    group by unsourced, claimed, allocated, shipped, sourced, confirmed, in_transit, booked, settled, overpaid
"""
_PO_SHAPES = """
    with seen as (
        select p.po_number, p.frozen_at is null as collecting, p.acknowledged_at is not null as acknowledged,
               p.rejected_at is not null as rejected, p.cancelled_at is not null as cancelled,
               p.closed_at is not null as closed,
               exists (select from po_line l where l.po_number = p.po_number
                       and l.received_good + l.received_bad > 0) as received,
               (select o.state from outbox o where o.po_number = p.po_number and o.kind = 'place') as placed,
               (select array[o.kind, o.state] from outbox o
                where o.po_number = p.po_number and o.kind <> 'place' and o.answered_at is null
                  and o.state <> 'refused' order by o.revision desc limit 1) as pending
        from purchase_order p
    )
    select min(po_number) as example, count(*)::int as number from seen
    group by collecting, acknowledged, rejected, cancelled, closed, received, placed, pending
"""
_TOTALS = """
    select (select count(*) from backorder where attention is not null)::int as backorder_attention,
           (select count(*) from purchase_order where attention is not null)::int as order_attention,
           (select count(*) from announcement where told_at is null)::int as owed
"""
_RECENT = """
    select at, substr(subject, %(prefix)s) as backorder_id, facts->>'text' as what from journal
    where starts_with(subject, 'backorder/') and facts ? 'text' order by seq desc limit %(most)s
"""
_FIND = (
    POSITIONS
    + """
    where (%(sku)s::text is null or b.sku = %(sku)s)
      and (%(supplier_id)s::text is null or exists (
          select from claim c join purchase_order p using (po_number)
          where c.backorder_id = b.backorder_id and c.quantity > 0 and p.supplier_id = %(supplier_id)s))
      and (%(attention)s::bool is null or (b.attention is not null) = %(attention)s)
      and (%(after_at)s::timestamptz is null or (b.accepted_at, b.backorder_id) > (%(after_at)s, %(after_id)s::text))
    order by b.closed_at is not null, b.accepted_at, b.backorder_id limit %(most)s
"""
)
_PAGE = 500


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
    refunds_due: int
    """Backorders with money to give back."""
    announcements_owed: int
    """Words that workflows are still to be told."""
    recent: tuple[Happening, ...]
    """What happened last, newest first."""


class _Shape(NamedTuple):
    example: str
    number: int


class _Totals(NamedTuple):
    backorder_attention: int
    order_attention: int
    owed: int


async def overview(ledger: Ledger, *, recent: int = 20) -> Overview:
    """The whole shop at a glance, as of one moment.

    Args:
        ledger: the books.
        recent: how many of the latest happenings to tell.
    """
    digits = as_json(CURRENCY_DIGITS)
    backorders: Counter[str] = Counter()
    async with ledger.read() as connection:
        for shape in await fetch(connection, _Shape, _SHAPES, {"digits": digits}):
            example = await read_position(connection, shape.example)
            backorders[example.status.value] += shape.number
        order_shapes = await fetch(connection, _Shape, _PO_SHAPES)
        totals = (await fetch(connection, _Totals, _TOTALS))[0]
        prefix = len(backorder_workflow_id("")) + 1
        happenings = await fetch(connection, Happening, _RECENT, {"prefix": prefix, "most": recent})
    orders: Counter[str] = Counter()
    for shape in order_shapes:
        orders[(await purchase_orders.position(ledger, shape.example)).status.value] += shape.number
    return Overview(
        backorders=dict(backorders),
        purchase_orders=dict(orders),
        attention=totals.backorder_attention + totals.order_attention,
        refunds_due=backorders[Status.REFUND_DUE.value],
        announcements_owed=totals.owed,
        recent=tuple(happenings),
    )


async def find(
    ledger: Ledger,
    *,
    status: Status | None = None,
    sku: str | None = None,
    supplier_id: str | None = None,
    attention: bool | None = None,
    limit: int = 50,
) -> list[BackorderPosition]:
    """Backorders that match everything given, the oldest first.

    Args:
        ledger: the books.
        status: their derived status.
        sku: what they wait for.
        supplier_id: who has a share of them on order.
        attention: whether they ask for an operator.
        limit: the most to return.
    """
    wanted = {"sku": sku, "supplier_id": supplier_id, "attention": attention, "most": _PAGE}
    after: tuple[datetime | None, str | None] = (None, None)
    found: list[BackorderPosition] = []
    async with ledger.read() as connection:
        # The status is only known of what was read, so pages are read until enough of them match.
        while len(found) < limit:
            page = await read_positions(connection, _FIND, {**wanted, "after_at": after[0], "after_id": after[1]})
            found += [position for position in page if status is None or position.status is status]
            if len(page) < _PAGE:
                break
            after = (page[-1].accepted_at, page[-1].backorder_id)
    return found[:limit]
