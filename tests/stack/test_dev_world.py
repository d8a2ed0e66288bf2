"""What `promisekeeper dev` makes of its settings: ports, secrets, the environment of its parts, the simulated world."""

import json
import os
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from activities.settings import Settings
from cli.catalogue import read_catalogue
from connectors.suppliers.interface import connector_for
from devstack import ports, postgres
from devstack.ownership import sole_owner
from devstack.ports import Port, PortTakenError
from devstack.processes import Supervisor
from devstack.settings import Secrets, StackSettings
from devstack.simulators.settings import Behaviour, Rule
from devstack.stack import Habits, Stack
from domain.catalogue import Catalogue, PriceBreak
from tests.cli.sample_orders import EXAMPLES

_CATALOGUE = Catalogue.model_validate(
    {
        "suppliers": [
            {
                "supplier_id": "acme",
                "name": "Acme",
                "currency": "USD",
                "connector_config": {
                    "base_url": "env:ACME_URL",
                    "api_key": "env:ACME_API_KEY",
                    "webhook_secret": "env:ACME_WEBHOOK_SECRET",
                },
            },
            {
                "supplier_id": "real",
                "name": "Somebody real",
                "currency": "USD",
                "connector_config": {"base_url": "https://real.example", "api_key": "env:REAL_API_KEY"},
            },
        ],
        "items": [],
        "supplier_items": [],
    }
)


@pytest.fixture
def settings(folder: Path, unused_tcp_port_factory: Callable[[], int]) -> StackSettings:
    numbers = {
        name: unused_tcp_port_factory()
        for name in StackSettings.model_fields
        if name.endswith("_port") and name != "postgres_port"
    }
    return StackSettings(folder=folder, **numbers)


def test_every_port_says_what_moves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMISEKEEPER_DEV_GATEWAY_PORT", "18080")
    named = {port.option: port for port in StackSettings(postgres_port=15432).ports}
    assert named["--gateway-port"] == Port(18080, "gateway", "--gateway-port", "PROMISEKEEPER_DEV_GATEWAY_PORT")
    assert named["--postgres-port"].number == 15432
    assert len(named) == 9


def test_postgres_takes_no_port_unless_asked() -> None:
    assert "--postgres-port" not in {port.option for port in StackSettings().ports}


def test_a_port_out_of_range_is_refused() -> None:
    with pytest.raises(ValidationError, match="gateway_port"):
        StackSettings(gateway_port=70000)


def test_one_port_for_two_parts_is_refused() -> None:
    twice = StackSettings(gateway_port=18090, supplier_port=18090)
    with pytest.raises(PortTakenError, match="port 18090 is meant for both gateway and simulated suppliers"):
        ports.check(twice.ports)


def test_secrets_are_made_up_once_and_readable_by_their_owner_only(folder: Path) -> None:
    path = folder / "secrets.env"
    first = Secrets(path)
    token, webhook = first.token("A"), first.webhook_secret("B")
    again = Secrets(path)
    assert (again.token("A"), again.webhook_secret("B")) == (token, webhook)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token != first.token("C")


def test_the_parts_can_read_their_settings(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_API_KEY", "the developer's own, for another Temporal")
    monkeypatch.setenv("PROMISEKEEPER_SMTP_TLS", "true")
    monkeypatch.setenv("PROMISEKEEPER_TASK_QUEUE", "the real shop's")
    environment = Stack(settings, _CATALOGUE, {}).environment
    assert "TEMPORAL_API_KEY" not in environment
    assert environment["TEMPORAL_ADDRESS"] == f"127.0.0.1:{settings.temporal_port}"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    read = Settings()  # pyright: ignore[reportCallIssue] - read from the environment
    assert read.gateway_port == settings.gateway_port
    assert read.public_url == settings.gateway_url
    assert (read.smtp_tls, read.task_queue) == (False, "promisekeeper")


def test_gateway_and_worker_show_their_metrics_at_addresses_of_their_own(
    settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(address: str) -> list[str]:
        monkeypatch.setenv("PROMISEKEEPER_METRICS_ADDRESS", address)
        parts = {part.name: part for part in Stack(settings, _CATALOGUE, {}).parts}
        return [parts[name].environment["PROMISEKEEPER_METRICS_ADDRESS"] for name in ("gateway", "worker")]

    assert asked("0.0.0.0:9464") == ["0.0.0.0:9464", "0.0.0.0:9465"]
    assert asked("") == ["", ""]
    assert asked("no address") == ["no address", "no address"]  # which they themselves complain of


def test_payloads_are_sealed_by_a_key_that_is_kept_and_the_ui_is_told_where_they_are_opened(
    settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(settings, _CATALOGUE, {})
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    read = Settings()  # pyright: ignore[reportCallIssue] - read from the environment
    assert read.key_ring
    (temporal,) = [part for part in stack.parts if part.name == "temporal"]
    endpoint = temporal.command[list(temporal.command).index("--ui-codec-endpoint") + 1]
    assert endpoint == f"{settings.gateway_url}/codec/{read.codec_token.get_secret_value()}"
    assert f"http://127.0.0.1:{settings.ui_port}" in read.allowed_codec_origins
    again = Stack(settings, _CATALOGUE, {}).environment
    assert again["PROMISEKEEPER_PAYLOAD_KEYS"] == read.payload_keys.get_secret_value()


def test_exceptions_from_a_proxy_that_are_there_stay(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    assert Stack(settings, _CATALOGUE, {}).environment["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"


async def test_what_a_world_holds_is_its_owners_alone(folder: Path, settings: StackSettings) -> None:
    inside = settings.folder / "inside"
    with sole_owner(inside):
        simulators = next(part for part in Stack(settings, _CATALOGUE, {}).parts if part.name == "simulators")
        supervisor = Supervisor(inside, [simulators], tell=print)
        try:
            await supervisor.start()
        finally:
            await supervisor.stop()
    assert stat.S_IMODE(inside.stat().st_mode) == 0o700
    written = [inside / "logs" / "simulators.log", *(settings.folder / "simulators").iterdir()]
    assert len(written) > 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}


async def test_simulated_suppliers_know_the_keys_our_connectors_use(
    settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # nobody is there: within this world it has no say
    stack = Stack(settings, _CATALOGUE, {"acme": Habits(rules=(Rule(behaviour=Behaviour.SHORT),))})
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    simulators = next(part for part in stack.parts if part.name == "simulators")
    supervisor = Supervisor(settings.folder, [simulators], tell=print)
    try:
        await supervisor.start()
        supplier = _CATALOGUE.suppliers[0]
        connector = connector_for(supplier.connector, supplier.supplier_id, supplier.connector_config)
        health = await connector.check()
        await connector.aclose()
        assert health.ok, health.detail
    finally:
        await supervisor.stop()
    told = json.loads((settings.folder / "simulators.json").read_text())
    assert [(one["supplier_id"], one["rules"][0]["behaviour"]) for one in told["suppliers"]] == [("acme", "short")]
    environment_file = settings.folder / "environment.json"
    assert stat.S_IMODE(environment_file.stat().st_mode) == 0o600
    assert json.loads(environment_file.read_text())["ACME_URL"] == settings.supplier_url("acme")


def test_a_supplier_by_x12_asks_no_more_than_any_order_has_at_its_break(settings: StackSettings) -> None:
    sold = read_catalogue(EXAMPLES / "catalogue.json")
    broken = (PriceBreak(from_quantity=1, unit_price=Decimal(4)), PriceBreak(from_quantity=20, unit_price=Decimal(3)))
    items = [one.model_copy(update={"price_breaks": broken, "unit_factor": 6}) for one in sold.supplier_items]
    stack = Stack(settings, sold.model_copy(update={"supplier_items": tuple(items)}), {})
    simulators = next(part for part in stack.parts if part.name == "simulators")
    assert simulators.prepare is not None
    simulators.prepare()
    (plays,) = json.loads((settings.folder / "simulators.json").read_text())["edi_suppliers"]
    assert {Decimal(item["unit_price"]) for item in plays["items"]} == {Decimal(18)}


async def test_postgres_on_a_port_wants_the_password(folder: Path, unused_tcp_port: int) -> None:
    server = postgres.Postgres(folder / "postgres", port=unused_tcp_port, password="open sesame")
    supervisor = Supervisor(folder, [postgres.part(server)], tell=print)
    try:
        await supervisor.start()
        await server.ensure_database("shop")
        address = f"host=127.0.0.1 port={unused_tcp_port} user={postgres.SUPERUSER} dbname=shop"
        with psycopg.connect(address, password="open sesame") as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("shop",)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(address, password="guess")
    finally:
        await supervisor.stop()


def test_a_folder_too_deep_for_a_socket_still_gets_one(folder: Path) -> None:
    deep = folder / ("d" * 120) / "postgres"
    dsn = postgres.Postgres(deep).dsn()
    assert str(deep) not in dsn
    assert dsn == postgres.Postgres(deep).dsn()
    assert dsn != postgres.Postgres(deep.with_name("other")).dsn()


async def test_a_folder_with_spaces_and_commas_in_its_name_is_as_good_as_any(folder: Path) -> None:
    server = postgres.Postgres(folder / "shop, the second" / "postgres")
    supervisor = Supervisor(folder, [postgres.part(server)], tell=print)
    try:
        await supervisor.start()
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        await supervisor.stop()
        os.rmdir(str(conninfo_to_dict(server.dsn())["host"]))  # it is not in the test's folder
