"""855: what partners say of a line, and what they leave unsaid."""

from datetime import date
from decimal import Decimal

import pytest

from domain.supplier_events import AS_IT_STANDS, AckLine, OrderAck, Split, SplitStatus, Unmatched
from tests.connectors.x12.partners import events, issues

BAK = "BAK*00*{}*PO-1001*20261118****SO-77*20261120"
PO1 = "PO1*1*100*EA*3.5**BP*MUG-01"


def ack(*segments: str, code: str = "AC", **settings: object) -> OrderAck:
    (event,) = events("855", BAK.format(code), *segments, **settings)
    assert isinstance(event, OrderAck)
    return event


def parts(*segments: str, **settings: object) -> list[tuple[str, int]]:
    (line,) = ack(PO1, *segments, **settings).lines
    return [(split.status.value, int(split.quantity)) for split in line.splits]


def asked(*segments: str, code: str = "AC", **settings: object) -> str:
    """What an operator is told instead."""
    (event,) = events("855", BAK.format(code), *segments, **settings)
    assert isinstance(event, Unmatched) and event.po_number == "PO-1001"
    return event.what


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (["ACK*IA*100*EA"], [("accepted", 100)]),
        (["ACK*IA**EA"], [("accepted", 100)]),
        (["ACK*IQ*35*EA", "ACK*IB*65*EA"], [("accepted", 35), ("backordered", 65)]),
        (["ACK*IQ*35*EA", "ACK*IB**EA"], [("accepted", 35), ("backordered", 65)]),
        (["ACK*IA*35*EA", "ACK*IR*65*EA"], [("accepted", 35), ("rejected", 65)]),
        (["ACK*IB*0*EA"], [("backordered", 100)]),
        (["ACK*IR*0*EA"], [("rejected", 100)]),
        (["ACK*R3"], [("rejected", 100)]),
        (["ACK*IH*100*EA"], [("held", 100)]),
        (["ACK*IA*100*EA", "ACK*IR*0*EA"], [("accepted", 100)]),
        (["ACK*IQ*35*EA"], [("accepted", 35), ("rejected", 65)]),
        (["ACK*IQ*0*EA"], [("accepted", 0), ("rejected", 100)]),
        (["ACK*IA*35*EA"], [("accepted", 35), ("rejected", 65)]),
        (["ACK*IB*65*EA"], [("backordered", 65), ("accepted", 35)]),
        (["ACK*IP*100*EA", "ACK*DR*100*EA*067*20261201"], [("accepted", 100)]),
        (["ACK*BP*35*EA"], [("accepted", 35), ("backordered", 65)]),
        (["ACK*BP*35*EA", "ACK*IB*65*EA"], [("accepted", 35), ("backordered", 65)]),
        (["ACK*BP*35*EA", "ACK*DR*65*EA*068*20270101"], [("accepted", 35), ("accepted", 65)]),
        (["ACK*BP*65*EA", "ACK*IA*35*EA"], [("backordered", 65), ("accepted", 35)]),
        (["ACK*IA*60*EA", "ACK*IA*30*EA", "ACK*IB*10*EA"], [("accepted", 60), ("accepted", 30), ("backordered", 10)]),
        (["ACK*IA*120*EA"], [("accepted", 120)]),
        (["SCH*60*EA***067*20261203", "SCH*40*EA***067*20261210"], [("accepted", 100)]),
    ],
)
def test_the_parts_of_a_line_add_up(said: list[str], meant: list[tuple[str, int]]) -> None:
    found = parts(*said)
    if said[0].startswith("SCH"):
        assert found == [("accepted", 60), ("accepted", 40)]
    else:
        assert found == meant


def test_what_becomes_of_the_rest_is_the_profile_s_to_say() -> None:
    assert parts("ACK*IQ*35*EA", changed_balance="follows") == [("accepted", 35), ("backordered", 65)]
    assert "35 of 100" in asked(PO1, "ACK*IQ*35*EA", changed_balance="unclear")


def test_what_bp_counts_is_the_profile_s_to_say_unless_the_sum_tells() -> None:
    assert parts("ACK*BP*35*EA", partial_quantity="backordered") == [("backordered", 35), ("accepted", 65)]
    told = parts("ACK*BP*35*EA", "ACK*IB*65*EA", partial_quantity="backordered")
    assert told == [("accepted", 35), ("backordered", 65)]


def test_codes_mean_what_the_profile_says() -> None:
    assert parts("ACK*IC*100*EA", line_codes={"IC": "held"}) == [("held", 100)]
    (event,) = events("855", BAK.format("ZZ"), PO1, order_codes={"ZZ": "accepted"})
    assert event == OrderAck(po_number="PO-1001", supplier_order_no="SO-77")


def test_a_silent_rest_and_an_over_confirmation_are_issues() -> None:
    assert issues("855", BAK.format("AC"), PO1, "ACK*IB*65*EA")
    assert issues("855", BAK.format("AC"), PO1, "ACK*IA*120*EA") == ("855 0001: line 1 is answered for 120 of 100",)


@pytest.mark.parametrize(
    "said",
    [
        "ACK*IA*x*EA",
        "ACK*IA*-5*EA",
        "ACK*IA*99999999999*EA",
        "ACK*QQ*5*EA",
        "ACK*IA*4*CA",
        "ACK*IA*0*EA",
        "ACK*BP**EA",
    ],
)
def test_what_cannot_be_read_is_asked_about_and_not_guessed(said: str) -> None:
    assert "line 1" in asked(PO1, said)


def test_one_unreadable_line_leaves_the_others() -> None:
    first, second = events("855", BAK.format("AC"), PO1, "ACK*IA*x*EA", "PO1*2*5*EA***BP*B", "ACK*IA*5*EA")
    assert isinstance(first, OrderAck) and [line.line.line_no for line in first.lines] == [2]
    assert isinstance(second, Unmatched)


def test_a_line_in_another_unit_is_not_converted() -> None:
    assert "'CA'" in asked("PO1*1*4*CA*3.5**BP*MUG-01", "ACK*IA*4*CA")
    accepted = ack("PO1*1*4*CA*3.5**BP*MUG-01", "ACK*IA*4*CA", same_units=["CA"])
    assert accepted.lines[0].splits[0].quantity == 4


def test_days_are_the_part_s_else_the_line_s_else_the_order_s() -> None:
    order = ack(
        "DTM*067*20261231",
        PO1,
        "DTM*068*20261130",
        "ACK*IA*60*EA*067*20261201",
        "ACK*IA*40*EA",
        "PO1*2*7*EA",
        "ACK*IA*7*EA",
        "ACK*IB*0*EA",
    )
    days = [(split.ship_on, split.deliver_on) for line in order.lines for split in line.splits]
    assert days == [(None, date(2026, 12, 1)), (date(2026, 11, 30), None), (None, date(2026, 12, 31))]


def test_a_dtm_behind_an_ack_dates_that_part() -> None:
    (line,) = ack(PO1, "ACK*IA*60*EA", "DTM*068*20261201", "ACK*IB*40*EA", "DTM*067*20270110").lines
    days = [(split.ship_on, split.deliver_on) for split in line.splits]
    assert days == [(date(2026, 12, 1), None), (None, date(2027, 1, 10))]


def test_what_is_backordered_without_a_day_has_none() -> None:
    (line,) = ack("DTM*067*20261231", PO1, "ACK*IQ*35*EA", "ACK*IB*65*EA").lines
    assert [split.deliver_on for split in line.splits] == [date(2026, 12, 31), None]


@pytest.mark.parametrize("unknown", ["20491231", "99991231", "00000000", ""])
def test_days_that_mean_unknown_are_none_and_no_issue(unknown: str) -> None:
    said = (BAK.format("AC"), PO1, f"ACK*IA*100*EA*067*{unknown}")
    (event,) = events("855", *said)
    assert isinstance(event, OrderAck) and event.lines[0].splits[0].deliver_on is None
    assert not issues("855", *said)


@pytest.mark.parametrize("malformed", ["200902164", "200", "20261301", "2026-12-01", "261335"])
def test_malformed_days_are_issues(malformed: str) -> None:
    said = (BAK.format("AC"), PO1, f"ACK*IA*100*EA*067*{malformed}")
    (event,) = events("855", *said)
    assert isinstance(event, OrderAck) and event.lines[0].splits[0].deliver_on is None
    assert issues("855", *said) == (f"855 0001: line 1: '{malformed}' is no date",)


def test_days_of_six_digits_are_of_this_century() -> None:
    (line,) = ack(PO1, "ACK*IA*100*EA*068*261204").lines
    assert line.splits[0].ship_on == date(2026, 12, 4)


def test_accepted_without_detail_is_every_line_as_ordered() -> None:
    for code in ("AD", "AK", "AT", "AP"):
        assert ack(PO1, code=code) == OrderAck(po_number="PO-1001", supplier_order_no="SO-77")
    assert ack(code="AK").lines == ()


def test_accepted_with_a_day_tells_the_day() -> None:
    (line,) = ack("DTM*067*20261204", PO1, code="AD").lines
    assert line.splits[0].quantity == 100 and line.splits[0].deliver_on == date(2026, 12, 4)


def test_changed_without_ack_is_what_the_lines_restate() -> None:
    order = ack("PO1*1*80*EA*3.75**BP*MUG-01", "PO1*2*0*EA***BP*B")
    price = Decimal("3.75")
    accepted = SplitStatus.ACCEPTED
    assert [line.splits for line in order.lines] == [
        (Split(status=accepted, quantity=Decimal(80), unit_price=price),),
        (Split(status=accepted, quantity=Decimal(0)),),
    ]


def test_changed_without_lines_is_asked_about() -> None:
    assert "names no line" in asked()


def test_only_exceptions_and_none_is_as_ordered() -> None:
    assert ack(code="AE").lines == ()


@pytest.mark.parametrize("code", ["RD", "RJ", "RF"])
def test_a_refused_order(code: str) -> None:
    refused = ack(PO1, "ACK*IR*0*EA", "REF*ZZ**discontinued", code=code)
    assert (refused.accepted, refused.lines, refused.reason) == (False, (), "discontinued")
    assert ack(code=code).reason == f"code {code}"


def test_a_refusal_that_accepts_lines_is_read_by_its_lines() -> None:
    order = ack(PO1, "ACK*IA*100*EA", code="RD")
    assert order.accepted and order.lines[0].splits[0].quantity == 100


@pytest.mark.parametrize("code", ["RO", "AH", "ZZ", ""])
def test_what_nobody_can_act_upon_goes_to_a_person(code: str) -> None:
    assert asked(PO1, code=code)


def test_an_acknowledgement_taken_back_goes_to_a_person() -> None:
    (event,) = events("855", "BAK*01*AC*PO-1001*20261118")
    assert isinstance(event, Unmatched)


def test_an_answer_that_names_no_order_goes_to_a_person() -> None:
    for bak in ("BAK*00*AC", "BAK*00*AC*" + "x" * 201, "REF*ZZ*1"):
        (event,) = events("855", bak, PO1)
        assert isinstance(event, Unmatched) and event.po_number is None


def test_a_substitute_is_named() -> None:
    (line,) = ack(PO1, "ACK*IS*100*EA*067*20261201**VP*NEW-1").lines
    assert line.splits[0].substitute == "NEW-1" and line.splits[0].status is SplitStatus.SUBSTITUTED


def test_prices_per_hundred_and_per_thousand_are_of_one_unit() -> None:
    for basis, price in (("HP", "0.035"), ("TP", "0.0035")):
        (line,) = ack(f"PO1*1*100*EA*3.5*{basis}*BP*M", "ACK*IP*100*EA").lines
        assert line.splits[0].unit_price == Decimal(price)


@pytest.mark.parametrize("basis", ["", "PE", "TE", "QE", "LE", "CA", "CT", "QT", "NT", "UM", "EA", "PC"])
def test_a_price_of_one_unit_is_taken_as_it_is(basis: str) -> None:
    line = f"PO1*1*100*EA*3.5*{basis}*BP*M"
    assert ack(line, "ACK*IA*100*EA").lines[0].splits[0].unit_price == Decimal("3.5")
    assert issues("855", BAK.format("AC"), line, "ACK*IA*100*EA") == ()


@pytest.mark.parametrize("basis", ["TD", "LD", "LC", "TC", "TM", "HF", "LB", "PU", "PP", "NC", "SR", "ZZ", "CS"])
def test_a_price_of_something_else_is_told_and_not_read(basis: str) -> None:
    line = f"PO1*1*100*EA*42*{basis}*BP*M"
    (split,) = ack(line, "ACK*IA*100*EA").lines[0].splits
    assert (split.quantity, split.unit_price, split.currency) == (Decimal(100), None, None)
    assert issues("855", BAK.format("AC"), line, "ACK*IA*100*EA") == (
        f"855 0001: line 1: 42 is a price by '{basis}', and not of one EA; it is not read",
    )


@pytest.mark.parametrize("stated", ["17,76", "", "42*TD"])
def test_another_price_that_cannot_be_read_is_a_persons_matter_and_the_units_count(stated: str) -> None:
    said = (f"PO1*1*100*EA*{stated}", "CTP**CON*17.76", "ACK*IP*60*EA", "ACK*IB*40*EA")
    order, question = events("855", BAK.format("AC"), *said)
    assert isinstance(order, OrderAck) and isinstance(question, Unmatched)
    assert [(part.status, part.quantity, part.unit_price) for part in order.lines[0].splits] == [
        (SplitStatus.ACCEPTED, Decimal(60), None),
        (SplitStatus.BACKORDERED, Decimal(40), None),
    ]
    assert question.po_number == "PO-1001"
    assert "line 1 is accepted at another price (IP), and none can be read: ask" in question.what


def test_another_price_that_can_be_read_asks_nobody() -> None:
    assert ack(PO1, "ACK*IP*100*EA").lines[0].splits[0].unit_price == Decimal("3.5")
    assert ack("PO1*1*100*EA***BP*M", "ACK*IA*100*EA").lines
    assert ack("PO1*1*100*EA***BP*M", "ACK*IP*100*EA", line_codes={"IP": "rejected"}).lines


@pytest.mark.parametrize(("said", "meant"), [(["CUR*SE*EUR"], "EUR"), (["CUR*SE*money"], None), ([], None)])
def test_a_price_is_in_the_currency_that_the_document_states(said: list[str], meant: str | None) -> None:
    (line,) = ack(*said, PO1, "ACK*IA*100*EA").lines
    assert (line.splits[0].unit_price, line.splits[0].currency) == (Decimal("3.5"), meant)
    told = ("'money' is no currency; the order's is meant",) if "CUR*SE*money" in said else ()
    assert issues("855", BAK.format("AC"), *said, PO1, "ACK*IA*100*EA") == told


def test_the_currency_of_one_line_is_not_that_of_the_others() -> None:
    lines = (PO1, "CUR*SE*EUR", "ACK*IA*100*EA", "PO1*2*5*EA*7**BP*BOWL-02", "ACK*IA*5*EA")
    for heading, others in (((), None), (("CUR*BY*USD",), "USD")):
        assert [line.splits[0].currency for line in ack(*heading, *lines).lines] == ["EUR", others]


def test_line_numbers_of_their_own_are_not_ours() -> None:
    (line,) = ack("PO1*000010*5*EA***BP*M*VP*A-77", "ACK*IA*5*EA", echoes_line_numbers=False).lines
    assert (line.line.line_no, line.line.sku, line.line.supplier_sku) == (None, "M", "A-77")
    (line,) = ack("PO1*000010*5*EA***BP*M*VP*A-77", "ACK*IA*5*EA").lines
    assert line.line.line_no == 10


def test_ten_thousand_lines_are_read() -> None:
    lines = [part for n in range(1, 10_001) for part in (f"PO1*{n}*{n}*EA*1.25**BP*SKU-{n}", f"ACK*IA*{n}*EA")]
    read = ack(*lines).lines
    assert len(read) == 10_000 and isinstance(read[-1], AckLine) and read[-1].splits[0].quantity == 10_000


def test_a_date_that_the_profile_cannot_place_is_told_and_not_dropped_in_silence() -> None:
    said = (BAK.format("AC"), "DTM*004*20261118", PO1, "DTM*037*20261121", "ACK*IA*100*EA*999*20261203")
    assert issues("855", *said) == (
        "855 0001: line 1: '20261203' is left out: the profile does not know what '999' dates",
    )
    assert issues("855", *said, delivery_dates=["999"]) == ()


def test_a_period_in_place_of_a_day_is_told() -> None:
    said = (BAK.format("AC"), PO1, "ACK*IA*100*EA", "DTM*067****RD8*20261203-20261210")
    assert issues("855", *said) == ("855 0001: line 1: '20261203-20261210' (RD8) is no day, and is left out",)


def test_a_schedule_adds_its_days_to_what_the_part_has() -> None:
    (line,) = ack(
        PO1, "ACK*IA*100*EA", "DTM*068*20261130", "SCH*60*EA***067*20261203", "SCH*40*EA***067*20261210"
    ).lines
    days = [(split.quantity, split.ship_on, split.deliver_on) for split in line.splits]
    left = date(2026, 11, 30)
    assert days == [(60, left, date(2026, 12, 3)), (40, left, date(2026, 12, 10))]


def test_the_answer_to_a_component_is_not_the_line_s() -> None:
    assert parts("ACK*IA*100*EA", "SLN*1**A*200*EA", "ACK*IR*200*EA", "SLN*2**A*50*EA", "ACK*IB*50*EA") == [
        ("accepted", 100)
    ]


@pytest.mark.parametrize("named", ["VN*V-1*VS*V-2", "BP*MUG-01*VN*V-2", "UP*0123*VN*V-1*VS*V-2", "VN*V-2"])
def test_a_substitute_is_the_item_that_was_not_ordered(named: str) -> None:
    (line,) = ack("PO1*1*100*EA*3.5**BP*MUG-01*VN*V-1*UP*0123", f"ACK*IS*100*EA****{named}").lines
    assert [split.substitute for split in line.splits] == ["V-2"]


def test_pieces_are_no_cases() -> None:
    assert "'PC'" in asked("PO1*1*48*PC*3.5**BP*MUG-01", "ACK*IA*48*PC", unit="CA")
    assert ack("PO1*1*48*PC*3.5**BP*MUG-01", "ACK*IA*48*UN", unit="PC").lines[0].splits[0].quantity == 48


@pytest.mark.parametrize(("purpose", "revision"), [("00", 0), ("06", 0), ("04", AS_IT_STANDS), ("05", AS_IT_STANDS)])
def test_an_answer_in_place_of_another_is_about_the_order_as_it_stands(purpose: str, revision: int) -> None:
    """Else it would be passed over as soon as a change of the order is agreed."""
    (event,) = events("855", f"BAK*{purpose}*AC*PO-1001*20261118", PO1, "ACK*DR*100*EA*067*20270110")
    assert isinstance(event, OrderAck)
    assert event.revision == revision
