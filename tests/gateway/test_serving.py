"""The gateway as a process: it starts by its environment, says whether it can work, and stops when told to."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr, TypeAdapter
from temporalio.client import Client

from connectors.messages.links import answer_link
from domain.orders import Order
from gateway.app import create_app
from gateway.connections import Connections
from ledger.book import Ledger
from tests.gateway.conftest import KEY, body_of, problem_of
from tests.patience import PATIENCE
from tests.workflows.shop import Shop

HOME = Path(__file__).parents[2]


async def test_it_is_alive_and_ready(door: httpx.AsyncClient) -> None:
    for question in ("live", "ready"):
        answer = await door.get(f"/health/{question}", headers={"Authorization": ""})
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_without_temporal_it_lives_but_is_not_ready_and_takes_nothing(shop: Shop, order: Order) -> None:
    nowhere = await Client.connect("127.0.0.1:1", lazy=True, data_converter=shop.client.data_converter)

    @asynccontextmanager
    async def connections() -> AsyncIterator[Connections]:
        yield Connections(world=shop.world, temporal=nowhere, patience=1)

    app = create_app(connections)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop", headers=KEY) as door,
    ):
        assert (await door.get("/health/live")).status_code == 200
        ready = await door.get("/health/ready")
        assert "Temporal" in problem_of(ready, "unavailable")["detail"]
        refused = await door.post("/backorders", json=body_of(order))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        problem_of(refused, "unavailable")


async def test_without_the_ledger_it_lives_and_everybody_is_asked_to_try_again(
    shop: Shop, new_ledger: Callable[[], AbstractContextManager[str]]
) -> None:
    link = answer_link("", shop.world.settings.link_secret.get_secret_value(), "bo-1", "notice")
    for path, kind, said in (
        ("/backorders/bo-1", "application/problem+json", "The ledger does not answer; send the same again."),
        (link, "text/html; charset=utf-8", "We could not do that just now. Please try again in a minute."),
    ):
        with new_ledger() as dsn:
            ledger = await Ledger.open(dsn, size=1)
        # its database is gone now, with the connections to it

        @asynccontextmanager
        async def connections(ledger: Ledger = ledger) -> AsyncIterator[Connections]:
            yield Connections(world=replace(shop.world, ledger=ledger), temporal=shop.client, patience=1)

        app = create_app(connections)
        async with (
            ledger,
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop", headers=KEY) as door,
        ):
            answer = await door.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.headers["content-type"] == kind
            assert said in answer.text
            assert (await door.get("/health/live")).status_code == 200
            assert "the ledger" in problem_of(await door.get("/health/ready"), "unavailable")["detail"]


def _as_text(value: object) -> str:
    """A setting as it stands in an environment: secrets in clear, mappings as JSON."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return TypeAdapter(dict[str, object]).dump_json(value).decode() if isinstance(value, dict) else str(value)


async def test_it_serves_as_a_process_until_it_is_told_to_stop(
    shop: Shop, tmp_path: Path, unused_tcp_port: int
) -> None:
    settings = shop.world.settings
    environment = {f"PROMISEKEEPER_{name.upper()}": _as_text(value) for name, value in settings} | {
        "PROMISEKEEPER_GATEWAY_PORT": str(unused_tcp_port),
        "TEMPORAL_ADDRESS": shop.client.service_client.config.target_host,
    }
    with (tmp_path / "log").open("wb") as log:
        process = await _gateway(environment, stderr=log)
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{unused_tcp_port}", headers=KEY, timeout=30, trust_env=False
            ) as door:
                await _until_ready(door, process)
                assert (await door.get("/backorders/no-such")).status_code == 404
                assert (await door.get("/answers/a-secret-token")).status_code == 400
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()
    written = (tmp_path / "log").read_text()
    # uvicorn ends by the signal that stopped it, once everything is closed
    assert process.returncode in {0, -signal.SIGTERM}, written
    assert "GET /backorders/{backorder_id} 404" in written
    assert "a-secret-token" not in written
    assert "Traceback" not in written


async def test_a_missing_setting_is_named_and_so_is_a_key_that_everybody_has(tmp_path: Path) -> None:
    process = await _gateway({"PROMISEKEEPER_LINK_SECRET": ""}, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 2
    assert "PROMISEKEEPER_API_KEY: Field required" in said.decode()
    assert "PROMISEKEEPER_LINK_SECRET: Value should have at least 1 item" in said.decode()


async def _gateway(environment: dict[str, str], *, stderr: Any) -> asyncio.subprocess.Process:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PROMISEKEEPER_", "TEMPORAL_"))}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", cwd=HOME, env=ours | environment, stderr=stderr
    )


async def _until_ready(door: httpx.AsyncClient, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            assert process.returncode is None
            try:
                if (await door.get("/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # it does not listen yet
            await asyncio.sleep(0.05)
