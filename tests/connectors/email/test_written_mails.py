"""The mails themselves: readable, the same bytes every time, and nothing in them that was not meant to be."""

import csv
import email.policy
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import Refused, Unsupported
from connectors.suppliers.email_portal import links
from connectors.suppliers.email_portal.connector import EmailConnector
from connectors.suppliers.interface import Envelope, OrderLine, Place, WireIds, setting_problems
from tests.connectors.email.conftest import CANCEL, CHANGE, IDS, LINES, PLACE, SECRET, WRITTEN_AT

SETTINGS: dict[str, Any] = {
    "to": "orders@cedar.example",
    "sender": "Bříza & Co. <purchasing@shop.example>",
    "public_url": "https://orders.shop.example",
    "link_secret": SECRET,
    "smtp_host": "mail.example",
}


def letter(envelope: Envelope) -> EmailMessage:
    """The mail as its reader gets it; every byte of it is plain ASCII, in lines that any server takes."""
    assert envelope.body.isascii()
    assert all(len(line) <= 998 for line in envelope.body.split(b"\r\n"))
    assert b"\n" not in envelope.body.replace(b"\r\n", b"") and b"\r" not in envelope.body.replace(b"\r\n", b"")
    read = message_from_bytes(envelope.body, EmailMessage, policy=email.policy.default)
    assert not [part.defects for part in read.walk() if part.defects]
    return read


def body(read: EmailMessage, kind: str) -> str:
    part = read.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def rows(read: EmailMessage) -> list[dict[str, str]]:
    (attached,) = read.iter_attachments()
    assert attached.get_content_type() == "text/csv"
    raw = attached.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return list(csv.DictReader(io.StringIO(raw.decode(), newline=""), strict=True))


def with_lines(*lines: OrderLine) -> Place:
    return PLACE.model_copy(update={"lines": lines})


def line(**changes: Any) -> OrderLine:
    return LINES[0].model_copy(update=changes)


def test_an_order_says_what_how_many_by_when_what_to_do_and_whom_to_ask(connector: EmailConnector) -> None:
    read = letter(connector.render(PLACE, IDS))
    assert read["Subject"] == "Purchase order PO-1 from Bříza & Co.: 2 lines, please confirm"
    assert str(read["From"]) == '"Bříza & Co." <purchasing@shop.example>'
    assert read["To"] == "orders@cedar.example"
    assert read["Date"].datetime == WRITTEN_AT
    assert read["Auto-Submitted"] == "auto-generated"
    for kind in ("plain", "html"):
        said = body(read, kind)
        for words in (
            *("Mug, blue", "A-77", "MUG", "Friday, December 4, 2026", "as soon as you can", "USD 3.125 each"),
            *("USD 59.25", "net30", "Mara in purchasing, +1 503 555 0100", "no account and no password"),
            "https://orders.shop.example/purchase-orders/",
        ):
            assert words in said.replace("&amp;", "&"), f"{words} in the {kind} body"
    assert "10 x  Mug, blue" in body(read, "plain")
    assert "http" not in body(read, "html").replace("https://orders.shop.example/purchase-orders/", "")
    assert [(row["line_no"], row["supplier_sku"], row["quantity"], row["wanted_on"]) for row in rows(read)] == [
        ("1", "A-77", "10", "2026-12-04"),
        ("2", "A-78", "4", ""),
    ]


def test_a_change_says_what_it_was_before(connector: EmailConnector) -> None:
    envelope = connector.render(CHANGE, IDS)
    read = letter(envelope)
    assert (envelope.kind, envelope.revision) == ("change", 1)
    assert read["Subject"] == "Change 1 to purchase order PO-1 from Bříza & Co.: please answer"
    assert "Mug, blue: now 7 instead of 10" in body(read, "plain")
    assert "Bowl: none any more, instead of 4" in body(read, "plain")
    assert [row["quantity"] for row in rows(read)] == ["7", "0"]
    assert {row["revision"] for row in rows(read)} == {"1"}


def test_a_cancellation_has_nothing_attached_that_could_be_taken_for_an_order(connector: EmailConnector) -> None:
    envelope = connector.render(CANCEL, IDS)
    read = letter(envelope)
    assert (envelope.kind, envelope.revision) == ("cancel", 2)
    assert read["Subject"].startswith("Cancellation of purchase order PO-1")
    assert "send nothing more of it" in " ".join(body(read, "plain").split())
    assert list(read.iter_attachments()) == []


def test_what_is_written_about_one_order_stands_together(connector: EmailConnector) -> None:
    mails = [
        letter(connector.render(request, WireIds(operation_id=f"po/PO-1/{n}", written_at=WRITTEN_AT)))
        for n, request in enumerate((PLACE, CHANGE, CANCEL))
    ]
    assert len({mail["Message-ID"] for mail in mails}) == 3
    assert len({mail["References"] for mail in mails}) == 1


def test_the_link_is_bound_to_supplier_order_and_revision_for_a_while(connect: Callable[..., EmailConnector]) -> None:
    for request, revision in ((PLACE, 0), (CHANGE, 1), (CANCEL, 2)):
        text = body(letter(connect(link_valid_days=30).render(request, IDS)), "plain")
        token = next(one for one in text.split() if "/purchase-orders/" in one).rpartition("/")[2]
        link = links.proven(SECRET, "cedar", links.proof(token), WRITTEN_AT)
        assert (link.po_number, link.revision, link.until) == ("PO-1", revision, WRITTEN_AT + timedelta(days=30))
        assert SECRET not in text


def test_an_order_of_five_hundred_lines_is_short_to_read_and_whole_in_the_attachment(
    connector: EmailConnector,
) -> None:
    many = tuple(line(line_no=n, description=f"Thing {n} " + "x" * 300) for n in range(1, 501))
    envelope = connector.render(with_lines(*many), IDS)
    read = letter(envelope)
    assert len(body(read, "html")) < 100_000, "mail readers cut off what is longer"
    assert "and 450 more lines" in body(read, "plain") and "and 450 more lines" in body(read, "html")
    assert [row["description"] for row in rows(read)] == [one.description for one in many]


def test_a_spreadsheet_finds_no_formula(connector: EmailConnector) -> None:
    evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")']
    lines = [line(line_no=n, description=text, sku=text, supplier_sku=text) for n, text in enumerate(evil, 1)]
    for row, text in zip(rows(letter(connector.render(with_lines(*lines), IDS))), evil, strict=True):
        assert (row["description"], row["sku"], row["supplier_sku"]) == (f"'{text}",) * 3


@pytest.mark.parametrize("text", ["A\r\nBcc: eve@example.org", "<script>alert(1)</script>", "\x1b[2J\x00", "--=_\n\n"])
def test_a_description_stays_a_description(connector: EmailConnector, text: str) -> None:
    read = letter(connector.render(with_lines(line(description=text)), IDS))
    assert read["Bcc"] is None and read["To"] == "orders@cedar.example"
    assert "<script>" not in body(read, "html")
    for kind in ("plain", "html"):
        assert all(c.isprintable() or c in "\r\n" for c in body(read, kind))
    assert len(list(read.walk())) == 5


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=250), quantity=st.integers(0, 10_000_000))
def test_whatever_a_description_holds_the_attachment_says_it(text: str, quantity: int) -> None:
    placed = EmailConnector("cedar", SETTINGS).render(with_lines(line(description=text, quantity=quantity)), IDS)
    (row,) = rows(letter(placed))
    assert row["description"].removeprefix("'") == text.removeprefix("'")
    assert row["quantity"] == str(quantity)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (with_lines(), "without lines"),
        (with_lines(line(quantity=-1)), "line 1: a quantity of -1"),
        (with_lines(line(unit_price=Decimal("NaN"))), "line 1: a price of NaN"),
        (with_lines(line(unit_price=Decimal(-1))), "line 1: a price of -1"),
        (with_lines(line(description="half \ud83d")), "line 1: the text holds half a character"),
        (PLACE.model_copy(update={"po_number": "PO 1"}), "fits into no link"),
        (PLACE.model_copy(update={"po_number": "PO\r\nBcc: x"}), "fits into no link"),
        (PLACE.model_copy(update={"currency": "XTS"}), "currency 'XTS' is not known"),
    ],
)
def test_what_cannot_be_written_is_refused_in_words(connector: EmailConnector, request_: Place, words: str) -> None:
    with pytest.raises(Refused, match=words):
        connector.render(request_, IDS)


def test_a_supplier_who_takes_no_changes_is_asked_for_none(connect: Callable[..., EmailConnector]) -> None:
    stubborn = connect(changes=False, cancellations=False)
    assert not stubborn.capabilities.reduce_line and stubborn.capabilities.cancel == "none"
    for request in (CHANGE, CANCEL):
        with pytest.raises(Unsupported, match="takes no"):
            stubborn.render(request, IDS)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"to": "orders at cedar"}, "connector_config.to: is no mail address"),
        ({"to": "Cedar <orders@cedar.example>"}, "connector_config.to: must be an address without a name"),
        ({"to": "orders@bücher.example"}, "write a domain such as bücher.example as xn--"),
        ({"to": "a@b.example, c@d.example"}, "connector_config.to: "),
        ({"sender": "nobody"}, "connector_config.sender: is no mail address"),
        ({"link_secret": "short"}, "connector_config.link_secret: must be 16 or more characters"),
        ({"public_url": "orders.shop.example"}, "connector_config.public_url: must start with http"),
        ({"link_valid_days": 0}, "connector_config.link_valid_days: must be greater than or equal to 1"),
        ({"smtp_port": 0}, "connector_config.smtp_port"),
        ({"recipient": "x@y.example"}, "connector_config.recipient: is no setting of this connector"),
        ({"link_secret": "env:NOT_SET_IN_THIS_TEST"}, "(environment variable NOT_SET_IN_THIS_TEST): is not set"),
    ],
)
def test_wrong_settings_are_named_and_never_shown(wrong: dict[str, Any], words: str) -> None:
    said = [str(problem) for problem in setting_problems("email", SETTINGS | wrong)]
    assert any(words in one for one in said), said
    assert "short" not in str(said)


def test_a_link_written_before_time_was_kept_is_no_surprise() -> None:
    """The seam's default instant is 1970; such a link is too old for ever, rather than good for ever."""
    old = EmailConnector("cedar", SETTINGS).render(PLACE, WireIds(operation_id="po/PO-1/0"))
    token = body(letter(old), "plain").split("/purchase-orders/")[1].split()[0]
    with pytest.raises(links.LinkTooOld):
        links.proven(SECRET, "cedar", links.proof(token), datetime.now(UTC))
