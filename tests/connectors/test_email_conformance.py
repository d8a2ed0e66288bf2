"""Our `email` connector against the conformance kit: a mail server on a real socket, and a person who reads and types.

The person reads the attached table by the stdlib, in a spreadsheet that shows no apostrophe before a formula, and
recognises an order or change that comes twice. What they type comes as the page posts it, with the link from the mail.
"""

import asyncio
import csv
import email.policy
import io
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from functools import singledispatch
from typing import ClassVar
from urllib.parse import urlencode

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

import connectors.suppliers.interface as seam
from connectors.suppliers.email_portal import links
from connectors.suppliers.email_portal.connector import EmailConnector
from connectors.testing import ConnectorSuite, Fault, Flaw, HeldOrder, Peer, Seen, SeenLine, held
from connectors.testing.orders import ORDER
from domain.supplier_events import (
    AckLine,
    ChangeAck,
    ChangeVerdict,
    OrderAck,
    ShipNotice,
    SplitStatus,
    SupplierEvent,
)
from tests.connectors.email.conftest import SECRET, PostOffice, opened

URL = "https://orders.shop.example"
SUBJECTS = {"Purchase order ": "place", "Change ": "change", "Cancellation of purchase order ": "cancel"}
FIELDS = {SplitStatus.ACCEPTED: "now", SplitStatus.BACKORDERED: "later", SplitStatus.REJECTED: "not"}
Form = dict[str, object]


class Mailbox(PostOffice):
    """A mail server that can fail once it has the mail."""

    fault: Fault | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (as its base)
        fault, self.fault = self.fault, None
        if fault is Fault.BROKEN:
            assert server.transport is not None
            server.transport.close()
            return "451 never read"
        said = await super().handle_DATA(server, session, envelope)
        if fault is Fault.SLOW:
            await asyncio.sleep(1.5)
        return said


class Person(Peer):
    """A supplier with a mailbox and a browser."""

    supplier_id = "cedar"

    def __init__(self, office: Mailbox) -> None:
        self._office = office
        self.settings = {
            "to": "orders@cedar.example",
            "sender": "Shop <purchasing@shop.example>",
            "public_url": URL,
            "link_secret": SECRET,
            "smtp_host": "127.0.0.1",
            "smtp_port": office.port,
            "timeout_seconds": 5,
        }
        self.wrong_settings = {**self.settings, "smtp_host": "nowhere.invalid"}
        self.hasty_settings = {**self.settings, "timeout_seconds": 0.4}

    def read(self, envelope: seam.Envelope) -> Seen:
        return _seen(envelope.body)

    async def received(self) -> list[HeldOrder]:
        return held(_seen(mail) for mail in dict.fromkeys(self._office.mails))

    async def fail(self, fault: Fault, seconds: float = 0) -> None:
        match fault:
            case Fault.UNREACHED:
                self._office.once["MAIL"] = "break"
            case Fault.UNANSWERED:
                self._office.once["DATA"] = "break"
            case Fault.REFUSED:
                self._office.once["RCPT"] = "550 5.1.1 nobody lives here"
            case _:
                self._office.fault = fault

    async def mend(self) -> None:
        self._office.once.clear()
        self._office.fault = None

    def write(self, *events: SupplierEvent, flaw: Flaw | None = None) -> seam.Inward:
        (event,) = events
        on = datetime.now(UTC) + timedelta(days=-1 if flaw is Flaw.AGE else 30)
        link = links.OrderLink(
            supplier_id="somebody-else" if flaw is Flaw.SENDER else "cedar",
            po_number=event.po_number or "",
            revision=event.revision if isinstance(event, ChangeAck) else 0,
            until=on,
        )
        secret = "the secret of somebody else" if flaw in {Flaw.SIGNATURE, Flaw.RECEIVER} else SECRET
        token = links.address(URL, secret, link).rpartition("/")[2]
        return seam.Inward(body=urlencode(typed(event)).encode(), headers=links.proof(token))


def _seen(mail: bytes) -> Seen:
    letter = message_from_bytes(mail, EmailMessage, policy=email.policy.default)
    kind = next(kind for start, kind in SUBJECTS.items() if str(letter["Subject"]).startswith(start))
    (po_number,) = re.findall(r"urchase order (\S+) from ", str(letter["Subject"]))
    text = letter.get_body(("plain",))
    assert text is not None and po_number in text.get_content() and f"{URL}/{links.PAGE}/" in text.get_content()
    tables = [bytes(part.get_payload(decode=True)).decode() for part in letter.iter_attachments()]
    rows = [row for table in tables for row in csv.DictReader(io.StringIO(table, newline=""), strict=True)]
    return Seen(kind=kind, po_number=po_number, lines=tuple(map(_line, rows)))


def _line(row: Mapping[str, str]) -> SeenLine:
    return SeenLine(
        line_no=int(row["line_no"]),
        quantity=Decimal(row["quantity"]),
        sku=_shown(row["sku"]),
        supplier_sku=_shown(row["supplier_sku"]),
        unit_price=Decimal(row["unit_price"]),
        description=_shown(row["description"]),
    )


def _shown(cell: str) -> str:
    return cell[1:] if re.match(r"'+[=+\-@\t\r]", cell) else cell


@singledispatch
def typed(event: SupplierEvent) -> Form:
    """What is typed into the page to say it."""
    raise NotImplementedError(f"the page has no form for {event.kind}")


@typed.register
def _(event: OrderAck) -> Form:
    if not event.accepted:
        return {"do": "refuse", "sure": "yes", "reason": event.reason}
    asked: Form = {f"asked-{line.line_no}": line.quantity for line in ORDER.lines}
    form = {"order_no": event.supplier_order_no or "", **asked}
    for line in event.lines:
        form |= _parts(line)
    return form | {"do": "answer" if event.lines else "confirm"}


@typed.register
def _(event: ChangeAck) -> Form:
    form: Form = {"do": "change", "verdict": event.verdict.value, "reason": event.reason}
    if event.verdict is ChangeVerdict.PARTLY:
        for line in event.lines:
            n, total = line.line.line_no, sum(part.quantity for part in line.splits)
            form |= {f"most-{n}": 10, f"came-{n}": 2, f"still-{n}": total - 2}
    return form


@typed.register
def _(event: ShipNotice) -> Form:
    form: Form = {"do": "ship", "shipment": event.shipment_id, "tracking": event.tracking or ""}
    for line in event.lines:
        form |= {f"most-{line.line.line_no}": 10, f"shipped-{line.line.line_no}": line.shipped}
        form |= {"arrives": line.deliver_on or ""}
    return form


def _parts(line: AckLine) -> Form:
    n, form = line.line.line_no, Form()
    for part in line.splits:
        field = FIELDS[part.status]
        form |= {f"{field}-{n}": part.quantity, f"{field}-on-{n}": part.deliver_on or "", f"why-{n}": part.reason}
    return form


NO_TIME = "SMTP has no word for how long to wait; a mail that is put off is tried again"
NOT_ON_THE_PAGE = "the page has no field for it; such a supplier replies to the mail, which people read"


class TestEmail(ConnectorSuite):
    denies: ClassVar = {
        Fault.BUSY: NO_TIME,
        "test_a_line_is_held": NOT_ON_THE_PAGE,
        "test_a_line_is_substituted": NOT_ON_THE_PAGE,
        "test_more_leaves_than_was_ordered": NOT_ON_THE_PAGE,
        "test_a_notice_is_withdrawn": NOT_ON_THE_PAGE,
        "test_a_notice_is_replaced": NOT_ON_THE_PAGE,
        "samples": "the form is that of our own page; nobody else posts it",
    }

    @pytest.fixture
    async def peer(self) -> AsyncIterator[Person]:
        office = Mailbox()
        async with opened(office):
            yield Person(office)

    @pytest.fixture
    def connector(self, peer: Person) -> EmailConnector:
        return EmailConnector(peer.supplier_id, peer.settings)
