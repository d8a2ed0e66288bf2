"""Looking: status, purchase orders, schemas, connectors, migrations. Deciding is in `test_deciding.py`."""

import json
from decimal import Decimal
from typing import Any

import pytest

from cli.order_files import OrderFormat
from domain.backorder_position import Status
from ledger import parcels, payments, purchase_orders
from ledger.book import Ledger
from tests.cli.conftest import LONG, NOW, Command
from tests.cli.sample_orders import EXAMPLES, read_orders


async def test_status_shows_where_backorders_stand_in_80_columns(books: Ledger, promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("status")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    rows = {line.split()[0]: line for line in out.splitlines() if line.startswith("BO-")}
    assert Status.ON_ORDER.value in rows["BO-1"] and "PO-000001" in rows["BO-1"]
    assert Status.ALLOCATED.value in rows["BO-2"]
    assert "now promise" in rows["BO-1"] and "now plan parcel" in rows["BO-2"]
    assert "1 backorder needs attention" in out and "shown" not in out


async def test_what_is_not_shown_is_counted_too(books: Ledger, promisekeeper: Command) -> None:
    _, out, _ = await promisekeeper("status", "--limit", "1")
    assert "1 of 3 backorders shown; --limit N for more" in out
    assert "1 backorder needs attention" in out
    _, out, _ = await promisekeeper("status", "--limit", "1", "--json")
    told = json.loads(out)["backorders"]
    assert (told["total"], told["need_attention"], len(told["rows"])) == (3, 1, 1)


async def test_status_keeps_only_what_is_asked_for(books: Ledger, promisekeeper: Command) -> None:
    async def rows(*only: str) -> list[str]:
        _, out, _ = await promisekeeper("status", *only, "--json")
        return [row["backorder_id"] for row in json.loads(out)["backorders"]["rows"]]

    assert await rows("--status", "allocated") == ["BO-2"]
    assert await rows("--sku", "MUG-BLUE") == ["BO-1"]
    assert await rows("--supplier", "northgate") == ["BO-1"]
    assert await rows("--attention") == [LONG]


async def test_whoever_needs_a_person_is_listed_with_what_is_to_be_done(books: Ledger, promisekeeper: Command) -> None:
    await purchase_orders.raise_attention(books, "PO-000001", key="po", at=NOW, what="Northgate is silent: call them.")
    code, out, _ = await promisekeeper("status", "--attention")
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    said = " ".join(out.split())
    assert "PO-000001 collecting" in said and "No supplier is left [call" in said
    assert "promisekeeper resolve ID DECISION" in said
    assert "backorder retry, cancel, dismiss" in said and "purchase order" in said and "close_short" in said
    _, out, _ = await promisekeeper("status", "--attention", "--json")
    told = json.loads(out)
    assert [row["backorder_id"] for row in told["backorders"]["rows"]] == [LONG]
    assert [row["po_number"] for row in told["purchase_orders"]["rows"]] == ["PO-000001"]
    _, out, _ = await promisekeeper("status")
    assert "1 backorder and 1 purchase order need attention" in out


async def test_purchase_orders_are_listed_with_what_comes_next(books: Ledger, promisekeeper: Command) -> None:
    await purchase_orders.raise_attention(books, "PO-000001", key="po", at=NOW, what="Northgate is silent: call them.")
    await purchase_orders.hold(books, "PO-000001", key="hold", at=NOW, held=True)
    code, out, _ = await promisekeeper("purchase-orders")
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    (row,) = [line.split() for line in out.splitlines() if line.startswith("PO-")]
    assert row == ["PO-000001", "northgate", "collecting", "!", "1", "24", "Nov", "30", "held"]
    assert "1 purchase order needs attention" in out
    _, out, _ = await promisekeeper("purchase-orders", "--status", "closed")
    assert out == "no purchase orders\n"
    _, out, _ = await promisekeeper("purchase-orders", "--json")
    told = json.loads(out)["purchase_orders"]
    assert (told["total"], told["need_attention"]) == (1, 1)
    (order,) = told["rows"]
    assert (order["status"], order["next"]["what"], order["lines"][0]["ordered"]) == ("collecting", "held", 24)


@pytest.mark.parametrize("columns", [40, 50, 69])
async def test_a_narrow_terminal_gets_purchase_orders_whole(
    books: Ledger, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    await purchase_orders.hold(books, "PO-000001", key="hold", at=NOW, held=True)
    monkeypatch.setenv("COLUMNS", str(columns))
    code, out, _ = await promisekeeper("purchase-orders")
    lines = [line.rstrip() for line in out.splitlines()]
    assert code == 0 and max(map(len, lines)) <= columns
    assert lines[:4] == [
        "PO-000001 northgate",
        "  collecting, 1 line, 24 units",
        "  goods Nov 30",
        "  next: held",
    ]


async def test_amounts_have_the_decimals_of_their_currency(books: Ledger, promisekeeper: Command) -> None:
    _, out, _ = await promisekeeper("status", "BO-1")
    assert "23.70 USD" in out
    _, out, _ = await promisekeeper("status", "BO-1", "--json")
    told = json.loads(out)
    assert (told["goods_value"], told["refund_due"]) == ("23.70", "0.00")
    _, out, _ = await promisekeeper("status", "PO-000001", "--json")
    assert json.loads(out)["lines"][0]["unit_price"] == "3.95"
    _, out, _ = await promisekeeper("status", "PO-000001")
    assert "94.80 USD" in out


async def test_amounts_in_a_story_have_them_too(books: Ledger, promisekeeper: Command) -> None:
    await parcels.plan_parcel(books, "BO-2", parcel_id="BO-2/parcel/1", at=NOW)
    await payments.plan_deposit(books, "BO-1", payment_id="BO-1/deposit/1", at=NOW, amount=Decimal("4.7400"))
    _, out, _ = await promisekeeper("status", "BO-2")
    assert "15.80 USD to charge" in " ".join(out.split())
    _, out, _ = await promisekeeper("status", "BO-1")
    assert "Asking for a deposit of 4.74 USD" in out


async def test_status_of_one_tells_its_story(books: Ledger, promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("status", "BO-1")
    assert code == 0
    assert "MUG-BLUE" in out and "3 of PO-000001 (northgate)" in " ".join(out.split())
    assert "Accepted 3 of MUG-BLUE" in out
    assert max(map(len, out.splitlines())) <= 80
    _, out, _ = await promisekeeper("status", "BO-1", "--json")
    told = json.loads(out)
    assert (told["status"], told["claimed"]) == ("on order", 3)
    assert told["story"][0]["text"].startswith("Accepted 3")


async def test_brackets_in_words_are_not_taken_for_markup(books: Ledger, promisekeeper: Command) -> None:
    _, out, _ = await promisekeeper("status", LONG)
    assert "[call one]" in " ".join(out.split())


async def test_status_of_a_purchase_order_shows_its_lines(books: Ledger, promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("status", "PO-000001")
    assert code == 0
    assert "PO-000001 to Northgate Housewares (northgate)" in out
    assert "Next       now: the supplier's cut-off" in out or " UTC: the supplier's cut-off" in out
    (line,) = [line for line in out.splitlines() if line.startswith("MUG-BLUE")]
    assert line.split()[1:4] == ["24", "3", "24"]


async def test_status_of_an_empty_shop_says_so(ledger: Ledger, promisekeeper: Command) -> None:
    assert await promisekeeper("status") == (0, "no backorders\n", "")


@pytest.mark.parametrize("one", ["BO-404", "PO-000404"])
async def test_what_is_not_in_the_ledger_is_said(ledger: Ledger, promisekeeper: Command, one: str) -> None:
    code, out, err = await promisekeeper("status", one)
    assert (code, out) == (3, "") and one in err


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
    assert code == 0 and "http" in out and "base_url" in out and "gold" in out
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
    assert told["installed"]["http"]["grade"] == "gold"
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
