"""A small shop for the ledger's tests: two suppliers of lamps, one of bulbs in pairs, four shades in the house."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from domain.backorder_position import BackorderPosition
from domain.catalogue import Catalogue, CutOff, Item, PriceBreak, Supplier, SupplierItem
from domain.orders import Address, Customer, Order
from ledger import backorders, catalogue, purchase_orders, sourcing, unwinding
from ledger.audit import audit
from ledger.book import Ledger

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday
DEADLINE = datetime(2026, 12, 24, 5, 0, tzinfo=UTC)


def _offer(supplier_id: str, sku: str, price: str, **terms: Any) -> SupplierItem:
    breaks = (PriceBreak(from_quantity=1, unit_price=Decimal(price)),)
    return SupplierItem(
        **{
            "supplier_id": supplier_id,
            "sku": sku,
            "supplier_sku": f"{supplier_id}-{sku}",
            "price_breaks": breaks,
            **terms,
        }
    )


LAMP_BREAKS = (
    PriceBreak(from_quantity=1, unit_price=Decimal(10)),
    PriceBreak(from_quantity=10, unit_price=Decimal(9)),
)
CATALOGUE = Catalogue(
    suppliers=(
        Supplier(supplier_id="acme", name="Acme", currency="USD", cut_off=CutOff(times=(time(17, 0),))),
        Supplier(supplier_id="bolt", name="Bolt", currency="USD", threshold_quantity=20),
        Supplier(supplier_id="gone", name="Gone", currency="USD", status="abandoned"),
    ),
    items=(
        Item(sku="LAMP", name="Lamp"),
        Item(sku="BULB", name="Bulb"),
        Item(sku="RARE", name="Rare thing"),
        Item(sku="SHADE", name="Shade", on_hand=4),
    ),
    supplier_items=(
        _offer("acme", "LAMP", "10", price_breaks=LAMP_BREAKS, minimum_order=5, lead_time=timedelta(days=5)),
        _offer("bolt", "LAMP", "12", lead_time=timedelta(days=9)),
        _offer("acme", "BULB", "1", minimum_order=5, unit_factor=2),
        _offer("acme", "SHADE", "7"),
        _offer("gone", "RARE", "1"),
    ),
)


class Shop:
    """The ledger under test, and what tests do with it again and again. Keys are made up, each another."""

    def __init__(self, ledger: Ledger, dsn: str) -> None:
        self.ledger = ledger
        self.dsn = dsn
        self._keys = 0

    def key(self) -> str:
        self._keys += 1
        return f"test/{self._keys}"

    def order(self, backorder_id: str, sku: str = "LAMP", quantity: int = 1, **more: Any) -> Order:
        customer = Customer(customer_id=f"c-{backorder_id}", name="Ann Buyer", email="ann@example.com")
        ship_to = Address(name="Ann Buyer", street="1 Main St", city="Troy", postal_code="12180", country="US")
        basic = {"unit_price": Decimal(20), "currency": "USD", "shipping_charge": Decimal(5), "payment_method": "pm_1"}
        return Order(
            backorder_id=backorder_id,
            sales_order=f"so-{backorder_id}",
            customer=customer,
            ship_to=ship_to,
            sku=sku,
            quantity=quantity,
            **{**basic, **more},
        )

    async def accept(
        self, backorder_id: str, sku: str = "LAMP", quantity: int = 1, *, deadline: datetime = DEADLINE, **more: Any
    ) -> BackorderPosition:
        order = self.order(backorder_id, sku, quantity, **more)
        return await backorders.accept(self.ledger, order, key=self.key(), at=NOW, legal_deadline=deadline)

    async def source(self, backorder_id: str) -> BackorderPosition:
        return await sourcing.source(self.ledger, backorder_id, key=self.key(), at=NOW)

    async def sourced(self, backorder_id: str, sku: str = "LAMP", quantity: int = 1, **more: Any) -> BackorderPosition:
        await self.accept(backorder_id, sku, quantity, **more)
        return await self.source(backorder_id)

    async def position(self, backorder_id: str) -> BackorderPosition:
        return await backorders.position(self.ledger, backorder_id)

    async def cancel(self, backorder_id: str) -> BackorderPosition:
        await backorders.request_cancel(
            self.ledger,
            backorder_id,
            key=self.key(),
            at=NOW,
            by=backorders.CancelledBy.CUSTOMER,
            reason="changed my mind",
        )
        return await unwinding.release_supply(
            self.ledger, backorder_id, key=self.key(), at=NOW, refund_deadline=date(2026, 12, 3)
        )

    async def rows(self, query: str, *params: Any) -> list[dict[str, Any]]:
        """What a query says, past every function of ours."""
        async with await AsyncConnection.connect(self.dsn, row_factory=dict_row) as connection:
            return await (await connection.execute(query, params)).fetchall()  # type: ignore[arg-type]

    async def do(self, query: str, *params: Any) -> None:
        """Change the books by hand, as the world would."""
        async with await AsyncConnection.connect(self.dsn) as connection:
            await connection.execute(query, params)  # type: ignore[arg-type]

    async def balanced(self) -> None:
        """Every law of the books holds."""
        assert await audit(self.ledger) == []

    async def freeze(self, po_number: str) -> None:
        await purchase_orders.freeze(self.ledger, po_number, key=self.key(), at=NOW)

    async def stock(self, sku: str, units: int) -> None:
        """Goods appear in the house, unannounced."""
        await self.do(
            "update stock set on_hand = on_hand + %s, opening = opening + %s where sku = %s", units, units, sku
        )

    async def words(self, workflow_id: str) -> list[str]:
        """The words still owed to a workflow, oldest first."""
        query = "select word from announcement where workflow_id = %s and told_at is null order by announcement_id"
        return [row["word"] for row in await self.rows(query, workflow_id)]


@pytest.fixture
async def ledger(ledger_dsn: str) -> AsyncIterator[Ledger]:
    async with await Ledger.open(ledger_dsn) as opened:
        yield opened


@pytest.fixture
async def shop(ledger: Ledger, ledger_dsn: str) -> Shop:
    await catalogue.load_catalogue(ledger, CATALOGUE, at=NOW)
    return Shop(ledger, ledger_dsn)
