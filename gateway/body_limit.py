"""How much, and how slowly, anyone may send. Held while the body streams in, so no header has to be believed."""

import asyncio
import contextlib
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.problems import Problem, ProblemKind

MIB = 1024 * 1024

READ_OVER = 8 * MIB
"""What is read on, and thrown away, of a body that is too large. A sender that is still busy sending would see a broken
connection instead of the answer, and try again."""


class BodyLimit:
    """ASGI middleware: 413 for a body that is too large, 408 for one that does not arrive."""

    def __init__(
        self, app: ASGIApp, *, largest: int = MIB, larger: Mapping[str, int] | None = None, patience: float = 30
    ) -> None:
        """Set the limits.

        Args:
            app: what is protected.
            largest: bytes of a request body.
            larger: other limits, by the start of the path.
            patience: seconds for the whole body to arrive in.
        """
        self._app = app
        self._largest = largest
        self._larger = larger or {}
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a `receive` that counts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((n for start, n in self._larger.items() if scope["path"].startswith(start)), self._largest)
        refusal = Problem(
            ProblemKind.TOO_LARGE, f"At most {limit} bytes are taken here.", headers={"Connection": "close"}
        )
        deadline = asyncio.get_running_loop().time() + self._patience
        if _announced(scope) > limit:
            await _read_over(receive, deadline)
            await refusal.response()(scope, receive, send)
            return
        arrived, complete = 0, False

        async def receive_and_count() -> Message:
            nonlocal arrived, complete
            if complete:
                return await receive()  # waits for the client to hang up; that may take as long as the answer does
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                said = f"The whole request has to arrive within {self._patience:g} seconds."
                raise Problem(ProblemKind.TOO_SLOW, said, headers={"Connection": "close"}) from None
            if message["type"] == "http.request":
                arrived += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if arrived > limit:
                    if not complete:
                        await _read_over(receive, deadline)
                    raise refusal
            return message

        await self._app(scope, receive_and_count, send)


async def _read_over(receive: Receive, deadline: float) -> None:
    left = READ_OVER
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            while left > 0:
                message = await receive()
                if not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))


def _announced(scope: Scope) -> int:
    """What the Content-Length header says; the server has made sure that it is a number."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
