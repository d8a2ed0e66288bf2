"""Suppliers without any system: orders go to their mailbox, answers come from a page that a link in the mail opens.

Out: a mail for each order, change and cancellation; plain text and HTML that say what, how many, by when, what to do
next and whom to ask; the lines as a CSV attachment; and a link. Nothing about customers is in it.

In: the page behind the link, served by the gateway. What is filled in there comes as a message of the supplier with
the link's token as its proof, is kept raw (application/x-www-form-urlencoded) and read by `form.py`. Replies to the
mail go to people, at `reply_to`; no mailbox is read.

The link is bound to supplier, order and revision and signed with `link_secret`; whoever has it may answer, so it never
goes into a log or a kept header. It stops working `link_valid_days` after the mail was written.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr

from connectors.configuration import Address, ConnectorConfig
from connectors.errors import Refused, Retryable, Undecodable, Unsupported
from connectors.messages.smtp import mail_address
from connectors.suppliers.email_portal import form, links, mails
from connectors.suppliers.email_portal.sending import MailServer, hand_over, try_connection
from connectors.suppliers.interface import (
    Batch,
    Cancel,
    CancelWay,
    Capabilities,
    Change,
    Decoded,
    Envelope,
    Grade,
    Health,
    Idempotency,
    Inbound,
    Inward,
    LookupStatus,
    Manifest,
    Reply,
    Request,
    SendReceipt,
    WireIds,
)

LARGEST_MAIL = 10_000_000
"""Bytes; few mail servers take more. An order of ten thousand lines makes a fifth of it."""

_ID = re.compile(r"[A-Za-z0-9._:-]{1,80}")


def _mailbox(value: str) -> str:
    name, address = parseaddr(value)
    if not address.isascii():
        raise ValueError("must be an address in ASCII; write a domain such as bücher.example as xn--bcher-kva.example")
    try:
        mail_address(address, name)
    except ValueError as unusable:
        raise ValueError("is no mail address; write one such as orders@acme.example") from unusable
    return value


def _bare(value: str) -> str:
    if parseaddr(value) != ("", value):
        raise ValueError("must be an address without a name, such as orders@acme.example")
    return value


def _hard_to_guess(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < 16:
        raise ValueError("must be 16 or more characters, since whoever guesses it answers orders")
    return secret


Mailbox = Annotated[str, AfterValidator(_mailbox)]
BareMailbox = Annotated[str, AfterValidator(_mailbox), AfterValidator(_bare)]


class EmailConfig(ConnectorConfig):
    """Settings of one supplier. Any value may be `env:NAME`, so that what the installation has is said once."""

    to: BareMailbox
    """Where the supplier reads its orders."""
    sender: Mailbox
    """The From header, `Name <address>`; the name is the shop's, as the supplier reads it."""
    reply_to: BareMailbox | None = None
    """Whose mailbox replies go to; the sender's, if it is not given. People read it, we do not."""
    contact: Annotated[str, Field(max_length=200)] = ""
    """Whom to ask, in words, such as `Mara in purchasing, +1 503 555 0100`."""
    public_url: Address
    """Where suppliers reach the gateway, such as https://orders.shop.example."""
    link_secret: Annotated[SecretStr, AfterValidator(_hard_to_guess)]
    """Signs the links; the gateway and the workers need the same."""
    link_valid_days: int = Field(default=180, ge=1, le=3650)
    smtp_host: Annotated[str, Field(min_length=1)]
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_user: str = ""
    """With `smtp_password`, logs in, over TLS only; empty: the server takes mail from us as we are."""
    smtp_password: SecretStr = SecretStr("")
    smtp_tls: bool = False
    """TLS from the first byte, as on port 465; else STARTTLS is used whenever the server offers it."""
    timeout_seconds: float = Field(default=30, gt=0, le=300)
    """The longest wait for the mail server's next word."""
    changes: bool = True
    """False: this supplier takes no changes of a placed order."""
    cancellations: bool = True
    """False: this supplier takes no cancellations."""


class EmailConnector:
    """Mail and page for one supplier."""

    manifest: ClassVar[Manifest] = Manifest(
        name="email", version="1", protocol="mail and page", config=EmailConfig, grade=Grade.GOLD
    )
    capabilities: Capabilities

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        """Read and check the configuration. Raises: pydantic.ValidationError naming the setting."""
        self._supplier_id = supplier_id
        settings = EmailConfig.model_validate(dict(config))
        self._config = settings
        self.capabilities = Capabilities(
            reduce_line=settings.changes,
            add_line=settings.changes,
            cancel=CancelWay.REQUEST_REPLY if settings.cancellations else CancelWay.NONE,
            # the page answers by order and revision, so that a second copy of a mail leads to the same answer
            idempotency=Idempotency.PO_NUMBER,
            # through the gateway's own page, and never by mail
            inbound=frozenset({Inbound.WEBHOOK}),
            splits=True,
        )
        self._server = MailServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            user=settings.smtp_user,
            password=settings.smtp_password,
            tls=settings.smtp_tls,
            timeout_seconds=settings.timeout_seconds,
        )

    async def check(self) -> Health:
        """Connect to the mail server and log in. Whether the supplier's address exists, only a mail can tell."""
        try:
            await try_connection(self._server)
        except Retryable as failure:
            return Health(ok=False, detail=f"{failure}; see smtp_host, smtp_port and smtp_tls")
        return Health(
            ok=True,
            detail=f"the mail server {self._config.smtp_host} answers; orders go to {self._config.to}, and whether "
            "that address exists is known when the first is sent",
        )

    def render(self, request: Request, ids: WireIds) -> Envelope:
        """Pure: the same request and ids give the same bytes anywhere. Raises: Unsupported, Refused (unwritable)."""
        if isinstance(request, Change) and not self._config.changes:
            raise Unsupported(f"supplier {self._supplier_id!r} takes no changes")
        if isinstance(request, Cancel) and not self._config.cancellations:
            raise Unsupported(f"supplier {self._supplier_id!r} takes no cancellations")
        config = self._config
        revision = 0 if not isinstance(request, Change | Cancel) else request.revision
        until = ids.written_at + timedelta(days=config.link_valid_days)
        try:
            link = links.OrderLink(
                supplier_id=self._supplier_id, po_number=request.po_number, revision=revision, until=until
            )
        except ValueError as unusable:
            raise Refused(
                f"the order number {request.po_number!r} fits into no link: at most 80 letters, digits and . _ : -"
            ) from unusable
        body = mails.written(
            request,
            ids,
            mails.Letterhead(
                sender=config.sender,
                to=config.to,
                reply_to=config.reply_to,
                contact=config.contact,
                link=links.address(config.public_url, config.link_secret.get_secret_value(), link),
                link_until=until.date(),
            ),
        )
        if len(body) > LARGEST_MAIL:
            raise Refused(f"the mail would have {len(body)} bytes, and mail servers take about {LARGEST_MAIL}")
        return Envelope(
            operation_id=ids.operation_id,
            po_number=request.po_number,
            kind=mails.kind_of(request),
            revision=revision,
            content_type="message/rfc822",
            body=body,
            headers={"mail-from": parseaddr(config.sender)[1], "mail-to": config.to},
        )

    async def send(self, envelope: Envelope) -> SendReceipt:
        """Hand the stored mail to the mail server. Raises: Retryable only if the server has nothing of it."""
        return await hand_over(self._server, envelope.headers["mail-from"], envelope.headers["mail-to"], envelope.body)

    def reminder(self, envelope: Envelope, number: int) -> Envelope:
        """Pure: the mail of an order once more, as its reminder of that number."""
        return envelope.model_copy(update={"body": mails.reminder(envelope.body, envelope.operation_id, number)})

    async def lookup(self, envelope: Envelope) -> LookupStatus:
        """Nobody can look into a supplier's mailbox. Raises: Unsupported, always."""
        raise Unsupported(
            f"supplier {self._supplier_id!r} has a mailbox, which cannot be asked for {envelope.operation_id}"
        )

    async def poll(self, cursor: str | None) -> Batch:
        """Answers come through our page. Raises: Unsupported, always."""
        raise Unsupported(f"supplier {self._supplier_id!r} answers on our page; nothing can be polled ({cursor!r})")

    def verify(self, message: Inward) -> None:
        """Check the link that a message came through. Raises: LinkTooOld, Undecodable."""
        if len(message.body) > form.LARGEST_FORM:
            raise Undecodable(f"the form is larger than {form.LARGEST_FORM} bytes")
        secret = self._config.link_secret.get_secret_value()
        links.proven(secret, self._supplier_id, dict(message.headers), datetime.now(UTC))

    def decode(self, message: Inward) -> Decoded:
        """Pure: a posted form to events. Raises: Undecodable, and nothing else, whatever the bytes."""
        po_number, revision = _answered(message.headers)
        content = form.digest(message.body)
        return Decoded(
            dedupe_key=f"page/{po_number}/{revision}/{content}",
            events=form.events(form.fields(message.body), po_number, revision, content[:16]),
        )

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        """The page that thanks is all that is owed."""
        del message, ids
        return None

    async def aclose(self) -> None:
        """Nothing is held open between mails."""


def _answered(headers: Mapping[str, str]) -> tuple[str, int]:
    po_number, revision = headers.get(links.ORDER, ""), headers.get(links.REVISION, "")
    if not _ID.fullmatch(po_number) or not (revision.isascii() and revision.isdigit() and len(revision) < 10):
        raise Undecodable("the message does not say which revision of which order it answers")
    return po_number, int(revision)
