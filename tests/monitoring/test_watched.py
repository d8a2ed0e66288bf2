"""A gateway and a worker, as they run in production, seen by metrics, traces and logs."""

import json
import re
from typing import Any

import pytest

from tests.monitoring.conftest import PERSONAL, Watched
from tests.monitoring.test_deployed_files import named_metrics
from tests.workflows.shop import eventually

pytestmark = pytest.mark.timeout(600)  # the world of processes that they share is part of the first

ONLY_WHEN = {
    "temporal_workflow_task_execution_failed_total": "a workflow task fails",
    **dict.fromkeys(
        [f"promisekeeper_supplier_{name}" for name in ("orders_unacknowledged", "orders_silent", "silence_seconds")],
        "a supplier has not acknowledged",
    ),
}
"""Metrics that a healthy world does not show, and when they come."""


async def test_everything_that_alerts_and_dashboard_name_is_really_shown(watched: Watched) -> None:
    page = await watched.scrape("gateway") + await watched.scrape("worker")
    shown = set(re.findall(r"^(?:# TYPE )?([a-z]\w+)[{ ]", page, re.MULTILINE))
    there = {name for name in named_metrics() - shown if name not in ONLY_WHEN}
    assert there == set()


async def test_figures_are_those_of_the_books(watched: Watched) -> None:
    page = await watched.scrape("gateway")
    assert "promisekeeper_ledger_readable 1.0" in page
    assert (
        'promisekeeper_gateway_request_duration_seconds_count{method="POST",route="/backorders",status="201"} 3.0'
        in page
    )


async def test_one_trace_leads_from_upstream_to_the_supplier(watched: Watched) -> None:
    of_ours = set(watched.trace_ids.values())

    async def sent() -> list[Any] | None:
        spans = [one for one in watched.received.spans if "/suppliers/" in one.attributes.get("http.url", "")]
        return [one for one in spans if one.trace_id in of_ours and one.name == "POST"] or None

    (call, *_) = await eventually(sent, _names(watched))
    trace = watched.received.of(call.trace_id)
    above = {one.span_id: one for one in trace}
    path, here = list[str](), call
    while True:
        path.append(here.name)
        if here.parent_id not in above:
            break
        here = above[here.parent_id]
    assert path[-1] == "POST /backorders", path
    assert {"RunActivity:deliver", "StartWorkflow:Backorder"} <= set(path), path
    assert {one.service for one in trace} == {"promisekeeper-gateway", "promisekeeper-worker"}


async def test_spans_and_logs_name_no_customer(watched: Watched) -> None:
    said = [span.raw for span in watched.received.spans] + watched.log_of("gateway") + watched.log_of("worker")
    assert watched.received.spans
    assert [one for one in said if any(word in one for word in PERSONAL)] == []


async def test_every_line_of_the_log_is_json_with_ids(watched: Watched) -> None:
    lines = [json.loads(line) for name in ("gateway", "worker") for line in watched.log_of(name)]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    steps = [line for line in lines if line.get("activity")]
    assert any(line.get("po_number") and line["trace_id"] and line["attempt"] and line["run_id"] for line in steps)
    assert any(line.get("backorder_id") == "GOOD-1" for line in lines)


def _names(watched: Watched) -> Any:
    async def names() -> list[str]:
        return [f"{one.trace_id[:4]} {one.name}" for one in watched.received.spans]

    return names
