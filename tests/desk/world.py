"""A whole Promisekeeper for people to look at: every process of `promisekeeper dev`, and hands to move the outside."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.sealing import KeyRing, data_converter
from cli.catalogue import read_catalogue
from devstack.ownership import sole_owner
from devstack.processes import Supervisor
from devstack.simulators.settings import Pace
from devstack.simulators.world import World
from devstack.stack import Habits, Stack
from domain.backorder_position import BackorderPosition
from domain.catalogue import Catalogue, CutOff
from domain.errors import NotFound
from domain.orders import Address, Customer, Order
from ledger import backorders, catalogue
from ledger.book import Ledger
from tests.docs.readme import ROOT
from tests.patience import PATIENCE
from tests.whole_stack import on_free_ports, outside_of
from workflows import purchase_order_contract
from workflows.starting import start_backorder

WITHOUT_SUPPLIER = "BASKET-WILLOW"
"""Nobody sells it until `supplier_found`."""

AS_TOLD = Habits(pace=Pace())
"""Suppliers do nothing until a test tells them to."""

Found = TypeVar("Found")


@dataclass
class Desk:
    """Commands of a test, in the trade's words; what an operator or a customer does, a browser does."""

    ui: str
    """The Temporal UI's address."""
    outside: World
    ledger: Ledger
    temporal: Client
    catalogue: Catalogue

    async def order(self, backorder_id: str, sku: str, quantity: int, **changes: Any) -> Order:
        """Hand in an order of somebody in Portland, or whatever `changes` say."""
        plain: dict[str, Any] = {
            "backorder_id": backorder_id,
            "sales_order": f"SO-{backorder_id.partition('-')[2]}",
            "customer": Customer(customer_id="C-7", name="Ada Whitlock", email=f"{backorder_id}@customer.example"),
            "ship_to": Address(
                name="Ada Whitlock", street="18 Alder Lane", city="Portland", postal_code="97205", country="US"
            ),
            "sku": sku,
            "quantity": quantity,
            "unit_price": Decimal("24.90"),
            "currency": "USD",
            "shipping_charge": Decimal("6.90"),
            "payment_method": "pm_card_7",
        }
        order = Order(**(plain | changes))
        await start_backorder(self.temporal, order)
        return order

    async def until(self, backorder_id: str, holds: Callable[[BackorderPosition], object]) -> BackorderPosition:
        """Wait until a backorder stands as wanted."""

        async def look() -> BackorderPosition | None:
            try:
                position = await backorders.position(self.ledger, backorder_id)
            except NotFound:
                return None
            return position if holds(position) else None

        return await eventually(look, f"{backorder_id} does not come to stand as wanted")

    async def placed(self, backorder_id: str) -> str:
        """Have the purchase order of a backorder sent at once; its number."""
        claim = (await self.until(backorder_id, lambda p: p.claims)).claims[0]
        purchase_order = self.temporal.get_workflow_handle(purchase_order_contract.workflow_id(claim.po_number))

        async def released() -> object:
            try:
                return await purchase_order.execute_update(purchase_order_contract.RELEASE_NOW) or True
            except RPCError as not_started_yet:
                if not_started_yet.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return None

        await eventually(released, f"{claim.po_number} is not started")

        async def supplier_has_it() -> str | None:
            orders = (await self.outside.supplier(claim.supplier_id).books()).orders
            return next((order.po_number for order in orders if order.po_number == claim.po_number), None)

        return await eventually(supplier_has_it, f"{claim.po_number} does not reach {claim.supplier_id}")

    async def supplier_found(self) -> None:
        """Load the whole catalogue, with a supplier for everything."""
        await catalogue.load_catalogue(self.ledger, self.catalogue, at=datetime.now(UTC))


async def eventually(look: Callable[[], Awaitable[Found | None]], otherwise: str) -> Found:
    """Look again and again until something is found."""
    try:
        async with asyncio.timeout(PATIENCE):
            while (found := await look()) is None:  # noqa: ASYNC110 - other processes change what is looked at
                await asyncio.sleep(0.1)
            return found
    except TimeoutError:
        raise AssertionError(otherwise) from None


def _collecting_until_released(content: Catalogue) -> Catalogue:
    """The demo's orders leave within a minute; an operator in a slow browser must be able to hold one."""
    passed = datetime.now(UTC) - timedelta(hours=1)
    later = {
        "cut_off": CutOff(times=(passed.time().replace(microsecond=0),), weekdays=tuple(range(7))),
        "collect_at_most": timedelta(days=1),
    }
    return content.model_copy(update={"suppliers": tuple(one.model_copy(update=later) for one in content.suppliers)})


@asynccontextmanager
async def open_desk(folder: Path, free_port: Callable[[], int]) -> AsyncIterator[Desk]:
    """Start everything, and stop it at the end of the block."""
    settings = on_free_ports(folder, free_port)
    whole = _collecting_until_released(read_catalogue(ROOT / "examples" / "catalogue.json"))
    sold = tuple(one for one in whole.supplier_items if one.sku != WITHOUT_SUPPLIER)
    stack = Stack(settings, whole, {supplier.supplier_id: AS_TOLD for supplier in whole.suppliers})
    where = outside_of(settings)
    async with AsyncExitStack() as end:
        end.enter_context(sole_owner(stack.folder))
        supervisor = Supervisor(stack.folder, stack.parts, print)
        end.push_async_callback(supervisor.stop)
        await supervisor.start()
        ledger = await end.enter_async_context(await Ledger.open(stack.ledger_dsn, size=2))
        await catalogue.load_catalogue(ledger, whole.model_copy(update={"supplier_items": sold}), at=datetime.now(UTC))
        outside = await end.enter_async_context(World(where))
        await outside.carrier.set_pace(None)
        yield Desk(
            ui=f"http://127.0.0.1:{settings.ui_port}",
            outside=outside,
            ledger=ledger,
            temporal=await Client.connect(
                f"127.0.0.1:{settings.temporal_port}",
                data_converter=data_converter(KeyRing.read(stack.environment["PROMISEKEEPER_PAYLOAD_KEYS"])),
            ),
            catalogue=whole,
        )
