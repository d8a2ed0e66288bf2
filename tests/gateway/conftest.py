"""One shop for all gateway tests, since its doors share nothing between orders; each test makes orders of its own."""

import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.testing import WorkflowEnvironment

from domain.catalogue import Catalogue, Item, PriceBreak, SupplierItem
from domain.orders import Order
from gateway.app import create_app
from gateway.connections import Connections
from ledger import catalogue
from tests.workflows.shop import Shop, open_shop

KEY = {"Authorization": "Bearer upstream-key"}


@pytest.fixture(scope="session")
async def shop(
    env: WorkflowEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
    new_ledger: Callable[[], AbstractContextManager[str]],
) -> AsyncIterator[Shop]:
    """A shop with its own ledger, outside world, gateway and worker."""
    folder: Path = tmp_path_factory.mktemp("shop")
    with new_ledger() as dsn:
        async with open_shop(env, folder, dsn, uuid.uuid4().hex[:12]) as open_for_business:
            yield open_for_business


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Numbers for orders; none comes twice."""
    return itertools.count(1)


@pytest.fixture
def number(numbers: Iterator[int]) -> int:
    """The number of this test's order, for the commands of `shop`."""
    return next(numbers)


@pytest.fixture
async def order(shop: Shop, number: int) -> Order:
    """This test's order: two of an item of its own, so that no other test's order ranks before it."""
    return shop.order_of(number, sku=await _item(shop, f"LAMP-{number}"))


@pytest.fixture
async def in_stock(shop: Shop, number: int) -> Order:
    """This test's order, of an item of its own that is in the house."""
    return shop.order_of(number, sku=await _item(shop, f"STOOL-{number}", on_hand=9), quantity=1)


@pytest.fixture
async def door(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """The gateway over a real socket, with the API key."""
    async with httpx.AsyncClient(base_url=shop.gateway_url, headers=KEY, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
async def unmanned(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """The gateway of a shop whose workers are all away, so that workflows start and then stand still."""
    async with gateway_of(shop, patience=0.3, task_queue=f"nobody-{uuid.uuid4().hex}") as client:
        yield client


@pytest.fixture
async def hurried(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """The gateway of the manned shop, but one that keeps nobody waiting for long."""
    async with gateway_of(shop, patience=4, task_queue=shop.task_queue) as client:
        yield client


async def _item(shop: Shop, sku: str, *, on_hand: int = 0) -> str:
    suppliers = tuple(await catalogue.suppliers(shop.world.ledger))
    sold = tuple(
        SupplierItem(
            supplier_id=supplier.supplier_id,
            sku=sku,
            supplier_sku=sku,
            price_breaks=(PriceBreak(from_quantity=1, unit_price=Decimal(price)),),
        )
        for supplier, price in zip(suppliers, ("20.00", "24.00"), strict=True)
    )
    item = Item(sku=sku, name="Desk lamp", on_hand=on_hand)
    more = Catalogue(suppliers=suppliers, items=(item,), supplier_items=sold)
    await catalogue.load_catalogue(shop.world.ledger, more, at=datetime.now(UTC))
    return sku


@asynccontextmanager
async def gateway_of(shop: Shop, *, patience: float, task_queue: str) -> AsyncIterator[httpx.AsyncClient]:
    world = replace(shop.world, settings=shop.world.settings.model_copy(update={"task_queue": task_queue}))

    @asynccontextmanager
    async def connections() -> AsyncIterator[Connections]:
        yield Connections(world=world, temporal=shop.client, patience=patience)

    app = create_app(connections)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop", headers=KEY) as client,
    ):
        yield client


def body_of(order: Order, **changes: Any) -> dict[str, Any]:
    """An order as JSON, with `changes` made to it."""
    return order.model_dump(mode="json") | changes


def problem_of(response: httpx.Response, name: str) -> dict[str, Any]:
    """The problem that a response is; fails if it is none, or another one."""
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"urn:promisekeeper:problem:{name}", problem
    assert problem["status"] == response.status_code
    return problem
