"""A whole production-like world of processes, and a hand that ends them without a word, freezes them, keeps them down.

Two workers (or more), gateway, PostgreSQL, Temporal server and the simulated outside, each kept up by the supervisor of
`promisekeeper dev`. Suppliers work in seconds, so that a trial sees whole lives.
"""

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import httpx
import psutil
from temporalio.client import Client
from temporalio.service import RPCError

from activities.sealing import KeyRing, data_converter
from cli.catalogue import read_catalogue
from devstack.ownership import sole_owner
from devstack.processes import Part, State, Supervisor
from devstack.simulators.settings import FaultKind
from devstack.simulators.world import CommandRefused, World
from devstack.stack import Stack
from domain.backorder_position import BackorderPosition
from domain.errors import NotFound
from domain.orders import Order
from ledger import backorders, catalogue
from ledger.book import Ledger
from tests.crash.blows import Hit
from tests.crash.hurried_shop import EXAMPLES, habits, hurried
from tests.whole_stack import on_free_ports, outside_of
from workflows.starting import start_backorder


@dataclass
class KilledWorld:
    """What a trial does to it, and how it is looked at from outside."""

    stack: Stack
    supervisor: Supervisor
    outside: World
    told: list[str]
    """What happened, a line each."""
    gates: dict[str, threading.Event]
    """Closed: the part does not start again."""

    @property
    def parts(self) -> list[str]:
        """All that can be hit."""
        return list(self.supervisor.states)

    async def client(self) -> Client:
        """A new connection to Temporal; an old one may not have noticed that the server died."""
        ring = KeyRing.read(self.stack.environment["PROMISEKEEPER_PAYLOAD_KEYS"])
        return await Client.connect(
            f"127.0.0.1:{self.stack.settings.temporal_port}", data_converter=data_converter(ring)
        )

    async def ledger(self) -> Ledger:
        """The books, opened anew."""
        return await Ledger.open(self.stack.ledger_dsn, size=2)

    async def submit(self, orders: Sequence[Order], *, by_gateway: bool = True) -> None:
        """Hand in every order, the half of them by the gateway, as upstream systems do: until told that it is in."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            for number, order in enumerate(orders):
                posted = by_gateway and number % 2
                while not await (self._post(http, order) if posted else self._start(order)):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.3)
                await asyncio.sleep(0.05)

    async def _post(self, http: httpx.AsyncClient, order: Order) -> bool:
        with suppress(httpx.HTTPError):
            answer = await http.post(
                f"{self.stack.settings.gateway_url}/backorders",
                content=order.model_dump_json(exclude_defaults=True),
                headers={"Authorization": f"Bearer {self.stack.api_key}", "Content-Type": "application/json"},
            )
            assert answer.status_code < 400 or answer.status_code >= 500, answer.text
            return answer.is_success
        return False

    async def _start(self, order: Order) -> bool:
        with suppress(RPCError, RuntimeError):
            await start_backorder(await self.client(), order)
            return True
        return False

    async def strike(self, hit: Hit) -> None:
        """End a part, and let requests to the outside world fail."""
        with suppress(httpx.HTTPError, CommandRefused):  # the outside world may be down itself
            northgate, *others = (self.outside.supplier(s.supplier_id) for s in self.stack.catalogue.suppliers)
            for partner in (self.outside.payments, self.outside.carrier, northgate, *others):
                await partner.fail_next(hit.fault, 2, seconds=1)
            if hit.refused:
                asked = {"book": self.outside.carrier, "charge": self.outside.payments, "place": northgate}
                await asked[hit.refused].fail_next(FaultKind.REFUSED, on=hit.refused)
        self.told.append(str(hit))
        self.end(hit.part, hit.how)

    def end(self, part: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End a part, if it runs just now; the supervisor starts it again."""
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(self.pid(part), how)

    @contextmanager
    def without(self, part: str) -> Iterator[None]:
        """Keep a part down for as long as the block runs."""
        self.gates[part].clear()
        self.end(part)
        try:
            yield
        finally:
            self.gates[part].set()

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """Let a part, with its children, stand still: it takes connections, and answers nobody."""
        main = psutil.Process(self.pid(part))
        family = [main, *main.children(recursive=True)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.suspend()
        try:
            yield
        finally:
            for one in family:
                with suppress(psutil.NoSuchProcess):
                    one.resume()

    def pid(self, part: str) -> int:
        """The process of a part."""
        record = self.stack.folder / "run" / f"{part}.json"
        return int(json.loads(record.read_text())["pid"])

    async def all_up(self) -> None:
        """Wait until nothing is dead any more."""
        async with asyncio.timeout(120):
            while any(state is not State.UP for state in self.supervisor.states.values()):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.1)


async def closed(ledger: Ledger, ids: Sequence[str], *, within: float = 900) -> list[BackorderPosition]:
    """Wait until these backorders are closed; where they then stand."""
    deadline = monotonic() + within
    while True:
        positions = [position for backorder_id in ids if (position := await known(ledger, backorder_id))]
        waiting = [p for p in positions if p.closed_at is None]
        if len(positions) == len(ids) and not waiting:
            return positions
        assert monotonic() < deadline, [(p.backorder_id, p.status, p.attention) for p in waiting]
        await asyncio.sleep(0.5)


async def known(ledger: Ledger, backorder_id: str) -> BackorderPosition | None:
    """Where a backorder stands; None while it is not accepted."""
    try:
        return await backorders.position(ledger, backorder_id)
    except NotFound:
        return None


@asynccontextmanager
async def killed_world(
    folder: Path,
    free_port: Callable[[], int],
    *,
    workers: int = 2,
    change: Callable[[Part], Part] = lambda part: part,
) -> AsyncIterator[KilledWorld]:
    """Start a world of its own in `folder`, with the examples' catalogue loaded, and stop it after the block.

    Args:
        folder: where it lives; made if missing.
        free_port: gives ports.
        workers: how many worker processes.
        change: what is different about a part.
    """
    settings = on_free_ports(folder, free_port)
    stack = Stack(settings, hurried(read_catalogue(EXAMPLES / "catalogue.json")), habits())
    *others, worker = stack.parts
    parts = [*others, *(replace(worker, name=f"worker-{number}") for number in range(1, workers + 1))]
    gates = {part.name: threading.Event() for part in parts}
    for gate in gates.values():
        gate.set()
    told: list[str] = []
    with sole_owner(stack.folder):
        supervisor = Supervisor(
            stack.folder, [_behind(gates[part.name], change(part)) for part in parts], told.append, deaths_allowed=10**6
        )
        watching: asyncio.Task[None] | None = None
        try:
            await supervisor.start()
            watching = asyncio.create_task(supervisor.watch())
            where = outside_of(settings)
            async with World(where) as outside:
                world = KilledWorld(stack, supervisor, outside, told, gates)
                async with await world.ledger() as ledger:
                    await catalogue.load_catalogue(ledger, stack.catalogue, at=datetime.now(UTC))
                yield world
        finally:
            for gate in gates.values():
                gate.set()
            if watching:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
            await supervisor.stop()


def _behind(gate: threading.Event, part: Part) -> Part:
    """The part, started only while its gate is open."""

    def prepare() -> None:
        gate.wait()
        if part.prepare is not None:
            part.prepare()

    return replace(part, prepare=prepare)
