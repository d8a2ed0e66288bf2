"""A payment provider over HTTP, in a small JSON dialect of our own; a real provider's adapter stands beside this file.

Every request with `Authorization: Bearer <api_key>`; every write with `Idempotency-Key: "<key>"`. Amounts are strings.

    POST {base_url}/charges          {"payment_method": "pm_1", "amount": "12.30", "currency": "USD"}
    POST {base_url}/refunds          {"charge_key": "...", "amount": "12.30", "currency": "USD"}
    POST {base_url}/voids            {"charge_key": "..."}   from now on no charge under that key takes money

All three answer `{"outcome": "succeeded" | "declined", "reference": "ch_17", "reason": ""}`; a void with what became of
the charge. A declined charge is an answer, not an error. Errors are problem+json: 422 for a known key with other
content, 404 for a refund of a charge that is not there, 409 for a refund of more than was taken. Since every write is
keyed, anything else is tried again.
"""

from decimal import Decimal

import httpx
from pydantic import SecretStr, ValidationError

from connectors.errors import Retryable
from connectors.payments.interface import PaymentResult
from connectors.rest import KeyedService, unreadable


class HttpPayments:
    """Charges and refunds by key."""

    def __init__(self, base_url: str, api_key: SecretStr, *, timeout_seconds: float = 10) -> None:
        self._service = KeyedService("payment provider", base_url, api_key, timeout_seconds)

    async def charge(self, *, key: str, payment_method: str, amount: Decimal, currency: str) -> PaymentResult:
        """Take money. The same key with the same content returns the first result; other content raises Refused."""
        content = {"payment_method": payment_method, "amount": format(amount, "f"), "currency": currency}
        return _result(await self._service.ask("POST", "charges", key=key, content=content))

    async def refund(self, *, key: str, charge_key: str, amount: Decimal, currency: str) -> PaymentResult:
        """Give back (a part of) what `charge_key` took, to the same method. Raises: Refused (no charge, too much)."""
        content = {"charge_key": charge_key, "amount": format(amount, "f"), "currency": currency}
        return _result(await self._service.ask("POST", "refunds", key=key, content=content))

    async def void(self, *, key: str) -> PaymentResult:
        """Close a charge's key. SUCCEEDED: the money had been taken. DECLINED: it never was and never will be."""
        return _result(await self._service.ask("POST", "voids", key=f"{key}/void", content={"charge_key": key}))

    async def aclose(self) -> None:
        """Close connections."""
        await self._service.aclose()


def _result(response: httpx.Response | None) -> PaymentResult:
    if response is None:
        raise Retryable("the payment provider does not know its own address; correct payment_url")
    try:
        return PaymentResult.model_validate_json(response.content)
    except ValidationError as wrong:
        raise unreadable("payment provider", wrong) from wrong
