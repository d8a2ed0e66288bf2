"""The simulated payment provider: charges and refunds by key, with books that add up.

The wire is the dialect `connectors.payments.http` documents. Commands: POST /decline {"n": 2} declines the next two
charges; POST /fail is a FailNext; GET /books is what it believes. Payment methods that start with `pm_declined` are
always declined, those with `pm_once_declined` at their first charge.
"""

from decimal import Decimal
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from devstack.simulators.book import Book
from devstack.simulators.records import BookedPayment, PaymentBooks, operations
from devstack.simulators.requests import IN_FLIGHT, Door, Problem, new_app, require_credentials
from devstack.simulators.settings import FailNext, Value

SERVICE = "payment"

Amount = Annotated[str, StringConstraints(pattern=r"^\d{1,12}(\.\d{1,2})?$")]
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ChargeBody(_Body):
    """Take money."""

    payment_method: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    amount: Amount
    currency: CurrencyCode


class RefundBody(_Body):
    """Give it back."""

    charge_key: str
    amount: Amount
    currency: CurrencyCode


class VoidBody(_Body):
    """Close a charge's key."""

    charge_key: str


class DeclineNext(Value):
    """Decline the next `n` charges, whoever pays."""

    n: int = Field(default=1, ge=0)


class PaymentService:
    """The provider's books and habits."""

    def __init__(self, book: Book, api_key: str) -> None:
        self.api_key = api_key
        self.door = Door(book, SERVICE)
        self.decline_next = 0
        self._book = book

    def charge(self, key: str, body: ChargeBody) -> tuple[int, dict[str, str]]:
        """Take money, or decline. Under a closed key nothing is taken."""
        amount = _positive(body.amount)
        if (known := self._known_charge(key)) is not None:
            return HTTPStatus.CREATED, known
        reason = self._declined(body.payment_method)
        return self._record(
            BookedPayment(
                key=key,
                kind="charge",
                amount=amount,
                currency=body.currency,
                payment_method=body.payment_method,
                charge_key=None,
                outcome="declined" if reason else "succeeded",
                reference=f"ch_{self._book.number('charge'):06d}",
                reason=reason,
            )
        )

    def refund(self, key: str, body: RefundBody) -> tuple[int, dict[str, str]]:
        """Give back. Raises: Problem 404 (no such charge), 409 (more than was taken), 422 (other currency)."""
        amount = _positive(body.amount)
        charge = self._book.row(
            "SELECT * FROM payment WHERE key = ? AND kind = 'charge' AND outcome = 'succeeded'", body.charge_key
        )
        if charge is None:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown-charge", f"no charge {body.charge_key} succeeded here")
        if charge["currency"] != body.currency:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "currency", f"that charge was in {charge['currency']}")
        before = self._book.rows("SELECT amount FROM payment WHERE kind = 'refund' AND charge_key = ?", body.charge_key)
        left = Decimal(charge["amount"]) - sum((Decimal(row["amount"]) for row in before), Decimal(0))
        if amount > left:
            raise Problem(HTTPStatus.CONFLICT, "too-much", f"only {left} of that charge is left to refund")
        return self._record(
            BookedPayment(
                key=key,
                kind="refund",
                amount=amount,
                currency=body.currency,
                payment_method=charge["payment_method"],
                charge_key=body.charge_key,
                outcome="succeeded",
                reference=f"re_{self._book.number('refund'):06d}",
                reason="",
            )
        )

    def void(self, body: VoidBody) -> tuple[int, dict[str, str]]:
        """Close a key, and say what became of its charge. Raises: Problem 409 while it is being worked on."""
        if self.door.works_on(body.charge_key):
            raise Problem(HTTPStatus.CONFLICT, IN_FLIGHT, f"the charge {body.charge_key} is being worked on")
        if (known := self._known_charge(body.charge_key)) is not None:
            return HTTPStatus.CREATED, known
        return self._record(
            BookedPayment(
                key=body.charge_key,
                kind="charge",
                amount=Decimal(0),
                currency="",
                payment_method="",
                charge_key=None,
                outcome="declined",
                reference=f"vo_{self._book.number('void'):06d}",
                reason="voided before anything was taken",
            )
        )

    def _known_charge(self, key: str) -> dict[str, str] | None:
        """What became of a charge, if there is one or its key was closed."""
        found = self._book.row("SELECT * FROM payment WHERE key = ? AND kind = 'charge'", key)
        return None if found is None else {k: found[k] for k in ("outcome", "reference", "reason")}

    def books(self) -> PaymentBooks:
        """What it believes."""
        payments = tuple(
            BookedPayment.model_validate({k: row[k] for k in BookedPayment.model_fields})
            for row in self._book.rows("SELECT * FROM payment ORDER BY rowid")
        )
        return PaymentBooks(
            payments=payments,
            operations=operations(self._book, SERVICE),
            charged=sum((p.amount for p in payments if (p.kind, p.outcome) == ("charge", "succeeded")), Decimal(0)),
            refunded=sum((p.amount for p in payments if p.kind == "refund"), Decimal(0)),
        )

    def _declined(self, payment_method: str) -> str:
        """Why this charge is declined; empty: it is not."""
        if self.decline_next:
            self.decline_next -= 1
            return "insufficient funds"
        if payment_method.startswith("pm_declined"):
            return "the card is blocked"
        if payment_method.startswith("pm_once_declined"):
            earlier = self._book.row("SELECT 1 FROM payment WHERE payment_method = ?", payment_method)
            return "" if earlier else "insufficient funds"
        return ""

    def _record(self, payment: BookedPayment) -> tuple[int, dict[str, str]]:
        values = payment.model_dump(mode="json")
        self._book.write(
            f"INSERT INTO payment ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", *values.values()
        )
        return HTTPStatus.CREATED, {k: values[k] for k in ("outcome", "reference", "reason")}


def _positive(amount: str) -> Decimal:
    value = Decimal(amount)
    if value == 0:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "an amount is more than zero")
    return value


def payment_app(service: PaymentService) -> FastAPI:
    """The provider's web application."""
    app = new_app()

    @app.post("/charges")
    async def charge(request: Request) -> Response:
        require_credentials(request, service.api_key)
        return await service.door.write(
            request, "charge", lambda key, body: service.charge(key, ChargeBody.model_validate_json(body))
        )

    @app.post("/refunds")
    async def refund(request: Request) -> Response:
        require_credentials(request, service.api_key)
        return await service.door.write(
            request, "refund", lambda key, body: service.refund(key, RefundBody.model_validate_json(body))
        )

    @app.post("/voids")
    async def void(request: Request) -> Response:
        require_credentials(request, service.api_key)
        return await service.door.write(
            request, "void", lambda _, body: service.void(VoidBody.model_validate_json(body))
        )

    @app.post("/decline")
    async def decline(command: DeclineNext) -> Response:
        service.decline_next = command.n
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @app.post("/fail")
    async def fail(fault: FailNext) -> Response:
        service.door.faults.command(fault)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @app.get("/books")
    async def books() -> PaymentBooks:
        return service.books()

    return app
