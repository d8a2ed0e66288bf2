"""A supplier answers an order on a phone, in a real browser without script: what it sees, types, and sees again."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from temporalio.testing import WorkflowEnvironment

from connectors.messages.rendering import day
from tests.desk.pages import Pictures
from tests.gateway.mailed_orders import MailedShop, open_mailed_shop
from tests.patience import PATIENCE

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
async def mailing(
    browser: Browser,
    env: WorkflowEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
    new_ledger: Callable[[], AbstractContextManager[str]],
) -> AsyncIterator[MailedShop]:
    """The shop. `browser` comes first: without one nothing need be started."""
    folder: Path = tmp_path_factory.mktemp("mailed")
    with new_ledger() as dsn:
        async with open_mailed_shop(env, folder, dsn) as opened:
            yield opened


@pytest.fixture
async def phone(browser: Browser) -> AsyncIterator[Page]:
    """The supplier's."""
    context = await browser.new_context(
        viewport={"width": 360, "height": 780}, java_script_enabled=False, color_scheme="light"
    )
    context.set_default_timeout(PATIENCE * 1000)
    yield await context.new_page()
    await context.close()


async def test_a_supplier_confirms_one_line_splits_another_and_refuses_a_third(
    mailing: MailedShop, phone: Page, pictures: Pictures, tmp_path: Path
) -> None:
    mailing.goods = "Stoneware mug, hand-thrown"
    order = await mailing.mailed(12, 10, 3)
    complaints: list[str] = []
    requested: list[str] = []
    phone.on("console", lambda message: complaints.append(message.text))
    phone.on("request", lambda request: requested.append(request.url))
    where = f"{mailing.shop.gateway_url}{order.page}"

    await phone.goto(where)
    await expect(phone.get_by_role("heading", name=f"Purchase order {order.po_number}")).to_be_visible()
    confirm = phone.get_by_role("button", name="Confirm everything as ordered")
    await expect(confirm).to_have_css("background-color", "rgb(122, 74, 36)")  # a forbidden style is dropped
    await phone.set_viewport_size({"width": 360, "height": 1150})
    await pictures.take(phone, "suppliers-page", phone.get_by_role("main"))
    await phone.set_viewport_size({"width": 360, "height": 780})

    # by keyboard alone: own order number, the button, then what differs
    await phone.keyboard.press("Tab")
    await expect(phone.get_by_label("Your own order number").first).to_be_focused()
    await phone.keyboard.press("Tab")
    await expect(confirm).to_be_focused()
    await phone.keyboard.press("Tab")
    await expect(phone.locator("summary").first).to_be_focused()
    await phone.keyboard.press("Enter")

    later = datetime.now(UTC).date() + timedelta(days=40)
    second, third = _line(phone, 2), _line(phone, 3)
    await expect(second.get_by_label("We deliver", exact=True)).to_have_value("10")
    await second.get_by_label("We deliver", exact=True).fill("6")
    await second.get_by_text("A part later, or not at all").click()
    await second.get_by_label("Later", exact=True).fill("3")
    await second.get_by_label("with you by").nth(1).fill(later.isoformat())
    await third.get_by_label("We deliver", exact=True).fill("")
    await third.get_by_text("A part later, or not at all").click()
    await third.get_by_label("Not at all").fill("3")
    await third.get_by_label("because").fill("no longer made")
    assert await phone.evaluate("document.documentElement.scrollWidth") == 360  # nothing sticks out
    await phone.get_by_role("button", name="Send this answer").click()

    wrong = phone.get_by_role("alert")
    await expect(wrong).to_contain_text("Line 2: your numbers make 9, but 10 are ordered. Say of the other 1")
    await expect(second.get_by_label("We deliver", exact=True)).to_have_value("6")
    await expect(second.get_by_label("We deliver", exact=True)).to_have_accessible_description(
        re.compile("your numbers make 9")
    )
    await expect(third.get_by_label("because")).to_have_value("no longer made")
    await phone.screenshot(path=tmp_path / "supplier-wrong-sum.png", full_page=True)
    await wrong.get_by_role("link").click()
    await expect(second.get_by_label("We deliver", exact=True)).to_be_in_viewport()
    await second.get_by_label("Later", exact=True).fill("4")
    await phone.get_by_role("button", name="Send this answer").click()

    await expect(phone.get_by_role("heading", name="Thank you, we have your answer")).to_be_visible()
    await expect(phone.get_by_role("list")).to_contain_text(f"4 by {day(later)}")
    await phone.screenshot(path=tmp_path / "supplier-thanks.png", full_page=True)
    position = await mailing.shop.po_until(order.po_number, lambda p: p.acknowledged_at is not None)
    assert [line.open for line in position.lines] == [12, 10, 0]
    assert position.lines[1].expected_on == later

    await phone.goto(where)
    said = phone.get_by_role("region", name="Your answer")
    await expect(said).to_contain_text("Line 3: 3 not at all (no longer made)")
    await phone.get_by_text("Correct this answer, line by line").click()
    await expect(_line(phone, 2).get_by_label("Later", exact=True)).to_have_value("4")
    await phone.screenshot(path=tmp_path / "supplier-answered.png", full_page=True)
    assert {url.partition("#")[0] for url in requested} == {where}
    assert [said for said in complaints if "422" not in said] == []  # a browser notes each answer that is a refusal


def _line(page: Page, n: int) -> Locator:
    """The fields of a line, as a screen reader groups them."""
    return page.get_by_role("group", name=re.compile(f"^Line {n}:"))
