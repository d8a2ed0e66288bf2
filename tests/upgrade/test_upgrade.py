"""Backorders that the previous release accepted are finished by this one."""

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from activities.sealing import KeyRing, data_converter
from cli.catalogue import read_catalogue
from cli.order_files import OrderFormat
from devstack.ownership import sole_owner
from devstack.processes import Supervisor
from devstack.settings import StackSettings
from devstack.stack import Habits, Stack
from domain.orders import Order
from ledger import backorders
from ledger.audit import audit
from ledger.book import Ledger
from tests.cli.sample_orders import read_orders
from tests.patience import PATIENCE
from tests.whole_stack import on_free_ports
from workflows import backorder_contract
from workflows.starting import start_backorder

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

PREVIOUS = "dd274de44aceac6d1f0b83685fcd3588b104a2dd"
"""The commit of release 0.2.0. By its name and not by its tag, which not every clone has."""


@pytest.fixture
def previous_code(tmp_path: Path) -> Path:
    """The source of the previous release."""
    archive = subprocess.run(["git", "archive", PREVIOUS], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        why = f"this clone does not reach back to {PREVIOUS} (git fetch --unshallow): {archive.stderr.decode().strip()}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    folder = tmp_path / "previous"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def test_the_previous_release_is_the_one_before_this_in_the_changelog(previous_code: Path) -> None:
    releases = re.findall(r"^## \[(\d.*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert tomllib.loads((previous_code / "pyproject.toml").read_text())["project"]["version"] == releases[1]


async def test_what_the_previous_release_began_this_one_finishes(
    folder: Path, previous_code: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    orders = [order for _, order in read_orders(EXAMPLES / "orders.csv", OrderFormat.CSV)[0]]
    began, after = orders[:8], orders[8]
    settings = on_free_ports(folder / "world", unused_tcp_port_factory)
    await asyncio.to_thread(_run_previous, previous_code, folder, settings, began)

    habits = TypeAdapter(dict[str, Habits]).validate_json((EXAMPLES / "simulated_suppliers.json").read_bytes())
    stack = Stack(settings, read_catalogue(EXAMPLES / "catalogue.json"), habits)
    with sole_owner(stack.folder):
        supervisor = Supervisor(stack.folder, stack.parts, print)
        try:
            await supervisor.start()
            await _finished_by_this_one(stack, began, after)
        finally:
            await supervisor.stop()


def _run_previous(code: Path, folder: Path, settings: StackSettings, orders: list[Order]) -> None:
    (folder / "settings.json").write_text(settings.model_dump_json())
    (folder / "orders.json").write_bytes(TypeAdapter(list[Order]).dump_json(orders))
    script = Path(__file__).with_name("previous_release.py")
    done = subprocess.run(
        [sys.executable, str(script), str(folder / "settings.json"), str(folder / "orders.json")],
        cwd=code,
        env={**os.environ, "PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def _finished_by_this_one(stack: Stack, began: list[Order], after: Order) -> None:
    keys = KeyRing.read(stack.environment["PROMISEKEEPER_PAYLOAD_KEYS"])
    client = await Client.connect(f"127.0.0.1:{stack.settings.temporal_port}", data_converter=data_converter(keys))
    async with await Ledger.open(stack.ledger_dsn, size=2) as ledger:
        open_before = [o for o in began if (await backorders.position(ledger, o.backorder_id)).closed_at is None]
        assert open_before
        await start_backorder(client, after)
        await asyncio.gather(*(_ended(client, order) for order in (*open_before, after)))
        assert await audit(ledger) == []
    for order in (*began, after):
        described = await client.get_workflow_handle(backorder_contract.workflow_id(order.backorder_id)).describe()
        assert described.status is WorkflowExecutionStatus.COMPLETED, (order.backorder_id, described.status)


async def _ended(client: Client, order: Order) -> None:
    """Wait; what waits for a person is cancelled after a while, by the new code's own door."""
    handle = client.get_workflow_handle(backorder_contract.workflow_id(order.backorder_id))
    try:
        async with asyncio.timeout(40):
            await handle.result()
    except TimeoutError:
        async with asyncio.timeout(PATIENCE):
            with suppress(RPCError):  # it ended meanwhile
                await handle.execute_update(backorder_contract.CANCEL, backorder_contract.CancelRequest())
            await handle.result()
