"""How a test of the suite is asked: by what the connector claims, and by what its author denies, always on record.

A test that needs a capability runs when that is claimed. When it is not, the test flips: doing it must raise
`Unsupported`. Of what comes in, a capability that is not claimed leaves nothing to do (the far side cannot say such a
thing): that test is recorded as unclaimed. What makes no sense on this channel is denied by the author in
`ConnectorSuite.denies`, with a reason; never what is claimed, and never what every connector can pass.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import pytest

from connectors.errors import Unsupported
from connectors.suppliers.interface import CancelWay, Capabilities, Connector, WireIds
from connectors.testing.grading import NOTE
from connectors.testing.orders import ADDED, CANCELLED, ORDER, REDUCED
from connectors.testing.peer import Fault, Flaw, Peer

WHOLE = frozenset({"notices", "changes", "acknowledgements", "throttle", "poll"})
"""Groups that can be denied as a whole."""

BY_TEST = WHOLE | {"answers"}
"""Groups whose tests can be denied by name. Of the others only what is about a fault, a flaw or samples can."""

SAMPLES = "samples"
"""What a suite denies that has no real documents."""


class Outcome(StrEnum):
    """How a test that passed was asked."""

    ASKED = "asked"
    FLIPPED = "flipped"
    """The capability is not claimed, and doing it raised `Unsupported`, as it must."""
    UNCLAIMED = "unclaimed"
    """The far side cannot say this, the connector claims no more."""
    DENIED = "denied"
    """The author says why this makes no sense here."""


class Group:
    """A group of tests; an author meets its members as those of `ConnectorSuite`."""

    denies: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What makes no sense on this channel (a `Fault`, a `Flaw`, a group or a test), and why, for people to read."""
    samples: ClassVar[Path | None] = None
    """A folder of real documents, each `NAME` beside `NAME.json`, `{"events": [...]}`: what a person says it means."""

    writes_golden: bool = False
    _record: list[tuple[str, object]]

    @pytest.fixture(autouse=True)
    def _on_record(self, request: pytest.FixtureRequest) -> None:
        self._record = request.node.user_properties  # not record_property, which warns where JUnit files are written
        self.writes_golden = bool(request.config.getoption("write_golden", default=False))

    def note(self, outcome: Outcome, why: str) -> None:
        """Put on record how a test was asked; the plugin counts it."""
        self._record.append((NOTE, {"outcome": outcome.value, "why": why}))


Test = Callable[..., Awaitable[None]]


def claims(can: Capabilities, capability: str) -> bool:
    """Whether a connector claims a capability, by its name in `Capabilities`."""
    if capability == "cancel":
        return can.cancel in {CancelWay.API, CancelWay.REQUEST_REPLY}
    return bool(getattr(can, capability))


async def _lookup(connector: Connector) -> object:
    return await connector.lookup(connector.render(ORDER, WireIds(operation_id="asked")))


async def _poll(connector: Connector) -> object:
    return await connector.poll(None)


async def _cancel(connector: Connector) -> object:
    return connector.render(CANCELLED, WireIds(operation_id="asked"))


async def _reduce(connector: Connector) -> object:
    return connector.render(REDUCED, WireIds(operation_id="asked"))


async def _add(connector: Connector) -> object:
    return connector.render(ADDED, WireIds(operation_id="asked"))


DOING: Mapping[str, Callable[[Connector], Awaitable[object]]] = {
    "lookup": _lookup,
    "poll": _poll,
    "cancel": _cancel,
    "reduce_line": _reduce,
    "add_line": _add,
}
"""By capability, what must raise `Unsupported` when it is not claimed."""


def requires(*capabilities: str) -> Callable[[Test], Test]:
    """Make a coroutine a test of the suite, which is asked as it stands when all these capabilities are claimed."""

    def made(test: Test) -> Test:
        @wraps(test)
        async def asked(self: Group, connector: Connector, peer: Peer, **others: Any) -> None:
            missing = [name for name in capabilities if not claims(connector.capabilities, name)]
            denied = _denied(self.denies, test, others)
            if missing:
                await _asked_of_who_cannot(self, connector, missing)
            elif denied is None:
                await test(self, connector, peer, **others)
                self.note(Outcome.ASKED, "")
            elif (claimed := _of_its_own(capabilities)) and not _impossible(others):
                pytest.fail(f"{', '.join(claimed)}: claimed, so this cannot be denied ({denied})")
            else:
                self.note(Outcome.DENIED, denied)

        marked: Test = pytest.mark.asyncio(asked)
        return marked

    return made


def group_of(test: Callable[..., object]) -> str:
    """The group of a test: each has a module of that name."""
    return test.__module__.rpartition(".")[2]


def deniable(tests: Iterable[Callable[..., object]]) -> set[str]:
    """What an author can deny."""
    return {SAMPLES, *Fault, *Flaw, *WHOLE} | {_name(test) for test in tests if group_of(test) in BY_TEST}


def _name(test: Callable[..., object]) -> str:
    return str(getattr(test, "__name__", test))


def _denied(denies: Mapping[str, str], test: Test, others: Mapping[str, object]) -> str | None:
    """Why the author denies a test: by its group, its name, or the fault or flaw that it is about."""
    names = _impossible(others)
    if group_of(test) in WHOLE:
        names.append(group_of(test))
    if group_of(test) in BY_TEST:
        names.append(_name(test))
    if SAMPLES in _name(test):
        names.append(SAMPLES)
    return next((denies[name] for name in names if name in denies), None)


def _impossible(others: Mapping[str, object]) -> list[str]:
    """The fault or flaw that a test is about: a channel that knows none such cannot be tried with it."""
    return [value.value for value in others.values() if isinstance(value, Fault | Flaw)]


def _of_its_own(capabilities: Iterable[str]) -> list[str]:
    """Those of a test's capabilities that say it cannot be denied. What can be asked may yet never be answered."""
    incoming = "inbound" in capabilities
    return [name for name in capabilities if name != "inbound" and not (incoming and name in DOING)]


async def _asked_of_who_cannot(self: Group, connector: Connector, missing: list[str]) -> None:
    for capability in missing:
        if capability in DOING:
            with pytest.raises(Unsupported):
                await DOING[capability](connector)
    flipped = any(capability in DOING for capability in missing)
    self.note(Outcome.FLIPPED if flipped else Outcome.UNCLAIMED, f"no {', no '.join(missing)}")
