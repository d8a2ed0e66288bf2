"""Money over the payment connector: each key once, whatever breaks on the way."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from pydantic import SecretStr

from connectors.errors import Refused, Retryable
from connectors.payments.http import HttpPayments
from connectors.payments.interface import PaymentOutcome, PaymentResult
from devstack.simulators.world import World

TWELVE = Decimal("12.30")


async def charge(payments: HttpPayments, key: str = "bo/1/charge", **other: object) -> PaymentResult:
    order = {"payment_method": "pm_ada", "amount": TWELVE, "currency": "USD"} | other
    return await payments.charge(key=key, **order)  # type: ignore[arg-type]  # (a test's shorthand)


async def until_done(step: Callable[[], Awaitable[PaymentResult]]) -> PaymentResult:
    for _ in range(10):
        try:
            return await step()
        except Retryable:
            await asyncio.sleep(0.1)
    raise AssertionError("ten tries were not enough")


async def test_a_charge_takes_the_money_once_under_its_key(world: World, payments: HttpPayments) -> None:
    first = await charge(payments)
    assert first.outcome is PaymentOutcome.SUCCEEDED
    assert await charge(payments) == first
    assert await payments.void(key="bo/1/charge") == first, "what was taken stays taken, and is told"
    assert (await world.payments.books()).charged == TWELVE


@pytest.mark.parametrize("fault", ["503", "429", "500", "reset", "drop_response", "slow"])
async def test_a_charge_is_taken_once_whatever_breaks_on_the_way(world: World, fault: str) -> None:
    impatient = HttpPayments(world.addresses.payment_url, SecretStr("sim-payment-key"), timeout_seconds=0.2)
    await world.payments.fail_next(fault, 2, seconds=0.4 if fault == "slow" else 0)
    with pytest.raises(Retryable):
        await charge(impatient)
    assert (await until_done(lambda: charge(impatient))).outcome is PaymentOutcome.SUCCEEDED
    await impatient.aclose()
    assert (await world.payments.books()).charged == TWELVE


async def test_a_known_key_with_another_amount_is_refused(world: World, payments: HttpPayments) -> None:
    await charge(payments)
    with pytest.raises(Refused, match="another request"):
        await charge(payments, amount=Decimal("12.31"))
    assert (await world.payments.books()).charged == TWELVE


async def test_a_declined_charge_is_an_answer_and_takes_nothing(world: World, payments: HttpPayments) -> None:
    declined = await charge(payments, payment_method="pm_declined_ada")
    assert (declined.outcome, declined.reason) == (PaymentOutcome.DECLINED, "the card is blocked")
    await world.payments.decline_next(1)
    assert (await charge(payments, "k1")).outcome is PaymentOutcome.DECLINED
    assert (await charge(payments, "k2")).outcome is PaymentOutcome.SUCCEEDED
    assert (await world.payments.books()).charged == TWELVE


async def test_a_card_declined_once_works_at_the_second_try(payments: HttpPayments) -> None:
    outcomes = [(await charge(payments, key, payment_method="pm_once_declined_ada")).outcome for key in ("a", "b")]
    assert outcomes == [PaymentOutcome.DECLINED, PaymentOutcome.SUCCEEDED]
    assert (await charge(payments, "a", payment_method="pm_once_declined_ada")).outcome is PaymentOutcome.DECLINED


async def test_refunds_never_exceed_what_was_taken(world: World, payments: HttpPayments) -> None:
    await charge(payments)
    part = {"charge_key": "bo/1/charge", "amount": Decimal(8), "currency": "USD"}
    first = await payments.refund(key="r1", **part)  # type: ignore[arg-type]  # (a test's shorthand)
    assert await payments.refund(key="r1", **part) == first  # type: ignore[arg-type]  # (as above)
    with pytest.raises(Refused, match=r"only 4\.30"):
        await payments.refund(key="r2", **part)  # type: ignore[arg-type]  # (as above)
    await payments.refund(key="r3", charge_key="bo/1/charge", amount=Decimal("4.30"), currency="USD")
    books = await world.payments.books()
    assert (books.charged, books.refunded, books.held_of("pm_ada")) == (TWELVE, TWELVE, 0)


async def test_a_refund_needs_a_charge_that_succeeded(payments: HttpPayments) -> None:
    await charge(payments, "declined", payment_method="pm_declined")
    for charge_key in ("declined", "never-seen"):
        with pytest.raises(Refused, match="404"):
            await payments.refund(key=f"r-{charge_key}", charge_key=charge_key, amount=TWELVE, currency="USD")


async def test_under_a_closed_key_no_money_is_taken_any_more(world: World, payments: HttpPayments) -> None:
    closed = await payments.void(key="bo/2 with/odd?chars")
    assert closed.outcome is PaymentOutcome.DECLINED
    assert await payments.void(key="bo/2 with/odd?chars") == closed
    assert await charge(payments, "bo/2 with/odd?chars") == closed
    assert (await world.payments.books()).charged == 0


async def test_a_key_is_not_closed_while_its_charge_is_worked_on(world: World) -> None:
    hasty = HttpPayments(world.addresses.payment_url, SecretStr("sim-payment-key"), timeout_seconds=0.2)
    await world.payments.fail_next("slow", 1, seconds=0.5)
    with pytest.raises(Retryable):
        await charge(hasty)
    taken = await until_done(lambda: hasty.void(key="bo/1/charge"))
    assert taken.outcome is PaymentOutcome.SUCCEEDED
    await hasty.aclose()


async def test_an_absent_provider_and_a_wrong_key_are_retryable(world: World, free_port: int) -> None:
    absent = HttpPayments(f"http://127.0.0.1:{free_port}", SecretStr("k"))
    with pytest.raises(Retryable):
        await charge(absent)
    wrong = HttpPayments(world.addresses.payment_url, SecretStr("k"))
    with pytest.raises(Retryable, match="API key"):
        await charge(wrong)
    for door in (absent, wrong):
        await door.aclose()


async def test_a_provider_that_breaks_is_not_blamed_on_its_address(world: World, payments: HttpPayments) -> None:
    await world.payments.fail_next("500")
    with pytest.raises(Retryable, match=r"something broke here$"):
        await charge(payments)
