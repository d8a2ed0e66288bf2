"""The small shared values: money is rounded as ISO 4217 says, identifiers are safe to show and to build ids of."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain.values import CURRENCY_DIGITS, Currency, Id, Instant, Price, Quantity, round_money


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("10.004", "USD", "10.00"),
        ("10.005", "USD", "10.01"),
        ("10.015", "EUR", "10.02"),
        ("100.5", "JPY", "101"),
        ("100.4999", "JPY", "100"),
        ("0", "GBP", "0.00"),
    ],
)
def test_an_extended_amount_is_rounded_half_up_to_the_minor_unit(amount: str, currency: str, rounded: str) -> None:
    assert str(round_money(Decimal(amount), currency)) == rounded


@settings(deadline=None)
@given(
    amount=st.decimals(0, 10**9, places=6, allow_nan=False, allow_infinity=False),
    currency=st.sampled_from(sorted(CURRENCY_DIGITS)),
)
def test_rounding_moves_an_amount_by_at_most_half_a_minor_unit_and_only_once(amount: Decimal, currency: str) -> None:
    rounded = round_money(amount, currency)
    assert abs(rounded - amount) * 2 <= Decimal(1).scaleb(-CURRENCY_DIGITS[currency])
    assert round_money(rounded, currency) == rounded


@pytest.mark.parametrize("name", ["SO-1001", "a", "x" * 80, "po:17.b_2", "  SO-1  "])
def test_business_identifiers_are_taken_without_the_blanks_around_them(name: str) -> None:
    assert TypeAdapter(Id).validate_python(name) == name.strip()


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "ü", "x" * 81, "a\nb", 7])
def test_what_cannot_be_part_of_a_workflow_id_is_refused(name: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Id).validate_python(name)


@pytest.mark.parametrize("code", ["usd", "XYZ", "", "US"])
def test_an_unsupported_currency_is_answered_with_the_supported_ones(code: str) -> None:
    with pytest.raises(ValidationError, match="supported are USD, EUR, GBP, CAD, JPY"):
        TypeAdapter(Currency).validate_python(code)


@pytest.mark.parametrize("price", ["-0.01", "0.00001", "12345678901.0000", "NaN", "Infinity"])
def test_what_is_no_price_is_refused(price: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Price).validate_python(price)


@pytest.mark.parametrize("count", [-1, 1_000_001, 1.5])
def test_what_is_no_count_of_units_is_refused(count: float) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Quantity).validate_python(count)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        TypeAdapter(Instant).validate_python("2026-11-21T09:00:00")
