"""The supplier's side of cXML, by code of its own: OrderRequest is read strictly; confirmations and notices go out.

What a supplier does is told as events of the http profile (`supplier_steps.py`); here they become documents. It is the
dialect that `connectors.suppliers.cxml` documents. Nothing is decided here.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from lxml import etree

from devstack.simulators.requests import Problem
from devstack.simulators.settings import CxmlWire, Party
from devstack.simulators.supplier_wire import CancelBody, ChangeBody, LineBody, OrderBody

CONTENT_TYPE = "text/xml; charset=utf-8"

Element = etree._Element  # pyright: ignore[reportPrivateUsage]: lxml has no other name for it


class OrderDocument(NamedTuple):
    """One OrderRequest."""

    payload_id: str
    po_number: str
    revision: int
    """0 for the order itself; each update or delete counts up."""
    kind: str
    """new, update or delete."""
    order: OrderBody
    """The whole order as it shall stand."""
    comments: str

    def change(self, known: Iterable[int]) -> ChangeBody:
        """As a change of the lines that are known: what it does not name any more is taken off."""
        named = {line.line_no for line in self.order.lines}
        struck = [_struck(line_no) for line_no in known if line_no not in named]
        return ChangeBody(po_number=self.po_number, revision=self.revision, lines=(*self.order.lines, *struck))

    def cancel(self) -> CancelBody:
        """As the withdrawal of the order."""
        return CancelBody(po_number=self.po_number, revision=self.revision, reason=self.comments)


def read_request(body: bytes, wire: CxmlWire) -> OrderDocument | None:
    """Read a document from the buyer; None: a ProfileRequest, which asks whether anybody is here.

    Raises:
        Problem: 400, 401 or 406, with what is wrong in words.
        pydantic.ValidationError: the order is no order.
    """
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as broken:
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, "unreadable", f"this is no XML: {broken}") from broken
    for role, party in (("From", wire.buyer), ("To", wire.seller), ("Sender", wire.buyer)):
        credential = _one(root, f"Header/{role}/Credential")
        if (credential.get("domain"), credential.findtext("Identity")) != (party.domain, party.identity):
            raise Problem(HTTPStatus.UNAUTHORIZED, "stranger", f"{role} is not {party.identity} of {party.domain}")
    if root.findtext("Header/Sender/Credential/SharedSecret") != wire.buyer_secret:
        raise Problem(HTTPStatus.UNAUTHORIZED, "stranger", "the shared secret is not known here")
    if root.find("Request/ProfileRequest") is not None:
        return None
    header = _one(root, "Request/OrderRequest/OrderRequestHeader")
    return OrderDocument(
        payload_id=_said(root, "payloadID"),
        po_number=_said(header, "orderID"),
        revision=int(_said(header, "orderVersion")) - 1,
        kind=_said(header, "type"),
        order=OrderBody(
            po_number=_said(header, "orderID"),
            currency=_said(_one(header, "Total/Money"), "currency"),
            terms=next((e.text or "" for e in header.iter("Extrinsic") if e.get("name") == "PaymentTerms"), ""),
            ordered_on=_day(_said(header, "orderDate")),
            lines=tuple(_line(item, wire) for item in _one(root, "Request/OrderRequest").iter("ItemOut")),
        ),
        comments=header.findtext("Comments") or "",
    )


def _line(item: Element, wire: CxmlWire) -> LineBody:
    if item.findtext("ItemDetail/UnitOfMeasure") != wire.unit:
        raise Problem(HTTPStatus.BAD_REQUEST, "unit", f"we sell by {wire.unit}, and by no other unit")
    wanted = item.get("requestedDeliveryDate")
    return LineBody(
        line_no=int(_said(item, "lineNumber")),
        sku=item.findtext("ItemID/BuyerPartID") or "",
        supplier_sku=item.findtext("ItemID/SupplierPartID") or "",
        description=item.findtext("ItemDetail/Description") or "",
        quantity=int(_said(item, "quantity")),
        unit_price=_one(item, "ItemDetail/UnitPrice/Money").text or "",
        wanted_on=None if wanted is None else _day(wanted),
    )


def _struck(line_no: int) -> LineBody:
    return LineBody(
        line_no=line_no, sku="-", supplier_sku="-", description="", quantity=0, unit_price="0", wanted_on=None
    )


def _one(parent: Element, path: str) -> Element:
    found = parent.find(path)
    if found is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "incomplete", f"{path} is missing")
    return found


def _said(element: Element, attribute: str) -> str:
    value = element.get(attribute)
    if not value:
        raise Problem(HTTPStatus.BAD_REQUEST, "incomplete", f"{element.tag}/@{attribute} is missing")
    return value


def _day(instant: str) -> date:
    return datetime.fromisoformat(instant).date()


def response(status: int, words: str, payload_id: str) -> bytes:
    """The Response to a request."""
    root = _root(payload_id)
    code = etree.SubElement(etree.SubElement(root, "Response"), "Status")
    code.set("code", str(status))
    code.set("text", HTTPStatus(status).phrase)
    code.text = words
    return _bytes(root)


class Documents:
    """Writes what a supplier says."""

    def __init__(self, wire: CxmlWire, number: Callable[[], int], answered: Callable[[str, int], str]) -> None:
        """Describe who writes.

        Args:
            wire: who both sides are.
            number: the next number of a document.
            answered: by order and revision, the payloadID of the buyer's document.
        """
        self._wire, self._number, self._answered = wire, number, answered

    def write(self, event: Mapping[str, Any]) -> str:
        """One event as a document. Raises: Problem for a goods receipt, which is no supplier's word."""
        name = f"{event['kind']}-{self._number()}"
        root = _root(f"{name}@{self._wire.seller.identity}")
        header = etree.SubElement(root, "Header")
        _party(header, "From", self._wire.seller)
        _party(header, "To", self._wire.buyer)
        sender = _party(header, "Sender", self._wire.seller)
        etree.SubElement(_one(sender, "Credential"), "SharedSecret").text = self._wire.seller_secret
        etree.SubElement(sender, "UserAgent").text = "Promisekeeper's simulated supplier"
        request = etree.SubElement(root, "Request")
        match event["kind"]:
            case "order_ack" | "change_ack":
                self._confirmation(request, event, name)
            case "ship_notice":
                self._ship_notice(request, event)
            case _:
                raise Problem(HTTPStatus.CONFLICT, "unsayable", "cXML has no goods receipt: who gets goods counts them")
        return _bytes(root).decode()

    def _confirmation(self, request: Element, event: Mapping[str, Any], name: str) -> None:
        confirmation = etree.SubElement(request, "ConfirmationRequest")
        lines: list[dict[str, Any]] = event.get("lines", [])
        splits = [split for line in lines for split in line["splits"]]
        header = etree.SubElement(
            confirmation, "ConfirmationHeader", noticeDate=_now(), operation="new", confirmID=name
        )
        if not event.get("accepted", event.get("verdict") != "refused"):
            header.set("type", "reject")
            lines = []
        else:
            header.set("type", "accept" if all(split["status"] == "accepted" for split in splits) else "detail")
        if number := event.get("supplier_order_no"):
            etree.SubElement(header, "IdReference", domain="supplierOrderID", identifier=number)
        if reason := event.get("reason"):
            etree.SubElement(header, "Comments").text = reason
        self._reference(confirmation, event["po_number"], event["revision"])
        for line in lines:
            ordered = sum(int(split["quantity"]) for split in line["splits"])
            item = self._item(confirmation, "ConfirmationItem", line["line"], str(ordered))
            for split in line["splits"]:
                part = self._quantity(item, "ConfirmationStatus", split["quantity"])
                part.set("type", _STATUSES[split["status"]])
                if deliver_on := split.get("deliver_on"):
                    part.set("deliveryDate", _noon(deliver_on))
                if why := split.get("reason"):
                    etree.SubElement(part, "Comments").text = why

    def _ship_notice(self, request: Element, event: Mapping[str, Any]) -> None:
        notice = etree.SubElement(request, "ShipNoticeRequest")
        header = etree.SubElement(notice, "ShipNoticeHeader", shipmentID=event["shipment_id"], noticeDate=_now())
        header.set("operation", "new")
        header.set("deliveryDate", _noon(max(line["deliver_on"] for line in event["lines"])))
        control = etree.SubElement(notice, "ShipControl")
        etree.SubElement(control, "CarrierIdentifier", domain="companyName").text = "Overland"
        etree.SubElement(control, "ShipmentIdentifier").text = event["tracking"]
        portion = etree.SubElement(notice, "ShipNoticePortion")
        self._reference(portion, event["po_number"], 0)
        for line in event["lines"]:
            self._item(portion, "ShipNoticeItem", line["line"], line["shipped"])

    def _reference(self, parent: Element, po_number: str, revision: int) -> None:
        reference = etree.SubElement(parent, "OrderReference", orderID=po_number)
        etree.SubElement(reference, "DocumentReference", payloadID=self._answered(po_number, revision))

    def _item(self, parent: Element, tag: str, line: Mapping[str, Any], quantity: str) -> Element:
        item = self._quantity(parent, tag, quantity)
        item.set("lineNumber", str(line["line_no"]))
        return item

    def _quantity(self, parent: Element, tag: str, quantity: str) -> Element:
        element = etree.SubElement(parent, tag, quantity=quantity)
        etree.SubElement(element, "UnitOfMeasure").text = self._wire.unit
        return element


_STATUSES = {"accepted": "accept", "backordered": "backordered", "rejected": "reject"}


def _party(parent: Element, role: str, party: Party) -> Element:
    element = etree.SubElement(parent, role)
    credential = etree.SubElement(element, "Credential", domain=party.domain)
    etree.SubElement(credential, "Identity").text = party.identity
    return element


def _root(payload_id: str) -> Element:
    return etree.Element("cXML", payloadID=payload_id, timestamp=_now())


def _bytes(root: Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _noon(day: str) -> str:
    return f"{day}T12:00:00+00:00"
