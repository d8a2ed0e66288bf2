"""What a catalogue file must be, and what its author is told when it is not."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.catalogue import Catalogue, Supplier, SupplierItem

ACME: dict[str, Any] = {"supplier_id": "acme", "name": "Acme", "currency": "USD"}
LAMP: dict[str, Any] = {"sku": "LAMP-1", "name": "Lamp"}
SOLD: dict[str, Any] = {
    "supplier_id": "acme",
    "sku": "LAMP-1",
    "supplier_sku": "A-1",
    "price_breaks": [{"from_quantity": 1, "unit_price": "10"}],
}


def catalogue(*, suppliers: Any = (ACME,), items: Any = (LAMP,), supplier_items: Any = (SOLD,)) -> Catalogue:
    return Catalogue.model_validate({"suppliers": suppliers, "items": items, "supplier_items": supplier_items})


def breaks(*starts: int) -> dict[str, Any]:
    return SOLD | {"price_breaks": [{"from_quantity": start, "unit_price": "10"} for start in starts]}


def test_a_small_catalogue_is_read() -> None:
    read = catalogue(supplier_items=[breaks(1, 10, 100)])
    assert [b.from_quantity for b in read.supplier_items[0].price_breaks] == [1, 10, 100]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"suppliers": [ACME, ACME]}, "two suppliers share a supplier_id; give each its own"),
        ({"items": [LAMP, LAMP]}, "two items share a sku; give each its own"),
        ({"suppliers": []}, "names supplier 'acme', which is not under suppliers"),
        ({"items": []}, "names sku 'LAMP-1', which is not under items"),
        ({"supplier_items": [SOLD, SOLD]}, "lists sku 'LAMP-1' twice; keep one entry"),
        ({"supplier_items": [breaks(2)]}, "must start at 1 and rise"),
        ({"supplier_items": [breaks(1, 10, 5)]}, "must start at 1 and rise"),
        ({"supplier_items": [breaks(1, 10, 10)]}, "must start at 1 and rise"),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused_with_what_to_mend(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        catalogue(**wrong)


@pytest.mark.parametrize(
    ("field", "nonsense"),
    [
        ("price_breaks", []),
        ("price_breaks", [{"from_quantity": 1, "unit_price": "-1"}]),
        ("minimum_order", 0),
        ("order_multiple", 0),
        ("unit_factor", 0),
        ("supplier_sku", ""),
    ],
)
def test_terms_that_nothing_can_be_bought_on_are_refused(field: str, nonsense: object) -> None:
    with pytest.raises(ValidationError, match=field):
        SupplierItem.model_validate(SOLD | {field: nonsense})


@pytest.mark.parametrize(
    ("field", "nonsense"),
    [
        ("currency", "XYZ"),
        ("status", "friendly"),
        ("chase_at_most", 21),
        ("over_receipt_tolerance", "1.1"),
        ("threshold_quantity", 0),
        ("cut_off", {"weekdays": [7]}),
        ("supplier_id", "a b"),
    ],
)
def test_a_supplier_with_nonsense_is_refused_by_the_name_of_its_field(field: str, nonsense: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Supplier.model_validate(ACME | {field: nonsense})
