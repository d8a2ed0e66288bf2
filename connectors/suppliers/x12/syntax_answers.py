"""Whether a partner could read what we sent: 997 and 999 by group, TA1 by interchange.

Each of our interchanges holds one group with one set, and all are numbered alike (`wire.wire_number`), so that the
group's number of a 997 and the interchange's number of a TA1 both name the document. A TA1 that accepts an envelope
says nothing of what is in it; it counts only where the partner sends no 997.
"""

from collections.abc import Iterable

from connectors.suppliers.x12.reading import Reading, Unreadable
from connectors.suppliers.x12.syntax import Segment
from connectors.words import plain_words
from domain.supplier_events import Hint, SupplierEvent, SyntaxAck

_SET_FAULTS = {
    "1": "this kind of set is not taken",
    "2": "it has no trailer (SE)",
    "3": "header and trailer have different control numbers",
    "4": "its number of segments is wrong",
    "5": "segments in it are wrong",
    "6": "the kind of set is wrong",
    "7": "its control number is wrong",
    "23": "its control number was used before",
}
"""AK502."""

_NOTES = {
    "001": "header and trailer have different control numbers",
    "002": "this standard is not taken",
    "003": "this version is not taken",
    "004": "the segment terminator is wrong",
    "005": "our qualifier is wrong",
    "006": "our identifier is not known",
    "007": "the partner's qualifier is wrong",
    "008": "the partner's identifier is wrong",
    "009": "the receiver is not known",
    "018": "the control number is wrong",
    "020": "the usage mark is wrong",
    "021": "the number of groups is wrong",
    "022": "the structure is wrong",
    "023": "it ends too early",
    "025": "this control number was used before",
}
"""TA105."""

_DUPLICATE = "025"
_DUPLICATE_SET = "23"
"""TA105, AK502: the same bytes again, after an unknown outcome. The partner has the first."""

_REFUSING = frozenset({"R", "M", "W", "X"})
"""AK501, AK901: rejected, and rejected for security reasons."""

MOST_FAULTS = 5


def functional(reading: Reading) -> list[SupplierEvent]:
    """A 997 or 999. Raises: Unreadable."""
    ak1 = reading.first("AK1")
    if ak1.at(1) == "FA":
        return []  # nobody owes an acknowledgement for an acknowledgement
    verdicts = [segment for segment in reading.body if segment.tag in {"AK5", "IK5"}]
    codes = [verdict.at(1) for verdict in verdicts]
    codes = codes or [segment.at(1) for segment in reading.body if segment.tag == "AK9"]
    if not codes or not all(codes):
        raise Unreadable(f"it does not say whether group {ak1.at(2)[:20]} could be read: ask for it again")
    faults = {code for verdict in verdicts for code in map(verdict.at, range(2, 7)) if code}
    refused = any(code in _REFUSING for code in codes) and faults != {_DUPLICATE_SET}
    reason = plain_words("; ".join(list(_faults(reading.body))[:MOST_FAULTS]))
    return [SyntaxAck(control_number=_number(ak1.at(2)), accepted=not refused, reason=reason)]


def of_interchange(reading: Reading, ta1: Segment) -> SupplierEvent:
    """A TA1. Raises: Unreadable."""
    number, verdict, note = _number(ta1.at(1)), ta1.at(4), ta1.at(5)
    reason = "" if note in {"", "000"} else _NOTES.get(note, f"note {note[:10]}")
    if verdict == "R" and note == _DUPLICATE:
        verdict = "E"
    if verdict == "R":
        return SyntaxAck(control_number=number, accepted=False, reason=plain_words(reason or "the envelope is wrong"))
    if verdict not in {"A", "E"}:
        raise Unreadable(f"TA1 says {verdict[:10]!r} of interchange {number}: ask whether they could read it")
    if reading.partner.sends_997:
        return Hint(what=plain_words(f"interchange {number} arrived{f', but {reason}' if reason else ''}"))
    return SyntaxAck(control_number=number, accepted=True, reason=plain_words(reason))


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Unreadable(f"it names no control number of ours ({text[:20]!r})")
    return int(text)


def _faults(body: Iterable[Segment]) -> Iterable[str]:
    where = ""
    for segment in body:
        match segment.tag:
            case "AK3" | "IK3":
                where = f"{segment.at(1)} at segment {segment.at(2)}"
                if segment.at(4) not in {"", "8"}:
                    yield f"{where}: code {segment.at(4)}"
            case "AK4" | "IK4":
                yield f"{where}, element {segment.at(1)}: code {segment.at(3)} {segment.at(4)}".rstrip()
            case "AK5" | "IK5":
                yield from (_SET_FAULTS.get(code, f"code {code}") for code in map(segment.at, range(2, 7)) if code)
            case _:
                pass
