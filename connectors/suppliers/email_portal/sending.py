"""One mail over SMTP, and how each way in which that can end is read.

    the server took it                                  delivered
    the recipient does not exist (5xx), the mail is
    too large, or refused after it was read (5xx)       refused
    4xx anywhere (greylisting, a full mailbox)          Retryable
    no connection, no login, our sender is not taken    Retryable: nothing was taken, an operator can mend it
    the connection breaks once DATA was said            unknown: it may be in the supplier's mailbox

SMTP cannot be asked afterwards. The same bytes again are the same message (same Message-ID), and the page they lead to
answers by order and revision, so a second copy does no harm.
"""

import contextlib
from dataclasses import dataclass

import aiosmtplib
from pydantic import SecretStr

from connectors.errors import Retryable
from connectors.suppliers.interface import SendReceipt, SendResult
from connectors.words import plain_words

TOO_LARGE = 552
"""RFC 5321, 4.2.3: the mail exceeds what the server takes. Some say so before DATA, by the SIZE that is announced."""


@dataclass(frozen=True)
class MailServer:
    """Where mails are handed in."""

    host: str
    port: int
    user: str
    password: SecretStr
    tls: bool
    """TLS from the first byte; else STARTTLS whenever the server offers it, and always with a login."""
    timeout_seconds: float

    def client(self) -> aiosmtplib.SMTP:
        """A connection that is not open yet; `connect` also does TLS and the login."""
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user or None,
            password=self.password.get_secret_value() if self.user else None,
            use_tls=self.tls,
            start_tls=True if self.user and not self.tls else None,
            timeout=self.timeout_seconds,
        )


async def try_connection(server: MailServer) -> None:
    """Connect and log in, and say goodbye. Raises: Retryable (in words)."""
    client = server.client()
    try:
        await client.connect()
    except (aiosmtplib.SMTPException, OSError) as failure:
        raise _not_taken(failure) from failure
    await _goodbye(client)


async def hand_over(server: MailServer, sender: str, recipient: str, mail: bytes) -> SendReceipt:
    """Hand one mail over. Raises: Retryable (the server has nothing of it)."""
    client = server.client()
    try:
        try:
            await client.connect()
            size = [f"SIZE={len(mail)}"] if client.supports_extension("size") else []
            await client.mail(sender, options=size)
            await client.rcpt(recipient)
        except aiosmtplib.SMTPRecipientRefused as refused:
            if _for_good(refused):
                return _refused(f"does not take mail to {recipient}", refused)
            raise _not_taken(refused) from refused
        except aiosmtplib.SMTPSenderRefused as refused:
            if refused.code == TOO_LARGE:
                return _refused("finds the mail too large", refused)
            raise _not_taken(refused) from refused
        except (aiosmtplib.SMTPException, OSError) as failure:
            raise _not_taken(failure) from failure
        return await _data(client, mail)
    finally:
        await _goodbye(client)


async def _data(client: aiosmtplib.SMTP, mail: bytes) -> SendReceipt:
    try:
        taken = await client.data(mail)
    except aiosmtplib.SMTPDataError as answer:
        if _for_good(answer):
            return _refused("does not take this mail", answer)
        if 400 <= answer.code < 500:
            raise _not_taken(answer) from answer
        return SendReceipt(result=SendResult.UNKNOWN, reason=f"the mail server answered {_said(answer)}")
    except (aiosmtplib.SMTPException, OSError) as broken:
        return SendReceipt(
            result=SendResult.UNKNOWN,
            reason=f"the connection to the mail server broke while it took the mail: {_said(broken)}",
        )
    return SendReceipt(
        result=SendResult.DELIVERED, reason=f"the mail server took it: {plain_words(f'{taken.code} {taken.message}')}"
    )


async def _goodbye(client: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await client.quit()
    client.close()


def _for_good(answer: aiosmtplib.SMTPResponseException) -> bool:
    return 500 <= answer.code < 600


def _refused(what: str, answer: aiosmtplib.SMTPResponseException) -> SendReceipt:
    return SendReceipt(result=SendResult.REFUSED, reason=f"the mail server {what}: {_said(answer)}")


def _not_taken(failure: Exception) -> Retryable:
    mend = ""
    if isinstance(failure, aiosmtplib.SMTPAuthenticationError):
        mend = "; correct smtp_user and smtp_password, this is tried again until then"
    elif isinstance(failure, aiosmtplib.SMTPSenderRefused) and _for_good(failure):
        mend = "; correct sender, this is tried again until then"
    return Retryable(f"the mail server did not take the mail ({_said(failure)}){mend}")


def _said(failure: Exception) -> str:
    if isinstance(failure, aiosmtplib.SMTPResponseException):
        return plain_words(f"{failure.code} {failure.message}")
    return plain_words(f"{type(failure).__name__}: {failure}").rstrip(": ")
