"""`promisekeeper catalogue`: the merchant's suppliers, items and prices, from a file into the ledger and out of it."""

import asyncio
import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, cast

from cyclopts import App, Parameter
from pydantic import ValidationError

from cli.connections import open_ledger
from cli.errors import CommandFailed
from cli.field_errors import in_words
from cli.terminal import console, plain, progress_console, table
from connectors.suppliers.interface import setting_problems
from domain.catalogue import Catalogue, Contradiction, CutOff, Supplier, contradictions
from domain.unknown_fields import unknown_fields
from ledger import catalogue as book

app = App(name="catalogue", group="Orders in", help="Load suppliers, items and prices into the ledger, or show them.")

MOST_SHOWN = 50
"""Wrong entries that are named at once."""

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@app.command
def load(file: Path, /) -> int:
    """Load a catalogue file, JSON or TOML, into the ledger.

    `promisekeeper schema catalogue` describes it. Loading again changes what the file changed; it deletes nothing,
    leaves purchase orders as they are, and takes stock and suppliers' status only for what is new.

    A supplier whose connector is set up wrongly is refused. Settings that are read from environment variables are the
    gateway's and the workers' to have: what is wrong with them here is only a warning.

    Args:
        file: the catalogue, JSON, or TOML if its name ends in .toml.
    """
    catalogue = read_catalogue(file)
    counts, keep_stock = asyncio.run(_load(catalogue))
    for part in ("suppliers", "items", "supplier_items"):
        said = f"{part.replace('_', ' ')}: {counts[f'{part}_new']} new, {counts[f'{part}_changed']} changed"
        console().print(plain(said), soft_wrap=True)
    if keep_stock:
        one = keep_stock == 1
        items = "1 item that is known already keeps" if one else f"{keep_stock} items that are known already keep"
        note = f"note: on_hand is opening stock: {items} the stock {'it has' if one else 'they have'}"
        progress_console().print(plain(note), soft_wrap=True)
    for warning in unset_variables(catalogue):
        progress_console().print(plain(f"warning: {warning}"), soft_wrap=True)
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
    content = _content(path)
    # Names first: a misspelt field explains why another is missing.
    wrong = [
        _entry(content, _steps(name), f"no such field; did you mean {near}?" if near else "no such field")
        for name, near in unknown_fields(content, Catalogue)
    ]
    catalogue: Catalogue | None = None
    try:
        catalogue = Catalogue.model_validate(content)
    except ValidationError as refusal:
        for error in refusal.errors(include_url=False):
            if error["type"] == "too_short" and error["input"]:
                continue  # pydantic counts only entries that are right; what is wrong with the others is said anyway
            if error["loc"]:  # how entries fit each other is told below, whatever else is wrong with them
                wrong.append(_entry(content, error["loc"], in_words(error)))
    wrong += [_entry(content, one.where, one.wrong) for one in _contradictions(content)]
    wrong += [_entry(content, ["suppliers", number, *steps], said) for number, steps, said in _wrong_settings(content)]
    if catalogue is None or wrong:
        raise _unusable(path, wrong)
    return catalogue


def _contradictions(content: Mapping[str, object]) -> Iterator[Contradiction]:
    """As the catalogue's own check finds them, of a file in which other things may be wrong, too."""
    suppliers = [_key(entry, "supplier_id") for entry in _entries(content, "suppliers")]
    skus = [_key(entry, "sku") for entry in _entries(content, "items")]
    sold = [(_key(entry, "supplier_id"), _key(entry, "sku")) for entry in _entries(content, "supplier_items")]
    return contradictions(suppliers, skus, sold)


def _wrong_settings(content: Mapping[str, object]) -> Iterator[tuple[int, list[int | str], str]]:
    """Number, field and words of what is wrong with the connectors of those suppliers that can be read."""
    for number, entry in enumerate(_entries(content, "suppliers")):
        try:
            supplier = Supplier.model_validate(entry)
        except ValidationError:
            continue
        for problem in setting_problems(supplier.connector, supplier.connector_config):
            if problem.variable is None:
                yield number, _steps(problem.field), problem.wrong


def _entries(content: Mapping[str, object], part: str) -> list[object]:
    """The entries of a part; one that is none where the part is missing or no list."""
    entries = content.get(part)
    return cast("list[object]", entries) if isinstance(entries, list) else [None]


def _key(entry: object, name: str) -> str | None:
    key = cast("dict[str, object]", entry).get(name) if isinstance(entry, dict) else None
    return key.strip() if isinstance(key, str) else None


def unset_variables(catalogue: Catalogue) -> Iterator[str]:
    """What is wrong with the environment variables that connectors read, in this process: others may have them."""
    for supplier in catalogue.suppliers:
        found = setting_problems(supplier.connector, supplier.connector_config)
        read = {problem.variable: problem.wrong for problem in found if problem.variable}
        unset = [name for name in read if not os.environ.get(name)]
        wrong = [f"{name}: {read[name]}" for name in read if name not in unset]
        if unset:
            wrong.insert(0, f"{', '.join(unset)} {'are' if len(unset) > 1 else 'is'} not set in this process")
        if wrong:
            yield (
                f"{supplier.supplier_id}: {'; '.join(wrong)}. The gateway and every worker need that to reach "
                f"{supplier.name}; `promisekeeper check {supplier.supplier_id}` tries it."
            )


def _content(path: Path) -> dict[str, object]:
    """The object in a file, as it stands there."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as unreadable:
        raise CommandFailed(f"{path} cannot be read: {unreadable.strerror or unreadable}") from unreadable
    except UnicodeDecodeError as unreadable:
        raise CommandFailed(f"{path} cannot be read as UTF-8 text: {unreadable}") from unreadable
    toml = path.suffix.lower() == ".toml"
    try:
        # Money never passes through a float.
        content: object = tomllib.loads(text, parse_float=Decimal) if toml else _json(text)
    except (ValueError, RecursionError) as wrong:
        other = "" if toml else " (TOML is read from a file whose name ends in .toml)"
        raise CommandFailed(f"{path} is no {'TOML' if toml else 'JSON'}: {wrong}{other}") from wrong
    if not isinstance(content, dict):
        raise CommandFailed(f"{path} holds no object; a catalogue is {{suppliers, items, supplier_items}}")
    return cast("dict[str, object]", content)


def _json(text: str) -> object:
    return json.loads(text, parse_float=Decimal, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON's own rule is that the last of two wins, so that a list pasted in twice would lose the first silently."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"the field {twice!r} stands twice in the same object; make one of them")
    return found


def _steps(dotted: str) -> list[int | str]:
    return [int(step) if step.isdecimal() else step for step in dotted.split(".")]


def _unusable(path: Path, entries: Sequence[str]) -> CommandFailed:
    shown = [f"  {entry}" for entry in entries[:MOST_SHOWN]]
    if len(entries) > MOST_SHOWN:
        shown.append(f"  and {len(entries) - MOST_SHOWN} more")
    return CommandFailed("\n".join([f"{path} is no usable catalogue; nothing was loaded:", *shown]))


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
    return f"{where}{f' ({named})' if named else ''}: {wrong}" if where else wrong


async def _load(catalogue: Catalogue) -> tuple[dict[str, int], int]:
    """How many entries are new and changed; and how many items are given stock that they keep from before."""
    given = {item.sku for item in catalogue.items if "on_hand" in item.model_fields_set}
    async with open_ledger() as ledger:
        known = await book.known_skus(ledger)
        return await book.load_catalogue(ledger, catalogue, at=datetime.now(UTC)), len(given & known)


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
    out.print(f"{len(skus)} items")
    drawn = table("Supplier", "Name", "Status", "Money", "Connector", "Takes orders until")
    for one in suppliers:
        cells = (one.supplier_id, one.name, one.status, one.currency, one.connector, _cut_off(one.cut_off))
        drawn.add_row(*map(plain, cells))
    out.print(drawn)


def _cut_off(cut_off: CutOff) -> str:
    times = ", ".join(time.strftime("%H:%M") for time in cut_off.times)
    return f"{times} {' '.join(_WEEKDAYS[day] for day in cut_off.weekdays)} {cut_off.zone}"
