"""The gateway opens payloads for the Temporal UI and the `temporal` command: for whoever has the token, nobody else."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payloads
from temporalio.converter import DataConverter

from activities.sealing import KeyRing, data_converter, fresh_key
from gateway.app import create_app
from gateway.codec import LARGEST_PAYLOADS
from gateway.connections import Connections
from tests.gateway.conftest import problem_of
from tests.workflows.shop import Shop

KEYS = f"{fresh_key('now')},{fresh_key('before')}"
TOKEN = "a-token-for-the-ui-of-this-test"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
UI = "https://temporal.shop.example"

Door = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def door(shop: Shop) -> Door:
    """Gives `async with door(codec_token=...)`: a client of a gateway with these settings."""

    @asynccontextmanager
    async def opened(**changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        set_up = {"payload_keys": KEYS, "codec_token": TOKEN, "codec_origins": f"{UI}, http://127.0.0.1:8233"}
        plain = shop.world.settings.model_dump() | set_up
        settings = type(shop.world.settings).model_validate(plain | changes)

        @asynccontextmanager
        async def connections() -> AsyncIterator[Connections]:
            yield Connections(world=replace(shop.world, settings=settings), temporal=shop.client)

        app = create_app(connections)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client,
        ):
            yield client

    return opened


async def _sealed(*values: object, keys: str = KEYS) -> dict[str, Any]:
    """As the UI sends them."""
    converter: DataConverter = data_converter(KeyRing.read(keys))
    return MessageToDict(Payloads(payloads=await converter.encode(values)))


def _texts(answer: httpx.Response) -> list[object]:
    assert answer.status_code == 200, answer.text
    return [json.loads(base64.b64decode(payload["data"])) for payload in answer.json()["payloads"]]


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/codec/decode", BEARER), (f"/codec/{TOKEN}/decode", {})],
    ids=["from the command, by header", "from the UI, by its address"],
)
async def test_sealed_payloads_are_opened_in_their_order(door: Door, path: str, headers: dict[str, str]) -> None:
    async with door() as client:
        answer = await client.post(path, headers=headers, json=await _sealed({"name": "Ada"}, "second"))
    assert _texts(answer) == [{"name": "Ada"}, "second"]
    assert answer.headers["cache-control"] == "no-store"


async def test_what_somebody_enters_in_the_ui_is_sealed_and_opened_again(door: Door) -> None:
    plain = await _sealed({"note": "rang her"}, keys="")
    async with door() as client:
        sealed = (await client.post("/codec/encode", headers=BEARER, json=plain)).json()
        assert sealed["payloads"][0]["metadata"]["key-id"] == base64.b64encode(b"now").decode()
        assert _texts(await client.post(f"/codec/{TOKEN}/decode", json=sealed)) == [{"note": "rang her"}]
        assert _texts(await client.post("/codec/decode", headers=BEARER, json=plain)) == [{"note": "rang her"}]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/codec/decode", {}),
        ("/codec/decode", {"Authorization": "Bearer upstream-key"}),
        ("/codec/decode", {"Authorization": f"Basic {TOKEN}"}),
        ("/codec/upstream-key/decode", {}),
        ("/codec/upstream-key/decode", BEARER),
        (f"/codec/{TOKEN}%20/decode", {}),
    ],
)
async def test_nobody_without_the_token_has_anything_opened(door: Door, path: str, headers: dict[str, str]) -> None:
    async with door() as client:
        answer = await client.post(path, headers=headers, json=await _sealed("secret"))
    assert problem_of(answer, "unauthorized")["status"] == 401


@pytest.mark.parametrize("path", ["/codec/decode", "/codec/encode", f"/codec/{TOKEN}/decode"])
async def test_the_door_is_shut_unless_it_is_configured(door: Door, path: str) -> None:
    async with door(codec_token="") as client:
        answer = await client.post(path, headers={"Authorization": "Bearer "}, json=await _sealed("secret"))
        preflight = await client.options(path, headers={"Origin": UI})
    assert problem_of(answer, "not-found")["status"] == problem_of(preflight, "not-found")["status"] == 404


async def test_pages_of_the_configured_origin_may_ask_and_read_the_answer(door: Door) -> None:
    ask = {"Origin": UI, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-namespace"}
    async with door() as client:
        preflight = await client.options(f"/codec/{TOKEN}/decode", headers=ask)
        answer = await client.post(f"/codec/{TOKEN}/decode", headers={"Origin": UI}, json=await _sealed("a"))
        refused = await client.post("/codec/wrong/decode", headers={"Origin": UI}, json={})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert "x-namespace" in preflight.headers["access-control-allow-headers"]
    for told in (preflight, answer, refused):  # also a refusal: else the browser hides what is wrong
        assert told.headers["access-control-allow-origin"] == UI
        assert told.headers["access-control-allow-credentials"] == "true"
        assert told.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example", f"{UI}.evil.example", "null", f"{UI}:8443", UI.upper()])
async def test_pages_of_any_other_origin_read_nothing(door: Door, origin: str) -> None:
    async with door() as client:
        preflight = await client.options(f"/codec/{TOKEN}/decode", headers={"Origin": origin})
        answer = await client.post(f"/codec/{TOKEN}/decode", headers={"Origin": origin}, json=await _sealed("a"))
    for told in (preflight, answer):
        assert "access-control-allow-origin" not in told.headers
        assert "access-control-allow-credentials" not in told.headers


async def test_a_payload_of_an_unknown_key_is_answered_with_that_key(door: Door) -> None:
    async with door() as client:
        answer = await client.post("/codec/decode", headers=BEARER, json=await _sealed("a", keys=fresh_key("lost")))
    assert "'lost', which PROMISEKEEPER_PAYLOAD_KEYS does not hold" in problem_of(answer, "invalid")["detail"]


@pytest.mark.parametrize("body", [b"", b'{"payloads": 7}', b"\xff\xfe"])
async def test_what_is_no_payloads_is_refused(door: Door, body: bytes) -> None:
    async with door() as client:
        assert problem_of(await client.post("/codec/decode", headers=BEARER, content=body), "bad-request")


async def test_no_more_is_taken_than_an_event_of_temporals_can_hold(door: Door) -> None:
    async with door() as client:
        most = await client.post("/codec/encode", headers=BEARER, json=await _sealed("x" * (4 * 1024 * 1024), keys=""))
        assert most.status_code == 200
        answer = await client.post("/codec/decode", headers=BEARER, content=b" " * (LARGEST_PAYLOADS + 1))
    assert problem_of(answer, "too-large")["status"] == 413
