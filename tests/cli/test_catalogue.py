"""The catalogue: from a file into the ledger, and shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from cli.catalogue import load_catalogue, read_catalogue
from cli.errors import CommandFailed
from devstack.stack import Habits
from domain.catalogue import Catalogue
from ledger import catalogue
from ledger.book import Ledger
from tests.cli.conftest import Command
from tests.cli.sample_orders import EXAMPLES

SMALL: dict[str, Any] = {
    "suppliers": [{"supplier_id": "mill", "name": "The Mill", "currency": "USD"}],
    "items": [{"sku": "FLOUR", "name": "Flour, 1 kg", "on_hand": 4}],
    "supplier_items": [
        {
            "supplier_id": "mill",
            "sku": "FLOUR",
            "supplier_sku": "F1",
            "price_breaks": [{"from_quantity": 1, "unit_price": "0.89"}],
        }
    ],
}


@pytest.fixture
def small(tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], object]], Path]:
    """Writes SMALL with one change."""

    def write(change: Callable[[dict[str, Any]], object]) -> Path:
        content = json.loads(json.dumps(SMALL))
        change(content)
        path = tmp_path / "catalogue.json"
        path.write_text(json.dumps(content))
        return path

    return write


async def test_a_catalogue_is_loaded_once_however_often(ledger: Ledger, promisekeeper: Command) -> None:
    code, first, _ = await promisekeeper("catalogue", "load", EXAMPLES / "catalogue.json")
    assert code == 0
    assert first == ("suppliers: 5 new, 0 changed\nitems: 62 new, 0 changed\nsupplier items: 113 new, 0 changed\n")
    code, again, _ = await promisekeeper("catalogue", "load", EXAMPLES / "catalogue.json")
    assert code == 0
    assert again == "suppliers: 0 new, 0 changed\nitems: 0 new, 0 changed\nsupplier items: 0 new, 0 changed\n"
    assert len(await catalogue.known_skus(ledger)) == 62


async def test_a_changed_price_is_loaded(ledger: Ledger, small: Callable[..., Path]) -> None:
    await load_catalogue(small(lambda content: None), ledger=ledger)
    dearer = small(lambda content: content["supplier_items"][0]["price_breaks"][0].update(unit_price="0.95"))
    counts = await load_catalogue(dearer, ledger=ledger)
    assert counts["supplier_items_changed"] == 1 and sum(counts.values()) == 1
    assert str((await catalogue.supplier_item(ledger, "mill", "FLOUR")).price_breaks[0].unit_price) == "0.95"


def test_toml_says_the_same_as_json(tmp_path: Path, small: Callable[..., Path]) -> None:
    toml = """
        [[suppliers]]
        supplier_id = "mill"
        name = "The Mill"
        currency = "USD"
        cut_off = {zone = "UTC", times = [17:00:00]}

        [[items]]
        sku = "FLOUR"
        name = "Flour, 1 kg"
        on_hand = 4

        [[supplier_items]]
        supplier_id = "mill"
        sku = "FLOUR"
        supplier_sku = "F1"
        price_breaks = [{from_quantity = 1, unit_price = 0.89}]
    """
    (tmp_path / "catalogue.toml").write_text(toml)
    assert read_catalogue(tmp_path / "catalogue.toml") == read_catalogue(small(lambda content: None))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["suppliers"][0].update(currency="XAU"), "suppliers.0.currency (mill): unsupported currency"),
        (lambda c: c["supplier_items"][0].update(sku="RYE"), "names sku 'RYE', which is not under items"),
        (lambda c: c["items"].append(c["items"][0]), "two items share a sku"),
        (lambda c: c["supplier_items"][0].update(lead_time="soon"), "supplier_items.0.lead_time (mill/FLOUR)"),
        (lambda c: c["supplier_items"][0].update(moq=5), "supplier_items.0.moq (mill/FLOUR): no such field"),
        (lambda c: c["suppliers"][0].update(cutoff={}), "did you mean cut_off?"),
        (lambda c: c.pop("items"), "items: Field required"),
    ],
)
def test_a_catalogue_that_contradicts_itself_names_the_entry(
    small: Callable[..., Path], change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(CommandFailed) as refusal:
        read_catalogue(small(change))
    assert words in str(refusal.value)


@pytest.mark.parametrize(("text", "words"), [("{", "is no JSON"), ("[]", "holds no object"), ("\xff", "UTF-8")])
def test_what_is_no_catalogue_at_all_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c.json").write_text(text, encoding="latin-1")
    with pytest.raises(CommandFailed, match=words):
        read_catalogue(tmp_path / "c.json")


async def test_show_lists_suppliers_and_fits_80_columns(stocked: Ledger, promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("catalogue", "show")
    assert code == 0
    assert "62 items" in out
    assert all(supplier.supplier_id in out for supplier in await catalogue.suppliers(stocked))
    assert max(map(len, out.splitlines())) <= 80


async def test_show_as_json_leaves_out_the_connectors_settings(stocked: Ledger, promisekeeper: Command) -> None:
    _, out, _ = await promisekeeper("catalogue", "show", "hinode", "--json")
    shown = json.loads(out)
    assert [supplier["supplier_id"] for supplier in shown["suppliers"]] == ["hinode"]
    assert "connector_config" not in out


async def test_an_unknown_supplier_is_said(stocked: Ledger, promisekeeper: Command) -> None:
    code, _, err = await promisekeeper("catalogue", "show", "acme")
    assert code == 1 and "'acme'" in err


def test_the_example_catalogue_shows_what_its_readme_says() -> None:
    example = read_catalogue(EXAMPLES / "catalogue.json")
    assert isinstance(example, Catalogue)
    assert len(example.suppliers) == 5 and len({s.currency for s in example.suppliers}) == 5
    assert len({s.cut_off for s in example.suppliers}) == 5
    sold = example.supplier_items
    assert {True, False} == {entry.minimum_order > 1 for entry in sold}
    assert any(entry.order_multiple > 1 for entry in sold) and any(entry.unit_factor > 1 for entry in sold)
    assert all(len(entry.price_breaks) > 1 for entry in sold)
    for supplier in example.suppliers:
        variable = f"env:PROMISEKEEPER_SUPPLIER_{supplier.supplier_id.upper()}"
        assert supplier.connector_config == {
            "base_url": f"{variable}_URL",
            "api_key": f"{variable}_API_KEY",
            "webhook_secret": f"{variable}_WEBHOOK_SECRET",
        }


def test_the_simulated_suppliers_have_habits_about_what_they_sell() -> None:
    example = read_catalogue(EXAMPLES / "catalogue.json")
    habits = TypeAdapter(dict[str, Habits]).validate_json((EXAMPLES / "simulated_suppliers.json").read_bytes())
    assert set(habits) == {supplier.supplier_id for supplier in example.suppliers}
    sold = {(entry.supplier_id, entry.sku) for entry in example.supplier_items}
    assert {(supplier, sku) for supplier, one in habits.items() for rule in one.rules for sku in rule.skus} <= sold
