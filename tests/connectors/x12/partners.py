"""A partner profile, and documents of that partner, for the tests of X12."""

from datetime import UTC, date, datetime
from decimal import Decimal

from connectors.suppliers.interface import Inward, OrderLine, Place, WireIds
from connectors.suppliers.x12.codec import X12Codec
from connectors.suppliers.x12.partner import X12Partner
from domain.supplier_events import SupplierEvent

IDS = WireIds(operation_id="po/PO-1001/0", control_number=17, written_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC))
GROUPS = {"855": "PR", "865": "CA", "856": "SH", "997": "FA", "846": "IB", "870": "RS", "810": "IN"}


def codec(**settings: object) -> X12Codec:
    """Ours with the partner SUPPLIER; settings can be overridden."""
    who = {"our_id": "SHOP", "partner_id": "SUPPLIER"}
    return X12Codec(X12Partner.model_validate(who | settings))


def document(code: str, *segments: str, control: int = 41) -> bytes:
    """A whole document of the partner: ST01 and what is between ST and SE."""
    parts = [
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{'SUPPLIER':15}*ZZ*{'SHOP':15}*261120*0930*U*00401*{control:09d}*0*P*>",
        f"GS*{GROUPS[code]}*SUPPLIER*SHOP*20261120*0930*{control}*X*004010",
        f"ST*{code}*0001",
        *segments,
        f"SE*{len(segments) + 2}*0001",
        f"GE*1*{control}",
        f"IEA*1*{control:09d}",
    ]
    return ("~\n".join(parts) + "~\n").encode()


def inward(body: bytes) -> Inward:
    """As it comes through a door."""
    return Inward(body=body, headers={})


def events(code: str, *segments: str, **settings: object) -> tuple[SupplierEvent, ...]:
    """What a document says."""
    return codec(**settings).decode(inward(document(code, *segments))).events


def issues(code: str, *segments: str, **settings: object) -> tuple[str, ...]:
    """What is wrong with it."""
    return codec(**settings).decode(inward(document(code, *segments))).issues


def line(line_no: int = 1, **overridden: object) -> OrderLine:
    """A line of an order."""
    parts: dict[str, object] = {
        "line_no": line_no,
        "sku": f"SKU-{line_no}",
        "supplier_sku": f"V-{line_no}",
        "description": "Mug, blue",
        "quantity": 12,
        "unit_price": Decimal("3.5"),
        "wanted_on": date(2026, 12, 4),
    }
    return OrderLine.model_validate(parts | overridden)


def order(*lines: OrderLine, **overridden: object) -> Place:
    """An order."""
    parts: dict[str, object] = {
        "po_number": "PO-1001",
        "supplier_id": "acme",
        "currency": "USD",
        "terms": "net30",
        "ordered_on": date(2026, 11, 18),
        "lines": lines or (line(1), line(2)),
    }
    return Place.model_validate(parts | overridden)
