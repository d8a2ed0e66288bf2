-- Lines that are added to an order which its supplier has, instead of being placed as an order of their own.

alter table po_line
    add to_add boolean not null default false,       -- the supplier is (to be) asked to add the line, and has not agreed
    add constraint what_is_to_be_added_is_wholly_open check (not to_add or open > 0 and open = confirmed);

alter table purchase_order
    add added_to text references purchase_order;     -- closed unsent: that order was asked to take its lines
create index purchase_order_agreed on purchase_order (merge_key)
    where acknowledged_at is not null and closed_at is null and rejected_at is null and cancelled_at is null;
