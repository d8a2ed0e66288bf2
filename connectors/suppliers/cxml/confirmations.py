"""ConfirmationRequest: the business answer to an order, or to an update or a delete.

`ConfirmationHeader/@type` speaks for the whole order, `ConfirmationStatus/@type` for a part of a line, which is why a
line's answer is a list. How each is read, by the DTD's own words:

    accept              as ordered; items may add dates
    detail, allDetail   only the items named are answered, as their parts say
    except              as ordered, except for the items named
    backordered         every item named is backordered; without items nobody learns of what and until when: an incident
    reject              the whole order is refused; of a revision, what the profile says
    replace             the supplier writes an order of its own: an incident
    requestToPay        about money only: a hint

A document that names a revision of ours answers that change; one that names only the order answers the order. A later
document about the same lines replaces an earlier one (`operation` update), which the ledger does by itself.
"""

from connectors.suppliers.cxml.confirmed_lines import ConfirmedLines
from connectors.suppliers.cxml.documents import Element, attribute, child, children, text
from connectors.suppliers.cxml.payload_ids import Referred
from connectors.suppliers.cxml.profile import CxmlPartner, RevisionRejected
from connectors.suppliers.cxml.references import nameless, order_meant
from connectors.suppliers.issues import Issues
from connectors.suppliers.plain_values import name
from connectors.words import plain_words
from domain.supplier_events import ChangeAck, ChangeVerdict, Hint, OrderAck, SupplierEvent, Unmatched

_IN_DETAIL = frozenset({"detail", "alldetail", "except", "change"})
"""Types that are read by their items. `change` is what some buyers' systems ask suppliers to write."""

_REJECTED = {
    RevisionRejected.REFUSED: ChangeVerdict.REFUSED,
    RevisionRejected.CANCELLED: ChangeVerdict.ACCEPTED,
    RevisionRejected.UNCLEAR: ChangeVerdict.UNCLEAR,
}


def confirmation_events(request: Element, partner: CxmlPartner, issues: Issues) -> tuple[SupplierEvent, ...]:
    """What a ConfirmationRequest says."""
    header = child(request, "ConfirmationHeader")
    meant = order_meant(request, partner, issues)
    if meant is None:
        return (nameless("an order confirmation"),)
    kind = attribute(header, "type").casefold()
    reason = plain_words(" ".join(text(words) for words in children(header, "Comments")))
    operation = attribute(header, "operation").casefold()
    if operation == "delete":
        return (_ask(meant, "takes back its confirmation, which cXML does not know. Ask them what holds now."),)
    if operation not in {"", "new", "update"}:
        issues.add(f"ConfirmationHeader/@operation {operation!r} is not known; it is read as new")
    for which in ("shipmentDate", "deliveryDate"):
        if said := attribute(header, which):
            issues.add(
                f"ConfirmationHeader/@{which} {said!r} is left out: cXML dates parts of lines (ConfirmationStatus)"
            )
    if kind == "requesttopay":
        return (Hint(po_number=meant.po_number, what="The supplier asks to be paid for this order."),)
    if kind == "replace":
        return (_ask(meant, "answers with an order of its own in place of ours. Look at it, and agree with them."),)
    items = list(children(request, "ConfirmationItem"))
    if kind not in {"accept", "reject", "backordered", *_IN_DETAIL}:
        if not items:
            return (_ask(meant, f"sent a confirmation of the unknown type {kind!r}. Ask them what they mean."),)
        issues.add(f"ConfirmationHeader/@type {kind!r} is not known; its items are read as a detail")
    if kind == "reject" and items:
        issues.add("a confirmation of type reject has items; by the DTD it has none, and they are not read")
    reading = ConfirmedLines(kind, partner, issues)
    lines = () if kind == "reject" else reading.read(items)
    incidents = tuple(_ask(meant, f"{what}. Ask them what they mean.") for what in reading.unclear)
    if not lines and (incidents or kind not in {"accept", "reject"}):
        said = "backorders the order as a whole" if kind == "backordered" else "confirms in detail"
        return incidents or (_ask(meant, f"{said}, and names no line. Ask them what comes when."),)
    ack = OrderAck(
        po_number=meant.po_number,
        revision=meant.revision,
        accepted=kind != "reject",
        supplier_order_no=_supplier_order_no(header),
        lines=lines,
        reason=reason,
    )
    return (*(_of_revision(ack, kind, partner) if meant.revision else (ack,)), *incidents)


def _of_revision(ack: OrderAck, kind: str, partner: CxmlPartner) -> tuple[SupplierEvent, ...]:
    """The verdict; then, since that carries no dates, the lines as an answer to the order as it stands from now on."""
    verdict = {"accept": ChangeVerdict.ACCEPTED, "reject": _REJECTED[partner.rejected_revision]}.get(
        kind, ChangeVerdict.PARTLY
    )
    change = ChangeAck(
        po_number=ack.po_number,
        revision=ack.revision,
        verdict=verdict,
        lines=ack.lines if verdict is ChangeVerdict.PARTLY else (),
        reason=ack.reason or ("rejected" if kind == "reject" else ""),
    )
    return (change, ack) if ack.lines else (change,)


def _supplier_order_no(header: Element | None) -> str | None:
    """The supplier's own number of the order, where networks put it. `confirmID` is the number of something else."""
    for reference in children(header, "IdReference"):
        if attribute(reference, "domain").casefold() in {"supplierorderid", "supplierreference"}:
            return name(attribute(reference, "identifier"))
    for extrinsic in children(header, "Extrinsic"):
        if attribute(extrinsic, "name").casefold() in {"supplierorderid", "supplierordernumber"}:
            return name(text(extrinsic))
    return None


def _ask(meant: Referred, what: str) -> Unmatched:
    return Unmatched(po_number=meant.po_number, what=plain_words(f"{meant.po_number}: the supplier {what}"))
