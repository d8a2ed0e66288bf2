"""Where the units of a backorder come from.

Free stock comes first, then free open quantity of purchase orders, then the collecting purchase order of the best
supplier (one for each merge key, under any concurrency), else a new one.

Many backorders of one SKU can be sourced in one transaction, each as if it were alone, one after the other: what is
free and what collects is read once under the SKU's lock, handed out in memory, and written once.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import NamedTuple

from domain.backorder_position import BackorderPosition
from domain.errors import NotFound
from domain.names import backorder_workflow_id
from domain.sourcing import Candidate, rank
from domain.values import count_units
from ledger.backorders import lock_sku_of
from ledger.batches import Batches
from ledger.book import Connection, Ledger, fetch
from ledger.collecting import CollectingPo, Merged, candidates_for, collecting_po, merge_into, put_line
from ledger.offering import FREE_OPEN, FreeLine
from ledger.positions import position
from ledger.shares import PLACE, Share, allocate_from_stock, join_lines

TOGETHER = 50
"""Backorders sourced in one transaction. Others who need the SKU wait that long."""

_NEEDS = """
    select b.backorder_id, b.unsourced, b.cancel_requested_at is not null as cancelled, s.on_hand - s.allocated as free
    from backorder b join stock s on s.sku = b.sku and s.place = %s
    where b.backorder_id = any(%s) and b.sku = %s order by b.backorder_id for no key update of b
"""
_GIVEN_UP = """
    select c.backorder_id, c.po_number, p.supplier_id, c.released > 0 as released, c.lost
    from claim c join purchase_order p using (po_number)
    where c.backorder_id = any(%s) and (c.released > 0 or c.lost)
"""
_SOURCED = """
    update backorder b
    set last_sourced_at = s.at, sourcing_tries = case when unsourced > 0 then sourcing_tries + 1 else 0 end,
        sourcing_failed_since = case when unsourced > 0 then coalesce(sourcing_failed_since, s.at) end
    from unnest(%(ids)s::text[], %(ats)s::timestamptz[]) as s (backorder_id, at)
    where b.backorder_id = s.backorder_id
"""


class Asked(NamedTuple):
    """A search for supply: for whom, under which key (workflow id and step), and when."""

    backorder_id: str
    key: str
    at: datetime


class Sourcing:
    """The searches of one process: those for one SKU that wait at the same time share a transaction."""

    def __init__(self, ledger: Ledger) -> None:
        """Use these books."""
        self._ledger = ledger
        self._batches = Batches(partial(source_together, ledger), most=TOGETHER)

    async def source(self, backorder_id: str, *, sku: str, key: str, at: datetime) -> None:
        """Find supply as `source` does, together with others who wait for this SKU; without one, alone.

        Raises:
            NotFound: no such backorder.
        """
        await self._batches.add(sku or backorder_id, Asked(backorder_id, key, at))


async def source(ledger: Ledger, backorder_id: str, *, key: str, at: datetime) -> BackorderPosition:
    """Find supply for every unsourced unit of a backorder, or count a try that found no supplier.

    Does nothing when a cancel was requested, or nothing is unsourced.

    Raises:
        NotFound: no such backorder.
    """
    await source_together(ledger, [Asked(backorder_id, key, at)])
    # Read after the commit: those who wait for the SKU's lock need not wait for this as well.
    return await position(ledger, backorder_id)


async def source_together(ledger: Ledger, asked: Sequence[Asked]) -> None:
    """Source backorders of one SKU in one transaction; a key that was written before is passed over.

    Raises:
        NotFound: one of them is not in the ledger, or not of the first one's SKU; nothing was written.
        OutOfOrder: they cannot be served in one transaction; nothing was written.
    """
    named = {one.key: (backorder_workflow_id(one.backorder_id), one.at) for one in asked}
    async with ledger.facts(named, kind="sourced") as facts:
        new = [one for one in {one.key: one for one in asked}.values() if one.key in facts]
        if new:
            said = await search(facts[new[0].key].connection, new)
            for key, text in said.items():
                facts[key].note(text=text)


async def search(connection: Connection, asked: Sequence[Asked]) -> dict[str, str]:
    """The same inside a transaction.

    Returns:
        What was found, in words for the story, by key; nothing for those that needed nothing.

    Raises:
        NotFound: as `source_together`.
    """
    sku = await lock_sku_of(connection, asked[0].backorder_id)
    ids = [one.backorder_id for one in asked]
    needs = {need.backorder_id: need for need in await fetch(connection, _Need, _NEEDS, (PLACE, ids, sku))}
    for backorder_id in ids:
        if backorder_id not in needs:
            raise NotFound(f"no backorder {backorder_id!r} of item {sku} with a stock row; load the catalogue again")
    found = _Search(connection, sku, next(iter(needs.values())).free)
    await found.read(ids)
    unsourced = {need.backorder_id: need.unsourced for need in needs.values() if not need.cancelled}
    said = dict[str, str]()
    for one in asked:
        if needed := unsourced.get(one.backorder_id, 0):
            unsourced[one.backorder_id], said[one.key] = await found.supply(one, needed)
    await found.write()
    return said


class OutOfOrder(Exception):
    """A batch that holds one supplier's order needs another's that comes before it; one by one they need one each."""


class _Need(NamedTuple):
    backorder_id: str
    unsourced: int
    cancelled: bool
    free: int


class _GivenUp(NamedTuple):
    backorder_id: str
    po_number: str
    supplier_id: str
    released: bool
    lost: bool


class _Part(NamedTuple):
    """Units that a backorder takes of a line."""

    backorder_id: str
    po_number: str
    units: int
    expected_on: date | None
    confirmed: bool

    @property
    def told(self) -> str:
        return f"{count_units(self.units)} on {self.po_number}, expected {self.expected_on or 'on no known date'}"


class _Search:
    """What is free and what collects of a locked SKU, handed out to one backorder after the other."""

    def __init__(self, connection: Connection, sku: str, free: int) -> None:
        self._connection = connection
        self._sku = sku
        self._free = free
        self._searched: list[Asked] = []
        self._grants: list[tuple[str, int]] = []
        self._parts: list[_Part] = []
        self._merged: dict[str, Merged] = {}  # by purchase order: its line as it will be
        self._orders: dict[str, CollectingPo] = {}  # by supplier

    async def read(self, ids: list[str]) -> None:
        rows = await fetch(self._connection, _GivenUp, _GIVEN_UP, (ids,))
        self._given_up = {one: [row for row in rows if row.backorder_id == one] for one in ids}
        lines = await fetch(self._connection, FreeLine, FREE_OPEN, {"sku": self._sku})
        self._lines = {line.po_number: line for line in lines}
        self._candidates = await candidates_for(self._connection, self._sku)

    async def supply(self, asked: Asked, needed: int) -> tuple[int, str]:
        """Hand out what one needs; returns the units for which there is no supplier, and what to tell."""
        self._searched.append(asked)
        rest, said = needed, list[str]()
        if units := min(rest, self._free):
            self._grants.append((asked.backorder_id, units))
            self._free -= units
            rest -= units
            said.append(f"{count_units(units)} from stock")
        parts: list[_Part] = []
        for line in sorted(self._lines.values(), key=_soonest):
            if rest and line.free and not self._is_barred(asked.backorder_id, line):
                parts.append(self._take(asked.backorder_id, line, min(rest, line.free)))
                rest -= parts[-1].units
        if rest and (best := self._best(asked, rest)):
            parts.append(await self._join(asked, best, rest))
            rest = 0
        self._parts += parts
        said += [part.told for part in parts]
        if rest:
            said.append(f"no supplier for {count_units(rest)}")
        return rest, "Sourced: " + "; ".join(said)

    def _is_barred(self, backorder_id: str, line: FreeLine) -> bool:
        """`ledger.offering.BARRED`, of what was read."""
        return any(
            row.released and (row.po_number == line.po_number or (row.lost and row.supplier_id == line.supplier_id))
            for row in self._given_up[backorder_id]
        )

    def _best(self, asked: Asked, needed: int) -> Candidate | None:
        """The supplier to ask, priced at the break that the merged line would reach; none that let it down."""
        lost = {row.supplier_id for row in self._given_up[asked.backorder_id] if row.lost}
        allowed = [known.candidate for supplier_id, known in self._candidates.items() if supplier_id not in lost]
        ranked = rank(allowed, needed, asked.at.date())
        return ranked[0] if ranked else None

    def _take(self, backorder_id: str, line: FreeLine, units: int) -> _Part:
        self._lines[line.po_number] = line._replace(free=line.free - units)
        known = self._candidates.get(line.supplier_id)
        if known and known.po_number == line.po_number:  # surplus of a line that still collects counts for its price
            self._candidates[line.supplier_id] = known.with_units(units)
        return _Part(backorder_id, line.po_number, units, line.expected_on, line.confirmed)

    async def _join(self, asked: Asked, best: Candidate, units: int) -> _Part:
        """Join the supplier's collecting order, or open one. From here to the commit that order is locked.

        Others who search meanwhile, for other SKUs, may need the same two orders; so all take them by supplier id.
        """
        supplier = best.supplier
        owed_by = backorder_workflow_id(asked.backorder_id)
        po = self._orders.get(supplier.supplier_id)
        if po is None:
            if any(supplier.supplier_id < locked for locked in self._orders):
                raise OutOfOrder(supplier.supplier_id)
            po = await collecting_po(self._connection, supplier, owed_by, asked.at)
            self._orders[supplier.supplier_id] = po
        merged = merge_into(po, best, units, owed_by, asked.at)
        self._merged[po.po_number] = merged
        known = self._candidates[supplier.supplier_id].with_units(units)
        self._candidates[supplier.supplier_id] = known._replace(po_number=po.po_number)
        line = self._lines.get(po.po_number) or FreeLine(po.po_number, 0, 0, None, False, supplier.supplier_id)
        self._lines[po.po_number] = line._replace(
            free=merged.quantity - merged.claimed, expected_on=merged.expected_on, confirmed=False
        )
        return _Part(asked.backorder_id, po.po_number, units, merged.expected_on, confirmed=False)

    async def write(self) -> None:
        """Everything that was handed out, each table in one statement."""
        if not self._searched:
            return
        connection, at = self._connection, max(one.at for one in self._searched)
        await allocate_from_stock(connection, self._sku, self._grants, at=at)
        numbers = {line.po_number: line.line_no for line in self._lines.values()}
        for merged in self._merged.values():
            numbers[merged.po.po_number] = await put_line(connection, merged)
        shares = dict[tuple[str, str], Share]()  # surplus of a line and a share of the same line are one claim
        for part in self._parts:
            before = shares.get(part[:2])
            units = part.units + (before.units if before else 0)
            number = numbers[part.po_number]
            shares[part[:2]] = Share(
                part.backorder_id, part.po_number, number, units, part.expected_on, confirmed=part.confirmed
            )
        await join_lines(connection, list(shares.values()))
        ids = {one.backorder_id: one.at for one in self._searched}
        await connection.execute(_SOURCED, {"ids": list(ids), "ats": list(ids.values())})


def _soonest(line: FreeLine) -> tuple[bool, date, str]:
    return line.expected_on is None, line.expected_on or date.max, line.po_number
