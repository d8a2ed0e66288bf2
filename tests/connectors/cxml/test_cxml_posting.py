"""Orders posted to a cXML partner that runs on a real socket: what it answers, and what breaks on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from lxml import etree

from connectors.errors import Retryable, Unsupported
from connectors.suppliers.cxml.connector import CxmlConnector
from connectors.suppliers.interface import Envelope, SendResult
from devstack.simulators.serving import cut, listening, served
from tests.connectors.cxml.partner import CONFIG, IDS, PLACED, REDUCED

XML = "text/xml; charset=UTF-8"


def said(code: int, text: str = "Told", detail: str = "") -> bytes:
    status = f'<Status code="{code}" text="{text}">{detail}</Status>'
    return f'<?xml version="1.0"?><cXML payloadID="r" timestamp="t"><Response>{status}</Response></cXML>'.encode()


@dataclass
class Partner:
    """A partner's server: it keeps an order once for each payloadID, then answers as it is told, once for each word."""

    url: str = ""
    orders: dict[str, str] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    answer: tuple[int, bytes, dict[str, str]] = (200, said(200, "OK"), {})

    async def take(self, request: Request) -> Response:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "cut before":
            cut(request)
            return Response()
        body = await request.body()
        self.requests.append(body)
        document = etree.fromstring(body)
        secret = document.findtext("Header/Sender/Credential/SharedSecret")
        if secret != "our <secret> & more":
            return Response(said(401, "Unauthorized"), media_type=XML)
        for header in document.iter("OrderRequestHeader"):
            self.orders[str(document.get("payloadID"))] = str(header.get("orderID"))
        if fault == "cut after":
            cut(request)
        if fault == "half":
            return StreamingResponse(_broken(), media_type=XML)
        if fault == "slow":
            return StreamingResponse(_trickling(), media_type=XML)
        status, content, headers = self.answer
        return Response(content, status_code=status, headers=headers, media_type=XML)


async def _broken() -> AsyncIterator[bytes]:
    yield said(200)[:40]
    raise ConnectionAbortedError("the partner's server dies in mid-answer")


async def _trickling() -> AsyncIterator[bytes]:
    for byte in said(200):
        yield bytes((byte,))
        await asyncio.sleep(0.05)


@pytest.fixture
async def partner() -> AsyncIterator[Partner]:
    far = Partner()
    app = FastAPI(openapi_url=None)
    app.post("/cxml")(far.take)
    async with served(app, listening("127.0.0.1", 0, "a cXML partner")) as url:
        far.url = f"{url}/cxml"
        yield far


Connect = Callable[..., CxmlConnector]


@pytest.fixture
async def connect(partner: Partner) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        def build(**habits: object) -> CxmlConnector:
            connector = CxmlConnector("acme", CONFIG | {"url": partner.url} | habits)
            stack.push_async_callback(connector.aclose)
            return connector

        yield build


@pytest.fixture
def order(connect: Connect) -> Envelope:
    return connect().render(PLACED, IDS)


async def test_an_order_arrives_with_our_secret_in_it(partner: Partner, connect: Connect, order: Envelope) -> None:
    receipt = await connect().send(order)
    assert receipt.result is SendResult.DELIVERED
    assert partner.orders == {"PO-1.0@shop.example": "PO-1"}
    (arrived,) = partner.requests
    assert arrived.replace(b"our &lt;secret&gt; &amp; more", b"put-in-when-it-is-sent") == order.body


@pytest.mark.parametrize("fault", ["cut before", "cut after", "half"])
@pytest.mark.parametrize("times", [1, 3])
async def test_an_order_is_placed_once_whatever_breaks_on_the_way(
    partner: Partner, connect: Connect, order: Envelope, fault: str, times: int
) -> None:
    connector = connect()
    partner.faults = [fault] * times
    for _ in range(times):
        receipt = await connector.send(order)
        assert receipt.result is SendResult.UNKNOWN
        assert "connection broke" in receipt.reason
    assert (await connector.send(order)).result is SendResult.DELIVERED
    assert partner.orders == {"PO-1.0@shop.example": "PO-1"}
    assert len({*partner.requests}) == 1


async def test_an_answer_that_trickles_is_unknown(partner: Partner, connect: Connect, order: Envelope) -> None:
    partner.faults = ["slow"]
    receipt = await connect(timeout_seconds=0.3).send(order)
    assert receipt.result is SendResult.UNKNOWN
    assert "no whole answer within 0.9 s" in receipt.reason


@pytest.mark.parametrize(
    ("http", "body", "result", "reason"),
    [
        (200, said(200, "OK"), "delivered", ""),
        (200, said(201, "Accepted"), "delivered", ""),
        (200, said(400, "Bad Request", "no such item"), "refused", "400 Bad Request: no such item"),
        (400, said(400, "Bad Request"), "refused", "400 Bad Request"),
        (500, said(406, "Not Acceptable"), "refused", "406 Not Acceptable"),
        (200, said(409, "Conflict"), "refused", "409 Conflict"),
        (400, b"", "refused", "400 Bad Request"),
        (422, b"<html/>", "refused", "422 "),
        (200, said(500, "Internal Server Error"), "unknown", "500 Internal Server Error"),
        (500, said(500, "Internal Server Error"), "unknown", "500 Internal Server Error"),
        (500, b"", "unknown", "500 Internal Server Error, without a cXML Response"),
        (502, b"<html>bad gateway</html>", "unknown", "502 Bad Gateway, without a cXML Response"),
        (200, b"", "unknown", "200 OK, without a cXML Response"),
        (200, b"<html>welcome</html>", "unknown", "200 OK, without a cXML Response"),
        (200, said(200)[:-20], "unknown", "without a cXML Response"),
        (200, said(200).replace(b'"200"', b'"fine"'), "unknown", "without a cXML Response"),
        (200, b'<!DOCTYPE a [<!ENTITY b "200">]>' + said(200)[21:], "unknown", "without a cXML Response"),
    ],
)
async def test_how_an_answer_is_read(
    *, partner: Partner, connect: Connect, order: Envelope, http: int, body: bytes, result: str, reason: str
) -> None:
    partner.answer = (http, body, {})
    receipt = await connect().send(order)
    assert receipt.result == result
    assert reason in receipt.reason


async def test_a_partner_that_answers_by_http_alone_is_believed_if_its_profile_says_so(
    partner: Partner, connect: Connect, order: Envelope
) -> None:
    partner.answer = (202, b"", {})
    assert (await connect(response_required=False).send(order)).result is SendResult.DELIVERED


async def test_a_partner_that_refuses_repeats_has_the_order(
    partner: Partner, connect: Connect, order: Envelope
) -> None:
    partner.answer = (200, said(409, "Conflict", "payloadID is here already"), {})
    receipt = await connect(repeat_codes=[409]).send(order)
    assert receipt.result is SendResult.DELIVERED
    assert receipt.reason == "it was there already: 409 Conflict: payloadID is here already"


@pytest.mark.parametrize(
    ("http", "body", "headers", "after"),
    [
        (429, b"", {"Retry-After": "90"}, timedelta(seconds=90)),
        (503, said(560, "Temporary server error"), {"Retry-After": "7"}, timedelta(seconds=7)),
        (503, b"", {}, None),
        (200, said(560, "Temporary server error"), {}, None),
        (200, said(551, "Unable to forward request"), {}, None),
        (401, b"", {}, None),
        (200, said(401, "Unauthorized"), {}, None),
        (404, b"<html/>", {}, None),
        (302, b"", {"Location": "https://elsewhere.example/"}, None),
    ],
)
async def test_what_did_nothing_yet_is_tried_again_after_the_time_that_is_asked_for(
    *,
    partner: Partner,
    connect: Connect,
    order: Envelope,
    http: int,
    body: bytes,
    headers: dict[str, str],
    after: timedelta | None,
) -> None:
    partner.answer = (http, body, headers)
    with pytest.raises(Retryable) as raised:
        await connect().send(order)
    assert raised.value.after == after


async def test_a_wrong_secret_is_an_operators_matter(partner: Partner, connect: Connect, order: Envelope) -> None:
    wrong = connect(outbound_secret="guessed")
    with pytest.raises(Retryable, match="outbound_secret"):
        await wrong.send(order)
    assert partner.orders == {}
    health = await wrong.check()
    assert not health.ok
    assert "does not take our credentials (401 Unauthorized)" in health.detail


async def test_a_partner_that_is_not_there_is_retryable(connect: Connect, order: Envelope, free_port: int) -> None:
    gone = connect(url=f"http://127.0.0.1:{free_port}/cxml")
    with pytest.raises(Retryable, match="cannot be reached"):
        await gone.send(order)
    health = await gone.check()
    assert not health.ok
    assert "gave no answer" in health.detail


async def test_check_changes_nothing_and_says_what_is_wrong(partner: Partner, connect: Connect) -> None:
    connector = connect()
    assert (await connector.check()).ok
    assert partner.orders == {}
    assert etree.fromstring(partner.requests[0]).find("Request/ProfileRequest") is not None
    partner.answer = (200, said(450, "Not Implemented"), {})
    assert (await connector.check()).ok
    for answer in ((200, b"<html/>", {}), (500, b"", {}), (200, said(500, "Internal Server Error"), {})):
        partner.answer = answer
        assert not (await connector.check()).ok


async def test_a_change_is_sent_to_the_same_address(partner: Partner, connect: Connect, order: Envelope) -> None:
    connector = connect()
    await connector.send(order)
    await connector.send(connector.render(REDUCED, IDS))
    assert partner.orders == {"PO-1.0@shop.example": "PO-1", "PO-1.1@shop.example": "PO-1"}


async def test_nothing_can_be_looked_up_or_polled(connect: Connect, order: Envelope) -> None:
    connector = connect()
    assert not connector.capabilities.lookup
    assert not connector.capabilities.poll
    assert connector.capabilities.idempotency == "key"
    with pytest.raises(Unsupported):
        await connector.lookup(order)
    with pytest.raises(Unsupported):
        await connector.poll(None)
