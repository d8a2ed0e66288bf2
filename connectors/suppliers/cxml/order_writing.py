"""OrderRequest documents: an order (type new), the whole order again as it stands (update), its withdrawal (delete).

Written after the DTD, element by element in its order, and strictly: a line or a name that cannot be written refuses
the document; in texts that only people read, what XML cannot carry becomes a blank. The shared secret is not written:
its place is held until `with_secret` puts it into the copy that is sent.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from xml.sax.saxutils import escape

from lxml import etree

from connectors.errors import Refused
from connectors.suppliers.cxml.documents import Element
from connectors.suppliers.cxml.payload_ids import payload_id
from connectors.suppliers.cxml.profile import Credential, CxmlPartner, Site
from connectors.suppliers.interface import Cancel, Change, Envelope, OrderLine, Place, Request, WireIds
from domain.values import CURRENCY_DIGITS, round_money

CONTENT_TYPE = "text/xml; charset=utf-8"

_HELD = b"<SharedSecret>put-in-when-it-is-sent</SharedSecret>"
"""No text can contain this: a < in a text is written as an entity."""

_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, 2.2: what is no Char."""


def order_document(request: Request, ids: WireIds, partner: CxmlPartner) -> Envelope:
    """Write a request.

    Raises:
        Refused: something in it cannot be written, or an update or withdrawal comes without the whole order.
    """
    order: Place | None
    match request:
        case Place():
            kind, cxml_type, revision, order = "place", "new", 0, request
        case Change():
            kind, cxml_type, revision, order = "change", "update", request.revision, _as_changed(request)
        case Cancel():
            kind, cxml_type, revision, order = "cancel", "delete", request.revision, request.order
    if order is None:
        raise Refused(f"cXML restates the whole order, and this {kind} of {request.po_number} comes without it")
    root = start(payload_id(_name(order.po_number, "the order number"), revision, partner.payload_domain), ids, partner)
    _header(root, partner)
    asked = add(root, "Request", deploymentMode=partner.deployment_mode)
    body = add(asked, "OrderRequest")
    head = add(
        body,
        "OrderRequestHeader",
        orderID=order.po_number,
        orderDate=_noon(order.ordered_on),
        type=cxml_type,
        orderVersion=str(revision + 1),
    )
    lines = _checked(order.lines)
    _money(add(head, "Total"), _total(lines, order.currency), order.currency)
    if partner.ship_to:
        _site(add(head, "ShipTo"), partner.ship_to, partner.language)
    _site(add(head, "BillTo"), partner.bill_to, partner.language)
    if isinstance(request, Cancel) and request.reason:
        add(head, "Comments", said(request.reason), **in_language(partner.language))
    if revision:
        add(head, "DocumentReference", payloadID=payload_id(order.po_number, revision - 1, partner.payload_domain))
    if order.terms:
        add(head, "Extrinsic", said(order.terms), name="PaymentTerms")
    for line in lines:
        _item(body, line, order.currency, partner)
    return Envelope(
        operation_id=ids.operation_id,
        po_number=request.po_number,
        kind=kind,
        revision=revision,
        content_type=CONTENT_TYPE,
        body=written(root, partner),
    )


def profile_request(ids: WireIds, partner: CxmlPartner) -> bytes:
    """The question which requests a partner takes: cXML's way to try a connection and change nothing."""
    root = start(f"{ids.operation_id}@{partner.payload_domain}", ids, partner)
    _header(root, partner)
    add(add(root, "Request", deploymentMode=partner.deployment_mode), "ProfileRequest")
    return written(root, partner)


def start(payload: str, ids: WireIds, partner: CxmlPartner) -> Element:
    """The root of a document of ours."""
    return _with(
        etree.Element("cXML"), payloadID=payload, timestamp=instant(ids.written_at), **in_language(partner.language)
    )


def written(root: Element, partner: CxmlPartner) -> bytes:
    """The bytes of a document, the same for the same document anywhere."""
    doctype = f'<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/{partner.version}/cXML.dtd">'
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, doctype=doctype, pretty_print=True)


def with_secret(body: bytes, partner: CxmlPartner) -> bytes:
    """The copy that is sent. Raises: Refused (these bytes have no place for the secret, so they are not ours)."""
    if body.count(_HELD) != 1:
        raise Refused("the stored document has no place for the shared secret; it was not written by this connector")
    secret = escape(partner.outbound_secret.get_secret_value()).encode()
    return body.replace(_HELD, b"<SharedSecret>" + secret + b"</SharedSecret>")


def said(words: str) -> str:
    """Words for people: what XML cannot carry becomes a blank."""
    return _UNWRITABLE.sub(" ", words)


def instant(at: datetime) -> str:
    """An instant as cXML writes it, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _noon(day: date) -> str:
    """A day, where cXML wants an instant: noon in UTC is the same day from Alaska to New Zealand."""
    return f"{day.isoformat()}T12:00:00+00:00"


def _as_changed(change: Change) -> Place | None:
    """The order without the lines that are taken off. Raises: Refused (the two differ, or nothing is left)."""
    if change.order is None:
        return None
    standing = {line.line_no: line.quantity for line in change.order.lines}
    for line in change.lines:
        if standing.get(line.line_no, 0) != line.quantity:
            raise Refused(
                f"line {line.line_no} of {change.po_number}: the change asks for {line.quantity}, and the order as "
                f"changed has {standing.get(line.line_no, 0)}"
            )
    left = tuple(line for line in change.order.lines if line.quantity)
    if not left:
        raise Refused(f"nothing is left of {change.po_number}: cancel it as a whole")
    return change.order.model_copy(update={"lines": left})


def _checked(lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
    if not lines:
        raise Refused("an order without lines cannot be written")
    seen: set[int] = set()
    for line in lines:
        where = f"line {line.line_no}"
        if line.line_no < 1 or line.line_no in seen:
            raise Refused(f"{where}: its number must be above 0 and used once")
        seen.add(line.line_no)
        if line.quantity < 1:
            raise Refused(f"{where}: a quantity of {line.quantity} cannot be ordered")
        if not line.unit_price.is_finite() or line.unit_price < 0:
            raise Refused(f"{where}: a unit price of {line.unit_price} cannot be written")
        _name(line.supplier_sku, f"{where}: the supplier's item number")
        _name(line.sku, f"{where}: our item number")
    return lines


def _name(value: str, where: str) -> str:
    """Names are not mended: another name is another thing."""
    if not value.strip() or value != value.strip() or not value.isprintable() or _UNWRITABLE.search(value):
        raise Refused(f"{where} {value!r} is empty, or holds blanks or characters that a name in XML cannot")
    return value


def _total(lines: Iterable[OrderLine], currency: str) -> Decimal:
    exact = sum((line.quantity * line.unit_price for line in lines), start=Decimal(0))
    return round_money(exact, currency) if currency in CURRENCY_DIGITS else exact


def _header(root: Element, partner: CxmlPartner) -> None:
    header = add(root, "Header")
    _credential(add(header, "From"), partner.ours)
    _credential(add(header, "To"), partner.theirs)
    sender = add(header, "Sender")
    credential = _credential(sender, partner.our_sender or partner.ours)
    credential.append(etree.fromstring(_HELD))
    add(sender, "UserAgent", partner.user_agent)


def _credential(parent: Element, who: Credential) -> Element:
    credential = add(parent, "Credential", domain=who.domain)
    add(credential, "Identity", who.identity)
    return credential


def _site(parent: Element, site: Site, language: str) -> None:
    attributes = {"isoCountryCode": site.country} | ({"addressID": site.address_id} if site.address_id else {})
    address = add(parent, "Address", **attributes)
    add(address, "Name", site.name, **in_language(language))
    postal = add(address, "PostalAddress")
    for person in site.deliver_to:
        add(postal, "DeliverTo", person)
    for street in site.street:
        add(postal, "Street", street)
    add(postal, "City", site.city)
    if site.state:
        add(postal, "State", site.state)
    if site.postal_code:
        add(postal, "PostalCode", site.postal_code)
    add(postal, "Country", site.country, isoCountryCode=site.country)


def _item(parent: Element, line: OrderLine, currency: str, partner: CxmlPartner) -> None:
    attributes = {"quantity": str(line.quantity), "lineNumber": str(line.line_no)}
    if line.wanted_on:
        attributes["requestedDeliveryDate"] = _noon(line.wanted_on)
    item = add(parent, "ItemOut", **attributes)
    item_id = add(item, "ItemID")
    add(item_id, "SupplierPartID", line.supplier_sku)
    add(item_id, "BuyerPartID", line.sku)
    detail = add(item, "ItemDetail")
    _money(add(detail, "UnitPrice"), line.unit_price, currency)
    add(detail, "Description", said(line.description), **in_language(partner.language))
    add(detail, "UnitOfMeasure", partner.unit_of_measure)
    add(detail, "Classification", partner.classification, domain=partner.classification_domain)


def _money(parent: Element, amount: Decimal, currency: str) -> None:
    add(parent, "Money", format(amount, "f"), currency=_name(currency, "the currency"))


def in_language(language: str) -> dict[str, str]:
    return {"{http://www.w3.org/XML/1998/namespace}lang": language}


def add(parent: Element, tag: str, words: str | None = None, /, **attributes: str) -> Element:
    """Write an element at the end of another."""
    element = _with(etree.SubElement(parent, tag), **attributes)
    element.text = words
    return element


def _with(element: Element, **attributes: str) -> Element:
    for key, value in attributes.items():
        element.set(key, value)
    return element
