"""`promisekeeper schema` and `promisekeeper openapi`: what upstream systems, suppliers and files have to look like."""

import json
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from cli.order_columns import COLUMNS
from cli.terminal import console, plain, table
from domain.catalogue import Catalogue
from domain.orders import Order
from domain.supplier_events import Received, supplier_event
from workflows import backorder_contract, purchase_order_contract

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Described(StrEnum):
    """What has a schema."""

    ORDER = "order"
    """One order line: the input of the `Backorder` workflow, a line of JSON Lines, an element of a JSON file."""
    ORDER_CSV = "order-csv"
    """The columns of a CSV of orders; a table, no JSON Schema."""
    CATALOGUE = "catalogue"
    SUPPLIER_EVENT = "supplier-event"
    """What a supplier says, as the `http` connector takes it."""
    CANCEL = "cancel"
    """The argument of a backorder's `cancel` update; the next ones likewise."""
    ANSWER_DELAY = "answer-delay"
    RESOLVE = "resolve"
    HOLD = "hold"
    RESOLVE_PURCHASE_ORDER = "resolve-purchase-order"
    RECEIPT = "receipt"
    """The argument of the signal `receipt`; a purchase order fills its own number in."""


_TYPES: dict[Described, TypeAdapter[Any]] = {
    Described.ORDER: TypeAdapter(Order),
    Described.CATALOGUE: TypeAdapter(Catalogue),
    Described.SUPPLIER_EVENT: supplier_event,
    Described.CANCEL: TypeAdapter(backorder_contract.CancelRequest),
    Described.ANSWER_DELAY: TypeAdapter(backorder_contract.DelayAnswer),
    Described.RESOLVE: TypeAdapter(backorder_contract.Resolve),
    Described.HOLD: TypeAdapter(purchase_order_contract.Hold),
    Described.RESOLVE_PURCHASE_ORDER: TypeAdapter(purchase_order_contract.Resolve),
    Described.RECEIPT: TypeAdapter(Received),
}


def schema(what: Described, /) -> int:
    """Print the JSON Schema of what comes in; for `order-csv`, the table of its columns.

    Args:
        what: `order` is a line of orders, `catalogue` a catalogue file; the others are messages to workflows.
    """
    if what is Described.ORDER_CSV:
        _columns()
    else:
        print(json.dumps(schema_of(what), ensure_ascii=False, indent=2))
    return 0


def schema_of(what: Described) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what is accepted."""
    return {"$schema": DIALECT} | _TYPES[what].json_schema(mode="validation")


def openapi() -> int:
    """Print the OpenAPI description of the gateway."""
    from gateway.app import create_app  # noqa: PLC0415 - only this command needs a web framework

    print(json.dumps(create_app().openapi(), ensure_ascii=False, indent=2))
    return 0


def _columns() -> None:
    drawn = table("Column", "Must", "Meaning")
    for column in COLUMNS:
        drawn.add_row(plain(column.name), plain("yes" if column.required else ""), plain(column.meaning))
    console().print(drawn)
