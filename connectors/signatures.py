"""Who a webhook is from: Standard Webhooks signatures (standardwebhooks.com), checked before anything is read.

HMAC-SHA256 over `id.timestamp.body`; five minutes of clock skew; several signatures in one header while a secret is
being rotated. The `webhook-id` is the same for every delivery of the same message.
"""

from collections.abc import Mapping

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.errors import Undecodable


def verify_signature(secret: SecretStr, body: bytes, headers: Mapping[str, str]) -> None:
    """Check signature and age.

    Args:
        headers: keys in lower case.

    Raises:
        Undecodable: not signed with `secret`, too old, or not signed at all.
    """
    try:
        Webhook(secret.get_secret_value()).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError) as unproven:
        # ValueError: the library lets broken base64, a body that is no UTF-8, and a comma too many through as such
        raise Undecodable(f"the webhook's signature does not hold: {unproven}") from unproven


def webhook_id(headers: Mapping[str, str]) -> str:
    """The message's own id, the same for every delivery.

    Raises:
        Undecodable: it is missing, over 200 characters, or not printable ASCII (it becomes a key in the ledger).
    """
    value = headers.get("webhook-id", "")
    if not value or len(value) > 200 or not value.isascii() or not value.isprintable():
        raise Undecodable("the webhook has no usable webhook-id header (1 to 200 printable ASCII characters)")
    return value
