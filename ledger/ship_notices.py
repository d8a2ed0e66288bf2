"""Ship notices: goods have left the supplier. Dates move, and quantities do not."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from domain.supplier_events import Balance, NoticePurpose, ShipNotice
from ledger.book import Connection, as_json
from ledger.locked_orders import Effect, Line, LockedOrder, Order, named, stock_units, write_line
from ledger.order_lines import date_claims, keep_only, mark_known
from ledger.shares import LineClaim, claims_in_rank

_SHIPMENT = """
    insert into journal (key, subject, kind, at, facts) values (%s, %s, 'shipment', %s, %s)
    on conflict (key) do nothing returning seq
"""
_TOLD_LAST = """
    select coalesce(facts -> 'units', '{}'), coalesce(facts -> 'come', '{}') from journal
    where subject = %s and kind = 'shipment' and facts ->> 'shipment' = %s order by seq desc limit 1
"""
_TOLD_OF_OTHERS = """
    select distinct on (facts ->> 'shipment') coalesce(facts -> 'units', '{}') from journal
    where subject = %s and kind = 'shipment' and facts ->> 'shipment' <> %s order by facts ->> 'shipment', seq desc
"""


async def ship(connection: Connection, locked: LockedOrder, notice: ShipNotice, *, at: datetime) -> Effect:
    """Goods have left the supplier: dates move, quantities do not. The same shipment counts once, however told.

    A notice that replaces or takes back an earlier one of the same shipment undoes what that one said was on its way.
    """
    order = locked.order
    counted = {} if notice.purpose is NoticePurpose.CANCEL else _counted(locked, notice)
    key = f"shipment/{order.supplier_id}/{notice.shipment_id}/{order.po_number}"
    if notice.purpose is not NoticePurpose.ORIGINAL:
        key += f"/{notice.purpose}/{_digest(notice)}"
    before = await (await connection.execute(_TOLD_LAST, (order.workflow_id, notice.shipment_id))).fetchone()
    told, known = before or ({}, {})
    come = _come(locked, told, known)
    facts = {
        "text": _SAID[notice.purpose].format(notice.shipment_id),
        "tracking": notice.tracking,
        "shipment": notice.shipment_id,
        "units": counted,
        "come": {line_no: units for line_no, units in come.items() if units},
    }
    if notice.purpose is NoticePurpose.ORIGINAL and before is not None:  # then what was told before stands
        facts |= {"text": f"The first notice of shipment {notice.shipment_id} came last", "units": told}
    row = (key, order.workflow_id, at, as_json(facts))
    if await (await connection.execute(_SHIPMENT, row)).fetchone() is None:
        return Effect(outcome="repeat, counted once")
    if notice.purpose is NoticePurpose.ORIGINAL and before is not None:
        return Effect(outcome="a later notice of the same shipment came first: recorded, not applied")
    locked = await _taken_back(connection, locked, told, come)
    if notice.purpose is NoticePurpose.CANCEL:
        what = (
            f"{order.supplier_name} takes back its notice of shipment {notice.shipment_id} of {order.po_number}. Ask "
            "when the goods will come; then resolve with 'dismiss'."
        )
        outcome = f"shipment {notice.shipment_id} is not on its way after all"
        return Effect(outcome=outcome, incidents=(what, *await _more_came(connection, locked, notice, counted, come)))
    if order.rejected_at or order.cancelled_at:
        what = (
            f"{order.supplier_name} ships {order.po_number}, which had ended. Refuse the parcel, or let it in: what "
            "arrives goes to whoever waits, else to stock."
        )
        return Effect(outcome="shipped after the order had ended: recorded", incidents=(what,))
    await mark_known(connection, order, at=at)
    incidents: list[str] = []
    lines = {line.line_no: line for line in locked.lines}
    closed: set[int] = set()
    for part in notice.lines:
        found = locked.find(part.line)
        units = None if found is None else stock_units(part.shipped, found)
        if found is None or units is None:
            incidents.append(
                f"Shipment {notice.shipment_id} carries {part.shipped} of {named(part.line)}, which does not fit "
                f"{order.po_number}. Ask {order.supplier_name} what is in it."
            )
            continue
        line_no = found.line_no
        here = min(units, come[str(line_no)])
        come[str(line_no)] -= here
        lines[line_no] = await _on_its_way(connection, locked, lines[line_no], units - here, part.deliver_on, at=at)
        if part.balance is Balance.CLOSED:
            closed.add(line_no)
    for line_no in sorted(closed):  # last, since a line may be in several parcels of the notice
        lines[line_no] = await _close_rest(connection, order, lines[line_no], at=at)
    incidents += await _more_came(connection, locked, notice, counted, come)
    on_way = ", ".join(f"{line.in_transit} of {line.sku}" for line in lines.values() if line.in_transit)
    return Effect(outcome=f"on the way: {on_way or 'nothing that is open'}", incidents=tuple(incidents))


_SAID = {
    NoticePurpose.ORIGINAL: "Shipment {} is on its way",
    NoticePurpose.REPLACE: "Shipment {} is on its way, with another content than told before",
    NoticePurpose.CANCEL: "Shipment {} is not on its way after all",
}


async def _more_came(
    connection: Connection,
    locked: LockedOrder,
    notice: ShipNotice,
    counted: Mapping[str, int],
    come: Mapping[str, int],
) -> list[str]:
    """In words, of which lines more has come than the shipment carries by now: `come` is what its notice leaves out.

    What all shipments together can have brought is no more than what they carry by now.
    """
    incidents: list[str] = []
    order = locked.order
    if not any(come.values()):
        return incidents
    others = await (await connection.execute(_TOLD_OF_OTHERS, (order.workflow_id, notice.shipment_id))).fetchall()
    for line in locked.lines:
        line_no = str(line.line_no)
        now = counted.get(line_no, 0)
        carried = now + sum(units.get(line_no, 0) for (units,) in others)
        more = min(come[line_no], line.received_good + line.received_bad - carried)
        if more > 0:
            incidents.append(
                f"{order.supplier_name} now says that shipment {notice.shipment_id} of {order.po_number} carries {now} "
                f"of {line.sku}, and {now + more} have come. Count them again, and ask what they will charge for; then "
                "resolve with 'dismiss'."
            )
    return incidents


def _counted(locked: LockedOrder, notice: ShipNotice) -> dict[str, int]:
    """By line number, the stock units that the notice says left."""
    counted: dict[str, int] = {}
    for part in notice.lines:
        line = locked.find(part.line)
        units = None if line is None else stock_units(part.shipped, line)
        if line is not None and units is not None:
            counted[str(line.line_no)] = counted.get(str(line.line_no), 0) + units
    return counted


def _digest(notice: ShipNotice) -> str:
    return hashlib.sha256(notice.model_dump_json().encode()).hexdigest()[:16]


def _come(locked: LockedOrder, told: Mapping[str, int], known: Mapping[str, int]) -> dict[str, int]:
    """By line number, what has come of a shipment: what was known with its last notice, or more.

    Receipts name no shipment: what came of a line and is not on its way any more is taken for this one's.
    """
    come: dict[str, int] = {}
    for line in locked.lines:
        line_no = str(line.line_no)
        arrived = max(told.get(line_no, 0) - line.in_transit, known.get(line_no, 0))
        come[line_no] = min(arrived, line.received_good + line.received_bad)
    return come


async def _taken_back(
    connection: Connection, locked: LockedOrder, told: Mapping[str, int], come: Mapping[str, int]
) -> LockedOrder:
    """The order as if an earlier notice had not been. Dates stay until the next word."""
    lines: list[Line] = []
    for line in locked.lines:
        line_no = str(line.line_no)
        off = min(line.in_transit, max(0, told.get(line_no, 0) - come[line_no]))
        changed = replace(line, in_transit=line.in_transit - off)
        lines.append(await write_line(connection, locked.order, changed) if off else line)
    return replace(locked, lines=tuple(lines))


async def _close_rest(connection: Connection, order: Order, line: Line, *, at: datetime) -> Line:
    """The supplier ships nothing more of a line than what is on its way: the rest is to be had elsewhere.

    Of a line that was to be added and is not, elsewhere may be another order of the same supplier.
    """
    gone = line.open - line.in_transit
    if gone <= 0:
        return line
    why = "are not shipped by the supplier"
    kept = await keep_only(connection, order, line, line.in_transit, why=why, lost=not line.to_add, at=at)
    return await write_line(
        connection,
        order,
        replace(kept, open=line.in_transit, closed_short=line.closed_short + gone, to_add=False),
    )


async def _on_its_way(
    connection: Connection, locked: LockedOrder, line: Line, units: int, deliver_on: date | None, *, at: datetime
) -> Line:
    """The shipped units are those of the best ranks whose goods are not on the way yet."""
    before, after = line.in_transit, min(line.open, line.in_transit + units)
    dates: dict[str, date | None] = {}
    reached = 0
    for claim in await claims_in_rank(connection, locked.order.po_number, line.line_no, most=after):
        first, reached = reached, reached + claim.quantity
        if reached > after:
            break
        if reached > before:
            dates[claim.backorder_id] = _later(claim.expected_on if first < before else None, deliver_on, claim)
    whole = deliver_on and after == line.open
    expected_on = _latest(line.expected_on if before else None, deliver_on) if whole else line.expected_on
    on_its_way = replace(line, in_transit=after, expected_on=expected_on, to_add=line.to_add and after == before)
    line = await write_line(connection, locked.order, on_its_way)
    what = f"{locked.order.po_number} is on its way from {locked.order.supplier_name}"
    await date_claims(connection, locked.order, line, dates, what=what, at=at)
    return line


def _later(so_far: date | None, deliver_on: date | None, claim: LineClaim) -> date | None:
    """When a claim is whole whose last units leave now; without a date in the notice, what was known stays."""
    return _latest(so_far, deliver_on) if deliver_on else claim.expected_on


def _latest(*days: date | None) -> date | None:
    return max((day for day in days if day), default=None)
