"""What a worker counts, beside what the SDK measures: one Prometheus page for both, and the counters of our steps.

Names and meanings: docs/monitoring.md. How the books stand is not counted here but read, by the gateway.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta

from temporalio import activity
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from activities.settings import Settings

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STEP = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_DAY = timedelta(days=1).total_seconds()

BUCKETS: Mapping[str, tuple[float, ...]] = {
    # how soon work is taken up: what says that workers are too few
    "temporal_workflow_task_schedule_to_start_latency": _QUICK,
    "temporal_activity_schedule_to_start_latency": _QUICK,
    "temporal_workflow_task_execution_latency": _QUICK,
    "temporal_workflow_task_replay_latency": _QUICK,
    "temporal_request_latency": _QUICK,
    # two exchanges of a minute each at most (workflows/durably.py)
    "temporal_activity_execution_latency": _STEP,
    "temporal_local_activity_execution_latency": _STEP,
    # weeks: the SDK's own buckets end at a minute
    "temporal_workflow_endtoend_latency": tuple(_DAY * days for days in (0.01, 0.1, 1, 3, 7, 14, 21, 30, 45, 60, 90)),
}
"""Upper bounds in seconds; the SDK's own are the same for a step of a millisecond and a story of weeks."""


def runtime(settings: Settings) -> Runtime:
    """The Temporal runtime of this process: it shows metrics where it is told to, and logs as everything else does.

    One a process, made before the first client.

    Raises:
        ValueError: the metrics' address cannot be used; the message says why.
    """
    metrics = PrometheusConfig(
        bind_address=settings.metrics_address,
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
        histogram_bucket_overrides=BUCKETS,
    )
    # The runtime writes lines of its own otherwise, which are no JSON.
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"))
    logs = LoggingConfig(
        TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=forwarding if settings.log_format == "json" else None,
    )
    try:
        return Runtime(telemetry=TelemetryConfig(logging=logs, metrics=metrics if settings.metrics_address else None))
    except ValueError as unusable:
        raise ValueError(
            f"PROMISEKEEPER_METRICS_ADDRESS: {unusable}; give address:port, such as 0.0.0.0:9464"
        ) from None


def count(what: str, meaning: str, **labels: str) -> None:
    """One more of something that a step did. A try that is repeated counts again: rates are what this is for."""
    activity.metric_meter().create_counter(f"promisekeeper_{what}", meaning).add(1, labels)
