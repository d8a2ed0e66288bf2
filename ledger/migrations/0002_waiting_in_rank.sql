-- Who waits is found in rank without reading all who wait; the books know since when the search for supply has failed;
-- and a deposit is asked for once at a time.

-- The first of the tries that `sourcing_tries` counts. Null while none of them failed.
alter table backorder add column sourcing_failed_since timestamptz;
update backorder set sourcing_tries = 0 where unsourced = 0;
update backorder set sourcing_failed_since = last_sourced_at where sourcing_tries > 0;
alter table backorder add constraint failed_tries_have_a_beginning
    check ((sourcing_tries = 0) = (sourcing_failed_since is null));

-- The rank of domain.allocation.in_rank.
drop index backorder_waiting;
create index backorder_waiting on backorder (sku, legal_deadline, priority, accepted_at, backorder_id collate "C")
    where unsourced + claimed > 0;
create index backorder_unsourced on backorder (sku, legal_deadline, priority, accepted_at, backorder_id collate "C")
    where unsourced > 0;

-- What one workflow owes is read oldest first, a page at a time.
drop index announcement_untold;
create index announcement_untold on announcement (owed_by, announcement_id) where told_at is null;

create unique index one_deposit_per_backorder on payment (backorder_id) where kind = 'deposit' and state <> 'declined';

-- A message's key began like that of an event: message 0 of supplier 7 looked like event 0 of message 7.
update journal set key = 'message/' || substr(key, 7) where kind = 'message' and starts_with(key, 'inbox/');
