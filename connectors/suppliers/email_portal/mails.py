"""The mail that an order, a change or a cancellation is: written once, the same bytes for the same request and ids.

For a tired person in a warehouse: what, how many, by when, what to do next, whom to ask. It shows the first fifty
lines, so that no mail reader cuts it off; all of them are in the attachment and on the page. What a mail cannot carry
is refused; line breaks and control characters in a description become blanks.
"""

import hashlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from typing import NamedTuple

from connectors.errors import Refused
from connectors.messages.rendering import day, message_id, template_environment
from connectors.messages.smtp import mail_address
from connectors.suppliers.email_portal.attachment import order_as_csv
from connectors.suppliers.interface import Cancel, Change, OrderLine, Place, Request, WireIds
from domain.values import CURRENCY_DIGITS, in_decimals, round_money

MOST_SHOWN = 50
"""Lines of an order in the mail itself. Some readers cut a mail off at 100 kB."""
LONGEST_SHOWN = 120
"""Characters of a description in the mail; the attachment has all of it."""

# ASCII only on the wire, so that every server takes it as it is
_POLICY = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True)
class Letterhead:
    """Who writes to whom, and where to answer."""

    sender: str
    to: str
    reply_to: str | None
    contact: str
    link: str
    link_until: date

    @property
    def shop(self) -> str:
        """The shop's name, as the mail is signed."""
        name, address = parseaddr(self.sender)
        return name or address


class Shown(NamedTuple):
    """A line as people read it."""

    line_no: int
    what: str
    numbers: str
    quantity: str
    said: str
    """How many of what, in one line."""
    wanted_on: date | None
    price: str


class _Words(NamedTuple):
    subject: str
    headline: str
    opening: str
    call: str
    todo: str


class _Content(NamedTuple):
    subject: str
    text: str
    html: str
    table: bytes | None
    """The lines as CSV."""


def kind_of(request: Request) -> str:
    """The outbox's word for a request."""
    return "place" if isinstance(request, Place) else "change" if isinstance(request, Change) else "cancel"


def written(request: Request, ids: WireIds, letterhead: Letterhead) -> bytes:
    """The mail. Raises: Refused (no lines, or what a mail cannot carry; the words name the line)."""
    lines = _lines(request)
    shown = [_shown(request, line) for line in lines]
    words = _words(request, len(lines), letterhead.shop)
    facts = {
        **words._asdict(),
        "po_number": request.po_number,
        "head": letterhead,
        "lines": shown[:MOST_SHOWN],
        "more": len(shown) - MOST_SHOWN if len(shown) > MOST_SHOWN else 0,
        "facts": _facts(request) if isinstance(request, Place) else (),
    }
    content = _Content(
        subject=words.subject,
        text=_environment.get_template("mail.txt").render(facts),
        html=_environment.get_template("mail.html").render(facts),
        table=None if isinstance(request, Cancel) else order_as_csv(*_tabled(request), lines),
    )
    try:
        return _message(request.po_number, ids, letterhead, content).as_bytes()
    except UnicodeEncodeError as half:
        raise Refused("the mail would hold half a character (a lone surrogate); correct the item's name") from half
    except (ValueError, MessageError) as unwritable:
        raise Refused(f"this cannot be written as a mail: {unwritable}") from unwritable


def reminder(mail: bytes, operation_id: str, number: int) -> bytes:
    """A mail that was written here once more, marked as a reminder, and as an answer to the first for mail readers."""
    message = message_from_bytes(mail, EmailMessage, policy=_POLICY)
    first, subject = str(message["Message-ID"]), str(message["Subject"])
    message.replace_header("Subject", f"Reminder: {subject}")
    message.replace_header(
        "Message-ID", message_id(f"{operation_id}/reminder/{number}", first.strip("<>").partition("@")[2])
    )
    message["In-Reply-To"] = first
    return message.as_bytes()


def _message(po_number: str, ids: WireIds, head: Letterhead, content: _Content) -> EmailMessage:
    """Header types refuse line breaks, so none can be smuggled in."""
    name, sender = parseaddr(head.sender)
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=_POLICY)
    message["From"] = mail_address(sender, name)
    message["To"] = mail_address(head.to)
    if head.reply_to:
        message["Reply-To"] = mail_address(head.reply_to)
    message["Subject"] = content.subject
    message["Message-ID"] = message_id(ids.operation_id, domain)
    # what is written about one order stands together in a mail reader
    message["References"] = message_id(f"about {po_number}", domain)
    message["Date"] = ids.written_at
    # RFC 3834: keeps holiday repliers quiet
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(content.text, cte="quoted-printable")
    message.add_alternative(content.html, subtype="html", cte="quoted-printable")
    if content.table is not None:
        message.add_attachment(
            content.table,
            maintype="text",
            subtype="csv",
            filename=f"{po_number}.csv",
            params={"charset": "utf-8", "header": "present"},
        )
    # The library would draw them by lot. Neither quoted-printable nor base64 can hold "=_" followed by such a name.
    name_of_parts = hashlib.sha256(ids.operation_id.encode()).hexdigest()[:32]
    for n, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{name_of_parts}_{n}")
    return message


def _lines(request: Request) -> Sequence[OrderLine]:
    if isinstance(request, Cancel):
        return request.order.lines if request.order else ()
    if not request.lines:
        raise Refused("an order or change without lines cannot be written")
    for line in request.lines:
        if line.quantity < 0:
            raise Refused(f"line {line.line_no}: a quantity of {line.quantity} cannot be written")
        if not line.unit_price.is_finite() or line.unit_price < 0:
            raise Refused(f"line {line.line_no}: a price of {line.unit_price} cannot be written")
        for text in (line.sku, line.supplier_sku, line.description):
            _must_be_unicode(line, text)
    return request.lines


def _must_be_unicode(line: OrderLine, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as half:
        raise Refused(f"line {line.line_no}: the text holds half a character (a lone surrogate)") from half


def _shown(request: Request, line: OrderLine) -> Shown:
    numbers = [f"your number {_one_line(line.supplier_sku)}"] if line.supplier_sku else []
    if line.sku != line.supplier_sku:
        numbers.append(f"our number {_one_line(line.sku)}")
    currency = _currency(request)
    what, quantity = _one_line(line.description) or _one_line(line.supplier_sku or line.sku), _quantity(request, line)
    return Shown(
        line_no=line.line_no,
        what=what,
        numbers=", ".join(numbers),
        quantity=quantity,
        said=f"{what}: {quantity}" if isinstance(request, Change) else f"{quantity} x  {what}",
        wanted_on=line.wanted_on,
        price=f"{currency} {in_decimals(line.unit_price, currency):f} each" if currency else "",
    )


def _quantity(request: Request, line: OrderLine) -> str:
    if not isinstance(request, Change):
        return str(line.quantity)
    before = request.before.get(line.line_no)
    if before is None:
        return f"now {line.quantity}" if not request.before else f"{line.quantity}, new on the order"
    return f"now {line.quantity} instead of {before}" if line.quantity else f"none any more, instead of {before}"


def _one_line(text: str) -> str:
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= LONGEST_SHOWN else f"{plain[: LONGEST_SHOWN - 1]}…"


def _currency(request: Request) -> str:
    order = request if isinstance(request, Place) else request.order
    return order.currency if order else ""


def _facts(order: Place) -> tuple[tuple[str, str], ...]:
    return (("Ordered on", day(order.ordered_on)), ("Total", _total(order)), ("Terms", _one_line(order.terms)))


def _total(order: Place) -> str:
    if order.currency not in CURRENCY_DIGITS:
        raise Refused(f"the currency {order.currency!r} is not known; supported are {', '.join(CURRENCY_DIGITS)}")
    total = sum((round_money(line.unit_price * line.quantity, order.currency) for line in order.lines), Decimal(0))
    return f"{order.currency} {total:,.{CURRENCY_DIGITS[order.currency]}f}"


def _tabled(request: Place | Change) -> tuple[str, int, str]:
    return request.po_number, request.revision if isinstance(request, Change) else 0, _currency(request)


def _words(request: Request, lines: int, shop: str) -> _Words:
    number, many = request.po_number, "1 line" if lines == 1 else f"{lines} lines"
    if isinstance(request, Place):
        return _Words(
            subject=f"Purchase order {number} from {shop}: {many}, please confirm",
            headline=f"Purchase order {number}",
            opening=f"Please supply {shop} with the following.",
            call="Answer this order",
            todo="confirm the order, or say for each line what you deliver when, and what not. There you can also tell "
            "us when you have shipped.",
        )
    if isinstance(request, Change):
        return _Words(
            subject=f"Change {request.revision} to purchase order {number} from {shop}: please answer",
            headline=f"Change {request.revision} to purchase order {number}",
            opening=f"{shop} asks you to change this order as follows. Lines that are not named stay as they are; each "
            "number is the line's new total, with what you have delivered.",
            call="Answer this change",
            todo="say whether you can do that. Until you do, the order stands as it was.",
        )
    return _Words(
        subject=f"Cancellation of purchase order {number} from {shop}: please answer",
        headline=f"Please cancel purchase order {number}",
        opening=f"{shop} asks you to cancel this order ({_one_line(request.reason) or 'no longer needed'}). Please "
        "send nothing more of it.",
        call="Answer this cancellation",
        todo="say whether you can do that, or how much is still to come. Until you do, the order stands as it was.",
    )


def _wrapped(text: str, indent: int) -> str:
    """A paragraph of at most 76 characters a line, each but the first indented; addresses are not broken."""
    return textwrap.fill(text, 76, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


# the look is that of the customers' mails
_environment = template_environment("connectors.suppliers.email_portal", "connectors.messages")
# jinja2 types this table by the filters it ships itself
_environment.filters["wrapped"] = _wrapped  # pyright: ignore[reportArgumentType]
