"""The order's lines as CSV (RFC 4180), for whoever copies them into a system of their own.

UTF-8, CRLF, one header row, quotes only where needed. A cell that a spreadsheet would take for a formula begins with
an apostrophe, which spreadsheets hide: a product name must not become a program on a supplier's machine.
"""

import csv
import io
from collections.abc import Sequence

from connectors.suppliers.interface import OrderLine

COLUMNS = (
    "po_number",
    "revision",
    "line_no",
    "supplier_sku",
    "sku",
    "description",
    "quantity",
    "unit_price",
    "currency",
    "wanted_on",
)

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def order_as_csv(po_number: str, revision: int, currency: str, lines: Sequence[OrderLine]) -> bytes:
    """A row for each line. `quantity` counts purchase units; of a change it is the line's new total."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow(
            (
                _safe(po_number),
                revision,
                line.line_no,
                _safe(line.supplier_sku),
                _safe(line.sku),
                _safe(line.description),
                line.quantity,
                format(line.unit_price, "f"),
                currency,
                line.wanted_on.isoformat() if line.wanted_on else "",
            )
        )
    return out.getvalue().encode()


def _safe(text: str) -> str:
    """Whoever takes one apostrophe off what looks like a formula behind it has the text as it was."""
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text
