"""Workflow modules must be importable without any driver or connector, for the sandbox and for whoever only replays."""

import subprocess
import sys

FORBIDDEN = ("psycopg", "httpx", "fastapi", "aiosmtplib", "jinja2", "connectors", "ledger")


def test_workflow_modules_reach_no_driver_and_no_connector_at_import_time() -> None:
    program = (
        "import sys, workflows.backorder, workflows.purchase_order; "
        f"print([m for m in sys.modules if m.split('.')[0] in {FORBIDDEN!r}])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
