"""The `edifact` connector: this format, by whatever transport, with a partner's profile."""

from collections.abc import Mapping
from typing import ClassVar

from connectors.configuration import ConnectorConfig
from connectors.errors import Undecodable
from connectors.suppliers.documents import DocumentConnector
from connectors.suppliers.edifact.codec import EdifactCodec
from connectors.suppliers.edifact.interchange import first_header
from connectors.suppliers.edifact.partner import EdifactPartner
from connectors.suppliers.interface import Grade, Manifest
from connectors.suppliers.transports.configuration import UNUSED, TransportConfig, open_transport


class EdifactConfig(ConnectorConfig):
    """Settings of one supplier. Any value may be `env:NAME`."""

    partner: EdifactPartner
    """The profile: identifications, character set, and what its codes mean."""
    transport: TransportConfig
    """How documents travel: folder, sftp or https."""


def _by_envelope(body: bytes) -> Mapping[str, object] | None:
    try:
        header = first_header(body)
    except Undecodable:
        return None
    partner = {
        "partner_id": header.sender.id,
        "partner_qualifier": header.sender.qualifier,
        "our_id": header.recipient.id,
        "our_qualifier": header.recipient.qualifier,
        "test": header.test,
        "receipts": True,
    }
    return {"partner": partner, "transport": UNUSED}


class EdifactConnector(DocumentConnector):
    """EDIFACT with one supplier."""

    manifest: ClassVar[Manifest] = Manifest(
        name="edifact",
        version="1",
        protocol="EDIFACT ORDERS, ORDCHG, ORDRSP, DESADV, CONTRL",
        config=EdifactConfig,
        grade=Grade.GOLD,
        by_envelope=_by_envelope,
    )

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        """Read and check the configuration. Raises: pydantic.ValidationError naming the setting."""
        settings = EdifactConfig.model_validate(dict(config))
        super().__init__(supplier_id, EdifactCodec(settings.partner), open_transport(supplier_id, settings.transport))
