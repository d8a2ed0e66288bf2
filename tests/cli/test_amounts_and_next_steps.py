"""What a row says: amounts in the currency's own decimals, and what happens next and when."""

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from cli import pages
from cli.amounts import as_data
from cli.audit import report
from cli.errors import CommandFailed
from cli.next_step import Step, lasting, of_backorder, of_purchase_order, policy, short_day
from domain import purchase_order_duty
from domain.backorder_position import BackorderPosition, ClaimPosition, ParcelPosition, ParcelState
from domain.purchase_order_position import (
    LinePosition,
    OperationKind,
    OperationPosition,
    OperationState,
    PurchaseOrderPosition,
    SupplierTerms,
)
from domain.values import money
from ledger.audit import Finding

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)

TERMS = SupplierTerms(
    acknowledge_within=timedelta(days=1),
    chase_every=timedelta(days=1),
    chase_at_most=2,
    overdue_grace=timedelta(days=1),
    can_reduce=False,
    can_cancel=False,
)
LINE = LinePosition(
    line_no=1,
    sku="LAMP",
    supplier_sku="A-1",
    unit_factor=1,
    ordered=4,
    confirmed=4,
    open=4,
    claimed=4,
    received_good=0,
    received_bad=0,
    over_received=0,
    closed_short=0,
    cancelled=0,
    unit_price=Decimal("0.0125"),
    expected_on=date(2026, 11, 30),
)
ORDER = PurchaseOrderPosition(
    po_number="PO-000001",
    supplier_id="acme",
    supplier_name="Acme",
    currency="USD",
    revision=0,
    opened_at=NOW,
    collect_until=NOW + timedelta(hours=2),
    threshold_reached=False,
    held=False,
    release_now=False,
    terms=TERMS,
    lines=(LINE,),
)
PLACED = OperationPosition(
    operation_id="op",
    kind=OperationKind.PLACE,
    revision=0,
    state=OperationState.DELIVERED,
    rendered_at=NOW,
    sent_at=NOW,
)
SENT = ORDER.model_copy(update={"frozen_at": NOW, "operations": (PLACED,)})
BACKORDER = BackorderPosition(
    backorder_id="BO-1",
    sales_order="SO-1",
    sku="LAMP",
    item_name="Lamp",
    zone="America/New_York",
    currency="USD",
    goods_value=Decimal("20.0000"),
    partial_shipment=False,
    accepted_at=NOW,
    promised_by=None,
    ordered=4,
    unsourced=0,
    claimed=4,
    allocated=0,
    shipped=0,
    cancelled=0,
    first_promise=None,
    current_promise=None,
    promise_basis="",
)


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        ("12.5", "USD", "12.50 USD"),
        ("20.0000", "EUR", "20.00 EUR"),
        ("1200.0000", "JPY", "1200 JPY"),
        ("0.0125", "USD", "0.0125 USD"),
        ("2.4440", "USD", "2.444 USD"),
        ("0", "JPY", "0 JPY"),
        ("1E+3", "USD", "1000.00 USD"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(amount: str, currency: str, said: str) -> None:
    assert money(Decimal(amount), currency) == said


def test_every_amount_in_json_has_the_decimals_of_its_currency() -> None:
    told = as_data(BACKORDER, "USD")
    assert (told["goods_value"], told["refund_due"], told["ordered"]) == ("20.00", "0.00", 4)
    assert told["accepted_at"] == "2026-11-23T15:00:00Z"
    told = as_data(ORDER, "USD", without={"terms"})
    assert told["lines"][0]["unit_price"] == "0.0125" and "terms" not in told


def test_amounts_that_break_a_law_have_them_as_well() -> None:
    yen = {"payment_id": "p/1", "currency": "JPY", "amount": Decimal("1200.0000")}
    unsaid = {"captured": Decimal("54.3000")}
    printed = io.StringIO()
    report({"L5": "no more back than taken"}, [Finding("L5", "money", (yen, unsaid))], Console(file=printed, width=80))
    assert "p/1, currency JPY, amount 1200\n" in printed.getvalue() and "captured 54.3\n" in printed.getvalue()


def _short(order: PurchaseOrderPosition) -> str:
    step = of_purchase_order(order, NOW)
    return step.short(NOW) if step else ""


def test_what_a_purchase_order_does_next() -> None:
    assert _short(ORDER) == "in 2 h send"
    assert _short(ORDER.model_copy(update={"held": True})) == "held"
    assert _short(SENT) == "Nov 24 chase"
    silent = {"chases": 2, "last_chased_at": NOW - timedelta(days=2), "overdue_told_at": NOW}
    assert _short(SENT.model_copy(update=silent)) == "now withdraw"
    duty = purchase_order_duty.next_duty(SENT.model_copy(update=silent), NOW)
    assert duty
    asked = {**silent, "attention": f"Something else.\n{duty.why}"}
    assert _short(SENT.model_copy(update=asked)) == "your word"
    confirmed = SENT.model_copy(update={"acknowledged_at": NOW})
    assert _short(confirmed) == "Nov 30 goods"
    undated = (LINE.model_copy(update={"expected_on": None}),)
    assert _short(confirmed.model_copy(update={"lines": undated})) == "supplier"
    late = (LINE.model_copy(update={"expected_on": date(2026, 11, 20)}),)
    assert _short(confirmed.model_copy(update={"lines": late})) == "now overdue"
    assert _short(confirmed.model_copy(update={"closed_at": NOW})) == ""


def test_what_a_backorder_does_next() -> None:
    claim = ClaimPosition(
        po_number="PO-000001", supplier_id="acme", quantity=4, expected_on=date(2026, 11, 30), confirmed=True
    )
    waiting = BACKORDER.model_copy(update={"claims": (claim,)})
    step = of_backorder(waiting, NOW)
    assert step and step.short(NOW) == "now promise"
    later = NOW - timedelta(days=1)
    cancelled = waiting.model_copy(update={"cancel_requested_at": later})
    step = of_backorder(cancelled, NOW)
    assert step and step.full(NOW) == "now: undo what was done for it"
    assert of_backorder(waiting.model_copy(update={"closed_at": NOW}), NOW) is None


def test_moments_are_told_as_short_as_they_are_clear() -> None:
    in_words = {
        NOW: "now",
        NOW + timedelta(seconds=30): "in 1 min",
        NOW + timedelta(hours=5): "in 5 h",
        NOW + timedelta(days=3): "Nov 26",
        NOW + timedelta(days=400): "2027-12-28",
    }
    assert {at: Step(at, "", "").short(NOW) for at in in_words} == in_words
    assert [lasting(NOW - ago, NOW) for ago in (timedelta(minutes=5), timedelta(hours=30), timedelta(days=9))] == [
        "5 min",
        "30 h",
        "9 d",
    ]
    assert short_day(None, NOW) == ""


def test_rules_come_from_the_environment_and_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    policy.cache_clear()
    monkeypatch.setenv("PROMISEKEEPER_SOURCING_RETRY_EVERY", "PT1H")
    assert policy("USD").sourcing.retry_every == timedelta(hours=1)
    policy.cache_clear()
    monkeypatch.setenv("PROMISEKEEPER_SOURCING_RETRY_EVERY", "sometimes")
    with pytest.raises(CommandFailed, match="PROMISEKEEPER_SOURCING_RETRY_EVERY"):
        policy("USD")
    policy.cache_clear()


def test_one_unit_is_no_units() -> None:
    parcels = [
        ParcelPosition(
            parcel_id=f"p/{n}",
            quantity=n,
            state=ParcelState.BOOKED,
            paid=True,
            planned_at=NOW,
            charge_amount=Decimal(0),
        )
        for n in (1, 2)
    ]
    printed = io.StringIO()
    pages.backorder(BACKORDER.model_copy(update={"parcels": tuple(parcels)}), [], NOW, Console(file=printed, width=80))
    assert "1 unit, booked" in printed.getvalue() and "2 units, booked" in printed.getvalue()
