"""What a payment provider is to us: charge, refund, void, each by our key, each once however often called."""

from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from connectors.words import Reference, Said
from domain.values import Frozen


class PaymentOutcome(StrEnum):
    """How the provider answered."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"


class PaymentResult(Frozen):
    """The provider's final word on one key."""

    outcome: PaymentOutcome
    reference: Reference
    reason: Said = ""


class PaymentConnector(Protocol):
    """All methods raise `Retryable` when the provider could not be reached; calling again with the same key is safe."""

    async def charge(self, *, key: str, payment_method: str, amount: Decimal, currency: str) -> PaymentResult:
        """Take money. The same key with the same content returns the first result; other content raises Refused."""
        ...

    async def refund(self, *, key: str, charge_key: str, amount: Decimal, currency: str) -> PaymentResult:
        """Give back (a part of) what `charge_key` took, to the same method. Raises: Refused (no charge, too much)."""
        ...

    async def void(self, *, key: str) -> PaymentResult:
        """Close a charge's key: whatever still comes under it takes no money, not even a request already on its way.

        Returns:
            SUCCEEDED: the money had been taken, and is to be refunded. DECLINED: it never was and never will be.
        """
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
