"""The orders, changes and cancellations that the suite sends, and how what came of them is compared."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from connectors.suppliers.interface import Cancel, Change, OrderLine, Place, Request, WireIds
from connectors.testing.peer import HeldOrder, Peer, Seen, SeenLine

WRITTEN_AT: Final = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)

MUG = OrderLine(
    line_no=1,
    sku="MUG-01",
    supplier_sku="A-77",
    description="Mug, blue",
    quantity=10,
    unit_price=Decimal("3.125"),
    wanted_on=date(2026, 12, 14),
)
BOWL = OrderLine(
    line_no=2,
    sku="BOWL-02",
    supplier_sku="A-78",
    description="Bowl, white",
    quantity=4,
    unit_price=Decimal(7),
    wanted_on=date(2026, 12, 14),
)
JUG = OrderLine(
    line_no=3,
    sku="JUG-03",
    supplier_sku="A-79",
    description="Jug, green",
    quantity=2,
    unit_price=Decimal("12.50"),
    wanted_on=date(2026, 12, 14),
)

ORDER = Place(
    po_number="PO-1001",
    supplier_id="peer",
    currency="USD",
    terms="net30",
    ordered_on=date(2026, 12, 1),
    lines=(MUG, BOWL),
)
OTHER_ORDER = ORDER.model_copy(update={"po_number": "PO-1002", "lines": (JUG.model_copy(update={"line_no": 1}),)})

_BEFORE = {1: 10, 2: 4}


def changed(*lines: OrderLine) -> Change:
    """ORDER with these lines instead of those of the same numbers."""
    after = {line.line_no: line for line in (*ORDER.lines, *lines)}
    whole = ORDER.model_copy(update={"lines": tuple(line for line in after.values() if line.quantity)})
    return Change(po_number=ORDER.po_number, supplier_id="peer", revision=1, lines=lines, before=_BEFORE, order=whole)


REDUCED = changed(MUG.model_copy(update={"quantity": 7}))
TAKEN_OFF = changed(BOWL.model_copy(update={"quantity": 0}))
ADDED = changed(JUG)
CANCELLED = Cancel(po_number=ORDER.po_number, supplier_id="peer", revision=1, reason="no longer needed", order=ORDER)

REQUESTS: Final[Mapping[str, Request]] = {
    "place": ORDER,
    "place another": OTHER_ORDER,
    "reduce a line": REDUCED,
    "take a line off": TAKEN_OFF,
    "add a line": ADDED,
    "cancel": CANCELLED,
}
"""One of each kind."""


def ids(operation: str, control_number: int = 1) -> WireIds:
    """What is settled for a document."""
    operation_id = f"po/{operation.replace(' ', '-')}"
    return WireIds(operation_id=operation_id, control_number=control_number, written_at=WRITTEN_AT)


def differences(written: Place, seen: Seen | HeldOrder, peer: Peer) -> list[str]:
    """In what an order arrived otherwise than it was written; what the format does not carry is no difference."""
    found: list[str] = []
    if seen.po_number != written.po_number:
        found.append(f"po_number {written.po_number!r} arrived as {seen.po_number!r}")
    arrived = {line.line_no: line for line in seen.lines}
    if sorted(arrived) != sorted(line.line_no for line in written.lines):
        found.append(f"lines {[line.line_no for line in written.lines]} arrived as {list(arrived)}")
    for line in written.lines:
        if line.line_no in arrived:
            found += _differences_of_line(line, arrived[line.line_no], peer)
    return found


def _differences_of_line(line: OrderLine, arrived: SeenLine, peer: Peer) -> Iterable[str]:
    pairs: tuple[tuple[str, object, object], ...] = (
        ("quantity", Decimal(line.quantity), arrived.quantity),
        ("sku", line.sku, arrived.sku),
        ("supplier_sku", line.supplier_sku, arrived.supplier_sku),
        ("unit_price", line.unit_price, arrived.unit_price),
        ("description", peer.carried(line.description), arrived.description),
    )
    for field, was, became in pairs:
        if became is not None and was != became:
            yield f"line {line.line_no}: {field} {was!r} arrived as {became!r}"
    if arrived.sku is None and arrived.supplier_sku is None:
        yield f"line {line.line_no} arrived without any item number"


def quantities(order: HeldOrder) -> dict[int, int]:
    """What the far side is to deliver, by line number."""
    return {line.line_no: int(line.quantity) for line in order.lines}
