"""The columns of an order CSV: their flat names, what they mean, and where each stands in `domain.orders.Order`."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Column(NamedTuple):
    """One column of the file."""

    name: str
    path: tuple[str, ...]
    """The field of `Order` it fills."""
    required: bool
    meaning: str
    complaint: Callable[[str], str | None] | None = None
    """What is wrong with a cell, where the model's own words would not say what to write instead."""


def _number(cell: str) -> str | None:
    if "," in cell:
        return "write numbers with a decimal point and no thousands separator, such as 1250.50"
    return None


def _day(cell: str) -> str | None:
    return None if re.fullmatch(r"\d{4}-\d{2}-\d{2}", cell) else "write days as year-month-day, such as 2026-12-24"


def _instant(cell: str) -> str | None:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})", cell):
        return None
    return "write instants with their offset from UTC, such as 2026-11-21T14:05:00-05:00"


_ID = "1 to 80 letters, digits and . _ : -"

COLUMNS: tuple[Column, ...] = (
    Column("backorder_id", ("backorder_id",), True, f"your key of this order line; {_ID}"),
    Column("sales_order", ("sales_order",), True, f"the sales order it belongs to; {_ID}"),
    Column("line", ("line",), False, "the line number in that sales order, from 1; 1 if empty", _number),
    Column("customer_id", ("customer", "customer_id"), True, f"your key of the customer; {_ID}"),
    Column("customer_name", ("customer", "name"), True, "who is addressed in mails"),
    Column("email", ("customer", "email"), True, "where mails go; one plain address"),
    Column("ship_to_name", ("ship_to", "name"), True, "the name on the parcel"),
    Column("street", ("ship_to", "street"), True, "street, number and what else finds the door, in one line"),
    Column("city", ("ship_to", "city"), True, "city"),
    Column("region", ("ship_to", "region"), False, "state or province"),
    Column("postal_code", ("ship_to", "postal_code"), True, "postal code, with its leading zeros"),
    Column("country", ("ship_to", "country"), True, "two capital letters (ISO 3166), such as US"),
    Column(
        "zone",
        ("ship_to", "zone"),
        False,
        "time zone of the address, in which legal dates are judged; an IANA name, America/New_York if empty",
    ),
    Column("sku", ("sku",), True, f"the item, as in the catalogue; {_ID}"),
    Column("quantity", ("quantity",), True, "units, a whole number from 1", _number),
    Column(
        "unit_price",
        ("unit_price",),
        True,
        "what the customer pays for a unit, such as 12.50",
        _number,
    ),
    Column("currency", ("currency",), True, "USD, EUR, GBP, CAD or JPY"),
    Column(
        "shipping_charge",
        ("shipping_charge",),
        False,
        "what the customer pays for shipping the whole line; 0 if empty",
        _number,
    ),
    Column("payment_method", ("payment_method",), True, f"the payment provider's token of the saved method; {_ID}"),
    Column(
        "partial_shipment",
        ("partial_shipment",),
        False,
        "yes or no: may a part be shipped before the rest is here? no if empty",
    ),
    Column(
        "promised_by",
        ("promised_by",),
        False,
        "the ship-by day told to the customer at order, such as 2026-12-24; if empty, the law's own default holds",
        _day,
    ),
    Column(
        "ordered_at",
        ("ordered_at",),
        False,
        "when the order was complete, with its offset from UTC; the time of arrival if empty",
        _instant,
    ),
    Column("priority", ("priority",), False, "1 (served first) to 9; 5 if empty", _number),
)

BY_NAME: Mapping[str, Column] = {column.name: column for column in COLUMNS}

BY_PATH: Mapping[tuple[str, ...], Column] = {column.path: column for column in COLUMNS}
