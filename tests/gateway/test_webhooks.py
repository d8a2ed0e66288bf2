"""Suppliers and the carrier at the door: proven, kept, counted once, and the right workflow told."""

import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from standardwebhooks.webhooks import Webhook

from domain.catalogue import Catalogue
from domain.orders import Order
from domain.purchase_order_position import PurchaseOrderPosition
from ledger import catalogue, purchase_orders
from ledger.book import Ledger
from tests.connectors.cxml.partner import CONFIG
from tests.gateway.conftest import gateway_of, problem_of
from tests.workflows.shop import SECRETS, Shop, small_catalogue

CARRIER_SECRET = "whsec_c2ltdWxhdGVkLWNhcnJpZXItc2lnbmluZy1rZXk="


@pytest.fixture
async def set_up_anew(shop: Shop) -> AsyncIterator[None]:
    """For a test that sets a supplier up wrongly: the shop is every other test's, too."""
    yield
    await catalogue.load_catalogue(shop.world.ledger, small_catalogue(shop.outside), at=datetime.now(UTC))


@pytest.fixture
async def outside(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Someone outside, without our API key."""
    async with httpx.AsyncClient(base_url=shop.gateway_url, timeout=30, trust_env=False) as client:
        yield client


def signed(secret: str, body: bytes, *, webhook_id: str | None = None, at: datetime | None = None) -> dict[str, Any]:
    """Body and headers of a signed webhook, for httpx."""
    name, when = webhook_id or f"msg_{uuid.uuid4().hex}", at or datetime.now(UTC)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, when, body.decode()),
        "content-type": "application/json",
    }
    return {"content": body, "headers": headers}


def events(*content: dict[str, Any]) -> bytes:
    """A body of the http profile."""
    return json.dumps({"events": content}).encode()


def receipt(po_number: str, sku: str, *, good: int, receipt_id: str = "R-1") -> dict[str, Any]:
    """Goods of one line at our warehouse."""
    return {
        "kind": "received",
        "po_number": po_number,
        "receipt_id": f"{receipt_id}-{po_number}-{sku}",
        "lines": [{"line": {"sku": sku}, "good": good}],
    }


def received(position: PurchaseOrderPosition, sku: str) -> int:
    """Good units of an item that came on a purchase order."""
    return next(line.received_good for line in position.lines if line.sku == sku)


async def test_a_receipt_is_kept_told_and_turned_into_goods(
    outside: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await shop.start(order)
    po_number = await shop.acknowledged(number)
    answer = await outside.post(
        "/suppliers/acme/events", **signed(SECRETS["acme"], events(receipt(po_number, order.sku, good=2)))
    )
    assert answer.status_code == 202
    assert answer.json()["purchase_orders"] == [po_number]
    await shop.until(lambda p: p.allocated == 2, number)


async def test_a_replayed_webhook_counts_once_and_still_wakes_whom_it_concerns(
    outside: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await shop.start(order)
    po_number = await shop.acknowledged(number)
    message = signed(SECRETS["acme"], events(receipt(po_number, order.sku, good=1)))
    first = await outside.post("/suppliers/acme/events", **message)
    again = await outside.post("/suppliers/acme/events", **message)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json() | {"repeated": True}
    await shop.until(lambda p: p.allocated == 1, number)
    renamed = signed(SECRETS["acme"], events(receipt(po_number, order.sku, good=1)))
    assert (await outside.post("/suppliers/acme/events", **renamed)).status_code == 202
    await shop.po_until(po_number, lambda p: received(p, order.sku) == 1)
    assert (await shop.position(number)).allocated == 1


async def test_a_message_that_cannot_be_proven_is_not_taken(outside: httpx.AsyncClient, shop: Shop) -> None:
    body = events(receipt("PO-000001", "LAMP", good=1))
    genuine = signed(SECRETS["acme"], body)
    for supplier, message in (
        ("acme", signed(SECRETS["birch"], body)),
        ("acme", genuine | {"content": body.replace(b"PO-000001", b"PO-000002")}),
        ("acme", signed(SECRETS["birch"], body, at=datetime.now(UTC) - timedelta(minutes=10))),
        ("acme", {"content": body}),
        ("acme", {"content": b""}),
        ("birch", genuine),
        ("nobody", genuine),
    ):
        answer = await outside.post(f"/suppliers/{supplier}/events", **message)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"]
        problem_of(answer, "bad-signature")
    assert await _kept(shop, genuine["headers"]["webhook-id"]) is None


@pytest.mark.parametrize("apart", [timedelta(minutes=-10), timedelta(days=2)])
async def test_while_a_clock_is_wrong_a_genuine_message_is_not_taken_and_is_asked_for_again(
    outside: httpx.AsyncClient, shop: Shop, apart: timedelta
) -> None:
    """A sender that hears 4xx may give up for good, though our clock was the wrong one."""
    at = datetime.now(UTC) + apart
    body = events(receipt("PO-000001", "LAMP", good=1))
    doors = {"/suppliers/acme/events": SECRETS["acme"], "/carrier/events": CARRIER_SECRET}
    for door, secret in doors.items():
        message = signed(secret, body, at=at)
        answer = await outside.post(door, **message)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "Set the clock that is wrong" in problem_of(answer, "unavailable")["detail"]
        assert await _kept(shop, message["headers"]["webhook-id"]) is None


async def test_a_message_that_cannot_be_read_is_kept_with_the_reason(outside: httpx.AsyncClient, shop: Shop) -> None:
    body = json.dumps({"nonsense": uuid.uuid4().hex}).encode()
    message = signed(SECRETS["acme"], body)
    answer = await outside.post("/suppliers/acme/events", **message)
    assert answer.status_code == 202
    assert "events" in answer.json()["unreadable"]
    assert (await outside.post("/suppliers/acme/events", **message)).status_code == 200
    assert await _kept(shop, message["headers"]["webhook-id"]) == (body, answer.json()["unreadable"])


@pytest.mark.parametrize("kind", ["a\x00b", "a\nb", "\x1b[2J", "x" * 100_000])
async def test_a_complaint_that_repeats_the_message_is_fit_for_ledger_and_log(
    outside: httpx.AsyncClient, shop: Shop, kind: str
) -> None:
    body = events({"kind": kind, "nonce": uuid.uuid4().hex})
    message = signed(SECRETS["acme"], body)
    answer = await outside.post("/suppliers/acme/events", **message)
    assert answer.status_code == 202
    complaint = answer.json()["unreadable"]
    assert complaint.isprintable() and len(complaint) <= 504
    assert await _kept(shop, message["headers"]["webhook-id"]) == (body, complaint)


@pytest.mark.usefixtures("set_up_anew")
async def test_while_a_supplier_is_set_up_wrongly_its_messages_are_to_be_sent_again(
    outside: httpx.AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = "PROMISEKEEPER_TEST_WEBHOOK_SECRET"
    plain = small_catalogue(shop.outside).model_dump()
    (acme,) = (supplier for supplier in plain["suppliers"] if supplier["supplier_id"] == "acme")
    acme["connector_config"]["webhook_secret"] = f"env:{variable}"
    await catalogue.load_catalogue(shop.world.ledger, Catalogue.model_validate(plain), at=datetime.now(UTC))
    message = signed(SECRETS["acme"], events({"kind": "news"}))
    monkeypatch.delenv(variable, raising=False)
    answer = await outside.post("/suppliers/acme/events", **message)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert variable not in answer.text
    monkeypatch.setenv(variable, SECRETS["acme"])
    assert (await outside.post("/suppliers/acme/events", **message)).status_code == 202


@pytest.mark.usefixtures("set_up_anew")
async def test_what_is_no_document_accuses_nobody_and_is_not_kept(outside: httpx.AsyncClient, shop: Shop) -> None:
    plain = small_catalogue(shop.outside).model_dump()
    (acme,) = (supplier for supplier in plain["suppliers"] if supplier["supplier_id"] == "acme")
    acme |= {"connector": "cxml", "connector_config": CONFIG}
    await catalogue.load_catalogue(shop.world.ledger, Catalogue.model_validate(plain), at=datetime.now(UTC))
    name = f"msg_{uuid.uuid4().hex}"
    for body, said in (
        (b"Dear Sirs", "the document is no XML: "),
        (b"<cXML><Request></cXML>", "the document is no XML: "),
        (b"<html></html>", "the document is no cXML: its root is 'html'"),
    ):
        answer = await outside.post("/suppliers/acme/events", content=body, headers={"webhook-id": name})
        assert answer.status_code == 400
        assert problem_of(answer, "bad-request")["detail"].startswith(said)
    unsigned = await outside.post("/suppliers/acme/events", content=b"<cXML/>", headers={"webhook-id": name})
    problem_of(unsigned, "bad-signature")
    assert await _kept(shop, name) is None


async def test_a_supplier_cannot_speak_of_anothers_order_nor_of_one_that_is_not_there(
    outside: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await shop.start(order)
    po_number = await shop.acknowledged(number)
    body = events(receipt(po_number, order.sku, good=2), receipt("PO-999999999", "LAMP", good=2))
    answer = await outside.post("/suppliers/birch/events", **signed(SECRETS["birch"], body))
    assert (answer.status_code, answer.json()["purchase_orders"]) == (202, [])
    position = await purchase_orders.position(shop.world.ledger, po_number)
    assert received(position, order.sku) == 0


async def test_goods_for_an_order_that_has_ended_wake_it_up(
    outside: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await shop.start(order)
    po_number = await shop.acknowledged(number)
    await shop.supplier().advance("ship", po_number)
    await shop.supplier().advance("deliver", po_number)
    await shop.po(po_number).result()
    late = signed(SECRETS["acme"], events(receipt(po_number, order.sku, good=3, receipt_id="late")))
    assert (await outside.post("/suppliers/acme/events", **late)).json()["purchase_orders"] == [po_number]
    # nothing was open any more: three on top of two are more than the tolerance takes
    await shop.po_until(po_number, lambda p: p.attention is not None)


async def test_a_suppliers_message_may_be_larger_than_an_order_but_not_endless(outside: httpx.AsyncClient) -> None:
    large = await outside.post("/suppliers/acme/events", **signed(SECRETS["acme"], b" " * (2 * 1024 * 1024)))
    assert large.status_code != 413
    endless = await outside.post("/suppliers/acme/events", content=b" " * (5 * 1024 * 1024 + 1))
    assert endless.status_code == 413
    problem_of(endless, "too-large")


async def test_what_the_carrier_takes_is_shipped_however_often_it_says_so(
    outside: httpx.AsyncClient, shop: Shop, in_stock: Order, number: int
) -> None:
    await shop.start(in_stock)
    await shop.until(lambda p: any(parcel.state == "booked" for parcel in p.parcels), number)
    event = {
        "event_id": f"ev-{in_stock.backorder_id}",
        "parcel_id": f"{in_stock.backorder_id}/parcel/1",
        "tracking": "TRK",
        "possessed_at": datetime.now(UTC).isoformat(),
    }
    message = signed(CARRIER_SECRET, json.dumps(event).encode())
    for _ in range(2):
        answer = await outside.post("/carrier/events", **message)
        assert (answer.status_code, answer.json()) == (200, {"event_id": event["event_id"]})
    position = await shop.until(lambda p: p.closed_at is not None, number)
    assert position.shipped == 1
    # its workflow has ended; the carrier is thanked all the same
    assert (await outside.post("/carrier/events", **message)).status_code == 200


async def test_a_carrier_that_cannot_be_proven_ships_nothing(outside: httpx.AsyncClient) -> None:
    body = b'{"event_id": "e", "parcel_id": "p", "tracking": "t", "possessed_at": "2026-12-01T10:00:00Z"}'
    for message in (signed(SECRETS["acme"], body), {"content": body}, signed(CARRIER_SECRET, b"{}")):
        answer = await outside.post("/carrier/events", **message)
        assert answer.status_code == 401
        problem_of(answer, "bad-signature")


async def test_a_parcel_nobody_knows_is_noted(outside: httpx.AsyncClient) -> None:
    event = {"event_id": "stray", "parcel_id": "p", "tracking": "t", "possessed_at": "2026-12-01T10:00:00Z"}
    answer = await outside.post("/carrier/events", **signed(CARRIER_SECRET, json.dumps(event).encode()))
    assert answer.status_code == 200


async def _kept(shop: Shop, webhook_id: str) -> tuple[bytes, str | None] | None:
    """Body and complaint of a kept message; no header that could be a secret was kept with it."""
    dsn = shop.world.settings.ledger_dsn.get_secret_value()
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        found = await connection.execute(
            "select body, unreadable, headers from inbox where headers->>'webhook-id' = %s", (webhook_id,)
        )
        row = await found.fetchone()
    if row is None:
        return None
    assert "authorization" not in row[2]
    return bytes(row[0]), row[1]


async def test_a_defect_is_logged_without_the_row_that_the_database_quotes(
    shop: Shop, new_ledger: Callable[[], AbstractContextManager[str]], caplog: pytest.LogCaptureFixture
) -> None:
    with new_ledger() as dsn:
        async with (
            await Ledger.open(dsn, size=1) as ledger,
            gateway_of(replace(shop, world=replace(shop.world, ledger=ledger)), patience=1, task_queue="none") as door,
        ):
            await catalogue.load_catalogue(ledger, small_catalogue(shop.outside), at=datetime.now(UTC))
            async with ledger.work() as connection:  # a column that we know nothing of, and do not fill
                await connection.execute("alter table inbox add column forgotten int not null")
            message = signed(SECRETS["acme"], events(receipt("PO-000001 of Ann Buyer", "LAMP", good=2)))
            answer = await door.post("/suppliers/acme/events", **message)
    problem_of(answer, "internal")
    assert "NotNullViolation at POST /suppliers/" in caplog.text
    assert "Ann Buyer" not in caplog.text
