"""The signed links in customers' mails: who may answer which notice, without an account.

A link names a backorder and the notice it answers, signed with HMAC-SHA256, so it can be made by whoever renders the
mail and read by whoever serves the page, with nothing stored. It carries no personal data and no end date: whether an
answer still counts is for the ledger to say, not for the link.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from domain.errors import PromisekeeperError
from domain.values import Frozen

_PURPOSE = b"promisekeeper answer link 1\n"
"""Signed along, so that nothing else signed with the same secret can pass for a link."""

_LONGEST = 2000
"""Characters; ids are far shorter, and nothing longer is worth a hash."""


class InvalidLink(PromisekeeperError):
    """The link was not made by us, or was damaged on the way. Nothing was changed."""


class AnswerToken(Frozen):
    """What a link says once its signature holds."""

    backorder_id: str
    notice_id: str


def answer_link(public_url: str, secret: str, backorder_id: str, notice_id: str) -> str:
    """The address of the page on which the customer answers this notice.

    Args:
        public_url: where customers reach the gateway, such as https://orders.shop.example.
        secret: the same for whoever makes links and whoever reads them.

    Raises:
        ValueError: an id is empty or has a line break, which no id of ours has.
    """
    if not backorder_id or not notice_id or "\n" in backorder_id + notice_id:
        raise ValueError("a link needs a backorder id and a notice id, both without line breaks")
    said = _encoded(f"{backorder_id}\n{notice_id}".encode())
    return f"{public_url.rstrip('/')}/answers/{said}.{_signature(secret, said)}"


def read_token(secret: str, token: str) -> AnswerToken:
    """Read the last part of a link.

    Raises:
        InvalidLink: it was not signed with `secret`.
    """
    said, dot, signature = token.partition(".")
    genuine = hmac.compare_digest(_signature(secret, said).encode(), signature.encode(errors="replace"))
    if len(token) > _LONGEST or not dot or not genuine:
        raise InvalidLink("this link is not complete; open it again straight from the mail, or copy all of it")
    backorder_id, _, notice_id = urlsafe_b64decode(said + "=" * (-len(said) % 4)).decode().partition("\n")
    return AnswerToken(backorder_id=backorder_id, notice_id=notice_id)


def _signature(secret: str, said: str) -> str:
    signed = _PURPOSE + said.encode(errors="replace")
    return _encoded(hmac.new(secret.encode(), signed, hashlib.sha256).digest())


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
