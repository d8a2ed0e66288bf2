"""docker-compose.yml, as far as it can be judged without Docker: it names what our processes read, and nothing else."""

from pathlib import Path
from typing import Any

import yaml

from activities.settings import Settings
from workflows import backorder_contract, purchase_order_contract

_FILE = Path(__file__).resolve().parents[2] / "docker-compose.yml"


def compose() -> dict[str, Any]:
    return yaml.safe_load(_FILE.read_text())


def test_our_services_get_every_setting_that_has_no_default_and_none_that_is_unknown() -> None:
    for name in ("gateway", "worker", "migrations"):
        ours = {key for key in compose()["services"][name]["environment"] if key.startswith("PROMISEKEEPER_")}
        fields = {f"PROMISEKEEPER_{field.upper()}": info for field, info in Settings.model_fields.items()}
        assert ours <= set(fields)
        assert {key for key, info in fields.items() if info.is_required()} <= ours


def test_the_namespace_gets_the_search_attributes_of_the_contracts() -> None:
    (script,) = compose()["services"]["temporal-namespace"]["command"]
    words = script.replace("\\\n", " ").split()
    registered = {
        words[at + 1]: words[at + 3] for at, word in enumerate(words) if word == "--name" and words[at + 2] == "--type"
    }
    assert registered == backorder_contract.SEARCH_ATTRIBUTES | purchase_order_contract.SEARCH_ATTRIBUTES


def test_every_service_waited_for_is_there() -> None:
    services = compose()["services"]
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
