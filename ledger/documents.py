"""What exchanging documents asks of the book: numbers given once, replies that a protocol owes, and how far we read.

A number is given once for each document and kept with its bytes, so that whatever is sent again is sent with the number
it had. A reply (997, CONTRL) says that a message was read; it belongs to that message and is written once.
"""

from collections.abc import Mapping
from datetime import datetime

from domain.values import Frozen, Instant
from ledger.book import Connection, Ledger, as_json, fetch, fetch_one

_NEXT = """
    insert into document_number (supplier_id, last) values (%s, 1)
    on conflict (supplier_id) do update set last = document_number.last + 1 returning last
"""


class Numbered(Frozen):
    """What a document is known by."""

    number: int
    """Counts the documents to one supplier, from 1. One that was never sent leaves a gap."""
    written_at: Instant


async def number_document(ledger: Ledger, supplier_id: str, *, key: str, at: datetime) -> Numbered:
    """The number of a document to a supplier, and the instant in its envelope; by the same key always the same.

    Args:
        ledger: the ledger.
        supplier_id: to whom.
        key: names the document.
        at: when it is first asked for.
    """
    async with ledger.fact(key=key, subject=f"supplier/{supplier_id}", kind="numbered", at=at) as fact:
        if not fact.repeated:
            fact.result = Numbered(number=await _next(fact.connection, supplier_id), written_at=at).model_dump(
                mode="json"
            )
        return Numbered.model_validate(fact.result)


async def _next(connection: Connection, supplier_id: str) -> int:
    row = await (await connection.execute(_NEXT, (supplier_id,))).fetchone()
    if row is None:
        raise LookupError(f"no number for a document to {supplier_id!r}")
    return int(row[0])


class StoredReply(Frozen):
    """A word that is owed for a message, exactly as it is (to be) sent."""

    inbox_id: int
    control_number: int
    content_type: str
    headers: dict[str, str]
    body: bytes


_OWE = """
    insert into reply (inbox_id, supplier_id, control_number, content_type, headers, body, written_at)
    values (%s, %s, %s, %s, %s, %s, %s) on conflict (inbox_id) do nothing
"""
_OWED = """
    select inbox_id, control_number, content_type, headers, body from reply
    where supplier_id = %s and sent_at is null order by inbox_id limit %s
"""
_KEPT = "select inbox_id, control_number, content_type, headers, body from reply where inbox_id = %s"
_SENT = "update reply set sent_at = coalesce(sent_at, %s) where inbox_id = %s"


async def owe_reply(
    ledger: Ledger,
    supplier_id: str,
    inbox_id: int,
    numbered: Numbered,
    *,
    content_type: str,
    headers: Mapping[str, str],
    body: bytes,
    sent: bool = False,
) -> StoredReply:
    """Keep the reply to a message. The first stays, whatever a repeat brings: it may have been sent. Returns that one.

    Args:
        ledger: the ledger.
        supplier_id: whom it is owed.
        inbox_id: the message.
        numbered: its own number, and when it was written.
        content_type: of the body.
        headers: as rendered.
        body: as rendered.
        sent: it went back in the response to the message itself, so nobody has to send it.
    """
    row = (inbox_id, supplier_id, numbered.number, content_type, as_json(dict(headers)), body, numbered.written_at)
    async with ledger.work() as connection:
        await connection.execute(_OWE, row)
        if sent:
            await connection.execute(_SENT, (numbered.written_at, inbox_id))
        kept = await fetch_one(connection, StoredReply, _KEPT, (inbox_id,))
    if kept is None:
        raise LookupError(f"the reply to message {inbox_id} was not kept")
    return kept


async def replies_owed(ledger: Ledger, supplier_id: str, *, most: int = 100) -> list[StoredReply]:
    """The replies that were not sent yet, oldest first."""
    async with ledger.look() as connection:
        return await fetch(connection, StoredReply, _OWED, (supplier_id, most))


async def reply_sent(ledger: Ledger, inbox_id: int, *, at: datetime) -> None:
    """It went out. Again changes nothing."""
    async with ledger.work() as connection:
        await connection.execute(_SENT, (at, inbox_id))


class _Place(Frozen):
    cursor: str | None


_CURSOR = "select cursor from mailbox where supplier_id = %s"
_KEEP = """
    insert into mailbox (supplier_id, cursor, fetched_at) values (%s, %s, %s)
    on conflict (supplier_id) do update set cursor = excluded.cursor, fetched_at = excluded.fetched_at
"""


async def cursor(ledger: Ledger, supplier_id: str) -> str | None:
    """How far a supplier's messages were fetched and kept; None before the first."""
    async with ledger.look() as connection:
        found = await fetch_one(connection, _Place, _CURSOR, (supplier_id,))
    return found.cursor if found else None


async def keep_cursor(ledger: Ledger, supplier_id: str, cursor: str | None, *, at: datetime) -> None:
    """Everything up to here is in the inbox, and whom it concerns is told. To be kept last, at every fetch."""
    async with ledger.work() as connection:
        await connection.execute(_KEEP, (supplier_id, cursor, at))
