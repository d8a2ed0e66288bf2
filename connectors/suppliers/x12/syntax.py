"""Reading interchanges: bytes to segments to transaction sets, with each damage that was survived as an issue.

Nothing here knows what a document means. Delimiters are found in the ISA, whether or not it has its fixed width
(X12.5: 106 characters, the last two being component separator and terminator). What real senders do is survived:
byte-order marks, terminators that are line ends, lines for people, lost terminators, wrong counts and numbers,
missing SE, GE, IEA, text around the interchange, several interchanges in a file.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from connectors.errors import Undecodable
from connectors.words import plain_words

LARGEST_DOCUMENT = 5 * 1024 * 1024
"""Bytes that are read, as many as a transport takes: an answer of some 30,000 lines."""

MOST_INTERCHANGES = 1000
"""In one file; a mailbox that was not emptied for long holds tens."""

MOST_SETS = 5000
"""Groups and sets of one interchange."""

MOST_ISSUES = 50
"""Issues that are told one by one."""


class Issues:
    """Damage that was survived, in words, each once and not more than people read."""

    def __init__(self) -> None:
        self._said: dict[str, None] = {}
        self._more = 0

    def add(self, what: str) -> None:
        """Note one."""
        if len(self._said) < MOST_ISSUES:
            self._said[plain_words(what)] = None
        else:
            self._more += 1

    def all(self) -> tuple[str, ...]:
        """What was noted."""
        return (*self._said, f"and {self._more} more") if self._more else tuple(self._said)


class Segment(tuple[str, ...]):
    """A segment: its tag and its elements."""

    __slots__ = ()

    @property
    def tag(self) -> str:
        """Such as PO1."""
        return self[0]

    def at(self, n: int) -> str:
        """Element `n`, counted from 1 as in PO101, without blanks around; empty if it is not there."""
        return self[n].strip() if n < len(self) else ""

    def first(self, n: int) -> list[str]:
        """The first `n` elements, each as `at` has it."""
        found = list(map(str.strip, self[1 : n + 1]))
        return found if len(found) == n else found + [""] * (n - len(found))


class Body:
    """The segments between ST and SE, each cut when it is looked at.

    An answer of 10,000 lines has 30,000 of them. As texts they take a third of the memory; and the garbage collector,
    which goes through everything that is cut again and again while more is made of it, has nothing to do with them.
    """

    __slots__ = ("_element", "_texts", "tags")

    def __init__(self, texts: list[str], tags: list[str], element: str) -> None:
        """Segments uncut, the tag of each, and what stands between elements."""
        self._texts = texts
        self.tags = tags
        self._element = element

    def __len__(self) -> int:
        """How many there are."""
        return len(self._texts)

    def __iter__(self) -> Iterator[Segment]:
        """One after the other."""
        return (Segment(text.split(self._element)) for text in self._texts)

    def __getitem__(self, n: int) -> Segment:
        """That one."""
        return Segment(self._texts[n].split(self._element))

    @property
    def text(self) -> str:
        """What they say, by which one body is known from another."""
        return "\n".join(self._texts)

    def index(self, tag: str, stop: int) -> int:
        """Where the first of a kind stands before `stop`; `stop` if there is none."""
        try:
            return self.tags.index(tag, 0, stop)
        except ValueError:
            return stop

    def of(self, kinds: Set[str], start: int, stop: int) -> Iterator[Segment]:
        """Those of some kinds, of a part of them; the others are not even cut."""
        element = self._element
        for tag, text in zip(self.tags[start:stop], self._texts[start:stop], strict=True):
            if tag in kinds:
                yield Segment(text.split(element))


@dataclass(slots=True, eq=False)
class TransactionSet:
    """ST to SE."""

    code: str
    """ST01, such as 855."""
    control: str
    """ST02."""
    body: Body
    faults: list[str] = field(default_factory=list)
    """Of its envelope, as AK502 counts them: 2 no SE, 3 SE02 differs, 4 SE01 differs, 7 no ST02."""
    cut_off: bool = False
    """The text ends in the midst of it."""

    def __str__(self) -> str:
        """For people."""
        return f"{self.code[:10] or 'set'} {self.control[:20]}".strip()


@dataclass(slots=True)
class Group:
    """GS to GE. A set outside of any group is in one whose header is empty."""

    header: Segment
    sets: list[TransactionSet] = field(default_factory=list)
    declared: str = ""
    """GE01."""


@dataclass(slots=True)
class Interchange:
    """ISA to IEA."""

    header: Segment
    """The ISA, with as many elements as it has."""
    groups: list[Group] = field(default_factory=list)
    answers: list[Segment] = field(default_factory=list)
    """TA1 segments."""

    @property
    def control(self) -> str:
        """ISA13."""
        return self.header.at(13)

    def sets(self) -> Iterator[TransactionSet]:
        """Of all groups."""
        for group in self.groups:
            yield from group.sets


_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_BLANK = " \t\r\n"
"""Between segments. Not what `str.strip` takes for blank: separators of old are control characters, FS to US."""
_START = re.compile(rf"ISA(?P<element>[^A-Za-z0-9{_BLANK}])")
_GROUPS_OF = {
    "850": "PO", "855": "PR", "860": "PC", "865": "CA", "856": "SH", "846": "IB", "870": "RS", "810": "IN",
    "997": "FA", "999": "FA",
}  # fmt: skip
_ENVELOPE = frozenset({"GS", "ST", "SE", "GE", "IEA"})
_LINE_ENDS = re.compile(r"[\r\n]+")
_TAGS = (
    "ISA|GS|ST|SE|GE|IEA|TA1|BEG|BAK|BCA|BCH|BSN|BIG|BIA|BSR|CUR|REF|PER|FOB|ITD|DTM|TD1|TD3|TD5|N1|N2|N3|N4|N9|MSG|"
    "NTE|PO1|PO3|PO4|POC|ACK|SCH|PID|CTT|CTP|AMT|HL|PRF|LIN|SN1|SLN|MAN|MEA|TDS|TXI|IT1|QTY|UIT|SAC|SDQ|ISR|POR|"
    "AK1|AK2|AK3|AK4|AK5|AK9|IK3|IK4|IK5"
)


def read(data: bytes, issues: Issues) -> list[Interchange]:
    """All interchanges of a file, in their order.

    Raises:
        Undecodable: it holds none, is too large, or its delimiters cannot be found.
    """
    if len(data) > LARGEST_DOCUMENT:
        raise Undecodable(f"the document is larger than {LARGEST_DOCUMENT} bytes; ask for it in parts")
    text = _text(data, issues)
    starts = list(_starts(text))
    if not starts:
        raise Undecodable("this is no X12: there is no ISA segment")
    if len(starts) > MOST_INTERCHANGES:
        raise Undecodable(f"the file holds more than {MOST_INTERCHANGES} interchanges; ask for it in parts")
    if text[: starts[0]].strip():
        issues.add(f"{starts[0]} characters before the ISA are left out")
    return [_interchange(text[start:end], issues) for start, end in pairwise([*starts, len(text)])]


def _text(data: bytes, issues: Issues) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            issues.add("starts with a byte-order mark")
            data = data[len(mark) :]
            if encoding != "utf-8":
                return data.decode(encoding, errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        issues.add("is no UTF-8: read as ISO 8859-1")
        return data.decode("latin-1")


def _starts(text: str) -> Iterator[int]:
    """Where an ISA begins a segment: not inside of a word, nor as an element's value, and with elements behind it."""
    for found in _START.finditer(text):
        start, element = found.start(), found["element"]
        before = text[start - 1] if start else ""
        if before.isalnum() or before == element:
            continue
        if before and before in _BLANK:
            blank = text[max(0, start - 200) : start]
            before = blank.rstrip(_BLANK)[-1:]
            if _LINE_ENDS.search(blank, len(blank.rstrip(_BLANK))):
                before = ""
        if not before.isalnum() and before != element and text.count(element, start, start + 200) >= 11:
            yield start


@lru_cache(maxsize=64)
def _after_header(element: str) -> re.Pattern[str]:
    return re.compile(rf"[{_BLANK}]*(?:GS|TA1|IEA|ST){re.escape(element)}")


@lru_cache(maxsize=64)
def _segment_begins(element: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{_TAGS}){re.escape(element)}")


class _Delimiters(NamedTuple):
    element: str
    terminator: str
    """A line feed stands for any line end."""


def _interchange(text: str, issues: Issues) -> Interchange:
    header, delimiters, rest = _header(text, issues)
    interchange = Interchange(header)
    _fill(interchange, _segments(rest, delimiters, issues), delimiters.element, issues)
    return interchange


def _header(text: str, issues: Issues) -> tuple[Segment, _Delimiters, str]:
    """The ISA, what it says of the delimiters, and the text behind it."""
    element = text[3]
    if text[103:104] == element and _after_header(element).match(text, 106, 200):
        raw, terminator = text[:105], text[105]
        if raw.count(element) == 16 and not (terminator.isalnum() or terminator == element):
            terminator = "\n" if terminator in "\r\n" else terminator
            return Segment(raw.split(element)), _Delimiters(element, terminator), text[106:]
    begins = rf"(?:(?<=[^A-Za-z0-9{_BLANK}{re.escape(element)}])|(?=[\r\n]))([{_BLANK}]*)(?:GS|TA1|ST|IEA)"
    found = re.search(begins + re.escape(element), text[:1000])
    if not found:
        raise Undecodable("the ISA segment cannot be read: no GS or TA1 follows it")
    raw, gap, rest = text[: found.start()], found[1], text[found.end(1) :]
    line_end = "\n" in gap or "\r" in gap
    last = raw[-1]
    first = re.split(r"[\r\n]", rest, maxsplit=1)[0].rstrip(_BLANK)
    if not last.isalnum() and last != element and (not line_end or first.endswith(last)):
        terminator, raw = last, raw[:-1]
    elif line_end:
        terminator = "\n"
    else:
        raise Undecodable("the ISA segment cannot be read: it does not say what ends a segment")
    header = Segment(raw.split(element))
    if len(header) != 17:
        issues.add(f"the ISA has {len(header) - 1} elements instead of 16")
    else:
        issues.add("the elements of the ISA do not have their fixed width")
    return header, _Delimiters(element, terminator), rest


def _segments(text: str, delimiters: _Delimiters, issues: Issues) -> Iterator[str]:
    """The text of each segment."""
    element, terminator = delimiters
    if terminator == "\n":
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    pieces = [piece for raw in text.split(terminator) if (piece := raw.strip(_BLANK))]
    whole = "".join(pieces)
    return _in_lines(pieces, element, issues) if "\n" in whole or "\r" in whole else iter(pieces)


def _in_lines(pieces: Sequence[str], element: str, issues: Issues) -> Iterator[str]:
    """The text of each segment where some hold line ends."""
    begins = _segment_begins(element)
    for piece in pieces:
        first, *lines = _LINE_ENDS.split(piece)
        joined = [first]
        for line in lines:
            if begins.match(line.lstrip(_BLANK)):
                issues.add(f"the segment before {line.lstrip(_BLANK)[:3].rstrip(element)} has lost its terminator")
                yield "".join(joined)
                joined = [line.lstrip(_BLANK)]
            else:  # the line end is one of a file that was cut into lines of one length
                joined.append(line)
        yield "".join(joined)


def _fill(interchange: Interchange, found: Iterator[str], element: str, issues: Issues) -> None:
    """Sort segments into groups and sets: by those of the envelope, each with what stands behind it."""
    group: Group | None = None
    current: TransactionSet | None = None
    ended = False
    parts = 0
    texts, tags, bounds = _to_the_end(found, element)
    bounds.append(len(texts))
    _outside(interchange, texts[: bounds[0]], element, issues)
    for start, stop in pairwise(bounds):
        segment = Segment(texts[start].split(element))
        tag = tags[start].strip()
        parts += tag in {"ST", "GS"}
        if parts > MOST_SETS:
            raise Undecodable(f"an interchange holds more than {MOST_SETS} groups and sets; ask for it in parts")
        if tag != "SE" and current is not None:
            issues.add(f"{current} has no SE")
            current.faults.append("2")
            current = None
        if tag == "ST":
            if group is None:
                issues.add(f"{segment.at(1)} {segment.at(2)} stands outside of any group (no GS)")
                group = Group(Segment(("GS",)))
                interchange.groups.append(group)
            body = Body(texts[start + 1 : stop], tags[start + 1 : stop], element)
            current = _opened(segment, body, group, issues)
            continue
        if tag == "SE" and current is not None:
            _close(current, segment, issues)
            current = None
        elif tag == "SE":
            issues.add("an SE without ST is left out")
        elif tag == "GS":
            group = Group(segment)
            interchange.groups.append(group)
        elif tag == "GE":
            _close_group(group, segment, issues)
            group = None
        else:
            _close_interchange(interchange, segment, issues)
            ended = True
            if behind := next(found, ""):
                issues.add(f"text behind the IEA is left out, beginning with {behind.partition(element)[0][:20]!r}")
            break
        _outside(interchange, texts[start + 1 : stop], element, issues)
    if current is not None:
        issues.add(f"the text ends without the SE of {current}")
        current.faults.append("2")
        current.cut_off = not _has_its_end(current)
    if not ended:
        issues.add(f"interchange {interchange.control} has no IEA")


def _to_the_end(found: Iterator[str], element: str) -> tuple[list[str], list[str], list[int]]:
    """All segments to the IEA, the tag of each, and which are the envelope's; what is behind it is not looked at."""
    texts: list[str] = []
    tags: list[str] = []
    bounds: list[int] = []
    for n, text in enumerate(found):
        tag = text.partition(element)[0]
        texts.append(text)
        tags.append(tag)
        if (kind := tag.strip()) in _ENVELOPE:
            bounds.append(n)
            if kind == "IEA":
                break
    return texts, tags, bounds


def _outside(interchange: Interchange, texts: Sequence[str], element: str, issues: Issues) -> None:
    """What stands in no set: answers to interchanges of ours, and nothing else that can be read."""
    for text in texts:
        segment = Segment(text.split(element))
        if segment.tag.strip() == "TA1":
            interchange.answers.append(segment)
        else:
            issues.add(f"a segment outside of any set is left out: {segment.tag[:20]!r}")


def _opened(segment: Segment, body: Body, group: Group, issues: Issues) -> TransactionSet:
    current = TransactionSet(segment.at(1), segment.at(2), body)
    if not current.control:
        issues.add(f"a {current.code} has no control number (ST02)")
        current.faults.append("7")
    stated, expected = group.header.at(1), _GROUPS_OF.get(current.code)
    if expected and stated and stated != expected:
        issues.add(f"{current} stands in a group of {stated} (GS01)")
    group.sets.append(current)
    return current


def _close(current: TransactionSet, trailer: Segment, issues: Issues) -> None:
    if trailer.at(2) != current.control:
        issues.add(f"{current} ends with the control number {trailer.at(2)!r} (SE02)")
        current.faults.append("3")
    if (counted := len(current.body) + 2) != _count(trailer.at(1)):
        issues.add(f"{current} has {counted} segments, and says {trailer.at(1)!r} (SE01)")
        current.faults.append("4")


def _close_group(group: Group | None, trailer: Segment, issues: Issues) -> None:
    if group is None:
        issues.add("a GE without GS is left out")
        return
    group.declared = trailer.at(1)
    if _count(trailer.at(1)) != len(group.sets):
        issues.add(f"group {group.header.at(6)} has {len(group.sets)} sets, and says {trailer.at(1)!r} (GE01)")
    if trailer.at(2) != group.header.at(6):
        issues.add(f"group {group.header.at(6)} ends with the control number {trailer.at(2)!r} (GE02)")


def _close_interchange(interchange: Interchange, trailer: Segment, issues: Issues) -> None:
    control = interchange.control
    if _count(trailer.at(1)) != len(interchange.groups):
        issues.add(f"interchange {control} has {len(interchange.groups)} groups, and says {trailer.at(1)!r} (IEA01)")
    if trailer.at(2) != control:
        issues.add(f"interchange {control} ends with the control number {trailer.at(2)!r} (IEA02)")


def _count(said: str) -> int:
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 10 else -1


def _has_its_end(current: TransactionSet) -> bool:
    """A set without SE at the end of the text is whole if the segment that closes its kind is there, and agrees."""
    tags = current.body.tags
    if "AK9" in tags:
        return True
    if "CTT" not in tags:
        return False
    lines = _count(current.body[len(tags) - 1 - tags[::-1].index("CTT")].at(1))
    return any(tags.count(tag) == lines for tag in ("PO1", "POC", "HL", "LIN", "IT1"))
