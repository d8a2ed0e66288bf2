"""Taking in a supplier's messages when its connector has a defect, its numbers repeat, or its door breaks off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from temporalio.service import RPCError

from activities.inward import Taken, take_in
from connectors.suppliers.csv.connector import CsvConnector
from connectors.suppliers.cxml.connector import CxmlConnector
from connectors.suppliers.interface import Decoded, Inward, Reply, WireIds
from domain.catalogue import Catalogue, Supplier
from domain.names import mailbox_workflow_id
from domain.supplier_events import Hint
from ledger import catalogue, documents, unreadable
from tests.connectors.cxml.partner import CONFIG
from tests.connectors.cxml.test_cxml_secrets import DOCUMENT, SECRET
from tests.connectors.x12.partners import document
from tests.workflows.shop import Shop, eventually

TRANSPORT = {"kind": "folder", "outbox": "/nowhere/orders", "inbox": "/nowhere/answers"}


class Defective(CsvConnector):
    """A connector of somebody's making that fails in ways which no connector may."""

    def __init__(self) -> None:
        super().__init__("acme", {"partner": {}, "transport": TRANSPORT})
        self.capabilities = self.capabilities.model_copy(update={"acknowledges": True})

    def decode(self, message: Inward) -> Decoded:
        match message.body:
            case b"stray":
                raise KeyError("BEG")
            case b"unkeepable":
                return Decoded(dedupe_key="NUL", events=(Hint(what="a NUL: \0"),))
            case b"endless key":
                return Decoded(dedupe_key="".join(chr(33 + n * n % 90) for n in range(9000)), events=())
            case other:
                return Decoded(dedupe_key="ISA/41", events=(Hint(what=other.decode()),))

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        if message.body == b"no reply":
            raise IndexError(f"nothing to answer with {ids.control_number}")
        return None


async def taken(shop: Shop, body: bytes) -> Taken:
    connector = Defective()
    try:
        found, _ = await take_in(
            shop.world.ledger,
            shop.client,
            connector,
            "acme",
            Inward(body=body, headers={}),
            door="webhook",
            at=datetime.now(UTC),
            task_queue=shop.task_queue,
        )
    finally:
        await connector.aclose()
    return found


async def for_a_person(shop: Shop) -> list[str]:
    waiting, _ = await unreadable.unreadable(shop.world.ledger, "acme")
    return [one.why for one in waiting]


@pytest.mark.parametrize(("body", "why"), [(b"stray", "KeyError"), (b"unkeepable", "cannot keep")])
async def test_a_message_on_which_its_connector_fails_is_kept_for_a_person(shop: Shop, body: bytes, why: str) -> None:
    first, again = await taken(shop, body), await taken(shop, body)
    assert (again.inbox_id, again.repeated) == (first.inbox_id, True)
    (said,) = await for_a_person(shop)
    assert why in said and first.unreadable == said


async def test_a_key_of_any_length_is_known_again(shop: Shop) -> None:
    first = await taken(shop, b"endless key")
    assert (await taken(shop, b"endless key")) == first.model_copy(update={"repeated": True})


async def test_a_reply_that_cannot_be_written_is_a_persons(shop: Shop) -> None:
    await taken(shop, b"no reply")
    (said,) = await for_a_person(shop)
    assert "no reply to it can be written" in said


async def test_two_documents_under_one_number_are_both_kept_and_a_person_decides(shop: Shop) -> None:
    first = await taken(shop, b"one")
    other = await taken(shop, b"another")
    assert other.inbox_id != first.inbox_id
    assert (await taken(shop, b"another")).inbox_id == other.inbox_id
    (said,) = await for_a_person(shop)
    assert f"the number of message {first.inbox_id}" in said


async def test_a_password_within_a_document_is_not_kept(shop: Shop) -> None:
    connector = CxmlConnector("acme", CONFIG | {"inbound_secret": SECRET})
    body = DOCUMENT.format(encoding="utf-8", secret="their-secret &lt;&amp;&gt; &#9731;").encode()
    for message in (body, body.replace(b"StatusUpdateRequest", b"StrangeRequest")):
        found, _ = await take_in(
            shop.world.ledger,
            shop.client,
            connector,
            "acme",
            Inward(body=message, headers={}),
            door="webhook",
            at=datetime.now(UTC),
            task_queue=shop.task_queue,
        )
        kept = await unreadable.raw_message(shop.world.ledger, "acme", found.inbox_id)
        assert kept is not None and b"their-secret" not in kept.body and b"payloadID" in kept.body
    await connector.aclose()


@asynccontextmanager
async def partner_who_breaks_off_once() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A door that takes what is posted; the first time it hangs up before it says so."""
    posted: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        posted.append(await reader.readexactly(length))
        if len(posted) > 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", posted


async def test_a_reply_that_may_not_have_arrived_is_sent_again_without_anything_coming(shop: Shop) -> None:
    supplier_id = f"posting-{shop.run}"
    async with partner_who_breaks_off_once() as (url, posted):
        supplier = Supplier(
            supplier_id=supplier_id,
            name="Posting",
            currency="USD",
            connector="x12",
            connector_config={
                "partner": {"our_id": "SHOP", "partner_id": "SUPPLIER"},
                "transport": {"kind": "https", "url": url, "inbound_token": "a-token-of-sixteen-and-more"},
            },
            fetch_every="PT1S",
        )
        books = Catalogue(suppliers=(supplier,), items=(), supplier_items=())
        await catalogue.load_catalogue(shop.world.ledger, books, at=datetime.now(UTC))
        try:
            async with httpx.AsyncClient() as client:
                answer = await client.post(
                    f"{shop.gateway_url}/suppliers/{supplier_id}/events",
                    content=document("855", "BAK*00*AD*PO-1001*20261118", "CTT*0"),
                    headers={"Authorization": "Bearer a-token-of-sixteen-and-more"},
                )
            assert answer.status_code == 202, answer.text

            async def all_sent() -> bool | None:
                return not await documents.replies_owed(shop.world.ledger, supplier_id) or None

            async def so_far() -> Any:
                return posted

            await eventually(all_sent, so_far)
            assert len(posted) == 2 and posted[0] == posted[1] and b"ST*997*" in posted[0]
        finally:
            with suppress(RPCError):  # it may not have come so far
                await shop.client.get_workflow_handle(mailbox_workflow_id(supplier_id)).terminate()
