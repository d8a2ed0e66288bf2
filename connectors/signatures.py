"""Who a webhook is from: Standard Webhooks signatures (standardwebhooks.com), checked before anything is read.

HMAC-SHA256 over `id.timestamp.body`; five minutes of clock skew; several signatures in one header while a secret is
being rotated. The `webhook-id` is the same for every delivery of the same message.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from connectors.errors import ClocksApart, Undecodable

TOLERANCE = timedelta(minutes=5)
"""A message that is signed for an instant further away from ours is taken for a replay."""


def signed(secret: SecretStr, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers that sign a body.

    Args:
        secret: `whsec_...`.
        message_id: the same for every delivery of the same message.
        at: now.
        body: any bytes. (The library standardwebhooks signs and verifies UTF-8 only; EDIFACT is often Latin-1.)
    """
    stamp = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": _signature(secret, message_id, stamp, body).decode(),
    }


def verify_signature(secret: SecretStr, body: bytes, headers: Mapping[str, str]) -> None:
    """Check signature and age.

    Args:
        secret: `whsec_...`.
        body: as it came.
        headers: keys in lower case.

    Raises:
        ClocksApart: signed with `secret`, but for an instant more than five minutes away from ours.
        Undecodable: not signed with `secret`, or not signed at all.
    """
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not (message_id and stamp and signatures):
        raise Undecodable("the webhook is not signed: webhook-id, webhook-timestamp or webhook-signature is missing")
    right = _signature(secret, message_id, stamp, body)
    if not any(hmac.compare_digest(right, one.encode(errors="replace")) for one in signatures.split(" ")):
        raise Undecodable("the webhook's signature does not hold: none of its signatures is ours")
    try:
        at = datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError) as unreadable:
        raise Undecodable(
            "the webhook's signature does not hold: its timestamp is no number of seconds"
        ) from unreadable
    now = datetime.now(UTC)
    if abs(now - at) > TOLERANCE:
        raise ClocksApart(
            f"the webhook is too {'old' if at < now else 'new'}: it is signed for {at:%Y-%m-%d %H:%M:%S} UTC, and here "
            f"it is {now:%Y-%m-%d %H:%M:%S} UTC. Set the clock that is wrong, and send it again"
        )


def _signature(secret: SecretStr, message_id: str, stamp: str, body: bytes) -> bytes:
    # padded anew: secrets are written with and without, and what is too much is skipped
    key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_") + "==")
    content = f"{message_id}.{stamp}.".encode(errors="replace") + body
    return b"v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256))


def webhook_id(headers: Mapping[str, str]) -> str:
    """The message's own id, the same for every delivery.

    Raises:
        Undecodable: it is missing, over 200 characters, or not printable ASCII (it becomes a key in the ledger).
    """
    value = headers.get("webhook-id", "")
    if not value or len(value) > 200 or not value.isascii() or not value.isprintable():
        raise Undecodable("the webhook has no usable webhook-id header (1 to 200 printable ASCII characters)")
    return value
