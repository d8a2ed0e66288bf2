"""Bytes that are about to leave for a supplier: said before they do, and taken back when it is proved that none did."""

from datetime import datetime

from ledger.book import Ledger

# Until something came of it, the reason of an operation is the try that is under way.
_LEAVES = """
    update outbox set state = 'unknown', sent_at = coalesce(sent_at, %(at)s), reason = %(attempt)s
    where operation_id = %(operation_id)s and state in ('rendered', 'unknown')
"""
_NEVER_LEFT = """
    update outbox set state = 'rendered', sent_at = null, reason = ''
    where operation_id = %(operation_id)s and state = 'unknown' and reason = %(attempt)s
"""


async def leaves(ledger: Ledger, operation_id: str, *, attempt: str, at: datetime) -> None:
    """From here on the bytes may have arrived, whatever becomes of this process.

    Args:
        ledger: the ledger.
        operation_id: what is sent.
        attempt: names this try, and no other.
        at: when.
    """
    async with ledger.work() as connection:
        await connection.execute(_LEAVES, {"operation_id": operation_id, "attempt": attempt, "at": at})


async def never_left(ledger: Ledger, operation_id: str, *, attempt: str) -> None:
    """Nothing of this try reached anybody, so all is as it was before; unless another try has begun meanwhile."""
    async with ledger.work() as connection:
        await connection.execute(_NEVER_LEFT, {"operation_id": operation_id, "attempt": attempt})
