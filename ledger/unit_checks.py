"""What the audit checks of units (laws L1 to L4). Each query finds the rows for which a part of a law does not hold."""

from ledger.laws import Check

UNIT_CHECKS: tuple[Check, ...] = (
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
        "L2",
        "lines to be added to an order that its supplier does not have, or of which something came or went",
        """select l.po_number, l.line_no, l.sku, l.confirmed, l.open
           from po_line l join purchase_order p using (po_number)
           where l.to_add and (l.open = 0 or l.open <> l.confirmed or p.acknowledged_at is null
                 or coalesce(p.closed_at, p.rejected_at, p.cancelled_at) is not null)""",
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
        """select sku, s.opening, s.on_hand, coalesce(came.units, 0) as received, coalesce(gone.units, 0) as shipped
           from (select sku, sum(opening) as opening, sum(on_hand) as on_hand from stock group by sku) s
           left join (select l.sku, sum(r.good + r.over_received) as units
                      from receipt r join po_line l using (po_number, line_no) group by l.sku) came using (sku)
           left join (select sku, sum(shipped) as units from allocation group by sku) gone using (sku)
           where s.on_hand <> s.opening + coalesce(came.units, 0) - coalesce(gone.units, 0)""",
    ),
)
