"""The audit: what the database cannot refuse by itself. Every law as queries that find the rows which break it.

The checks of a table's own constraints are repeated here, since a hand in the database can drop a constraint. Nothing
is changed, and everything is seen at one moment, so an audit of a ledger at work is as good as one at rest.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

from psycopg.rows import dict_row

from domain.values import CURRENCY_DIGITS
from ledger.book import Connection, Ledger
from ledger.laws import LAWS

__all__ = ["CHECKS", "LAWS", "Check", "Finding", "audit", "examine"]


class Check(NamedTuple):
    """A part of a law, and the query that finds the rows for which it does not hold."""

    law: str
    what: str
    """What is wrong with the rows found."""
    rows: LiteralString


class Finding(NamedTuple):
    """A check that does not hold."""

    law: str
    """A key of LAWS."""
    what: str
    """What is wrong, in words."""
    rows: Sequence[Mapping[str, Any]]
    """The rows that break it, each as columns by name."""


# What the units that shipped are worth, as domain.money.Worth: digits are those of domain.values.CURRENCY_DIGITS.
_WORTH: LiteralString = """
    select b.*, case when b.shipped = 0 then 0 else
           round(b.unit_price * b.shipped, (%(digits)s::jsonb->>b.currency)::int)
           + round(b.shipping_charge, (%(digits)s::jsonb->>b.currency)::int) end as worth,
           (select coalesce(sum(y.amount), 0) from payment y
            where y.backorder_id = b.backorder_id and y.kind = 'refund' and y.state <> 'declined') as given_back
    from backorder b
"""

CHECKS: tuple[Check, ...] = (
    Check(
        "L1",
        "backorders whose units are not all somewhere",
        """select backorder_id, ordered, unsourced, claimed, allocated, shipped, cancelled from backorder
           where ordered <> unsourced + claimed + allocated + shipped + cancelled
           or least(unsourced, claimed, allocated, shipped, cancelled) < 0""",
    ),
    Check(
        "L1",
        "backorders whose claimed units are not the sum of their claims",
        """select b.backorder_id, b.claimed, coalesce(sum(c.quantity), 0) as claims
           from backorder b left join claim c using (backorder_id)
           group by b.backorder_id having b.claimed <> coalesce(sum(c.quantity), 0)""",
    ),
    Check(
        "L1",
        "backorders whose allocated units are not the sum of their allocations",
        """select b.backorder_id, b.allocated, coalesce(sum(a.quantity - a.shipped - a.released), 0) as allocations
           from backorder b left join allocation a using (backorder_id)
           group by b.backorder_id having b.allocated <> coalesce(sum(a.quantity - a.shipped - a.released), 0)""",
    ),
    Check(
        "L1",
        "backorders whose shipped units did not leave allocations in as many",
        """select b.backorder_id, b.shipped, coalesce(sum(a.shipped), 0) as left_allocations
           from backorder b left join allocation a using (backorder_id)
           group by b.backorder_id having b.shipped <> coalesce(sum(a.shipped), 0)""",
    ),
    Check(
        "L1",
        "backorders whose shipped units are not those of the parcels the carrier holds",
        """select b.backorder_id, b.shipped, coalesce(sum(q.quantity), 0) as in_parcels
           from backorder b left join parcel q on q.backorder_id = b.backorder_id and q.possessed_at is not null
           group by b.backorder_id having b.shipped <> coalesce(sum(q.quantity), 0)""",
    ),
    Check(
        "L1",
        "backorders with more units set aside in parcels than are allocated",
        """select b.backorder_id, b.allocated, sum(q.quantity) as in_parcels
           from backorder b join parcel q using (backorder_id) where q.possessed_at is null and q.voided_at is null
           group by b.backorder_id having b.allocated < sum(q.quantity)""",
    ),
    Check(
        "L1",
        "claims whose units are not all waiting, fulfilled or given back",
        """select backorder_id, po_number, line_no, total, quantity, fulfilled, released from claim
           where total <> quantity + fulfilled + released or least(quantity, fulfilled, released) < 0""",
    ),
    Check(
        "L1",
        "claims whose fulfilled units were not allocated from their line in as many",
        """select c.backorder_id, c.po_number, c.line_no, c.fulfilled, coalesce(sum(a.quantity), 0) as allocated
           from claim c left join allocation a using (backorder_id, po_number, line_no)
           group by c.backorder_id, c.po_number, c.line_no having c.fulfilled <> coalesce(sum(a.quantity), 0)""",
    ),
    Check(
        "L1",
        "backorders that claim or hold another item than was ordered",
        """select b.backorder_id, b.sku, l.sku as supplied from backorder b join claim c using (backorder_id)
           join po_line l using (po_number, line_no) where l.sku <> b.sku
           union select b.backorder_id, b.sku, a.sku from backorder b join allocation a using (backorder_id)
           where a.sku <> b.sku""",
    ),
    Check(
        "L1",
        "backorders with cancelled units that nobody asked to cancel",
        """select backorder_id, cancelled from backorder where cancelled > 0 and cancel_requested_at is null""",
    ),
    Check(
        "L2",
        "purchase order lines whose confirmed units are not all somewhere",
        """select po_number, line_no, sku, confirmed, received_good, received_bad, open, closed_short, cancelled
           from po_line where confirmed <> received_good + received_bad + open + closed_short + cancelled
           or least(received_good, received_bad, open, closed_short, cancelled, over_received, over_quarantined) < 0""",
    ),
    Check(
        "L2",
        "lines of collecting orders that something came of, or that are not wholly open",
        """select l.po_number, l.line_no, l.sku, l.ordered, l.confirmed, l.open
           from po_line l join purchase_order p using (po_number)
           where p.frozen_at is null and p.closed_at is null and (l.ordered <> l.confirmed or l.ordered <> l.open)""",
    ),
    Check(
        "L3",
        "lines with more claims and asked reductions than open units",
        """select po_number, line_no, sku, open, claimed, to_reduce from po_line
           where claimed + to_reduce > open or least(claimed, to_reduce) < 0""",
    ),
    Check(
        "L3",
        "lines whose claimed units are not the sum of the claims on them",
        """select l.po_number, l.line_no, l.sku, l.claimed, coalesce(sum(c.quantity), 0) as claims
           from po_line l left join claim c using (po_number, line_no)
           group by l.po_number, l.line_no having l.claimed <> coalesce(sum(c.quantity), 0)""",
    ),
    Check(
        "L3",
        "lines with more units on the way than are open",
        "select po_number, line_no, sku, open, in_transit from po_line where in_transit not between 0 and open",
    ),
    Check(
        "L4",
        "stock of which more is allocated than is on hand",
        "select sku, place, on_hand, allocated from stock where allocated not between 0 and on_hand",
    ),
    Check(
        "L4",
        "stock whose allocated units are not the sum of its allocations",
        """select s.sku, s.place, s.allocated, coalesce(sum(a.quantity - a.shipped - a.released), 0) as allocations
           from stock s left join allocation a using (sku, place)
           group by s.sku, s.place having s.allocated <> coalesce(sum(a.quantity - a.shipped - a.released), 0)""",
    ),
    Check(
        "L4",
        "allocations with more units shipped and given back than they had",
        """select allocation_id, backorder_id, sku, quantity, shipped, released from allocation
           where shipped + released > quantity or least(quantity, shipped, released) < 0""",
    ),
    Check(
        "L4",
        "stock that is not what was there at first, and what receipts brought, less what shipped",
        """select s.sku, s.opening, s.on_hand, received.units as received, gone.units as shipped
           from (select sku, sum(opening) as opening, sum(on_hand) as on_hand from stock group by sku) s,
           lateral (select coalesce(sum(r.good + r.over_received), 0) as units
                    from receipt r join po_line l using (po_number, line_no) where l.sku = s.sku) received,
           lateral (select coalesce(sum(a.shipped), 0) as units from allocation a where a.sku = s.sku) gone
           where s.on_hand <> s.opening + received.units - gone.units""",
    ),
    Check(
        "L5",
        "backorders with more refunded than captured",
        """select backorder_id, currency, captured, refunded from backorder
           where refunded > captured or least(captured, refunded) < 0""",
    ),
    Check(
        "L5",
        "backorders whose money is not the sum of their payments",
        """select b.backorder_id, b.captured, b.refunded,
                  coalesce(sum(y.amount) filter (where y.kind <> 'refund'), 0) as taken,
                  coalesce(sum(y.amount) filter (where y.kind = 'refund'), 0) as given_back
           from backorder b left join payment y on y.backorder_id = b.backorder_id and y.state = 'succeeded'
           group by b.backorder_id
           having b.captured <> coalesce(sum(y.amount) filter (where y.kind <> 'refund'), 0)
           or b.refunded <> coalesce(sum(y.amount) filter (where y.kind = 'refund'), 0)""",
    ),
    Check(
        "L5",
        "captures that are refunded more than once",
        """select refunds as payment_id, count(*) as refunds, sum(amount) as amount from payment
           where kind = 'refund' and state <> 'declined' group by refunds having count(*) > 1""",
    ),
    Check(
        "L5",
        "refunds of what was not captured, or of more than was, or to somebody else",
        """select r.payment_id, r.backorder_id, r.amount, r.currency, c.payment_id as capture, c.amount as captured
           from payment r join payment c on c.payment_id = r.refunds
           where r.amount > c.amount or r.currency <> c.currency or r.backorder_id <> c.backorder_id
           or c.kind = 'refund' or c.state <> 'succeeded'""",
    ),
    Check(
        "L5",
        "charges that are not for a parcel of their backorder, or not what it is charged",
        """select y.payment_id, y.backorder_id, y.amount, q.parcel_id, q.charge_amount
           from payment y left join parcel q using (parcel_id) where y.kind = 'charge'
           and (q.parcel_id is null or q.backorder_id <> y.backorder_id or q.charge_amount <> y.amount)""",
    ),
    Check(
        "L5",
        "parcels that are charged more than once",
        """select parcel_id, count(*) as charges from payment
           where kind = 'charge' and state <> 'declined' group by parcel_id having count(*) > 1""",
    ),
    Check(
        "L5",
        "backorders of which money for shipped goods is given back, or any while units are still owed",
        f"""select backorder_id, ordered, shipped, cancelled, captured, given_back, worth from ({_WORTH}) b
           where given_back > 0 and (ordered > shipped + cancelled or captured - given_back < worth)""",
    ),
    Check(
        "L5",
        "closed backorders of which a refund is due",
        f"""select backorder_id, captured, refunded, worth as shipped_worth from ({_WORTH}) b
           where closed_at is not null and captured - refunded > worth""",
    ),
    Check(
        "L5",
        "closed backorders with money asked for and never answered: it may have been taken",
        """select b.backorder_id, y.payment_id, y.kind, y.amount from backorder b join payment y using (backorder_id)
           where b.closed_at is not null and y.state = 'requested'""",
    ),
    Check(
        "L6",
        "journal keys that were written more than once",
        "select key, count(*) as times from journal group by key having count(*) > 1",
    ),
    Check(
        "L6",
        "merge keys for which more than one purchase order collects",
        """select merge_key, array_agg(po_number) as purchase_orders from purchase_order
           where frozen_at is null and closed_at is null group by merge_key having count(*) > 1""",
    ),
    Check(
        "L6",
        "purchase orders that are placed more than once, or asked for changes without being placed",
        """select po_number, count(*) filter (where kind = 'place') as placed, count(*) as operations from outbox
           group by po_number having count(*) filter (where kind = 'place') <> 1""",
    ),
    Check(
        "L6",
        "revisions of a purchase order that were asked more than once",
        """select po_number, revision, array_agg(operation_id) as operations from outbox
           group by po_number, revision having count(*) > 1""",
    ),
    Check(
        "L6",
        "the same item on more than one line of a purchase order",
        """select po_number, sku, array_agg(line_no) as lines from po_line
           group by po_number, sku having count(*) > 1""",
    ),
    Check(
        "L6",
        "receipts that were counted more than once",
        """select supplier_id, receipt_id, po_number, line_no, count(*) as times from receipt
           group by supplier_id, receipt_id, po_number, line_no having count(*) > 1""",
    ),
    Check(
        "L6",
        "lines whose received units are not the sum of their receipts",
        """select l.po_number, l.line_no, l.sku,
                  l.received_good, coalesce(sum(r.good), 0) as good,
                  l.received_bad, coalesce(sum(r.damaged + r.wrong), 0) as bad,
                  l.over_received, coalesce(sum(r.over_received), 0) as over,
                  l.over_quarantined, coalesce(sum(r.over_quarantined), 0) as quarantined
           from po_line l left join receipt r using (po_number, line_no) group by l.po_number, l.line_no
           having l.received_good <> coalesce(sum(r.good), 0) or l.received_bad > coalesce(sum(r.damaged + r.wrong), 0)
           or l.over_received <> coalesce(sum(r.over_received), 0)
           or l.over_quarantined <> coalesce(sum(r.over_quarantined), 0)""",
    ),
    Check(
        "L6",
        "suppliers' messages that were kept more than once",
        """select supplier_id, dedupe_key, array_agg(inbox_id) as messages from inbox
           group by supplier_id, dedupe_key having count(*) > 1""",
    ),
    Check(
        "L6",
        "events of suppliers that were applied without an outcome, or have an outcome without being applied",
        """select inbox_id, n, po_number, applied_at, outcome from inbox_event
           where (applied_at is null) <> (coalesce(outcome, '') = '')""",
    ),
    Check(
        "L6",
        "events of suppliers that are marked as applied and were not, or the other way round",
        """select e.inbox_id, e.n, e.po_number, e.applied_at, j.at as journal from inbox_event e
           left join journal j on j.key = 'inbox/' || e.inbox_id || '/' || e.n
           where e.po_number is not null and (e.applied_at is null) <> (j.key is null)""",
    ),
    Check(
        "L6",
        "parcels that were shipped without the carrier's word, or more than once",
        """select q.parcel_id, q.backorder_id, q.possessed_at, count(e.event_id) as reports
           from parcel q left join carrier_event e on e.parcel_id = q.parcel_id and e.outcome = 'shipped'
           group by q.parcel_id having count(e.event_id) <> case when q.possessed_at is null then 0 else 1 end""",
    ),
    Check(
        "L7",
        "backorders whose first promise is not the first date they were given",
        """select b.backorder_id, b.first_promise, first.promised as first_given
           from backorder b left join lateral (
               select p.promised from promise p where p.backorder_id = b.backorder_id and p.promised is not null
               order by p.seq limit 1) first on true
           where b.first_promise is distinct from first.promised""",
    ),
    Check(
        "L7",
        "backorders whose current promise, or its basis, is not what they were told last",
        """select b.backorder_id, b.current_promise, b.promise_basis, last.promised as given_last, last.basis
           from backorder b left join lateral (
               select p.promised, p.basis from promise p where p.backorder_id = b.backorder_id
               order by p.seq desc limit 1) last on true
           where b.current_promise is distinct from last.promised or b.promise_basis <> coalesce(last.basis, '')""",
    ),
    Check(
        "L7",
        "promises without a basis",
        "select backorder_id, seq, promised from promise where btrim(basis) = ''",
    ),
    Check(
        "L7",
        "backorders of whose promises one is missing",
        """select backorder_id, count(*) as promises, max(seq) as last from promise
           group by backorder_id having max(seq) <> count(*) or min(seq) <> 1""",
    ),
    Check(
        "L7",
        "notices of a delay that were sent without an offer to cancel and a last day to answer",
        """select notice_id, backorder_id, kind, sent_at from notice
           where kind in ('first_delay', 'renewed_delay') and sent_at is not null
           and (silence is null or answer_by is null)""",
    ),
    Check(
        "L8",
        "columns that store a status",
        """select table_name, column_name from information_schema.columns where table_schema = current_schema()
           and table_name in ('backorder', 'purchase_order', 'po_line', 'claim', 'allocation', 'parcel')
           and column_name in ('status', 'state')""",
    ),
    Check(
        "L8",
        "closed backorders with units that are still owed",
        """select backorder_id, closed_at, ordered, shipped, cancelled from backorder
           where closed_at is not null and ordered <> shipped + cancelled""",
    ),
    Check(
        "L8",
        "purchase orders that ended with units still open",
        """select p.po_number, p.closed_at, p.rejected_at, p.cancelled_at, sum(l.open) as open
           from purchase_order p join po_line l using (po_number)
           where coalesce(p.closed_at, p.rejected_at, p.cancelled_at) is not null
           group by p.po_number having sum(l.open) > 0""",
    ),
    Check(
        "L8",
        "purchase orders that were sent, answered or ended by the supplier while they still collect",
        """select p.po_number, p.acknowledged_at, p.rejected_at, p.cancelled_at, count(o.operation_id) as operations
           from purchase_order p left join outbox o using (po_number) where p.frozen_at is null group by p.po_number
           having count(o.operation_id) > 0
           or coalesce(p.acknowledged_at, p.rejected_at, p.cancelled_at) is not null""",
    ),
)
"""All that is checked, by law."""


async def audit(ledger: Ledger) -> list[Finding]:
    """Check every law on the whole ledger as it stands at one moment.

    Returns:
        What breaks the laws, in their order; nothing if the books balance.
    """
    async with ledger.read() as connection:
        return await examine(connection)


async def examine(connection: Connection) -> list[Finding]:
    """The audit, of the books as an open transaction sees them."""
    digits = {"digits": json.dumps(CURRENCY_DIGITS)}
    findings: list[Finding] = []
    async with connection.cursor(row_factory=dict_row) as cursor:
        for check in CHECKS:
            await cursor.execute(check.rows, digits)
            if rows := await cursor.fetchall():
                findings.append(Finding(check.law, check.what, rows))
    return findings
