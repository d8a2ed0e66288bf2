"""What partners' CSV files mean: each sample's right reading, and what spreadsheets, scripts and people do to files."""

import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel

from connectors.errors import Undecodable
from connectors.suppliers.csv.codec import CsvCodec
from connectors.suppliers.csv.profile import CsvPartner
from connectors.suppliers.csv.tables import ALIASES, SURER, _folded
from connectors.suppliers.interface import Decoded, Inward
from domain.supplier_events import (
    AckLine,
    LineRef,
    NoticePurpose,
    OrderAck,
    Received,
    ShipNotice,
    Split,
    SplitStatus,
    supplier_event,
)

SAMPLES = Path(__file__).parents[1] / "samples" / "csv"


class Expected(BaseModel):
    habits: dict[str, object] = {}
    events: list[object]
    issues: list[str]


def read(body: bytes, **habits: object) -> Decoded:
    return CsvCodec(CsvPartner.model_validate(habits)).decode(Inward(body=body, headers={}))


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.csv")), ids=lambda sample: sample.stem)
def test_a_sample_is_read_as_it_was_by_hand(sample: Path) -> None:
    body = sample.read_bytes()
    expected = Expected.model_validate_json(sample.with_suffix(".json").read_bytes())
    decoded = read(body, **expected.habits)
    assert list(decoded.events) == [supplier_event.validate_python(event) for event in expected.events]
    assert list(decoded.issues) == expected.issues
    assert decoded.dedupe_key == f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_every_expected_reading_has_its_sample() -> None:
    assert {each.stem for each in SAMPLES.glob("*.json")} == {each.stem for each in SAMPLES.glob("*.csv")}


PLAIN = "po_number,line_no,status,quantity\nPO-1,1,accepted,10\nPO-1,2,backordered,4\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(PLAIN.encode("utf-8-sig"), id="byte-order mark"),
        pytest.param(PLAIN.encode("utf-16"), id="UTF-16"),
        pytest.param(PLAIN.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(PLAIN.replace("\n", "\r").encode(), id="CR"),
        pytest.param(PLAIN.rstrip().encode(), id="no last line end"),
        pytest.param(PLAIN.replace(",", ";").encode(), id="semicolons"),
        pytest.param(PLAIN.replace(",", "\t").encode(), id="tabs"),
        pytest.param(PLAIN.replace(",", "|").encode(), id="bars"),
        pytest.param(PLAIN.replace(",", " , ").encode(), id="blanks"),
        pytest.param((PLAIN + ",,,\n\n \n;;;\n").replace(";;;", ",,,").encode(), id="empty rows"),
        pytest.param(PLAIN.replace("po_number", "PO Number").replace("line_no", " Line-No. ").encode(), id="names"),
        pytest.param(PLAIN.replace("PO-1,1,accepted,10", '"PO-1","1","ACCEPTED","10.0"').encode(), id="quotes"),
        pytest.param(PLAIN.replace("\n", ",,\n").encode(), id="more empty cells"),
        pytest.param(("sep=,\n" + PLAIN).encode(), id="sep"),
        pytest.param(PLAIN.replace("PO-1,1", '="PO-1",="1"').encode(), id="kept as text"),
        pytest.param(PLAIN.replace("PO-1", '"=""PO-1"""').replace("line_no", '="line_no"').encode(), id="and quoted"),
    ],
)
def test_what_spreadsheets_and_scripts_do_is_survived(body: bytes) -> None:
    assert body != PLAIN.encode()
    assert read(body).events == read(PLAIN.encode()).events


def test_what_a_cell_keeps_as_text_is_that_text_and_no_damage() -> None:
    decoded = read(b'po_number,sku,status,quantity\n="000123","=""6"""" nail""",ok,4\n="=1",MUG,ok,4\n')
    answered = [event for event in decoded.events if isinstance(event, OrderAck)]
    assert [(one.po_number, one.lines[0].line.sku) for one in answered] == [("000123", '6" nail'), ("=1", "MUG")]
    assert decoded.issues == ()


def test_a_formula_is_told_and_never_counted() -> None:
    decoded = read(b"po_number,line_no,status,quantity,memo\nPO-1,1,ok,=5+5,=A1\nPO-1,2,ok,4,\n")
    (answer, question) = decoded.events
    assert isinstance(answer, OrderAck) and [one.line.line_no for one in answer.lines] == [2]
    assert question.kind == "unmatched" and "'=5+5', which cannot be read" in question.what
    assert decoded.issues == (
        "the column 'memo' is not known; it is not read",
        "row 2: the quantity '=5+5' is a formula; ask for what it comes to",
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no row is a header"),
        (b"\x00\x01\x02", "no row is a header"),
        (b"po_number,line_no\n", "a header and no rows"),
        (b"name,price\nmug,3\n", "no row is a header"),
        (b'po_number,status\nPO-1,"accepted\nPO-2,accepted\n', "opened and not closed"),
        (b"po_number,status\n" + b"x" * 200_000, "no CSV"),
        (b"po_number,status\n" + b"1,\n" * 100_001, "more than 100000 rows"),
        (b"po_number,status" + b",a" * 1_000_000 + b"\n1,ok\n", "more than 1000 cells"),
        (b"po_number,status\n" + b"".join(b"P%d,ok\n" % n for n in range(10_001)), "more than 10000 things"),
        (b"po_number,status\n" + b"\n" * 5_000_000, "larger than"),
    ],
)
def test_what_is_no_such_file_is_undecodable(body: bytes, words: str) -> None:
    with pytest.raises(Undecodable, match=words):
        read(body)


@pytest.mark.parametrize(
    ("written", "mark", "quantity"),
    [
        ("1,035", "point", "1035"),
        ("1.035", "comma", "1035"),
        ("1.035,50", "comma", "1035.5"),
        ("1 035", "point", "1035"),
        ("+7", "point", "7"),
        ("10.000", "point", "10"),
        ("1,5", "point", None),
        ("1.5", "comma", None),
        ("1,0355", "point", None),
        ("-3", "point", None),
        ("1e3", "point", None),
        ("10000001", "point", None),
        ("0.0000001", "point", None),
        ("", "point", None),
    ],
)
def test_a_number_is_read_as_the_partner_writes_it_or_is_an_incident(
    written: str, mark: str, quantity: str | None
) -> None:
    body = f'po_number;line_no;status;quantity\nPO-1;1;accepted;"{written}"\n'
    (event,) = read(body.encode(), decimal_mark=mark, delimiter="semicolon").events
    if quantity is None:
        assert event.kind == "unmatched"
        assert "which cannot be read" in event.what
    else:
        assert isinstance(event, OrderAck)
        assert event.lines[0].splits[0].quantity == Decimal(quantity)


@pytest.mark.parametrize(
    ("written", "may_be"), [("1.000", "1 or 1,000"), ("12.500", "12.5 or 12,500"), ("1,035", "1.035 or 1,035")]
)
def test_a_thousand_or_one_is_not_guessed_where_the_profile_does_not_say(written: str, may_be: str) -> None:
    words = f"'{written}', which may be {may_be}: set decimal_mark in the profile"
    head = "po_number;line_no;status;quantity;unit_price;shipment_id;receipt_id\n"
    answer = read(f"{head}PO-1;1;ok;{written};;;\nPO-1;2;ok;4;{written};;\n".encode(), delimiter="semicolon")
    ack, question = answer.events
    assert isinstance(ack, OrderAck) and [line.line.line_no for line in ack.lines] == [2]
    assert ack.lines[0].splits[0].unit_price is None
    assert answer.issues == (f"row 3: the unit_price {words}",)
    assert question.kind == "unmatched" and f"has the quantity {words}" in question.what
    for ids, says in ((";S-1;", "ships the quantity"), (";;R-1", "says that something arrived: quantity is")):
        (question,) = read(f"{head}PO-1;1;;{written};{ids}\n".encode(), delimiter="semicolon").events
        assert question.kind == "unmatched" and f"{says} {words}" in question.what


@pytest.mark.parametrize(
    ("written", "number"),
    [("1.00", "1"), ("1.0000", "1"), ("0.125", "0.125"), ("1234.500", "1234.5"), ("1,234.50", "1234.5"), ("35", "35")],
)
def test_a_number_that_has_one_meaning_needs_no_profile(written: str, number: str) -> None:
    row = f'po_number;line_no;status;quantity;unit_price\nPO-1;1;ok;"{written}";"{written}"\n'
    decoded = read(row.encode(), delimiter="semicolon")
    (ack,) = decoded.events
    assert isinstance(ack, OrderAck) and decoded.issues == ()
    split = ack.lines[0].splits[0]
    assert split.quantity == split.unit_price == Decimal(number)


@pytest.mark.parametrize(
    ("written", "dates", "day"),
    [
        ("2026-12-04", "month_first", date(2026, 12, 4)),
        ("20261204", "iso", date(2026, 12, 4)),
        ("2026-12-04 08:00", "iso", date(2026, 12, 4)),
        ("4.12.2026", "day_first", date(2026, 12, 4)),
        ("04/12/26", "day_first", date(2026, 12, 4)),
        ("12/4/2026", "month_first", date(2026, 12, 4)),
        ("4.12.2026", "iso", None),
        ("31/12/2026", "month_first", None),
        ("2026-02-30", "iso", None),
        ("31.12.2049", "day_first", None),
        ("0021-02-01", "iso", None),
        ("soon", "iso", None),
    ],
)
def test_a_day_is_read_as_the_partner_writes_it_or_is_unknown(written: str, dates: str, day: date | None) -> None:
    body = f"po_number,line_no,status,quantity,deliver_on\nPO-1,1,accepted,5,{written}\n"
    decoded = read(body.encode(), dates=dates)
    (event,) = decoded.events
    assert isinstance(event, OrderAck)
    assert event.lines[0].splits[0].deliver_on == day
    assert len(decoded.issues) == (day is None)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (",PO-1,,,perhaps,", "of the whole order"),
        (",PO-1,,,accepted,5", "names none that can be read"),
        (",PO-1,x,,accepted,", "names none that can be read"),
        ("ack,PO-1,,,,", "answers nothing"),
        (",PO-1,,,,", "no type that we know"),
        ("invoice,PO-1,1,,accepted,5", "no type that we know ('invoice')"),
        (",,1,,accepted,5", "names no order"),
        (f",{'P' * 201},1,,accepted,5", "names no order"),
        (",PO-1,1,one,accepted,5", "revision 'one'"),
    ],
)
def test_what_a_person_must_ask_about_is_an_incident(rows: str, words: str) -> None:
    (event,) = read(f"type,po_number,line_no,revision,status,quantity\n{rows}\n".encode()).events
    assert event.kind == "unmatched"
    assert words in event.what


def test_our_own_order_filled_in_and_sent_back_is_an_answer() -> None:
    (event,) = read(b"type,po_number,revision,line_no,quantity,status\norder,PO-1,0,1,5,accepted\n").events
    assert isinstance(event, OrderAck)
    assert event.lines[0].splits[0].quantity == 5


@pytest.mark.parametrize(
    ("written", "currency", "told"),
    [("eur", "EUR", 0), ("", None, 0), ("\u20ac", None, 1), ("US$", None, 1), ("\u00dfa", None, 1)],
)
def test_a_price_is_in_the_currency_of_its_row(written: str, currency: str | None, told: int) -> None:
    row = f"po_number,line_no,quantity,status,unit_price,currency\nPO-1,1,5,accepted,2.50,{written}\n"
    decoded = read(row.encode())
    (event,) = decoded.events
    assert isinstance(event, OrderAck)
    assert (event.lines[0].splits[0].currency, len(decoded.issues)) == (currency, told)


def test_a_shipment_can_be_replaced_and_taken_back() -> None:
    head = "po_number,shipment_id,purpose,line_no,quantity\n"
    (replaced,) = read(f"{head}PO-1,S-1,replace,1,5\n".encode()).events
    (cancelled,) = read(f"{head}PO-1,S-1,cancel,,\n".encode()).events
    assert isinstance(replaced, ShipNotice)
    assert isinstance(cancelled, ShipNotice)
    assert (replaced.purpose, len(replaced.lines)) == (NoticePurpose.REPLACE, 1)
    assert (cancelled.purpose, len(cancelled.lines)) == (NoticePurpose.CANCEL, 0)


def test_what_has_no_name_of_its_own_is_named_by_its_content() -> None:
    body = b"type,po_number,line_no,good\nreceipt,PO-1,1,5\n"
    decoded = read(body)
    (event,) = decoded.events
    assert isinstance(event, Received)
    assert event.receipt_id == f"file-{hashlib.sha256(body).hexdigest()[:16]}"
    assert decoded.issues == ("row 2: receipt_id is missing; the file's content stands for it",)


def test_a_file_for_somebody_else_is_not_taken() -> None:
    codec = CsvCodec(CsvPartner(buyer="SHOP", supplier="ACME"))

    def addressed(buyer: str, supplier: str) -> None:
        body = f"buyer,supplier,po_number,status\n{buyer},{supplier},PO-1,accepted\n"
        codec.addressed(Inward(body=body.encode(), headers={}))

    addressed("shop", "Acme")
    addressed("", "")
    with pytest.raises(Undecodable, match="names the buyer 'OTHER'"):
        addressed("OTHER", "ACME")
    with pytest.raises(Undecodable, match="names the supplier 'OTHER'"):
        addressed("SHOP", "OTHER")


def test_ten_thousand_lines_are_read() -> None:
    rows = "".join(f"PO-1,{number},accepted,35\nPO-1,{number},backordered,65\n" for number in range(1, 10_001))
    (event,) = read(f"po_number,line_no,status,quantity\n{rows}".encode()).events
    assert isinstance(event, OrderAck)
    assert len(event.lines) == 10_000


@pytest.mark.parametrize("confirmed", ["Confirmed Quantity", "Menge bestätigt"])
def test_what_the_supplier_confirms_is_not_what_we_ordered(confirmed: str) -> None:
    body = f"po_number,line_no,quantity,Delivery Date,{confirmed},ETA,status\nPO-1,1,10,2026-12-04,4,2026-12-18,ok\n"
    decoded = read(body.encode(), columns={"Menge bestätigt": "quantity"})
    assert isinstance(ack := decoded.events[0], OrderAck)
    assert [(split.quantity, split.deliver_on) for split in ack.lines[0].splits] == [(4, date(2026, 12, 18))]
    assert decoded.issues == ()


@pytest.mark.parametrize(
    ("header", "issues"),
    [
        ("PO,Line,Qty Confirmed,Status,Promise Date", ()),
        (
            "P.O. Number;PO Line #;CONFIRMED QTY;Line Status;Promised Date",
            ("the cells are apart by ';' and not by ','",),
        ),
        ("Customer PO,Pos. Nr.,quantity-confirmed,status,Confirmed Delivery Date", ()),
        ("purchase_order_num,Position No.,Accepted Qty,STATUS,Estimated Delivery Date", ()),
        ("Your Order No,Order Line Number,Qty,status,Arrival Date", ()),
    ],
)
def test_the_trades_names_for_a_column_are_known(header: str, issues: tuple[str, ...]) -> None:
    row = "PO-1,1,4,ok,2026-12-18"
    apart = ";" if ";" in header else ","
    decoded = read(f"{header}\n{row.replace(',', apart)}\n".encode())
    assert decoded.issues == issues
    assert decoded.events == (
        OrderAck(
            po_number="PO-1",
            lines=(
                AckLine(
                    line=LineRef(line_no=1),
                    splits=(Split(status=SplitStatus.ACCEPTED, quantity=Decimal(4), deliver_on=date(2026, 12, 18)),),
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("columns", "cells", "line"),
    [
        ("Item", "MUG", LineRef(sku="MUG")),
        ("Article No.", "MUG", LineRef(sku="MUG")),
        ("Your Item Number,Our Part #", "MUG,V-1", LineRef(sku="MUG", supplier_sku="V-1")),
        ("Vendor Part Number", "V-1", LineRef(supplier_sku="V-1")),
        # whose number an item is nobody says: beside a name that is sure it is not read
        ("Item,Line", "V-1,1", LineRef(line_no=1)),
        ("Item,Customer SKU", "V-1,MUG", LineRef(sku="MUG")),
    ],
)
def test_an_item_is_ours_unless_something_surer_names_the_line(columns: str, cells: str, line: LineRef) -> None:
    decoded = read(f"PO Number,{columns},Qty Ordered,Qty Confirmed,Status\nPO-1,{cells},10,4,ok\n".encode())
    (event,) = decoded.events
    assert isinstance(event, OrderAck)
    assert [(one.line, one.splits[0].quantity) for one in event.lines] == [(line, 4)]
    assert decoded.issues == ()


def test_a_partner_says_whose_number_its_item_is() -> None:
    (event,) = read(b"PO,Item,Status,Qty\nPO-1,V-1,ok,4\n", columns={"Item": "supplier_sku"}).events
    assert isinstance(event, OrderAck)
    assert event.lines[0].line == LineRef(supplier_sku="V-1")


@pytest.mark.parametrize("quantity", ["4", ""])
def test_of_several_columns_that_may_name_the_item_none_does(quantity: str) -> None:
    decoded = read(f"PO,Article,Item No,Status,Qty\nPO-1,4711,LAMP,rejected,{quantity}\n".encode())
    (event,) = decoded.events
    assert event.kind == "unmatched"
    assert "names none that can be read" in event.what
    assert decoded.issues == tuple(
        f"the column {column!r} may name the item, and so may another one; it is not read"
        for column in ("Article", "Item No")
    )


@pytest.mark.parametrize("ours", ["item", "sku"])
def test_a_partner_says_which_of_several_columns_names_the_item(ours: str) -> None:
    (event,) = read(b"PO,Article,Item No,Status,Qty\nPO-1,4711,LAMP,ok,4\n", columns={"Item No": ours}).events
    assert isinstance(event, OrderAck)
    assert event.lines[0].line == LineRef(sku="LAMP")


def test_a_column_that_says_whether_it_is_confirmed_is_no_quantity() -> None:
    (event,) = read(b"PO,Line,Status,Qty,Confirmed\nPO-1,1,confirmed,5,Yes\n").events
    assert isinstance(event, OrderAck)
    assert event.lines[0].splits[0].quantity == 5


def test_each_known_name_is_written_as_a_header_is_folded() -> None:
    """One that is not is never found."""
    assert [name for name in {*ALIASES, *SURER} if _folded(name) != name] == []
    assert set(ALIASES) >= SURER
