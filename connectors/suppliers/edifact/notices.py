"""DESADV: goods have left the supplier, of one order or of several; and RECADV, where a warehouse sends it."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from connectors.suppliers.edifact.lines import is_sub_line, line_ref, reference
from connectors.suppliers.edifact.partner import EdifactPartner
from connectors.suppliers.edifact.syntax import Body, Segment
from connectors.suppliers.edifact.values import day, name, quantity
from connectors.suppliers.issues import Issues
from connectors.words import plain_words
from domain.supplier_events import (
    Balance,
    NoticeLine,
    NoticePurpose,
    Received,
    ReceivedLine,
    ShipNotice,
    SupplierEvent,
    Unmatched,
)

T = TypeVar("T")

DESPATCHED = ("12", "46", "113")
"""QTY 6063 of what is in the shipment, the first that a line has."""

_TAKEN, _ARRIVED = "194", "48"
_NOT_TAKEN = ("195", "196", "124")
"""To go back, to be destroyed, damaged: the first that is stated counts, since the others may be the same goods."""
_NOT_RECEIVED = {"1", "11", "12", "21", "59", "113", "192"}
"""What was ordered, despatched or packed, or is to come: no part of what was received."""
"""QTY 6063 of what was received and accepted, received and not accepted, received."""

_PURPOSES = {
    "": NoticePurpose.ORIGINAL,
    "1": NoticePurpose.CANCEL,
    "3": NoticePurpose.CANCEL,
    "4": NoticePurpose.REPLACE,
    "5": NoticePurpose.REPLACE,
    "7": NoticePurpose.ORIGINAL,
    "9": NoticePurpose.ORIGINAL,
}
"""Of BGM 1225."""

_BALANCES = {"BO": Balance.OPEN, "BP": Balance.OPEN, "CP": Balance.CLOSED, "CC": Balance.CLOSED, "IC": Balance.CLOSED}
"""Of QVR 4221: partial and the rest to follow; partial and the rest not."""

_TRACKING = ("CN", "AAS", "BM", "CU")
"""RFF 1153 of what a carrier knows a consignment by."""

_HERE = ("67", "69", "17", "132", "358", "35", "2")
"""DTM 2005 of the day on which goods are here, when the profile's own are not stated."""


def read_notice(segments: Body, message: str, partner: EdifactPartner, issues: Issues) -> list[SupplierEvent]:
    """The events of one DESADV: a ship notice for each order.

    Args:
        segments: the message.
        message: what it is called if it has no number: its references in the envelope.
        partner: the profile.
        issues: what is wrong with it.
    """
    header, lines = _with_orders(segments, issues)
    bgm = next((segment for segment in header if segment.tag == "BGM"), Segment("BGM", []))
    shipment = name(bgm.part(2), "the number of the DESADV", issues)
    if not shipment:
        issues.add("the DESADV has no number; a repeat in another envelope will not be recognised")
        shipment = message
    purpose = _PURPOSES.get(bgm.part(3))
    if purpose is None:
        issues.add(f"the DESADV has function {bgm.part(3)}; it is read as a new one")
        purpose = NoticePurpose.ORIGINAL
    of_header = {one.part(1, 2): None for one in header if one.tag == "RFF" and one.part(1) == "ON" and one.part(1, 2)}
    only = next(iter(of_header)) if len(of_header) == 1 else ""
    deliver_on = _day(header, partner, issues)
    orders, unread = _by_order(lines, only, lambda block: _line(block, deliver_on, partner, issues), issues)
    if purpose is NoticePurpose.CANCEL or not lines:
        for order in of_header:
            if found := name(order, "our order number", issues):
                orders.setdefault(found, [])
    tracking = next((found for code in _TRACKING if (found := reference(header, code))), "")
    tracking = name(tracking, "the tracking reference", issues)
    events: list[SupplierEvent] = [
        ShipNotice(
            po_number=number, shipment_id=shipment, lines=tuple(found), tracking=tracking or None, purpose=purpose
        )
        for number, found in orders.items()
    ]
    return [*events, *_told(f"DESADV {shipment}", unread, found=bool(events))]


def read_receipt(segments: Body, message: str, partner: EdifactPartner, issues: Issues) -> list[SupplierEvent]:
    """The events of one RECADV from whoever runs our warehouse: what arrived of each order, by condition.

    194 is what was received and accepted; 195, 196 or 124 what was received and not; without 194, 48 is both together.
    """
    header, lines = _with_orders(segments, issues)
    bgm = next((segment for segment in header if segment.tag == "BGM"), Segment("BGM", []))
    receipt = name(bgm.part(2), "the number of the RECADV", issues) or message
    orders, unread = _by_order(lines, reference(header, "ON"), lambda block: _received(block, partner, issues), issues)
    events: list[SupplierEvent] = [
        Received(po_number=number, receipt_id=receipt, lines=tuple(found)) for number, found in orders.items()
    ]
    return [*events, *_told(f"RECADV {receipt}", unread, found=bool(events))]


def _by_order(
    lines: Sequence[tuple[str, list[Segment]]],
    otherwise: str,
    read: Callable[[list[Segment]], T | None],
    issues: Issues,
) -> tuple[dict[str, list[T]], dict[str, list[str]]]:
    """The lines of each order; and what those are called that cannot be read, or (of order "") are of none."""
    orders: dict[str, list[T]] = {}
    unread: dict[str, list[str]] = {}
    for order, block in lines:
        number = name(order or otherwise, "our order number", issues)
        line = read(block)
        if number and line is not None:
            orders.setdefault(number, []).append(line)
        else:
            unread.setdefault(number, []).append(f"line {block[0].part(1) or '?'}")
    return orders, unread


def _told(said: str, unread: dict[str, list[str]], *, found: bool) -> list[Unmatched]:
    told: list[Unmatched] = []
    for number, lines in unread.items():
        which = ", ".join(lines[:20])
        wrong = "no quantity can be read" if number else "no order of ours is named (RFF+ON)"
        what = plain_words(f"{said}: {wrong} for {which}. Ask them what is in it.")
        told.append(Unmatched(po_number=number or None, what=what))
    if not found and not told:
        told.append(Unmatched(what=plain_words(f"{said} names no order of ours (RFF+ON). Ask them which it is.")))
    return told


def _with_orders(segments: Body, issues: Issues) -> tuple[list[Segment], list[tuple[str, list[Segment]]]]:
    """The header, and each line with the order it is of, if it or its package (CPS) names one."""
    header: list[Segment] = []
    lines: list[tuple[str, list[Segment]]] = []
    block: list[Segment] | None = None
    of_package, in_package = "", False
    for segment in segments:
        if segment.tag == "UNS":
            break
        if segment.tag == "CPS":
            of_package, in_package, block = "", True, None
        elif segment.tag == "LIN":
            block = [segment]
            if not is_sub_line(segment, issues):
                lines.append((of_package, block))
        elif block is not None:
            block.append(segment)
        elif not in_package:
            header.append(segment)
        elif segment.tag == "RFF" and segment.part(1) == "ON":
            of_package = segment.part(1, 2)
    return header, [(reference(block, "ON") or order, block) for order, block in lines]


def _line(
    block: Sequence[Segment], of_notice: date | None, partner: EdifactPartner, issues: Issues
) -> NoticeLine | None:
    units = _quantities(block, (*DESPATCHED, *partner.backordered_quantities), partner, issues)
    shipped = next((units[code] for code in DESPATCHED if code in units), None)
    if shipped is None:
        issues.add(f"LIN {block[0].part(1)} of the DESADV states no quantity despatched (12)")
        return None
    return NoticeLine(
        line=line_ref(block, partner, issues),
        shipped=shipped,
        deliver_on=_day(block, partner, issues) or of_notice,
        balance=_balance(block, units, partner),
    )


def _received(block: Sequence[Segment], partner: EdifactPartner, issues: Issues) -> ReceivedLine | None:
    units = _quantities(block, (_TAKEN, *_NOT_TAKEN, _ARRIVED), partner, issues)
    for kind in sorted({segment.part(1) for segment in block if segment.tag == "QTY"} - units.keys() - _NOT_RECEIVED):
        issues.add(f"LIN {block[0].part(1)} of the RECADV states a quantity of kind {kind[:3]!r}, which is not read")
    good, bad = units.get(_TAKEN), next((units[code] for code in _NOT_TAKEN if code in units), Decimal(0))
    if good is None and _TAKEN not in units and (arrived := units.get(_ARRIVED)) is not None and bad is not None:
        good = max(arrived - bad, Decimal(0))
    if good is None or bad is None:
        issues.add(f"LIN {block[0].part(1)} of the RECADV states no quantity received (194 or 48)")
        return None
    return ReceivedLine(line=line_ref(block, partner, issues), good=good, damaged=bad)


def _quantities(
    block: Sequence[Segment], codes: Sequence[str], partner: EdifactPartner, issues: Issues
) -> dict[str, Decimal | None]:
    """By 6063, None for one that cannot be read; of a quantity stated twice (QTY in a schedule, too) the first."""
    found: dict[str, Decimal | None] = {}
    for segment in block:
        if segment.tag == "QTY" and (code := segment.part(1)) in codes and code not in found:
            found[code] = quantity(segment, partner.units, issues)
    return found


def _balance(block: Sequence[Segment], units: dict[str, Decimal | None], partner: EdifactPartner) -> Balance:
    for segment in block:
        if segment.tag == "QVR" and segment.part(2) in _BALANCES:
            return _BALANCES[segment.part(2)]
    if any(units.get(code) for code in partner.backordered_quantities):
        return Balance.OPEN
    return Balance(partner.rest_after_shipment)


def _day(segments: Sequence[Segment], partner: EdifactPartner, issues: Issues) -> date | None:
    stated = {one.part(1): one for one in reversed(segments) if one.tag == "DTM"}
    chosen = next((stated[code] for code in (*partner.delivery_dates, *_HERE) if code in stated), None)
    return None if chosen is None else day(chosen, partner.unknown_dates, issues)
