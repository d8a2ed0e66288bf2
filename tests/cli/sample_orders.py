"""Files of orders for the command's tests."""

import csv
from collections.abc import Mapping
from pathlib import Path

from cli.order_files import BadLine, GoodLine, OrderFormat, each_line
from domain.orders import Order

EXAMPLES = Path(__file__).parents[2] / "examples"

ROW = {
    "backorder_id": "BO-1",
    "sales_order": "SO-1",
    "customer_id": "C-1",
    "customer_name": "Ada Whitlock",
    "email": "ada@example.com",
    "ship_to_name": "Ada Whitlock",
    "street": "18 Alder Lane",
    "city": "Portland",
    "postal_code": "97205",
    "country": "US",
    "sku": "MUG-BLUE",
    "quantity": "2",
    "unit_price": "7.90",
    "currency": "USD",
    "payment_method": "pm_card_1",
}
"""The least an order line needs."""


def order_csv(path: Path, *rows: Mapping[str, str]) -> Path:
    """A CSV of orders; each row says only what differs from ROW."""
    columns = list(dict.fromkeys([*ROW, *(name for row in rows for name in row)]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({**ROW, **row} for row in rows)
    return path


def read_orders(path: Path, file_format: OrderFormat) -> tuple[list[tuple[int, Order]], list[BadLine]]:
    """All of a file at once: the orders with their line numbers, and the lines that are none."""
    good: list[tuple[int, Order]] = []
    bad: list[BadLine] = []
    for line in each_line(path, file_format):
        if isinstance(line, GoodLine):
            good.append((line.line_no, line.order))
        else:
            bad.append(line)
    return good, bad
