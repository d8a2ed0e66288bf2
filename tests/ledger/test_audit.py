"""The audit finds each thing that is wrong with the books, calls it by its law, and finds nothing in honest books.

What no code of ours can do is done by a hand in the database that lets go of its constraints first, in a transaction
that is rolled back afterwards.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal

import pytest
from psycopg import AsyncConnection

from domain.backorder_position import Answer, NoticeKind
from domain.supplier_events import SplitStatus
from ledger import backorders, catalogue, notices, parcels, payments
from ledger.audit import CHECKS, LAWS, audit, examine
from ledger.book import Ledger

from .conftest import CATALOGUE, NOW, Shop
from .ordering import ack, hear, notice, part, place, receipt


@pytest.fixture(scope="module")
async def busy(new_ledger: Callable[[], AbstractContextManager[str]]) -> AsyncIterator[Shop]:
    """A shop with something of everything: shares, goods, parcels, money, promises, and one order that collects."""
    with new_ledger() as dsn:
        async with await Ledger.open(dsn) as ledger:
            await catalogue.load_catalogue(ledger, CATALOGUE, at=NOW)
            shop = Shop(ledger, dsn)
            await _trade(shop)
            yield shop


async def _trade(shop: Shop) -> None:
    for backorder_id, sku, quantity in (("a", "LAMP", 5), ("b", "LAMP", 4), ("c", "BULB", 6)):
        await shop.sourced(backorder_id, sku, quantity)
    await place(shop, "PO-000001")
    await hear(shop, ack("PO-000001", part(SplitStatus.ACCEPTED, 9, date(2026, 12, 1))))
    await hear(shop, notice("PO-000001", 8, date(2026, 12, 1)))
    await hear(shop, receipt("PO-000001", 5, damaged=1), receipt("PO-000001", 4, line_no=2, receipt_id="r-2"))
    await _parcel(shop, "a", ship=True)
    await backorders.close(shop.ledger, "a", key="close/a", at=NOW)
    await shop.accept("d", "SHADE", 2)
    await payments.plan_deposit(shop.ledger, "d", payment_id="deposit/d", at=NOW, amount=Decimal(10))
    await _settle(shop, "deposit/d")
    await shop.source("d")
    await shop.cancel("d")
    (refund,) = await payments.plan_refunds(shop.ledger, "d", at=NOW)
    await _settle(shop, refund.payment_id)
    await backorders.close(shop.ledger, "d", key="close/d", at=NOW)
    await shop.sourced("e", "SHADE", 2)
    await _parcel(shop, "e", ship=False)
    for n, day in enumerate((date(2026, 12, 5), date(2026, 12, 9))):
        await backorders.set_promise(shop.ledger, "b", key=f"promise/b/{n}", at=NOW, promised=day, basis="Acme's word")
    await notices.write(
        shop.ledger,
        "b",
        notice_id="notice/b",
        kind=NoticeKind.FIRST_DELAY,
        at=NOW,
        promised=date(2026, 12, 9),
        silence=Answer.CONSENT,
        answer_by=date(2026, 12, 30),
    )
    await notices.sent(shop.ledger, "notice/b", at=NOW)
    await shop.sourced("f", "LAMP", 3)


async def _parcel(shop: Shop, backorder_id: str, *, ship: bool) -> None:
    parcel_id = f"parcel/{backorder_id}"
    await parcels.plan_parcel(shop.ledger, backorder_id, parcel_id=parcel_id, at=NOW)
    payment_id = f"{parcel_id}/charge"
    await payments.plan_charge(shop.ledger, backorder_id, payment_id=payment_id, parcel_id=parcel_id, at=NOW)
    await _settle(shop, payment_id)
    await parcels.book(shop.ledger, parcel_id, at=NOW, tracking="T")
    if ship:
        await parcels.possess(shop.ledger, parcel_id, event_id=f"event/{backorder_id}", at=NOW)


async def _settle(shop: Shop, payment_id: str) -> None:
    await payments.settle(shop.ledger, payment_id, at=NOW, outcome="succeeded", reference="r", reason="")


async def test_honest_books_are_clean(busy: Shop) -> None:
    assert await audit(busy.ledger) == []


async def test_empty_books_are_clean(ledger: Ledger) -> None:
    assert await audit(ledger) == []


# Primary keys stay, but for the two that a case lets go of itself: the audit's own queries group by the others.
LET_GO = """
do $$
declare one record;
begin
    for one in select conrelid::regclass as place, conname from pg_constraint
               where connamespace = current_schema()::regnamespace and contype in ('f', 'c', 'u')
               order by contype = 'u' loop
        execute format('alter table %s drop constraint %I', one.place, one.conname);
    end loop;
    for one in select indexrelid::regclass as place from pg_index join pg_class on oid = indexrelid
               where relnamespace = current_schema()::regnamespace and indisunique and not indisprimary loop
        execute format('drop index %s', one.place);
    end loop;
end $$
"""
A, B, C, D, E, F = (f"where backorder_id = '{one}'" for one in "abcdef")
LINE_1 = "where po_number = 'PO-000001' and line_no = 1"
LAMPS = "where sku = 'LAMP'"
REFUND = "where payment_id = 'deposit/d/refund'"

HANDS: dict[str, tuple[str, ...]] = {
    "backorders whose units are not all somewhere": (f"update backorder set ordered = ordered + 1 {C}",),
    "backorders whose claimed units are not the sum of their claims": (
        f"update backorder set claimed = claimed - 1, unsourced = unsourced + 1 {C}",
    ),
    "backorders whose allocated units are not the sum of their allocations": (
        f"update backorder set allocated = allocated - 1, unsourced = unsourced + 1 {C}",
    ),
    "backorders whose shipped units did not leave allocations in as many": (
        f"update backorder set shipped = 4, cancelled = 1, cancel_requested_at = now(), closed_at = null {A}",
        f"update parcel set quantity = 4 {A}",
    ),
    "backorders whose shipped units are not those of the parcels the carrier holds": (
        f"update parcel set quantity = 4 {A}",
    ),
    "backorders with more units set aside in parcels than are allocated": (f"update parcel set quantity = 3 {E}",),
    "claims whose units are not all waiting, fulfilled or given back": (f"update claim set total = total + 1 {C}",),
    "claims whose fulfilled units were not allocated from their line in as many": (
        f"update claim set total = total + 1, fulfilled = fulfilled + 1 {C}",
    ),
    "backorders that claim or hold another item than was ordered": (f"update backorder set sku = 'RARE' {F}",),
    "backorders with cancelled units that nobody asked to cancel": (
        f"update backorder set cancel_requested_at = null {D}",
    ),
    "purchase order lines whose confirmed units are not all somewhere": (
        f"update po_line set confirmed = confirmed + 1 {LINE_1}",
    ),
    "lines of collecting orders that something came of, or that are not wholly open": (
        "update po_line set ordered = ordered + 1 where po_number = 'PO-000002'",
    ),
    "lines to be added to an order that its supplier does not have, or of which something came or went": (
        f"update po_line set to_add = true {LINE_1}",
    ),
    "lines with more claims and asked reductions than open units": (f"update po_line set to_reduce = 90 {LINE_1}",),
    "lines whose claimed units are not the sum of the claims on them": (
        f"update po_line set claimed = claimed - 1 {LINE_1}",
    ),
    "lines with more units on the way than are open": (f"update po_line set in_transit = open + 1 {LINE_1}",),
    "stock of which more is allocated than is on hand": (
        "update stock set on_hand = on_hand - 3, opening = opening - 3 where sku = 'SHADE'",
    ),
    "stock whose allocated units are not the sum of its allocations": (
        "update stock set allocated = allocated - 1 where sku = 'SHADE'",
    ),
    "allocations with more units shipped and given back than they had": (
        f"update allocation set released = released + 1 {D}",
        f"""insert into allocation (backorder_id, sku, quantity, allocated_at)
            select backorder_id, sku, 1, allocated_at from allocation {D}""",
    ),
    "stock that is not what was there at first, and what receipts brought, less what shipped": (
        f"update stock set on_hand = on_hand + 1 {LAMPS}",
    ),
    "backorders with more refunded than captured": (
        f"update backorder set captured = 9 {D}",
        "update payment set amount = 9 where payment_id = 'deposit/d'",
    ),
    "backorders whose money is not the sum of their payments": (f"update backorder set captured = 66 {E}",),
    "captures that are refunded more than once": (
        f"update payment set amount = 5 {REFUND}",
        f"""insert into payment (payment_id, backorder_id, kind, state, amount, currency, refunds, requested_at)
            select 'again', backorder_id, kind, state, 5, currency, refunds, requested_at from payment {REFUND}""",
    ),
    "refunds of what was not captured, or of more than was, or to somebody else": (
        f"update payment set currency = 'EUR' {REFUND}",
    ),
    "charges that are not for a parcel of their backorder, or not what it is charged": (
        f"update parcel set charge_amount = 1 {E}",
    ),
    "parcels that are charged more than once": (
        """insert into payment (payment_id, backorder_id, kind, state, amount, currency, parcel_id, requested_at)
           select 'again', backorder_id, kind, 'requested', amount, currency, parcel_id, requested_at
           from payment where payment_id = 'parcel/e/charge'""",
    ),
    "backorders of which money for shipped goods is given back, or any while units are still owed": (
        """insert into payment (payment_id, backorder_id, kind, state, amount, currency, refunds, requested_at)
           select 'given', backorder_id, 'refund', 'requested', 1, currency, payment_id, requested_at
           from payment where payment_id = 'parcel/e/charge'""",
    ),
    "closed backorders of which a refund is due": (
        f"update backorder set captured = captured + 1 {A}",
        "update payment set amount = amount + 1 where payment_id = 'parcel/a/charge'",
        f"update parcel set charge_amount = charge_amount + 1 {A}",
    ),
    "closed backorders with money asked for and never answered: it may have been taken": (
        """insert into payment (payment_id, backorder_id, kind, state, amount, currency, requested_at)
           select 'pending', backorder_id, 'deposit', 'requested', 1, currency, requested_at
           from payment where payment_id = 'deposit/d'""",
    ),
    "journal keys that were written more than once": (
        "alter table journal drop constraint journal_pkey",
        """insert into journal (key, subject, kind, at, facts)
           select key, subject, kind, at, facts from journal where key = 'close/a'""",
    ),
    "merge keys for which more than one purchase order collects": (
        """insert into purchase_order (po_number, supplier_id, merge_key, currency, terms, opened_at, collect_until)
           select 'PO-9', supplier_id, merge_key, currency, terms, opened_at, collect_until
           from purchase_order where po_number = 'PO-000002'""",
    ),
    "purchase orders that are placed more than once, or asked for changes without being placed": (
        """insert into outbox (operation_id, supplier_id, po_number, kind, revision, content_type, headers, body,
           rendered_at) select 'again', supplier_id, po_number, kind, 1, content_type, headers, body, rendered_at
           from outbox""",
    ),
    "purchase orders whose lines were added to another, and that were placed or have units of their own": (
        "update purchase_order set added_to = 'PO-000001' where po_number = 'PO-000002'",
    ),
    "revisions of a purchase order that were asked more than once": (
        """insert into outbox (operation_id, supplier_id, po_number, kind, revision, content_type, headers, body,
           rendered_at) select 'change', supplier_id, po_number, 'change', 0, content_type, headers, body, rendered_at
           from outbox""",
    ),
    "the same item on more than one line of a purchase order": (
        f"""insert into po_line (po_number, line_no, sku, supplier_sku, unit_factor, unit_price, ordered, confirmed,
            open) select po_number, 9, sku, supplier_sku, unit_factor, unit_price, 1, 1, 1 from po_line {LINE_1}""",
    ),
    "receipts that were counted more than once": (
        "alter table receipt drop constraint receipt_pkey",
        "insert into receipt select * from receipt where receipt_id = 'r-1'",
        f"""update po_line set received_good = received_good + 5, received_bad = received_bad + 1,
            confirmed = confirmed + 6 {LINE_1}""",
        f"update stock set on_hand = on_hand + 5 {LAMPS}",
    ),
    "lines whose received units are not the sum of their receipts": (
        f"update po_line set received_good = received_good + 1, confirmed = confirmed + 1 {LINE_1}",
    ),
    "suppliers' messages that were kept more than once": (
        """insert into inbox (supplier_id, door, dedupe_key, sha256, headers, body, received_at)
           select supplier_id, door, dedupe_key, sha256, headers, body, received_at from inbox where inbox_id = 1""",
    ),
    "events of suppliers that were applied without an outcome, or have an outcome without being applied": (
        "update inbox_event set outcome = '' where inbox_id = 1",
    ),
    "events of suppliers that are marked as applied and were not, or the other way round": (
        "delete from journal where key = 'inbox/1/0'",
    ),
    "parcels that were shipped without the carrier's word, or more than once": ("delete from carrier_event",),
    "backorders whose first promise is not the first date they were given": (
        f"update backorder set first_promise = current_promise {B}",
    ),
    "backorders whose current promise, or its basis, is not what they were told last": (
        f"update backorder set promise_basis = 'a guess' {B}",
    ),
    "promises without a basis": (f"update promise set basis = ' ' {B} and seq = 1",),
    "backorders of whose promises one is missing": (f"update promise set seq = seq + 5 {B}",),
    "notices of a delay that were sent without an offer to cancel and a last day to answer": (
        "update notice set silence = null",
    ),
    "columns that store a status": ("alter table backorder add column status text",),
    "closed backorders with units that are still owed": (f"update backorder set closed_at = now() {C}",),
    "purchase orders that ended with units still open": (
        "update purchase_order set rejected_at = now() where po_number = 'PO-000001'",
    ),
    "purchase orders that were sent, answered or ended by the supplier while they still collect": (
        "update purchase_order set acknowledged_at = now() where po_number = 'PO-000002'",
    ),
}


@pytest.mark.parametrize("what", HANDS)
async def test_what_is_wrong_is_found_and_called_by_its_law(busy: Shop, what: str) -> None:
    async with await AsyncConnection.connect(busy.dsn) as hand:
        await hand.execute(LET_GO)
        assert await examine(hand) == []
        for statement in HANDS[what]:
            assert (await hand.execute(statement.encode())).rowcount != 0
        findings = await examine(hand)
        await hand.rollback()
    assert what in {finding.what for finding in findings}
    assert {finding.law for finding in findings} == {check.law for check in CHECKS if check.what == what}
    assert all(finding.rows for finding in findings)


def test_every_check_is_tried_and_every_law_is_checked() -> None:
    assert [check.what for check in CHECKS] == list(HANDS)
    assert list(dict.fromkeys(check.law for check in CHECKS)) == list(LAWS) == [f"L{n}" for n in range(1, 9)]


async def test_an_audit_changes_nothing_and_sees_one_moment(busy: Shop) -> None:
    async with busy.ledger.read() as connection:
        assert await examine(connection) == []
        await busy.do(f"update backorder set captured = 66 {E}")
        assert await examine(connection) == []
    assert {finding.law for finding in await audit(busy.ledger)} == {"L5"}
    await busy.do(f"update backorder set captured = 45 {E}")
    assert await audit(busy.ledger) == []
