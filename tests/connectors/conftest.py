"""A fresh outside world for each test, on free ports, and connectors that talk to it over real sockets."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr

from connectors.fulfilment.http import HttpCarrier
from connectors.payments.http import HttpPayments
from connectors.suppliers.http import HttpConnector
from connectors.suppliers.interface import Cancel, Change, Envelope, Inward, OrderLine, Place, WireIds
from connectors.suppliers.interface import Request as Asked
from devstack.simulators.running import running_simulators
from devstack.simulators.serving import listening, served
from devstack.simulators.settings import SupplierSettings, WorldSettings
from devstack.simulators.world import World
from tests.connectors.gateway_door import Gateway

SECRET = "whsec_YWNtZSBzaWducyB3aXRoIHRoaXM="


@pytest.fixture
def acme() -> SupplierSettings:
    return SupplierSettings(supplier_id="acme", api_key="acme-key", webhook_secret=SECRET)


@pytest.fixture
async def world(tmp_path: Path, acme: SupplierSettings) -> AsyncIterator[World]:
    async with running_simulators(tmp_path / "world", suppliers=[acme]) as running:
        yield running


@pytest.fixture
async def connect(world: World) -> AsyncIterator[Callable[..., HttpConnector]]:
    """Builds connectors to acme; settings can be overridden."""
    async with AsyncExitStack() as stack:

        def build(**overridden: object) -> HttpConnector:
            config: dict[str, object] = {
                "base_url": world.supplier("acme").base_url,
                "api_key": "acme-key",
                "webhook_secret": SECRET,
                "timeout_seconds": 5,
            }
            connector = HttpConnector("acme", config | overridden)
            stack.push_async_callback(connector.aclose)
            return connector

        yield build


@pytest.fixture
def connector(connect: Callable[..., HttpConnector]) -> HttpConnector:
    return connect()


@pytest.fixture
async def payments(world: World) -> AsyncIterator[HttpPayments]:
    provider = HttpPayments(world.addresses.payment_url, SecretStr("sim-payment-key"), timeout_seconds=5)
    yield provider
    await provider.aclose()


@pytest.fixture
async def carrier(world: World) -> AsyncIterator[HttpCarrier]:
    secret = SecretStr(WorldSettings().carrier_webhook_secret)
    door = HttpCarrier(world.addresses.carrier_url, SecretStr("sim-carrier-key"), secret, timeout_seconds=5)
    yield door
    await door.aclose()


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port nobody listens on: bound for as long as the test runs, but never listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    kept = Gateway()
    app = FastAPI(openapi_url=None)

    @app.post("/{path:path}")
    async def take(path: str, request: Request) -> Response:
        kept.received.append(Inward(body=await request.body(), headers=dict(request.headers)))
        kept.paths.append(f"/{path}")
        return Response(status_code=kept.answers.pop(0) if kept.answers else 204)

    async with served(app, listening("127.0.0.1", 0, "gateway")) as url:
        kept.url = url
        yield kept


LINES = (
    OrderLine(line_no=1, sku="MUG", supplier_sku="A-77", description="Mug", quantity=10, unit_price=Decimal("3.125")),
    OrderLine(line_no=2, sku="BOWL", supplier_sku="A-78", description="Bowl", quantity=4, unit_price=Decimal(7)),
)


@pytest.fixture
def purchase_order() -> Place:
    return Place(
        po_number="PO-1", supplier_id="acme", currency="USD", terms="net30", ordered_on=date(2026, 12, 1), lines=LINES
    )


@pytest.fixture
def placed(connector: HttpConnector, purchase_order: Place) -> Envelope:
    return connector.render(purchase_order, WireIds(operation_id="po/PO-1/place"))


@pytest.fixture
def reduced() -> Asked:
    return Change(
        po_number="PO-1", supplier_id="acme", revision=1, lines=(LINES[0].model_copy(update={"quantity": 7}),)
    )


@pytest.fixture
def withdrawn() -> Asked:
    return Cancel(po_number="PO-1", supplier_id="acme", revision=1, reason="the customer changed their mind")
