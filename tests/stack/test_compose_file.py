"""docker-compose.yml, as far as it can be judged without Docker: it names what our processes read, and nothing else."""

from pathlib import Path
from typing import Any

import yaml

from activities.settings import Settings

_FILE = Path(__file__).resolve().parents[2] / "docker-compose.yml"


def compose() -> dict[str, Any]:
    return yaml.safe_load(_FILE.read_text())


def test_our_services_get_every_setting_that_has_no_default_and_none_that_is_unknown() -> None:
    for name in ("gateway", "worker", "migrations", "setup"):
        ours = {key for key in compose()["services"][name]["environment"] if key.startswith("PROMISEKEEPER_")}
        fields = {f"PROMISEKEEPER_{field.upper()}": info for field, info in Settings.model_fields.items()}
        assert ours <= set(fields)
        assert {key for key, info in fields.items() if info.is_required()} <= ours


def test_the_namespace_is_set_up_before_anything_works_in_it() -> None:
    services = compose()["services"]
    assert services["setup"]["command"] == ["promisekeeper", "setup"]
    done = {"condition": "service_completed_successfully"}
    assert services["setup"]["depends_on"]["temporal-namespace"] == done
    assert services["gateway"]["depends_on"]["setup"] == services["worker"]["depends_on"]["setup"] == done


def test_every_service_waited_for_is_there() -> None:
    services = compose()["services"]
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
