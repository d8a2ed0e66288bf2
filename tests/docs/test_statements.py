"""What the documents state about the code is true: settings, duties, outcomes, tests and files they name."""

import json
import re
import tomllib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr, TypeAdapter
from pydantic_settings import BaseSettings

from activities.settings import Settings
from devstack.settings import StackSettings
from domain.backorder_duty import DutyKind
from domain.purchase_order_duty import PurchaseOrderDutyKind
from tests.docs.readme import ROOT, blocks, table
from workflows import backorder_contract, purchase_order_contract
from workflows.backorder_contract import CancelOutcome

VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TECHNICAL = ROOT / "docs" / "technical-description.md"
RACES = ROOT / "docs" / "races.md"


def _default(value: object) -> str:
    """A default as the table writes it."""
    match value:
        case SecretStr():
            return value.get_secret_value() or "empty"
        case dict():
            amounts = cast("dict[str, Decimal]", value)
            return json.dumps({currency: int(amount) for currency, amount in amounts.items()})
        case bool():
            return str(value).lower()
        case timedelta():
            return str(TypeAdapter(timedelta).dump_python(value, mode="json"))
        case "":
            return "empty"
        case _:
            return str(value)


@pytest.mark.parametrize(("name", "settings"), [("settings", Settings), ("dev-settings", StackSettings)])
def test_the_configuration_table_is_what_the_settings_read(name: str, settings: type[BaseSettings]) -> None:
    prefix = settings.model_config.get("env_prefix", "")
    wanted = {
        f"{prefix}{field.upper()}": "must be given" if about.is_required() else _default(about.default)
        for field, about in settings.model_fields.items()
    }
    assert {variable: default for variable, default, _ in table(name)} == wanted


def test_the_changelog_tells_of_this_version() -> None:
    newest, *_ = re.findall(r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == VERSION


def test_histories_are_recorded_for_this_release() -> None:
    release = ROOT / "tests" / "replay" / "histories" / VERSION.rpartition(".")[0]
    assert max(release.parent.iterdir(), key=lambda folder: tuple(map(int, folder.name.split(".")))) == release
    assert f"PROMISEKEEPER_RECORD_HISTORIES={release.relative_to(ROOT)} " in (ROOT / "Makefile").read_text()


def test_every_example_of_the_readme_is_run() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in blocks() if f'readme["{name}"]' not in tests] == []


def test_every_marked_example_is_found() -> None:
    assert len(blocks()) == (ROOT / "README.md").read_text().count("<!-- tested: ")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_test_that_a_document_names_exists() -> None:
    there = "".join(path.read_text() for path in ROOT.glob("tests/**/test_*.py"))
    named = {name for document in DOCUMENTS for name in re.findall(r"`(test_\w+)`", document.read_text())}
    assert named
    assert sorted(name for name in named if f"def {name}(" not in there) == []


def _first_cells(document: Path, heading: str) -> list[str]:
    """The first column of the first table below a heading."""
    below = document.read_text().split(f"{heading}\n", 1)[1]
    rows = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert rows is not None
    return [row.split("|")[1].strip().strip("`") for row in rows[0].splitlines()[2:]]


@pytest.mark.parametrize(
    ("heading", "kinds"),
    [("### What a backorder does", DutyKind), ("### What a purchase order does", PurchaseOrderDutyKind)],
)
def test_every_duty_is_described_and_no_other(heading: str, kinds: type[DutyKind | PurchaseOrderDutyKind]) -> None:
    assert sorted(_first_cells(TECHNICAL, heading)) == sorted(kind.value for kind in kinds)


def test_every_message_of_both_contracts_is_described() -> None:
    described = set(_first_cells(TECHNICAL, "### Messages"))
    contracts = (backorder_contract, purchase_order_contract)
    names = ("SUPPLY_CHANGED", "PARCEL_MOVED", "RECEIPT", "CANCEL", "ANSWER_DELAY", "RESOLVE", "STANDING")
    names += ("SUPPLIER_MESSAGE", "SHARES_CHANGED", "RELEASE_NOW", "HOLD")
    assert described == {getattr(contract, name) for contract in contracts for name in names if hasattr(contract, name)}


def test_every_named_outcome_of_a_cancellation_is_described() -> None:
    said = RACES.read_text()
    assert [outcome for outcome in CancelOutcome if f"`{outcome.value}`" not in said] == []
