"""What monitoring reads of the books: each figure counts what it says, and none reads what is over."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from domain.backorder_position import Status
from domain.purchase_order_position import PurchaseOrderStatus
from ledger import backorders, purchase_orders
from ledger.figures import Need, Queue, figures
from tests.ledger.ordering import MONDAY, TUESDAY, ack, hear, ordered, part, placed
from tests.ledger.waiting import waits

DAY = timedelta(days=1)


async def test_open_backorders_are_counted_by_status_and_age(shop: Any) -> None:
    await ordered(shop, one=1, two=1)
    await shop.accept("new")
    read = await figures(shop.ledger, now=MONDAY + 5 * DAY)
    assert read.backorders == {Status.ON_ORDER: 2, Status.ACCEPTED: 1}
    assert read.ages.counts == (0, 0, 3, 0, 0, 0, 0, 0, 0, 0)
    assert 5 * 86_400 < read.ages.longest < 6 * 86_400
    assert read.purchase_orders == {PurchaseOrderStatus.COLLECTING: 1}


async def test_a_promised_day_that_has_passed_is_late(shop: Any) -> None:
    await shop.accept("kept")
    await shop.accept("slipped")
    for backorder_id, days in (("kept", 9), ("slipped", 1), ("slipped", 9)):
        await backorders.set_promise(
            shop.ledger, backorder_id, key=shop.key(), at=MONDAY, promised=(MONDAY + days * DAY).date(), basis="acme"
        )
    read = await figures(shop.ledger, now=MONDAY + 3 * DAY)
    assert (read.late_of_first, read.late_of_current, read.undated, read.past_law) == (1, 0, 0, 0)
    assert (await figures(shop.ledger, now=MONDAY + 60 * DAY)).past_law == 2


async def test_promises_of_what_closed_lately_are_kept_late_or_broken(shop: Any) -> None:
    for backorder_id in ("kept", "late", "broken", "given-up", "long-ago"):
        await shop.accept(backorder_id, "SHADE")
    sql = """
        update backorder set first_promise = '2026-11-24', closed_at = %s, unsourced = 0, shipped = %s, cancelled = %s,
               cancelled_by = %s where backorder_id = %s
    """
    await shop.do(sql, TUESDAY, 1, 0, None, "kept")
    await shop.do(sql, TUESDAY, 1, 0, None, "late")
    await shop.do(sql, TUESDAY, 0, 1, "seller", "broken")
    await shop.do(sql, TUESDAY, 0, 1, "customer", "given-up")
    await shop.do(sql, TUESDAY - 30 * DAY, 0, 1, "law", "long-ago")
    parcel = """
        insert into parcel (parcel_id, backorder_id, quantity, charge_amount, planned_at, possessed_at)
        values (%s, %s, 1, 0, %s, %s)
    """
    await shop.do(parcel, "p1", "kept", MONDAY, TUESDAY)
    await shop.do(parcel, "p2", "late", MONDAY, TUESDAY + DAY)
    read = await figures(shop.ledger, now=TUESDAY + DAY)
    assert (read.kept, read.shipped_late, read.broken) == (1, 1, 1)


async def test_a_supplier_is_silent_once_its_time_is_over(shop: Any) -> None:
    await placed(shop, one=1)
    soon = (await figures(shop.ledger, now=MONDAY + DAY / 2)).silence["acme"]
    assert (soon.waiting, soon.silent, soon.longest) == (1, 0, 43_200)
    late = (await figures(shop.ledger, now=MONDAY + 2 * DAY)).silence["acme"]
    assert (late.waiting, late.silent) == (1, 1)


async def test_the_time_to_acknowledge_is_measured_and_then_nobody_is_silent(shop: Any) -> None:
    number = await placed(shop, one=1)
    await hear(shop, ack(number, part("accepted", 5)))  # type: ignore[arg-type]
    read = await figures(shop.ledger, now=TUESDAY + DAY)
    assert read.silence == {}
    assert (read.acknowledged.total, sum(read.acknowledged.counts)) == (86_400, 1)
    assert (await figures(shop.ledger, now=TUESDAY + 8 * DAY)).acknowledged.total == 0


async def test_refunds_are_due_and_then_overdue(shop: Any) -> None:
    await shop.accept("paid")
    await shop.cancel("paid")
    await shop.do("update backorder set captured = 25 where backorder_id = 'paid'")  # refund by 2026-12-03
    due = (await figures(shop.ledger, now=TUESDAY)).refunds["USD"]
    assert (due.due, due.amount, due.overdue) == (1, Decimal(25), 0)
    late = (await figures(shop.ledger, now=TUESDAY + 20 * DAY)).refunds["USD"]
    assert (late.due, late.overdue, late.overdue_amount) == (1, 1, Decimal(25))


async def test_attention_is_counted_by_kind(shop: Any) -> None:
    from domain.backorder_duty import Policy, next_duty  # noqa: PLC0415

    waiting = await waits(shop, "none", "RARE")
    duty = next_duty(waiting, Policy(), MONDAY)
    assert duty is not None
    await backorders.raise_attention(shop.ledger, "none", key=shop.key(), at=MONDAY, what=duty.why)
    number = await placed(shop, one=1)
    await purchase_orders.raise_attention(shop.ledger, number, key=shop.key(), at=MONDAY, what="Twelve came, not ten.")
    read = await figures(shop.ledger, now=MONDAY + DAY)
    assert read.attention == {
        ("backorder", Need.NO_SUPPLIER): Queue(number=1, seconds=86_400),
        ("purchase_order", Need.OTHER): Queue(number=1, seconds=86_400),
    }


async def test_words_that_are_owed_and_events_that_wait_are_counted(shop: Any) -> None:
    await ordered(shop, one=1)
    read = await figures(shop.ledger, now=MONDAY)
    assert read.untold.number > 0
    assert read.unapplied == Queue()


OVER = 20_000
_HISTORY = f"""
    insert into backorder (backorder_id, fingerprint, sales_order, line, customer_id, sku, unit_price, currency,
        shipping_charge, payment_method, partial_shipment, zone, priority, accepted_at, legal_deadline, ordered,
        unsourced, shipped, first_promise, closed_at)
    select 'old-' || n, 'f', 's', 1, 'c', 'LAMP', 20, 'USD', 5, 'pm', false, 'UTC', 0, '2025-01-01Z', '2025-02-01Z', 1,
           0, 1, '2025-01-20', '2025-01-15Z' from generate_series(1, {OVER}) n;
    insert into parcel (parcel_id, backorder_id, quantity, charge_amount, planned_at, booked_at, possessed_at)
    select 'old-p-' || n, 'old-' || n, 1, 0, '2025-01-10Z', '2025-01-10Z', '2025-01-11Z'
    from generate_series(1, {OVER}) n;
    insert into purchase_order (po_number, supplier_id, merge_key, currency, terms, opened_at, collect_until, frozen_at,
        acknowledged_at, closed_at)
    select 'old-' || n, 'acme', 'm', 'USD', '', '2025-01-01Z', '2025-01-01Z', '2025-01-01Z', '2025-01-02Z',
           '2025-01-15Z'
    from generate_series(1, {OVER}) n;
    insert into announcement (workflow_id, word, owed_by, owed_at, told_at)
    select 'w' || n, 'w', 'o', '2025-01-01Z', '2025-01-01Z' from generate_series(1, {OVER}) n;
"""
_READ = """
    select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as rows from pg_stat_user_tables
    where relname in ('backorder', 'parcel', 'purchase_order', 'announcement')
"""


async def test_no_figure_reads_what_is_over(shop: Any) -> None:
    """Counted by the database itself: rows that were read, not milliseconds."""
    await placed(shop, one=1)
    for statement in _HISTORY.split(";\n")[:4]:
        await shop.do(statement)
    await shop.rows("select 1 from pg_stat_force_next_flush()")
    from psycopg import AsyncConnection  # noqa: PLC0415

    async with await AsyncConnection.connect(shop.dsn, autocommit=True) as connection:
        await connection.execute("vacuum analyze")
        await connection.execute("select pg_stat_reset()")
    await figures(shop.ledger, now=TUESDAY)
    async with shop.ledger.look() as connection:
        await connection.execute("select pg_stat_force_next_flush()")
    async with shop.ledger.look() as connection:
        await connection.execute("select 1")
    read = {row["relname"]: row["rows"] for row in await shop.rows(_READ)}
    assert max(read.values()) < OVER / 10, read
