"""What a process of ours reads from its environment. The Temporal connection has its own: `temporalio.envconfig`."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain import names
from domain.backorder_duty import Policy
from domain.backorder_position import PaymentTerms, SourcingTerms
from domain.values import Currency

Key = Annotated[SecretStr, Field(min_length=1)]
"""A secret by which others are let in or believed; an empty one would let everybody in."""


class Settings(BaseSettings):
    """Read from environment variables with the prefix PROMISEKEEPER_; a missing one is a clear error at start."""

    model_config = SettingsConfigDict(env_prefix="PROMISEKEEPER_", extra="ignore")

    ledger_dsn: SecretStr
    """PostgreSQL connection string of the ledger."""
    ledger_pool_size: int = 10

    task_queue: str = names.TASK_QUEUE

    public_url: str = "http://127.0.0.1:8080"
    """Where customers and suppliers reach the gateway; links in mails start with it."""
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8080
    api_key: Key
    """What upstream systems send as `Authorization: Bearer ...`."""
    link_secret: Key
    """Signs the links in customers' mails."""

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_tls: bool = False
    mail_from: str = "Promisekeeper <orders@shop.example>"

    payment_url: str
    payment_api_key: SecretStr
    carrier_url: str
    carrier_api_key: SecretStr
    carrier_webhook_secret: Key
    """A Standard Webhooks secret, `whsec_...`."""

    deposit_above: dict[Currency, Decimal] = {
        "USD": Decimal(1000),
        "EUR": Decimal(1000),
        "GBP": Decimal(1000),
        "CAD": Decimal(1400),
        "JPY": Decimal(150_000),
    }
    """As JSON: orders of a higher goods value in that currency pay a deposit first; a currency left out never does."""
    deposit_share: Decimal = Decimal("0.2")

    sourcing_retry_every: timedelta = timedelta(hours=6)
    """How often supply is looked for again when no supplier was found."""
    sourcing_give_up_after: timedelta = timedelta(days=14)
    """When the seller cancels what no supplier was found for and no operator resolved."""

    metrics_address: Annotated[str, Field(pattern=r"^(\S+:\d+)?$")] = ""
    """`host:port` at which this process shows its metrics to Prometheus; empty: nowhere."""
    log_format: Literal["text", "json"] = "text"

    def policy(self, currency: str) -> Policy:
        """The rules for orders in one currency that are accepted from now on."""
        return Policy(
            payment=PaymentTerms(deposit_above=self.deposit_above.get(currency), deposit_share=self.deposit_share),
            sourcing=SourcingTerms(retry_every=self.sourcing_retry_every, give_up_after=self.sourcing_give_up_after),
        )
