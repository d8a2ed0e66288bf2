"""The README's example for each kind of user, run as it stands against a running demo, in the README's order."""

import json
import re
import runpy

import pytest

from tests.docs.world import Terminal, Typed


def _typed(demo: Terminal, commands: str) -> Typed:
    typed = demo.type(commands)
    assert typed.code == 0, typed
    return typed


@pytest.fixture(scope="module")
def kettle(demo: Terminal, readme: dict[str, str]) -> str:
    """The backorder that a Temporal SDK starts, once it has its share; its id."""
    demo.write("start_backorder.py", readme["start-backorder"])
    # in this process: an interpreter that ends after using a Temporal client now and then aborts (sdk-python#300)
    runpy.run_path(str(demo.folder / "start_backorder.py"), run_name="__main__")
    demo.until("SDK-1", lambda p: p["claims"])
    return "SDK-1"


@pytest.fixture(scope="module")
def from_file(demo: Terminal, readme: dict[str, str]) -> str:
    """What submitting the file twice says."""
    return _typed(demo, readme["submit-file"]).out


@pytest.fixture(scope="module")
def handed_in(demo: Terminal, readme: dict[str, str]) -> Typed:
    """The order of the first example."""
    return _typed(demo, readme["hand-in"])


def test_upstream_hands_in_an_order_sees_it_and_cancels_it(
    demo: Terminal, readme: dict[str, str], handed_in: Typed
) -> None:
    assert handed_in.statuses == [201]
    assert json.loads(handed_in.out)["backorder_id"] == "WEB-1"
    assert _typed(demo, readme["hand-in"]).statuses == [200]
    demo.until("WEB-1", lambda p: p["claims"])
    seen = _typed(demo, readme["see-and-cancel"])
    assert seen.statuses == [200, 200]
    view, reply = (json.loads(line) for line in seen.out.splitlines())
    assert (view["quantities"]["ordered"], reply["outcome"], reply["units_cancelled"]) == (3, "cancelled", 3)


def test_a_file_given_twice_starts_nothing_twice(from_file: str) -> None:
    first, second = [line for line in from_file.splitlines() if "started" in line]
    assert first == "2 started, 0 already known, 0 refused"
    assert second == "0 started, 2 already known, 0 refused"


def test_a_supplier_acknowledges_by_webhook_and_goods_are_received_by_a_temporal_signal(
    demo: Terminal, readme: dict[str, str], kettle: str
) -> None:
    demo.write("acknowledge.py", readme["acknowledge"])
    assert "goes out now" in _typed(demo, readme["release"]).out
    po_number = demo.status(kettle)["claims"][0]["po_number"]
    demo.until(po_number, lambda p: any(o["state"] == "delivered" for o in p["operations"]))
    answered = _typed(demo, readme["run-acknowledge"])
    assert "202" in answered.out and po_number in answered.out, answered
    demo.until(po_number, lambda p: p["acknowledged_at"])
    _typed(demo, readme["receipt-signal"])
    closed = demo.until(kettle, lambda p: p["closed_at"])
    assert closed["shipped"] == 2


def test_a_customer_answers_a_delay_on_the_page(demo: Terminal, readme: dict[str, str], from_file: str) -> None:
    assert from_file
    po_number = demo.until("FILE-2", lambda p: p["claims"])["claims"][0]["po_number"]
    _typed(demo, f".venv/bin/promisekeeper release-now {po_number}")
    demo.until("FILE-2", lambda p: any(n["kind"] == "first_delay" for n in p["notices"]))
    answered = _typed(demo, readme["customers-page"])
    assert answered.statuses[-1] in {200, 202}, answered
    closed = demo.until("FILE-2", lambda p: p["closed_at"])
    assert (closed["cancelled"], closed["cancelled_by"]) == (1, "customer")
    assert "cancelled" in demo.mails("grace@customer.example")[-1]


def test_operators_list_ask_and_cancel_by_temporals_own_command(
    demo: Terminal, readme: dict[str, str], from_file: str
) -> None:
    assert from_file
    demo.until("FILE-1", lambda p: p["attention"])  # it stands still until somebody decides
    said = _typed(demo, readme["operators-temporal"]).out
    assert '"sku":"RADIO-1962"' in said.replace(" ", ""), said
    assert re.search(r"outcome\W+cancelled", said), said
    assert demo.until("FILE-1", lambda p: p["closed_at"])["cancelled"] == 2


def test_operators_watch_and_decide_in_the_terminal(
    demo: Terminal, readme: dict[str, str], handed_in: Typed, from_file: str
) -> None:
    assert handed_in.statuses == [201]
    assert from_file
    demo.until("WEB-1", lambda p: p["claims"] or p["closed_at"])
    said = _typed(demo, readme["operators-cli"])
    assert "WEB-1 of sales order SO-9001" in said.out, said
    assert "northgate: " in said.out and "laws hold" in said.out, said
