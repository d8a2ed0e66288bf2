"""What may stand in a request's body: the models that workflows take, without room for fields that nobody knows.

The models themselves ignore such fields, so that a workflow can read what a newer version has sent. Here they are
somebody's misspelt ones, and a promise or a price that gets lost is worse than a request that is refused.
"""

from pydantic import ConfigDict

from domain.orders import Address, Customer, Order
from workflows.backorder_contract import CancelRequest, DelayAnswer


class CustomerBody(Customer):
    """Who was promised."""

    model_config = ConfigDict(extra="forbid")


class AddressBody(Address):
    """Where the parcel goes."""

    model_config = ConfigDict(extra="forbid")


class OrderBody(Order):
    """One short sales-order line."""

    model_config = ConfigDict(extra="forbid")

    customer: CustomerBody  # pyright: ignore[reportIncompatibleVariableOverride] - values are frozen, so narrowing is safe
    ship_to: AddressBody  # pyright: ignore[reportIncompatibleVariableOverride] - likewise


class CancelBody(CancelRequest):
    """Cancel what has not shipped."""

    model_config = ConfigDict(extra="forbid")


class AnswerBody(DelayAnswer):
    """A customer's answer to a delay notice."""

    model_config = ConfigDict(extra="forbid")
