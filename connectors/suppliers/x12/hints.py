"""What suppliers say in passing: stock (846), order status (870), invoices (810). It is shown, and moves nothing."""

from collections.abc import Iterable, Iterator, Sequence

from connectors.suppliers.x12.line_answers import loops
from connectors.suppliers.x12.reading import Reading, Unreadable
from connectors.suppliers.x12.syntax import Segment
from connectors.words import plain_words
from domain.supplier_events import Hint, SupplierEvent

_QUANTITIES = {"33": "available", "17": "on hand", "QH": "on hold", "29": "due in", "63": "on order"}
"""QTY01 of an 846; the others are shown as they are."""

_STATUSES = {
    "BO": "backorder to follow",
    "BP": "shipped in part, backorder to follow",
    "CP": "shipped in part, considered complete",
    "CC": "shipped, complete",
    "CU": "cancelled",
    "IC": "cancelled",
    "DI": "discontinued",
    "IN": "in process",
    "PR": "in process",
    "SC": "shipped",
    "AL": "allocated",
}
"""ISR01 (element 368) of an 870; the others are shown as they are."""

MOST_SHOWN = 10
"""Items of one document that are shown."""


def stock(reading: Reading) -> list[SupplierEvent]:
    """An 846. Raises: Unreadable."""
    reading.first("BIA")
    shown = list(_advised(reading))
    return [Hint(what=_listed("stock", shown))]


def _advised(reading: Reading) -> Iterator[str]:
    for lin in _loops_of(reading.body, "LIN"):
        items = reading.items(lin[0], 2)
        wanted = (*reading.partner.our_item, *reading.partner.partner_item)
        item = next((items[q] for q in wanted if q in items), None) or next(iter(items.values()), "an item")
        told = [f"{s.at(2)} {_QUANTITIES.get(s.at(1), f'QTY {s.at(1)}')}" for s in lin if s.tag == "QTY"]
        days = [
            f"on {day}"
            for s in lin
            if s.tag == "DTM" and (day := reading.day(s.at(2), "stock")) and s.at(1) in reading.partner.delivery_dates
        ]
        yield f"{item}: {', '.join([*told, *days]) or 'nothing said'}"


def order_status(reading: Reading) -> list[SupplierEvent]:
    """An 870, as one hint for each order. Raises: Unreadable."""
    reading.first("BSR")
    orders: dict[str, list[str]] = {}
    po_number, item = "", ""
    for segment in reading.body:
        match segment.tag:
            case "PRF":
                po_number, item = reading.po_number(segment.at(1)), ""
            case "PO1":
                item = f"line {segment.at(1)} " if segment.at(1) else ""
            case "ISR" if po_number:
                day = reading.day(segment.at(2), "a status")
                status = _STATUSES.get(segment.at(1), f"status {segment.at(1)}")
                orders.setdefault(po_number, []).append(f"{item}{status}{f' on {day}' if day else ''}")
            case _:
                pass
    if not orders:
        raise Unreadable("the status names no order")
    return [Hint(po_number=po_number, what=_listed("status", shown)) for po_number, shown in orders.items()]


def invoice(reading: Reading) -> list[SupplierEvent]:
    """An 810: late evidence that goods left. Raises: Unreadable."""
    big = reading.first("BIG")
    po_number = reading.po_number(big.at(4))
    day = reading.day(big.at(1), "the invoice")
    _, lines = loops(reading.body, "IT1")
    billed = [f"line {line.head.at(1) or '?'}: {line.head.at(2)} {line.head.at(3)}" for line in lines]
    what = f"invoice {big.at(2)}{f' of {day}' if day else ''}"
    return [Hint(po_number=po_number, what=_listed(what, billed))]


def _listed(what: str, shown: Sequence[str]) -> str:
    more = f", and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
    return plain_words(f"{what}: {'; '.join(shown[:MOST_SHOWN])}{more}")


def _loops_of(body: Iterable[Segment], tag: str) -> Iterator[list[Segment]]:
    loop: list[Segment] = []
    for segment in body:
        if segment.tag == tag:
            if loop:
                yield loop
            loop = [segment]
        elif segment.tag == "CTT":
            break
        elif loop:
            loop.append(segment)
    if loop:
        yield loop
