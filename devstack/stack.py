"""The parts of `promisekeeper dev`, in the order they start: the list to read, and to add to."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import httpx
from pydantic import BaseModel, ConfigDict

from activities.sealing import KeyRing
from connectors.configuration import variable
from connectors.rest import trusted
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.x12.connector import X12Config
from devstack import postgres, temporal_server
from devstack.ports import HOST
from devstack.processes import Part
from devstack.settings import (
    Secrets,
    StackSettings,
    promisekeeper_environment,
    supplier_environment,
    write_private,
)
from devstack.simulators.settings import (
    CxmlWire,
    EdiItem,
    EdiSettings,
    MailboxSettings,
    Pace,
    Party,
    Rule,
    SupplierSettings,
    WorldSettings,
)
from domain.catalogue import Catalogue, Supplier
from ledger.migrate import migrate

LEDGER = "promisekeeper"
"""The ledger's database."""

_METRICS = "PROMISEKEEPER_METRICS_ADDRESS"

_CARRIER_COMES_AFTER = 4.0
"""Seconds from the booking until the simulated carrier has the parcel."""


class Habits(BaseModel):
    """How a simulated supplier works: fast enough to watch, and accepting everything unless rules say otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pace: Pace = Pace(acknowledge_after=3, ship_after=8, deliver_after=15, answer_after=3)
    lead_days: int = 7
    rules: tuple[Rule, ...] = ()


class Stack:
    """All of one dev world: `parts` to run, and the `environment` by which commands reach them."""

    def __init__(self, settings: StackSettings, catalogue: Catalogue, habits: Mapping[str, Habits]) -> None:
        """Read or make up the secrets; nothing is started.

        Args:
            settings: folder and ports.
            catalogue: a supplier whose address (`base_url`, cXML's `url`, X12's folder `outbox`, the mail server) is
                `env:...` is simulated; one that names an address is real.
            habits: how simulated suppliers behave; one not named accepts everything and delivers.
        """
        self.settings = settings
        self.folder = settings.folder.absolute()
        self._kept = Secrets(self.folder / "secrets.env")
        password = self._kept.token("POSTGRES_PASSWORD")
        self.postgres = postgres.Postgres(self.folder / "postgres", port=settings.postgres_port, password=password)
        self.ledger_dsn = self.postgres.dsn(LEDGER)
        self._ours = promisekeeper_environment(settings, self._kept, self.ledger_dsn)
        self._suppliers = supplier_environment(catalogue, settings, self._kept, self._ours)
        self.catalogue = catalogue
        self._habits = habits
        self.api_key = self._ours["PROMISEKEEPER_API_KEY"]

    @property
    def environment(self) -> dict[str, str]:
        """What every process of ours gets: the developer's own environment, and this world's on top."""
        return {**temporal_server.clean_environment(), **self._suppliers, **self._ours}

    def _write_files(self) -> None:
        """Write what the parts read, and `environment.json`, by which commands in other terminals find this world."""
        write_private(self.folder / "environment.json", json.dumps({**self._suppliers, **self._ours}, indent=2))
        write_private(self._simulators_file, self._world().model_dump_json(indent=2))

    @property
    def parts(self) -> list[Part]:
        """In the order to start."""
        settings, environment = self.settings, self.environment
        counted = [f"{supplier_id}={seconds}" for supplier_id, seconds in self._counted_by_warehouse().items()]
        warehouse = python_part("warehouse", "devstack.warehouse", *counted, environment=environment, ready=at_once)
        return [
            postgres.part(self.postgres, once_ready=self._migrate),
            temporal_server.part(
                self.folder,
                settings.temporal_port,
                settings.ui_port,
                codec_endpoint=f"{settings.gateway_url}/codec/{self._ours['PROMISEKEEPER_CODEC_TOKEN']}",
                keys=KeyRing.read(self._ours["PROMISEKEEPER_PAYLOAD_KEYS"]),
            ),
            python_part(
                "simulators",
                "devstack.simulators",
                "--config",
                str(self._simulators_file),
                "--folder",
                str(self.folder / "simulators"),
                environment=environment,
                prepare=self._write_files,
                ready=all_listen(
                    settings.supplier_port,
                    settings.payment_port,
                    settings.carrier_port,
                    settings.smtp_port,
                    settings.mail_port,
                ),
            ),
            python_part(
                "gateway", "gateway", environment=environment, ready=answers(f"{settings.gateway_url}/health/ready")
            ),
            # a worker listens nowhere; one that cannot work ends at once, and is seen to
            python_part(
                "worker", "worker", environment=with_metrics_beside(environment), ready=at_once, stop_within=30
            ),
            *([warehouse] if counted else []),
        ]

    async def _migrate(self) -> None:
        await migrate(await self.postgres.ensure_database(LEDGER))

    @property
    def _simulators_file(self) -> Path:
        return self.folder / "simulators.json"

    def _world(self) -> WorldSettings:
        settings, ours = self.settings, self._ours
        return WorldSettings(
            gateway_url=settings.gateway_url,
            host=HOST,
            supplier_port=settings.supplier_port,
            payment_port=settings.payment_port,
            carrier_port=settings.carrier_port,
            mail_port=settings.mail_port,
            smtp_port=settings.smtp_port,
            suppliers=(
                *(self._simulated(one) for one in self._played("http", "base_url")),
                *(self._by_cxml(one) for one in self._played("cxml", "url")),
            ),
            edi_suppliers=tuple(self._by_x12(one) for one in self._played("x12", "transport", "outbox")),
            mailbox_suppliers=tuple(
                MailboxSettings(address=str(one.connector_config["to"]), pace=self._pace(one))
                for one in self._played("email", "smtp_host")
            ),
            payment_api_key=ours["PROMISEKEEPER_PAYMENT_API_KEY"],
            carrier_api_key=ours["PROMISEKEEPER_CARRIER_API_KEY"],
            carrier_webhook_secret=ours["PROMISEKEEPER_CARRIER_WEBHOOK_SECRET"],
            customers_answer=True,
            possession_after=_CARRIER_COMES_AFTER,
        )

    def _played(self, connector: str, *place: str) -> list[Supplier]:
        """The suppliers of a kind that are simulated: where they are reached, told at that place, is made up here."""
        made_up = {*self._suppliers, *self._ours}
        return [
            supplier
            for supplier in self.catalogue.suppliers
            if supplier.connector == connector and variable(_at(supplier.connector_config, *place)) in made_up
        ]

    def _pace(self, supplier: Supplier) -> Pace:
        return self._habits.get(supplier.supplier_id, Habits()).pace

    def _counted_by_warehouse(self) -> dict[str, float]:
        """The simulated suppliers who cannot count at our door, and how many seconds their goods travel."""
        by_document = [
            *self._played("x12", "transport", "outbox"),
            *self._played("cxml", "url"),
            *self._played("email", "smtp_host"),
        ]
        paces = {supplier.supplier_id: self._pace(supplier).deliver_after for supplier in by_document}
        return {supplier_id: seconds for supplier_id, seconds in paces.items() if seconds is not None}

    def _simulated(self, supplier: Supplier) -> SupplierSettings:
        habits = self._habits.get(supplier.supplier_id, Habits())
        config = _as_read(supplier.connector_config, self.environment)
        return SupplierSettings(
            supplier_id=supplier.supplier_id,
            api_key=str(config.get("api_key")),
            webhook_secret=str(config.get("webhook_secret")),
            pace=habits.pace,
            lead_days=habits.lead_days,
            rules=habits.rules,
        )

    def _by_cxml(self, supplier: Supplier) -> SupplierSettings:
        config = CxmlPartner.model_validate(_as_read(supplier.connector_config, self.environment))
        habits = self._habits.get(supplier.supplier_id, Habits())
        return SupplierSettings(
            supplier_id=supplier.supplier_id,
            cxml=CxmlWire(
                buyer=Party(domain=config.ours.domain, identity=config.ours.identity),
                buyer_secret=config.outbound_secret.get_secret_value(),
                seller=Party(domain=config.theirs.domain, identity=config.theirs.identity),
                seller_secret=config.inbound_secret.get_secret_value(),
                unit=config.unit_of_measure,
            ),
            pace=habits.pace.model_copy(update={"deliver_after": None}),  # the warehouse counts, see there
            lead_days=habits.lead_days,
            rules=habits.rules,
        )

    def _by_x12(self, supplier: Supplier) -> EdiSettings:
        config = X12Config.model_validate(_as_read(supplier.connector_config, self.environment))
        folder = self.settings.partner_folder(supplier.supplier_id)
        named = {item.sku: item.name for item in self.catalogue.items}
        return EdiSettings(
            supplier_id=supplier.supplier_id,
            name=supplier.name,
            identifier=config.partner.partner_id,
            buyer=config.partner.our_id,
            orders=folder / "to",
            answers=folder / "from",
            items=tuple(
                EdiItem(
                    supplier_sku=item.supplier_sku,
                    name=named[item.sku],
                    # one for any quantity: the lowest, since above the price of an order a person would be asked
                    unit_price=min(each.unit_price for each in item.price_breaks) * item.unit_factor,
                    lead_days=item.lead_time.days,
                )
                for item in self.catalogue.supplier_items
                if item.supplier_id == supplier.supplier_id
            ),
            pace=self._pace(supplier),
        )


def _at(config: Mapping[str, Any], *place: str) -> object:
    """A setting of settings within settings; None when there is none."""
    found: object = config
    for step in place:
        found = cast("Mapping[str, object]", found).get(step) if isinstance(found, Mapping) else None
    return found


def _as_read(config: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """A connector's settings as the connector will read them."""
    read: dict[str, Any] = {}
    for setting, value in config.items():
        if isinstance(value, Mapping):
            read[setting] = _as_read(cast("Mapping[str, Any]", value), environment)
        else:
            name = variable(value)
            read[setting] = value if name is None else environment[name]
    return read


def with_metrics_beside(environment: Mapping[str, str]) -> dict[str, str]:
    """That environment with PROMISEKEEPER_METRICS_ADDRESS one port on: two processes cannot share an address."""
    host, _, port = environment.get(_METRICS, "").rpartition(":")
    # what is no address is left as it is, since the process that reads it says what is wrong
    return {**environment, _METRICS: f"{host}:{int(port) + 1}"} if port.isdecimal() else dict(environment)


def python_part(
    name: str,
    module: str,
    *arguments: str,
    environment: Mapping[str, str],
    ready: Callable[[], Awaitable[bool]],
    prepare: Callable[[], None] | None = None,
    stop_within: float = 15,
) -> Part:
    """A process of our own code, run by the Python that runs us."""
    command = (sys.executable, "-m", module, *arguments)
    unbuffered = {**environment, "PYTHONUNBUFFERED": "1"}
    return Part(name, command, ready, unbuffered, prepare=prepare, stop_within=stop_within)


def answers(url: str) -> Callable[[], Awaitable[bool]]:
    """Ready when a GET of that address succeeds."""

    async def ready() -> bool:
        try:
            # trust_env: a proxy has no business on loopback; verify: else each look reads all authorities anew
            async with httpx.AsyncClient(trust_env=False, verify=trusted(), timeout=5) as client:
                return (await client.get(url)).is_success
        except httpx.TransportError:
            return False

    return ready


def all_listen(*ports: int) -> Callable[[], Awaitable[bool]]:
    """Ready when all those ports on loopback take connections."""

    async def ready() -> bool:
        return all([await _listens(port) for port in ports])

    return ready


async def at_once() -> bool:
    """Ready as soon as it runs."""
    return True


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
        writer.close()
        await writer.wait_closed()
    except OSError:
        return False
    return True
