"""`python -m gateway`: serve until told to stop (SIGTERM or Ctrl-C), then finish what is under way."""

import asyncio
import math
import sys

import psycopg
import uvicorn
from pydantic import ValidationError

from activities import logs
from activities.settings import Settings
from activities.tracing import traced
from domain.errors import PromisekeeperError
from gateway.app import create_app
from gateway.slow_senders import ImpatientConnection
from ledger.book import Ledger

KEEP_ALIVE = 75
"""Seconds that a connection may rest between two requests; longer than proxies let theirs rest (60, usually), so that
none of them sends a request into a connection that is just being closed."""


def main() -> int:
    """Read the settings and serve. Returns the exit code; a missing setting is named plainly."""
    try:
        # pydantic-settings reads required fields from the environment, which type checkers cannot see
        settings = Settings()  # pyright: ignore[reportCallIssue]
    except ValidationError as wrong:
        for error in wrong.errors():
            print(f"PROMISEKEEPER_{str(error['loc'][0]).upper()}: {error['msg']}", file=sys.stderr)
        return 2
    logs.set_up(settings.log_format)
    try:
        asyncio.run(_ledger_fits(settings))
    except (PromisekeeperError, psycopg.Error) as refused:
        print(refused, file=sys.stderr)
        return 1
    with traced("promisekeeper-gateway"):
        _serve(settings)
    return 0


def _serve(settings: Settings) -> None:
    uvicorn.run(
        create_app(),
        host=settings.gateway_host,
        port=settings.gateway_port,
        http=ImpatientConnection,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE,
        access_log=False,  # it would write customers' tokens into the log; see gateway/access_log.py
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.stop_within.total_seconds()),
    )


async def _ledger_fits(settings: Settings) -> None:
    """Asked before anything is served, since a server that fails while it starts says so by a traceback."""
    await (await Ledger.open(settings.ledger_dsn.get_secret_value(), size=1)).close()


if __name__ == "__main__":
    sys.exit(main())
