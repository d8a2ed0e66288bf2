"""The whole interface of a `SupplierMailbox` workflow: names, ids, payloads, search attributes."""

from datetime import timedelta
from enum import StrEnum

from domain import names
from domain.mailbox import MailboxPosition
from domain.values import Frozen, Instant
from workflows.purchase_order_contract import NEEDS_ATTENTION, SUPPLIER_IDS

WORKFLOW = names.SUPPLIER_MAILBOX
workflow_id = names.mailbox_workflow_id

LOOK = names.LOOK
RESOLVE = "resolve"
STANDING = "standing"

SEARCH_ATTRIBUTES: dict[str, str] = {SUPPLIER_IDS.name: "KeywordList", NEEDS_ATTENTION.name: "Bool"}
"""Name to type, as a namespace needs them registered."""


class MailboxInput(Frozen):
    """Start input."""

    supplier_id: str
    looks_per_run: int = 500
    """Continue as new after so many looks, or when the server suggests it."""
    position: MailboxPosition | None = None
    """Carried over continue-as-new, so that the details stay."""
    trouble: str | None = None
    """Carried over, too: why the last look came to nothing. The next one is not at once."""
    asked_to_wait: timedelta = timedelta(0)
    """As the supplier's connector asked for then."""


class MailboxResolution(StrEnum):
    """What an operator can decide about messages that could not be read."""

    RETRY = "retry"
    """The connector or the partner's profile is mended: read them again."""
    DISMISS = "dismiss"
    """They were seen to by other means."""


class ResolveMailbox(Frozen):
    """An operator's decision."""

    resolution: MailboxResolution
    messages: tuple[int, ...] = ()
    """By their inbox ids, which ones; none named: all that wait."""
    note: str = ""
    """Why, for the story."""


class MailboxStanding(Frozen):
    """Where the mailbox stands."""

    position: MailboxPosition | None
    looked_at: Instant | None
    trouble: str | None
    """Why the last look came to nothing."""
