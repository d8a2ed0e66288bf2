"""Our 850 and 860: sound to others, equal when read back, and refused where X12 cannot carry what they hold."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import hypothesis
import mockedi.transactions
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from connectors.errors import Refused, Unsupported
from connectors.suppliers.interface import FILE_NAME, Cancel, Change, Place, WireIds
from connectors.suppliers.interface import Request as Asked
from connectors.suppliers.x12.partner import X12Partner
from tests.connectors.x12.judges import judged
from tests.connectors.x12.partners import IDS, codec, line, order

GOLDEN = Path(__file__).parent / "golden"
SHIP_TO = {
    "name": "Shop, depot 1",
    "identifier": "D1",
    "street": ["1 Main Road"],
    "city": "Austin",
    "region": "TX",
    "postal_code": "78701",
    "country": "US",
}
ORDER = order(line(1), line(2, unit_price=Decimal("0.1250"), wanted_on=date(2026, 12, 11)), line(3, wanted_on=None))
CHANGE = Change(
    po_number="PO-1001",
    supplier_id="acme",
    revision=2,
    lines=(line(1, quantity=6), line(2, quantity=0), line(3, quantity=20), line(4, quantity=5), line(5, quantity=9)),
    before={1: 12, 2: 12, 3: 12, 4: 5},
    order=ORDER,
)
CANCEL = Cancel(po_number="PO-1001", supplier_id="acme", revision=3, reason="customers have left", order=ORDER)
REQUESTS: dict[str, tuple[Asked, dict[str, object]]] = {
    "850": (ORDER, {"ship_to": SHIP_TO, "references": [["IA", "4711"]], "line_per_segment": True}),
    "850_005010": (
        ORDER,
        {
            "interchange_version": "00501",
            "version": "005010",
            "element_separator": "|",
            "segment_terminator": "LF",
            "component_separator": ":",
            "our_item": ["IN"],
        },
    ),
    "860_change": (CHANGE, {"added_lines": True, "line_per_segment": True}),
    "860_cancel": (CANCEL, {"line_per_segment": True, "sends_ta1": True, "usage": "T"}),
    "860_cancel_by_lines": (CANCEL, {"cancellation": "lines", "line_per_segment": True}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_documents_are_as_reviewed(name: str) -> None:
    request, settings = REQUESTS[name]
    envelope = codec(**settings).render(request, IDS)
    assert envelope.body == (GOLDEN / f"{name}.edi").read_bytes()


@pytest.mark.parametrize("name", REQUESTS)
def test_documents_are_sound_to_others(name: str) -> None:
    request, settings = REQUESTS[name]
    message = judged(codec(**settings).render(request, IDS).body)
    assert message.code == name[:3]


def test_what_goes_with_the_bytes() -> None:
    envelope = codec().render(CHANGE.model_copy(update={"po_number": "PO/1*"[:4], "lines": (line(1),)}), IDS)
    assert (envelope.kind, envelope.revision, envelope.operation_id) == ("change", 2, IDS.operation_id)
    assert envelope.content_type == "application/edi-x12"
    assert envelope.headers[FILE_NAME] == "860_000000017_PO_1.edi"


def test_the_changes_of_lines_are_told_apart() -> None:
    message = judged(codec(added_lines=True).render(CHANGE, IDS).body)
    read = mockedi.transactions.read_change(message, "X12")
    told = [(one.number, one.action, int(one.quantity)) for one in read.lines]
    assert told == [("1", "QD", 6), ("2", "DI", 0), ("3", "QI", 20), ("4", "CA", 5), ("5", "AI", 9)]
    assert (read.sequence, read.po_number, read.ordered_on) == ("2", "PO-1001", date(2026, 11, 18))


def test_a_whole_cancellation_is_told_as_the_partner_takes_it() -> None:
    by_header = mockedi.transactions.read_change(judged(codec().render(CANCEL, IDS).body), "X12")
    assert by_header.cancels and by_header.lines == []
    by_lines = judged(codec(cancellation="lines").render(CANCEL, IDS).body)
    assert [one.action for one in mockedi.transactions.read_change(by_lines, "X12").lines] == ["DI"] * 3


def test_what_the_partner_does_not_take_is_unsupported() -> None:
    for settings, request in (
        ({"line_changes": False}, CHANGE),
        ({"added_lines": False}, CHANGE),
        ({"cancellation": "none"}, CANCEL),
    ):
        with pytest.raises(Unsupported):
            codec(**settings).render(request, IDS)


def test_a_day_that_all_lines_want_stands_in_the_header() -> None:
    body = codec().render(order(line(1), line(2)), IDS).body.decode()
    assert body.index("DTM*002*20261204~") < body.index("PO1*") and body.count("DTM*") == 1
    each = codec().render(ORDER, IDS).body.decode()
    assert each.count("DTM*") == 2 and each.index("DTM*") > each.index("PO1*")


@pytest.mark.parametrize("number", [1, 999_999_999, 1_000_000_000])
def test_interchange_and_group_are_numbered_alike(number: int) -> None:
    ids = IDS.model_copy(update={"control_number": number})
    segments = codec().render(ORDER, ids).body.decode().split("~")
    wrapped = (number - 1) % 999_999_999 + 1
    assert segments[0].split("*")[13] == f"{wrapped:09d}" and segments[1].split("*")[6] == str(wrapped)
    assert len(segments[0]) == 105


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (order(po_number="P" * 23), "22"),
        (order(po_number="PO*1"), "delimiter"),
        (order(po_number="PO~1"), "delimiter"),
        (order(po_number=" PO-1"), "blanks"),
        (order(po_number=""), "empty"),
        (order(po_number="PO\n1"), "lacks"),
        (order(po_number="Bestellung-Ä"), "character set"),
        (order(line(1, sku="S" * 49)), "line 1: the SKU"),
        (order(line(1, supplier_sku="A>B")), "supplier's SKU"),
        (order(line(1, sku="", supplier_sku="")), "no item"),
        (order(line(1, quantity=0)), "nothing"),
        (order(line(1, unit_price=Decimal("-1"))), "line 1: a price"),
        (order(line(1, unit_price=Decimal("1e20"))), "line 1: a price"),
        (order(line(1), line(1)), "number of its own"),
        (order(line(0)), "number of its own"),
        (ORDER.model_copy(update={"lines": ()}), "without lines"),
        (CANCEL.model_copy(update={"revision": 123_456_789}), "revision"),
        (CHANGE.model_copy(update={"lines": (line(9, quantity=0),)}), "new line for nothing"),
    ],
)
def test_what_x12_cannot_carry_is_refused_in_words(wrong: Asked, word: str) -> None:
    with pytest.raises(Refused, match=word):
        codec(added_lines=True).render(wrong, IDS)


def test_a_cancellation_by_lines_needs_the_lines() -> None:
    with pytest.raises(Refused, match="each line deleted"):
        codec(cancellation="lines").render(CANCEL.model_copy(update={"order": None}), IDS)


def test_words_are_replaced_where_the_partner_s_characters_do_not_reach() -> None:
    words = "Tasse~blau*\n\tŽluťoučký kůň 茶 ß>"
    text = codec().render(order(line(1, description=words)), IDS).body.decode()
    assert "PID*F****Tasse blau Zlutoucky kun ? ?~" in text
    wide = codec(character_set="utf-8").render(order(line(1, description=words)), IDS).body.decode()
    assert "PID*F****Tasse blau Žluťoučký kůň 茶 ß~" in wide
    latin = codec(character_set="latin-1").render(order(line(1, description="café Ž")), IDS).body
    assert b"PID*F****caf\xe9 Z~" in latin


def test_ten_thousand_lines_are_written() -> None:
    message = judged(codec().render(order(*(line(n) for n in range(1, 10_001))), IDS).body)
    assert len(mockedi.transactions.read_order(message, "X12").lines) == 10_000


@pytest.mark.parametrize(
    "settings",
    [
        {"element_separator": "~"},
        {"element_separator": "A"},
        {"element_separator": "."},
        {"segment_terminator": ""},
        {"component_separator": "^", "interchange_version": "00501"},
        {"our_id": "TOO-LONG-FOR-ISA06"},
        {"our_id": "A*B"},
        {"our_id": " A"},
        {"partner_qualifier": "z"},
        {"version": "4010"},
        {"order_codes": {"AC": "maybe"}},
        {"delivery_dates": ["068"]},
        {"ship_dates": ["067"]},
        {"misspelt": 1},
    ],
)
def test_a_profile_that_cannot_be_meant_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        codec(**settings)


def test_a_profile_is_read_back_equal() -> None:
    partner = X12Partner.model_validate({"our_id": "A", "partner_id": "B", "segment_terminator": "LF"})
    assert X12Partner.model_validate(partner.model_dump(mode="json")) == partner


anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
names = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="*~>"), min_size=1, max_size=22)
lines = st.builds(
    line,
    line_no=st.integers(1, 99_999),
    sku=names,
    supplier_sku=names,
    description=anything,
    quantity=st.integers(1, 1_000_000),
    unit_price=st.decimals(0, 10**6, places=4) | st.just(Decimal("0.125")),
    wanted_on=st.none() | st.dates(date(1900, 1, 1)),
)
orders = st.builds(
    order,
    po_number=names,
    terms=anything,
    ordered_on=st.dates(date(1900, 1, 1)),
).flatmap(
    lambda one: st.lists(lines, min_size=1, max_size=4, unique_by=lambda line: line.line_no).map(
        lambda found: one.model_copy(update={"lines": tuple(found)})
    )
)


@hypothesis.settings(deadline=None)
@given(orders)
@example(order(line(1, description='"Æ~*>\n\r\x00' * 25, unit_price=Decimal("0.125"), quantity=10**6)))
def test_awkward_orders_are_read_back_equal_by_others(asked: Place) -> None:
    read = mockedi.transactions.read_order(judged(codec().render(asked, IDS).body, "ascii"), "X12")
    assert (read.po_number, read.ordered_on, read.currency) == (asked.po_number, asked.ordered_on, asked.currency)
    for there, here in zip(read.lines, asked.lines, strict=True):
        assert (there.number, there.quantity, there.price) == (str(here.line_no), here.quantity, here.unit_price)
        assert there.sku == here.supplier_sku
        if here.description.isascii() and here.description.isprintable() and not set(here.description) & set("*~>"):
            whole = " ".join(here.description.split())
            if all(len(word) <= 80 for word in whole.split()):
                assert there.description == whole


@hypothesis.settings(deadline=None)
@given(anything, anything, anything)
def test_any_name_is_written_as_it_is_or_refused(po_number: str, sku: str, supplier_sku: str) -> None:
    asked = order(line(1, sku=sku, supplier_sku=supplier_sku), po_number=po_number)
    try:
        body = codec(character_set="utf-8").render(asked, IDS).body
    except Refused:
        return
    message = judged(body)
    read = mockedi.transactions.read_order(message, "X12")
    assert read.po_number == po_number
    assume(supplier_sku)
    assert read.lines[0].sku == supplier_sku


@hypothesis.settings(deadline=None)
@given(orders, st.integers(1, 10**10), st.datetimes(timezones=st.just(UTC)))
def test_the_same_request_gives_the_same_bytes(asked: Place, number: int, at: datetime) -> None:
    ids = WireIds(operation_id="x", control_number=number, written_at=at)
    assert codec().render(asked, ids) == codec().render(asked, ids)
