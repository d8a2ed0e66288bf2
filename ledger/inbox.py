"""The inbox: what suppliers send is kept raw first, then read, then applied to its orders, one event at a time.

A message counts once by its envelope (the connector's dedupe key) and its content once by its business key (receipt,
shipment), so repeats in any wrapping are harmless. A message that cannot be read or applied is kept with the reason.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from domain.errors import BooksDoNotBalance, NotFound
from domain.names import purchase_order_workflow_id
from domain.supplier_events import Hint, SupplierEvent, SyntaxAck, Unmatched, supplier_event
from domain.values import Frozen
from ledger.attention import ask_operator
from ledger.book import Connection, Ledger, as_json, fetch_one
from ledger.locked_orders import Effect
from ledger.supplier_events import apply_event

LONGEST_ASTRAY = 1000
"""Characters of what a person is told of a message that concerns no order of ours."""


class StoredMessage(Frozen):
    """A message in the inbox."""

    inbox_id: int
    repeated: bool
    """This very message came before; nothing was stored again."""
    po_numbers: tuple[str, ...]
    """The orders it speaks of, all of them ours with this supplier: their workflows are to be told."""
    astray: bool = False
    """Something in it concerns no order of ours, which a person has to look at."""
    said: str = ""
    """SHA-256 of what it was read as; empty for messages of older releases."""
    differs: bool = False
    """It came under the key of another message, and neither its bytes nor what they say are the same."""


class AppliedEvents(Frozen):
    """What became of an order's waiting events."""

    count: int
    incidents: tuple[str, ...] = ()
    """What an operator is asked to look at; the order's attention says the same."""


_SUPPLIER = "select from supplier where supplier_id = %s"
_OURS = "select po_number from purchase_order where supplier_id = %s and po_number = any(%s)"
_SAME_BYTES = "select from inbox where inbox_id = %s and sha256 = %s"
_MESSAGE = """
    insert into inbox (supplier_id, door, dedupe_key, sha256, headers, body, received_at, unreadable, issues)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning inbox_id
"""
_ASTRAY = "update inbox set astray = %s where inbox_id = %s"
_EVENTS = """
    insert into inbox_event (inbox_id, n, po_number, event, prefer, applied_at, outcome)
    values (%s, %s, %s, %s, %s, %s, %s)
"""


async def store_message(
    ledger: Ledger,
    supplier_id: str,
    *,
    door: str,
    dedupe_key: str,
    headers: Mapping[str, str],
    body: bytes,
    at: datetime,
    events: Sequence[SupplierEvent],
    unreadable: str | None = None,
    issues: Sequence[str] = (),
    prefer: str | None = None,
) -> StoredMessage:
    """Keep a verified message, raw, with the events it was read as, in one transaction.

    An event that names no order of ours with this supplier (one supplier cannot speak of another's orders) is kept with
    that outcome and applied to nothing.

    Args:
        ledger: the ledger.
        supplier_id: who sent it, by its signature.
        door: how it came: webhook, signal ...
        dedupe_key: the same for every delivery of the same message.
        headers: as they came; kept.
        body: as it came; kept, whatever it says.
        at: when.
        events: what it says.
        unreadable: why it could not be read, in words; then there are no events.
        issues: damage that was survived in reading it, in words.
        prefer: the backorder that a receipt was sent to, which is served before the rank.

    Raises:
        NotFound: no such supplier.
    """
    key, digest, said = f"message/{supplier_id}/{dedupe_key}", hashlib.sha256(body).hexdigest(), _digest(events)
    async with ledger.fact(key=key, subject=f"supplier/{supplier_id}", kind="message", at=at) as fact:
        if fact.repeated:
            first = StoredMessage.model_validate({**fact.result, "repeated": True})
            if first.said in {"", said}:
                return first
            same = await (await fact.connection.execute(_SAME_BYTES, (first.inbox_id, digest))).fetchone()
            return first.model_copy(update={"differs": same is None})
        connection = fact.connection
        if await (await connection.execute(_SUPPLIER, (supplier_id,))).fetchone() is None:
            raise NotFound(f"no supplier {supplier_id!r} in the catalogue; check the address the message was sent to")
        row = (
            supplier_id,
            door,
            dedupe_key,
            digest,
            as_json(dict(headers)),
            body,
            at,
            unreadable,
            list(issues),
        )
        inserted = await (await connection.execute(_MESSAGE, row)).fetchone()
        inbox_id = int(inserted[0]) if inserted else 0
        po_numbers, astray = await keep_events(connection, supplier_id, inbox_id, events, at=at, prefer=prefer)
        stored = StoredMessage(inbox_id=inbox_id, repeated=False, po_numbers=po_numbers, astray=astray, said=said)
        fact.result = stored.model_dump(mode="json")
        fact.note(text=f"Message through the {door}: {unreadable or kinds_of(events)}")
        return stored


def kinds_of(events: Iterable[SupplierEvent]) -> str:
    """What a message says, in short: a document may say thousands of things."""
    kinds = Counter(event.kind for event in events)
    return ", ".join(f"{number} {kind}" if number > 1 else kind for kind, number in kinds.items()) or "nothing to do"


def _digest(events: Iterable[SupplierEvent]) -> str:
    digest = hashlib.sha256()
    for event in events:
        digest.update(event.model_dump_json().encode())
    return digest.hexdigest()


async def keep_events(
    connection: Connection,
    supplier_id: str,
    inbox_id: int,
    events: Sequence[SupplierEvent],
    *,
    at: datetime,
    prefer: str | None = None,
) -> tuple[tuple[str, ...], bool]:
    """Keep what a message says, to be applied by the orders it speaks of.

    Returns:
        Those orders, which are to be told; and whether something in it concerns no order of ours.
    """
    events = await _with_their_orders(connection, supplier_id, events)
    named = sorted({event.po_number for event in events if event.po_number})
    found = await connection.execute(_OURS, (supplier_id, named))
    ours = {str(row[0]) for row in await found.fetchall()}
    rows, astray = list[tuple[Any, ...]](), list[str]()
    for n, event in enumerate(events):
        known = event.po_number in ours
        outcome = None if known else f"names {event.po_number or 'no order'}, no order of ours with {supplier_id}"
        if outcome and (what := _astray(event, outcome)):
            astray.append(what)
        content = as_json(event.model_dump(mode="json"))
        po_number, applied_at = (event.po_number, None) if known else (None, at)
        rows.append((inbox_id, n, po_number, content, prefer, applied_at, outcome))
    await connection.cursor().executemany(_EVENTS, rows)
    if astray:
        await connection.execute(_ASTRAY, ("; ".join(astray)[:LONGEST_ASTRAY], inbox_id))
    return tuple(sorted(ours)), bool(astray)


def _astray(event: SupplierEvent, outcome: str) -> str | None:
    """What a person is told of an event that names no order of ours; None: nobody need know."""
    match event:
        case Hint() | SyntaxAck(accepted=True):
            return None
        case SyntaxAck():
            why = event.reason or "no reason given"
            return f"they could not read document {event.control_number} of ours, which is no order's: {why}"
        case Unmatched():
            return event.what
        case _:
            return f"its {event.kind.replace('_', ' ')} {outcome}"


_NUMBERED = "select control_number, po_number from outbox where supplier_id = %s and control_number = any(%s)"


async def _with_their_orders(
    connection: Connection, supplier_id: str, events: Sequence[SupplierEvent]
) -> Sequence[SupplierEvent]:
    """A protocol's own word for "read" names a document by its number alone: find whose order that document was of."""
    numbers = [event.control_number for event in events if isinstance(event, SyntaxAck)]
    if not numbers:
        return events
    rows = await (await connection.execute(_NUMBERED, (supplier_id, numbers))).fetchall()
    orders = {int(number): str(po_number) for number, po_number in rows}
    return [
        event.model_copy(update={"po_number": orders.get(event.control_number)})
        if isinstance(event, SyntaxAck)
        else event
        for event in events
    ]


_UNAPPLIED = "select inbox_id, n from inbox_event where po_number = %s and applied_at is null order by inbox_id, n"
_EVENT = "select event, prefer from inbox_event where inbox_id = %s and n = %s"
_APPLIED = "update inbox_event set applied_at = %s, outcome = %s where inbox_id = %s and n = %s"


# What an event itself can be the cause of, whenever it is tried: a broken law, or content that cannot be reckoned with.
_IMPOSSIBLE = (BooksDoNotBalance, psycopg.DataError, psycopg.IntegrityError, ValueError, ArithmeticError)


class _Event(NamedTuple):
    event: dict[str, object]
    prefer: str | None


async def unapplied(ledger: Ledger, po_number: str) -> list[tuple[int, int]]:
    """The order's waiting events, (inbox id, number in the message), in the order they came."""
    async with ledger.look() as connection:
        rows = await (await connection.execute(_UNAPPLIED, (po_number,))).fetchall()
    return [(int(inbox_id), int(n)) for inbox_id, n in rows]


async def apply_events(ledger: Ledger, po_number: str, *, at: datetime) -> AppliedEvents:
    """Apply every waiting event of an order, each once, in the order they came.

    Any number of processes may do this at once. An event that would break the books is not applied: that is an
    incident, and those behind it go on.
    """
    count = 0
    incidents: list[str] = []
    for inbox_id, n in await unapplied(ledger, po_number):
        try:
            effect = await _apply(ledger, po_number, inbox_id, n, at=at)
        except _IMPOSSIBLE as impossible:
            effect = await _set_aside(ledger, po_number, inbox_id, n, why=str(impossible), at=at)
        if effect:
            count += 1
            incidents.extend(effect.incidents)
    return AppliedEvents(count=count, incidents=tuple(incidents))


async def _apply(ledger: Ledger, po_number: str, inbox_id: int, n: int, *, at: datetime) -> Effect | None:
    """Apply one event; None if another process did meanwhile."""
    subject = purchase_order_workflow_id(po_number)
    async with ledger.fact(key=f"inbox/{inbox_id}/{n}", subject=subject, kind="supplier says", at=at) as fact:
        if fact.repeated:
            return None
        waiting = await fetch_one(fact.connection, _Event, _EVENT, (inbox_id, n))
        if waiting is None:
            raise NotFound(f"no event {n} in message {inbox_id} of the inbox")
        event = supplier_event.validate_python(waiting.event)
        effect = await apply_event(fact.connection, po_number, event, at=at, prefer=waiting.prefer)
        fact.note(event=event.kind, text=f"Supplier's {event.kind.replace('_', ' ')}: {effect.outcome}")
        await _record(fact.connection, inbox_id, n, effect, at=at)
        return effect


async def _set_aside(ledger: Ledger, po_number: str, inbox_id: int, n: int, *, why: str, at: datetime) -> Effect | None:
    """Record that an event cannot be applied, and ask an operator."""
    subject = purchase_order_workflow_id(po_number)
    async with ledger.fact(key=f"inbox/{inbox_id}/{n}", subject=subject, kind="supplier says", at=at) as fact:
        if fact.repeated:
            return None
        what = f"Event {n} of message {inbox_id} about {po_number} could not be applied: {why}"
        effect = Effect(outcome=f"not applied: {why}", incidents=(what,))
        fact.note(text=what)
        await ask_operator(fact.connection, po_number, what, at=at)
        await _record(fact.connection, inbox_id, n, effect, at=at)
        return effect


async def _record(connection: Connection, inbox_id: int, n: int, effect: Effect, *, at: datetime) -> None:
    await connection.execute(_APPLIED, (at, effect.outcome, inbox_id, n))
