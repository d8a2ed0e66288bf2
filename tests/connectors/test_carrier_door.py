"""Parcels over the fulfilment connector: booked once, void until the carrier holds them, possession told once."""

import asyncio

import pytest

from connectors.errors import Refused, Retryable, Undecodable
from connectors.fulfilment.http import HttpCarrier
from connectors.fulfilment.interface import VoidOutcome
from devstack.simulators.world import CommandRefused, World
from domain.orders import Address
from tests.connectors.gateway_door import Gateway

HOME = Address(name="Ada Nováková", street="Main St 1", city="Springfield", postal_code="01101", country="US")


async def book(carrier: HttpCarrier, parcel_id: str = "bo:1:p1") -> str:
    return (await carrier.book(parcel_id=parcel_id, ship_to=HOME, sku="MUG", quantity=2)).tracking


@pytest.mark.parametrize("fault", [None, "503", "500", "reset", "drop_response"])
async def test_a_parcel_is_booked_once(world: World, carrier: HttpCarrier, fault: str | None) -> None:
    if fault is not None:
        await world.carrier.fail_next(fault, seconds=0)
        with pytest.raises(Retryable):
            await book(carrier)
    assert await book(carrier) == await book(carrier)
    assert [parcel.state for parcel in (await world.carrier.books()).parcels] == ["booked"]


async def test_the_same_parcel_with_other_content_is_refused(carrier: HttpCarrier) -> None:
    await book(carrier)
    with pytest.raises(Refused):
        await carrier.book(parcel_id="bo:1:p1", ship_to=HOME, sku="MUG", quantity=3)


async def test_a_label_is_not_possession(world: World, carrier: HttpCarrier) -> None:
    tracking = await book(carrier)
    assert await carrier.possession(parcel_id="bo:1:p1") is None
    await world.carrier.take("bo:1:p1")
    event = await carrier.possession(parcel_id="bo:1:p1")
    assert event is not None
    assert (event.parcel_id, event.tracking) == ("bo:1:p1", tracking)


async def test_void_wins_until_the_carrier_holds_the_parcel(world: World, carrier: HttpCarrier) -> None:
    await book(carrier)
    assert await carrier.void(parcel_id="bo:1:p1") is VoidOutcome.VOIDED
    assert await carrier.void(parcel_id="bo:1:p1") is VoidOutcome.VOIDED
    with pytest.raises(CommandRefused, match="voided"):
        await world.carrier.take("bo:1:p1")


async def test_void_loses_once_the_carrier_holds_it(world: World, carrier: HttpCarrier) -> None:
    await book(carrier)
    await world.carrier.take("bo:1:p1")
    assert await carrier.void(parcel_id="bo:1:p1") is VoidOutcome.POSSESSED


async def test_void_and_possession_at_the_same_moment_have_one_winner(world: World, carrier: HttpCarrier) -> None:
    for number in range(8):
        parcel_id = f"race-{number}"
        await book(carrier, parcel_id)
        outcome, _ = await asyncio.gather(
            carrier.void(parcel_id=parcel_id), world.carrier.take(parcel_id), return_exceptions=True
        )
        state = (await world.carrier.books()).parcel(parcel_id).state
        possession = await carrier.possession(parcel_id=parcel_id)
        assert (outcome, state, possession is None) in [
            (VoidOutcome.VOIDED, "voided", True),
            (VoidOutcome.POSSESSED, "possessed", False),
        ]


async def test_a_parcel_voided_before_it_was_booked_cannot_be_booked_later(carrier: HttpCarrier) -> None:
    assert await carrier.void(parcel_id="bo:9:p1") is VoidOutcome.VOIDED
    with pytest.raises(Refused, match="voided"):
        await book(carrier, "bo:9:p1")


async def test_void_survives_a_lost_answer(world: World, carrier: HttpCarrier) -> None:
    await book(carrier)
    await world.carrier.fail_next("drop_response", on="void")
    with pytest.raises(Retryable):
        await carrier.void(parcel_id="bo:1:p1")
    assert await carrier.void(parcel_id="bo:1:p1") is VoidOutcome.VOIDED


async def test_a_parcel_never_seen_has_no_possession(carrier: HttpCarrier) -> None:
    assert await carrier.possession(parcel_id="never/seen") is None


async def test_the_carrier_tells_of_possession_by_signed_webhook(
    world: World, carrier: HttpCarrier, gateway: Gateway
) -> None:
    gateway.answers = [503, 500]
    await world.send_webhooks_to(gateway.url)
    await world.carrier.set_pace(0)
    await book(carrier)
    for _ in range(500):
        if len(gateway.received) == 3:
            break
        await asyncio.sleep(0.02)
    await world.webhooks_settled()
    first, *_, last = gateway.received
    assert gateway.paths == ["/carrier/events"] * 3
    assert first.headers["webhook-id"] == last.headers["webhook-id"]
    event = carrier.verify_event(last.body, dict(last.headers))
    assert event == await carrier.possession(parcel_id="bo:1:p1")
    assert (await world.carrier.books()).webhooks[0].state == "taken"
    with pytest.raises(Undecodable):
        carrier.verify_event(last.body + b" ", dict(last.headers))
    with pytest.raises(Undecodable):
        carrier.verify_event(last.body, {})
