"""A supplier with a mailbox who does not answer: it is reminded by mail, each time once; then a person is asked."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from domain.catalogue import Catalogue, CutOff, Item, PriceBreak, Supplier, SupplierItem
from ledger import catalogue
from tests.workflows.shop import Shop

MAILBOX = "orders@potter.example"


async def potter(shop: Shop) -> None:
    """Have the shop buy jugs of a potter, by mail."""
    supplier = Supplier(
        supplier_id="potter",
        name="Potter",
        currency="USD",
        connector="email",
        connector_config={
            "to": MAILBOX,
            "sender": "Shop <purchasing@shop.example>",
            "public_url": shop.gateway_url,
            "link_secret": "a secret for links that is long enough",
            "smtp_host": shop.outside.addresses.smtp_host,
            "smtp_port": shop.outside.addresses.smtp_port,
            "cancellations": False,
        },
        cut_off=CutOff(times=(time(0, 1),), weekdays=tuple(range(7))),
    )
    sold = SupplierItem(
        supplier_id="potter",
        sku="JUG",
        supplier_sku="P-JUG",
        price_breaks=(PriceBreak(from_quantity=1, unit_price=Decimal(12)),),
    )
    jugs = Catalogue(suppliers=(supplier,), items=(Item(sku="JUG", name="Jug"),), supplier_items=(sold,))
    await catalogue.load_catalogue(shop.world.ledger, jugs, at=datetime.now(UTC))


async def test_who_does_not_answer_the_mail_is_reminded_by_the_same_mail_as_often_as_agreed(shop: Shop) -> None:
    await potter(shop)
    await shop.order(sku="JUG")
    po_number = await shop.placed()
    await shop.outside.control_mail(busy=1)  # the first try at a reminder is put off by the mail server
    for chases in (1, 2):
        await shop.forward(shop.po(po_number), timedelta(days=1, minutes=1))
        await shop.forward(shop.po(po_number), timedelta(minutes=1))
        await shop.po_until(po_number, lambda p, chases=chases: p.chases == chases)
    await shop.forward(shop.po(po_number), timedelta(days=1, minutes=1))
    position = await shop.po_until(po_number, lambda p: p.attention is not None)
    assert "has not acknowledged" in (position.attention or "")
    order, *reminders = await shop.outside.mails(to=MAILBOX)
    assert [one.subject for one in reminders] == [f"Reminder: {order.subject}"] * 2
    assert len({one.message_id for one in (order, *reminders)}) == 3
    assert {one.text for one in reminders} == {order.text}
