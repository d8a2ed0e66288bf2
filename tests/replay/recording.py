"""Keeps the histories of whatever a test made the workflows do, to be replayed by every later version.

`make histories` runs the workflow tests with PROMISEKEEPER_RECORD_HISTORIES set to a release's folder; each test leaves
one file for each run of a workflow, under its own name.
"""

import gzip
import os
from pathlib import Path

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
        text = gzip.compress(history.to_json().encode(), mtime=0)
        (folder / f"{kind}-{number}.json.gz").write_bytes(text)
