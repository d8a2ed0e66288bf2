"""What the mail door is to us: one message, sent under a key, at least once, recognisable as the same when repeated."""

from typing import Protocol

from domain.values import Frozen


class Mail(Frozen):
    """A rendered mail. `message_id` is derived from our key, so a repeat is the same message to a mail reader."""

    message_id: str
    to: str
    subject: str
    text: str
    html: str


class MessageConnector(Protocol):
    """Sends mail."""

    async def send(self, mail: Mail) -> None:
        """Hand the mail to the server. Raises: Retryable (not taken, try again), Refused (this address never works)."""
        ...
