"""A duty that cannot be done now: put off, longer each time, while the others go on."""

from datetime import UTC, datetime, timedelta

from domain.duties import TRY_AGAIN_AFTER, TRY_AGAIN_AT_LEAST_EVERY, Stuck, first_due, stuck_again
from domain.purchase_order_duty import PurchaseOrderDuty, PurchaseOrderDutyKind

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEND = PurchaseOrderDuty(kind=PurchaseOrderDutyKind.SEND, at=NOW, why="send")
CHASE = PurchaseOrderDuty(kind=PurchaseOrderDutyKind.CHASE, at=NOW - HOUR, why="chase")
CLOSE = PurchaseOrderDuty(kind=PurchaseOrderDutyKind.CLOSE, at=NOW + HOUR, why="close")


def test_of_what_is_due_the_most_important_is_first_and_else_what_falls_due_first() -> None:
    assert first_due([CLOSE, SEND, CHASE], NOW, {}) == SEND
    assert first_due([CLOSE], NOW, {}) == CLOSE
    assert first_due([], NOW, {}) is None


def test_what_is_put_off_lets_the_others_go_first() -> None:
    put_off = {PurchaseOrderDutyKind.SEND: NOW + 2 * HOUR}
    assert first_due([SEND, CHASE], NOW, put_off) == CHASE
    assert first_due([SEND, CLOSE], NOW, put_off) == CLOSE
    assert first_due([SEND], NOW, put_off) == SEND.model_copy(update={"at": NOW + 2 * HOUR})
    assert first_due([SEND], NOW, {PurchaseOrderDutyKind.SEND: NOW - HOUR}) == SEND


def test_the_wait_doubles_up_to_its_limit() -> None:
    stuck: Stuck | None = None
    waits: list[timedelta] = []
    for _ in range(6):
        stuck = stuck_again(stuck, "cannot send", NOW)
        waits.append(stuck.again_at - NOW)
    assert waits[:3] == [TRY_AGAIN_AFTER, 2 * TRY_AGAIN_AFTER, 4 * TRY_AGAIN_AFTER]
    assert waits[-1] == TRY_AGAIN_AT_LEAST_EVERY
    assert stuck is not None
    assert stuck.tries == 6
