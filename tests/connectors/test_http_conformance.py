"""Our `http` connector against the conformance kit, with a simulated supplier on a real socket as its far side."""

import itertools
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import ClassVar

import pytest

from connectors.suppliers.http import HttpConnector
from connectors.suppliers.interface import Envelope, Inward
from connectors.testing import ConnectorSuite, Fault, Flaw, HeldOrder, Peer, Seen, SeenLine
from devstack.simulators.courier import signature
from devstack.simulators.records import BookedOrder
from devstack.simulators.running import running_simulators
from devstack.simulators.settings import SupplierSettings
from devstack.simulators.supplier_wire import CancelBody, ChangeBody, OrderBody
from devstack.simulators.world import SupplierCommand, World
from domain.supplier_events import SupplierEvent

SECRET, OTHER_SECRET = "whsec_YWNtZSBzaWducyB3aXRoIHRoaXM=", "whsec_c29tZWJvZHkgZWxzZQ=="

FAULTS = {
    Fault.UNREACHED: "reset",
    Fault.BROKEN: "500",
    Fault.UNANSWERED: "drop_response",
    Fault.SLOW: "slow",
    Fault.BUSY: "429",
    Fault.REFUSED: "422",
}


class SimulatedSupplier(Peer):
    """A supplier who follows the profile, reads with models of its own, and signs what it says."""

    supplier_id = "acme"

    def __init__(self, supplier: SupplierCommand) -> None:
        self._supplier = supplier
        self._numbers = itertools.count(1)
        self.settings = {"base_url": supplier.base_url, "api_key": "acme-key", "webhook_secret": SECRET}
        self.wrong_settings = {**self.settings, "api_key": "no-key-of-acme"}
        self.hasty_settings = {**self.settings, "timeout_seconds": 0.5}

    def read(self, envelope: Envelope) -> Seen:
        model = {"place": OrderBody, "change": ChangeBody, "cancel": CancelBody}[envelope.kind]
        body = model.model_validate_json(envelope.body)
        return Seen(
            kind=envelope.kind,
            po_number=body.po_number,
            lines=() if isinstance(body, CancelBody) else tuple(_line(line.model_dump()) for line in body.lines),
        )

    async def received(self) -> list[HeldOrder]:
        for order in (await self._supplier.books()).orders:
            await self._supplier.advance("answer", order.po_number)  # only then is a change in its books
        return [_held(order) for order in (await self._supplier.books()).orders]

    async def fail(self, fault: Fault, seconds: float = 0) -> None:
        on = "any" if fault is Fault.UNREACHED else "write"
        await self._supplier.fail_next(FAULTS[fault], on=on, seconds=1.5 if fault is Fault.SLOW else seconds)

    def write(self, *events: SupplierEvent, flaw: Flaw | None = None) -> Inward:
        body = f'{{"events": [{",".join(event.model_dump_json() for event in events)}]}}'.encode()
        webhook_id, at = f"msg_{next(self._numbers)}", int(time.time()) - (3600 if flaw is Flaw.AGE else 0)
        signed = signature(OTHER_SECRET if flaw in ANOTHERS else SECRET, webhook_id, at, body)
        return Inward(
            body=body,
            headers={"webhook-id": webhook_id, "webhook-timestamp": str(at), "webhook-signature": signed},
        )


ANOTHERS = {Flaw.SIGNATURE, Flaw.SENDER, Flaw.RECEIVER}
"""By whom and for whom a webhook is, is known by its secret alone: each supplier of each shop has its own."""


def _line(line: Mapping[str, object]) -> SeenLine:
    return SeenLine.model_validate({**line, "unit_price": Decimal(str(line["unit_price"]))})


def _held(order: BookedOrder) -> HeldOrder:
    lines = tuple(_line(line.model_dump() | {"quantity": line.ordered}) for line in order.lines)
    return HeldOrder(po_number=order.po_number, lines=lines, cancelled=order.state == "cancelled")


@pytest.fixture(scope="module")
async def one_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Each test has a supplier of its own in it."""
    async with running_simulators(tmp_path_factory.mktemp("world")) as world:
        yield world


class TestHttp(ConnectorSuite):
    denies: ClassVar = MappingProxyType(
        {"samples": "this profile is our own; nobody else has published documents of it"}
    )

    @pytest.fixture
    async def peer(self, one_world: World) -> SimulatedSupplier:
        settings = SupplierSettings(supplier_id=uuid.uuid4().hex, api_key="acme-key", webhook_secret=SECRET)
        return SimulatedSupplier(await one_world.add_supplier(settings))

    @pytest.fixture
    async def connector(self, peer: SimulatedSupplier) -> AsyncIterator[HttpConnector]:
        connector = HttpConnector(peer.supplier_id, peer.settings)
        yield connector
        await connector.aclose()
