"""The settings of `promisekeeper dev`, the secrets it makes up for its small world, and its processes' environment."""

import base64
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.sealing import fresh_key
from connectors.configuration import variable
from devstack.ports import HOST, Port
from domain.catalogue import Catalogue, Supplier
from domain.names import TASK_QUEUE

_PREFIX = "PROMISEKEEPER_DEV_"
_PURPOSES = {
    "temporal_port": "Temporal",
    "ui_port": "Temporal UI",
    "gateway_port": "gateway",
    "supplier_port": "simulated suppliers",
    "payment_port": "simulated payment provider",
    "carrier_port": "simulated carrier",
    "smtp_port": "mail catcher, incoming mail",
    "mail_port": "mail catcher, its page",
    "postgres_port": "PostgreSQL",
}


class StackSettings(BaseSettings):
    """Where the stack lives and listens; each also an environment variable with the prefix PROMISEKEEPER_DEV_."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore")

    folder: Path = Path(".promisekeeper")
    """Holds all that is to survive a stop: both databases, logs, secrets."""
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    ui_port: int = Field(default=8233, ge=1, le=65535)
    gateway_port: int = Field(default=8080, ge=1, le=65535)
    supplier_port: int = Field(default=8090, ge=1, le=65535)
    payment_port: int = Field(default=8091, ge=1, le=65535)
    carrier_port: int = Field(default=8092, ge=1, le=65535)
    smtp_port: int = Field(default=1025, ge=1, le=65535)
    mail_port: int = Field(default=8025, ge=1, le=65535)
    postgres_port: int = Field(default=0, ge=0, le=65535)
    """0: PostgreSQL is reached by its Unix socket only."""

    @property
    def gateway_url(self) -> str:
        """Where people and upstream systems reach the gateway."""
        return f"http://{HOST}:{self.gateway_port}"

    def supplier_url(self, supplier_id: str) -> str:
        """Where a simulated supplier listens."""
        return f"http://{HOST}:{self.supplier_port}/suppliers/{supplier_id}"

    def partner_folder(self, supplier_id: str) -> Path:
        """Where a simulated supplier exchanges files with us."""
        return self.folder.absolute() / "partners" / supplier_id

    @property
    def ports(self) -> list[Port]:
        """Every port that will be listened on."""
        numbers = {name: int(getattr(self, name)) for name in _PURPOSES}
        return [
            Port(number, _PURPOSES[name], f"--{name.replace('_', '-')}", f"{_PREFIX}{name.upper()}")
            for name, number in numbers.items()
            if number
        ]


class Secrets:
    """Made-up secrets of one dev world, kept in a file that only its owner reads; a restart finds them again."""

    def __init__(self, path: Path) -> None:
        """Read the file, if there is one."""
        self._path = path
        self._values: dict[str, str] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                name, _, value = line.partition("=")
                self._values[name] = value

    def token(self, name: str) -> str:
        """The secret of that name, made up when first asked for."""
        return self._kept(name, secrets.token_urlsafe(24))

    def webhook_secret(self, name: str) -> str:
        """Likewise, in the form of Standard Webhooks."""
        return self._kept(name, "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode())

    def payload_keys(self, name: str) -> str:
        """Likewise, as a ring of one payload key."""
        return self._kept(name, fresh_key("dev"))

    def _kept(self, name: str, fresh: str) -> str:
        if name not in self._values:
            self._values[name] = fresh
            write_private(self._path, "".join(f"{key}={value}\n" for key, value in self._values.items()))
        return self._values[name]


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.rename(path)


def supplier_environment(
    catalogue: Catalogue, settings: StackSettings, kept: Secrets, ours: Mapping[str, str]
) -> dict[str, str]:
    """Values for the variables that the catalogue's suppliers read (`env:NAME`).

    Also for those that are set already: a dev world talks to nobody real because of what a terminal happens to hold.
    What our own processes read anyway (`ours`), such as the mail server, is not made up again.
    """
    found: dict[str, str] = {}
    for supplier in catalogue.suppliers:
        for setting, name in _variables(supplier.connector_config):
            if name not in ours:
                found[name] = _made_up(setting, name, supplier, settings, kept)
    return found


def _variables(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each setting that is read from a variable, also of settings within settings, with that variable."""
    for setting, value in config.items():
        if isinstance(value, Mapping):
            yield from _variables(cast("Mapping[str, Any]", value))
        elif (name := variable(value)) is not None:
            yield setting, name


def _made_up(setting: str, name: str, supplier: Supplier, settings: StackSettings, kept: Secrets) -> str:
    """What a simulated supplier's setting is in this world, by what the connectors call it."""
    folder = settings.partner_folder(supplier.supplier_id)
    match setting:
        case "base_url":
            return settings.supplier_url(supplier.supplier_id)
        case "url":
            return f"{settings.supplier_url(supplier.supplier_id)}/{supplier.connector}"
        case "outbox":
            return str(folder / "to")
        case "outbox_archive":
            return str(folder / "to" / "processed")
        case "inbox":
            return str(folder / "from")
        case "webhook_secret":
            return kept.webhook_secret(name)
        case _:
            return kept.token(name)


def promisekeeper_environment(settings: StackSettings, kept: Secrets, ledger_dsn: str) -> dict[str, str]:
    """What the gateway, the worker and the commands read: see `activities.settings.Settings`, and Temporal's own."""
    return {
        **past_proxies(os.environ),
        "PROMISEKEEPER_LEDGER_DSN": ledger_dsn,
        "PROMISEKEEPER_TASK_QUEUE": TASK_QUEUE,
        "PROMISEKEEPER_PUBLIC_URL": settings.gateway_url,
        "PROMISEKEEPER_TEMPORAL_UI_URL": f"http://{HOST}:{settings.ui_port}",
        "PROMISEKEEPER_GATEWAY_HOST": HOST,
        "PROMISEKEEPER_GATEWAY_PORT": str(settings.gateway_port),
        "PROMISEKEEPER_API_KEY": kept.token("PROMISEKEEPER_API_KEY"),
        "PROMISEKEEPER_LINK_SECRET": kept.token("PROMISEKEEPER_LINK_SECRET"),
        "PROMISEKEEPER_PAYLOAD_KEYS": kept.payload_keys("PROMISEKEEPER_PAYLOAD_KEYS"),
        "PROMISEKEEPER_CODEC_TOKEN": kept.token("PROMISEKEEPER_CODEC_TOKEN"),
        "PROMISEKEEPER_CODEC_ORIGINS": f"http://{HOST}:{settings.ui_port},http://localhost:{settings.ui_port}",
        "PROMISEKEEPER_SMTP_HOST": HOST,
        "PROMISEKEEPER_SMTP_PORT": str(settings.smtp_port),
        # the mail catcher knows neither logins nor TLS, whatever a terminal is set up for
        "PROMISEKEEPER_SMTP_USER": "",
        "PROMISEKEEPER_SMTP_PASSWORD": "",
        "PROMISEKEEPER_SMTP_TLS": "false",
        "PROMISEKEEPER_PAYMENT_URL": f"http://{HOST}:{settings.payment_port}",
        "PROMISEKEEPER_PAYMENT_API_KEY": kept.token("PROMISEKEEPER_PAYMENT_API_KEY"),
        "PROMISEKEEPER_CARRIER_URL": f"http://{HOST}:{settings.carrier_port}",
        "PROMISEKEEPER_CARRIER_API_KEY": kept.token("PROMISEKEEPER_CARRIER_API_KEY"),
        "PROMISEKEEPER_CARRIER_WEBHOOK_SECRET": kept.webhook_secret("PROMISEKEEPER_CARRIER_WEBHOOK_SECRET"),
        "TEMPORAL_ADDRESS": f"{HOST}:{settings.temporal_port}",
        "TEMPORAL_NAMESPACE": "default",
        # the developer's own profiles (Temporal Cloud, perhaps) have no say here
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }


def past_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables by which requests within this world go straight, where others have to go through a proxy."""
    excepted = environment.get("no_proxy") or environment.get("NO_PROXY")
    straight = ",".join(filter(None, (excepted, HOST, "localhost")))
    # in both spellings, since it differs between programs which of them wins
    return {"NO_PROXY": straight, "no_proxy": straight}
