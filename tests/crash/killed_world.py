"""A whole production-like world of processes, and a hand that kills them at random, as its seed says."""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from pydantic import TypeAdapter
from temporalio.client import Client
from temporalio.service import RPCError

from activities.sealing import KeyRing, data_converter
from cli.catalogue import read_catalogue
from devstack.ownership import sole_owner
from devstack.processes import State, Supervisor
from devstack.settings import StackSettings
from devstack.simulators.world import Addresses, CommandRefused, World
from devstack.stack import Habits, Stack
from domain.orders import Order
from ledger.book import Ledger
from workflows.starting import start_backorder

EXAMPLES = Path(__file__).parents[2] / "examples"
WORKERS = ("worker", "worker-2")
FAULTS = ("503", "429", "500", "reset", "drop_response", "slow")


@dataclass
class KilledWorld:
    """What a trial does to it, and how it is looked at from outside."""

    stack: Stack
    supervisor: Supervisor
    outside: World
    seed: int
    told: list[str]

    async def client(self) -> Client:
        """A new connection to Temporal; an old one may not have noticed that the server died."""
        ring = KeyRing.read(self.stack.environment["PROMISEKEEPER_PAYLOAD_KEYS"])
        return await Client.connect(
            f"127.0.0.1:{self.stack.settings.temporal_port}", data_converter=data_converter(ring)
        )

    async def ledger(self) -> Ledger:
        """The books, opened anew."""
        return await Ledger.open(self.stack.ledger_dsn, size=2)

    async def submit(self, orders: Sequence[Order]) -> None:
        """Start every order, as an upstream system that tries again until it is told that it was done."""
        for order in orders:
            while True:
                try:
                    await start_backorder(await self.client(), order)
                    break
                except (RPCError, RuntimeError):
                    await asyncio.sleep(0.3)
            await asyncio.sleep(0.05)

    async def kill_at_random(self, kills: int) -> None:
        """Kill one part after another, and let requests to the outside world fail in between."""
        chance = random.Random(self.seed)
        names = [part for part in self.supervisor.states if part != "simulators"] + ["simulators"]
        for number in range(1, kills + 1):
            await asyncio.sleep(chance.uniform(0.3, 4))
            name, fault = chance.choice(names), chance.choice(FAULTS)
            with suppress(httpx.HTTPError, CommandRefused):
                await self.outside.payments.fail_next(fault, chance.randint(1, 3), seconds=1)
                await self.outside.carrier.fail_next(fault, chance.randint(1, 3), seconds=1)
                for supplier_id in ("northgate", "kestrel", "hartwell"):
                    await self.outside.supplier(supplier_id).fail_next(fault, chance.randint(1, 2), seconds=1)
            self.told.append(f"kill {number}: {name}, and {fault} outside")
            self.kill(name)

    def kill(self, name: str) -> None:
        """End a part without any warning, if it runs just now; the supervisor starts it again."""
        record = self.stack.folder / "run" / f"{name}.json"
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)

    async def all_up(self) -> None:
        """Wait until nothing is dead any more."""
        async with asyncio.timeout(120):
            while any(state is not State.UP for state in self.supervisor.states.values()):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.1)


@asynccontextmanager
async def killed_world(folder: Path, free_port: Callable[[], int], seed: int) -> AsyncIterator[KilledWorld]:
    """Two workers, gateway, PostgreSQL, Temporal and the simulated outside, each a process that is kept up."""
    names = ("temporal", "ui", "gateway", "supplier", "payment", "carrier", "smtp", "mail")
    settings = StackSettings(folder=folder, **{f"{name}_port": free_port() for name in names})  # type: ignore[arg-type]  # (ports only)
    habits = TypeAdapter(dict[str, Habits]).validate_json((EXAMPLES / "simulated_suppliers.json").read_bytes())
    stack = Stack(settings, read_catalogue(EXAMPLES / "catalogue.json"), habits)
    *others, worker = stack.parts
    told: list[str] = []
    parts = [*others, *(replace(worker, name=name) for name in WORKERS)]
    with sole_owner(stack.folder):
        supervisor = Supervisor(stack.folder, parts, told.append, deaths_allowed=1_000_000)
        try:
            await supervisor.start()
            watching = asyncio.create_task(supervisor.watch())
            where = Addresses(
                supplier_url=f"http://127.0.0.1:{settings.supplier_port}",
                payment_url=f"http://127.0.0.1:{settings.payment_port}",
                carrier_url=f"http://127.0.0.1:{settings.carrier_port}",
                mail_url=f"http://127.0.0.1:{settings.mail_port}",
                smtp_host="127.0.0.1",
                smtp_port=settings.smtp_port,
            )
            async with World(where) as outside:
                yield KilledWorld(stack, supervisor, outside, seed, told)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        finally:
            await supervisor.stop()
