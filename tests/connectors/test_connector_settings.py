"""How connectors are found and set up: by name, with secrets from the environment, and never shown."""

import re
from importlib.metadata import EntryPoint, EntryPoints
from typing import cast

import pytest
from pydantic import SecretStr, ValidationError

from connectors.configuration import ConnectorConfig, problems
from connectors.errors import Unsupported, WronglySetUp
from connectors.fulfilment.http import HttpCarrier
from connectors.payments.http import HttpPayments
from connectors.suppliers import interface
from connectors.suppliers.http import HttpConnector
from connectors.suppliers.interface import connector_for, installed, setting_problems
from connectors.suppliers.transports.configuration import SftpConfig, TransportConfig

CONFIG: dict[str, object] = {
    "base_url": "https://api.acme.example/v1",
    "api_key": "topsecret",
    "webhook_secret": "whsec_dG9wc2VjcmV0",
}


def test_the_http_connector_is_found_by_its_name() -> None:
    assert "http" in installed()
    assert isinstance(connector_for("http", "acme", CONFIG), HttpConnector)


def test_a_connector_that_is_not_installed_is_named_with_those_that_are() -> None:
    with pytest.raises(WronglySetUp, match=r"supplier 'acme' .*'telex' is installed; there is .*http"):
        connector_for("telex", "acme", CONFIG)


def test_a_connector_that_cannot_be_imported_is_no_hindrance_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    group = interface.ENTRY_POINT_GROUP
    there = [
        EntryPoint("broken", "no_such_module_anywhere:Connector", group),
        EntryPoint("http", "connectors.suppliers.http:HttpConnector", group),
    ]
    monkeypatch.setattr(interface, "_entries", lambda: EntryPoints(there))
    assert isinstance(connector_for("http", "acme", CONFIG), HttpConnector)
    with pytest.raises(WronglySetUp, match=r"'broken' cannot be imported .*no_such_module_anywhere"):
        connector_for("broken", "acme", CONFIG)


def test_a_supplier_that_is_set_up_wrongly_cannot_be_reached_at_once_nor_by_trying_again() -> None:
    """Steps treat it as they treat what a connector cannot do: told at once, not tried for minutes."""
    with pytest.raises(Unsupported):
        connector_for("http", "acme", {})


def test_all_that_is_wrong_with_a_supplier_is_told_at_once_by_field_and_without_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ACME_KEY", raising=False)
    monkeypatch.setenv("ACME_SECRET", "topsecret")
    config = {"base_url": "topsecret", "api_key": "env:ACME_KEY", "webhook_secret": "env:ACME_SECRET", "time_out": 3}
    found = {problem.field: problem.variable for problem in setting_problems("http", config)}
    assert found == {
        "connector_config.base_url": None,
        "connector_config.api_key": "ACME_KEY",
        "connector_config.webhook_secret": "ACME_SECRET",
        "connector_config.time_out": None,
    }
    with pytest.raises(WronglySetUp) as raised:
        connector_for("http", "acme", config)
    told = str(raised.value)
    assert told.startswith("supplier 'acme' is set up wrongly: connector_config.base_url: must start with http://")
    assert "connector_config.api_key (environment variable ACME_KEY): is not set in this process" in told
    assert "connector_config.time_out: is no setting of this connector; did you mean timeout_seconds?" in told
    assert "topsecret" not in told


class Documents(ConnectorConfig):
    """A connector with settings within settings, as those for documents are."""

    partner: str
    transport: TransportConfig


SFTP: dict[str, object] = {
    "kind": "sftp",
    "outbox": "in",
    "inbox": "out",
    "host": "sftp.acme.example",
    "user": "ada",
    "password": "topsecret",
    "host_keys": ["SHA256:uNiVztksCsDhcc0u9e8BrwRsZEMdxv3XPFv9JPGlLOM"],
}


def wrong(transport: object) -> dict[str, tuple[str | None, str]]:
    settings = {"partner": "ACME", "transport": transport}
    with pytest.raises(ValidationError) as raised:
        Documents.model_validate(settings)
    found = list(problems(raised.value, Documents, settings))
    assert "topsecret" not in f"{raised.value} {found}"
    return {problem.field: (problem.variable, problem.wrong) for problem in found}


def test_settings_within_settings_are_read_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_PASSWORD", "from-the-environment")
    settings = {"partner": "ACME", "transport": SFTP | {"password": "env:ACME_PASSWORD"}}
    transport = Documents.model_validate(settings).transport
    assert isinstance(transport, SftpConfig) and transport.password is not None
    assert transport.password.get_secret_value() == "from-the-environment"


def test_what_is_wrong_within_settings_is_named_as_it_is_written_with_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ACME_PASSWORD", raising=False)
    monkeypatch.setenv("ACME_HOST", "not a topsecret host")
    assert wrong(SFTP | {"password": "env:ACME_PASSWORD", "host": "env:ACME_HOST", "port": 0}) == {
        "connector_config.transport.password": ("ACME_PASSWORD", "is not set in this process; set that variable"),
        "connector_config.transport.host": ("ACME_HOST", "String should match pattern '^[A-Za-z0-9._:\\[\\]-]+$'"),
        "connector_config.transport.port": (None, "must be greater than or equal to 1"),
    }


def test_a_missing_and_a_misspelt_setting_within_settings_are_named() -> None:
    without_user = {name: value for name, value in SFTP.items() if name != "user"} | {"usr": "topsecret"}
    assert wrong(without_user) == {
        "connector_config.transport.user": (None, "is missing; set it"),
        "connector_config.transport.usr": (None, "is no setting of this connector; did you mean user?"),
    }


@pytest.mark.parametrize("transport", [{"kind": "topsecret"}, {}, {"kind": None}, "topsecret"])
def test_a_kind_of_settings_that_there_is_not_is_told_without_its_value(transport: object) -> None:
    told = {"connector_config.transport": (None, "must have a kind, which is folder, sftp or https")}
    assert wrong(transport) == told


def test_one_of_several_values_is_named_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    found = wrong(SFTP | {"host_keys": [*cast("list[str]", SFTP["host_keys"]), "topsecret"]})
    assert list(found) == ["connector_config.transport.host_keys.1"]
    monkeypatch.setenv("ACME_KEYS", "topsecret")
    assert wrong(SFTP | {"host_keys": "env:ACME_KEYS"})["connector_config.transport.host_keys.0"][0] == "ACME_KEYS"


def test_settings_that_do_not_go_together_are_named_by_what_holds_them() -> None:
    found = wrong(SFTP | {"inbox": "in"})
    assert list(found) == ["connector_config.transport"]
    assert found["connector_config.transport"][1].startswith("inbox must be a folder of its own")


def test_good_settings_have_no_problem() -> None:
    assert setting_problems("http", CONFIG) == []


def test_a_value_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", "from-the-environment")
    config = HttpConnector.manifest.config.model_validate(CONFIG | {"api_key": "env:ACME_KEY"})
    assert config.model_dump()["api_key"].get_secret_value() == "from-the-environment"


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("api_key", "env:NOT_SET_ANYWHERE", "set that variable"),
        ("api_key", "env:", "name of an environment variable"),
        ("api_key", "env:A B", "name of an environment variable"),
        ("api_key", "", "at least one character"),
        ("api_key", "topsecret here", "without blanks"),
        ("api_key", "topsecrét", "printable ASCII"),
        ("api_key", "topsecret\n", "line break"),
        ("webhook_secret", "topsecret", "starts with whsec_"),
        ("webhook_secret", "whsec_", "at least one byte"),
        ("webhook_secret", "whsec_é", "base64"),
        ("base_url", "ftp://x", "must start with http:// or https://"),
        ("base_url", "https://", "and a host"),
        ("base_url", "api.acme.example", "must start with http:// or https://"),
        ("base_url", "https://api acme.example", "holds a blank"),
        ("base_url", "https://api.acme.example/\x00", "cannot be printed"),
        ("base_url", "https://api.acme.example:99999", "1 to 65535"),
        ("base_url", "https://api..example", "is no address"),
        ("base_url", "https://[::1", "is no address"),
        ("base_url", "https://ada:topsecret@acme.example", "no user and password"),
        ("base_url", "https://acme.example/?key=topsecret", "without ? and #"),
        ("timeout_seconds", 0, "timeout_seconds"),
        ("api_kee", "x", "api_kee"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_is_shown(setting: str, value: object, said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)) as raised:
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


@pytest.mark.parametrize(
    ("address", "key"), [("127.0.0.1:9", "topsecret"), ("ftp://x", "topsecret"), ("http://127.0.0.1:9", "topsecret\n")]
)
def test_a_payment_provider_or_carrier_that_cannot_be_reached_as_set_up_is_refused_at_start(
    address: str, key: str
) -> None:
    with pytest.raises(ValueError, match="payment provider's settings are wrong") as raised:
        HttpPayments(address, SecretStr(key))
    assert "topsecret" not in str(raised.value)
    with pytest.raises(ValueError, match="carrier's settings are wrong"):
        HttpCarrier(address, SecretStr(key), SecretStr("whsec_dG9wc2VjcmV0"))
