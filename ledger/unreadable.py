"""Messages that were kept and could not be read: read again when the cause is mended, or put aside by a person."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from domain.mailbox import SHOWN, UnreadableMessage
from domain.supplier_events import SupplierEvent
from domain.values import Frozen, Instant
from ledger.book import Ledger, fetch, fetch_one
from ledger.inbox import StoredMessage, keep_events

_UNREADABLE = """
    select inbox_id, received_at, coalesce(unreadable, astray) as why from inbox
    where supplier_id = %s and (unreadable is not null or astray is not null) and seen_to_at is null
    order by inbox_id limit %s
"""
_HOW_MANY = """
    select count(*) as messages from inbox
    where supplier_id = %s and (unreadable is not null or astray is not null) and seen_to_at is null
"""
_RAW = "select inbox_id, door, headers, body from inbox where inbox_id = %s"
_READ_AFTER_ALL = "update inbox set unreadable = null where inbox_id = %s and unreadable is not null returning inbox_id"
_SEEN_TO = "update inbox set seen_to_at = coalesce(seen_to_at, %s) where supplier_id = %s and inbox_id = any(%s)"


class RawMessage(Frozen):
    """A message as it came."""

    inbox_id: int
    door: str
    headers: dict[str, str]
    body: bytes


class _Count(NamedTuple):
    messages: int


async def unreadable(ledger: Ledger, supplier_id: str, *, most: int = SHOWN) -> tuple[list[UnreadableMessage], int]:
    """The oldest messages that nobody could read or has seen to, and how many there are."""
    async with ledger.read() as connection:
        found = await fetch(connection, UnreadableMessage, _UNREADABLE, (supplier_id, most))
        total = await fetch_one(connection, _Count, _HOW_MANY, (supplier_id,))
    return found, total.messages if total else 0


_MAILBOXES = """
    select s.supplier_id, m.fetched_at,
           (select count(*) from inbox i
            where i.supplier_id = s.supplier_id and (i.unreadable is not null or i.astray is not null)
              and i.seen_to_at is null) as unreadable,
           (select count(*) from reply r where r.supplier_id = s.supplier_id and r.sent_at is null) as replies_owed
    from supplier s left join mailbox m using (supplier_id) order by s.supplier_id
"""


class Mailbox(Frozen):
    """What the books say of one supplier's messages."""

    supplier_id: str
    fetched_at: Instant | None
    """When its messages were last fetched to the end; None: never, since they come to our door."""
    unreadable: int
    """Messages that nobody could read or has seen to."""
    replies_owed: int


async def mailboxes(ledger: Ledger) -> list[Mailbox]:
    """Every supplier's, by id."""
    async with ledger.look() as connection:
        return await fetch(connection, Mailbox, _MAILBOXES)


async def raw_message(ledger: Ledger, inbox_id: int) -> RawMessage | None:
    """A message as it was kept."""
    async with ledger.look() as connection:
        return await fetch_one(connection, RawMessage, _RAW, (inbox_id,))


async def read_after_all(
    ledger: Ledger, supplier_id: str, inbox_id: int, events: Sequence[SupplierEvent], *, at: datetime
) -> StoredMessage:
    """A message that could not be read can be now: keep what it says, once."""
    key, subject = f"message/{inbox_id}/read after all", f"supplier/{supplier_id}"
    async with ledger.fact(key=key, subject=subject, kind="message", at=at) as fact:
        if fact.repeated:
            return StoredMessage.model_validate({**fact.result, "repeated": True})
        po_numbers, astray = tuple[str, ...](), False
        if await (await fact.connection.execute(_READ_AFTER_ALL, (inbox_id,))).fetchone() is not None:
            po_numbers, astray = await keep_events(fact.connection, supplier_id, inbox_id, events, at=at)
        stored = StoredMessage(inbox_id=inbox_id, repeated=False, po_numbers=po_numbers, astray=astray)
        fact.result = stored.model_dump(mode="json")
        fact.note(text=f"Message {inbox_id} could be read after all: {', '.join(e.kind for e in events) or 'nothing'}")
        return stored


async def put_aside(
    ledger: Ledger, supplier_id: str, inbox_ids: Sequence[int], *, key: str, at: datetime, how: str
) -> None:
    """A person has seen to these messages."""
    async with ledger.fact(key=key, subject=f"supplier/{supplier_id}", kind="seen to", at=at) as fact:
        if not fact.repeated:
            await fact.connection.execute(_SEEN_TO, (at, supplier_id, list(inbox_ids)))
            fact.note(text=f"{len(inbox_ids)} unreadable messages were seen to: {how}")
