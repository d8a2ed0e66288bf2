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
        ({"supplier_items": [SOLD | {"sku": "A"}, SOLD | {"sku": "B"}]}, "(?s)sku 'A'.*sku 'B'"),
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
        ("supplier_sku", "A\x00"),
        ("lead_time", "-P1D"),
        ("lead_time", "P4Y"),
        ("lead_time", 5),
        ("valid_from", 20260101),
        ("price_breaks", [{"from_quantity": 1, "unit_price": "100000000"}]),
        ("price_breaks", [{"from_quantity": 1, "unit_price": "0.00001"}]),
        ("price_breaks", [{"from_quantity": 1, "unit_price": "NaN"}]),
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
        ("threshold_value", "0"),
        ("threshold_value", "0.001"),
        ("cut_off", {"weekdays": [7]}),
        ("cut_off", {"weekdays": [-1]}),
        ("cut_off", {"weekdays": []}),
        ("cut_off", {"times": []}),
        ("cut_off", {"times": [17]}),
        ("cut_off", {"times": ["17:00:00+02:00"]}),
        ("cut_off", {"zone": "Europe/Atlantis"}),
        ("collect_at_most", "-PT1S"),
        ("collect_at_most", "P31D"),
        ("collect_at_most", 5),
        ("acknowledge_within", "PT0S"),
        ("acknowledge_within", "P31D"),
        ("chase_every", "PT0S"),
        ("chase_every", "-P1D"),
        ("chase_at_most", -1),
        ("overdue_grace", "-P1D"),
        ("over_receipt_tolerance", "-0.01"),
        ("terms", ""),
        ("name", "Acme\x00"),
        ("supplier_id", "a b"),
    ],
)
def test_a_supplier_with_nonsense_is_refused_by_the_name_of_its_field(field: str, nonsense: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Supplier.model_validate(ACME | {field: nonsense})


def test_a_bare_number_is_no_duration_because_nobody_knows_of_what() -> None:
    with pytest.raises(ValidationError, match=r"bare number .* 'P5D' \(days\)"):
        SupplierItem.model_validate(SOLD | {"lead_time": 5})


def test_a_wait_that_is_too_long_is_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError, match=r"0 to 30 days: .* the law gives a shop 30 days"):
        Supplier.model_validate(ACME | {"overdue_grace": "P31D"})


@pytest.mark.parametrize("rate", [0.09, 0.01, 0, -1, 1001, "nan"])
def test_a_rate_at_which_no_order_gets_its_turn_in_time_is_refused(rate: object) -> None:
    with pytest.raises(ValidationError, match=r"requests_per_second\n.* 0\.1 to 1000: .* before their turn"):
        Supplier.model_validate(ACME | {"requests_per_second": rate})


@pytest.mark.parametrize("rate", [None, 0.1, 1000])
def test_a_rate_may_be_slow_and_need_not_be_told(rate: object) -> None:
    assert Supplier.model_validate(ACME | {"requests_per_second": rate}).requests_per_second == rate


@pytest.mark.parametrize("field", ["collect_at_most", "overdue_grace"])
def test_an_order_may_go_out_at_once_and_goods_be_overdue_on_the_day(field: str) -> None:
    assert Supplier.model_validate(ACME | {field: "PT0S"})


def test_a_validity_that_ends_before_it_begins_is_refused() -> None:
    one_day = SOLD | {"valid_from": "2026-03-31", "valid_to": "2026-03-31"}
    assert SupplierItem.model_validate(one_day).valid_to == SupplierItem.model_validate(one_day).valid_from
    with pytest.raises(ValidationError, match="valid_from 2026-04-01 is after valid_to 2026-03-31"):
        SupplierItem.model_validate(one_day | {"valid_from": "2026-04-01"})


def test_a_smallest_order_that_nobody_could_place_is_refused() -> None:
    pallets = SOLD | {"unit_factor": 1000, "order_multiple": 1000}
    assert SupplierItem.model_validate(pallets)
    for beyond in ({"order_multiple": 1001}, {"minimum_order": 999_999, "unit_factor": 600_000, "order_multiple": 1}):
        with pytest.raises(ValidationError, match="never ordered at once"):
            SupplierItem.model_validate(pallets | beyond)


@pytest.mark.parametrize(("currency", "threshold"), [("USD", "250.50"), ("JPY", "9000.00"), ("JPY", "9000")])
def test_a_threshold_is_a_sum_that_can_be_paid(currency: str, threshold: str) -> None:
    assert Supplier.model_validate(ACME | {"currency": currency, "threshold_value": threshold})


@pytest.mark.parametrize(("currency", "threshold"), [("USD", "7.905"), ("JPY", "7.90")])
def test_a_threshold_finer_than_the_smallest_coin_is_refused(currency: str, threshold: str) -> None:
    with pytest.raises(ValidationError, match=f"in {currency} it has at most"):
        Supplier.model_validate(ACME | {"currency": currency, "threshold_value": threshold})


def test_a_price_for_one_may_be_finer_than_the_smallest_coin() -> None:
    screw = SOLD | {"price_breaks": [{"from_quantity": 1, "unit_price": "0.0125"}]}
    assert str(SupplierItem.model_validate(screw).price_breaks[0].unit_price) == "0.0125"


def test_what_the_ledger_kept_is_read_as_it_was() -> None:
    terms = {
        "collect_at_most": "PT5S",
        "chase_every": "P2D",
        "threshold_value": "10.50",
        "cut_off": {"zone": "Asia/Tokyo"},
    }
    for model, content in (
        (Supplier, ACME | terms),
        (SupplierItem, SOLD | {"valid_to": "2026-12-31", "lead_time": "P38D"}),
    ):
        read = model.model_validate(content)
        assert model.model_validate(read.model_dump(mode="json")) == read
