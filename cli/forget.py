"""`promisekeeper forget`: erases a person from the ledger and from Temporal, and keeps the books' figures.

Temporal first, then the ledger, one backorder after the other: as long as a history is left, the ledger still knows
whose it is, so that the same command again finishes what a crash has cut off.
"""

import asyncio
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from cyclopts import Parameter
from temporalio.client import Client

from cli.connections import open_ledger, temporal_client
from cli.errors import CommandFailed, Refused
from cli.terminal import console, say
from domain.errors import NotFound
from ledger import backorders, erasure
from ledger.book import Ledger
from workflows import backorder_contract
from workflows.histories import Started, delete_histories, names, not_completed

_ASKED_AT_ONCE = 500


class _Found(NamedTuple):
    in_books: list[erasure.Held]
    only_started: list[Started]
    """Known to Temporal alone: refused, or not taken into the books yet."""

    @property
    def ids(self) -> list[str]:
        return [held.backorder_id for held in self.in_books] + [one.backorder_id for one in self.only_started]

    @property
    def open_ids(self) -> list[str]:
        held = [held.backorder_id for held in self.in_books if held.open]
        return held + [one.backorder_id for one in self.only_started if one.running]


def forget(
    customer: str,
    /,
    *,
    yes: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Erase what is stored of a customer, here and in Temporal; quantities, money and dates stay in the books.

    Exit code 1: an order of theirs is still open. 3: nothing is stored of them, or nothing any more.

    Args:
        customer: your reference of the customer, or their mail address.
        yes: do not ask.
    """
    asyncio.run(_forget(customer.strip(), yes=yes))
    return 0


async def _forget(customer: str, *, yes: bool) -> None:
    temporal = await temporal_client()
    async with open_ledger() as ledger:
        found = await _find(ledger, temporal, customer)
        if not found.ids:
            raise NotFound(f"nothing is stored of {customer!r}: never seen, or forgotten already")
        if found.open_ids:
            raise Refused(_still_open(found.open_ids))
        if not yes:
            _ask(customer, found.ids)
        histories = 0
        for held in found.in_books:
            histories += await delete_histories(temporal, backorder_contract.workflow_id(held.backorder_id))
            await erasure.forget(ledger, held.backorder_id, at=datetime.now(UTC))
        for one in found.only_started:
            histories += await delete_histories(temporal, backorder_contract.workflow_id(one.backorder_id))
        again = await _find(ledger, temporal, customer)
    _report(found, histories)
    if again.ids:
        raise Refused(f"meanwhile there is something new of them: {', '.join(again.ids)}. Do the same again.")


async def _find(ledger: Ledger, temporal: Client, customer: str) -> _Found:
    held = await erasure.orders_of(ledger, customer)
    words = {customer} | {word for one in held for word in (one.customer_id, one.email)}
    return _Found(held, await _only_started(ledger, temporal, words))


async def _only_started(ledger: Ledger, temporal: Client, words: Collection[str]) -> list[Started]:
    """Those of this person that Temporal knows and the books do not know by their name."""
    started = [one async for one in not_completed(temporal)]
    found: list[Started] = []
    for begin in range(0, len(started), _ASKED_AT_ONCE):
        page = started[begin : begin + _ASKED_AT_ONCE]
        in_books = await backorders.fingerprints(ledger, [one.backorder_id for one in page])
        # a failed one is looked at even if the books know its id: it may have been another's order under the same id
        unknown = [one for one in page if not (one.running and one.backorder_id in in_books)]
        found += [one for one in unknown if await names(temporal, one, words)]
    return found


def _still_open(open_ids: Collection[str]) -> str:
    return "\n".join(
        [
            "not forgotten, since these are still open or ask for an operator, and need to know who it is:",
            *(f"  {one}" for one in open_ids),
            "Wait for their end, or `promisekeeper cancel` them; settle what is asked with `promisekeeper resolve`.",
            "Then do the same again. Nothing was erased.",
        ]
    )


def _ask(customer: str, ids: Collection[str]) -> None:
    """Raises: CommandFailed - nobody can be asked, or they said no."""
    said = f"{len(ids)} backorder{'s' if len(ids) != 1 else ''} of {customer}: {', '.join(ids)}"
    if not sys.stdin.isatty():
        raise CommandFailed(f"{said}. Nobody can be asked here: give --yes to erase the data for good.")
    say(said, console())
    say("Name, address, answers and histories are erased for good. Type yes to go on:", console())
    if sys.stdin.readline().strip().lower() != "yes":
        raise CommandFailed("nothing was erased")


def _report(found: _Found, histories: int) -> None:
    out = console()
    say(f"erased from the ledger: personal data of {len(found.in_books)} backorders; figures and ids stay", out)
    say(f"deleted from Temporal: {histories} histories of {len(found.ids)} workflows", out)
    say(
        "Not reached from here: backups of both databases, archived histories, your mail server, payment provider and "
        "carrier. docs/security.md says what to do.",
        out,
    )
