"""`promisekeeper backup` and `restore`: all books into one file, and back into an empty database."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from cli.audit import report
from cli.connections import address_of, ledger_dsn, open_ledger, reachable
from cli.environment import LEDGER_DSN
from cli.errors import CommandFailed, file_in_words
from cli.terminal import console, progress_bar, progress_console, say
from ledger.audit import LAWS, Finding
from ledger.audit import audit as check_books
from ledger.backup import Manifest, Progress, load, save


def backup(file: Path) -> int:
    """Save all books in one file while everything goes on working.

    The file holds customers' names and addresses: keep it as you keep the database.

    Args:
        file: a new file; an old one is never overwritten.
    """
    dsn = _ledger()
    with file_in_words(file, "written"), _shown("saving") as progress:
        saved = save(dsn, file, at=datetime.now(UTC), progress=progress)
    say(f"{file}: {_in_words(saved)}, saved from {address_of(dsn)}", console())
    return 0


def restore(
    file: Path, *, skip_numbers: Annotated[int, Parameter(validator=Number(gte=0, lte=1_000_000_000))] = 10_000
) -> int:
    """Fill an empty database with the books of a backup, and audit them.

    Stop workers and gateway first; docs/production.md says what comes after. Exit code 1: the file or the database
    was refused and nothing was changed, or the books are restored and break a law, as they did when they were saved.

    Args:
        file: written by `promisekeeper backup`.
        skip_numbers: purchase order numbers to leave out: those that the time after the backup may have given away.
    """
    dsn = _ledger()
    with file_in_words(file, "read"), _shown("restoring") as progress:
        restored = load(dsn, file, skip_numbers=skip_numbers, progress=progress)
    say(
        f"{address_of(dsn)}: {_in_words(restored)}, restored as of {restored.taken_at:%Y-%m-%d %H:%M:%S} UTC", console()
    )
    findings = asyncio.run(_audit())
    report(LAWS, findings, console())
    return 1 if findings else 0


def _ledger() -> str:
    dsn = ledger_dsn()
    if dsn is None:
        raise CommandFailed(f"set {LEDGER_DSN} to the PostgreSQL connection string of the ledger")
    asyncio.run(reachable(dsn))
    return dsn


def _in_words(manifest: Manifest) -> str:
    return f"{manifest.rows:,} rows of {len(manifest.tables)} tables"


@contextmanager
def _shown(what: str) -> Generator[Progress]:
    """A bar of rows."""
    with progress_bar(progress_console()) as bar:
        task = bar.add_task(what, total=None)

        def advance(rows: int, of: int) -> None:
            bar.update(task, total=of)
            bar.advance(task, rows)

        yield advance


async def _audit() -> list[Finding]:
    async with open_ledger() as ledger:
        return await check_books(ledger)
