"""The `csv` connector: CSV files by whatever transport, with a partner's habits."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from connectors.configuration import ConnectorConfig
from connectors.errors import Undecodable
from connectors.suppliers.csv.codec import CsvCodec
from connectors.suppliers.csv.profile import CsvPartner
from connectors.suppliers.csv.tables import rows
from connectors.suppliers.documents import DocumentConnector
from connectors.suppliers.interface import Grade, Manifest
from connectors.suppliers.issues import Issues
from connectors.suppliers.transports.configuration import UNUSED, TransportConfig, open_transport


class CsvConfig(ConnectorConfig):
    """Settings of one supplier. Any value may be `env:NAME`."""

    partner: CsvPartner = Field(default_factory=CsvPartner)
    """Its habits; without any, files are as docs/suppliers/csv.md has them."""
    transport: TransportConfig
    """How files travel: folder, sftp or https."""


def _by_envelope(body: bytes) -> Mapping[str, object] | None:
    """A table has no envelope: read as docs/suppliers/csv.md has it, if its head names one of those columns."""
    try:
        rows(body, CsvPartner(), Issues())
    except Undecodable:
        return None
    return {"transport": UNUSED}


class CsvConnector(DocumentConnector):
    """CSV with one supplier."""

    manifest: ClassVar[Manifest] = Manifest(
        name="csv", version="1", protocol="CSV files", config=CsvConfig, grade=Grade.GOLD, by_envelope=_by_envelope
    )

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        """Read and check the configuration. Raises: pydantic.ValidationError naming the setting."""
        settings = CsvConfig.model_validate(dict(config))
        super().__init__(supplier_id, CsvCodec(settings.partner), open_transport(supplier_id, settings.transport))
