"""Connectors for the kit to judge, each a change of the example: some can do more, most are broken in one way."""

import dataclasses
import datetime
import json
import random
from collections.abc import Mapping
from typing import ClassVar

from promisekeeper_ndjson import NdjsonConfig, NdjsonConnector
from pydantic import SecretStr
from test_conformance import Folder

import connectors.suppliers.interface as seam
from connectors.configuration import ConnectorConfig
from connectors.errors import Retryable, Undecodable
from domain.supplier_events import OrderAck, ShipNotice, SupplierEvent, SyntaxAck


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
        written = {"control_number": ids.control_number, "at": ids.written_at.time().isoformat()}
        numbered = json.dumps({**json.loads(head), **written}).encode()
        return with_body(envelope, b"\n".join([numbered, *lines]))

    def acknowledge(self, message: seam.Inward, ids: seam.WireIds) -> seam.Reply | None:
        try:
            read = self.decode(message)
        except Undecodable:
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
            raise Retryable("the folder is away")
        return seam.LookupStatus(found=(self._out / envelope.headers[seam.FILE_NAME]).exists())


# Broken ones: writing and sending


class SendsTwiceOnARetry(NdjsonConnector):
    async def send(self, envelope: seam.Envelope) -> seam.SendReceipt:
        name = f"{random.getrandbits(64):x}.ndjson"
        return await super().send(envelope.model_copy(update={"headers": {seam.FILE_NAME: name}}))


class CallsALossADelivery(NdjsonConnector):
    async def send(self, envelope: seam.Envelope) -> seam.SendReceipt:
        try:
            return await super().send(envelope)
        except Retryable:
            return seam.SendReceipt(result=seam.SendResult.DELIVERED)


class AlwaysFinds(AsksThere):
    async def lookup(self, envelope: seam.Envelope) -> seam.LookupStatus:
        return seam.LookupStatus(found=True)


class NeverFinds(AsksThere):
    async def lookup(self, envelope: seam.Envelope) -> seam.LookupStatus:
        return seam.LookupStatus(found=False)


class RendersWithChance(NdjsonConnector):
    def render(self, request: seam.Request, ids: seam.WireIds) -> seam.Envelope:
        envelope = super().render(request, ids)
        return with_body(envelope, envelope.body.replace(b'"kind"', b'"id":"%d","kind"' % random.getrandbits(64)))


class RendersWithTheDay(NdjsonConnector):
    def render(self, request: seam.Request, ids: seam.WireIds) -> seam.Envelope:
        envelope = super().render(request, ids)
        today = datetime.date.today().isoformat().encode()  # noqa: DTZ011 (what is broken here)
        return with_body(envelope, envelope.body.replace(b'"kind"', b'"on":"%b","kind"' % today))


class RendersWithHash(NdjsonConnector):
    def render(self, request: seam.Request, ids: seam.WireIds) -> seam.Envelope:
        envelope = super().render(request, ids)
        return with_body(envelope, envelope.body.replace(b'"kind"', b'"id":%d,"kind"' % hash(request.po_number)))


class SwallowsACancellation(NdjsonConnector):
    capabilities = claiming(cancel=seam.CancelWay.NONE)


class CutsTexts(NdjsonConnector):
    def render(self, request: seam.Request, ids: seam.WireIds) -> seam.Envelope:
        if isinstance(request, seam.Place):
            lines = (line.model_copy(update={"description": line.description[:50]}) for line in request.lines)
            request = request.model_copy(update={"lines": tuple(lines)})
        return super().render(request, ids)


class RoundsPrices(NdjsonConnector):
    def render(self, request: seam.Request, ids: seam.WireIds) -> seam.Envelope:
        if isinstance(request, seam.Place) and all(line.unit_price.is_finite() for line in request.lines):
            lines = (line.model_copy(update={"unit_price": round(line.unit_price, 2)}) for line in request.lines)
            request = request.model_copy(update={"lines": tuple(lines)})
        return super().render(request, ids)


# Broken ones: settings


class Habits(ConnectorConfig):
    cancels: bool = True


class WithHabits(NdjsonConfig):
    habits: Habits = Habits()


class WritesWhatItDenies(NdjsonConnector):
    """Told of a supplier who takes no cancellation, it says so, and writes one all the same."""

    manifest: ClassVar = NdjsonConnector.manifest.model_copy(update={"config": WithHabits})

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        habits = WithHabits.model_validate(dict(config)).habits
        super().__init__(supplier_id, {name: value for name, value in config.items() if name != "habits"})
        if not habits.cancels:
            self.capabilities = claiming(cancel=seam.CancelWay.NONE)


class WithPassword(NdjsonConfig):
    password: SecretStr = SecretStr("a-very-secret-word")


class WithOpenPassword(NdjsonConfig):
    password: str = "a-very-secret-word"


class ShowsItsSecret(NdjsonConnector):
    manifest: ClassVar = NdjsonConnector.manifest.model_copy(update={"config": WithPassword})

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        super().__init__(supplier_id, config)
        self._password = "a-very-secret-word"

    def __repr__(self) -> str:
        return f"<ndjson {vars(self)}>"


class KeepsItsSecretInTheOpen(NdjsonConnector):
    manifest: ClassVar = NdjsonConnector.manifest.model_copy(update={"config": WithOpenPassword})


class ContradictsItself(NdjsonConnector):
    capabilities = claiming(poll=False)


class IsAlwaysWell(NdjsonConnector):
    async def check(self) -> seam.Health:
        return seam.Health(ok=True, detail="all is well")


# Broken ones: reading


class LeaksValueError(NdjsonConnector):
    def decode(self, message: seam.Inward) -> seam.Decoded:
        json.loads(message.body.split(b"\n")[0])
        return super().decode(message)


class TakesFromAnybody(NdjsonConnector):
    def decode(self, message: seam.Inward) -> seam.Decoded:
        theirs = {**self._config.model_dump(), **_who(message.body)}
        return NdjsonConnector("acme", theirs).decode(message)


class TakesAtItsDoor(NdjsonConnector):
    def verify(self, message: seam.Inward) -> None:
        return None


def _who(body: bytes) -> dict[str, str]:
    try:
        head = json.loads(body.split(b"\n")[0])
        return {"us": head["receiver"], "them": head["sender"]}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


class HearsOnlyTheFirstPart(NdjsonConnector):
    def decode(self, message: seam.Inward) -> seam.Decoded:
        decoded = super().decode(message)
        return decoded.model_copy(update={"events": tuple(map(_first_parts, decoded.events))})


def _first_parts(event: SupplierEvent) -> SupplierEvent:
    if not isinstance(event, OrderAck):
        return event
    lines = (dataclasses.replace(line, splits=line.splits[:1]) for line in event.lines)
    return event.model_copy(update={"lines": tuple(lines)})


class PassesOverStrangers(NdjsonConnector):
    def decode(self, message: seam.Inward) -> seam.Decoded:
        decoded = super().decode(message)
        known = [event for event in decoded.events if not isinstance(event, ShipNotice) or _of_the_order(event)]
        return decoded.model_copy(update={"events": tuple(known)})


def _of_the_order(notice: ShipNotice) -> bool:
    return all(line.line.line_no in {1, 2} for line in notice.lines)


class TakesOneForAnother(NdjsonConnector):
    def decode(self, message: seam.Inward) -> seam.Decoded:
        decoded = super().decode(message)
        return decoded.model_copy(update={"dedupe_key": getattr(decoded.events[0], "po_number", None) or "none"})


class LosesWhatItPolled(NdjsonConnector):
    async def poll(self, cursor: str | None) -> seam.Batch:
        batch = await super().poll(cursor)
        await super().poll(batch.cursor)
        return batch


class ThanksForThanks(Polite):
    def acknowledge(self, message: seam.Inward, ids: seam.WireIds) -> seam.Reply | None:
        return self.reply(message, ids)


class MixesUpNumbers(Polite):
    def decode(self, message: seam.Inward) -> seam.Decoded:
        decoded = super().decode(message)
        return decoded.model_copy(update={"events": tuple(map(_one_less, decoded.events))})


def _one_less(event: SupplierEvent) -> SupplierEvent:
    less = {"control_number": event.control_number - 1} if isinstance(event, SyntaxAck) else {}
    return event.model_copy(update=less)


class ClaimsTooLittle(NdjsonConnector):
    manifest: ClassVar = NdjsonConnector.manifest.model_copy(update={"grade": seam.Grade.BRONZE})
