"""Ship notices: goods have left the supplier. Dates move, and quantities do not."""

from dataclasses import replace
from datetime import date, datetime

from domain.supplier_events import ShipNotice
from ledger.book import Connection, as_json
from ledger.locked_orders import Effect, Line, LockedOrder, named, stock_units, write_line
from ledger.order_lines import date_claims, mark_known
from ledger.shares import LineClaim, claims_in_rank

_SHIPMENT = """
    insert into journal (key, subject, kind, at, facts) values (%s, %s, 'shipment', %s, %s)
    on conflict (key) do nothing returning seq
"""


async def ship(connection: Connection, locked: LockedOrder, notice: ShipNotice, *, at: datetime) -> Effect:
    """Goods have left the supplier: dates move, quantities do not. The same shipment counts once, however told."""
    order = locked.order
    key = f"shipment/{order.supplier_id}/{notice.shipment_id}/{order.po_number}"
    facts = as_json({"text": f"Shipment {notice.shipment_id} is on its way", "tracking": notice.tracking})
    if await (await connection.execute(_SHIPMENT, (key, order.workflow_id, at, facts))).fetchone() is None:
        return Effect(outcome="repeat, counted once")
    if order.rejected_at or order.cancelled_at:
        what = (
            f"{order.supplier_name} ships {order.po_number}, which had ended. Refuse the parcel, or let it in: what "
            "arrives goes to whoever waits, else to stock."
        )
        return Effect(outcome="shipped after the order had ended: recorded", incidents=(what,))
    await mark_known(connection, order, at=at)
    incidents: list[str] = []
    lines = {line.line_no: line for line in locked.lines}
    for part in notice.lines:
        found = locked.find(part.line)
        units = None if found is None else stock_units(part.shipped, found)
        if found is None or units is None:
            incidents.append(
                f"Shipment {notice.shipment_id} carries {part.shipped} of {named(part.line)}, which does not fit "
                f"{order.po_number}. Ask {order.supplier_name} what is in it."
            )
            continue
        lines[found.line_no] = await _on_its_way(
            connection, locked, lines[found.line_no], units, part.deliver_on, at=at
        )
    on_way = ", ".join(f"{line.in_transit} of {line.sku}" for line in lines.values() if line.in_transit)
    return Effect(outcome=f"on the way: {on_way or 'nothing that is open'}", incidents=tuple(incidents))


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
    line = await write_line(connection, locked.order, replace(line, in_transit=after, expected_on=expected_on))
    what = f"{locked.order.po_number} is on its way from {locked.order.supplier_name}"
    await date_claims(connection, locked.order, line, dates, what=what, at=at)
    return line


def _later(so_far: date | None, deliver_on: date | None, claim: LineClaim) -> date | None:
    """When a claim is whole whose last units leave now; without a date in the notice, what was known stays."""
    return _latest(so_far, deliver_on) if deliver_on else claim.expected_on


def _latest(*days: date | None) -> date | None:
    return max((day for day in days if day), default=None)
