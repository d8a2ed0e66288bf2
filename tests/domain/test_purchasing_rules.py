"""How much is ordered for a merged line, and what it costs."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue import PriceBreak, SupplierItem
from domain.purchasing import quantity_to_order, unit_price

PRICES = (
    PriceBreak(from_quantity=1, unit_price=Decimal("9.90")),
    PriceBreak(from_quantity=10, unit_price=Decimal("8.50")),
    PriceBreak(from_quantity=100, unit_price=Decimal("7.25")),
)


def terms(minimum: int = 1, multiple: int = 1, factor: int = 1) -> SupplierItem:
    return SupplierItem(
        supplier_id="acme",
        sku="LAMP-1",
        supplier_sku="A-1",
        price_breaks=PRICES,
        minimum_order=minimum,
        order_multiple=multiple,
        unit_factor=factor,
    )


def test_two_claims_merged_onto_a_line_reach_the_minimum_once() -> None:
    assert quantity_to_order(3 + 2, terms(minimum=5)) == 5


def test_a_minimum_of_five_in_pairs_is_bought_as_six_with_three_left_over() -> None:
    bought = quantity_to_order(3, terms(minimum=5, factor=2))
    assert (bought, bought - 3) == (6, 3)


def test_cases_of_twelve_in_layers_of_four_are_bought_by_the_layer() -> None:
    assert quantity_to_order(49, terms(factor=12, multiple=4)) == 96


def test_what_fits_exactly_is_not_rounded_up() -> None:
    assert quantity_to_order(48, terms(factor=12, multiple=4)) == 48


def test_nothing_claimed_orders_nothing_whatever_the_minimum() -> None:
    assert quantity_to_order(0, terms(minimum=50)) == 0


def test_a_negative_claim_is_refused() -> None:
    with pytest.raises(ValueError, match="never negative"):
        quantity_to_order(-1, terms())


small = st.integers(1, 60)


@settings(deadline=None)
@given(claimed=st.integers(1, 5000), minimum=st.integers(1, 500), multiple=small, factor=small)
def test_a_line_covers_its_claims_and_the_minimum_in_whole_multiples_and_no_multiple_too_many(
    claimed: int, minimum: int, multiple: int, factor: int
) -> None:
    bought = quantity_to_order(claimed, terms(minimum, multiple, factor))
    step = multiple * factor
    assert bought % step == 0
    assert bought >= claimed and bought >= minimum
    assert bought - step < max(claimed, minimum)


@settings(deadline=None)
@given(one=st.integers(1, 500), other=st.integers(1, 500), minimum=st.integers(1, 500), multiple=small, factor=small)
def test_merging_never_buys_more_than_two_separate_orders(
    one: int, other: int, minimum: int, multiple: int, factor: int
) -> None:
    item = terms(minimum, multiple, factor)
    assert quantity_to_order(one + other, item) <= quantity_to_order(one, item) + quantity_to_order(other, item)


@pytest.mark.parametrize(
    ("quantity", "price"), [(1, "9.90"), (9, "9.90"), (10, "8.50"), (99, "8.50"), (100, "7.25"), (5000, "7.25")]
)
def test_the_whole_line_has_the_price_of_the_break_it_reaches(quantity: int, price: str) -> None:
    assert unit_price(quantity, terms()) == Decimal(price)


def test_below_the_first_break_the_first_price_holds() -> None:
    assert unit_price(0, terms()) == Decimal("9.90")
