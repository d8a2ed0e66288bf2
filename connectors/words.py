"""What a far side says, made fit for logs, the ledger and people: one line, no control characters, not too long."""

from typing import Annotated

from pydantic import BeforeValidator, StringConstraints

LONGEST_WORDS = 500
"""Characters of what a far side says that are kept."""

LONGEST_NAME = 200
"""Characters of a far side's name for a thing: the ledger finds things by it."""

ASTRAY = "orders something from us: it went astray. Tell them."
"""Of a document that a supplier sent the wrong way: whoever sent it has to be told, or waits for goods."""


def plain_words(said: str) -> str:
    """The words, without anything that a terminal obeys or PostgreSQL cannot keep."""
    kept = said[: 2 * LONGEST_WORDS]
    if not kept.isprintable():
        kept = "".join(c if c.isprintable() else " " for c in kept)
    return " ".join(kept.split())[:LONGEST_WORDS]


def _plain(member: object) -> str:
    return plain_words(member) if isinstance(member, str) else ""


Said = Annotated[str, BeforeValidator(_plain)]
"""Words for people; what is no text counts as nothing said (so RFC 9457, 3.1, wants it of problem details)."""

Reference = Annotated[str, StringConstraints(max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""The far side's own name for a thing: kept as it is, or not taken at all."""
