"""What an order must be, and what its sender is told when it is not."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from domain.errors import OrderRefused
from domain.orders import Address, Customer, Order, refuse_nonsense

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
"""Still 20 November, 22:00, in New York."""


def order(**changes: Any) -> Order:
    return Order.model_validate(
        {
            "backorder_id": "BO-1",
            "sales_order": "SO-1",
            "customer": {"customer_id": "C-1", "name": "Ada Byron", "email": "ada@example.com"},
            "ship_to": {
                "name": "Ada Byron",
                "street": "1 Main St",
                "city": "Springfield",
                "postal_code": "12345",
                "country": "US",
            },
            "sku": "LAMP-1",
            "quantity": 3,
            "unit_price": "19.99",
            "currency": "USD",
            "payment_method": "pm_1",
        }
        | changes
    )


def address(**changes: str) -> Address:
    return Address.model_validate(order().ship_to.model_dump() | changes)


def test_a_plain_order_is_taken_with_the_documented_defaults() -> None:
    taken = order()
    assert (taken.line, taken.priority, taken.partial_shipment, taken.shipping_charge) == (1, 5, False, Decimal(0))
    assert taken.ship_to.zone == "America/New_York"


@pytest.mark.parametrize(
    ("field", "nonsense"),
    [
        ("quantity", 0),
        ("quantity", -1),
        ("quantity", 2.5),
        ("quantity", 1_000_001),
        ("unit_price", "-1"),
        ("unit_price", "1.00001"),
        ("shipping_charge", "-0.01"),
        ("currency", "XYZ"),
        ("backorder_id", ""),
        ("backorder_id", "a/b"),
        ("backorder_id", "x" * 81),
        ("sku", "two words"),
        ("line", 0),
        ("priority", 0),
        ("priority", 10),
        ("ordered_at", "2026-11-20T12:00:00"),
        ("promised_by", "soon"),
        ("payment_method", ""),
    ],
)
def test_nonsense_is_refused_by_the_name_of_its_field(field: str, nonsense: object) -> None:
    with pytest.raises(ValidationError) as refused:
        order(**{field: nonsense})
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]


def test_a_purchase_orders_number_is_no_id_for_a_backorder() -> None:
    with pytest.raises(OrderRefused, match=r"'PO-000030' is a purchase order's number.*such as 'BO-000030'") as refused:
        refuse_nonsense(order(backorder_id="PO-000030"), NOW)
    assert refused.value.field == "backorder_id"
    refuse_nonsense(order(backorder_id="PO-000030-A"), NOW)


def test_an_unsupported_currency_is_answered_with_the_supported_ones() -> None:
    with pytest.raises(ValidationError, match="supported are USD, EUR, GBP, CAD, JPY"):
        order(currency="XYZ")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "America"])
def test_an_unknown_time_zone_is_answered_with_how_zones_are_named(zone: str) -> None:
    with pytest.raises(ValidationError, match="use an IANA name such as America/New_York"):
        address(zone=zone)


@pytest.mark.parametrize("country", ["usa", "us", "U", ""])
def test_a_country_that_is_no_two_capital_letters_is_refused(country: str) -> None:
    with pytest.raises(ValidationError, match="country"):
        address(country=country)


@pytest.mark.parametrize(
    "email",
    ["ada", "ada@", "@example.com", "ada@example", "a b@example.com", "ada@example.com\nBcc: x@y.zz", "a@b.c,d"],
)
def test_what_is_no_mail_address_is_refused(email: str) -> None:
    with pytest.raises(ValidationError, match="email"):
        Customer(customer_id="C-1", name="Ada", email=email)


def test_an_order_cannot_be_changed_once_taken() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        order().quantity = 4  # type: ignore[misc]


def test_fields_that_a_newer_sender_adds_are_ignored() -> None:
    assert order(gift_wrap=True) == order()


def test_the_goods_value_is_rounded_once_for_the_line() -> None:
    assert order(unit_price="19.995").goods_value == Decimal("59.99")
    assert order(currency="JPY", unit_price="100.5").goods_value == Decimal("302")


def test_the_same_content_has_the_same_fingerprint_however_it_was_written() -> None:
    assert order(backorder_id=" BO-1 ", quantity="3", priority=5).fingerprint == order().fingerprint


@pytest.mark.parametrize(
    "change", [{"quantity": 4}, {"unit_price": "20"}, {"sku": "LAMP-2"}, {"promised_by": "2026-12-01"}]
)
def test_other_content_has_another_fingerprint(change: dict[str, object]) -> None:
    assert order(**change).fingerprint != order().fingerprint


def test_an_order_that_no_card_can_pay_is_refused() -> None:
    with pytest.raises(OrderRefused, match="more than a card can be charged"):
        refuse_nonsense(order(quantity=1_000_000, unit_price="99999.99"), NOW)


def test_a_promise_for_today_at_the_ship_to_address_is_not_past() -> None:
    refuse_nonsense(order(promised_by=date(2026, 11, 20)), NOW)


def test_a_promise_for_yesterday_at_the_ship_to_address_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        OrderRefused, match=r"today is 2026-11-20 at the ship-to address.*state a date that can be kept"
    ):
        refuse_nonsense(order(promised_by=date(2026, 11, 19)), NOW)


def test_a_date_that_means_none_is_refused_with_what_to_do() -> None:
    with pytest.raises(OrderRefused, match="leave it empty if no date was stated"):
        refuse_nonsense(order(promised_by=date(9999, 12, 31)), NOW)


def test_an_order_from_the_future_is_refused_with_what_to_do() -> None:
    with pytest.raises(OrderRefused, match="lies in the future; correct it and send again"):
        refuse_nonsense(order(ordered_at=NOW + timedelta(minutes=6)), NOW)


def test_a_senders_clock_may_run_a_little_ahead() -> None:
    refuse_nonsense(order(ordered_at=NOW + timedelta(minutes=4)), NOW)


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        (
            {"currency": "USD", "unit_price": "10.005"},
            "unit_price 10.005 is finer than USD .* 2 decimals; round it",
        ),
        ({"currency": "JPY", "unit_price": "7.90"}, "unit_price 7.90 is finer than JPY .* no decimals; round it"),
        ({"currency": "EUR", "shipping_charge": "0.001"}, "shipping_charge 0.001 is finer than EUR"),
    ],
)
def test_an_amount_that_nobody_can_pay_is_refused_with_what_to_do(amounts: dict[str, str], said: str) -> None:
    with pytest.raises(OrderRefused, match=said):
        refuse_nonsense(order(**amounts), NOW)


@pytest.mark.parametrize(
    "amounts",
    [
        {"currency": "USD", "unit_price": "10.500", "shipping_charge": "4.9"},
        {"currency": "JPY", "unit_price": "7.0", "shipping_charge": "0.00"},
    ],
)
def test_zeros_behind_an_amount_do_not_make_it_finer(amounts: dict[str, str]) -> None:
    refuse_nonsense(order(**amounts), NOW)
