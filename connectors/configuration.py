"""How connector settings are read: one frozen pydantic base, in which `env:NAME` stands for an environment variable.

A catalogue file is kept in version control, so secrets do not belong in it: write `"api_key": "env:ACME_API_KEY"` and
give the variable to the processes that talk to the supplier. Wrong settings are named; their values are never shown.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple, cast, get_args

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, ValidationError, ValidationInfo, field_validator
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

ENVIRONMENT_PREFIX = "env:"

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def variable(setting: object) -> str | None:
    """The environment variable that a setting is read from, if it is."""
    if not isinstance(setting, str) or not setting.startswith(ENVIRONMENT_PREFIX):
        return None
    name = setting.removeprefix(ENVIRONMENT_PREFIX)
    return name if _VARIABLE.fullmatch(name) else None


class SeveralLines:
    """Marks a setting that may hold line breaks, as keys in files do: `key: Annotated[SecretStr, SeveralLines()]`."""


class ConnectorConfig(BaseModel):
    """Base of every connector's settings, and of settings within settings (those are told apart by `kind`).

    Unknown settings are refused, since a misspelt one would be silently lost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _from_environment(cls, value: object, about: ValidationInfo) -> object:
        if isinstance(value, str) and value.startswith(ENVIRONMENT_PREFIX):
            name = variable(value)
            if name is None:
                raise ValueError("env: is followed by the name of an environment variable: letters, digits and _")
            value = os.environ.get(name)
            if not value:
                raise ValueError("is not set in this process; set that variable")
        if isinstance(value, str) and not (value.isprintable() or cls._may_hold_lines(value, about)):
            # a line break at the end of a secret that was read from a file, mostly
            raise ValueError("holds a line break or another character that cannot be printed; take it out")
        return value

    @classmethod
    def _may_hold_lines(cls, value: str, about: ValidationInfo) -> bool:
        marks = cls.model_fields[about.field_name].metadata if about.field_name else []
        return any(isinstance(mark, SeveralLines) for mark in marks) and "".join(value.split()).isprintable()


class SettingProblem(NamedTuple):
    """One thing that is wrong with how a supplier is set up. Never holds a value."""

    field: str
    """Of the supplier in the catalogue, such as `connector_config.api_key`."""
    wrong: str
    """In words, with what to do."""
    variable: str | None = None
    """The environment variable it is read from: another process may have another one."""

    def __str__(self) -> str:
        """In one line."""
        read_from = f" (environment variable {self.variable})" if self.variable else ""
        return f"{self.field}{read_from}: {self.wrong}"


def problems(
    refusal: ValidationError, model: type[BaseModel], settings: Mapping[str, object]
) -> Iterator[SettingProblem]:
    """What pydantic found wrong with a connector's settings, for the people who wrote them.

    Args:
        refusal: what reading `settings` raised.
        model: what they were read as.
        settings: as they stand in the catalogue.
    """
    for error in refusal.errors(include_url=False, include_input=False):
        path, value = _placed(error["loc"], settings)
        if error["type"] == "missing":
            wrong = "is missing; set it"
        elif error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(path[-1], sorted(_names(model)), n=1)
            wrong = f"is no setting of this connector; {f'did you mean {near[0]}?' if near else 'take it out'}"
        else:
            wrong = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        yield SettingProblem(".".join(["connector_config", *path]), wrong, variable(value))


def _placed(location: Sequence[int | str], settings: Mapping[str, object]) -> tuple[list[str], object]:
    """Where pydantic found something, as the people who wrote the settings would say it, and what stands there."""
    path, here, told_apart = list[str](), cast("object", settings), False
    for part in location:
        if part == _within(here, "kind") and _within(here, part) is None and not told_apart:
            # pydantic names which kind of settings it tried; nobody wrote that as a step of the way
            told_apart = True
        else:
            path.append(str(part))
            here, told_apart = _within(here, part), False
    return path, here


def _within(settings: object, part: int | str) -> object:
    """What stands there; a single value may stand for several (`env:NAME`)."""
    if isinstance(settings, Mapping):
        return cast("Mapping[object, object]", settings).get(part)
    if isinstance(settings, list | tuple):
        return cast("Sequence[object]", settings)[part] if isinstance(part, int) else None
    return settings


def _names(kind: object) -> set[str]:
    """The names of settings, and of settings within them."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        within = [_names(field.annotation) for field in kind.model_fields.values()]
        return set(kind.model_fields).union(*within)
    return set[str]().union(*map(_names, get_args(kind)))


def usable_address(value: str) -> str:
    """Validate the address of a service, to which paths are added, so that a typing error shows at once.

    Raises:
        ValueError: it is no http or https address of a host.
    """
    try:
        url = httpx.URL(value)
        url.host.encode("idna")  # as the look-up of the name will
    except (httpx.InvalidURL, UnicodeError) as unreadable:
        raise ValueError("is no address; write one such as https://api.acme.example/v1") from unreadable
    if any(c.isspace() for c in value):
        raise ValueError("holds a blank, which no address has; take it out")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("must start with http:// or https:// and a host, such as https://api.acme.example/v1")
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError("has a port that no address can have; it is 1 to 65535")
    if url.userinfo:
        raise ValueError("must hold no user and password: they would replace the API key")
    if "?" in value or "#" in value:
        raise ValueError("must end with its path, without ? and #: paths are added to it")
    return value


def usable_api_key(secret: SecretStr) -> SecretStr:
    """Validate a key that is sent as `Authorization: Bearer ...`, which holds printable ASCII without blanks.

    Raises:
        ValueError: it is empty, or no header can carry it.
    """
    value = secret.get_secret_value()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("an API key is printable ASCII without blanks, at least one character")
    return secret


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


Address = Annotated[str, AfterValidator(usable_address)]
ApiKey = Annotated[SecretStr, AfterValidator(usable_api_key)]
WebhookSecret = Annotated[SecretStr, AfterValidator(usable_webhook_secret)]
