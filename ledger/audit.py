"""The audit: what the database cannot refuse by itself. Every law as queries that find the rows which break it.

The checks of a table's own constraints are repeated here, since a hand in the database can drop a constraint. Nothing
is changed, and everything is seen at one moment, so an audit of a ledger at work is as good as one at rest. The queries
are in `ledger/unit_checks.py` (L1 to L4) and `ledger/record_checks.py` (L5 to L8).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psycopg.rows import dict_row

from domain.values import CURRENCY_DIGITS
from ledger.book import Connection, Ledger
from ledger.laws import LAWS, Check
from ledger.record_checks import RECORD_CHECKS
from ledger.unit_checks import UNIT_CHECKS

__all__ = ["CHECKS", "LAWS", "Check", "Finding", "audit", "examine"]

CHECKS = UNIT_CHECKS + RECORD_CHECKS
"""All that is checked, by law."""


class Finding(NamedTuple):
    """A check that does not hold."""

    law: str
    """A key of LAWS."""
    what: str
    """What is wrong, in words."""
    rows: Sequence[Mapping[str, Any]]
    """The rows that break it, each as columns by name."""


async def audit(ledger: Ledger) -> list[Finding]:
    """Check every law on the whole ledger as it stands at one moment.

    Returns:
        What breaks the laws, in their order; nothing if the books balance.
    """
    async with ledger.read() as connection:
        return await examine(connection)


async def examine(connection: Connection) -> list[Finding]:
    """The audit, of the books as an open transaction sees them."""
    digits = {"digits": json.dumps(CURRENCY_DIGITS)}
    findings: list[Finding] = []
    async with connection.cursor(row_factory=dict_row) as cursor:
        for check in CHECKS:
            await cursor.execute(check.rows, digits)
            if rows := await cursor.fetchall():
                findings.append(Finding(check.law, check.what, rows))
    return findings
