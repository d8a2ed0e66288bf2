"""Whom to buy from: which suppliers may be asked for an item, best first. Claims are written by the ledger."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from urllib.parse import quote

from domain.catalogue import Supplier, SupplierItem, SupplierStatus
from domain.purchasing import quantity_to_order, unit_price
from domain.values import Frozen, Quantity

REFERENCE_RATES: Mapping[str, Decimal] = MappingProxyType(
    {
        "USD": Decimal("1"),
        "EUR": Decimal("1.10"),
        "GBP": Decimal("1.30"),
        "CAD": Decimal("0.72"),
        "JPY": Decimal("0.0067"),
    }
)
"""What one unit of a currency is worth in US dollars, roughly. Only to compare suppliers' prices when ranking them:
no amount of money that anyone pays, is charged or gets back is ever computed with these. Invented round figures."""

_STANDING = {SupplierStatus.TRUSTED: 0, SupplierStatus.PROBATION: 1}
"""Who may get new orders, and who is asked first. Suspended and abandoned suppliers are not in it."""


class Candidate(Frozen):
    """A supplier that lists the item."""

    supplier: Supplier
    item: SupplierItem
    collecting_quantity: Quantity = 0
    """Stock units already claimed on this item's line of the supplier's collecting PO with the same merge key."""


def merge_key(supplier: Supplier, ship_to: str = "main") -> str:
    """What two claims must share to stand on one PO: supplier, place of delivery, currency and payment terms.

    Args:
        supplier: whose terms they are.
        ship_to: our warehouse, or the address of a drop shipment.
    """
    parts = (supplier.supplier_id, ship_to, supplier.currency, supplier.terms)
    # Quoted, because terms are free text: a slash in them must not make two keys look like one.
    return "/".join(quote(part, safe=" ") for part in parts)


def rank(
    candidates: Sequence[Candidate], needed: int, on: date, rates: Mapping[str, Decimal] = REFERENCE_RATES
) -> list[Candidate]:
    """The candidates that may be ordered from, best first; the order of the input does not matter.

    Trusted suppliers come before those on probation; then the lower unit price at the break that the merged line
    would reach; then the shorter quoted lead time; then the supplier's id. The catalogue knows no freight or duty
    yet, so the price is the supplier's alone.

    Args:
        candidates: suppliers that list the item.
        needed: stock units to claim on top of what is already collecting.
        on: the day of the order, which must lie in the entry's validity (both ends included).
        rates: US dollars for one unit of each currency.

    Raises:
        ValueError: a supplier's currency has no rate.
    """

    def place(candidate: Candidate) -> tuple[int, Decimal, timedelta, str]:
        supplier, item = candidate.supplier, candidate.item
        rate = rates.get(supplier.currency)
        if rate is None:
            raise ValueError(f"no reference rate for {supplier.currency}; add one before ranking its suppliers")
        line = quantity_to_order(candidate.collecting_quantity + needed, item)
        return _STANDING[supplier.status], unit_price(line, item) * rate, item.lead_time, supplier.supplier_id

    return sorted((c for c in candidates if c.supplier.status in _STANDING and _valid(c.item, on)), key=place)


def _valid(item: SupplierItem, on: date) -> bool:
    return (item.valid_from is None or item.valid_from <= on) and (item.valid_to is None or on <= item.valid_to)
