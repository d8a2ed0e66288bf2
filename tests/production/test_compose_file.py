"""docker-compose.yml, as far as it can be judged without Docker: valid, complete, and hardened where it says so."""

import json
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyCompose

from activities.settings import Settings
from tests.production.compose import (
    OURS,
    REQUIRED,
    ROOT,
    MissingVariable,
    compose,
    in_order,
    interpolated,
    seconds,
    services,
    waits_for,
)

FIELDS = {f"PROMISEKEEPER_{field.upper()}": info for field, info in Settings.model_fields.items()}
OTHERS_READ = {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}
"""By `temporalio.envconfig`."""
COMMANDS_READ = {"PROMISEKEEPER_TEMPORAL_UI_URL"}
"""By `promisekeeper setup`, for the links that it prints."""


def environment(name: str) -> dict[str, str]:
    found: dict[str, str] = services()[name]["environment"]
    return found


def checked(file: dict[str, Any]) -> None:
    """Hold a file to the compose specification. Raises: ValueError."""
    PyCompose.from_json(json.dumps(file)).validate()


def test_it_is_valid_by_the_compose_specification() -> None:
    checked(compose())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("restrt", "always"),
        ("read_only", "perhaps"),
        ("stop_grace_period", "30 lightyears"),
        ("depends_on", {"postgres": {"condition": "service_wonderful"}}),
        ("ports", ["80:8000000"]),
        ("healthcheck", {"test": ["CMD", "true"], "intervall": "5s"}),
    ],
)
def test_what_the_specification_does_not_know_is_found(name: str, value: object) -> None:
    file = compose()
    file["services"]["worker"][name] = value
    with pytest.raises(ValueError):  # noqa: PT011 - the wording is the validator's
        checked(file)


def test_it_asks_for_what_has_no_default_and_for_nothing_else() -> None:
    for missing in REQUIRED:
        with pytest.raises(MissingVariable, match=missing):
            compose({name: value for name, value in REQUIRED.items() if name != missing})


def test_the_documents_name_all_that_it_asks_for() -> None:
    text = (ROOT / "docs" / "production.md").read_text()
    assert [name for name in REQUIRED if f"{name}=" not in text] == []


def test_variables_are_put_in_as_compose_does_it() -> None:
    assert interpolated("${A:?}${B:-b}${C:-c}$$D", {"A": "a", "B": "", "C": "x"}) == "abx$D"


@pytest.mark.parametrize("name", OURS)
def test_our_services_get_every_setting_that_has_no_default_and_none_that_is_unknown(name: str) -> None:
    given = set(environment(name))
    assert given - OTHERS_READ - COMMANDS_READ <= set(FIELDS)
    assert {key for key, info in FIELDS.items() if info.is_required()} <= given
    assert given >= OTHERS_READ


def test_the_settings_that_it_gives_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in environment("worker").items():
        monkeypatch.setenv(key, value)
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    assert settings.model_fields_set >= {"ledger_dsn", "payment_url", "worker_health_address"}


def test_every_service_waited_for_is_there_and_can_reach_the_condition() -> None:
    found = services()
    assert set(in_order(found)) == set(found)  # and nobody waits in a circle
    for service in found.values():
        for other, condition in waits_for(service).items():
            ends = found[other].get("restart") == "on-failure"
            assert (condition == "service_completed_successfully") == ends
            assert condition != "service_healthy" or "healthcheck" in found[other]


def test_nothing_works_before_the_books_and_the_namespace_are_ready() -> None:
    for name in ("gateway", "worker"):
        assert waits_for(services()[name]) == dict.fromkeys(("migrations", "setup"), "service_completed_successfully")


def test_our_containers_write_nowhere_and_may_nothing() -> None:
    for name in OURS:
        service = services()[name]
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "volumes" not in service
        assert "privileged" not in service


def test_the_orchestrator_waits_longer_than_our_processes_take_to_stop() -> None:
    stop_within = Settings.model_fields["stop_within"].default.total_seconds()
    for name in ("gateway", "worker"):
        assert "PROMISEKEEPER_STOP_WITHIN" not in environment(name)
        assert seconds(services()[name]["stop_grace_period"]) >= stop_within + 5


def test_every_file_that_is_mounted_is_there_and_every_volume_is_declared() -> None:
    file = compose()
    for service in file["services"].values():
        for mount in service.get("volumes", ()):
            source, *_ = mount.split(":")
            if source.startswith("."):
                assert (ROOT / source).exists(), source
                assert mount.endswith(":ro"), mount
            else:
                assert source in file["volumes"]


def test_only_this_machine_reaches_what_is_published() -> None:
    for service in services().values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_images_have_versions_and_no_address() -> None:
    for name, service in services().items():
        repository, _, version = service["image"].rpartition(":")
        assert version[:1].isdigit() or name in OURS or version.startswith("v")
        assert "." not in repository


@pytest.mark.parametrize("script", ["schema.sh", "namespace.sh"])
def test_the_one_shots_of_temporal_run_a_script_that_stops_at_the_first_error(script: str) -> None:
    path = Path(ROOT, "deploy", "temporal", script)
    commands = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert commands[0] == "set -eu"
    users = [s for s in services().values() if s.get("entrypoint") == ["/bin/sh", f"/deploy/{script}"]]
    assert [user["volumes"] for user in users] == [["./deploy/temporal:/deploy:ro"]]
