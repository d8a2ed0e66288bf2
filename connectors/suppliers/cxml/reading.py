"""What an inbound cXML document says, whom it is from, and what we owe for it at once."""

import hashlib
import hmac

from lxml import etree

from connectors.errors import Undecodable
from connectors.suppliers.cxml.confirmations import confirmation_events
from connectors.suppliers.cxml.documents import Document, Element, attribute, child, children, local_name, read, text
from connectors.suppliers.cxml.profile import Credential, CxmlPartner, Mode
from connectors.suppliers.cxml.responses import response
from connectors.suppliers.cxml.secrets import hidden
from connectors.suppliers.cxml.ship_notices import ship_notice_events
from connectors.suppliers.cxml.status_updates import status_update_events
from connectors.suppliers.interface import Decoded, Inward, Reply, WireIds
from connectors.suppliers.plain_values import MOST_EVENTS, name
from connectors.words import ASTRAY, plain_words
from domain.supplier_events import SupplierEvent

_PROFILE_REQUEST = "ProfileRequest"
_UNREAD = "not one that we take; we take ConfirmationRequest, ShipNoticeRequest and StatusUpdateRequest"


def decoded(message: Inward, partner: CxmlPartner) -> Decoded:
    """Read a document. Raises: Undecodable, and nothing else."""
    document = read(message.body)
    request, asked = _asked(document)
    payload = name(attribute(document.root, "payloadID"))
    if payload is None:
        document.issues.add("the document has no usable payloadID; its bytes are what a repeat is known by")
    events = _events(document, asked, payload, partner)
    if len(events) > MOST_EVENTS:
        raise Undecodable(f"the document says more than {MOST_EVENTS} things; send it in parts")
    if attribute(request, "deploymentMode").casefold() == Mode.TEST and partner.deployment_mode is Mode.PRODUCTION:
        document.issues.add("it is marked as a test, and nothing of it is acted upon")
        events = ()
    return Decoded(dedupe_key=_dedupe_key(payload, request, message), events=events, issues=document.issues.told())


def _dedupe_key(payload: str | None, request: Element, message: Inward) -> str:
    """What the document is called, and what it asks: there are senders who call each document the same.

    The rest may differ from one delivery to the next (`cXML/@timestamp`). Without a name it is known by its bytes.
    """
    if payload is None:
        return f"sha256:{hashlib.sha256(hidden(message.body)).hexdigest()}"
    try:
        asked = etree.tostring(request, method="c14n", with_tail=False)
    except etree.C14NError:  # as of a namespace that is no whole URI
        asked = etree.tostring(request, with_tail=False)
    return f"{payload}/{hashlib.sha256(asked).hexdigest()[:16]}"


def _asked(document: Document) -> tuple[Element, Element]:
    """The Request, and what is asked in it. Raises: Undecodable (there is none, or more than the one there can be)."""
    found = [(request, each) for request in children(document.root, "Request") for each in request if local_name(each)]
    if not found:
        held = ", ".join(local_name(each) for each in document.root) or "nothing"
        raise Undecodable(plain_words(f"the document is no Request; it holds {held}"))
    if len(found) > 1:
        raise Undecodable(
            f"the document holds {len(found)} requests, and cXML has one in each; ask for them one by one"
        )
    return found[0]


def _events(document: Document, asked: Element, payload: str | None, partner: CxmlPartner) -> tuple[SupplierEvent, ...]:
    match local_name(asked):
        case "ConfirmationRequest":
            return confirmation_events(asked, partner, document.issues)
        case "ShipNoticeRequest":
            return ship_notice_events(asked, payload, partner, document.issues)
        case "StatusUpdateRequest":
            return status_update_events(asked, partner, document.issues)
        case "ProfileRequest":
            return ()
        case "OrderRequest":
            raise Undecodable(f"the request OrderRequest {ASTRAY}")
        case other:
            raise Undecodable(plain_words(f"the request {other} is {_UNREAD}"))


def addressed(message: Inward, partner: CxmlPartner) -> None:
    """Check From, To and Sender, and the sender's shared secret in constant time. Raises: Undecodable."""
    header = child(read(message.body).root, "Header")
    for role, party in (("From", partner.theirs), ("To", partner.ours)):
        if not any(_same(party, credential) for credential in children(child(header, role), "Credential")):
            raise Undecodable(f"{role} does not name {party.identity} in the domain {party.domain}")
    sender = partner.their_sender or partner.theirs
    said = [each for each in children(child(header, "Sender"), "Credential") if _same(sender, each)]
    expected = partner.inbound_secret.get_secret_value().encode()
    secrets = [text(child(credential, "SharedSecret")).encode() for credential in said]
    if not any(hmac.compare_digest(expected, secret) for secret in secrets):
        raise Undecodable(f"Sender does not prove to be {sender.identity}: its SharedSecret is missing or wrong")


def _same(party: Credential, credential: Element) -> bool:
    """Identities and domains do not depend on case."""
    said = (attribute(credential, "domain").casefold(), text(child(credential, "Identity")).casefold())
    return said == (party.domain.casefold(), party.identity.casefold())


def owed(message: Inward, ids: WireIds, partner: CxmlPartner) -> Reply:
    """The Response to a document, readable or not."""
    try:
        document = read(message.body)
        request, asked = _asked(document)
        del request
        if local_name(asked) == _PROFILE_REQUEST:
            return response(
                450, "Not Implemented", "Our profile is agreed by hand; the connection works.", ids, partner
            )
        if local_name(asked) == "OrderRequest":
            return response(406, "Not Acceptable", "We take no orders: this one went astray.", ids, partner)
        decoded(message, partner)
    except Undecodable as unreadable:
        return response(406, "Not Acceptable", str(unreadable), ids, partner)
    return response(200, "OK", "It is kept. This is no business answer.", ids, partner)
