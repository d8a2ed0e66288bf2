"""The doors for suppliers and the carrier: verify, store raw, decode, then signal; in that order.

Each answers 2xx only when the message is safe in the ledger and its workflows are told. Whoever gets anything else
sends it again, and a repeat signals again, so a crash between storing and signalling is healed by the sender's retry.
"""

import logging
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response, status
from temporalio.service import RPCError, RPCStatusCode

from connectors.errors import ClocksApart, NoDocument, Undecodable, Unsupported, WronglySetUp
from connectors.suppliers.interface import Inward
from domain.errors import NotFound
from domain.values import Frozen, Id
from gateway.body_limit import MIB
from gateway.connections import Connected, Now
from gateway.problems import Problem, ProblemKind, declared, unavailable
from gateway.supplier_messages import Kept, keep_and_tell
from ledger import parcels
from workflows import backorder_contract

LARGEST_SUPPLIER_MESSAGE = 5 * MIB

log = logging.getLogger(__name__)

router = APIRouter(tags=["webhooks"])


class Noted(Frozen):
    """The carrier's event is in the books."""

    event_id: str


@router.post(
    "/suppliers/{supplier_id}/events",
    summary="A supplier's message",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=Kept,
    response_description="It is kept, and whom it concerns is told",
    responses={
        200: {"model": Kept, "description": "It came before"},
        **declared(
            ProblemKind.BAD_REQUEST,
            ProblemKind.BAD_SIGNATURE,
            ProblemKind.INVALID,
            ProblemKind.TOO_LARGE,
            ProblemKind.UNAVAILABLE,
        ),
    },
    openapi_extra={"requestBody": {"required": True, "content": {"*/*": {"schema": {}}}}},
)
async def from_supplier(
    supplier_id: Annotated[Id, Path()], request: Request, connections: Connected, now: Now, response: Response
) -> Kept | Response:
    """In the supplier's own format, signed as its connector asks. Where its protocol wants an answer at once, that is
    the body; else it is what became of the message."""
    try:
        connector = await connections.world.supplier(supplier_id)
        # only now: a body for a supplier who is not there need not arrive at all
        message = Inward(body=await request.body(), headers=_headers(request))
        connector.verify(message)
    except WronglySetUp as ours:
        # Told before anything is proven, so that a supplier's message is sent again and not lost.
        log.warning("a message of supplier %s cannot be taken: %s", supplier_id, ours)
        raise unavailable("we cannot take messages of this supplier just now") from ours
    except ClocksApart as apart:
        raise _another_time(f"supplier {supplier_id}", apart) from apart
    except NoDocument as unreadable:
        raise Problem(ProblemKind.BAD_REQUEST, f"{unreadable}.") from unreadable
    except (NotFound, Unsupported, Undecodable) as stranger:
        # Who is not known gets the answer of who proves nothing; what is wrong is for a supplier who sets up its side.
        raise _not_proven(
            str(stranger) if isinstance(stranger, Undecodable) else "nothing is expected here"
        ) from stranger
    kept, reply = await keep_and_tell(connections, supplier_id, connector, message, door="webhook", at=now)
    code = status.HTTP_200_OK if kept.repeated else status.HTTP_202_ACCEPTED
    if reply:
        return Response(reply.body, code, media_type=reply.content_type)
    response.status_code = code
    return kept


@router.post(
    "/carrier/events",
    summary="The carrier holds a parcel",
    response_description="It is in the books",
    responses=declared(ProblemKind.BAD_SIGNATURE, ProblemKind.TOO_LARGE, ProblemKind.UNAVAILABLE),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
)
async def from_carrier(request: Request, connections: Connected) -> Noted:
    """Its possession event, signed by Standard Webhooks. This, not the label, is what counts as shipped."""
    try:
        event = connections.world.carrier.verify_event(await request.body(), _headers(request))
    except ClocksApart as apart:
        raise _another_time("the carrier", apart) from apart
    except Undecodable as unproven:
        raise _not_proven(str(unproven)) from unproven
    backorder_id = await parcels.possess(
        connections.ledger, event.parcel_id, event_id=event.event_id, at=event.possessed_at
    )
    if backorder_id:
        handle = connections.temporal.get_workflow_handle(backorder_contract.workflow_id(backorder_id))
        try:
            await handle.signal(backorder_contract.PARCEL_MOVED)
        except RPCError as ended:
            if ended.status is not RPCStatusCode.NOT_FOUND:
                raise
            # The backorder has ended; the books know of the parcel, and nobody waits for it any more.
    return Noted(event_id=event.event_id)


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _not_proven(why: str) -> Problem:
    return Problem(ProblemKind.BAD_SIGNATURE, f"{why}.", headers={"WWW-Authenticate": "Webhook-Signature"})


def _another_time(sender: str, apart: ClocksApart) -> Problem:
    """It is genuine, and one clock is wrong, perhaps ours: who is told to come again loses nothing by it."""
    log.warning("a message of %s is not taken: %s", sender, apart)
    return unavailable(f"{apart}.")
