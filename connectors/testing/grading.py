"""From reports of tests to a grade. Needs neither pytest nor a connector, so the plugin imports it at every start."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

NOTE = "conformance-note"
"""The property of a report that says how a test was asked."""
TEST = "conformance-test"
"""The property of a report that says which test of which suite it is, and how many of its kind were collected."""

GROUPS = {
    "bronze": ("manifest", "purity", "place", "data"),
    "silver": ("answers", "notices", "changes", "hostile", "duplicates", "acknowledgements"),
    "gold": ("throttle", "poll", "cassette"),
}
"""What each grade asks beyond the one before it."""


class Told(NamedTuple):
    """What one report says."""

    suite: str
    claimed: str | None
    """The grade in the connector's manifest."""
    test: str
    of: int
    """Tests of that name that were collected, one for each set of parameters."""
    passed: bool
    skipped: bool
    asked: str
    why: str


class Verdict(NamedTuple):
    """What a run says of one connector."""

    suite: str
    claimed: str | None
    grade: str | None
    tests: int
    missed: Mapping[str, tuple[str, ...]]
    """By group, tests that failed or were skipped."""
    not_run: int
    """Tests that were not run, or not in all their forms, or that the author put others in the place of."""
    skipped: int
    flipped: Mapping[str, int]
    """By what is not claimed, tests that showed that it raises Unsupported."""
    unclaimed: Mapping[str, int]
    denied: Mapping[str, int]
    """By reason."""

    @property
    def told_wrongly(self) -> bool:
        """The manifest claims another grade than this whole run measured."""
        return not self.not_run and self.claimed is not None and self.claimed != self.grade

    def lines(self) -> Iterable[str]:
        """For the end of a run."""
        grade = self.grade or "no grade"
        counts = f"{self.tests} tests, {sum(self.flipped.values())} flipped, {self.skipped} skipped"
        yield f"{self.suite}: {grade.upper()} ({counts})"
        for told, counted in (("flipped", self.flipped), ("unclaimed", self.unclaimed), ("denied", self.denied)):
            for why, count in counted.items():
                yield f"    {told} ({count}): {why}"
        for group, tests in self.missed.items():
            yield f"    missed in {group}: {', '.join(tests)}"
        if self.not_run:
            yield f"    not run or not whole: {self.not_run}, so there is no grade"
        if self.told_wrongly:
            yield f"    the manifest claims {self.claimed}, measured is {grade}: correct its `grade`"


def verdict(suite: str, told: Iterable[Told], tests: Mapping[str, str]) -> Verdict:
    """Grade one suite.

    Args:
        suite: its name.
        told: its reports.
        tests: every test that there is, by name, with its group.
    """
    reports = list(told)
    missed: dict[str, tuple[str, ...]] = {}
    not_run = 0
    for test, group in tests.items():
        mine = [report for report in reports if report.test == test]
        not_run += not mine or len(mine) < mine[0].of
        if not all(report.passed for report in mine):
            missed[group] = (*missed.get(group, ()), test)
    grade: str | None = None
    for candidate, groups in GROUPS.items():
        if not_run or any(group in missed for group in groups):
            break
        grade = candidate
    return Verdict(
        suite=suite,
        claimed=next((report.claimed for report in reports), None),
        grade=grade,
        tests=len(reports),
        missed=missed,
        skipped=sum(report.skipped for report in reports),
        flipped=_counted(reports, "flipped"),
        unclaimed=_counted(reports, "unclaimed"),
        denied=_counted(reports, "denied"),
        not_run=not_run,
    )


def read(properties: Iterable[tuple[str, Any]], *, passed: bool, skipped: bool) -> Told | None:
    """What a report of pytest says; None: it is of no suite."""
    found = dict(properties)
    if TEST not in found:
        return None
    note = found.get(NOTE, {"outcome": "asked", "why": ""})
    return Told(**found[TEST], passed=passed, skipped=skipped, asked=note["outcome"], why=note["why"])


def _counted(reports: Iterable[Told], asked: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for report in reports:
        if report.asked == asked:
            found[report.why] = found.get(report.why, 0) + 1
    return dict(sorted(found.items()))
