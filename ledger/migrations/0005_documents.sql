-- Suppliers who exchange documents: numbers given once, words that a protocol owes, and how far their messages were read.

create table document_number (                       -- counts the documents to one supplier
    supplier_id text primary key references supplier,
    last        bigint not null
);

alter table outbox
    add control_number bigint,                       -- of the document, by which the supplier's protocol answers it
    add read_at        timestamptz,                  -- the supplier says that it could read the document
    add unread_because text;                         -- or that it could not, and why
create unique index outbox_control_number on outbox (supplier_id, control_number);

create table reply (                                 -- what a protocol owes for a message: written once, sent as stored
    inbox_id       bigint primary key references inbox,
    supplier_id    text not null references supplier,
    control_number bigint not null,
    content_type   text not null,
    headers        jsonb not null,
    body           bytea not null,
    written_at     timestamptz not null,
    sent_at        timestamptz
);
create index reply_unsent on reply (supplier_id, inbox_id) where sent_at is null;

alter table inbox
    add issues     text[] not null default '{}',     -- damage that was survived in reading it, in words
    add astray     text,                             -- what in it concerns no order of ours, in words
    add seen_to_at timestamptz;                      -- unreadable or astray: a person has seen to it
create index inbox_for_a_person on inbox (supplier_id, inbox_id)
    where (unreadable is not null or astray is not null) and seen_to_at is null;

create table mailbox (                               -- how far a supplier's messages were fetched
    supplier_id text primary key references supplier,
    cursor      text,
    fetched_at  timestamptz not null
);
