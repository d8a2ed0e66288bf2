"""The `cxml` connector: the codec, and the one way in which cXML travels."""

import re
from collections.abc import Mapping
from typing import ClassVar

from connectors.errors import Undecodable
from connectors.suppliers.cxml.codec import CxmlCodec
from connectors.suppliers.cxml.documents import Element, attribute, child, local_name, read, text
from connectors.suppliers.cxml.posting import Posting
from connectors.suppliers.cxml.profile import PAYLOAD_DOMAIN, CxmlPartner
from connectors.suppliers.cxml.secrets import hidden, shown
from connectors.suppliers.documents import DocumentConnector
from connectors.suppliers.interface import Grade, Inward, Manifest


def _by_envelope(body: bytes) -> Mapping[str, object] | None:
    try:
        root = read(body).root
    except Undecodable:
        return None
    header = child(root, "Header")
    from_, to, sender = (child(header, role, "Credential") for role in ("From", "To", "Sender"))
    secret = text(child(sender, "SharedSecret")) or "none is given"
    return {
        "theirs": _named(from_),
        "ours": _named(to),
        "their_sender": _named(sender),
        "inbound_secret": secret,
        "outbound_secret": secret,
        "url": "https://supplier.invalid",
        "payload_domain": _answered_domain(root) or "shop.invalid",
        "bill_to": {"name": "unused", "street": ["unused"], "city": "unused", "country": "US"},
    }


def _answered_domain(root: Element) -> str | None:
    """Of the payloadID that a document answers, which is ours then."""
    answered = next((each for each in root.iter() if local_name(each) == "DocumentReference"), None)
    domain = attribute(answered, "payloadID").rpartition("@")[2]
    return domain if re.fullmatch(PAYLOAD_DOMAIN, domain) else None


def _named(credential: Element | None) -> Mapping[str, str]:
    return {"domain": attribute(credential, "domain"), "identity": text(child(credential, "Identity"))}


class CxmlConnector(DocumentConnector):
    """cXML with one supplier."""

    manifest: ClassVar[Manifest] = Manifest(
        name="cxml",
        version="1",
        protocol="cXML over HTTPS",
        config=CxmlPartner,
        grade=Grade.GOLD,
        by_envelope=_by_envelope,
    )

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        """Read and check the configuration. Raises: pydantic.ValidationError naming the setting."""
        partner = CxmlPartner.model_validate(dict(config))
        super().__init__(supplier_id, CxmlCodec(partner), Posting(supplier_id, partner))
        self._inbound_secret = partner.inbound_secret

    def hidden(self, message: Inward) -> Inward:
        """The message without the sender's SharedSecret."""
        return message.model_copy(update={"body": hidden(message.body)})

    def shown(self, message: Inward) -> Inward:
        """A message that was kept, with the SharedSecret that was agreed on."""
        return message.model_copy(update={"body": shown(message.body, self._inbound_secret.get_secret_value())})
