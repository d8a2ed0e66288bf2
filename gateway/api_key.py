"""Who may come in through the upstream doors: whoever sends the API key as `Authorization: Bearer ...`."""

import hmac
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from gateway.connections import Connections
from gateway.problems import NOT_STORED, Problem, ProblemKind, declared


class _Keyed(APIRoute):
    """A route that looks at the key before it reads a byte of the body, so that strangers learn and cost nothing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_with_key(request: Request) -> Response:
            connections: Connections = request.app.state.connections
            require_key(request.headers.get("authorization", ""), connections.settings.api_key.get_secret_value())
            response = await handle(request)
            response.headers.update(NOT_STORED)
            return response

        return handle_with_key


def require_key(authorization: str, key: str) -> None:
    """Compare in constant time. Raises: Problem (401)."""
    scheme, _, given = authorization.partition(" ")
    # headers arrive as latin-1 text, so this encoding gives back the very bytes that were sent
    genuine = hmac.compare_digest(given.strip().encode("latin-1"), key.encode())
    if scheme.lower() != "bearer" or not genuine:
        raise Problem(
            ProblemKind.UNAUTHORIZED,
            "Send the API key as the header `Authorization: Bearer ...`.",
            headers={"WWW-Authenticate": "Bearer"},
        )


def keyed_router(**options: Any) -> APIRouter:
    """A router all of whose routes ask for the API key, and say so in OpenAPI."""
    return APIRouter(
        route_class=_Keyed,
        # the check itself is the route's; this one only describes it
        dependencies=[Depends(HTTPBearer(auto_error=False, scheme_name="ApiKey"))],
        responses=declared(
            ProblemKind.BAD_REQUEST, ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE
        ),
        **options,
    )
