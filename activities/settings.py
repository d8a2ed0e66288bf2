"""What a process of ours reads from its environment. The Temporal connection has its own: `temporalio.envconfig`."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.sealing import KeyRing
from domain import names
from domain.backorder_duty import Policy
from domain.backorder_position import PaymentTerms, SourcingTerms
from domain.values import Currency

Key = Annotated[SecretStr, Field(min_length=1)]
"""A secret by which others are let in or believed; an empty one would let everybody in."""


def _readable_keys(keys: SecretStr) -> SecretStr:
    KeyRing.read(keys.get_secret_value())
    return keys


PayloadKeys = Annotated[SecretStr, AfterValidator(_readable_keys)]
"""`id:base64,older:base64`, checked at start."""


def _hard_to_guess(token: SecretStr) -> SecretStr:
    said = token.get_secret_value()
    if said and not _TOKEN.fullmatch(said):
        raise ValueError("must be 20 or more letters, digits, dashes and underscores, since it is part of an address")
    return token


_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,}")
CodecToken = Annotated[SecretStr, AfterValidator(_hard_to_guess)]

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


def _listed(origins: str) -> list[str]:
    return [part.strip() for part in origins.split(",") if part.strip()]


def _exact_origins(origins: str) -> str:
    for origin in _listed(origins):
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} is no origin as browsers send it; write it like https://temporal.example or "
                "http://127.0.0.1:8233, in small letters and without a path or a slash at the end"
            )
    return origins


Origins = Annotated[str, AfterValidator(_exact_origins)]
"""Origins with commas between them, each exactly as browsers send it."""
Address = Annotated[str, Field(pattern=r"^$|^.+:[0-9]{1,5}$")]
"""`host:port` to listen on, or nothing."""


class Settings(BaseSettings):
    """Read from environment variables with the prefix PROMISEKEEPER_; a missing one is a clear error at start."""

    model_config = SettingsConfigDict(
        env_prefix="PROMISEKEEPER_",
        extra="ignore",
        hide_input_in_errors=True,  # what was given may be a secret
    )

    ledger_dsn: SecretStr
    """PostgreSQL connection string of the ledger."""
    ledger_pool_size: int = 10

    task_queue: str = names.TASK_QUEUE

    public_url: str = "http://127.0.0.1:8080"
    """Where customers and suppliers reach the gateway; links in mails start with it."""
    temporal_ui_url: str = "http://127.0.0.1:8233"
    """Where people open the Temporal UI; the links of `promisekeeper queries` begin with it."""
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8080
    worker_health_address: Address = ""
    """Where a worker says whether it lives (`/livez`) and is ready (`/readyz`); empty: nowhere."""
    stop_within: timedelta = timedelta(seconds=20)
    """What steps and requests in hand may take after SIGTERM. Less than the orchestrator waits before it kills."""
    api_key: Key
    """What upstream systems send as `Authorization: Bearer ...`."""
    link_secret: Key
    """Signs the links in customers' mails."""

    payload_keys: PayloadKeys = SecretStr("")
    """Seal what Temporal is given: the first key seals, all open. Empty: nothing is sealed."""
    codec_token: CodecToken = SecretStr("")
    """Lets the Temporal UI have payloads opened by the gateway; empty: that door is shut."""
    codec_origins: Origins = ""
    """Whose pages may use that door: the Temporal UI's origin; several with commas between them."""

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

    @property
    def key_ring(self) -> KeyRing:
        """The payload keys, read."""
        return KeyRing.read(self.payload_keys.get_secret_value())

    @property
    def allowed_codec_origins(self) -> list[str]:
        """`codec_origins`, one by one."""
        return _listed(self.codec_origins)

    metrics_address: Annotated[str, Field(pattern=r"^(\S+:\d+)?$")] = ""
    """`host:port` at which this process shows its metrics to Prometheus; empty: nowhere."""
    log_format: Literal["text", "json"] = "text"

    def policy(self, currency: str) -> Policy:
        """The rules for orders in one currency that are accepted from now on."""
        return Policy(
            payment=PaymentTerms(deposit_above=self.deposit_above.get(currency), deposit_share=self.deposit_share),
            sourcing=SourcingTerms(retry_every=self.sourcing_retry_every, give_up_after=self.sourcing_give_up_after),
        )
