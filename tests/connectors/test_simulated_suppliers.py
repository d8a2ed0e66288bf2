"""The simulated suppliers keep their side of the profile: each behaviour, as our connector hears it over the wire."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from connectors.suppliers.http import HttpConnector
from connectors.suppliers.interface import Envelope, Request, WireIds
from devstack.simulators.running import running_simulators
from devstack.simulators.settings import Pace, StepLine, SupplierSettings
from devstack.simulators.world import SupplierCommand, World
from domain.supplier_events import (
    ChangeAck,
    ChangeVerdict,
    OrderAck,
    Received,
    ShipNotice,
    SplitStatus,
    SupplierEvent,
)
from tests.connectors.gateway_door import Gateway

FIRST = date(2026, 12, 8)
"""The order's date and seven days of lead time."""
LATER = date(2026, 12, 22)


@pytest.fixture
async def supplier(world: World, gateway: Gateway, connector: HttpConnector, placed: Envelope) -> SupplierCommand:
    """Acme, holding PO-1 (10 MUG, 4 BOWL), its webhooks going to the gateway."""
    await world.send_webhooks_to(gateway.url)
    await connector.send(placed)
    return world.supplier("acme")


Hear = Callable[[], Awaitable[list[SupplierEvent]]]


@pytest.fixture
def hear(world: World, gateway: Gateway, connector: HttpConnector) -> Hear:
    """All events that have come, verified and decoded by our connector."""

    async def heard() -> list[SupplierEvent]:
        await world.webhooks_settled()
        events: list[SupplierEvent] = []
        for message in gateway.received:
            connector.verify(message)
            events += connector.decode(message).events
        return events

    return heard


def splits(event: SupplierEvent) -> list[list[tuple[str, int, date | None]]]:
    assert isinstance(event, OrderAck | ChangeAck)
    return [[(s.status.value, int(s.quantity), s.deliver_on) for s in line.splits] for line in event.lines]


@pytest.mark.parametrize(
    ("behaviour", "mug", "bowl"),
    [
        ("accept", [("accepted", 10, FIRST)], [("accepted", 4, FIRST)]),
        ("short", [("accepted", 3, FIRST), ("rejected", 7, None)], [("accepted", 3, FIRST), ("rejected", 1, None)]),
        (
            "split",
            [("accepted", 3, FIRST), ("backordered", 7, LATER)],
            [("accepted", 3, FIRST), ("backordered", 1, LATER)],
        ),
        ("backorder", [("backordered", 10, LATER)], [("backordered", 4, LATER)]),
        ("reject_line", [("rejected", 10, None)], [("rejected", 4, None)]),
    ],
)
async def test_an_acknowledgement_follows_the_behaviour(
    supplier: SupplierCommand, hear: Hear, behaviour: str, mug: list[object], bowl: list[object]
) -> None:
    await supplier.behave(behaviour, confirm=3)
    await supplier.advance("acknowledge", "PO-1")
    (ack,) = await hear()
    assert splits(ack) == [mug, bowl]


async def test_a_behaviour_can_be_for_one_item(supplier: SupplierCommand, hear: Hear) -> None:
    await supplier.behave("reject_line", "BOWL", reason="discontinued")
    await supplier.behave("accept", "MUG", unit_price=Decimal("3.50"))
    await supplier.advance("acknowledge", "PO-1")
    (ack,) = await hear()
    assert isinstance(ack, OrderAck)
    (mug,), (bowl,) = (line.splits for line in ack.lines)
    assert (mug.status, mug.unit_price) == (SplitStatus.ACCEPTED, Decimal("3.50"))
    assert (bowl.status, bowl.reason) == (SplitStatus.REJECTED, "discontinued")


async def test_a_whole_order_can_be_refused(supplier: SupplierCommand, hear: Hear) -> None:
    await supplier.behave("reject_all", reason="no credit")
    await supplier.advance("acknowledge", "PO-1")
    (ack,) = await hear()
    assert isinstance(ack, OrderAck)
    assert (ack.accepted, ack.reason) == (False, "no credit")
    assert await supplier.advance("ship", "PO-1") == []


async def test_goods_are_announced_and_received_by_condition(supplier: SupplierCommand, hear: Hear) -> None:
    await supplier.advance("acknowledge", "PO-1")
    await supplier.advance("ship", "PO-1")
    await supplier.advance(
        "deliver", "PO-1", StepLine(line_no=1, damaged=2, wrong=1), StepLine(line_no=2, over=3), closes=True
    )
    _, notice, receipt = await hear()
    assert isinstance(notice, ShipNotice)
    assert [int(line.shipped) for line in notice.lines] == [10, 4]
    assert isinstance(receipt, Received)
    assert receipt.closes
    assert [(int(line.good), int(line.damaged), int(line.wrong)) for line in receipt.lines] == [(7, 2, 1), (7, 0, 0)]
    assert (await supplier.books()).units_shipped == {"MUG": 10, "BOWL": 7}


@pytest.mark.parametrize(
    ("behaviour", "mug"), [("damaged", {"good": 7, "damaged": 3}), ("short_delivery", {"good": 7, "damaged": 0})]
)
async def test_of_what_left_not_all_arrives_well_and_nothing_replaces_it(
    supplier: SupplierCommand, hear: Hear, behaviour: str, mug: dict[str, int]
) -> None:
    await supplier.behave(behaviour, "MUG")
    await supplier.advance("acknowledge", "PO-1")
    await supplier.advance("ship", "PO-1")
    await supplier.advance("deliver", "PO-1")
    *_, receipt = await hear()
    assert isinstance(receipt, Received) and receipt.closes
    line = next(line for line in receipt.lines if line.line.sku == "MUG")
    assert {"good": int(line.good), "damaged": int(line.damaged)} == mug
    booked = {line.sku: line for line in (await supplier.books()).order("PO-1").lines}
    assert (booked["MUG"].good, booked["MUG"].damaged) == (7, mug["damaged"])


async def test_partial_deliveries_add_up(supplier: SupplierCommand, hear: Hear) -> None:
    await supplier.advance("ship", "PO-1", StepLine(line_no=1, quantity=6))
    await supplier.advance("deliver", "PO-1", StepLine(line_no=1, good=4))
    await supplier.advance("deliver", "PO-1", StepLine(line_no=1))
    await supplier.advance("deliver", "PO-1")
    assert await supplier.advance("deliver", "PO-1") == []
    receipts = [event for event in await hear() if isinstance(event, Received)]
    assert [[(line.line.line_no, int(line.good)) for line in r.lines] for r in receipts] == [
        [(1, 4)],
        [(1, 2)],
        [(1, 4), (2, 4)],
    ]
    assert len({r.receipt_id for r in receipts}) == 3


async def test_a_duplicating_supplier_repeats_itself_under_old_and_new_ids(
    supplier: SupplierCommand, hear: Hear, gateway: Gateway
) -> None:
    await supplier.behave("duplicate")
    await supplier.advance("acknowledge", "PO-1")
    first, second, third = await hear()
    assert first == second == third
    ids = [message.headers["webhook-id"] for message in gateway.received]
    assert ids[0] == ids[1] != ids[2]


async def test_an_out_of_order_supplier_acknowledges_after_the_goods(supplier: SupplierCommand, hear: Hear) -> None:
    await supplier.behave("out_of_order")
    for step in ("acknowledge", "ship"):
        await supplier.advance(step, "PO-1")
    assert await hear() == []
    await supplier.advance("deliver", "PO-1")
    assert [event.kind for event in await hear()] == ["received", "ship_notice", "order_ack"]


async def test_a_late_supplier_moves_its_date(supplier: SupplierCommand, hear: Hear) -> None:
    await supplier.behave("late")
    await supplier.advance("acknowledge", "PO-1")
    await supplier.advance("acknowledge", "PO-1")
    first, second = await hear()
    assert splits(first)[0] == [("accepted", 10, FIRST)]
    assert splits(second)[0] == [("accepted", 10, LATER)]


async def asked(connector: HttpConnector, request: Request, key: str) -> None:
    await connector.send(connector.render(request, WireIds(operation_id=key)))


async def test_a_change_in_time_is_accepted_and_shortens_the_delivery(
    supplier: SupplierCommand, hear: Hear, connector: HttpConnector, reduced: Request
) -> None:
    await supplier.advance("acknowledge", "PO-1")
    await asked(connector, reduced, "change")
    await supplier.advance("answer", "PO-1")
    await supplier.advance("deliver", "PO-1")
    _, answer, receipt = await hear()
    assert isinstance(answer, ChangeAck)
    assert (answer.verdict, answer.revision) == (ChangeVerdict.ACCEPTED, 1)
    assert isinstance(receipt, Received)
    assert [int(line.good) for line in receipt.lines] == [7, 4]


async def test_a_cancellation_after_a_part_has_left_is_partly_granted(
    supplier: SupplierCommand, hear: Hear, connector: HttpConnector, withdrawn: Request
) -> None:
    await supplier.advance("ship", "PO-1", StepLine(line_no=1, quantity=4))
    await asked(connector, withdrawn, "cancel")
    await supplier.advance("answer", "PO-1")
    *_, answer = await hear()
    assert isinstance(answer, ChangeAck)
    assert answer.verdict is ChangeVerdict.PARTLY
    assert splits(answer)[0] == [("accepted", 4, None)]


async def test_a_supplier_can_be_too_late_to_cancel(
    supplier: SupplierCommand, hear: Hear, connector: HttpConnector, withdrawn: Request
) -> None:
    await supplier.behave("cancel_too_late")
    await asked(connector, withdrawn, "cancel")
    await supplier.advance("answer", "PO-1")
    (answer,) = await hear()
    assert isinstance(answer, ChangeAck)
    assert answer.verdict is ChangeVerdict.REFUSED
    assert (await supplier.books()).order("PO-1").state == "new"


async def test_a_supplier_can_agree_to_cancel_and_ship_all_the_same(
    supplier: SupplierCommand, hear: Hear, connector: HttpConnector, withdrawn: Request
) -> None:
    await supplier.behave("ships_after_cancel")
    await asked(connector, withdrawn, "cancel")
    await supplier.advance("answer", "PO-1")
    await supplier.advance("deliver", "PO-1")
    answer, receipt = await hear()
    assert isinstance(answer, ChangeAck)
    assert answer.verdict is ChangeVerdict.ACCEPTED
    assert isinstance(receipt, Received)
    assert [int(line.good) for line in receipt.lines] == [10, 4]


AT_ONCE = Pace(acknowledge_after=0, ship_after=0, deliver_after=0, answer_after=0)


@pytest.mark.parametrize(
    ("behaviour", "kinds"),
    [
        ("accept", ["order_ack", "ship_notice", "received"]),
        ("split", ["order_ack", "received", "received", "ship_notice", "ship_notice"]),
        ("late", ["order_ack", "order_ack", "received", "ship_notice"]),
        ("silent", []),
        ("reject_all", ["order_ack"]),
    ],
)
async def test_a_supplier_with_a_pace_works_by_itself(  # noqa: PLR0917 (its fixtures)
    world: World,
    gateway: Gateway,
    connector: HttpConnector,
    placed: Envelope,
    hear: Hear,
    behaviour: str,
    kinds: list[str],
) -> None:
    supplier = world.supplier("acme")
    await supplier.set_pace(AT_ONCE)
    await supplier.behave(behaviour)
    await world.send_webhooks_to(gateway.url)
    await connector.send(placed)
    for _ in range(500):
        if sorted(event.kind for event in await hear()) == sorted(kinds):
            break
        await asyncio.sleep(0.01)
    books = await supplier.books()
    assert sorted(event.kind for event in await hear()) == sorted(kinds)
    expected = {"MUG": 0, "BOWL": 0} if behaviour in {"silent", "reject_all"} else {"MUG": 10, "BOWL": 4}
    assert books.units_shipped == expected
    assert sum(line.good for line in books.order("PO-1").lines) == sum(expected.values())


async def test_books_and_waiting_webhooks_survive_a_restart(
    tmp_path: Path, acme: SupplierSettings, gateway: Gateway, placed: Envelope
) -> None:
    def connector_to(world: World) -> HttpConnector:
        return HttpConnector(
            "acme",
            {
                "base_url": world.supplier("acme").base_url,
                "api_key": acme.api_key,
                "webhook_secret": acme.webhook_secret,
            },
        )

    async with running_simulators(tmp_path, suppliers=[acme]) as world:
        connector = connector_to(world)
        await connector.send(placed)
        await connector.aclose()
        await world.supplier("acme").behave("split", confirm=1)
        await world.supplier("acme").advance("acknowledge", "PO-1")
        before = await world.supplier("acme").books()
    async with running_simulators(tmp_path, gateway.url) as world:
        connector = connector_to(world)
        await world.webhooks_settled()
        assert (await connector.send(placed)).reference == before.orders[0].reference
        after = await world.supplier("acme").books()
        assert after.orders == before.orders
        assert [operation.requests for operation in after.operations] == [2]
        assert gateway.paths == ["/suppliers/acme/events"]
        (ack,) = connector.decode(gateway.received[0]).events
        assert splits(ack)[0][0] == ("accepted", 1, FIRST)
        await connector.aclose()


async def test_a_webhook_is_tried_until_taken_and_given_up_when_refused(
    supplier: SupplierCommand, world: World, gateway: Gateway
) -> None:
    gateway.answers = [503, 429, 204, 404]
    await supplier.advance("acknowledge", "PO-1")
    await world.webhooks_settled()
    await supplier.advance("deliver", "PO-1")
    await world.webhooks_settled()
    taken, refused = (await supplier.books()).webhooks
    assert (taken.state, taken.attempts) == ("taken", 3)
    assert (refused.state, refused.attempts, refused.last_status) == ("refused", 1, 404)


async def test_a_refusal_is_the_answer_to_every_repeat(world: World) -> None:
    await world.carrier.fail_next("422", on="book")
    booking = {
        "parcel_id": "B-1/parcel/1",
        "ship_to": {"name": "A", "street": "S", "city": "C", "region": "", "postal_code": "1", "country": "US"},
        "sku": "MUG",
        "quantity": 1,
    }
    headers = {"Authorization": "Bearer sim-carrier-key", "Idempotency-Key": '"B-1/parcel/1"'}
    async with httpx.AsyncClient() as client:
        answers = [
            await client.post(f"{world.carrier.base_url}/parcels", json=booking, headers=headers) for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert (await world.carrier.books()).parcels == ()


@pytest.mark.parametrize(
    ("key", "status", "name"),
    [(None, 400, "key-missing"), ("unquoted", 400, "key-malformed"), ('"fine"', 422, "invalid")],
)
async def test_the_supplier_judges_keys_and_orders_strictly(
    world: World, key: str | None, status: int, name: str
) -> None:
    headers = {"Authorization": "Bearer acme-key"} | ({} if key is None else {"Idempotency-Key": key})
    sound = {"po_number": "P", "currency": "USD", "terms": "t", "ordered_on": "2026-12-01"}
    line = {"line_no": 1, "sku": "A", "supplier_sku": "a", "description": "", "quantity": 1, "unit_price": "1"}
    lines = [line | {"wanted_on": None}]
    if status == 422:
        lines.append(lines[0])
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{world.supplier('acme').base_url}/orders", json=sound | {"lines": lines}, headers=headers
        )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith(f"/{name}")
