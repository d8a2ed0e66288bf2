"""docker-compose.yml as Compose itself would see it: variables put in, anchors followed."""

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]

REQUIRED = {
    "POSTGRES_PASSWORD": "ledger-password",
    "GRAFANA_PASSWORD": "grafana-password",
    "PROMISEKEEPER_API_KEY": "upstream-key",
    "PROMISEKEEPER_LINK_SECRET": "a secret for links that is long enough",
    "PROMISEKEEPER_PAYLOAD_KEYS": "test:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "PROMISEKEEPER_CODEC_TOKEN": "codec-token-codec-token-codec",
    "PROMISEKEEPER_SMTP_HOST": "smtp",
    "PROMISEKEEPER_MAIL_FROM": "Lamp Shop <orders@shop.example>",
    "PROMISEKEEPER_PAYMENT_URL": "https://payment.example",
    "PROMISEKEEPER_PAYMENT_API_KEY": "sim-payment-key",
    "PROMISEKEEPER_CARRIER_URL": "https://carrier.example",
    "PROMISEKEEPER_CARRIER_API_KEY": "sim-carrier-key",
    "PROMISEKEEPER_CARRIER_WEBHOOK_SECRET": "whsec_c2ltdWxhdGVkLWNhcnJpZXItc2lnbmluZy1rZXk=",
}
"""What `.env` has to hold, and nothing else: a variable missing here fails the tests as it would fail Compose."""

OURS = ("migrations", "setup", "gateway", "worker")
"""The services that run our image."""

_VARIABLE = re.compile(r"\$(?:\{(?P<name>\w+)(?:(?P<how>:-|:\?)(?P<rest>[^}]*))?\}|(?P<escaped>\$))")


class MissingVariable(Exception):
    """`.env` lacks what the file insists on."""


def interpolated(text: str, given: Mapping[str, str]) -> str:
    """As Compose does it: `${A:-default}`, `${A:?}`, `$$`."""

    def put_in(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        name, how = found["name"], found["how"]
        if given.get(name):
            return given[name]
        if how == ":-":
            return found["rest"] or ""
        raise MissingVariable(name)

    return _VARIABLE.sub(put_in, text)


def compose(given: Mapping[str, str] = REQUIRED) -> dict[str, Any]:
    """The whole file."""

    def put_in(part: Any) -> Any:
        match part:
            case str():
                return interpolated(part, given)
            case dict():
                return {key: put_in(value) for key, value in part.items()}
            case list():
                return [put_in(value) for value in part]
            case _:
                return part

    found: dict[str, Any] = put_in(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))
    for service in found["services"].values():
        if "deploy" in service:
            service["deploy"]["replicas"] = int(service["deploy"]["replicas"])  # the one number that is a variable
    return found


def services(given: Mapping[str, str] = REQUIRED) -> dict[str, dict[str, Any]]:
    """Its services, by name."""
    found: dict[str, dict[str, Any]] = compose(given)["services"]
    return found


def waits_for(service: Mapping[str, Any]) -> dict[str, str]:
    """The services that it waits for, and the condition of each."""
    named = service.get("depends_on", {})
    if isinstance(named, list):
        return dict.fromkeys(named, "service_started")
    return {name: how["condition"] for name, how in named.items()}


def in_order(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """As Compose starts them: each after those it waits for."""
    return list(TopologicalSorter({name: waits_for(service) for name, service in found.items()}).static_order())


def seconds(duration: str) -> float:
    """Of `30s`, `2m`, `1m30s`."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", duration)
    assert "".join(number + unit for number, unit in parts) == duration, f"{duration!r} is no duration"
    return sum(float(number) * units[unit] for number, unit in parts)
