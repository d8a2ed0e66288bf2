"""Traces by OpenTelemetry: one trace from the upstream's request to the call at a supplier, under the upstream's id.

On when the standard variables name a receiver (OTEL_EXPORTER_OTLP_ENDPOINT or ..._TRACES_ENDPOINT, OTLP over HTTP), and
otherwise nothing of it is even imported. Sampling, headers, limits and the service's name are the standard variables',
too.

Workflows get the SDK's `TracingInterceptor`, not its newer `OpenTelemetryPlugin`. The plugin keeps a span open for as
long as the workflow runs, and makes it again at each replay; ours run for weeks, and nobody would see the span before
the end. The interceptor's spans end where they begin, are made by the first execution only, and keep no state; the
trace's id travels in the headers of what the workflow starts.
"""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from temporalio.client import Interceptor

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def wanted() -> bool:
    """Do the standard variables ask for traces?"""
    off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    elsewhere = os.environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() not in {"", "otlp"}
    return any(os.environ.get(name) for name in _ENDPOINTS) and not off and not elsewhere


def interceptors() -> Sequence[Interceptor]:
    """What a Temporal client is connected with; its workers take it over."""
    if not wanted():
        return ()
    from temporalio.contrib.opentelemetry import TracingInterceptor

    return (TracingInterceptor(),)


@contextmanager
def traced(service: str, within: Mapping[str, str] | None = None) -> Generator[None]:
    """Export the spans of this process while the block runs, and the last of them at its end. Once a process.

    Args:
        service: the name of the process, unless OTEL_SERVICE_NAME gives another.
        within: the trace in which all of it happens, as `traceparent` and `tracestate`; none: each request's own.
    """
    if not wanted():
        yield
        return
    from opentelemetry import context, propagate, trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    provider = TracerProvider(resource=Resource.create({} if named else {"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    # The trace's id alone: baggage is whatever upstream put into it, and no business of a supplier.
    propagate.set_global_textmap(TraceContextTextMapPropagator())
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    token = context.attach(propagate.extract(within or {}))
    try:
        yield
    finally:
        context.detach(token)
        HTTPXClientInstrumentor().uninstrument()
        provider.shutdown()
