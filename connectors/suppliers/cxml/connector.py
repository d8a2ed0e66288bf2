"""The `cxml` connector: the codec, and the one way in which cXML travels."""

from collections.abc import Mapping
from typing import ClassVar

from connectors.suppliers.cxml.codec import CxmlCodec
from connectors.suppliers.cxml.posting import Posting
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.cxml.secrets import hidden, shown
from connectors.suppliers.documents import DocumentConnector
from connectors.suppliers.interface import Grade, Inward, Manifest


class CxmlConnector(DocumentConnector):
    """cXML with one supplier."""

    manifest: ClassVar[Manifest] = Manifest(
        name="cxml", version="1", protocol="cXML over HTTPS", config=CxmlPartner, grade=Grade.GOLD
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
