-- The books of Promisekeeper. Quantities are stock units (integers), money is numeric with an ISO 4217 code, instants are
-- timestamptz. Status is derived, never stored (law L8). The checks hold what SQL can of laws L1 to L5 (docs: domain laws);
-- `promisekeeper audit` holds the sums across tables.
--
-- Lock order, everywhere: item rows of the SKUs concerned (sorted) -> purchase_order -> po_line -> backorder (sorted).
-- The item row is THE lock of a SKU: every change of a quantity of that SKU happens under it, so races have one judge.

create table supplier (
    supplier_id text primary key,
    status      text not null check (status in ('trusted', 'probation', 'suspended', 'abandoned')),
    doc         jsonb not null                       -- domain.catalogue.Supplier
);

create table item (
    sku  text primary key,
    name text not null
);

create table supplier_item (
    supplier_id text not null references supplier,
    sku         text not null references item,
    doc         jsonb not null,                      -- domain.catalogue.SupplierItem
    primary key (supplier_id, sku)
);
create index supplier_item_sku on supplier_item (sku);

create table stock (
    sku       text not null references item,
    place     text not null default 'main',
    opening   integer not null check (opening >= 0), -- what the catalogue said was there at first
    on_hand   integer not null check (on_hand >= 0), -- accepted units in the house
    allocated integer not null default 0 check (allocated >= 0),
    primary key (sku, place),
    constraint l4_never_sold_twice check (allocated <= on_hand)
);

create table backorder (
    backorder_id        text primary key,
    fingerprint         text not null,
    sales_order         text not null,
    line                integer not null,
    customer_id         text not null,
    sku                 text not null references item,
    unit_price          numeric(18, 4) not null check (unit_price >= 0),
    currency            char(3) not null,
    shipping_charge     numeric(18, 4) not null check (shipping_charge >= 0),
    payment_method      text not null,
    partial_shipment    boolean not null,
    promised_by         date,
    zone                text not null,
    priority            integer not null,
    accepted_at         timestamptz not null,
    legal_deadline      timestamptz not null,        -- rank key: when the law's current ship-by day ends
    ordered             integer not null check (ordered > 0),
    unsourced           integer not null check (unsourced >= 0),
    claimed             integer not null default 0 check (claimed >= 0),
    allocated           integer not null default 0 check (allocated >= 0),
    shipped             integer not null default 0 check (shipped >= 0),
    cancelled           integer not null default 0 check (cancelled >= 0),
    captured            numeric(18, 4) not null default 0 check (captured >= 0),
    refunded            numeric(18, 4) not null default 0 check (refunded >= 0),
    first_promise       date,
    current_promise     date,
    promise_basis       text not null default '',
    sourcing_tries      integer not null default 0,
    last_sourced_at     timestamptz,
    cancel_requested_at timestamptz,
    cancelled_by        text check (cancelled_by in ('customer', 'law', 'seller')),
    cancel_reason       text not null default '',
    refund_deadline     date,
    attention           text,
    attention_since     timestamptz,
    closed_at           timestamptz,
    constraint l1_every_unit_is_somewhere check (ordered = unsourced + claimed + allocated + shipped + cancelled),
    constraint l5_no_more_back_than_taken check (refunded <= captured)
);
create index backorder_waiting on backorder (sku) where unsourced + claimed > 0;
create index backorder_open on backorder (accepted_at) where closed_at is null;

create table contact (                               -- personal data, apart, so that it can be erased
    backorder_id text primary key references backorder,
    name         text not null,
    email        text not null,
    ship_to      jsonb not null                      -- domain.orders.Address
);

create table promise (                               -- law L7: the first never changes, each has a basis
    backorder_id text not null references backorder,
    seq          integer not null,
    promised     date,                               -- null: no date can be given
    basis        text not null check (basis <> ''),
    made_at      timestamptz not null,
    primary key (backorder_id, seq)
);

create sequence po_number_seq;

create table purchase_order (
    po_number            text primary key,
    supplier_id          text not null references supplier,
    merge_key            text not null,
    currency             char(3) not null,
    terms                text not null,
    revision             integer not null default 0,
    opened_at            timestamptz not null,
    collect_until        timestamptz not null,
    threshold_reached_at timestamptz,
    held_at              timestamptz,
    release_requested_at timestamptz,
    frozen_at            timestamptz,
    acknowledged_at      timestamptz,
    supplier_order_no    text,
    rejected_at          timestamptz,
    cancelled_at         timestamptz,
    closed_at            timestamptz,
    chases               integer not null default 0,
    last_chased_at       timestamptz,
    overdue_told_at      timestamptz,
    attention            text,
    attention_since      timestamptz
);
-- One PO collects per merge key, under any concurrency.
create unique index one_collecting_po_per_merge_key on purchase_order (merge_key)
    where frozen_at is null and closed_at is null;

create table po_line (
    po_number        text not null references purchase_order,
    line_no          integer not null,
    sku              text not null references item,
    supplier_sku     text not null,
    unit_factor      integer not null check (unit_factor > 0),
    unit_price       numeric(18, 4) not null,
    ordered          integer not null check (ordered >= 0),
    confirmed        integer not null check (confirmed >= 0),
    open             integer not null check (open >= 0),
    claimed          integer not null default 0 check (claimed >= 0),
    to_reduce        integer not null default 0 check (to_reduce >= 0),
    received_good    integer not null default 0 check (received_good >= 0),
    received_bad     integer not null default 0 check (received_bad >= 0),
    closed_short     integer not null default 0 check (closed_short >= 0),
    cancelled        integer not null default 0 check (cancelled >= 0),
    over_received    integer not null default 0 check (over_received >= 0),    -- taken into stock, within tolerance
    over_quarantined integer not null default 0 check (over_quarantined >= 0),
    in_transit       integer not null default 0 check (in_transit >= 0),
    expected_on      date,
    primary key (po_number, line_no),
    unique (po_number, sku),                         -- the same item on several claims is one PO line
    constraint l2_every_confirmed_unit_is_somewhere
        check (confirmed = received_good + received_bad + open + closed_short + cancelled),
    constraint l3_no_share_without_supply check (claimed + to_reduce <= open)
);
create index po_line_free on po_line (sku) where open > claimed + to_reduce;

create table po_line_split (                         -- what the supplier said of a line, as a list of parts
    po_number   text not null,
    line_no     integer not null,
    n           integer not null,
    status      text not null,
    quantity    integer not null check (quantity >= 0),
    expected_on date,
    primary key (po_number, line_no, n),
    foreign key (po_number, line_no) references po_line
);

create table po_line_revision (                      -- each line as every revision asked for it
    po_number text not null,
    revision  integer not null,
    line_no   integer not null,
    ordered   integer not null,
    at        timestamptz not null,
    why       text not null,
    primary key (po_number, revision, line_no)
);

create table claim (                                 -- a backorder's share of a PO line
    backorder_id text not null references backorder,
    po_number    text not null,
    line_no      integer not null,
    total        integer not null check (total > 0),
    quantity     integer not null check (quantity >= 0),            -- still waiting for goods
    fulfilled    integer not null default 0 check (fulfilled >= 0), -- turned into an allocation
    released     integer not null default 0 check (released >= 0),  -- given back
    lost         boolean not null default false,     -- the supplier took it away: do not go back there with the rest
    expected_on  date,
    confirmed    boolean not null default false,
    primary key (backorder_id, po_number, line_no),
    foreign key (po_number, line_no) references po_line,
    check (total = quantity + fulfilled + released)
);
create index claim_line on claim (po_number, line_no) where quantity > 0;

create table outbox (                                -- bytes to suppliers: rendered once, sent as stored
    operation_id text primary key,
    supplier_id  text not null references supplier,
    po_number    text not null references purchase_order,
    kind         text not null check (kind in ('place', 'change', 'cancel')),
    revision     integer not null,
    content_type text not null,
    headers      jsonb not null,
    body         bytea not null,
    state        text not null default 'rendered' check (state in ('rendered', 'delivered', 'refused', 'unknown')),
    reference    text,
    reason       text not null default '',
    rendered_at  timestamptz not null,
    sent_at      timestamptz,
    answered_at  timestamptz,
    verdict      text,
    unique (po_number, revision)                     -- one operation a revision; placing is revision 0
);

create table inbox (                                 -- raw supplier messages, kept whatever they say
    inbox_id    bigint generated always as identity primary key,
    supplier_id text not null references supplier,
    door        text not null,                       -- webhook, signal ...
    dedupe_key  text not null,
    sha256      text not null,
    headers     jsonb not null,
    body        bytea not null,
    received_at timestamptz not null,
    unreadable  text,                                -- why it could not be read, in words
    unique (supplier_id, dedupe_key)
);

create table inbox_event (                           -- what a message says, one row an event
    inbox_id   bigint not null references inbox,
    n          integer not null,
    po_number  text,
    event      jsonb not null,                       -- domain.supplier_events.SupplierEvent
    prefer     text,                                 -- the backorder a receipt was sent to: served before the rank
    applied_at timestamptz,
    outcome    text,                                 -- what became of it, in words
    primary key (inbox_id, n)
);
create index inbox_event_po on inbox_event (po_number) where applied_at is null;

create table receipt (
    supplier_id      text not null references supplier,
    receipt_id       text not null,
    po_number        text not null,
    line_no          integer not null,
    good             integer not null check (good >= 0),             -- against the line
    damaged          integer not null check (damaged >= 0),
    wrong            integer not null check (wrong >= 0),
    over_received    integer not null check (over_received >= 0),
    over_quarantined integer not null check (over_quarantined >= 0),
    received_at      timestamptz not null,
    primary key (supplier_id, receipt_id, po_number, line_no),       -- a repeated receipt counts once (L6)
    foreign key (po_number, line_no) references po_line
);

create table parcel (
    parcel_id     text primary key,
    backorder_id  text not null references backorder,
    quantity      integer not null check (quantity > 0),
    charge_amount numeric(18, 4) not null check (charge_amount >= 0),
    planned_at    timestamptz not null,
    booked_at     timestamptz,
    tracking      text,
    possessed_at  timestamptz,
    voided_at     timestamptz,
    check (possessed_at is null or voided_at is null)
);
create index parcel_backorder on parcel (backorder_id);

create table allocation (                            -- received units hard-assigned to a backorder
    allocation_id bigint generated always as identity primary key,
    backorder_id  text not null references backorder,
    sku           text not null,
    place         text not null default 'main',
    quantity      integer not null check (quantity > 0),
    shipped       integer not null default 0 check (shipped >= 0),
    released      integer not null default 0 check (released >= 0),
    po_number     text,                              -- null: from free stock
    line_no       integer,
    allocated_at  timestamptz not null,
    check (shipped + released <= quantity),
    foreign key (sku, place) references stock,
    foreign key (po_number, line_no) references po_line
);
create index allocation_backorder on allocation (backorder_id);

create table payment (                               -- written before the provider is asked; the id is the provider's key
    payment_id   text primary key,
    backorder_id text not null references backorder,
    kind         text not null check (kind in ('deposit', 'charge', 'refund')),
    state        text not null check (state in ('requested', 'succeeded', 'declined')),
    amount       numeric(18, 4) not null check (amount > 0),
    currency     char(3) not null,
    parcel_id    text references parcel,
    refunds      text references payment,
    reference    text,
    reason       text not null default '',
    requested_at timestamptz not null,
    settled_at   timestamptz,
    check ((kind = 'refund') = (refunds is not null))
);
create index payment_backorder on payment (backorder_id);
create unique index one_refund_per_capture on payment (refunds) where state <> 'declined';
create unique index one_charge_per_parcel on payment (parcel_id) where kind = 'charge' and state <> 'declined';

create table carrier_event (
    event_id    text primary key,
    parcel_id   text not null,
    possessed_at timestamptz not null,
    received_at timestamptz not null,
    outcome     text not null
);

create table notice (
    notice_id    text primary key,
    backorder_id text not null references backorder,
    kind         text not null,
    promised     date,
    silence      text check (silence in ('consent', 'cancel')),
    answer_by    date,
    written_at   timestamptz not null,
    sent_at      timestamptz,
    answer       text check (answer in ('consent', 'cancel')),
    answered_at  timestamptz
);
create index notice_backorder on notice (backorder_id);

create table announcement (                          -- a word owed to a workflow; written with the fact, told after commit
    announcement_id bigint generated always as identity primary key,
    workflow_id     text not null,
    word            text not null,                   -- a signal name of domain.names, or 'start' for a new purchase order
    owed_by         text not null,                   -- the workflow id or door that caused it
    owed_at         timestamptz not null,
    told_at         timestamptz
);
-- A word is owed once at a time; owing it again gives the row a new id (ledger/announcements.py says why).
create unique index announcement_owed on announcement (owed_by, workflow_id, word) where told_at is null;
create index announcement_untold on announcement (announcement_id) where told_at is null;

create table journal (                               -- every business fact once; the key is what makes a repeat harmless
    key     text primary key,
    subject text not null,                           -- a workflow id: backorder/... or po/...
    kind    text not null,
    at      timestamptz not null,
    facts   jsonb not null,
    result  jsonb,
    seq     bigint generated always as identity
);
create index journal_subject on journal (subject, seq);
create unique index journal_order on journal (seq);
