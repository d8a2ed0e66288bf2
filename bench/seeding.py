"""Fills the ledger fast: thousands of rows that the product itself would have written, one statement a table.

What is made passes `ledger.audit`, which every bench that uses it checks. Only quantities, keys and sizes matter:
everything has one unit, one price, one instant.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg import AsyncClientCursor

from bench.catalogue import HOT_SKU, PATIENT
from ledger.book import Ledger

SHARES_ON_A_PO = 20
"""Of closed history."""

# --- backorders that are accepted and not sourced yet ---

_ACCEPTED: tuple[LiteralString, ...] = (
    """insert into backorder (backorder_id, fingerprint, sales_order, line, customer_id, sku, unit_price, currency,
           shipping_charge, payment_method, partial_shipment, zone, priority, accepted_at, legal_deadline, ordered,
           unsourced)
       select %(name)s || '-' || n, md5(n::text), 'SO-' || n, 1, 'C-' || n, %(sku)s, 49.90, 'USD', 4.90, 'pm_bench',
           false, 'America/New_York', 5, %(at)s, %(at)s + interval '30 days', 1, 1
       from generate_series(1, %(number)s) n""",
    """insert into contact (backorder_id, name, email, ship_to)
       select %(name)s || '-' || n, 'Ada Lovelace', 'ada@customer.example',
           jsonb_build_object('name', 'Ada Lovelace', 'street', '1 Main St', 'city', 'Boston', 'region', '',
               'postal_code', '02101', 'country', 'US', 'zone', 'America/New_York')
       from generate_series(1, %(number)s) n""",
    """insert into journal (key, subject, kind, at, facts)
       select 'backorder/' || %(name)s || '-' || n || '/accept', 'backorder/' || %(name)s || '-' || n, 'accepted',
           %(at)s, jsonb_build_object('text', 'Accepted 1 of ' || %(sku)s)
       from generate_series(1, %(number)s) n""",
)

# --- backorders whose shares are on one purchase order that its supplier has acknowledged ---

_ON_ORDER: tuple[LiteralString, ...] = (
    """insert into purchase_order (po_number, supplier_id, merge_key, currency, terms, opened_at, collect_until,
           frozen_at, acknowledged_at)
       values (%(po)s, %(supplier)s, %(po)s, 'USD', 'net30', %(at)s, %(at)s, %(at)s, %(at)s)""",
    """insert into po_line (po_number, line_no, sku, supplier_sku, unit_factor, unit_price, ordered, confirmed, open,
           claimed, expected_on)
       values (%(po)s, 1, %(sku)s, 'S-' || %(sku)s, 1, 20, %(number)s, %(number)s, %(number)s, %(number)s,
           %(at)s::date + 7)""",
    """insert into outbox (operation_id, supplier_id, po_number, kind, revision, content_type, headers, body, state,
           rendered_at, sent_at)
       values ('po/' || %(po)s || '/0', %(supplier)s, %(po)s, 'place', 0, 'application/json', '{}', '{}', 'delivered',
           %(at)s, %(at)s)""",
    """insert into claim (backorder_id, po_number, line_no, total, quantity, expected_on, confirmed)
       select %(name)s || '-' || n, %(po)s, 1, 1, 1, %(at)s::date + 7, true from generate_series(1, %(number)s) n""",
    """update backorder set unsourced = 0, claimed = 1, last_sourced_at = %(at)s
       where backorder_id = any(select %(name)s || '-' || n from generate_series(1, %(number)s) n)""",
)

# --- backorders that are shipped and closed, with all that this leaves in the books ---

_CLOSED_ORDERS: tuple[LiteralString, ...] = (
    """insert into purchase_order (po_number, supplier_id, merge_key, currency, terms, opened_at, collect_until,
           frozen_at, acknowledged_at, closed_at)
       select %(name)s || '-PO-' || n, %(supplier)s, 'patient/closed', 'USD', 'net30', %(at)s, %(at)s, %(at)s, %(at)s,
           %(at)s from generate_series(1, %(orders)s) n""",
    """insert into po_line (po_number, line_no, sku, supplier_sku, unit_factor, unit_price, ordered, confirmed, open,
           received_good, expected_on)
       select %(name)s || '-PO-' || n, 1, %(sku)s, 'S-' || %(sku)s, 1, 20, %(shares)s, %(shares)s, 0, %(shares)s,
           %(at)s::date from generate_series(1, %(orders)s) n""",
    """insert into po_line_revision (po_number, revision, line_no, ordered, at, why)
       select %(name)s || '-PO-' || n, 0, 1, %(shares)s, %(at)s, 'placed' from generate_series(1, %(orders)s) n""",
    """insert into outbox (operation_id, supplier_id, po_number, kind, revision, content_type, headers, body, state,
           rendered_at, sent_at)
       select 'po/' || %(name)s || '-PO-' || n || '/0', %(supplier)s, %(name)s || '-PO-' || n, 'place', 0,
           'application/json', '{}', '{}', 'delivered', %(at)s, %(at)s from generate_series(1, %(orders)s) n""",
    """insert into receipt (supplier_id, receipt_id, po_number, line_no, good, damaged, wrong, over_received,
           over_quarantined, received_at)
       select %(supplier)s, 'GR-' || %(name)s || '-PO-' || n, %(name)s || '-PO-' || n, 1, %(shares)s, 0, 0, 0, 0,
           %(at)s from generate_series(1, %(orders)s) n""",
    """with messages as (
           insert into inbox (supplier_id, door, dedupe_key, sha256, headers, body, received_at)
           select %(supplier)s, 'webhook', %(name)s || '-msg-' || n, md5(n::text), '{}', '{}', %(at)s
           from generate_series(1, %(orders)s) n returning inbox_id, dedupe_key
       ), events as (
           insert into inbox_event (inbox_id, n, po_number, event, applied_at, outcome)
           select inbox_id, 0, replace(dedupe_key, '-msg-', '-PO-'), '{"kind": "received"}', %(at)s, 'received'
           from messages
       )
       insert into journal (key, subject, kind, at, facts)
       select 'inbox/' || inbox_id || '/0', 'po/' || replace(dedupe_key, '-msg-', '-PO-'), 'supplier says', %(at)s,
           '{"text": "Goods came"}' from messages""",
    """insert into journal (key, subject, kind, at, facts)
       select 'po/' || %(name)s || '-PO-' || n || '/' || step, 'po/' || %(name)s || '-PO-' || n, step, %(at)s,
           jsonb_build_object('text', 'It was ' || step)
       from generate_series(1, %(orders)s) n, unnest(array['opened', 'frozen', 'rendered', 'sent', 'closed']) step""",
)
_CLOSED_BACKORDERS: tuple[LiteralString, ...] = (
    """insert into claim (backorder_id, po_number, line_no, total, quantity, fulfilled, expected_on, confirmed)
       select %(name)s || '-' || n, %(name)s || '-PO-' || ((n - 1) / %(shares)s + 1), 1, 1, 0, 1, %(at)s::date, true
       from generate_series(1, %(number)s) n""",
    """insert into allocation (backorder_id, sku, quantity, shipped, po_number, line_no, allocated_at)
       select %(name)s || '-' || n, %(sku)s, 1, 1, %(name)s || '-PO-' || ((n - 1) / %(shares)s + 1), 1, %(at)s
       from generate_series(1, %(number)s) n""",
    """insert into parcel (parcel_id, backorder_id, quantity, charge_amount, planned_at, booked_at, tracking,
           possessed_at)
       select %(name)s || '-' || n || '/parcel/1', %(name)s || '-' || n, 1, 54.80, %(at)s, %(at)s, 'TRK' || n, %(at)s
       from generate_series(1, %(number)s) n""",
    """insert into payment (payment_id, backorder_id, kind, state, amount, currency, parcel_id, reference,
           requested_at, settled_at)
       select %(name)s || '-' || n || '/parcel/1/charge/1', %(name)s || '-' || n, 'charge', 'succeeded', 54.80, 'USD',
           %(name)s || '-' || n || '/parcel/1', 'ch_' || n, %(at)s, %(at)s from generate_series(1, %(number)s) n""",
    """insert into carrier_event (event_id, parcel_id, possessed_at, received_at, outcome)
       select 'ev-' || %(name)s || '-' || n, %(name)s || '-' || n || '/parcel/1', %(at)s, %(at)s, 'shipped'
       from generate_series(1, %(number)s) n""",
    """insert into promise (backorder_id, seq, promised, basis, made_at)
       select %(name)s || '-' || n, 1, %(at)s::date, 'the supplier''s word', %(at)s
       from generate_series(1, %(number)s) n""",
    """insert into notice (notice_id, backorder_id, kind, promised, written_at, sent_at)
       select 'backorder/' || %(name)s || '-' || n || '/' || kind, %(name)s || '-' || n, kind, %(at)s::date, %(at)s,
           %(at)s from generate_series(1, %(number)s) n, unnest(array['confirmed', 'shipped']) kind""",
    """insert into announcement (workflow_id, word, owed_by, owed_at, told_at)
       select 'backorder/' || %(name)s || '-' || n, 'supply_changed',
           'po/' || %(name)s || '-PO-' || ((n - 1) / %(shares)s + 1), %(at)s, %(at)s
       from generate_series(1, %(number)s) n, generate_series(1, 2)""",
    """insert into journal (key, subject, kind, at, facts)
       select 'backorder/' || %(name)s || '-' || n || '/' || step, 'backorder/' || %(name)s || '-' || n, step, %(at)s,
           jsonb_build_object('text', 'It was ' || step)
       from generate_series(1, %(number)s) n,
           unnest(array['sourced', 'promised', 'noticed', 'allocated', 'packed', 'paid', 'booked', 'shipped', 'closed'])
           step""",
    """update backorder set unsourced = 0, shipped = 1, last_sourced_at = %(at)s, captured = 54.80,
           first_promise = %(at)s::date, current_promise = %(at)s::date, promise_basis = 'the supplier''s word',
           closed_at = %(at)s
       where backorder_id = any(select %(name)s || '-' || n from generate_series(1, %(number)s) n)""",
)


async def accepted(ledger: Ledger, name: str, number: int, *, at: datetime) -> list[str]:
    """So many backorders of the hot SKU, accepted and not sourced. Returns their ids, which start with `name`."""
    await _run(ledger, _ACCEPTED, {"name": name, "number": number, "sku": HOT_SKU, "at": at})
    return [f"{name}-{n}" for n in range(1, number + 1)]


async def on_order(ledger: Ledger, name: str, number: int, *, at: datetime) -> tuple[str, list[str]]:
    """So many backorders that wait for one acknowledged order of the hot SKU. Returns its number and their ids."""
    ids = await accepted(ledger, name, number, at=at)
    po_number = f"{name}-PO"
    values = {"name": name, "number": number, "sku": HOT_SKU, "po": po_number, "supplier": PATIENT, "at": at}
    await _run(ledger, _ON_ORDER, values)
    return po_number, ids


async def closed_history(ledger: Ledger, name: str, number: int, *, at: datetime) -> None:
    """So many backorders of the hot SKU (a multiple of SHARES_ON_A_PO), shipped and closed a month before `at`."""
    then = at - timedelta(days=30)
    await accepted(ledger, name, number, at=then)
    values = {
        "name": name,
        "number": number,
        "sku": HOT_SKU,
        "supplier": PATIENT,
        "at": then,
        "orders": number // SHARES_ON_A_PO,
        "shares": SHARES_ON_A_PO,
    }
    await _run(ledger, (*_CLOSED_ORDERS, *_CLOSED_BACKORDERS), values)
    async with ledger.look() as connection:
        await connection.execute("analyze")  # as autovacuum does before long


async def _run(ledger: Ledger, statements: tuple[LiteralString, ...], values: Mapping[str, object]) -> None:
    # bound on the client: the server could not tell the types of so many bare parameters
    async with ledger.work() as connection, AsyncClientCursor(connection) as cursor:
        for statement in statements:
            await cursor.execute(statement, values)
