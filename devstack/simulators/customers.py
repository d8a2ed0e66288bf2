"""Simulated customers: they read their caught mails and answer on the gateway's page, as people would.

What one does stands in the mail address, after a plus sign:

changes-mind      cancels as soon as the first mail brings a link
refuses-delay     cancels when asked to wait
waits             consents when asked to wait

Everybody else says nothing. A mail is dealt with once, over restarts, too; answering twice would be harmless.
"""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import httpx

from devstack.simulators.book import Book

LINK = re.compile(r"https?://\S+/answers/\S+")
LOOKS_EVERY = 1.0
"""Seconds between two looks into the mailbox."""
THINKS_FOR = 5.0
"""Seconds from a mail to its answer, so that one can watch the order before it changes."""


class Customers:
    """Reads the mails of everybody whose address says what they do."""

    def __init__(self, book: Book) -> None:
        self._book = book

    async def run(self) -> None:
        """Answer until cancelled; an answer that does not get through is tried again."""
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            while True:
                for mail_id, recipient, text in self._unanswered():
                    try:
                        await _deal_with(client, recipient, text)
                    except httpx.HTTPError:
                        continue  # the gateway is away; the mail stays unanswered and is taken up again
                    self._book.write("INSERT OR IGNORE INTO mail_dealt_with (mail_id) VALUES (?)", mail_id)
                await asyncio.sleep(LOOKS_EVERY)

    def _unanswered(self) -> list[tuple[int, str, str]]:
        rows = self._book.rows(
            "SELECT mail_id, recipient, text FROM mail WHERE recipient LIKE '%+%@%'"
            " AND received_at < ?"
            " AND mail_id NOT IN (SELECT mail_id FROM mail_dealt_with) ORDER BY mail_id",
            (datetime.now(UTC) - timedelta(seconds=THINKS_FOR)).isoformat(),
        )
        return [(row["mail_id"], row["recipient"], row["text"]) for row in rows]


async def _deal_with(client: httpx.AsyncClient, recipient: str, text: str) -> None:
    habit = recipient.partition("@")[0].rpartition("+")[2]
    link = LINK.search(text)
    if link is None:
        return
    page = await client.get(link.group())
    if page.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        page.raise_for_status()
    asked_to_wait, can_cancel = 'value="consent"' in page.text, 'value="cancel"' in page.text
    if habit == "waits" and asked_to_wait:
        answer = "consent"
    elif can_cancel and (habit == "changes-mind" or (habit == "refuses-delay" and asked_to_wait)):
        answer = "cancel"
    else:
        return
    said = await client.post(link.group(), data={"answer": answer})
    if said.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        said.raise_for_status()
