"""A new user with a catalogue and a CSV of their own gets going by the README alone."""

from tests.docs.world import Terminal, running

ORDERS = ("W-1001", "W-1002", "W-1003")

QUICK = """{"harbour": {"pace": {"acknowledge_after": 0.2, "ship_after": 0.4, "deliver_after": 0.6}}}"""
"""The file the README names for the simulated suppliers' pace, so that the test need not wait for theirs."""


def test_own_catalogue_and_own_orders_end_shipped_and_the_books_balance(
    empty_checkout: Terminal, readme: dict[str, str]
) -> None:
    terminal = empty_checkout
    assert terminal.type(readme["own-folder"]).code == 0
    terminal.folder /= "my-shop"
    terminal.write("catalogue.json", readme["own-catalogue"])
    terminal.write("orders.csv", readme["own-orders"])
    terminal.write("simulated_suppliers.json", QUICK)
    with running(terminal, readme["own-dev"]) as said:
        assert any("3 started, 0 already known, 0 refused" in line for line in said), said
        boots = [terminal.until(one, lambda p: p["claims"] or p["shipped"]) for one in ORDERS[:2]]
        assert boots[0]["claims"][0]["po_number"] == boots[1]["claims"][0]["po_number"]
        (line,) = [
            line for line in terminal.status(boots[0]["claims"][0]["po_number"])["lines"] if line["sku"] == "BOOT-42"
        ]
        assert line["ordered"] == 6
        for one in ORDERS:
            assert terminal.until(one, lambda p: p["closed_at"])["shipped"] == terminal.status(one)["ordered"]
        story = [line["text"] for line in terminal.status("W-1003")["story"]]
        assert any("1 unit from stock" in text and "2 units on PO-" in text for text in story), story

        shown = terminal.type(readme["own-status"])
        assert shown.code == 0, shown
        assert all(one in shown.out for one in ORDERS)
        again = terminal.type(readme["own-again"])
        assert again.code == 0, again
        assert "0 started, 3 already known, 0 refused" in again.out
