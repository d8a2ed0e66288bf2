"""The demo in a folder that an earlier release made: its catalogue is kept, and what it lacks is said."""

import io
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from cli.catalogue import read_catalogue
from cli.dev import EXAMPLES, Screen, _load
from devstack.settings import StackSettings
from devstack.stack import Stack
from ledger import catalogue
from ledger.book import Ledger

FILE = EXAMPLES / "catalogue.json"


async def test_suppliers_that_the_ledger_does_not_know_are_said_and_not_loaded(folder: Path, ledger_dsn: str) -> None:
    sold = read_catalogue(FILE)
    stack = Stack(StackSettings(folder=folder), sold, {})
    stack.ledger_dsn = ledger_dsn
    said = io.StringIO()
    screen = Screen(Console(file=said), stack, EXAMPLES / "orders.csv")
    newer = {"brightwater", "meridian"}
    older = sold.model_copy(
        update={
            "suppliers": tuple(one for one in sold.suppliers if one.supplier_id not in newer),
            "supplier_items": tuple(one for one in sold.supplier_items if one.supplier_id not in newer),
        }
    )
    async with await Ledger.open(ledger_dsn, size=1) as ledger:
        await catalogue.load_catalogue(ledger, older, at=datetime.now(UTC))
        await _load(stack, FILE, None, screen)
        known = {one.supplier_id for one in await catalogue.suppliers(ledger)}
        assert known.isdisjoint(newer)
        assert "does not know brightwater, meridian" in said.getvalue()
        assert " catalogue load " in said.getvalue()

        said.truncate(0)
        await catalogue.load_catalogue(ledger, sold, at=datetime.now(UTC))
        await _load(stack, FILE, None, screen)
        assert said.getvalue() == ""
