"""Errors tell operators what is wrong, and nobody who it is about."""

from datetime import timedelta

import pytest

from activities.privacy import kept_private, without
from connectors.errors import Retryable
from workflows.backorder_contract import BackorderInput


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("550 5.1.1 <Ada@Shop.example>: no mailbox", "550 5.1.1 <(left out)>: no mailbox"),
        ("no such user ada here", "no such user (left out) here"),
        ("unknown street '1 Main St', Boston", "unknown street '(left out)', Boston"),
        ("No such PaymentMethod: 'pm_1'; try again", "No such PaymentMethod: '(left out)'; try again"),
        ("adamant refusal by somebody@else.example", "adamant refusal by (left out)"),
    ],
)
def test_what_the_outside_world_quotes_of_a_customer_is_left_out(said: str, kept: str) -> None:
    assert without(said, ["ada@shop.example", "ada", "1 Main St", "pm_1", ""]) == kept


def test_an_error_keeps_its_kind_and_its_wait_but_not_what_caused_it() -> None:
    busy = Retryable("ada is unknown", after=timedelta(seconds=9))
    busy.__cause__ = OSError("ada is unknown")
    with pytest.raises(Retryable) as raised, kept_private("ada"):
        raise busy
    assert (str(raised.value), raised.value.after) == ("(left out) is unknown", timedelta(seconds=9))
    assert raised.value.__cause__ is None


def test_an_order_that_cannot_be_read_is_not_quoted() -> None:
    with pytest.raises(ValueError, match="quantity") as refused:
        BackorderInput.model_validate({"quantity": 0, "customer": {"email": "ada at home"}})
    assert "ada" not in str(refused.value)
