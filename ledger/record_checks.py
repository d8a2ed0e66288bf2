"""What the audit checks of money, repeats, promises and ends (laws L5 to L8). A query finds the rows that break it."""

from typing import LiteralString

from ledger.laws import Check

# What the units that shipped are worth, as domain.money.Worth: digits are those of domain.values.CURRENCY_DIGITS.
_WORTH: LiteralString = """
    select b.*, case when b.shipped = 0 then 0 else
           round(b.unit_price * b.shipped, (%(digits)s::jsonb->>b.currency)::int)
           + round(b.shipping_charge, (%(digits)s::jsonb->>b.currency)::int) end as worth,
           (select coalesce(sum(y.amount), 0) from payment y
            where y.backorder_id = b.backorder_id and y.kind = 'refund' and y.state <> 'declined') as given_back
    from backorder b
"""

RECORD_CHECKS: tuple[Check, ...] = (
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
        "purchase orders whose lines were added to another, and that were placed or have units of their own",
        """select p.po_number, p.added_to, p.frozen_at, sum(l.ordered) as ordered
           from purchase_order p join po_line l using (po_number) where p.added_to is not null group by p.po_number
           having sum(l.ordered) > 0 or p.frozen_at is not null or p.closed_at is null
           or exists (select from outbox o where o.po_number = p.po_number)""",
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
