"""The suite that an author subclasses: thirteen groups of tests, and what they share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import pytest

from connectors.testing.acknowledgements import AcknowledgementTests
from connectors.testing.answers import AnswerTests
from connectors.testing.asking import Outcome, group_of
from connectors.testing.cassette import CassetteTests
from connectors.testing.changes import ChangeTests
from connectors.testing.data import DataTests
from connectors.testing.duplicates import DuplicateTests
from connectors.testing.grading import NOTE
from connectors.testing.hostile import HostileTests
from connectors.testing.manifest import ManifestTests
from connectors.testing.notices import NoticeTests
from connectors.testing.place import PlaceTests
from connectors.testing.poll import PollTests
from connectors.testing.purity import PurityTests
from connectors.testing.throttle import ThrottleTests


class ConnectorSuite(
    ManifestTests,
    PurityTests,
    PlaceTests,
    DataTests,
    AnswerTests,
    NoticeTests,
    ChangeTests,
    HostileTests,
    DuplicateTests,
    AcknowledgementTests,
    ThrottleTests,
    PollTests,
    CassetteTests,
):
    """What every connector must do. A subclass gives two fixtures, both new for each test: `connector` and `peer`."""

    denies: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What makes no sense on this channel (a `Fault`, a `Flaw`, a group or a test), and why, for people to read."""
    samples: ClassVar[Path | None] = None
    """A folder of real documents, each `NAME` beside `NAME.json`, `{"events": [...]}`: what a person says it means."""

    writes_golden: bool = False
    _record: Callable[[str, object], None]

    @pytest.fixture(autouse=True)
    def _on_record(self, record_property: Callable[[str, object], None], pytestconfig: pytest.Config) -> None:
        self._record = record_property
        self.writes_golden = bool(pytestconfig.getoption("write_golden", default=False))

    def note(self, outcome: Outcome, why: str) -> None:
        """Put on record how a test was asked; the plugin counts it."""
        self._record(NOTE, {"outcome": outcome.value, "why": why})


def all_tests() -> dict[str, str]:
    """Every test of the suite, by name, with its group."""
    return {name: group_of(getattr(ConnectorSuite, name)) for name in dir(ConnectorSuite) if name.startswith("test_")}
