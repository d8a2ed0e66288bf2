"""Is the process alive, and can it work? For whoever restarts it and whoever sends it requests."""

import asyncio
import logging

import psycopg
from fastapi import APIRouter
from temporalio.service import RPCError

from domain.values import Frozen
from gateway.connections import Connected, Connections
from gateway.problems import ProblemKind, declared, unavailable

PATIENCE = 2.0
"""Seconds that each part is given to answer."""

log = logging.getLogger(__name__)

router = APIRouter(tags=["health"])


class Health(Frozen):
    """`ok`; anything else is a problem."""

    status: str = "ok"


@router.get("/health/live", summary="Is it alive?", response_description="Yes")
async def live() -> Health:
    """It answers, so it is."""
    return Health()


@router.get(
    "/health/ready",
    summary="Can it work?",
    response_description="Yes",
    responses=declared(ProblemKind.UNAVAILABLE),
)
async def ready(connections: Connected) -> Health:
    """The ledger and Temporal both answer."""
    parts = {"the ledger": _ledger_answers(connections), "Temporal": _temporal_answers(connections)}
    answered = await asyncio.gather(*parts.values())
    silent = [part for part, good in zip(parts, answered, strict=True) if not good]
    if silent:
        raise unavailable(f"No answer from {' and '.join(silent)}.")
    return Health()


async def _ledger_answers(connections: Connections) -> bool:
    try:
        async with asyncio.timeout(PATIENCE), connections.ledger.look() as connection:
            await connection.execute("select 1")
    except (TimeoutError, psycopg.Error) as failure:
        log.warning("the ledger does not answer: %s", type(failure).__name__)
        return False
    return True


async def _temporal_answers(connections: Connections) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            return await connections.temporal.service_client.check_health()
    except (TimeoutError, RPCError, RuntimeError) as failure:
        # RuntimeError: how a client that has never reached its server says so
        log.warning("Temporal does not answer: %s", type(failure).__name__)
        return False
