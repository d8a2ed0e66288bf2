"""Looking and deciding: status, the updates, schemas, connectors, migrations."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from cli.order_files import OrderFormat, read_orders
from domain.backorder_position import Status
from domain.orders import Order
from ledger import backorders, supply
from ledger.book import Ledger
from tests.cli.conftest import Command
from tests.cli.sample_orders import EXAMPLES, order_csv

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)


async def _accept(ledger: Ledger, path: Path, **row: str) -> Order:
    ((_, order),), _ = read_orders(order_csv(path, row), OrderFormat.CSV)
    key = f"backorder/{order.backorder_id}"
    await backorders.accept(ledger, order, key=f"{key}/accept", at=NOW, legal_deadline=NOW + timedelta(days=30))
    await supply.source(ledger, order.backorder_id, key=f"{key}/source/1", at=NOW)
    return order


@pytest.fixture
async def shop(stocked: Ledger, tmp_path: Path) -> Ledger:
    """One on order, one allocated from stock, one with an id as long as ids may be and attention."""
    path = tmp_path / "orders.csv"
    await _accept(stocked, path, backorder_id="BO-1", quantity="3")
    await _accept(stocked, path, backorder_id="BO-2", sku="MUG-WHITE")
    long = "BO-" + "x" * 77
    await _accept(stocked, path, backorder_id=long, sku="RADIO-1962")
    await backorders.raise_attention(stocked, long, key="attention", at=NOW, what="No supplier is left [call one].")
    return stocked


async def test_status_shows_where_backorders_stand_in_80_columns(shop: Ledger, promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("status")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    rows = {line.split()[0]: line for line in out.splitlines() if line.startswith("BO-")}
    assert Status.ON_ORDER.value in rows["BO-1"] and "PO-000001" in rows["BO-1"]
    assert Status.ALLOCATED.value in rows["BO-2"]
    assert "1 need attention" in out


async def test_status_keeps_only_what_is_asked_for(shop: Ledger, promisekeeper: Command) -> None:
    _, out, _ = await promisekeeper("status", "--status", "allocated", "--json")
    assert [row["backorder_id"] for row in json.loads(out)] == ["BO-2"]
    _, out, _ = await promisekeeper("status", "--sku", "MUG-BLUE", "--json")
    assert [row["backorder_id"] for row in json.loads(out)] == ["BO-1"]
    _, out, _ = await promisekeeper("status", "--supplier", "northgate", "--json")
    assert [row["backorder_id"] for row in json.loads(out)] == ["BO-1"]
    _, out, _ = await promisekeeper("status", "--attention", "--json")
    assert [row["sku"] for row in json.loads(out)] == ["RADIO-1962"]


async def test_status_of_one_tells_its_story(shop: Ledger, promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("status", "BO-1")
    assert code == 0
    assert "MUG-BLUE" in out and "3 of PO-000001 (northgate)" in " ".join(out.split())
    assert "Accepted 3 of MUG-BLUE" in out
    assert max(map(len, out.splitlines())) <= 80
    _, out, _ = await promisekeeper("status", "BO-1", "--json")
    told = json.loads(out)
    assert (told["status"], told["claimed"]) == ("on order", 3)
    assert told["story"][0]["text"].startswith("Accepted 3")


async def test_brackets_in_words_are_not_taken_for_markup(shop: Ledger, promisekeeper: Command) -> None:
    _, out, _ = await promisekeeper("status", "BO-" + "x" * 77)
    assert "[call one]" in " ".join(out.split())


async def test_status_of_a_purchase_order_shows_its_lines(shop: Ledger, promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("status", "PO-000001")
    assert code == 0
    assert "PO-000001 to Northgate Housewares: collecting" in out
    (line,) = [line for line in out.splitlines() if line.startswith("MUG-BLUE")]
    assert line.split()[1:4] == ["24", "3", "24"]


async def test_status_of_an_empty_shop_says_so(ledger: Ledger, promisekeeper: Command) -> None:
    assert await promisekeeper("status") == (0, "no backorders\n", "")


@pytest.mark.parametrize("one", ["BO-404", "PO-000404"])
async def test_what_is_not_in_the_ledger_is_said(ledger: Ledger, promisekeeper: Command, one: str) -> None:
    code, out, err = await promisekeeper("status", one)
    assert (code, out) == (1, "") and one in err


@pytest.mark.parametrize(
    "arguments",
    [("cancel", "BO-404"), ("resolve", "BO-404", "retry"), ("release-now", "PO-404"), ("hold", "PO-404", "--off")],
)
async def test_a_decision_about_nothing_is_refused(
    temporal: Client, promisekeeper: Command, arguments: tuple[str, ...]
) -> None:
    code, out, err = await promisekeeper(*arguments)
    assert (code, out) == (1, "")
    assert "404 has ended or never was" in err


async def test_a_decision_nobody_takes_up_ends_the_wait_not_the_request(
    temporal: Client, promisekeeper: Command, tmp_path: Path
) -> None:
    one = f"BO-{uuid.uuid4().hex[:12]}"
    await promisekeeper("submit", order_csv(tmp_path / "o.csv", {"backorder_id": one}))
    code, _, err = await promisekeeper("cancel", one, "--wait", "0.2")
    assert code == 2
    assert "has not answered within 0.2 seconds" in err and "asking again is harmless" in err


@pytest.mark.parametrize(
    ("what", "resolution", "words"),
    [
        ("BO-1", "close_short", "retry, cancel, dismiss"),
        ("PO-000001", "retry", "acknowledged, close_short, withdraw, dismiss"),
    ],
)
async def test_a_resolution_must_fit_what_it_resolves(
    promisekeeper: Command, what: str, resolution: str, words: str
) -> None:
    code, _, err = await promisekeeper("resolve", what, resolution)
    assert code == 2 and words in err


def _conforms(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """The part of JSON Schema that finds a wrong, missing or misnamed field."""
    if "$ref" in schema:
        return _conforms(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "anyOf" in schema:
        return any(_conforms(value, one, root) for one in schema["anyOf"])
    kinds: dict[str, type | tuple[type, ...]] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return False
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        return set(schema.get("required", [])) <= set(value) <= set(known) and all(
            _conforms(part, known[name], root) for name, part in value.items()
        )
    return not isinstance(value, list) or all(_conforms(part, schema["items"], root) for part in value)


async def test_the_published_schemas_describe_the_examples(promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("schema", "catalogue")
    assert code == 0
    catalogue = json.loads(out)
    example = json.loads((EXAMPLES / "catalogue.json").read_text())
    assert catalogue["$schema"].endswith("2020-12/schema")
    assert _conforms(example, catalogue, catalogue)
    assert not _conforms(example | {"itmes": []}, catalogue, catalogue)

    _, out, _ = await promisekeeper("schema", "order")
    order = json.loads(out)
    lines = read_orders(EXAMPLES / "orders.csv", OrderFormat.CSV)[0]
    assert all(_conforms(line.model_dump(mode="json"), order, order) for _, line in lines)
    assert not _conforms(lines[0][1].model_dump(mode="json", exclude={"sku"}), order, order)


async def test_the_gateways_openapi_is_printed(promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("openapi")
    assert code == 0
    assert {"get", "post"} <= set(json.loads(out)["paths"]["/backorders"])


async def test_every_schema_can_be_printed(promisekeeper: Command) -> None:
    for what in ("supplier-event", "cancel", "answer-delay", "resolve", "hold", "resolve-purchase-order"):
        code, out, _ = await promisekeeper("schema", what)
        assert code == 0 and json.loads(out)["$schema"]
    code, out, _ = await promisekeeper("schema", "order-csv")
    assert code == 0 and "backorder_id" in out and max(map(len, out.splitlines())) <= 80


def _reach(monkeypatch: pytest.MonkeyPatch, supplier: str) -> None:
    """Settings of a supplier at an address where nobody listens."""
    prefix = f"PROMISEKEEPER_SUPPLIER_{supplier.upper()}_"
    monkeypatch.setenv(f"{prefix}URL", f"http://127.0.0.1:1/suppliers/{supplier}")
    monkeypatch.setenv(f"{prefix}API_KEY", f"k3y-of-{supplier}")
    monkeypatch.setenv(f"{prefix}WEBHOOK_SECRET", "whsec_c2VjcmV0")


async def test_installed_connectors_are_listed_without_a_ledger(promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("connectors")
    assert code == 0 and "http" in out and "base_url" in out
    assert max(map(len, out.splitlines())) <= 80


async def test_what_each_suppliers_connector_can_do_is_listed_or_what_its_settings_lack(
    stocked: Ledger, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    _reach(monkeypatch, "hinode")
    monkeypatch.delenv("PROMISEKEEPER_SUPPLIER_KESTREL_URL", raising=False)
    code, out, _ = await promisekeeper("connectors")
    assert code == 0 and "reduce line" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80
    _, out, _ = await promisekeeper("connectors", "--json")
    told = json.loads(out)
    assert "base_url" in told["installed"]["http"]["config"]["properties"]
    assert told["suppliers"]["hinode"]["can"]["lookup"] is True
    assert "PROMISEKEEPER_SUPPLIER_KESTREL_URL" in told["suppliers"]["kestrel"]["can"]
    assert "k3y-of-hinode" not in out


async def test_checking_a_supplier_whose_settings_are_missing_names_the_setting(
    stocked: Ledger, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMISEKEEPER_SUPPLIER_HINODE_URL", raising=False)
    code, _, err = await promisekeeper("check", "hinode")
    assert code == 2 and "PROMISEKEEPER_SUPPLIER_HINODE_URL" in err


async def test_checking_a_supplier_that_does_not_answer_is_exit_code_1(
    stocked: Ledger, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    _reach(monkeypatch, "hinode")
    code, out, err = await promisekeeper("check", "hinode")
    assert (code, out) == (1, "")
    assert err.startswith("promisekeeper: hinode: ") and "k3y-of-hinode" not in err


async def test_migrating_again_changes_nothing(ledger: Ledger, promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("migrate")
    assert code == 0 and out.endswith(": nothing to apply\n")
