"""The envelope: interchanges with their messages, and what is wrong with counts and references around them."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from connectors.errors import Undecodable
from connectors.suppliers.edifact.syntax import Body, Segment, read_segments
from connectors.suppliers.issues import Issues
from connectors.words import LONGEST_NAME, plain_words

MOST_MESSAGES = 1000
"""Of one document; more is not read."""


class Party(NamedTuple):
    """Sender or recipient in UNB: an identification and its qualifier."""

    id: str
    qualifier: str


class Message(NamedTuple):
    """What stands between UNH and UNT."""

    reference: str
    """UNH 0062."""
    kind: str
    """Such as ORDRSP (S009, 0065)."""
    version: tuple[str, ...]
    """Version, release and agency as UNH has them, such as D, 96A, UN."""
    segments: Body


class Interchange(NamedTuple):
    """One UNB to UNZ."""

    sender: Party
    recipient: Party
    prepared: str
    """Date and time as UNB has them."""
    reference: str
    """UNB 0020."""
    asks_acknowledgement: bool
    test: bool
    messages: list[Message]


def read_interchanges(body: bytes, issues: Issues) -> list[Interchange]:
    """Everything in a document, mostly one interchange of one message.

    Raises:
        Undecodable: it is no EDIFACT, or holds no message.
    """
    found: list[Interchange] = []
    segments, ends = read_segments(body, issues)
    if not ends:
        issues.add("the last segment does not end: the document may be cut off")
    starts = [n for n, tag in enumerate(segments.tags) if tag == "UNB"]
    if len(starts) > 1:
        issues.add(f"the document holds {len(starts)} interchanges; all are read")
    for start, end in zip(starts, [*starts[1:], len(segments)], strict=True):
        found.append(_interchange(segments[start], segments.part(start + 1, end), issues))
    messages = sum(len(interchange.messages) for interchange in found)
    if not messages:
        raise Undecodable("the interchange holds no message (no UNH)")
    if not ends and "UNH" in takewhile(lambda tag: tag != "UNT", reversed(segments.tags)):
        raise Undecodable("the document is cut off within a message; ask for it again")
    if messages > MOST_MESSAGES:
        raise Undecodable(f"the document holds more than {MOST_MESSAGES} messages")
    return found


def first_header(body: bytes) -> Interchange:
    """The first UNB of a document, for a word about a document that cannot be read otherwise. Raises: Undecodable."""
    segments = read_segments(body, Issues()).segments
    return _interchange(segments[0], segments.part(0, 0), Issues())


def dedupe_key(interchanges: Sequence[Interchange], body: bytes, issues: Issues) -> str:
    """The same for every delivery: sender, date, time and reference of UNB, references and content of the messages.

    Date and time belong to it since there are senders who begin to count anew each day, and the content since others
    count every interchange as number 1, and send several in a minute.
    """
    if not any(interchange.reference for interchange in interchanges):
        issues.add("UNB has no reference: the document is recognised by its bytes only")
        return f"sha256/{hashlib.sha256(body).hexdigest()}"
    parts = [
        "/".join((*one.sender, one.prepared, one.reference, *(message.reference for message in one.messages)))
        for one in interchanges
    ]
    messages = [(one.kind, one.version, one.segments.text) for each in interchanges for one in each.messages]
    said = hashlib.sha256(repr(messages).encode(errors="replace"))
    key = f"{'|'.join(parts)}/{said.hexdigest()[:16]}"
    if len(key) <= LONGEST_NAME and key.isprintable():
        return key
    return f"{plain_words(key)[:100]}/{hashlib.sha256(key.encode()).hexdigest()}"


def _interchange(unb: Segment, segments: Body, issues: Issues) -> Interchange:
    reference = unb.part(5)
    messages = list(_messages(segments, issues))
    if "UNZ" not in segments.tags:
        issues.add("the interchange has no UNZ: it may be cut off")
    else:
        trailer, groups = segments[segments.tags.index("UNZ")], segments.tags.count("UNG")
        _check_count(trailer, groups or len(messages), "groups" if groups else "messages", issues)
        _check_reference(trailer, reference, "UNB", issues)
    return Interchange(
        sender=Party(unb.part(2), unb.part(2, 2)),
        recipient=Party(unb.part(3), unb.part(3, 2)),
        prepared=f"{unb.part(4)}:{unb.part(4, 2)}",
        reference=reference,
        asks_acknowledgement=unb.part(9) == "1",
        test=unb.part(11) == "1",
        messages=messages,
    )


def _messages(segments: Body, issues: Issues) -> Iterator[Message]:
    header: Segment | None = None
    group: Segment | None = None
    inside: list[int] = []
    in_group = 0
    for n, tag in enumerate(segments.tags):
        match tag:
            case "UNH":
                if header is not None:
                    issues.add(f"message {header.part(1)} has no UNT")
                    yield _message(header, segments.only(inside), issues)
                header, inside = segments[n], []
                in_group += 1
            case "UNT":
                if header is None:
                    issues.add("a UNT stands outside a message")
                    continue
                _check_count(segments[n], len(inside) + 2, "segments", issues)
                _check_reference(segments[n], header.part(1), "UNH", issues)
                yield _message(header, segments.only(inside), issues)
                header = None
            case "UNG":
                group, in_group = segments[n], 0
            case "UNE":
                _check_count(segments[n], in_group, "messages", issues)
                if group is not None:
                    _check_reference(segments[n], group.part(5), "UNG", issues)
            case "UNZ":
                pass
            case _ if header is not None:
                inside.append(n)
            case _:
                issues.add(f"a segment {tag[:10]!r} stands outside a message")
    if header is not None:
        issues.add(f"message {header.part(1)} has no UNT: it may be cut off")
        yield _message(header, segments.only(inside), issues)


def _message(header: Segment, inside: Body, issues: Issues) -> Message:
    kind = header.part(2).upper()
    if not kind:
        issues.add("a message does not say of which type it is (UNH)")
    return Message(
        reference=header.part(1),
        kind=kind,
        version=(header.part(2, 2), header.part(2, 3), header.part(2, 4)),
        segments=inside,
    )


def _check_count(trailer: Segment, counted: int, of_what: str, issues: Issues) -> None:
    said = trailer.part(1)
    if said.lstrip("0") != str(counted):
        issues.add(f"{trailer.tag} says {said or 'nothing'}, and there are {counted} {of_what}")


def _check_reference(trailer: Segment, reference: str, header: str, issues: Issues) -> None:
    if trailer.part(2) != reference:
        issues.add(f"{trailer.tag} ends {trailer.part(2) or 'nothing'}, and {header} began {reference or 'nothing'}")
