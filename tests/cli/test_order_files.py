"""Reading files of orders: what becomes an order, and what each refusal says."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from cli.errors import CommandFailed
from cli.order_columns import COLUMNS
from cli.order_files import BadLine, GoodLine, OrderFormat, Problem, each_line, format_of
from domain.orders import Order
from tests.cli.sample_orders import EXAMPLES, ROW, order_csv, read_orders


def _only_problem(path: Path, file_format: OrderFormat = OrderFormat.CSV) -> Problem:
    good, bad = read_orders(path, file_format)
    assert good == []
    (line,) = bad
    (problem,) = line.problems
    return problem


def _order(**changes: Any) -> dict[str, Any]:
    customer = {"customer_id": "C-1", "name": "Ada", "email": "ada@example.com"}
    ship_to = {"name": "Ada", "street": "18 Alder Lane", "city": "Portland", "postal_code": "97205", "country": "US"}
    own = ("backorder_id", "sales_order", "sku", "quantity", "unit_price", "currency", "payment_method")
    return {name: ROW[name] for name in own} | {"customer": customer, "ship_to": ship_to} | changes


def test_a_row_with_the_required_cells_is_an_order(tmp_path: Path) -> None:
    good, bad = read_orders(order_csv(tmp_path / "o.csv", {}), OrderFormat.CSV)
    assert bad == []
    ((line_no, order),) = good
    assert (line_no, order.backorder_id, order.quantity, order.unit_price) == (2, "BO-1", 2, Decimal("7.90"))
    assert order.ship_to.zone == "America/New_York"
    assert (order.priority, order.line, order.shipping_charge, order.partial_shipment) == (5, 1, 0, False)
    assert order.promised_by is None and order.ordered_at is None


def test_every_column_reaches_its_field(tmp_path: Path) -> None:
    row = {
        "line": "3",
        "region": "OR",
        "zone": "America/Los_Angeles",
        "shipping_charge": "6.90",
        "partial_shipment": "yes",
        "promised_by": "2030-12-24",
        "ordered_at": "2026-11-20T09:00:00-08:00",
        "priority": "1",
    }
    ((_, order),), _ = read_orders(order_csv(tmp_path / "o.csv", row), OrderFormat.CSV)
    assert set(ROW | row) == {column.name for column in COLUMNS}, "a new column belongs into this test"
    assert (order.line, order.priority, order.shipping_charge) == (3, 1, Decimal("6.90"))
    assert (order.ship_to.region, order.ship_to.zone) == ("OR", "America/Los_Angeles")
    assert order.partial_shipment
    assert order.promised_by == date(2030, 12, 24)
    assert order.ordered_at == datetime(2026, 11, 20, 17, tzinfo=UTC)


def test_every_field_of_an_order_has_a_column() -> None:
    fields = {
        (name, inner) if inner else (name,)
        for name, field in Order.model_fields.items()
        for inner in getattr(field.annotation, "model_fields", None) or [None]
    }
    assert {column.path for column in COLUMNS} == fields


def test_a_byte_order_mark_windows_line_ends_and_any_column_order_are_fine(tmp_path: Path) -> None:
    names = list(reversed(ROW))
    lines = [",".join(names), ",".join(ROW[name] for name in names), ""]
    (tmp_path / "o.csv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    good, bad = read_orders(tmp_path / "o.csv", OrderFormat.CSV)
    assert [order.backorder_id for _, order in good] == ["BO-1"] and bad == []


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_recognised_by_the_header(tmp_path: Path, separator: str) -> None:
    (tmp_path / "o.csv").write_text(separator.join(ROW) + "\n" + separator.join(ROW.values()) + "\n")
    good, bad = read_orders(tmp_path / "o.csv", OrderFormat.CSV)
    assert len(good) == 1 and bad == []


def test_quoted_commas_belong_to_the_cell(tmp_path: Path) -> None:
    path = order_csv(tmp_path / "o.csv", {"street": "1420 Beacon Street, Unit 3"})
    ((_, order),), _ = read_orders(path, OrderFormat.CSV)
    assert order.ship_to.street == "1420 Beacon Street, Unit 3"


def test_a_quoted_line_break_spoils_no_other_line_and_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    path = order_csv(tmp_path / "o.csv", {"street": "Unit 3\nBoston"}, {"backorder_id": "BO-2"})
    good, bad = read_orders(path, OrderFormat.CSV)
    assert [(line.line_no, line.problems[0].field) for line in bad] == [(2, "street")]
    assert [(line_no, order.backorder_id) for line_no, order in good] == [(4, "BO-2")]


def test_names_in_any_script_survive(tmp_path: Path) -> None:
    ((_, order),), _ = read_orders(order_csv(tmp_path / "o.csv", {"customer_name": "森 はるか"}), OrderFormat.CSV)
    assert order.customer.name == "森 はるか"


def test_blank_lines_and_rows_of_empty_cells_are_nothing(tmp_path: Path) -> None:
    path = order_csv(tmp_path / "o.csv", {})
    with path.open("a") as file:
        file.write("\n" + "," * (len(ROW) - 1) + "\n\n")
    assert [len(part) for part in read_orders(path, OrderFormat.CSV)] == [1, 0]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ({"quantity": "0"}, "greater than or equal to 1"),
        ({"quantity": "two"}, "valid integer"),
        ({"quantity": "1.5"}, "valid integer"),
        ({"quantity": ""}, "is empty"),
        ({"unit_price": "7,90"}, "decimal point"),
        ({"unit_price": "1,250.00"}, "no thousands separator"),
        ({"unit_price": "-1"}, "greater than or equal to 0"),
        ({"unit_price": "NaN"}, "finite"),
        ({"shipping_charge": "5,-"}, "decimal point"),
        ({"currency": "XAU"}, "unsupported currency 'XAU'"),
        ({"email": "ada at example.com"}, "one plain address"),
        ({"country": "us"}, "two capital letters"),
        ({"zone": "America/Atlantis"}, "unknown time zone"),
        ({"sku": "MUG BLUE"}, "letters, digits"),
        ({"sku": "x" * 81}, "at most 80"),
        ({"backorder_id": ""}, "is empty"),
        ({"priority": "10"}, "less than or equal to 9"),
        ({"partial_shipment": "perhaps"}, "yes or no"),
        ({"promised_by": "24.12.2030"}, "2026-12-24"),
        ({"promised_by": "1922313600"}, "2026-12-24"),
        ({"promised_by": "2030-02-30"}, "day"),
        ({"ordered_at": "2026-11-20T09:00:00"}, "offset from UTC"),
    ],
)
def test_a_bad_cell_is_named_with_what_to_write(tmp_path: Path, cell: dict[str, str], words: str) -> None:
    problem = _only_problem(order_csv(tmp_path / "o.csv", cell))
    assert problem.field in cell
    assert words in problem.reason


def test_all_that_is_wrong_with_a_line_is_said_at_once(tmp_path: Path) -> None:
    _, (line,) = read_orders(order_csv(tmp_path / "o.csv", {"quantity": "-1", "country": "USA"}), OrderFormat.CSV)
    assert {problem.field for problem in line.problems} == {"quantity", "country"}
    assert (line.line_no, line.backorder_id) == (2, "BO-1")


def test_a_second_line_with_the_same_id_is_refused_and_names_the_first(tmp_path: Path) -> None:
    path = order_csv(tmp_path / "o.csv", {}, {"backorder_id": "BO-2"}, {})
    good, bad = read_orders(path, OrderFormat.CSV)
    assert [order.backorder_id for _, order in good] == ["BO-1", "BO-2"]
    assert [(line.line_no, line.problems[0].field) for line in bad] == [(4, "backorder_id")]
    assert "line 2" in bad[0].problems[0].reason


def test_an_id_whose_first_line_was_bad_is_free_for_the_corrected_one(tmp_path: Path) -> None:
    good, bad = read_orders(order_csv(tmp_path / "o.csv", {"quantity": "0"}, {}), OrderFormat.CSV)
    assert [line_no for line_no, _ in good] == [3] and [line.line_no for line in bad] == [2]


def test_a_row_with_too_many_or_too_few_cells_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    cells = ",".join(ROW.values())
    path.write_text(",".join(ROW) + f"\n{cells},more\nBO-2,SO-2\n{cells}\n")
    good, bad = read_orders(path, OrderFormat.CSV)
    assert [line_no for line_no, _ in good] == [4]
    assert [line.problems[0].reason.split(";")[0] for line in bad] == [
        f"it has {len(ROW) + 1} cells, the header has {len(ROW)}",
        f"it has 2 cells, the header has {len(ROW)}",
    ]


def test_torn_quotes_spoil_their_own_line_only(tmp_path: Path) -> None:
    path = order_csv(tmp_path / "o.csv", {"street": "TORN"}, {"backorder_id": "BO-2"})
    path.write_text(path.read_text().replace("TORN", '"18"Alder'))
    good, bad = read_orders(path, OrderFormat.CSV)
    assert [order.backorder_id for _, order in good] == ["BO-2"]
    assert [(line.line_no, "quotes" in line.problems[0].reason) for line in bad] == [(2, True)]


def test_a_quote_that_never_ends_is_said_with_the_line_it_opens_on(tmp_path: Path) -> None:
    path = order_csv(tmp_path / "o.csv", {}, {"backorder_id": "BO-2", "street": "OPEN"}, {"backorder_id": "BO-3"})
    path.write_text(path.read_text().replace("OPEN", '"Alder'))
    good, bad = read_orders(path, OrderFormat.CSV)
    assert [order.backorder_id for _, order in good] == ["BO-1"]
    assert [(line.line_no, "quotes" in line.problems[0].reason) for line in bad] == [(3, True)]


def test_a_cell_that_is_no_utf_8_is_said_and_the_other_lines_go(tmp_path: Path) -> None:
    path = order_csv(tmp_path / "o.csv", {"city": "Köln"}, {"backorder_id": "BO-2"})
    path.write_bytes(path.read_bytes().replace("Köln".encode(), "Köln".encode("cp1252")))
    good, bad = read_orders(path, OrderFormat.CSV)
    assert [order.backorder_id for _, order in good] == ["BO-2"]
    assert bad == [BadLine(2, (Problem("city", "is not UTF-8; save the file as CSV UTF-8"),), "BO-1")]


@pytest.mark.parametrize("mark", ["\ufeff".encode("utf-16-le"), "\ufeff".encode("utf-16-be")])
def test_a_file_in_utf_16_is_refused_by_that_name(tmp_path: Path, mark: bytes) -> None:
    path = order_csv(tmp_path / "o.csv", {})
    encoding = "utf-16-le" if mark[0] == 0xFF else "utf-16-be"
    path.write_bytes(mark + path.read_text(encoding="utf-8").encode(encoding))
    with pytest.raises(CommandFailed, match=r"o\.csv is UTF-16; save it as CSV UTF-8$"):
        read_orders(path, OrderFormat.CSV)
    with pytest.raises(CommandFailed, match=r"o\.csv is UTF-16; save it as UTF-8$"):
        read_orders(path, OrderFormat.JSONL)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ([*ROW, "e-mial"], "e-mial (did you mean email?)"),
        ([*ROW, "zzz"], "unknown columns: zzz"),
        ([name for name in ROW if name != "sku"], "lacks columns: sku"),
        ([*ROW, "sku"], "columns twice: sku"),
        ([], "has no header"),
    ],
)
def test_a_file_with_the_wrong_columns_is_refused_whole(tmp_path: Path, header: list[str], words: str) -> None:
    (tmp_path / "o.csv").write_text(",".join(header) + "\n")
    with pytest.raises(CommandFailed) as refusal:
        read_orders(tmp_path / "o.csv", OrderFormat.CSV)
    assert words in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"gone\.csv cannot be read: No such file"):
        read_orders(tmp_path / "gone.csv", OrderFormat.CSV)


def test_a_file_is_read_only_as_far_as_it_is_asked_for(tmp_path: Path) -> None:
    path = order_csv(tmp_path / "o.csv", *({"backorder_id": f"BO-{n}"} for n in range(2000)))
    lines = each_line(path, OrderFormat.CSV)
    first = list(islice(lines, 3))
    assert [line.line_no for line in first if isinstance(line, GoodLine)] == [2, 3, 4]
    path.write_text("")  # what is read later is another file now: the rest was not in memory
    assert len(list(lines)) < 1000


def test_json_lines_and_json_are_orders_by_the_schema(tmp_path: Path) -> None:
    first, second = _order(), _order(backorder_id="BO-2", unit_price=7.9)
    (tmp_path / "o.jsonl").write_text(f"{json.dumps(first)}\n\n{json.dumps(second)}\n")
    (tmp_path / "o.json").write_text(json.dumps([first, second]))
    by_line, _ = read_orders(tmp_path / "o.jsonl", OrderFormat.JSONL)
    in_array, _ = read_orders(tmp_path / "o.json", OrderFormat.JSON)
    assert [line_no for line_no, _ in by_line] == [1, 3]
    assert [line_no for line_no, _ in in_array] == [1, 2]
    assert [order for _, order in by_line] == [order for _, order in in_array]
    assert by_line[1][1].unit_price == Decimal("7.9")


def test_money_in_json_never_passes_through_a_float(tmp_path: Path) -> None:
    text = json.dumps(_order()).replace('"7.90"', "123456789.1234")
    (tmp_path / "o.jsonl").write_text(text)
    ((_, order),), _ = read_orders(tmp_path / "o.jsonl", OrderFormat.JSONL)
    assert order.unit_price == Decimal("123456789.1234")


@pytest.mark.parametrize(
    ("entry", "field", "words"),
    [
        ("{", "", "is no JSON"),
        ("[" * 100_000, "", "is no JSON"),
        ("[]", "", "is no object"),
        (json.dumps(_order(quantity=0)), "quantity", "greater than or equal to 1"),
        (json.dumps(_order(promissed_by="2030-01-01")), "promissed_by", "did you mean promised_by?"),
        (json.dumps(_order(ship_to={"name": "Ada"}) | {"ship_to": 5}), "ship_to", "valid dictionary"),
    ],
)
def test_a_bad_json_line_is_named(tmp_path: Path, entry: str, field: str, words: str) -> None:
    (tmp_path / "o.jsonl").write_text(entry + "\n")
    problem = _only_problem(tmp_path / "o.jsonl", OrderFormat.JSONL)
    assert problem.field == field
    assert words in problem.reason


def test_a_misspelt_field_inside_the_address_is_not_lost(tmp_path: Path) -> None:
    order = _order()
    order["ship_to"] = {**order["ship_to"], "zon": "Europe/Berlin"}
    (tmp_path / "o.json").write_text(json.dumps([order]))
    problem = _only_problem(tmp_path / "o.json", OrderFormat.JSON)
    assert problem == Problem("ship_to.zon", "is no field of an order; did you mean zone?")


def test_a_missing_json_field_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text(json.dumps([_order(customer={"customer_id": "C-1", "name": "Ada"})]))
    assert _only_problem(tmp_path / "o.json", OrderFormat.JSON) == Problem("customer.email", "is missing")


def test_a_json_file_that_is_no_array_is_refused_whole(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text(json.dumps(_order()))
    with pytest.raises(CommandFailed, match="holds no array"):
        read_orders(tmp_path / "o.json", OrderFormat.JSON)


def test_json_lines_under_the_wrong_name_are_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text(f"{json.dumps(_order())}\n{json.dumps(_order())}\n")
    with pytest.raises(CommandFailed, match="--format jsonl"):
        read_orders(tmp_path / "o.json", OrderFormat.JSON)


def test_the_extension_says_the_format() -> None:
    assert format_of(Path("a.CSV")) is OrderFormat.CSV
    assert format_of(Path("a.ndjson")) is OrderFormat.JSONL
    with pytest.raises(CommandFailed, match="--format"):
        format_of(Path("orders.xlsx"))


def test_the_example_orders_are_all_good() -> None:
    good, bad = read_orders(EXAMPLES / "orders.csv", OrderFormat.CSV)
    assert bad == []
    assert len(good) == 214
