"""Who a webhook is from: Standard Webhooks signatures (standardwebhooks.com), checked before anything is read.

HMAC-SHA256 over `id.timestamp.body`; five minutes of clock skew; several signatures in one header while a secret is
being rotated. The `webhook-id` is the same for every delivery of the same message.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.errors import ClocksApart, Undecodable


def verify_signature(secret: SecretStr, body: bytes, headers: Mapping[str, str]) -> None:
    """Check signature and age.

    Args:
        headers: keys in lower case.

    Raises:
        ClocksApart: signed with `secret`, but for an instant more than five minutes away from ours.
        Undecodable: not signed with `secret`, or not signed at all.
    """
    webhook = Webhook(secret.get_secret_value())
    try:
        webhook.verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError) as unproven:
        if "timestamp too" in str(unproven) and (signed_at := _signed_at(webhook, body, headers)):
            raise ClocksApart(
                f"{unproven}: it is signed for {signed_at:%Y-%m-%d %H:%M:%S} UTC, and here it is "
                f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC. Set the clock that is wrong, and send it again"
            ) from unproven
        # ValueError: the library lets broken base64, a body that is no UTF-8, and a comma too many through as such
        raise Undecodable(f"the webhook's signature does not hold: {unproven}") from unproven


def _signed_at(webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> datetime | None:
    """The instant it is rightly signed for; None: the signature does not hold, whatever the time."""
    try:
        at = datetime.fromtimestamp(float(headers["webhook-timestamp"]), UTC)
        right = webhook.sign(headers["webhook-id"], at, body.decode()).encode()
    except (ValueError, OverflowError, OSError):
        return None
    signatures = headers["webhook-signature"].split(" ")
    return at if any(hmac.compare_digest(right, one.encode()) for one in signatures) else None


def webhook_id(headers: Mapping[str, str]) -> str:
    """The message's own id, the same for every delivery.

    Raises:
        Undecodable: it is missing, over 200 characters, or not printable ASCII (it becomes a key in the ledger).
    """
    value = headers.get("webhook-id", "")
    if not value or len(value) > 200 or not value.isascii() or not value.isprintable():
        raise Undecodable("the webhook has no usable webhook-id header (1 to 200 printable ASCII characters)")
    return value
