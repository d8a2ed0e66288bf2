"""How the simulated services take requests: credentials, commanded faults, idempotency keys, problem details.

Keys are enforced as the IETF draft (draft-ietf-httpapi-idempotency-key-header-07) says: 400 without one, 422 for a
known key with another request, 409 while the first is still being worked on, else the stored response again.
"""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from pydantic import ValidationError

from devstack.simulators.book import Book
from devstack.simulators.serving import cut
from devstack.simulators.settings import FailNext, FaultKind

PROBLEMS = "https://simulators.example/problems/"

IN_FLIGHT = "in-flight"
"""The problem of what is still being worked on: ask again."""

READS = frozenset({"lookup", "health"})

STRUCTURED_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"')
"""A structured-field string (RFC 9651, 3.3.3) that is not empty."""


class Problem(Exception):
    """An error answer, as problem details (RFC 9457)."""

    def __init__(self, status: int, name: str, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.retry_after = retry_after


def problem_answer(problem: Problem) -> Response:
    """A problem on the wire."""
    content = {
        "type": f"{PROBLEMS}{problem.name}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    headers = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
    return Response(json.dumps(content), problem.status, headers, media_type="application/problem+json")


def json_answer(status: int, content: object) -> Response:
    """A JSON answer."""
    return Response(json.dumps(content), status, media_type="application/json")


def require_credentials(request: Request, api_key: str) -> None:
    """Raises: Problem 401 unless the request bears `api_key`."""
    sent = request.headers.get("authorization", "")
    if not hmac.compare_digest(sent.encode(), f"Bearer {api_key}".encode()):
        raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "this API key is not known here")


def refuse_unreadable(wrong: ValidationError) -> Problem:
    """The problem for a body that is not of the dialect; it names what is wrong."""
    found = "; ".join(
        f"{'.'.join(str(part) for part in error['loc']) or 'body'}: {error['msg']}"
        for error in wrong.errors(include_url=False, include_input=False)[:5]
    )
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", found)


def new_app() -> FastAPI:
    """A web application whose errors are problem details."""
    app = FastAPI(openapi_url=None)

    @app.exception_handler(Problem)
    async def problem(_: Request, raised: Problem) -> Response:
        return problem_answer(raised)

    @app.exception_handler(ValidationError)
    async def unreadable(_: Request, raised: ValidationError) -> Response:
        return problem_answer(refuse_unreadable(raised))

    return app


class Faults:
    """What is commanded to go wrong next with one service; forgotten over a restart."""

    def __init__(self) -> None:
        self._waiting: list[tuple[FailNext, int]] = []

    def command(self, fault: FailNext) -> None:
        """Add to what goes wrong."""
        self._waiting.append((fault, fault.n))

    def clear(self) -> None:
        """All is well from now on."""
        self._waiting.clear()

    def take(self, kind: str) -> FailNext | None:
        """What goes wrong with this request, if anything."""
        for place, (fault, left) in enumerate(self._waiting):
            if fault.on in {"any", kind} or (fault.on == "write" and kind not in READS):
                if left == 1:
                    del self._waiting[place]
                else:
                    self._waiting[place] = (fault, left - 1)
                return fault
        return None


class Door:
    """One service's way in."""

    def __init__(self, book: Book, service: str) -> None:
        self.faults = Faults()
        self._book = book
        self._service = service
        self._in_flight: set[str] = set()

    def works_on(self, key: str) -> bool:
        """Whether a request with this key is being worked on."""
        return key in self._in_flight

    async def write(
        self,
        request: Request,
        kind: str,
        work: Callable[[str, bytes], tuple[int, Mapping[str, object]]],
        *,
        drop: bool = False,
        key: str | None = None,
    ) -> Response:
        """Do `work` once for the request's key, and answer. With `drop`, cut the line after the first time instead.

        `work` gets key and body, and returns status and content, or raises Problem; both are stored and replayed. The
        key is that of the header, unless the protocol has another.
        """
        fault = self.faults.take(kind)
        self._fail_early(request, fault)
        key = key or _key(request)
        body = await request.body()
        if key in self._in_flight:
            raise Problem(HTTPStatus.CONFLICT, IN_FLIGHT, "the first request with this key is still worked on")
        fingerprint = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).hexdigest()
        stored = self._book.row("SELECT * FROM operation WHERE service = ? AND key = ?", self._service, key)
        if stored is not None:
            if stored["fingerprint"] != fingerprint:
                raise Problem(
                    HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused", "this key came with another request before"
                )
            self._book.write(
                "UPDATE operation SET requests = requests + 1 WHERE service = ? AND key = ?", self._service, key
            )
            if fault is not None and fault.kind is FaultKind.DROP_RESPONSE:
                cut(request)
            return _replayed(stored["status"], stored["body"])
        self._in_flight.add(key)
        try:
            if fault is not None and fault.kind is FaultKind.SLOW:
                await asyncio.sleep(fault.seconds)
            refused = fault is not None and fault.kind is FaultKind.REFUSED
            status, text = self._do_and_store(key, kind, fingerprint, _refuse if refused else lambda: work(key, body))
        finally:
            self._in_flight.discard(key)
        if drop or (fault is not None and fault.kind is FaultKind.DROP_RESPONSE):
            cut(request)
        return _replayed(status, text)

    async def repeatable(self, request: Request, kind: str, work: Callable[[], Mapping[str, object]]) -> Response:
        """Do what needs no key, since doing it twice is doing it once."""
        fault = self.faults.take(kind)
        self._fail_early(request, fault)
        if fault is not None and fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        content = work()
        if fault is not None and fault.kind is FaultKind.DROP_RESPONSE:
            cut(request)
        return json_answer(HTTPStatus.OK, content)

    def seen(self, key: str) -> tuple[int, str] | None:
        """Status and body stored for a key."""
        stored = self._book.row("SELECT * FROM operation WHERE service = ? AND key = ?", self._service, key)
        return None if stored is None else (stored["status"], stored["body"])

    def _do_and_store(
        self, key: str, kind: str, fingerprint: str, work: Callable[[], tuple[int, Mapping[str, object]]]
    ) -> tuple[int, str]:
        with self._book.transaction():
            try:
                status, content = work()
                text = json.dumps(content)
            except Problem as problem:
                if problem.name == IN_FLIGHT:
                    raise  # no answer yet, so none to replay
                answer = problem_answer(problem)
                status, text = answer.status_code, bytes(answer.body).decode()
            self._book.write(
                "INSERT INTO operation (service, key, kind, fingerprint, status, body) VALUES (?, ?, ?, ?, ?, ?)",
                *(self._service, key, kind, fingerprint, status, text),
            )
        return status, text

    def _fail_early(self, request: Request, fault: FailNext | None) -> None:
        if fault is None:
            return
        wait = round(fault.seconds)
        match fault.kind:
            case FaultKind.UNAVAILABLE:
                raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "closed for a moment", retry_after=wait)
            case FaultKind.THROTTLED:
                raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "throttled", "too many requests", retry_after=wait)
            case FaultKind.BROKEN:
                raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "broken", "something broke here")
            case FaultKind.RESET:
                cut(request)
                raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "reset", "nobody reads this: the line is cut")
            case FaultKind.SLOW | FaultKind.DROP_RESPONSE | FaultKind.REFUSED:
                return


def _refuse() -> tuple[int, Mapping[str, object]]:
    raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "refused", "we do not take this")


def _key(request: Request) -> str:
    header = request.headers.get("idempotency-key")
    if header is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "key-missing", "every write needs an Idempotency-Key header")
    found = STRUCTURED_STRING.fullmatch(header.strip())
    if found is None:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "key-malformed", "Idempotency-Key is a structured-field string, in quotes"
        )
    return re.sub(r"\\(.)", r"\1", found[1])


def _replayed(status: int, text: str) -> Response:
    media_type = "application/json" if status < HTTPStatus.BAD_REQUEST else "application/problem+json"
    return Response(text, status, media_type=media_type)
