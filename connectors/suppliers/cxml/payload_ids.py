"""Our payloadIDs: `PO-1.2@shop.example` is revision 2 of order PO-1, in every resend, and for ever.

A payloadID is what a partner knows a repeat by, so it is made of what an operation's id is made of: order and revision.
An update can therefore name the document before it (DocumentReference: "the most recent OrderRequest document for the
order") without remembering it, and a partner's reference tells which revision it answers.
"""

import re
from typing import NamedTuple

from connectors.suppliers.plain_values import name
from connectors.words import LONGEST_NAME

_OURS = re.compile(r"(.+)\.([0-9]{1,9})@([^@]+)", re.DOTALL)


class Referred(NamedTuple):
    """The document of ours that a payloadID names."""

    po_number: str
    revision: int


def payload_id(po_number: str, revision: int, domain: str) -> str:
    """The payloadID of one OrderRequest."""
    return f"{po_number}.{revision}@{domain}"


def referred(text: str | None, domain: str) -> Referred | None:
    """Which document of ours is named; None when none is."""
    kept = (text or "").strip()
    found = _OURS.fullmatch(kept) if len(kept) <= 2 * LONGEST_NAME else None
    if not found or found[3].casefold() != domain.casefold():
        return None
    po_number = name(found[1])
    return Referred(po_number, int(found[2])) if po_number else None
