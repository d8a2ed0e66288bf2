"""Models as JSON, in which money is as people read it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from pydantic import BaseModel

from domain.values import in_decimals


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
