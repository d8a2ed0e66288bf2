"""Connectors for the kit to judge, each a small change of the example's: some can do more, most are broken in one way."""

import asyncio
import datetime
import json
import random
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from promisekeeper_ndjson import NdjsonConfig, NdjsonConnector
from pydantic import SecretStr, ValidationError
from test_conformance import Folder

import connectors.suppliers.interface as seam
from connectors.errors import Unsupported
from connectors.testing import Flaw
from domain.supplier_events import OrderAck, SupplierEvent, SyntaxAck


def claiming(**more: object) -> seam.Capabilities:
    return NdjsonConnector.capabilities.model_copy(update=more)


def with_body(envelope: seam.Envelope, body: bytes) -> seam.Envelope:
    return envelope.model_copy(update={"body": body})


# Sound ones, which can do what the example cannot


class TakesNewLines(NdjsonConnector):
    capabilities = claiming(add_line=True)

    def render(self, request: seam.Request, ids: seam.WireIds) -> seam.Envelope:
        if isinstance(request, seam.Change):
            request = request.model_copy(update={"before": {line.line_no: 0 for line in request.lines}})
        return super().render(request, ids)


class Polite(NdjsonConnector):
    """Each document has a number; whoever reads one says so, in a message that is owed none."""

    capabilities = claiming(syntax_ack=True, acknowledges=True)

    def render(self, request: seam.Request, ids: seam.WireIds) -> seam.Envelope:
        envelope = super().render(request, ids)
        head, *lines = envelope.body.split(b"\n")
        numbered = json.dumps({**json.loads(head), "control_number": ids.control_number}).encode()
        return with_body(envelope, b"\n".join([numbered, *lines]))

    def acknowledge(self, message: seam.Inward, ids: seam.WireIds) -> seam.Reply | None:
        try:
            read = self.decode(message)
        except Exception:
            return None
        if any(isinstance(event, SyntaxAck) for event in read.events):
            return None
        return self.reply(message, ids)

    def reply(self, message: seam.Inward, ids: seam.WireIds) -> seam.Reply:
        number = json.loads(message.body.split(b"\n")[0]).get("number", 0)
        body = json.dumps({"control_number": ids.control_number, "read": number}).encode()
        return seam.Reply(content_type="application/json", body=body)


class PoliteFolder(Folder):
    def understands(self, reply: seam.Reply, message: seam.Inward) -> bool:
        assert json.loads(reply.body)["read"] == json.loads(message.body.split(b"\n")[0])["number"]
        return True


class AsksThere(NdjsonConnector):
    """Files stay where they were put, so it can look whether one is there."""

    capabilities = claiming(lookup=True)

    async def lookup(self, envelope: seam.Envelope) -> seam.LookupStatus:
        if not self._out.exists():
            raise seam_retryable()
        return seam.LookupStatus(found=(self._out / envelope.headers[seam.FILE_NAME]).exists())


def seam_retryable() -> Exception:
    from connectors.errors import Retryable  # noqa: PLC0415

    return Retryable("the folder is away")
