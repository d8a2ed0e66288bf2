"""Every path that workflows ever took is taken again by the code of today, command by command.

A failure here means: executions that run in production now would get stuck at the next message.
docs/changing-workflows.md says what to do.
"""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from activities.sealing import KeyRing, data_converter
from worker import WORKFLOWS, workflow_runner
from workflows.tolerance import TolerantSignals

HISTORIES = Path(__file__).parent / "histories"
"""release / path / one file for each run; written by `make histories`."""

PATHS = sorted(folder for folder in HISTORIES.glob("*/*") if folder.is_dir())


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}-{path.name}")
async def test_what_ran_before_runs_the_same_today(path: Path) -> None:
    results = await replayer().replay_workflows(_each(_histories(path)), raise_on_replay_failure=False)
    assert not results.replay_failures, "\n\n".join(f"{run}: {why}" for run, why in results.replay_failures.items())


@pytest.mark.parametrize("release", sorted({path.parent.name for path in PATHS}))
def test_each_kind_of_path_is_there(release: str) -> None:
    said = " ".join(path.name for path in PATHS if path.parent.name == release)
    for word in ("shipped", "merged", "cancelled_while", "cancelled_after_allocation", "compensation", "consent"):
        assert word in said
    for word in ("silence", "refused", "cancelled_by_law", "continues_as_new", "cancel_button", "withdrawn"):
        assert word in said


def test_each_workflow_is_there_in_the_newest_release() -> None:
    newest = max(HISTORIES.iterdir(), key=lambda release: [int(part) for part in release.name.split(".")])
    kinds = {file.name.partition("-")[0] for file in newest.glob("*/*.gz")}
    assert kinds >= {"backorder", "po", "mailbox", "sweep"}


def test_a_path_is_there_from_before_and_after_each_patch() -> None:
    patched = {release.name: "TemporalChangeVersion" in _all_text(release) for release in sorted(HISTORIES.iterdir())}
    assert patched["0.1"] is False
    assert patched["0.2"] is True


def replayer() -> Replayer:
    """As the worker runs workflows."""
    return Replayer(
        workflows=WORKFLOWS,
        data_converter=data_converter(KeyRing()),
        workflow_runner=workflow_runner(),
        interceptors=[TolerantSignals()],
    )


async def _each(histories: list[WorkflowHistory]) -> AsyncIterator[WorkflowHistory]:
    for history in histories:
        yield history


def _histories(path: Path) -> list[WorkflowHistory]:
    texts = [_text(file) for file in sorted(path.glob("*.gz"))]
    return [WorkflowHistory.from_json(_workflow_id(text), text) for text in texts]


def _workflow_id(history: str) -> str:
    """What the run was called: workflows make keys of it."""
    started = json.loads(history)["events"][0]["workflowExecutionStartedEventAttributes"]
    return str(started["workflowId"])


def _text(file: Path) -> str:
    return gzip.decompress(file.read_bytes()).decode()


def _all_text(release: Path) -> str:
    return "".join(_text(file) for file in release.glob("*shipped*/*.gz"))
