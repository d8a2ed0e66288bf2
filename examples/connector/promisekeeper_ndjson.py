"""Suppliers who exchange files of newline-delimited JSON in a folder: one head line, then one line for each thing said.

`out/` is ours: a file is there whole or not at all, and a supplier takes no file whose name it has seen before.
`in/` is the supplier's: a new name for each file, in the order of the names, renamed when it is whole. What we have
kept goes to `in/done/`.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

import connectors.suppliers.interface as seam
from connectors.configuration import ConnectorConfig
from connectors.errors import Retryable, Undecodable, Unsupported
from connectors.suppliers.http_bodies import Event, written, written_lines

LARGEST, PAGE = 1_000_000, 50
EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class NdjsonConfig(ConnectorConfig):
    """Settings of one supplier."""

    folder: Path
    us: str = Field(min_length=1)
    them: str = Field(min_length=1)


class Head(BaseModel):
    """The first line of a message. `lines` follow it; fewer is half a message."""

    sender: str
    receiver: str
    lines: int = Field(ge=1, le=1000)


class NdjsonConnector:
    """One supplier's folder."""

    manifest: ClassVar = seam.Manifest(
        name="ndjson", version="1.0.0", protocol="NDJSON files", config=NdjsonConfig, grade=seam.Grade.GOLD
    )
    capabilities: seam.Capabilities = seam.Capabilities(
        reduce_line=True, cancel=seam.CancelWay.REQUEST_REPLY, idempotency=seam.Idempotency.KEY, poll=True,
        inbound=frozenset({seam.Inbound.POLL}), splits=True, prices=True, multi_po_notice=True, balance_known=True,
    )  # fmt: skip

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        self._config = NdjsonConfig.model_validate(dict(config))
        self._out, self._in = self._config.folder / "out", self._config.folder / "in"

    async def check(self) -> seam.Health:
        ok = all(os.access(folder, os.W_OK) for folder in (self._out, self._in))
        return seam.Health(ok=ok, detail=f"we can{'' if ok else 'not'} write to out/ and in/ of {self._config.folder}")

    def render(self, request: seam.Request, ids: seam.WireIds) -> seam.Envelope:
        kind = type(request).__name__.lower()
        if isinstance(request, seam.Change) and any(line.line_no not in request.before for line in request.lines):
            raise Unsupported("this supplier adds no lines to an order")
        lines = [] if isinstance(request, seam.Cancel) else written_lines(request.lines)
        head: dict[str, object] = {"sender": self._config.us, "receiver": self._config.them}
        head |= {"kind": kind, "po_number": request.po_number}
        name = hashlib.sha256(ids.operation_id.encode()).hexdigest()[:32]
        return seam.Envelope(
            operation_id=ids.operation_id, po_number=request.po_number, kind=kind,
            revision=getattr(request, "revision", 0), content_type="application/x-ndjson",
            body=b"".join(written(line) + b"\n" for line in (head, *lines)), headers={seam.FILE_NAME: f"{name}.ndjson"},
        )  # fmt: skip

    async def send(self, envelope: seam.Envelope) -> seam.SendReceipt:
        try:
            await asyncio.to_thread(_put, self._out / envelope.headers[seam.FILE_NAME], envelope.body)
        except OSError as failure:  # the renaming is the delivery, and it is the last step
            raise Retryable(f"{self._out} cannot be written to: {failure}") from failure
        return seam.SendReceipt(result=seam.SendResult.DELIVERED)

    async def lookup(self, envelope: seam.Envelope) -> seam.LookupStatus:
        raise Unsupported("a file that was taken is gone, and nobody can be asked about it")

    async def poll(self, cursor: str | None) -> seam.Batch:
        try:
            return await asyncio.to_thread(_take, self._in, json.loads(cursor or "[]"))
        except OSError as failure:
            raise Retryable(f"{self._in} cannot be read: {failure}") from failure

    def verify(self, message: seam.Inward) -> None:
        head, _ = _parts(message)
        if (head.sender, head.receiver) != (self._config.them, self._config.us):
            raise Undecodable(f"it is not from {self._config.them} for {self._config.us}")

    def decode(self, message: seam.Inward) -> seam.Decoded:
        _, lines = _parts(message)
        try:
            events = tuple(EVENT.validate_json(line) for line in lines)
        except ValidationError as unreadable:
            raise Undecodable(f"{unreadable.error_count()} fields of it cannot be read") from unreadable
        return seam.Decoded(dedupe_key=hashlib.sha256(message.body).hexdigest(), events=events)

    def acknowledge(self, message: seam.Inward, ids: seam.WireIds) -> None:
        return None

    async def aclose(self) -> None:
        return None


def _parts(message: seam.Inward) -> tuple[Head, list[bytes]]:
    first, *lines = message.body[: LARGEST + 1].split(b"\n")[:-1] or [b""]
    try:
        head = Head.model_validate_json(first)
    except ValidationError as unreadable:
        raise Undecodable("it does not start with a head line") from unreadable
    if len(message.body) > LARGEST or len(lines) != head.lines or not message.body.endswith(b"\n"):
        raise Undecodable(f"it is cut, or larger than {LARGEST} bytes")
    return head, lines


def _put(path: Path, body: bytes) -> None:
    path.with_suffix(".tmp").write_bytes(body)
    os.replace(path.with_suffix(".tmp"), path)


def _take(folder: Path, kept: list[str]) -> seam.Batch:
    (folder / "done").mkdir(exist_ok=True)
    for path in (folder / name for name in kept if (folder / name).exists()):  # the ledger has them
        os.replace(path, folder / "done" / path.name)
    names = sorted(path.name for path in folder.glob("*.ndjson"))[:PAGE]
    waiting = tuple(seam.Inward(body=(folder / n).read_bytes(), headers={seam.FILE_NAME: n}) for n in names)
    return seam.Batch(messages=waiting, cursor=json.dumps(names))
