"""The page for operators is complete and true: every text that asks for a person, every query, sweep and command."""

import re
import shlex
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import BaseModel
from temporalio.workflow import _Definition

from activities.receipts import read_receipt
from cli.main import app
from cli.queries import SAVED, link
from domain.sweeps import SweepKind
from tests.docs.attention import texts
from tests.docs.readme import ROOT
from workflows import backorder_contract, purchase_order_contract
from workflows.backorder import Backorder
from workflows.backorder_contract import Resolution
from workflows.purchase_order import PurchaseOrder
from workflows.purchase_order_contract import PurchaseOrderResolution

PAGE = (ROOT / "docs" / "operations.md").read_text()

ASK_NOBODY = {
    "is confirmed by",  # told to backorders with their dates
    "is on its way from",
    "no date can be given: the supplier has named none",
}
"""Texts under the same names in the code that go into stories, and not to operators."""


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_every_text_that_asks_for_a_person_is_on_the_page() -> None:
    found = set(texts())
    assert found > ASK_NOBODY and len(found) > 25
    page = _plain(PAGE)
    assert [text for text in sorted(found - ASK_NOBODY) if _plain(text).strip(" .;,:()'") not in page] == []


def test_every_query_is_on_the_page_with_its_link() -> None:
    there = {
        row[0]: row
        for row in re.findall(r"^\| (?:\[)?([\w-]+)(?:\]\((\S+)\))? \| ([^|]+) \| `([^`]+)` \|$", PAGE, re.M)
    }
    assert [name for name in there if name in {saved.name for saved in SAVED}] == [saved.name for saved in SAVED]
    for saved in SAVED:
        _, target, what, query = there[saved.name]
        assert (what, query) == (saved.what, saved.query)
        if "{" in query:
            assert not target
        else:
            assert target == link("http://127.0.0.1:8233", "default", query)
            assert parse_qs(urlsplit(target).query) == {"query": [query]}


def test_every_sweep_and_every_decision_is_on_the_page() -> None:
    rows = {cells.split("|")[1].strip() for cells in PAGE.splitlines() if cells.startswith("| `")}
    assert {f"`{kind.value}`" for kind in SweepKind} <= rows
    for resolution in {*Resolution, *PurchaseOrderResolution}:
        assert re.search(
            rf"`(promisekeeper resolve \w+ )?{resolution.value}|\"resolution\": \"{resolution.value}\"", PAGE
        )


INPUTS: Mapping[str, Mapping[str, type[BaseModel]]] = {
    "backorder": {
        "resolve": backorder_contract.Resolve,
        "cancel": backorder_contract.CancelRequest,
        "answer_delay": backorder_contract.DelayAnswer,
    },
    "purchase order": {"resolve": purchase_order_contract.Resolve, "hold": purchase_order_contract.Hold},
}
"""What each update takes, by whom it is sent to; `release_now` takes nothing."""

_INPUT = re.compile(r"`(\{.*?\})`")
_COMMAND = re.compile(r"`promisekeeper ((?:[a-z]|--)[^`]*)`")


def _below(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    _, _, below = PAGE.partition(f"\n{heading}\n")
    rows = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert rows is not None
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[0].splitlines()[2:]]


def test_the_inputs_are_those_of_every_update() -> None:
    for kind, workflow in (("backorder", Backorder), ("purchase order", PurchaseOrder)):
        assert {*INPUTS[kind], "release_now"} >= {str(name) for name in _Definition.must_from_class(workflow).updates}


def test_every_act_is_shown_with_an_input_that_its_update_takes() -> None:
    shown: set[tuple[str, str]] = set()
    for wanted, on, act, command in _below("## How to press"):
        typed = shlex.split(_COMMAND.findall(command)[0])
        (update,) = re.findall(r"^`(\w+)`", act)
        for kind in INPUTS if on == "both" else (on,):
            shown.add((kind, update))
            given = _INPUT.findall(act)
            assert bool(given) == (update in INPUTS[kind]), wanted
            for text in given:
                taken = INPUTS[kind][update].model_validate_json(text, extra="forbid").model_dump(mode="json")
                assert taken.get("resolution") in {None, *typed}, wanted
                assert typed[0] == update.replace("_", "-"), wanted
    assert shown == {(kind, update) for kind in INPUTS for update in INPUTS[kind]} | {("purchase order", "release_now")}


def test_the_receipt_on_the_page_can_be_used() -> None:
    (text,) = re.findall(r"signal `receipt` `(\{.*?\})`", PAGE)
    assert read_receipt(text, "PO-000007").lines[0].good == 3


@pytest.mark.parametrize("kind", INPUTS)
def test_every_need_says_what_to_press_and_what_to_type(kind: str) -> None:
    needs = _below(f"### On a {kind}")
    assert len(needs) > 5
    for says, _, _, then in needs:
        inputs = [INPUTS[kind]["resolve"].model_validate_json(text, extra="forbid") for text in _INPUT.findall(then)]
        commands = [shlex.split(command) for command in _COMMAND.findall(then)]
        if not inputs:
            assert [command[0] for command in commands] == ["restart"], says
            continue
        assert [["resolve", decided] for decided in (one.model_dump()["resolution"] for one in inputs)] == [
            [command[0], command[2]] for command in commands
        ], says
        assert set(re.findall(r"with '(\w+)'", says)) <= {command[2] for command in commands}, says


def test_every_command_on_the_page_is_taken_as_it_stands() -> None:
    commands = {re.sub(r"\s+", " ", command) for command in re.findall(r"`promisekeeper ([^`]+)`", PAGE)}
    assert len(commands) > 25
    for command in commands:
        words = ["x.json" if word == "FILE" else word for word in shlex.split(command)]
        app.parse_args(words, print_error=False, exit_on_error=False)
