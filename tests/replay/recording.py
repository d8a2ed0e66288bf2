"""Keeps the histories of whatever a test made the workflows do, to be replayed by every later version.

`make histories` runs the workflow tests with PROMISEKEEPER_RECORD_HISTORIES set to a release's folder; each test leaves
one file for each run of a workflow, under its own name. Then `python -m tests.replay.recording FOLDER` keeps one of
those that took the same course: replaying all of them would prove nothing more, and takes a third longer.
"""

import base64
import gzip
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

RECORD_TO = "PROMISEKEEPER_RECORD_HISTORIES"


async def record(client: Client, task_queue: str, test: str) -> None:
    """Write the history of every run on `task_queue`, if histories are asked for.

    Args:
        test: the test's name, which becomes the name of the path that these histories took.
    """
    to = os.environ.get(RECORD_TO)
    if not to:
        return
    folder = Path(to) / test.removeprefix("test_")
    folder.mkdir(parents=True, exist_ok=True)
    told: set[tuple[int, ...]] = set()
    async for listed in client.list_workflows(f"TaskQueue = '{task_queue}'"):
        history = await client.get_workflow_handle(listed.id, run_id=listed.run_id).fetch_history()
        course = tuple(event.event_type for event in history.events)
        if EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED not in course:
            continue  # it had not decided anything yet, and a replay would wait for it to do so
        if course in told:
            continue  # eight backorders on one purchase order tell one story
        told.add(course)
        kind = listed.id.partition("/")[0]
        number = len(list(folder.glob(f"{kind}-*"))) + 1
        # a fixed time stamp: recording the same history again makes the same bytes
        text = gzip.compress(without_traces(history.to_json()).encode(), mtime=0)
        (folder / f"{kind}-{number}.json.gz").write_bytes(text)


def without_traces(history: str) -> str:
    """A history without the stack traces, which are of the machine that it was recorded on."""

    def bare(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: "" if name == "stackTrace" else bare(inner) for name, inner in part.items()}
        return [bare(inner) for inner in part] if isinstance(part, list) else part

    return json.dumps(bare(json.loads(history)), separators=(",", ":"))


def keep_one_of_each(release: Path) -> int:
    """Remove every run that took the very course of one before it; how many they were.

    The course is what a replay compares: the events in their order, with the names of steps, messages and patches.
    """
    told: set[tuple[str, ...]] = set()
    removed = 0
    for file in sorted(release.glob("*/*.gz")):
        events = json.loads(gzip.decompress(file.read_bytes()))["events"]
        course = (file.name.partition("-")[0], *(" ".join(_named(event)) for event in events))
        if course in told:
            file.unlink()
            removed += 1
        told.add(course)
    for folder in release.iterdir():
        if not any(folder.iterdir()):
            folder.rmdir()
    return removed


def _named(event: dict[str, Any]) -> Iterator[str]:
    yield event["eventType"]
    about: dict[str, Any] = next((about for part, about in event.items() if part.endswith("Attributes")), {})
    yield about.get("activityType", {}).get("name", "")
    yield about.get("signalName", "")
    yield about.get("acceptedRequest", {}).get("input", {}).get("name", "")
    yield about.get("markerName", "")
    if "markerName" in about:
        for kept in ("data", "patch-data"):
            for payload in about["details"].get(kept, {}).get("payloads", ()):
                marked = json.loads(base64.b64decode(payload["data"]))
                yield marked.get("activity_type", "") or marked.get("id", "")


if __name__ == "__main__":
    print(f"{keep_one_of_each(Path(sys.argv[1]))} runs were told twice")
