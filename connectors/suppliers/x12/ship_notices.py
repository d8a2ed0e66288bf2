"""Ship notices (856): what left the supplier, by order.

Levels (HL) are followed by their parents, whatever they are: shipment, order, tare, pack, item, with some left out.
An item is of the order that is named nearest above it (PRF, else REF*PO), so that one notice may tell of many. Items
of one line in several packs are added up; packs and components below an item divide what it counts, and are no items.
A quantity needs its item: one that names no line of ours is the ledger's to report.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from connectors.suppliers.x12.reading import MOST_UNITS, NO_DATES, Reading, Unreadable
from connectors.suppliers.x12.syntax import Segment
from connectors.words import plain_words
from domain.supplier_events import Balance, LineRef, NoticeLine, NoticePurpose, ShipNotice, SupplierEvent

_PURPOSES = {
    "00": NoticePurpose.ORIGINAL,
    "01": NoticePurpose.CANCEL,
    "03": NoticePurpose.CANCEL,
    "04": NoticePurpose.REPLACE,
    "05": NoticePurpose.REPLACE,
    "06": NoticePurpose.ORIGINAL,
    "07": NoticePurpose.ORIGINAL,
    "14": NoticePurpose.ORIGINAL,
}
"""BSN01: original, cancel, delete, change, replace, confirmation, duplicate, advance notification."""

_NAMES = ("SI", "BM", "PK", "CN")
"""REF qualifiers that name a shipment where BSN02 does not: shipper's number, bill of lading, packing list, carrier."""

_TRACKING = ("2I", "CN", "BM")
"""REF qualifiers of what a parcel is followed by: tracking number, carrier's number, bill of lading."""

_REQUESTED = ("002", "074")
"""The days that we asked for: in a notice they are no news."""


@dataclass(slots=True)
class _Level:
    """An HL and what belongs to it; what it does not say, the one above says."""

    above: "_Level | None"
    level: str = ""
    po_number: str = ""
    deliver_on: date | None = None
    counts: bool = False
    """It has a quantity (SN1)."""
    counted: bool = False
    """Its quantity is within that of an item above it."""
    segments: list[Segment] = field(default_factory=list[Segment])

    def first(self, tag: str) -> Segment | None:
        return next((segment for segment in self.segments if segment.tag == tag), None)


@dataclass(slots=True)
class _Total:
    shipped: Decimal
    deliver_on: date | None
    balance: Balance


def ship_notice(reading: Reading) -> list[SupplierEvent]:
    """An 856, as one event for each order. Raises: Unreadable."""
    bsn = reading.first("BSN")
    levels = list(_levels(reading))
    events: list[SupplierEvent] = []
    purpose = _PURPOSES.get(bsn.at(1))
    if purpose is None:
        raise Unreadable(f"a notice of the purpose {bsn.at(1)[:10]!r} (BSN01) is not known: ask what it is")
    shipment_id = _shipment_id(reading, bsn)
    orders: dict[str, dict[LineRef, _Total]] = {}
    problems: list[tuple[str | None, str]] = []
    for level in levels:
        po_number = reading.name(level.po_number)
        if po_number and level.level == "O":
            orders.setdefault(po_number, {})
        if not level.counts or (level.counted and level.level != "I"):
            continue
        if po_number is None:
            problems.append((None, f"shipment {shipment_id} holds an item of no order ({_named(level)})"))
            continue
        try:
            _add(reading, orders.setdefault(po_number, {}), level)
        except Unreadable as unreadable:
            problems.append((po_number, f"shipment {shipment_id}: {unreadable}"))
    tracking = _tracking(reading)
    for po_number, lines in orders.items():
        if lines or purpose is not NoticePurpose.ORIGINAL:
            events.append(
                ShipNotice(
                    po_number=po_number,
                    shipment_id=shipment_id,
                    lines=tuple(
                        NoticeLine(line=ref, shipped=total.shipped, deliver_on=total.deliver_on, balance=total.balance)
                        for ref, total in lines.items()
                    ),
                    tracking=tracking,
                    purpose=purpose,
                )
            )
    if not events and not problems:
        raise Unreadable(f"shipment {shipment_id} holds no item of any order: ask what is in it")
    return [*events, *_told(reading, problems)]


def _levels(reading: Reading) -> Iterator[_Level]:
    """Each HL with what the levels above it say; what is before the first belongs to all."""
    top = _Level(None)
    by_id: dict[str, _Level] = {}
    latest: dict[str, _Level] = {}
    current = top
    for segment in reading.body:
        if segment.tag == "HL":
            if current is not top:
                yield _settled(reading, current)
            else:
                _settled(reading, top)
            above = by_id.get(segment.at(2))
            if above is None and segment.at(3) != "S":
                above = (latest.get("O") if segment.at(3) != "O" else None) or latest.get("S")
                if segment.at(2):
                    reading.issue(f"level {segment.at(1)[:10]!r} is below {segment.at(2)[:10]!r}, which does not exist")
            current = _Level(above or top, level=segment.at(3))
            by_id[segment.at(1)] = latest[segment.at(3)] = current
        elif segment.tag == "CTT":
            break
        else:
            current.segments.append(segment)
    if current is not top:
        yield _settled(reading, current)


def _settled(reading: Reading, level: _Level) -> _Level:
    """Read what the level says of itself, else take it from above, which was settled before."""
    above = level.above
    order = level.first("PRF")
    level.po_number = order.at(1) if order else ""
    dates = NO_DATES
    for segment in level.segments:
        if segment.tag == "REF" and segment.at(1) == "PO" and not level.po_number:
            level.po_number = segment.at(2)
        elif segment.tag == "DTM" and segment.at(1) not in _REQUESTED:
            dates = dates.joined(reading.dates(segment.at(1), segment.at(2), "a ship notice"))
    level.deliver_on = dates.deliver_on
    level.counts = level.first("SN1") is not None
    if above is not None:
        level.po_number = level.po_number or above.po_number
        level.deliver_on = level.deliver_on or above.deliver_on
        level.counted = above.counted or above.counts
    return level


def _add(reading: Reading, lines: dict[LineRef, _Total], level: _Level) -> None:
    """Add one item to its line. Raises: Unreadable."""
    sn1 = level.first("SN1") or Segment(("SN1",))
    lin = level.first("LIN") or Segment(("LIN",))
    where = _named(level)
    reading.same_unit(sn1.at(3), where)
    shipped = reading.quantity(sn1.at(2), where)
    if shipped is None:
        raise Unreadable(f"{where} has no quantity")
    ref = LineRef(**reading.line(sn1.at(1) or lin.at(1), reading.items(lin, 2), where))
    balance = reading.partner.balance(sn1.at(8)) if sn1.at(8) else Balance.UNKNOWN
    known = lines.get(ref)
    if known is None:
        lines[ref] = _Total(shipped, level.deliver_on, balance)
        return
    if known.shipped + shipped > MOST_UNITS:
        raise Unreadable(f"{where} adds up to more than anyone ships")
    known.shipped += shipped
    days = [day for day in (known.deliver_on, level.deliver_on) if day]
    known.deliver_on = max(days) if days else None
    known.balance = balance if known.balance is Balance.UNKNOWN else known.balance


def _named(level: _Level) -> str:
    sn1, lin = level.first("SN1"), level.first("LIN")
    number = (sn1.at(1) if sn1 else "") or (lin.at(1) if lin else "")
    item = lin.at(3) if lin else ""
    return f"line {number[:20]}" if number else f"item {item[:50]}" if item else "an item without name"


def _shipment_id(reading: Reading, bsn: Segment) -> str:
    """BSN02; where it is missing, what else names the shipment, so that a repeat is known."""
    if named := reading.name(bsn.at(2)):
        return named
    references = {
        segment.at(1): named
        for segment in reversed(list(reading.body))
        if segment.tag == "REF" and (named := reading.name(segment.at(2)))
    }
    instead = next((references[code] for code in _NAMES if code in references), plain_words(reading.fallback))
    reading.issue(f"the shipment has no number (BSN02); it is called {instead}")
    return instead


def _tracking(reading: Reading) -> str | None:
    found: dict[str, str | None] = {}
    for segment in reading.body:
        if segment.tag == "REF" and segment.at(1) in _TRACKING:
            found.setdefault(segment.at(1), reading.name(segment.at(2)))
    return next((found[code] for code in _TRACKING if found.get(code)), None)


def _told(reading: Reading, problems: list[tuple[str | None, str]]) -> Iterator[SupplierEvent]:
    """What cannot be read, as one incident for each order."""
    by_order: dict[str | None, list[str]] = {}
    for po_number, problem in problems:
        reading.issue(problem)
        by_order.setdefault(po_number, []).append(problem)
    for po_number, told in by_order.items():
        more = f"; and {len(told) - 5} more" if len(told) > 5 else ""
        yield reading.unmatched(po_number, "; ".join(told[:5]) + more)
