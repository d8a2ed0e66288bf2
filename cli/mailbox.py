"""`promisekeeper mailbox`: what comes from suppliers apart from their orders, and what a person decides about it."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from activities.inward import wake_mailbox
from cli.asking import ask_mailbox
from cli.connections import open_ledger, task_queue, temporal_client
from cli.decisions import PATIENCE, Wait
from cli.errors import CommandFailed
from cli.terminal import console, plain, say, table
from domain.mailbox import UnreadableMessage
from ledger import catalogue, unreadable
from ledger.unreadable import Mailbox
from workflows.mailbox_contract import MailboxResolution, ResolveMailbox

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


def mailbox(
    supplier: str | None = None,
    decision: MailboxResolution | None = None,
    /,
    *,
    message: tuple[int, ...] = (),
    look: Annotated[bool, Parameter(negative="")] = False,
    note: str = "",
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
) -> int:
    """Show what could not be read of suppliers' messages, and decide about it.

    Exit code 1: messages wait for a person. 3: there is no such supplier.

    Args:
        supplier: its id; all of them, if left out.
        decision: `retry` (what was wrong is mended: read them again) or `dismiss` (they were seen to by other means).
        message: by its number, the one that the decision is about; may be given several times. Without it, all.
        look: fetch now what waits; do not wait until the next look.
        note: why, for the story.
        wait: seconds to wait for the decision to be carried out.
        as_json: print JSON.
    """
    if supplier is None and (decision or look):
        raise CommandFailed("which supplier's mailbox? `promisekeeper mailbox` lists them")
    if supplier is None:
        found = asyncio.run(_all())
        if as_json:
            print(json.dumps([one.model_dump(mode="json") for one in found], indent=2))
        else:
            _list(found)
        return 1 if any(one.unreadable for one in found) else 0
    request = ResolveMailbox(resolution=decision, messages=message, note=note) if decision else None
    messages, total = asyncio.run(_one(supplier, request, look=look, wait=wait))
    if as_json:
        told = {"supplier_id": supplier, "unreadable": total, "oldest": [m.model_dump(mode="json") for m in messages]}
        print(json.dumps(told, indent=2))
    else:
        _show(supplier, messages, total)
        if look:
            say("It is being fetched now; run this again in a moment to see what it brought.", console())
    return 1 if total else 0


async def _all() -> list[Mailbox]:
    async with open_ledger() as ledger:
        return await unreadable.mailboxes(ledger)


async def _one(
    supplier_id: str, request: ResolveMailbox | None, *, look: bool, wait: float
) -> tuple[list[UnreadableMessage], int]:
    async with open_ledger() as ledger:
        await catalogue.supplier(ledger, supplier_id)
        if request or look:
            client = await temporal_client()
            if request:
                await ask_mailbox(client, supplier_id, request, wait=wait)
            if look:
                await wake_mailbox(client, supplier_id, task_queue=task_queue())
        return await unreadable.unreadable(ledger, supplier_id)


def _list(found: Sequence[Mailbox]) -> None:
    drawn = table("Supplier", "Unread", "Owed", "Last fetched", right=("Unread", "Owed"))
    for one in found:
        fetched = f"{one.fetched_at:%Y-%m-%d %H:%M:%S}" if one.fetched_at else "never"
        drawn.add_row(*map(plain, (one.supplier_id, one.unreadable, one.replies_owed, fetched)))
    console().print(drawn)


def _show(supplier_id: str, messages: Sequence[UnreadableMessage], total: int) -> None:
    if not total:
        say(f"{supplier_id}: everything could be read, or was seen to", console())
        return
    drawn = table("Message", "Came", "Why it cannot be read", whole=("Came",), right=("Message",))
    for one in messages:
        drawn.add_row(*map(plain, (one.inbox_id, f"{one.received_at:%Y-%m-%d %H:%M}", one.told)))
    console().print(drawn)
    if total > len(messages):
        say(f"and {total - len(messages)} more", console())
    say(
        f"`promisekeeper mailbox {supplier_id} retry` reads them again when what was wrong is mended; `dismiss` puts "
        "them aside. Add `--message` and a number to decide about one only.",
        console(),
    )
