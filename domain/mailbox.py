"""What comes from a supplier apart from its orders: messages that nobody could read, and what stands in the way."""

from datetime import timedelta

from domain.values import Frozen, Instant

SHOWN = 20
"""Unreadable messages that are named; all are counted."""


class UnreadableMessage(Frozen):
    """A message that was kept and could not be read."""

    inbox_id: int
    received_at: Instant
    file: str | None = None
    """What the supplier called it; None: it came otherwise than as a file."""
    why: str

    @property
    def told(self) -> str:
        """Which document it is, if that has a name, and why it waits."""
        return f"{self.file}: {self.why}" if self.file else self.why


class MailboxPosition(Frozen):
    """Where a supplier's mailbox stands, after a look."""

    supplier_id: str
    supplier_name: str
    fetches: bool
    """Its messages are fetched; those of others come to our door."""
    fetch_every: timedelta
    fetched: int = 0
    """Messages that this look brought, those that were known already not counted."""
    replied: int = 0
    """Words that its protocol was owed, sent by this look."""
    in_the_way: tuple[str, ...] = ()
    """What was passed over, in words: a person has to mend it at the supplier's end or ours."""
    more: bool = False
    """It left more behind: look again at once."""
    owes: bool = False
    """A word that the supplier's protocol is owed could not be sent yet."""
    unreadable: tuple[UnreadableMessage, ...] = ()
    """The oldest of those that nobody has seen to."""
    unreadable_total: int = 0
