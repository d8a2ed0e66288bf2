"""What operators are asked for: each need by itself, and of what comes by the hundred only the newest."""

from typing import Any

import pytest

from domain.needs import needs, newest
from ledger import backorders, purchase_orders
from ledger.attention import NEWEST_ALIKE, among
from tests.ledger.ordering import TUESDAY, ordered

ALIKE = "A receipt was signalled"


async def _asked(shop: Any, one: str) -> list[str]:
    if one.startswith("PO-"):
        return needs((await purchase_orders.position(shop.ledger, one)).attention)
    return needs((await backorders.position(shop.ledger, one)).attention)


@pytest.mark.parametrize("on_order", [True, False])
async def test_of_hundreds_of_receipts_the_newest_stay_and_the_others_are_counted(shop: Any, on_order: bool) -> None:
    one = await ordered(shop, a=1) if on_order else (await shop.accept("a")).backorder_id
    raise_attention = purchase_orders.raise_attention if on_order else backorders.raise_attention
    await raise_attention(shop.ledger, one, key=shop.key(), at=TUESDAY, what="Cannot send it.")
    for n in range(120):
        what = f"{ALIKE} that cannot be used: {n}."
        await raise_attention(shop.ledger, one, key=shop.key(), at=TUESDAY, what=what, alike=ALIKE)
    await raise_attention(shop.ledger, one, key=shop.key(), at=TUESDAY, what="Call them.")
    assert await _asked(shop, one) == [
        "Cannot send it.",
        *(f"{ALIKE} that cannot be used: {n}." for n in range(115, 120)),
        "Call them.",
        f"And {120 - NEWEST_ALIKE} earlier: {ALIKE} ...",
    ]
    assert newest("Send it.\nAnd 2 earlier: It ...\nCall them.") == ["Call them.", "Send it.", "And 2 earlier: It ..."]


async def test_a_need_is_settled_by_itself_wherever_it_stands(shop: Any) -> None:
    po_number = await ordered(shop, a=1)
    for what in ("Call them.", "Call them. Twice.", "Write."):
        await purchase_orders.raise_attention(shop.ledger, po_number, key=shop.key(), at=TUESDAY, what=what)
    await _settle(shop, po_number, "Call them.")
    assert await _asked(shop, po_number) == ["Call them. Twice.", "Write."]
    await _settle(shop, po_number, "Never asked.")
    assert await _asked(shop, po_number) == ["Call them. Twice.", "Write."]
    await _settle(shop, po_number, "Write.")
    await _settle(shop, po_number, "Call them. Twice.")
    assert await _asked(shop, po_number) == []


async def test_a_need_of_before_needs_were_lines_is_still_settled(shop: Any) -> None:
    po_number = await ordered(shop, a=1)
    await shop.do("update purchase_order set attention = 'Call them. Write to them. Wait.', attention_since = now()")
    await _settle(shop, po_number, "Write to them.")
    assert await _asked(shop, po_number) == ["Call them. Wait."]


async def _settle(shop: Any, po_number: str, need: str) -> None:
    await purchase_orders.settle_attention(shop.ledger, po_number, key=shop.key(), at=TUESDAY, how="done", need=need)


def test_the_same_receipt_again_adds_nothing() -> None:
    text = among(None, f"{ALIKE} once.", ALIKE)
    assert among(text, f"{ALIKE} once.", ALIKE) == text == f"{ALIKE} once."
