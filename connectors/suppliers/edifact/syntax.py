"""Segments (ISO 9735): bytes cut into tags, elements and components, whatever was done to them; and segments written.

Read without complaint: UNA or none, level B separators, line breaks and blanks between segments. Read with an issue: a
byte-order mark, lines wrapped inside segments, a missing terminator, a wrongly declared character set.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from connectors.errors import Undecodable
from connectors.suppliers.edifact.charset import read_text
from connectors.suppliers.issues import Issues

LARGEST_MESSAGE = 10_000_000
"""Bytes of a document; more is not read. An ORDRSP of 10,000 lines has about two million."""

MOST_SEGMENTS = 200_000
"""Of one document; more is not read."""

_BREAKS = re.compile(r"[\r\n]+")


class Delimiters(NamedTuple):
    """The service characters, as UNA gives them in this order; these are those of documents without UNA."""

    component: str = ":"
    element: str = "+"
    decimal: str = "."
    release: str = "?"
    terminator: str = "'"


STANDARD = Delimiters()
_LEVEL_B = Delimiters(component="\x1f", element="\x1d", decimal=".", release="", terminator="\x1c")


class Segment(NamedTuple):
    """One segment. Elements are counted from 1, as the directories do."""

    tag: str
    elements: list[list[str]]
    """Each a list of components; the first is the one after the tag."""

    def part(self, element: int, component: int = 1) -> str:
        """A component without blanks around it; empty if it is not there."""
        elements = self.elements
        if element > len(elements) or component > len(components := elements[element - 1]):
            return ""
        return components[component - 1].strip()


class Body:
    """Segments, each cut when it is looked at.

    An answer of 10,000 lines has 60,000 of them, and each is many lists once it is cut. As texts they take little
    memory; and the garbage collector, which goes through such lists again and again, has nothing to do with them.
    """

    __slots__ = ("_delimiters", "_texts", "tags")

    def __init__(self, texts: list[str], delimiters: Delimiters, tags: list[str] | None = None) -> None:
        """Segments uncut, with what separates in them; `tags` is the tag of each, where that is known."""
        self._texts = texts
        self._delimiters = delimiters
        self.tags = list(map(self._tag, texts)) if tags is None else tags

    def __len__(self) -> int:
        """How many there are."""
        return len(self._texts)

    def __iter__(self) -> Iterator[Segment]:
        """One after the other."""
        return map(self._cut, self._texts)

    def __getitem__(self, n: int) -> Segment:
        """That one."""
        return self._cut(self._texts[n])

    @property
    def text(self) -> str:
        """What they say, by which one body is known from another."""
        return "\n".join(self._texts)

    def part(self, start: int, stop: int) -> "Body":
        """Some of them, uncut."""
        return Body(self._texts[start:stop], self._delimiters, self.tags[start:stop])

    def only(self, chosen: Sequence[int]) -> "Body":
        """Those, uncut."""
        return Body([self._texts[n] for n in chosen], self._delimiters, [self.tags[n] for n in chosen])

    def _tag(self, text: str) -> str:
        release = self._delimiters.release
        if release and release in text:
            return self._cut(text).tag
        return text.partition(self._delimiters.element)[0].partition(self._delimiters.component)[0].strip()

    def _cut(self, text: str) -> Segment:
        component, element, _, release, _ = self._delimiters
        if release and release in text:
            elements = [
                [_plain(part, release) for part in _split(whole, component, release)]
                for whole in _split(text, element, release)
            ]
        else:
            elements = [whole.split(component) for whole in text.split(element)]
        return Segment(elements[0][0].strip(), elements[1:])


class Segments(NamedTuple):
    """A document cut into segments, of which the first is UNB."""

    segments: Body
    ends: bool
    """False: the last segment has no terminator."""


def read_segments(body: bytes, issues: Issues) -> Segments:
    """All segments of a document after UNA.

    Raises:
        Undecodable: too large, or no EDIFACT at all.
    """
    if len(body) > LARGEST_MESSAGE:
        raise Undecodable(f"the document is larger than {LARGEST_MESSAGE} bytes")
    text = read_text(body, issues).lstrip()
    delimiters, text = _delimiters(text)
    if not text.startswith("UNB"):
        raise Undecodable("the document does not start with UNA or UNB: it is no EDIFACT interchange")
    if delimiters.terminator not in text and "\n" in text:
        issues.add(f"no segment ends with {delimiters.terminator!r}; each line is taken for one")
        delimiters = delimiters._replace(terminator="\n")
    if text.count(delimiters.terminator) > MOST_SEGMENTS:
        raise Undecodable(f"the document has more than {MOST_SEGMENTS} segments")
    segments = Body(list(_texts(text, delimiters, issues)), delimiters)
    if segments.tags[:1] != ["UNB"]:
        raise Undecodable("the document does not start with a UNB that can be read")
    return Segments(segments, ends=text.rstrip().endswith(delimiters.terminator.strip()))


def _delimiters(text: str) -> tuple[Delimiters, str]:
    """What separates, and the text after it was said. Raises: Undecodable."""
    if text.startswith("UNA"):
        named, rest = text[3:9], text[9:].lstrip()
        if len(named) < 6:
            raise Undecodable("the document ends within its UNA")
        component, element, decimal, release, _, terminator = tuple(named)
        found = Delimiters(component, element, decimal, "" if release == " " else release, terminator)
        marks = [component, element, terminator, *found.release]
        if len(set(marks)) < len(marks) or any(mark.isalnum() or mark == " " for mark in marks):
            raise Undecodable(f"UNA names delimiters that cannot be told apart or from data: {named!r}")
        return found, rest
    return (_LEVEL_B if text.startswith("UNB\x1d") else STANDARD), text


def _texts(text: str, delimiters: Delimiters, issues: Issues) -> Iterator[str]:
    """The text of each segment."""
    release, terminator = delimiters.release, delimiters.terminator
    released = bool(release) and release in text
    for piece in _split(text, terminator, release) if released else text.split(terminator):
        segment = piece.strip()
        if "\n" in segment or "\r" in segment:
            issues.add("lines are broken within segments; they are joined")
            segment = _BREAKS.sub("", segment)
        if segment:
            yield segment


def _split(text: str, mark: str, release: str) -> list[str]:
    """Cut at every mark that is not released. Linear: each piece is looked at once."""
    parts: list[str] = []
    kept: list[str] = []
    for piece in text.split(mark):
        if piece.endswith(release) and (len(piece) - len(piece.rstrip(release))) % 2:
            kept.append(piece)  # the mark after it is released, by a release character that is not released itself
        elif kept:
            parts.append(mark.join((*kept, piece)))
            kept = []
        else:
            parts.append(piece)
    if kept:
        parts.append(mark.join(kept))
    return parts


def _plain(part: str, release: str) -> str:
    if release not in part:
        return part
    pieces = iter(part.split(release))
    plain = [next(pieces)]
    for piece in pieces:
        # an empty piece is a release character that is released: the piece after it is plain text
        plain.append(piece or release + next(pieces, ""))
    return "".join(plain)


def written(tag: str, *elements: str | tuple[str, ...]) -> str:
    """One segment, with what would separate released, and without empty ends (ISO 9735, 8.2)."""
    parts = [
        _released(element) if isinstance(element, str) else _joined(":", [_released(part) for part in element])
        for element in elements
    ]
    return _joined("+", [tag, *parts]) + "'"


def _joined(mark: str, parts: list[str]) -> str:
    while parts and not parts[-1]:
        parts.pop()
    return mark.join(parts)


_TO_RELEASE = str.maketrans({mark: f"?{mark}" for mark in "+:'?"})


def _released(value: str) -> str:
    return value if value.isalnum() else value.translate(_TO_RELEASE)
