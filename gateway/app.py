"""Puts the doors together: `create_app()` makes the gateway, and connects to nothing before it is started.

So `create_app().openapi()` prints the schema without a ledger or a Temporal server.
"""

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast, get_type_hints

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match
from temporalio.service import RPCError

from gateway import codec, customers, documentation, health, metrics, problems, supplier_page, upstream, webhooks
from gateway.access_log import AccessLog
from gateway.body_limit import BodyLimit
from gateway.connections import Connect, from_environment
from gateway.html import problem_page
from gateway.problems import Problem, unavailable
from gateway.tracing import Traced

DOORS = (upstream, webhooks, customers, supplier_page, codec, health, documentation)

PAGES = (customers.router.prefix, supplier_page.router.prefix)
"""Where people look, and no programs."""

_NO_TEMPORAL = "The workflow service does not answer; send the same again."

log = logging.getLogger(__name__)


def create_app(connect: Connect = from_environment) -> FastAPI:
    """The gateway.

    Args:
        connect: opens what it works with, when it starts.
    """

    @asynccontextmanager
    async def connected(app: FastAPI) -> AsyncGenerator[None, None]:
        async with connect() as connections, metrics.served(connections):
            app.state.connections = connections
            yield

    app = FastAPI(
        title="Promisekeeper",
        description="Backorders in, supplier and carrier events in, customers' answers in.",
        version="1",
        lifespan=connected,
        docs_url=None,  # FastAPI's own page loads its script from the internet; ours is gateway/documentation.py
        redoc_url=None,
        redirect_slashes=False,
        # the framework's own spans hold the whole path, which may be a customer's key; ours are gateway/tracing.py
        telemetry={"tracing": False},
    )
    for door in DOORS:
        app.include_router(door.router)
    app.add_middleware(
        BodyLimit, larger={"/suppliers/": webhooks.LARGEST_SUPPLIER_MESSAGE, "/codec/": codec.LARGEST_PAYLOADS}
    )
    app.add_middleware(AccessLog)
    app.add_middleware(Traced)
    _answer_with_problems(app)
    _describe_problems(app)
    return app


def _answer_with_problems(app: FastAPI) -> None:
    """Every error that leaves a door becomes a problem; on the pages of customers and suppliers, one that people can
    read."""

    def answered(request: Request, problem: Problem) -> Response:
        if request.url.path.startswith(PAGES):
            return problem_page(problem, customers.shop_name(request.app.state.connections.settings))
        return problem.response()

    async def known(request: Request, error: Exception) -> Response:
        match error:
            case Problem():
                return answered(request, error)
            case RequestValidationError():
                return answered(request, problems.invalid(error, _sent(request, error), _expected(request)))
            case StarletteHTTPException():
                return answered(request, problems.of_framework(error, _methods_here(request)))
            case RPCError():
                log.warning("Temporal did not take a request: %s", error.status.name)
                return answered(request, unavailable(_NO_TEMPORAL))
            case psycopg.OperationalError():
                log.warning("the ledger did not take a request: %s", type(error).__name__)
                return answered(request, unavailable("The ledger does not answer; send the same again."))
            case _:
                return answered(request, problems.unforeseen(request, error))

    async def never_connected(request: Request, error: Exception) -> Response:
        """A client that connects at first use says by a plain RuntimeError that nobody is there."""
        if not str(error).startswith("Failed client connect"):
            raise error
        log.warning("Temporal has not been reached yet")
        return answered(request, unavailable(_NO_TEMPORAL))

    # Whatever else there is, Starlette hands on to the server, which logs its words: not those that quote data.
    quoting = (psycopg.Error, ValidationError)
    for kind in (StarletteHTTPException, RequestValidationError, RPCError, *quoting, Exception):
        app.add_exception_handler(kind, known)
    app.add_exception_handler(RuntimeError, never_connected)


def _sent(request: Request, error: RequestValidationError) -> Mapping[str, object]:
    return cast("dict[str, object]", error.body) if isinstance(error.body, dict) else request.query_params


def _expected(request: Request) -> type[BaseModel] | None:
    """The model of the request's body or query: the one parameter of its endpoint that can be misspelt."""
    taken = get_type_hints(request.scope["endpoint"])
    del taken["return"]
    return next((kind for kind in taken.values() if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _methods_here(request: Request) -> list[str]:
    routes = [route for door in DOORS for route in door.router.routes if isinstance(route, APIRoute)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in matching for method in route.methods or ()})


def _describe_problems(app: FastAPI) -> None:
    """In the schema, errors are problem+json, too; the framework would call them application/json."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = problems.in_schema(plain())
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
