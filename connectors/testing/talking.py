"""How the suite sends and listens: as the purchase order's workflow and the gateway do, without either of them."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TypeVar

import pytest
from pydantic import TypeAdapter

from connectors.errors import Retryable, Unsupported
from connectors.suppliers.interface import (
    Connector,
    Envelope,
    Idempotency,
    Inbound,
    Inward,
    Place,
    Request,
    SendReceipt,
    SendResult,
)
from connectors.testing.orders import ORDER, ids
from connectors.testing.peer import Fault, Peer
from domain.supplier_events import (
    AckLine,
    ChangeAck,
    Hint,
    LineRef,
    NoticeLine,
    OrderAck,
    ShipNotice,
    Split,
    SplitStatus,
    SupplierEvent,
)

TRIES = 12
"""Sends of one document, of which the suite lets at most three fail."""


async def sent(connector: Connector, request: Request, operation: str, control_number: int = 1) -> Envelope:
    """Write a request and get it delivered."""
    envelope = connector.render(request, ids(operation, control_number))
    receipt = await delivered(connector, envelope)
    assert receipt.result is SendResult.DELIVERED, f"{envelope.kind} was not delivered: {receipt.reason}"
    return envelope


async def delivered(
    connector: Connector, envelope: Envelope, peer: Peer | None = None, fault: Fault | None = None, times: int = 1
) -> SendReceipt:
    """Send the same bytes until their fate is known, as a workflow does: after the first time it asks before it sends.

    Where nobody can be asked and nobody recognises a repeat, an unknown fate stays unknown, for a person to find out.
    The first `times` meet the fault.
    """
    for attempt in range(TRIES):
        failing = peer if fault and attempt < times else None
        if failing and fault:
            await failing.fail(fault)
        try:
            if attempt and await _found(connector, envelope):
                return SendReceipt(result=SendResult.DELIVERED, reason="found when asked")
            receipt = await connector.send(envelope)
        except Retryable:
            continue
        finally:
            if failing:
                await failing.mend()
        given_up = not connector.capabilities.lookup and connector.capabilities.idempotency is Idempotency.NONE
        if receipt.result is not SendResult.UNKNOWN or given_up:
            return receipt
    pytest.fail(f"not delivered in {TRIES} sends, of which at most 3 met a fault")


async def _found(connector: Connector, envelope: Envelope) -> bool:
    try:
        return (await connector.lookup(envelope)).found
    except Unsupported:
        return False


async def heard(connector: Connector, peer: Peer, *messages: Inward) -> list[SupplierEvent]:
    """What the connector makes of messages that come to us the way they come: by `poll`, or through our door."""
    events: list[SupplierEvent] = []
    for message in await through(connector, peer, *messages):
        if has_a_door(connector):
            connector.verify(message)
        events += connector.decode(message).events
    return events


def has_a_door(connector: Connector) -> bool:
    """Whether messages are brought to us. What is only polled is never verified: `decode` knows whose it is."""
    return connector.capabilities.inbound != frozenset({Inbound.POLL})


async def through(connector: Connector, peer: Peer, *messages: Inward) -> list[Inward]:
    """The messages as the connector brings them."""
    if not connector.capabilities.poll:
        return list(messages)
    await peer.deliver(*messages)
    brought, _ = await drained(connector)
    return brought


async def drained(connector: Connector, cursor: str | None = None) -> tuple[list[Inward], str | None]:
    """Poll until nothing is left; what came, and the last cursor."""
    brought: list[Inward] = []
    for _ in range(1000):
        batch = await connector.poll(cursor)
        cursor = batch.cursor
        if not batch.messages:
            return brought, cursor
        brought += batch.messages
    pytest.fail("poll brings something for ever, although its cursor is given back each time")


# What is said, in short


def ref(line_no: int, order: Place = ORDER) -> LineRef:
    """A line of an order, by all its names."""
    line = next(line for line in order.lines if line.line_no == line_no)
    return LineRef(line_no=line_no, sku=line.sku, supplier_sku=line.supplier_sku)


def split(status: SplitStatus, quantity: int, on: date | None = None, **more: object) -> Split:
    """A part of a line."""
    return TypeAdapter(Split).validate_python({"status": status, "quantity": quantity, "deliver_on": on, **more})


def answer(*lines: tuple[int, tuple[Split, ...]]) -> OrderAck:
    """The answer to ORDER, line by line."""
    return OrderAck(
        po_number=ORDER.po_number,
        supplier_order_no="SO-4711",
        lines=tuple(AckLine(line=ref(line_no), splits=splits) for line_no, splits in lines),
    )


def notice(*lines: NoticeLine, po_number: str = ORDER.po_number, **more: object) -> ShipNotice:
    """Goods of an order have left."""
    return ShipNotice.model_validate(
        {"po_number": po_number, "shipment_id": "SH-1", "lines": lines, "tracking": "1Z999"} | more
    )


# What is heard, compared

Parts = dict[int, list[tuple[SplitStatus, Decimal]]]


def line_no_of(named: LineRef, order: Place = ORDER) -> int | None:
    """The line that a message names, as the ledger finds it: by number, else by our item, else by the supplier's."""
    for line in order.lines:
        if named.line_no is not None:
            if named.line_no == line.line_no:
                return line.line_no
        elif named.sku == line.sku or (named.sku is None and named.supplier_sku == line.supplier_sku):
            return line.line_no
    return None


def parts(answered: OrderAck | ChangeAck, order: Place = ORDER) -> Parts:
    """Status and quantity of each part, by line. An acceptance without lines is that of every line as ordered."""
    if isinstance(answered, OrderAck) and answered.accepted and not answered.lines:
        return {line.line_no: [(SplitStatus.ACCEPTED, Decimal(line.quantity))] for line in order.lines}
    found: Parts = {}
    for line in answered.lines:
        line_no = line_no_of(line.line, order)
        assert line_no is not None, f"the answer names a line that was not ordered: {line.line!r}"
        asked = next(Decimal(one.quantity) for one in order.lines if one.line_no == line_no)
        whole = [(SplitStatus.ACCEPTED, asked)] if not line.splits else []
        found.setdefault(line_no, []).extend(whole or [(part.status, part.quantity) for part in line.splits])
    return {line_no: sorted(several) for line_no, several in found.items()}


def shipped(told: ShipNotice, order: Place = ORDER) -> dict[int | None, Decimal]:
    """What has left, by line; None: items that name no line of the order."""
    found: dict[int | None, Decimal] = {}
    for line in told.lines:
        line_no = line_no_of(line.line, order)
        found[line_no] = found.get(line_no, Decimal(0)) + line.shipped
    return found


Kind = TypeVar("Kind", bound=SupplierEvent)


def only(kind: type[Kind], events: Iterable[SupplierEvent]) -> Kind:
    """The one event that came; hints beside it move nothing, and do not count."""
    told = [event for event in events if not isinstance(event, Hint)]
    assert len(told) == 1 and isinstance(told[0], kind), f"one {kind.__name__} was said, and heard was {told!r}"
    return told[0]
