"""What we write: the same bytes always, and read by others as it was meant; or refused, with the field named."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mockedi.transactions import read_change, read_order
from pydantic import ValidationError

from connectors.errors import Refused, Unsupported
from connectors.suppliers.interface import FILE_NAME, CancelWay, OrderLine, Place, WireIds
from tests.connectors.edifact.judges import by_mock_edi, by_pydifact
from tests.connectors.edifact.shop import BOWLS, CANCEL, CHANGE, IDS, MUGS, ORDER, codec

GOLDEN = Path(__file__).parent / "golden"
REQUESTS = {"place": ORDER, "change": CHANGE, "cancel": CANCEL}


@pytest.mark.parametrize("kind", REQUESTS)
def test_the_documents_are_those_that_were_reviewed(kind: str) -> None:
    """A change of these files is a change of what partners get: look at it in the diff."""
    envelope = codec(deliver_to={"id": "5412345000099", "name": "Dock 3"}).render(REQUESTS[kind], IDS)
    assert envelope.body.replace(b"'", b"'\n") == (GOLDEN / f"{kind}.edi").read_bytes()
    assert (envelope.kind, envelope.content_type) == (kind, "application/EDIFACT")


def test_a_file_is_named_by_its_control_number_and_type() -> None:
    names = [codec().render(request, IDS).headers[FILE_NAME] for request in REQUESTS.values()]
    assert names == ["00000000000017-ORDERS.edi", "00000000000017-ORDCHG.edi", "00000000000017-ORDCHG.edi"]


# Awkward data

people = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
latin_names = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc", "Zs"]), min_size=1, max_size=35)
any_names = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zs", "Zl", "Zp"], exclude_characters="\ufeff"),
    min_size=1,
    max_size=35,
)


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Other work may hold this machine up."""


def orders(names: st.SearchStrategy[str]) -> st.SearchStrategy[Place]:
    lines = st.builds(
        OrderLine,
        line_no=st.integers(1, 999_999),
        sku=names,
        supplier_sku=names,
        description=people,
        quantity=st.integers(1, 1_000_000),
        unit_price=st.decimals(0, 10**9, places=4),
        wanted_on=st.none() | st.dates(date(1970, 1, 1)),
    )
    return st.builds(
        Place,
        po_number=names,
        supplier_id=st.just("acme"),
        currency=st.sampled_from(["USD", "EUR", "JPY"]),
        terms=people,
        ordered_on=st.dates(date(1970, 1, 1)),
        lines=st.lists(lines, min_size=1, max_size=4, unique_by=lambda line: line.line_no).map(tuple),
    )


awkward = Place(
    po_number="PO+1:'??",
    supplier_id="acme",
    currency="USD",
    terms="30 days\r\nnet ?'UNZ+1+1'",
    ordered_on=date(2026, 12, 1),
    lines=(
        OrderLine(
            line_no=1,
            sku="?",
            supplier_sku="'+:?",
            description="x" * 200,
            quantity=10**6,
            unit_price=Decimal("0.125"),
        ),
    ),
)


@pytest.mark.parametrize(("charset", "names"), [("UNOC", latin_names), ("UNOY", any_names)])
def test_awkward_orders_are_read_back_by_others_as_they_were(charset: str, names: st.SearchStrategy[str]) -> None:
    edifact = codec(charset=charset)

    @unhurried
    @given(orders(names))
    @example(awkward)
    def read_back(order: Place) -> None:
        body = edifact.render(order, IDS).body
        interchange, segments = by_pydifact(body, charset)
        assert interchange.control_reference == "17"
        values = {tag: elements for tag, elements in segments if tag in {"BGM", "CUX"}}
        assert values["BGM"] == ["220", order.po_number, "9"]
        assert values["CUX"] == [["2", order.currency, "9"]]
        assert [elements[2] for tag, elements in segments if tag == "LIN"] == [
            [line.supplier_sku, "SA"] for line in order.lines
        ]
        assert [elements[1] for tag, elements in segments if tag == "PIA"] == [[line.sku, "IN"] for line in order.lines]
        read = read_order(by_mock_edi(body, charset), "EDIFACT")
        assert read.po_number == order.po_number
        for theirs, ours in zip(read.lines, order.lines, strict=True):
            assert (theirs.number, theirs.sku) == (str(ours.line_no), ours.supplier_sku)
            assert (theirs.quantity, theirs.price) == (ours.quantity, ours.unit_price)

    read_back()


@pytest.mark.parametrize("charset", ["UNOA", "UNOB", "UNOC", "UNOY"])
def test_words_are_carried_as_far_as_the_character_set_goes(charset: str) -> None:
    described = MUGS.model_copy(update={"description": "Mug — Größe 7, café\n™ Ω ?+:'" + " große" * 40})
    body = codec(charset=charset).render(ORDER.model_copy(update={"lines": (described,)}), IDS).body
    description = by_mock_edi(body, charset)
    words = read_order(description, "EDIFACT").lines[0].description
    beginning = {
        "UNOA": "MUG . GROSSE 7, CAFE TM . ?+:' GROSSE",
        "UNOB": "Mug . Grosse 7, cafe TM . ?+:' grosse",
        "UNOC": "Mug . Größe 7, café TM . ?+:' große",
        "UNOY": "Mug — Größe 7, café ™ Ω ?+:' große",
    }
    assert words.startswith(beginning[charset])
    assert words.count(" ") == 7 + 40
    for tag, elements in by_pydifact(body, charset)[1]:
        if tag == "IMD":
            assert all(len(part) <= 35 for part in elements[2])


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [
        ("po_number", "P" * 36, "the order number has 36 characters, and EDIFACT carries 35"),
        ("po_number", "", "the order number is empty"),
        ("po_number", "PO 1\n", "the order number begins or ends with a blank"),
        ("po_number", "PO\n1", r"the order number holds '\\n'"),
        ("po_number", "PO-Ω", r"the order number holds '\\u03a9', which the partner's character set UNOC has not"),
        ("currency", "Gold", "the currency has 4 characters"),
        ("lines", (), "without lines"),
        ("sku", "\ud800", r"line 1: the SKU holds '\\ud800'"),
        ("supplier_sku", "A\u202877", r"line 1: the supplier's SKU holds '\\u2028'"),
        ("quantity", -1, "line 1: a quantity of -1"),
        ("line_no", 10**6, "line 1000000: EDIFACT carries line numbers"),
        ("unit_price", Decimal("NaN"), "line 1: a price of NaN"),
        ("unit_price", Decimal("-0.01"), "line 1: a price of -0.01"),
        ("unit_price", Decimal("1E-20"), "line 1: a price of 1E-20 cannot be written; EDIFACT carries 15 digits"),
    ],
)
def test_what_cannot_be_carried_is_refused_and_named(field: str, value: object, wrong: str) -> None:
    if field in OrderLine.model_fields:
        order = ORDER.model_copy(update={"lines": (MUGS.model_copy(update={field: value}),)})
    else:
        order = ORDER.model_copy(update={field: value})
    with pytest.raises(Refused, match=wrong):
        codec().render(order, IDS)


def test_a_control_number_wider_than_unb_is_refused() -> None:
    with pytest.raises(Refused, match="more than 14 digits"):
        codec().render(ORDER, IDS.model_copy(update={"control_number": 10**14}))


def test_an_item_that_has_only_our_number_is_named_by_it() -> None:
    line = BOWLS.model_copy(update={"supplier_sku": ""})
    body = codec(our_item_qualifier="BP").render(ORDER.model_copy(update={"lines": (line,)}), IDS).body
    assert ("LIN", ["2", "", ["BOWL", "BP"]]) in by_pydifact(body)[1]


# Changes


def test_a_change_is_read_as_new_quantities_and_lines_taken_off() -> None:
    added = OrderLine(line_no=3, sku="JUG", supplier_sku="A-79", description="", quantity=5, unit_price=Decimal(9))
    change = CHANGE.model_copy(update={"lines": (*CHANGE.lines, added)})
    read = read_change(by_mock_edi(codec(added_lines=True).render(change, IDS).body), "EDIFACT")
    assert (read.po_number, read.purpose, read.sequence) == ("PO-000001", "04", "PO-000001/1")
    assert [(line.number, line.action, line.sku, int(line.quantity)) for line in read.lines] == [
        ("1", "CA", "A-77", 6),
        ("2", "DI", "A-78", 0),
        ("3", "AI", "A-79", 5),
    ]


def test_a_withdrawal_names_the_order_and_says_why() -> None:
    body = codec().render(CANCEL, IDS).body
    read = read_change(by_mock_edi(body), "EDIFACT")
    assert (read.po_number, read.purpose, read.lines) == ("PO-000001", "01", [])
    assert ("FTX", ["AAI", "", "", "the customer changed their mind"]) in by_pydifact(body)[1]


def test_what_the_partner_does_not_take_is_unsupported_and_not_claimed() -> None:
    stubborn = codec(changes=False, cancellations=False)
    assert (stubborn.capabilities.reduce_line, stubborn.capabilities.cancel) == (False, CancelWay.NONE)
    with pytest.raises(Unsupported, match="no changes"):
        stubborn.render(CHANGE, IDS)
    with pytest.raises(Unsupported, match="no cancellations"):
        stubborn.render(CANCEL, IDS)
    assert not codec().capabilities.add_line
    with pytest.raises(Unsupported, match=r"no new lines on a placed order \(line 2\)"):
        codec().render(CHANGE.model_copy(update={"before": {1: 10}}), IDS)


# The envelope


def test_the_envelope_is_as_the_profile_has_it() -> None:
    wordy = codec(
        our_qualifier="ZZZ",
        partner_qualifier="",
        charset="UNOY",
        syntax_version=4,
        directory="D.01B",
        association_code="EAN010",
        application_reference="EANCOM",
        test=True,
        contrl_wanted=False,
    )
    body = wordy.render(ORDER, IDS).body.decode()
    assert "UNB+UNOY:4+5412345000013:ZZZ+4012345500004+20261122:1015+17++EANCOM++++1'" in body
    assert "UNH+1+ORDERS:D:01B:UN:EAN010'" in body


def test_times_are_written_in_utc() -> None:
    late = datetime.fromisoformat("2026-11-22T23:30:00-05:00")
    body = codec().render(CHANGE, IDS.model_copy(update={"written_at": late})).body
    assert b"+261123:0430+" in body and b"DTM+137:20261123:102'" in body


@pytest.mark.parametrize(
    ("profile", "wrong"),
    [
        ({"our_id": "ГЛН"}, "our_id holds"),
        ({"buyer": {"id": "1", "name": "Ω"}}, "buyer.name holds"),
        ({"buyer": {"city": "Gent"}}, "an id or a name"),
        ({"our_id": "1" * 18}, "buyer must be set"),
        ({"our_item_qualifier": "SA"}, "must differ"),
        ({"directory": "96A"}, "directory"),
        ({"charset": "UNOX"}, "charset"),
        ({"their_item_qualifer": "VP"}, "their_item_qualifer"),
    ],
)
def test_a_profile_that_cannot_be_written_is_refused_at_once(profile: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        codec(**profile)


# Purity


def test_ids_alone_make_documents_differ() -> None:
    other = WireIds(operation_id="x", control_number=18, written_at=datetime(2026, 11, 22, 10, 15, tzinfo=UTC))
    assert codec().render(ORDER, IDS).body == codec().render(ORDER, IDS).body
    assert codec().render(ORDER, IDS).body != codec().render(ORDER, other).body


def test_two_lines_of_one_number_and_lines_for_nothing_are_refused() -> None:
    for lines in ((MUGS, BOWLS.model_copy(update={"line_no": 1})), (MUGS.model_copy(update={"quantity": 0}),)):
        with pytest.raises(Refused, match=r"the same|line 1: a quantity of 0"):
            codec().render(ORDER.model_copy(update={"lines": lines}), IDS)
