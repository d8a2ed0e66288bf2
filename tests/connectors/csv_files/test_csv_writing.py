"""What we write as CSV: every byte, what is refused, and that texts and names come out as they went in."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import Refused, Unsupported
from connectors.suppliers.csv.codec import CsvCodec
from connectors.suppliers.csv.order_files import COLUMNS, order_file
from connectors.suppliers.csv.profile import CsvPartner, Delimiter, Encoding, Layout
from connectors.suppliers.interface import FILE_NAME, CancelWay, Inward, Request
from tests.connectors.cxml.partner import IDS, LINES, PLACED, REDUCED, WITHDRAWN

GOLDEN = Path(__file__).parents[1] / "samples" / "csv" / "golden"
GERMAN = CsvPartner.model_validate(
    {
        "buyer": "SHOP",
        "supplier": "ACME",
        "delimiter": "semicolon",
        "decimal_mark": "comma",
        "dates": "day_first",
        "byte_order_mark": True,
        "unit_of_measure": "Stück",
        "test": True,
    }
)


def rows(body: bytes, delimiter: str = ",", encoding: str = "utf-8") -> list[dict[str, str]]:
    """As Python's own reader has them."""
    return list(csv.DictReader(io.StringIO(body.decode(encoding), newline=""), delimiter=delimiter, strict=True))


@pytest.mark.parametrize(
    ("name", "request_", "partner"),
    [
        ("place.PO-1.0.csv", PLACED, CsvPartner()),
        ("change.PO-1.1.csv", REDUCED, CsvPartner()),
        ("cancel.PO-1.2.csv", WITHDRAWN, CsvPartner()),
        ("german.csv", PLACED, GERMAN),
    ],
)
def test_every_byte_is_as_it_was_looked_at(name: str, request_: Request, partner: CsvPartner) -> None:
    envelope = CsvCodec(partner).render(request_, IDS)
    assert envelope.body == (GOLDEN / name).read_bytes()
    assert envelope.headers[FILE_NAME] == (name if name != "german.csv" else "place.PO-1.0.csv")
    assert (envelope.operation_id, envelope.po_number) == (IDS.operation_id, "PO-1")


def test_a_change_says_what_was_and_what_is_to_be() -> None:
    told = [(row["line_no"], row["quantity_before"], row["quantity"]) for row in rows(order_file(REDUCED, Layout()))]
    assert told == [("1", "100", "70"), ("2", "4", "0")]


def test_a_cancellation_takes_every_line_off_or_names_the_order_alone() -> None:
    told = rows(order_file(WITHDRAWN, Layout()))
    assert [(row["type"], row["line_no"], row["quantity_before"], row["quantity"]) for row in told] == [
        ("cancel", "1", "70", "0")
    ]
    (alone,) = rows(order_file(WITHDRAWN.model_copy(update={"order": None}), Layout()))
    assert (alone["po_number"], alone["line_no"], alone["reason"]) == ("PO-1", "", "the customer changed their mind")


AWKWARD = st.text(st.one_of(st.characters(), st.sampled_from("\n\r\t,;|\"=+-@'\x00\x0b\ufeff\u2028\ud800 \u00a0äß漢")))


@settings(deadline=None)
@given(
    words=AWKWARD,
    delimiter=st.sampled_from(Delimiter),
    encoding=st.sampled_from(Encoding),
    spreadsheet=st.booleans(),
)
def test_a_text_comes_out_as_it_went_in_but_for_what_a_cell_cannot_hold(
    words: str, delimiter: Delimiter, encoding: Encoding, spreadsheet: bool
) -> None:
    layout = Layout(delimiter=delimiter, encoding=encoding, spreadsheet=spreadsheet)
    lines = (LINES[0].model_copy(update={"description": words}), LINES[1])
    body = order_file(PLACED.model_copy(update={"lines": lines}), layout)
    first, second = rows(body, delimiter.character, encoding.value)
    told = first["description"]
    assert "\n" not in told and "\r" not in told and "\x00" not in told
    assert not (spreadsheet and told.lstrip().startswith(("=", "+", "-", "@")))
    plain = "".join(each if each.isprintable() else " " for each in words)
    plain = plain.encode(encoding.value, "replace").decode(encoding.value)
    assert told == plain or (spreadsheet and told == f"'{plain}")
    assert (first["sku"], first["quantity"], second["line_no"]) == ("MUG", "100", "2")
    assert list(first) == list(COLUMNS)


@settings(deadline=None)
@given(sku=AWKWARD, spreadsheet=st.booleans(), encoding=st.sampled_from(Encoding))
def test_a_name_comes_out_as_it_went_in_or_is_refused(sku: str, spreadsheet: bool, encoding: Encoding) -> None:
    layout = Layout(spreadsheet=spreadsheet, encoding=encoding)
    lines = (LINES[0].model_copy(update={"supplier_sku": sku}),)
    order = PLACED.model_copy(update={"lines": lines})
    carried = sku.isprintable() and sku == sku.strip() and sku == sku.encode(encoding.value, "replace").decode(encoding)
    if not carried or (spreadsheet and sku.startswith(("=", "+", "-", "@"))):
        with pytest.raises(Refused, match=r"line 1: .*supplier_sku"):
            order_file(order, layout)
        return
    (row,) = rows(order_file(order, layout), encoding=encoding.value)
    assert row["supplier_sku"] == sku


@pytest.mark.parametrize("sku", ["=1+1", "+A", "-2+3", "@SUM(A1)", "\uff1dA1"])
def test_a_name_that_a_spreadsheet_would_run_is_refused_unless_only_programs_read(sku: str) -> None:
    order = PLACED.model_copy(update={"lines": (LINES[0].model_copy(update={"supplier_sku": sku}),)})
    with pytest.raises(Refused, match="as a formula"):
        order_file(order, Layout())
    (row,) = rows(order_file(order, Layout(spreadsheet=False)))
    assert row["supplier_sku"] == sku


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"quantity": 0}, "line 1: a quantity of 0"),
        ({"quantity": -1}, "line 1: a quantity of -1"),
        ({"unit_price": Decimal("NaN")}, "line 1: a unit_price of NaN"),
        ({"unit_price": Decimal(-1)}, "line 1: a unit_price of -1"),
        ({"line_no": 0}, "line 0: its number"),
        ({"sku": "a\nb"}, "line 1: the sku"),
    ],
)
def test_what_cannot_be_ordered_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        order_file(PLACED.model_copy(update={"lines": (LINES[0].model_copy(update=changed),)}), Layout())


def test_an_order_without_lines_or_with_one_twice_is_refused() -> None:
    with pytest.raises(Refused, match="without lines"):
        order_file(PLACED.model_copy(update={"lines": ()}), Layout())
    with pytest.raises(Refused, match="used once"):
        order_file(PLACED.model_copy(update={"lines": (LINES[0], LINES[0])}), Layout())


def test_a_name_that_the_encoding_has_not_is_refused() -> None:
    order = PLACED.model_copy(update={"lines": (LINES[0].model_copy(update={"sku": "漢"}),)})
    with pytest.raises(Refused, match="cannot be written in iso-8859-1"):
        order_file(order, Layout(encoding=Encoding.LATIN_1))


def test_the_name_of_a_file_is_one_that_file_systems_take() -> None:
    order = PLACED.model_copy(update={"po_number": "PO:1/..\\x"})
    assert CsvCodec(CsvPartner()).render(order, IDS).headers[FILE_NAME] == "place.PO%3A1%2F..%5Cx.0.csv"
    with pytest.raises(Refused, match="too long"):
        CsvCodec(CsvPartner()).render(PLACED.model_copy(update={"po_number": "P" * 121}), IDS)


def test_what_a_partner_does_not_take_is_unsupported() -> None:
    poor = CsvCodec(CsvPartner(changes=False, cancellations=False, knows_orders_by_number=False))
    assert not poor.capabilities.reduce_line
    assert poor.capabilities.cancel is CancelWay.NONE
    assert poor.capabilities.idempotency == "none"
    for request in (REDUCED, WITHDRAWN):
        with pytest.raises(Unsupported):
            poor.render(request, IDS)
    grown = REDUCED.model_copy(update={"before": {1: 100}})
    with pytest.raises(Unsupported, match="new lines"):
        CsvCodec(CsvPartner()).render(grown, IDS)
    assert CsvCodec(CsvPartner(added_lines=True)).render(grown, IDS).kind == "change"


def test_nothing_is_owed_for_a_file() -> None:
    assert CsvCodec(CsvPartner()).acknowledge(Inward(body=b"", headers={}), IDS) is None
