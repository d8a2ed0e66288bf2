"""How connector settings are read: one frozen pydantic base, in which `env:NAME` stands for an environment variable.

A catalogue file is kept in version control, so secrets do not belong in it: write `"api_key": "env:ACME_API_KEY"` and
give the variable to the processes that talk to the supplier. Wrong settings are named; their values are never shown.
"""

import os

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationInfo, field_validator
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

ENVIRONMENT_PREFIX = "env:"


class ConnectorConfig(BaseModel):
    """Base of every connector's settings. Unknown settings are refused, since a misspelt one would be silently lost."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _from_environment(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str) or not value.startswith(ENVIRONMENT_PREFIX):
            return value
        name = value.removeprefix(ENVIRONMENT_PREFIX)
        found = os.environ.get(name)
        if not found:
            raise ValueError(f"{info.field_name} is read from the environment variable {name}; set that variable")
        return found


def usable_webhook_secret(secret: SecretStr) -> SecretStr:
    """Validate a Standard Webhooks secret (`whsec_` and base64), so that a typing error shows at start, not at night.

    Raises:
        ValueError: it is empty or no base64.
    """
    value = secret.get_secret_value()
    if not value.startswith("whsec_"):
        raise ValueError("a webhook secret starts with whsec_, followed by base64")
    try:
        Webhook(value)
    except (ValueError, EmptyWebhookSecretError) as unusable:
        # the cause may quote the secret, so it is not repeated here
        raise ValueError("a webhook secret is whsec_ followed by base64 of at least one byte") from unusable
    return secret
