"""The settings of a transport, told apart by `kind` (folder, sftp, https), and `open_transport`, which goes by them."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self, cast

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, SecretStr, Tag, model_validator

from connectors.configuration import Address, ApiKey, ConnectorConfig, SeveralLines, WebhookSecret
from connectors.suppliers.documents import Transport

LARGEST_DOCUMENT = 5 * 1024 * 1024
"""Bytes; what the gateway's own door takes, too."""


def _folder(path: str) -> str:
    if not path or ".." in PurePosixPath(path).parts:
        raise ValueError("must be the path of a folder, without ..")
    return str(PurePosixPath(path))


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("must be a whole path, starting with /: processes run in different folders")
    return _folder(path)


Folder = Annotated[str, AfterValidator(_folder)]
WholeFolder = Annotated[str, AfterValidator(_absolute)]


class FilesConfig(ConnectorConfig):
    """Documents as files in two folders, local or a partner's. Paths are POSIX paths."""

    outbox: Folder
    """Where documents for the partner are put."""
    outbox_archive: Folder | None = None
    """Where the partner, or the gateway, moves what it took, under the same name. A document that has left the outbox
    is found there; without it nobody can say whether it was taken, and it is put there again if in doubt."""
    inbox: Folder | None = None
    """Where the partner's documents are collected. Without it nothing is polled."""
    archive: Folder | None = None
    """Where read documents go: `<archive>/2026-11/<name>.<sha256>`. Without it: the folder `archive` in the inbox."""
    after_reading: Literal["archive", "delete"] = "archive"
    """What becomes of a document that is stored in our ledger."""
    settle_seconds: float = Field(default=5, ge=0, le=86_400)
    """A file that was changed less than this ago is left for the next poll: some partners write in place."""
    largest_bytes: int = Field(default=LARGEST_DOCUMENT, ge=1, le=50 * 1024 * 1024)
    """A larger file is not read, but moved to the folder `refused` in the inbox."""
    batch_files: int = Field(default=50, ge=1, le=1000)
    """Documents that one poll brings at most."""
    batch_bytes: int = Field(default=2 * LARGEST_DOCUMENT, ge=1)
    """Bytes that one poll brings at most; a single document always comes."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.inbox is not None and self.inbox in {self.outbox, self.outbox_archive, self.archive}:
            raise ValueError("inbox must be a folder of its own: we would read our own documents, or read them again")
        if self.outbox == self.outbox_archive:
            raise ValueError("outbox_archive must be another folder than the outbox")
        return self


class FolderConfig(FilesConfig):
    """Folders that this machine and the partner's gateway share."""

    kind: Literal["folder"] = "folder"
    outbox: WholeFolder
    outbox_archive: WholeFolder | None = None
    inbox: WholeFolder | None = None
    archive: WholeFolder | None = None


_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_WHOLE_KEY = re.compile(r"(?:^|\s)(ssh-ed25519|ecdsa-sha2-nistp\d+|ssh-rsa)\s+(AAAA[A-Za-z0-9+/=]+)(?:\s|$)")


def _host_key(key: str) -> str:
    """A fingerprint, after the kind of key if a line of known_hosts is given: `ssh-ed25519 SHA256:...`."""
    if _FINGERPRINT.fullmatch(key):
        return key.rstrip("=")
    whole = _WHOLE_KEY.search(key)
    if whole is None or key.startswith("@"):
        raise ValueError(
            "must be SHA256:... or a line of known_hosts with an ed25519, ecdsa or rsa key; `ssh-keyscan HOST` prints "
            "it, but ask the partner whether it is theirs"
        )
    try:
        blob = base64.b64decode(whole[2], validate=True)
    except binascii.Error as cut:
        raise ValueError("is a line of known_hosts that is cut or damaged; copy it again") from cut
    return f"{whole[1]} SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _several(keys: object) -> object:
    """One key needs no list; neither do the lines of a known_hosts file in one text."""
    if not isinstance(keys, str):
        return keys
    return [line.strip() for line in keys.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _at_least_one(keys: tuple[str, ...]) -> tuple[str, ...]:
    if not keys:
        raise ValueError("holds no key; without one anybody could pass for the partner's server")
    return keys


HostKeys = Annotated[
    tuple[Annotated[str, AfterValidator(_host_key)], ...], AfterValidator(_at_least_one), BeforeValidator(_several)
]


def _private_key(secret: SecretStr) -> SecretStr:
    if "PRIVATE KEY-----" not in secret.get_secret_value():
        raise ValueError("must be the whole text of a private key file, from -----BEGIN to -----END")
    return secret


PrivateKey = Annotated[SecretStr, AfterValidator(_private_key)]


class SftpConfig(FilesConfig):
    """A partner's SFTP server. Paths are the server's; one that does not start with / starts at the login's home."""

    kind: Literal["sftp"] = "sftp"
    host: str = Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9._:\[\]-]+$")
    port: int = Field(default=22, ge=1, le=65_535)
    user: str = Field(min_length=1)
    password: SecretStr | None = None
    private_key: Annotated[PrivateKey | None, SeveralLines()] = None
    """The text of an OpenSSH or PEM private key, several lines: give it as `env:NAME`."""
    passphrase: SecretStr | None = None
    """Of the private key, if it has one."""
    host_keys: Annotated[HostKeys, SeveralLines()]
    """The server's keys, of which it must show one: `SHA256:...` or lines of known_hosts. Several while it changes."""
    timeout_seconds: float = Field(default=30, gt=0, le=600)
    """The longest wait for the connection with its login, and for each single answer after that."""

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.password is None and self.private_key is None:
            raise ValueError("password or private_key is missing; set one")
        return self


class HttpsConfig(ConnectorConfig):
    """Documents as the bodies of POST requests, ours to the partner and the partner's to our gateway."""

    kind: Literal["https"] = "https"
    url: Address
    """Where documents are posted to."""
    token: ApiKey | None = None
    """Sent as `Authorization: Bearer ...`. The body may carry its own secret instead, as cXML does."""
    signing_secret: WebhookSecret | None = None
    """`whsec_...`: each document is signed by Standard Webhooks; its `webhook-id` is the operation's id."""
    inbound_token: ApiKey | None = None
    """The partner sends this to our gateway as `Authorization: Bearer ...`."""
    inbound_secret: WebhookSecret | None = None
    """`whsec_...`: the partner signs by Standard Webhooks. With neither of the two, nothing is taken from it."""
    timeout_seconds: float = Field(default=30, gt=0, le=300)
    """The longest wait for a connection and for each piece of an answer; a whole exchange gets three times that."""
    largest_bytes: int = Field(default=LARGEST_DOCUMENT, ge=1, le=LARGEST_DOCUMENT)
    """A larger document is not taken from the partner."""


def _kind(settings: object) -> object:
    if isinstance(settings, Mapping):
        return cast("Mapping[str, object]", settings).get("kind")
    return getattr(settings, "kind", None)


TransportConfig = Annotated[
    Annotated[FolderConfig, Tag("folder")] | Annotated[SftpConfig, Tag("sftp")] | Annotated[HttpsConfig, Tag("https")],
    # not by the name of the field: pydantic wants one that no validator touches, and `env:NAME` is a validator
    Discriminator(
        _kind,
        custom_error_type="no_such_transport",
        custom_error_message="must have a kind, which is folder, sftp or https",
    ),
]

UNUSED: Mapping[str, object] = {"kind": "folder", "outbox": "/unused"}
"""Of a connector that only reads what it is given."""


def open_transport(supplier_id: str, config: TransportConfig) -> Transport:
    """The transport that the settings describe; nothing is connected to yet.

    Args:
        supplier_id: for messages to people.
        config: its settings.

    Raises:
        WronglySetUp: SFTP without the extra `sftp`, or with a private key that cannot be used.
    """
    # ruff: noqa: PLC0415 - the transports read their settings from this module, and SFTP needs a package of its own
    match config:
        case FolderConfig():
            from connectors.suppliers.transports.folder import folder_transport

            return folder_transport(supplier_id, config)
        case SftpConfig():
            from connectors.suppliers.transports.sftp import sftp_transport

            return sftp_transport(supplier_id, config)
        case HttpsConfig():
            from connectors.suppliers.transports.https import HttpsTransport

            return HttpsTransport(supplier_id, config)
