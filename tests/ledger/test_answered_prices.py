"""The prices that suppliers answer: taken within the band; above it, or in another currency, a person decides."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.catalogue import Supplier
from domain.needs import needs
from domain.supplier_events import AckLine, ChangeAck, ChangeVerdict, LineRef, OrderAck, Split, SplitStatus
from ledger import catalogue, purchase_orders
from ledger.answered_prices import dearer
from ledger.locked_orders import Line, LockedOrder, Order
from tests.ledger.conftest import CATALOGUE
from tests.ledger.ordering import TUESDAY, ack, claims, hear, line, part, placed, po, reduction, sent

ACCEPTED = SplitStatus.ACCEPTED
THEN = "Agree with them; then resolve with 'dismiss' to have the goods, or with 'withdraw' to buy elsewhere."


def at(price: str | None, status: SplitStatus = ACCEPTED, quantity: int = 5, **more: Any) -> Split:
    return part(status, quantity, unit_price=None if price is None else Decimal(price), **more)


async def asked(shop: Any, po_number: str) -> list[str]:
    return needs((await po(shop, po_number)).attention)


@pytest.mark.parametrize("price", ["10.2", "10.50", "10", "7.99", "0", None])
async def test_a_price_within_the_band_or_lower_or_none_is_taken(shop: Any, price: str | None) -> None:
    po_number = await placed(shop, a=5)
    applied = await hear(shop, ack(po_number, at(price, currency="USD")))
    assert (applied.incidents, await asked(shop, po_number)) == ((), [])
    assert (await line(shop, po_number)).unit_price == 10


async def test_a_price_above_the_band_is_asked_about_and_the_goods_stay_promised(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    applied = await hear(shop, ack(po_number, at("10.5001")))
    told = f"Acme answers {po_number} with other prices than ordered: line 1, LAMP, at "
    assert applied.incidents == (f"{told}10.5001 USD instead of 10.00 USD (5.01% more). {THEN}",)
    assert await asked(shop, po_number) == list(applied.incidents)
    assert (await line(shop, po_number)).unit_price == 10
    assert await claims(shop, "a") == [5]


@pytest.mark.parametrize("currency", ["EUR", "CHF"])
async def test_a_price_in_another_currency_is_asked_about_however_low(shop: Any, currency: str) -> None:
    po_number = await placed(shop, a=5)
    applied = await hear(shop, ack(po_number, at("9.5", currency=currency)))
    (what,) = applied.incidents
    assert f"line 1, LAMP, at 9.50 {currency} instead of 10.00 USD. " in what


async def test_a_repeated_message_asks_once_and_another_price_once_more(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    for price in ("12", "12.0000", "13", "12"):
        await hear(shop, ack(po_number, at(price)))
    assert [what.partition(" at ")[2].partition(" USD")[0] for what in await asked(shop, po_number)] == [
        "12.00",
        "13.00",
    ]


async def test_a_price_that_a_person_agreed_with_is_not_asked_about_when_a_date_moves(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    await hear(shop, ack(po_number, at("12")))
    await purchase_orders.settle_attention(shop.ledger, po_number, key=shop.key(), at=TUESDAY, how="dismissed")
    later = TUESDAY.date() + timedelta(days=20)
    assert (await hear(shop, ack(po_number, at("12", deliver_on=later)))).incidents == ()
    assert await asked(shop, po_number) == []
    assert len((await hear(shop, ack(po_number, at("12.01", deliver_on=later)))).incidents) == 1


async def test_a_price_of_a_purchase_unit_is_held_against_that_of_all_its_stock_units(shop: Any) -> None:
    po_number = await placed(shop, "BULB", a=6)
    assert (await hear(shop, ack(po_number, at("2.10", quantity=3)))).incidents == ()
    (what,) = (await hear(shop, ack(po_number, at("2.11", quantity=3)))).incidents
    assert "line 1, BULB, at 2.11 USD for each 2 instead of 2.00 USD (5.5% more)" in what


async def test_what_will_not_be_delivered_has_no_price_and_the_dearest_part_counts(shop: Any) -> None:
    po_number = await placed(shop, a=4, b=1)
    substitute = at("99", SplitStatus.SUBSTITUTED, 1, substitute="LAMP-2")
    gone = (at("99", SplitStatus.REJECTED, 1), substitute, at("99", ACCEPTED, 0))
    assert (await hear(shop, ack(po_number, at("10", quantity=3), *gone))).incidents == ()
    (what,) = (await hear(shop, ack(po_number, at("12", quantity=2), at("11", quantity=3)))).incidents
    assert "at 12.00 USD instead of 10.00 USD (20% more)" in what


async def test_the_band_is_the_suppliers_and_older_terms_have_the_default(shop: Any) -> None:
    acme, *others = CATALOGUE.suppliers
    strict = acme.model_copy(update={"price_rise_tolerance": Decimal(0)})
    terms = CATALOGUE.model_copy(update={"suppliers": (strict, *others)})
    await catalogue.load_catalogue(shop.ledger, terms, at=TUESDAY)
    po_number = await placed(shop, a=5)
    assert len((await hear(shop, ack(po_number, at("10.0001")))).incidents) == 1
    await shop.do("update supplier set doc = doc - 'price_rise_tolerance'")
    default: Decimal = Supplier.model_fields["price_rise_tolerance"].default
    assert (await hear(shop, ack(po_number, at(str(10 + 10 * default))))).incidents == ()
    assert len((await hear(shop, ack(po_number, at(str(10 + 10 * default + Decimal("0.01")))))).incidents) == 1


async def test_a_partly_agreed_change_may_not_raise_the_price_either(shop: Any) -> None:
    po_number = await placed(shop, a=6, b=6)
    await shop.cancel("b")
    await sent(shop, await reduction(shop, po_number, can_cancel=False))
    stands = (AckLine(line=LineRef(line_no=1), splits=(at("10", quantity=6),)),)
    (what,) = (
        await hear(shop, ChangeAck(po_number=po_number, revision=1, verdict=ChangeVerdict.PARTLY, lines=stands))
    ).incidents
    assert "line 1, LAMP, at 10.00 USD instead of 9.00 USD (11.12% more)" in what


async def test_an_order_that_is_refused_has_no_prices(shop: Any) -> None:
    po_number = await placed(shop, a=5)
    lines = ack(po_number, at("99")).lines
    assert (await hear(shop, OrderAck(po_number=po_number, accepted=False, lines=lines))).incidents == ()


ORDER = Order(
    po_number="PO-1",
    supplier_id="acme",
    supplier_name="Acme",
    currency="USD",
    over_receipt_tolerance=Decimal(0),
    price_rise_tolerance=Decimal("0.05"),
    revision=0,
    frozen_at=TUESDAY,
    acknowledged_at=None,
    rejected_at=None,
    cancelled_at=None,
    closed_at=None,
)
SCREW = Line(
    line_no=1,
    sku="SCREW",
    supplier_sku="s",
    unit_factor=1,
    unit_price=Decimal("0.0003"),
    ordered=5,
    expected_on=None,
    to_add=False,
    confirmed=5,
    open=5,
    claimed=0,
    to_reduce=0,
    received_good=0,
    received_bad=0,
    closed_short=0,
    cancelled=0,
    over_received=0,
    over_quarantined=0,
    in_transit=0,
)


@pytest.mark.parametrize(
    ("price", "factor", "answered", "told"),
    [
        ("0.0003", 1, "0.000315", None),
        ("0.0003", 1, "0.000316", "at 0.000316 USD instead of 0.0003 USD (5.34% more)"),
        ("0.0003", 1_000_000, "315.000000", None),
        ("0.0003", 1_000_000, "315.000001", "at 315.000001 USD for each 1000000 instead of 300.00 USD (5.01% more)"),
        ("99999999.9999", 1_000_000, "104999999999895.0", None),
        ("99999999.9999", 1_000_000, "104999999999895.1", "(5.01% more)"),
        ("0", 1, "0.01", "at 0.01 USD instead of 0.00 USD. "),
    ],
)
def test_no_price_is_rounded_before_it_is_compared(price: str, factor: int, answered: str, told: str | None) -> None:
    line = replace(SCREW, unit_price=Decimal(price), unit_factor=factor)
    found = dearer(LockedOrder(ORDER, (line,)), {1: [at(answered)]})
    assert not found if told is None else told in found[0]


def test_a_supplier_that_raises_all_its_prices_is_one_need_that_tells_five_lines() -> None:
    lines = tuple(replace(SCREW, line_no=n, sku=f"SCREW-{n}") for n in range(1, 502))
    (what,) = dearer(LockedOrder(ORDER, lines), {n: [at("1")] for n in range(1, 502)})
    assert what.count("SCREW") == 5 and "line 5, SCREW-5, at 1.00 USD" in what and "; and 496 more. " in what
