"""The signed link in a purchase order's mail: whoever holds it may answer that revision of that order, for a while.

The page posts what was filled in as a message of the supplier, with the link's token in the headers as its proof. The
token is left out when the message is kept: order and revision, which the proof covers, are headers of their own.
"""

from datetime import UTC, datetime

from pydantic import AwareDatetime, Field, ValidationError

from connectors import link_tokens
from connectors.errors import Undecodable
from connectors.link_tokens import InvalidLink
from domain.values import Frozen, Id

PAGE = "purchase-orders"
"""The first part of the page's path."""

TOKEN = "order-link"
"""The header with a link's token, which is never kept."""
ORDER = "answers-order"
REVISION = "answers-revision"

_PURPOSE = b"promisekeeper purchase order link 1\n"


class LinkTooOld(Undecodable):
    """The link is genuine, and its time is over."""


class OrderLink(Frozen):
    """What a link says."""

    supplier_id: Id
    po_number: Id
    revision: int = Field(ge=0, lt=2**31)
    until: AwareDatetime
    """When it stops to open anything."""


def address(public_url: str, secret: str, link: OrderLink) -> str:
    """The page's address.

    Args:
        public_url: where suppliers reach the gateway, such as https://orders.shop.example.
        secret: the same for whoever makes links and whoever reads them.
        link: what it says.
    """
    until = str(int(link.until.timestamp()))
    token = link_tokens.signed(secret, _PURPOSE, link.supplier_id, link.po_number, str(link.revision), until)
    return f"{public_url.rstrip('/')}/{PAGE}/{token}"


def claimed(token: str) -> OrderLink:
    """What a token claims, to find the supplier whose secret proves it. Raises: InvalidLink (it is no token)."""
    return _link(link_tokens.unproven(token))


def proof(token: str) -> dict[str, str]:
    """The headers of a message that comes through a link. Raises: InvalidLink (it is no token)."""
    link = claimed(token)
    return {TOKEN: token, ORDER: link.po_number, REVISION: str(link.revision)}


def proven(secret: str, supplier_id: str, headers: dict[str, str], now: datetime) -> OrderLink:
    """Check the proof of a message: the token, and that the other headers say the same.

    Raises:
        LinkTooOld: it was genuine.
        Undecodable: it is not signed with `secret`, another supplier's, or about another order.
    """
    try:
        link = _link(link_tokens.read(secret, _PURPOSE, headers.get(TOKEN, "")))
    except InvalidLink as forged:
        raise Undecodable(str(forged)) from forged
    said = (headers.get(ORDER), headers.get(REVISION))
    if link.supplier_id != supplier_id or said != (link.po_number, str(link.revision)):
        raise Undecodable("this link is about something else")
    if link.until <= now:
        raise LinkTooOld(f"this link was good until {link.until:%Y-%m-%d}; ask for the order to be sent again")
    return link


def _link(said: tuple[str, ...]) -> OrderLink:
    try:
        supplier_id, po_number, revision, until = said
        return OrderLink(
            supplier_id=supplier_id,
            po_number=po_number,
            revision=int(revision),
            until=datetime.fromtimestamp(int(until), UTC),
        )
    except (ValueError, ValidationError, OverflowError, OSError) as other:
        raise InvalidLink("this link is not to a purchase order") from other
