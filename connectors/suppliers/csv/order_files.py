"""Orders, changes and cancellations as CSV (RFC 4180): a header, then a row for each line; CRLF after every row.

A change has the lines that it touches, with the quantity from now on and the one before; 0 takes a line off, and an
empty `quantity_before` is a new line. A cancellation has every line at 0, or one row without a line if nobody said
which there are. In texts for people each line break and control character becomes a blank. One that a spreadsheet would
run as a formula (it starts with = + - or @) gets an apostrophe before it, which a spreadsheet does not show; a name
that starts so is refused, since with an apostrophe it would be another name.
"""

import csv
import io
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from urllib.parse import quote

from connectors.errors import Refused
from connectors.suppliers.csv.profile import Dates, DecimalMark, Layout
from connectors.suppliers.interface import FILE_NAME, Cancel, Change, Envelope, OrderLine, Place, Request, WireIds

COLUMNS = (
    "type",
    "buyer",
    "supplier",
    "po_number",
    "revision",
    "ordered_on",
    "currency",
    "terms",
    "line_no",
    "sku",
    "supplier_sku",
    "description",
    "quantity",
    "quantity_before",
    "unit",
    "unit_price",
    "wanted_on",
    "reason",
    "test",
)
"""Of every file that we write, in this order."""

_RUN_AS_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Of ASCII and in full width, which some spreadsheets take for the same."""

Row = dict[str, str]


def order_file(request: Request, layout: Layout, *, buyer: str = "", supplier: str = "") -> bytes:
    """The bytes of a request's file; the same for the same request anywhere.

    Raises:
        Refused: a name or number that cannot be written; the message says which line and which column.
    """
    kind, revision = kind_and_revision(request)
    order = request if isinstance(request, Place) else request.order
    shared: dict[str, str | int | date] = {
        "type": "order" if kind == "place" else kind,
        "buyer": buyer,
        "supplier": supplier,
        "po_number": request.po_number,
        "revision": revision,
        "terms": request.terms if isinstance(request, Place) else "",
        "reason": request.reason if isinstance(request, Cancel) else "",
        "test": "yes" if layout.test else "",
    }
    if order:
        shared |= {"currency": order.currency, "ordered_on": order.ordered_on}
    head = {column: _cell(column, value, layout, "the order") for column, value in shared.items()}
    rows = [head | row for row in _rows(request, layout)]
    if not rows:
        raise Refused("an order or change without lines cannot be written")
    return _bytes(rows, layout)


def order_envelope(request: Request, ids: WireIds, layout: Layout, *, buyer: str = "", supplier: str = "") -> Envelope:
    """The file with its name, which is the same for every resend. Raises: Refused."""
    kind, revision = kind_and_revision(request)
    return Envelope(
        operation_id=ids.operation_id,
        po_number=request.po_number,
        kind=kind,
        revision=revision,
        content_type=f"text/csv; charset={layout.encoding.value}; header=present",
        body=order_file(request, layout, buyer=buyer, supplier=supplier),
        headers={FILE_NAME: file_name(request)},
    )


def kind_and_revision(request: Request) -> tuple[str, int]:
    """As `Envelope` has them."""
    match request:
        case Place():
            return "place", 0
        case Change():
            return "change", request.revision
        case Cancel():
            return "cancel", request.revision


def file_name(request: Request) -> str:
    """`place.PO-1.0.csv`: one for each operation. What a file system might not take is written as %3A."""
    kind, revision = kind_and_revision(request)
    safe = quote(request.po_number, safe="")
    if len(safe) > 120:
        raise Refused(f"the order number {request.po_number!r} is too long for the name of a file")
    return f"{kind}.{safe}.{revision}.csv"


def _rows(request: Request, layout: Layout) -> list[Row]:
    match request:
        case Place():
            return [_row(line, layout, least=1) for line in _unlike(request.lines)]
        case Change():
            before = {line_no: str(quantity) for line_no, quantity in request.before.items()}
            return [
                _row(line, layout, least=0) | {"quantity_before": before.get(line.line_no, "")}
                for line in _unlike(request.lines)
            ]
        case Cancel():
            lines = _unlike(request.order.lines if request.order else ())
            off = [
                _row(line, layout, least=1) | {"quantity": "0", "quantity_before": str(line.quantity)} for line in lines
            ]
            return off or [{}]


def _unlike(lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
    seen: set[int] = set()
    for line in lines:
        if line.line_no < 1 or line.line_no in seen:
            raise Refused(f"line {line.line_no}: its number must be above 0 and used once")
        seen.add(line.line_no)
    return lines


def _row(line: OrderLine, layout: Layout, *, least: int) -> Row:
    where = f"line {line.line_no}"
    if line.quantity < least:
        raise Refused(f"{where}: a quantity of {line.quantity} cannot be written")
    if not line.unit_price.is_finite() or line.unit_price < 0:
        raise Refused(f"{where}: a unit_price of {line.unit_price} cannot be written")
    cells: dict[str, str | int | date | Decimal | None] = {
        "line_no": line.line_no,
        "sku": line.sku,
        "supplier_sku": line.supplier_sku,
        "description": line.description,
        "quantity": line.quantity,
        "unit": layout.unit_of_measure,
        "unit_price": line.unit_price,
        "wanted_on": line.wanted_on,
    }
    return {column: _cell(column, value, layout, where) for column, value in cells.items()}


def _cell(column: str, value: str | int | date | Decimal | None, layout: Layout, where: str) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            written = format(value, "f")
            return written.replace(".", ",") if layout.decimal_mark is DecimalMark.COMMA else written
        case date():
            forms = {Dates.ISO: "%Y-%m-%d", Dates.DAY_FIRST: "%d.%m.%Y", Dates.MONTH_FIRST: "%m/%d/%Y"}
            return value.strftime(forms[layout.dates])
        case int():
            return str(value)
        case str() if column in {"description", "terms", "reason"}:
            return _text(value, layout)
        case str():
            return _name(value, column, where, layout)


def _text(words: str, layout: Layout) -> str:
    """Words for people."""
    kept = "".join(character if character.isprintable() else " " for character in words)
    kept = kept.encode(layout.encoding.value, "replace").decode(layout.encoding.value)
    return f"'{kept}" if layout.spreadsheet and kept.lstrip().startswith(_RUN_AS_FORMULA) else kept


def _name(value: str, column: str, where: str, layout: Layout) -> str:
    """What is compared with other names, so that it must stay as it is."""
    if not value.isprintable() or value != value.strip():
        raise Refused(f"{where}: the {column} {value!r} holds characters that a cell cannot, or blanks around it")
    if layout.spreadsheet and value.startswith(_RUN_AS_FORMULA):
        raise Refused(
            f"{where}: a spreadsheet would run the {column} {value!r} as a formula; rename it, or set `spreadsheet` to "
            "false if only programs open this partner's files"
        )
    try:
        value.encode(layout.encoding.value)
    except UnicodeEncodeError as missing:
        raise Refused(f"{where}: the {column} {value!r} cannot be written in {layout.encoding.value}") from missing
    return value


def _bytes(rows: Iterable[Row], layout: Layout) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=layout.delimiter.character, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([row.get(column, "") for column in COLUMNS] for row in rows)
    mark = b"\xef\xbb\xbf" if layout.byte_order_mark and layout.encoding.value == "utf-8" else b""
    return mark + text.getvalue().encode(layout.encoding.value)
