"""The doors for upstream systems: hand in an order, see how it stands, cancel it, pass on a customer's answer."""

import asyncio
from typing import Annotated

from fastapi import Path, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

from domain.backorder_duty import Duty, next_duty
from domain.backorder_position import BackorderPosition, Status
from domain.errors import NotFound, OrderConflict, OrderRefused
from domain.orders import Order
from domain.values import Frozen, Id
from gateway import intake, workflow_requests
from gateway.api_key import keyed_router
from gateway.backorder_view import BackorderView, view_of_order, view_of_position
from gateway.bodies import AnswerBody, CancelBody, OrderBody
from gateway.connections import Connected, Connections, Now
from gateway.problems import FieldError, Problem, ProblemDetails, ProblemKind, declared, unavailable
from gateway.workflow_requests import IdempotencyKey, NotPossible, NotTaken
from ledger import backorders
from ledger import overview as overviews
from ledger.overview import Overview
from workflows import backorder_contract
from workflows.backorder_contract import (
    CancelOutcome,
    CancelReply,
    DelayAnswerReply,
    Standing,
)
from workflows.starting import started_order

QUERY_PATIENCE = 1.0
"""Seconds for the workflow to say what it does next; after that it is computed from the books."""

BackorderId = Annotated[Id, Path(description="The business key of the backorder.")]

router = keyed_router(tags=["upstream"])


class Wanted(BaseModel):
    """Which backorders to find. A misspelt filter is refused, since without it everything would match."""

    model_config = ConfigDict(extra="forbid")

    status: Status | None = Field(default=None, description="Only those of this derived status.")
    sku: Id | None = Field(default=None, description="Only those of this item.")
    supplier: Id | None = Field(default=None, description="Only those with a share on order at this supplier.")
    attention: bool | None = Field(default=None, description="Only those that wait for an operator, or do not.")
    limit: int = Field(default=50, ge=1, le=200, description="The most to return.")


class Accepted(Frozen):
    """The request was taken and is being carried out; its result shows at the Location."""

    backorder_id: str


class TooLateToCancel(ProblemDetails):
    """The problem that says that the carrier holds everything."""

    reply: CancelReply


@router.post(
    "/backorders",
    summary="Hand in an order",
    status_code=status.HTTP_201_CREATED,
    response_description="A new backorder is started",
    responses={
        200: {"model": BackorderView, "description": "The very same order was handed in before"},
        **declared(ProblemKind.ORDER_CONFLICT, ProblemKind.TOO_LARGE, ProblemKind.INVALID, ProblemKind.ORDER_REFUSED),
    },
)
async def hand_in(order: OrderBody, connections: Connected, now: Now, response: Response) -> BackorderView:
    """Start a backorder. Sending the same order again is harmless; another order under the same id is a conflict."""
    try:
        started = await intake.take(connections, order, now)
    except OrderRefused as refused:
        raise _refusal(refused) from refused
    except OrderConflict as conflict:
        raise Problem(ProblemKind.ORDER_CONFLICT, str(conflict)) from conflict
    response.headers["Location"] = f"/backorders/{order.backorder_id}"
    if started:
        return view_of_order(order)
    response.status_code = status.HTTP_200_OK
    try:
        return view_of_position(await backorders.position(connections.ledger, order.backorder_id))
    except NotFound:
        return view_of_order(order)


@router.get("/backorders", summary="Find backorders", response_description="Those found")
async def find(connections: Connected, wanted: Annotated[Wanted, Query()]) -> list[BackorderView]:
    """Those that match everything given, the oldest first, without their histories."""
    found = await overviews.find(
        connections.ledger,
        status=wanted.status,
        sku=wanted.sku,
        supplier_id=wanted.supplier,
        attention=wanted.attention,
        limit=wanted.limit,
    )
    return [view_of_position(position) for position in found]


@router.get("/overview", summary="The whole shop at a glance", response_description="As of this moment")
async def overview(connections: Connected) -> Overview:
    """How many backorders and purchase orders stand where, what waits for an operator, what happened lately."""
    return await overviews.overview(connections.ledger)


@router.get(
    "/backorders/{backorder_id}",
    summary="See how a backorder stands",
    response_description="How it stands",
    responses=declared(ProblemKind.NOT_FOUND),
)
async def show(backorder_id: BackorderId, connections: Connected, now: Now) -> BackorderView:
    """Status, quantities, promise, purchase orders, next duty, money, notices, and the story so far."""
    try:
        position = await backorders.position(connections.ledger, backorder_id)
    except NotFound:
        return view_of_order(await _just_started(connections, backorder_id))
    duty = await _duty_of_workflow(connections, position)
    if duty is None and position.closed_at is None:
        duty = next_duty(position, connections.settings.policy(position.currency), now)
    return view_of_position(position, duty, await backorders.story(connections.ledger, backorder_id))


@router.post(
    "/backorders/{backorder_id}/cancel",
    summary="Cancel what has not shipped",
    responses={
        200: {"model": CancelReply, "description": "How it ended"},
        202: {"model": Accepted, "description": "The cancellation is being carried out; see Location"},
        **declared(ProblemKind.NOT_FOUND, ProblemKind.TOO_LATE, ProblemKind.NOT_POSSIBLE, ProblemKind.TOO_LARGE),
        409: {
            "model": TooLateToCancel | ProblemDetails,
            "description": "The carrier holds everything, or it was refused",
        },
    },
)
async def cancel(
    backorder_id: BackorderId,
    request: CancelBody,
    connections: Connected,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> CancelReply | Accepted:
    """Undo what was done: share, supplier's line, allocation, money. Answers when all of that is settled."""
    try:
        reply = await workflow_requests.cancel(connections, backorder_id, request, key=idempotency_key)
    except NotFound as unknown:
        raise _unknown(backorder_id) from unknown
    except (NotTaken, NotPossible) as no:
        raise _no(no) from no
    if reply is None:
        return _still_at_it(backorder_id, response)
    if reply.outcome is CancelOutcome.TOO_LATE:
        raise Problem(
            ProblemKind.TOO_LATE,
            "The carrier holds everything: that is no longer a cancellation but a return.",
            reply=reply.model_dump(mode="json"),
        )
    return reply


@router.post(
    "/backorders/{backorder_id}/answer",
    summary="Pass on a customer's answer to a delay notice",
    responses={
        200: {"model": DelayAnswerReply, "description": "It is on record"},
        202: {"model": Accepted, "description": "The answer is being acted on; see Location"},
        **declared(ProblemKind.NOT_FOUND, ProblemKind.TOO_LATE, ProblemKind.NOT_POSSIBLE, ProblemKind.TOO_LARGE),
    },
)
async def answer(
    backorder_id: BackorderId,
    request: AnswerBody,
    connections: Connected,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> DelayAnswerReply | Accepted:
    """For answers that came by telephone or in a shop's own account pages."""
    position = await _position(connections, backorder_id)
    if request.notice_id not in {notice.notice_id for notice in position.notices}:
        raise Problem(
            ProblemKind.NOT_FOUND, f"Backorder {backorder_id} has no such notice; its page lists those that were sent."
        )
    try:
        reply = await workflow_requests.answer_delay(connections, backorder_id, request, key=idempotency_key)
    except (NotTaken, NotPossible) as no:
        raise _no(no) from no
    if reply is None:
        return _still_at_it(backorder_id, response)
    if reply.outcome == "too_late":
        raise Problem(ProblemKind.TOO_LATE, "The backorder had ended before this answer came.")
    return reply


async def _position(connections: Connections, backorder_id: str) -> BackorderPosition:
    try:
        return await backorders.position(connections.ledger, backorder_id)
    except NotFound as unknown:
        raise _unknown(backorder_id) from unknown


async def _just_started(connections: Connections, backorder_id: str) -> Order:
    try:
        order = await started_order(connections.temporal, backorder_id)
    except (OrderRefused, OrderConflict) as never_accepted:
        raise Problem(
            ProblemKind.NOT_FOUND, f"There is no backorder {backorder_id}: {never_accepted}"
        ) from never_accepted
    if order is None:
        raise _unknown(backorder_id)
    return order


async def _duty_of_workflow(connections: Connections, position: BackorderPosition) -> Duty | None:
    """What the workflow itself says comes next; None when it has ended, is busy, or no worker answers in time."""
    if position.closed_at:
        return None
    handle = connections.temporal.get_workflow_handle(backorder_contract.workflow_id(position.backorder_id))
    try:
        async with asyncio.timeout(QUERY_PATIENCE):
            standing: Standing = await handle.query(backorder_contract.STANDING, result_type=Standing)
    except (TimeoutError, RPCError, WorkflowQueryFailedError):
        return None
    return standing.next_duty


def _still_at_it(backorder_id: str, response: Response) -> Accepted:
    response.status_code = status.HTTP_202_ACCEPTED
    response.headers["Location"] = f"/backorders/{backorder_id}"
    return Accepted(backorder_id=backorder_id)


def _refusal(refused: OrderRefused) -> Problem:
    said = str(refused)
    errors = [FieldError(field=refused.field, reason=said)] if refused.field else []
    return Problem(ProblemKind.ORDER_REFUSED, said, errors=errors)


def _no(no: NotTaken | NotPossible) -> Problem:
    return unavailable(str(no)) if isinstance(no, NotTaken) else Problem(ProblemKind.NOT_POSSIBLE, str(no))


def _unknown(backorder_id: str) -> Problem:
    return Problem(ProblemKind.NOT_FOUND, f"There is no backorder {backorder_id}.")
