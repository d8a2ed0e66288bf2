"""What people decide: cancel or resolve a backorder; release, hold or resolve a purchase order.

Each is an update of a workflow, which answers when what was asked is done. A wait that ends earlier (Ctrl-C, `--wait`)
does not take it back. Where no workflow runs any more, the books answer.
"""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from pydantic import BaseModel
from temporalio.client import Client

from cli.asking import NobodyRuns, ask_backorder, ask_purchase_order
from cli.connections import open_ledger, temporal_client
from cli.errors import CommandFailed, Refused
from cli.ids import bare, meant
from cli.terminal import console, say
from domain.backorder_position import BackorderPosition, CancelledBy
from domain.errors import NotFound, OrderConflict, OrderRefused
from domain.purchase_order_duty import is_over
from domain.purchase_order_position import PurchaseOrderPosition
from domain.values import money
from ledger import backorders, purchase_orders
from ledger.book import Ledger
from workflows import backorder_contract, purchase_order_contract
from workflows.backorder_contract import CancelOutcome, CancelReply, CancelRequest, Resolution
from workflows.purchase_order_contract import Hold, PurchaseOrderResolution, Standing
from workflows.starting import started_order

Wait = Annotated[float, Parameter(validator=Number(gt=0))]
"""Seconds to wait for the answer."""

AsJson = Annotated[bool, Parameter(name="--json", negative="")]

PATIENCE = 30.0
"""Seconds; people wait no longer without being told."""

_ENDED = {
    CancelOutcome.CANCELLED: "cancelled",
    CancelOutcome.REST_CANCELLED: "the rest is cancelled; what the carrier holds would be a return",
    CancelOutcome.TOO_LATE: "too late: the carrier holds everything, so it would be a return",
    CancelOutcome.ALREADY_CANCELLED: "was cancelled before",
}


def cancel(
    backorder: str,
    /,
    *,
    by: Literal["customer", "seller"] = "customer",
    reason: str = "",
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
) -> int:
    """Cancel what has not shipped of a backorder, and undo what was done for it.

    Exit code 1: it is too late. 3: there is no such backorder.

    Args:
        backorder: its id.
        by: who wants it.
        reason: why, in a few words; it is kept in the story.
        wait: seconds to wait for the answer.
        as_json: print JSON.
    """
    backorder = bare(backorder)
    reply = asyncio.run(_cancel(backorder, CancelRequest(by=CancelledBy(by), reason=reason), wait))
    said = f"{backorder}: {_ENDED[reply.outcome]}; {reply.units_cancelled} cancelled, {reply.units_shipped} shipped"
    if reply.refund:
        by_day = f" by {reply.refund_by}" if reply.refund_by else ""
        said += f"; {money(reply.refund, reply.currency)} to be refunded{by_day}"
    if as_json:
        print(reply.model_dump_json(indent=2))
    else:
        _say(said)
    return 1 if reply.outcome is CancelOutcome.TOO_LATE else 0


def resolve(
    what: str,
    resolution: Literal["retry", "cancel", "dismiss", "acknowledged", "refused", "close_short", "withdraw"],
    /,
    *,
    note: str = "",
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
) -> int:
    """Decide what a backorder or a purchase order that needs attention waits for.

    Exit code 1: it cannot be decided so. 3: there is no such backorder or purchase order.

    Args:
        what: a backorder's id, or a purchase order's number such as PO-000012.
        resolution: `dismiss` (seen, nothing to do) or `retry` what could not be done (a backorder asks all suppliers
            again). For a backorder also `cancel`. For a purchase order also `acknowledged` (they confirmed by other
            means), `refused` (they do not do what was asked last), `close_short` (buy the rest elsewhere) or
            `withdraw` (cancel it with the supplier).
        note: why, for the story.
        wait: seconds to wait for the answer.
        as_json: print JSON: what was decided, and where it then stands.
    """
    what, is_order = asyncio.run(meant(what))
    if is_order:
        if resolution not in set(PurchaseOrderResolution):
            raise CommandFailed(f"a purchase order is resolved by one of {', '.join(PurchaseOrderResolution)}")
        decision = purchase_order_contract.Resolve(resolution=PurchaseOrderResolution(resolution), note=note)
        status = asyncio.run(_decide(what, purchase_order_contract.RESOLVE, decision, wait)).status.value
    else:
        if resolution not in set(Resolution):
            raise CommandFailed(f"a backorder is resolved by one of {', '.join(Resolution)}")
        order = backorder_contract.Resolve(resolution=Resolution(resolution), note=note)
        status = asyncio.run(_resolve(what, order, wait)).status.value
    _tell(what, f"{resolution}", status, as_json=as_json)
    return 0


def release_now(purchase_order: str, /, *, wait: Wait = PATIENCE, as_json: AsJson = False) -> int:
    """Send a collecting purchase order now instead of at its cut-off.

    Exit code 1: it is over. 3: there is no such purchase order.

    Args:
        purchase_order: its number, such as PO-000012.
        wait: seconds to wait for the answer.
        as_json: print JSON.
    """
    purchase_order = bare(purchase_order)
    order = asyncio.run(_decide(purchase_order, purchase_order_contract.RELEASE_NOW, None, wait))
    gone = f"went out before ({order.status})" if order.frozen_at else "goes out now"
    _tell(purchase_order, gone, order.status.value, as_json=as_json)
    return 0


def hold(
    purchase_order: str,
    /,
    *,
    off: Annotated[bool, Parameter(negative="")] = False,
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
) -> int:
    """Keep a collecting purchase order from being sent, past its cut-off.

    Exit code 1: it does not collect any more. 3: there is no such purchase order.

    Args:
        purchase_order: its number, such as PO-000012.
        off: let it go again.
        wait: seconds to wait for the answer.
        as_json: print JSON.
    """
    purchase_order = bare(purchase_order)
    order = asyncio.run(_decide(purchase_order, purchase_order_contract.HOLD, Hold(held=not off), wait))
    if order.frozen_at:
        raise Refused(
            f"{purchase_order} does not collect any more ({order.status}), so it cannot be held. "
            f"`promisekeeper resolve {purchase_order} withdraw` asks the supplier to cancel it."
        )
    _tell(purchase_order, "goes on" if off else "held", order.status.value, as_json=as_json)
    return 0


async def _cancel(backorder_id: str, request: CancelRequest, wait: float) -> CancelReply:
    client = await temporal_client()
    try:
        return await ask_backorder(client, backorder_id, backorder_contract.CANCEL, request, CancelReply, wait=wait)
    except NobodyRuns:
        async with open_ledger() as ledger:
            return _as_it_ended(await _ended_backorder(client, ledger, backorder_id))


def _as_it_ended(position: BackorderPosition) -> CancelReply:
    """What a cancellation finds whose backorder has ended."""
    outcome = CancelOutcome.ALREADY_CANCELLED if position.cancelled else CancelOutcome.TOO_LATE
    return CancelReply.of(position, outcome, position.refund_due)


async def _resolve(backorder_id: str, decision: backorder_contract.Resolve, wait: float) -> BackorderPosition:
    client = await temporal_client()
    try:
        reply = await ask_backorder(
            client, backorder_id, backorder_contract.RESOLVE, decision, backorder_contract.Standing, wait=wait
        )
    except NobodyRuns:
        async with open_ledger() as ledger:
            position = await _ended_backorder(client, ledger, backorder_id)
            if decision.resolution is not Resolution.DISMISS or not position.attention:
                still = f"; `promisekeeper resolve {backorder_id} dismiss` is all that is left"
                raise Refused(
                    f"{backorder_id} has ended ({position.status}), and nothing can be done about it any more"
                    + (still if position.attention else "")
                ) from None
            await _dismiss_in_the_books(ledger, backorder_id, decision.note)
            return position
    if reply.position is None:
        raise Refused(f"{backorder_id} is not accepted yet; ask again")
    return reply.position


async def _dismiss_in_the_books(ledger: Ledger, backorder_id: str, note: str) -> None:
    """Of a backorder that has ended (its parcel turned up after it was voided) only the note in the books is left."""
    how = f"operator: {Resolution.DISMISS}{f' ({note})' if note else ''}"
    key = f"{backorder_contract.workflow_id(backorder_id)}/dismiss/{uuid.uuid4()}"
    await backorders.settle_attention(ledger, backorder_id, key=key, at=datetime.now(UTC), how=how)


async def _ended_backorder(client: Client, ledger: Ledger, backorder_id: str) -> BackorderPosition:
    """Where a backorder ended that no workflow runs for.

    Raises:
        NotFound: there is none.
        Refused: it was never accepted; or its workflow was ended by hand.
    """
    try:
        position = await backorders.position(ledger, backorder_id)
    except NotFound as unknown:
        if await _known_order(ledger, backorder_id):
            raise CommandFailed(
                f"{backorder_id} is a purchase order, and this asks for a backorder. "
                f"`promisekeeper resolve {backorder_id} withdraw` withdraws it."
            ) from unknown
        try:
            await started_order(client, backorder_id)
        except (OrderRefused, OrderConflict) as never_accepted:
            raise Refused(f"{backorder_id} was never accepted: {never_accepted}") from never_accepted
        raise
    if position.open:
        raise Refused(
            f"no workflow runs for {backorder_id}, although {position.open} of its units are owed: it was ended by "
            f"hand. `promisekeeper restart {backorder_id}` starts it again; then ask again."
        )
    return position


async def _decide(po_number: str, update: str, request: BaseModel | None, wait: float) -> PurchaseOrderPosition:
    """Run an update of a purchase order, and say how it stood when it was carried out."""
    async with open_ledger() as ledger:
        order = await _known_order(ledger, po_number)
        if order is None:
            raise await _no_such_order(ledger, po_number)
    if is_over(order) and not (order.attention and _dismisses(request)):
        still = f"; `promisekeeper resolve {po_number} dismiss` is all that is left" if order.attention else ""
        raise Refused(f"{po_number} is over ({order.status}), and nothing can be done about it any more{still}")
    client = await temporal_client()
    try:
        reply = await ask_purchase_order(client, po_number, update, request, Standing, wait=wait)
    except NobodyRuns:
        raise Refused(f"{po_number} ended just now; `promisekeeper status {po_number}` shows how") from None
    return reply.position or order


def _dismisses(request: BaseModel | None) -> bool:
    match request:
        case purchase_order_contract.Resolve(resolution=PurchaseOrderResolution.DISMISS):
            return True
        case _:
            return False


async def _known_order(ledger: Ledger, po_number: str) -> PurchaseOrderPosition | None:
    try:
        return await purchase_orders.position(ledger, po_number)
    except NotFound:
        return None


async def _no_such_order(ledger: Ledger, number: str) -> Exception:
    """What to say of a number that no purchase order has: perhaps it is a backorder's id."""
    try:
        position = await backorders.position(ledger, number)
    except NotFound:
        return NotFound(f"there is no purchase order {number!r}; `promisekeeper purchase-orders` lists them")
    on = ", ".join(dict.fromkeys(claim.po_number for claim in position.claims))
    return CommandFailed(
        f"{number} is a backorder, and this asks for a purchase order. "
        + (f"It is on {on}." if on else "It is on no purchase order now.")
    )


def _tell(who: str, what: str, status: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"id": who, "decided": what, "status": status}, ensure_ascii=False, indent=2))
    else:
        _say(f"{who}: {what}")


def _say(what: str) -> None:
    say(what, console())
