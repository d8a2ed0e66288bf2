"""Which order, and which line of it, a partner's document speaks of."""

from connectors.errors import Undecodable
from connectors.suppliers.cxml.documents import Element, attribute, child, children, local_name, text
from connectors.suppliers.cxml.payload_ids import Referred, referred
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.issues import Issues
from connectors.suppliers.plain_values import line_number, name
from connectors.words import plain_words
from domain.supplier_events import LineRef, Unmatched


def order_meant(parent: Element, partner: CxmlPartner, issues: Issues) -> Referred | None:
    """The order of an `OrderReference` (orderID) or the document of ours it names (DocumentReference/@payloadID).

    None: neither names an order that could be ours. The revision is 0 where only the order is named.

    Raises:
        Undecodable: several orders are named, so that nobody can tell which of them the lines belong to.
    """
    references = [*children(parent, "OrderReference"), *children(parent, "OrderIDInfo")]
    meant = [found for reference in references if (found := _named(reference, partner, issues))]
    orders = sorted({one.po_number for one in meant})
    if len(orders) > 1:
        what = f"{local_name(parent)} names {len(orders)} orders, and cXML has one in each. Ask for one for each of "
        raise Undecodable(plain_words(what + ", ".join(orders)))
    return meant[0] if meant else None


def _named(reference: Element, partner: CxmlPartner, issues: Issues) -> Referred | None:
    order_id = name(attribute(reference, "orderID"))
    document = referred(attribute(child(reference, "DocumentReference"), "payloadID"), partner.payload_domain)
    if order_id and document and document.po_number != order_id:
        issues.add(f"orderID says {order_id}, and payloadID says {document.po_number}: orderID is taken")
        return Referred(order_id, 0)
    return document or (Referred(order_id, 0) if order_id else None)


def line_meant(item: Element, item_id: Element | None) -> LineRef | None:
    """The line that an item names, by `@lineNumber` and by `ItemID`; None when it names none."""
    ref = LineRef(
        line_no=line_number(attribute(item, "lineNumber")),
        sku=name(text(child(item_id, "BuyerPartID"))),
        supplier_sku=name(text(child(item_id, "SupplierPartID"))),
    )
    return None if ref == LineRef() else ref


def nameless(what: str) -> Unmatched:
    """The incident of a document that names no order of ours."""
    return Unmatched(what=f"The supplier sent {what} that names no order of ours. Ask them which one it is about.")
