"""`promisekeeper setup`: makes a Temporal namespace ready for us, and tells where to look in its UI."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from cli import queries
from cli.connections import task_queue, temporal_client
from cli.terminal import console, plain, say, table
from workflows.setting_up import Done, schedule_sweeps, set_up

_EXAMPLES = {"SUPPLIER": "SUPPLIER", "SKU": "SKU", "PO": "PO-000001", "SALES_ORDER": "SALES-ORDER"}


def setup(
    *,
    schedules_only: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Make the Temporal namespace ready: search attributes, schedules of the sweeps, links to ready-made queries.

    Run it once for a namespace, and after each upgrade; again is harmless. The namespace is that of TEMPORAL_NAMESPACE
    or of the profile. Exit code 1: the namespace cannot be set up so; the message says what to run.

    Args:
        schedules_only: leave the search attributes to whoever may register them, as on Temporal Cloud.
        as_json: print JSON.
    """
    done = asyncio.run(_set_up(schedules_only=schedules_only))
    found = queries.links(datetime.now(UTC).date(), _EXAMPLES)
    if as_json:
        print(json.dumps({"done": [asdict(one) for one in done], "queries": found}, ensure_ascii=False, indent=2))
        return 0
    on = console()
    drawn = table("Done", "What", whole=["Done"])
    for one in done:
        drawn.add_row(plain(one.how), plain(one.what))
    on.print(drawn)
    on.print()
    queries.report(found, on)
    if all(one.how == "already there" for one in done):
        say("everything was already there", on)
    return 0


async def _set_up(*, schedules_only: bool) -> Sequence[Done]:
    client = await temporal_client()
    if schedules_only:
        return await schedule_sweeps(client, task_queue=task_queue())
    return await set_up(client, task_queue=task_queue())
