"""Orders, changes and cancellations over the http profile, against a simulated supplier on a real socket."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.errors import Refused, Retryable, Unsupported
from connectors.rest import LONGEST_WAIT, retry_after
from connectors.suppliers.http import HttpConnector
from connectors.suppliers.interface import CancelWay, Envelope, Place, Request, SendResult, WireIds
from devstack.simulators.world import World

Connect = Callable[..., HttpConnector]


async def test_an_order_arrives_as_it_was_written(world: World, connector: HttpConnector, placed: Envelope) -> None:
    receipt = await connector.send(placed)
    assert receipt.result is SendResult.DELIVERED
    order = (await world.supplier("acme").books()).order("PO-1")
    assert receipt.reference == order.reference
    lines = [(line.line_no, line.sku, line.supplier_sku, line.ordered, str(line.unit_price)) for line in order.lines]
    assert lines == [
        (1, "MUG", "A-77", 10, "3.125"),
        (2, "BOWL", "A-78", 4, "7"),
    ]


@pytest.mark.parametrize("fault", ["503", "429", "500", "reset", "drop_response", "slow"])
@pytest.mark.parametrize("times", [1, 3])
async def test_an_order_is_placed_once_whatever_breaks_on_the_way(
    world: World, connect: Connect, placed: Envelope, fault: str, times: int
) -> None:
    connector = connect(timeout_seconds=0.05) if fault == "slow" else connect()
    await world.supplier("acme").fail_next(fault, times, seconds=0.3 if fault == "slow" else 0)
    for _ in range(20):
        try:
            receipt = await connector.send(placed)
        except Retryable:
            continue
        if receipt.result is SendResult.DELIVERED:
            break
    else:
        # "slow" leaves the key in flight for longer than the tries take
        assert (await connect().send(placed)).result is SendResult.DELIVERED
    books = await world.supplier("acme").books()
    assert [order.po_number for order in books.orders] == ["PO-1"]
    assert [operation.key for operation in books.operations] == ["po/PO-1/place"]


@pytest.mark.parametrize("fault", ["500", "reset"])
async def test_what_may_have_arrived_is_unknown_and_a_lookup_says_it_did_not(
    world: World, connector: HttpConnector, placed: Envelope, fault: str
) -> None:
    await world.supplier("acme").fail_next(fault)
    assert (await connector.send(placed)).result is SendResult.UNKNOWN
    assert not (await connector.lookup(placed)).found
    assert (await world.supplier("acme").books()).orders == ()


async def test_a_response_lost_after_acceptance_is_unknown_and_a_lookup_finds_the_order(
    world: World, connector: HttpConnector, placed: Envelope
) -> None:
    await world.supplier("acme").behave("drop_response")
    sent = await connector.send(placed)
    assert sent.result is SendResult.UNKNOWN
    assert sent.reason.startswith("the connection broke: ")
    assert not sent.reason.endswith(".")  # it stands within sentences
    found = await connector.lookup(placed)
    assert found.found
    assert found.reference == (await world.supplier("acme").books()).order("PO-1").reference


async def test_a_read_timeout_is_unknown(world: World, connect: Connect, placed: Envelope) -> None:
    await world.supplier("acme").fail_next("slow", seconds=0.5)
    receipt = await connect(timeout_seconds=0.05).send(placed)
    assert receipt.result is SendResult.UNKNOWN
    assert "ReadTimeout" in receipt.reason


async def test_a_supplier_that_is_not_there_is_retryable(connect: Connect, placed: Envelope, free_port: int) -> None:
    with pytest.raises(Retryable, match="cannot be reached"):
        await connect(base_url=f"http://127.0.0.1:{free_port}").send(placed)


@pytest.mark.parametrize(("fault", "seconds"), [("503", 7), ("429", 90)])
async def test_a_supplier_that_asks_to_wait_is_given_that_time(
    world: World, connector: HttpConnector, placed: Envelope, fault: str, seconds: int
) -> None:
    await world.supplier("acme").fail_next(fault, seconds=seconds)
    with pytest.raises(Retryable) as raised:
        await connector.send(placed)
    assert raised.value.after == timedelta(seconds=seconds)


async def test_the_first_request_still_in_flight_is_retryable(world: World, connect: Connect, placed: Envelope) -> None:
    await world.supplier("acme").fail_next("slow", seconds=2)
    assert (await connect(timeout_seconds=0.3).send(placed)).result is SendResult.UNKNOWN
    with pytest.raises(Retryable, match="still worked on"):
        await connect().send(placed)


NOW = datetime(2026, 12, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(minutes=2)),
        ("Tue, 01 Dec 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Tue, 01 Dec 2026 11:00:00 GMT", timedelta(0)),
        ("Tue, 01 Dec 2036 12:00:00 GMT", LONGEST_WAIT),
        ("9" * 4000, LONGEST_WAIT),
        ("soon", None),
        ("-5", None),
        ("Tue, 99 Dec 2026 12:05:00 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(header: str, wait: timedelta | None) -> None:
    assert retry_after(httpx.Response(503, headers={"Retry-After": header}), NOW) == wait


async def test_a_refusal_carries_the_suppliers_own_words(
    connector: HttpConnector, placed: Envelope, purchase_order: Place
) -> None:
    await connector.send(placed)
    again = connector.render(purchase_order, WireIds(operation_id="po/PO-1/place/again"))
    receipt = await connector.send(again)
    assert receipt.result is SendResult.REFUSED
    assert receipt.reason == "409 Conflict: order PO-1 is here already"
    assert not (await connector.lookup(again)).found


async def test_a_key_that_came_with_other_content_is_refused(
    connector: HttpConnector, placed: Envelope, purchase_order: Place
) -> None:
    await connector.send(placed)
    other = connector.render(
        purchase_order.model_copy(update={"terms": "net60"}), WireIds(operation_id=placed.operation_id)
    )
    receipt = await connector.send(other)
    assert receipt.result is SendResult.REFUSED
    assert "another request" in receipt.reason


async def test_wrong_credentials_are_an_operators_matter(world: World, connect: Connect, placed: Envelope) -> None:
    wrong = connect(api_key="not-the-key")
    assert not (await wrong.check()).ok
    with pytest.raises(Retryable, match="api_key"):
        await wrong.send(placed)
    with pytest.raises(Retryable, match="api_key"):
        await wrong.lookup(placed)
    assert (await world.supplier("acme").books()).orders == ()
    assert (await connect().check()).ok


async def test_check_says_when_nobody_answers(connect: Connect, free_port: int) -> None:
    health = await connect(base_url=f"http://127.0.0.1:{free_port}").check()
    assert not health.ok
    assert "no answer" in health.detail


async def test_a_lookup_believes_only_the_supplier_not_a_wrong_address(
    world: World, connect: Connect, placed: Envelope
) -> None:
    await connect().send(placed)
    with pytest.raises(Retryable, match="404"):
        await connect(base_url=f"{world.addresses.supplier_url}/elsewhere").lookup(placed)


async def test_a_lookup_that_gets_no_answer_is_retryable(
    world: World, connector: HttpConnector, placed: Envelope
) -> None:
    await world.supplier("acme").fail_next("reset", on="lookup")
    with pytest.raises(Retryable):
        await connector.lookup(placed)


async def test_a_change_and_a_cancellation_are_sent_once_and_can_be_looked_up(
    world: World, connector: HttpConnector, placed: Envelope, reduced: Request
) -> None:
    await connector.send(placed)
    change = connector.render(reduced, WireIds(operation_id="po/PO-1/change/1"))
    await world.supplier("acme").fail_next("drop_response", on="change")
    assert (await connector.send(change)).result is SendResult.UNKNOWN
    assert (await connector.lookup(change)).found
    assert (await connector.send(change)).result is SendResult.DELIVERED
    books = await world.supplier("acme").books()
    assert books.order("PO-1").revision == 1
    assert [operation.requests for operation in books.operations] == [1, 2]


async def test_a_supplier_may_answer_a_cancellation_at_once(
    world: World, connector: HttpConnector, placed: Envelope, withdrawn: Request
) -> None:
    await connector.send(placed)
    await world.supplier("acme").behave("accept", synchronous=True)
    cancel = connector.render(withdrawn, WireIds(operation_id="po/PO-1/cancel/1"))
    receipt = await connector.send(cancel)
    assert [(event.kind, getattr(event, "verdict", None)) for event in receipt.events] == [("change_ack", "accepted")]
    assert (await connector.lookup(cancel)).events == receipt.events
    assert (await world.supplier("acme").books()).order("PO-1").state == "cancelled"


async def test_what_a_supplier_does_not_take_is_unsupported(
    connect: Connect, placed: Envelope, reduced: Request, withdrawn: Request
) -> None:
    poor = connect(changes=False, cancellations=False, lookups=False)
    assert not poor.capabilities.reduce_line
    assert not poor.capabilities.lookup
    assert poor.capabilities.cancel is CancelWay.NONE
    ids = WireIds(operation_id="x")
    with pytest.raises(Unsupported):
        poor.render(reduced, ids)
    with pytest.raises(Unsupported):
        poor.render(withdrawn, ids)
    with pytest.raises(Unsupported):
        await poor.lookup(placed)
    for connector in (poor, connect()):
        assert not connector.capabilities.poll
        with pytest.raises(Unsupported):
            await connector.poll(None)
        with pytest.raises(Unsupported):
            await connector.send(placed.model_copy(update={"kind": "add_line"}))


def test_what_cannot_be_written_is_refused(connector: HttpConnector, purchase_order: Place) -> None:
    ids = WireIds(operation_id="x")
    with pytest.raises(Refused, match="without lines"):
        connector.render(purchase_order.model_copy(update={"lines": ()}), ids)
    with pytest.raises(Refused, match="printable ASCII"):
        connector.render(purchase_order, WireIds(operation_id="po/ü"))
    with pytest.raises(Refused, match="surrogate"):
        connector.render(purchase_order.model_copy(update={"terms": "\ud800"}), ids)


async def test_an_answer_that_trickles_for_ever_is_unknown(connect: Connect, placed: Envelope) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        receipt = await connect(base_url=f"http://127.0.0.1:{port}", timeout_seconds=0.2).send(placed)
    assert receipt.result is SendResult.UNKNOWN
    assert "no whole answer" in receipt.reason
