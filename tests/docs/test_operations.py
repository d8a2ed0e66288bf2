"""The page for operators is complete and true: every text that asks for a person, every query, sweep and command."""

import re
from urllib.parse import parse_qs, urlsplit

from cli.main import app
from cli.queries import SAVED, link
from domain.sweeps import SweepKind
from tests.docs.attention import texts
from tests.docs.readme import ROOT
from workflows.backorder_contract import Resolution
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


def test_every_command_that_the_page_names_exists() -> None:
    named = set(re.findall(r"promisekeeper ([a-z][a-z-]+)", PAGE))
    assert named
    assert sorted(name for name in named if name not in app) == []
