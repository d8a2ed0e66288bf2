"""The client by which tests and the demo command the outside world. It only speaks HTTP, so it commands a world in
another process (`World(addresses)`) as well as one in its own:

    async with running_simulators(folder, gateway_url, suppliers=[SupplierSettings(...)]) as world:
        await world.supplier("acme").behave("short", confirm=3)
        await world.supplier("acme").advance("acknowledge", po_number="PO-1")
        assert (await world.payments.books()).refunded == 0
"""

import asyncio
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx

from connectors.rest import trusted
from devstack.simulators.carrier import PossessionPace
from devstack.simulators.mail_catcher import MailControl
from devstack.simulators.payment import DeclineNext
from devstack.simulators.records import CarrierBooks, CaughtMail, PaymentBooks, SupplierBooks
from devstack.simulators.settings import (
    Advance,
    Behaviour,
    FailNext,
    FaultKind,
    Pace,
    Rule,
    Step,
    StepLine,
    SupplierSettings,
    Value,
)


class Addresses(Value):
    """Where the world's services are."""

    supplier_url: str
    """A supplier's own base URL is this, `/suppliers/` and its id."""
    payment_url: str
    carrier_url: str
    mail_url: str
    smtp_host: str
    smtp_port: int


class GatewayAddress(Value):
    """Where webhooks go; None: they wait."""

    gateway_url: str | None


class Commanded:
    """A part of the world that is commanded over HTTP."""

    def __init__(self, client: httpx.AsyncClient, base_url: str) -> None:
        self._client = client
        self.base_url = base_url

    async def tell(self, method: str, path: str, command: Value) -> httpx.Response:
        """Give a command. Raises: CommandRefused."""
        answer = await self._client.request(
            method,
            f"{self.base_url}{path}",
            content=command.model_dump_json(),
            headers={"Content-Type": "application/json"},
        )
        _accepted(answer)
        return answer

    async def _get(self, path: str) -> bytes:
        answer = await self._client.get(f"{self.base_url}{path}")
        _accepted(answer)
        return answer.content

    async def fail_next(self, kind: FaultKind | str, n: int = 1, *, on: str = "write", seconds: float = 1) -> None:
        """Let the next `n` requests fail: 503, 429, 500, reset, slow, drop_response, 422."""
        await self.tell("POST", "/fail", FailNext(kind=FaultKind(kind), n=n, on=on, seconds=seconds))


class SupplierCommand(Commanded):
    """Commands one supplier; `base_url` is what its connector is configured with."""

    async def settings(self) -> SupplierSettings:
        """How it is set up, secrets and all."""
        return SupplierSettings.model_validate_json(await self._get(""))

    async def set_pace(self, pace: Pace) -> None:
        """Work at this pace from now on."""
        await self.tell("PUT", "", (await self.settings()).model_copy(update={"pace": pace}))

    async def behave(
        self,
        behaviour: Behaviour | str,
        *skus: str,
        confirm: int | None = None,
        later_days: int = 14,
        reason: str = "",
        unit_price: Decimal | None = None,
        synchronous: bool = False,
    ) -> None:
        """Behave like this from now on: for these items (the buyer's SKUs), or, without any, for all."""
        rule = Rule(
            behaviour=Behaviour(behaviour),
            skus=skus,
            confirm=confirm,
            later_days=later_days,
            reason=reason,
            unit_price=unit_price,
            synchronous=synchronous,
        )
        await self.tell("POST", "/control", rule)

    async def advance(
        self,
        what: Step | str,
        po_number: str,
        *lines: StepLine,
        deliver_on: date | None = None,
        closes: bool = False,
        verdict: str | None = None,
    ) -> list[dict[str, Any]]:
        """Do one step of one order now; the events it sends. Without lines: all that is open."""
        step = Advance(
            what=Step(what),
            po_number=po_number,
            lines=lines or None,
            deliver_on=deliver_on,
            closes=closes,
            verdict=verdict,
        )
        answer = await self.tell("POST", "/advance", step)
        events: list[dict[str, Any]] = answer.json()["events"]
        return events

    async def books(self) -> SupplierBooks:
        """What it believes."""
        return SupplierBooks.model_validate_json(await self._get("/books"))


class PaymentCommand(Commanded):
    """Commands the payment provider."""

    async def decline_next(self, n: int = 1) -> None:
        """Decline the next `n` charges, whoever pays."""
        await self.tell("POST", "/decline", DeclineNext(n=n))

    async def books(self) -> PaymentBooks:
        """What it believes."""
        return PaymentBooks.model_validate_json(await self._get("/books"))


class CarrierCommand(Commanded):
    """Commands the carrier."""

    async def take(self, parcel_id: str) -> dict[str, Any]:
        """Take possession of a booked parcel now; the event it sends."""
        answer = await self._client.post(f"{self.base_url}/parcels/{parcel_id}/take")
        _accepted(answer)
        event: dict[str, Any] = answer.json()
        return event

    async def set_pace(self, possession_after: float | None) -> None:
        """Take parcels booked from now on after so many seconds; None: only when told."""
        await self.tell("PUT", "/pace", PossessionPace(possession_after=possession_after))

    async def books(self) -> CarrierBooks:
        """What it believes."""
        return CarrierBooks.model_validate_json(await self._get("/books"))


class World:
    """Commands every part of a running outside world."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self._client = httpx.AsyncClient(timeout=30, trust_env=False, verify=trusted())
        self._suppliers = Commanded(self._client, addresses.supplier_url)
        self._mail = Commanded(self._client, addresses.mail_url)
        self.payments = PaymentCommand(self._client, addresses.payment_url)
        self.carrier = CarrierCommand(self._client, addresses.carrier_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    def supplier(self, supplier_id: str) -> SupplierCommand:
        """One supplier."""
        return SupplierCommand(self._client, f"{self.addresses.supplier_url}/suppliers/{supplier_id}")

    async def add_supplier(self, settings: SupplierSettings) -> SupplierCommand:
        """Open a supplier, or set one up anew."""
        await self._suppliers.tell("PUT", f"/suppliers/{settings.supplier_id}", settings)
        return self.supplier(settings.supplier_id)

    async def send_webhooks_to(self, gateway_url: str | None) -> None:
        """Where webhooks go from now on; None: they wait."""
        await self._suppliers.tell("PUT", "/gateway", GatewayAddress(gateway_url=gateway_url))

    async def mails(self, to: str | None = None) -> list[CaughtMail]:
        """The mails caught, the oldest first."""
        answer = await self._client.get(f"{self.addresses.mail_url}/api/mails", params={"to": to} if to else {})
        _accepted(answer)
        return [CaughtMail.model_validate(mail) for mail in answer.json()]

    async def control_mail(self, *, refuse: Iterable[str] = (), busy: int = 0) -> None:
        """Let the mail server refuse these addresses for good, and put off the next `busy` mails."""
        await self._mail.tell("POST", "/api/control", MailControl(refuse=tuple(refuse), busy=busy))

    async def webhooks_settled(self, within: float = 20) -> None:
        """Wait until no webhook is pending. Raises: TimeoutError."""
        async with asyncio.timeout(within):
            # it is another process that changes, so there is nothing here to wait on
            while (await self._client.get(f"{self.addresses.supplier_url}/webhooks/pending")).json()["pending"]:  # noqa: ASYNC110 (as said)
                await asyncio.sleep(0.02)


class CommandRefused(Exception):
    """The world does not take a command."""


def _accepted(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise CommandRefused(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
