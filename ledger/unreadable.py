"""Messages that were kept and could not be read: read again when the cause is mended, or put aside by a person."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from domain.mailbox import SHOWN, UnreadableMessage
from domain.supplier_events import SupplierEvent
from domain.values import Frozen, Instant
from ledger.book import Ledger, fetch, fetch_one
from ledger.inbox import LONGEST_ASTRAY, StoredMessage, keep_events, kinds_of

_UNREADABLE = """
    select inbox_id, received_at, headers ->> 'file-name' as file, coalesce(unreadable, astray) as why from inbox
    where supplier_id = %s and (unreadable is not null or astray is not null) and seen_to_at is null
    order by inbox_id limit %s
"""
_HOW_MANY = """
    select count(*) as messages from inbox
    where supplier_id = %s and (unreadable is not null or astray is not null) and seen_to_at is null
"""
_RAW = "select inbox_id, door, headers, body from inbox where supplier_id = %s and inbox_id = %s"
# What concerned an order of ours is in its books, so that a message which says both is read once.
_READ_AFTER_ALL = """
    update inbox set unreadable = null, astray = null, issues = %s
    where inbox_id = %s and (unreadable is not null or astray is not null) and seen_to_at is null
      and not exists (select from inbox_event e where e.inbox_id = inbox.inbox_id and e.po_number is not null)
    returning inbox_id
"""
_FORGET = "delete from inbox_event where inbox_id = %s"
_LEAVE = """
    update inbox set astray = left(concat_ws('; ', astray, %(what)s::text), %(longest)s), seen_to_at = null
    where inbox_id = %(inbox_id)s and strpos(coalesce(astray, ''), %(what)s::text) = 0
"""
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
    """When its messages were last fetched; None: never."""
    unreadable: int
    """Messages that nobody could read or has seen to."""
    replies_owed: int


async def mailboxes(ledger: Ledger) -> list[Mailbox]:
    """Every supplier's, by id."""
    async with ledger.look() as connection:
        return await fetch(connection, Mailbox, _MAILBOXES)


async def raw_message(ledger: Ledger, supplier_id: str, inbox_id: int) -> RawMessage | None:
    """A message of that supplier as it was kept."""
    async with ledger.look() as connection:
        return await fetch_one(connection, RawMessage, _RAW, (supplier_id, inbox_id))


async def read_after_all(
    ledger: Ledger,
    supplier_id: str,
    inbox_id: int,
    events: Sequence[SupplierEvent],
    *,
    issues: Sequence[str] = (),
    key: str,
    at: datetime,
) -> StoredMessage:
    """A message of which nothing could be used can be now, perhaps: keep what it says in place of that."""
    async with ledger.fact(key=key, subject=f"supplier/{supplier_id}", kind="message", at=at) as fact:
        if fact.repeated:
            return StoredMessage.model_validate({**fact.result, "repeated": True})
        po_numbers, astray = tuple[str, ...](), False
        if await (await fact.connection.execute(_READ_AFTER_ALL, (list(issues), inbox_id))).fetchone() is not None:
            await fact.connection.execute(_FORGET, (inbox_id,))
            po_numbers, astray = await keep_events(fact.connection, supplier_id, inbox_id, events, at=at)
            fact.note(text=f"Message {inbox_id} was read again: {kinds_of(events)}")
        stored = StoredMessage(inbox_id=inbox_id, repeated=False, po_numbers=po_numbers, astray=astray)
        fact.result = stored.model_dump(mode="json")
        return stored


async def leave_to_person(ledger: Ledger, inbox_id: int, what: str) -> None:
    """Something about a message is to be seen to by a person. Said again, it changes nothing."""
    async with ledger.work() as connection:
        await connection.execute(_LEAVE, {"what": what, "longest": LONGEST_ASTRAY, "inbox_id": inbox_id})


async def put_aside(
    ledger: Ledger, supplier_id: str, inbox_ids: Sequence[int], *, key: str, at: datetime, how: str
) -> None:
    """A person has seen to these messages."""
    async with ledger.fact(key=key, subject=f"supplier/{supplier_id}", kind="seen to", at=at) as fact:
        if not fact.repeated:
            await fact.connection.execute(_SEEN_TO, (at, supplier_id, list(inbox_ids)))
            fact.note(text=f"Seen to, {how}: message {', '.join(map(str, inbox_ids)) or 'none'}")
