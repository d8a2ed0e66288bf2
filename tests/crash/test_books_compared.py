"""The comparison itself: what it would say of a shop that charges twice, loses a refund, or forgets a parcel."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from devstack.simulators.records import BookedPayment, PaymentBooks
from domain.backorder_position import BackorderPosition, PaymentKind, PaymentPosition, PaymentState
from tests.crash.books_compared import payments_unlike

AT = datetime(2026, 11, 20, tzinfo=UTC)
CHARGE, REFUND = "BO-1/parcel/1/charge/1", "BO-1/parcel/1/charge/1/refund"


def booked(key: str, amount: str, *, refund_of: str | None = None) -> BookedPayment:
    return BookedPayment(
        key=key,
        kind="refund" if refund_of else "charge",
        amount=Decimal(amount),
        currency="USD",
        payment_method="pm_1",
        charge_key=refund_of,
        outcome="succeeded",
        reference="r",
        reason="",
    )


def books(*payments: BookedPayment) -> PaymentBooks:
    return PaymentBooks(payments=payments, operations=(), charged=Decimal(0), refunded=Decimal(0))


def cancelled(*paid: tuple[str, PaymentKind, str]) -> BackorderPosition:
    """One that was cancelled after these payments."""
    return BackorderPosition.model_validate(
        dict.fromkeys(("backorder_id", "sales_order", "sku", "item_name", "zone", "promise_basis"), "x")
        | dict.fromkeys(("unsourced", "claimed", "allocated", "shipped"), 0)
        | dict.fromkeys(("promised_by", "first_promise", "current_promise"))
        | {"currency": "USD", "goods_value": 10, "partial_shipment": False, "accepted_at": AT}
        | {"ordered": 2, "cancelled": 2}
        | {
            "payments": [
                PaymentPosition(
                    payment_id=payment_id,
                    kind=kind,
                    state=PaymentState.SUCCEEDED,
                    amount=Decimal(amount),
                    requested_at=AT,
                )
                for payment_id, kind, amount in paid
            ]
        }
    )


REFUNDED = cancelled((CHARGE, PaymentKind.CHARGE, "10"), (REFUND, PaymentKind.REFUND, "10"))
KEPT = cancelled((CHARGE, PaymentKind.CHARGE, "10"))
THEIRS = (booked(CHARGE, "10"), booked(REFUND, "10", refund_of=CHARGE))


def test_books_that_agree_are_not_complained_of() -> None:
    assert payments_unlike(books(*THEIRS), [REFUNDED]) == []


@pytest.mark.parametrize(
    ("theirs", "ours", "said"),
    [
        (THEIRS[:1], KEPT, "nothing shipped, 10 taken, 0 given back"),
        (THEIRS[:1], REFUNDED, f"{REFUND}: None in their books"),
        ((*THEIRS, booked(f"{CHARGE}/again", "10")), REFUNDED, "10 in their books, None in ours"),
        ((*THEIRS, booked(f"{REFUND}/again", "10", refund_of=CHARGE)), REFUNDED, f"refund of charge {CHARGE}: 2 times"),
    ],
)
def test_money_that_differs_is_named(theirs: tuple[BookedPayment, ...], ours: BackorderPosition, said: str) -> None:
    assert any(said in one for one in payments_unlike(books(*theirs), [ours]))
