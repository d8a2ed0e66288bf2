"""What the previous release does before it is replaced. Run by its own code, so only what it had is used here.

    python previous_release.py SETTINGS ORDERS

SETTINGS is the world's `StackSettings`, ORDERS a list of orders, both as JSON files. Starts the world, gives it
the orders one after another, and stops it in the middle of them all.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from cli.catalogue import read_catalogue
from devstack.ownership import sole_owner
from devstack.processes import Supervisor
from devstack.settings import StackSettings
from devstack.stack import Habits, Stack
from domain.backorder_position import Status
from domain.orders import Order
from ledger import backorders, catalogue
from ledger.book import Ledger
from workflows.starting import start_backorder

EXAMPLES = Path("examples")

FAR_ON = {Status.SHIPPING, Status.IN_TRANSIT, Status.CLOSED}
NOT_YET = {Status.ACCEPTED, Status.SOURCING, Status.ON_ORDER, Status.CONFIRMED}


async def main(settings: StackSettings, orders: list[Order]) -> None:
    """Give the orders a head start of different lengths."""
    habits = TypeAdapter(dict[str, Habits]).validate_json((EXAMPLES / "simulated_suppliers.json").read_bytes())
    stack = Stack(settings, read_catalogue(EXAMPLES / "catalogue.json"), habits)
    with sole_owner(stack.folder):
        supervisor = Supervisor(stack.folder, stack.parts, print)
        try:
            await supervisor.start()
            await run_up_to_the_middle(stack, settings, orders)
        finally:
            await supervisor.stop()


async def run_up_to_the_middle(stack: Stack, settings: StackSettings, orders: list[Order]) -> None:
    """Stop when some are nearly through, while others have hardly begun."""
    address = f"127.0.0.1:{settings.temporal_port}"
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    ledger = await Ledger.open(stack.ledger_dsn, size=2)
    try:
        await catalogue.load_catalogue(ledger, read_catalogue(EXAMPLES / "catalogue.json"), at=datetime.now(UTC))
        early, late = orders[: len(orders) // 2], orders[len(orders) // 2 :]
        for order in early:
            await start_backorder(client, order)
        while FAR_ON.isdisjoint(await statuses(ledger, early)):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.5)
        for order in late:
            await start_backorder(client, order)
        while len(found := await statuses(ledger, late)) < len(late) or NOT_YET.isdisjoint(found):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    finally:
        await ledger.close()


async def statuses(ledger: Ledger, orders: list[Order]) -> list[Status]:
    """Of those that are accepted."""
    ids = [order.backorder_id for order in orders]
    known = [one for one in ids if await backorders.fingerprint(ledger, one) is not None]
    return [(await backorders.position(ledger, one)).status for one in known]


if __name__ == "__main__":
    asyncio.run(
        main(
            StackSettings.model_validate_json(Path(sys.argv[1]).read_bytes()),
            TypeAdapter(list[Order]).validate_json(Path(sys.argv[2]).read_bytes()),
        )
    )
