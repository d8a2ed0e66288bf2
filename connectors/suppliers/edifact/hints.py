"""Messages that move nothing: invoices, stock and status reports, and whatever else a partner sends."""

from connectors.suppliers.edifact.lines import reference
from connectors.suppliers.edifact.syntax import Body, Segment
from connectors.suppliers.edifact.values import free_text, name
from connectors.suppliers.issues import Issues
from connectors.words import ASTRAY, plain_words
from domain.supplier_events import Hint, SupplierEvent, Unmatched

_WHAT = {
    "INVOIC": "an invoice",
    "INVRPT": "a report of stock",
    "OSTRPT": "a report on the order's status",
    "RECADV": "a receiving advice",
    "PRICAT": "a price list",
    "SLSRPT": "a report of sales",
}
_ORDERS_US = frozenset({"ORDERS", "ORDCHG"})
_TOTALS = ("77", "9", "139", "86", "39")
"""MOA 5025 of what an invoice comes to, the first that it has."""

_LINES_TOLD = 5


def read_hint(kind: str, segments: Body, issues: Issues) -> list[SupplierEvent]:
    """What a message says that is not acted upon."""
    bgm = next((segment for segment in segments if segment.tag == "BGM"), Segment("BGM", []))
    number = name(reference(segments, "ON"), "our order number", issues)
    said = f"{kind or 'a message without a type'} {bgm.part(2)}".strip()
    if kind == "APERAK":
        what = f"{said}: their system reports an error. {free_text(segments)}"
        return [Unmatched(po_number=number or None, what=plain_words(what))]
    if kind in _ORDERS_US:
        return [Unmatched(what=plain_words(f"{said} {ASTRAY}"))]
    known = _WHAT.get(kind)
    if known is None:
        issues.add(f"messages of type {kind or 'none'} are not read")
        return [Hint(po_number=number or None, what=plain_words(f"sent {said}, which is not read"))]
    details = "; ".join(filter(None, (_total(segments), *_status(segments), free_text(segments))))
    return [Hint(po_number=number or None, what=plain_words(f"sent {known} ({said}). {details}"))]


def _total(segments: Body) -> str:
    amounts = {one.part(1): one.part(1, 2) for one in segments if one.tag == "MOA"}
    currency = next((one.part(1, 2) for one in segments if one.tag == "CUX"), "")
    total = next((amounts[code] for code in _TOTALS if code in amounts), "")
    return f"{total} {currency}".strip()


def _status(segments: Body) -> list[str]:
    """Of the first lines: the item, its quantities and its status (STS or QVR)."""
    told: list[str] = []
    for segment in segments:
        if segment.tag == "LIN":
            if len(told) == _LINES_TOLD:
                break
            told.append(f"line {segment.part(1) or '?'} {segment.part(3)}".strip())
        elif told and segment.tag in {"QTY", "QVR", "STS"}:
            told[-1] += f" {segment.tag} {':'.join(part for element in segment.elements for part in element if part)}"
    return told
