"""Papyrus, a supplier who exchanges CSV files in two folders, played by the test."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from temporalio.service import RPCError

from domain.catalogue import Catalogue, CutOff, Item, PriceBreak, Supplier, SupplierItem
from domain.names import mailbox_workflow_id
from ledger import catalogue
from tests.workflows.shop import Shop, eventually


@dataclass
class Folders:
    """What a supplier who reads and writes files sees."""

    shop: Shop
    home: Path

    @property
    def supplier_id(self) -> str:
        """Its mailbox is a workflow of that name, and the tests share one Temporal namespace."""
        return f"papyrus-{self.shop.run}"

    @property
    def orders(self) -> Path:
        return self.home / "orders"

    @property
    def answers(self) -> Path:
        return self.home / "answers"

    async def deal(self, *, adds: bool = False, **config: Any) -> None:
        """Have the shop buy books and pens of Papyrus, by CSV files in these folders."""
        for folder in (self.orders, self.answers):
            folder.mkdir(parents=True, exist_ok=True)
        supplier = Supplier(
            supplier_id=self.supplier_id,
            name="Papyrus",
            currency="USD",
            connector="csv",
            connector_config={
                "partner": config,
                "transport": {
                    "kind": "folder",
                    "outbox": str(self.orders),
                    "inbox": str(self.answers),
                    "settle_seconds": 0,
                },
            },
            fetch_every=timedelta(seconds=1),
            add_to_open_orders=adds,
            cut_off=CutOff(times=(time(0, 1),), weekdays=tuple(range(7))),
        )
        items = (Item(sku="BOOK", name="Book"), Item(sku="PEN", name="Pen"))
        sold = tuple(
            SupplierItem(
                supplier_id=self.supplier_id,
                sku=item.sku,
                supplier_sku=f"P-{item.sku}",
                price_breaks=(PriceBreak(from_quantity=1, unit_price=Decimal(7)),),
            )
            for item in items
        )
        whole = Catalogue(suppliers=(supplier,), items=items, supplier_items=sold)
        await catalogue.load_catalogue(self.shop.world.ledger, whole, at=datetime.now(UTC))

    async def written(self, name: str) -> list[dict[str, str]]:
        """The rows of a file for the supplier, once it is there."""

        async def look() -> list[dict[str, str]] | None:
            file = self.orders / name
            return list(csv.DictReader(io.StringIO(file.read_text()))) if file.exists() else None

        async def there() -> list[str]:
            return [file.name for file in self.orders.iterdir()]

        found: list[dict[str, str]] = await eventually(look, there)
        return found

    def answer(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """Leave a file for the shop."""
        rows = list(rows)
        text = io.StringIO()
        table = csv.DictWriter(text, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)
        (self.answers / f"{name}.tmp").write_text(text.getvalue())
        (self.answers / f"{name}.tmp").rename(self.answers / name)

    @property
    def mailbox(self) -> Any:
        return self.shop.client.get_workflow_handle(mailbox_workflow_id(self.supplier_id))

    async def mailbox_until(self, holds: Any) -> dict[str, Any]:
        async def standing() -> Any:
            try:
                return await self.mailbox.query("standing")
            except RPCError as not_yet:
                return {"position": None, "trouble": None, "looked_at": None, "why": str(not_yet)}

        async def look() -> Any:
            found = await standing()
            return found if holds(found) else None

        found: dict[str, Any] = await eventually(look, standing)
        return found
