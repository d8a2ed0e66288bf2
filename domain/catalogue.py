"""Suppliers, items and what each supplier sells: the merchant's master data, as loaded from a catalogue file."""

from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from domain.values import Currency, Frozen, Id, PositiveQuantity, Price, Quantity, Sku


class SupplierStatus(StrEnum):
    """How far a supplier is trusted; suspended and abandoned ones get no new purchase orders."""

    TRUSTED = "trusted"
    PROBATION = "probation"
    SUSPENDED = "suspended"
    ABANDONED = "abandoned"


class CutOff(Frozen):
    """When a supplier takes orders: local times of day on working days; a PO collects until the next one."""

    zone: str = "UTC"
    """IANA time zone of `times`."""
    times: tuple[time, ...] = (time(17, 0),)
    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = (0, 1, 2, 3, 4)
    """Days orders are taken; Monday is 0."""


class Supplier(Frozen):
    """A supplier and the terms that purchase orders to it follow."""

    supplier_id: Id
    name: str
    status: SupplierStatus = SupplierStatus.TRUSTED
    currency: Currency
    connector: str = "http"
    """Entry-point name in the group `promisekeeper.connectors`."""
    connector_config: dict[str, Any] = Field(default_factory=dict)
    """What that connector's own Config model reads. A value `env:NAME` is read from the environment variable NAME."""
    terms: str = "net30"
    """Payment terms; a part of the merge key."""
    cut_off: CutOff = CutOff()
    collect_at_most: timedelta = timedelta(days=1)
    """The longest a PO collects shares, if no cut-off comes first."""
    threshold_quantity: PositiveQuantity | None = None
    """A PO is released early when its stock units reach this."""
    threshold_value: Price | None = None
    """A PO is released early when its value, in the supplier's currency, reaches this."""
    acknowledge_within: timedelta = timedelta(days=1)
    """How long after sending an acknowledgement may take before it is chased."""
    chase_every: timedelta = timedelta(days=1)
    chase_at_most: int = Field(default=2, ge=0, le=20)
    """Reminders before the order is withdrawn, or an operator is asked."""
    overdue_grace: timedelta = timedelta(days=1)
    """How long after the expected date goods may take before they count as overdue."""
    over_receipt_tolerance: Decimal = Field(default=Decimal("0.05"), ge=0, le=1)
    """The share of a line's open quantity that may arrive on top and is taken into stock; more is quarantined."""


class Item(Frozen):
    """Something the shop sells."""

    sku: Sku
    name: str
    on_hand: Quantity = 0
    """Accepted units in the warehouse when the catalogue is first loaded; later loads leave stock alone."""


class PriceBreak(Frozen):
    """From this quantity (stock units) on, the whole line costs this price per stock unit."""

    from_quantity: PositiveQuantity
    unit_price: Price


class SupplierItem(Frozen):
    """What a supplier sells an item for. Quantities are in stock units, prices per stock unit."""

    supplier_id: Id
    sku: Sku
    supplier_sku: str = Field(min_length=1, max_length=80)
    price_breaks: tuple[PriceBreak, ...] = Field(min_length=1)
    minimum_order: PositiveQuantity = 1
    """MOQ, in stock units, once per merged line."""
    order_multiple: PositiveQuantity = 1
    """Purchase units come in multiples of this."""
    unit_factor: PositiveQuantity = 1
    """Stock units in one purchase unit (a case of 12: 12)."""
    lead_time: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=3 * 365))] = timedelta(days=7)
    """Quoted, from the order to the goods here."""
    valid_from: date | None = None
    valid_to: date | None = None


class Catalogue(Frozen):
    """A whole catalogue file: suppliers, items, and who sells what."""

    suppliers: tuple[Supplier, ...]
    items: tuple[Item, ...]
    supplier_items: tuple[SupplierItem, ...]

    @model_validator(mode="after")
    def _refers_to_itself(self) -> Self:
        suppliers = {s.supplier_id for s in self.suppliers}
        skus = {i.sku for i in self.items}
        if len(suppliers) < len(self.suppliers):
            raise ValueError("two suppliers share a supplier_id; give each its own")
        if len(skus) < len(self.items):
            raise ValueError("two items share a sku; give each its own")
        pairs: set[tuple[str, str]] = set()
        for entry in self.supplier_items:
            if entry.supplier_id not in suppliers:
                raise ValueError(f"supplier_items names supplier {entry.supplier_id!r}, which is not under suppliers")
            if entry.sku not in skus:
                raise ValueError(f"supplier_items names sku {entry.sku!r}, which is not under items")
            if (entry.supplier_id, entry.sku) in pairs:
                raise ValueError(f"{entry.supplier_id!r} lists sku {entry.sku!r} twice; keep one entry")
            pairs.add((entry.supplier_id, entry.sku))
            starts = [b.from_quantity for b in entry.price_breaks]
            if starts[0] != 1 or starts != sorted(set(starts)):
                raise ValueError(f"price_breaks of {entry.sku!r} must start at 1 and rise")
        return self
