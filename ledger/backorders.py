"""Backorders in the books: accepting them, promises, cancel requests, attention, closing them, the story.

Where one stands is read in `ledger/positions.py`. Quantities move in `ledger/sourcing.py`, `ledger/unwinding.py` and
`ledger/supplier_events.py`, money in `ledger/payments.py`. Contact data is kept apart and read only by the step that
needs it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, LiteralString

from domain.backorder_position import BackorderPosition, CancelledBy, PaymentState
from domain.errors import BooksDoNotBalance, NotFound, OrderConflict, OrderRefused
from domain.names import backorder_workflow_id
from domain.orders import Address, Order
from domain.values import Frozen, Instant
from ledger.attention import RAISE_ON_BACKORDER, SETTLE_ON_BACKORDER, ask_among_many
from ledger.book import Connection, Ledger, as_json, fetch, fetch_one
from ledger.positions import POSITIONS, position, read_position, read_positions

__all__ = [
    "POSITIONS",
    "CancelledBy",
    "Contact",
    "StoryLine",
    "accept",
    "close",
    "contact",
    "fingerprint",
    "fingerprints",
    "forgive_suppliers",
    "lock_sku_of",
    "position",
    "raise_attention",
    "read_position",
    "read_positions",
    "request_cancel",
    "set_legal_deadline",
    "set_promise",
    "settle_attention",
    "story",
]

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
_FINGERPRINTS = "select backorder_id, fingerprint from backorder where backorder_id = any(%s)"
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
_LEGAL_DEADLINE = """
    update backorder set legal_deadline = %(legal_deadline)s
    where backorder_id = %(id)s and legal_deadline is distinct from %(legal_deadline)s
"""
_REQUEST_CANCEL = """
    update backorder set cancel_requested_at = %(at)s, cancelled_by = %(by)s, cancel_reason = %(reason)s
    where backorder_id = %(id)s and cancel_requested_at is null and ordered > shipped + cancelled
"""
_FORGIVE = """
    with forgiven as (update claim set lost = false where backorder_id = %(id)s and lost)
    update backorder set sourcing_tries = 0, sourcing_failed_since = null where backorder_id = %(id)s
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
    ledger: Ledger,
    order: Order,
    *,
    key: str,
    at: datetime,
    legal_deadline: datetime,
    policy: Mapping[str, Any] | None = None,
) -> BackorderPosition:
    """Enter an order. Its first promise is the date stated at order, if one was.

    Args:
        ledger: the books.
        order: what was ordered; the same content again is answered with the backorder as it stands.
        key: of workflow id and step.
        at: when it was accepted; the order's own time, if it states one, is what counts for age and rank.
        legal_deadline: the end of the day by which the law wants it shipped.
        policy: the rules it lives by from now on, as JSON: should its workflow be lost, another goes on under them.

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
            fact.note(text=f"Accepted {order.quantity} of {order.sku}{promise}", policy=policy)
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


async def fingerprints(ledger: Ledger, backorder_ids: Sequence[str]) -> dict[str, str]:
    """Those of many at once; ids under which none was accepted are left out."""
    async with ledger.look() as connection:
        return dict(await (await connection.execute(_FINGERPRINTS, (list(backorder_ids),))).fetchall())


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
    text = f"Cancel requested by the {by.value}{f': {reason}' if reason else ''}"
    change = {"by": by.value, "reason": reason}
    return await _write(
        ledger, backorder_id, key=key, at=at, kind="cancel requested", text=text, change=(_REQUEST_CANCEL, change)
    )


async def raise_attention(
    ledger: Ledger, backorder_id: str, *, key: str, at: datetime, what: str, alike: str | None = None
) -> BackorderPosition:
    """Ask an operator for something, in plain words, next to what is asked already.

    Args:
        ledger: the books.
        backorder_id: on which backorder.
        key: of workflow id and step.
        at: when.
        what: is needed.
        alike: how needs begin of which there may be hundreds; the newest of them stay.
    """
    text = f"Needs attention: {what}"
    if alike:
        async with ledger.fact(key=key, subject=backorder_workflow_id(backorder_id), kind="attention", at=at) as fact:
            if not fact.repeated:
                fact.note(text=text)
                await ask_among_many(fact.connection, backorder_id, what, alike=alike, on_order=False, at=at)
            return await read_position(fact.connection, backorder_id)
    change = (RAISE_ON_BACKORDER, {"what": what})
    return await _write(ledger, backorder_id, key=key, at=at, kind="attention", text=text, change=change)


async def settle_attention(
    ledger: Ledger, backorder_id: str, *, key: str, at: datetime, how: str, need: str | None = None
) -> BackorderPosition:
    """`need` is not asked of an operator any more; without it, nothing is."""
    text = f"Settled: {how}"
    change = (SETTLE_ON_BACKORDER, {"need": need})
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
