"""The rows of a CSV file, whatever wrote it: spreadsheets, scripts and people.

Survived, and told as issues where they may have hurt: a byte-order mark, UTF-16, an encoding that is not the agreed
one, another delimiter, a line `sep=;`, titles above the header, unknown and doubled columns, rows that are too short or
too long, a second header in the middle (files put one after another), quotes that RFC 4180 would not have, formulas in
place of what they come to. Empty rows are nothing; `="0042"`, as spreadsheets keep a text from becoming a number, is
0042. Header names do not depend on case, blanks and - _ . / # : and have the aliases below, and the partner's.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.errors import Undecodable
from connectors.suppliers.csv.profile import CsvPartner, Delimiter, Encoding
from connectors.suppliers.issues import Issues
from connectors.words import plain_words

LARGEST_MESSAGE = 5_000_000
"""Bytes of a file; more is not read. An acknowledgement of 10,000 lines has about 600,000."""

MOST_ROWS = 100_000

MOST_CELLS = 1_000
"""Of a row."""

TITLES = 10
"""Rows above the header that are tolerated."""

_THINGS = ("sku", "item", "article", "part", "product", "material")

ALIASES = {
    **dict.fromkeys(("po", "p_o", "order", "order_id", "purchase_order", "customer_po", "customer_order"), "po_number"),
    **dict.fromkeys(
        ("your_order", "your_po", "buyer_order", "buyer_po", "order_reference", "po_reference"), "po_number"
    ),
    "document_type": "type",
    **dict.fromkeys(("line", "pos", "position", "po_line", "order_line"), "line_no"),
    **{f"{whose}_{thing}": "sku" for whose in ("buyer", "customer", "your") for thing in _THINGS},
    **{f"{whose}_{thing}": "supplier_sku" for whose in ("supplier", "vendor", "our") for thing in _THINGS},
    **dict.fromkeys((*_THINGS[1:], *(f"{thing}_code" for thing in _THINGS[1:])), "item"),
    **dict.fromkeys(("shipped", "shipped_quantity", "quantity_shipped"), "quantity"),
    **dict.fromkeys(("confirmed_quantity", "quantity_confirmed"), "quantity"),
    **dict.fromkeys(("accepted_quantity", "quantity_accepted"), "quantity"),
    **dict.fromkeys(("ordered", "ordered_quantity", "quantity_ordered", "order_quantity"), "quantity_before"),
    **dict.fromkeys(("uom", "unit_of_measure"), "unit"),
    **dict.fromkeys(("price", "net_price", "price_each", "confirmed_price"), "unit_price"),
    **dict.fromkeys(("ship_date", "shipping_date", "shipped_date", "dispatch_date", "despatch_date"), "ship_on"),
    **dict.fromkeys(("estimated_ship_date", "etd"), "ship_on"),
    **dict.fromkeys(("delivery_date", "arrival_date", "eta"), "deliver_on"),
    **dict.fromkeys(("promise_date", "promised_date", "promised_delivery_date"), "deliver_on"),
    **dict.fromkeys(("confirmed_date", "confirmed_delivery_date", "estimated_delivery_date"), "deliver_on"),
    **dict.fromkeys(("requested_date", "requested_delivery_date", "requested_delivery"), "wanted_on"),
    **dict.fromkeys(("sales_order", "supplier_order", "vendor_order", "our_order"), "supplier_order_no"),
    "line_status": "status",
    **dict.fromkeys(("comment", "comments", "remark", "remarks", "note", "notes"), "reason"),
    **dict.fromkeys(("shipment", "asn", "delivery_note", "packing_slip"), "shipment_id"),
    "receipt": "receipt_id",
    **dict.fromkeys(("received", "received_quantity", "quantity_received"), "good"),
}
"""Header names that partners use, folded, and ours."""

SURER = frozenset(
    {
        *(f"{said}_quantity" for said in ("confirmed", "shipped", "accepted")),
        *(f"quantity_{said}" for said in ("confirmed", "shipped", "accepted")),
        *("shipped", "eta", "etd", "promise_date", "promised_date", "promised_delivery_date"),
        *("confirmed_date", "confirmed_delivery_date", "estimated_delivery_date"),
    }
)
"""Names by which the supplier speaks: beside one of them, another column of that meaning repeats what we said."""

ORDERED = {"quantity": "quantity_before", "deliver_on": "wanted_on"}
"""What such a column repeats."""

ANY_ITEM = "any item"
"""Each of several columns that may name the item, of which nobody says which does. No header is called so."""

COLUMNS = frozenset(
    {
        *(column for column in ALIASES.values() if column not in ORDERED.values()),
        "tracking",
        "revision",
        "buyer",
        "supplier",
        "status",
        "verdict",
        "substitute",
        "currency",
        "purpose",
        "balance",
        "damaged",
        "wrong",
        "closes",
        "test",
    }
)
"""The columns that are read."""

OURS_ONLY = frozenset({"terms", "ordered_on", "description", "quantity_before", "wanted_on"})
"""Columns of our orders that a partner may leave in its answer, and nobody reads."""

_KEPT_AS_TEXT = re.compile(r'''="((?:[^"]|"")*)"''')
_APART = re.compile(r"[\s_\-./#:]+")
_SAME_WORD = {"qty": "quantity", "number": "no", "nr": "no", "num": "no"}


@dataclass(frozen=True)
class Row:
    """One row, by column."""

    number: int
    """The line of the file in which it ends, as an editor counts."""
    _cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """The text of a column without blanks around it; empty when there is none."""
        return self._cells.get(column, "")


def rows(body: bytes, partner: CsvPartner, issues: Issues) -> list[Row]:
    """The rows of a file. Raises: Undecodable (no file of this kind)."""
    if len(body) > LARGEST_MESSAGE:
        raise Undecodable(f"the file is larger than {LARGEST_MESSAGE} bytes")
    text = _text(body, partner, issues)
    text, told = _told_delimiter(text)
    records = _records(text, told or _delimiter(text, partner, issues), issues)
    return list(_matched(records, partner, issues))


def _text(body: bytes, partner: CsvPartner, issues: Issues) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        issues.add("the file is in UTF-16")
        return body.decode("utf-16", "replace")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        if partner.encoding is Encoding.UTF_8:
            issues.add("the file is not in UTF-8; it is read as Windows-1252")
        # Windows-1252 has all of what people mean by ISO 8859-1, and more
        return body.decode(Encoding.WINDOWS, "replace")
    if partner.encoding is not Encoding.UTF_8 and not body.isascii():
        issues.add(f"the file is in UTF-8 and not in {partner.encoding}")
    return text


def _told_delimiter(text: str) -> tuple[str, str | None]:
    """The text without a first line `sep=;`, which some spreadsheets write, and what it says."""
    found = re.match(r'"?sep=([,;\t|])"?\r?\n', text, re.IGNORECASE)
    return (text[found.end() :], found[1]) if found else (text, None)


def _delimiter(text: str, partner: CsvPartner, issues: Issues) -> str:
    """The agreed one, unless another one makes more known columns of the first rows."""
    head = "".join(line for _, line in zip(range(TITLES), io.StringIO(text, newline=""), strict=False))[:20_000]

    def known(delimiter: str) -> int:
        found = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
        try:
            return max((len(set(_columns(record, partner)) & COLUMNS) for record in found), default=0)
        except csv.Error:
            return 0

    agreed = partner.delimiter.character
    best = max((each.character for each in Delimiter), key=lambda each: (known(each), each == agreed))
    if best != agreed:
        issues.add(f"the cells are apart by {best!r} and not by {agreed!r}")
    return best


def _records(text: str, delimiter: str, issues: Issues) -> list[tuple[int, list[str]]]:
    try:
        return _parsed(text, delimiter, strict=True)
    except csv.Error:
        issues.add("quotes stand where RFC 4180 has none")
    try:
        records = _parsed(text, delimiter, strict=False)
    except csv.Error as broken:
        raise Undecodable(plain_words(f"the file is no CSV: {broken}")) from broken
    if any("\n" in cell or "\r" in cell for _, record in records for cell in record):
        raise Undecodable("a quote is opened and not closed, so that nobody can tell rows from text")
    return records


def _parsed(text: str, delimiter: str, *, strict: bool) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    records: list[tuple[int, list[str]]] = []
    for record in reader:
        if any(cell.strip() for cell in record):
            records.append((reader.line_num, record))
        if len(records) > MOST_ROWS:
            raise Undecodable(f"the file has more than {MOST_ROWS} rows; send it in parts")
        if len(record) > MOST_CELLS:
            raise Undecodable(f"row {reader.line_num} has more than {MOST_CELLS} cells")
    return records


def _columns(header: list[str], partner: CsvPartner) -> list[str]:
    """Our names for a header's cells; what we do not know stays as it is."""
    columns: list[str] = []
    theirs: list[bool] = []
    for cell in header:
        said = _text_in(cell).strip("\ufeff'").casefold()
        plain = _APART.sub("_", said).strip("_")
        agreed = partner.columns.get(said) or partner.columns.get(plain)
        folded = _folded(plain)
        columns.append(agreed or ALIASES.get(folded, folded))
        theirs.append(bool(agreed) or folded in SURER)
    sure = {column for column, answers in zip(columns, theirs, strict=True) if answers}
    unsure = {column: ORDERED.get(column, column) for column in sure}
    if columns.count("item") > 1:
        unsure["item"] = ANY_ITEM
    return [column if answers else unsure.get(column, column) for column, answers in zip(columns, theirs, strict=True)]


def _folded(plain: str) -> str:
    """A header's name in the words of `ALIASES`: `order_number` and `order_nr` are the order."""
    if plain in COLUMNS or plain in OURS_ONLY:
        return plain
    return "_".join(_SAME_WORD.get(word, word) for word in plain.split("_")).removesuffix("_no")


def _is_header(columns: list[str]) -> bool:
    return "po_number" in columns and len(set(columns) & COLUMNS) > 1


def _matched(records: list[tuple[int, list[str]]], partner: CsvPartner, issues: Issues) -> Iterator[Row]:
    """The rows below the header."""
    heads = enumerate(_columns(record, partner) for _, record in records[: TITLES + 1])
    at, columns = next(((at, each) for at, each in heads if _is_header(each)), (0, list[str]()))
    if not columns:
        raise Undecodable("no row is a header with po_number and another column that we know")
    header = records[at][1]
    if at:
        issues.add(f"{at} rows above the header are not read")
    seen: set[str] = set()
    for column, written in zip(columns, header, strict=True):
        if column == ANY_ITEM:
            issues.add(f"the column {written!r} may name the item, and so may another one; it is not read")
        elif column and column not in COLUMNS | OURS_ONLY:
            issues.add(f"the column {written!r} is not known; it is not read")
        elif column and column in seen:
            issues.add(f"the column {column} is there twice; the first one with a text counts")
        seen.add(column)
    for number, cells in records[at + 1 :]:
        if cells == header:
            issues.add(f"row {number} is the header again")
            continue
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            issues.add(f"row {number} has more cells than the header")
        elif len(cells) < len(columns):
            issues.add(f"row {number} has {len(cells)} cells, and the header {len(columns)}")
        found: dict[str, str] = {}
        for column, cell in zip(columns, cells, strict=False):
            text = _text_in(cell)
            if text:
                found.setdefault(column, text)
            if text.startswith("=") and text == cell.strip() and column in COLUMNS:
                issues.add(f"row {number}: the {column} {text!r} is a formula; ask for what it comes to")
        yield Row(number, found)


def _text_in(cell: str) -> str:
    written = cell.strip()
    kept = _KEPT_AS_TEXT.fullmatch(written) if written.startswith("=") else None
    return kept[1].replace('""', '"').strip() if kept else written
