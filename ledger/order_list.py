"""Purchase orders to choose from: a list of them, each as it stands, and how many there are."""

from collections.abc import Hashable, Iterable, Mapping
from datetime import date
from functools import reduce
from typing import Any, LiteralString, NamedTuple, TypeVar

from psycopg.rows import dict_row

from domain.catalogue import Supplier
from domain.purchase_order_duty import is_over
from domain.purchase_order_position import PurchaseOrderPosition, PurchaseOrderStatus, SupplierTerms
from domain.values import Instant
from ledger.book import Connection, Ledger, fetch

Key = TypeVar("Key", bound=Hashable)

# Everything about an order in one statement, so that a page of them is one moment's truth in one round trip. Money is
# text in the json parts: a json number would pass through a float.
POSITIONS = """
    select po.po_number, po.supplier_id, supplier.doc as supplier, po.currency, po.revision, po.opened_at,
           po.collect_until, po.threshold_reached_at is not null as threshold_reached, po.held_at is not null as held,
           po.release_requested_at is not null as release_now, po.frozen_at, po.acknowledged_at, po.rejected_at,
           po.cancelled_at, po.closed_at, po.added_to, po.chases, po.last_chased_at, po.overdue_told_at, po.attention,
           po.attention_since,
           (select coalesce(jsonb_agg(to_jsonb(l) || jsonb_build_object('unit_price', l.unit_price::text)
                                      order by l.line_no), '[]')
            from po_line l where l.po_number = po.po_number) as lines,
           (select coalesce(jsonb_agg(jsonb_build_object(
                'operation_id', o.operation_id, 'kind', o.kind, 'revision', o.revision, 'state', o.state,
                'rendered_at', o.rendered_at, 'sent_at', o.sent_at, 'answered_at', o.answered_at,
                'verdict', o.verdict) order by o.revision), '[]')
            from outbox o where o.po_number = po.po_number) as operations
    from purchase_order po join supplier using (supplier_id)
"""
_WANTED = """
    (%(supplier_id)s::text is null or po.supplier_id = %(supplier_id)s)
    and (%(sku)s::text is null or exists (
        select from po_line l where l.po_number = po.po_number and l.sku = %(sku)s))
    and (%(attention)s::bool is null or (po.attention is not null) = %(attention)s)
"""
_OVER = "coalesce(po.closed_at, po.rejected_at, po.cancelled_at) is not null"
_FIND = (
    POSITIONS
    + " where "
    + _WANTED
    + f"""
      and (%(after)s::text is null
           or ({_OVER}, po.opened_at, po.po_number) > (%(after_over)s::bool, %(after_at)s::timestamptz, %(after)s))
    order by {_OVER}, po.opened_at, po.po_number limit %(most)s
"""
)


def _shapes(which: LiteralString) -> LiteralString:
    """Status is a rule of domain.purchase_order_position and is not written a second time in SQL.

    This groups orders by all that the rule looks at, and names one example of each group; the rule then says the
    status of the example.
    """
    return (
        """
    with seen as (
        select po.po_number, po.attention is not null as asks, po.frozen_at is null as collecting,
               po.acknowledged_at is not null as acknowledged, po.rejected_at is not null as rejected,
               po.cancelled_at is not null as cancelled, po.closed_at is not null as closed,
               exists (select from po_line l where l.po_number = po.po_number
                       and l.received_good + l.received_bad > 0) as received,
               (select o.state from outbox o where o.po_number = po.po_number and o.kind = 'place') as placed,
               (select array[o.kind, o.state] from outbox o
                where o.po_number = po.po_number and o.kind <> 'place' and o.answered_at is null
                  and o.state <> 'refused' order by o.revision desc limit 1) as pending
        from purchase_order po where """
        + which
        + """
    )
    select min(po_number) as example, count(*)::int as number, (count(*) filter (where asks))::int as asking
    from seen
    group by collecting, acknowledged, rejected, cancelled, closed, received, placed, pending
"""
    )


_SHAPES = _shapes(_WANTED)
_OPEN_SHAPES = _shapes("po.closed_at is null and po.rejected_at is null and po.cancelled_at is null")
_EXAMPLES = POSITIONS + " where po.po_number = any(%(numbers)s)"
_PAGE = 500


class Tally(NamedTuple):
    """How many there are of something."""

    total: int
    attention: int
    """Of these, how many ask for an operator."""

    def plus(self, more: "Tally") -> "Tally":
        """Both together."""
        return Tally(self.total + more.total, self.attention + more.attention)


class Shape(NamedTuple):
    """Rows that a rule cannot tell apart."""

    example: str
    """One of them, by id or number."""
    number: int
    asking: int
    """How many of them ask for an operator."""


class ListedOrder(PurchaseOrderPosition):
    """A purchase order as it stands. What its supplier's connector can do is not known here: `terms` deny it."""

    attention_since: Instant | None = None

    @property
    def expected_on(self) -> date | None:
        """The first day on which goods that are still to come are expected; None is not known."""
        return min((line.expected_on for line in self.lines if line.open and line.expected_on), default=None)


async def find_orders(
    ledger: Ledger,
    *,
    status: PurchaseOrderStatus | None = None,
    sku: str | None = None,
    supplier_id: str | None = None,
    attention: bool | None = None,
    limit: int = 50,
) -> list[ListedOrder]:
    """Purchase orders that match everything given: those that are not over first, then the oldest first.

    Args:
        ledger: the books.
        status: their derived status.
        sku: an item that is on them.
        supplier_id: to whom.
        attention: whether they ask for an operator.
        limit: the most to return.
    """
    wanted: dict[str, object] = {"sku": sku, "supplier_id": supplier_id, "attention": attention}
    wanted |= {"most": _PAGE if status else min(limit, _PAGE), "after_over": None, "after_at": None, "after": None}
    found: list[ListedOrder] = []
    async with ledger.read() as connection:
        # The status is only known of what was read, so pages are read until enough of them match.
        while len(found) < limit:
            page = await read_orders(connection, _FIND, wanted)
            found += [order for order in page if status is None or order.status is status]
            if len(page) < _PAGE:
                break
            last = page[-1]
            wanted |= {"after_over": is_over(last), "after_at": last.opened_at, "after": last.po_number}
    return found[:limit]


async def tally_orders(
    ledger: Ledger,
    *,
    status: PurchaseOrderStatus | None = None,
    sku: str | None = None,
    supplier_id: str | None = None,
    attention: bool | None = None,
) -> Tally:
    """How many purchase orders match everything given, and how many of these ask for an operator. As `find_orders`."""
    async with ledger.read() as connection:
        seen = await orders_by_status(connection, sku=sku, supplier_id=supplier_id, attention=attention)
    return sum_up(counted for of, counted in seen.items() if status in (None, of))


async def orders_by_status(
    connection: Connection, *, sku: str | None = None, supplier_id: str | None = None, attention: bool | None = None
) -> dict[PurchaseOrderStatus, Tally]:
    """How many of them have each derived status; those that none has are left out."""
    return await _tallied(connection, _SHAPES, {"sku": sku, "supplier_id": supplier_id, "attention": attention})


async def open_orders_by_status(connection: Connection) -> dict[PurchaseOrderStatus, Tally]:
    """How many that are not over have each derived status, without reading those that are."""
    return await _tallied(connection, _OPEN_SHAPES, {})


async def _tallied(
    connection: Connection, query: LiteralString, wanted: Mapping[str, object]
) -> dict[PurchaseOrderStatus, Tally]:
    shapes = await fetch(connection, Shape, query, wanted)
    examples = await read_orders(connection, _EXAMPLES, {"numbers": [shape.example for shape in shapes]})
    status_of = {order.po_number: order.status for order in examples}
    return by_status((status_of[shape.example], shape) for shape in shapes)


def by_status(shapes: Iterable[tuple[Key, Shape]]) -> dict[Key, Tally]:
    """Several shapes may have one status."""
    counts: dict[Key, Tally] = {}
    for status, shape in shapes:
        counts[status] = counts.get(status, Tally(0, 0)).plus(Tally(shape.number, shape.asking))
    return counts


def sum_up(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    return reduce(Tally.plus, tallies, Tally(0, 0))


async def read_orders(connection: Connection, query: LiteralString, params: Mapping[str, Any]) -> list[ListedOrder]:
    """The purchase orders that a query over POSITIONS finds."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, params)
        return [_as_order(row) for row in await cursor.fetchall()]


def _as_order(row: dict[str, Any]) -> ListedOrder:
    supplier = Supplier.model_validate(row.pop("supplier"))
    parts = {"supplier_name": supplier.name, "terms": SupplierTerms.of(supplier)}
    return ListedOrder.model_validate({**row, **parts})
