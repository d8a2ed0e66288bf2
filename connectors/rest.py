"""How HTTP answers are read, in one place for every connector that speaks HTTP.

Problem details (RFC 9457), Retry-After (RFC 9110, 10.2.3), the Idempotency-Key header (IETF
draft-ietf-httpapi-idempotency-key-header), and a small client for services in which every write carries a key, so that
"it may have happened" is answered by asking again.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import cast

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from connectors.configuration import usable_address, usable_api_key
from connectors.errors import Refused, Retryable
from connectors.words import Said, plain_words

LONGEST_WAIT = timedelta(hours=1)
"""A Retry-After above this is cut: a far side's typing error must not stop us for a week."""

LARGEST_ANSWER = 1_000_000
"""Bytes of an answer that are read; what comes after is cut off, so that the rest cannot be read as what it was."""

IN_FLIGHT = "in-flight"
"""The last part of the problem type that says: the first request with this key is still worked on (status 409)."""

NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # a proxy made no connection
    httpx.UnsupportedProtocol,
)
"""Failures before the first byte of a request can have reached the far side."""

ASK_AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""Statuses by which a server says that it did nothing and may do it later."""


NOT_OURS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""Statuses by which proxies, firewalls and servers at a wrong address answer. Only with problem details are they the
word of the service itself."""


class Problem(BaseModel):
    """Problem details; every member is optional in RFC 9457."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Said = ""
    title: Said = ""
    detail: Said = ""

    @property
    def name(self) -> str:
        """The last part of the type URI."""
        return self.type.rstrip("/").rsplit("/", 1)[-1]


def problem(response: httpx.Response) -> Problem:
    """The problem an answer carries, or an empty one: the status has the first word, so a bad body is no error."""
    return _problem(response) or Problem()


def _problem(response: httpx.Response) -> Problem | None:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip()
    if media_type.lower() != "application/problem+json":
        return None
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return None


def in_words(response: httpx.Response) -> str:
    """Why the far side said no, for people: `422 Unprocessable Content: unknown item AB-1`."""
    told = problem(response)
    words = told.detail or told.title
    status = plain_words(f"{response.status_code} {response.reason_phrase}")
    return f"{status}: {words}" if words else status


def retry_after(response: httpx.Response, now: datetime) -> timedelta | None:
    """How long the far side asks us to wait, cut to LONGEST_WAIT; None if it does not say so readably."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        # a number too long for a float is still only "very long"
        return min(timedelta(seconds=int(value[:9])), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(timedelta(0), min(at - now, LONGEST_WAIT))


def asks_again(response: httpx.Response) -> bool:
    """The far side did nothing yet and may later, or it still works on the first request with this key."""
    if response.status_code in ASK_AGAIN:
        return True
    return response.status_code == HTTPStatus.CONFLICT and problem(response).name == IN_FLIGHT


def likely_wrong_address(response: httpx.Response) -> bool:
    """This is hardly the service's own answer: a redirection, or a no without a word by whoever else answers there."""
    if response.is_redirect or response.is_informational:
        return True
    return response.status_code in NOT_OURS and _problem(response) is None


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
    """Send, and read the answer in `within` seconds and LARGEST_ANSWER bytes; httpx limits only the wait for a piece.

    Raises:
        httpx.RequestError: no whole answer came. Those in NEVER_LEFT prove that nothing was sent.
    """
    try:
        async with asyncio.timeout(within):
            response = await client.send(request, stream=True)
            try:
                body = await _beginning(response)
            finally:
                await response.aclose()
    except TimeoutError as slow:
        raise WholeTimeout(f"no whole answer within {within:g} s", request=request) from slow
    # The body is decompressed already, so the headers must not say otherwise.
    headers = [(k, v) for k, v in response.headers.multi_items() if k not in {"content-encoding", "transfer-encoding"}]
    return httpx.Response(
        response.status_code, headers=headers, content=body, request=request, extensions=response.extensions
    )


async def _beginning(response: httpx.Response) -> bytes:
    body = bytearray()
    # an async generator in truth, which has to be closed when it is left early
    async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_bytes())) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > LARGEST_ANSWER:
                break
    return bytes(body[:LARGEST_ANSWER])


@cache
def trusted() -> ssl.SSLContext:
    """The certificate authorities we trust, read once for each process: a shop may have hundreds of suppliers."""
    return httpx.create_ssl_context()


class KeyedService:
    """A JSON service in which every write carries a key: whatever went wrong on the way, asking again is safe."""

    def __init__(self, name: str, base_url: str, api_key: SecretStr, timeout_seconds: float) -> None:
        """Raises: ValueError when the address or the API key cannot be one."""
        self._name = name
        self._timeout = timeout_seconds
        try:
            self._api_key = usable_api_key(api_key)
            address = usable_address(base_url)
        except ValueError as wrong:
            raise ValueError(f"the {name}'s settings are wrong: {wrong}") from wrong
        self._client = httpx.AsyncClient(base_url=address, timeout=timeout_seconds, verify=trusted())

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
        if likely_wrong_address(response) or not response.is_client_error:
            raise Retryable(f"{said}; its address is likely wrong, correct it, this is tried again until then")
        raise Refused(said)

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()


def unreadable(name: str, why: ValidationError) -> Retryable:
    """The error for a success whose body is not of the dialect: asking again with the same key brings it again."""
    fields = ", ".join(".".join(str(part) for part in error["loc"]) or "body" for error in why.errors())
    return Retryable(f"the {name} agreed, but its answer cannot be read (wrong: {fields})")
