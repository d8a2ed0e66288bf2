"""Taking in a supplier's message, by whatever door it came: keep it raw, read it, tell whom it concerns; in that order.

A crash between any two lines is healed by the message coming again: a webhook's sender repeats it, a fetched file stays
where it is. The repeat is known by its key, counts nothing twice, and tells once more.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.announcing import wake_purchase_order
from domain import names
from domain.summaries import MAILBOX_DETAILS, mailbox_summary
from domain.supplier_events import SupplierEvent
from domain.values import Frozen

if TYPE_CHECKING:
    from connectors.suppliers.interface import Connector, Decoded, Inward, Reply
    from ledger.book import Ledger
    from ledger.inbox import StoredMessage

LONGEST_COMPLAINT = 500
"""Characters of the reason why a message cannot be read."""

_NEVER_KEPT = frozenset({"authorization", "cookie", "proxy-authorization", "order-link"})
"""Headers that may hold a secret and prove nothing later."""

LONGEST_KEY = 300
"""Characters of the key by which a message is known: the ledger finds things by it."""

log = logging.getLogger(__name__)


class Taken(Frozen):
    """What became of a message."""

    inbox_id: int
    """Under which it is kept, raw."""
    repeated: bool
    """It came before; nothing counts twice."""
    po_numbers: tuple[str, ...] = ()
    """The orders that were told of it."""
    astray: bool = False
    """Something in it concerns no order of ours, which a person has to look at."""
    unreadable: str | None = None
    """Why it could not be read. It is kept all the same, and people look at it; sending it again changes nothing."""


async def take_in(
    ledger: Ledger,
    temporal: Client,
    connector: Connector,
    supplier_id: str,
    message: Inward,
    *,
    door: str,
    at: datetime,
    task_queue: str,
) -> tuple[Taken, Reply | None]:
    """Take in one message, and write the word that the protocol owes for it.

    Args:
        ledger: the ledger.
        temporal: where the orders' workflows are.
        connector: the supplier's.
        supplier_id: whose message it is.
        message: as it came.
        door: how it came: webhook, folder ...
        at: now.
        task_queue: of the workflows.

    Returns:
        What became of it; and the reply, if one is owed. One that does not go back at once is kept, to be sent.
    """
    from psycopg import DataError

    from connectors.suppliers.interface import HidesSecrets
    from ledger import inbox

    to_keep = connector.hidden(message) if isinstance(connector, HidesSecrets) else message

    async def kept(key: str, events: Sequence[SupplierEvent], unreadable: str | None) -> StoredMessage:
        return await inbox.store_message(
            ledger,
            supplier_id,
            door=door,
            dedupe_key=key,
            headers={name: value for name, value in to_keep.headers.items() if name not in _NEVER_KEPT},
            body=to_keep.body,
            at=at,
            events=events,
            unreadable=unreadable,
            issues=decoded.issues,
        )

    decoded, unreadable = await asyncio.to_thread(reading, connector, message)  # megabytes take a second
    try:
        stored = await kept(decoded.dedupe_key or known_by(to_keep), decoded.events, unreadable)
    except DataError as unkeepable:
        unreadable = fit_to_keep(f"it says what the ledger cannot keep ({unkeepable}); its connector should say so")
        stored = await kept(known_by(to_keep), (), unreadable)
    if stored.differs:
        unreadable = (
            f"it bears the number of message {stored.inbox_id}, and says something else. Ask the supplier which of "
            "the two holds. If this one does, too, resolve with 'retry'; else with 'dismiss'"
        )
        stored = await kept(known_by(to_keep), (), unreadable)
    if unreadable or decoded.issues:
        log.warning("message %s of supplier %s: %s", stored.inbox_id, supplier_id, unreadable or decoded.issues)
    for po_number in stored.po_numbers:
        await wake_purchase_order(temporal, po_number, names.SUPPLIER_MESSAGE, stored.inbox_id, task_queue=task_queue)
    reply = await _owed(ledger, connector, supplier_id, message, inbox_id=stored.inbox_id, at=at)
    taken = Taken(
        inbox_id=stored.inbox_id,
        repeated=stored.repeated,
        po_numbers=stored.po_numbers,
        astray=stored.astray,
        unreadable=unreadable,
    )
    return taken, reply


def reading(connector: Connector, message: Inward) -> tuple[Decoded, str | None]:
    """What a message says; or, in words, why nobody can tell.

    A connector that fails in its own way has a defect, which must not hold up the messages behind this one. A message
    that could not be read has no key.
    """
    from connectors.errors import Undecodable
    from connectors.suppliers.interface import Decoded

    try:
        decoded = connector.decode(message)
    except Undecodable as undecodable:
        return Decoded(dedupe_key="", events=()), fit_to_keep(str(undecodable))
    except Exception as defect:
        log.exception("the connector %s fails on a message", connector.manifest.name)
        why = f"the connector {connector.manifest.name} fails on it ({type(defect).__name__}: {defect}): report that"
        return Decoded(dedupe_key="", events=()), fit_to_keep(why)
    key = decoded.dedupe_key
    if len(key) > LONGEST_KEY or not key.isprintable():
        key = f"sha256:{hashlib.sha256(key.encode(errors='replace')).hexdigest()}"
    return decoded.model_copy(update={"dedupe_key": key, "issues": tuple(map(fit_to_keep, decoded.issues))}), None


def known_by(message: Inward) -> str:
    """The key of a message of which nothing is known but its bytes."""
    return f"sha256:{hashlib.sha256(message.body).hexdigest()}"


async def _owed(
    ledger: Ledger, connector: Connector, supplier_id: str, message: Inward, *, inbox_id: int, at: datetime
) -> Reply | None:
    """Write the reply once. A repeated message is answered with the reply it had."""
    from connectors.suppliers.interface import Reply, WireIds
    from ledger import documents, unreadable

    if not connector.capabilities.acknowledges:
        return None
    key = f"reply/{inbox_id}"
    numbered = await documents.number_document(ledger, supplier_id, key=key, at=at)
    ids = WireIds(operation_id=key, control_number=numbered.number, written_at=numbered.written_at)
    try:
        reply = await asyncio.to_thread(connector.acknowledge, message, ids)
    except Exception as defect:
        log.exception("the connector %s cannot write a reply", connector.manifest.name)
        why = fit_to_keep(f"no reply to it can be written ({type(defect).__name__}: {defect}): report that")
        await unreadable.leave_to_person(ledger, inbox_id, why)
        return None
    if reply is None:
        return None
    kept = await documents.owe_reply(
        ledger,
        supplier_id,
        inbox_id,
        numbered,
        content_type=reply.content_type,
        headers=reply.headers,
        body=reply.body,
        sent=reply.at_once,
    )
    return Reply(content_type=kept.content_type, body=kept.body, headers=kept.headers, at_once=reply.at_once)


async def wake_mailbox(client: Client, supplier_id: str, *, task_queue: str, look: bool = True) -> None:
    """Have a supplier's mailbox look at once; start it if it does not run.

    Args:
        client: where it runs.
        supplier_id: whose.
        task_queue: of the workflows.
        look: False: one that runs is left to its own pace.
    """
    await client.start_workflow(
        names.SUPPLIER_MAILBOX,
        {"supplier_id": supplier_id},
        id=names.mailbox_workflow_id(supplier_id),
        task_queue=task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal=names.LOOK if look else None,
        static_summary=mailbox_summary(supplier_id),
        static_details=MAILBOX_DETAILS,
    )


def fit_to_keep(complaint: str) -> str:
    """It may repeat a piece of the message: of any length, and with characters that no log or ledger takes."""
    short = complaint if len(complaint) <= LONGEST_COMPLAINT else f"{complaint[:LONGEST_COMPLAINT]} ..."
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in short)
