"""The words customers read: one pair of templates (text and HTML) for each kind of notice, filled from one context.

A delay notice that does not offer to cancel, with a prompt refund and a free way to answer, counts as none at all
(16 CFR 435.2(b)); so what a kind needs is checked here, before a template runs. Nothing is decided here: whether
silence consents or cancels, and every date, comes in with the context.
"""

import hashlib
from datetime import date
from decimal import Decimal
from typing import Annotated

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from pydantic import Field, StringConstraints

from connectors.messages.interface import Mail
from domain.backorder_position import Answer, CancelledBy, NoticeKind
from domain.values import CURRENCY_DIGITS, Currency, Frozen

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CAD": "CA$", "JPY": "¥"}


class NoticeContext(Frozen):
    """Everything a notice may say. Dates are calendar days at the customer's ship-to address."""

    key: str
    """The notice's own key; the same key gives the same Message-ID."""
    to: str
    """The customer's address."""
    shop_name: str
    mail_domain: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+$")]
    """The right side of the Message-ID: a domain of the shop's."""
    customer_name: str
    sales_order: str
    item_name: str
    sku: str
    quantity: int = Field(ge=1)
    """The units this notice is about."""
    remaining: int = Field(default=0, ge=0)
    """Units of the order that are still to come after what this notice tells (a part shipped, a part cancelled)."""
    currency: Currency
    first_promise: date | None = None
    """What was promised first; it never changes."""
    previous_date: date | None = None
    """The date this notice replaces."""
    new_date: date | None = None
    """The date that now holds; None: none can be given."""
    in_stock: bool = False
    """ORDER_CONFIRMED: everything is here already."""
    first_word: bool = False
    """No mail went before this one, so it thanks for the order, too."""
    deposit: bool = False
    """PAYMENT_PROBLEM: it is the deposit that was declined; nothing was bought yet."""
    reason: str = ""
    """Why, as a clause that can follow "because"; empty: not said."""
    answer_url: str | None = None
    """The signed page on which the customer waits or cancels."""
    silence_means: Answer | None = None
    """What happens without an answer."""
    answer_by: date | None = None
    """The last day for an answer to count; with silence that cancels, the day after which it does."""
    amount: Decimal | None = None
    """SHIPPED: what was charged for this parcel. PAYMENT_PROBLEM: what could not be charged."""
    next_try_on: date | None = None
    """PAYMENT_PROBLEM: when the charge is tried again; None: it is not."""
    hold_until: date | None = None
    """PAYMENT_PROBLEM: how long the goods are kept for this customer."""
    tracking: str | None = None
    cancelled_by: CancelledBy | None = None
    refund_amount: Decimal | None = None
    """What goes back; None or 0: nothing was taken."""
    refund_deadline: date | None = None
    """The last day on which it is sent back."""


NEEDS: dict[NoticeKind, tuple[str, ...]] = {
    NoticeKind.ORDER_CONFIRMED: ("answer_url",),
    NoticeKind.DATE_CHANGED: ("answer_url",),
    NoticeKind.FIRST_DELAY: ("answer_url", "silence_means", "answer_by"),
    NoticeKind.RENEWED_DELAY: ("answer_url", "silence_means", "answer_by"),
    NoticeKind.PAYMENT_PROBLEM: ("amount", "answer_url", "hold_until"),
    NoticeKind.SHIPPED: ("tracking",),
    NoticeKind.CANCELLED: ("cancelled_by",),
}
"""The fields without which a kind would be misleading or, for the delay notices, void in law."""


def render_notice(kind: NoticeKind, context: NoticeContext) -> Mail:
    """Fill the templates of `kind`.

    Raises:
        ValueError: the context lacks what this kind must say.
    """
    missing = [field for field in NEEDS[kind] if getattr(context, field) is None]
    if missing:
        raise ValueError(f"a {kind.value} notice must state {', '.join(missing)}")
    if kind is NoticeKind.CANCELLED and context.refund_amount and context.refund_deadline is None:
        raise ValueError("a notice that promises a refund must state refund_deadline")
    if context.silence_means is Answer.CONSENT and context.new_date is None:
        raise ValueError("silence cannot consent to a delay without a new date (16 CFR 435.2(b)(1))")
    facts = {field: getattr(context, field) for field in NoticeContext.model_fields}
    text = _environment.get_template(f"{kind.value}.txt")
    subject = "".join(text.blocks["subject"](text.new_context(facts)))
    return Mail(
        message_id=message_id(context.key, context.mail_domain),
        to=context.to,
        subject=" ".join(subject.split()),
        text=text.render(facts),
        html=_environment.get_template(f"{kind.value}.html").render(facts, subject=" ".join(subject.split())),
    )


def message_id(key: str, mail_domain: str) -> str:
    """A Message-ID (RFC 5322, 3.6.4) that is the same for the same key. Hashed, since keys hold business ids."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{mail_domain}>"


def day(value: date) -> str:
    """`Friday, December 4, 2026`: the month in words, so that nobody has to guess which number is the day."""
    return f"{value:%A, %B} {value.day}, {value.year}"


def money(amount: Decimal, currency: str) -> str:
    """`$1,234.50`."""
    return f"{SYMBOLS[currency]}{amount:,.{CURRENCY_DIGITS[currency]}f}"


def template_environment(*packages: str) -> Environment:
    """How mails are made of the templates in the folder `templates` of these packages, the first that has one."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in packages]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["day"] = day
    # jinja2 types this table by the filters it ships itself
    environment.filters["money"] = money  # pyright: ignore[reportArgumentType]
    return environment


_environment = template_environment("connectors.messages")
