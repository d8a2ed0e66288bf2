"""Which supplier is asked first, and which claims may share a purchase order."""

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue import PriceBreak, Supplier, SupplierItem, SupplierStatus
from domain.sourcing import REFERENCE_RATES, Candidate, merge_key, rank
from domain.values import CURRENCY_DIGITS

TODAY = date(2026, 11, 21)


def candidate(
    supplier_id: str,
    price: str = "10",
    *,
    status: SupplierStatus = SupplierStatus.TRUSTED,
    currency: str = "USD",
    lead_days: int = 7,
    from_ten: str | None = None,
    minimum: int = 1,
    collecting: int = 0,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> Candidate:
    breaks = [PriceBreak(from_quantity=1, unit_price=Decimal(price))]
    if from_ten is not None:
        breaks.append(PriceBreak(from_quantity=10, unit_price=Decimal(from_ten)))
    return Candidate(
        supplier=Supplier(supplier_id=supplier_id, name=supplier_id, status=status, currency=currency),
        item=SupplierItem(
            supplier_id=supplier_id,
            sku="LAMP-1",
            supplier_sku="A-1",
            price_breaks=tuple(breaks),
            minimum_order=minimum,
            lead_time=timedelta(days=lead_days),
            valid_from=valid_from,
            valid_to=valid_to,
        ),
        collecting_quantity=collecting,
    )


def ranked(*candidates: Candidate, needed: int = 1) -> list[str]:
    return [c.supplier.supplier_id for c in rank(candidates, needed, TODAY, REFERENCE_RATES)]


def test_the_cheaper_supplier_is_asked_first() -> None:
    assert ranked(candidate("dear", "11"), candidate("cheap", "10")) == ["cheap", "dear"]


def test_a_trusted_supplier_is_asked_before_a_cheaper_one_on_probation() -> None:
    on_probation = candidate("cheap", "1", status=SupplierStatus.PROBATION)
    assert ranked(on_probation, candidate("trusted", "10")) == ["trusted", "cheap"]


@pytest.mark.parametrize("status", [SupplierStatus.SUSPENDED, SupplierStatus.ABANDONED])
def test_suspended_and_abandoned_suppliers_are_not_asked(status: SupplierStatus) -> None:
    assert ranked(candidate("gone", "1", status=status), candidate("here")) == ["here"]


def test_prices_in_different_currencies_are_compared_in_one() -> None:
    euro, dollar = candidate("euro", "10.00", currency="EUR"), candidate("dollar", "10.50")
    assert ranked(euro, dollar) == ["dollar", "euro"]
    yen = candidate("yen", "1000", currency="JPY")
    assert ranked(euro, dollar, yen) == ["yen", "dollar", "euro"]


def test_joining_a_collecting_order_can_reach_a_better_price() -> None:
    joined = candidate("joined", "12", from_ten="8", collecting=7)
    assert ranked(joined, candidate("flat", "10"), needed=3) == ["joined", "flat"]
    assert ranked(joined, candidate("flat", "10"), needed=2) == ["flat", "joined"]


def test_a_minimum_that_lifts_the_line_to_a_break_gets_that_breaks_price() -> None:
    assert ranked(candidate("lifted", "12", from_ten="8", minimum=10), candidate("flat")) == ["lifted", "flat"]


def test_at_the_same_price_the_quicker_one_then_the_id_decides() -> None:
    assert ranked(candidate("b"), candidate("a-slow", lead_days=9), candidate("a")) == ["a", "b", "a-slow"]


def test_an_entry_counts_on_its_first_and_last_day_and_not_beyond() -> None:
    assert ranked(
        candidate("first-day", valid_from=TODAY),
        candidate("last-day", valid_to=TODAY),
        candidate("not-yet", valid_from=TODAY + timedelta(days=1)),
        candidate("no-more", valid_to=TODAY - timedelta(days=1)),
    ) == ["first-day", "last-day"]


def test_nobody_left_to_ask_is_an_empty_list() -> None:
    assert ranked(candidate("gone", status=SupplierStatus.ABANDONED)) == []


def test_a_currency_without_a_rate_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no reference rate for EUR"):
        rank([candidate("euro", currency="EUR")], 1, TODAY, {"USD": Decimal(1)})


def test_every_supported_currency_has_a_reference_rate() -> None:
    assert set(REFERENCE_RATES) == set(CURRENCY_DIGITS)


prices = st.integers(1, 4).map(str)
statuses = st.sampled_from(SupplierStatus)


@settings(deadline=None)
@given(
    offers=st.lists(st.tuples(prices, statuses, st.integers(1, 3)), max_size=8),
    needed=st.integers(1, 20),
    shuffle=st.randoms(use_true_random=False),
)
def test_the_order_of_the_list_that_comes_in_decides_nothing(
    offers: list[tuple[str, SupplierStatus, int]], needed: int, shuffle: random.Random
) -> None:
    candidates = [
        candidate(f"s{n}", price, status=status, lead_days=days) for n, (price, status, days) in enumerate(offers)
    ]
    shuffled = candidates.copy()
    shuffle.shuffle(shuffled)
    assert ranked(*shuffled, needed=needed) == ranked(*candidates, needed=needed)


def supplier(**changes: str) -> Supplier:
    return Supplier.model_validate({"supplier_id": "acme", "name": "Acme", "currency": "USD"} | changes)


def test_claims_on_the_same_terms_share_a_purchase_order() -> None:
    assert merge_key(supplier()) == merge_key(supplier(name="Acme Incorporated"))


@pytest.mark.parametrize("changes", [{"supplier_id": "other"}, {"currency": "EUR"}, {"terms": "net60"}])
def test_another_supplier_currency_or_terms_is_another_purchase_order(changes: dict[str, str]) -> None:
    assert merge_key(supplier(**changes)) != merge_key(supplier())


def test_another_place_of_delivery_is_another_purchase_order() -> None:
    assert merge_key(supplier(), "drop:17") != merge_key(supplier())


def test_a_slash_in_the_terms_cannot_make_two_keys_alike() -> None:
    assert merge_key(supplier(terms="x"), "a/USD") != merge_key(supplier(terms="USD/x"), "a")
