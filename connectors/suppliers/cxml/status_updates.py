"""StatusUpdateRequest: what became of a document of ours on its way, most often told by a network in between.

It answers no order. A 2xx is a hint; a 4xx or 5xx means that the supplier may never have seen the document, although
the network took it from us: an incident.
"""

from connectors.suppliers.cxml.documents import Element, attribute, child, text
from connectors.suppliers.cxml.payload_ids import referred
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.issues import Issues
from connectors.words import plain_words
from domain.supplier_events import Hint, SupplierEvent, Unmatched


def status_update_events(request: Element, partner: CxmlPartner, issues: Issues) -> tuple[SupplierEvent, ...]:
    """What a StatusUpdateRequest says."""
    named = attribute(child(request, "DocumentReference"), "payloadID")
    meant = referred(named, partner.payload_domain)
    po_number = meant.po_number if meant else None
    status = child(request, "Status")
    code = attribute(status, "code")
    words = " ".join(filter(None, (code, attribute(status, "text"), text(status))))
    which = f"revision {meant.revision} of {po_number}" if meant else f"a document that is not ours ({named!r})"
    if code.startswith("2"):
        return (Hint(po_number=po_number, what=plain_words(f"Status of {which}: {words}")),)
    if not code.startswith(("1", "3", "4", "5")):
        issues.add(f"Status/@code {code!r} is not known")
    asked = f"Status of {which}: {words}. Ask the supplier whether they have it."
    return (Unmatched(po_number=po_number, what=plain_words(asked)),)
