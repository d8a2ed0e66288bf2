"""`promisekeeper catalogue`: the merchant's suppliers, items and prices, from a file into the ledger, and shown from it."""

import asyncio
import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cli.connections import open_ledger
from cli.errors import CommandFailed
from cli.terminal import console, plain, table
from domain.catalogue import Catalogue, CutOff
from domain.errors import CatalogueRefused

if TYPE_CHECKING:
    from ledger.book import Ledger

app = App(name="catalogue", help="Load suppliers, items and prices into the ledger, or show what is there.")

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@app.command
def load(file: Path, /) -> int:
    """Load a catalogue file, JSON or TOML, into the ledger.

    `promisekeeper schema catalogue` describes it. Loading again changes what the file changed; it deletes nothing, leaves
    purchase orders as they are, and takes stock and suppliers' status only for what is new.

    Args:
        file: the catalogue, ending in .json or .toml.
    """
    counts = asyncio.run(load_catalogue(file))
    for part in ("suppliers", "items", "supplier_items"):
        said = f"{part.replace('_', ' ')}: {counts[f'{part}_new']} new, {counts[f'{part}_changed']} changed"
        console().print(plain(said), soft_wrap=True)
    return 0


@app.command
def show(supplier: str | None = None, /, *, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
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
        content = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except ValueError as wrong:
        raise CommandFailed(f"{path} is no {path.suffix.lstrip('.').upper() or 'JSON'}: {wrong}") from wrong
    try:
        # Strictness of numbers and days is the models' own; TOML's dates and times come as such and are taken.
        return Catalogue.model_validate(content)
    except ValidationError as wrong:
        entries = "\n".join(f"  {_entry(error, content)}" for error in wrong.errors(include_url=False))
        raise CommandFailed(f"{path} is no usable catalogue:\n{entries}") from wrong


def _entry(error: ErrorDetails, content: object) -> str:
    """An error with the entry it is about by its own key, since nobody counts to the 57th supplier item."""
    steps = list(error["loc"])
    named = ""
    if len(steps) >= 2 and isinstance(content, Mapping):
        try:
            entry: Any = content[steps[0]][steps[1]]
            named = "/".join(str(entry[key]) for key in ("supplier_id", "sku") if key in entry)
        except (LookupError, TypeError):
            named = ""
    where = ".".join(str(step) for step in steps)
    said = error["msg"].removeprefix("Value error, ")
    return f"{where}{f' ({named})' if named else ''}: {said}" if where else said


async def load_catalogue(path: Path, *, ledger: "Ledger | None" = None, at: datetime | None = None) -> dict[str, int]:
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


async def _load(catalogue: Catalogue, ledger: "Ledger", at: datetime) -> dict[str, int]:
    from ledger import catalogue as book  # noqa: PLC0415 - only where there is a ledger

    try:
        return await book.load_catalogue(ledger, catalogue, at=at)
    except CatalogueRefused as refused:
        raise CommandFailed(str(refused)) from refused


async def _show(supplier_id: str | None, *, as_json: bool) -> None:
    from ledger import catalogue as book  # noqa: PLC0415

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
