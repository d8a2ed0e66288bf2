"""A simulated supplier without any system: it reads its orders in the mail catcher and answers on the page behind them.

It does what the page offers: agrees to what is asked, confirms everything as ordered, and in good time says that all
of it has left. The page knows what was answered, so nothing is kept here but which mails are done with.
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import httpx
from lxml import etree

from connectors.rest import trusted
from devstack.simulators.book import Book
from devstack.simulators.settings import MailboxSettings

LINK = re.compile(r"https?://\S+/purchase-orders/\S+")
LOOKS_EVERY = 1.0
"""Seconds between two looks into the mailbox."""

Form = Mapping[str, str]
"""What the page has put into a form itself."""


class MailboxSupplier:
    """One supplier."""

    def __init__(self, book: Book, settings: MailboxSettings) -> None:
        self._book = book
        self._settings = settings

    async def work(self) -> None:
        """Answer until cancelled; what does not get through is tried again."""
        async with httpx.AsyncClient(timeout=30, trust_env=False, verify=trusted()) as client:
            while True:
                for mail_id, received_at, text in self._open():
                    link = LINK.search(text)
                    try:
                        done = link is None or await self._answered(client, link.group(), received_at)
                    except httpx.HTTPError:
                        continue  # the gateway is away
                    if done:
                        self._book.write("INSERT OR IGNORE INTO mail_dealt_with (mail_id) VALUES (?)", mail_id)
                await asyncio.sleep(LOOKS_EVERY)

    def _open(self) -> list[tuple[int, datetime, str]]:
        rows = self._book.rows(
            "SELECT mail_id, received_at, text FROM mail WHERE recipient = ?"
            " AND mail_id NOT IN (SELECT mail_id FROM mail_dealt_with) ORDER BY mail_id",
            self._settings.address,
        )
        return [(row["mail_id"], datetime.fromisoformat(row["received_at"]), row["text"]) for row in rows]

    async def _answered(self, client: httpx.AsyncClient, link: str, received_at: datetime) -> bool:
        """Do what is due; whether the mail is done with, since all is shipped or the link opens nothing any more."""
        pace, age = self._settings.pace, datetime.now(UTC) - received_at
        if not _due(age, min(pace.acknowledge_after or 0, pace.answer_after or 0)):
            return False
        page = await client.get(link)
        if page.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            page.raise_for_status()
        if page.status_code >= httpx.codes.BAD_REQUEST:
            return True
        forms = _forms(page.text)
        if "change" in forms and _due(age, pace.answer_after):
            await _post(client, link, {**forms["change"], "verdict": "accepted"})
        elif "confirm" in forms and _due(age, pace.acknowledge_after):
            await _post(client, link, forms["confirm"])
        elif "ship" in forms and "confirm" not in forms and _due(age, pace.acknowledge_after, pace.ship_after):
            await _post(client, link, _all_of_it(forms["ship"], (datetime.now(UTC) + timedelta(days=1)).date()))
            return True
        return False


def _due(age: timedelta, *after: float | None) -> bool:
    """Whether all those seconds are over; None is never."""
    waits = [seconds for seconds in after if seconds is not None]
    return len(waits) == len(after) and age.total_seconds() >= sum(waits)


def _forms(page: str) -> dict[str, Form]:
    """The forms of a page by what they do, each with its hidden fields."""
    found: dict[str, Form] = {}
    for form in etree.fromstring(page, etree.HTMLParser()).iter("form"):
        hidden = {
            str(field.get("name")): str(field.get("value")) for field in form.iterfind(".//input[@type='hidden']")
        }
        found[hidden.get("do", "")] = hidden
    return found


def _all_of_it(form: Form, arrives: date) -> dict[str, str]:
    most = {name.removeprefix("most-"): units for name, units in form.items() if name.startswith("most-")}
    return {**form, **{f"shipped-{line}": units for line, units in most.items()}, "arrives": arrives.isoformat()}


async def _post(client: httpx.AsyncClient, link: str, form: Form) -> None:
    said = await client.post(link, data=dict(form))
    if said.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        said.raise_for_status()
