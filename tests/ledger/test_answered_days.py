"""The days that suppliers answer: what is long past is no promise, unless it is of goods that have come."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.needs import needs
from domain.supplier_events import AckLine, LineRef, OrderAck, Split, SplitStatus
from tests.ledger.ordering import TUESDAY, ack, hear, line, ordered, part, place, placed, po, receipt

ACCEPTED, BACKORDERED = SplitStatus.ACCEPTED, SplitStatus.BACKORDERED
TODAY = TUESDAY.date()
LONG_PAST, SOON = TODAY - timedelta(days=31), TODAY + timedelta(days=7)


def told(po_number: str, *lines: str) -> str:
    return (
        f"Acme answers {po_number} with days that are long past: {'; '.join(lines)}. They count as none. Ask when the "
        "goods will come, and have them answer again; then resolve with 'dismiss'."
    )


async def expected(shop: Any, *backorder_ids: str) -> list[date | None]:
    return [(await shop.position(one)).expected_on for one in backorder_ids]


@pytest.mark.parametrize(
    ("said", "day"),
    [
        (part(ACCEPTED, 5, LONG_PAST), LONG_PAST),
        (part(ACCEPTED, 5, date(1, 1, 1)), date(1, 1, 1)),
        (part(ACCEPTED, 5, ship_on=LONG_PAST - timedelta(days=2)), LONG_PAST),
    ],
    ids=["a month ago", "the first of days", "shipped"],
)
async def test_goods_accepted_for_a_day_long_past_are_expected_as_quoted_and_asked_about(
    shop: Any, said: Split, day: date
) -> None:
    po_number = await placed(shop, a=5)
    quoted = (await line(shop, po_number)).expected_on
    assert quoted is not None
    what = told(po_number, f"line 1, LAMP, on {day}")
    assert (await hear(shop, ack(po_number, said))).incidents == (what,)
    assert (await line(shop, po_number)).expected_on == quoted
    assert await expected(shop, "a") == [quoted]
    await hear(shop, ack(po_number, said))
    assert needs((await po(shop, po_number)).attention) == [what]


async def test_goods_in_backorder_for_a_day_long_past_have_no_day(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, ack(po_number, part(ACCEPTED, 5, SOON), part(BACKORDERED, 5, LONG_PAST)))
    assert await expected(shop, "a", "b") == [SOON, None]
    assert (await po(shop, po_number)).attention == told(po_number, f"line 1, LAMP, on {LONG_PAST}")


async def test_all_lines_of_an_order_are_one_need(shop: Any) -> None:
    po_number = await ordered(shop, a=5)
    await shop.sourced("c", "BULB", 6)
    await place(shop, po_number)
    lines = [AckLine(line=LineRef(line_no=n), splits=(), deliver_on=LONG_PAST) for n in (1, 2)]
    applied = await hear(shop, OrderAck(po_number=po_number, lines=tuple(lines)))
    assert applied.incidents == (
        told(po_number, *(f"line {n}, {sku}, on {LONG_PAST}" for n, sku in ((1, "LAMP"), (2, "BULB")))),
    )


@pytest.mark.parametrize("status", [ACCEPTED, BACKORDERED])
async def test_a_day_somewhat_past_is_taken_as_it_is(shop: Any, status: SplitStatus) -> None:
    po_number = await placed(shop, a=5)
    late = TODAY - timedelta(days=30)
    assert (await hear(shop, ack(po_number, part(status, 5, late)))).incidents == ()
    assert await expected(shop, "a") == [late]


async def test_the_day_of_what_has_come_is_past_and_nobody_is_asked(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    await hear(shop, receipt(po_number, 5))
    applied = await hear(shop, ack(po_number, part(ACCEPTED, 5, LONG_PAST), part(ACCEPTED, 5, SOON)))
    assert applied.incidents == ()
    assert await expected(shop, "b") == [SOON]


async def test_what_will_not_come_has_no_day_to_ask_about(shop: Any) -> None:
    po_number = await placed(shop, a=5, b=5)
    refused = part(SplitStatus.REJECTED, 5, LONG_PAST)
    assert (await hear(shop, ack(po_number, part(ACCEPTED, 5, SOON), refused))).incidents == ()
