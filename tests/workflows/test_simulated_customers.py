"""The demo's customers answer their mails on the gateway's real page; so this is also the customers' whole road."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devstack.simulators import customers
from devstack.simulators.book import Book
from domain.backorder_position import NoticeKind
from domain.orders import Customer
from tests.workflows.shop import Shop


@pytest.fixture
async def answering(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """The shop, with customers who answer at once."""
    monkeypatch.setattr(customers, "THINKS_FOR", 1.0)  # the books know of a mail a moment after it is sent
    monkeypatch.setattr(customers, "LOOKS_EVERY", 0.1)
    book = Book(tmp_path / "outside_world.sqlite3")
    answering = asyncio.create_task(customers.Customers(book).run())
    yield shop
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    book.close()


def who(habit: str) -> Customer:
    return Customer(customer_id="C-1", name="Ada Lovelace", email=f"ada+{habit}@customer.example")


async def test_a_customer_who_changes_their_mind_cancels_by_the_link_in_the_mail(answering: Shop) -> None:
    await answering.order(customer=who("changes-mind"))
    position = await answering.closed()
    assert (position.cancelled, position.cancelled_by) == (2, "customer")


@pytest.mark.parametrize(("habit", "answer"), [("waits", "consent"), ("refuses-delay", "cancel")])
async def test_a_customer_who_is_asked_to_wait_answers_on_the_page(answering: Shop, habit: str, answer: str) -> None:
    late = (datetime.now(UTC) + timedelta(days=90)).date()
    await answering.order(customer=who(habit), promised_by=(datetime.now(UTC) + timedelta(days=10)).date())
    await answering.acknowledged(deliver_on=late)
    position = await answering.until(
        lambda p: any(n.kind is NoticeKind.FIRST_DELAY and n.answer for n in p.notices) or p.closed_at is not None
    )
    assert [n.answer for n in position.notices if n.kind is NoticeKind.FIRST_DELAY] in ([answer], [None])
    if habit == "waits":
        assert position.cancel_requested_at is None
    else:
        assert (await answering.closed()).cancelled == 2


async def test_a_customer_with_a_plain_address_says_nothing(answering: Shop) -> None:
    await answering.order()
    await answering.until(lambda p: bool(p.notices))
    await asyncio.sleep(0.5)
    assert (await answering.position()).cancel_requested_at is None
