"""The audit as a command: every law with its verdict, the rows that break one, and the exit code."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from cli.order_files import OrderFormat
from ledger import backorders, sourcing
from ledger.audit import LAWS
from ledger.book import Ledger
from tests.cli.conftest import Command
from tests.cli.sample_orders import EXAMPLES, read_orders

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.fixture
async def busy(stocked: Ledger) -> Ledger:
    """A ledger with the first of the example orders, sourced: merged claims, free stock, nothing lost."""
    orders, _ = read_orders(EXAMPLES / "orders.csv", OrderFormat.CSV)
    for _, order in orders[:90]:
        key = f"backorder/{order.backorder_id}"
        await backorders.accept(stocked, order, key=f"{key}/accept", at=NOW, legal_deadline=NOW + timedelta(days=30))
        await sourcing.source(stocked, order.backorder_id, key=f"{key}/source/1", at=NOW)
    return stocked


async def _break(dsn: str, statement: str) -> None:
    """What no code of ours can do: a hand in the database."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        assert cursor.rowcount == 1


async def test_clean_books_pass_with_every_law_named(busy: Ledger, promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("audit")
    assert code == 0
    verdicts = {line.split()[0]: line.split()[1] for line in out.splitlines() if line.split()[:1] and line[0] == "L"}
    assert {verdicts[law] for law in LAWS} == {"holds"}
    assert f"all {len(LAWS)} laws hold" in out
    assert max(map(len, out.splitlines())) <= 80


async def test_empty_books_are_clean(ledger: Ledger, promisekeeper: Command) -> None:
    code, _, _ = await promisekeeper("audit")
    assert code == 0


@pytest.mark.parametrize(
    "hand",
    [
        # one claim more on a line than backorders hold
        """update po_line set claimed = claimed + 1 where (po_number, line_no) =
           (select po_number, line_no from po_line where open > claimed limit 1)""",
        # a unit taken from the shelf by nobody
        "update stock set on_hand = on_hand - 1 where sku = (select sku from stock where on_hand > allocated limit 1)",
        # money that no payment brought
        "update backorder set captured = 5 where backorder_id = 'BO-1001'",
    ],
)
async def test_broken_books_fail_with_the_rows_that_break_them(
    busy: Ledger, ledger_dsn: str, promisekeeper: Command, hand: str
) -> None:
    await _break(ledger_dsn, hand)
    code, out, _ = await promisekeeper("audit")
    assert code == 1
    assert "broken" in out and "are broken" in out
    code, out, _ = await promisekeeper("audit", "--json")
    told = json.loads(out)
    assert code == 1
    assert told["findings"] and all(finding["rows"] for finding in told["findings"])
    broken = {law["law"] for law in told["laws"] if not law["holds"]}
    assert broken == {finding["law"] for finding in told["findings"]}


async def test_no_ledger_is_not_a_clean_ledger(
    promisekeeper: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROMISEKEEPER_LEDGER_DSN", "postgresql://127.0.0.1:1/books")
    code, out, err = await promisekeeper("audit")
    assert (code, out) == (2, "")
    assert "127.0.0.1:1/books" in err
