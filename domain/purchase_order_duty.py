"""What a purchase order must do next: a pure function of where it stands, its supplier's terms, and the time.

The `PurchaseOrder` workflow does the duty that is due, or sleeps until the earliest one or a message.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from domain.calendars import end_of_day
from domain.duties import NOTHING_POSTPONED, first_due
from domain.purchase_order_position import (
    OperationKind,
    OperationPosition,
    OperationState,
    PurchaseOrderPosition,
)
from domain.values import Frozen, Instant


class PurchaseOrderDutyKind(StrEnum):
    """What there is to do."""

    FREEZE = "freeze"
    RENDER = "render"
    SEND = "send"
    LOOK_UP = "look up"
    CHASE = "chase"
    WITHDRAW = "withdraw"
    ASK_OPERATOR = "ask operator"
    STOP_ASKING = "stop asking"
    ADD_LINES = "add lines"
    REDUCE = "reduce"
    GIVE_UP_CHANGE = "give up change"
    TELL_OVERDUE = "tell overdue"
    CLOSE = "close"


class PurchaseOrderDuty(Frozen):
    """One thing to do, and when."""

    kind: PurchaseOrderDutyKind
    at: Instant
    why: str
    """In plain words, for the people who watch."""
    operation_id: str | None = None
    need: str = ""
    """What STOP_ASKING takes back."""


def next_duty(
    position: PurchaseOrderPosition,
    now: datetime,
    postponed: Mapping[str, datetime] = NOTHING_POSTPONED,
    *,
    shares_changed: bool = False,
) -> PurchaseOrderDuty | None:
    """The most important duty due at `now`, else the one that falls due first; None when only a message can move it.

    Args:
        position: where the purchase order stands.
        now: the present instant.
        postponed: duties that could not be done when last tried, and when to try them again.
        shares_changed: customers gave shares back since the last look, so a lower quantity may be asked for.
    """
    return first_due(_duties(position, now, shares_changed), now, postponed)


def is_over(position: PurchaseOrderPosition) -> bool:
    """True when nothing is to be done any more; a late receipt starts the workflow again."""
    return bool(position.closed_at or position.rejected_at or position.cancelled_at)


def _duties(position: PurchaseOrderPosition, now: datetime, shares_changed: bool) -> Iterator[PurchaseOrderDuty]:
    kind = PurchaseOrderDutyKind
    if (position.acknowledged_at or is_over(position)) and _silent(position) in (position.attention or ""):
        yield PurchaseOrderDuty(kind=kind.STOP_ASKING, at=now, why="the supplier spoke", need=_silent(position))
    if not position.adds_lines and _added_or_not(position) in (position.attention or ""):
        yield PurchaseOrderDuty(kind=kind.STOP_ASKING, at=now, why="it is known now", need=_added_or_not(position))
    if is_over(position):
        return
    if position.frozen_at is None:
        yield from _collecting(position, now)
        return
    place = position.place
    if position.open == 0 and (place is None or place.state is OperationState.RENDERED):
        yield PurchaseOrderDuty(kind=kind.CLOSE, at=now, why="nobody wants it any more, and it was never sent")
        return
    if place is None:
        yield PurchaseOrderDuty(kind=kind.RENDER, at=now, why="write the order down, once")
        return
    pending = position.pending
    if pending and pending.state in {OperationState.RENDERED, OperationState.UNKNOWN}:
        yield _deliver(pending, now)
        return
    if pending and position.adds_lines:
        yield from _added_without_answer(position, pending)
    elif pending:
        yield from _unanswered(position, pending)
    elif position.adds_lines:
        yield PurchaseOrderDuty(kind=kind.ADD_LINES, at=now, why="ask the supplier to add lines to the order it has")
    elif position.open == 0:
        yield PurchaseOrderDuty(kind=kind.CLOSE, at=now, why="everything has come, or never will")
        return
    elif shares_changed and (position.terms.can_reduce or position.terms.can_cancel):
        yield PurchaseOrderDuty(kind=kind.REDUCE, at=now, why="ask the supplier to take cancelled shares off")
    yield from _unread(position)
    if position.acknowledged_at is None:
        yield from _silence(position, place)
    else:
        yield from _overdue(position)


def _collecting(position: PurchaseOrderPosition, now: datetime) -> Iterator[PurchaseOrderDuty]:
    freeze = PurchaseOrderDutyKind.FREEZE
    if position.release_now:
        yield PurchaseOrderDuty(kind=freeze, at=now, why="an operator released it")
    elif position.held:
        return
    elif position.threshold_reached:
        yield PurchaseOrderDuty(kind=freeze, at=now, why="the supplier's threshold is reached")
    else:
        yield PurchaseOrderDuty(kind=freeze, at=position.collect_until, why="the supplier's cut-off")


def _deliver(operation: OperationPosition, now: datetime) -> PurchaseOrderDuty:
    if operation.state is OperationState.UNKNOWN:
        kind, why = PurchaseOrderDutyKind.LOOK_UP, "ask the supplier whether it arrived, before anything is sent again"
    else:
        kind, why = PurchaseOrderDutyKind.SEND, f"send {operation.kind} revision {operation.revision}"
    return PurchaseOrderDuty(kind=kind, at=now, why=why, operation_id=operation.operation_id)


def _unanswered(position: PurchaseOrderPosition, pending: OperationPosition) -> Iterator[PurchaseOrderDuty]:
    """A change or cancellation was delivered; silence must end somewhere."""
    until = (pending.sent_at or pending.rendered_at) + position.terms.acknowledge_within
    yield PurchaseOrderDuty(
        kind=PurchaseOrderDutyKind.GIVE_UP_CHANGE,
        at=until,
        why=f"wait for the answer to {pending.kind} revision {pending.revision}",
        operation_id=pending.operation_id,
    )


def _added_without_answer(position: PurchaseOrderPosition, pending: OperationPosition) -> Iterator[PurchaseOrderDuty]:
    """As with an order that is placed: the goods may come, so that nobody buys them elsewhere before a person asked."""
    terms, sent = position.terms, pending.sent_at or pending.rendered_at
    due, reminded = sent + terms.acknowledge_within, position.last_chased_at
    if reminded is not None and reminded >= due:
        due = reminded + terms.chase_every
    elif terms.chase_at_most:
        yield PurchaseOrderDuty(
            kind=PurchaseOrderDutyKind.CHASE,
            at=due,
            why=f"ask {position.supplier_name} whether it adds the lines",
            operation_id=pending.operation_id,
        )
        return
    if _added_or_not(position) not in (position.attention or ""):
        yield PurchaseOrderDuty(kind=PurchaseOrderDutyKind.ASK_OPERATOR, at=due, why=_added_or_not(position))


def _added_or_not(position: PurchaseOrderPosition) -> str:
    """What an operator is asked for when the supplier says nothing of lines that it was asked to add."""
    return (
        f"{position.supplier_name} has not answered whether it adds lines to {position.po_number}. Call them; then "
        "resolve with 'acknowledged' if it does, or with 'refused' to buy the goods elsewhere."
    )


def _silence(position: PurchaseOrderPosition, place: OperationPosition) -> Iterator[PurchaseOrderDuty]:
    terms = position.terms
    sent = place.sent_at or place.rendered_at
    due = (
        sent + terms.acknowledge_within if not position.last_chased_at else position.last_chased_at + terms.chase_every
    )
    withdrawn = any(o.kind is OperationKind.CANCEL for o in position.operations)
    if position.chases < terms.chase_at_most:
        yield PurchaseOrderDuty(
            kind=PurchaseOrderDutyKind.CHASE,
            at=due,
            why=f"chase {position.supplier_name} for its acknowledgement",
            operation_id=place.operation_id,
        )
    elif terms.can_cancel and not withdrawn:
        yield PurchaseOrderDuty(
            kind=PurchaseOrderDutyKind.WITHDRAW, at=due, why="the supplier stays silent: withdraw the order"
        )
    elif position.pending is None and _silent(position) not in (position.attention or ""):
        yield PurchaseOrderDuty(kind=PurchaseOrderDutyKind.ASK_OPERATOR, at=due, why=_silent(position))
    if position.overdue_told_at is None and position.chases >= terms.chase_at_most:
        yield PurchaseOrderDuty(
            kind=PurchaseOrderDutyKind.TELL_OVERDUE, at=due, why="tell the backorders that their date is unknown"
        )


def _silent(position: PurchaseOrderPosition) -> str:
    """What an operator is asked for when the last chase was in vain."""
    return (
        f"{position.supplier_name} has not acknowledged {position.po_number} and it could not be withdrawn. "
        "Call them; then resolve with 'acknowledged' if they confirm, or with 'close_short' to buy elsewhere."
    )


def _unread(position: PurchaseOrderPosition) -> Iterator[PurchaseOrderDuty]:
    """No word that a document could be read: it may lie in some mailbox, where nobody will ever answer it."""
    within = position.terms.read_within
    if within is None:
        return
    for operation in position.operations:
        need = _not_read(position, operation)
        waits = operation.state is OperationState.DELIVERED and not (operation.read_at or operation.answered_at)
        if operation.kind is OperationKind.PLACE and position.acknowledged_at:
            waits = False
        asked = need in (position.attention or "")
        sent = operation.sent_at or operation.rendered_at
        if waits and not asked:
            yield PurchaseOrderDuty(kind=PurchaseOrderDutyKind.ASK_OPERATOR, at=sent + within, why=need)
        elif asked and not waits:
            yield PurchaseOrderDuty(
                kind=PurchaseOrderDutyKind.STOP_ASKING, at=sent, why="the supplier spoke", need=need
            )


def _not_read(position: PurchaseOrderPosition, operation: OperationPosition) -> str:
    """What an operator is asked for when no functional acknowledgement came."""
    return (
        f"{position.supplier_name} has not said that it could read {operation.kind} revision {operation.revision} of "
        f"{position.po_number}. Ask them whether it arrived; then resolve with 'dismiss', or with 'withdraw'."
    )


def _overdue(position: PurchaseOrderPosition) -> Iterator[PurchaseOrderDuty]:
    dates = [line.expected_on for line in position.lines if line.open and line.expected_on]
    for expected in sorted(dates):
        late = end_of_day(expected, "UTC") + position.terms.overdue_grace
        if position.overdue_told_at is None or position.overdue_told_at < late:
            yield PurchaseOrderDuty(
                kind=PurchaseOrderDutyKind.TELL_OVERDUE, at=late, why=f"goods were expected on {expected}"
            )
            return
