"""Small shared values: the frozen base model, money, and the identifiers' shapes. No rules live here."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints


class Frozen(BaseModel):
    """A value: compared by content, never changed. Unknown fields are ignored, so that newer senders stay readable."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Id = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._:-]+$")
]
"""A business identifier: 1 to 80 of letters, digits and . _ : - (workflow ids are built of it and shown in clear)."""

Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""One line of 1 to 200 characters, such as a name."""

Words = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
"""Up to 500 characters for people to read. NUL is the one character that PostgreSQL cannot keep."""

Sku = Id
"""A stock keeping unit, the shop's own item number."""

CURRENCY_DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "CAD": 2, "JPY": 0}
"""The supported ISO 4217 currencies and their minor-unit digits."""


def _supported(code: str) -> str:
    if code not in CURRENCY_DIGITS:
        raise ValueError(f"unsupported currency {code!r}; supported are {', '.join(CURRENCY_DIGITS)}")
    return code


Currency = Annotated[str, AfterValidator(_supported)]
"""An ISO 4217 code out of CURRENCY_DIGITS."""

Quantity = Annotated[int, Field(ge=0, le=1_000_000)]
"""A count of stock units."""

PositiveQuantity = Annotated[int, Field(ge=1, le=1_000_000)]
"""A count of stock units, at least one."""

Price = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4)]
"""A unit price; not rounded to the minor unit. The extended amount is (see `round_money`)."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise ValueError(f"unknown time zone {name!r}; use an IANA name such as America/New_York") from unknown
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
"""An IANA time zone that this machine knows."""

Instant = AwareDatetime
"""A point in time with its zone; naive datetimes are refused."""


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Round an extended amount half-up to the currency's minor unit (ISO 4217)."""
    return amount.quantize(Decimal(1).scaleb(-CURRENCY_DIGITS[currency]), rounding=ROUND_HALF_UP)


def in_decimals(amount: Decimal, currency: str) -> Decimal:
    """An amount with its currency's decimals: 12.5 dollars are 12.50, 1200.0000 yen are 1200.

    A price for one may be finer than the smallest coin (screws at 0.0125 each); its decimals stay, without the zeros.
    A currency that is not supported has two, as most have.
    """
    in_coins = amount.quantize(Decimal(1).scaleb(-CURRENCY_DIGITS.get(currency, 2)))
    return in_coins if in_coins == amount else amount.normalize()


def money(amount: Decimal, currency: str) -> str:
    """An amount and its currency, such as `12.50 USD`: for people."""
    return f"{in_decimals(amount, currency):f} {currency}"


def count_units(number: int) -> str:
    """`1 unit`, `3 units`: for people."""
    return f"{number} unit" if number == 1 else f"{number} units"
