"""What customers read: each notice says what the law and courtesy want, and nothing in it can hurt."""

from datetime import date
from decimal import Decimal

import pytest

from connectors.messages.interface import Mail
from connectors.messages.rendering import NEEDS, NoticeContext, day, message_id, money, render_notice
from domain.backorder_position import Answer, CancelledBy, NoticeKind

FULL = NoticeContext(
    key="backorder/BO-1/notice/1",
    to="ada@example.org",
    shop_name="Birch & Thimble",
    mail_domain="shop.example",
    customer_name="Ada Nováková",
    sales_order="SO-1001",
    item_name="Walnut stool",
    sku="STOOL-T",
    quantity=2,
    remaining=1,
    currency="USD",
    first_promise=date(2026, 12, 4),
    previous_date=date(2026, 12, 20),
    new_date=date(2027, 1, 2),
    reason="the maker waits for walnut",
    answer_url="https://shop.example/a/abc?x=1&y=2",
    silence_means=Answer.CONSENT,
    answer_by=date(2026, 12, 30),
    amount=Decimal("1234.5"),
    next_try_on=date(2026, 12, 5),
    hold_until=date(2026, 12, 9),
    tracking="TRK991",
    cancelled_by=CancelledBy.SELLER,
    refund_amount=Decimal(20),
    refund_deadline=date(2027, 1, 9),
)
NO_DATE = FULL.model_copy(update={"new_date": None, "silence_means": Answer.CANCEL})
BARE = FULL.model_copy(
    update={
        "reason": "",
        "first_promise": None,
        "previous_date": None,
        "amount": Decimal(0),
        "next_try_on": None,
        "refund_amount": None,
        "refund_deadline": None,
        "remaining": 0,
        "new_date": None,
        "silence_means": Answer.CANCEL,
    }
)


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("context", [FULL, NO_DATE, BARE], ids=["full", "no date", "bare"])
def test_every_notice_renders_in_both_forms(kind: NoticeKind, context: NoticeContext) -> None:
    mail = render_notice(kind, context)
    for form in (mail.text, mail.html):
        assert "Ada Nováková" in form
        assert "SO-1001" in form
        assert "Walnut stool" in form
        assert "None" not in form
        assert "{" not in form.replace("{margin", "")
        assert "\n\n\n" not in form
    assert mail.subject.strip()
    assert "\n" not in mail.subject
    assert max(len(line) for line in mail.text.splitlines()) <= 110
    assert "src=" not in mail.html, "no picture is fetched from anywhere"


@pytest.mark.parametrize("kind", [NoticeKind.FIRST_DELAY, NoticeKind.RENEWED_DELAY])
@pytest.mark.parametrize("form", ["text", "html"])
def test_a_delay_notice_offers_to_cancel_with_a_prompt_refund_and_says_what_silence_means(
    kind: NoticeKind, form: str
) -> None:
    consenting = flat(getattr(render_notice(kind, FULL), form))
    cancelling = flat(getattr(render_notice(kind, NO_DATE), form))
    for words in (consenting, cancelling):
        assert "cancel" in words
        assert "refund everything you have paid for it, promptly" in words
        assert "it costs you nothing" in words
        assert "https://shop.example/a/abc?x=1" in words
        assert "because the maker waits for walnut" in words
    assert "January 2, 2027" in consenting
    assert "you are willing to wait" in consenting
    assert "we cancel the order for you" not in consenting
    assert (
        "cannot give you a new date" in flat(cancelling).lower().replace("we ", "") or "cannot be given" in cancelling
    )
    assert "we cancel the order for you" in cancelling
    assert "December 30, 2026" in cancelling
    assert "you are willing to wait" not in cancelling


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, fields in NEEDS.items() for field in fields])
def test_a_notice_that_lacks_what_it_must_say_is_not_rendered(kind: NoticeKind, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        render_notice(kind, FULL.model_copy(update={field: None}))


@pytest.mark.parametrize("form", ["text", "html"])
def test_a_delay_notice_that_is_the_first_mail_thanks_for_the_order(form: str) -> None:
    first, later = (
        flat(getattr(render_notice(NoticeKind.FIRST_DELAY, FULL.model_copy(update={"first_word": word})), form))
        for word in (True, False)
    )
    assert "hank you for your order. We are sorry" in first
    assert "hank you for your order" not in later


def test_a_first_date_is_not_called_a_delay_nor_said_before() -> None:
    date_only = FULL.model_copy(update={"first_word": True, "previous_date": None, "first_promise": FULL.new_date})
    mail = render_notice(NoticeKind.FIRST_DELAY, date_only)
    assert "takes longer" in mail.subject
    for form in (mail.text, mail.html):
        assert "First said" not in form
        assert "is delayed" not in form


def test_silence_cannot_consent_to_no_date() -> None:
    with pytest.raises(ValueError, match="silence"):
        render_notice(NoticeKind.FIRST_DELAY, FULL.model_copy(update={"new_date": None}))


def test_a_promised_refund_has_a_deadline() -> None:
    with pytest.raises(ValueError, match="refund_deadline"):
        render_notice(NoticeKind.CANCELLED, FULL.model_copy(update={"refund_deadline": None}))
    mail = render_notice(NoticeKind.CANCELLED, FULL)
    for form in (mail.text, mail.html):
        assert "$20.00" in form
        assert "January 9, 2027" in flat(form)


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (CancelledBy.CUSTOMER, "As you asked, we have cancelled"),
        (CancelledBy.LAW, "had no answer that you want to wait"),
        (CancelledBy.SELLER, "sorry: we cannot supply this item"),
    ],
)
def test_a_cancellation_says_who_cancelled(who: CancelledBy, words: str) -> None:
    mail = render_notice(NoticeKind.CANCELLED, BARE.model_copy(update={"cancelled_by": who, "reason": FULL.reason}))
    assert words.lower() in flat(mail.text).lower()
    assert words.lower() in flat(mail.html).lower()
    assert "nothing to refund" in flat(mail.text)


def test_names_cannot_inject_html() -> None:
    mail = render_notice(
        NoticeKind.SHIPPED,
        FULL.model_copy(update={"customer_name": "<script>alert(1)</script>", "item_name": '"><img src=x>'}),
    )
    assert "<script>" not in mail.html
    assert "<img" not in mail.html
    assert "<script>" in mail.text, "plain text stays plain"


def test_a_line_break_in_a_name_cannot_leave_the_subject() -> None:
    mail = render_notice(NoticeKind.SHIPPED, FULL.model_copy(update={"item_name": "Stool\r\nBcc: eve@example.org"}))
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject


def test_the_message_id_follows_the_key() -> None:
    def rendered(key: str) -> Mail:
        return render_notice(NoticeKind.SHIPPED, FULL.model_copy(update={"key": key}))

    assert rendered("a") == rendered("a")
    assert rendered("a").message_id != rendered("b").message_id
    assert message_id("a", "shop.example").endswith("@shop.example>")


def test_days_and_money_read_the_same_everywhere() -> None:
    assert day(date(2026, 12, 4)) == "Friday, December 4, 2026"
    assert money(Decimal("1234.5"), "USD") == "$1,234.50"
    assert money(Decimal(1500), "JPY") == "¥1,500"
