"""The lines of ORDRSP, DESADV and RECADV: where each begins and ends, and which of ours it is."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from connectors.suppliers.edifact.partner import EdifactPartner
from connectors.suppliers.edifact.syntax import Body, Segment
from connectors.suppliers.edifact.values import line_number, name
from connectors.suppliers.issues import Issues
from domain.supplier_events import LineRef

POTENTIAL, SUBSTITUTED_BY, SUBSTITUTE_FOR = "2", "3", "4"
"""PIA 4347: the numbers are those of a possible substitute, of the substitute, of what it replaces."""


class Blocks:
    """For each LIN what belongs to it, cut when it is looked at."""

    __slots__ = ("_body", "_bounds")

    def __init__(self, body: Body, bounds: Sequence[tuple[int, int]]) -> None:
        """`bounds` is where each begins and ends."""
        self._body = body
        self._bounds = bounds

    def __len__(self) -> int:
        """How many there are."""
        return len(self._bounds)

    def __iter__(self) -> Iterator[list[Segment]]:
        """One after the other."""
        for start, stop in self._bounds:
            yield list(self._body.part(start, stop))


def blocks(body: Body, issues: Issues) -> tuple[list[Segment], Blocks]:
    """The header, and the lines. The summary after UNS belongs to neither, as do sub-lines."""
    tags = body.tags
    end = tags.index("UNS") if "UNS" in tags else len(tags)
    starts = [*(n for n, tag in enumerate(tags[:end]) if tag == "LIN"), end]
    lines = [(start, stop) for start, stop in pairwise(starts) if not is_sub_line(body[start], issues)]
    return list(body.part(0, starts[0])), Blocks(body, lines)


def is_sub_line(lin: Segment, issues: Issues) -> bool:
    """Whether it is a part of another line (C829), such as of a set; its own number may be that of a line of ours."""
    if lin.part(4) != "1":
        return False
    issues.add(f"LIN {lin.part(1)} is a part of line {lin.part(4, 2) or '?'}, and is left out")
    return True


def reference(segments: Iterable[Segment], qualifier: str) -> str:
    """What the first RFF of that qualifier (1153) that says anything refers to."""
    for segment in segments:
        if segment.tag == "RFF" and segment.part(1) == qualifier and segment.part(1, 2):
            return segment.part(1, 2)
    return ""


def line_ref(block: Sequence[Segment], partner: EdifactPartner, issues: Issues) -> LineRef:
    """Which line of ours a LIN speaks of: by our line number, our item number, theirs, whatever of these it has."""
    number = None
    ours = theirs = ""
    for segment in block:
        if segment.tag == "RFF" and segment.part(1) in {"ON", "LI"}:
            # C506: RFF+ON has our line number in 1156; the book trade puts it into RFF+LI, often behind the order's
            said = segment.part(1, 3) if segment.part(1) == "ON" else segment.part(1, 2).rpartition("/")[2]
            number = number or line_number(said)
    if number is None and partner.line_numbers == "ours":
        number = line_number(block[0].part(1))
    for function, item, qualifier in item_numbers(block):
        if function in {POTENTIAL, SUBSTITUTED_BY}:
            continue
        if qualifier in partner.our_item_qualifiers:
            ours = ours or item
        elif qualifier in partner.their_item_qualifiers or not qualifier:
            theirs = theirs or item
    sku = name(ours, "our item number on a line", issues)
    supplier_sku = name(theirs, "the supplier's item number on a line", issues)
    if number is None and not sku and not supplier_sku:
        issues.add(f"LIN {block[0].part(1) or 'without a number'} names no line or item of ours")
    return LineRef(line_no=number, sku=sku or None, supplier_sku=supplier_sku or None)


def item_numbers(block: Sequence[Segment]) -> list[tuple[str, str, str]]:
    """All item numbers of a line: the function (PIA 4347, empty in LIN), the number, its qualifier (7143)."""
    found = [("", block[0].part(3), block[0].part(3, 2))]
    for segment in block:
        if segment.tag == "PIA":
            elements = range(2, min(len(segment.elements), 6) + 1)
            found += [(segment.part(1), segment.part(n), segment.part(n, 2)) for n in elements]
    return [(function, item, qualifier) for function, item, qualifier in found if item]


def substitute(block: Sequence[Segment], issues: Issues) -> str | None:
    """The item that comes instead of what was ordered, if the line says so."""
    if not any(segment.tag == "PIA" for segment in block):
        return None
    items = item_numbers(block)
    instead = [item for function, item, _ in items if function == SUBSTITUTED_BY]
    if not instead and any(function == SUBSTITUTE_FOR for function, _, _ in items):
        instead = [block[0].part(3)]
    return (name(instead[0], "the substitute's item number", issues) or None) if instead and instead[0] else None
