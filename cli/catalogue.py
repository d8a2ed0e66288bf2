"""`promisekeeper catalogue`: the merchant's suppliers, items and prices, from a file into the ledger and out of it."""

import asyncio
import json
import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, cast

from cyclopts import App, Parameter
from pydantic import ValidationError

from cli.connections import open_ledger
from cli.errors import CommandFailed
from cli.terminal import console, plain, table
from cli.unknown_fields import unknown_fields
from domain.catalogue import Catalogue, CutOff
from domain.errors import CatalogueRefused
from ledger import catalogue as book
from ledger.book import Ledger

app = App(name="catalogue", group="Orders in", help="Load suppliers, items and prices into the ledger, or show them.")

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@app.command
def load(file: Path, /) -> int:
    """Load a catalogue file, JSON or TOML, into the ledger.

    `promisekeeper schema catalogue` describes it. Loading again changes what the file changed; it deletes nothing,
    leaves purchase orders as they are, and takes stock and suppliers' status only for what is new.

    Args:
        file: the catalogue, ending in .json or .toml.
    """
    counts = asyncio.run(load_catalogue(file))
    for part in ("suppliers", "items", "supplier_items"):
        said = f"{part.replace('_', ' ')}: {counts[f'{part}_new']} new, {counts[f'{part}_changed']} changed"
        console().print(plain(said), soft_wrap=True)
    return 0


@app.command
def show(
    supplier: str | None = None, /, *, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False
) -> int:
    """List the suppliers in the ledger and their terms.

    Args:
        supplier: one supplier's id; all of them if left out.
        as_json: print JSON, with everything but the connector's settings.
    """
    asyncio.run(_show(supplier, as_json=as_json))
    return 0


def read_catalogue(path: Path) -> Catalogue:
    """Read and check a catalogue file.

    Raises:
        CommandFailed: it cannot be read; the message names each entry that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise CommandFailed(f"{path} cannot be read as UTF-8 text: {unreadable}") from unreadable
    try:
        # Money never passes through a float.
        read = tomllib.loads if path.suffix.lower() == ".toml" else json.loads
        content: Any = read(text, parse_float=Decimal)
    except ValueError as wrong:
        raise CommandFailed(f"{path} is no {path.suffix.lstrip('.').upper() or 'JSON'}: {wrong}") from wrong
    if not isinstance(content, dict):
        raise CommandFailed(f"{path} holds no object; a catalogue is {{suppliers, items, supplier_items}}")
    try:
        catalogue = Catalogue.model_validate(content)
    except ValidationError as wrong:
        entries = [_entry(content, error["loc"], error["msg"]) for error in wrong.errors(include_url=False)]
        raise _unusable(path, entries) from wrong
    unknown = [
        _entry(content, _steps(name), f"no such field; did you mean {near}?" if near else "no such field")
        for name, near in unknown_fields(cast("dict[str, object]", content), Catalogue)
    ]
    if unknown:
        raise _unusable(path, unknown)
    return catalogue


def _steps(dotted: str) -> list[int | str]:
    return [int(step) if step.isdigit() else step for step in dotted.split(".")]


def _unusable(path: Path, entries: Iterable[str]) -> CommandFailed:
    return CommandFailed(f"{path} is no usable catalogue:\n" + "\n".join(f"  {entry}" for entry in entries))


def _entry(content: Any, steps: Sequence[int | str], wrong: str) -> str:
    """What is wrong, with the entry it is about by its own key, since nobody counts to the 57th supplier item."""
    named = ""
    if len(steps) >= 2:
        try:
            entry = content[steps[0]][steps[1]]
            named = "/".join(str(entry[key]) for key in ("supplier_id", "sku") if key in entry)
        except (LookupError, TypeError):
            named = ""
    where = ".".join(str(step) for step in steps)
    said = wrong.removeprefix("Value error, ")
    return f"{where}{f' ({named})' if named else ''}: {said}" if where else said


async def load_catalogue(path: Path, *, ledger: Ledger | None = None, at: datetime | None = None) -> dict[str, int]:
    """Load a catalogue file into a ledger, in one transaction.

    Args:
        path: the file, as `read_catalogue` reads it.
        ledger: where to; None: the environment's.
        at: when; None: now.

    Returns:
        As `ledger.catalogue.load_catalogue`: how many of each part were new, and how many changed.

    Raises:
        CommandFailed: the file is unusable, or no ledger answers.
    """
    catalogue = read_catalogue(path)
    if ledger is None:
        async with open_ledger() as opened:
            return await _load(catalogue, opened, at or datetime.now(UTC))
    return await _load(catalogue, ledger, at or datetime.now(UTC))


async def _load(catalogue: Catalogue, ledger: Ledger, at: datetime) -> dict[str, int]:
    try:
        return await book.load_catalogue(ledger, catalogue, at=at)
    except CatalogueRefused as refused:
        raise CommandFailed(str(refused)) from refused


async def _show(supplier_id: str | None, *, as_json: bool) -> None:
    async with open_ledger() as ledger:
        skus = await book.known_skus(ledger)
        suppliers = [await book.supplier(ledger, supplier_id)] if supplier_id else await book.suppliers(ledger)
    if as_json:
        # The connector's settings may hold secrets that somebody wrote in clear.
        shown = [one.model_dump(mode="json", exclude={"connector_config"}) for one in suppliers]
        print(json.dumps({"items": len(skus), "suppliers": shown}, ensure_ascii=False, indent=2))
        return
    out = console()
    drawn = table("Supplier", "Name", "Status", "Money", "Connector", "Takes orders until", title=f"{len(skus)} items")
    for one in suppliers:
        cells = (one.supplier_id, one.name, one.status, one.currency, one.connector, _cut_off(one.cut_off))
        drawn.add_row(*map(plain, cells))
    out.print(drawn)


def _cut_off(cut_off: CutOff) -> str:
    times = ", ".join(time.strftime("%H:%M") for time in cut_off.times)
    return f"{times} {' '.join(_WEEKDAYS[day] for day in cut_off.weekdays)} {cut_off.zone}"
