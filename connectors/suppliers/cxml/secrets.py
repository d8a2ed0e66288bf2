"""The password in a cXML document: what is kept is without it, and what is read again has ours in its place.

A document is stored only after its sender has proven to know the password, so nothing is lost by this; and one that is
read again after the password was changed can still be read.
"""

import re
from collections.abc import Callable
from xml.sax.saxutils import escape

_NAME = r"(?:[\w.-]+:)?SharedSecret"
_SECRET = re.compile(rf"(<{_NAME}(?:\s[^<>]*)?>)(?:<!\[CDATA\[[^\]]*\]\]>|[^<])*(?=</{_NAME}\s*>)")
_NOT_KEPT = "not-kept"
_MARKED = re.compile(rf"(<{_NAME}(?:\s[^<>]*)?>){_NOT_KEPT}(?=<)")
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"<\x00": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\x00<": "utf-16-be"}


def hidden(body: bytes) -> bytes:
    """The document as it may be kept."""
    return _rewritten(body, lambda text: _SECRET.sub(rf"\1{_NOT_KEPT}", text))


def shown(body: bytes, secret: str) -> bytes:
    """A document that was kept, as its sender proves itself by it."""
    ours = escape(secret).encode("ascii", "xmlcharrefreplace").decode()
    return _rewritten(body, lambda text: _MARKED.sub(lambda found: found[1] + ours, text))


def _rewritten(body: bytes, rewrite: Callable[[str], str]) -> bytes:
    """Every byte that is not rewritten stays: where it is not UTF-16, Latin-1 has a character for each."""
    encoding = _UTF_16.get(body[:2], "latin-1")
    whole = len(body) - len(body) % 2 if encoding != "latin-1" else len(body)
    text = rewrite(body[:whole].decode(encoding, "surrogatepass"))
    return text.encode(encoding, "surrogatepass") + body[whole:]
