"""The partner of the cXML tests, and the order of which its documents speak."""

from datetime import UTC, date, datetime
from decimal import Decimal

from connectors.suppliers.cxml.codec import CxmlCodec
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.interface import Cancel, Change, OrderLine, Place, WireIds

CONFIG: dict[str, object] = {
    "url": "http://127.0.0.1:9/cxml",
    "ours": {"domain": "NetworkId", "identity": "AN01000000001"},
    "theirs": {"domain": "DUNS", "identity": "080123456"},
    "outbound_secret": "our <secret> & more",
    "inbound_secret": "their-secret",
    "payload_domain": "shop.example",
    "says_balance": True,
    "bill_to": {"name": "Shop & Söhne", "street": ["Main St 1"], "city": "Springfield", "country": "US"},
    "ship_to": {
        "name": "Warehouse 2",
        "address_id": "W2",
        "deliver_to": ["Dock 3"],
        "street": ["Dock Rd 7", "Gate B"],
        "city": "Springfield",
        "state": "MA",
        "postal_code": "01101",
        "country": "US",
    },
    "timeout_seconds": 5,
}


def codec(**habits: object) -> CxmlCodec:
    """The partner's documents, whoever sent them."""
    return CxmlCodec(CxmlPartner.model_validate(CONFIG | habits))


IDS = WireIds(operation_id="po/PO-1/0", control_number=7, written_at=datetime(2026, 12, 1, 13, 30, 15, tzinfo=UTC))

LINES = (
    OrderLine(
        line_no=1,
        sku="MUG",
        supplier_sku="A-77",
        description='Mug, "blue" <2> & more',
        quantity=100,
        unit_price=Decimal("3.125"),
        wanted_on=date(2026, 12, 4),
    ),
    OrderLine(line_no=2, sku="BOWL", supplier_sku="A-78", description="Bowl", quantity=4, unit_price=Decimal(7)),
)
PLACED = Place(
    po_number="PO-1", supplier_id="acme", currency="USD", terms="net30", ordered_on=date(2026, 12, 1), lines=LINES
)
REDUCED_LINE = LINES[0].model_copy(update={"quantity": 70})
REDUCED = Change(
    po_number="PO-1",
    supplier_id="acme",
    revision=1,
    lines=(REDUCED_LINE, LINES[1].model_copy(update={"quantity": 0})),
    before={1: 100, 2: 4},
    order=PLACED.model_copy(update={"lines": (REDUCED_LINE,)}),
)
WITHDRAWN = Cancel(
    po_number="PO-1",
    supplier_id="acme",
    revision=2,
    reason="the customer changed their mind",
    order=PLACED.model_copy(update={"lines": (REDUCED_LINE,)}),
)
