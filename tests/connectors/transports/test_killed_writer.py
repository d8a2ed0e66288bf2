"""A process that is killed in the middle of handing documents over: no half document is ever seen under its name."""

import asyncio
import json
import random
import signal
import sys
from pathlib import Path

import pytest

from connectors.suppliers.interface import SendResult
from tests.connectors.transports.conftest import Meeting, document
from tests.connectors.transports.sftp_partner import PASSWORD, USER

ROOT = Path(__file__).parents[3]
KILLS = 3
WRITER = """
import asyncio, json, sys
from pydantic import TypeAdapter
from connectors.suppliers.transports.configuration import TransportConfig, open_transport
from tests.connectors.transports.test_killed_writer import content
from tests.connectors.transports.conftest import document

async def write() -> None:
    transport = open_transport("acme", TypeAdapter(TransportConfig).validate_python(json.loads(sys.argv[1])))
    print("ready", flush=True)
    number = int(sys.argv[2])
    while True:
        name = f"PO-{number}.edi"
        await transport.send(document(name, content(name)))
        print(name, flush=True)
        number += 1

asyncio.run(write())
"""


def content(name: str) -> bytes:
    return name.encode() * 60_000 + b"END"


@pytest.mark.parametrize("seed", [1])
async def test_no_half_document_is_seen_whenever_the_writer_is_killed(meeting: Meeting, seed: int) -> None:
    """What it reported as delivered is there, and what it did not can simply be sent again."""
    rng = random.Random(seed)
    where: dict[str, object] = {"kind": "folder", "outbox": str(meeting.outbox)}
    if meeting.sftp is not None:
        where = {
            "kind": "sftp", "outbox": "/outbox", "host": "127.0.0.1", "port": meeting.sftp.port, "user": USER,
            "password": PASSWORD, "host_keys": meeting.sftp.fingerprint,
        }  # fmt: skip
    reported = list[str]()
    for kill in range(KILLS):
        command = (sys.executable, "-c", WRITER, json.dumps(where), str(kill * 1000))
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
        assert child.stdout is not None
        try:
            async with asyncio.timeout(120):
                assert await child.stdout.readline() == b"ready\n"
            await asyncio.sleep(rng.random() * 0.4)
        finally:
            child.send_signal(signal.SIGKILL)
            rest, _ = await child.communicate()
        assert child.returncode == -signal.SIGKILL
        reported += rest.decode().split()
        seen = meeting.partner_takes()
        assert set(reported) <= set(seen)
        assert [name for name, body in seen.items() if body != content(name)] == []
    next_one = f"PO-{kill * 1000 + len(rest.split())}.edi"
    for _ in range(2):
        assert (await meeting.open().send(document(next_one, content(next_one)))).result is SendResult.DELIVERED
    assert meeting.partner_takes()[next_one] == content(next_one)
