"""A mail server over a real socket that does what mail servers do, and a supplier with a mailbox on it."""

import asyncio
import email.policy
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from connectors.suppliers.email_portal.connector import EmailConnector
from connectors.suppliers.interface import Cancel, Change, OrderLine, Place, WireIds

SECRET = "sixteen characters and a few more"
WRITTEN_AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
IDS = WireIds(operation_id="po/PO-1/0", control_number=7, written_at=WRITTEN_AT)


@dataclass
class PostOffice:
    """Its `handle_...` methods are called by aiosmtpd."""

    port: int = 0
    largest: int = 2_000_000
    says: dict[str, str] = field(default_factory=dict)
    """What it answers at each stage (MAIL, RCPT, DATA) instead of yes; `break` closes the connection there."""
    once: dict[str, str] = field(default_factory=dict)
    """The same, for the next time only."""
    mails: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)

    def _said(self, stage: str, server: SMTP) -> str | None:
        said = self.once.pop(stage, None) or self.says.get(stage)
        if said == "break" and server.transport is not None:
            server.transport.close()
        return said

    async def handle_MAIL(  # noqa: N802 (aiosmtpd finds it by this name)
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self._said("MAIL", server) or "250 OK"

    async def handle_RCPT(  # noqa: N802 (as above)
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        said = self._said("RCPT", server)
        if said is None:
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (as above)
        said = self._said("DATA", server)
        if said is None or said == "break":  # a server that breaks off may have taken it all the same
            assert isinstance(envelope.content, bytes)
            self.mails.append(envelope.content)
            self.recipients.append([str(one) for one in envelope.rcpt_tos])
        return said or "250 2.0.0 queued as 4711"

    def letters(self) -> list[EmailMessage]:
        """What was taken, read."""
        return [message_from_bytes(mail, EmailMessage, policy=email.policy.default) for mail in self.mails]


@asynccontextmanager
async def opened(office: PostOffice) -> AsyncGenerator[None]:
    """A post office on a free port, for as long as the block runs."""
    loop = asyncio.get_running_loop()
    doors: list[SMTP] = []

    def door() -> SMTP:
        doors.append(SMTP(office, data_size_limit=office.largest, hostname="localhost", loop=loop))
        return doors[-1]

    server = await loop.create_server(door, "127.0.0.1", 0)
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        for one in doors:
            if one.transport is not None:
                one.transport.close()
        await server.wait_closed()


@pytest.fixture
async def post_office() -> AsyncIterator[PostOffice]:
    office = PostOffice()
    async with opened(office):
        yield office


@pytest.fixture
def settings(post_office: PostOffice) -> dict[str, Any]:
    return {
        "to": "orders@cedar.example",
        "sender": "Bříza & Co. <purchasing@shop.example>",
        "contact": "Mara in purchasing, +1 503 555 0100",
        "public_url": "https://orders.shop.example/",
        "link_secret": SECRET,
        "smtp_host": "127.0.0.1",
        "smtp_port": post_office.port,
        "timeout_seconds": 5,
    }


@pytest.fixture
def connect(settings: dict[str, Any]) -> Callable[..., EmailConnector]:
    """Builds connectors to cedar; settings can be overridden."""
    return lambda **overridden: EmailConnector("cedar", settings | overridden)


@pytest.fixture
def connector(connect: Callable[..., EmailConnector]) -> EmailConnector:
    return connect()


LINES = (
    OrderLine(
        line_no=1,
        sku="MUG",
        supplier_sku="A-77",
        description="Mug, blue",
        quantity=10,
        unit_price=Decimal("3.125"),
        wanted_on=date(2026, 12, 4),
    ),
    OrderLine(line_no=2, sku="BOWL", supplier_sku="A-78", description="Bowl", quantity=4, unit_price=Decimal(7)),
)
PLACE = Place(
    po_number="PO-1", supplier_id="cedar", currency="USD", terms="net30", ordered_on=date(2026, 11, 22), lines=LINES
)
CHANGE = Change(
    po_number="PO-1",
    supplier_id="cedar",
    revision=1,
    lines=(LINES[0].model_copy(update={"quantity": 7}), LINES[1].model_copy(update={"quantity": 0})),
    before={1: 10, 2: 4},
    order=PLACE,
)
CANCEL = Cancel(po_number="PO-1", supplier_id="cedar", revision=2, reason="no longer needed", order=PLACE)
