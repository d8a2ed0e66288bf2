"""A world of real processes that is watched in every way: metrics scraped, spans received, logs as JSON."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter
from temporalio.client import Client

from activities.sealing import KeyRing, data_converter
from cli.catalogue import read_catalogue
from connectors.rest import trusted
from devstack.ownership import sole_owner
from devstack.processes import Supervisor
from devstack.settings import StackSettings
from devstack.simulators.settings import Pace
from devstack.stack import Habits, Stack
from domain.catalogue import Catalogue, Item, PriceBreak, Supplier, SupplierItem
from ledger import catalogue
from ledger.book import Ledger
from tests.monitoring.otlp_receiver import Received, receiving
from tests.workflows.shop import eventually
from workflows.purchase_order_contract import RELEASE_NOW, workflow_id

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CUSTOMER = {"customer_id": "C-1", "name": "Zebedee Quill", "email": "zebedee@customer.example"}
SHIP_TO = {
    "name": "Zebedee Quill", "street": "77 Heron Lane", "city": "Portland", "region": "OR", "postal_code": "97299",
    "country": "US", "zone": "America/Los_Angeles",
}  # fmt: skip
PERSONAL = ("Zebedee", "Quill", "zebedee@", "Heron Lane", "97299", "pm_secret")


@dataclass
class Watched:
    """The running world, and what was done in it."""

    folder: Path
    gateway_url: str
    api_key: str
    client: Client
    ledger: Ledger
    pages: dict[str, str]
    """Where each process shows its metrics."""
    received: Received
    trace_ids: dict[str, str]
    """By backorder id, the trace in which upstream handed it in."""
    environment: dict[str, str]

    async def hand_in(self, backorder_id: str, sku: str, **more: Any) -> None:
        """Hand an order in as an upstream system with a trace of its own."""
        trace_id = self.trace_ids[backorder_id] = secrets.token_hex(16)
        order = {
            "backorder_id": backorder_id, "sales_order": f"SO-{backorder_id}", "sku": sku, "quantity": 1,
            "unit_price": "20.00", "currency": "USD", "shipping_charge": "4.90", "payment_method": "pm_secret_1",
            "customer": CUSTOMER, "ship_to": SHIP_TO,
        } | more  # fmt: skip
        headers = {
            "Authorization": f"Bearer {self.api_key}",
            "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01",
            "baggage": "customer=Zebedee",
        }
        async with httpx.AsyncClient(trust_env=False, verify=trusted(), timeout=60, headers=headers) as upstream:
            answer = await upstream.post(f"{self.gateway_url}/backorders", json=order)
        assert answer.status_code == 201, answer.text

    async def shown(self, backorder_id: str) -> dict[str, Any]:
        """How a backorder stands."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        async with httpx.AsyncClient(trust_env=False, verify=trusted(), timeout=60, headers=headers) as asks:
            view: dict[str, Any] = (await asks.get(f"{self.gateway_url}/backorders/{backorder_id}")).json()
            return view

    async def until(self, backorder_id: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until it stands as wanted."""

        async def look() -> dict[str, Any] | None:
            view = await self.shown(backorder_id)
            return view if holds(view) else None

        found: dict[str, Any] = await eventually(look, lambda: self.shown(backorder_id))
        return found

    async def release(self, po_number: str) -> None:
        """Send a purchase order off now."""
        await self.client.get_workflow_handle(workflow_id(po_number)).execute_update(RELEASE_NOW)

    async def scrape(self, process: str) -> str:
        """One scrape of a process."""
        async with httpx.AsyncClient(trust_env=False, verify=trusted(), timeout=60) as prometheus:
            answer = await prometheus.get(self.pages[process])
        assert answer.status_code == 200
        return answer.text

    def log_of(self, process: str) -> list[str]:
        """The lines a process has logged so far."""
        return (self.folder / "logs" / f"{process}.log").read_text().splitlines()


def _shop() -> tuple[Catalogue, Catalogue]:
    """What the demo sells, and a supplier who cannot be asked since its key is set nowhere."""
    demo = read_catalogue(EXAMPLES / "catalogue.json")
    mute = Supplier(
        supplier_id="mute", name="Mute Mills", currency="USD",
        connector_config={
            "base_url": "http://127.0.0.1:9", "api_key": "env:NOBODY_SET_THIS", "webhook_secret": "env:NOR_THIS",
        },
    )  # fmt: skip
    item = Item(sku="LOOM", name="Loom")
    sold = SupplierItem(
        supplier_id="mute", sku="LOOM", supplier_sku="M1",
        price_breaks=(PriceBreak(from_quantity=1, unit_price="5"),),  # type: ignore[arg-type] # (read as a Decimal)
    )  # fmt: skip
    return demo, Catalogue(suppliers=(mute,), items=(item,), supplier_items=(sold,))


@pytest.fixture(scope="session")
async def watched(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Watched]:
    """One order shipped, one declined, and one that waits for a supplier who cannot be reached."""
    free = unused_tcp_port_factory
    names = ("temporal", "ui", "gateway", "supplier", "payment", "carrier", "smtp", "mail")
    demo, mute = _shop()
    habits = TypeAdapter(dict[str, Habits]).validate_json((EXAMPLES / "simulated_suppliers.json").read_bytes())
    habits["northgate"] = Habits(pace=Pace(acknowledge_after=0.2, ship_after=0.5, deliver_after=0.8, answer_after=0.2))
    with tempfile.TemporaryDirectory(prefix="pk-") as made, receiving(free()) as received:
        folder = Path(made)
        folder.chmod(0o755)  # noqa: ASYNC240 - a moment
        settings = StackSettings(folder=folder, **{f"{name}_port": free() for name in names})  # type: ignore[arg-type] # (ports only)
        stack = Stack(settings, demo, habits)
        addresses = {name: f"127.0.0.1:{free()}" for name in ("gateway", "worker")}
        watching = {
            "PROMISEKEEPER_LOG_FORMAT": "json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        parts = [
            replace(
                part,
                environment={**part.environment, **watching, "PROMISEKEEPER_METRICS_ADDRESS": addresses[part.name]},
            )
            if part.name in addresses
            else part
            for part in stack.parts
        ]
        with sole_owner(folder):
            supervisor = Supervisor(folder, parts, print)
            try:
                await supervisor.start()
                async with await Ledger.open(stack.ledger_dsn, size=2) as ledger:
                    for each in (demo, mute):
                        await catalogue.load_catalogue(ledger, each, at=datetime.now(UTC))
                    world = Watched(
                        folder=folder,
                        gateway_url=settings.gateway_url,
                        api_key=stack.api_key,
                        client=await Client.connect(
                            f"127.0.0.1:{settings.temporal_port}",
                            data_converter=data_converter(
                                KeyRing.read(stack.environment["PROMISEKEEPER_PAYLOAD_KEYS"])
                            ),
                        ),
                        ledger=ledger,
                        pages={name: f"http://{address}/metrics" for name, address in addresses.items()},
                        received=received,
                        trace_ids={},
                        environment={**stack.environment, **watching},
                    )
                    await _story(world)
                    yield world
            finally:
                await supervisor.stop()


async def _story(world: Watched) -> None:
    await world.hand_in("LOST-1", "LOOM")
    await world.hand_in("GOOD-1", "MUG-BLUE")
    await world.hand_in("POOR-1", "MUG-BLUE", payment_method="pm_declined_secret")
    for backorder_id in ("GOOD-1", "POOR-1", "LOST-1"):
        view = await world.until(backorder_id, lambda view: view["purchase_orders"])
        number = view["purchase_orders"][0]
        await world.release(number if isinstance(number, str) else number["po_number"])
        if backorder_id == "GOOD-1":
            await world.until("POOR-1", lambda view: view["purchase_orders"])
    await world.until("GOOD-1", lambda view: view["status"] == "closed")

    async def put_off() -> bool | None:
        return "promisekeeper_duties_put_off" in await world.scrape("worker") or None

    await eventually(put_off, lambda: world.scrape("worker"))
