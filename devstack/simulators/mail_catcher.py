"""A mail server that keeps every mail and delivers none, with a page to read them.

SMTP                       takes mail for anyone
GET  /                     the list; /mails/{id} shows one
GET  /api/mails?to=...     JSON, the oldest first; `to` filters by recipient
POST /api/control          {"refuse": ["gone@shop.example"], "busy": 2}: 550 for these addresses, 451 for the next n
"""

import asyncio
import email
import email.policy
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape
from http import HTTPStatus
from socket import socket

from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from pydantic import Field

from devstack.simulators.book import Book
from devstack.simulators.records import CaughtMail
from devstack.simulators.requests import Problem, new_app
from devstack.simulators.settings import Value

LARGEST_MAIL = 2_000_000


class MailControl(Value):
    """What the mail server refuses."""

    refuse: tuple[str, ...] = ()
    """Addresses that do not exist (550)."""
    busy: int = Field(default=0, ge=0)
    """How many of the next mails are put off (451)."""


class MailCatcher:
    """Keeps mails in the book. Its `handle_...` methods are called by aiosmtpd."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._control = MailControl()
        self._busy = 0

    def control(self, control: MailControl) -> None:
        """Refuse from now on what `control` says, and nothing else."""
        self._control = control
        self._busy = control.busy

    async def handle_RCPT(  # noqa: N802 (aiosmtpd finds it by this name)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        if self._busy:
            self._busy -= 1
            return "451 4.3.2 come back later"
        if address in self._control.refuse:
            return "550 5.1.1 nobody lives here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (as above)
        """Keep a mail, once for each recipient."""
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content).encode()
        message = email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)
        with self._book.transaction():
            for recipient in envelope.rcpt_tos:
                self._book.write(
                    "INSERT INTO mail (received_at, sender, recipient, message_id, subject, text, html)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    *(datetime.now(UTC).isoformat(), _header(message, "From"), str(recipient)),
                    *(_header(message, "Message-ID"), _header(message, "Subject")),
                    *(_part(message, "plain"), _part(message, "html")),
                )
        return "250 kept"

    def mails(self, to: str | None = None) -> list[CaughtMail]:
        """The mails kept, the oldest first."""
        rows = self._book.rows("SELECT * FROM mail WHERE ? IS NULL OR recipient = ? ORDER BY mail_id", to, to)
        return [CaughtMail.model_validate(dict(row)) for row in rows]

    def mail(self, mail_id: int) -> CaughtMail:
        """One mail. Raises: Problem 404."""
        row = self._book.row("SELECT * FROM mail WHERE mail_id = ?", mail_id)
        if row is None:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown", f"no mail {mail_id} is here")
        return CaughtMail.model_validate(dict(row))


@asynccontextmanager
async def receiving(catcher: MailCatcher, bound: socket) -> AsyncGenerator[int]:
    """Take mail on a bound socket for as long as the block runs; yields the port."""
    loop = asyncio.get_running_loop()
    open_doors: list[SMTP] = []

    def door() -> SMTP:
        # the host name is given, since asking the system for it can take seconds
        smtp = SMTP(catcher, data_size_limit=LARGEST_MAIL, enable_SMTPUTF8=True, hostname="localhost", loop=loop)
        open_doors.append(smtp)
        return smtp

    server = await loop.create_server(door, sock=bound)
    try:
        yield bound.getsockname()[1]
    finally:
        server.close()
        for smtp in open_doors:
            if smtp.transport is not None:
                smtp.transport.close()
        await server.wait_closed()


def mail_app(catcher: MailCatcher) -> FastAPI:
    """The pages and the JSON."""
    app = new_app()

    @app.get("/", response_class=HTMLResponse)
    async def listing() -> str:
        return _page("Mail catcher", _rows(list(reversed(catcher.mails()))))

    @app.get("/mails/{mail_id}", response_class=HTMLResponse)
    async def one(mail_id: int) -> str:
        return _page(catcher.mail(mail_id).subject, _shown(catcher.mail(mail_id)))

    @app.get("/api/mails")
    async def mails(to: str | None = None) -> list[CaughtMail]:
        return catcher.mails(to)

    @app.post("/api/control")
    async def control(command: MailControl) -> Response:
        catcher.control(command)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return app


def _header(message: EmailMessage, name: str) -> str:
    # a long one begins on a line of its own, and the space that folded it there would be left
    return str(message[name] or "").strip()


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return "" if body is None else str(body.get_content())


STYLE = """
:root { color-scheme: light dark; --ground: #f5f0e8; --card: #fff; --line: #e8dfd2; --hover: #faf5ec; --text: #2b2622;
  --dim: #6f655b; --accent: #7a4a24; }
@media (prefers-color-scheme: dark) { :root { --ground: #1b1714; --card: #26211d; --line: #3b342d; --hover: #302923;
  --text: #efe7dd; --dim: #b5a99c; --accent: #e3a972; } }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 900px; margin: 0 auto; padding: 20px 16px 48px; overflow-wrap: anywhere; }
h1 { font-size: 22px; line-height: 1.3; margin: 0 0 4px; text-wrap: balance; } a { color: var(--accent); }
p { margin: 0 0 12px; } .dim { color: var(--dim); font-size: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden;
  margin-top: 18px; }
.mail { display: block; padding: 12px 18px; border-top: 1px solid var(--line); text-decoration: none; color: inherit; }
.mail:first-child { border-top: 0; } .mail:hover { background: var(--hover); } .mail b { font-weight: 600; }
iframe { width: 100%; height: 960px; border: 0; display: block; background: #f5f0e8; color-scheme: light; }
@media (max-width: 600px) { iframe { height: 1240px; } }
pre { margin: 0; padding: 18px; white-space: pre-wrap; font: 14px/1.5 monospace; }
summary { padding: 12px 18px; cursor: pointer; }
"""


def _page(title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style>'
        f"<main>{content}</main></html>"
    )


def _minute(mail: CaughtMail) -> str:
    return f"{escape(mail.received_at[:16].replace('T', ' '))} UTC"


def _rows(mails: list[CaughtMail]) -> str:
    rows = "".join(
        f'<a class="mail" href="/mails/{mail.mail_id}"><b>{escape(mail.subject)}</b><br>'
        f'<span class="dim">to {escape(mail.recipient)}, {_minute(mail)}</span></a>'
        for mail in mails
    )
    head = (
        f'<h1>Mail catcher</h1><div class="dim">{len(mails)} mails kept, none delivered. '
        'As JSON: <a href="/api/mails">/api/mails</a></div>'
    )
    return head + (f'<div class="card">{rows}</div>' if rows else "<p>No mail yet.</p>")


def _shown(mail: CaughtMail) -> str:
    # The frame is sandboxed: a mail's scripts and links cannot reach this page. Links open in a tab of their own.
    html = mail.html.replace("<head>", '<head><base target="_blank">', 1)
    frame = f'<iframe sandbox="allow-popups" srcdoc="{escape(html)}" title="the mail"></iframe>' if html else ""
    return (
        f'<p><a href="/">All mails</a></p><h1>{escape(mail.subject)}</h1>'
        f'<div class="dim">from {escape(mail.sender)} to {escape(mail.recipient)}, '
        f"{_minute(mail)}<br>{escape(mail.message_id)}</div>"
        f'<div class="card">{frame}</div>'
        f'<div class="card"><details><summary>As plain text</summary><pre>{escape(mail.text)}</pre></details></div>'
    )
