"""The happy paths: promised, ordered, received, charged, shipped."""

from decimal import Decimal

from tests.workflows.shop import Shop


async def test_a_backorder_is_bought_received_charged_and_shipped(shop: Shop) -> None:
    backorder = await shop.order()
    po_number = await shop.acknowledged()
    await shop.supplier().advance("ship", po_number)
    await shop.supplier().advance("deliver", po_number)
    await shop.parcel_taken()
    await shop.until(lambda p: p.closed_at is not None)
    closed = await backorder.result()
    assert closed["shipped"] == 2
    position = await shop.position()
    assert (position.shipped, position.refund_due) == (2, 0)
    assert [p.amount for p in position.payments] == [Decimal("104.70")]
    books = await shop.outside.payments.books()
    assert sum(c.amount for c in books.charges if c.outcome == "succeeded") == Decimal("104.70")
    assert (await shop.po(po_number).result())["closed_at"]
    assert len(await shop.mails()) == 2
