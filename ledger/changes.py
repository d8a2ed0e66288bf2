"""Asking a supplier to change an order that it has: lines added, cancelled shares taken off, or all of it withdrawn.

What is asked is planned here, under the locks; it takes effect by the supplier's answer (`ledger.answers`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from domain.catalogue import SupplierItem
from domain.errors import NotFound
from domain.names import purchase_order_workflow_id
from domain.purchase_order_position import OperationKind
from domain.purchasing import quantity_to_order, unit_price
from domain.values import count_units
from ledger.book import Connection, Fact, Ledger, fetch, fetch_one
from ledger.locked_orders import Line, LockedOrder, lock_order, write_line
from ledger.order_lines import let_stand, write_off
from ledger.outbox import TO_PLAN, OrderToPlan, PlannedLine, PlannedOperation


class _InFlight(NamedTuple):
    placed: bool
    planned: bool
    """The latest revision was planned, and its bytes are not stored (yet)."""
    asked: bool
    """An operation is unanswered."""


_IN_FLIGHT = """
    select coalesce(bool_or(o.kind = 'place' and o.state = 'delivered'), false) as placed,
           coalesce(max(o.revision), -1) < p.revision as planned,
           coalesce(bool_or(o.state in ('rendered', 'unknown') and o.answered_at is null
                            or o.kind <> 'place' and o.state = 'delivered' and o.answered_at is null), false) as asked
    from purchase_order p left join outbox o using (po_number) where p.po_number = %s group by p.po_number
"""
_SOLD = """
    select i.sku, i.doc as item, item.name
    from supplier_item i join item using (sku) where i.supplier_id = %s and i.sku = any(%s)
"""
_NEXT_REVISION = "update purchase_order set revision = revision + 1 where po_number = %s"
_REVISED = """
    insert into po_line_revision (po_number, revision, line_no, ordered, at, why)
    select po_number, %(revision)s, line_no, received_good + received_bad + open - to_reduce, %(at)s, %(why)s
    from po_line where po_number = %(po_number)s
"""


class _Sold(NamedTuple):
    sku: str
    item: dict[str, Any]
    name: str


async def plan_addition(
    ledger: Ledger, po_number: str, *, key: str, at: datetime, can_add: bool
) -> PlannedOperation | None:
    """Plan to ask the supplier to add the lines that wait for it, as many units as are still wanted.

    Args:
        ledger: the ledger.
        po_number: a placed order with nothing in flight; of any other nothing is asked. A revision that was planned
            and never written down is not in flight: this plan stands in its place.
        key: a repeat returns the same plan.
        at: when.
        can_add: the connector can add lines. If it cannot (any more), nobody was asked yet, so that the units may be
            sourced anew.

    Returns:
        A change, as a new revision; None when there is nothing to ask.

    Raises:
        NotFound: no such purchase order.
    """
    async with ledger.fact(key=key, subject=purchase_order_workflow_id(po_number), kind="addition", at=at) as fact:
        if fact.repeated:
            return _as_planned(fact)
        locked = await lock_order(fact.connection, po_number)
        if not locked.adds_lines or (await _in_flight(fact.connection, po_number)).asked:
            return None
        if not can_add:
            await let_stand(fact.connection, locked, at=at)
            fact.note(text=f"No lines can be added for {locked.order.supplier_name}: their goods are sourced anew")
            return None
        sold = await _sold(fact.connection, locked)
        lines = [await _fitted(fact.connection, locked, line, sold) if line.to_add else line for line in locked.lines]
        new = [line for line in lines if line.to_add]
        if not new:
            fact.note(text="Nobody wants the lines any more that were to be added")
            return None
        locked = replace(locked, lines=tuple(lines))
        why = f"{count_units(sum(line.open for line in new))} added on {len(new)} lines"
        return await _revise(fact, locked, OperationKind.CHANGE, new, why=why, at=at)


_FIT = """
    update po_line set ordered = %(units)s, confirmed = %(units)s, open = %(units)s, unit_price = %(unit_price)s,
           to_add = %(units)s > 0
    where po_number = %(po_number)s and line_no = %(line_no)s
"""


async def _fitted(connection: Connection, locked: LockedOrder, line: Line, sold: Mapping[str, _Sold]) -> Line:
    """A line that nobody was asked to add yet, with the units that are claimed by now: as a line that collects."""
    if line.sku not in sold:
        return line
    item = SupplierItem.model_validate(sold[line.sku].item)
    units = quantity_to_order(line.claimed, item)
    price = unit_price(units, item) if units else line.unit_price
    place = {"po_number": locked.order.po_number, "line_no": line.line_no}
    await connection.execute(_FIT, {**place, "units": units, "unit_price": price})
    return replace(line, ordered=units, confirmed=units, open=units, unit_price=price, to_add=units > 0)


async def plan_reduction(
    ledger: Ledger, po_number: str, *, key: str, at: datetime, can_cancel: bool, can_reduce: bool = True
) -> PlannedOperation | None:
    """Plan to ask the supplier to take off what no backorder wants any more, above its minimum and in its multiples.

    Args:
        ledger: the ledger.
        po_number: a placed order with nothing in flight; of any other nothing is asked. A revision that was planned
            and never written down is not in flight: this plan stands in its place.
        key: a repeat returns the same plan.
        at: when.
        can_cancel: the connector can withdraw the whole order, which is asked when every open unit goes.
        can_reduce: the connector can ask for a lower line quantity.

    Returns:
        A change or a cancellation, as a new revision; None when there is nothing to ask.

    Raises:
        NotFound: no such purchase order.
    """
    async with ledger.fact(key=key, subject=purchase_order_workflow_id(po_number), kind="reduction", at=at) as fact:
        if fact.repeated:
            return _as_planned(fact)
        locked = await lock_order(fact.connection, po_number)
        flight = await _in_flight(fact.connection, po_number)
        if locked.order.is_over or not flight.placed or flight.asked or locked.adds_lines:
            return None
        if flight.planned:
            # Whoever planned it came to grief before it was written down, so it is planned anew, as things now stand.
            await let_stand(fact.connection, locked, at=at)
            locked = await lock_order(fact.connection, po_number)
        sold = await _sold(fact.connection, locked)
        smaller = [
            replace(line, to_reduce=off)
            for line in locked.lines
            if line.sku in sold and (off := _to_take_off(line, SupplierItem.model_validate(sold[line.sku].item)))
        ]
        if not smaller:
            return None
        whole = sum(line.open for line in locked.lines) == sum(line.to_reduce for line in smaller)
        kind = OperationKind.CANCEL if whole and can_cancel else OperationKind.CHANGE
        if kind is OperationKind.CHANGE and not can_reduce:
            return None
        for line in smaller:
            await write_line(fact.connection, locked.order, line)
        asked = () if kind is OperationKind.CANCEL else smaller
        units = count_units(sum(line.to_reduce for line in smaller))
        return await _revise(fact, locked, kind, asked, why=f"{units} given back by customers", at=at)


async def withdraw(ledger: Ledger, po_number: str, *, key: str, at: datetime) -> PlannedOperation | None:
    """Plan to withdraw the whole order from a supplier that stays silent. Claims stay until its answer: goods may come.

    A change that it has not answered either is taken as unanswered, so that only one question is in flight; one that
    was planned and never written down is forgotten.

    Args:
        ledger: the ledger.
        po_number: a placed order that nobody acknowledged.
        key: a repeat returns the same plan.
        at: when.

    Returns:
        The cancellation, as a new revision; None if the supplier spoke meanwhile, nothing is open, or a withdrawal is
        under way.

    Raises:
        NotFound: no such purchase order.
    """
    async with ledger.fact(key=key, subject=purchase_order_workflow_id(po_number), kind="withdrawal", at=at) as fact:
        if fact.repeated:
            return _as_planned(fact)
        locked = await lock_order(fact.connection, po_number)
        if locked.order.acknowledged_at:
            return None
        return await _cancel_rest(fact, locked, why="withdrawn: the supplier stays silent", at=at)


async def withdraw_by_hand(ledger: Ledger, po_number: str, *, key: str, at: datetime) -> PlannedOperation | None:
    """Plan to withdraw the whole order because an operator wants it so, acknowledged or not. Else as `withdraw`.

    Raises:
        NotFound: no such purchase order.
    """
    async with ledger.fact(key=key, subject=purchase_order_workflow_id(po_number), kind="withdrawal", at=at) as fact:
        if fact.repeated:
            return _as_planned(fact)
        locked = await lock_order(fact.connection, po_number)
        return await _cancel_rest(fact, locked, why="withdrawn by an operator", at=at)


async def _cancel_rest(fact: Fact, locked: LockedOrder, *, why: str, at: datetime) -> PlannedOperation | None:
    flight = await _in_flight(fact.connection, locked.order.po_number)
    if locked.order.is_over or not any(line.open for line in locked.lines) or not flight.placed:
        return None
    if flight.asked and not await _supersede_change(fact.connection, locked.order.po_number, at=at):
        return None
    for line in locked.lines:
        if line.to_add:  # it never was a part of the order, so whoever counts on it need not wait for the answer
            await write_off(
                fact.connection, locked.order, line, "cancelled", why="are withdrawn from the supplier", at=at
            )
        elif line.to_reduce:
            await write_line(fact.connection, locked.order, replace(line, to_reduce=0))
    known = tuple(line for line in locked.lines if flight.asked or not line.to_add)
    if not any(line.open for line in known):
        return None
    return await _revise(fact, replace(locked, lines=known), OperationKind.CANCEL, why=why, at=at)


def _to_take_off(line: Line, item: SupplierItem) -> int:
    """Stock units to ask off: not what is claimed or came, nor what the supplier's minimum and multiple hold anyway."""
    wanted = quantity_to_order(line.received_good + line.received_bad + line.claimed, item)
    left = max(wanted, line.total - line.free)
    left = -(-left // line.unit_factor) * line.unit_factor
    return max(0, line.total - left)


def _asked(line: Line, names: Mapping[str, str]) -> PlannedLine:
    return PlannedLine(
        line_no=line.line_no,
        sku=line.sku,
        supplier_sku=line.supplier_sku,
        description=names.get(line.sku, line.sku),
        quantity=(line.total - line.to_reduce) // line.unit_factor,
        unit_price=line.unit_price * line.unit_factor,
    )


async def _in_flight(connection: Connection, po_number: str) -> _InFlight:
    return await fetch_one(connection, _InFlight, _IN_FLIGHT, (po_number,)) or _InFlight(False, False, False)


async def _sold(connection: Connection, locked: LockedOrder) -> Mapping[str, _Sold]:
    skus = [line.sku for line in locked.lines]
    return {row.sku: row for row in await fetch(connection, _Sold, _SOLD, (locked.order.supplier_id, skus))}


_SUPERSEDE = """
    update outbox set answered_at = %s, verdict = 'silent'
    where po_number = %s and kind = 'change' and state = 'delivered' and answered_at is null
"""
_STILL_ASKED = """
    select exists (select from outbox where po_number = %s and answered_at is null
                   and (kind = 'cancel' or state in ('rendered', 'unknown')))
"""


async def _supersede_change(connection: Connection, po_number: str, *, at: datetime) -> bool:
    """Take an unanswered change as unanswered for good; False if something else is in flight, which must end first."""
    row = await (await connection.execute(_STILL_ASKED, (po_number,))).fetchone()
    if row and row[0]:
        return False
    await connection.execute(_SUPERSEDE, (at, po_number))
    return True


async def _revise(
    fact: Fact, locked: LockedOrder, kind: OperationKind, changed: Sequence[Line] = (), *, why: str, at: datetime
) -> PlannedOperation:
    """Number the new revision, keep what it asks of each line, and remember the plan for a repeat."""
    po_number, revision = locked.order.po_number, locked.order.revision + 1
    names = {sku: sold.name for sku, sold in (await _sold(fact.connection, locked)).items()}
    with_it = {line.line_no: line for line in changed}
    # A format tells a new line by that the others were there before, so an addition names all of those.
    known = locked.lines if any(line.to_add for line in changed) else changed
    whole = [with_it.get(line.line_no, replace(line, to_reduce=0)) for line in locked.lines if line.total]
    await fact.connection.execute(_NEXT_REVISION, (po_number,))
    await fact.connection.execute(_REVISED, {"po_number": po_number, "revision": revision, "at": at, "why": why})
    order = await fetch_one(fact.connection, OrderToPlan, TO_PLAN, (po_number,))
    if order is None:
        raise NotFound(f"no purchase order {po_number!r} in the ledger; check the number")
    planned = order.planned(
        kind,
        revision,
        at,
        *(_asked(line, names) for line in changed),
        before={line.line_no: line.total // line.unit_factor for line in known if not line.to_add},
        whole=[_asked(line, names) for line in whole],
    )
    fact.result = planned.model_dump(mode="json")
    fact.note(operation_id=planned.operation_id, text=f"Planned {kind} revision {revision}: {why}")
    return planned


def _as_planned(fact: Fact) -> PlannedOperation | None:
    return PlannedOperation.model_validate(fact.result) if fact.result else None
