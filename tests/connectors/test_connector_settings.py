"""How connectors are found and set up: by name, with secrets from the environment, and never shown."""

import pytest
from pydantic import SecretStr, ValidationError

from connectors.errors import Unsupported
from connectors.fulfilment.http import HttpCarrier
from connectors.suppliers.http import HttpConnector
from connectors.suppliers.interface import connector_for, installed

CONFIG: dict[str, object] = {
    "base_url": "https://api.acme.example/v1",
    "api_key": "topsecret",
    "webhook_secret": "whsec_dG9wc2VjcmV0",
}


def test_the_http_connector_is_found_by_its_name() -> None:
    assert installed()["http"] is HttpConnector
    assert isinstance(connector_for("http", "acme", CONFIG), HttpConnector)
    with pytest.raises(Unsupported, match="telex"):
        connector_for("telex", "acme", CONFIG)


def test_a_value_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", "from-the-environment")
    config = HttpConnector.manifest.config.model_validate(CONFIG | {"api_key": "env:ACME_KEY"})
    assert config.model_dump()["api_key"].get_secret_value() == "from-the-environment"


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("api_key", "env:NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE; set that variable"),
        ("webhook_secret", "topsecret", "starts with whsec_"),
        ("webhook_secret", "whsec_", "at least one byte"),
        ("webhook_secret", "whsec_é", "base64"),
        ("base_url", "ftp://x", "base_url"),
        ("timeout_seconds", 0, "timeout_seconds"),
        ("api_kee", "x", "api_kee"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_is_shown(setting: str, value: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as raised:
        HttpConnector("acme", CONFIG | {setting: value})
    assert setting in str(raised.value)
    assert "topsecret" not in str(raised.value)


@pytest.mark.parametrize("setting", ["base_url", "api_key", "webhook_secret"])
def test_a_missing_setting_is_named(setting: str) -> None:
    with pytest.raises(ValidationError, match=setting):
        HttpConnector("acme", {name: value for name, value in CONFIG.items() if name != setting})


def test_secrets_do_not_show() -> None:
    assert "topsecret" not in repr(HttpConnector.manifest.config.model_validate(CONFIG))


def test_a_carrier_with_an_unusable_secret_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="whsec_"):
        HttpCarrier("http://127.0.0.1:9", SecretStr("k"), SecretStr("plain"))
