"""The catalogue: from a file into the ledger, and shown."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from cli.catalogue import MOST_SHOWN, read_catalogue
from cli.errors import CommandFailed
from cli.schema import Described, schema_of
from devstack.stack import Habits
from domain.catalogue import Catalogue
from ledger import catalogue
from ledger.book import Ledger
from tests.cli.conftest import Command
from tests.cli.sample_orders import EXAMPLES

SMALL: dict[str, Any] = {
    "suppliers": [
        {
            "supplier_id": "mill",
            "name": "The Mill",
            "currency": "USD",
            "connector_config": {
                "base_url": "https://api.mill.example/v1",
                "api_key": "env:MILL_API_KEY",
                "webhook_secret": "env:MILL_WEBHOOK_SECRET",
            },
        }
    ],
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
    assert first == ("suppliers: 8 new, 0 changed\nitems: 70 new, 0 changed\nsupplier items: 121 new, 0 changed\n")
    code, again, _ = await promisekeeper("catalogue", "load", EXAMPLES / "catalogue.json")
    assert code == 0
    assert again == "suppliers: 0 new, 0 changed\nitems: 0 new, 0 changed\nsupplier items: 0 new, 0 changed\n"
    assert len(await catalogue.known_skus(ledger)) == 70


@pytest.mark.parametrize(("given", "said"), [(9, True), (None, False)])
async def test_stock_in_the_file_is_opening_stock_and_loading_again_says_so(
    promisekeeper: Command, ledger: Ledger, small: Callable[..., Path], given: int | None, said: bool
) -> None:
    def change(content: dict[str, Any]) -> None:
        if given is None:
            del content["items"][0]["on_hand"]
        else:
            content["items"][0]["on_hand"] = given

    code, _, err = await promisekeeper("catalogue", "load", small(lambda content: None))
    assert code == 0 and "on_hand" not in err
    code, out, err = await promisekeeper("catalogue", "load", small(change))
    note = "note: on_hand is opening stock: 1 item that is known already keeps the stock it has\n"
    assert code == 0 and "items: 0 new, 0 changed" in out and (note in err) is said


async def test_a_second_item_of_stock_is_counted_with_the_first(
    promisekeeper: Command, ledger: Ledger, small: Callable[..., Path]
) -> None:
    two = small(lambda c: c["items"].append({"sku": "RYE", "name": "Rye", "on_hand": 1}))
    await promisekeeper("catalogue", "load", two)
    _, _, err = await promisekeeper("catalogue", "load", two)
    assert "2 items that are known already keep the stock they have\n" in err


def test_the_schema_says_that_stock_is_opening_stock() -> None:
    described = schema_of(Described.CATALOGUE)["$defs"]["Item"]["properties"]["on_hand"]
    assert described["description"].startswith("Opening stock") and described["minimum"] == 0


def test_a_wrong_price_break_is_one_error_and_no_break_at_all_another(small: Callable[..., Path]) -> None:
    def entry(*breaks: dict[str, Any]) -> Path:
        return small(lambda content: content["supplier_items"][0].update(price_breaks=breaks))

    with pytest.raises(CommandFailed, match="unit_price") as refused:
        read_catalogue(entry({"from_quantity": 1, "unit_price": "-1"}))
    assert len(str(refused.value).splitlines()) == 2
    with pytest.raises(CommandFailed, match=r"price_breaks \(mill/FLOUR\): is empty"):
        read_catalogue(entry())


def test_a_catalogue_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"nope.json cannot be read: No such file or directory$"):
        read_catalogue(tmp_path / "nope.json")


async def test_a_changed_price_is_loaded(ledger: Ledger, small: Callable[..., Path]) -> None:
    await catalogue.load_catalogue(ledger, read_catalogue(small(lambda content: None)), at=datetime.now(UTC))
    dearer = small(lambda content: content["supplier_items"][0]["price_breaks"][0].update(unit_price="0.95"))
    counts = await catalogue.load_catalogue(ledger, read_catalogue(dearer), at=datetime.now(UTC))
    assert counts["supplier_items_changed"] == 1 and sum(counts.values()) == 1
    assert str((await catalogue.supplier_item(ledger, "mill", "FLOUR")).price_breaks[0].unit_price) == "0.95"


def test_toml_says_the_same_as_json(tmp_path: Path, small: Callable[..., Path]) -> None:
    toml = """
        [[suppliers]]
        supplier_id = "mill"
        name = "The Mill"
        currency = "USD"
        cut_off = {zone = "UTC", times = [17:00:00]}
        [suppliers.connector_config]
        base_url = "https://api.mill.example/v1"
        api_key = "env:MILL_API_KEY"
        webhook_secret = "env:MILL_WEBHOOK_SECRET"

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
        (
            lambda c: c["supplier_items"][0].update(sku="RYE"),
            "0.sku (mill/RYE): names sku 'RYE', which is not",
        ),
        (lambda c: c["items"].append(c["items"][0]), "two items share a sku"),
        (lambda c: c["supplier_items"][0].update(lead_time="soon"), "supplier_items.0.lead_time (mill/FLOUR)"),
        (lambda c: c["supplier_items"][0].update(moq=5), "supplier_items.0.moq (mill/FLOUR): no such field"),
        (lambda c: c["suppliers"][0].update(cutoff={}), "did you mean cut_off?"),
        (lambda c: c.pop("items"), "items: is missing"),
        (lambda c: c["suppliers"][0].update(cut_off={"time": 1}), "suppliers.0.cut_off.time (mill): no such field"),
        (
            lambda c: c["supplier_items"][0]["price_breaks"][0].update(price="1"),
            "supplier_items.0.price_breaks.0.price (mill/FLOUR): no such field; did you mean unit_price?",
        ),
        (lambda c: c.update(supplier=[]), "supplier: no such field; did you mean suppliers?"),
        (lambda c: c["items"][0].update(onhand=3), "items.0.onhand (FLOUR): no such field; did you mean on_hand?"),
        (lambda c: c["suppliers"][0].update(chase_every="PT0S"), "suppliers.0.chase_every (mill): must be 1 second to"),
        (lambda c: c["supplier_items"][0].update(price_breaks=[]), "price_breaks (mill/FLOUR): is empty; give"),
    ],
)
def test_a_catalogue_that_contradicts_itself_names_the_entry(
    small: Callable[..., Path], change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(CommandFailed) as refusal:
        read_catalogue(small(change))
    assert words in str(refusal.value)


def test_a_misspelt_field_is_told_with_the_one_that_is_missing_for_it(small: Callable[..., Path]) -> None:
    def misspell(content: dict[str, Any]) -> None:
        content["items"][0]["nam"] = content["items"][0].pop("name")

    with pytest.raises(CommandFailed) as refusal:
        read_catalogue(small(misspell))
    assert "items.0.nam (FLOUR): no such field; did you mean name?" in str(refusal.value)
    assert "items.0.name (FLOUR): is missing" in str(refusal.value)


def test_all_that_is_wrong_is_told_at_once_but_not_without_end(small: Callable[..., Path]) -> None:
    def break_all(content: dict[str, Any]) -> None:
        content["items"] = [{"sku": f"S-{number}"} for number in range(MOST_SHOWN + 7)]
        content["supplier_items"] = []

    with pytest.raises(CommandFailed) as refusal:
        read_catalogue(small(break_all))
    told = str(refusal.value).splitlines()
    assert told[1] == "  items.0.name (S-0): is missing"
    assert len(told) == MOST_SHOWN + 2 and told[-1] == "  and 7 more"


def test_wrong_entries_of_every_kind_are_told_together(small: Callable[..., Path]) -> None:
    def break_all(content: dict[str, Any]) -> None:
        content["suppliers"][0]["connector_config"]["base_url"] = "ftp://mill.example"
        content["items"][0]["on_hand"] = -1
        content["items"][0]["onhand"] = 1
        content["supplier_items"].append(content["supplier_items"][0] | {"sku": "NOSUCH"})

    with pytest.raises(CommandFailed) as refusal:
        read_catalogue(small(break_all))
    assert [line.split("): ")[0].strip() for line in str(refusal.value).splitlines()[1:]] == [
        "items.0.onhand (FLOUR",
        "items.0.on_hand (FLOUR",
        "supplier_items.1.sku (mill/NOSUCH",
        "suppliers.0.connector_config.base_url (mill",
    ]


def connecting(**config: object) -> Callable[[dict[str, Any]], object]:
    """A change of how the supplier is connected; None takes a setting away."""

    def change(content: dict[str, Any]) -> None:
        settings = content["suppliers"][0]["connector_config"]
        settings.update(config)
        for name in [name for name, value in config.items() if value is None]:
            del settings[name]

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["suppliers"][0].update(connector="htpp"), "connector (mill): no connector 'htpp' is installed"),
        (connecting(base_url=None), "connector_config.base_url (mill): is missing; set it"),
        (connecting(base_url="ftp://mill.example"), "connector_config.base_url (mill): must start with http:// or"),
        (connecting(base_url="api.mill.example"), "connector_config.base_url (mill): must start with http:// or"),
        (connecting(base_url="https://"), "connector_config.base_url (mill): must start with http:// or"),
        (
            connecting(base_url="https://u:hush@mill.example"),
            "connector_config.base_url (mill): must hold no user and password",
        ),
        (
            connecting(api_kee="hush"),
            "connector_config.api_kee (mill): is no setting of this connector; did you mean api_key?",
        ),
        (
            connecting(api_key="hush hush"),
            "connector_config.api_key (mill): an API key is printable ASCII without blanks",
        ),
        (
            connecting(api_key="env:"),
            "connector_config.api_key (mill): env: is followed by the name of an environment variable",
        ),
        (
            connecting(webhook_secret="hush"),
            "connector_config.webhook_secret (mill): a webhook secret starts with whsec_",
        ),
        (connecting(timeout_seconds=-1), "connector_config.timeout_seconds (mill): must be greater than 0"),
    ],
)
def test_a_supplier_that_is_set_up_wrongly_is_refused_by_setting_and_no_secret_is_shown(
    small: Callable[..., Path], change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(CommandFailed) as refusal:
        read_catalogue(small(change))
    assert f"suppliers.0.{words}" in str(refusal.value)
    assert "hush" not in str(refusal.value)


async def test_variables_that_only_the_workers_have_are_a_warning(
    ledger: Ledger, small: Callable[..., Path], promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MILL_API_KEY", raising=False)
    monkeypatch.setenv("MILL_WEBHOOK_SECRET", "hush")
    code, out, err = await promisekeeper("catalogue", "load", small(lambda content: None))
    assert code == 0 and out.startswith("suppliers: 1 new")
    assert err.startswith("warning: mill: MILL_API_KEY is not set in this process; MILL_WEBHOOK_SECRET: a webhook")
    assert "hush" not in err


async def test_nothing_is_warned_of_where_all_is_set(
    ledger: Ledger, small: Callable[..., Path], promisekeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILL_API_KEY", "hush")
    monkeypatch.setenv("MILL_WEBHOOK_SECRET", "whsec_aHVzaA==")
    code, _, err = await promisekeeper("catalogue", "load", small(lambda content: None))
    assert (code, err) == (0, "")


async def test_a_refused_catalogue_changes_nothing(
    ledger: Ledger, small: Callable[..., Path], promisekeeper: Command
) -> None:
    code, out, err = await promisekeeper("catalogue", "load", small(connecting(base_url="ftp://mill.example")))
    assert (code, out) == (2, "") and "nothing was loaded" in err
    assert await catalogue.suppliers(ledger) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no object"),
        ("\xff", "UTF-8"),
        ("[" * 100_000, "is no JSON"),
        ('{"items": [], "suppliers": [], "items": []}', "the field 'items' stands twice"),
        ("suppliers = []", "TOML is read from a file whose name ends in .toml"),
    ],
    ids=range(6),
)
def test_what_is_no_catalogue_at_all_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c.json").write_text(text, encoding="latin-1")
    with pytest.raises(CommandFailed, match=words):
        read_catalogue(tmp_path / "c.json")


async def test_show_lists_suppliers_and_fits_80_columns(stocked: Ledger, promisekeeper: Command) -> None:
    code, out, _ = await promisekeeper("catalogue", "show")
    assert code == 0
    assert "70 items" in out
    assert all(supplier.supplier_id in out for supplier in await catalogue.suppliers(stocked))
    assert max(map(len, out.splitlines())) <= 80


async def test_show_as_json_leaves_out_the_connectors_settings(stocked: Ledger, promisekeeper: Command) -> None:
    _, out, _ = await promisekeeper("catalogue", "show", "hinode", "--json")
    shown = json.loads(out)
    assert [supplier["supplier_id"] for supplier in shown["suppliers"]] == ["hinode"]
    assert "connector_config" not in out


async def test_an_unknown_supplier_is_said(stocked: Ledger, promisekeeper: Command) -> None:
    code, _, err = await promisekeeper("catalogue", "show", "acme")
    assert code == 3 and "'acme'" in err


def test_the_example_catalogue_shows_what_its_readme_says() -> None:
    example = read_catalogue(EXAMPLES / "catalogue.json")
    assert isinstance(example, Catalogue)
    assert len(example.suppliers) == 8 and len({s.currency for s in example.suppliers}) == 5
    assert len({s.cut_off for s in example.suppliers}) == 8
    assert {s.connector for s in example.suppliers} == {"http", "x12", "cxml", "email"}
    sold = example.supplier_items
    assert {True, False} == {entry.minimum_order > 1 for entry in sold}
    assert any(entry.order_multiple > 1 for entry in sold) and any(entry.unit_factor > 1 for entry in sold)
    by_http = {s.supplier_id: s for s in example.suppliers if s.connector == "http"}
    assert all(len(entry.price_breaks) > 1 for entry in sold if entry.supplier_id in by_http)
    for supplier in by_http.values():
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
