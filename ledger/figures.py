"""The books in figures, for monitoring: what is open, late, silent, owed and asked, as of one moment.

Each figure reads what is open, or what ended within `RECENT`, by an index of its own, and never all that is over: the
cost does not grow with the age of the shop. Rules (status, what is to be refunded, when a supplier counts as silent)
are those of `domain/`; SQL only counts. Nothing here names a customer, a backorder or a purchase order.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import LiteralString, NamedTuple

from domain.backorder_duty import local_day
from domain.backorder_position import Status
from domain.catalogue import Supplier
from domain.money import Worth, refund_due
from domain.purchase_order_position import PurchaseOrderStatus
from domain.values import Frozen
from ledger.book import Connection, Ledger, fetch
from ledger.order_list import open_orders_by_status
from ledger.overview import open_by_status

RECENT = timedelta(days=7)
"""How far back figures look that tell how it went; what was before, the one who collects them remembers."""

PATIENCE_MS = 5_000
"""After this a figure's query is given up: monitoring must not be what the shop waits for."""

DAY = timedelta(days=1)
AGES = (DAY, 3 * DAY, 7 * DAY, 14 * DAY, 21 * DAY, 30 * DAY, 45 * DAY, 60 * DAY, 90 * DAY)
"""Bounds of the ages of open backorders; 30 days is what the law allows when nothing else was said."""
ACKNOWLEDGED_IN = tuple(timedelta(hours=h) for h in (0.25, 1, 4, 8, 24, 48, 72, 168))
"""Bounds of the time from sending a purchase order to its supplier's answer."""

_PATIENCE: LiteralString = "select set_config('statement_timeout', %s, true)"
_AGES = """
    select width_bucket(seconds, %(bounds)s) as place, count(*)::int as number, sum(seconds) as total,
           max(seconds) as longest
    from (select greatest(extract(epoch from %(now)s - accepted_at), 0)::float8 as seconds
          from backorder where closed_at is null) age
    group by 1
"""
_PROMISED = """
    select zone, first_promise, current_promise, count(*)::int as number,
           (count(*) filter (where legal_deadline < %(now)s))::int as past_law
    from backorder where closed_at is null and ordered > shipped + cancelled group by 1, 2, 3
"""
# What shipped is judged by its last parcel. Days are those of the ship-to address, whose offset changes on the quarter
# of an hour at most, so instants are told apart no finer.
_KEPT = """
    select b.zone, b.first_promise, b.cancelled_by, b.shipped > 0 as shipped, count(*)::int as number,
           date_bin('15 minutes', last.possessed_at, '2000-01-01Z') as shipped_at
    from backorder b cross join lateral (
        select max(possessed_at) as possessed_at from parcel p where p.backorder_id = b.backorder_id) last
    where b.closed_at > %(since)s and b.first_promise is not null
    group by b.zone, b.first_promise, b.cancelled_by, b.shipped > 0, shipped_at
"""
_ACKNOWLEDGED = """
    select width_bucket(seconds, %(bounds)s) as place, count(*)::int as number, sum(seconds) as total,
           max(seconds) as longest
    from (select greatest(extract(epoch from po.acknowledged_at - o.sent_at), 0)::float8 as seconds
          from purchase_order po join outbox o on o.po_number = po.po_number and o.kind = 'place'
          where po.acknowledged_at > %(since)s and o.sent_at is not null) answer
    group by 1
"""
_WAITING = """
    select po.supplier_id, coalesce(o.sent_at, o.rendered_at) as sent_at
    from purchase_order po join outbox o on o.po_number = po.po_number and o.kind = 'place'
    where po.closed_at is null and po.rejected_at is null and po.cancelled_at is null
      and po.acknowledged_at is null and o.state in ('delivered', 'unknown')
"""
_SUPPLIERS = "select doc as supplier from supplier where supplier_id = any(%(ids)s)"
_REFUNDS = """
    select currency, zone, refund_deadline, unit_price, shipping_charge, shipped, captured, refunded
    from backorder where closed_at is null and captured > refunded and ordered = shipped + cancelled
"""
_ATTENTION = """
    select subject, attention, count(*)::int as number,
           greatest(extract(epoch from %(now)s - min(attention_since)), 0)::float8 as seconds
    from (select 'backorder' as subject, attention, attention_since from backorder where attention is not null
          union all
          select 'purchase_order', attention, attention_since from purchase_order where attention is not null) asked
    group by subject, attention
"""
_UNTOLD = """
    select count(*)::int as number, coalesce(extract(epoch from %(now)s - min(owed_at)), 0)::float8 as seconds
    from announcement where told_at is null
"""
_UNAPPLIED = """
    select count(*)::int as number, coalesce(extract(epoch from %(now)s - min(i.received_at)), 0)::float8 as seconds
    from inbox_event e join inbox i using (inbox_id) where e.applied_at is null
"""


_FOR_A_PERSON = """
    select count(*)::int as number, coalesce(extract(epoch from %(now)s - min(received_at)), 0)::float8 as seconds
    from inbox where (unreadable is not null or astray is not null) and seen_to_at is null
"""


class Need(StrEnum):
    """What kind of thing an operator is asked for, told by the words it is asked in."""

    NO_SUPPLIER = "no_supplier"
    SILENT_SUPPLIER = "silent_supplier"
    STUCK = "stuck"
    OTHER = "other"
    """A supplier's word that a person must judge, or a message that could not be read."""


_WORDS = {
    Need.NO_SUPPLIER: "No supplier is left for ",
    Need.SILENT_SUPPLIER: " has not acknowledged ",
    Need.STUCK: "It is tried again by itself",
}


class Spread(Frozen):
    """How values are spread, in seconds."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    """How many lie below each bound, and not below the one before; the last are those above all bounds."""
    total: float
    longest: float


class Queue(Frozen):
    """Things that wait: how many, and the oldest one's age in seconds."""

    number: int = 0
    seconds: float = 0

    def and_more(self, number: int, seconds: float) -> "Queue":
        """With others, of which the oldest has waited so long."""
        return Queue(number=self.number + number, seconds=max(self.seconds, seconds))


class Silence(Frozen):
    """Purchase orders that one supplier has and did not acknowledge."""

    waiting: int
    silent: int
    """Of these, those past the time the supplier is given."""
    longest: float
    """Seconds since the oldest of them was sent."""


class Refunds(Frozen):
    """Money to give back in one currency."""

    due: int
    amount: Decimal
    overdue: int
    """Of these, past the last day the law allows."""
    overdue_amount: Decimal


class Figures(Frozen):
    """All of it."""

    backorders: Mapping[Status, int]
    """Open backorders by derived status."""
    ages: Spread
    late_of_first: int
    """Open backorders whose first promised day has passed."""
    late_of_current: int
    undated: int
    """Open backorders that have no date at present."""
    past_law: int
    """Open backorders past the day by which the law wants them shipped."""
    kept: int
    """Closed within RECENT: shipped by the first promised day."""
    shipped_late: int
    broken: int
    """Closed within RECENT: cancelled by the seller or by law, after a date was promised."""
    purchase_orders: Mapping[PurchaseOrderStatus, int]
    """Those that are not over, by derived status."""
    acknowledged: Spread
    """Time from sending to acknowledgement, of those acknowledged within RECENT."""
    silence: Mapping[str, Silence]
    """By supplier id."""
    refunds: Mapping[str, Refunds]
    """By currency."""
    attention: Mapping[tuple[str, Need], Queue]
    """Asked of operators, by subject ('backorder' or 'purchase_order') and kind."""
    untold: Queue
    """Words that workflows are still to be told."""
    unapplied: Queue
    unread: Queue
    """Events of suppliers that are in the inbox and not yet in the books."""


class _Bucket(NamedTuple):
    place: int
    number: int
    total: float
    longest: float


class _Promised(NamedTuple):
    zone: str
    first_promise: date | None
    current_promise: date | None
    number: int
    past_law: int


class _Ended(NamedTuple):
    zone: str
    first_promise: date
    cancelled_by: str | None
    shipped: bool
    number: int
    shipped_at: datetime | None


class _Sent(NamedTuple):
    supplier_id: str
    sent_at: datetime


class _SupplierDoc(NamedTuple):
    supplier: dict[str, object]


class _ToRefund(NamedTuple):
    currency: str
    zone: str
    refund_deadline: date | None
    unit_price: Decimal
    shipping_charge: Decimal
    shipped: int
    captured: Decimal
    refunded: Decimal


class _Asked(NamedTuple):
    subject: str
    attention: str
    number: int
    seconds: float


async def figures(ledger: Ledger, *, now: datetime) -> Figures:
    """Read all figures in one moment's view.

    Raises:
        psycopg.Error: the books cannot be read, or not in PATIENCE_MS.
    """
    at = {"now": now, "since": now - RECENT}
    async with ledger.read() as connection:
        await connection.execute(_PATIENCE, (str(PATIENCE_MS),))
        promised = await fetch(connection, _Promised, _PROMISED, at)
        ended = Counter[str]()
        for one in await fetch(connection, _Ended, _KEPT, at):
            ended[_how_it_ended(one)] += one.number
        return Figures(
            backorders={status: tally.total for status, tally in (await open_by_status(connection)).items()},
            ages=await _spread(connection, _AGES, AGES, at),
            late_of_first=sum(one.number for one in promised if _passed(one.first_promise, one.zone, now)),
            late_of_current=sum(one.number for one in promised if _passed(one.current_promise, one.zone, now)),
            undated=sum(one.number for one in promised if one.current_promise is None),
            past_law=sum(one.past_law for one in promised),
            kept=ended["kept"],
            shipped_late=ended["late"],
            broken=ended["broken"],
            purchase_orders={
                status: tally.total for status, tally in (await open_orders_by_status(connection)).items()
            },
            acknowledged=await _spread(connection, _ACKNOWLEDGED, ACKNOWLEDGED_IN, at),
            silence=await _silence(connection, now),
            refunds=_refunds(await fetch(connection, _ToRefund, _REFUNDS), now),
            attention=_attention(await fetch(connection, _Asked, _ATTENTION, at)),
            untold=(await fetch(connection, Queue, _UNTOLD, at))[0],
            unapplied=(await fetch(connection, Queue, _UNAPPLIED, at))[0],
            unread=(await fetch(connection, Queue, _FOR_A_PERSON, at))[0],
        )


def need_in(text: str) -> Need:
    """Of which kind a request to an operator is; the first kind that is found in it."""
    return next((need for need, words in _WORDS.items() if words in text), Need.OTHER)


async def _spread(
    connection: Connection, query: LiteralString, bounds: Sequence[timedelta], at: Mapping[str, datetime]
) -> Spread:
    limits = [bound.total_seconds() for bound in bounds]
    buckets = await fetch(connection, _Bucket, query, {**at, "bounds": limits})
    number = {bucket.place: bucket.number for bucket in buckets}
    return Spread(
        bounds=tuple(limits),
        counts=tuple(number.get(place, 0) for place in range(len(limits) + 1)),
        total=sum(bucket.total for bucket in buckets),
        longest=max((bucket.longest for bucket in buckets), default=0.0),
    )


def _passed(day: date | None, zone: str, now: datetime) -> bool:
    return day is not None and local_day(now, zone) > day


def _how_it_ended(ended: _Ended) -> str:
    if ended.cancelled_by in {"seller", "law"}:
        return "broken"
    if not ended.shipped or ended.shipped_at is None:
        return "given up by the customer"
    return "late" if _passed(ended.first_promise, ended.zone, ended.shipped_at) else "kept"


async def _silence(connection: Connection, now: datetime) -> dict[str, Silence]:
    sent: dict[str, list[datetime]] = defaultdict(list)
    for order in await fetch(connection, _Sent, _WAITING):
        sent[order.supplier_id].append(order.sent_at)
    docs = await fetch(connection, _SupplierDoc, _SUPPLIERS, {"ids": list(sent)})
    terms = {one.supplier_id: one for one in (Supplier.model_validate(doc.supplier) for doc in docs)}
    return {
        supplier_id: Silence(
            waiting=len(since),
            silent=sum(1 for at in since if at + terms[supplier_id].acknowledge_within < now),
            longest=max(0.0, (now - min(since)).total_seconds()),
        )
        for supplier_id, since in sent.items()
    }


def _refunds(rows: Iterable[_ToRefund], now: datetime) -> dict[str, Refunds]:
    found: dict[str, Refunds] = {}
    for row in rows:
        worth = Worth(unit_price=row.unit_price, shipping_charge=row.shipping_charge, currency=row.currency)
        amount = refund_due(worth, open_units=0, shipped=row.shipped, captured=row.captured, refunded=row.refunded)
        if amount == 0:
            continue
        late = _passed(row.refund_deadline, row.zone, now)
        before = found.get(row.currency, Refunds(due=0, amount=Decimal(0), overdue=0, overdue_amount=Decimal(0)))
        found[row.currency] = Refunds(
            due=before.due + 1,
            amount=before.amount + amount,
            overdue=before.overdue + late,
            overdue_amount=before.overdue_amount + (amount if late else 0),
        )
    return found


def _attention(rows: Iterable[_Asked]) -> dict[tuple[str, Need], Queue]:
    found: dict[tuple[str, Need], Queue] = {}
    for row in rows:
        kind = (row.subject, need_in(row.attention))
        found[kind] = found.get(kind, Queue()).and_more(row.number, row.seconds)
    return found
