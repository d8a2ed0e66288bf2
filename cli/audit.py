"""`promisekeeper audit`: do the books balance? Prints each law, and the rows that break it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from cli.connections import open_ledger
from cli.terminal import console, plain, say, table
from domain.values import CURRENCY_DIGITS, in_decimals
from ledger.audit import LAWS, Finding
from ledger.audit import audit as check_books

ROWS_SHOWN = 20
"""Of each finding; the rest is only counted, or all shown with --json."""


def audit(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Check the laws of the books on the live ledger, changing nothing.

    Exit code 0: every law holds. 1: some are broken; the rows that break them are printed.

    Args:
        as_json: print JSON, with every row.
    """
    laws, findings = asyncio.run(_audit())
    if as_json:
        print(json.dumps(_as_data(laws, findings), ensure_ascii=False, indent=2, default=str))
    else:
        report(laws, findings, console())
    return 1 if findings else 0


async def _audit() -> tuple[Mapping[str, str], Sequence[Finding]]:
    async with open_ledger() as ledger:
        return LAWS, await check_books(ledger)


def report(laws: Mapping[str, str], findings: Sequence[Finding], on: Console) -> None:
    """Print every law with its verdict, then what breaks it."""
    broken = {finding.law for finding in findings}
    verdicts = table("Law", "Verdict", "What it says")
    for law, sentence in laws.items():
        verdicts.add_row(plain(law), "[red]broken[/]" if law in broken else "[green]holds[/]", plain(sentence))
    on.print(verdicts)
    for finding in findings:
        on.print()
        say(f"{finding.law}: {finding.what}", on)
        for row in finding.rows[:ROWS_SHOWN]:
            say(f"  {_in_words(row)}", on)
        if len(finding.rows) > ROWS_SHOWN:
            say(f"  and {len(finding.rows) - ROWS_SHOWN} more", on)
    said = f"{len(broken)} of {len(laws)} laws are broken" if broken else f"all {len(laws)} laws hold"
    on.print()
    say(said, on)


def _as_data(laws: Mapping[str, str], findings: Sequence[Finding]) -> object:
    return {
        "laws": [
            {"law": law, "says": sentence, "holds": all(finding.law != law for finding in findings)}
            for law, sentence in laws.items()
        ],
        "findings": [
            {"law": finding.law, "what": finding.what, "rows": [dict(row) for row in finding.rows]}
            for finding in findings
        ],
    }


def _in_words(row: Mapping[str, object]) -> str:
    currency = str(row.get("currency"))
    return ", ".join(f"{name} {_amount(value, currency)}" for name, value in row.items())


def _amount(value: object, currency: str) -> object:
    """Money in its currency's decimals, where the row says which; without the database's own zeros in any case."""
    if not isinstance(value, Decimal):
        return value
    return f"{in_decimals(value, currency) if currency in CURRENCY_DIGITS else value.normalize():f}"
