"""Character sets (ISO 9735, element 0001): bytes read with doubt, text written with care."""

import re
import unicodedata
from functools import lru_cache

from connectors.errors import Refused
from connectors.suppliers.issues import Issues

_CODECS = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOW": "utf-8",
    "UNOY": "utf-8",
}
_BOM = b"\xef\xbb\xbf"
_DECLARED = re.compile(rb"UNB[^A-Za-z0-9]([A-Z]{4})")
_LOOKED_AT = 512
"""Bytes in which UNB is looked for: a UNA and some line breaks may stand before it."""

_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-()/='+:?!\"%&*;<>")
_REPERTOIRES = {"UNOA": _UPPER, "UNOB": _UPPER | frozenset("abcdefghijklmnopqrstuvwxyz")}
_STAND_IN = "."
"""For a character in words that the set lacks. Level A has it, and no delimiter is made of it."""


def read_text(body: bytes, issues: Issues) -> str:
    """A document's text by the set that UNB declares; if that cannot be, by the one that fits, with an issue."""
    marked = body.startswith(_BOM)
    if marked:
        issues.add("the file starts with a byte-order mark")
        body = body[len(_BOM) :]
    if body.isascii():
        return body.decode("ascii")
    found = _DECLARED.search(body[:_LOOKED_AT])
    declared = found[1].decode("ascii") if found else "no character set"
    codec = _CODECS.get(declared)
    # Latin text is hardly ever valid UTF-8 by chance.
    for attempt in (codec, "utf-8") if codec != "ascii" and codec in {"utf-8", None} else ("utf-8", codec):
        if attempt is None:
            continue
        try:
            text = body.decode(attempt)
        except UnicodeDecodeError:
            continue
        if attempt != codec:
            issues.add(f"the interchange declares {declared}, and is written in {attempt}")
        return text
    issues.add(f"the interchange declares {declared}, and holds bytes that it does not have; read as Latin-1")
    return body.decode("iso8859-1")


def encoded(text: str, charset: str) -> bytes:
    """The bytes of text that `exact` and `wording` let pass."""
    return text.encode(_CODECS[charset])


@lru_cache(maxsize=4096)
def carries(charset: str, character: str) -> bool:
    """Whether a character may stand in data. Control characters, line breaks and halves of characters never may."""
    allowed = _REPERTOIRES.get(charset)
    if allowed is not None:
        return character in allowed
    if unicodedata.category(character) in {"Cc", "Cs", "Cn", "Zl", "Zp"} or character == "\ufeff":
        return False
    return charset == "UNOY" or ord(character) < 256


def _carries_all(charset: str, text: str) -> bool:
    """Whether nothing of a text has to be looked at character by character: true of nearly all there are."""
    allowed = _REPERTOIRES.get(charset)
    return text.isascii() and text.isprintable() if allowed is None else allowed.issuperset(text)


def exact(value: str, what: str, *, charset: str, most: int) -> str:
    """A value that means something only as it is: an identifier. Blank at its ends does not survive the way.

    Raises:
        Refused: it is empty, too long, or holds what the character set has not; names `what`.
    """
    if not value:
        raise Refused(f"{what} is empty, and EDIFACT needs one; set it in the catalogue")
    if len(value) > most:
        raise Refused(f"{what} has {len(value)} characters, and EDIFACT carries {most}; give it a shorter one")
    if value != value.strip():
        raise Refused(f"{what} begins or ends with a blank, which EDIFACT does not keep; take it out")
    for character in "" if _carries_all(charset, value) else value:
        if not carries(charset, character):
            raise Refused(
                f"{what} holds {character!a}, which the partner's character set {charset} has not; change it, or "
                "agree on another set (setting partner.charset)"
            )
    return value


def wording(value: str, charset: str) -> str:
    """Words for people, as far as the set has them: blanks for line breaks, plain letters for accented ones.

    What remains becomes a full stop, so that nobody takes it for what was written.
    """
    if not value.isprintable():
        value = "".join(c if c.isprintable() else " " for c in value)
    words = " ".join(value.split())
    if _carries_all(charset, words):
        return words
    return "".join(_nearest(character, charset) for character in words)


@lru_cache(maxsize=4096)
def _nearest(character: str, charset: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    for attempt in (character, plain, plain.casefold() if character.islower() else "", plain.upper()):
        if attempt and all(carries(charset, c) for c in attempt):
            return attempt
    return _STAND_IN
