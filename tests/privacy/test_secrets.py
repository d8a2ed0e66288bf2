"""A secret of the settings is shown by nothing: not by what prints them, not by logs, not by errors."""

import logging
import os
import subprocess
import sys
from typing import get_args

import pytest
from pydantic import SecretStr, ValidationError

from activities.sealing import fresh_key
from activities.settings import Settings

_KEY = fresh_key("k")
_PLAIN = {"payment_url": "http://127.0.0.1:9", "carrier_url": "http://127.0.0.1:9"}


def _secret_fields() -> list[str]:
    return [
        name
        for name, field in Settings.model_fields.items()
        if field.annotation is SecretStr or SecretStr in get_args(field.annotation)
    ]


def _given() -> dict[str, str]:
    """Every setting that must be given, and every secret, each with a value that is looked for."""
    secrets = {name: f"hush-{name.replace('_', '-')}-0123456789" for name in _secret_fields()}
    secrets["ledger_dsn"] = "postgresql://user:hush-ledger-dsn@127.0.0.1:9/none"
    secrets["payload_keys"] = _KEY
    return _PLAIN | secrets


_HIDDEN = ("hush-", _KEY.partition(":")[2], "aHVzaC1")
"""What may be shown nowhere."""


def _environment(**changes: str) -> dict[str, str]:
    ours = {f"PROMISEKEEPER_{name.upper()}": value for name, value in (_given() | changes).items()}
    return {name: value for name, value in os.environ.items() if not name.startswith("PROMISEKEEPER_")} | ours


def test_the_settings_that_are_secrets_are_all_looked_at() -> None:
    named_like_one = {
        n for n in Settings.model_fields if n.endswith(("key", "keys", "secret", "password", "token", "dsn"))
    }
    assert set(_secret_fields()) == named_like_one


def test_settings_show_no_secret_however_they_are_printed(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings.model_validate(_given())
    with caplog.at_level(logging.DEBUG):
        logging.getLogger().info("%s %r", settings, settings)
    shown = [repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json(), caplog.text]
    shown += [repr(settings.key_ring), repr(vars(settings))]
    assert [one for one in shown if any(secret in one for secret in _HIDDEN)] == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"payload_keys": "k:aHVzaC1ub3QtMzItYnl0ZXM="}, "payload_keys"),
        ({"payload_keys": "hush-a-key-without-its-id"}, "payload_keys"),
        ({"codec_token": "hush-short"}, "codec_token"),
        ({"smtp_port": "hush-no-number"}, "smtp_port"),
        ({"codec_origins": "https://temporal.example/"}, "codec_origins"),
        ({"payment_url": None}, "payment_url"),
    ],
)
def test_an_error_names_the_setting_and_shows_no_value(wrong: dict[str, str | None], named: str) -> None:
    given = {name: value for name, value in (_given() | wrong).items() if value is not None}
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(given)
    assert [error["loc"] for error in refused.value.errors()] == [(named,)]
    assert not any(secret in said for secret in _HIDDEN for said in (str(refused.value), repr(refused.value)))


@pytest.mark.parametrize("module", ["worker", "gateway"])
def test_a_process_with_bad_keys_ends_at_once_and_names_the_setting(module: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", module],
        env=_environment(payload_keys="hush:c2hvcnQ="),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("PROMISEKEEPER_PAYLOAD_KEYS: ")
    assert "hush-" not in ended.stderr + ended.stdout
    assert "c2hvcnQ" not in ended.stderr + ended.stdout


def test_a_gateway_that_cannot_reach_its_ledger_says_so_without_the_password() -> None:
    environment = _environment()
    ended = subprocess.run(
        [sys.executable, "-m", "gateway"],
        env=environment | {"PROMISEKEEPER_GATEWAY_PORT": "0", "PROMISEKEEPER_SMTP_PORT": "9"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert "127.0.0.1" in said
    assert [secret for secret in _HIDDEN if secret in said] == []
