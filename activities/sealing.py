"""Payloads sealed on their way to Temporal, so that its server, its backups and its staff hold no customer's data.

The one place that makes the data converter: worker, gateway, commands, replays and upstream systems in Python use it.
With keys, every payload (inputs, results, memos, summaries) and every failure's message and stack trace is sealed by
AES-256-GCM; ids, search attributes and error types are not, and hold nothing personal. What is not sealed is read as it
is: keys can be switched on while workflows run, and an upstream without keys can start them.

A sealed payload, for those who write the same in another language: metadata `encoding` = `binary/promisekeeper-sealed`
and `key-id`; data = a random nonce of 12 bytes, then the AES-GCM ciphertext with its tag of the serialized original
payload (protobuf, metadata included), with the key id as additional authenticated data.
"""

import base64
import binascii
import dataclasses
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

from domain.errors import PromisekeeperError

PAYLOAD_KEYS = "PROMISEKEEPER_PAYLOAD_KEYS"
"""The variable that holds the key ring: `id:base64,older:base64`."""

ENCODING = b"binary/promisekeeper-sealed"
_KEY_ID = "key-id"
_KEY_BYTES = 32
_NONCE_BYTES = 12
"""Random ones of this size may be used 2**32 times with one key (NIST SP 800-38D, 8.3); docs/security.md says when to
rotate."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class NotOpened(PromisekeeperError):
    """A sealed payload cannot be opened with the keys that are here."""


class KeyRing:
    """Payload keys: the first one seals, all of them open. Empty: nothing is sealed. Never shows a key."""

    def __init__(self, keys: Iterable[tuple[str, bytes]] = ()) -> None:
        """Take (id, 32 bytes) pairs, the one that seals first."""
        self._keys = {key_id: AESGCM(key) for key_id, key in keys}

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `id:base64,older:base64`; empty text is an empty ring.

        Raises:
            ValueError: it is not that; the message says where, and holds no key.
        """
        found: dict[str, bytes] = {}
        for n, entry in enumerate((part.strip() for part in text.split(",")) if text.strip() else (), start=1):
            key_id, colon, encoded = entry.partition(":")
            if not colon or not _ID.fullmatch(key_id):
                raise ValueError(
                    f"entry {n} is not `id:base64`, with an id of letters, digits, dots, dashes and underscores; "
                    "`promisekeeper payload-key` makes one"
                )
            if key_id in found:
                raise ValueError(f"the key id {key_id!r} stands there twice; give each key an id of its own")
            try:
                key = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if len(key) != _KEY_BYTES:
                raise ValueError(
                    f"key {key_id!r} is not {_KEY_BYTES} bytes in base64; `promisekeeper payload-key` makes one"
                )
            found[key_id] = key
        return cls(found.items())

    def __bool__(self) -> bool:
        """Is there a key to seal with?"""
        return bool(self._keys)

    def __repr__(self) -> str:
        """The ids alone."""
        return f"KeyRing({', '.join(self._keys)})"

    def seal(self, plain: bytes) -> tuple[str, bytes]:
        """Seal with the first key. Returns: its id, and nonce and ciphertext."""
        key_id, key = next(iter(self._keys.items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return key_id, nonce + key.encrypt(nonce, plain, key_id.encode())

    def open(self, key_id: str, sealed: bytes) -> bytes:
        """Open what was sealed with the key of that id.

        Raises:
            NotOpened: the key is not here, or this was not sealed by it.
        """
        key = self._keys.get(key_id)
        if key is None:
            raise NotOpened(
                f"a payload is sealed with the key {key_id!r}, which {PAYLOAD_KEYS} does not hold; "
                "add that key behind the first one"
            )
        try:
            return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], key_id.encode())
        except (InvalidTag, ValueError) as altered:  # ValueError: too short for nonce or tag
            raise NotOpened(
                f"a payload that names the key {key_id!r} was changed, or sealed with another key of that name; "
                f"check that {PAYLOAD_KEYS} is the same everywhere"
            ) from altered


def fresh_key(key_id: str) -> str:
    """A new random key, as an entry of PROMISEKEEPER_PAYLOAD_KEYS."""
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}"


class SealedPayloads(PayloadCodec):
    """Temporal's payload codec over a key ring."""

    def __init__(self, ring: KeyRing) -> None:
        """Seal with its first key, if it has one; open with all."""
        self._ring = ring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each, its metadata included; without keys, leave it as it is."""
        return [self._sealed(payload) for payload in payloads] if self._ring else list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open what is sealed.

        Raises:
            NotOpened: by its key id and the setting that lacks it.
        """
        return [self._opened(payload) for payload in payloads]

    def _sealed(self, payload: Payload) -> Payload:
        key_id, data = self._ring.seal(payload.SerializeToString())
        return Payload(metadata={"encoding": ENCODING, _KEY_ID: key_id.encode()}, data=data)

    def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get(_KEY_ID, b"").decode(errors="replace")
        try:
            return Payload.FromString(self._ring.open(key_id, payload.data))
        except DecodeError as other:
            raise NotOpened(f"what is sealed with the key {key_id!r} is no payload of Temporal's") from other


def data_converter(ring: KeyRing) -> DataConverter:
    """How values become payloads, for every client, worker and replay of ours."""
    if not ring:
        # what was sealed before the keys were taken away must say which key it lacks, not look like nonsense
        return dataclasses.replace(pydantic_data_converter, payload_codec=SealedPayloads(ring))
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=SealedPayloads(ring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def ring_of_environment() -> KeyRing:
    """The key ring of PROMISEKEEPER_PAYLOAD_KEYS, for those who read no other setting.

    Raises:
        ValueError: it cannot be read; the message names the variable and holds no key.
    """
    try:
        return KeyRing.read(os.environ.get(PAYLOAD_KEYS, ""))
    except ValueError as wrong:
        raise ValueError(f"{PAYLOAD_KEYS}: {wrong}") from None
