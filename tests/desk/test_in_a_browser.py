"""An operator at the Temporal UI and a customer on the answer page, in a real browser before the real thing."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from cli.queries import SAVED, link
from domain.backorder_position import CancelledBy, NoticeKind, ParcelState
from domain.orders import Address
from tests.desk.pages import Pictures, WorkflowList, follow
from tests.desk.world import WITHOUT_SUPPLIER, Desk
from tests.docs.readme import ROOT
from tests.patience import PATIENCE

OPEN = "WorkflowType = 'Backorder' AND ExecutionStatus = 'Running'"

# starting the world takes most of it, on a busy machine
pytestmark = pytest.mark.timeout(600)


def _here_today() -> tuple[date, Address]:
    """Today, and an address where it is far from midnight: the law judges days where the parcel goes."""
    now = datetime.now(UTC)
    zone = "America/New_York" if now.hour >= 12 else "Asia/Tokyo"
    where = Address(name="Bo Lindqvist", street="4 Mill Road", city="Boston", postal_code="02101", country="US")
    return now.date(), where.model_copy(update={"zone": zone})


async def test_a_late_backorder_is_found_by_query_read_resolved_and_moves(
    desk: Desk, page: Page, pictures: Pictures
) -> None:
    today, here = _here_today()
    for number in (1, 2):
        await desk.order(f"BO-100{number}", WITHOUT_SUPPLIER, 2 + number, promised_by=today, ship_to=here)
    await desk.order("BO-1003", WITHOUT_SUPPLIER, 1)  # nobody sells it either, but it is not late yet
    await desk.order("BO-1004", "APRON-CANVAS", 2, promised_by=today, ship_to=here)  # late, but bought
    for number in (1, 2):
        await desk.until(f"BO-100{number}", lambda p: p.attention and p.notices)
    await desk.until("BO-1003", lambda p: p.attention)
    await desk.until("BO-1004", lambda p: p.claims)

    late = WorkflowList(page, desk.ui)
    await late.find(f"{OPEN} AND PromisedBy < '{today + timedelta(days=1)}T00:00:00Z' AND NeedsAttention = true")
    await expect(late.rows).to_have_count(2)
    await late.choose_columns(less=["Run ID", "Type", "Start", "End"], more=["BackorderStatus", "PromisedBy", "Sku"])
    await expect(late.rows.filter(has_text="backorder/BO-1001")).to_contain_text("sourcing")
    await pictures.take(page, "late-backorders", page.get_by_role("main"), down_to=late.rows.last)

    backorder = await late.open("backorder/BO-1001")
    await backorder.read_until("Willow basket", "No supplier is left", "resolve", "Next:")
    await pictures.take(page, "one-late-backorder", page.get_by_role("main"), down_to=backorder.details)

    await desk.supplier_found()
    dialog = await backorder.start_update("resolve", {"resolution": "retry", "note": "Hartwell has a last batch"})
    await pictures.take(page, "resolve", dialog)
    await backorder.submit(dialog)
    claim = (await desk.until("BO-1001", lambda p: p.claims)).claims[0]
    await backorder.read_until("On order", claim.po_number, claim.supplier_id)
    assert (await desk.until("BO-1001", lambda p: p.attention is None)).unsourced == 0

    await late.find("Sku = 'BASKET-WILLOW' AND NeedsAttention = false")
    await expect(late.rows.filter(has_text="backorder/BO-1001")).to_contain_text("on order")


async def test_every_update_says_in_the_dialog_what_it_does(desk: Desk, page: Page) -> None:
    await desk.order("BO-2001", "APRON-CANVAS", 1)
    po_number = (await desk.until("BO-2001", lambda p: p.claims)).claims[0].po_number
    workflows = WorkflowList(page, desk.ui)
    for workflow_id, updates in (
        ("backorder/BO-2001", {"answer_delay", "cancel", "resolve"}),
        (f"po/{po_number}", {"hold", "release_now", "resolve"}),
    ):
        await workflows.find(f"WorkflowId = '{workflow_id}'")
        offered = await (await workflows.open(workflow_id)).updates()
        assert {name for name, _ in offered} == updates
        assert all(description for _, description in offered), offered


async def test_a_purchase_order_is_held_and_then_released_with_no_input(desk: Desk, page: Page) -> None:
    await desk.order("BO-5001", "LAMP-DESK", 1)
    po_number = (await desk.until("BO-5001", lambda p: p.claims)).claims[0].po_number
    workflows = WorkflowList(page, desk.ui)
    await workflows.find(f"WorkflowId = 'po/{po_number}'")
    order = await workflows.open(f"po/{po_number}")

    refused = await order.start_update("hold", {"held": "perhaps"})
    await refused.get_by_role("button", name="Submit").click()
    await expect(refused).to_contain_text("Encoded failure")  # all that this UI can say; docs/operations.md tells why
    await refused.get_by_test_id("cancel-modal-button").click()

    await order.submit(await order.start_update("hold", {"held": True}))
    await order.read_until("Collecting", "Next: nothing; it is held")
    await order.submit(await order.start_update("release_now"))
    await order.read_until("Acknowledgement pending", "the supplier has it")


async def test_every_query_for_operators_is_taken_by_the_ui_as_a_link(desk: Desk, page: Page) -> None:
    await desk.order("BO-6001", "LAMP-DESK", 1)
    await desk.until("BO-6001", lambda p: p.claims)
    written = (ROOT / "docs" / "operations.md").read_text().replace("BO-1001", "BO-6001")
    to_one, *on_the_page = re.findall(r"\]\(http://127\.0\.0\.1:8233/(\S+)\)", written)
    looked_for = {"SUPPLIER": "kestrel", "SKU": "LAMP-DESK", "PO": "PO-000001", "SALES_ORDER": "SO-6001"}
    printed = [link("", "default", saved.filled(datetime.now(UTC).date(), looked_for))[1:] for saved in SAVED]
    assert len(set(printed) - set(on_the_page)) == len(printed) - len(on_the_page)  # those with something to fill in
    for to in (*printed, to_one):
        async with page.expect_response(lambda answer: "/api/v1/namespaces/default/workflows?" in answer.url) as asked:
            await follow(page, f"{desk.ui}/{to}")
        answer = await asked.value
        assert answer.ok, await answer.text()
        assert parse_qs(urlsplit(answer.url).query)["query"] == parse_qs(urlsplit(to).query)["query"]
    found = WorkflowList(page, desk.ui).rows
    await expect(found).to_have_count(1)
    await expect(found).to_contain_text("backorder/BO-6001")
    await page.goto(f"{desk.ui}/namespaces/default/workflows/backorder/BO-6001")
    await expect(page.get_by_role("main")).to_contain_text("Bad Request")  # why the page links by a query


async def test_request_cancellation_undoes_everything_that_was_done(desk: Desk, page: Page, pictures: Pictures) -> None:
    # dear enough for a deposit: there is money to give back of two kinds, a parcel to stop, and goods to keep
    await desk.order("BO-3001", "DESK-STANDING", 2, unit_price=Decimal("649.00"))
    po_number = await desk.placed("BO-3001")
    await desk.outside.supplier("kestrel").advance("acknowledge", po_number)
    await desk.outside.supplier("kestrel").advance("deliver", po_number)
    booked = await desk.until("BO-3001", lambda p: p.parcels and p.parcels[0].state is ParcelState.BOOKED)
    assert [p.kind for p in booked.payments] == ["deposit", "charge"]

    workflows = WorkflowList(page, desk.ui)
    await workflows.find("SalesOrder = 'SO-3001'")
    backorder = await workflows.open("backorder/BO-3001")
    await backorder.read_until("Shipping", "Standing desk")
    await backorder.request_cancellation()

    closed = await desk.until("BO-3001", lambda p: p.closed_at)
    assert (closed.cancelled, closed.cancelled_by, closed.shipped) == (2, CancelledBy.SELLER, 0)
    payments = [p for p in (await desk.outside.payments.books()).payments if p.key.startswith("BO-3001/")]
    charged, refunded = (sum(p.amount for p in payments if p.kind == kind) for kind in ("charge", "refund"))
    assert charged == refunded == Decimal("1304.90")
    (parcel,) = [p for p in (await desk.outside.carrier.books()).parcels if p.parcel_id.startswith("BO-3001/")]
    assert parcel.state == "voided"

    await expect(page.get_by_text("Canceled", exact=True).first).to_be_visible()
    steps = await backorder.show_timeline()
    for step in ("void", "refund", "cancelled"):
        await expect(steps.get_by_text(re.compile(step)).first).to_be_attached()
    await pictures.take(page, "cancelled", steps)


async def test_a_customer_without_script_or_mouse_waits_and_then_cancels(
    desk: Desk, browser: Browser, pictures: Pictures
) -> None:
    northgate = desk.outside.supplier("northgate")
    await northgate.behave("backorder", "PUZZLE-1000", later_days=75, reason="the press is broken")
    order = await desk.order("BO-4001", "PUZZLE-1000", 1, unit_price=Decimal("34.00"))
    await northgate.advance("acknowledge", await desk.placed("BO-4001"))
    asked = (await desk.until("BO-4001", lambda p: [n for n in p.notices if n.kind is NoticeKind.FIRST_DELAY])).notices
    mails = await desk.outside.mails(to=order.customer.email)
    link = re.search(r"http\S+/answers/\S+", mails[-1].text)
    assert link is not None

    phone = await browser.new_context(
        viewport={"width": 360, "height": 780}, java_script_enabled=False, color_scheme="light"
    )
    phone.set_default_timeout(PATIENCE * 1000)
    page = await phone.new_page()
    requested: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))

    await page.goto(link.group())
    await expect(page.get_by_role("heading", name="Would you like to wait?")).to_be_visible()
    wait = page.get_by_role("button", name="I will wait")
    await expect(wait).to_have_css("background-color", "rgb(122, 74, 36)")  # a style that its policy forbids is dropped
    assert await page.evaluate("document.documentElement.scrollWidth") == 360  # nothing sticks out
    await page.set_viewport_size({"width": 1280, "height": 800})
    await pictures.take(page, "customers-page", page.get_by_role("main"))

    await page.keyboard.press("Tab")
    await expect(wait).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Thank you for waiting")).to_be_visible()
    position = await desk.until("BO-4001", lambda p: p.notices[-1].answer)
    assert (position.notices[-1].notice_id, position.notices[-1].answer) == (asked[-1].notice_id, "consent")

    await page.goto(link.group())
    await page.get_by_role("button", name="Cancel and refund me").press("Enter")
    await expect(page.get_by_role("heading", name="Your order is cancelled")).to_be_visible()
    closed = await desk.until("BO-4001", lambda p: p.closed_at)
    assert (closed.cancelled, closed.cancelled_by) == (1, CancelledBy.CUSTOMER)
    assert set(requested) == {link.group()}
    assert complaints == []
    await phone.close()
