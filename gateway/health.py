"""Is the process alive, and can it work? For whoever restarts it and whoever sends it requests."""

from fastapi import APIRouter

from activities.readiness import missing_to
from domain.values import Frozen
from gateway.connections import Connected
from gateway.problems import ProblemKind, declared, unavailable

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
    """The ledger and Temporal both answer, and the ledger has every migration of this version."""
    if missing := await missing_to(connections.temporal, connections.ledger):
        raise unavailable(f"Not ready: {'; '.join(missing)}.")
    return Health()
