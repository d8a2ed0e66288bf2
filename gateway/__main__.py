"""`python -m gateway`: serve until told to stop (SIGTERM or Ctrl-C), then finish what is under way."""

import logging

import uvicorn

from activities.settings import Settings
from gateway.app import create_app

GRACE = 20
"""Seconds that requests under way may take to finish; longer than a caller is kept waiting for a workflow."""


def main() -> None:
    """Read the settings and serve."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # pydantic-settings reads required fields from the environment, which type checkers cannot see
    settings = Settings()  # pyright: ignore[reportCallIssue]
    uvicorn.run(
        create_app(),
        host=settings.gateway_host,
        port=settings.gateway_port,
        access_log=False,  # it would write customers' tokens into the log; see gateway/access_log.py
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )


if __name__ == "__main__":
    main()
