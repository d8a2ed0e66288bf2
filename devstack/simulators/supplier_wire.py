"""The supplier's side of the http profile: what an order must look like, judged strictly and by code of its own."""

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Body(BaseModel):
    """A request body: no field may be missing, misspelt, or of another JSON type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LineBody(Body):
    """One line; quantity in purchase units, price per purchase unit."""

    line_no: int = Field(ge=1)
    sku: Text
    supplier_sku: Text
    description: Annotated[str, StringConstraints(max_length=2000)]
    quantity: int = Field(ge=0, le=10_000_000)
    unit_price: Annotated[str, StringConstraints(pattern=r"^\d{1,12}(\.\d{1,6})?$")]
    wanted_on: date | None


class _Lines(Body):
    lines: Annotated[tuple[LineBody, ...], Field(min_length=1, strict=False)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        numbers = [line.line_no for line in self.lines]
        if len(set(numbers)) < len(numbers):
            raise ValueError("two lines have the same line_no")
        return self


class OrderBody(_Lines):
    """A new order."""

    po_number: Text
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    terms: Text
    ordered_on: date

    @model_validator(mode="after")
    def _orders_something(self) -> Self:
        if any(line.quantity == 0 for line in self.lines):
            raise ValueError("an ordered quantity is at least 1")
        return self


class ChangeBody(_Lines):
    """New quantities for some lines."""

    po_number: Text
    revision: int = Field(ge=1)


class CancelBody(Body):
    """Withdrawal of the whole order."""

    po_number: Text
    revision: int = Field(ge=1)
    reason: Annotated[str, StringConstraints(max_length=2000)]
