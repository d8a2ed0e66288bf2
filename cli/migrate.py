"""`promisekeeper migrate`: brings the ledger's database to the form this version needs."""

import asyncio

from cli.connections import address_of, ledger_dsn, reachable
from cli.environment import LEDGER_DSN
from cli.errors import CommandFailed
from cli.terminal import console, say
from ledger.migrate import migrate as apply


def migrate() -> int:
    """Apply the migrations that the ledger's database lacks. Running it again, or twice at once, is harmless."""
    dsn = ledger_dsn()
    if dsn is None:
        raise CommandFailed(f"set {LEDGER_DSN} to the PostgreSQL connection string of the ledger")
    applied = asyncio.run(_migrate(dsn))
    said = f"applied {', '.join(applied)}" if applied else "nothing to apply"
    say(f"{address_of(dsn)}: {said}", console())
    return 0


async def _migrate(dsn: str) -> list[str]:
    await reachable(dsn)
    return await apply(dsn)
