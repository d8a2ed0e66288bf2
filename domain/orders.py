"""An order line as it comes in: the one model that starts a backorder, however it arrives."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from domain.errors import OrderRefused
from domain.names import is_po_number
from domain.values import (
    CURRENCY_DIGITS,
    Currency,
    Frozen,
    Id,
    Instant,
    PositiveQuantity,
    Price,
    Sku,
    Text,
    Zone,
    round_money,
)

FARTHEST_PROMISE = timedelta(days=6 * 365)
"""Dates further off are some system's word for 'none' (9999-12-31)."""

LARGEST_VALUE = Decimal(9_999_999_999)
"""Of one order line, in its currency: card networks know twelve digits for an amount with its cents (ISO 8583, 4)."""

CLOCKS_APART = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours."""


class Customer(Frozen):
    """Who was promised. Personal data: kept in the ledger, never in ids, search attributes or summaries."""

    customer_id: Id
    name: Text
    email: Annotated[
        str,
        StringConstraints(
            max_length=254,
            pattern=r"^[^@\s\x00-\x1f\x7f<>,;\"]+@[^@\s\x00-\x1f\x7f<>,;\"]+\.[^@\s\x00-\x1f\x7f<>,;\".]+$",
        ),
    ]


class Address(Frozen):
    """Where the parcel goes."""

    name: Text
    street: Text
    city: Text
    region: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    postal_code: Text
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    """ISO 3166-1 alpha-2."""
    zone: Zone = "America/New_York"
    """IANA zone in which legal dates are judged (16 CFR 435 judges at the place of delivery)."""


class Order(Frozen):
    """One short sales-order line: the input of the `Backorder` workflow."""

    backorder_id: Id
    """The business key. Sending the same id again is harmless. `PO-` and digits alone are for purchase orders."""
    sales_order: Id
    line: int = Field(default=1, ge=1, le=9999)
    customer: Customer
    ship_to: Address
    sku: Sku
    quantity: PositiveQuantity
    """Stock units."""
    unit_price: Price
    """What the customer pays for a unit, not finer than `currency` has decimals; it never rises."""
    currency: Currency
    shipping_charge: Price = Decimal(0)
    """What the customer pays for shipping, once for the line; refunded when nothing ships."""
    payment_method: Id
    """The token under which the payment provider knows the customer's saved method."""
    partial_shipment: bool = False
    """May a part be shipped when it is here, or only the complete line?"""
    promised_by: date | None = None
    """The ship-by date stated to the customer at order, if one was; else the law's own default holds."""
    ordered_at: Instant | None = None
    """When the order was complete (payment and all information); the time of arrival here if not given."""
    priority: int = Field(default=5, ge=1, le=9)
    """1 is served first."""

    @property
    def goods_value(self) -> Decimal:
        """Quantity times unit price, in `currency`, rounded to its minor unit."""
        return round_money(self.unit_price * self.quantity, self.currency)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the content: the same id with another fingerprint is a conflict, not a repeat.

        Fields left at their default do not count, so that a field added later changes no old fingerprint.
        """
        content = self.model_dump(exclude_defaults=True)
        return hashlib.sha256(json.dumps(content, default=_canonical, sort_keys=True).encode()).hexdigest()


def _canonical(value: object) -> str:
    """One spelling for one value: 20 and 20.00 are the same price, 08:00Z and 10:00+02:00 the same instant."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)


def refuse_nonsense(order: Order, now: datetime) -> None:
    """Raises: OrderRefused - the first nonsense in it."""
    for refusal in nonsense(order, now):
        raise refusal


def nonsense(order: Order, now: datetime) -> Iterator[OrderRefused]:
    """Check what the shape of an order cannot: its id, its amounts against its currency, its dates against `now`.

    Yields:
        The id is a purchase order's number, an amount is finer than the currency's minor unit, the promised date is
        past or too far away, or the order lies in the future.
    """
    if is_po_number(order.backorder_id):
        yield OrderRefused(
            f"backorder_id {order.backorder_id!r} is a purchase order's number, as the ledger gives them; name it "
            f"otherwise, such as {order.backorder_id.replace('PO', 'BO', 1)!r}",
            field="backorder_id",
        )
    for field, amount in (("unit_price", order.unit_price), ("shipping_charge", order.shipping_charge)):
        if amount != round_money(amount, order.currency):
            digits = CURRENCY_DIGITS[order.currency]
            yield OrderRefused(
                f"{field} {amount} is finer than {order.currency} can be paid, which has "
                f"{f'{digits} decimals' if digits else 'no decimals'}; round it as the customer was told",
                field=field,
            )
    if order.unit_price * order.quantity + order.shipping_charge > LARGEST_VALUE:
        yield OrderRefused(
            f"quantity x unit_price is more than {LARGEST_VALUE:,} {order.currency}, more than a card can be charged; "
            "correct it, or split the order",
            field="quantity",
        )
    ordered_at = order.ordered_at or now
    if ordered_at - now > CLOCKS_APART:
        yield OrderRefused(
            f"ordered_at {ordered_at.isoformat()} lies in the future; correct it and send again", field="ordered_at"
        )
    if order.promised_by is not None:
        today = now.astimezone(ZoneInfo(order.ship_to.zone)).date()
        if order.promised_by < today:
            yield OrderRefused(
                f"promised_by {order.promised_by} is past (today is {today} at the ship-to address); "
                "state a date that can be kept, or none",
                field="promised_by",
            )
        if order.promised_by - today > FARTHEST_PROMISE:
            yield OrderRefused(
                f"promised_by {order.promised_by} is more than {FARTHEST_PROMISE.days} days away; "
                "leave it empty if no date was stated",
                field="promised_by",
            )
