"""Signed tokens in the links of our mails: what a link says, with HMAC-SHA256 under a purpose and a secret.

A token can be made by whoever renders the mail and read by whoever serves the page, with nothing stored. Each kind of
link has a purpose of its own, so that nothing else signed with the same secret can pass for it.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from domain.errors import PromisekeeperError

_LONGEST = 2000
"""Characters; ids are far shorter, and nothing longer is worth a hash."""

_INCOMPLETE = "this link is not complete; open it again straight from the mail, or copy all of it"


class InvalidLink(PromisekeeperError):
    """The link was not made by us, or was damaged on the way. Nothing was changed."""


def signed(secret: str, purpose: bytes, *said: str) -> str:
    """A token that says these things.

    Raises:
        ValueError: one of them is empty or has a line break, which no id of ours has.
    """
    if not all(said) or any("\n" in one for one in said):
        raise ValueError("what a link says is ids, none of them empty, all without line breaks")
    words = _encoded("\n".join(said).encode())
    return f"{words}.{_signature(secret, purpose, words)}"


def read(secret: str, purpose: bytes, token: str) -> tuple[str, ...]:
    """What a token says.

    Raises:
        InvalidLink: it was not signed with `secret` for `purpose`.
    """
    words, dot, signature = token.partition(".")
    genuine = hmac.compare_digest(_signature(secret, purpose, words).encode(), signature.encode(errors="replace"))
    if len(token) > _LONGEST or not dot or not genuine:
        raise InvalidLink(_INCOMPLETE)
    return _said(words)


def unproven(token: str) -> tuple[str, ...]:
    """What a token claims to say, to find out whose secret proves it. Believe nothing of it before `read`.

    Raises:
        InvalidLink: it is no token at all.
    """
    if len(token) > _LONGEST:
        raise InvalidLink(_INCOMPLETE)
    try:
        return _said(token.partition(".")[0])
    except ValueError as garbled:
        raise InvalidLink(_INCOMPLETE) from garbled


def _said(words: str) -> tuple[str, ...]:
    return tuple(urlsafe_b64decode(words + "=" * (-len(words) % 4)).decode().split("\n"))


def _signature(secret: str, purpose: bytes, words: str) -> str:
    return _encoded(hmac.new(secret.encode(), purpose + words.encode(errors="replace"), hashlib.sha256).digest())


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
