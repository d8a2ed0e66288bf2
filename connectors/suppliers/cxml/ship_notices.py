"""ShipNoticeRequest: goods have left the supplier, of one order or of several (a ShipNoticePortion for each).

`ShipNoticeHeader/@operation` new, update, delete makes it an original, a replacement or a cancellation. A notice of
type `planned` says that goods will leave, and one for the reason `return` that they come back: both are hints. So is a
portion without items ("the entire referenced order is included"), since a notice moves the dates of lines.
"""

from connectors.suppliers.cxml.documents import Element, attribute, child, children, text
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.cxml.references import line_meant, nameless, order_meant
from connectors.suppliers.issues import Issues
from connectors.suppliers.plain_values import MOST_UNITS, Units, iso_day, name, number, promised_day
from connectors.words import plain_words
from domain.supplier_events import Balance, Hint, NoticeLine, NoticePurpose, ShipNotice, SupplierEvent, Unmatched

_PURPOSES = {
    "": NoticePurpose.ORIGINAL,
    "new": NoticePurpose.ORIGINAL,
    "update": NoticePurpose.REPLACE,
    "delete": NoticePurpose.CANCEL,
}
_BALANCES = {"complete": Balance.CLOSED, "partial": Balance.OPEN}


def ship_notice_events(
    request: Element, payload: str | None, partner: CxmlPartner, issues: Issues
) -> tuple[SupplierEvent, ...]:
    """What a ShipNoticeRequest says, one event for each order.

    Args:
        request: the element.
        payload: the document's payloadID, which names the shipment if it has no name of its own.
        partner: what the supplier's habits are.
        issues: takes what was wrong.
    """
    return _Notice(request, payload, partner, issues).events()


class _Notice:
    def __init__(self, request: Element, payload: str | None, partner: CxmlPartner, issues: Issues) -> None:
        header = child(request, "ShipNoticeHeader")
        self._request, self._header, self._partner, self._issues = request, header, partner, issues
        self._units = Units(partner.unit_of_measure, partner.same_units)
        self._shipment_id = name(attribute(header, "shipmentID"))
        if self._shipment_id is None:
            issues.add("the ship notice has no shipmentID; its payloadID names the shipment")
            self._shipment_id = payload
        operation = attribute(header, "operation").casefold()
        if operation not in _PURPOSES:
            issues.add(f"ShipNoticeHeader/@operation {operation!r} is not known; it is read as new")
        self._purpose = _PURPOSES.get(operation, NoticePurpose.ORIGINAL)
        delivery = attribute(header, "deliveryDate")
        self._deliver_on = promised_day(iso_day(delivery), delivery, "deliveryDate", issues)
        fulfilment = attribute(header, "fulfillmentType").casefold() if partner.says_balance else ""
        self._balance = _BALANCES.get(fulfilment, Balance.UNKNOWN)
        self._tracking = next(filter(None, (name(text(each)) for each in self._identifiers())), None)
        self._others: list[SupplierEvent] = []

    def events(self) -> tuple[SupplierEvent, ...]:
        lines: dict[str, list[NoticeLine]] = {}
        for portion in children(self._request, "ShipNoticePortion"):
            meant = order_meant(portion, self._partner, self._issues)
            if meant is None:
                self._others.append(nameless("a ship notice"))
                continue
            items = list(children(portion, "ShipNoticeItem"))
            told = [line for item in items if (line := self._line(item, meant.po_number))]
            if told or not items:
                # several portions of one order are one notice: a shipment counts once for each order
                lines.setdefault(meant.po_number, []).extend(told)
        if not lines and not self._others:
            self._others.append(nameless("a ship notice"))
        return (*(self._event(po_number, tuple(told)) for po_number, told in lines.items()), *self._others)

    def _event(self, po_number: str, lines: tuple[NoticeLine, ...]) -> SupplierEvent:
        if attribute(self._header, "reason").casefold() == "return":
            return self._hint(po_number, "is a return")
        if attribute(self._header, "shipmentType").casefold() == "planned":
            return self._hint(po_number, f"is planned{self._by()}")
        if not lines and self._purpose is not NoticePurpose.CANCEL:
            return self._hint(po_number, f"carries the order without naming its lines{self._by()}")
        if self._shipment_id is None:
            what = f"{po_number}: the supplier ships without naming the shipment. Ask them what is on its way."
            return Unmatched(po_number=po_number, what=what)
        return ShipNotice(
            po_number=po_number,
            shipment_id=self._shipment_id,
            lines=lines,
            tracking=self._tracking,
            purpose=self._purpose,
        )

    def _line(self, item: Element, po_number: str) -> NoticeLine | None:
        ref = line_meant(item, child(item, "ItemID"))
        shipped = number(attribute(item, "quantity"), MOST_UNITS)
        unit = text(child(item, "UnitOfMeasure")) or text(child(item, "ShipNoticeItemDetail", "UnitOfMeasure"))
        if ref is None or shipped is None or not self._units.same(unit):
            which = ref and (ref.line_no or ref.sku or ref.supplier_sku)
            carried = f"{attribute(item, 'quantity') or 'some'} {unit} of {f'line {which}' if which else 'a line'}"
            what = f"{po_number}: shipment {self._shipment_id} carries {carried}, which cannot be read. Ask what it is."
            self._others.append(Unmatched(po_number=po_number, what=plain_words(what)))
            return None
        return NoticeLine(line=ref, shipped=shipped, deliver_on=self._deliver_on, balance=self._balance)

    def _hint(self, po_number: str, says: str) -> Hint:
        return Hint(po_number=po_number, what=plain_words(f"Shipment {self._shipment_id} {says}."))

    def _by(self) -> str:
        return f", here on {self._deliver_on.isoformat()}" if self._deliver_on else ""

    def _identifiers(self) -> list[Element]:
        controls = children(self._request, "ShipControl")
        return [identifier for control in controls for identifier in children(control, "ShipmentIdentifier")]
