"""The page behind the link in a customer's mail: looking changes nothing, the buttons do, forgeries open nothing."""

import hashlib
import re
from base64 import b64encode
from collections.abc import AsyncIterator

import httpx
import pytest

from connectors.link_tokens import InvalidLink
from connectors.messages.links import answer_link, read_token
from domain.orders import Order
from tests.gateway.test_cancelling_and_answering import delayed
from tests.workflows.shop import Shop

SECRET = "a secret for links that is long enough"


@pytest.fixture
async def browser(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Someone who has a link and no key."""
    async with httpx.AsyncClient(base_url=shop.gateway_url, timeout=30, trust_env=False) as client:
        yield client


def page_of(shop: Shop, number: int, notice_id: str) -> str:
    """The path of a page."""
    return answer_link("", SECRET, shop.backorder_id(number), notice_id)


async def test_the_link_in_the_mail_opens_a_page_that_says_how_it_stands(
    browser: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    notice_id = await delayed(shop, order, number)
    mails = await shop.outside.mails(to=order.customer.email)
    links = set(re.findall(r"http[^\s\"<]+/answers/([^\s\"<]+)", mails[-1].text))
    assert f"/answers/{links.pop()}" == page_of(shop, number, notice_id)
    page = await browser.get(page_of(shop, number, notice_id))
    assert page.status_code == 200
    position = await shop.position(number)
    assert position.current_promise is not None
    assert f"{position.current_promise:%B} {position.current_promise.day}, {position.current_promise.year}" in page.text
    for said in ("Desk lamp", order.sales_order, 'value="consent"', 'value="cancel"', "willing to wait"):
        assert said in page.text
    assert order.customer.email not in page.text
    assert order.customer.name not in page.text


async def test_the_page_loads_nothing_and_leaves_no_trace(
    browser: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    page = await browser.get(page_of(shop, number, await delayed(shop, order, number)))
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "form-action 'self'" in policy
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert style is not None
    digest = b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy, "a browser drops a style sheet whose hash is not the policy's"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text and "http" not in page.text


async def test_the_page_of_an_older_mail_points_to_the_one_that_asks(
    browser: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    asking = await delayed(shop, order, number)
    older = next(n.notice_id for n in (await shop.position(number)).notices if n.kind == "order_confirmed")
    page = await browser.get(page_of(shop, number, older))
    assert "open the link in our latest mail" in page.text
    assert 'value="consent"' not in page.text
    assert "latest mail" not in (await browser.get(page_of(shop, number, asking))).text


async def test_looking_changes_nothing_however_often(
    browser: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    where = page_of(shop, number, await delayed(shop, order, number))
    for _ in range(3):
        await browser.get(where)
    position = await shop.position(number)
    assert position.cancel_requested_at is None
    assert all(notice.answer is None for notice in position.notices)


async def test_a_customer_who_waits_is_thanked_and_may_still_cancel(
    browser: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    where = page_of(shop, number, await delayed(shop, order, number))
    for _ in range(2):  # a second click, or the browser's own repeat
        thanks = await browser.post(where, data={"answer": "consent"})
        assert (thanks.status_code, "Thank you for waiting" in thanks.text) == (200, True)
    assert (await shop.position(number)).notices[-1].answer == "consent"
    page = await browser.get(where)
    assert "You told us that you will wait" in page.text
    assert 'value="consent"' not in page.text
    gone = await browser.post(where, data={"answer": "cancel"})
    assert (gone.status_code, "Your order is cancelled" in gone.text) == (200, True)
    assert (await shop.position(number)).cancelled == 2


async def test_a_customer_who_cancels_is_told_and_the_page_then_says_so(
    browser: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    notice_id = await delayed(shop, order, number)
    where = page_of(shop, number, notice_id)
    gone = await browser.post(where, data={"answer": "cancel"})
    assert (gone.status_code, "Nothing was taken from you" in gone.text) == (200, True)
    position = await shop.until(lambda p: p.closed_at is not None, number)
    assert (position.cancelled, position.cancelled_by) == (2, "customer")
    assert [n.answer for n in position.notices if n.notice_id == notice_id] == ["cancel"]
    for ended in (await browser.get(where), await browser.post(where, data={"answer": "consent"})):
        assert ended.status_code == 410
        assert "This order is cancelled" in ended.text


async def test_the_confirmation_mail_offers_to_cancel_and_nothing_to_consent_to(
    browser: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await shop.start(order)
    position = await shop.until(lambda p: any(n.kind == "order_confirmed" for n in p.notices), number)
    where = page_of(shop, number, position.notices[0].notice_id)
    page = await browser.get(where)
    assert 'value="cancel"' in page.text and 'value="consent"' not in page.text
    assert (await browser.post(where, data={"answer": "consent"})).status_code == 409
    assert (await browser.post(where, data={"answer": "cancel"})).status_code == 200
    assert (await shop.position(number)).cancelled == 2


async def test_what_has_shipped_has_nothing_left_to_answer(
    browser: httpx.AsyncClient, shop: Shop, in_stock: Order, number: int
) -> None:
    await shop.start(in_stock)
    await shop.parcel_taken(number)
    position = await shop.until(lambda p: p.closed_at is not None, number)
    ended = await browser.get(page_of(shop, number, position.notices[0].notice_id))
    assert (ended.status_code, "It is on its way" in ended.text) == (410, True)


async def test_a_forged_or_damaged_link_opens_nothing(
    browser: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await shop.start(order)
    position = await shop.until(lambda p: bool(p.notices), number)
    genuine = page_of(shop, number, position.notices[0].notice_id)
    forged = answer_link("", "another secret", shop.backorder_id(number), position.notices[0].notice_id)
    for where in (
        forged,
        genuine[:-1],
        f"{genuine}x",
        "/answers/x",
        "/answers/%C3%BC.%C3%BC",
        f"/answers/{'x' * 3000}",
    ):
        for answer in (await browser.get(where), await browser.post(where, data={"answer": "cancel"})):
            assert answer.status_code == 400
            assert answer.headers["content-type"].startswith("text/html")
            assert "This link is not valid" in answer.text
    assert (await shop.position(number)).cancel_requested_at is None


async def test_a_customer_who_is_lost_reads_what_to_do_and_no_words_of_ours(browser: httpx.AsyncClient) -> None:
    for method, where in (("GET", "/answers/"), ("GET", "/answers/a/b"), ("PUT", "/answers/x")):
        answer = await browser.request(method, where)
        assert answer.status_code in {404, 405}
        assert "open the link" in answer.text
        assert "openapi" not in answer.text and "POST" not in answer.text


async def test_a_form_without_a_button_of_ours_is_refused(
    browser: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await shop.start(order)
    position = await shop.until(lambda p: bool(p.notices), number)
    where = page_of(shop, number, position.notices[0].notice_id)
    many = "&".join(f"a{n}=b" for n in range(100))
    for form in (b"", b"answer=perhaps", b"\xff\xfe", many.encode()):
        assert (await browser.post(where, content=form)).status_code == 422


async def test_a_link_to_what_is_not_in_the_books_says_so(browser: httpx.AsyncClient, shop: Shop, number: int) -> None:
    answer = await browser.get(page_of(shop, number, "notice"))
    assert (answer.status_code, "no longer have this order" in answer.text) == (410, True)


def test_a_token_says_what_was_signed_and_only_under_its_secret() -> None:
    token = answer_link("https://shop.example/", SECRET, "bo-1", "backorder/bo-1/first_delay/1").rpartition("/")[2]
    read = read_token(SECRET, token)
    assert (read.backorder_id, read.notice_id) == ("bo-1", "backorder/bo-1/first_delay/1")
    said, _, signature = token.partition(".")
    other = answer_link("", SECRET, "bo-2", "backorder/bo-2/first_delay/1").rpartition("/")[2].partition(".")[0]
    for forged in (f"{other}.{signature}", said, f"{said}.", f".{signature}", f"{said}.\udcff", "", "." * 3000):
        with pytest.raises(InvalidLink):
            read_token(SECRET, forged)
    with pytest.raises(InvalidLink):
        read_token(f"{SECRET}!", token)
    with pytest.raises(ValueError, match="without line breaks"):
        answer_link("", SECRET, "bo-1\nbo-2", "n")
