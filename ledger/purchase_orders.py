"""One purchase order as a whole: where it stands, collecting and freezing it, waiting on it, ending it.

What it asks of the supplier is in `ledger.operations`, what the supplier says in `ledger.supplier_events`. Shares join
it in `ledger.sourcing`.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg.rows import dict_row

from domain.catalogue import CutOff, Supplier
from domain.errors import BooksDoNotBalance, NotFound
from domain.names import purchase_order_workflow_id
from domain.purchase_order_position import LinePosition, OperationPosition, PurchaseOrderPosition, SupplierTerms
from domain.values import count_units
from ledger.added_lines import add_lines, open_order
from ledger.attention import SETTLE_ON_ORDER, ask_among_many, ask_operator
from ledger.book import Connection, Fact, Ledger, fetch, fetch_one
from ledger.locked_orders import LockedOrder, lock_order, lock_orders
from ledger.order_lines import write_off
from ledger.shares import tell_changes

_POSITION = """
    select po.po_number, po.supplier_id, supplier.doc as supplier, po.currency, po.revision, po.opened_at,
           po.collect_until, po.threshold_reached_at is not null as threshold_reached, po.held_at is not null as held,
           po.release_requested_at is not null as release_now, po.frozen_at, po.acknowledged_at, po.rejected_at,
           po.cancelled_at, po.closed_at, po.added_to, po.chases, po.last_chased_at, po.overdue_told_at, po.attention,
           (select count(*) from announcement where owed_by = %(workflow_id)s and told_at is null) as unannounced
    from purchase_order po join supplier using (supplier_id) where po.po_number = %(po_number)s
"""
_LINES = """
    select line_no, sku, supplier_sku, unit_factor, ordered, confirmed, open, claimed, received_good, received_bad,
           over_received, closed_short, cancelled, unit_price, to_reduce, expected_on, to_add
    from po_line where po_number = %s order by line_no
"""
_OPERATIONS = """
    select operation_id, kind, revision, state, rendered_at, sent_at, answered_at, verdict, read_at
    from outbox where po_number = %s order by revision
"""


async def position(
    ledger: Ledger,
    po_number: str,
    *,
    can_reduce: bool = False,
    can_cancel: bool = False,
    says_it_could_read: bool = False,
) -> PurchaseOrderPosition:
    """Where a purchase order stands, read at one moment.

    Args:
        ledger: the ledger.
        po_number: which one.
        can_reduce: the supplier's connector can ask for a lower line quantity.
        can_cancel: the supplier's connector can ask to cancel the whole order.
        says_it_could_read: the supplier's protocol tells whether a document could be read.

    Raises:
        NotFound: no such purchase order.
    """
    asked = {"po_number": po_number, "workflow_id": purchase_order_workflow_id(po_number)}
    async with ledger.read() as connection:
        async with connection.cursor(row_factory=dict_row) as cursor:
            row: dict[str, Any] | None = await (await cursor.execute(_POSITION, asked)).fetchone()
        if row is None:
            raise NotFound(f"no purchase order {po_number!r} in the ledger; check the number")
        lines = await fetch(connection, LinePosition, _LINES, (po_number,))
        operations = await fetch(connection, OperationPosition, _OPERATIONS, (po_number,))
    supplier = Supplier.model_validate(row.pop("supplier"))
    terms = SupplierTerms.of(
        supplier, can_reduce=can_reduce, can_cancel=can_cancel, says_it_could_read=says_it_could_read
    )
    parts = {"supplier_name": supplier.name, "terms": terms, "lines": lines, "operations": operations}
    return PurchaseOrderPosition.model_validate({**row, **parts})


_HOLD = """
    update purchase_order set held_at = case when %(held)s then coalesce(held_at, %(at)s) end
    where po_number = %(po_number)s and frozen_at is null
"""
_RELEASE = """
    update purchase_order set release_requested_at = coalesce(release_requested_at, %s)
    where po_number = %s and frozen_at is null
"""


async def hold(ledger: Ledger, po_number: str, *, key: str, at: datetime, held: bool) -> None:
    """Stop the clock towards the cut-off, or let it run again. Of a frozen order nothing changes.

    Raises:
        NotFound: no such purchase order.
    """
    async with _new_fact(ledger, po_number, key=key, kind="held" if held else "resumed", at=at) as fact:
        if fact:
            await fact.connection.execute(_HOLD, {"held": held, "at": at, "po_number": po_number})


async def release_now(ledger: Ledger, po_number: str, *, key: str, at: datetime) -> None:
    """Ask for the order to be frozen and sent at once. Of a frozen order nothing changes.

    Raises:
        NotFound: no such purchase order.
    """
    async with _new_fact(ledger, po_number, key=key, kind="release requested", at=at) as fact:
        if fact:
            await fact.connection.execute(_RELEASE, (at, po_number))


_FROZEN = "update purchase_order set frozen_at = %s where po_number = %s"
_CLOSED = "update purchase_order set closed_at = coalesce(closed_at, %s) where po_number = %s"
_FIRST_REVISION = """
    insert into po_line_revision (po_number, revision, line_no, ordered, at, why)
    select po_number, 0, line_no, ordered, %s, 'placed' from po_line where po_number = %s and ordered > 0
"""
_COLLECTED_UNTIL = """
    select collect_until, supplier.doc->'cut_off' as cut_off from purchase_order join supplier using (supplier_id)
    where po_number = %s
"""
_MOVE_LINES = "update po_line set expected_on = expected_on + %s where po_number = %s"
_MOVE_CLAIMS = """
    update claim set expected_on = expected_on + %s where po_number = %s and quantity > 0
    returning backorder_id, expected_on
"""


class _Collected(NamedTuple):
    collect_until: datetime
    cut_off: dict[str, Any]


async def freeze(ledger: Ledger, po_number: str, *, key: str, at: datetime, can_add: bool = False) -> None:
    """End collecting: from now on shares join the next order. One that nobody wants any more is closed instead.

    An order frozen on a later day than planned (it was held, or nothing ran) tells its backorders the later date.

    Args:
        ledger: the ledger.
        po_number: which order.
        key: of workflow id and step.
        at: when.
        can_add: the connector can add lines to an order that the supplier has. If the supplier wants that, and has
            one that can take these lines, they move there, and this order is closed.

    Raises:
        NotFound: no such purchase order.
    """
    async with _new_fact(ledger, po_number, key=key, kind="frozen", at=at) as fact:
        if fact is None:
            return
        onto = await open_order(fact.connection, po_number) if can_add else None
        locked, *others = await lock_orders(fact.connection, po_number, *([onto] if onto else []))
        if locked.order.frozen_at or locked.order.closed_at:
            return
        wanted = [line for line in locked.lines if line.claimed]
        if not wanted:
            await fact.connection.execute(_CLOSED, (at, po_number))
            fact.note(text="Closed: nothing to buy")
            return
        await _move_dates(fact.connection, locked, at=at)
        for other in others:
            if await open_order(fact.connection, po_number) == other.order.po_number:
                fact.note(text=await add_lines(fact.connection, locked, other, wanted, at=at))
                return
        await fact.connection.execute(_FROZEN, (at, po_number))
        await fact.connection.execute(_FIRST_REVISION, (at, po_number))
        fact.note(text=f"Frozen with {count_units(sum(line.ordered for line in wanted))} on {len(wanted)} lines")


async def _move_dates(connection: Connection, locked: LockedOrder, *, at: datetime) -> None:
    po_number = locked.order.po_number
    collected = await fetch_one(connection, _Collected, _COLLECTED_UNTIL, (po_number,))
    if collected is None:
        return
    zone = ZoneInfo(CutOff.model_validate(collected.cut_off).zone)
    late = (at.astimezone(zone).date() - collected.collect_until.astimezone(zone).date()).days
    if late <= 0:
        return
    await connection.execute(_MOVE_LINES, (late, po_number))
    moved = await (await connection.execute(_MOVE_CLAIMS, (late, po_number))).fetchall()
    texts = [(one, f"{po_number} goes out later; goods are expected on {day}") for one, day in sorted(moved)]
    await tell_changes(connection, "date given", texts, at=at, owed_by=locked.order.workflow_id)


_CHASED = "update purchase_order set chases = chases + 1, last_chased_at = %s where po_number = %s"
_OVERDUE_CLAIMS = """
    update claim set expected_on = null where po_number = %s and quantity > 0 and expected_on < %s
    returning backorder_id
"""
_OVERDUE_LINES = "update po_line set expected_on = null where po_number = %s and open > 0 and expected_on < %s"
_OVERDUE_TOLD = "update purchase_order set overdue_told_at = %s where po_number = %s"


async def chased(ledger: Ledger, po_number: str, *, key: str, at: datetime) -> None:
    """The supplier was reminded of its acknowledgement.

    Raises:
        NotFound: no such purchase order.
    """
    async with _new_fact(ledger, po_number, key=key, kind="chased", at=at) as fact:
        if fact:
            await fact.connection.execute(_CHASED, (at, po_number))


async def tell_overdue(ledger: Ledger, po_number: str, *, key: str, at: datetime) -> None:
    """A date that cannot be relied on is no date: take it from the claims and tell their backorders.

    Of an acknowledged order those whose day has passed (UTC); of one that was never acknowledged, all of them.

    Raises:
        NotFound: no such purchase order.
    """
    async with _new_fact(ledger, po_number, key=key, kind="overdue", at=at) as fact:
        if fact is None:
            return
        locked = await lock_order(fact.connection, po_number)
        before = at.astimezone(UTC).date() if locked.order.acknowledged_at else date.max
        late = await (await fact.connection.execute(_OVERDUE_CLAIMS, (po_number, before))).fetchall()
        await fact.connection.execute(_OVERDUE_LINES, (po_number, before))
        await fact.connection.execute(_OVERDUE_TOLD, (at, po_number))
        why = "are overdue" if locked.order.acknowledged_at else "were never confirmed by the supplier"
        texts = [(row[0], f"Goods of {po_number} {why}; no date is known") for row in sorted(set(late))]
        await tell_changes(fact.connection, "overdue", texts, at=at, owed_by=locked.order.workflow_id)


async def close(ledger: Ledger, po_number: str, *, key: str, at: datetime) -> None:
    """End an order of which nothing is open.

    Raises:
        NotFound: no such purchase order.
        BooksDoNotBalance: units are still open; close it short if they will not come.
    """
    async with _new_fact(ledger, po_number, key=key, kind="closed", at=at) as fact:
        if fact is None:
            return
        locked = await lock_order(fact.connection, po_number)
        if still := sum(line.open for line in locked.lines):
            raise BooksDoNotBalance(
                f"{count_units(still)} of {po_number} are open; close it short if they will not come"
            )
        await fact.connection.execute(_CLOSED, (at, po_number))


async def close_short(ledger: Ledger, po_number: str, *, key: str, at: datetime) -> None:
    """An operator says that nothing more comes: the rest is closed short, and its backorders look elsewhere.

    Raises:
        NotFound: no such purchase order.
    """
    async with _new_fact(ledger, po_number, key=key, kind="closed short", at=at) as fact:
        if fact is None:
            return
        locked = await lock_order(fact.connection, po_number)
        if locked.order.frozen_at is None:
            raise BooksDoNotBalance(f"{po_number} still collects; cancel its backorders, or release it first")
        for line in locked.lines:
            why = "will not come: the order was closed short"
            await write_off(fact.connection, locked.order, line, "closed_short", why=why, at=at)
        fact.note(text=f"Closed short: {count_units(sum(line.open for line in locked.lines))} will not come")


async def raise_attention(
    ledger: Ledger, po_number: str, *, key: str, at: datetime, what: str, alike: str | None = None
) -> None:
    """Ask an operator for something, in plain words, next to what is asked already.

    Args:
        ledger: the ledger.
        po_number: on which order.
        key: of workflow id and step.
        at: when.
        what: is needed.
        alike: how needs begin of which there may be hundreds; the newest of them stay.

    Raises:
        NotFound: no such purchase order.
    """
    async with _new_fact(ledger, po_number, key=key, kind="attention", at=at) as fact:
        if fact:
            fact.note(text=what)
            if alike:
                await ask_among_many(fact.connection, po_number, what, alike=alike, on_order=True, at=at)
            else:
                await ask_operator(fact.connection, po_number, what, at=at)


async def settle_attention(
    ledger: Ledger, po_number: str, *, key: str, at: datetime, how: str, need: str | None = None
) -> None:
    """`need` is not asked of an operator any more; without it, nothing is.

    Raises:
        NotFound: no such purchase order.
    """
    async with _new_fact(ledger, po_number, key=key, kind="attention settled", at=at) as fact:
        if fact:
            fact.note(text=how)
            await fact.connection.execute(SETTLE_ON_ORDER, {"id": po_number, "need": need})


_EXISTS = "select from purchase_order where po_number = %s"


@asynccontextmanager
async def _new_fact(
    ledger: Ledger, po_number: str, *, key: str, kind: str, at: datetime
) -> AsyncGenerator[Fact | None, None]:
    """The fact to write about an order, or None if it was written before."""
    async with ledger.fact(key=key, subject=purchase_order_workflow_id(po_number), kind=kind, at=at) as fact:
        yield None if fact.repeated else fact
        if not fact.repeated and await (await fact.connection.execute(_EXISTS, (po_number,))).fetchone() is None:
            raise NotFound(f"no purchase order {po_number!r} in the ledger; check the number")
