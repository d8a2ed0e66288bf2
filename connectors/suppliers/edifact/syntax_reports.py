"""CONTRL: whether an interchange could be read, said by them of ours and by us of theirs. Never that it is agreed to.

Ours is found again by the reference in UCI, which is the document's control number.
"""

from collections.abc import Iterator, Sequence

from connectors.suppliers.edifact.interchange import Interchange, Message
from connectors.suppliers.edifact.syntax import Body, written
from connectors.suppliers.issues import Issues
from connectors.words import plain_words
from domain.supplier_events import SupplierEvent, SyntaxAck, Unmatched

REJECTED = "4"
ACKNOWLEDGED = "7"
RECEIVED = "8"
"""0083: with all below it rejected; read; arrived."""

UNSPECIFIED = "18"
"""0085: an error without a code of its own."""

_CAME_TWICE = "26"
"""0085: the same bytes again, after an unknown outcome. They have the first."""

_LARGEST_CONTROL_NUMBER = 2**31 - 1

_ERRORS = {
    "2": "they do not take this syntax version",
    "7": "they are not the recipient it names",
    "12": "a value is not valid",
    "13": "something required is missing",
    "14": "a value is not taken at that place",
    "15": "something stands where they do not take it",
    "16": "there are too many elements",
    "17": "there is no agreement with us",
    "18": "an error without a code",
    "21": "it holds characters that are not taken",
    "23": "they do not know us as a sender",
    "24": "it is too old",
    "25": "they take no tests",
    "26": "it came twice",
    "28": "references of header and trailer differ",
    "29": "a count is wrong",
    "35": "something is repeated too often",
    "37": "characters of a wrong type",
    "39": "a value is too long",
    "40": "a value is too short",
}
"""Of 0085, those that are met."""


def read_report(segments: Body, issues: Issues) -> list[SupplierEvent]:
    """The events of one CONTRL."""
    uci = next((segment for segment in segments if segment.tag == "UCI"), None)
    reference = uci.part(1) if uci else ""
    if uci is None or not _is_control_number(reference):
        return [
            Unmatched(what=plain_words(f"A CONTRL speaks of interchange {reference or 'none'}, which is not ours."))
        ]
    verdicts = [segment.part(4 if segment.tag == "UCI" else 3) for segment in segments if segment.tag in {"UCI", "UCM"}]
    if unknown := [verdict for verdict in verdicts if verdict not in {REJECTED, ACKNOWLEDGED, RECEIVED}]:
        issues.add(f"the CONTRL has action {unknown[0] or 'none'}; it is taken for a refusal")
    errors = list(_errors(segments))
    accepted = all(verdict in {ACKNOWLEDGED, RECEIVED} for verdict in verdicts)
    told = "; ".join(f"{place}: {_ERRORS.get(code, f'error {code}')}" for place, code in errors)
    reason = "" if accepted else plain_words(told or "no reason is given")
    twice = bool(errors) and all(code == _CAME_TWICE for _, code in errors)
    return [SyntaxAck(control_number=int(reference), accepted=accepted or twice, reason=reason)]


def _is_control_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 14 and int(text) <= _LARGEST_CONTROL_NUMBER


def _errors(segments: Body) -> Iterator[tuple[str, str]]:
    """Each error code, after the place that it is named for, in words."""
    places = {"UCI": (5, "the interchange"), "UCM": (4, "the message"), "UCS": (2, "segment "), "UCD": (1, "element ")}
    for segment in segments:
        if segment.tag not in places:
            continue
        position, place = places[segment.tag]
        if segment.tag == "UCS":
            place += segment.part(1)
        if segment.tag == "UCD":
            place += ".".join(filter(None, (segment.part(2), segment.part(2, 2))))
        if code := segment.part(position):
            yield place, code


def report(reference: str, version: str, theirs: Interchange, *, read: bool) -> list[str]:
    """One CONTRL message, as segments, for one interchange of theirs.

    Args:
        reference: of the message within our interchange.
        version: of the CONTRL, as the profile has it.
        theirs: what it is about.
        read: whether it could be read.
    """
    sender = tuple(theirs.sender)
    recipient = tuple(theirs.recipient)
    verdict = (ACKNOWLEDGED,) if read else (REJECTED, UNSPECIFIED)
    return [
        written("UNH", reference, ("CONTRL", *version.split(":"))),
        written("UCI", theirs.reference, sender, recipient, *verdict),
        written("UNT", "3", reference),
    ]


def only_reports(messages: Sequence[Message]) -> bool:
    """Whether nothing but CONTRL is in it: that is never acknowledged, or two machines would thank for ever."""
    return bool(messages) and all(message.kind == "CONTRL" for message in messages)
