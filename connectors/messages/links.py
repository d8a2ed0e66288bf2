"""The signed links in customers' mails: who may answer which notice, without an account.

A link names a backorder and the notice it answers. It carries no personal data and no end date: whether an answer
still counts is for the ledger to say, not for the link.
"""

from connectors import link_tokens
from domain.values import Frozen

_PURPOSE = b"promisekeeper answer link 1\n"


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
    return f"{public_url.rstrip('/')}/answers/{link_tokens.signed(secret, _PURPOSE, backorder_id, notice_id)}"


def read_token(secret: str, token: str) -> AnswerToken:
    """Read the last part of a link.

    Raises:
        connectors.link_tokens.InvalidLink: it was not signed with `secret`.
    """
    backorder_id, notice_id = link_tokens.read(secret, _PURPOSE, token)
    return AnswerToken(backorder_id=backorder_id, notice_id=notice_id)
