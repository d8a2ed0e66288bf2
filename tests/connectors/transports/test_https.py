"""Documents posted to a partner's server, and a partner's documents at our door."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from connectors.errors import ClocksApart, Retryable, Undecodable, Unsupported
from connectors.signatures import signed, verify_signature
from connectors.suppliers.interface import Inbound, Inward, SendResult
from connectors.suppliers.transports.configuration import HttpsConfig, open_transport
from connectors.suppliers.transports.https import HttpsTransport
from devstack.simulators.serving import cut, listening, served
from tests.connectors.transports.conftest import document

SECRET = "whsec_YWNtZSBzaWducyB3aXRoIHRoaXM="
OTHER = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="
LATIN = "UNA:+.? 'Jürgen".encode("latin-1")
"""A document that is not UTF-8, as EDIFACT often is."""


@dataclass
class Partner:
    """A server that takes documents, and answers as it is told."""

    url: str = ""
    received: list[Inward] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    cuts: bool = False
    """Takes a document and breaks the connection instead of answering."""


@pytest.fixture
async def partner() -> AsyncIterator[Partner]:
    kept = Partner()
    app = FastAPI(openapi_url=None)

    @app.post("/documents")
    async def take(request: Request) -> Response:
        kept.received.append(Inward(body=await request.body(), headers=dict(request.headers)))
        if kept.cuts:
            cut(request)
        return kept.answers.pop(0) if kept.answers else Response(status_code=202)

    async with served(app, listening("127.0.0.1", 0, "partner")) as url:
        kept.url = f"{url}/documents"
        yield kept


@pytest.fixture
async def connect(partner: Partner) -> AsyncIterator[Callable[..., HttpsTransport]]:
    async with AsyncExitStack() as stack:

        def build(**settings: object) -> HttpsTransport:
            config = HttpsConfig.model_validate({"url": partner.url, "timeout_seconds": 5} | settings)
            transport = open_transport("acme", config)
            assert isinstance(transport, HttpsTransport)
            stack.push_async_callback(transport.aclose)
            return transport

        yield build


Connect = Callable[..., HttpsTransport]


async def test_a_document_is_posted_as_it_is_with_its_name_and_key(partner: Partner, connect: Connect) -> None:
    receipt = await connect(token="acme-token").send(document("Bestellung ü.edi", LATIN))
    assert receipt.result is SendResult.DELIVERED
    (message,) = partner.received
    assert message.body == LATIN
    assert message.headers["content-type"] == "application/edi-x12"
    assert message.headers["authorization"] == "Bearer acme-token"
    assert message.headers["idempotency-key"] == '"po/PO-1/place"'
    assert message.headers["content-disposition"] == "attachment; filename*=UTF-8''Bestellung%20%C3%BC.edi"
    assert "file-name" not in message.headers and "webhook-id" not in message.headers


async def test_a_signed_document_is_proven_by_the_standard_library_of_the_partner(
    partner: Partner, connect: Connect
) -> None:
    await connect(signing_secret=SECRET).send(document(body=b"ISA*00~"))
    (message,) = partner.received
    assert "authorization" not in message.headers
    assert message.headers["webhook-id"] == "po/PO-1/place"
    Webhook(SECRET).verify(message.body, dict(message.headers), json_parse=False)


async def test_a_document_sent_again_has_the_same_id_and_the_same_bytes(partner: Partner, connect: Connect) -> None:
    for _ in range(2):
        await connect(signing_secret=SECRET).send(document())
    first, second = partner.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


async def test_what_the_partner_writes_back_is_at_hand(partner: Partner, connect: Connect) -> None:
    partner.answers.append(Response(b"<cXML/>", media_type="text/xml"))
    answer = await connect().post(document())
    assert answer.receipt.result is SendResult.DELIVERED
    assert (answer.body, answer.content_type.partition(";")[0]) == (b"<cXML/>", "text/xml")


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Response(status_code=204), SendResult.DELIVERED),
        (Response(b"no such partner", status_code=422), SendResult.REFUSED),
        (Response(status_code=400), SendResult.REFUSED),
        (Response(status_code=500), SendResult.UNKNOWN),
        (Response(status_code=502), SendResult.UNKNOWN),
    ],
)
async def test_three_outcomes(partner: Partner, connect: Connect, answer: Response, result: SendResult) -> None:
    partner.answers.append(answer)
    assert (await connect().send(document())).result is result


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (Response(status_code=429, headers={"Retry-After": "120"}), timedelta(minutes=2)),
        (Response(status_code=503, headers={"Retry-After": "999999"}), timedelta(hours=1)),
        (Response(status_code=503), None),
        (Response(status_code=401), None),
        (Response(status_code=404), None),
        (Response(status_code=302, headers={"Location": "/login"}), None),
    ],
)
async def test_later_is_later(partner: Partner, connect: Connect, answer: Response, after: timedelta | None) -> None:
    partner.answers.append(answer)
    with pytest.raises(Retryable, match="supplier 'acme' answered") as later:
        await connect().send(document())
    assert later.value.after == after


async def test_a_connection_that_breaks_after_the_document_left_is_unknown(partner: Partner, connect: Connect) -> None:
    partner.cuts = True
    receipt = await connect().send(document())
    assert receipt.result is SendResult.UNKNOWN and "the connection broke" in receipt.reason
    assert len(partner.received) == 1


async def test_nobody_there_is_retryable(connect: Connect, free_port: int) -> None:
    with pytest.raises(Retryable, match="cannot be reached"):
        await connect(url=f"http://127.0.0.1:{free_port}/").send(document())


async def test_nothing_can_be_found_or_polled(connect: Connect) -> None:
    assert not connect().finds
    with pytest.raises(Unsupported):
        await connect().find(document())
    with pytest.raises(Unsupported):
        await connect().poll(None)


async def test_check_says_whether_the_address_answers(partner: Partner, connect: Connect, free_port: int) -> None:
    good = await connect(inbound_token="t").check()
    assert good.ok and "at our gateway's door" in good.detail  # the server answers 405 to HEAD, so it is there
    assert partner.received == []
    assert "neither inbound_secret nor inbound_token is set" in (await connect().check()).detail
    wrong = await connect(url=f"{partner.url}/nowhere").check()
    assert not wrong.ok and "is that address right?" in wrong.detail
    nobody = await connect(url=f"http://127.0.0.1:{free_port}/").check()
    assert not nobody.ok and "gave no answer" in nobody.detail


def inward(body: bytes = LATIN, **headers: str) -> Inward:
    return Inward(body=body, headers=headers)


def webhook(body: bytes = LATIN, secret: str = SECRET, age: int = 0) -> Inward:
    return Inward(
        body=body, headers=signed(SecretStr(secret), "m-1", datetime.fromtimestamp(time.time() - age, UTC), body)
    )


def test_a_partner_proves_itself_by_token(connect: Connect) -> None:
    transport = connect(inbound_token="their-token")
    assert transport.inbound == {Inbound.WEBHOOK}
    transport.verify(inward(authorization="Bearer their-token"))
    transport.verify(inward(authorization="bearer  their-token"))
    for wrong in (
        "Bearer their-tokem",
        "Bearer ",
        "their-token",
        "Basic their-token",
        "",
        "Bearer thëir",
        "Bearer \udcff",
    ):
        with pytest.raises(Undecodable, match="token"):
            transport.verify(inward(authorization=wrong))
    with pytest.raises(Undecodable):
        transport.verify(inward())


def test_a_partner_proves_itself_by_signature_whatever_the_bytes(connect: Connect) -> None:
    transport = connect(inbound_secret=SECRET)
    transport.verify(webhook())
    transport.verify(webhook(b"\x00\xff" * 10))
    with pytest.raises(Undecodable):
        transport.verify(webhook(secret=OTHER))
    with pytest.raises(ClocksApart):
        transport.verify(webhook(age=400))
    with pytest.raises(Undecodable):
        transport.verify(inward())
    with pytest.raises(Undecodable):
        transport.verify(Inward(body=LATIN + b"!", headers=webhook().headers))


def test_where_both_are_set_both_must_hold(connect: Connect) -> None:
    transport = connect(inbound_secret=SECRET, inbound_token="their-token")
    transport.verify(Inward(body=LATIN, headers={**webhook().headers, "authorization": "Bearer their-token"}))
    with pytest.raises(Undecodable):
        transport.verify(webhook())
    with pytest.raises(Undecodable):
        transport.verify(inward(authorization="Bearer their-token"))


def test_where_nothing_is_set_nothing_is_taken(connect: Connect) -> None:
    assert connect().inbound == frozenset()
    with pytest.raises(Undecodable, match="nothing is expected here"):
        connect().verify(webhook())


def test_too_large_a_document_is_not_even_looked_at(connect: Connect) -> None:
    with pytest.raises(Undecodable, match="larger than 100 bytes"):
        connect(inbound_secret=SECRET, largest_bytes=100).verify(webhook(b"x" * 101))


def test_our_signatures_are_those_of_the_standard_library(connect: Connect) -> None:
    now = datetime.now(UTC)
    for secret in (SECRET, SECRET.rstrip("="), OTHER):
        ours = signed(SecretStr(secret), "m-1", now, b'{"a": 1}')
        assert ours["webhook-signature"] == Webhook(secret).sign("m-1", now, '{"a": 1}')
        verify_signature(SecretStr(secret), b'{"a": 1}', ours)
