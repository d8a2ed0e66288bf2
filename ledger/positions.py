"""Where backorders stand, read from the books in one statement: the view that every decision is made from."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, LiteralString

from psycopg.rows import dict_row

from domain.backorder_position import BackorderPosition
from domain.errors import NotFound
from domain.money import Worth, refund_due
from domain.values import round_money
from ledger.book import Connection, Ledger

# Everything about a backorder in one statement, so that it is one moment's truth in one round trip. Money is text in
# the json parts: a json number would pass through a float. A claim is in transit if the units shipped reach down to its
# rank; the first comparison spares the sum when the whole line was shipped.
POSITIONS = """
    select b.backorder_id, b.sales_order, b.sku, i.name as item_name, b.zone, b.currency, b.unit_price,
           b.partial_shipment, b.accepted_at, b.promised_by, b.ordered, b.unsourced, b.claimed, b.allocated,
           b.shipped, b.cancelled, b.shipping_charge, b.captured, b.refunded, b.first_promise, b.current_promise,
           b.promise_basis, b.sourcing_tries, b.sourcing_failed_since, b.last_sourced_at, b.cancel_requested_at,
           b.cancelled_by, b.cancel_reason, b.refund_deadline, b.attention, b.attention_since, b.closed_at,
           (select count(*) from announcement a
            where a.owed_by = 'backorder/' || b.backorder_id and a.told_at is null) as unannounced,
           (select coalesce(jsonb_agg(jsonb_build_object(
                'po_number', c.po_number, 'supplier_id', p.supplier_id, 'quantity', c.quantity,
                'expected_on', c.expected_on, 'confirmed', c.confirmed,
                'in_transit', l.in_transit > 0 and (l.in_transit >= l.claimed or l.in_transit >= (
                    select sum(o.quantity) from claim o join backorder w using (backorder_id)
                    where o.po_number = c.po_number and o.line_no = c.line_no and o.quantity > 0
                      and (w.legal_deadline, w.priority, w.accepted_at, w.backorder_id collate "C")
                          <= (b.legal_deadline, b.priority, b.accepted_at, b.backorder_id collate "C")
                ))) order by c.po_number), '[]')
            from claim c join po_line l using (po_number, line_no) join purchase_order p using (po_number)
            where c.backorder_id = b.backorder_id and c.quantity > 0) as claims,
           (select coalesce(jsonb_agg(jsonb_build_object(
                'notice_id', n.notice_id, 'kind', n.kind, 'sent_at', n.sent_at, 'promised', n.promised,
                'answer', n.answer, 'answered_at', n.answered_at) order by n.sent_at, n.notice_id), '[]')
            from notice n where n.backorder_id = b.backorder_id and n.sent_at is not null) as notices,
           (select coalesce(jsonb_agg(jsonb_build_object(
                'payment_id', y.payment_id, 'kind', y.kind, 'state', y.state, 'amount', y.amount::text,
                'requested_at', y.requested_at, 'settled_at', y.settled_at, 'parcel_id', y.parcel_id,
                'refunds', y.refunds) order by y.requested_at, y.payment_id), '[]')
            from payment y where y.backorder_id = b.backorder_id) as payments,
           (select coalesce(jsonb_agg(jsonb_build_object(
                'parcel_id', q.parcel_id, 'quantity', q.quantity, 'planned_at', q.planned_at, 'booked_at', q.booked_at,
                'tracking', q.tracking, 'charge_amount', q.charge_amount::text,
                'state', case when q.possessed_at is not null then 'possessed'
                              when q.voided_at is not null then 'voided'
                              when q.booked_at is not null then 'booked' else 'planned' end,
                'paid', q.charge_amount = 0 or exists (
                    select from payment y where y.parcel_id = q.parcel_id and y.kind = 'charge'
                    and y.state = 'succeeded')) order by q.planned_at, q.parcel_id), '[]')
            from parcel q where q.backorder_id = b.backorder_id) as parcels
    from backorder b join item i using (sku)
"""
_POSITION = POSITIONS + " where b.backorder_id = %s"


async def position(ledger: Ledger, backorder_id: str) -> BackorderPosition:
    """Where a backorder stands. Raises: NotFound."""
    async with ledger.look() as connection:
        return await read_position(connection, backorder_id)


async def read_position(connection: Connection, backorder_id: str) -> BackorderPosition:
    """Where a backorder stands, as seen from inside a transaction. Raises: NotFound."""
    found = await read_positions(connection, _POSITION, (backorder_id,))
    if not found:
        raise NotFound(f"no backorder {backorder_id!r} in the ledger; check the id")
    return found[0]


async def read_positions(
    connection: Connection, query: LiteralString, params: Sequence[Any] | Mapping[str, Any]
) -> list[BackorderPosition]:
    """The positions that a query over POSITIONS finds."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, params)
        return [_as_position(row) for row in await cursor.fetchall()]


def _as_position(row: dict[str, Any]) -> BackorderPosition:
    """The derived amounts are computed here, by the rule in `domain.money`, never stored."""
    currency: str = row["currency"]
    worth = Worth(unit_price=row["unit_price"], shipping_charge=row["shipping_charge"], currency=currency)
    for payment in row["payments"]:
        payment["amount"] = round_money(Decimal(payment["amount"]), currency)
    for parcel in row["parcels"]:
        parcel["charge_amount"] = round_money(Decimal(parcel["charge_amount"]), currency)
    derived = {
        "goods_value": round_money(row["unit_price"] * row["ordered"], currency),
        "refund_due": refund_due(
            worth,
            open_units=row["ordered"] - row["shipped"] - row["cancelled"],
            shipped=row["shipped"],
            captured=row["captured"],
            refunded=row["refunded"],
        ),
    }
    return BackorderPosition.model_validate({**row, **derived})
