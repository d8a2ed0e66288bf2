"""Notices to customers in the books: written before the mail goes out, marked as sent, answered once.

Only what was really sent counts for the law, so a position shows sent notices only.
"""

from datetime import date, datetime
from typing import Literal, NamedTuple

from domain.backorder_position import Answer, BackorderPosition, NoticeKind
from domain.errors import NotFound
from domain.names import backorder_workflow_id
from ledger.book import Ledger, fetch_one
from ledger.positions import read_position

AnswerOutcome = Literal["recorded", "repeat", "too_late"]

_WRITE = """
    insert into notice (notice_id, backorder_id, kind, promised, silence, answer_by, written_at)
    values (%(notice_id)s, %(id)s, %(kind)s, %(promised)s, %(silence)s, %(answer_by)s, %(at)s)
    on conflict (notice_id) do nothing
"""
_OWNER = "select backorder_id, kind from notice where notice_id = %s"
_SENT = "update notice set sent_at = %s where notice_id = %s and sent_at is null"
# The backorder's row is locked, so that an answer and a cancel, or two answers, take turns.
_QUESTION = """
    select n.answer, b.cancel_requested_at is not null or b.ordered = b.shipped + b.cancelled as settled
    from notice n join backorder b using (backorder_id)
    where n.notice_id = %s and n.backorder_id = %s and n.sent_at is not null for no key update of b
"""
_ANSWER = "update notice set answer = %s, answered_at = %s where notice_id = %s"


class _Owner(NamedTuple):
    backorder_id: str
    kind: str


class _Question(NamedTuple):
    answer: str | None
    settled: bool


async def write(
    ledger: Ledger,
    backorder_id: str,
    *,
    notice_id: str,
    kind: NoticeKind,
    at: datetime,
    promised: date | None,
    silence: Answer | None,
    answer_by: date | None,
) -> BackorderPosition:
    """Write a notice down before it is mailed; the same id again changes nothing.

    Args:
        ledger: the books.
        backorder_id: whom it tells.
        notice_id: of workflow id and step.
        kind: what it tells.
        at: when it was decided.
        promised: the date it gives; None says that none can be given.
        silence: what no answer means; None if it asks nothing.
        answer_by: the last day for the answer.

    Raises:
        NotFound: no such backorder.
    """
    subject = backorder_workflow_id(backorder_id)
    async with ledger.fact(key=f"{notice_id}/written", subject=subject, kind="notice written", at=at) as fact:
        now = await read_position(fact.connection, backorder_id)
        if not fact.repeated:
            row = {
                "notice_id": notice_id,
                "id": backorder_id,
                "kind": kind.value,
                "promised": promised,
                "silence": silence.value if silence else None,
                "answer_by": answer_by,
                "at": at,
            }
            await fact.connection.execute(_WRITE, row)
        return now


async def sent(ledger: Ledger, notice_id: str, *, at: datetime) -> BackorderPosition:
    """The mail left. From now on the notice counts.

    Raises:
        NotFound: it was never written.
    """
    async with ledger.look() as connection:
        owner = await fetch_one(connection, _Owner, _OWNER, (notice_id,))
    if owner is None:
        raise NotFound(f"no notice {notice_id!r} in the ledger; write it before it is sent")
    subject = backorder_workflow_id(owner.backorder_id)
    async with ledger.fact(key=f"{notice_id}/sent", subject=subject, kind="notice sent", at=at) as fact:
        if not fact.repeated:
            await fact.connection.execute(_SENT, (at, notice_id))
            fact.note(text=f"Told the customer: {owner.kind.replace('_', ' ')}")
        return await read_position(fact.connection, owner.backorder_id)


async def answer(
    ledger: Ledger, backorder_id: str, notice_id: str, *, key: str, at: datetime, answer: Answer
) -> AnswerOutcome:
    """Write down the customer's answer. The first one stands, except that a consent may later turn to a cancel.

    Returns:
        `recorded`; `repeat` if the same was answered before; `too_late` if another answer stands, or the backorder was
        cancelled or has shipped meanwhile. Under the same key again: what it was the first time.

    Raises:
        NotFound: no such notice was sent for this backorder.
    """
    subject = backorder_workflow_id(backorder_id)
    async with ledger.fact(key=key, subject=subject, kind="answered", at=at) as fact:
        if fact.repeated:
            return fact.result or "repeat"
        question = await fetch_one(fact.connection, _Question, _QUESTION, (notice_id, backorder_id))
        if question is None:
            raise NotFound(f"no notice {notice_id!r} was sent for backorder {backorder_id!r}; check the link")
        outcome = _outcome(question, answer)
        if outcome == "recorded":
            await fact.connection.execute(_ANSWER, (answer.value, at, notice_id))
            fact.note(text=f"The customer answered: {answer.value}")
        fact.result = outcome
        return outcome


def _outcome(question: _Question, answer: Answer) -> AnswerOutcome:
    if question.answer == answer.value:
        return "repeat"
    return "too_late" if question.settled or question.answer == Answer.CANCEL.value else "recorded"
