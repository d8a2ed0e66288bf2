"""Words owed to workflows: written in the transaction of the fact, told after its commit, so none is lost in between.

Told at least once: a workflow that hears a word twice looks at the ledger twice, which is harmless.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from domain.values import Frozen
from ledger.book import Connection, Ledger, fetch

# A word that is still untold is not owed twice, but its row gets a new id: whoever is telling the old one just now may
# have told it before this fact, and marks only the old id as told. Sorted, so that no two writers wait in a ring.
_OWE = """
    insert into announcement (workflow_id, word, owed_by, owed_at)
    select workflow_id, %(word)s, %(owed_by)s, %(at)s
    from (select distinct unnest(%(workflow_ids)s::text[]) as workflow_id) owed order by workflow_id
    on conflict (owed_by, workflow_id, word) where told_at is null
    do update set announcement_id = default, owed_at = excluded.owed_at
"""
_OWED = """
    select announcement_id, workflow_id, word from announcement
    where owed_by = %s and told_at is null order by announcement_id limit %s
"""
# A row that is locked is being owed anew, or marked by another teller: it is passed over, so that neither waits.
_TOLD = """
    update announcement set told_at = %s where announcement_id in (
        select announcement_id from announcement where announcement_id = any(%s) and told_at is null
        for update skip locked)
"""
_TOTAL = "select count(*) from announcement where told_at is null"


class Announcement(Frozen):
    """A word to tell a workflow."""

    announcement_id: int
    workflow_id: str
    word: str
    """A signal name of `domain.names`, or 'start' for a purchase order whose workflow is to be started."""


async def owe(connection: Connection, workflow_id: str, word: str, owed_by: str, at: datetime) -> None:
    """Owe one workflow a word, in the transaction of the fact that it is about."""
    await owe_all(connection, (workflow_id,), word, owed_by, at)


async def owe_all(connection: Connection, workflow_ids: Iterable[str], word: str, owed_by: str, at: datetime) -> None:
    """Owe many workflows the same word, in one statement."""
    ids = list(workflow_ids)
    if ids:
        await connection.execute(_OWE, {"workflow_ids": ids, "word": word, "owed_by": owed_by, "at": at})


async def owed(ledger: Ledger, owed_by: str, limit: int) -> list[Announcement]:
    """The oldest words that `owed_by` still has to tell."""
    async with ledger.look() as connection:
        return await fetch(connection, Announcement, _OWED, (owed_by, limit))


async def told(ledger: Ledger, ids: Sequence[int], *, at: datetime) -> int:
    """These were told. One that was owed anew meanwhile has another id and stays owed.

    Returns:
        How many are marked now; those that somebody else is owing anew just now are left to him.
    """
    async with ledger.look() as connection:
        return (await connection.execute(_TOLD, (at, list(ids)))).rowcount


async def owed_total(ledger: Ledger) -> int:
    """How many words are owed and untold, by everyone."""
    async with ledger.look() as connection:
        row = await (await connection.execute(_TOTAL)).fetchone()
        return int(row[0]) if row else 0
