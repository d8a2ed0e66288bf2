-- What monitoring asks again and again (ledger/figures.py) is found without reading what is over.

create index backorder_closed on backorder (closed_at) where closed_at is not null;
create index backorder_attention on backorder (attention_since) where attention is not null;
create index purchase_order_attention on purchase_order (attention_since) where attention is not null;
create index purchase_order_open on purchase_order (opened_at)
    where closed_at is null and rejected_at is null and cancelled_at is null;
create index purchase_order_acknowledged on purchase_order (acknowledged_at) where acknowledged_at is not null;
create index parcel_awaited on parcel (backorder_id)
    where booked_at is not null and possessed_at is null and voided_at is null;
