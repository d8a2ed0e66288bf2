"""Backorders in the books: accepting them, reading where one stands, promises, cancel requests, attention, the story.

Quantities move in `ledger/supply.py` and `ledger/supplier_events.py`, money in `ledger/payments.py`. Contact data is
kept apart and read only by the step that needs it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg.rows import dict_row

from domain.backorder_position import BackorderPosition, CancelledBy, PaymentState
from domain.errors import BooksDoNotBalance, NotFound, OrderConflict, OrderRefused
from domain.money import Worth, refund_due
from domain.names import backorder_workflow_id
from domain.orders import Address, Order
from domain.values import Frozen, Instant, round_money
from ledger.book import Connection, Ledger, as_json, fetch, fetch_one

# Everything about a backorder in one statement, so that it is one moment's truth in one round trip. Money is text in
# the json parts: a json number would pass through a float. A claim is in transit if the units shipped reach down to its
# rank; the first comparison spares the sum when the whole line was shipped.
POSITIONS = """
    select b.backorder_id, b.sales_order, b.sku, i.name as item_name, b.zone, b.currency, b.unit_price,
           b.partial_shipment, b.accepted_at, b.promised_by, b.ordered, b.unsourced, b.claimed, b.allocated,
           b.shipped, b.cancelled, b.shipping_charge, b.captured, b.refunded, b.first_promise, b.current_promise,
           b.promise_basis, b.sourcing_tries, b.last_sourced_at, b.cancel_requested_at, b.cancelled_by,
           b.cancel_reason, b.refund_deadline, b.attention, b.attention_since, b.closed_at,
           (select count(*) from announcement a
            where a.owed_by = 'backorder/' || b.backorder_id and a.told_at is null) as unannounced,
           (select coalesce(jsonb_agg(jsonb_build_object(
                'po_number', c.po_number, 'supplier_id', p.supplier_id, 'quantity', c.quantity,
                'expected_on', c.expected_on, 'confirmed', c.confirmed,
                'in_transit', l.in_transit > 0 and (l.in_transit >= l.claimed or l.in_transit >= (
                    select sum(o.quantity) from claim o join backorder w using (backorder_id)
                    where o.po_number = c.po_number and o.line_no = c.line_no and o.quantity > 0
                      and (w.legal_deadline, w.priority, w.accepted_at, w.backorder_id collate "C")
                          <= (b.legal_deadline, b.priority, b.accepted_at, b.backorder_id collate "C")
                ))) order by c.po_number), '[]')
            from claim c join po_line l using (po_number, line_no) join purchase_order p using (po_number)
            where c.backorder_id = b.backorder_id and c.quantity > 0) as claims,
           (select coalesce(jsonb_agg(jsonb_build_object(
                'notice_id', n.notice_id, 'kind', n.kind, 'sent_at', n.sent_at, 'promised', n.promised,
                'answer', n.answer, 'answered_at', n.answered_at) order by n.sent_at, n.notice_id), '[]')
            from notice n where n.backorder_id = b.backorder_id and n.sent_at is not null) as notices,
           (select coalesce(jsonb_agg(jsonb_build_object(
                'payment_id', y.payment_id, 'kind', y.kind, 'state', y.state, 'amount', y.amount::text,
                'requested_at', y.requested_at, 'settled_at', y.settled_at, 'parcel_id', y.parcel_id,
                'refunds', y.refunds) order by y.requested_at, y.payment_id), '[]')
            from payment y where y.backorder_id = b.backorder_id) as payments,
           (select coalesce(jsonb_agg(jsonb_build_object(
                'parcel_id', q.parcel_id, 'quantity', q.quantity, 'planned_at', q.planned_at, 'booked_at', q.booked_at,
                'tracking', q.tracking, 'charge_amount', q.charge_amount::text,
                'state', case when q.possessed_at is not null then 'possessed'
                              when q.voided_at is not null then 'voided'
                              when q.booked_at is not null then 'booked' else 'planned' end,
                'paid', q.charge_amount = 0 or exists (
                    select from payment y where y.parcel_id = q.parcel_id and y.kind = 'charge'
                    and y.state = 'succeeded')) order by q.planned_at, q.parcel_id), '[]')
            from parcel q where q.backorder_id = b.backorder_id) as parcels
    from backorder b join item i using (sku)
"""
_POSITION = POSITIONS + " where b.backorder_id = %s"
_LOCK_SKU_OF = """
    select i.sku from backorder b join item i using (sku) where b.backorder_id = %s for no key update of i
"""
# An unknown SKU inserts nothing, and neither does an id that is taken; the caller finds out which it was.
_ACCEPT = """
    with accepted as (
        insert into backorder (
            backorder_id, fingerprint, sales_order, line, customer_id, sku, unit_price, currency, shipping_charge,
            payment_method, partial_shipment, promised_by, zone, priority, accepted_at, legal_deadline, ordered,
            unsourced, first_promise, current_promise, promise_basis)
        select %(backorder_id)s, %(fingerprint)s, %(sales_order)s, %(line)s, %(customer_id)s, sku, %(unit_price)s,
            %(currency)s, %(shipping_charge)s, %(payment_method)s, %(partial_shipment)s, %(promised_by)s, %(zone)s,
            %(priority)s, %(accepted_at)s, %(legal_deadline)s, %(quantity)s, %(quantity)s, %(promised_by)s,
            %(promised_by)s, %(basis)s
        from item where sku = %(sku)s
        on conflict (backorder_id) do nothing returning backorder_id
    ), contacts as (
        insert into contact (backorder_id, name, email, ship_to)
        select backorder_id, %(name)s, %(email)s, %(ship_to)s from accepted
    ), promises as (
        insert into promise (backorder_id, seq, promised, basis, made_at)
        select backorder_id, 1, %(promised_by)s::date, %(basis)s, %(at)s from accepted
        where %(promised_by)s::date is not null
    )
    select backorder_id from accepted
"""
_FINGERPRINT = "select fingerprint from backorder where backorder_id = %s"
_CONTACT = """
    select c.name, c.email, c.ship_to, b.payment_method
    from contact c join backorder b using (backorder_id) where backorder_id = %s
"""
_PROMISE = """
    with made as (
        update backorder set current_promise = %(promised)s::date, promise_basis = %(basis)s,
               first_promise = coalesce(first_promise, %(promised)s::date)
        where backorder_id = %(id)s returning backorder_id
    )
    insert into promise (backorder_id, seq, promised, basis, made_at)
    select made.backorder_id,
           (select coalesce(max(seq), 0) + 1 from promise p where p.backorder_id = made.backorder_id),
           %(promised)s::date, %(basis)s, %(at)s
    from made
"""
_LEGAL_DEADLINE = "update backorder set legal_deadline = %(legal_deadline)s where backorder_id = %(id)s"
_REQUEST_CANCEL = """
    update backorder set cancel_requested_at = %(at)s, cancelled_by = %(by)s, cancel_reason = %(reason)s
    where backorder_id = %(id)s and cancel_requested_at is null and ordered > shipped + cancelled
"""
_RAISE_ATTENTION = """
    update backorder set attention = %(what)s, attention_since = coalesce(attention_since, %(at)s)
    where backorder_id = %(id)s and attention is distinct from %(what)s
"""
_SETTLE_ATTENTION = """
    update backorder set attention = null, attention_since = null
    where backorder_id = %(id)s and attention is not null
"""
_FORGIVE = """
    with forgiven as (update claim set lost = false where backorder_id = %(id)s and lost)
    update backorder set sourcing_tries = 0 where backorder_id = %(id)s
"""
_CLOSE = """
    update backorder set closed_at = %(at)s, attention = null, attention_since = null
    where backorder_id = %(id)s and closed_at is null
"""
_STORY = """
    select at, kind, facts->>'text' as text from journal
    where subject = %s and facts ? 'text' order by seq
"""


class Contact(Frozen):
    """Personal data of a backorder: read by the step that writes to the customer, charges, or ships."""

    name: str
    email: str
    ship_to: Address
    payment_method: str


class StoryLine(Frozen):
    """One thing that happened to a backorder."""

    at: Instant
    kind: str
    text: str


async def accept(
    ledger: Ledger, order: Order, *, key: str, at: datetime, legal_deadline: datetime
) -> BackorderPosition:
    """Enter an order. Its first promise is the date stated at order, if one was.

    Args:
        ledger: the books.
        order: what was ordered; the same content again is answered with the backorder as it stands.
        key: of workflow id and step.
        at: when it was accepted; the order's own time, if it states one, is what counts for age and rank.
        legal_deadline: the end of the day by which the law wants it shipped.

    Raises:
        OrderRefused: the catalogue has no such SKU.
        OrderConflict: the id was accepted before with other content.
    """
    stated = order.promised_by is not None
    row = {
        **order.model_dump(exclude={"customer", "ship_to"}),
        "fingerprint": order.fingerprint,
        "customer_id": order.customer.customer_id,
        "zone": order.ship_to.zone,
        "accepted_at": order.ordered_at or at,
        "legal_deadline": legal_deadline,
        "basis": "stated at order" if stated else "",
        "name": order.customer.name,
        "email": order.customer.email,
        "ship_to": as_json(order.ship_to.model_dump(mode="json")),
        "at": at,
    }
    async with ledger.fact(key=key, subject=backorder_workflow_id(order.backorder_id), kind="accepted", at=at) as fact:
        if not fact.repeated and await (await fact.connection.execute(_ACCEPT, row)).fetchone():
            promise = f", promised by {order.promised_by}" if stated else ""
            fact.note(text=f"Accepted {order.quantity} of {order.sku}{promise}")
        elif (known := await _fingerprint(fact.connection, order.backorder_id)) is None:
            raise OrderRefused(
                f"SKU {order.sku!r} is not in the catalogue; load a catalogue that lists it, or correct the order"
            )
        elif known != order.fingerprint:
            raise OrderConflict(
                f"backorder {order.backorder_id!r} was accepted before with other content; nothing was changed. "
                "Use a new backorder_id for a new order line"
            )
        return await read_position(fact.connection, order.backorder_id)


async def position(ledger: Ledger, backorder_id: str) -> BackorderPosition:
    """Where a backorder stands. Raises: NotFound."""
    async with ledger.look() as connection:
        return await read_position(connection, backorder_id)


async def read_position(connection: Connection, backorder_id: str) -> BackorderPosition:
    """Where a backorder stands, as seen from inside a transaction. Raises: NotFound."""
    found = await read_positions(connection, _POSITION, (backorder_id,))
    if not found:
        raise NotFound(f"no backorder {backorder_id!r} in the ledger; check the id")
    return found[0]


async def read_positions(
    connection: Connection, query: LiteralString, params: Sequence[Any] | Mapping[str, Any]
) -> list[BackorderPosition]:
    """The positions that a query over POSITIONS finds."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, params)
        return [_as_position(row) for row in await cursor.fetchall()]


def _as_position(row: dict[str, Any]) -> BackorderPosition:
    """The derived amounts are computed here, by the rule in `domain.money`, never stored."""
    currency: str = row["currency"]
    worth = Worth(unit_price=row["unit_price"], shipping_charge=row["shipping_charge"], currency=currency)
    for payment in row["payments"]:
        payment["amount"] = round_money(Decimal(payment["amount"]), currency)
    for parcel in row["parcels"]:
        parcel["charge_amount"] = round_money(Decimal(parcel["charge_amount"]), currency)
    derived = {
        "goods_value": round_money(row["unit_price"] * row["ordered"], currency),
        "refund_due": refund_due(
            worth,
            open_units=row["ordered"] - row["shipped"] - row["cancelled"],
            shipped=row["shipped"],
            captured=row["captured"],
            refunded=row["refunded"],
        ),
    }
    return BackorderPosition.model_validate({**row, **derived})


async def lock_sku_of(connection: Connection, backorder_id: str) -> str:
    """Lock the one SKU of a backorder as `lock_skus` does, and say which it is. Raises: NotFound."""
    row = await (await connection.execute(_LOCK_SKU_OF, (backorder_id,))).fetchone()
    if row is None:
        raise NotFound(f"no backorder {backorder_id!r} in the ledger; check the id")
    return str(row[0])


async def contact(ledger: Ledger, backorder_id: str) -> Contact:
    """Whom to write to, charge, and ship to. Raises: NotFound."""
    async with ledger.look() as connection:
        found = await fetch_one(connection, Contact, _CONTACT, (backorder_id,))
    if found is None:
        raise NotFound(f"no contact data for backorder {backorder_id!r}; it is unknown or was erased")
    return found


async def fingerprint(ledger: Ledger, backorder_id: str) -> str | None:
    """The fingerprint of the order that was accepted under this id; None if none was."""
    async with ledger.look() as connection:
        return await _fingerprint(connection, backorder_id)


async def _fingerprint(connection: Connection, backorder_id: str) -> str | None:
    row = await (await connection.execute(_FINGERPRINT, (backorder_id,))).fetchone()
    return str(row[0]) if row else None


async def set_promise(
    ledger: Ledger, backorder_id: str, *, key: str, at: datetime, promised: date | None, basis: str
) -> BackorderPosition:
    """Make a promise the current one; the first date ever given stays the first promise (law L7).

    Args:
        ledger: the books.
        backorder_id: to whom.
        key: of workflow id and step.
        at: when it is made.
        promised: the ship-by date; None says that no date can be given.
        basis: whose word it rests on, in words; never empty.
    """
    text = f"Promised {promised} ({basis})" if promised else f"No date can be promised ({basis})"
    change = {"promised": promised, "basis": basis}
    return await _write(ledger, backorder_id, key=key, at=at, kind="promised", text=text, change=(_PROMISE, change))


async def set_legal_deadline(
    ledger: Ledger, backorder_id: str, *, key: str, at: datetime, legal_deadline: datetime
) -> BackorderPosition:
    """Move the end of the law's current ship-by day, by which backorders are ranked."""
    text = f"The law's ship-by day now ends {legal_deadline:%Y-%m-%d %H:%M} UTC"
    change = {"legal_deadline": legal_deadline}
    return await _write(
        ledger, backorder_id, key=key, at=at, kind="legal deadline", text=text, change=(_LEGAL_DEADLINE, change)
    )


async def request_cancel(
    ledger: Ledger, backorder_id: str, *, key: str, at: datetime, by: CancelledBy, reason: str
) -> BackorderPosition:
    """Ask that everything unshipped be cancelled. The first request stands; with nothing unshipped nothing happens."""
    text = f"Cancel requested by the {by.value}: {reason}"
    change = {"by": by.value, "reason": reason}
    return await _write(
        ledger, backorder_id, key=key, at=at, kind="cancel requested", text=text, change=(_REQUEST_CANCEL, change)
    )


async def raise_attention(ledger: Ledger, backorder_id: str, *, key: str, at: datetime, what: str) -> BackorderPosition:
    """Ask an operator for something, in plain words."""
    text = f"Needs attention: {what}"
    change = (_RAISE_ATTENTION, {"what": what})
    return await _write(ledger, backorder_id, key=key, at=at, kind="attention", text=text, change=change)


async def settle_attention(ledger: Ledger, backorder_id: str, *, key: str, at: datetime, how: str) -> BackorderPosition:
    """Nothing more is asked of an operator."""
    text = f"Settled: {how}"
    change = (_SETTLE_ATTENTION, dict[str, Any]())
    return await _write(ledger, backorder_id, key=key, at=at, kind="settled", text=text, change=change)


async def forgive_suppliers(ledger: Ledger, backorder_id: str, *, key: str, at: datetime) -> BackorderPosition:
    """An operator says: ask those suppliers again who took their units back. The count of tries starts anew."""
    text = "Suppliers who let this order down may be asked again"
    async with ledger.fact(
        key=key, subject=backorder_workflow_id(backorder_id), kind="forgiven", at=at, facts={"text": text}
    ) as fact:
        if not fact.repeated:
            await lock_sku_of(fact.connection, backorder_id)
            await fact.connection.execute(_FORGIVE, {"id": backorder_id})
        return await read_position(fact.connection, backorder_id)


async def close(ledger: Ledger, backorder_id: str, *, key: str, at: datetime) -> BackorderPosition:
    """End a backorder: everything shipped or cancelled, every cent where it belongs.

    Raises:
        NotFound: no such backorder.
        BooksDoNotBalance: units are still open, a refund is due, or money was asked for and may still be taken.
    """
    async with ledger.fact(
        key=key, subject=backorder_workflow_id(backorder_id), kind="closed", at=at, facts={"text": "Closed"}
    ) as fact:
        if not fact.repeated:
            await fact.connection.execute(_CLOSE, {"id": backorder_id, "at": at})
        now = await read_position(fact.connection, backorder_id)
        if now.open or now.refund_due:
            raise BooksDoNotBalance(
                f"backorder {backorder_id!r} cannot be closed: {now.open} units are open and "
                f"{now.refund_due} {now.currency} are to be refunded"
            )
        if unanswered := [p.payment_id for p in now.payments if p.state is PaymentState.REQUESTED]:
            raise BooksDoNotBalance(
                f"backorder {backorder_id!r} cannot be closed: the provider has not answered {', '.join(unanswered)}, "
                "so money may have been taken; ask it again under the same key, and settle that first"
            )
        return now


async def story(ledger: Ledger, backorder_id: str) -> list[StoryLine]:
    """What happened to a backorder, in the trade's words, oldest first; empty if it is unknown."""
    async with ledger.look() as connection:
        return await fetch(connection, StoryLine, _STORY, (backorder_workflow_id(backorder_id),))


async def _write(
    ledger: Ledger,
    backorder_id: str,
    *,
    key: str,
    at: datetime,
    kind: str,
    text: str,
    change: tuple[LiteralString, dict[str, Any]],
) -> BackorderPosition:
    """A fact of one statement about the backorder's own row; the story tells it only if it changed something."""
    query, parts = change
    async with ledger.fact(key=key, subject=backorder_workflow_id(backorder_id), kind=kind, at=at) as fact:
        if not fact.repeated:
            cursor = await fact.connection.execute(query, {**parts, "id": backorder_id, "at": at})
            if cursor.rowcount:
                fact.note(text=text)
        return await read_position(fact.connection, backorder_id)
