"""How HTTP answers are read, in one place for every connector that speaks HTTP.

Problem details (RFC 9457), Retry-After (RFC 9110, 10.2.3), the Idempotency-Key header (IETF
draft-ietf-httpapi-idempotency-key-header), and a small client for services in which every write carries a key, so that
"it may have happened" is answered by asking again.
"""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from connectors.errors import Refused, Retryable

LONGEST_WAIT = timedelta(hours=1)
"""A Retry-After above this is cut: a far side's typing error must not stop us for a week."""

IN_FLIGHT = "in-flight"
"""The last part of the problem type that says: the first request with this key is still worked on (status 409)."""

NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""Failures before the first byte of a request can have left this machine."""

ASK_AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""Statuses by which a server says that it did nothing and may do it later."""


class Problem(BaseModel):
    """Problem details; every member is optional in RFC 9457."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str = "about:blank"
    title: str = ""
    detail: str = ""

    @property
    def name(self) -> str:
        """The last part of the type URI."""
        return self.type.rstrip("/").rsplit("/", 1)[-1]


def problem(response: httpx.Response) -> Problem:
    """The problem an answer carries, or an empty one: the status has the first word, so a bad body is no error."""
    if response.headers.get("content-type", "").partition(";")[0].strip() != "application/problem+json":
        return Problem()
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return Problem()


def in_words(response: httpx.Response) -> str:
    """Why the far side said no, for people: `422 Unprocessable Content: unknown item AB-1`."""
    told = problem(response)
    words = told.detail or told.title
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return f"{status}: {words[:500]}" if words else status


def retry_after(response: httpx.Response, now: datetime) -> timedelta | None:
    """How long the far side asks us to wait, cut to LONGEST_WAIT; None if it does not say so readably."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        # a number too long for a float is still only "very long"
        return min(timedelta(seconds=int(value[:9])), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(timedelta(0), min(at - now, LONGEST_WAIT))


def asks_again(response: httpx.Response) -> bool:
    """The far side did nothing yet and may later, or it still works on the first request with this key."""
    if response.status_code in ASK_AGAIN:
        return True
    return response.status_code == HTTPStatus.CONFLICT and problem(response).name == IN_FLIGHT


def quoted_key(key: str) -> str:
    """A key as the structured-field string (RFC 9651, 3.3.3) that the Idempotency-Key header wants.

    Raises:
        Refused: the key holds characters such a string cannot.
    """
    if not key or not key.isascii() or not key.isprintable():
        raise Refused(f"the idempotency key {key!r} must be printable ASCII")
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class WholeTimeout(httpx.RequestError):
    """The exchange as a whole took too long, although each byte came in time."""


async def exchange(client: httpx.AsyncClient, request: httpx.Request, *, within: float) -> httpx.Response:
    """Send, and read the whole answer in `within` seconds; httpx alone limits only the wait for each piece.

    Raises:
        httpx.RequestError: no whole answer came. Those in NEVER_LEFT prove that nothing was sent.
    """
    try:
        async with asyncio.timeout(within):
            return await client.send(request)
    except TimeoutError as slow:
        raise WholeTimeout(f"no whole answer within {within:g} s", request=request) from slow


@cache
def trusted() -> ssl.SSLContext:
    """The certificate authorities we trust, read once for each process: a shop may have hundreds of suppliers."""
    return httpx.create_ssl_context()


class KeyedService:
    """A JSON service in which every write carries a key: whatever went wrong on the way, asking again is safe."""

    def __init__(self, name: str, base_url: str, api_key: SecretStr, timeout_seconds: float) -> None:
        self._name = name
        self._timeout = timeout_seconds
        self._api_key = api_key
        self._client = httpx.AsyncClient(base_url=base_url, timeout=timeout_seconds, verify=trusted())

    async def ask(
        self, method: str, path: str, *, key: str | None = None, content: Mapping[str, object] | None = None
    ) -> httpx.Response | None:
        """Send one request. None: the far side has no such thing (404 to a GET, and its problem says `unknown`).

        Raises:
            Retryable: not reached, no whole answer, busy, credentials not taken (an operator can mend those meanwhile).
            Refused: understood, and no.
        """
        headers = {"Authorization": f"Bearer {self._api_key.get_secret_value()}"}
        if key is not None:
            headers["Idempotency-Key"] = quoted_key(key)
        request = self._client.build_request(method, path, json=content, headers=headers)
        try:
            response = await exchange(self._client, request, within=self._timeout * 3)
        except httpx.RequestError as failure:
            raise Retryable(f"the {self._name} gave no answer ({type(failure).__name__}: {failure})") from failure
        if response.is_success:
            return response
        said = f"the {self._name} answered {in_words(response)}"
        if asks_again(response) or response.is_server_error:
            raise Retryable(said, after=retry_after(response, datetime.now(UTC)))
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            raise Retryable(f"{said}; correct the {self._name}'s API key, this is tried again until then")
        if response.status_code == HTTPStatus.NOT_FOUND and method == "GET" and problem(response).name == "unknown":
            return None
        if not response.is_client_error:
            raise Retryable(f"{said}; its address is likely wrong, correct it, this is tried again until then")
        raise Refused(said)

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()


def unreadable(name: str, why: ValidationError) -> Retryable:
    """The error for a success whose body is not of the dialect: asking again with the same key brings it again."""
    fields = ", ".join(".".join(str(part) for part in error["loc"]) or "body" for error in why.errors())
    return Retryable(f"the {name} agreed, but its answer cannot be read (wrong: {fields})")
