"""How asking a supplier for less ends, whatever it speaks: a customer's share taken off, or the whole order cancelled,
and the supplier is too late, does a part of it, says nothing, or agrees and ships anyway.

Two customers want 3 and 2 and the second cancels; or one wants 3, and cancels.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from activities.announcing import wake_purchase_order
from domain.names import RECEIPT
from domain.purchase_order_position import OperationKind
from tests.workflows.shop import Shop, eventually

SHARE, WHOLE = "share", "whole"
TOO_LATE, PARTLY, SILENT, ANYWAY = "too late", "partly", "silent", "shipped anyway"


class Ending(NamedTuple):
    """What is to be true afterwards."""

    verdict: str
    stands: int
    """Units that are still to come once the request is settled."""
    comes: int
    """Units that come in the end."""
    free: int
    """Units in stock that are nobody's then."""
    needs: str = ""
    """What a person is asked."""


ENDINGS = {
    (SHARE, TOO_LATE): Ending("refused", 5, 5, 2),
    (SHARE, PARTLY): Ending("partly", 4, 4, 1),
    (SHARE, SILENT): Ending("silent", 5, 5, 2),
    (SHARE, ANYWAY): Ending("accepted", 3, 5, 2),
    (WHOLE, TOO_LATE): Ending("refused", 3, 3, 3),
    (WHOLE, PARTLY): Ending("partly", 1, 1, 1),
    (WHOLE, SILENT): Ending("silent", 3, 3, 3, "did not answer the cancellation"),
    (WHOLE, ANYWAY): Ending("accepted", 0, 3, 3),
}
each = pytest.mark.parametrize(("asked", "ending"), ENDINGS)
each_but_partly = pytest.mark.parametrize(("asked", "ending"), [one for one in ENDINGS if one[1] != PARTLY])


async def ordered(shop: Shop, sku: str, asked: str) -> str:
    """Have a purchase order go out for 5 or for 3. Returns its number."""
    await shop.order(2, sku=sku, quantity=3 if asked == WHOLE else 2)
    po_number = await shop.po_number(2)
    if asked == SHARE:
        await shop.order(1, sku=sku, quantity=3)
        assert await shop.po_number(1) == po_number
    await shop.po(po_number).execute_update("release_now")
    await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
    return po_number


async def asked_for_less(shop: Shop, po_number: str, asked: str) -> None:
    """The customer cancels, and is not kept waiting for the supplier, who is asked."""
    assert (await shop.cancel(2))["outcome"] == "cancelled"
    position = await shop.po_until(po_number, lambda p: len(p.operations) == 2 and p.operations[1].sent_at is not None)
    assert position.operations[1].kind is (OperationKind.CANCEL if asked == WHOLE else OperationKind.CHANGE)
    await shop.closed(2)


async def settled(shop: Shop, po_number: str, asked: str, ending: str, verdict: str = "") -> None:
    """The request has come to what it was to come to; `verdict` if the supplier says it in another way."""
    expected = ENDINGS[asked, ending]
    expected = expected._replace(verdict=verdict or expected.verdict)
    position = await shop.po_until(po_number, lambda p: p.operations[1].answered_at is not None)
    stands = (position.operations[1].verdict, position.open)
    assert stands == (expected.verdict, expected.stands), stands
    if expected.needs:
        await shop.po_until(po_number, lambda p: expected.needs in (p.attention or ""))


async def ended(
    shop: Shop, po_number: str, sku: str, ending: tuple[str, str], deliver: Callable[[int], Awaitable[object]]
) -> None:
    """The goods come, whoever wanted them; each unit is a customer's or in stock, and the order is over."""
    asked, _ = ending
    expected = ENDINGS[ending]
    await deliver(expected.comes)

    async def left() -> int | None:
        free = await shop.free(sku)
        return free if free == expected.free else None

    await eventually(left, lambda: shop.free(sku))
    if asked == SHARE:
        await shop.parcel_taken(1)
        assert (await shop.closed(1)).shipped == 3
    await shop.po_until(po_number, lambda p: bool(p.closed_at or p.cancelled_at))


async def counted(shop: Shop, po_number: str, good: int, line_no: int = 1) -> None:
    """The warehouse hands in what it counted, whatever became of the order."""
    receipt = {"receipt_id": f"dock-{po_number}-{line_no}", "lines": [{"line": {"line_no": line_no}, "good": good}]}
    await wake_purchase_order(shop.client, po_number, RECEIPT, receipt, task_queue=shop.task_queue)
