"""`promisekeeper mailbox`: what comes from suppliers apart from their orders, and what a person decides about it."""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from cyclopts import Parameter
from temporalio.service import RPCError

from activities.inward import wake_mailbox
from cli.asking import NobodyRuns, ask_mailbox, ask_standing
from cli.connections import open_ledger, task_queue, temporal_client
from cli.decisions import PATIENCE, Wait
from cli.errors import CommandFailed, Refused, file_in_words
from cli.terminal import console, plain, say, table
from domain import names
from domain.errors import NotFound
from domain.mailbox import UnreadableMessage
from ledger import catalogue, unreadable
from ledger.unreadable import Mailbox
from workflows import mailbox_contract
from workflows.mailbox_contract import MailboxResolution, MailboxStanding, ResolveMailbox

_NEEDING = f"WorkflowType = '{names.SUPPLIER_MAILBOX}' AND NeedsAttention = true AND ExecutionStatus = 'Running'"

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


def mailbox(
    supplier: str | None = None,
    decision: MailboxResolution | None = None,
    /,
    *,
    message: tuple[int, ...] = (),
    save: Path | None = None,
    look: Annotated[bool, Parameter(negative="")] = False,
    note: str = "",
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
) -> int:
    """Show what could not be read of suppliers' messages or stands in their way, and decide about it.

    Exit code 1: something waits for a person. 2: what stands in the way could not be asked. 3: there is no such
    supplier, or no such message of its.

    Args:
        supplier: its id; all of them, if left out.
        decision: `retry` (what was wrong is mended: read them again) or `dismiss` (they were seen to by other means).
        message: by its number, the one that the decision is about; may be given several times. Without it, all.
        save: a new file for the one `--message`, as it came, whatever it is; nothing is decided.
        look: fetch now what waits; do not wait until the next look.
        note: why, for the story.
        wait: seconds to wait for the decision to be carried out.
        as_json: print JSON.
    """
    if supplier is None and (decision or look or save):
        raise CommandFailed("which supplier's mailbox? `promisekeeper mailbox` lists them")
    if supplier and save:
        if decision or look or len(message) != 1:
            raise CommandFailed("--save goes with one --message and its number, and with no decision")
        asyncio.run(_save(supplier, message[0], save))
        say(f"{save}: message {message[0]}, as it came", console())
        say(f"`promisekeeper inspect {save} --supplier {supplier}` shows how it is read.", console())
        return 0
    if supplier is None:
        found, seen = asyncio.run(_all(wait))
        if as_json:
            told = [one.model_dump(mode="json") | seen.told(one.supplier_id) for one in found]
            print(json.dumps(told, indent=2))
        else:
            _list(found, seen)
        return seen.code(any(one.unreadable for one in found))
    request = ResolveMailbox(resolution=decision, messages=message, note=note) if decision else None
    messages, total, seen = asyncio.run(_one(supplier, request, look=look, wait=wait))
    if as_json:
        content = {
            "supplier_id": supplier,
            "unreadable": total,
            "oldest": [m.model_dump(mode="json") for m in messages],
        }
        print(json.dumps(content | seen.told(supplier), indent=2))
    else:
        _show(supplier, messages, total)
        _show_standing(supplier, seen.standings.get(supplier))
        if look:
            say("It is being fetched now; run this again in a moment to see what it brought.", console())
    return seen.code(bool(total))


async def _save(supplier_id: str, inbox_id: int, file: Path) -> None:
    async with open_ledger() as ledger:
        kept = await unreadable.raw_message(ledger, supplier_id, inbox_id)
    if kept is None:
        raise NotFound(f"no message {inbox_id} of supplier {supplier_id!r} is kept; `promisekeeper mailbox` lists them")
    with file_in_words(file, "written"), file.open("xb") as new:
        new.write(kept.body)


class Seen(NamedTuple):
    """What the mailboxes' workflows know beside the books: what was passed over, and why a look came to nothing."""

    standings: Mapping[str, MailboxStanding]
    unknown: Mapping[str, Exception]
    """By supplier, why its mailbox could not be asked."""

    def told(self, supplier_id: str) -> dict[str, Any]:
        """What is said of a supplier, as JSON has it; null: it is not known."""
        standing = self.standings.get(supplier_id)
        return {
            "in_the_way": None if supplier_id in self.unknown else _in_the_way(standing),
            "trouble": standing.trouble if standing else None,
        }

    def code(self, waiting: bool) -> int:
        """The exit code, when the books say that a message waits, or none does. Raises: CommandFailed."""
        if waiting or any(one.trouble or _in_the_way(one) for one in self.standings.values()):
            return 1
        for supplier_id, why in self.unknown.items():
            raise CommandFailed(f"what stands in the way of {supplier_id}'s documents is not known: {why}")
        return 0


def _in_the_way(standing: MailboxStanding | None) -> Sequence[str]:
    return standing.position.in_the_way if standing and standing.position else ()


async def _all(wait: float) -> tuple[list[Mailbox], Seen]:
    async with open_ledger() as ledger:
        found = await unreadable.mailboxes(ledger)
    return found, await _seen({one.supplier_id for one in found}, wait)


async def _one(
    supplier_id: str, request: ResolveMailbox | None, *, look: bool, wait: float
) -> tuple[list[UnreadableMessage], int, Seen]:
    async with open_ledger() as ledger:
        await catalogue.supplier(ledger, supplier_id)
        if request or look:
            client = await temporal_client()
            if request:
                await ask_mailbox(client, supplier_id, request, wait=wait)
            if look:
                await wake_mailbox(client, supplier_id, task_queue=task_queue())
        messages, total = await unreadable.unreadable(ledger, supplier_id)
    return messages, total, await _seen({supplier_id}, wait)


async def _seen(suppliers: Collection[str], wait: float) -> Seen:
    """Ask the mailboxes of these suppliers; of several, those that say in Temporal's index that they need a person."""
    asked = {mailbox_contract.workflow_id(supplier_id): supplier_id for supplier_id in sorted(suppliers)}
    try:
        client = await temporal_client()
        if len(asked) > 1:
            needing = {found.id async for found in client.list_workflows(_NEEDING)}
            asked = {its_id: supplier_id for its_id, supplier_id in asked.items() if its_id in needing}
    except (CommandFailed, RPCError) as nobody:
        return Seen({}, dict.fromkeys(asked.values(), nobody))
    standings: dict[str, MailboxStanding] = {}
    unknown: dict[str, Exception] = {}
    for its_id, supplier_id in asked.items():
        try:
            said = await ask_standing(
                client, supplier_id, its_id, mailbox_contract.STANDING, wait=wait, shown_by="mailbox"
            )
        except NobodyRuns:
            continue  # nothing is fetched of this supplier, or not yet
        except (CommandFailed, Refused, RPCError) as silent:
            unknown[supplier_id] = silent
        else:
            standings[supplier_id] = MailboxStanding.model_validate(said)
    return Seen(standings, unknown)


def _list(found: Sequence[Mailbox], seen: Seen) -> None:
    drawn = table("Supplier", "Unread", "In the way", "Owed", "Last fetched", right=("Unread", "In the way", "Owed"))
    for one in found:
        fetched = f"{one.fetched_at:%Y-%m-%d %H:%M:%S}" if one.fetched_at else "never"
        in_the_way = "?" if one.supplier_id in seen.unknown else len(_in_the_way(seen.standings.get(one.supplier_id)))
        drawn.add_row(*map(plain, (one.supplier_id, one.unreadable, in_the_way, one.replies_owed, fetched)))
    console().print(drawn)
    for supplier_id, standing in seen.standings.items():
        _show_standing(supplier_id, standing)


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
        "them aside. Add `--message` and a number to decide about one only; with `--save FILE` that one is written "
        "to a file, as it came.",
        console(),
    )


def _show_standing(supplier_id: str, standing: MailboxStanding | None) -> None:
    """What the workflow says that the books do not."""
    if standing and standing.trouble:
        say(
            f"{supplier_id}: the last look came to nothing: {standing.trouble}. It is tried again by itself; "
            f"`promisekeeper check {supplier_id}` says what is wrong.",
            console(),
        )
    if found := _in_the_way(standing):
        say(f"{supplier_id}: in the way of its documents:", console())
        for what in found:
            console().print(plain(f"- {what}"), soft_wrap=True)
