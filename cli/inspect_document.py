"""`promisekeeper inspect`: how a supplier's document would be read, with what is wrong with it. Nothing is touched."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from cli.connections import ledger_dsn, open_ledger
from cli.errors import CommandFailed, Refused
from cli.terminal import console, plain, say, table
from connectors.errors import Undecodable, WronglySetUp
from connectors.suppliers.interface import (
    FILE_NAME,
    Connector,
    Decoded,
    HidesSecrets,
    Inward,
    connector_class,
    connector_for,
    installed,
)
from connectors.suppliers.transports.configuration import UNUSED
from domain.catalogue import Supplier
from domain.supplier_events import AckLine, LineRef, SupplierEvent
from ledger import catalogue

LARGEST = 50 * 1024 * 1024
"""Bytes; no door takes more."""

_REASONS_SHOWN = 5
"""Why nobody can read it; a shop may have hundreds of suppliers, of whom most say the same."""
_NAMED = 3
"""Suppliers for each reason."""

_BY_ENVELOPE = "By its own envelope, with the usual meaning of each code:"
_UNKNOWN = "It begins like nothing that is known by itself; say whose it is, by --connector and --config."


def inspect(
    file: Path,
    /,
    *,
    supplier: str | None = None,
    connector: str | None = None,
    config: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Show how a document would be read, without touching anything.

    Without `--supplier` every supplier of the ledger is tried, as each has its own profile. A document of nobody's is
    shown by what its own envelope tells, with the usual meaning of each code. Exit code 1: no supplier's connector can
    read it.

    Args:
        file: the document, as it came.
        supplier: whose profile to read it by.
        connector: a connector's name, such as x12, for a supplier who is not in the ledger.
        config: a JSON file with that connector's settings, as `connector_config` has them; without it they are taken
            from the document's envelope.
        as_json: print JSON.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise CommandFailed(f"{file} has more than {LARGEST} bytes; no door would take it")
        body = file.read_bytes()
    except OSError as unreadable:
        raise CommandFailed(f"{file} cannot be read: {unreadable.strerror or unreadable}") from unreadable
    if config and not connector:
        raise CommandFailed("--config goes with --connector; which one reads it?")
    message = Inward(body=body, headers={FILE_NAME: file.name, "webhook-id": file.name})
    known = [_asked(connector, config, body)] if connector else asyncio.run(_suppliers(supplier))
    read, refused = _read(known, message)
    stray = not (read or connector or supplier)
    if stray:
        sender = _by_envelope(body, installed())
        read, unread = _read([sender] if sender else [], message)
        refused = [*unread, *refused]
    if as_json and read:
        print(json.dumps({who: decoded.model_dump(mode="json") for who, decoded in read.items()}, indent=2))
    elif read:
        for who, decoded in read.items():
            _show(_BY_ENVELOPE if stray else f"As {who} writes it:", decoded)
    if read and not (stray and known):
        return 0
    what = "no supplier of the ledger is understood so" if read else "nobody's connector can read it"
    raise Refused("\n".join([f"{file}: {what}", *(_reasons(refused) or [_UNKNOWN])]))


def _reasons(refused: Sequence[tuple[str, str]]) -> list[str]:
    """Who cannot read it and why, a line for each reason, the first ones."""
    by_reason: dict[str, list[str]] = {}
    for who, why in refused:
        by_reason.setdefault(why, []).append(who)
    shown = list(by_reason.items())[:_REASONS_SHOWN]
    lines = [f"{_first_of(who)}: {why}" for why, who in shown]
    more = len(refused) - sum(len(who) for _, who in shown)
    return [*lines, f"and {more} more; --supplier asks one"] if more else lines


def _first_of(who: Sequence[str]) -> str:
    named, more = ", ".join(who[:_NAMED]), len(who) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def _inspected(connector: str, settings: Mapping[str, Any]) -> Supplier:
    """Whoever writes so. By which way it came does not matter to who reads it. Raises: CommandFailed (no such one)."""
    try:
        known = connector_class(connector).manifest.config.model_fields
    except WronglySetUp as missing:
        raise CommandFailed(str(missing)) from missing
    way = {"transport": UNUSED} if "transport" in known else {}
    return Supplier(
        supplier_id="inspected",
        name=connector,
        currency="USD",
        connector=connector,
        connector_config={**way, **settings},
    )


def _asked(connector: str, config: Path | None, body: bytes) -> Supplier:
    """Whoever writes by this connector: as the settings say, else as the document's envelope does."""
    if config:
        return _inspected(connector, _settings(config))
    unsaid = _inspected(connector, {})
    return _by_envelope(body, [connector]) or unsaid


def _by_envelope(body: bytes, connectors: Sequence[str]) -> Supplier | None:
    """Whoever a document says that it is from, by the first of these connectors that knows its envelope."""
    for name in connectors:
        ask = connector_class(name).manifest.by_envelope
        if ask and (settings := ask(body)):
            return _inspected(name, settings)
    return None


def _settings(config: Path) -> dict[str, Any]:
    try:
        found: object = json.loads(config.read_text(encoding="utf-8"))
    except OSError as unreadable:
        raise CommandFailed(f"{config} cannot be read: {unreadable.strerror or unreadable}") from unreadable
    except ValueError as broken:
        raise CommandFailed(f"{config} is no JSON: {broken}") from broken
    if not isinstance(found, dict):
        raise CommandFailed(f"{config} must hold one JSON object, as connector_config does")
    return dict(found)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - the connector's model reads it


async def _suppliers(only: str | None) -> list[Supplier]:
    if not ledger_dsn():
        if only:
            raise CommandFailed("no ledger is set to look that supplier up in; set PROMISEKEEPER_LEDGER_DSN")
        return []
    async with open_ledger() as ledger:
        return [await catalogue.supplier(ledger, only)] if only else await catalogue.suppliers(ledger)


def _read(candidates: Sequence[Supplier], message: Inward) -> tuple[Mapping[str, Decoded], Sequence[tuple[str, str]]]:
    """By supplier how it is read; and why each other one cannot."""
    read: dict[str, Decoded] = {}
    refused: list[tuple[str, str]] = []
    for one in candidates:
        try:
            by: Connector = connector_for(one.connector, one.supplier_id, one.connector_config)
            # what was kept of such a document, and saved from there, is without its password
            read[one.supplier_id] = by.decode(by.shown(message) if isinstance(by, HidesSecrets) else message)
        except (Undecodable, WronglySetUp) as why:
            refused.append((f"{one.supplier_id} ({one.connector})", str(why)))
    return read, refused


def _show(heading: str, decoded: Decoded) -> None:
    say(heading, console())
    drawn = table("What", "Order", "Line", "Says", whole=("What",))
    for event in decoded.events:
        for what, order, line, says in _rows(event):
            drawn.add_row(*map(plain, (what, order, line, says)))
    if decoded.events:
        console().print(drawn)
    else:
        say("It can be read, and says nothing that concerns an order.", console())
    if decoded.issues:
        console().print()
        survived = "issue that was" if len(decoded.issues) == 1 else "issues that were"
        say(f"{len(decoded.issues)} {survived} survived:", console())
        for issue in decoded.issues:
            console().print(plain(f"- {issue}"), soft_wrap=True)
    console().print()
    console().print(plain(f"Known again by: {decoded.dedupe_key}"), soft_wrap=True)


def _rows(event: SupplierEvent) -> Iterator[tuple[str, str, str, str]]:
    """A row for the event, and one for each part of each line."""
    what, order = event.kind.replace("_", " "), event.po_number or ""
    match event.kind:
        case "order_ack":
            head = f"{'accepted' if event.accepted else 'refused'}{f': {event.reason}' * bool(event.reason)}"
            yield what, order, "", f"{head}; their order {event.supplier_order_no}" if event.supplier_order_no else head
            yield from _answered(event.lines)
        case "change_ack":
            yield (
                what,
                order,
                "",
                f"revision {event.revision}: {event.verdict}{f' ({event.reason})' * bool(event.reason)}",
            )
            yield from _answered(event.lines)
        case "ship_notice":
            tracking = f", tracking {event.tracking}" if event.tracking else ""
            yield what, order, "", f"shipment {event.shipment_id}, {event.purpose}{tracking}"
            for part in event.lines:
                rest = "" if part.balance == "unknown" else f", rest {part.balance}"
                yield "", "", _line(part.line), f"{part.shipped} shipped{_on(part.deliver_on)}{rest}"
        case "received":
            yield what, order, "", f"receipt {event.receipt_id}{', closes its lines' if event.closes else ''}"
            for one in event.lines:
                yield "", "", _line(one.line), f"{one.good} good, {one.damaged} damaged, {one.wrong} wrong"
        case "syntax_ack":
            said = "could be read" if event.accepted else f"could not be read: {event.reason}"
            yield what, order, "", f"our document {event.control_number} {said}"
        case _:
            yield what, order, "", event.what


def _answered(lines: Sequence[AckLine]) -> Iterator[tuple[str, str, str, str]]:
    for one in lines:
        if not one.splits:
            yield "", "", _line(one.line), f"all of it as asked{_on(one.deliver_on)}"
        for split in one.splits:
            instead = f" by {split.substitute}" if split.substitute else ""
            leaves = f", leaves on {split.ship_on}" if split.ship_on else ""
            price = f" at {split.unit_price} {split.currency or ''}".rstrip() if split.unit_price is not None else ""
            why = f": {split.reason}" if split.reason else ""
            says = f"{split.quantity} {split.status}{instead}{leaves}{_on(split.deliver_on)}{price}{why}"
            yield "", "", _line(one.line), says


def _line(ref: LineRef) -> str:
    named = [f"{ref.line_no}" if ref.line_no is not None else "", ref.sku or "", ref.supplier_sku or ""]
    return " ".join(filter(None, named))


def _on(day: object) -> str:
    return f", here on {day}" if day else ""
