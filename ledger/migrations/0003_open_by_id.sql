-- Sweeps page through what is open by its id, and must not read what was closed in years before.
create index backorder_open_by_id on backorder (backorder_id) where closed_at is null;
create index purchase_order_under_way on purchase_order (po_number)
    where closed_at is null and rejected_at is null and cancelled_at is null;
