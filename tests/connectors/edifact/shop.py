"""The shop and the supplier of these tests, as GS1 would number them, and an order between them."""

from datetime import UTC, date, datetime
from decimal import Decimal

from connectors.suppliers.edifact.codec import EdifactCodec
from connectors.suppliers.edifact.partner import EdifactPartner
from connectors.suppliers.interface import Cancel, Change, Inward, OrderLine, Place, WireIds

PARTNER: dict[str, object] = {"our_id": "5412345000013", "partner_id": "4012345500004"}
IDS = WireIds(
    operation_id="po/PO-000001/place", control_number=17, written_at=datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
)

MUGS = OrderLine(
    line_no=1,
    sku="MUG",
    supplier_sku="A-77",
    description="Mug, blue",
    quantity=10,
    unit_price=Decimal("3.125"),
    wanted_on=date(2026, 12, 4),
)
BOWLS = OrderLine(line_no=2, sku="BOWL", supplier_sku="A-78", description="", quantity=4, unit_price=Decimal(7))
ORDER = Place(
    po_number="PO-000001",
    supplier_id="acme",
    currency="EUR",
    terms="net30",
    ordered_on=date(2026, 11, 22),
    lines=(MUGS, BOWLS),
)
CHANGE = Change(
    po_number="PO-000001",
    supplier_id="acme",
    revision=1,
    lines=(MUGS.model_copy(update={"quantity": 6}), BOWLS.model_copy(update={"quantity": 0})),
    before={1: 10, 2: 4},
    order=ORDER,
)
CANCEL = Cancel(
    po_number="PO-000001", supplier_id="acme", revision=2, reason="the customer changed their mind", order=ORDER
)


def codec(**settings: object) -> EdifactCodec:
    """EDIFACT with that supplier, some settings of the profile being others."""
    return EdifactCodec(EdifactPartner.model_validate(PARTNER | settings))


def inward(body: bytes | str) -> Inward:
    """A document as it comes through a door."""
    return Inward(body=body.encode("latin-1") if isinstance(body, str) else body, headers={})


def message(*segments: str, kind: str = "ORDRSP", unb: str = "++++1") -> str:
    """Segments in an interchange from the supplier to the shop."""
    envelope = f"UNB+UNOC:3+4012345500004:14+5412345000013:14+261122:0900+17{unb}'UNH+1+{kind}:D:96A:UN'"
    return envelope + "".join(f"{segment}'" for segment in segments) + f"UNT+{len(segments) + 2}+1'UNZ+1+17'"
