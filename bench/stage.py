"""What a bench runs on: a real PostgreSQL, a real Temporal server, and real processes of the product beside them.

Each bench gets a stage of its own: a ledger and a Temporal namespace, on servers that only a quick try (`--together`)
shares between benches, so that none runs on what another left behind. All lies in a folder that goes at the end.
PostgreSQL runs with its own defaults (a commit is on disk); the Temporal server is the dev server, by default with its
state in a file. Worker processes are the production worker, `python -m worker`.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import httpx
import psutil
import psycopg
from temporalio.client import Client

from activities.sealing import ring_of_environment
from bench.catalogue import shop
from bench.figures import Persistence
from bench.outside import SECRET
from bench.watching import Watch
from devstack import ports, postgres, temporal_server
from devstack.ownership import sole_owner
from devstack.ports import HOST
from devstack.processes import Part, Supervisor
from devstack.settings import Secrets, StackSettings, promisekeeper_environment
from devstack.stack import all_listen, answers, python_part
from ledger import catalogue
from ledger.book import Ledger
from ledger.migrate import migrate
from workflows.connecting import connect

PATIENCE = 3600.0
"""Seconds after which something that was to happen counts as stuck."""
BARE_QUEUE = "bare"

_MOST_CONNECTIONS = "200"


class Stuck(Exception):
    """Something that was to happen did not; the message says what, and where logs are."""


@dataclass
class Stage:
    """A running stage."""

    bench: str
    """Whose it is; its ledger and its Temporal namespace are named after it."""
    folder: Path
    watch: Watch
    client: Client
    dsn: str
    environment: dict[str, str]
    settings: StackSettings
    persistence: Persistence
    postgres_version: str
    metrics_port: int
    profile: bool
    """Sample the worker where a bench knows how; its other figures do not count then."""
    _names: dict[str, int] = field(default_factory=dict[str, int])

    def ledger(self, connections: int = 10) -> Awaitable[Ledger]:
        """The books, opened."""
        return Ledger.open(self.dsn, size=connections)

    @asynccontextmanager
    async def workers(self, number: int) -> AsyncGenerator[list[psutil.Process]]:
        """So many worker processes of the product."""
        async with self._running([self.worker() for _ in range(number)]) as processes:
            yield processes

    @asynccontextmanager
    async def bare_workers(self, number: int) -> AsyncGenerator[list[psutil.Process]]:
        """So many worker processes for the bare workflows."""
        parts = [self._ready_when_said("bare", "bench.bare_worker", BARE_QUEUE) for _ in range(number)]
        async with self._running(parts) as processes:
            yield processes

    @asynccontextmanager
    async def doors(self) -> AsyncGenerator[None]:
        """The gateway, and an outside world that answers at once."""
        gateway, secret = self.settings.gateway_url, self.environment["PROMISEKEEPER_CARRIER_WEBHOOK_SECRET"]
        outside = python_part(
            "outside",
            "bench.outside",
            *("--gateway", gateway, "--carrier-secret", secret),
            *("--http-port", str(self.settings.supplier_port), "--smtp-port", str(self.settings.smtp_port)),
            environment=self.environment,
            ready=all_listen(self.settings.supplier_port, self.settings.smtp_port),
        )
        door = python_part("gateway", "gateway", environment=self.environment, ready=answers(f"{gateway}/health/ready"))
        async with self._running([outside, door]):
            yield

    def worker(self) -> Part:
        """One worker process of the product, to be run."""
        return self._ready_when_said("worker", "worker")

    def supervisor(self, parts: Sequence[Part]) -> Supervisor:
        """Runs parts of this stage."""
        return _supervisor(self.folder, parts)

    def process(self, part: str) -> psutil.Process:
        """The process of a part that runs."""
        record = (self.folder / "run" / f"{part}.json").read_text()
        return psutil.Process(int(re.findall(r'"pid": (\d+)', record)[0]))

    def processor_seconds(self) -> dict[str, float]:
        """Processor time used so far by each kind of process on the stage, and by the bench itself."""
        used = {"bench": sum(psutil.Process().cpu_times()[:2])}
        for record in (self.folder / "run").glob("*.json"):
            kind = record.stem.partition("-")[0]
            with suppress(psutil.NoSuchProcess):
                process = self.process(record.stem)
                family = [process, *process.children(recursive=True)]
                used[kind] = used.get(kind, 0.0) + sum(sum(one.cpu_times()[:2]) for one in family)
        return used

    async def actions_by_server(self) -> dict[str, float]:
        """The billable actions that the server itself has counted in our namespace, by its own names."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            said = (await client.get(f"http://{HOST}:{self.metrics_port}/metrics")).text
        found: dict[str, float] = {}
        for line in said.splitlines():
            if line.startswith("action{") and f'namespace="{self.bench}"' in line:
                kind = re.findall(r'action_type="([^"]+)"', line)[0]
                found[kind] = found.get(kind, 0.0) + float(line.rpartition(" ")[2])
        return found

    async def until_ended(self, workflow_types: Sequence[str], number: int, what: str) -> None:
        """Wait until so many workflows of these types have ended well, by the server's own count."""
        types = ", ".join(f"'{name}'" for name in workflow_types)
        query = f"WorkflowType IN ({types}) AND ExecutionStatus = 'Completed'"
        self.watch.step(what, number)

        async def all_ended() -> bool:
            found = (await self.client.count_workflows(query)).count
            self.watch.reach(number - max(0, number - found))
            return found >= number

        await self.until(all_ended, what, every=0.1)

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str, *, every: float = 0.05) -> None:
        """Look again and again. Raises: Stuck."""
        deadline = time.monotonic() + PATIENCE
        while not await holds():
            if time.monotonic() > deadline:
                raise Stuck(f"{what}: it did not happen within {PATIENCE:.0f} seconds; logs are in {self.folder}/logs")
            await asyncio.sleep(every)

    @asynccontextmanager
    async def _running(self, parts: Sequence[Part]) -> AsyncGenerator[list[psutil.Process]]:
        supervisor = self.supervisor(parts)
        try:
            await supervisor.start()
            yield [self.process(part.name) for part in parts]
        finally:
            await supervisor.stop()

    def _ready_when_said(self, kind: str, module: str, *arguments: str) -> Part:
        number = self._names[kind] = self._names.get(kind, 0) + 1
        name = f"{kind}-{self.bench}-{number}"  # its log is a new file
        log = self.folder / "logs" / f"{name}.log"

        async def said() -> bool:
            return "worker ready" in log.read_text(errors="replace")

        return python_part(name, module, *arguments, environment=self.environment, ready=said, stop_within=30)


@dataclass(frozen=True)
class Ground:
    """The two servers that stages stand on."""

    folder: Path
    postgres: postgres.Postgres
    settings: StackSettings
    metrics_port: int
    temporal: Literal["file", "memory"]

    async def stage(self, bench: str, watch: Watch, *, profile: bool = False) -> Stage:
        """A stage for one bench: a ledger with the bench's catalogue in it, and a Temporal namespace, both its own."""
        dsn = await self.postgres.ensure_database(bench)
        await migrate(dsn)
        environment = {
            **temporal_server.clean_environment(),
            **promisekeeper_environment(self.settings, Secrets(self.folder / "secrets.env"), dsn),
            "TEMPORAL_NAMESPACE": bench,
            "PYTHONPATH": str(Path(__file__).parents[1]),  # for `bench`, which is not installed
        }
        os.environ.update(environment)  # as for a command that is run in a terminal of this world
        suppliers = shop(f"http://{HOST}:{self.settings.supplier_port}", SECRET)
        async with await Ledger.open(dsn, size=1) as ledger:
            await catalogue.load_catalogue(ledger, suppliers, at=datetime.now(UTC))
        return Stage(
            bench=bench,
            folder=self.folder,
            watch=watch,
            client=await connect(ring_of_environment()),
            dsn=dsn,
            environment=environment,
            settings=self.settings,
            persistence=Persistence(temporal=self.temporal, postgres=await _durability(dsn)),
            postgres_version=await _setting(dsn, "server_version"),
            metrics_port=self.metrics_port,
            profile=profile,
        )


@asynccontextmanager
async def open_ground(
    benches: Sequence[str], *, temporal: Literal["file", "memory"] = "file", in_folder: Path | None = None
) -> AsyncGenerator[Ground]:
    """Run PostgreSQL and a Temporal server, with a namespace for each bench, for as long as the block runs.

    Args:
        benches: who will ask for a stage.
        temporal: where the Temporal server keeps its state.
        in_folder: under which a folder is made; None: the system's temporary one. It decides the disk.
    """
    folder = await asyncio.to_thread(_new_folder, in_folder)
    free = _free_ports()
    names = ("temporal", "ui", "gateway", "supplier", "smtp", "mail")
    numbers: dict[str, int] = {f"{name}_port": next(free) for name in names}
    numbers |= {"payment_port": numbers["supplier_port"], "carrier_port": numbers["supplier_port"]}
    settings = StackSettings.model_validate({"folder": folder, **numbers})
    server = postgres.Postgres(folder / "postgres", settings={"max_connections": _MOST_CONNECTIONS})
    ground = Ground(folder, server, settings, next(free), temporal)
    with sole_owner(folder):
        supervisor = _supervisor(folder, [postgres.part(server), _temporal(ground, benches)])
        try:
            await supervisor.start()
            yield ground
        finally:
            await supervisor.stop()
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _supervisor(folder: Path, parts: Sequence[Part]) -> Supervisor:
    return Supervisor(folder, parts, tell=lambda _: None)


def _new_folder(within: Path | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pk-bench-", dir=within))
    folder.chmod(0o755)  # as root, PostgreSQL runs as another user, who must pass
    return folder


def _temporal(ground: Ground, namespaces: Sequence[str]) -> Part:
    """The dev server, without its UI, with its metrics; it is new, so it registers our search attributes itself."""
    settings, folder = ground.settings, ground.folder
    command = [
        str(temporal_server.binary()),
        *("server", "start-dev", "--headless", "--ip", HOST, "--port", str(settings.temporal_port)),
        *("--http-port", str(settings.ui_port), "--metrics-port", str(ground.metrics_port), "--log-level", "error"),
        *(part for name in namespaces for part in ("--namespace", name)),
        *temporal_server.search_attribute_arguments(),
        *(("--db-filename", str(folder / "temporal.db")) if ground.temporal == "file" else ()),
    ]
    ready = temporal_server.part(folder, settings.temporal_port, settings.ui_port).ready
    return Part("temporal", command, ready, temporal_server.clean_environment())


async def _durability(dsn: str) -> dict[str, str]:
    return {name: await _setting(dsn, name) for name in ("fsync", "synchronous_commit", "full_page_writes")}


async def _setting(dsn: str, name: str) -> str:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        row = await (await connection.execute("select current_setting(%s)", (name,))).fetchone()
    return str(row[0]) if row else "unknown"


def _free_ports() -> Iterator[int]:
    """Ports below those the kernel hands out by itself, each given once."""
    numbers = random.SystemRandom().sample(range(20_000, 32_000), 400)
    return (number for number in numbers if ports.is_free(number))
