"""What happens to every message of a supplier, through whichever door, once it is proven: kept raw, read, then told.

In that order: whoever is answered 2xx may forget the message. A repeat is stored once and signals again, so a crash
between storing and signalling is healed by the sender's retry.
"""

import hashlib
import logging
from datetime import datetime

from activities.announcing import wake_purchase_order
from connectors.errors import Undecodable
from connectors.suppliers.email_portal.links import TOKEN
from connectors.suppliers.interface import Connector, Inward
from domain.supplier_events import SupplierEvent
from domain.values import Frozen
from gateway.connections import Connections
from ledger import inbox
from workflows import purchase_order_contract

LONGEST_COMPLAINT = 500
"""Characters of the reason why a message cannot be read."""

_NEVER_KEPT = frozenset({"authorization", "cookie", "proxy-authorization", TOKEN})
"""Headers that may hold a secret and prove nothing later."""

log = logging.getLogger(__name__)


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
) -> Kept:
    """Keep a message that its connector has verified, and tell the workflows of the orders it speaks of.

    Args:
        connections: of this process.
        supplier_id: who sent it.
        connector: the supplier's.
        message: as it came.
        door: how it came.
        at: when.
    """
    unreadable: str | None = None
    events: tuple[SupplierEvent, ...] = ()
    try:
        decoded = connector.decode(message)
        dedupe_key, events = decoded.dedupe_key, decoded.events
    except Undecodable as undecodable:
        unreadable, dedupe_key = _fit_to_keep(str(undecodable)), f"sha256:{hashlib.sha256(message.body).hexdigest()}"
        log.warning("a message of supplier %s cannot be read: %s", supplier_id, unreadable)
    stored = await inbox.store_message(
        connections.ledger,
        supplier_id,
        door=door,
        dedupe_key=dedupe_key,
        headers={name: value for name, value in message.headers.items() if name not in _NEVER_KEPT},
        body=message.body,
        at=at,
        events=events,
        unreadable=unreadable,
    )
    for po_number in stored.po_numbers:
        await wake_purchase_order(
            connections.temporal,
            po_number,
            purchase_order_contract.SUPPLIER_MESSAGE,
            stored.inbox_id,
            task_queue=connections.settings.task_queue,
        )
    return Kept(
        inbox_id=stored.inbox_id,
        repeated=stored.repeated,
        purchase_orders=stored.po_numbers,
        unreadable=unreadable,
    )


def _fit_to_keep(complaint: str) -> str:
    """It may repeat a piece of the message: of any length, and with characters that no log or ledger takes."""
    short = complaint if len(complaint) <= LONGEST_COMPLAINT else f"{complaint[:LONGEST_COMPLAINT]} ..."
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in short)
