"""A supplier who speaks cXML: orders over HTTPS, answers at our door; how a cancellation ends that comes too late."""

from datetime import UTC, datetime, time
from decimal import Decimal

import httpx
import pytest

from devstack.simulators.settings import CxmlWire, Party, SupplierSettings
from devstack.simulators.world import SupplierCommand
from domain.catalogue import Catalogue, CutOff, Item, PriceBreak, Supplier, SupplierItem
from ledger import catalogue
from tests.workflows import endings
from tests.workflows.shop import Shop

OURS = {"domain": "NetworkId", "identity": "AN01000000042-T"}
THEIRS = {"domain": "DUNS", "identity": "000000042"}
OUR_SECRET, THEIR_SECRET = "what we say to prove it", "what they say to prove it"
WIRE = CxmlWire(
    buyer=Party(**OURS), buyer_secret=OUR_SECRET, seller=Party(**THEIRS), seller_secret=THEIR_SECRET, unit="EA"
)


@pytest.fixture
async def meridian(shop: Shop) -> SupplierCommand:
    """Who sells pencils and erasers by cXML."""
    meridian = await shop.outside.add_supplier(
        SupplierSettings(supplier_id="meridian", api_key="key-meridian", cxml=WIRE)
    )
    supplier = Supplier(
        supplier_id="meridian",
        name="Meridian",
        currency="USD",
        connector="cxml",
        connector_config={
            "url": f"{meridian.base_url}/cxml",
            "ours": OURS,
            "theirs": THEIRS,
            "outbound_secret": OUR_SECRET,
            "inbound_secret": THEIR_SECRET,
            "payload_domain": f"{shop.run}.example",
            "rejected_revision": "refused",
            "added_lines": True,
            "bill_to": {"name": "Shop", "street": ["1 Wharf St"], "city": "Portland", "country": "US"},
        },
        add_to_open_orders=True,
        cut_off=CutOff(times=(time(0, 1),), weekdays=tuple(range(7))),
    )
    items = (Item(sku="PENCIL", name="Pencil"), Item(sku="ERASER", name="Eraser"))
    sold = tuple(
        SupplierItem(
            supplier_id="meridian",
            sku=item.sku,
            supplier_sku=f"M-{item.sku}",
            price_breaks=(PriceBreak(from_quantity=1, unit_price=Decimal(2)),),
        )
        for item in items
    )
    stationery = Catalogue(suppliers=(supplier,), items=items, supplier_items=sold)
    await catalogue.load_catalogue(shop.world.ledger, stationery, at=datetime.now(UTC))
    return meridian


@pytest.mark.parametrize(("asked", "ending"), [(endings.WHOLE, endings.TOO_LATE)])
async def test_a_cancellation_by_cxml_that_comes_too_late_is_refused_and_the_goods_are_kept(
    shop: Shop, meridian: SupplierCommand, asked: str, ending: str
) -> None:
    await meridian.behave("cancel_too_late")
    po_number = await endings.ordered(shop, "PENCIL", asked)
    await meridian.advance("acknowledge", po_number)
    await shop.po_until(po_number, lambda p: p.acknowledged_at is not None)
    await endings.asked_for_less(shop, po_number, asked)
    await meridian.advance("answer", po_number)
    await endings.settled(shop, po_number, asked, ending)
    await meridian.advance("ship", po_number)
    await endings.ended(
        shop, po_number, "PENCIL", (asked, ending), lambda units: endings.counted(shop, po_number, units)
    )


async def test_a_no_to_an_order_that_may_have_arrived_before_is_a_persons_matter(
    shop: Shop, meridian: SupplierCommand
) -> None:
    """Its Response was lost; sent again, it is a conflict with itself. Nothing is bought twice because of that."""
    await shop.order(1, sku="PENCIL", quantity=3)
    po_number = await shop.po_number(1)
    line = {"line_no": 1, "sku": "PENCIL", "supplier_sku": "M-PENCIL", "description": "", "unit_price": "2"}
    order = {"po_number": po_number, "currency": "USD", "terms": "net30", "ordered_on": "2026-11-23"}
    async with httpx.AsyncClient(headers={"Authorization": "Bearer key-meridian", "Idempotency-Key": '"1"'}) as arrived:
        content = order | {"lines": [line | {"quantity": 3, "wanted_on": None}]}
        (await arrived.post(f"{meridian.base_url}/orders", json=content)).raise_for_status()
    await meridian.fail_next("500", 1, on="place")
    await shop.po(po_number).execute_update("release_now")
    waits = await shop.po_until(po_number, lambda p: p.attention is not None)
    for word in ("409 Conflict", "may have it already", "'acknowledged' if they have it, or with 'close_short'"):
        assert word in (waits.attention or "")
    assert [share.po_number for share in (await shop.position(1)).claims] == [po_number]
    await shop.po(po_number).execute_update("resolve", {"resolution": "acknowledged"})
    known = await shop.po_until(po_number, lambda p: p.attention is None)
    assert known.place is not None and (known.place.state, known.open) == ("delivered", 3)


@pytest.mark.parametrize("asked", [endings.SHARE, endings.WHOLE])
async def test_a_no_to_less_that_may_have_arrived_before_is_a_no(
    shop: Shop, meridian: SupplierCommand, asked: str
) -> None:
    """It buys nothing, so nobody need be asked: the goods come."""
    po_number = await endings.ordered(shop, "PENCIL", asked)
    await meridian.advance("acknowledge", po_number)
    await shop.po_until(po_number, lambda p: p.acknowledged_at is not None)
    on = "cancel" if asked == endings.WHOLE else "change"
    await meridian.fail_next("500", 1, on=on)
    await meridian.fail_next("422", 9, on=on)
    await shop.cancel(2)
    stands = await shop.po_until(po_number, lambda p: len(p.operations) == 2 and p.operations[1].state == "refused")
    assert (stands.open, "may have it already" in (stands.attention or "")) == (3 if on == "cancel" else 5, False)
    await meridian.advance("ship", po_number)
    await endings.counted(shop, po_number, stands.open)
    await shop.po_until(po_number, lambda p: p.closed_at is not None)


async def test_lines_that_are_refused_at_the_door_of_cxml_are_ordered_by_themselves(
    shop: Shop, meridian: SupplierCommand
) -> None:
    await shop.order(1, sku="PENCIL", quantity=3)
    po_number = await shop.placed(1)
    await meridian.advance("acknowledge", po_number)
    await shop.po_until(po_number, lambda p: p.acknowledged_at is not None)
    await shop.order(2, sku="ERASER", quantity=2)
    later = await shop.po_number(2)
    await shop.po(later).execute_update("release_now")
    assert (await shop.po_until(later, lambda p: p.closed_at is not None)).added_to == po_number
    stands = await shop.po_until(po_number, lambda p: any(o.revision == 1 and o.answered_at for o in p.operations))
    assert (stands.operations[1].verdict, [line.open for line in stands.lines]) == ("refused", [3, 0])
    await shop.until(lambda p: bool(p.claims) and p.claims[0].po_number not in {po_number, later}, 2)
    again = await shop.placed(2)
    await meridian.advance("acknowledge", again)
    await shop.until(lambda p: p.claims[0].confirmed, 2)
    assert (await shop.po_until(po_number, lambda p: True)).attention is None
