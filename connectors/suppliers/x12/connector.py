"""The `x12` connector: this dialect, by whatever transport, with a partner's profile."""

from collections.abc import Mapping
from typing import ClassVar

from connectors.configuration import ConnectorConfig
from connectors.suppliers.documents import DocumentConnector
from connectors.suppliers.interface import Grade, Manifest
from connectors.suppliers.transports.configuration import TransportConfig, open_transport
from connectors.suppliers.x12.codec import X12Codec
from connectors.suppliers.x12.partner import X12Partner


class X12Config(ConnectorConfig):
    """Settings of one supplier. Any value may be `env:NAME`."""

    partner: X12Partner
    """The profile: identifiers, delimiters, and what its codes mean."""
    transport: TransportConfig
    """How documents travel: folder, sftp or https."""


class X12Connector(DocumentConnector):
    """X12 with one supplier."""

    manifest: ClassVar[Manifest] = Manifest(
        name="x12", version="1", protocol="X12 850, 860, 855, 865, 856, 997", config=X12Config, grade=Grade.GOLD
    )

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        """Read and check the configuration. Raises: pydantic.ValidationError naming the setting."""
        settings = X12Config.model_validate(dict(config))
        super().__init__(supplier_id, X12Codec(settings.partner), open_transport(supplier_id, settings.transport))
