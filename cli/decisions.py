"""What people decide: cancel or resolve a backorder; release, hold or resolve a purchase order.

Each is an update of a workflow, which answers when what was asked is done. A wait that ends earlier (Ctrl-C,
`--wait`) does not take it back.
"""

import asyncio
from typing import Annotated, Literal, TypeVar

from cyclopts import Parameter
from cyclopts.validators import Number
from pydantic import BaseModel
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from cli.connections import temporal_client
from cli.errors import CommandFailed, Refused
from cli.terminal import console, plain
from domain.backorder_position import CancelledBy
from workflows import backorder_contract, purchase_order_contract
from workflows.backorder_contract import CancelOutcome, CancelReply, CancelRequest, Resolution
from workflows.purchase_order_contract import Hold, PurchaseOrderResolution

Wait = Annotated[float, Parameter(validator=Number(gt=0))]
"""Seconds to wait for the answer."""

_PATIENCE = 60.0

Answer = TypeVar("Answer")

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
    wait: Wait = _PATIENCE,
) -> int:
    """Cancel what has not shipped of a backorder, and undo what was done for it.

    Exit code 1 when it is too late.

    Args:
        backorder: its id.
        by: who wants it.
        reason: why, in a few words; the customer reads it.
        wait: seconds to wait for the answer.
    """
    request = CancelRequest(by=CancelledBy(by), reason=reason)
    reply = asyncio.run(
        ask(backorder_contract.workflow_id(backorder), backorder_contract.CANCEL, request, CancelReply, wait=wait)
    )
    said = f"{backorder}: {_ENDED[reply.outcome]}; {reply.units_cancelled} cancelled, {reply.units_shipped} shipped"
    if reply.refund:
        said += f"; {reply.refund} {reply.currency} go back" + (f" by {reply.refund_by}" if reply.refund_by else "")
    console().print(plain(said), soft_wrap=True)
    return 1 if reply.outcome is CancelOutcome.TOO_LATE else 0


def resolve(
    what: str,
    resolution: Literal["retry", "cancel", "dismiss", "acknowledged", "close_short", "withdraw"],
    /,
    *,
    note: str = "",
    wait: Wait = _PATIENCE,
) -> int:
    """Decide what a backorder or a purchase order that needs attention waits for.

    Args:
        what: a backorder's id, or a purchase order's number such as PO-000012.
        resolution: for a backorder `retry` (ask all suppliers again), `cancel` or `dismiss`; for a purchase order
            `acknowledged` (they confirmed by other means), `close_short` (buy the rest elsewhere), `withdraw` (cancel
            it with the supplier) or `dismiss`.
        note: why, for the story.
        wait: seconds to wait for the answer.
    """
    request: backorder_contract.Resolve | purchase_order_contract.Resolve
    if is_po_number(what):
        if resolution not in set(PurchaseOrderResolution):
            raise CommandFailed(f"a purchase order is resolved by one of {', '.join(PurchaseOrderResolution)}")
        workflow, update = purchase_order_contract.workflow_id(what), purchase_order_contract.RESOLVE
        request = purchase_order_contract.Resolve(resolution=PurchaseOrderResolution(resolution), note=note)
    else:
        if resolution not in set(Resolution):
            raise CommandFailed(f"a backorder is resolved by one of {', '.join(Resolution)}")
        workflow, update = backorder_contract.workflow_id(what), backorder_contract.RESOLVE
        request = backorder_contract.Resolve(resolution=Resolution(resolution), note=note)
    asyncio.run(ask(workflow, update, request, object, wait=wait))
    console().print(plain(f"{what}: {resolution}"), soft_wrap=True)
    return 0


def release_now(purchase_order: str, /, *, wait: Wait = _PATIENCE) -> int:
    """Send a collecting purchase order now instead of at its cut-off.

    Args:
        purchase_order: its number, such as PO-000012.
        wait: seconds to wait for the answer.
    """
    workflow = purchase_order_contract.workflow_id(purchase_order)
    asyncio.run(ask(workflow, purchase_order_contract.RELEASE_NOW, None, object, wait=wait))
    console().print(plain(f"{purchase_order}: released"), soft_wrap=True)
    return 0


def hold(
    purchase_order: str, /, *, off: Annotated[bool, Parameter(negative="")] = False, wait: Wait = _PATIENCE
) -> int:
    """Keep a collecting purchase order from being sent, past its cut-off.

    Args:
        purchase_order: its number, such as PO-000012.
        off: let it go again.
        wait: seconds to wait for the answer.
    """
    workflow = purchase_order_contract.workflow_id(purchase_order)
    asyncio.run(ask(workflow, purchase_order_contract.HOLD, Hold(held=not off), object, wait=wait))
    console().print(plain(f"{purchase_order}: {'goes on' if off else 'held'}"), soft_wrap=True)
    return 0


def is_po_number(what: str) -> bool:
    """The ledger numbers purchase orders PO-000001 and on; any other id is a backorder's."""
    return what.startswith("PO-") and what[3:].isdigit()


async def ask(
    workflow_id: str,
    update: str,
    request: BaseModel | None,
    answer: type[Answer],
    *,
    wait: float,
    client: Client | None = None,
) -> Answer:
    """Run an update and wait for its answer.

    Args:
        workflow_id: whom to ask.
        update: its name in the contract.
        request: its argument, if it takes one.
        answer: the type of the answer; object for any.
        wait: seconds to wait at most.
        client: by which; None: the environment's.

    Raises:
        Refused: the workflow said no, has ended, or never was.
        CommandFailed: nobody answered in time, or Temporal cannot be reached.
    """
    handle = (client or await temporal_client()).get_workflow_handle(workflow_id)
    arguments = [] if request is None else [request]
    try:
        async with asyncio.timeout(wait):
            reply: Answer = await handle.execute_update(  # pyright: ignore[reportUnknownMemberType] - the SDK's overloads
                update, args=arguments, result_type=answer
            )
            return reply
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as late:
        raise CommandFailed(
            f"{workflow_id} has not answered within {wait:g} seconds. If a worker runs, it is at it, and "
            "`promisekeeper status` will show the end; asking again is harmless."
        ) from late
    except WorkflowUpdateFailedError as refused:
        said = refused.cause.message if isinstance(refused.cause, FailureError) else ""
        raise Refused(f"{workflow_id} refused: {said or refused.cause}") from refused
    except RPCError as failure:
        if failure.status is RPCStatusCode.NOT_FOUND:
            raise Refused(f"{workflow_id} has ended or never was; `promisekeeper status` knows which") from failure
        raise CommandFailed(f"Temporal could not pass it on: {failure.message}") from failure
