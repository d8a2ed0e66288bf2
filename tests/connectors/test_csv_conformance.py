"""Our `csv` connector against the conformance kit, over folders; the far side knows nothing but the stdlib's `csv`."""

import csv
import io
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import singledispatch
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel

from connectors.suppliers.csv.connector import CsvConnector
from connectors.suppliers.interface import Inward
from connectors.testing import ConnectorSuite, Flaw, Sample, Seen, SeenLine
from domain.supplier_events import (
    AckLine,
    ChangeAck,
    LineRef,
    OrderAck,
    ShipNotice,
    SplitStatus,
    SupplierEvent,
    supplier_event,
)
from tests.connectors.folder_peer import DENIED_BY_FOLDERS, FolderPeer

Cells = dict[str, object]


class Spreadsheet(FolderPeer):
    """A supplier who opens our files, and writes his own with a header and a row for each thing he says."""

    partner: ClassVar = {"buyer": "SHOP", "supplier": "ACME", "added_lines": True, "decimal_mark": "point"}
    suffix = ".csv"

    def seen(self, body: bytes) -> Seen:
        text = body.decode()
        assert text.endswith("\r\n")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        (kind,), (po_number,) = {row["type"] for row in rows}, {row["po_number"] for row in rows}
        assert all((row["buyer"], row["supplier"]) == ("SHOP", "ACME") and None not in row for row in rows)
        return Seen(
            kind="place" if kind == "order" else kind,
            po_number=po_number,
            lines=() if kind == "cancel" else tuple(map(_line, rows)),
        )

    def carried(self, text: str) -> str:
        kept = "".join(character if character.isprintable() else " " for character in text)
        return f"'{kept}" if kept.lstrip()[:1] in set("=+-@\uff1d\uff0b\uff0d\uff20") else kept

    def write(self, *events: SupplierEvent, flaw: Flaw | None = None) -> Inward:
        who = {"buyer": "SHOP", "supplier": "ACME"}
        who |= {Flaw.SENDER: {"supplier": "OTHER"}, Flaw.RECEIVER: {"buyer": "OTHER"}}.get(flaw or Flaw.AGE, {})
        rows = [{**who, **row} for event in events for row in rows_of(event)]
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, list(dict.fromkeys(column for row in rows for column in row)))
        table.writeheader()
        table.writerows(rows)
        return self.message(next(self.numbers), text.getvalue().encode())


def _line(row: Mapping[str, str]) -> SeenLine:
    return SeenLine(
        line_no=int(row["line_no"]),
        quantity=Decimal(row["quantity"]),
        sku=row["sku"],
        supplier_sku=row["supplier_sku"],
        unit_price=Decimal(row["unit_price"]),
        description=row["description"],
    )


@singledispatch
def rows_of(event: SupplierEvent) -> Iterator[Cells]:
    """What this supplier writes to say it."""
    raise NotImplementedError(f"no row says {event.kind}")


@rows_of.register
def _(event: OrderAck) -> Iterator[Cells]:
    head = {"type": "acknowledgement", "po_number": event.po_number, "supplier_order_no": event.supplier_order_no}
    if event.lines:
        yield from _parts(head, event.lines)
    else:
        yield head | {"status": "accepted" if event.accepted else "rejected", "reason": event.reason}


@rows_of.register
def _(event: ChangeAck) -> Iterator[Cells]:
    head = {"type": "acknowledgement", "po_number": event.po_number, "revision": event.revision}
    yield head | {"verdict": event.verdict.value, "reason": event.reason}
    yield from _parts(head, event.lines)


@rows_of.register
def _(event: ShipNotice) -> Iterator[Cells]:
    head = {"type": "ship_notice", "po_number": event.po_number, "shipment_id": event.shipment_id}
    head |= {"tracking": event.tracking, "purpose": event.purpose.value}
    for line in event.lines:
        yield {
            **head,
            **_ref(line.line),
            "quantity": line.shipped,
            "deliver_on": line.deliver_on,
            "balance": line.balance.value,
        }


def _parts(head: Cells, lines: tuple[AckLine, ...]) -> Iterator[Cells]:
    for line in lines:
        for part in line.splits:
            yield {
                **head,
                **_ref(line.line),
                "status": part.status.value,
                "quantity": part.quantity,
                "ship_on": part.ship_on,
                "deliver_on": part.deliver_on,
                "unit_price": part.unit_price,
                "substitute": part.substitute if part.status is SplitStatus.SUBSTITUTED else None,
                "reason": part.reason,
            }


def _ref(line: LineRef) -> Cells:
    return {"line_no": line.line_no, "sku": line.sku, "supplier_sku": line.supplier_sku}


class _Expected(BaseModel):
    habits: dict[str, object] = {}
    events: list[object]


def samples() -> Iterator[Sample]:
    """Files of many hands, with their habits."""
    for path in sorted((Path(__file__).parent / "samples" / "csv").glob("*.csv")):
        expected = _Expected.model_validate_json(path.with_suffix(".json").read_bytes())
        yield Sample(
            name=path.name,
            body=path.read_bytes(),
            events=tuple(map(supplier_event.validate_python, expected.events)),
            settings={"partner": expected.habits},
        )


class TestCsv(ConnectorSuite):
    denies: ClassVar = DENIED_BY_FOLDERS
    samples: ClassVar = tuple(samples())

    @pytest.fixture
    def peer(self, tmp_path: Path) -> Spreadsheet:
        return Spreadsheet(tmp_path / "acme")

    @pytest.fixture
    def connector(self, peer: Spreadsheet) -> CsvConnector:
        return CsvConnector(peer.supplier_id, peer.settings)
