"""`promisekeeper connectors` and `promisekeeper check`: which ways to talk to suppliers there are, and whether one works."""

import asyncio
import json
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import ValidationError

from cli.connections import open_ledger
from cli.errors import CommandFailed, Refused
from cli.terminal import console, plain, table
from connectors.errors import ConnectorError
from connectors.suppliers.interface import Connector, Health, connector_for, installed
from domain.catalogue import Supplier


def connectors(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """List the installed supplier connectors and what they can do.

    Args:
        as_json: print JSON.
    """
    found = {name: _described(kind) for name, kind in sorted(installed().items())}
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    drawn = table("Connector", "Version", "Speaks", "Can")
    for name, about in found.items():
        drawn.add_row(plain(name), plain(about["version"]), plain(about["protocol"]), plain(_in_words(about["can"])))
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


async def _check(supplier_id: str) -> Health:
    from ledger import catalogue  # noqa: PLC0415 - only where there is a ledger

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
    except ValidationError as wrong:
        settings = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong.errors())
        raise CommandFailed(f"the connector_config of {supplier.supplier_id} is wrong: {settings}") from wrong
    except ConnectorError as missing:
        raise CommandFailed(str(missing)) from missing


def _described(kind: type[Connector]) -> dict[str, Any]:
    manifest = kind.manifest
    return {
        "version": manifest.version,
        "protocol": manifest.protocol,
        "can": kind.capabilities.model_dump(mode="json"),
        "config": manifest.config.model_json_schema(),
    }


def _in_words(can: dict[str, Any]) -> str:
    """What is there, in short: names of the switches that are on, and the ways of the others."""
    said: list[str] = []
    for name, value in can.items():
        words = name.replace("_", " ")
        if value is True:
            said.append(words)
        elif isinstance(value, list) and value:
            said.append(f"{words}: {', '.join(sorted(value))}")  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON of an enum set
        elif isinstance(value, str) and value != "none":
            said.append(f"{words}: {value}")
    return "; ".join(said)
