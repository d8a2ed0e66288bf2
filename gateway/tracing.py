"""A span for each request, continuing the caller's trace (`traceparent`), without personal data.

Like the access log it names the path's pattern and never the path: an answer page's address is a customer's key. That
is why neither FastAPI's own tracing nor OpenTelemetry's is used: both write the whole path, and query, into the span.
"""

from opentelemetry import propagate, trace
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities import tracing


class Traced:
    """ASGI middleware; does nothing unless traces are on."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, within a span."""
        # health checks come every few seconds for ever
        if scope["type"] != "http" or not tracing.wanted() or scope["path"].startswith("/health"):
            await self._app(scope, receive, send)
            return
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method: str = scope["method"]
        with trace.get_tracer(__name__).start_as_current_span(
            method,
            context=propagate.extract(Headers(scope=scope)),
            kind=trace.SpanKind.SERVER,
            attributes={"http.request.method": method},
            record_exception=False,  # its words may quote what was sent
        ) as span:
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                pattern = getattr(scope.get("route"), "path", "(no such path)")
                span.update_name(f"{method} {pattern}")
                span.set_attributes({"http.route": pattern, "http.response.status_code": status})
                if status >= 500:
                    span.set_status(trace.StatusCode.ERROR)
