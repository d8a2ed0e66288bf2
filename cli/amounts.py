"""Money as people read it: in the currency's own decimals, with the currency."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from pydantic import BaseModel

from domain.values import CURRENCY_DIGITS


def in_decimals(amount: Decimal, currency: str) -> Decimal:
    """An amount with its currency's decimals: 12.5 dollars are 12.50, 1200.0000 yen are 1200.

    A price for one may be finer than the smallest coin (screws at 0.0125 each); its decimals stay, without the zeros.
    """
    in_coins = amount.quantize(Decimal(1).scaleb(-CURRENCY_DIGITS[currency]))
    return in_coins if in_coins == amount else amount.normalize()


def money(amount: Decimal, currency: str) -> str:
    """An amount and its currency, such as `12.50 USD`."""
    return f"{in_decimals(amount, currency):f} {currency}"


def as_data(model: BaseModel, currency: str, *, without: set[str] | None = None) -> dict[str, Any]:
    """A model as plain JSON data, in which every amount has its currency's decimals.

    Args:
        model: whose amounts are all in `currency`.
        currency: of its amounts.
        without: its fields that are left out.
    """
    kept = model.model_dump(exclude=without)
    plain = model.model_dump(mode="json", exclude=without)
    return cast("dict[str, Any]", _in_decimals(kept, plain, currency))


def _in_decimals(kept: object, plain: object, currency: str) -> object:
    """Walks the same data with its types and as JSON, side by side."""
    if isinstance(kept, Decimal):
        return f"{in_decimals(kept, currency):f}"
    if isinstance(kept, Mapping):
        told = cast("Mapping[str, object]", plain)
        return {
            name: _in_decimals(value, told[name], currency)
            for name, value in cast("Mapping[str, object]", kept).items()
        }
    if isinstance(kept, list | tuple):
        pairs = zip(cast("list[object]", kept), cast("list[object]", plain), strict=True)
        return [_in_decimals(value, shown, currency) for value, shown in pairs]
    return plain
