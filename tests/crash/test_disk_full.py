"""The ledger's disk is full: a real file system without room, and PostgreSQL's own refusal (53100, disk_full)."""

import asyncio
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import httpx
import pytest

from domain.backorder_position import Status
from tests.crash.books_compared import agreed
from tests.crash.hurried_shop import plain_orders
from tests.crash.killed_world import KilledWorld, closed, killed_world
from tests.crash.people import signed
from workflows import backorder_contract

DISK = 192 * 2**20
"""Bytes: a new cluster of PostgreSQL takes a third."""

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def disk(folder: Path) -> Iterator[Path]:
    """A small file system of its own, where the ledger of `folder / "world"` lies."""
    place = folder / "world" / "postgres"
    (folder / "world").mkdir(mode=0o700)
    place.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"only root can make a file system that fills up: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room there is; the file to remove again."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for piece in (2**20, 4096):
            try:
                while True:
                    file.write(bytes(piece))
            except OSError:  # no room for a piece of this size
                continue
    return ballast


async def test_while_the_disk_is_full_steps_wait_and_say_so_and_with_room_again_all_go_on(
    folder: Path, disk: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    orders = plain_orders("FULL", 6)
    async with killed_world(folder / "world", unused_tcp_port_factory) as world:
        await world.submit(orders[:3])
        ballast = fill(disk)
        await world.submit(orders[3:], by_gateway=False)
        assert "No space left on device" in await first_complaint(world)
        assert await answer_to_a_large_message(world) == 503  # so it is sent again
        ballast.unlink()
        async with await world.ledger() as ledger:
            ended = await closed(ledger, [order.backorder_id for order in orders])
        assert {(p.status, p.attention) for p in ended} == {(Status.CLOSED, None)}
        assert await agreed(world) == []


async def first_complaint(world: KilledWorld) -> str:
    """What the Temporal UI shows of the first step that fails."""
    client, deadline = await world.client(), monotonic() + 120
    while monotonic() < deadline:
        for order in plain_orders("FULL", 6):
            handle = client.get_workflow_handle(backorder_contract.workflow_id(order.backorder_id))
            for step in (await handle.describe()).raw_description.pending_activities:
                if step.attempt > 1:
                    shown = await client.data_converter.decode_failure(step.last_failure)
                    return f"{shown} {shown.__cause__}"
        await asyncio.sleep(0.2)
    return "nothing failed"


async def answer_to_a_large_message(world: KilledWorld) -> int:
    """What a supplier is told that needs more room than any page has left."""
    body = random.Random(1).randbytes(200_000).hex().encode()
    secret = (await world.outside.supplier("hartwell").settings()).webhook_secret
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        answer = await http.post(
            f"{world.stack.settings.gateway_url}/suppliers/hartwell/events",
            content=body,
            headers=signed(secret, body, "msg_large"),
        )
    return answer.status_code
