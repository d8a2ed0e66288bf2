"""The grade at the end of a run is what was measured: nothing can be skipped, denied or replaced on the quiet."""

import subprocess
import sys

import pytest

from connectors.testing.grading import GROUPS, Told, Verdict, verdict
from tests.connectors.testing.conftest import Judge, suite

pytest_plugins = ["pytester"]

TESTS = {f"test_{group}": group for groups in GROUPS.values() for group in groups}


def told(test: str, *, passed: bool = True, of: int = 1, claimed: str | None = None) -> Told:
    return Told("TestAcme", claimed, test, of, passed=passed, skipped=False, asked="asked", why="")


def graded(*failing: str, without: str = "", claimed: str | None = None) -> Verdict:
    reports = [told(test, passed=test not in failing, claimed=claimed) for test in TESTS if test != without]
    return verdict("TestAcme", reports, TESTS)


@pytest.mark.parametrize(
    ("failing", "grade"),
    [
        ((), "gold"),
        (("test_poll",), "silver"),
        (("test_poll", "test_hostile"), "bronze"),
        (("test_acknowledgements",), "bronze"),
        (("test_data",), None),
        (("test_manifest", "test_poll"), None),
    ],
)
def test_a_grade_needs_every_group_up_to_it(failing: tuple[str, ...], grade: str | None) -> None:
    assert graded(*failing).grade == grade


def test_without_all_tests_there_is_no_grade() -> None:
    assert graded(without="test_poll").grade is None


def test_without_all_forms_of_a_test_there_is_no_grade() -> None:
    reports = [told(test, of=2 if test == "test_place" else 1) for test in TESTS]
    assert verdict("TestAcme", reports, TESTS).grade is None


@pytest.mark.parametrize(("claimed", "wrong"), [("gold", False), ("silver", True), (None, False)])
def test_a_manifest_is_held_to_its_word(claimed: str | None, wrong: bool) -> None:
    assert graded(claimed=claimed).told_wrongly is wrong


def test_of_a_part_of_the_tests_nothing_follows_for_the_manifest() -> None:
    assert not graded(without="test_poll", claimed="silver").told_wrongly


def test_a_whole_run_that_measures_another_grade_than_is_claimed_fails(judge: Judge) -> None:
    ran = judge(suite("ClaimsTooLittle"))
    ran.stdout.fnmatch_lines(
        ["test_judged.py::TestClaimsTooLittle: GOLD (*", "*the manifest claims bronze, measured is gold*"]
    )
    assert not ran.parseoutcomes().keys() & {"failed", "errors", "skipped"}
    assert ran.ret == pytest.ExitCode.TESTS_FAILED


def test_nothing_is_denied_skipped_or_replaced_on_the_quiet(judge: Judge) -> None:
    polite = {"peer": "PoliteFolder"}
    suites = {
        "AsksThere": suite("AsksThere", body='denies = {"poll": "we do not like polling"}'),
        "AlwaysFinds": suite("AlwaysFinds", body='denies = {"data": "we write no data"}'),
        "IsAlwaysWell": suite("IsAlwaysWell", body='denies = {"pol": "we do not like polling"}'),
        "NeverFinds": suite("NeverFinds", body='denies = {"poll": "no"}'),
        "Polite": suite("Polite", **polite, body="async def test_its_check_finds_the_far_side(self):\n        pass"),
        "TakesNewLines": suite(
            "TakesNewLines",
            body="@pytest.fixture(autouse=True)\n    def never(self):\n        pytest.skip('not today')",
        ),
    }
    denied = "what_its_author_denies"
    ran = judge("".join(suites.values()), "-k", f"{denied} or where_nothing_waits or its_check_finds")
    ran.stdout.fnmatch_lines(
        [
            "*poll: claimed, so this cannot be denied (we do not like polling)",
            "*'data'* cannot be denied*",
            "*'pol'* cannot be denied*",
            "*a reason is a few words at least*",
        ]
    )
    failed = {line.split()[1] for line in ran.outlines if line.startswith("FAILED")}
    assert failed >= {
        "test_judged.py::TestAsksThere::test_where_nothing_waits_nothing_comes",
        *(
            f"test_judged.py::Test{one}::test_what_its_author_denies_is_known_here_and_has_a_reason"
            for one in ("AlwaysFinds", "IsAlwaysWell", "NeverFinds")
        ),
    }
    ran.stdout.fnmatch_lines(
        [
            "test_judged.py::TestPolite: NO GRADE (2 tests,*",
            "test_judged.py::TestTakesNewLines: NO GRADE (3 tests, 0 flipped, 3 skipped)",
            "*missed in poll: test_where_nothing_waits_nothing_comes",
        ]
    )


def test_with_several_processes_the_grade_is_told_once(judge: Judge) -> None:
    ran = judge(suite("Polite", peer="PoliteFolder"), "-n", "2", "-k", "TestPolite and (line_is or check)")
    assert sum("TestPolite: NO GRADE (" in line for line in ran.outlines) == 1
    ran.stdout.fnmatch_lines(["*flipped (1): no add_line"])


def test_a_run_without_connectors_pays_nothing_for_the_plugin() -> None:
    costly = ("connectors", "domain", "hypothesis", "pydantic")
    listed = f"[name for name in sys.modules if name.startswith({costly})]"
    script = f"import sys, connectors.testing.plugin; print({listed})"
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=180)
    ours = ["connectors", "connectors.testing", "connectors.testing.grading", "connectors.testing.plugin"]
    assert told.stdout.strip() == repr(ours)
