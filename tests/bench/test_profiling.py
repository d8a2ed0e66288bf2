"""A sample falls to the innermost part of the house that is known."""

from bench.profiling import shares

LOOP = "run (/usr/lib/python3.11/asyncio/runners.py:190)"
SANDBOX = "_import (/x/site-packages/temporalio/worker/workflow_sandbox/_importer.py:3)"
LEDGER = "fetch (/x/ledger/book.py:200)"
DRIVER = "execute (/x/site-packages/psycopg/cursor_async.py:9)"
JSON = "loads (/usr/lib/python3.11/json/__init__.py:3)"


def test_samples_fall_to_the_innermost_known_part() -> None:
    stacks = "\n".join([f"{LOOP};{SANDBOX};{JSON} 6", f"{LOOP};{LEDGER};{DRIVER} 3", f"{LOOP} 1"])
    assert shares(stacks) == {"Temporal SDK: the sandbox": 60.0, "SQL: the driver": 30.0, "the event loop": 10.0}


def test_what_is_not_known_is_the_rest() -> None:
    assert shares("main (/x/other.py:1) 2") == {"the rest": 100.0}
