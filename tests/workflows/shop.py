"""A whole shop for one test: real ledger, real Temporal, real sockets; only the outside world is simulated.

Every workflow has a clock of its own that stands at now until `forward` moves it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from activities.settings import Settings
from activities.world import World
from devstack.simulators.running import running_simulators
from devstack.simulators.serving import listening, served
from devstack.simulators.settings import SupplierSettings
from devstack.simulators.world import World as OutsideWorld
from domain.backorder_position import BackorderPosition
from domain.catalogue import Catalogue, CutOff, Item, PriceBreak, Supplier, SupplierItem
from domain.orders import Address, Customer, Order
from domain.purchase_order_position import PurchaseOrderPosition
from gateway.app import create_app
from gateway.connections import Connections
from ledger import announcements, backorders, catalogue, purchase_orders
from tests.patience import PATIENCE
from worker import at_work
from workflows import backorder_contract, purchase_order_contract

SECRETS = {
    "acme": "whsec_YWNtZS1hY21lLWFjbWUtYWNtZS1hY21lLWFjbWU=",
    "birch": "whsec_YmlyY2gtYmlyY2gtYmlyY2gtYmlyY2gtYmlyY2g=",
}


@dataclass
class Shop:
    """Commands of a test, in the trade's words."""

    env: WorkflowEnvironment
    client: Client
    task_queue: str
    world: World
    outside: OutsideWorld
    gateway_url: str
    run: str
    orders: list[str] = field(default_factory=list)

    def order_of(self, number: int = 1, **changes: Any) -> Order:
        """An order of two lamps, or whatever `changes` say."""
        plain: dict[str, Any] = {
            "backorder_id": f"{self.run}-{number}",
            "sales_order": f"SO-{number}",
            "customer": Customer(customer_id=f"C-{number}", name="Ada Lovelace", email=f"ada{number}@customer.example"),
            "ship_to": Address(
                name="Ada Lovelace", street="1 Main St", city="Boston", postal_code="02101", country="US"
            ),
            "sku": "LAMP",
            "quantity": 2,
            "unit_price": Decimal("49.90"),
            "currency": "USD",
            "shipping_charge": Decimal("4.90"),
            "payment_method": f"pm_{number}",
        }
        return Order(**(plain | changes))

    async def start(self, order: Order) -> WorkflowHandle[Any, Any]:
        """Start a backorder as any upstream system would."""
        self.orders.append(order.backorder_id)
        return await self.client.start_workflow(
            backorder_contract.WORKFLOW,
            order,
            id=backorder_contract.workflow_id(order.backorder_id),
            task_queue=self.task_queue,
        )

    async def order(self, number: int = 1, **changes: Any) -> WorkflowHandle[Any, Any]:
        """Start the order `order_of` makes."""
        return await self.start(self.order_of(number, **changes))

    def backorder_id(self, number: int = 1) -> str:
        """The id that `order(number)` has."""
        return f"{self.run}-{number}"

    async def position(self, number: int = 1) -> BackorderPosition:
        """Where it stands in the ledger."""
        return await backorders.position(self.world.ledger, self.backorder_id(number))

    async def until(self, holds: Callable[[BackorderPosition], bool], number: int = 1) -> BackorderPosition:
        """Wait until the ledger's position of a backorder is as wanted."""

        async def look() -> BackorderPosition | None:
            try:
                position = await self.position(number)
            except backorders.NotFound:
                return None
            return position if holds(position) else None

        async def troubles() -> object:
            described = await self.client.get_workflow_handle(f"backorder/{self.backorder_id(number)}").describe()
            pending = [
                (a.activity_type.name, a.attempt, a.last_failure.message)
                for a in described.raw_description.pending_activities
            ]
            return pending, await self.position(number)

        return await eventually(look, troubles)

    async def po_number(self, number: int = 1) -> str:
        """The purchase order on which a backorder has its first share."""
        position = await self.until(lambda p: bool(p.claims), number)
        await self.until_told()
        return position.claims[0].po_number

    async def until_told(self) -> None:
        """Wait until no word is owed to any workflow."""

        async def all_told() -> bool | None:
            return await announcements.owed_total(self.world.ledger) == 0 or None

        await eventually(all_told, lambda: announcements.owed_total(self.world.ledger))

    def po(self, po_number: str) -> WorkflowHandle[Any, Any]:
        """The workflow of a purchase order."""
        return self.client.get_workflow_handle(purchase_order_contract.workflow_id(po_number))

    async def po_until(self, po_number: str, holds: Callable[[PurchaseOrderPosition], bool]) -> PurchaseOrderPosition:
        """Wait until the ledger's position of a purchase order is as wanted."""

        async def look() -> PurchaseOrderPosition | None:
            position = await purchase_orders.position(self.world.ledger, po_number)
            return position if holds(position) else None

        return await eventually(look, lambda: purchase_orders.position(self.world.ledger, po_number))

    async def placed(self, number: int = 1) -> str:
        """Release the purchase order of a backorder and wait until its supplier has it."""
        po_number = await self.po_number(number)
        await self.po(po_number).execute_update(purchase_order_contract.RELEASE_NOW)
        await self.po_until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
        return po_number

    async def acknowledged(self, number: int = 1, supplier_id: str = "acme", **how: Any) -> str:
        """Have the purchase order placed and acknowledged."""
        po_number = await self.placed(number)
        await self.supplier(supplier_id).advance("acknowledge", po_number, **how)
        await self.po_until(po_number, lambda p: p.acknowledged_at is not None or p.rejected_at is not None)
        return po_number

    def supplier(self, supplier_id: str = "acme") -> Any:
        """Commands a simulated supplier."""
        return self.outside.supplier(supplier_id)

    async def parcel_taken(self, number: int = 1, parcel: int = 1) -> None:
        """Wait until a parcel is booked and let the carrier take it."""
        await self.until(lambda p: len(p.parcels) >= parcel and p.parcels[parcel - 1].state == "booked", number)
        await self.outside.carrier.take(f"{self.backorder_id(number)}/parcel/{parcel}")

    def backorder(self, number: int = 1) -> WorkflowHandle[Any, Any]:
        """The workflow of a backorder."""
        return self.client.get_workflow_handle(backorder_contract.workflow_id(self.backorder_id(number)))

    async def cancel(self, number: int = 1, **request: Any) -> dict[str, Any]:
        """Cancel as upstream or an operator would; how it ended."""
        reply: dict[str, Any] = await self.backorder(number).execute_update(backorder_contract.CANCEL, request)
        return reply

    async def answer(self, notice_id: str, answer: str, number: int = 1) -> dict[str, Any]:
        """Answer a delay notice as the customer."""
        reply: dict[str, Any] = await self.backorder(number).execute_update(
            backorder_contract.ANSWER_DELAY, {"notice_id": notice_id, "answer": answer}
        )
        return reply

    async def closed(self, number: int = 1) -> BackorderPosition:
        """Wait until a backorder is closed."""
        return await self.until(lambda p: p.closed_at is not None, number)

    async def free(self, sku: str) -> int:
        """Units in stock that nobody has."""
        async with self.world.ledger.look() as connection:
            row = await (
                await connection.execute("select on_hand - allocated from stock where sku = %s", (sku,))
            ).fetchone()
            return int(row[0]) if row else 0

    async def forward(self, handle: WorkflowHandle[Any, Any], by: timedelta) -> None:
        """Move the clock of one workflow."""
        await self.env.fast_forward(handle, by)

    async def mails(self, number: int = 1) -> list[str]:
        """The subjects of the mails a customer got, oldest first."""
        return [mail.subject for mail in await self.outside.mails(to=f"ada{number}@customer.example")]


async def eventually(look: Callable[[], Awaitable[Any]], last: Callable[[], Awaitable[Any]]) -> Any:
    """Poll until `look` finds something; the failure shows the last state."""
    began = monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            while (found := await look()) is None:  # noqa: ASYNC110 - other processes change what is looked at
                # the longer it takes, the more seldom: looking costs those who work the processor
                await asyncio.sleep(min(0.03 + (monotonic() - began) / 20, 0.5))
            return found
    except TimeoutError:
        raise AssertionError(f"it did not happen; it stands at {await last()!r}") from None


def small_catalogue(outside: OutsideWorld) -> Catalogue:
    """Two suppliers who both sell lamps; Acme is cheaper, Birch the second choice.

    The cut-off of the day has just passed, whatever the time, so that none comes by itself while a test runs.
    """
    passed = (datetime.now(UTC) - timedelta(hours=1)).time().replace(microsecond=0)

    def supplier(supplier_id: str, **terms: Any) -> Supplier:
        return Supplier(
            supplier_id=supplier_id,
            name=supplier_id.title(),
            currency="USD",
            connector_config={
                "base_url": outside.supplier(supplier_id).base_url,
                "api_key": f"key-{supplier_id}",
                "webhook_secret": SECRETS[supplier_id],
                "timeout_seconds": 5,
            },
            cut_off=CutOff(times=(passed,), weekdays=tuple(range(7))),
            **terms,
        )

    def sells(supplier_id: str, sku: str, price: str, **terms: Any) -> SupplierItem:
        return SupplierItem(
            supplier_id=supplier_id,
            sku=sku,
            supplier_sku=f"{supplier_id[:1].upper()}-{sku}",
            price_breaks=(PriceBreak(from_quantity=1, unit_price=Decimal(price)),),
            **terms,
        )

    return Catalogue(
        suppliers=(supplier("acme"), supplier("birch")),
        items=(
            Item(sku="LAMP", name="Desk lamp"),
            Item(sku="CHAIR", name="Oak chair", on_hand=3),
            Item(sku="RARE", name="Rare thing"),
            Item(sku="CASE", name="Case of glasses"),
        ),
        supplier_items=(
            sells("acme", "LAMP", "20.00", lead_time=timedelta(days=7)),
            sells("birch", "LAMP", "24.00", lead_time=timedelta(days=9)),
            sells("acme", "CHAIR", "80.00", lead_time=timedelta(days=7)),
            sells("acme", "RARE", "10.00", lead_time=timedelta(days=5)),
            sells("acme", "CASE", "3.00", lead_time=timedelta(days=5), minimum_order=5, unit_factor=2),
        ),
    )


@asynccontextmanager
async def open_shop(
    env: WorkflowEnvironment, folder: Path, ledger_dsn: str, run: str, **changes: Any
) -> AsyncIterator[Shop]:
    """Open a shop with a worker on a task queue of its own. `changes` override settings."""
    async with AsyncExitStack() as stack:
        suppliers = [
            SupplierSettings(supplier_id=name, api_key=f"key-{name}", webhook_secret=secret)
            for name, secret in SECRETS.items()
        ]
        outside = await stack.enter_async_context(running_simulators(folder, suppliers=suppliers))
        with psycopg.connect(ledger_dsn, autocommit=True) as connection:
            # Purchase order numbers are workflow ids, and the tests share one Temporal namespace.
            connection.execute(f"alter sequence po_number_seq restart with {int(run[-7:], 16)}")
        door = listening("127.0.0.1", 0, "gateway")
        gateway_url = f"http://127.0.0.1:{door.getsockname()[1]}"
        settings = settings_for(outside, ledger_dsn, f"queue-{run}", {"public_url": gateway_url} | changes)
        world = await World.open(settings)
        stack.push_async_callback(world.close)
        await catalogue.load_catalogue(world.ledger, small_catalogue(outside), at=datetime.now(UTC))

        @asynccontextmanager
        async def connections() -> AsyncIterator[Connections]:
            yield Connections(world=world, temporal=env.client)

        app = create_app(connections)
        await stack.enter_async_context(app.router.lifespan_context(app))
        await stack.enter_async_context(served(app, door))
        await outside.send_webhooks_to(gateway_url)
        await stack.enter_async_context(at_work(env.client, world, task_queue=settings.task_queue))
        yield Shop(
            env=env,
            client=env.client,
            task_queue=settings.task_queue,
            world=world,
            outside=outside,
            gateway_url=gateway_url,
            run=run,
        )


def settings_for(outside: OutsideWorld, ledger_dsn: str, task_queue: str, changes: dict[str, Any]) -> Settings:
    """Settings that point at the simulated outside world."""
    where = outside.addresses
    return Settings.model_validate(
        {
            "ledger_dsn": ledger_dsn,
            "task_queue": task_queue,
            "sourcing_retry_every": timedelta(days=3),  # each look takes a test about a second
            "api_key": "upstream-key",
            "link_secret": "a secret for links that is long enough",
            "smtp_host": where.smtp_host,
            "smtp_port": where.smtp_port,
            "payment_url": where.payment_url,
            "payment_api_key": "sim-payment-key",
            "carrier_url": where.carrier_url,
            "carrier_api_key": "sim-carrier-key",
            "carrier_webhook_secret": "whsec_c2ltdWxhdGVkLWNhcnJpZXItc2lnbmluZy1rZXk=",
        }
        | changes
    )


def as_json(**content: Any) -> dict[str, Any]:
    """Plain JSON data, as a supplier's own system would signal it."""
    plain: dict[str, Any] = json.loads(json.dumps(content, default=str))
    return plain
