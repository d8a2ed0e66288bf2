"""A supplier who speaks cXML: orders over HTTPS, answers at our door; how a cancellation ends that comes too late."""

from datetime import UTC, datetime, time
from decimal import Decimal

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
    """Who sells pencils by cXML."""
    meridian = await shop.outside.add_supplier(SupplierSettings(supplier_id="meridian", cxml=WIRE))
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
            "bill_to": {"name": "Shop", "street": ["1 Wharf St"], "city": "Portland", "country": "US"},
        },
        cut_off=CutOff(times=(time(0, 1),), weekdays=tuple(range(7))),
    )
    sold = SupplierItem(
        supplier_id="meridian",
        sku="PENCIL",
        supplier_sku="M-PENCIL",
        price_breaks=(PriceBreak(from_quantity=1, unit_price=Decimal(2)),),
    )
    pencils = Catalogue(suppliers=(supplier,), items=(Item(sku="PENCIL", name="Pencil"),), supplier_items=(sold,))
    await catalogue.load_catalogue(shop.world.ledger, pencils, at=datetime.now(UTC))
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
