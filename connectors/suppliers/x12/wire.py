"""Writing interchanges: strict. What cannot be carried is refused (names and numbers) or replaced (words for people).

Replaced in words: delimiters and control characters become blanks, blanks are joined, letters that the partner's
character set lacks become the nearest it has, else a question mark; what is too long is cut, or written in pieces.
"""

import unicodedata
from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal

from connectors.errors import Refused
from connectors.suppliers.interface import WireIds
from connectors.suppliers.x12.partner import X12Partner

MOST_CONTROL = 999_999_999
"""ISA13 has nine digits."""

CONTENT_TYPE = "application/edi-x12"

Elements = tuple[str, ...]
"""A segment to write: its tag and its elements, each made fit by a `Writer`."""


def wire_number(control_number: int) -> int:
    """ISA13 and GS06 of a document: its control number, wrapped at nine digits. A 997 or TA1 gives this number back."""
    return (control_number - 1) % MOST_CONTROL + 1


class Writer:
    """Elements as one partner can take them."""

    def __init__(self, partner: X12Partner) -> None:
        """Settle which characters are delimiters."""
        self._partner = partner
        self._element, self._component, self._end, *repetition = partner.delimiters
        self._eleventh = repetition[0] if repetition else "U"
        self._delimiters = set("".join(partner.delimiters))

    def name(self, value: str, most: int, what: str) -> str:
        """A name that must arrive as it is. Raises: Refused (it would not, or is too long)."""
        if not value or value != value.strip():
            raise Refused(f"{what} is empty or has blanks around it, which X12 does not keep; correct {value!r}")
        if len(value) > most:
            raise Refused(f"{what} {value!r} has more than the {most} characters that X12 has for it")
        for character in value:
            if character in self._delimiters:
                raise Refused(
                    f"{what} {value!r} holds {character!r}, a delimiter of this partner; agree on another delimiter"
                )
            if not character.isprintable() or not self._known(character):
                raise Refused(
                    f"{what} {value!r} holds {character!r}, which the partner's character set "
                    f"({self._partner.character_set}) lacks; rename it, or agree on another character_set"
                )
        return value

    def words(self, value: str) -> str:
        """Words for people, replaced where need be; may be empty."""
        kept = "".join(
            " " if c in self._delimiters or not c.isprintable() else c if self._known(c) else self._nearest(c)
            for c in unicodedata.normalize("NFC", value)
        )
        return " ".join(kept.split())

    def pieces(self, value: str, width: int, most: int) -> list[str]:
        """Words in pieces of at most `width` characters, cut at blanks where there are any; at most `most` pieces."""
        rest, pieces = self.words(value), list[str]()
        while rest and len(pieces) < most:
            cut = len(rest) if len(rest) <= width else rest.rfind(" ", 0, width + 1)
            cut = cut if cut > 0 else width
            pieces.append(rest[:cut].rstrip())
            rest = rest[cut:].lstrip()
        return pieces

    def number(self, value: int | Decimal, most: int, what: str) -> str:
        """A number without exponent. Raises: Refused (negative, no number, too long)."""
        if isinstance(value, Decimal) and not value.is_finite():
            raise Refused(f"{what} of {value} cannot be written")
        text = format(value, "f")
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        if value < 0 or len(text.replace(".", "")) > most:
            raise Refused(f"{what} of {value} cannot be written: X12 has {most} digits for it, and no sign")
        return text

    def interchange(
        self,
        ids: WireIds,
        group: str,
        sets: Sequence[tuple[str, Sequence[Elements]]],
        *,
        answers: Sequence[Elements] = (),
    ) -> bytes:
        """ISA to IEA, with one group if there are sets.

        Args:
            ids: control number, date and time (UTC).
            group: GS01.
            sets: each ST01 with the segments between ST and SE.
            answers: TA1 segments.
        """
        partner, control = self._partner, wire_number(ids.control_number)
        at = ids.written_at.astimezone(UTC)
        year, clock = f"{at.year:04d}{at.month:02d}{at.day:02d}", f"{at.hour:02d}{at.minute:02d}"
        segments = list[Elements](answers)
        if sets:
            number = str(control)
            head = (partner.gs_sender, partner.gs_receiver, year, clock, number, "X", partner.version)
            segments.append(("GS", group, *head))
            for n, (code, body) in enumerate(sets, start=1):
                segments.append(("ST", code, f"{n:04d}"))
                segments.extend(body)
                segments.append(("SE", str(len(body) + 2), f"{n:04d}"))
            segments.append(("GE", str(len(sets)), number))
        segments.append(("IEA", "1" if sets else "0", f"{control:09d}"))
        between = self._element
        written = [between.join(self._header(f"{control:09d}", year[2:], clock))]
        written.extend(between.join(_trimmed(segment)) for segment in segments)
        lines = partner.line_per_segment and self._end not in {"\n", "\r", "\r\n"}
        end = self._end + ("\n" if lines else "")
        return (end.join(written) + end).encode(partner.character_set)

    def _header(self, control: str, day: str, clock: str) -> Elements:
        """The ISA has fixed widths, and holds two of the delimiters."""
        partner = self._partner
        sender = (partner.our_qualifier, partner.our_id.ljust(15))
        receiver = (partner.partner_qualifier, partner.partner_id.ljust(15))
        asked = "1" if partner.sends_ta1 else "0"
        what = (self._eleventh, partner.interchange_version, control, asked, partner.usage, self._component)
        return ("ISA", "00", " " * 10, "00", " " * 10, *sender, *receiver, day, clock, *what)

    def _known(self, character: str) -> bool:
        try:
            character.encode(self._partner.character_set)
        except UnicodeEncodeError:
            return False
        return True

    def _nearest(self, character: str) -> str:
        plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
        fits = plain.isprintable() and all(self._known(c) and c not in self._delimiters for c in plain)
        return plain if plain and fits else "?"


def _trimmed(segment: Elements) -> Elements:
    """A segment ends with its last element that is not empty."""
    last = len(segment)
    while last > 1 and not segment[last - 1]:
        last -= 1
    return segment[:last]
