"""The simulated supplier who speaks X12: what it sells it confirms and ships, and a kill at any point loses nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.suppliers.interface import OrderLine, Place, WireIds
from connectors.suppliers.x12.codec import X12Codec
from connectors.suppliers.x12.partner import X12Partner
from devstack.simulators.edi_supplier import EdiSupplier
from devstack.simulators.settings import EdiItem, EdiSettings, Pace

AT_ONCE = Pace(acknowledge_after=0, ship_after=0)
ANSWERS = ["855", "856", "997"]

Start = Callable[[], EdiSupplier]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts the supplier anew; the one before is left as a kill leaves it."""
    item = EdiItem(supplier_sku="BW-1", name="Claw hammer", unit_price=Decimal("14.80"), lead_days=4)
    settings = EdiSettings(
        supplier_id="brightwater",
        name="Brightwater",
        identifier="BRIGHTWATER",
        buyer="SHOP",
        orders=folder / "to",
        answers=folder / "from",
        items=(item,),
        pace=AT_ONCE,
    )
    with ExitStack() as stack:

        def started() -> EdiSupplier:
            supplier = EdiSupplier(folder / "books", settings)
            stack.callback(supplier.close)
            return supplier

        yield started


def put_order(folder: Path) -> Path:
    codec = X12Codec(X12Partner(our_id="SHOP", partner_id="BRIGHTWATER", usage="T"))
    line = OrderLine(
        line_no=1, sku="HAMMER", supplier_sku="BW-1", description="Hammer", quantity=3, unit_price=Decimal("14.80")
    )
    place = Place(
        po_number="PO-1", supplier_id="b", currency="USD", terms="net30", ordered_on=date(2026, 11, 20), lines=(line,)
    )
    ids = WireIds(operation_id="po/PO-1/0", control_number=7, written_at=datetime(2026, 11, 20, 9, tzinfo=UTC))
    order = folder / "to" / "order.edi"
    order.write_bytes(codec.render(place, ids).body)
    return order


def answers(folder: Path) -> list[str]:
    """The kinds of documents that lie there."""
    return sorted(file.name.split("-")[1] for file in (folder / "from").iterdir())


def settled(supplier: EdiSupplier) -> None:
    for _ in range(3):
        supplier.turn()


def test_an_order_is_acknowledged_confirmed_and_shipped(folder: Path, start: Start) -> None:
    supplier = start()
    order = put_order(folder)
    settled(supplier)
    assert answers(folder) == ANSWERS
    assert not order.exists()
    assert (folder / "to" / "processed" / order.name).exists()


def test_an_order_that_was_taken_when_it_was_killed_is_not_taken_again(folder: Path, start: Start) -> None:
    supplier = start()
    order = put_order(folder)
    settled(supplier)
    (folder / "to" / "processed" / order.name).rename(order.with_name("order.edi.processing"))
    settled(start())
    assert answers(folder) == ANSWERS
    assert (folder / "to" / "processed" / order.name).exists()


def test_an_order_that_was_not_yet_taken_when_it_was_killed_is_taken(folder: Path, start: Start) -> None:
    start()
    put_order(folder).rename(folder / "to" / "order.edi.processing")
    settled(start())
    assert answers(folder) == ANSWERS


def test_an_answer_is_left_once_and_one_that_was_not_left_is_left_by_the_next(folder: Path, start: Start) -> None:
    supplier = start()
    put_order(folder)
    full = folder / "from"
    full.rename(folder / "moved")
    full.write_text("in the way")
    settled(supplier)
    full.unlink()
    (folder / "moved").rename(full)
    assert answers(folder) == []
    settled(start())
    assert answers(folder) == ANSWERS
    for file in full.iterdir():
        file.unlink()
    settled(start())
    assert answers(folder) == []
