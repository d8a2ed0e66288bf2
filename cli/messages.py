"""What else a workflow can be told or asked from a terminal: a customer's answer, a goods receipt, to look again.

With `cli/decisions.py` this is every message of both contracts; a test compares.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import TypeAdapter, ValidationError
from temporalio.service import RPCError, RPCStatusCode

from activities.announcing import wake_purchase_order
from activities.receipts import read_receipt
from cli.asking import NobodyRuns, ask_backorder, ask_standing
from cli.connections import open_ledger, task_queue, temporal_client
from cli.decisions import PATIENCE, Wait
from cli.errors import CommandFailed, Refused, file_in_words
from cli.ids import Meant, bare, meant
from cli.terminal import console, plain, say, table
from domain import names
from domain.backorder_duty import delay_notices
from domain.backorder_position import Answer
from domain.purchase_order_duty import is_over
from ledger import backorders, purchase_orders
from workflows import backorder_contract, purchase_order_contract
from workflows.backorder_contract import DelayAnswer, DelayAnswerReply

AsJson = Annotated[bool, Parameter(name="--json", negative="")]

_ANSWERED = {
    "recorded": "on record",
    "repeat": "was on record before; nothing was changed",
    "too_late": "too late: the backorder has ended",
}


def answer_delay(
    backorder: str,
    answer: Literal["consent", "cancel"],
    /,
    *,
    notice: str | None = None,
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
) -> int:
    """Put a customer's answer to a delay notice on record, as when it came by telephone.

    Exit code 1: it is too late, or no notice asked anything. 3: there is no such backorder.

    Args:
        backorder: its id.
        answer: `consent` to wait, or `cancel`.
        notice: the notice's id; the latest that asks, if left out.
        wait: seconds to wait.
        as_json: print JSON.
    """
    backorder = bare(backorder)
    reply = asyncio.run(_answer_delay(backorder, Answer(answer), notice, wait))
    if as_json:
        print(reply.model_dump_json(indent=2))
    else:
        say(f"{backorder}: {answer}: {_ANSWERED[reply.outcome]}", console())
    return 1 if reply.outcome == "too_late" else 0


def receipt(what: str, file: Annotated[Path, Parameter(allow_leading_hyphen=True)], /) -> int:
    """Hand in a goods receipt; for a backorder, that one is served first. The same receipt again counts once.

    The file holds one receipt as JSON (`promisekeeper schema receipt` describes it), as in
    `{"receipt_id": "R-1", "lines": [{"line": {"sku": "LAMP"}, "good": 2}]}`; for a backorder it also says on which
    purchase order the goods came: `"po_number": "PO-000012"`. Exit code 3: nothing has that id.

    Args:
        what: a purchase order's number such as PO-000012, or a backorder's id.
        file: where it is; `-` reads it from standard input.
    """
    one = asyncio.run(meant(what))
    source = "standard input" if str(file) == "-" else str(file)
    with file_in_words(source, "read"):
        raw = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    try:
        read = read_receipt(raw, one.id if one.is_order else None)
    except ValueError as unusable:
        raise CommandFailed(f"{source} holds no receipt that can be used: {unusable}") from unusable
    asyncio.run(_signal(one, {names.RECEIPT: [_CONTENT.validate_json(raw)]}))
    said = f"receipt {read.receipt_id} handed in; `promisekeeper status {one.id}` shows what came of it"
    say(f"{one.id}: {said}", console())
    return 0


def look_again(what: str, /) -> int:
    """Make a backorder or purchase order look at the ledger now; one that has nothing to do goes back to sleep.

    Exit code 1: no workflow runs for that backorder. 3: nothing has that id.

    Args:
        what: a backorder's id, or a purchase order's number such as PO-000012.
    """
    one = asyncio.run(meant(what))
    words = (
        (names.SUPPLIER_MESSAGE, names.SHARES_CHANGED) if one.is_order else (names.SUPPLY_CHANGED, names.PARCEL_MOVED)
    )
    asyncio.run(_signal(one, {word: [] for word in words}))
    say(f"{one.id}: told to look again", console())
    return 0


def standing(what: str, /, *, wait: Wait = PATIENCE, as_json: AsJson = False) -> int:
    """Ask a running workflow itself what it does next, which includes what it has put off.

    `promisekeeper status` tells the same from the ledger, and of what has ended, too. Exit code 1: no workflow runs
    for it. 2: no worker answers. 3: nothing has that id.

    Args:
        what: a backorder's id, or a purchase order's number such as PO-000012.
        wait: seconds to wait for the answer.
        as_json: print JSON, with all that it knows.
    """
    found = asyncio.run(_standing(asyncio.run(meant(what)), wait))
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    position: dict[str, Any] = found.get("position") or {}
    duty: dict[str, Any] = found.get("next_duty") or {}
    drawn = table("", "")
    drawn.show_header = False
    drawn.add_row("Next", plain(duty.get("why", "nothing by itself; it waits for a message")))
    if duty:
        drawn.add_row("At", plain(duty["at"]))
    if position.get("attention"):
        drawn.add_row("Attention", plain(position["attention"]))
    console().print(drawn)
    return 0


_CONTENT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


async def _answer_delay(backorder_id: str, answer: Answer, notice: str | None, wait: float) -> DelayAnswerReply:
    async with open_ledger() as ledger:
        position = await backorders.position(ledger, backorder_id)
    if notice is None:
        asked = delay_notices(position)
        if not asked:
            raise Refused(f"{backorder_id}: no notice asked the customer anything; `promisekeeper cancel` cancels it")
        notice = asked[-1].notice_id
    client = await temporal_client()
    request = DelayAnswer(notice_id=notice, answer=answer)
    try:
        return await ask_backorder(
            client, backorder_id, backorder_contract.ANSWER_DELAY, request, DelayAnswerReply, wait=wait
        )
    except NobodyRuns:
        if position.open:
            raise Refused(
                f"no workflow runs for {backorder_id}: `promisekeeper restart {backorder_id}`, then answer again"
            ) from None
        return DelayAnswerReply(outcome="too_late")


async def _signal(one: Meant, words: dict[str, list[Any]]) -> None:
    """Signal a workflow of something that the ledger knows; a purchase order that has ended wakes up."""
    what, is_order = one
    client = await temporal_client()
    async with open_ledger() as ledger:
        if is_order:
            await purchase_orders.position(ledger, what)
            for word, arguments in words.items():
                await wake_purchase_order(client, what, word, *arguments, task_queue=task_queue())
            return
        position = await backorders.position(ledger, what)
    handle = client.get_workflow_handle(names.backorder_workflow_id(what))
    try:
        for word, arguments in words.items():
            await handle.signal(word, args=arguments)
    except RPCError as gone:
        if gone.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise _nobody_runs(what, ended=position.closed_at is not None) from gone


async def _standing(one: Meant, wait: float) -> dict[str, Any]:
    client = await temporal_client()
    if one.is_order:
        its_id, query = names.purchase_order_workflow_id(one.id), purchase_order_contract.STANDING
    else:
        its_id, query = names.backorder_workflow_id(one.id), backorder_contract.STANDING
    try:
        return _CONTENT.validate_python(await ask_standing(client, one.id, its_id, query, wait=wait))
    except ValidationError as strange:
        raise Refused(f"{one.id} answered something that cannot be read") from strange
    except NobodyRuns as gone:
        async with open_ledger() as ledger:
            if one.is_order:
                ended = is_over(await purchase_orders.position(ledger, one.id))
            else:
                ended = (await backorders.position(ledger, one.id)).closed_at is not None
        raise _nobody_runs(one.id, ended=ended) from gone


def _nobody_runs(what: str, *, ended: bool) -> Refused:
    more = ": it has ended" if ended else f"; `promisekeeper restart {what}` starts it again"
    return Refused(f"no workflow runs for {what}{more}")
