"""What is deployed for monitoring is valid, and every metric, label value and runbook it names is there."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from gateway.metrics import in_metrics
from ledger.figures import Figures, Need, Queue, Refunds, Silence, Spread
from tests.production.compose import services

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    board: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "promisekeeper.json").read_text())
    return board["panels"]


def named_metrics() -> set[str]:
    """Every metric of ours or the SDK's that a rule or a panel asks for."""
    asked = [rule["expr"] for rule in rules()] + [one["expr"] for panel in panels() for one in panel["targets"]]
    return {name for expr in asked for name in re.findall(r"\b(?:promisekeeper|temporal)_\w+", expr)}


def test_every_alert_leads_to_what_is_to_be_done() -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "monitoring.md").read_text(), re.MULTILINE)
    anchors = {f"docs/monitoring.md#{heading.lower().replace(' ', '-')}" for heading in headings}
    assert len(rules()) > 10
    assert [rule["alert"] for rule in rules() if rule["annotations"]["runbook"] not in anchors] == []


def test_every_panel_asks_the_provisioned_source() -> None:
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    assert {one["datasource"]["uid"] for panel in panels() for one in panel["targets"]} == {source["uid"]}


def test_prometheus_reads_the_alerts() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    assert all((DEPLOY / name).exists() for name in config["rule_files"])


def test_prometheus_asks_where_the_composition_shows_metrics() -> None:
    asked: set[str] = set()
    for job in yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]:
        for static in job.get("static_configs", ()):
            asked |= set(static["targets"])
        for found in job.get("dns_sd_configs", ()):
            asked |= {f"{name}:{found['port']}" for name in found["names"]}
    shown: set[str] = set()
    for name, service in services().items():
        given = service.get("environment", {})
        address = given.get("PROMISEKEEPER_METRICS_ADDRESS") or given.get("PROMETHEUS_ENDPOINT")
        if address and service.get("restart") == "unless-stopped":
            assert address.startswith("0.0.0.0:"), "another container cannot reach it"
            shown.add(f"{name}:{address.rpartition(':')[2]}")
    assert asked == shown


NOBODY = Spread(bounds=(60.0,), counts=(1, 0), total=5, longest=5)


def of_the_books(**changes: Any) -> dict[str, list[tuple[dict[str, str], float]]]:
    plain: dict[str, Any] = {
        "backorders": {}, "ages": NOBODY, "late_of_first": 0, "late_of_current": 0, "undated": 0, "past_law": 0,
        "kept": 0, "shipped_late": 0, "broken": 0, "purchase_orders": {}, "acknowledged": NOBODY,
        "silence": {"acme": Silence(waiting=1, silent=1, longest=3)},
        "refunds": {"USD": Refunds(due=2, amount="25.50", overdue=1, overdue_amount="5.50")},  # type: ignore[arg-type]
        "attention": {("backorder", Need.STUCK): Queue(number=2, seconds=9)}, "untold": Queue(), "unapplied": Queue(),
        "unread": Queue(),
    }  # fmt: skip
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for metric in in_metrics(Figures(**(plain | changes))):
        for sample in metric.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_every_figure_that_is_asked_for_is_shown() -> None:
    counted_by_processes = ("_total", "_request_duration_seconds_bucket", "_request_duration_seconds_count")
    asked = {
        name
        for name in named_metrics()
        if name.startswith("promisekeeper_") and not name.endswith(counted_by_processes)
    }
    assert asked - set(of_the_books()) - {"promisekeeper_ledger_readable"} == set()


def test_figures_keep_their_meaning() -> None:
    shown = of_the_books()
    assert ({"currency": "USD", "state": "overdue"}, 5.5) in shown["promisekeeper_refunds_amount"]
    assert ({"subject": "backorder", "need": "stuck"}, 2) in shown["promisekeeper_attention"]
    assert ({"le": "60.0"}, 1) in shown["promisekeeper_backorder_age_seconds_bucket"]


def test_many_suppliers_do_not_make_many_series() -> None:
    silence = {f"s{n}": Silence(waiting=1, silent=n % 2, longest=n) for n in range(250)}
    shown = {
        labels["supplier"]: value
        for labels, value in of_the_books(silence=silence)["promisekeeper_supplier_orders_unacknowledged"]
    }
    assert len(shown) == 101
    assert shown["(others)"] == 150
