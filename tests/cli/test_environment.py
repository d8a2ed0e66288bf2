"""Which variables a command works with, and what it says when nobody is there."""

import json
import socket
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from temporalio.client import Client

from cli import connections
from cli.environment import DEV_FILE, use_dev_environment
from cli.errors import CommandFailed
from ledger.book import Ledger
from tests.cli.conftest import Command

DEV = {"TEMPORAL_ADDRESS": "127.0.0.1:7233", "PROMISEKEEPER_LEDGER_DSN": "postgresql://dev"}


def _dev_runs(folder: Path, content: object = DEV) -> None:
    (folder / DEV_FILE).parent.mkdir()
    (folder / DEV_FILE).write_text(content if isinstance(content, str) else json.dumps(content))


def test_a_dev_world_of_this_folder_is_used_by_itself(tmp_path: Path) -> None:
    _dev_runs(tmp_path)
    environ: dict[str, str] = {"HOME": "/home/ada"}
    use_dev_environment(tmp_path, environ)
    assert environ == {"HOME": "/home/ada", **DEV}


def test_without_one_nothing_changes(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    assert use_dev_environment(tmp_path, environ) == {}
    assert environ == {}


def test_the_shell_wins(tmp_path: Path) -> None:
    _dev_runs(tmp_path)
    environ = {"PROMISEKEEPER_LEDGER_DSN": "postgresql://production"}
    use_dev_environment(tmp_path, environ)
    assert environ == {"PROMISEKEEPER_LEDGER_DSN": "postgresql://production", "TEMPORAL_ADDRESS": "127.0.0.1:7233"}


def test_two_clusters_are_never_mixed(tmp_path: Path) -> None:
    _dev_runs(tmp_path, {**DEV, "TEMPORAL_NAMESPACE": "default"})
    environ = {"TEMPORAL_PROFILE": "cloud"}
    use_dev_environment(tmp_path, environ)
    assert "TEMPORAL_ADDRESS" not in environ and "TEMPORAL_NAMESPACE" not in environ


@pytest.mark.parametrize("content", ["{", "[]", {"TEMPORAL_ADDRESS": 7233}])
def test_a_file_that_dev_did_not_write_is_said(tmp_path: Path, content: object) -> None:
    _dev_runs(tmp_path, content)
    with pytest.raises(CommandFailed, match="promisekeeper dev"):
        use_dev_environment(tmp_path, {})


async def test_a_command_that_needs_a_ledger_says_which_setting_is_missing(promisekeeper: Command) -> None:
    code, _, err = await promisekeeper("status")
    assert code == 2
    assert "PROMISEKEEPER_LEDGER_DSN is not set" in err


@pytest.mark.parametrize("arguments", [("submit",), ("nonsense",), ("status", "--limit", "0"), ("schema", "moon")])
async def test_wrong_usage_is_exit_code_2(promisekeeper: Command, arguments: tuple[str, ...]) -> None:
    code, _, err = await promisekeeper(*arguments)
    assert code == 2 and err


@pytest.mark.alters_tables
async def test_a_ledger_of_another_version_is_said(ledger: Ledger, promisekeeper: Command, ledger_dsn: str) -> None:
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute("alter table backorder rename column attention to needs")
    code, _, err = await promisekeeper("status")
    assert code == 2 and "another version" in err and "promisekeeper migrate" in err and "attention" in err


async def test_a_ledger_that_does_not_let_us_read_is_said_without_a_traceback(
    ledger: Ledger, promisekeeper: Command, ledger_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute("drop role if exists nosy")
        connection.execute("create role nosy login")
    monkeypatch.setenv("PROMISEKEEPER_LEDGER_DSN", make_conninfo(ledger_dsn, user="nosy"))
    code, _, err = await promisekeeper("status")
    assert code == 2 and "permission denied" in err and "Traceback" not in err


async def test_a_temporal_server_that_never_answers_is_given_up(
    ledger: Ledger, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS_TO_CONNECT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{silent.getsockname()[1]}")
        code, _, err = await promisekeeper("cancel", "BO-1")
    assert code == 2 and "no Temporal server answers" in err and "TEMPORAL_ADDRESS" in err


async def test_a_namespace_that_is_not_there_is_said_without_a_traceback(
    temporal: Client, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "nowhere")
    code, _, err = await promisekeeper("cancel", "BO-1")
    assert code != 0 and "nowhere" in err and "Traceback" not in err


async def test_help_names_every_command(promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("--help")
    assert code == 0
    for command in ("audit", "cancel", "catalogue", "check", "connectors", "dev", "hold", "migrate", "openapi"):
        assert f" {command} " in out
    for command in ("purchase-orders", "release-now", "resolve", "schema", "status", "submit"):
        assert f" {command} " in out
