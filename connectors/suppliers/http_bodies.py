"""The bodies of the `http` profile: ours written, a supplier's read with suspicion. `http.py` says what they mean."""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, cast

from pydantic import AfterValidator, Field

from connectors.errors import Refused
from connectors.suppliers.interface import OrderLine
from connectors.words import LONGEST_NAME, Reference
from domain.supplier_events import SupplierEvent
from domain.values import Frozen


def _storable(event: SupplierEvent) -> SupplierEvent:
    """JSON and our models allow what no ledger can hold: NUL in text, numbers beyond reason, endless names."""
    for value in _values(event.model_dump()):
        if isinstance(value, str) and "\x00" in value:
            raise ValueError("holds a NUL character in a text")
        if isinstance(value, Decimal) and not _reasonable(value):
            raise ValueError(f"holds a number out of reason: {value}")
        if isinstance(value, int) and abs(value) > 2**31 - 1:
            raise ValueError(f"holds a number out of reason: {value}")
    for name in ("po_number", "shipment_id", "receipt_id", "supplier_order_no"):
        if len(getattr(event, name, None) or "") > LONGEST_NAME:
            raise ValueError(f"holds a {name} of more than {LONGEST_NAME} characters")
    return event


def _reasonable(number: Decimal) -> bool:
    exponent = number.normalize().as_tuple().exponent
    return number.is_finite() and 0 <= number < Decimal(10) ** 10 and isinstance(exponent, int) and exponent >= -6


def _values(data: object) -> Iterator[object]:
    match data:
        case Mapping():
            for value in cast("Mapping[str, object]", data).values():
                yield from _values(value)
        case list() | tuple():
            for value in cast("Iterable[object]", data):
                yield from _values(value)
        case _:
            yield data


Event = Annotated[SupplierEvent, AfterValidator(_storable)]


class Answer(Frozen):
    """The body of a 2xx."""

    reference: Reference | None = None
    events: tuple[Event, ...] = Field(default=(), max_length=1000)


class Webhook(Frozen):
    """The body of a webhook."""

    events: tuple[Event, ...] = Field(min_length=1, max_length=1000)


def written_lines(lines: tuple[OrderLine, ...]) -> list[dict[str, object]]:
    """The lines of an order or change. Raises: Refused (none, or one that no supplier could take)."""
    if not lines:
        raise Refused("an order or change without lines cannot be written")
    return [
        {
            "line_no": line.line_no,
            "sku": line.sku,
            "supplier_sku": line.supplier_sku,
            "description": line.description,
            "quantity": _writable_quantity(line),
            "unit_price": _writable_price(line),
            "wanted_on": line.wanted_on.isoformat() if line.wanted_on else None,
        }
        for line in lines
    ]


def _writable_quantity(line: OrderLine) -> int:
    if line.quantity < 0:
        raise Refused(f"line {line.line_no}: a quantity of {line.quantity} cannot be written")
    return line.quantity


def _writable_price(line: OrderLine) -> str:
    if not line.unit_price.is_finite() or line.unit_price < 0:
        raise Refused(f"line {line.line_no}: a price of {line.unit_price} cannot be written")
    return format(line.unit_price, "f")


def written(content: Mapping[str, object]) -> bytes:
    """The same content gives the same bytes, anywhere. Raises: Refused (text that is no Unicode)."""
    try:
        return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except UnicodeEncodeError as half:
        raise Refused(f"the text holds half a character (a lone surrogate) at position {half.start}") from half
