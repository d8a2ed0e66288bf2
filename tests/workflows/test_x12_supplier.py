"""A supplier who speaks X12 over two folders, played by mock-edi: orders, changes, cancellations, and how they end; and
the same by EDIFACT."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mockedi.testing import Mock

from domain.catalogue import Catalogue, CutOff, Item, PriceBreak, Supplier, SupplierItem
from domain.names import mailbox_workflow_id
from domain.purchase_order_position import PurchaseOrderPosition
from ledger import catalogue
from tests.workflows import endings
from tests.workflows.shop import Shop, eventually

PARTNER: dict[str, object] = {
    "our_id": "ACME",
    "partner_id": "MOCKEDI",
    "usage": "T",
    "changed_balance": "follows",
    # It answers a change with the lines as they then stand, so that an accepted cancellation rejects each of them (RD).
    "change_codes": {"AD": "lines", "AC": "lines", "RD": "withdrawn"},
    "deletion_rejected": "deleted",
    "added_lines": True,
}
EDIFACT_PARTNER: dict[str, object] = {
    "our_id": "EURODIS",
    "partner_id": "MOCKEDI",
    "partner_qualifier": "ZZ",
    "their_item_qualifier": "VP",
    "test": True,
    "change_answers": "by action",  # its answer names no change
    "contrl_owed": "always",
    "added_lines": True,
}
NEVER = 10**9
"""Milliseconds until it ships, where it must not have shipped yet."""
UNKNOWN_THERE = "BOLT-1"
"""An item that mock-edi does not sell, whatever our catalogue says."""


@dataclass
class Trade:
    """The shop, and mock-edi, of whom it buys gears."""

    shop: Shop
    mock: Mock
    supplier_id: str
    home: Path

    async def order(self, number: int = 1, quantity: int = 3, sku: str = "GEAR") -> str:
        """Order gears and release the purchase order. Returns its number."""
        await self.shop.order(number, sku=sku, quantity=quantity)
        po_number = await self.shop.po_number(number)
        await self.shop.po(po_number).execute_update("release_now")
        return po_number

    async def until(self, po_number: str, holds: Any) -> PurchaseOrderPosition:
        return await self.shop.po_until(po_number, holds)

    async def taken(self, number: int = 1, quantity: int = 3) -> str:
        """An order that mock-edi has acknowledged."""
        po_number = await self.order(number, quantity)
        await self.until(po_number, lambda p: p.acknowledged_at is not None)
        return po_number

    async def received(self, po_number: str, good: int, line_no: int = 1) -> None:
        """The warehouse counts what came."""
        lines = [{"line": {"line_no": line_no}, "good": good}]
        await self.shop.po(po_number).signal("receipt", {"receipt_id": f"dock-{po_number}-{line_no}", "lines": lines})

    async def shipped(self, po_number: str) -> None:
        """By its own books."""

        async def look() -> bool | None:
            return self.mock.order(po_number)["status"] == "shipped" or None

        async def stands() -> object:
            return self.mock.order(po_number)

        await eventually(look, stands)

    def runs_out_of(self, sku: str) -> None:
        """Orders of it wait for stock from now on."""
        with self.mock.server.mock.lock:
            self.mock.server.mock.conn.execute("UPDATE catalog SET in_stock = 0 WHERE sku = ?", (sku,))

    async def all_acknowledged(self) -> None:
        """Each document of mock-edi has our 997."""

        async def look() -> bool | None:
            return not self.mock.unacknowledged() or None

        async def left() -> object:
            return self.mock.unacknowledged()

        await eventually(look, left)


@pytest.fixture
def behaviour() -> str:
    return "accept"


@pytest.fixture
def ending() -> str:
    return ""


@pytest.fixture
def ships_after(ending: str) -> int:
    return NEVER if ending in {endings.SILENT, endings.ANYWAY} else 0


@pytest.fixture
def speaks() -> str:
    return "x12"


@pytest.fixture
def partner(speaks: str, ending: str) -> dict[str, object]:
    if speaks == "edifact":
        return EDIFACT_PARTNER
    # A cancellation that comes too late it meets with silence; what it does not do line by line it says.
    return PARTNER | ({"cancellation": "lines", "deletion_rejected": "stands"} if ending == endings.TOO_LATE else {})


@pytest.fixture
def folders(tmp_path: Path, behaviour: str, ships_after: int) -> Iterator[Mock]:
    """mock-edi, who looks into its folders five times a second."""
    with ExitStack() as stack:
        for name in ("to", "from"):
            (tmp_path / name).mkdir()
        where = {"drop_dir": str(tmp_path / "to"), "pickup_dir": str(tmp_path / "from")}
        pace = {"drop_settle_ms": 0, "drop_interval_ms": 200, "despatch_delay_ms": ships_after}
        mock = stack.enter_context(Mock.start(**where, **pace, invoice_delay_ms=NEVER))
        for us in ("ACME", "EURODIS"):
            mock.behaviour(us, behaviour)
        yield mock


@pytest.fixture
async def trade(
    shop: Shop, folders: Mock, tmp_path: Path, speaks: str, partner: dict[str, object]
) -> AsyncIterator[Trade]:
    supplier_id = f"mock-{shop.run}"
    supplier = Supplier(
        supplier_id=supplier_id,
        name="Mock EDI Supply",
        currency="USD",
        connector=speaks,
        connector_config={
            "partner": partner,
            "transport": {
                "kind": "folder",
                "outbox": str(tmp_path / "to"),
                "inbox": str(tmp_path / "from"),
                "settle_seconds": 0,
            },
        },
        fetch_every=timedelta(seconds=1),
        add_to_open_orders=True,
        read_within=timedelta(hours=1),
        cut_off=CutOff(times=(time(0, 1),), weekdays=tuple(range(7))),
    )
    offers = tuple(
        SupplierItem(
            supplier_id=supplier_id,
            sku=theirs.partition("-")[0],
            supplier_sku=theirs,
            price_breaks=(PriceBreak(from_quantity=1, unit_price=Decimal(price)),),
        )
        for theirs, price in (
            ("GEAR-100", "8.90"),
            ("PANEL-A3", "124.50"),
            ("CABLE-2M", "3.95"),
            (UNKNOWN_THERE, "1.00"),
        )
    )
    items = tuple(Item(sku=offer.sku, name=offer.sku.title()) for offer in offers)
    sold = Catalogue(suppliers=(supplier,), items=items, supplier_items=offers)
    await catalogue.load_catalogue(shop.world.ledger, sold, at=datetime.now(UTC))
    yield Trade(shop, folders, supplier_id, tmp_path)
    await shop.client.get_workflow_handle(mailbox_workflow_id(supplier_id)).terminate()


async def test_an_order_lives_from_850_to_parcel_and_each_document_is_acknowledged(trade: Trade) -> None:
    po_number = await trade.taken()
    position = await trade.until(po_number, lambda p: p.operations[0].read_at is not None)
    assert position.lines[0].expected_on is not None
    await trade.received(po_number, 3)
    await trade.shop.parcel_taken()
    assert (await trade.shop.closed()).shipped == 3
    assert (await trade.until(po_number, lambda p: p.closed_at is not None)).attention is None
    await trade.all_acknowledged()
    assert trade.mock.order(po_number)["status"] == "shipped"


@pytest.mark.parametrize("ships_after", [NEVER])
async def test_a_cancelled_share_is_taken_off_while_there_is_time(trade: Trade) -> None:
    await trade.shop.order(2, sku="GEAR", quantity=2)
    await trade.shop.po_number(2)
    po_number = await trade.taken(1, quantity=3)
    await trade.shop.cancel(2)
    stands = await trade.until(po_number, lambda p: any(o.revision == 1 and o.answered_at for o in p.operations))
    assert (stands.open, stands.lines[0].cancelled) == (3, 2)
    assert (await trade.shop.closed(2)).cancelled == 2


@pytest.mark.parametrize("ships_after", [NEVER])
async def test_a_whole_order_is_cancelled_while_there_is_time(trade: Trade) -> None:
    po_number = await trade.taken()
    await trade.shop.cancel()
    assert (await trade.until(po_number, lambda p: p.cancelled_at is not None)).open == 0
    assert (await trade.shop.closed()).cancelled == 3


@pytest.mark.parametrize("speaks", ["x12", "edifact"])
@pytest.mark.parametrize("ships_after", [NEVER])
async def test_what_collects_later_is_added_while_there_is_time(trade: Trade) -> None:
    po_number = await trade.taken()
    later = await trade.order(2, quantity=2, sku="CABLE")
    assert (await trade.until(later, lambda p: p.closed_at is not None)).added_to == po_number
    stands = await trade.until(po_number, lambda p: any(o.revision == 1 and o.answered_at for o in p.operations))
    assert ([line.open for line in stands.lines], stands.adds_lines) == ([3, 2], False)
    assert (await trade.shop.position(2)).claims[0].confirmed
    held = trade.mock.order(po_number)["lines"]
    assert [(one["sku"], float(one["confirmed"])) for one in held] == [("GEAR-100", 3), ("CABLE-2M", 2)]
    for line_no, good in ((1, 3), (2, 2)):
        await trade.received(po_number, good, line_no)
    for number in (1, 2):
        await trade.shop.parcel_taken(number)
        await trade.shop.closed(number)
    assert (await trade.until(po_number, lambda p: p.closed_at is not None)).attention is None
    await trade.all_acknowledged()


@pytest.mark.parametrize("ships_after", [NEVER])
async def test_lines_that_the_partner_does_not_add_are_ordered_by_themselves(trade: Trade) -> None:
    po_number = await trade.taken()
    await trade.order(2, quantity=2, sku="BOLT")
    stands = await trade.until(po_number, lambda p: any(o.verdict == "refused" for o in p.operations))
    assert [line.open for line in stands.lines] == [3, 0]
    await trade.shop.until(lambda p: bool(p.claims) and p.claims[0].po_number != po_number, 2)


@pytest.mark.parametrize("ships_after", [NEVER])
async def test_lines_of_which_the_partner_says_nothing_are_asked_about(trade: Trade) -> None:
    po_number = await trade.taken()
    trade.mock.behaviour("ACME", "no-ack")
    await trade.order(2, quantity=2, sku="CABLE")
    await trade.until(po_number, lambda p: any(o.revision == 1 and o.state == "delivered" for o in p.operations))
    await trade.shop.forward(trade.shop.po(po_number), timedelta(hours=2))
    unread = await trade.until(po_number, lambda p: p.attention is not None)
    assert unread.attention and "has not said that it could read change revision 1" in unread.attention
    await trade.shop.po(po_number).execute_update("resolve", {"resolution": "refused"})
    await trade.shop.until(lambda p: bool(p.claims) and p.claims[0].po_number != po_number, 2)
    assert (await trade.until(po_number, lambda p: p.attention is None)).lines[1].open == 0


async def test_a_cancellation_that_comes_too_late_ends_with_a_person_and_the_goods_in_stock(trade: Trade) -> None:
    po_number = await trade.taken()
    await trade.shop.cancel()
    asked = await trade.until(po_number, lambda p: any(o.kind == "cancel" and o.read_at for o in p.operations))
    assert asked.cancelled_at is None  # it could be read, and that is all
    await trade.shop.forward(trade.shop.po(po_number), timedelta(days=2))
    silent = await trade.until(po_number, lambda p: p.attention is not None)
    assert silent.attention and "did not answer the cancellation" in silent.attention
    await trade.received(po_number, 3)  # shipped anyway
    await trade.until(po_number, lambda p: p.lines[0].received_good == 3)
    assert await trade.shop.free("GEAR") == 3
    assert (await trade.shop.closed()).cancelled == 3  # the customer is not kept waiting for that


@endings.each_but_partly
async def test_what_is_asked_of_a_placed_order_ends_in_one_of_four_ways(trade: Trade, asked: str, ending: str) -> None:
    await how_it_ends(trade, asked, ending, "ACME")


@pytest.mark.parametrize("speaks", ["edifact"])
@pytest.mark.parametrize(("asked", "ending"), [(endings.SHARE, endings.ANYWAY)])
async def test_a_share_by_edifact_is_taken_off_and_comes_all_the_same(trade: Trade, asked: str, ending: str) -> None:
    await how_it_ends(trade, asked, ending, "EURODIS")


async def how_it_ends(trade: Trade, asked: str, ending: str, we: str) -> None:
    shop = trade.shop
    po_number = await endings.ordered(shop, "GEAR", asked)
    await trade.until(po_number, lambda p: p.acknowledged_at is not None)
    if ending == endings.TOO_LATE:
        await trade.shipped(po_number)
    if ending == endings.SILENT:
        trade.mock.behaviour(we, "no-ack")
    await endings.asked_for_less(shop, po_number, asked)
    if ending == endings.SILENT:
        await shop.forward(shop.po(po_number), timedelta(days=1, minutes=1))
    # It agrees to a change by saying how each line stands from now on.
    by_line = we == "ACME" and (asked, ending) == (endings.SHARE, endings.ANYWAY)
    await endings.settled(shop, po_number, asked, ending, "partly" if by_line else "")
    await endings.ended(shop, po_number, "GEAR", (asked, ending), lambda units: endings.counted(shop, po_number, units))


async def test_what_can_be_taken_off_is_and_what_has_left_comes(trade: Trade) -> None:
    """Two shares given back while the order could not leave are one change; of it, one line is refused."""
    shop = trade.shop
    trade.runs_out_of("PANEL-A3")
    for number, (sku, quantity) in enumerate((("GEAR", 3), ("GEAR", 2), ("PANEL", 3), ("PANEL", 2)), start=1):
        await shop.order(number, sku=sku, quantity=quantity)
    (po_number,) = {await shop.po_number(number) for number in (1, 2, 3, 4)}
    (trade.home / "to").rename(trade.home / "away")
    await shop.po(po_number).execute_update("release_now")
    await trade.until(po_number, lambda p: p.place is not None)
    for number in (2, 4):
        assert (await shop.cancel(number))["outcome"] == "cancelled"
    (trade.home / "away").rename(trade.home / "to")
    await shop.forward(shop.po(po_number), timedelta(hours=1))
    position = await trade.until(
        po_number, lambda p: len(p.operations) == 2 and p.operations[1].answered_at is not None
    )
    assert position.operations[1].verdict == "partly"
    assert {line.sku: (line.open, line.claimed) for line in position.lines} == {"GEAR": (5, 3), "PANEL": (3, 3)}
    for line in position.lines:
        await endings.counted(shop, po_number, line.open, line.line_no)
    for number in (1, 3):
        await shop.parcel_taken(number)
        assert (await shop.closed(number)).shipped == 3
    assert await trade.until(po_number, lambda p: p.closed_at is not None)
    assert (await shop.free("GEAR"), await shop.free("PANEL")) == (2, 0)


@pytest.mark.parametrize("partner", [PARTNER | {"cancellation": "lines", "deletion_rejected": "unclear"}])
async def test_when_half_of_an_order_has_left_a_cancellation_is_answered_by_a_riddle_for_a_person(trade: Trade) -> None:
    """mock-edi says the same of a line that it deleted and of one that had left."""
    shop = trade.shop
    trade.runs_out_of("PANEL-A3")
    await shop.order(1, sku="GEAR", quantity=3)
    await shop.order(2, sku="PANEL", quantity=3)
    (po_number,) = {await shop.po_number(number) for number in (1, 2)}
    await shop.po(po_number).execute_update("release_now")
    await trade.until(po_number, lambda p: p.acknowledged_at is not None)
    await trade.shipped(po_number)
    await shop.po(po_number).execute_update("resolve", {"resolution": "withdraw"})
    position = await trade.until(po_number, lambda p: "is unclear" in (p.attention or ""))
    assert (position.operations[1].kind, position.open) == ("cancel", 6)
    lines = {line.sku: line.line_no for line in position.lines}
    await endings.counted(shop, po_number, 3, lines["GEAR"])
    await shop.parcel_taken(1)
    await shop.po(po_number).execute_update("resolve", {"resolution": "close_short"})
    assert (await shop.closed(1)).shipped == 3
    await shop.until(lambda p: p.unsourced == 3, 2)
    await trade.until(po_number, lambda p: p.closed_at is not None)


@pytest.mark.parametrize("behaviour", ["reject-ack"])
async def test_an_order_that_the_partner_cannot_read_is_a_persons_matter(trade: Trade) -> None:
    po_number = await trade.order()
    position = await trade.until(po_number, lambda p: p.attention is not None)
    assert position.attention and "could not read place revision 0" in position.attention
    assert position.acknowledged_at is None


@pytest.mark.parametrize("behaviour", ["reject-all"])
async def test_an_order_that_is_refused_finds_no_supplier_here(trade: Trade) -> None:
    po_number = await trade.order()
    assert (await trade.until(po_number, lambda p: p.rejected_at is not None)).open == 0
    assert (await trade.shop.until(lambda p: p.sourcing_tries > 0)).unsourced == 3


@pytest.mark.parametrize("behaviour", ["no-ack"])
async def test_no_word_that_an_order_could_be_read_is_asked_about_within_the_hour(trade: Trade) -> None:
    po_number = await trade.order()
    await trade.until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
    await trade.shop.forward(trade.shop.po(po_number), timedelta(hours=2))
    position = await trade.until(po_number, lambda p: p.attention is not None)
    assert position.attention and "has not said that it could read" in position.attention
