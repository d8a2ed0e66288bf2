"""The `x12` connector: this dialect, by whatever transport, with a partner's profile."""

from collections.abc import Mapping
from typing import ClassVar

from connectors.configuration import ConnectorConfig
from connectors.errors import Undecodable
from connectors.suppliers.documents import DocumentConnector
from connectors.suppliers.interface import Grade, Manifest
from connectors.suppliers.issues import Issues
from connectors.suppliers.transports.configuration import UNUSED, TransportConfig, open_transport
from connectors.suppliers.x12.codec import X12Codec
from connectors.suppliers.x12.partner import X12Partner
from connectors.suppliers.x12.syntax import read


class X12Config(ConnectorConfig):
    """Settings of one supplier. Any value may be `env:NAME`."""

    partner: X12Partner
    """The profile: identifiers, delimiters, and what its codes mean."""
    transport: TransportConfig
    """How documents travel: folder, sftp or https."""


def _by_envelope(body: bytes) -> Mapping[str, object] | None:
    try:
        header = read(body, Issues())[0].header
    except Undecodable:
        return None
    partner = {
        "partner_id": header.at(6),
        "partner_qualifier": header.at(5),
        "our_id": header.at(8),
        "our_qualifier": header.at(7),
        "usage": "T" if header.at(15) == "T" else "P",
    }
    return {"partner": {name: said for name, said in partner.items() if said}, "transport": UNUSED}


class X12Connector(DocumentConnector):
    """X12 with one supplier."""

    manifest: ClassVar[Manifest] = Manifest(
        name="x12",
        version="1",
        protocol="X12 850, 860, 855, 865, 856, 997",
        config=X12Config,
        grade=Grade.GOLD,
        by_envelope=_by_envelope,
    )

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        """Read and check the configuration. Raises: pydantic.ValidationError naming the setting."""
        settings = X12Config.model_validate(dict(config))
        super().__init__(supplier_id, X12Codec(settings.partner), open_transport(supplier_id, settings.transport))
