"""Notices count when they were sent, and their first answer stands."""

from datetime import date, timedelta

import pytest

from domain.backorder_position import Answer, BackorderPosition, NoticeKind
from domain.errors import NotFound
from ledger import backorders, notices

from .conftest import NOW, Shop


async def written(shop: Shop, notice_id: str = "n-1") -> BackorderPosition:
    return await notices.write(
        shop.ledger,
        "a",
        notice_id=notice_id,
        kind=NoticeKind.FIRST_DELAY,
        at=NOW,
        promised=date(2026, 12, 20),
        silence=Answer.CONSENT,
        answer_by=date(2026, 12, 30),
    )


async def answered(shop: Shop, answer: Answer, notice_id: str = "n-1") -> str:
    return await notices.answer(shop.ledger, "a", notice_id, key=shop.key(), at=NOW, answer=answer)


async def test_a_notice_counts_when_it_was_sent(shop: Shop) -> None:
    await shop.accept("a")
    assert (await written(shop)).notices == ()
    sent_at = NOW + timedelta(minutes=1)
    for at in (sent_at, sent_at + timedelta(hours=1)):
        position = await notices.sent(shop.ledger, "n-1", at=at)
    (notice,) = position.notices
    assert (notice.kind, notice.sent_at, notice.promised) == (NoticeKind.FIRST_DELAY, sent_at, date(2026, 12, 20))
    assert [line.text for line in await backorders.story(shop.ledger, "a")][1:] == ["Told the customer: first delay"]


async def test_writing_the_same_notice_again_changes_nothing(shop: Shop) -> None:
    await shop.accept("a")
    await written(shop)
    await written(shop)
    assert len(await shop.rows("select * from notice")) == 1


async def test_a_notice_needs_a_backorder_and_sending_needs_a_notice(shop: Shop) -> None:
    with pytest.raises(NotFound):
        await written(shop)
    with pytest.raises(NotFound):
        await notices.sent(shop.ledger, "n-1", at=NOW)


@pytest.mark.parametrize(
    ("first", "then", "outcome", "stands"),
    [
        (Answer.CONSENT, Answer.CONSENT, "repeat", Answer.CONSENT),
        (Answer.CONSENT, Answer.CANCEL, "recorded", Answer.CANCEL),
        (Answer.CANCEL, Answer.CANCEL, "repeat", Answer.CANCEL),
        (Answer.CANCEL, Answer.CONSENT, "too_late", Answer.CANCEL),
    ],
)
async def test_the_first_answer_stands_but_consent_may_turn_to_cancel(
    shop: Shop, first: Answer, then: Answer, outcome: str, stands: Answer
) -> None:
    await shop.accept("a")
    await written(shop)
    await notices.sent(shop.ledger, "n-1", at=NOW)
    assert await answered(shop, first) == "recorded"
    assert await answered(shop, then) == outcome
    (notice,) = (await shop.position("a")).notices
    assert (notice.answer, notice.answered_at) == (stands, NOW)


async def test_the_same_answer_under_another_key_is_a_repeat_and_under_its_own_what_it_was(shop: Shop) -> None:
    await shop.accept("a")
    await written(shop)
    await notices.sent(shop.ledger, "n-1", at=NOW)
    for key, outcome in (("k1", "recorded"), ("k2", "repeat"), ("k1", "recorded")):
        said = await notices.answer(shop.ledger, "a", "n-1", key=key, at=NOW, answer=Answer.CONSENT)
        assert said == outcome


async def test_an_answer_after_the_cancel_comes_too_late(shop: Shop) -> None:
    await shop.accept("a")
    await written(shop)
    await notices.sent(shop.ledger, "n-1", at=NOW)
    await shop.cancel("a")
    assert await answered(shop, Answer.CONSENT) == "too_late"


async def test_a_notice_that_was_not_sent_or_is_anothers_cannot_be_answered(shop: Shop) -> None:
    await shop.accept("a")
    await shop.accept("b")
    await written(shop)
    with pytest.raises(NotFound):
        await answered(shop, Answer.CONSENT)
    await notices.sent(shop.ledger, "n-1", at=NOW)
    with pytest.raises(NotFound):
        await notices.answer(shop.ledger, "b", "n-1", key="k", at=NOW, answer=Answer.CONSENT)
