"""What the doors stand on: the world that workers have, too (ledger and connectors), and a Temporal client."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from temporalio.client import Client

from activities.settings import Settings
from activities.world import World
from ledger.book import Ledger
from workflows.connecting import connect


@dataclass(frozen=True)
class Connections:
    """Open connections; one set for all requests of a process."""

    world: World
    temporal: Client
    patience: float = 8.0
    """Seconds that a caller is kept waiting for a workflow's answer; many clients give up after ten."""

    @property
    def settings(self) -> Settings:
        """What the process was started with."""
        return self.world.settings

    @property
    def ledger(self) -> Ledger:
        """The books."""
        return self.world.ledger


Connect = Callable[[], AbstractAsyncContextManager[Connections]]
"""Opens connections for as long as the app runs."""


PATIENCE = 5
"""Seconds a request waits for a connection to the ledger; whoever asks can ask again, and is told so by a 503."""


@asynccontextmanager
async def from_environment() -> AsyncGenerator[Connections, None]:
    """Connections as PROMISEKEEPER_* and TEMPORAL_* (or a temporal.toml) say.

    The Temporal client connects at first use, so that a gateway can start before Temporal does; until then
    `/health/ready` says what is missing.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong.
        psycopg_pool.PoolTimeout: the ledger cannot be reached.
    """
    # pydantic-settings reads required fields from the environment, which type checkers cannot see
    settings = Settings()  # pyright: ignore[reportCallIssue]
    temporal = await connect(settings.key_ring, lazy=True)
    world = await World.open(settings, patience=PATIENCE)
    try:
        yield Connections(world=world, temporal=temporal)
    finally:
        await world.close()


def _connections(request: Request) -> Connections:
    connections: Connections = request.app.state.connections
    return connections


Connected = Annotated[Connections, Depends(_connections)]
"""As a parameter of a door: the open connections."""


def _now() -> datetime:
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(_now)]
"""As a parameter of a door: when the request came in."""
