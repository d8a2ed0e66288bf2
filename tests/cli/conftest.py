"""What the command's tests share: a catalogue in a fresh ledger, a Temporal server, and the command itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from activities.sealing import KeyRing, data_converter
from cli.catalogue import read_catalogue
from cli.main import run
from cli.order_files import OrderFormat
from domain.orders import Order
from ledger import backorders, sourcing
from ledger.book import Ledger
from ledger.catalogue import load_catalogue
from tests.cli.sample_orders import EXAMPLES, order_csv, read_orders
from workflows import backorder_contract

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
LONG = "BO-" + "x" * 77


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's shell and no `promisekeeper dev` of the folder reaches a test."""
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_PROFILE", "PROMISEKEEPER_LEDGER_DSN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-temporal.toml"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def ledger(nowhere: None, ledger_dsn: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ledger]:
    """An empty ledger, and the environment that leads a command to it."""
    monkeypatch.setenv("PROMISEKEEPER_LEDGER_DSN", ledger_dsn)
    async with await Ledger.open(ledger_dsn, size=2) as opened:
        yield opened


@pytest.fixture
async def stocked(ledger: Ledger) -> Ledger:
    """A ledger with the example catalogue."""
    await load_catalogue(ledger, read_catalogue(EXAMPLES / "catalogue.json"), at=datetime.now(UTC))
    return ledger


async def _accept(ledger: Ledger, path: Path, **row: str) -> Order:
    ((_, order),), _ = read_orders(order_csv(path, row), OrderFormat.CSV)
    key = f"backorder/{order.backorder_id}"
    await backorders.accept(ledger, order, key=f"{key}/accept", at=NOW, legal_deadline=NOW + timedelta(days=30))
    await sourcing.source(ledger, order.backorder_id, key=f"{key}/source/1", at=NOW)
    return order


@pytest.fixture
async def books(stocked: Ledger, tmp_path: Path) -> Ledger:
    """One on order, one allocated from stock, one with an id as long as ids may be and attention."""
    path = tmp_path / "orders.csv"
    await _accept(stocked, path, backorder_id="BO-1", quantity="3")
    await _accept(stocked, path, backorder_id="BO-2", sku="MUG-WHITE")
    await _accept(stocked, path, backorder_id=LONG, sku="RADIO-1962")
    await backorders.raise_attention(stocked, LONG, key="attention", at=NOW, what="No supplier is left [call one].")
    return stocked


@pytest.fixture(scope="session")
async def namespace(env: WorkflowEnvironment) -> str:
    """A namespace for orders that no worker takes up, so that other tests' workers do not find them."""
    name = "cli-tests"
    operator = env.client.operator_service
    await env.client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86_400))
    )
    types = {
        attribute: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
        for attribute, kind in backorder_contract.SEARCH_ATTRIBUTES.items()
        if kind == "Keyword"
    }
    await _once_known(
        lambda: operator.add_search_attributes(AddSearchAttributesRequest(namespace=name, search_attributes=types))
    )
    return name


async def _once_known(call: Callable[[], Awaitable[object]]) -> None:
    """The server takes a moment to know a new namespace everywhere."""
    while True:
        try:
            await call()
        except RPCError as unknown:
            if unknown.status is not RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.05)
        else:
            return


@pytest.fixture
async def temporal(nowhere: None, env: WorkflowEnvironment, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of a Temporal server without workers, and the environment that leads a command to the same place."""
    address = env.client.service_client.config.target_host
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", namespace)
    return await Client.connect(address, namespace=namespace, data_converter=data_converter(KeyRing()))


Command = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def promisekeeper(capsys: pytest.CaptureFixture[str]) -> Command:
    """Gives `await promisekeeper("submit", file)`: its exit code, and what it printed to stdout and stderr."""

    async def command(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(run, [str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return command
