"""Mail over SMTP. A mail is handed over at least once; a repeat has the same Message-ID, so readers show one."""

import re
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr

import aiosmtplib
from pydantic import SecretStr

from connectors.errors import Refused, Retryable
from connectors.messages.interface import Mail

ADDRESS = re.compile(r"([^@\s<>,;:\"()\[\]\\]+)@([^@\s<>,;:\"()\[\]\\]+)")
"""One plain address. Quoted local parts and lists are legal in RFC 5322, but no customer of a shop has one."""


class SmtpMessages:
    """One mail server. Each mail gets its own connection: notices are rare, and idle connections are cut by servers."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        user: str = "",
        password: SecretStr | None = None,
        tls: bool = False,
        timeout_seconds: float = 30,
    ) -> None:
        """Args:
            sender: the From header, `Name <address>` or an address.
            user: with `password`, logs in, over TLS only; empty: the server takes mail from us as we are.
            tls: TLS from the first byte, as on port 465; else STARTTLS is used whenever the server offers it.

        Raises:
            ValueError: `sender` is no address.
        """
        self._host = host
        self._port = port
        name, address = parseaddr(sender)
        self._sender = mail_address(address, name)
        self._user = user
        self._password = password
        self._tls = tls
        self._timeout = timeout_seconds

    async def send(self, mail: Mail) -> None:
        """Hand the mail to the server. Raises: Retryable (not taken, try again), Refused (this address never works)."""
        message, recipient = self._composed(mail)
        try:
            await aiosmtplib.send(
                message,
                sender=self._sender.addr_spec,
                recipients=[recipient],
                hostname=self._host,
                port=self._port,
                username=self._user or None,
                password=self._password.get_secret_value() if self._user and self._password else None,
                use_tls=self._tls,
                # None: whenever the server offers it. A login must not depend on what somebody on the way lets through
                start_tls=True if self._user and not self._tls else None,
                timeout=self._timeout,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            answer = refused.recipients[0]
            said = f"the mail server does not take this recipient: {answer.code} {answer.message}"
            if 500 <= answer.code < 600:
                raise Refused(said) from refused
            raise Retryable(said) from refused
        except aiosmtplib.SMTPNotSupported as limited:
            raise Refused(f"the mail server cannot carry this address: {limited}") from limited
        except (aiosmtplib.SMTPException, OSError) as failure:
            raise Retryable(f"the mail server did not take the mail ({type(failure).__name__}: {failure})") from failure

    def _composed(self, mail: Mail) -> tuple[EmailMessage, str]:
        """The mail on the wire, and its recipient. Header types refuse line breaks, so none can be smuggled in."""
        try:
            recipient = mail_address(mail.to)
            message = EmailMessage(policy=SMTP)
            message["From"] = self._sender
            message["To"] = recipient
            message["Subject"] = mail.subject
            message["Message-ID"] = mail.message_id
            message["Date"] = formatdate()
            # RFC 3834: keeps holiday repliers quiet
            message["Auto-Submitted"] = "auto-generated"
            message.set_content(mail.text)
            message.add_alternative(mail.html, subtype="html")
        except (ValueError, MessageError) as unwritable:
            raise Refused(f"this cannot be written as a mail: {unwritable}") from unwritable
        return message, recipient.addr_spec


def mail_address(plain: str, name: str = "") -> Address:
    """An address as a header takes it. Raises: ValueError (it is none)."""
    found = ADDRESS.fullmatch(plain)
    if found is None or not plain.isprintable():
        raise ValueError(f"{plain!r} is no mail address")
    return Address(display_name=name, username=found[1], domain=found[2])
