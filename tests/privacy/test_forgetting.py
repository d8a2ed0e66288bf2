"""`promisekeeper forget`: a customer is gone from ledger and Temporal, the figures stay, and a crash leaves no rest."""

import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from domain.orders import Address, Customer
from domain.supplier_events import OrderAck
from ledger import backorders, erasure, inbox
from ledger.audit import audit
from tests.cli.conftest import Command, promisekeeper
from tests.privacy.conftest import KEYS
from tests.workflows.shop import Shop, eventually

__all__ = ["promisekeeper"]

NAME, STREET = "Zoë Quackenbush", "77 Xylophone Passage"
WHY = "leaving the country"

Forget = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def forget(shop: Shop, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch) -> Forget:
    """The command, as an operator of this shop types it."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", shop.client.service_client.config.target_host)
    monkeypatch.setenv("PROMISEKEEPER_LEDGER_DSN", shop.world.settings.ledger_dsn.get_secret_value())
    monkeypatch.setenv("PROMISEKEEPER_PAYLOAD_KEYS", KEYS)
    monkeypatch.setenv("COLUMNS", "300")

    async def command(*arguments: str) -> tuple[int, str, str]:
        return await promisekeeper("forget", *arguments)

    return command


def _reference(shop: Shop) -> str:
    """Each test has a customer of its own, since they share a Temporal server."""
    return f"CUST-{shop.run}"


def _mail(shop: Shop) -> str:
    return f"zoe.{shop.run}@customer.example"


def _personal(shop: Shop) -> set[str]:
    return {NAME, NAME.replace("ë", r"\u00eb"), STREET, WHY, _reference(shop), _mail(shop), "pm_zoe_4711"}


def _of_zoe(shop: Shop, **more: Any) -> dict[str, Any]:
    return {
        "customer": Customer(customer_id=_reference(shop), name=NAME, email=_mail(shop)),
        "ship_to": Address(name=NAME, street=STREET, city="Boston", postal_code="02101", country="US"),
        "payment_method": "pm_zoe_4711",
        **more,
    }


async def _ended(shop: Shop, number: int) -> None:
    """One chair shipped and one lamp cancelled with a reason, told and ended."""
    await shop.backorder(number).result()
    await shop.closed(number)


async def _shipped(shop: Shop, number: int) -> None:
    await shop.order(number, **_of_zoe(shop, sku="CHAIR", quantity=1))
    await shop.parcel_taken(number)
    await _ended(shop, number)


async def _cancelled(shop: Shop, number: int) -> None:
    """Its supplier's messages quote the customer, in letters and as JSON escapes them."""
    await shop.order(number, **_of_zoe(shop))
    po_number = await shop.acknowledged(number)
    quoting = {
        "kind": "received",
        "po_number": po_number,
        "receipt_id": "R-1",
        "lines": [],
        "note": f"{NAME}, {STREET}",
    }
    await shop.po(po_number).signal("receipt", quoting)
    await inbox.store_message(
        shop.world.ledger,
        "acme",
        door="webhook",
        dedupe_key="quoting",
        headers={"x-about": NAME},
        body=json.dumps({"note": NAME}).encode(),
        at=datetime.now(UTC),
        events=[],
        unreadable=f"there is no event for {NAME}",
    )
    await shop.cancel(number, reason=WHY)
    await _ended(shop, number)


def _books(shop: Shop) -> dict[str, list[str]]:
    """Every row of every table of the ledger, as text; raw documents in letters."""
    with psycopg.connect(shop.world.settings.ledger_dsn.get_secret_value(), autocommit=True) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = current_schema()").fetchall()
        return {
            table: [
                " ".join(one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in row)
                for row in connection.execute(f'select * from "{table}"').fetchall()  # type: ignore[arg-type]
            ]
            for (table,) in tables
        }


def _holding(shop: Shop) -> set[tuple[str, str]]:
    words = _personal(shop)
    return {(table, word) for table, rows in _books(shop).items() for word in words for row in rows if word in row}


async def _known_to_temporal(client: Client, backorder_id: str) -> bool:
    try:
        await client.get_workflow_handle(f"backorder/{backorder_id}").describe()
    except RPCError as gone:
        if gone.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def test_a_forgotten_customer_is_nowhere_and_the_figures_and_everybody_else_stay(
    shop: Shop, forget: Forget
) -> None:
    await _shipped(shop, 1)
    await _cancelled(shop, 2)
    await shop.order(3, sku="CHAIR", quantity=1)
    await shop.parcel_taken(3)
    await _ended(shop, 3)
    assert {word for _, word in _holding(shop)} == _personal(shop)
    assert {table for table, _ in _holding(shop)} >= {"backorder", "contact", "journal", "inbox"}
    before = [await shop.position(number) for number in (1, 2)]

    code, said, _ = await forget(_mail(shop).upper(), "--yes")

    assert code == 0, said
    assert "personal data of 2 backorders" in said
    assert "2 histories of 2 workflows" in said
    assert _holding(shop) == set()
    assert [await _known_to_temporal(shop.client, shop.backorder_id(n)) for n in (1, 2, 3)] == [False, False, True]
    for old, now in zip(before, [await shop.position(number) for number in (1, 2)], strict=True):
        kept = {"cancel_reason": "", "parcels": tuple(p.model_copy(update={"tracking": None}) for p in old.parcels)}
        assert now == old.model_copy(update=kept)
    assert await audit(shop.world.ledger) == []
    assert [line.text for line in await backorders.story(shop.world.ledger, shop.backorder_id(1))] == [
        "Personal data was erased"
    ]
    assert (await backorders.contact(shop.world.ledger, shop.backorder_id(3))).name == "Ada Lovelace"
    code, _, complained = await forget(_mail(shop), "--yes")
    assert (code, "forgotten already" in complained) == (3, True)


async def test_a_customer_who_is_a_number_takes_no_orders_and_no_items_number_along(shop: Shop) -> None:
    await shop.order(1, **_of_zoe(shop))
    po_number = await shop.acknowledged()
    await shop.cancel()
    await _ended(shop, 1)
    # the supplier is asked to take it off, and says nothing: from then on nothing moves
    await shop.po_until(po_number, lambda p: any(o.kind == "cancel" and o.state == "delivered" for o in p.operations))
    number = po_number.removeprefix("PO-")
    async with shop.world.ledger.work() as connection:
        await connection.execute("update backorder set customer_id = %s", (number,))
    await inbox.store_message(  # it waits: nobody is told of it
        shop.world.ledger,
        "acme",
        door="webhook",
        dedupe_key="numbers",
        headers={},
        body=json.dumps({"order": po_number, "customer": number}).encode(),
        at=datetime.now(UTC),
        events=[
            OrderAck(po_number=po_number, supplier_order_no=number, reason=f"{po_number} is for customer {number}")
        ],
    )
    before = _books(shop)["outbox"], await _said_of(shop, po_number)
    await erasure.forget(shop.world.ledger, shop.backorder_id(1), at=datetime.now(UTC))
    assert (_books(shop)["outbox"], await _said_of(shop, po_number)) == before
    async with shop.world.ledger.look() as connection:
        found = await connection.execute(
            "select event, body from inbox_event join inbox using (inbox_id) where dedupe_key = 'numbers'"
        )
        ((event, body),) = await found.fetchall()
    assert json.loads(body) == {"order": po_number, "customer": "(left out)"}
    assert event["po_number"] == po_number and event["supplier_order_no"] == number
    assert event["reason"] == f"{po_number} is for customer (left out)"


async def _said_of(shop: Shop, po_number: str) -> list[Any]:
    """What the journal says of a purchase order."""
    async with shop.world.ledger.look() as connection:
        facts = "select facts from journal where subject = %s order by seq"
        return await (await connection.execute(facts, (f"po/{po_number}",))).fetchall()


async def test_nothing_is_erased_while_an_order_is_open_and_what_to_do_is_said(shop: Shop, forget: Forget) -> None:
    await _shipped(shop, 1)
    await shop.order(2, **_of_zoe(shop))
    await shop.until(lambda p: bool(p.claims), 2)
    code, _, complained = await forget(_reference(shop), "--yes")
    assert code == 1
    assert shop.backorder_id(2) in complained
    assert shop.backorder_id(1) not in complained
    assert "promisekeeper cancel" in complained
    assert await _known_to_temporal(shop.client, shop.backorder_id(1))
    assert (await backorders.contact(shop.world.ledger, shop.backorder_id(1))).name == NAME


async def test_without_yes_and_without_a_terminal_nothing_is_erased(shop: Shop, forget: Forget) -> None:
    await _shipped(shop, 1)
    code, _, complained = await forget(_reference(shop))
    assert (code, "--yes" in complained) == (2, True)
    assert (await backorders.contact(shop.world.ledger, shop.backorder_id(1))).name == NAME


async def test_an_order_that_was_refused_is_found_in_temporal_alone_and_deleted(shop: Shop, forget: Forget) -> None:
    await shop.order(1, **_of_zoe(shop, sku="NO-SUCH"))
    await shop.order(2, sku="NO-SUCH-EITHER")
    for number in (1, 2):
        with pytest.raises(WorkflowFailureError):
            await shop.backorder(number).result()

    async def listed() -> bool | None:
        found = [run.id async for run in shop.client.list_workflows("ExecutionStatus = 'Failed'")]
        return f"backorder/{shop.backorder_id(1)}" in found or None

    await eventually(listed, shop.backorder(1).describe)
    code, said, _ = await forget(_mail(shop), "--yes")
    assert code == 0, said
    assert [await _known_to_temporal(shop.client, shop.backorder_id(number)) for number in (1, 2)] == [False, True]


@pytest.mark.parametrize("step", ["before the history goes", "before the ledger forgets", "after the ledger forgot"])
async def test_a_crash_anywhere_leaves_what_the_same_command_finishes(
    shop: Shop, forget: Forget, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await _shipped(shop, 1)
    await _shipped(shop, 2)
    whole = {"history": "delete_histories", "forgets": "forget", "forgot": "forget"}
    crashing = next(name for word, name in whole.items() if word in step)
    with monkeypatch.context() as crash:
        _crash_second(crash, crashing, after="after" in step)
        with pytest.raises(_Crashed):
            await forget(_mail(shop), "--yes")
    code, said, complained = await forget(_mail(shop), "--yes")
    assert code == (3 if "after" in step else 0), said + complained
    assert _holding(shop) == set()
    assert [await _known_to_temporal(shop.client, shop.backorder_id(number)) for number in (1, 2)] == [False, False]
    assert await audit(shop.world.ledger) == []


class _Crashed(BaseException):
    """The process ends here."""


def _crash_second(monkeypatch: pytest.MonkeyPatch, name: str, *, after: bool) -> None:
    """The real function runs once; the second time the process ends before it, or right after it."""
    where = erasure if name == "forget" else sys.modules["cli.forget"]
    real = getattr(where, name)
    calls: list[None] = []

    async def crash(*args: Any, **named: Any) -> Any:
        calls.append(None)
        if len(calls) == 2 and not after:
            raise _Crashed
        result = await real(*args, **named)
        if len(calls) == 2:
            raise _Crashed
        return result

    monkeypatch.setattr(where, name, crash)


async def test_forgetting_one_backorder_twice_changes_nothing_more(shop: Shop) -> None:
    await _shipped(shop, 1)
    ledger, one, at = shop.world.ledger, shop.backorder_id(1), datetime.now(UTC)
    await erasure.forget(ledger, one, at=at)
    once = _books(shop)
    await erasure.forget(ledger, one, at=at)
    assert _books(shop) == once


async def test_an_open_backorder_is_not_forgotten_by_the_ledger_either(shop: Shop) -> None:
    await shop.order(1, **_of_zoe(shop))
    await shop.until(lambda p: bool(p.claims), 1)
    with pytest.raises(erasure.StillOpen, match="is open"):
        await erasure.forget(shop.world.ledger, shop.backorder_id(1), at=datetime.now(UTC))
    assert (await backorders.contact(shop.world.ledger, shop.backorder_id(1))).email == _mail(shop)
