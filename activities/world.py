"""What a worker holds open: the ledger and the connectors. Built once at start-up, handed to every activity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from activities.settings import Settings
    from connectors.fulfilment.interface import FulfilmentConnector
    from connectors.messages.interface import MessageConnector
    from connectors.payments.interface import PaymentConnector
    from connectors.suppliers.interface import Connector
    from ledger.book import Ledger
    from ledger.sourcing import Sourcing


@dataclass
class World:
    """Open connections to everything outside."""

    settings: Settings
    ledger: Ledger
    sourcing: Sourcing
    payments: PaymentConnector
    carrier: FulfilmentConnector
    messages: MessageConnector
    _suppliers: dict[str, tuple[object, Connector]] = field(default_factory=dict)

    @classmethod
    async def open(cls, settings: Settings, *, patience: float = 30) -> World:
        """Connect to the ledger and build the connectors.

        Args:
            settings: addresses and secrets.
            patience: seconds to wait for a connection to the ledger, once it was there.

        Raises:
            psycopg_pool.PoolTimeout: the ledger cannot be reached.
        """
        from connectors.fulfilment.http import HttpCarrier
        from connectors.messages.smtp import SmtpMessages
        from connectors.payments.http import HttpPayments
        from ledger.book import Ledger
        from ledger.sourcing import Sourcing

        dsn = settings.ledger_dsn.get_secret_value()
        ledger = await Ledger.open(dsn, size=settings.ledger_pool_size, patience=patience)
        return cls(
            settings=settings,
            ledger=ledger,
            sourcing=Sourcing(ledger),
            payments=HttpPayments(settings.payment_url, settings.payment_api_key),
            carrier=HttpCarrier(settings.carrier_url, settings.carrier_api_key, settings.carrier_webhook_secret),
            messages=SmtpMessages(
                host=settings.smtp_host,
                port=settings.smtp_port,
                sender=settings.mail_from,
                user=settings.smtp_user,
                password=settings.smtp_password,
                tls=settings.smtp_tls,
            ),
        )

    async def supplier(self, supplier_id: str) -> Connector:
        """The connector of a supplier, rebuilt when its settings in the ledger have changed.

        Raises:
            domain.errors.NotFound: no such supplier.
            connectors.errors.WronglySetUp: its connector is not installed, or cannot be built from its settings.
        """
        from connectors.suppliers.interface import connector_for
        from ledger import catalogue

        supplier = await catalogue.supplier(self.ledger, supplier_id)
        wanted = (supplier.connector, supplier.connector_config)
        known = self._suppliers.get(supplier_id)
        if known and known[0] == wanted:
            return known[1]
        connector = connector_for(supplier.connector, supplier_id, supplier.connector_config)
        self._suppliers[supplier_id] = (wanted, connector)
        if known:
            await known[1].aclose()
        return connector

    async def close(self) -> None:
        """Close everything."""
        for _, connector in self._suppliers.values():
            await connector.aclose()
        await self.payments.aclose()
        await self.carrier.aclose()
        await self.ledger.close()
