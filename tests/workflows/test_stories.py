"""What the Temporal UI shows of a workflow: a newcomer finds what is needed, what comes next, dates and money."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from temporalio.workflow import _Definition

from domain.backorder_duty import Duty, DutyKind
from domain.backorder_position import (
    BackorderPosition,
    CancelledBy,
    ClaimPosition,
    NoticeKind,
    NoticePosition,
    ParcelPosition,
    ParcelState,
    PaymentKind,
    PaymentPosition,
    PaymentState,
)
from domain.needs import needs, newest
from domain.purchase_order_position import (
    LinePosition,
    OperationKind,
    OperationPosition,
    OperationState,
    PurchaseOrderPosition,
    SupplierTerms,
)
from worker import WORKFLOWS
from workflows import backorder_story, purchase_order_story

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BACKORDER = BackorderPosition(
    backorder_id="B-1",
    sales_order="SO-1",
    sku="LAMP",
    item_name="Desk lamp",
    zone="America/New_York",
    currency="USD",
    goods_value=Decimal("99.80"),
    partial_shipment=True,
    accepted_at=AT,
    promised_by=None,
    ordered=2,
    unsourced=0,
    claimed=2,
    allocated=0,
    shipped=0,
    cancelled=0,
    first_promise=date(2026, 12, 1),
    current_promise=date(2026, 12, 4),
    promise_basis="Acme says so",
    claims=(
        ClaimPosition(
            po_number="PO-000001", supplier_id="acme", quantity=2, expected_on=date(2026, 12, 3), confirmed=True
        ),
    ),
)
ORDER = PurchaseOrderPosition(
    po_number="PO-000001",
    supplier_id="acme",
    supplier_name="Acme",
    currency="USD",
    revision=0,
    opened_at=AT,
    collect_until=AT + timedelta(days=1),
    threshold_reached=False,
    held=False,
    release_now=False,
    terms=SupplierTerms(
        acknowledge_within=timedelta(days=1),
        chase_every=timedelta(days=1),
        chase_at_most=2,
        overdue_grace=timedelta(days=2),
        can_reduce=True,
        can_cancel=True,
    ),
    lines=(
        LinePosition(
            line_no=1,
            sku="LAMP",
            supplier_sku="A-LAMP",
            unit_factor=1,
            ordered=5,
            confirmed=5,
            open=5,
            claimed=2,
            received_good=0,
            received_bad=0,
            over_received=0,
            closed_short=0,
            cancelled=0,
            unit_price=Decimal("9.50"),
            expected_on=date(2026, 12, 3),
        ),
    ),
)


def test_a_backorder_tells_what_it_waits_for_what_comes_next_and_when() -> None:
    duty = Duty(kind=DutyKind.NOTIFY, at=AT + timedelta(days=2), why="tell the customer of the new date 2026-12-04")
    told = backorder_story.current_details(BACKORDER, duty)
    assert told.splitlines()[0] == (
        "**Confirmed**: 2 x Desk lamp (`LAMP`), sales order SO-1: ordered, and the supplier has confirmed it."
    )
    assert "**Next:** tell the customer of the new date 2026-12-04 (at 2026-11-25 09:00 UTC, by itself)." in told
    assert "**Waiting for:** acme, for 2 on PO-000001, expected 2026-12-03, confirmed." in told
    assert "**Dates:** promised for 2026-12-01 at first; now 2026-12-04 (Acme says so)." in told
    assert "**Money:** goods worth 99.80 USD, nothing taken yet." in told
    assert "Needs a person" not in told


def test_a_backorder_tells_its_story_in_order_and_nobodys_own_words() -> None:
    payments = (
        PaymentPosition(
            payment_id="1",
            kind=PaymentKind.CHARGE,
            state=PaymentState.SUCCEEDED,
            amount=Decimal("104.70"),
            requested_at=AT + timedelta(hours=3),
        ),
    )
    parcels = (
        ParcelPosition(
            parcel_id="B-1/parcel/1",
            quantity=2,
            state=ParcelState.BOOKED,
            paid=True,
            planned_at=AT + timedelta(hours=2),
            booked_at=AT + timedelta(hours=4),
            charge_amount=Decimal("104.70"),
        ),
    )
    notices = (
        NoticePosition(
            notice_id="n", kind=NoticeKind.ORDER_CONFIRMED, sent_at=AT + timedelta(hours=1), promised=date(2026, 12, 1)
        ),
    )
    told = backorder_story.current_details(
        BACKORDER.model_copy(
            update={
                "payments": payments,
                "parcels": parcels,
                "notices": notices,
                "cancel_requested_at": AT + timedelta(hours=5),
                "cancelled_by": CancelledBy.CUSTOMER,
                "cancel_reason": "my husband John found another",
                "refund_due": Decimal("104.70"),
                "refund_deadline": date(2026, 12, 7),
            }
        ),
        None,
    )
    assert told.split("**Story so far**\n\n")[1].splitlines() == [
        "- 2026-11-23 09:00: 2 accepted",
        "- 2026-11-23 10:00: the customer was sent the confirmation of the order (2026-12-01)",
        "- 2026-11-23 12:00: charge of 104.70 USD: succeeded",
        "- 2026-11-23 13:00: parcel of 2 booked, paid",
        "- 2026-11-23 14:00: the customer cancelled",
    ]
    assert "John" not in told
    assert "104.70 taken, **104.70 USD to be given back by 2026-12-07**" in told


def test_a_purchase_order_tells_what_it_waits_for_and_its_story() -> None:
    collecting = purchase_order_story.current_details(ORDER, None)
    assert "**Collecting**: PO-000001 to Acme, worth 47.50 USD: backorders may still join it" in collecting
    assert "**Waiting for:** its cut-off on 2026-11-24 09:00 UTC." in collecting
    place = OperationPosition(
        operation_id="po/PO-000001/0",
        kind=OperationKind.PLACE,
        revision=0,
        state=OperationState.DELIVERED,
        rendered_at=AT + timedelta(hours=1),
        sent_at=AT + timedelta(hours=1),
    )
    sent = ORDER.model_copy(update={"frozen_at": AT + timedelta(hours=1), "operations": (place,)})
    told = purchase_order_story.current_details(sent, None)
    assert "**Waiting for:** Acme, to acknowledge it, since 2026-11-23 10:00 UTC." in told
    assert "place delivered" in told.split("**Story so far**")[1]
    assert "**Next:** nothing by itself; it waits for a message." in told


def test_of_hundreds_of_needs_the_newest_few_are_shown_with_a_count() -> None:
    many = "\n".join(f"need {n}" for n in range(300))
    for told in (
        backorder_story.current_details(BACKORDER.model_copy(update={"attention": many}), None),
        purchase_order_story.current_details(ORDER.model_copy(update={"attention": many}), None),
    ):
        shown = [line for line in told.splitlines() if line.startswith("> - ")]
        assert shown == [
            *(f"> - need {n}" for n in (299, 298, 297, 296, 295)),
            "> - and 295 older; `promisekeeper status` shows all",
        ]
    assert len(needs(many)) == 300 and newest("one") == ["one"] and newest(None) == []


def test_the_details_of_a_very_long_order_stay_far_below_what_temporal_takes() -> None:
    lines = tuple(ORDER.lines[0].model_copy(update={"line_no": n, "sku": "S" * 80}) for n in range(2_000))
    told = purchase_order_story.current_details(ORDER.model_copy(update={"lines": lines}), None)
    assert len(told.encode()) < 20_000 and "and 1960 more" in told


def test_every_message_of_every_workflow_is_described_for_whoever_sees_it_in_the_ui() -> None:
    for workflow in WORKFLOWS:
        definition = _Definition.must_from_class(workflow)
        messages = {**definition.signals, **definition.updates, **definition.queries}
        assert all(len(message.description or "") > 20 for message in messages.values())
