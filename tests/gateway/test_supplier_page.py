"""The page behind the link in a purchase order's mail: whole stories, from the order over the mail to the answer."""

import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest
from temporalio.testing import WorkflowEnvironment

from connectors.suppliers.email_portal import links
from connectors.suppliers.email_portal.links import OrderLink
from domain.catalogue import Catalogue
from domain.errors import NotFound
from ledger import catalogue
from ledger.operations import stored_operation
from ledger.supplier_view import supplier_view
from tests.gateway.mailed_orders import MAILBOX, SECRET, MailedShop, cedar, form_of, link_in, open_mailed_shop
from tests.workflows.shop import eventually


@pytest.fixture(scope="module")
async def mailing(
    env: WorkflowEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
    new_ledger: Callable[[], AbstractContextManager[str]],
) -> AsyncIterator[MailedShop]:
    folder: Path = tmp_path_factory.mktemp("mailed")
    with new_ledger() as dsn:
        async with open_mailed_shop(env, folder, dsn) as opened:
            yield opened


@pytest.fixture
async def browser(mailing: MailedShop) -> AsyncIterator[httpx.AsyncClient]:
    """Someone who has a link and nothing else."""
    async with httpx.AsyncClient(base_url=mailing.shop.gateway_url, timeout=30, trust_env=False) as client:
        yield client


def later(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


async def test_an_order_goes_out_by_mail_and_one_button_confirms_it(
    mailing: MailedShop, browser: httpx.AsyncClient
) -> None:
    order = await mailing.mailed(4, 2)
    (mail,) = await mailing.mails(order.po_number)
    for said in ("4 x  Mug", "2 x  Mug", "Mara in purchasing", "WHAT TO DO NEXT"):
        assert said in mail.text
    for customer in ("Ada", "Lovelace", "customer.example", "Boston", "SO-"):
        assert customer not in mail.text + mail.html + mail.subject
    page = await browser.get(order.page)
    assert page.status_code == 200
    assert "Mug &lt;b&gt;" in page.text and "<b>" not in page.text
    assert mail.text.count("with us as soon as you can") == page.text.count("with us as soon as you can") == 2
    assert {form_of(page, "answer")[f"now-on-{n}"] for n in (1, 2)} == {""}, "a day that nobody asked for"
    confirm = form_of(page, "confirm") | {"order_no": "S-77"}
    thanks = await browser.post(order.page, data=confirm)
    assert (thanks.status_code, "we have your answer" in thanks.text) == (200, True)
    position = await mailing.shop.po_until(order.po_number, lambda p: p.acknowledged_at is not None)
    assert (position.status, [line.open for line in position.lines]) == ("acknowledged", [4, 2])
    await mailing.shop.until(lambda p: all(claim.confirmed for claim in p.claims), order.numbers[0])
    again = await browser.get(order.page)
    assert "Your order number is S-77" in again.text and "Line 1: 4 as ordered" in again.text
    assert "Confirm everything" not in again.text


async def test_lines_are_answered_in_parts_shown_again_and_corrected(
    mailing: MailedShop, browser: httpx.AsyncClient
) -> None:
    order = await mailing.mailed(10, 5, 3)
    answer = form_of(await browser.get(order.page), "answer")
    assert (answer["now-1"], answer["now-2"], answer["now-3"]) == ("10", "5", "3")
    first = answer | {
        "now-1": "6",
        "now-on-1": later(5),
        "later-1": "3",
        "later-on-1": later(20),
        "not-1": "1",
        "why-1": "glaze is out",
        "now-3": "",
        "not-3": "3",
    }
    assert (await browser.post(order.page, data=first)).status_code == 200
    position = await mailing.shop.po_until(order.po_number, lambda p: p.acknowledged_at is not None)
    assert [line.open for line in position.lines] == [9, 5, 0]
    assert position.lines[0].expected_on == date.fromisoformat(later(20))
    shown = await browser.get(order.page)
    assert "1 not at all (glaze is out)" in shown.text
    refilled = form_of(shown, "answer")
    assert {name: refilled[name] for name in first if name not in {"seen"}} == {
        name: value for name, value in first.items() if name not in {"seen"}
    }
    corrected = refilled | {"now-1": "10", "later-1": "", "later-on-1": "", "not-1": "", "why-1": ""}
    assert (await browser.post(order.page, data=corrected)).status_code == 200
    await mailing.shop.po_until(order.po_number, lambda p: p.lines[0].open == 10)
    stale = await browser.post(order.page, data=first)  # by the browser's way back
    assert (stale.status_code, "another one since, which holds" in stale.text) == (409, True)
    # back to the first answer: the same words, and yet a new answer
    back = form_of(await browser.get(order.page), "answer") | {k: v for k, v in first.items() if k != "seen"}
    assert (await browser.post(order.page, data=back)).status_code == 200
    await mailing.shop.po_until(order.po_number, lambda p: p.lines[0].open == 9)


async def test_what_does_not_add_up_is_shown_where_it_was_typed_and_nothing_is_kept(
    mailing: MailedShop, browser: httpx.AsyncClient
) -> None:
    order = await mailing.mailed(10, 5)
    answer = form_of(await browser.get(order.page), "answer")
    for typed, words in (
        ({"now-1": "6", "later-1": "2"}, "Say of the other 2 when they come"),
        ({"now-1": "11"}, "only 10 are ordered. Take 1 off"),
        ({"now-1": "ten"}, "Line 1: write a number such as 12"),
        ({"now-1": "7.5", "later-1": "2.5", "later-on-1": later(9)}, "Line 1: 7.5 leaves a part of a piece"),
        ({"now-1": "1,000"}, "Line 1: write a number such as 12"),
        ({"now-1": "-3", "later-1": "13"}, "Line 1: write a number such as 12"),
        ({"now-on-2": "4.12.2026"}, "Line 2: write the date as year, month and day"),
        (
            {"now-on-2": "2020-01-01"},
            f"Line 2: 2020-01-01 is before the order, or years away; write a day from {later(-1)} ",
        ),
        ({"now-on-2": "9999-12-31"}, "Line 2: 9999-12-31 is not a day of the years 2000 to 2099"),
        ({"later-on-1": later(9)}, "say how many come on"),
        ({"order_no": "x" * 201}, "Your order number: write at most 200 characters"),
        ({"now-1": ""}, "say how many of the 10 you deliver"),
    ):
        refused = await browser.post(order.page, data=answer | typed)
        assert refused.status_code == 422
        assert words in refused.text
        (_, value), *_ = typed.items()
        assert f'value="{value}"' in refused.text, "what was typed stays"
        assert re.search(rf'<a href="#answer-({"|".join(typed)}|now-1|later-1)">', refused.text)
    unsure = form_of(await browser.get(order.page), "refuse")
    assert "Tick the box" in (await browser.post(order.page, data=unsure)).text
    assert await kept(mailing, order.po_number) == 0


async def test_a_refused_order_is_bought_elsewhere_and_the_page_says_so(
    mailing: MailedShop, browser: httpx.AsyncClient
) -> None:
    order = await mailing.mailed(2)
    refuse = form_of(await browser.get(order.page), "refuse") | {"sure": "yes", "reason": "We closed\r\nthe kiln"}
    thanks = await browser.post(order.page, data=refuse)
    assert "You deliver nothing of this order (We closed the kiln)" in thanks.text
    await mailing.shop.po_until(order.po_number, lambda p: p.rejected_at is not None)
    over = await browser.get(order.page)
    assert (over.status_code, "This order is refused" in over.text) == (410, True)
    # the browser's own repeat is no new answer
    assert (await browser.post(order.page, data=refuse)).status_code == 200
    assert await kept(mailing, order.po_number) == 1


async def test_a_form_sent_twice_counts_once(mailing: MailedShop, browser: httpx.AsyncClient) -> None:
    order = await mailing.mailed(2)
    ship = form_of(await browser.get(order.page), "ship") | {"shipped-1": "1", "tracking": "TRK-1"}
    for _ in range(2):
        thanks = await browser.post(order.page, data=ship)
        assert (thanks.status_code, "the shipment is noted" in thanks.text) == (200, True)
    await mailing.shop.po_until(order.po_number, lambda p: p.acknowledged_at is not None)
    assert await kept(mailing, order.po_number) == 1
    page = await browser.get(order.page)
    assert "Shipment: 1 of line 1, tracking TRK-1" in page.text

    async def can_refuse_no_more() -> bool | None:
        return "We can deliver nothing of it" not in (await browser.get(order.page)).text or None

    await eventually(can_refuse_no_more, partial(browser.get, order.page))
    refuse = {"do": "refuse", "sure": "yes", "reason": ""}
    assert (await browser.post(order.page, data=refuse)).status_code == 409
    assert form_of(page, "ship")["most-1"] == "1"


async def test_shipments_are_held_against_what_is_still_to_come(
    mailing: MailedShop, browser: httpx.AsyncClient
) -> None:
    order = await mailing.mailed(3)
    ship = form_of(await browser.get(order.page), "ship")
    too_many = await browser.post(order.page, data=ship | {"shipped-1": "4"})
    assert (too_many.status_code, "only 3 are still to come" in too_many.text) == (422, True)
    nothing = await browser.post(order.page, data=ship)
    assert (nothing.status_code, "Say how many of which line" in nothing.text) == (422, True)
    named = ship | {"shipped-1": "1", "shipment": "LS-9", "arrives": later(3)}
    assert (await browser.post(order.page, data=named)).status_code == 200
    page = await browser.get(order.page)
    again = form_of(page, "ship") | {"shipped-1": "1", "shipment": "LS-9"}
    # the workflow may not have written the first into the books yet; then the form is about the order before it
    said = await browser.post(order.page, data=again)
    assert said.status_code in {409, 422}
    assert "You told us of LS-9 before" in said.text or "has changed since" in said.text


async def test_cases_are_counted_as_the_supplier_counts(mailing: MailedShop, browser: httpx.AsyncClient) -> None:
    order = await mailing.mailed(2, unit_factor=12)
    answer = form_of(await browser.get(order.page), "answer")
    assert answer["asked-1"] == "2"
    typed = {"now-1": "1", "later-1": "1", "later-on-1": later(30)}
    assert (await browser.post(order.page, data=answer | typed)).status_code == 200
    position = await mailing.shop.po_until(order.po_number, lambda p: p.acknowledged_at is not None)
    assert position.lines[0].open == 24


async def test_a_change_is_answered_and_the_older_link_says_that_there_is_newer_word(
    mailing: MailedShop, browser: httpx.AsyncClient
) -> None:
    order = await mailing.mailed(4, 2)
    old = await browser.get(order.page)
    confirm = form_of(old, "confirm")
    assert (await browser.post(order.page, data=confirm)).status_code == 200
    await mailing.shop.po_until(order.po_number, lambda p: p.acknowledged_at is not None)
    await mailing.shop.cancel(order.numbers[0])
    await mailing.shop.po_until(order.po_number, lambda p: p.status == "change pending" and len(p.operations) == 2)
    await mailing.shop.po_until(order.po_number, lambda p: p.operations[1].state == "delivered")
    for stale in (
        await browser.get(order.page),
        await browser.post(order.page, data=form_of(old, "answer") | {"not-2": "2", "now-2": ""}),
    ):
        assert (stale.status_code, "There is newer word on this order" in stale.text) == (410, True)
        assert "we ask you to change it" in stale.text
    (mail,) = [mail for mail in await mailing.mails(order.po_number) if mail.subject.startswith("Change 1")]
    page = await browser.get(link_in(mail))
    assert "0 instead of 4" in page.text
    change = form_of(page, "change")
    assert (await browser.post(link_in(mail), data=change)).status_code == 422
    partly = await browser.post(link_in(mail), data=change | {"verdict": "partly", "still-1": "5"})
    assert (partly.status_code, "at most 4 are still to come" in partly.text) == (422, True)
    thanks = await browser.post(link_in(mail), data=change | {"verdict": "partly", "still-1": "1"})
    assert "You can do a part of it" in thanks.text
    position = await mailing.shop.po_until(order.po_number, lambda p: p.operations[1].answered_at is not None)
    assert [line.open for line in position.lines] == [1, 2]
    answer = form_of(await browser.get(link_in(mail)), "answer")
    assert (answer["asked-1"], answer["asked-2"]) == ("1", "2")


async def test_a_cancellation_is_answered(mailing: MailedShop, browser: httpx.AsyncClient) -> None:
    order = await mailing.mailed(4)
    await browser.post(order.page, data=form_of(await browser.get(order.page), "confirm"))
    await mailing.shop.po_until(order.po_number, lambda p: p.acknowledged_at is not None)
    await mailing.shop.cancel(order.numbers[0])
    await mailing.shop.po_until(
        order.po_number, lambda p: len(p.operations) == 2 and p.operations[1].state == "delivered"
    )
    (mail,) = [mail for mail in await mailing.mails(order.po_number) if mail.subject.startswith("Cancellation")]
    page = await browser.get(link_in(mail))
    assert "send nothing more" in page.text
    yes = form_of(page, "change") | {"verdict": "accepted"}
    assert "You do as asked" in (await browser.post(link_in(mail), data=yes)).text
    await mailing.shop.po_until(order.po_number, lambda p: p.cancelled_at is not None)
    over = await browser.get(link_in(mail))
    assert (over.status_code, "This order is cancelled" in over.text) == (410, True)


async def test_an_order_that_changed_under_the_form_is_shown_as_it_is_now(
    mailing: MailedShop, browser: httpx.AsyncClient
) -> None:
    order = await mailing.mailed(3)
    ship = form_of(await browser.get(order.page), "ship")
    assert (await browser.post(order.page, data=ship | {"shipped-1": "2"})).status_code == 200
    await mailing.shop.po_until(order.po_number, lambda p: p.acknowledged_at is not None)
    old = await browser.post(order.page, data=ship | {"shipped-1": "3"})
    assert (old.status_code, "has changed since you opened this page" in old.text) == (409, True)
    assert form_of(old, "ship")["most-1"] == "1"


async def test_a_forged_damaged_or_old_link_opens_nothing(
    mailing: MailedShop, browser: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    order = await mailing.mailed(2)
    token = order.page.rpartition("/")[2]
    confirm = form_of(await browser.get(order.page), "confirm")
    until = datetime.now(UTC) + timedelta(days=9)

    def path(secret: str = SECRET, **changes: object) -> str:
        said = {"supplier_id": "cedar", "po_number": order.po_number, "revision": 0, "until": until} | changes
        return links.address("", secret, OrderLink.model_validate(said))

    for where in (
        path("another secret of the same length ..."),
        path(supplier_id="acme"),
        path(supplier_id="nobody"),
        order.page[:-1],
        f"{order.page}x",
        "/purchase-orders/x",
        "/purchase-orders/%C3%BC.%C3%BC",
        f"/purchase-orders/{'x' * 3000}",
        f"/purchase-orders/{token.partition('.')[0]}",
        "/purchase-orders/YQBi.x",
    ):
        for answer in (await browser.get(where), await browser.post(where, data=confirm)):
            assert (answer.status_code, "This link is not valid" in answer.text) == (400, True)
    old = await browser.post(path(until=datetime.now(UTC) - timedelta(days=1)), data=confirm)
    assert (old.status_code, "This link was good until" in old.text) == (400, True)
    gone = await browser.get(path(po_number="PO-0"))
    assert (gone.status_code, "no longer have this order" in gone.text) == (410, True)
    assert (await browser.get(path(revision=7))).status_code == 410
    assert await kept(mailing, order.po_number) == 0


async def test_the_link_is_kept_nowhere_but_in_the_mail(
    mailing: MailedShop, browser: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    order = await mailing.mailed(2)
    token = order.page.rpartition("/")[2]
    with caplog.at_level(logging.DEBUG):
        page = await browser.get(order.page)
        await browser.post(order.page, data=form_of(page, "confirm"))
    assert page.headers["referrer-policy"] == "no-referrer" and page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert any("/purchase-orders/{token}" in line for line in ours)
    assert not any(token in line for line in ours)
    dsn = mailing.shop.world.settings.ledger_dsn.get_secret_value()
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        found = await connection.execute(
            "select headers, body from inbox where headers->>'answers-order' = %s", (order.po_number,)
        )
        ((headers, body),) = await found.fetchall()
    assert headers == {
        "answers-order": order.po_number,
        "answers-revision": "0",
        "content-type": "application/x-www-form-urlencoded",
    }
    assert b"do=confirm" in body


async def test_hostile_forms_are_refused_and_change_nothing(mailing: MailedShop, browser: httpx.AsyncClient) -> None:
    order = await mailing.mailed(2)
    confirm = form_of(await browser.get(order.page), "confirm")
    refused = {}
    for name, body in {
        "empty": b"",
        "no form": b"\xff\xfe\x00",
        "no such button": b"do=steal",
        "many fields": b"&".join(b"a%d=b" % n for n in range(60_000)),
        "a line too many": httpx.QueryParams(confirm | {"asked-2": "5"}).__str__().encode(),
        "a line too few": b"do=confirm&seen=0",
        "another quantity": httpx.QueryParams(confirm | {"asked-1": "200"}).__str__().encode(),
    }.items():
        refused[name] = (await browser.post(order.page, content=body)).status_code
    assert refused == {
        "empty": 422,
        "no form": 422,
        "no such button": 422,
        "many fields": 422,
        "a line too many": 409,
        "a line too few": 409,
        "another quantity": 409,
    }
    unknown = await browser.post(order.page, content=httpx.QueryParams(confirm | {"do": "steal"}).__str__().encode())
    assert (unknown.status_code, "We do not understand this form" in unknown.text) == (422, True)
    assert (await browser.post(order.page, content=b"a" * 1_100_000)).status_code == 413
    elsewhere = await browser.post(order.page, data=confirm, headers={"Sec-Fetch-Site": "cross-site"})
    assert (elsewhere.status_code, "open the link in our mail" in elsewhere.text) == (409, True)
    assert await kept(mailing, order.po_number) == 0


async def test_an_order_is_there_for_its_own_supplier_alone(mailing: MailedShop) -> None:
    order = await mailing.mailed(2)
    ledger = mailing.shop.world.ledger
    assert (await supplier_view(ledger, "cedar", order.po_number, 0)).lines[0].ordered == 2
    for supplier_id, po_number, revision in (
        ("acme", order.po_number, 0),
        ("cedar", order.po_number, 1),
        ("cedar", "PO-0", 0),
    ):
        with pytest.raises(NotFound, match="check the number"):
            await supplier_view(ledger, supplier_id, po_number, revision)


async def test_the_webhooks_door_takes_nothing_for_such_a_supplier_without_the_link(
    mailing: MailedShop, browser: httpx.AsyncClient
) -> None:
    order = await mailing.mailed(2)
    confirm = form_of(await browser.get(order.page), "confirm")
    headers = {"answers-order": order.po_number, "answers-revision": "0"}
    answer = await browser.post("/suppliers/cedar/events", data=confirm, headers=headers)
    assert answer.status_code == 401
    assert await kept(mailing, order.po_number) == 0


async def test_while_the_supplier_is_set_up_wrongly_the_page_asks_to_come_again(
    mailing: MailedShop, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await mailing.mailed(2)
    monkeypatch.delenv("PROMISEKEEPER_TEST_LINK_SECRET", raising=False)
    for secret, status in (("env:PROMISEKEEPER_TEST_LINK_SECRET", 503), (SECRET, 200)):
        wrong = Catalogue(suppliers=(cedar(mailing.shop, link_secret=secret),), items=(), supplier_items=())
        await catalogue.load_catalogue(mailing.shop.world.ledger, wrong, at=datetime.now(UTC))
        page = await browser.get(order.page)
        assert page.status_code == status
        assert "PROMISEKEEPER_TEST" not in page.text


async def test_a_mailbox_that_does_not_exist_refuses_the_order(mailing: MailedShop) -> None:
    await mailing.shop.outside.control_mail(refuse=[MAILBOX])
    try:
        po_number, _ = await mailing.released(2)
        position = await mailing.shop.po_until(po_number, lambda p: p.rejected_at is not None)
        assert position.place is not None and position.place.state == "refused"
        assert "550" in (await stored_operation(mailing.shop.world.ledger, position.place.operation_id)).reason
    finally:
        await mailing.shop.outside.control_mail()


async def test_a_greylisted_mail_goes_out_again_as_the_same_message(mailing: MailedShop) -> None:
    await mailing.shop.outside.control_mail(busy=1)
    order = await mailing.mailed(2)
    (mail,) = await mailing.mails(order.po_number)
    stored = await stored_operation(mailing.shop.world.ledger, f"po/{order.po_number}/0")
    assert mail.message_id.encode() in stored.body


async def kept(mailing: MailedShop, po_number: str) -> int:
    """How many messages about an order are in the inbox."""
    dsn = mailing.shop.world.settings.ledger_dsn.get_secret_value()
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        found = await connection.execute(
            "select count(*) from inbox where headers->>'answers-order' = %s or body like %s",
            (po_number, f"%{po_number}%".encode()),
        )
        row = await found.fetchone()
    assert row is not None
    return int(row[0])


# The last one, since what is refused in it waits for the shop's next order.
async def test_lines_added_to_an_order_are_mailed_shown_and_answered(
    mailing: MailedShop, browser: httpx.AsyncClient
) -> None:
    order = await mailing.mailed(4)
    assert (await browser.post(order.page, data=form_of(await browser.get(order.page), "confirm"))).status_code == 200
    await mailing.shop.po_until(order.po_number, lambda p: p.acknowledged_at is not None)
    mailing.adds = True
    try:
        _, (number,) = await mailing.released(3)
    finally:
        mailing.adds = False
    await mailing.shop.po_until(
        order.po_number, lambda p: any(o.revision == 1 and o.state == "delivered" for o in p.operations)
    )
    _, mail = await mailing.mails(order.po_number)
    assert "3, new on the order" in mail.text
    page = await browser.get(link_in(mail))
    assert "New on the order: 3 " in page.text and "4 instead of" not in page.text
    change = form_of(page, "change")
    assert {name: value for name, value in change.items() if name.startswith("most-")} == {"most-2": "3"}
    thanks = await browser.post(link_in(mail), data=change | {"verdict": "partly", "still-2": "2"})
    assert (thanks.status_code, "Line 2: 2 in all." in thanks.text) == (200, True)
    stands = await mailing.shop.po_until(order.po_number, lambda p: p.pending is None)
    assert [line.open for line in stands.lines] == [4, 2]
    await mailing.shop.until(lambda p: len(p.claims) == 2, number)  # the third is sourced anew
    both = await browser.get(link_in(mail))
    assert form_of(both, "ship")["most-2"] == "2"
