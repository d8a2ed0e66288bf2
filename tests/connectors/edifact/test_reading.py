"""What ambiguous things mean is the profile's; who may speak is checked; a repeat is recognised."""

from datetime import date
from decimal import Decimal

import pytest

from connectors.errors import Undecodable
from connectors.suppliers.edifact.codec import EdifactCodec
from connectors.suppliers.edifact.syntax import Segment
from connectors.suppliers.edifact.values import day, number
from connectors.suppliers.issues import Issues
from domain.supplier_events import (
    AS_IT_STANDS,
    NONE_NAMED,
    AckLine,
    ChangeAck,
    ChangeVerdict,
    NoticeLine,
    OrderAck,
    Received,
    ShipNotice,
    Split,
    SplitStatus,
    SupplierEvent,
    Unmatched,
)
from tests.connectors.edifact.shop import codec, inward, message


def only(edifact: EdifactCodec, *segments: str, kind: str = "ORDRSP") -> SupplierEvent:
    (event,) = edifact.decode(inward(message(*segments, kind=kind))).events
    return event


def line(edifact: EdifactCodec, *segments: str) -> AckLine:
    ack = only(edifact, "BGM+231+A1+4", "RFF+ON:PO-1", *segments, "UNS+S")
    assert isinstance(ack, OrderAck)
    (answer,) = ack.lines
    return answer


def parts(edifact: EdifactCodec, *segments: str) -> list[tuple[SplitStatus, Decimal, date | None]]:
    return [(split.status, split.quantity, split.deliver_on) for split in line(edifact, *segments).splits]


ACCEPTED, BACKORDERED, REJECTED = SplitStatus.ACCEPTED, SplitStatus.BACKORDERED, SplitStatus.REJECTED
LATE = ("LIN+1++A:SA", "QTY+21:10", "QTY+113:4", "QTY+83:6")


@pytest.mark.parametrize(
    ("backorders", "dated", "means"),
    [
        ("follow", False, BACKORDERED),
        ("follow", True, BACKORDERED),
        ("dropped", True, REJECTED),
        ("follow if dated", True, BACKORDERED),
        ("follow if dated", False, REJECTED),
    ],
)
def test_what_is_on_backorder_follows_or_not_as_the_profile_has_it(
    backorders: str, dated: bool, means: SplitStatus
) -> None:
    dates = ["DTM+67:20261201:102"] if dated else []
    found = parts(codec(backorders=backorders), *LATE, *dates)
    assert [(status, units) for status, units, _ in found] == [(ACCEPTED, 4), (means, 6)]


@pytest.mark.parametrize(("short", "means"), [("rejected", REJECTED), ("backordered", BACKORDERED)])
def test_the_rest_of_a_short_line_is_dropped_or_follows_as_the_profile_has_it(short: str, means: SplitStatus) -> None:
    assert parts(codec(short=short), "LIN+1++A:SA", "QTY+21:10", "QTY+12:4") == [(ACCEPTED, 4, None), (means, 6, None)]


def test_a_line_confirmed_with_nothing_is_refused() -> None:
    assert parts(codec(), "LIN+1+3+A:SA", "QTY+113:0") == [(REJECTED, 0, None)]


CARTONS = ("LIN+1+5+A:SA", "QTY+21:4:CT", "QTY+113:4:CT")


def test_what_is_counted_in_another_unit_is_asked_about() -> None:
    ack = only(codec(), "BGM+231+A1+29", "RFF+ON:PO-1", *CARTONS, "UNS+S")
    assert isinstance(ack, Unmatched)
    assert "line 1" in ack.what
    notice = only(codec(), "BGM+351+D1", "RFF+ON:PO-1", "CPS+1", "LIN+1", "QTY+12:4:CT", kind="DESADV")
    assert isinstance(notice, Unmatched)


def test_the_unit_is_the_profiles_and_pieces_have_many_names() -> None:
    assert parts(codec(), "LIN+1+5+A:SA", "QTY+21:4:EA", "QTY+113:4:H87") == [(ACCEPTED, 4, None)]
    assert parts(codec(unit="CT"), *CARTONS) == [(ACCEPTED, 4, None)]
    assert parts(codec(same_units=["CT"]), *CARTONS) == [(ACCEPTED, 4, None)]
    answer = only(codec(unit="CT"), "BGM+231+A1+29", "RFF+ON:PO-1", "LIN+1+5+A:SA", "QTY+113:48:PCE", "UNS+S")
    assert isinstance(answer, Unmatched)


@pytest.mark.parametrize("said", ["RFF+LI:7", "RFF+LI:4639/7", "RFF+ON:PO-1:7"])
def test_our_line_number_counts_wherever_it_stands(said: str) -> None:
    assert line(codec(), "LIN+5+5+A:SA", "QTY+113:1", said).line.line_no == 7


def test_a_part_of_a_line_is_no_line() -> None:
    said = ("LIN+1+5+A:SA", "QTY+113:1", "LIN+2+5+PART:SA+1:1", "QTY+113:4", "LIN+3+5+SCREW:SA+1:1", "QTY+113:8")
    assert parts(codec(), *said) == [(ACCEPTED, 1, None)]
    shipped = ("LIN+1", "QTY+12:1", "LIN+2+++1:1", "QTY+12:4")
    notice = only(codec(), "BGM+351+D1", "RFF+ON:PO-1", "CPS+1", *shipped, kind="DESADV")
    assert isinstance(notice, ShipNotice)
    assert [(one.line.line_no, one.shipped) for one in notice.lines] == [(1, 1)]
    read = codec().decode(inward(message("BGM+351+D1", "RFF+ON:PO-1", "CPS+1", *shipped, kind="DESADV")))
    assert read.issues == ("LIN 2 is a part of line 1, and is left out",)


def test_a_day_that_the_profile_cannot_place_is_told_and_not_dropped_in_silence() -> None:
    said = ("BGM+231+A1+4", "RFF+ON:PO-1", "LIN+1+5+A:SA", "QTY+113:2", "DTM+55:20261203:102", "DTM+361:20270101:102")
    left_out = "LIN 1: DTM+55:20261203 is left out: the profile does not know what it dates"
    assert codec().decode(inward(message(*said))).issues == (left_out,)
    assert codec(delivery_dates=["55"]).decode(inward(message(*said))).issues == ()


def test_a_quantity_that_the_profile_cannot_place_is_told_and_not_dropped_in_silence() -> None:
    said = ("BGM+231+A1+4", "RFF+ON:PO-1", "LIN+1++A:SA", "QTY+21:5", "QTY+59:12", "QTY+1:0")
    assert codec().decode(inward(message(*said))).issues == (
        "LIN 1: QTY+1:0 is left out: the profile does not know what it counts",
    )
    assert codec(confirmed_quantities=["1"]).decode(inward(message(*said))).issues == ()


def test_one_quantity_that_cannot_be_read_leaves_the_others_unsaid() -> None:
    answer = only(codec(), "BGM+231+A1+4", "RFF+ON:PO-1", "LIN+1+6+A:SA", "QTY+21:10", "QTY+113:-3", "UNS+S")
    assert isinstance(answer, Unmatched)
    received = ("LIN+1", "QTY+48:100", "QTY+194:x", "LIN+2", "QTY+194:9", "QTY+195:x")
    told = only(codec(receipts=True), "BGM+632+R1", "RFF+ON:PO-1", *received, kind="RECADV")
    assert isinstance(told, Unmatched)


@pytest.mark.parametrize(
    ("said", "good", "bad", "told"),
    [
        (("QTY+12:100", "QTY+194:98", "QTY+124:2"), 98, 2, ()),
        (("QTY+48:100", "QTY+124:2"), 98, 2, ()),
        (("QTY+48:100", "QTY+196:3", "QTY+124:3"), 97, 3, ()),
        (
            ("QTY+194:98", "QTY+83:2"),
            98,
            0,
            ("LIN 1 of the RECADV states a quantity of kind '83', which is not read",),
        ),
    ],
)
def test_what_was_received_and_not_taken_is_no_good_unit(
    said: tuple[str, ...], good: int, bad: int, told: tuple[str, ...]
) -> None:
    body = message("BGM+632+R1", "RFF+ON:PO-1", "LIN+1++A:SA", *said, kind="RECADV")
    decoded = codec(receipts=True).decode(inward(body))
    (received,) = decoded.events
    assert isinstance(received, Received)
    assert [(line.good, line.damaged) for line in received.lines] == [(good, bad)]
    assert decoded.issues == told


def test_quantities_that_the_profile_does_not_name_do_not_count() -> None:
    assert parts(codec(), "LIN+1+5+A:SA", "QTY+21:10", "QTY+113:10", "QTY+47:10", "QTY+1:3") == [(ACCEPTED, 10, None)]
    assert parts(codec(confirmed_quantities=["1"]), "LIN+1+5+A:SA", "QTY+21:10", "QTY+1:3") == [
        (ACCEPTED, 3, None),
        (REJECTED, 7, None),
    ]


@pytest.mark.parametrize(
    ("settings", "bgm", "accepted"),
    [
        ({}, "BGM+231+A1+29", True),
        ({}, "BGM+231+A1+27", False),
        ({}, "BGM+231+A1+9+AP", True),
        ({}, "BGM+231+A1+9+RE", False),
        ({}, "BGM+231:::Answer+A1:1+29+RE", True),
        ({"functions": {"9": "accepted"}}, "BGM+231+A1+9", True),
        ({"functions": {"29": "refused"}}, "BGM+231+A1+29", False),
        ({"response_types": {"NA": "refused"}}, "BGM+231+A1++NA", False),
    ],
)
def test_the_whole_order_is_taken_or_refused_by_function_and_response_type(
    settings: dict[str, object], bgm: str, accepted: bool
) -> None:
    ack = only(codec(**settings), bgm, "RFF+ON:PO-1", "UNS+S")
    assert isinstance(ack, OrderAck)
    assert (ack.po_number, ack.accepted, ack.lines, ack.supplier_order_no) == ("PO-1", accepted, (), "A1")


@pytest.mark.parametrize("bgm", ["BGM+231+A1+12", "BGM+231+A1+1", "BGM+231+A1+9", "BGM"])
def test_an_answer_that_says_neither_yes_nor_no_is_for_a_person(bgm: str) -> None:
    event = only(codec(), bgm, "RFF+ON:PO-1", "LIN+1++A:SA", "UNS+S")
    assert isinstance(event, Unmatched) and event.po_number == "PO-1"


def test_a_line_action_means_what_the_profile_says() -> None:
    assert parts(codec(line_actions={"16": "refused"}), "LIN+1+16+A:SA", "QTY+21:5") == [(REJECTED, 5, None)]
    unknown = codec().decode(inward(message("BGM+231+A1+4", "RFF+ON:PO-1", "LIN+1+16+A:SA", "QTY+21:5")))
    assert "LIN 1 has action 16, which the profile does not know; its quantities count" in unknown.issues


def test_the_order_is_found_in_its_lines_when_the_header_does_not_name_it() -> None:
    same = codec().decode(
        inward(message("BGM+231+A1+4", "LIN+1+5", "QTY+21:5", "RFF+ON:PO-9:4", "LIN+2+7", "RFF+ON:PO-9:6"))
    )
    (ack,) = same.events
    assert isinstance(ack, OrderAck) and ack.po_number == "PO-9"
    assert [answer.line.line_no for answer in ack.lines] == [4, 6]
    several = only(codec(), "BGM+231+A1+4", "LIN+1+5", "RFF+ON:PO-8", "LIN+2+5", "RFF+ON:PO-9")
    assert isinstance(several, Unmatched)


def test_line_numbers_of_theirs_are_not_taken_for_ours() -> None:
    theirs = codec(line_numbers="theirs")
    assert line(theirs, "LIN+1+7+A:SA").line.line_no is None
    assert line(theirs, "LIN+1+7+A:SA", "RFF+ON:PO-1:3").line.line_no == 3
    named = line(codec(), "LIN+1+7+4000001:EN", "PIA+5+A:SA+MUG:BP", "PIA+2+X:SA")
    assert (named.line.sku, named.line.supplier_sku) == ("MUG", "A")


def test_a_substitute_is_named_whichever_of_the_two_comes_first() -> None:
    by = line(codec(), "LIN+1+6+A:SA", "PIA+3+B:SA", "QTY+113:5").splits[0]
    instead = line(codec(), "LIN+1+6+B:SA", "PIA+4+A:SA", "QTY+113:5").splits[0]
    assert by == instead == Split(status=SplitStatus.SUBSTITUTED, quantity=Decimal(5), substitute="B")


def test_a_price_is_taken_by_the_qualifier_that_is_agreed() -> None:
    prices = ("LIN+1+6+A:SA", "QTY+113:5", "PRI+AAB:12", "PRI+AAA:10,5::::PCE", "PRI+AAA:9")
    assert line(codec(), *prices).splits[0].unit_price == Decimal("10.5")
    assert line(codec(price_qualifier="AAB"), *prices).splits[0].unit_price == 12
    assert line(codec(), "LIN+1", "QTY+113:5", "PRI+AAA:10:CA:NTP:3").splits[0].unit_price == Decimal("3.333333")
    assert line(codec(), "LIN+1", "QTY+113:5", "PRI+AAA:10:CA:NTP:0").splits[0].unit_price is None


def test_a_price_by_another_unit_is_told_and_not_read() -> None:
    told = "PRI+AAA: 42.00 is a price by {}, not by the unit of the order"
    for said, price, issues in (
        ("PRI+AAA:42.00::::DZN", None, (told.format("DZN"),)),
        ("PRI+AAA:42.00:CT::1:KGM", None, (told.format("KGM"),)),
        ("PRI+AAA:42.00:CT::100:STK", Decimal("0.42"), ()),
    ):
        answer = ("BGM+231+A1+4", "RFF+ON:PO-1", "LIN+1+6+A:SA", "QTY+113:5", said, "UNS+S")
        decoded = codec().decode(inward(message(*answer)))
        (ack,) = decoded.events
        assert isinstance(ack, OrderAck) and decoded.issues == issues
        assert (ack.lines[0].splits[0].unit_price, ack.lines[0].splits[0].quantity) == (price, 5)


def test_dates_for_all_lines_stand_in_the_header() -> None:
    ack = only(
        codec(),
        "BGM+231+A1+4",
        "DTM+69:20261224:102",
        "RFF+ON:PO-1",
        "LIN+1+6",
        "QTY+113:5",
        "LIN+2+6",
        "QTY+113:1",
        "DTM+11:20261201:102",
    )
    assert isinstance(ack, OrderAck)
    assert [(one.splits[0].deliver_on, one.splits[0].ship_on) for one in ack.lines] == [
        (date(2026, 12, 24), None),
        (None, date(2026, 12, 1)),
    ]


def test_an_accepted_line_without_quantity_keeps_its_date() -> None:
    ack = only(
        codec(), "BGM+231+A1+29", "RFF+ON:PO-1", "LIN+1+5+A:SA", "DTM+69:20270115:102", "LIN+2+5+B:SA", "LIN+3+5+C:SA"
    )
    assert isinstance(ack, OrderAck) and ack.accepted
    (line,) = ack.lines
    assert (line.line.line_no, line.splits, line.deliver_on) == (1, (), date(2027, 1, 15))


def test_a_reference_that_only_looks_like_a_change_is_none() -> None:
    ack = only(codec(), "BGM+231+A1+29", "RFF+ON:PO-1", "RFF+CR:4711/2", "RFF+PP:PO-1/x")
    assert isinstance(ack, OrderAck) and ack.po_number == "PO-1"
    change = only(codec(), "BGM+231+A1+29", "RFF+ON:PO-1", "RFF+CR:4711/2", "RFF+PP:PO-1/12")
    assert isinstance(change, ChangeAck) and change.revision == 12


def test_an_answer_without_a_number_is_how_the_order_stands() -> None:
    ack = only(codec(), "BGM+231+A1+4", "RFF+ON:PO-1", "LIN+1+3", "QTY+21:6")
    assert isinstance(ack, OrderAck) and ack.revision == AS_IT_STANDS


def test_an_answer_that_repeats_our_actions_is_about_the_change_in_flight() -> None:
    by_action = codec(change_answers="by action")
    ack = only(by_action, "BGM+231+A1+9+AC", "RFF+ON:PO-1", "LIN+1+3", "QTY+113:6", "LIN+2+7")
    assert isinstance(ack, ChangeAck)
    assert (ack.revision, ack.verdict) == (NONE_NAMED, ChangeVerdict.PARTLY)
    assert [one.line.line_no for one in ack.lines] == [1]
    nothing = only(by_action, "BGM+231+A1+9+AC", "RFF+ON:PO-1", "LIN+1+3", "QTY+113:6", "LIN+2+3", "QTY+113:0")
    assert isinstance(nothing, ChangeAck) and nothing.verdict is ChangeVerdict.UNCLEAR
    first = only(by_action, "BGM+231+A1+9+AC", "RFF+ON:PO-1", "LIN+1", "QTY+113:6")
    assert isinstance(first, OrderAck)


@pytest.mark.parametrize(
    ("bgm", "lines", "verdict"),
    [
        ("29", [], "accepted"),
        ("29", ["LIN+1+5", "LIN+2+7"], "unclear"),
        ("29", ["LIN+1+5", "QTY+21:6", "LIN+2+7"], "partly"),
        ("27", ["LIN+1+5"], "refused"),
        ("12", ["LIN+1+5"], "unclear"),
        ("4", [], "unclear"),
        ("4", ["LIN+1+5", "LIN+2+5"], "accepted"),
        ("4", ["LIN+1+7", "LIN+2+7"], "refused"),
        ("4", ["LIN+1+2"], "partly"),
        ("4", ["LIN+1+6", "QTY+113:6x"], "unclear"),
    ],
)
def test_the_verdict_on_a_change_is_the_message_s_or_its_lines(bgm: str, lines: list[str], verdict: str) -> None:
    ack = only(codec(), f"BGM+231+A1+{bgm}", "RFF+ON:PO-1", "RFF+PP:PO-1/1", *lines)
    assert isinstance(ack, ChangeAck) and (ack.revision, ack.verdict) == (1, verdict)


def test_a_quantity_that_cannot_be_read_is_no_acceptance() -> None:
    ack, question = (
        codec()
        .decode(inward(message("BGM+231+A1+4", "RFF+ON:PO-1", "LIN+1+5", "QTY+21:1O", "LIN+2+5", "QTY+21:3")))
        .events
    )
    assert isinstance(ack, OrderAck) and [one.line.line_no for one in ack.lines] == [2]
    assert isinstance(question, Unmatched) and question.po_number == "PO-1" and "line 1" in question.what


@pytest.mark.parametrize(
    ("means", "verdict"), [("refused", "refused"), ("withdrawn", "accepted"), ("unclear", "unclear")]
)
def test_a_refusal_of_a_change_means_what_the_profile_says(means: str, verdict: str) -> None:
    ack = only(codec(refused_changes=means), "BGM+231+A1+27", "RFF+ON:PO-1", "RFF+PP:PO-1/1", "LIN+1+7")
    assert isinstance(ack, ChangeAck) and ack.verdict == verdict


def test_fractions_and_commas_are_quantities() -> None:
    notice = only(codec(), "BGM+351+D1", "RFF+ON:PO-1", "CPS+1", "LIN+1", "QTY+12:2,500:PCE", kind="DESADV")
    assert isinstance(notice, ShipNotice)
    assert notice.lines == (NoticeLine(line=notice.lines[0].line, shipped=Decimal("2.5")),)


@pytest.mark.parametrize("text", ["", "1e9", "-1", "+1", "1.000,5", "0x10", "٣", "1" * 16, "1.2.3", "NaN", "½"])
def test_what_is_no_plain_number_is_none(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    ("value", "form", "means"),
    [
        ("20261204", "102", date(2026, 12, 4)),
        ("261204", "101", date(2026, 12, 4)),
        ("202612041530", "203", date(2026, 12, 4)),
        ("20261204153000", "204", date(2026, 12, 4)),
        ("202612041530+01", "303", date(2026, 12, 4)),
        ("202612041530CET", "303", date(2026, 12, 4)),
        ("2612041530", "201", date(2026, 12, 4)),
        ("20261204", "", date(2026, 12, 4)),
        ("261204", "", date(2026, 12, 4)),
        ("202602", "610", date(2026, 2, 28)),
        ("202653", "616", date(2027, 1, 3)),
        ("2653", "615", date(2027, 1, 3)),
        ("20261201-20261204", "718", date(2026, 12, 4)),
        ("2026120120261204", "718", date(2026, 12, 4)),
        ("202650-202653", "716", date(2027, 1, 3)),
        ("202612010000-202612042359", "719", date(2026, 12, 4)),
    ],
)
def test_a_date_is_the_last_day_of_what_is_stated(value: str, form: str, means: date) -> None:
    issues = Issues()
    assert day(Segment("DTM", [["69", value, form]]), (), issues) == means
    assert issues.told() == ()


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("200902164", "102"),
        ("200", "102"),
        ("20261301", "102"),
        ("202654", "616"),
        ("202600", "616"),
        ("20260230", "102"),
        ("tomorrow", "102"),
        ("", "102"),
        ("20261204", "999"),
        ("20261204-", "718"),
        ("٢٠٢٦١٢٠٤", "102"),
    ],
)
def test_a_malformed_date_is_an_issue_and_no_date(value: str, form: str) -> None:
    issues = Issues()
    assert day(Segment("DTM", [["69", value, form]]), (), issues) is None
    (issue,) = issues.told()
    assert "no date that can be read" in issue


# Who speaks, and what was heard before

FULL = message("BGM+231+A1+29", "RFF+ON:PO-1")


@pytest.mark.parametrize(
    ("was", "becomes", "wrong"),
    [
        ("4012345500004:14", "4099999999999:14", "from 4099999999999:14, and should be from 4012345500004:14"),
        ("4012345500004:14", "4012345500004:ZZ", "from 4012345500004:ZZ"),
        ("5412345000013:14", "5499999999999:14", "for 5499999999999:14, and should be for 5412345000013:14"),
        ("++++1'UNH", "++++1++1'UNH", "is a test, and we work for real"),
        ("5412345000013:14", "", "for nobody"),
    ],
)
def test_a_document_of_others_or_for_others_is_turned_away(was: str, becomes: str, wrong: str) -> None:
    with pytest.raises(Undecodable, match=wrong):
        codec().addressed(inward(FULL.replace(was, becomes)))
    assert any(wrong in issue for issue in codec().decode(inward(FULL.replace(was, becomes))).issues)


def test_a_document_of_the_partner_for_us_is_taken_with_or_without_qualifier() -> None:
    codec().addressed(inward(FULL))
    codec().addressed(inward(FULL.replace("4012345500004:14", "4012345500004")))
    codec(test=True).addressed(inward(FULL.replace("++++1'UNH", "++++1++1'UNH")))
    with pytest.raises(Undecodable, match="is no test"):
        codec(test=True).addressed(inward(FULL))


def test_a_repeat_is_recognised_and_the_next_interchange_is_not_taken_for_one() -> None:
    key = codec().decode(inward(FULL)).dedupe_key
    assert key.startswith("4012345500004/14/261122:0900/17/1/")
    assert codec().decode(inward("UNA:+.? '\r\n" + FULL.replace("'", "'\r\n"))).dedupe_key == key
    others = [
        ("+17+", "+18+"),
        ("0900", "0901"),
        ("UNH+1+", "UNH+2+"),
        ("4012345500004:14", "4099:14"),
        ("PO-1", "PO-2"),
    ]
    for was, becomes in others:
        assert codec().decode(inward(FULL.replace(was, becomes))).dedupe_key != key


def test_an_interchange_without_reference_is_recognised_by_its_bytes() -> None:
    nameless = FULL.replace("0900+17++++1'", "0900'")
    first = codec().decode(inward(nameless))
    assert first.dedupe_key == codec().decode(inward(nameless)).dedupe_key
    assert first.dedupe_key != codec().decode(inward(nameless + " ")).dedupe_key
    assert "UNB has no reference: the document is recognised by its bytes only" in first.issues


def test_several_interchanges_in_one_file_are_all_read() -> None:
    decoded = codec().decode(inward(FULL + "\r\n" + FULL.replace("PO-1", "PO-2").replace("+17+", "+18+")))
    assert [event.po_number for event in decoded.events if isinstance(event, OrderAck)] == ["PO-1", "PO-2"]
    assert "the document holds 2 interchanges; all are read" in decoded.issues


@pytest.mark.parametrize(
    ("declared", "encoding", "issue"),
    [
        ("UNOC", "latin-1", None),
        ("UNOY", "utf-8", None),
        ("UNOE", "iso8859-5", None),
        ("UNOC", "utf-8", "declares UNOC, and is written in utf-8"),
        ("UNOA", "utf-8", "declares UNOA, and is written in utf-8"),
        ("UNOB", "latin-1", "declares UNOB, and holds bytes that it does not have; read as Latin-1"),
        ("UNOY", "latin-1", "declares UNOY, and holds bytes that it does not have; read as Latin-1"),
        ("XXXX", "utf-8", "declares XXXX, and is written in utf-8"),
    ],
)
def test_text_is_read_by_the_character_set_that_was_used(declared: str, encoding: str, issue: str | None) -> None:
    word = "Завтра" if encoding == "iso8859-5" else "größer"
    text = message("BGM+231+A1+27", f"FTX+AAI+++{word}", "RFF+ON:PO-1").replace("UNOC", declared)
    decoded = codec().decode(inward(text.encode(encoding)))
    (ack,) = decoded.events
    assert isinstance(ack, OrderAck) and ack.reason == word
    assert [one for one in decoded.issues if "declares" in one] == ([f"the interchange {issue}"] if issue else [])
