"""The orders of examples/, all of them, several at a time, through the ledger alone."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli.catalogue import read_catalogue
from cli.order_files import OrderFormat
from domain.orders import Order
from ledger import backorders, catalogue, sourcing
from ledger.audit import audit
from ledger.book import Ledger
from tests.cli.sample_orders import read_orders

EXAMPLES = Path(__file__).parents[2] / "examples"
MONDAY_MORNING = datetime(2026, 11, 23, 9, tzinfo=UTC)
AT_ONCE = 20


async def test_all_sample_orders_find_supply_twenty_at_a_time(ledger: Ledger) -> None:
    await catalogue.load_catalogue(ledger, read_catalogue(EXAMPLES / "catalogue.json"), at=MONDAY_MORNING)
    orders, bad = read_orders(EXAMPLES / "orders.csv", OrderFormat.CSV)
    assert (len(orders) >= 190, bad) == (True, [])
    turn = asyncio.Semaphore(AT_ONCE)

    async def enter(order: Order) -> int:
        key = f"backorder/{order.backorder_id}"
        legal_deadline = MONDAY_MORNING + timedelta(days=30)
        async with turn:
            await backorders.accept(
                ledger, order, key=f"{key}/accept", at=MONDAY_MORNING, legal_deadline=legal_deadline
            )
            position = await sourcing.source(ledger, order.backorder_id, key=f"{key}/source", at=MONDAY_MORNING)
        assert position.unsourced + position.claimed + position.allocated == order.quantity
        return position.unsourced

    unsourced = await asyncio.gather(*(enter(order) for _, order in orders))
    assert sum(units > 0 for units in unsourced) <= 3  # only what no supplier sells any more
    assert await audit(ledger) == []
