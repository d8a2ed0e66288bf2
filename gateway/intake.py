"""Taking an order: the same one again is harmless, another under the same id is a conflict, nonsense starts nothing.

The workflow's start is the one moment of acceptance, since upstream systems may start workflows themselves. So two
different orders that race for one id are judged by Temporal, which starts one workflow an id; the loser is compared
with what the winner was started with.
"""

from datetime import datetime

from domain.errors import OrderConflict, OrderRefused
from domain.orders import Order, refuse_nonsense
from gateway.connections import Connections
from ledger import backorders, catalogue
from workflows.starting import start_backorder, started_order


async def take(connections: Connections, order: Order, now: datetime) -> bool:
    """Start the order's workflow, unless it was started before.

    Returns:
        True if it was started now, False for an exact repeat.

    Raises:
        OrderRefused: it cannot be accepted as it stands; nothing was started.
        OrderConflict: the id belongs to another order; nothing was changed.
    """
    fingerprint = await backorders.fingerprint(connections.ledger, order.backorder_id)
    if fingerprint is None:
        # Only a new order is judged by today's dates and catalogue: a repeat stays a repeat.
        refuse_nonsense(order, now)
        if order.sku not in await catalogue.known_skus(connections.ledger):
            raise OrderRefused(
                f"sku {order.sku!r} is not in the catalogue; add it there, or correct the order", field="sku"
            )
        if await start_backorder(connections.temporal, order, task_queue=connections.settings.task_queue):
            return True
        started = await started_order(connections.temporal, order.backorder_id)
        fingerprint = started.fingerprint if started else None
    if fingerprint != order.fingerprint:
        raise OrderConflict(
            f"backorder {order.backorder_id!r} was accepted before with other content; "
            "send that content again, or use another id"
        )
    return False
