"""Erasing what the books hold of a person, and keeping their figures: the laws of the books hold afterwards as before.

What is personal in the ledger, column by column. Gone: the whole `contact` row (name, mail, address); of `backorder`
the customer's reference, the payment method, the fingerprint (a hash of all of it), the reason of a cancel; tracking
numbers, which lead to an address; the words that providers gave with payments; what the journal says of the backorder,
of which kind and instant stay. Left out word by word where others' documents quote it: suppliers' messages, raw and as
read, and what the books say of them and of the purchase orders concerned; of what was read and of the journal these are
the sentences alone, for an event may still wait to be applied, and goes by its ids. Kept: quantities, money, dates, the
kinds of notices and answers, and the ids that the shop, suppliers and providers gave, by which their own books are
reconciled. `outbox` holds what suppliers are sent, which is never about a customer.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from domain.errors import NotFound, PromisekeeperError
from domain.names import backorder_workflow_id, purchase_order_workflow_id
from domain.personal_words import without_words
from domain.values import Frozen
from ledger.book import Connection, Ledger, as_json, fetch, fetch_one

FORGOTTEN = "forgotten"
"""What stands in the place of a reference that may not be empty."""


class StillOpen(PromisekeeperError):
    """Something is still owed to or asked about this person, so their data is needed."""


class Held(Frozen):
    """A backorder of a person, as far as erasing it needs it."""

    backorder_id: str
    customer_id: str
    email: str
    open: bool
    """It has not ended, or an operator is asked about it."""


# By mail address: also the other orders of the customer references found by it, whatever address they name.
_ORDERS = """
    select b.backorder_id, b.customer_id, c.email, b.closed_at is null or b.attention is not null as open
    from backorder b join contact c using (backorder_id)
    where b.customer_id = %(customer)s or b.customer_id in (
        select o.customer_id from backorder o join contact p using (backorder_id)
        where lower(p.email) = lower(%(customer)s))
    order by b.accepted_at, b.backorder_id
"""


async def orders_of(ledger: Ledger, customer: str) -> list[Held]:
    """What the books hold of somebody, the oldest first; nothing if they are unknown or forgotten.

    Args:
        ledger: the books.
        customer: the shop's reference of the customer, or a mail address.
    """
    async with ledger.look() as connection:
        return await fetch(connection, Held, _ORDERS, {"customer": customer})


class _Person(NamedTuple):
    name: str
    email: str
    ship_to: Mapping[str, str]
    customer_id: str
    payment_method: str
    open: bool

    @property
    def words(self) -> set[str]:
        """What says who it is, as a document might quote it; a town or a country does not."""
        return {
            self.name,
            self.email,
            self.ship_to["name"],
            self.ship_to["street"],
            self.customer_id,
            self.payment_method,
        }


_ORDERS_CLAIMED_ON = "select distinct po_number from claim where backorder_id = %s order by po_number"
_PERSON = """
    select c.name, c.email, c.ship_to, b.customer_id, b.payment_method,
           b.closed_at is null or b.attention is not null as open
    from backorder b join contact c using (backorder_id) where backorder_id = %s for no key update of b, c
"""
_ERASE = (
    "delete from contact where backorder_id = %(id)s",
    """update backorder set customer_id = %(forgotten)s, payment_method = %(forgotten)s, fingerprint = %(forgotten)s,
              cancel_reason = '' where backorder_id = %(id)s""",
    "update parcel set tracking = null where backorder_id = %(id)s",
    "update payment set reason = '' where backorder_id = %(id)s",
    "update journal set facts = '{}', result = null where subject = %(subject)s and key <> %(key)s",
)


async def forget(ledger: Ledger, backorder_id: str, *, at: datetime) -> None:
    """Erase what is personal of one ended backorder, in one transaction that leaves a word of it in the story.

    The same again changes nothing.

    Args:
        ledger: the books.
        backorder_id: of whom; its histories in Temporal are gone by now, or nobody could find them any more.
        at: when.

    Raises:
        StillOpen: it has not ended, or an operator is asked about it.
        NotFound: no such backorder.
    """
    subject = backorder_workflow_id(backorder_id)
    key = f"{subject}/forgotten"
    async with ledger.fact(
        key=key, subject=subject, kind="forgotten", at=at, facts={"text": "Personal data was erased"}
    ) as fact:
        if fact.repeated:
            return
        connection = fact.connection
        rows = await (await connection.execute(_ORDERS_CLAIMED_ON, (backorder_id,))).fetchall()
        po_numbers = [str(row[0]) for row in rows]
        await connection.execute(_LOCK_ORDERS, (po_numbers,))
        person = await fetch_one(connection, _Person, _PERSON, (backorder_id,))
        if person is None:
            raise NotFound(f"no contact data for backorder {backorder_id!r}; it is unknown or was erased")
        if person.open:
            raise StillOpen(f"backorder {backorder_id} is open again; end it first, then forget once more")
        await _leave_out(connection, backorder_id, po_numbers, person.words)
        parts = {"id": backorder_id, "subject": subject, "key": key, "forgotten": FORGOTTEN}
        for statement in _ERASE:
            await connection.execute(statement, parts)


_LOCK_ORDERS = "select from purchase_order where po_number = any(%s) order by po_number for no key update"
_ATTENTION = "select po_number, attention from purchase_order where po_number = any(%s) and attention is not null"
_KEEP_ATTENTION = "update purchase_order set attention = %s where po_number = %s"
# What the journal says of those orders, and of the messages that came: subject and key are those of ledger/inbox.py.
_SAID = """
    select key, facts from journal where subject = any(%s) or key in (
        select 'message/' || supplier_id || '/' || dedupe_key from inbox where inbox_id = any(%s))
"""
_KEEP_SAID = "update journal set facts = %s where key = %s"
# Messages about the orders this one had a share of, or addressed to it; and those of which nobody knows whose they are.
_MESSAGES = """
    select i.inbox_id from inbox i where exists (
        select from inbox_event e where e.inbox_id = i.inbox_id
        and (e.po_number = any(%s) or e.po_number is null or e.prefer = %s))
    or not exists (select from inbox_event e where e.inbox_id = i.inbox_id)
"""
_MESSAGE = "select body, headers, unreadable, astray, issues from inbox where inbox_id = %s"
_KEEP_MESSAGE = """
    update inbox set body = %s, headers = %s, unreadable = %s, astray = %s, issues = %s where inbox_id = %s
"""
_EVENTS = "select n, event, outcome from inbox_event where inbox_id = %s"
_KEEP_EVENT = "update inbox_event set event = %s, outcome = %s where inbox_id = %s and n = %s"


async def _leave_out(connection: Connection, backorder_id: str, po_numbers: list[str], words: set[str]) -> None:
    """Leave a person's words out of what others wrote, and of what the books say of the orders they had a share of."""
    for po_number, attention in await (await connection.execute(_ATTENTION, (po_numbers,))).fetchall():
        if (kept := without_words(attention, words)) != attention:
            await connection.execute(_KEEP_ATTENTION, (kept, po_number))
    found = await (await connection.execute(_MESSAGES, (po_numbers, backorder_id))).fetchall()
    messages = [int(row[0]) for row in found]
    subjects = [purchase_order_workflow_id(po_number) for po_number in po_numbers]
    for key, facts in await (await connection.execute(_SAID, (subjects, messages))).fetchall():
        if (kept := _in_sentences(facts, words)) != facts:
            await connection.execute(_KEEP_SAID, (as_json(kept), key))
    for inbox_id in messages:  # one by one: a message may have a megabyte
        for body, headers, *said in await (await connection.execute(_MESSAGE, (inbox_id,))).fetchall():
            raw, about, kept = _bytes_without(body, words), _without(headers, words), _without(said, words)
            if (raw, about, kept) != (body, headers, said):
                await connection.execute(_KEEP_MESSAGE, (raw, as_json(about), *kept, inbox_id))
        for n, event, outcome in await (await connection.execute(_EVENTS, (inbox_id,))).fetchall():
            kept_event, kept_outcome = _in_sentences(event, words), _without(outcome, words)
            if (kept_event, kept_outcome) != (event, outcome):
                await connection.execute(_KEEP_EVENT, (as_json(kept_event), kept_outcome, inbox_id, n))


def _without(value: Any, words: Iterable[str]) -> Any:
    """Plain data with the words left out of every text in it."""
    match value:
        case str():
            return without_words(value, words)
        case dict():
            return {name: _without(one, words) for name, one in cast("dict[str, Any]", value).items()}
        case list():
            return [_without(one, words) for one in cast("Sequence[object]", value)]
        case _:
            return value


_SENTENCES = {"text", "reason", "what"}
"""Of the journal's facts, and of domain.supplier_events."""


def _in_sentences(value: Any, words: Iterable[str]) -> Any:
    """Plain data with the words left out of what people wrote; ids, dates and figures stay."""
    match value:
        case dict():
            return {
                name: (_without if name in _SENTENCES else _in_sentences)(one, words)
                for name, one in cast("dict[str, Any]", value).items()
            }
        case list():
            return [_in_sentences(one, words) for one in cast("Sequence[object]", value)]
        case _:
            return value


def _bytes_without(body: bytes, words: set[str]) -> bytes:
    """A raw message likewise, whether it spells letters beyond ASCII as they are or as JSON may escape them."""
    spelt = words | {json.dumps(word)[1:-1] for word in words}
    return without_words(body.decode(errors="surrogateescape"), spelt).encode(errors="surrogateescape")
