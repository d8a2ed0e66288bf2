"""What happens to every message of a supplier that comes through a door of ours, once it is proven."""

from datetime import datetime

from activities.inward import take_in, wake_mailbox
from connectors.suppliers.interface import Connector, Inward, Reply
from domain.values import Frozen
from gateway.connections import Connections


class Kept(Frozen):
    """What became of a supplier's message."""

    inbox_id: int
    """Under which it is kept, raw."""
    repeated: bool
    """It came before; nothing counts twice."""
    purchase_orders: tuple[str, ...] = ()
    """Those that were told of it."""
    unreadable: str | None = None
    """Why it could not be read. It is kept all the same, and people look at it; sending it again changes nothing."""


async def keep_and_tell(
    connections: Connections, supplier_id: str, connector: Connector, message: Inward, *, door: str, at: datetime
) -> tuple[Kept, Reply | None]:
    """Keep a message that its connector has verified, and tell the workflows that it concerns.

    Args:
        connections: of this process.
        supplier_id: who sent it.
        connector: the supplier's.
        message: as it came.
        door: how it came.
        at: when.

    Returns:
        What became of it; and what goes back in the response, where the protocol wants an answer at once.
    """
    queue = connections.settings.task_queue
    taken, reply = await take_in(
        connections.ledger,
        connections.temporal,
        connector,
        supplier_id,
        message,
        door=door,
        at=at,
        task_queue=queue,
    )
    if taken.unreadable or taken.astray or (reply and not reply.at_once):
        await wake_mailbox(connections.temporal, supplier_id, task_queue=queue)
    kept = Kept(
        inbox_id=taken.inbox_id,
        repeated=taken.repeated,
        purchase_orders=taken.po_numbers,
        unreadable=taken.unreadable,
    )
    return kept, reply if reply and reply.at_once else None
