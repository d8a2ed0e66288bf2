"""The door by which the Temporal UI and the `temporal` command have payloads opened: Temporal's remote codec protocol.

Whoever knows PROMISEKEEPER_CODEC_TOKEN may read what the payload keys seal; without that setting the door is shut. The
token comes as `Authorization: Bearer ...` from commands, and in the path from the UI, whose one setting is an address:
docs/security.md says how to set both. Browsers are let in from the pages of PROMISEKEEPER_CODEC_ORIGINS only.
"""

import hmac
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

from activities.sealing import NotOpened, SealedPayloads
from activities.settings import Settings
from gateway.api_key import require_key
from gateway.connections import Connected, Connections
from gateway.problems import NOT_STORED, Problem, ProblemKind

LARGEST_PAYLOADS = 8 * 1024 * 1024
"""Bytes of a request: Temporal's events hold 4 MiB at most, and base64 makes a third more of them."""

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "authorization, content-type, x-namespace",
    "Access-Control-Max-Age": "600",
}


class _Guarded(APIRoute):
    """A route that looks at the token before it reads a byte of the body, and lets the UI's pages read the answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_guarded(request: Request) -> Response:
            connections: Connections = request.app.state.connections
            allowed = _cross_origin(connections.settings, request.headers.get("origin"))
            try:
                _require_token(request, connections.settings.codec_token.get_secret_value())
                response = await handle(request)
            except Problem as no:
                no.headers = {**(no.headers or {}), **allowed}
                raise
            response.headers.update({**NOT_STORED, **allowed})
            return response

        return handle_guarded


router = APIRouter(prefix="/codec", route_class=_Guarded, include_in_schema=False)


@router.post("/decode")
@router.post("/{token}/decode")
async def decode(request: Request, connections: Connected) -> Response:
    """Open sealed payloads; others come back as they are."""
    try:
        return _answer(await SealedPayloads(connections.settings.key_ring).decode(await _payloads(request)))
    except NotOpened as sealed:
        raise Problem(ProblemKind.INVALID, str(sealed)) from sealed


@router.post("/encode")
@router.post("/{token}/encode")
async def encode(request: Request, connections: Connected) -> Response:
    """Seal payloads that somebody enters in the UI or at the `temporal` command."""
    return _answer(await SealedPayloads(connections.settings.key_ring).encode(await _payloads(request)))


@router.options("/{path:path}")
async def preflight() -> Response:
    """A browser's question, before it sends, whether it may."""
    return Response(status_code=204, headers=_PREFLIGHT)


def _require_token(request: Request, token: str) -> None:
    """Raises: Problem - the door is shut (404), or the token is missing or wrong (401)."""
    if not token:
        raise Problem(
            ProblemKind.NOT_FOUND, "Payloads are not opened here; PROMISEKEEPER_CODEC_TOKEN has to be set for that."
        )
    if request.method == "OPTIONS":  # a preflight carries no token, and is told nothing but what is public
        return
    given = request.path_params.get("token")
    if given is None:
        require_key(request.headers.get("authorization", ""), token)
    elif not hmac.compare_digest(str(given).encode(), token.encode()):
        raise Problem(ProblemKind.UNAUTHORIZED, "The token in the address is not PROMISEKEEPER_CODEC_TOKEN.")


def _cross_origin(settings: Settings, origin: str | None) -> dict[str, str]:
    """What lets a page of that origin read the answer; a page of any other cannot."""
    told = {"Vary": "Origin"}
    if origin in settings.allowed_codec_origins:
        told |= {"Access-Control-Allow-Origin": origin or "", "Access-Control-Allow-Credentials": "true"}
    return told


async def _payloads(request: Request) -> Sequence[Payload]:
    try:
        return Parse(await request.body(), Payloads()).payloads
    except (ParseError, UnicodeDecodeError):
        raise Problem(ProblemKind.BAD_REQUEST, 'Send Temporal\'s payloads as JSON: {"payloads": [...]}.') from None


def _answer(payloads: Sequence[Payload]) -> Response:
    return Response(MessageToJson(Payloads(payloads=payloads), indent=None), media_type="application/json")
