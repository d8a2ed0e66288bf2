"""How the gateway says no: `application/problem+json` (RFC 9457), with a stable type for each kind of problem.

An answer never shows a stack trace, a secret, or what was sent: only which field was wrong, and what to do next.
"""

import json
import logging
import traceback
from collections.abc import Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from itertools import islice
from typing import Any, cast

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from domain.unknown_fields import unknown_fields

MEDIA_TYPE = "application/problem+json"

NOT_STORED = {"Cache-Control": "no-store"}
"""What stands here is somebody's, and of this moment: no cache on the way keeps it."""

_MOST_ERRORS = 100
"""Nobody reads more of them at once."""
_LONGEST_NAME = 200
"""Characters of a field's name that are sent back."""

log = logging.getLogger(__name__)


class ProblemKind(Enum):
    """Every kind of problem there is: the end of its type URI, the status, the title."""

    def __init__(self, slug: str, status: HTTPStatus, title: str) -> None:
        """Each member is such a triple."""
        self.type = f"urn:promisekeeper:problem:{slug}"
        self.status = status
        self.title = title

    BAD_REQUEST = ("bad-request", HTTPStatus.BAD_REQUEST, "The request cannot be read")
    INVALID_LINK = ("invalid-link", HTTPStatus.BAD_REQUEST, "This link is not valid")
    UNAUTHORIZED = ("unauthorized", HTTPStatus.UNAUTHORIZED, "The API key is missing or wrong")
    BAD_SIGNATURE = ("bad-signature", HTTPStatus.UNAUTHORIZED, "The message is not from who it should be from")
    NOT_FOUND = ("not-found", HTTPStatus.NOT_FOUND, "There is no such thing here")
    METHOD_NOT_ALLOWED = ("method-not-allowed", HTTPStatus.METHOD_NOT_ALLOWED, "Not with this method")
    TOO_SLOW = ("too-slow", HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive")
    ORDER_CONFLICT = ("order-conflict", HTTPStatus.CONFLICT, "This backorder id has another content")
    TOO_LATE = ("too-late", HTTPStatus.CONFLICT, "It is too late for that")
    NOT_POSSIBLE = ("not-possible", HTTPStatus.CONFLICT, "That is not possible as things stand")
    ENDED = ("ended", HTTPStatus.GONE, "There is nothing left to answer")
    TOO_LARGE = ("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large")
    INVALID = ("invalid", HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid")
    ORDER_REFUSED = ("order-refused", HTTPStatus.UNPROCESSABLE_ENTITY, "The order cannot be accepted")
    INTERNAL = ("internal", HTTPStatus.INTERNAL_SERVER_ERROR, "Something is wrong on our side")
    UNAVAILABLE = ("unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "Not just now")


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    field: str
    """Where: names joined by dots, such as `customer.email`; `body` for the body as a whole."""
    reason: str


class ProblemDetails(BaseModel):
    """RFC 9457. Some kinds carry more members, as their operation says."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list[FieldError])
    """For a request that is not valid: each field and its reason."""


class Problem(HTTPException):
    """Raised anywhere below a door; becomes the answer."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        errors: list[FieldError] | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        """`more` are additional members of the body, as JSON."""
        super().__init__(kind.status, detail, headers)
        self.kind = kind
        self.details = ProblemDetails(
            type=kind.type, title=kind.title, status=kind.status, detail=detail, errors=errors or [], **more
        )

    def response(self) -> Response:
        """As problem+json."""
        headers = {**NOT_STORED, **(self.headers or {})}
        return JSONResponse(self.details.model_dump(mode="json"), self.status_code, headers, MEDIA_TYPE)


def unavailable(detail: str) -> Problem:
    """Nothing is wrong with the request; the same again a little later will do."""
    return Problem(ProblemKind.UNAVAILABLE, detail, headers={"Retry-After": "5"})


def invalid(error: RequestValidationError, sent: Mapping[str, object], expected: type[BaseModel] | None) -> Problem:
    """What is wrong, by field. The values sent stay out of it: they may be personal.

    Args:
        error: what pydantic found, or that the body is no JSON.
        sent: the body's fields, or the query's.
        expected: the model they were to be read as, by which misspelt names are recognised.
    """
    found = cast("list[dict[str, Any]]", error.errors())
    misspelt = dict(islice(unknown_fields(sent, expected), _MOST_ERRORS)) if expected else {}
    errors = [_field_error(one, error.body, misspelt) for one in found[:_MOST_ERRORS]]
    return Problem(ProblemKind.INVALID, "Correct what is named under errors and send it again.", errors=errors)


def _field_error(found: Mapping[str, Any], body: object, misspelt: Mapping[str, str]) -> FieldError:
    # the first part of a place says where the field was (body, query, path, header); people know that
    where, *path = found["loc"]
    field = ".".join(str(part) for part in path) or str(where)
    reason = str(found["msg"]).removeprefix("Value error, ")
    match found["type"]:
        case "json_invalid":
            said = json.JSONDecodeError(found["ctx"]["error"], str(body), path[0])
            field, reason = str(where), f"is not JSON: {said.msg} at line {said.lineno}, column {said.colno}"
        case "extra_forbidden":
            near = misspelt.get(field)
            reason = "is not known here" + (f"; did you mean {near}?" if near else "")
        case "model_attributes_type" if isinstance(body, bytes):
            reason = "is not announced as JSON; send it with the header Content-Type: application/json"
        case "model_attributes_type":
            reason = "is not a JSON object"
        case _:
            pass  # pydantic's own words do
    # a name may be anything that JSON can hold, also what cannot be sent back as it came
    return FieldError(field=field[:_LONGEST_NAME].encode(errors="backslashreplace").decode(), reason=reason)


def of_framework(error: StarletteHTTPException, methods_here: Sequence[str]) -> Problem:
    """The framework's own refusals (no such path, not that method ...) as problems of ours.

    Args:
        error: the framework's.
        methods_here: all methods taken at this path; the framework names those of the first matching route only.
    """
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return Problem(
                ProblemKind.NOT_FOUND, "There is nothing at this address; /openapi.json lists what there is."
            )
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = ", ".join(methods_here)
            return Problem(ProblemKind.METHOD_NOT_ALLOWED, f"This address takes {allowed}.", headers={"Allow": allowed})
        case _:
            return Problem(ProblemKind.BAD_REQUEST, "The request cannot be read; check it against /openapi.json.")


def unforeseen(request: Request, error: Exception) -> Problem:
    """A defect of ours. Logged by its kind and place: its own words may quote a row, and so a customer."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s at %s %s\n%s", type(error).__name__, request.method, route_of(request), where)
    return Problem(ProblemKind.INTERNAL, "We have a note of it. Sending the same again later is safe.")


def route_of(request: Request) -> str:
    """The path's pattern, for logs: the path itself may hold an id or a customer's token."""
    return getattr(request.scope.get("route"), "path", "(no such path)")


def declared(*kinds: ProblemKind) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the problems that it may answer with, by status."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        said = by_status.get(int(kind.status), {}).get("description")
        by_status[int(kind.status)] = {
            "model": ProblemDetails,
            "description": f"{said}; or: {kind.title}" if said else kind.title,
        }
    return by_status


def in_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI schema in which every error is a problem, and nothing of the framework's own error model is left."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if "application/json" in content and int(status) >= HTTPStatus.BAD_REQUEST:
                    answer["content"] = {MEDIA_TYPE: content["application/json"]}
    for model in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(model, None)
    return schema
