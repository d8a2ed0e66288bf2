"""The pytest plugin: counts how the suite's tests were asked, prints each connector's grade, and holds it to its word.

pytest imports this at every start, wherever promisekeeper is installed, so it imports nothing of the suite. It works
the same under pytest-xdist: what a test has to say travels with its report.
"""

import sys
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

from connectors.testing.grading import GROUPS, TEST, Told, Verdict, read, verdict

pytest.register_assert_rewrite(*(f"connectors.testing.{name}" for names in GROUPS.values() for name in names))


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option."""
    parser.getgroup("promisekeeper").addoption(
        "--write-golden",
        action="store_true",
        dest="write_golden",
        help="write the golden files of connector suites anew, instead of comparing",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.pluginmanager.register(Conformance(), "promisekeeper-conformance")


class Conformance:
    """What one run of pytest says of the connectors it tries."""

    def __init__(self) -> None:
        self._collected: Counter[tuple[str, str]] = Counter()
        self._told: list[Told] = []

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Count the tests of suites before any is deselected."""
        if (about := _about(item)) is not None:
            self._collected[about] += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Let the report of a suite's test say what it is about, and what the connector claims to be."""
        if (about := _about(item)) is not None and TEST not in dict(item.user_properties):
            manifest = getattr(getattr(item, "funcargs", {}).get("connector"), "manifest", None)
            claimed = getattr(getattr(manifest, "grade", None), "value", None)
            suite, test = about
            told = {"suite": suite, "test": test, "of": self._collected[about], "claimed": claimed}
            item.user_properties.append((TEST, told))
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a report says."""
        if report.when == "call" or not report.passed:
            told = read(report.user_properties, passed=report.passed, skipped=report.skipped)
            if told is not None:
                self._told.append(told)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A manifest that claims another grade than was measured fails the run."""
        is_a_worker = hasattr(session.config, "workerinput")  # of pytest-xdist, which sees a part only
        wrong = not is_a_worker and any(one.told_wrongly for one in self._verdicts())
        if wrong and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the grades."""
        verdicts = self._verdicts()
        if verdicts:
            terminalreporter.section("connector conformance")
        for one in verdicts:
            for line in one.lines():
                terminalreporter.line(line, red=one.told_wrongly)

    def _verdicts(self) -> list[Verdict]:
        if not self._told:
            return []
        from connectors.testing.suite import all_tests  # noqa: PLC0415 (not at every start of pytest)

        suites = dict.fromkeys(told.suite for told in self._told)
        return [verdict(suite, [t for t in self._told if t.suite == suite], all_tests()) for suite in suites]


def _about(item: pytest.Item) -> tuple[str, str] | None:
    """Suite and name of a test; None: it is of no suite, or its author put another in its place."""
    suite: Any = getattr(sys.modules.get("connectors.testing.suite"), "ConnectorSuite", None)
    kind: Any = getattr(item, "cls", None)
    function: Any = getattr(item, "function", None)
    if suite is None or not isinstance(item, pytest.Function) or not isinstance(kind, type):
        return None
    if not issubclass(kind, suite) or getattr(suite, item.originalname, None) is not function:
        return None
    return item.nodeid.partition("[")[0].rpartition("::")[0], item.originalname
