"""Group 2: `render`, `decode` and `acknowledge` are pure: the same bytes anywhere, and no look at clock, chance, world.

That is what lets bytes be rendered once and stored, and what makes replays and golden files worth something.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from connectors.errors import ConnectorError
from connectors.suppliers.interface import Connector, Envelope, Inward
from connectors.testing.asking import Group, requires
from connectors.testing.manifest import another
from connectors.testing.orders import REQUESTS, ids
from connectors.testing.peer import Peer
from connectors.testing.talking import answer, split
from domain.supplier_events import SplitStatus

CLOCK, CHANCE, WORLD = "reads the clock", "takes chance", "touches the world"

_SYSTEM = {"urandom": CHANCE, "getrandom": CHANCE, "open": WORLD, "system": WORLD, "listdir": WORLD}

IMPURE: Mapping[str, Mapping[str, str]] = {
    "datetime": dict.fromkeys(("now", "today", "utcnow"), CLOCK),
    "time": dict.fromkeys(("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "localtime"), CLOCK),
    "random": dict.fromkeys(("random", "getrandbits", "seed"), CHANCE),
    "posix": _SYSTEM,
    "nt": _SYSTEM,
    "io": dict.fromkeys(("open", "open_code"), WORLD),
    "socket": dict.fromkeys(("connect", "send", "sendall", "getaddrinfo"), WORLD),
}
"""By module, what pure code does not call of what is built in: all else that is impure ends there."""

ELSEWHERE = {"PYTHONHASHSEED": "4711", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"}
"""Another process differs in these from ours, mostly."""

RENDERING = """
import importlib, pickle, sys
module, name, supplier_id, settings, requests = pickle.load(sys.stdin.buffer)
kind = importlib.import_module(module)
for part in name.split("."):
    kind = getattr(kind, part)
connector = kind(supplier_id, settings)
found = [connector.render(request, ids) for request, ids in requests]
sys.stdout.buffer.write(pickle.dumps([envelope.model_dump() for envelope in found]))
"""


@contextmanager
def watched() -> Generator[list[str]]:
    """What is called within the block that pure code does not call."""
    found: list[str] = []

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and (wrong := _impure(called)) is not None:
            found.append(f"{frame.f_globals.get('__name__')}:{frame.f_lineno} {wrong}")

    before, collecting = sys.getprofile(), gc.isenabled()
    gc.disable()  # it may begin anywhere, and whoever measures it (Hypothesis) looks at the clock
    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()


def _impure(called: Any) -> str | None:
    owner: object = getattr(called, "__self__", None)  # a module, a class, or an object
    kind = owner if isinstance(owner, type) else type(owner)
    name = getattr(called, "__name__", "")
    for module in (getattr(called, "__module__", None), getattr(owner, "__name__", None), kind.__module__):
        what = IMPURE.get(str(module).removeprefix("_"), {}).get(name)
        if what is not None:
            return f"{what} by {module}.{name}()"
    return None


def rendered(connector: Connector) -> dict[str, Envelope]:
    """Every kind of request that this connector writes."""
    found: dict[str, Envelope] = {}
    for name, request in REQUESTS.items():
        with suppress(ConnectorError):  # what it cannot do is another group's question
            found[name] = connector.render(request, ids(name))
    return found


class PurityTests(Group):
    """Group 2."""

    @requires()
    async def test_the_same_request_gives_the_same_bytes(self, connector: Connector, peer: Peer) -> None:
        twin = another(connector, peer)
        first = rendered(connector)
        assert "place" in first, "whatever else a connector does, it writes an order"
        assert rendered(connector) == first == rendered(twin)
        await twin.aclose()

    @requires()
    async def test_another_process_writes_the_same_bytes(self, connector: Connector, peer: Peer) -> None:
        ours = rendered(connector)
        requests = [(REQUESTS[name], ids(name)) for name in ours]
        kind = type(connector)
        told = (kind.__module__, kind.__qualname__, peer.supplier_id, dict(peer.settings), requests)
        assert _elsewhere(told) == [envelope.model_dump() for envelope in ours.values()]

    @requires()
    async def test_what_is_written_depends_on_what_it_is_given(self, connector: Connector, peer: Peer) -> None:
        bodies = [envelope.body for envelope in rendered(connector).values()]
        assert len(set(bodies)) == len(bodies), "different requests give different bytes"
        for name, envelope in rendered(connector).items():
            assert envelope.operation_id == ids(name).operation_id
            assert envelope.po_number == REQUESTS[name].po_number

    @requires()
    async def test_writing_looks_at_no_clock_takes_no_chance_and_touches_nothing(
        self, connector: Connector, peer: Peer
    ) -> None:
        rendered(connector)  # what is imported or cached on first use is none of this test's business
        with watched() as found:
            rendered(connector)
        assert not found, found[0]

    @requires("inbound")
    async def test_reading_looks_at_no_clock_takes_no_chance_and_touches_nothing(
        self, connector: Connector, peer: Peer
    ) -> None:
        message = peer.write(answer((1, (split(SplitStatus.ACCEPTED, 10),)), (2, (split(SplitStatus.ACCEPTED, 4),))))
        damaged = Inward(body=message.body[: len(message.body) // 2], headers=message.headers)

        def read(one: Inward) -> tuple[object, object]:
            with suppress(ConnectorError):
                return connector.decode(one), connector.acknowledge(one, ids("reply"))
            return None, connector.acknowledge(one, ids("reply"))

        before = [read(message), read(damaged)]
        with watched() as found:
            after = [read(message), read(damaged)]
        assert not found, found[0]
        assert after == before


def _elsewhere(told: tuple[str, str, str, Mapping[str, object], object]) -> object:
    ran = subprocess.run(
        [sys.executable, "-c", RENDERING],
        input=pickle.dumps(told),
        env={**os.environ, **ELSEWHERE, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr.decode(errors="replace")
    return pickle.loads(ran.stdout)
