"""The suite that an author subclasses: thirteen groups of tests, and what they share."""

from connectors.testing.acknowledgements import AcknowledgementTests
from connectors.testing.answers import AnswerTests
from connectors.testing.asking import group_of
from connectors.testing.cassette import CassetteTests
from connectors.testing.changes import ChangeTests
from connectors.testing.data import DataTests
from connectors.testing.duplicates import DuplicateTests
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
    """What every connector must do. A subclass gives two fixtures, both new for each test: `connector` and `peer`.

    And, where it has to, `denies` and `samples`; see `Group`.
    """


def all_tests() -> dict[str, str]:
    """Every test of the suite, by name, with its group."""
    return {name: group_of(getattr(ConnectorSuite, name)) for name in dir(ConnectorSuite) if name.startswith("test_")}
