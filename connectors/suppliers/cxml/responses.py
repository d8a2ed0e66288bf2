"""The Response: the word that each side owes the other in the same HTTP exchange, and never the answer to an order.

`Response/Status/@code` has HTTP's classes: 2xx taken; 4xx refused for good, the same document again is useless; 5xx a
fault that may pass. 406 says that a document could not be parsed, 450 that a request is not implemented, 560 that the
server is down for a while, 550 and 551 that a network cannot reach the one behind it.
"""

from typing import NamedTuple

from connectors.errors import Undecodable
from connectors.suppliers.cxml.documents import attribute, child, read, text
from connectors.suppliers.cxml.order_writing import CONTENT_TYPE, add, in_language, said, start, written
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.interface import Reply, WireIds
from connectors.words import plain_words


class Status(NamedTuple):
    """What a Response says."""

    code: int
    words: str
    """For people: code, text and detail."""


def response_status(body: bytes) -> Status | None:
    """The status that an answer carries; None when it is no cXML Response."""
    try:
        found = child(read(body).root, "Response", "Status")
    except Undecodable:
        return None
    code = attribute(found, "code")
    if not (code.isascii() and code.isdigit() and len(code) == 3):
        return None
    detail = text(found)
    words = f"{code} {attribute(found, 'text')}".strip() + (f": {detail}" if detail else "")
    return Status(int(code), plain_words(words))


def response(status: int, phrase: str, detail: str, ids: WireIds, partner: CxmlPartner) -> Reply:
    """What we answer to a request."""
    root = start(f"{said(ids.operation_id)}.response@{partner.payload_domain}", ids, partner)
    wrapped = add(root, "Response")
    add(wrapped, "Status", said(detail), code=str(status), text=phrase, **in_language(partner.language))
    return Reply(content_type=CONTENT_TYPE, body=written(root, partner), at_once=True)
