"""One log line for each request, without personal data: the path's pattern, never the path, which may hold a token."""

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.logs import NAMED
from gateway.metrics import note_answer

log = logging.getLogger(__name__)


class AccessLog:
    """ASGI middleware that writes `POST /backorders/{backorder_id}/cancel 200 12 ms`."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note the status on its way out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            pattern = getattr(scope.get("route"), "path", "(no such path)")
            # health checks come every few seconds for ever
            level = logging.DEBUG if pattern.startswith("/health") and status < 500 else logging.INFO
            seconds = perf_counter() - began
            # what else a path may hold (a token) stays out
            named = {name: value for name, value in scope.get("path_params", {}).items() if name in NAMED}
            log.log(level, "%s %s %d %.0f ms", scope["method"], pattern, status, seconds * 1000, extra=named)
            note_answer(scope["method"], pattern, status, seconds)
