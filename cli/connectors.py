"""`promisekeeper connectors` and `check`: which ways to talk to suppliers there are, and whether one works."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from cli.connections import ledger_dsn, open_ledger
from cli.errors import CommandFailed, Refused
from cli.terminal import console, plain, table
from connectors.errors import ConnectorError, WronglySetUp
from connectors.suppliers.interface import (
    Capabilities,
    Connector,
    Health,
    Manifest,
    connector_class,
    connector_for,
    installed,
)
from domain.catalogue import Supplier
from ledger import catalogue


def connectors(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """List the installed supplier connectors; where a ledger is set, also what each supplier's can do.

    What a connector can do depends on its settings: a supplier may take less than its protocol allows.

    Args:
        as_json: print JSON, with the JSON Schema of each connector's settings.
    """
    found = {name: _manifest(name) for name in installed()}
    suppliers = asyncio.run(_suppliers()) if ledger_dsn() else []
    can = asyncio.run(_what_each_can(suppliers))
    if as_json:
        told = {
            "installed": {name: _described(about) for name, about in found.items()},
            "suppliers": {
                one.supplier_id: {"connector": one.connector, "can": _as_data(can[one.supplier_id])}
                for one in suppliers
            },
        }
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    drawn = table("Connector", "Version", "Grade", "Speaks", "Settings")
    for name, about in found.items():
        if isinstance(about, Manifest):
            settings = ", ".join(about.config.model_fields)
            drawn.add_row(*map(plain, (name, about.version, _grade(about), about.protocol, settings)))
        else:
            drawn.add_row(*map(plain, (name, "", "", "", about)))
    console().print(drawn)
    if suppliers:
        console().print()
        drawn = table("Supplier", "Connector", "Can")
        for one in suppliers:
            drawn.add_row(*map(plain, (one.supplier_id, one.connector, _in_words(can[one.supplier_id]))))
        console().print(drawn)
    return 0


def check(supplier: str, /) -> int:
    """Try a supplier's connection and credentials, changing nothing.

    Args:
        supplier: its id in the catalogue.
    """
    health = asyncio.run(_check(supplier))
    if not health.ok:
        raise Refused(f"{supplier}: {health.detail}")
    console().print(plain(f"{supplier}: {health.detail}"), soft_wrap=True)
    return 0


async def _suppliers() -> list[Supplier]:
    async with open_ledger() as ledger:
        return await catalogue.suppliers(ledger)


async def _check(supplier_id: str) -> Health:
    async with open_ledger() as ledger:
        supplier = await catalogue.supplier(ledger, supplier_id)
    connector = _connector_of(supplier)
    try:
        return await connector.check()
    except ConnectorError as failed:
        return Health(ok=False, detail=str(failed))
    finally:
        await connector.aclose()


def _connector_of(supplier: Supplier) -> Connector:
    try:
        return connector_for(supplier.connector, supplier.supplier_id, supplier.connector_config)
    except WronglySetUp as wrong:
        raise CommandFailed(str(wrong)) from wrong


def _manifest(name: str) -> Manifest | str:
    """What a connector says of itself; or why it cannot be asked."""
    try:
        return connector_class(name).manifest
    except WronglySetUp as broken:
        return str(broken)


def _described(about: Manifest | str) -> object:
    if isinstance(about, str):
        return about
    return {
        "version": about.version,
        "grade": about.grade,
        "speaks": about.protocol,
        "config": about.config.model_json_schema(),
    }


def _grade(about: Manifest) -> str:
    """What its author's run of the conformance kit measured (`connectors.testing`)."""
    return about.grade or "none"


async def _what_each_can(suppliers: Sequence[Supplier]) -> dict[str, Capabilities | str]:
    return {one.supplier_id: await _capabilities(one) for one in suppliers}


async def _capabilities(supplier: Supplier) -> Capabilities | str:
    """What its connector can do as it is set up; or what is wrong with its settings."""
    try:
        connector = _connector_of(supplier)
    except CommandFailed as wrong:
        return str(wrong)
    await connector.aclose()
    return connector.capabilities


def _as_data(can: Capabilities | str) -> object:
    return can if isinstance(can, str) else can.model_dump(mode="json")


def _in_words(can: Capabilities | str) -> str:
    """In short: the names of the switches that are on, and the ways of the others."""
    if isinstance(can, str):
        return can
    said: list[str] = []
    for name, value in can:
        words = name.replace("_", " ")
        if value is True:
            said.append(words)
        elif isinstance(value, frozenset) and value:
            said.append(f"{words}: {', '.join(sorted(map(str, value)))}")  # pyright: ignore[reportUnknownArgumentType] - members of an enum
        elif isinstance(value, str) and value != "none":
            said.append(f"{words}: {value}")
    return "; ".join(said)
