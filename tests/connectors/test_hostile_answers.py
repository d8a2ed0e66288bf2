"""What far sides answer that are broken, or not who we think: nothing of it hurts, and nothing is believed too much."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from pydantic import SecretStr

from connectors.errors import Refused, Retryable, Undecodable
from connectors.fulfilment.http import HttpCarrier
from connectors.payments.http import HttpPayments
from connectors.rest import LARGEST_ANSWER, in_words, problem, retry_after
from connectors.suppliers.http import HttpConnector
from connectors.suppliers.interface import Envelope, Inward, SendResult
from connectors.words import LONGEST_WORDS
from domain.orders import Address

Answer = Callable[..., str]
"""Answers every request alike from now on; gives the address."""

HOME = Address(name="Ada Nováková", street="Main St 1", city="Springfield", postal_code="01101", country="US")
PROBLEM = {"Content-Type": "application/problem+json"}


@pytest.fixture
async def answer() -> AsyncIterator[Answer]:
    said = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.partition(b":")[2]))
            writer.write(said)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]

        def tell(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> str:
            nonlocal said
            lines = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body)}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
            said = "\r\n".join([*lines, "", ""]).encode() + body
            return f"http://127.0.0.1:{port}"

        yield tell


@pytest.fixture
async def supplier(answer: Answer) -> AsyncIterator[HttpConnector]:
    config = {"base_url": answer(200), "api_key": "k", "webhook_secret": "whsec_dG9wc2VjcmV0"}
    async with AsyncExitStack() as stack:
        connector = HttpConnector("acme", config)
        stack.push_async_callback(connector.aclose)
        yield connector


ORDER = Envelope(
    operation_id="po/PO-1/place",
    po_number="PO-1",
    kind="place",
    revision=0,
    content_type="application/json",
    body=b"{}",
)
ACK = {"kind": "order_ack", "po_number": "PO-1"}


@pytest.mark.parametrize("status", [301, 403, 404, 405])
async def test_a_no_without_problem_details_is_not_the_suppliers_but_a_wrong_addresss(
    supplier: HttpConnector, answer: Answer, status: int
) -> None:
    answer(status, b"<html>not here</html>", {"Content-Type": "text/html"})
    with pytest.raises(Retryable, match="base_url is likely wrong"):
        await supplier.send(ORDER)
    health = await supplier.check()
    assert not health.ok


@pytest.mark.parametrize("status", [400, 403, 404, 405, 422])
async def test_a_no_with_problem_details_is_the_suppliers(supplier: HttpConnector, answer: Answer, status: int) -> None:
    answer(status, b'{"detail": "we do not sell to you"}', PROBLEM)
    receipt = await supplier.send(ORDER)
    assert (receipt.result, receipt.reason) == (SendResult.REFUSED, f"{status} Told: we do not sell to you")


@pytest.mark.parametrize(
    "event",
    [
        ACK | {"reason": "no\u0000thing"},
        ACK | {"revision": 2**40},
        ACK | {"po_number": "P" * 201},
        {"kind": "received", "po_number": "PO-1", "receipt_id": "R" * 5000, "lines": []},
    ],
)
async def test_what_no_ledger_could_hold_is_not_taken_from_an_answer_either(
    supplier: HttpConnector, answer: Answer, event: dict[str, object]
) -> None:
    answer(200, json.dumps({"reference": "SO-1", "events": [event]}).encode())
    receipt = await supplier.send(ORDER)
    assert (receipt.result, receipt.events) == (SendResult.DELIVERED, ())
    with pytest.raises(Retryable, match="unreadably"):
        await supplier.lookup(ORDER)
    message = Inward(body=json.dumps({"events": [event]}).encode(), headers={"webhook-id": "m1"})
    with pytest.raises(Undecodable, match="events"):
        supplier.decode(message)


@pytest.mark.parametrize("compressed", [False, True])
async def test_an_answer_without_end_is_cut_off(supplier: HttpConnector, answer: Answer, compressed: bool) -> None:
    body = b'{"reference": "SO-1", "events": []' + b" " * 30 * LARGEST_ANSWER + b"}"
    if compressed:
        answer(202, zlib.compress(body), {"Content-Encoding": "deflate"})
    else:
        answer(202, body)
    receipt = await supplier.send(ORDER)
    assert (receipt.result, receipt.reference) == (SendResult.DELIVERED, None)
    assert "cannot be read" in receipt.reason


async def test_a_compressed_answer_is_read(supplier: HttpConnector, answer: Answer) -> None:
    answer(202, zlib.compress(b'{"reference": "SO-1"}'), {"Content-Encoding": "deflate"})
    assert (await supplier.send(ORDER)).reference == "SO-1"


async def test_an_answer_that_does_not_decompress_leaves_it_unknown(supplier: HttpConnector, answer: Answer) -> None:
    answer(202, b"no deflate", {"Content-Encoding": "deflate"})
    assert (await supplier.send(ORDER)).result is SendResult.UNKNOWN


@pytest.mark.parametrize("body", [b"", b"null", b"[" * 100_000, b'{"events": {}}', b'{"reference": 5}', b"\xff\xfe"])
async def test_an_unreadable_look_up_is_asked_again(supplier: HttpConnector, answer: Answer, body: bytes) -> None:
    answer(200, body)
    with pytest.raises(Retryable):
        await supplier.lookup(ORDER)


def told(content: object, media_type: str = "application/problem+json") -> httpx.Response:
    return httpx.Response(422, headers={"content-type": media_type}, content=json.dumps(content))


def test_members_of_a_problem_that_are_no_text_are_ignored_and_the_others_kept() -> None:
    assert in_words(told({"type": 5, "title": None, "detail": "no"})) == "422 Unprocessable Entity: no"
    assert in_words(told({"title": "No", "detail": ["x"]})) == "422 Unprocessable Entity: No"


@pytest.mark.parametrize("media_type", ["Application/Problem+JSON; charset=utf-8", "application/problem+json "])
def test_a_media_type_is_one_however_it_is_written(media_type: str) -> None:
    assert problem(told({"type": "https://x.example/problems/unknown"}, media_type)).name == "unknown"


def test_a_problem_says_one_line_that_can_be_kept() -> None:
    said = in_words(told({"detail": "a\u0000b\r\n\u001b[31mc\ud800" + "d" * 10_000}))
    assert said.isprintable() and len(said) <= LONGEST_WORDS + len("422 Unprocessable Entity: ")
    assert in_words(told({"detail": "a\u0000b\r\n\u001b[31mc"})) == "422 Unprocessable Entity: a b [31mc"


def test_a_kind_of_event_that_nobody_knows_is_told_in_short() -> None:
    connector = HttpConnector("acme", {"base_url": "http://h", "api_key": "k", "webhook_secret": "whsec_dG9wc2VjcmV0"})
    body = json.dumps({"events": [{"kind": "a\u0000b" + "z" * 5000, "po_number": "PO-1"}]}).encode()
    with pytest.raises(Undecodable) as raised:
        connector.decode(Inward(body=body, headers={"webhook-id": "m1"}))
    assert str(raised.value).isprintable() and len(str(raised.value)) < 700


@pytest.mark.parametrize(
    "header",
    [
        "Tue, 01 Dec 2026 12:05:00 +99999999999999999999",
        "Tue, 01 Dec 2026 12:05:00 +9999",
        "Tue, 01 Dec 99999 12:05:00 GMT",
        "²",
        "1.5",
        "x" * 10_000,
    ],
)
def test_a_retry_after_that_is_neither_seconds_nor_a_date_says_nothing(header: str) -> None:
    response = httpx.Response(503, headers=[(b"Retry-After", header.encode("latin-1"))])
    assert retry_after(response, datetime(2026, 12, 1, 12, tzinfo=UTC)) is None


@pytest.mark.parametrize("header", ["Tuesday, 01-Dec-26 12:05:00 GMT", "Tue Dec  1 12:05:00 2026"])
def test_the_old_forms_of_a_date_are_read_as_http_asks(header: str) -> None:
    waited = retry_after(httpx.Response(503, headers={"Retry-After": header}), datetime(2026, 12, 1, 12, tzinfo=UTC))
    assert waited is not None and waited.total_seconds() == 300


@pytest.fixture
async def payments(answer: Answer) -> AsyncIterator[HttpPayments]:
    provider = HttpPayments(answer(200), SecretStr("k"))
    yield provider
    await provider.aclose()


async def charge(payments: HttpPayments) -> str:
    done = await payments.charge(key="k1", payment_method="pm_1", amount=Decimal("12.30"), currency="USD")
    return done.reason


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"outcome": "maybe", "reference": "ch_1"}',
        b'{"outcome": "succeeded", "reference": "ch_\\u0000"}',
        b'{"outcome": "succeeded", "reference": "' + b"c" * 201 + b'"}',
    ],
    ids=range(5),
)
async def test_a_charge_whose_answer_cannot_be_read_is_asked_for_again(
    payments: HttpPayments, answer: Answer, body: bytes
) -> None:
    answer(200, body)
    with pytest.raises(Retryable, match="cannot be read"):
        await charge(payments)


async def test_a_providers_words_are_made_fit_to_be_kept(payments: HttpPayments, answer: Answer) -> None:
    answer(200, json.dumps({"outcome": "declined", "reference": "", "reason": "no\u0000funds\n" + "x" * 9999}).encode())
    reason = await charge(payments)
    assert reason.startswith("no funds x") and len(reason) == LONGEST_WORDS


@pytest.mark.parametrize("status", [301, 404, 405, 403, 700])
async def test_a_wrong_address_of_the_provider_is_no_final_no(
    payments: HttpPayments, answer: Answer, status: int
) -> None:
    answer(status, b"<html>", {"Content-Type": "text/html"})
    with pytest.raises(Retryable, match="address is likely wrong"):
        await charge(payments)


async def test_a_no_with_problem_details_is_the_providers(payments: HttpPayments, answer: Answer) -> None:
    answer(403, b'{"detail": "the account is closed"}', PROBLEM)
    with pytest.raises(Refused, match="the account is closed"):
        await charge(payments)


async def test_what_a_carrier_tells_of_another_parcel_does_not_count(answer: Answer) -> None:
    secret = SecretStr("whsec_dG9wc2VjcmV0")
    carrier = HttpCarrier(answer(200, b'{"parcel_id": "p2", "tracking": "T"}'), SecretStr("k"), secret)
    with pytest.raises(Retryable, match="asked about parcel p1, and answered about p2"):
        await carrier.book(parcel_id="p1", ship_to=HOME, sku="MUG", quantity=2)
    event = {"event_id": "e", "parcel_id": "p2", "tracking": "T", "possessed_at": "2026-12-01T10:00:00Z"}
    answer(200, json.dumps({"possession": event}).encode())
    with pytest.raises(Retryable, match="answered about p2"):
        await carrier.possession(parcel_id="p1")
    assert await carrier.possession(parcel_id="p2") is not None
    await carrier.aclose()
