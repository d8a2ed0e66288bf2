"""The `csv` connector: CSV files by whatever transport, with a partner's habits."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from connectors.configuration import ConnectorConfig
from connectors.suppliers.csv.codec import CsvCodec
from connectors.suppliers.csv.profile import CsvPartner
from connectors.suppliers.documents import DocumentConnector
from connectors.suppliers.interface import Grade, Manifest
from connectors.suppliers.transports.configuration import TransportConfig, open_transport


class CsvConfig(ConnectorConfig):
    """Settings of one supplier. Any value may be `env:NAME`."""

    partner: CsvPartner = Field(default_factory=CsvPartner)
    """Its habits; without any, files are as docs/suppliers/csv.md has them."""
    transport: TransportConfig
    """How files travel: folder, sftp or https."""


class CsvConnector(DocumentConnector):
    """CSV with one supplier."""

    manifest: ClassVar[Manifest] = Manifest(
        name="csv", version="1", protocol="CSV files", config=CsvConfig, grade=Grade.GOLD
    )

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        """Read and check the configuration. Raises: pydantic.ValidationError naming the setting."""
        settings = CsvConfig.model_validate(dict(config))
        super().__init__(supplier_id, CsvCodec(settings.partner), open_transport(supplier_id, settings.transport))
