"""`promisekeeper payload-key`: makes a key for PROMISEKEEPER_PAYLOAD_KEYS."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from activities.sealing import KeyRing, fresh_key
from cli.errors import CommandFailed


def payload_key(key_id: Annotated[str | None, Parameter(name="--id")] = None) -> int:
    """Print a fresh payload key, to be put before those in PROMISEKEEPER_PAYLOAD_KEYS. It is stored nowhere.

    Args:
        key_id: what it is called; the day of today if not given.
    """
    key = fresh_key(key_id or f"{datetime.now(UTC):%Y-%m-%d}")
    try:
        KeyRing.read(key)
    except ValueError as wrong:
        raise CommandFailed(f"--id {key_id}: {wrong}") from wrong
    print(key)
    return 0
