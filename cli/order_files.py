"""Files of orders, read line by line: CSV, JSON Lines, or one JSON array. Reading decides; nothing is started here.

CSV has one header row with the column names of `cli.order_columns`, in any order; cells are separated by commas,
semicolons or tabs, and may be quoted. JSON has one `Order` a line, or an array of them, by the schema that
`promisekeeper schema order` prints. Files are UTF-8, with or without a byte order mark, with any line ends. CSV and
JSON Lines are streamed, whatever their size; an array is read whole.
"""

import codecs
import csv
import difflib
import json
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cli.errors import CommandFailed
from cli.order_columns import BY_NAME, BY_PATH, COLUMNS
from domain.orders import Order
from domain.unknown_fields import unknown_fields


class OrderFormat(StrEnum):
    """How a file of orders is written."""

    CSV = "csv"
    JSONL = "jsonl"
    JSON = "json"


EXTENSIONS = {
    ".csv": OrderFormat.CSV,
    ".jsonl": OrderFormat.JSONL,
    ".ndjson": OrderFormat.JSONL,
    ".json": OrderFormat.JSON,
}


class Problem(NamedTuple):
    """One thing that is wrong with a line."""

    field: str
    """The column in a CSV, the dotted path in JSON; empty when it is the line as a whole."""
    reason: str


class BadLine(NamedTuple):
    """A line that cannot become a backorder as it stands."""

    line_no: int
    """The line of the file on which it starts, from 1; in a JSON array the number of the element."""
    problems: tuple[Problem, ...]
    backorder_id: str = ""
    """If the line says so much."""


class GoodLine(NamedTuple):
    """A line that is a well-formed order."""

    line_no: int
    order: Order


def format_of(path: Path) -> OrderFormat:
    """The format by a file's extension. Raises: CommandFailed - it says nothing."""
    found = EXTENSIONS.get(path.suffix.lower())
    if found is None:
        raise CommandFailed(f"{path} ends in none of {', '.join(EXTENSIONS)}; say what it is with --format")
    return found


def each_line(path: Path, file_format: OrderFormat) -> Iterator[GoodLine | BadLine]:
    """The lines of a file in their order, one by one. A second line with an id that an earlier one has is bad.

    Raises:
        CommandFailed: there is no such file, or it is not of this format at all (no header, unknown columns ...).
    """
    seen: dict[str, int] = {}
    # Undecodable bytes become lone surrogates, so that they spoil their own line and no other.
    try:
        with path.open("rb") as raw:
            if raw.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
                wanted = "CSV UTF-8" if file_format is OrderFormat.CSV else "UTF-8"
                raise CommandFailed(f"{path} is UTF-16; save it as {wanted}")
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            for line in _READERS[file_format](path, file):
                if isinstance(line, BadLine):
                    yield line
                    continue
                earlier = seen.setdefault(line.order.backorder_id, line.line_no)
                if earlier == line.line_no:
                    yield line
                else:
                    reason = f"line {earlier} has the same id; give each line its own"
                    yield BadLine(line.line_no, (Problem("backorder_id", reason),), line.order.backorder_id)
    except OSError as unreadable:
        raise CommandFailed(f"{path} cannot be read: {unreadable.strerror or unreadable}") from unreadable


# CSV


def _csv_lines(path: Path, file: IO[str]) -> Iterator[GoodLine | BadLine]:
    first = file.readline()
    if not first.strip():
        raise CommandFailed(
            f"{path} has no header; its first line must name the columns, starting with backorder_id,..."
        )
    separator = max(",;\t", key=first.count)
    rows = csv.reader(chain([first], file), delimiter=separator, strict=True)
    header = _header(path, rows)
    starts_at = rows.line_num + 1
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as torn:
            yield BadLine(starts_at, (Problem("", f"the quotes do not match ({torn})"),))
        else:
            if any(cell.strip() for cell in cells):
                yield _csv_order(starts_at, header, cells)
        starts_at = rows.line_num + 1


def _header(path: Path, rows: Iterator[list[str]]) -> list[str]:
    try:
        header = [name.strip().lower() for name in next(rows)]
    except csv.Error as torn:
        raise CommandFailed(f"{path} has no readable header: {torn}") from torn
    unknown = [name for name in header if name not in BY_NAME]
    if unknown:
        raise CommandFailed(f"{path} has unknown columns: {'; '.join(map(_nearest, unknown))}. {_SEE_COLUMNS}")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise CommandFailed(f"{path} has columns twice: {', '.join(twice)}")
    missing = [column.name for column in COLUMNS if column.required and column.name not in header]
    if missing:
        raise CommandFailed(f"{path} lacks columns: {', '.join(missing)}. {_SEE_COLUMNS}")
    return header


_SEE_COLUMNS = "`promisekeeper schema order-csv` lists them all."


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.5)
    shown = name.encode("utf-8", "backslashreplace").decode() or "(no name)"
    return f"{shown} (did you mean {near[0]}?)" if near else shown


def _csv_order(line_no: int, header: list[str], cells: list[str]) -> GoodLine | BadLine:
    if len(cells) != len(header):
        reason = f"it has {len(cells)} cells, the header has {len(header)}; quote cells that contain a separator"
        return BadLine(line_no, (Problem("", reason),))
    given = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    backorder_id = given["backorder_id"] if _is_text(given["backorder_id"]) else ""
    problems: list[Problem] = []
    content: dict[str, Any] = {}
    for name, cell in given.items():
        column = BY_NAME[name]
        complaint = _complaint(name, cell) if cell else ("is empty" if column.required else None)
        if complaint:
            problems.append(Problem(name, complaint))
        elif cell:
            *above, last = column.path
            place = content
            for step in above:
                place = place.setdefault(step, {})
            place[last] = cell
    known_bad = {problem.field for problem in problems}
    try:
        order = Order.model_validate(content)
    except ValidationError as wrong:
        problems += [p for p in map(_in_csv_words, wrong.errors()) if p.field not in known_bad]
    else:
        if not problems:
            return GoodLine(line_no, order)
    return BadLine(line_no, tuple(problems), backorder_id)


def _complaint(name: str, cell: str) -> str | None:
    if not _is_text(cell):
        return "is not UTF-8; save the file as CSV UTF-8"
    complaint = BY_NAME[name].complaint
    said = complaint(cell) if complaint else None
    return f"{cell!r}: {said}" if said else None


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _in_csv_words(error: ErrorDetails) -> Problem:
    path = tuple(str(step) for step in error["loc"])
    column = BY_PATH.get(path)
    if column is None:  # a whole part is missing, such as the customer: its own columns say so already
        inside = next((c for c in COLUMNS if c.path[: len(path)] == path and c.required), COLUMNS[0])
        return Problem(inside.name, "is empty")
    return Problem(column.name, f"{error['input']!r}: {_reason(error)}; expected is {column.meaning}")


# JSON


def _json_lines(path: Path, file: IO[str]) -> Iterator[GoodLine | BadLine]:
    for line_no, text in enumerate(file, start=1):
        if not text.strip():
            continue
        if not _is_text(text):
            yield BadLine(line_no, (Problem("", "is not UTF-8"),))
            continue
        try:
            entry = _parsed(text)
        except ValueError as wrong:
            yield BadLine(line_no, (Problem("", f"is no JSON: {wrong}"),))
        else:
            yield _json_order(line_no, entry)


def _json_array(path: Path, file: IO[str]) -> Iterator[GoodLine | BadLine]:
    text = file.read()
    if not _is_text(text):
        raise CommandFailed(f"{path} is not UTF-8; save it as UTF-8")
    try:
        entries = _parsed(text)
    except ValueError as wrong:
        raise CommandFailed(f"{path} is no JSON: {wrong}. Is it JSON Lines? Then say --format jsonl.") from wrong
    if not isinstance(entries, list):
        raise CommandFailed(f"{path} holds no array; a JSON file of orders is [order, order, ...]")
    for number, entry in enumerate(cast("list[object]", entries), start=1):
        yield _json_order(number, entry)


def _parsed(text: str) -> object:
    # Decimals stay as they were written: money never passes through a float.
    try:
        return json.loads(text, parse_float=Decimal)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _json_order(line_no: int, entry: object) -> GoodLine | BadLine:
    if not isinstance(entry, dict):
        return BadLine(line_no, (Problem("", "is no object; an order is {...}"),))
    content = cast("dict[str, object]", entry)
    stated = content.get("backorder_id")
    backorder_id = stated if isinstance(stated, str) else ""
    problems = [
        Problem(name, f"is no field of an order; did you mean {near}?" if near else "is no field of an order")
        for name, near in unknown_fields(content, Order)
    ]
    try:
        order = Order.model_validate(content)
    except ValidationError as wrong:
        problems += [_in_json_words(error) for error in wrong.errors()]
    else:
        if not problems:
            return GoodLine(line_no, order)
    return BadLine(line_no, tuple(problems), backorder_id)


def _in_json_words(error: ErrorDetails) -> Problem:
    field = ".".join(str(step) for step in error["loc"])
    if error["type"] == "missing":
        return Problem(field, "is missing")
    if isinstance(error["input"], dict | list):
        return Problem(field, _reason(error))
    shown = str(error["input"]) if isinstance(error["input"], Decimal) else repr(error["input"])
    return Problem(field, f"{shown}: {_reason(error)}")


def _reason(error: ErrorDetails) -> str:
    if error["type"] == "string_pattern_mismatch":
        return "is not of the expected shape"
    said = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return said[:1].lower() + said[1:]


_READERS = {
    OrderFormat.CSV: _csv_lines,
    OrderFormat.JSONL: _json_lines,
    OrderFormat.JSON: _json_array,
}
