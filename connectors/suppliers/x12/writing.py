"""Our documents: the order (850), and the change or cancellation of one (860).

    850   BEG, CUR, REF, ITD, DTM, N1 loops; for each line PO1, PID, DTM; CTT
    860   BCH, REF, DTM, N1 loops; for each changed line POC, PID, DTM; CTT

A change numbers itself by its revision (BCH05), which a good partner repeats in its answer (BCA05). POC03 is the
quantity that the line is to have from now on. A day that all lines want stands in the header (DTM*002), where every
partner looks; else each line has its own.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date

from connectors.errors import Refused, Unsupported
from connectors.suppliers.interface import FILE_NAME, Cancel, Change, Envelope, OrderLine, Place, Request, WireIds
from connectors.suppliers.x12.partner import Address, X12Partner
from connectors.suppliers.x12.wire import CONTENT_TYPE, Elements, Writer, wire_number

LONGEST_PO_NUMBER = 22
"""Element 324."""
LONGEST_ITEM = 48
"""Element 234."""
LONGEST_TEXT = 80
"""Element 352, in which descriptions and reasons are written."""
MOST_PIECES = 5
"""Of a description: 400 characters."""

_NET_DAYS = re.compile(r"net[ -]?(\d{1,3})", re.IGNORECASE)


def written(partner: X12Partner, request: Request, ids: WireIds) -> Envelope:
    """The document for a request. Raises: Unsupported (the partner does not take it), Refused (X12 cannot carry it)."""
    writer = Writer(partner)
    match request:
        case Place():
            kind, revision, code, group = "place", 0, "850", "PO"
            body = _order(partner, writer, request)
        case Change():
            kind, revision, code, group = "change", request.revision, "860", "PC"
            body = _change(partner, writer, request, ids)
        case Cancel():
            kind, revision, code, group = "cancel", request.revision, "860", "PC"
            body = _cancellation(partner, writer, request, ids)
    return Envelope(
        operation_id=ids.operation_id,
        po_number=request.po_number,
        kind=kind,
        revision=revision,
        content_type=CONTENT_TYPE,
        body=writer.interchange(ids, group, [(code, body)]),
        headers={FILE_NAME: file_name(partner, ids, code, request.po_number)},
    )


def file_name(partner: X12Partner, ids: WireIds, code: str, po_number: str = "") -> str:
    """By kind, control number and order: the same document has the same name, and no other has it."""
    order = re.sub(r"[^A-Za-z0-9-]", "_", po_number)
    parts = [code, f"{wire_number(ids.control_number):09d}", *([order] if order else [])]
    return "_".join(parts) + partner.file_suffix


def _order(partner: X12Partner, writer: Writer, order: Place) -> list[Elements]:
    if any(line.quantity < 1 for line in order.lines):
        raise Refused(f"{order.po_number}: an order for nothing cannot be written; leave that line out")
    body: list[Elements] = [
        ("BEG", "00", partner.order_type, _po_number(writer, order.po_number), "", _day(order.ordered_on)),
        ("CUR", "BY", writer.name(order.currency, 3, "the currency")),
        *_references(partner, writer),
        *_terms(writer, order.terms),
    ]
    wanted, in_header = _wanted(order.lines)
    body += [*in_header, *_parties(partner, writer)]
    for line in _numbered(order.lines):
        quantity = writer.number(line.quantity, 15, f"line {line.line_no}: a quantity")
        price = writer.number(line.unit_price, 17, f"line {line.line_no}: a price")
        items = _items(partner, writer, line)
        body.append(("PO1", str(line.line_no), quantity, partner.unit, price, "", *items))
        body += _described(writer, line)
        body += wanted.get(line.line_no, [])
    return [*body, ("CTT", str(len(order.lines)))]


def _change(partner: X12Partner, writer: Writer, change: Change, ids: WireIds) -> list[Elements]:
    if not partner.line_changes:
        raise Unsupported("this partner takes no changes of a placed order")
    actions = {line.line_no: _action(line, change.before.get(line.line_no)) for line in change.lines}
    if "AI" in actions.values() and not partner.added_lines:
        raise Unsupported("this partner takes no new lines on a placed order")
    wanted, in_header = _wanted(change.lines)
    body = [*_change_head(partner, writer, change, ids, purpose="04"), *in_header, *_parties(partner, writer)]
    for line in _numbered(change.lines):
        body.append(_changed_line(partner, writer, line, actions[line.line_no]))
        body += _described(writer, line)
        body += wanted.get(line.line_no, [])
    return [*body, ("CTT", str(len(change.lines)))]


def _cancellation(partner: X12Partner, writer: Writer, cancel: Cancel, ids: WireIds) -> list[Elements]:
    reason: list[Elements] = [("REF", "ZZ", "", words) for words in writer.pieces(cancel.reason, LONGEST_TEXT, 1)]
    if partner.cancellation == "none":
        raise Unsupported("this partner takes no cancellations")
    if partner.cancellation == "header":
        head = _change_head(partner, writer, cancel, ids, purpose="01")
        return [*head, *reason, *_parties(partner, writer), ("CTT", "0")]
    if cancel.order is None:
        raise Refused(f"{cancel.po_number}: this partner wants each line deleted, and the order's lines are not known")
    body = [*_change_head(partner, writer, cancel, ids, purpose="04"), *reason, *_parties(partner, writer)]
    for line in _numbered(cancel.order.lines):
        body.append(_changed_line(partner, writer, line.model_copy(update={"quantity": 0}), "DI"))
    return [*body, ("CTT", str(len(cancel.order.lines)))]


def _change_head(
    partner: X12Partner, writer: Writer, asked: Change | Cancel, ids: WireIds, *, purpose: str
) -> list[Elements]:
    """BCH06 is the order's date; where the order is not known, the change's own, since the element is mandatory."""
    today = ids.written_at.astimezone(UTC).date()
    ordered_on = _day(asked.order.ordered_on if asked.order else today)
    revision = writer.number(asked.revision, 8, "a revision")
    po_number = _po_number(writer, asked.po_number)
    dates = (ordered_on, "", "", "", "", _day(today))
    return [("BCH", purpose, partner.order_type, po_number, "", revision, *dates), *_references(partner, writer)]


def _action(line: OrderLine, before: int | None) -> str:
    """POC02: added, deleted, more, less, or another change of a line."""
    if before is None:
        return "AI"
    if line.quantity == 0:
        return "DI"
    if line.quantity == before:
        return "CA"
    return "QI" if line.quantity > before else "QD"


def _changed_line(partner: X12Partner, writer: Writer, line: OrderLine, action: str) -> Elements:
    if action == "AI" and line.quantity < 1:
        raise Refused(f"line {line.line_no}: a new line for nothing cannot be written; leave it out")
    quantity = writer.number(line.quantity, 15, f"line {line.line_no}: a quantity")
    price = writer.number(line.unit_price, 17, f"line {line.line_no}: a price")
    items = _items(partner, writer, line)
    return ("POC", str(line.line_no), action, quantity, "", partner.unit, price, "", *items)


def _po_number(writer: Writer, po_number: str) -> str:
    return writer.name(po_number, LONGEST_PO_NUMBER, "the PO number")


def _day(day: date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def _numbered(lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
    numbers = [line.line_no for line in lines]
    if not lines:
        raise Refused("an order or change without lines cannot be written")
    if len(set(numbers)) < len(numbers) or min(numbers) < 1:
        raise Refused("each line needs a number of its own, from 1; two lines have the same, or one has none")
    return lines


def _wanted(lines: Iterable[OrderLine]) -> tuple[dict[int, list[Elements]], list[Elements]]:
    """When lines are wanted: by line, or in the header if all want the same day."""
    days = {line.line_no: line.wanted_on for line in lines}
    only = set(days.values())
    if len(only) == 1:
        return {}, [("DTM", "002", _day(day)) for day in only if day]
    return {number: [("DTM", "002", _day(day))] for number, day in days.items() if day}, []


def _items(partner: X12Partner, writer: Writer, line: OrderLine) -> Elements:
    items: Elements = ()
    if line.sku:
        items += (partner.our_item[0], writer.name(line.sku, LONGEST_ITEM, f"line {line.line_no}: the SKU"))
    if line.supplier_sku:
        what = f"line {line.line_no}: the supplier's SKU"
        items += (partner.partner_item[0], writer.name(line.supplier_sku, LONGEST_ITEM, what))
    if not items:
        raise Refused(f"line {line.line_no} names no item")
    return items


def _described(writer: Writer, line: OrderLine) -> list[Elements]:
    pieces = writer.pieces(line.description, LONGEST_TEXT, MOST_PIECES)
    return [("PID", "F", "", "", "", piece) for piece in pieces]


def _references(partner: X12Partner, writer: Writer) -> list[Elements]:
    return [("REF", code, writer.name(value, 30, f"the reference {code}")) for code, value in partner.references]


def _terms(writer: Writer, terms: str) -> list[Elements]:
    """Terms that were agreed before (ITD01 = 14): in words, and the days until all is due if they name them."""
    words = next(iter(writer.pieces(terms, LONGEST_TEXT, 1)), "")
    days = _NET_DAYS.fullmatch(terms.strip())
    number = str(int(days[1])) if days else ""
    return [("ITD", "14", "3", "", "", "", "", number, "", "", "", "", words)] if words else []


def _parties(partner: X12Partner, writer: Writer) -> list[Elements]:
    parties: list[Elements] = []
    for role, address in (("BY", partner.buyer), ("ST", partner.ship_to)):
        if address:
            parties += _party(writer, role, address)
    return parties


def _party(writer: Writer, role: str, address: Address) -> list[Elements]:
    identifier = (address.qualifier, writer.name(address.identifier, 80, f"N1*{role}")) if address.identifier else ()
    party: list[Elements] = [("N1", role, writer.words(address.name), *identifier)]
    if address.street:
        party.append(("N3", *(writer.words(line) for line in address.street)))
    place = tuple(map(writer.words, (address.city, address.region, address.postal_code, address.country)))
    if any(place):
        party.append(("N4", *place))
    return party
