"""The same processes as docker-compose.yml, with the same commands, environment and order, outside containers.

PostgreSQL and Temporal are the embedded ones; host names become loopback ports. What only looks on (the UI, Prometheus,
Grafana) is left out. One backorder is seen from its order to its parcel, and everything stops when it is told to.
"""

import asyncio
import os
import re
import signal
import sysconfig
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.service import RPCError

from devstack import postgres, temporal_server
from devstack.ownership import sole_owner
from devstack.processes import Part, Supervisor
from devstack.simulators.running import running_simulators
from devstack.simulators.settings import SupplierSettings
from devstack.simulators.world import World as OutsideWorld
from domain.backorder_position import BackorderPosition
from ledger import backorders, catalogue, purchase_orders
from ledger.book import Ledger
from tests.production.compose import OURS, REQUIRED, ROOT, in_order, services, waits_for
from tests.workflows.shop import SECRETS, eventually, small_catalogue

ONLY_LOOK_ON = {"temporal-ui", "prometheus", "grafana"}
HEALTHY_WITHIN = 120
"""Seconds a process is given until its own healthcheck succeeds."""

ORDER = {
    "backorder_id": "BO-1",
    "sales_order": "SO-1",
    "customer": {"customer_id": "C-1", "name": "Ada Lovelace", "email": "ada@customer.example"},
    "ship_to": {
        "name": "Ada Lovelace",
        "street": "1 Main St",
        "city": "Boston",
        "postal_code": "02101",
        "country": "US",
    },
    "sku": "LAMP",
    "quantity": 2,
    "unit_price": "49.90",
    "currency": "USD",
    "shipping_charge": "4.90",
    "payment_method": "pm_1",
}


@dataclass
class Machine:
    """Runs services of the compose file as processes of this machine."""

    folder: Path
    moved: Mapping[str, str]
    """Addresses within the composition, and where they are here."""
    free_port: Callable[[], int]
    server: Supervisor
    temporal: Supervisor
    started: list[str] = field(default_factory=list)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    def here(self, text: str, own: Mapping[str, str]) -> str:
        """A value of the file with the addresses of this machine."""
        for there, place in {**own, **self.moved}.items():
            text = re.sub(rf"(?<![\w.]){re.escape(there)}(?!\w)", place, text)
        return text

    async def start(self, name: str, service: Mapping[str, Any]) -> None:
        """Start a service, and wait for what the services after it wait for."""
        if name == "postgres":
            await self.server.start()
        elif name == "temporal":
            await self.temporal.start()
        elif name == "temporal-schema":
            pass  # the embedded server makes its own
        elif name == "temporal-namespace":
            script = ROOT / service["entrypoint"][1].replace("/deploy/", "deploy/temporal/")
            await self.run_to_its_end(name, ["/bin/sh", str(script)], service["environment"], {})
        elif name in ("migrations", "setup"):
            await self.run_to_its_end(name, service["command"], service["environment"], {})
        else:
            for number in range(1, service.get("deploy", {}).get("replicas", 1) + 1):
                await self.run(f"{name}-{number}", service)
        self.started.append(name)

    async def run_to_its_end(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], own: Mapping[str, str]
    ) -> None:
        """As `service_completed_successfully` wants it."""
        process = await self._spawn(name, command, environment, own)
        assert await process.wait() == 0, self.log(name)

    async def run(self, name: str, service: Mapping[str, Any]) -> None:
        """Start it, and ask by its own healthcheck until that succeeds."""
        # containers have ports of their own each; processes of one machine do not
        ports = {"127.0.0.1:8081": f"127.0.0.1:{self.free_port()}", "0.0.0.0:9464": f"127.0.0.1:{self.free_port()}"}
        process = await self._spawn(name, service["command"], service["environment"], ports)
        self.processes[name] = process
        kind, *probe = service["healthcheck"]["test"]
        assert kind == "CMD"
        async with asyncio.timeout(HEALTHY_WITHIN):
            while True:
                assert process.returncode is None, self.log(name)
                asked = await self._spawn(f"{name}-health", probe, service["environment"], ports)
                if await asked.wait() == 0:
                    return
                await asyncio.sleep(0.5)

    async def stop(self, name: str) -> int:
        """SIGTERM, as Docker sends it. Returns the exit code."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return await process.wait()

    async def kill_all(self) -> None:
        for process in self.processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    async def _spawn(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], own: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        # nothing of this shell but the way to the programs: what else a process needs, the file has to give it
        scripts = Path(sysconfig.get_path("scripts"))
        inherited = {
            "PATH": f"{scripts}:{temporal_server.binary().parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
        }
        program = str(scripts / command[0]) if (scripts / command[0]).exists() else command[0]
        with (self.folder / f"{name}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                program,
                *(self.here(word, own) for word in command[1:]),
                cwd=ROOT,
                env={**inherited, **{key: self.here(str(value), own) for key, value in environment.items()}},
                stdout=log,
                stderr=log,
            )


def temporal_part(folder: Path, port: int) -> Part:
    """A server as the one-shots of the composition find it: with nothing of ours registered."""

    async def ready() -> bool:
        try:
            client = await Client.connect(f"127.0.0.1:{port}")
            return await client.service_client.check_health()
        except (RuntimeError, RPCError):
            return False

    address = ("--ip", "127.0.0.1", "--port", str(port))
    command = (str(temporal_server.binary()), "server", "start-dev", "--headless", *address)
    return Part("temporal", (*command, "--db-filename", str(folder / "db")), ready, temporal_server.clean_environment())


@asynccontextmanager
async def machine(folder: Path, free_port: Callable[[], int]) -> AsyncIterator[tuple[Machine, OutsideWorld, str]]:
    """A machine with the outside world beside it; gives the gateway's address, too."""
    gateway, temporal, database = free_port(), free_port(), free_port()
    server = postgres.Postgres(folder / "pg", port=database, password=REQUIRED["POSTGRES_PASSWORD"])
    (folder / "pg-own").mkdir()
    (folder / "t").mkdir()

    async def its_database() -> None:
        await server.ensure_database("promisekeeper")  # as the image of PostgreSQL does by POSTGRES_DB

    suppliers = [
        SupplierSettings(supplier_id=name, api_key=f"key-{name}", webhook_secret=secret)
        for name, secret in SECRETS.items()
    ]
    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(running_simulators(folder / "outside", suppliers=suppliers))
        for place in ("pg-own", "t"):
            stack.enter_context(sole_owner(folder / place))
        running = Machine(
            folder=folder,
            moved={
                "postgres:5432": f"127.0.0.1:{database}",
                "temporal:7233": f"127.0.0.1:{temporal}",
                "0.0.0.0": "127.0.0.1",
                "8080": str(gateway),
                REQUIRED["PROMISEKEEPER_PAYMENT_URL"]: outside.addresses.payment_url,
                REQUIRED["PROMISEKEEPER_CARRIER_URL"]: outside.addresses.carrier_url,
            },
            free_port=free_port,
            server=Supervisor(folder / "pg-own", [postgres.part(server, once_ready=its_database)], print),
            temporal=Supervisor(folder / "t", [temporal_part(folder / "t", temporal)], print),
        )
        stack.push_async_callback(running.server.stop)
        stack.push_async_callback(running.temporal.stop)
        stack.push_async_callback(running.kill_all)
        yield running, outside, f"http://127.0.0.1:{gateway}"


async def test_composed_as_in_production_a_backorder_comes_through(
    folder: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    async with machine(folder, unused_tcp_port_factory) as (running, outside, url):
        where = outside.addresses
        given = {
            **REQUIRED,
            "PROMISEKEEPER_SMTP_HOST": where.smtp_host,
            "PROMISEKEEPER_SMTP_PORT": str(where.smtp_port),
        }
        found = services({**given, "PROMISEKEEPER_SMTP_TLS": "false"})
        for name in in_order(found):
            if name not in ONLY_LOOK_ON:
                assert set(waits_for(found[name])) <= set(running.started)
                await running.start(name, found[name])
        assert set(OURS) <= set(running.started)
        assert set(running.processes) == {"gateway-1", "worker-1", "worker-2"}

        environment = found["worker"]["environment"]

        async def by_command(*words: str) -> None:
            await running.run_to_its_end(words[0], ["promisekeeper", *words], environment, {})

        async def release(po_number: str) -> None:
            await by_command("release-now", po_number)

        await outside.send_webhooks_to(url)
        dsn = running.here(environment["PROMISEKEEPER_LEDGER_DSN"], {})
        async with await Ledger.open(dsn, size=2) as ledger:
            await catalogue.load_catalogue(ledger, small_catalogue(outside), at=datetime.now(UTC))
            await one_backorder(ledger, outside, url, REQUIRED["PROMISEKEEPER_API_KEY"], release)
        await by_command("audit")
        codes = {name: await running.stop(name) for name in list(running.processes)}
        assert codes == {"gateway-1": codes["gateway-1"], "worker-1": 0, "worker-2": 0}
        # uvicorn ends by the signal that stopped it, once everything is closed
        assert codes["gateway-1"] in (0, -signal.SIGTERM)
        for name in ("gateway-1", "worker-1", "worker-2", "setup", "migrations"):
            assert "Traceback" not in running.log(name)


async def one_backorder(
    ledger: Ledger, outside: OutsideWorld, url: str, key: str, release: Callable[[str], Awaitable[None]]
) -> None:
    """From the order to the parcel."""

    async def until(holds: Callable[[BackorderPosition], object]) -> BackorderPosition:
        async def look() -> BackorderPosition | None:
            try:
                position = await backorders.position(ledger, "BO-1")
            except backorders.NotFound:
                return None
            return position if holds(position) else None

        found: BackorderPosition = await eventually(look, lambda: backorders.position(ledger, "BO-1"))
        return found

    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False) as door:
        assert (await door.post(f"{url}/backorders", json=ORDER)).is_success
    po_number = (await until(lambda p: p.claims)).claims[0].po_number
    await release(po_number)

    async def delivered() -> bool | None:
        place = (await purchase_orders.position(ledger, po_number)).place
        return (place is not None and place.state == "delivered") or None

    await eventually(delivered, lambda: purchase_orders.position(ledger, po_number))
    for step in ("acknowledge", "ship", "deliver"):
        await outside.supplier("acme").advance(step, po_number)
    parcel = (await until(lambda p: p.parcels and p.parcels[0].state == "booked")).parcels[0]
    await outside.carrier.take(parcel.parcel_id)
    ended = await until(lambda p: p.closed_at is not None)
    assert ended.shipped == ORDER["quantity"]
