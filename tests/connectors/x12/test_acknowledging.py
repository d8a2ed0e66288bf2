"""997 and TA1: those that come, and those that we owe, judged by others."""

from datetime import UTC, datetime

import mockedi.ack
import mockedi.validate
import mockedi.x12
import pytest
import x12

from connectors.suppliers.interface import FILE_NAME, WireIds
from connectors.suppliers.x12.wire import wire_number
from domain.supplier_events import Hint, SyntaxAck, Unmatched
from tests.connectors.x12.partners import codec, document, events, inward

IDS = WireIds(operation_id="ack", control_number=5, written_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC))
ANSWER = ("BAK*00*AD*PO-1001*20261118", "CTT*0")
WHOLE = document("855", *ANSWER)


def owed(body: bytes, **settings: object) -> list[str]:
    """The segments of what we owe, between the envelopes, as judged to be sound by two others."""
    reply = codec(**settings).acknowledge(inward(body), IDS)
    if reply is None:
        return []
    assert reply.headers[FILE_NAME].endswith("000000005.edi") and not reply.at_once
    interchange = mockedi.x12.parse(reply.body.decode())
    report = mockedi.validate.validate(interchange, strict=True)
    assert not report.interchange_findings and not report.group_errors, mockedi.ack.explain(report)
    assert all(one.clean for one in report.messages), mockedi.ack.explain(report)
    x12.parse_x12_interchange(x12.tokenize_x12(reply.body))
    return [
        segment
        for segment in reply.body.decode().split("~")
        if segment[:3] not in {"ISA", "GS*", "ST*", "SE*", "GE*", "IEA"} and segment
    ]


def test_a_document_that_was_read_is_accepted() -> None:
    assert owed(WHOLE) == ["AK1*PR*41", "AK2*855*0001", "AK5*A", "AK9*A*1*1*1"]


def test_what_we_owe_goes_to_the_partner_from_us() -> None:
    reply = codec(usage="P").acknowledge(inward(WHOLE), IDS)
    assert reply is not None
    assert reply.body.decode().split("~")[:2] == [
        "ISA*00*          *00*          *ZZ*SHOP           *ZZ*SUPPLIER       *261120*0930*U*00401*000000005*0*P*>",
        "GS*FA*SHOP*SUPPLIER*20261120*0930*5*X*004010",
    ]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [((b"SE*4*", b"SE*9*"), "4"), ((b"SE*4*0001", b"SE*4*0002"), "3"), ((b"SE*4*0001~\n", b""), "2")],
)
def test_a_document_that_was_read_in_spite_of_damage(damage: tuple[bytes, bytes], fault: str) -> None:
    assert owed(WHOLE.replace(*damage)) == ["AK1*PR*41", "AK2*855*0001", f"AK5*E*{fault}", "AK9*E*1*1*1"]


def test_a_set_that_is_not_read_is_rejected_and_the_others_are_not() -> None:
    two = WHOLE.replace(b"GE*1*41", b"ST*820*0002~\nBPR*I~\nSE*3*0002~\nGE*2*41")
    assert owed(two) == ["AK1*PR*41", "AK2*855*0001", "AK5*A", "AK2*820*0002", "AK5*R*1", "AK9*P*2*2*1"]


def test_an_order_that_went_astray_is_rejected_and_its_envelope_is_not() -> None:
    astray = WHOLE.replace(b"ST*855", b"ST*850").replace(b"GS*PR", b"GS*PO")
    envelope, *sets = owed(astray, wants_ta1=True)
    assert envelope == "TA1*000000041*261120*0930*A*000"
    assert sets == ["AK1*PO*41", "AK2*850*0001", "AK5*R*1", "AK9*R*1*1*0"]


def test_a_set_without_its_beginning_is_rejected() -> None:
    assert owed(document("855", "REF*ZZ*1")) == ["AK1*PR*41", "AK2*855*0001", "AK5*R*5", "AK9*R*1*1*0"]


def test_nothing_of_a_document_that_was_cut_off_is_accepted() -> None:
    cut = WHOLE[: WHOLE.index(b"CTT")]
    assert owed(cut) == ["AK1*PR*41", "AK2*855*0001", "AK5*R*2", "AK9*R*1*1*0"]
    assert owed(cut, wants_ta1=True)[0] == "TA1*000000041*261120*0930*R*023"


def test_a_ta1_is_written_where_it_is_agreed_or_asked_for() -> None:
    accepted = "TA1*000000041*261120*0930*A*000"
    assert owed(WHOLE, wants_ta1=True)[0] == accepted
    assert owed(WHOLE, wants_ta1=True, wants_997=False) == [accepted]
    assert owed(WHOLE.replace(b"*0*P*>", b"*1*P*>"), wants_997=False) == [accepted]


def test_an_interchange_without_a_group_is_rejected_as_such() -> None:
    empty = WHOLE[: WHOLE.index(b"GS*")] + b"TA2*~IEA*0*000000041~"
    assert owed(empty) == ["TA1*000000041*261120*0930*R*022"]
    no_group_number = WHOLE.replace(b"0930*41*X", b"0930**X")
    assert owed(no_group_number) == ["TA1*000000041*261120*0930*A*000"]


def test_nothing_is_owed_for_an_acknowledgement_or_to_a_stranger_or_for_no_document() -> None:
    assert owed(document("997", "AK1*PO*17", "AK9*A*1*1*1")) == []
    assert owed(document("997", "AK1*PO*17", "AK9*A*1*1*1"), wants_ta1=True) == []
    assert owed(WHOLE, partner_id="OTHER") == []
    assert owed(WHOLE, usage="T") == []
    assert owed(b"garbage") == []
    assert owed(WHOLE, wants_997=False) == []


def test_the_same_document_gives_the_same_acknowledgement() -> None:
    assert codec().acknowledge(inward(WHOLE), IDS) == codec().acknowledge(inward(WHOLE), IDS)


@pytest.mark.parametrize("number", [1, 9_999, 999_999_999])
@pytest.mark.parametrize(("code", "accepted"), [("A", True), ("E", True), ("R", False), ("M", False)])
def test_a_997_gives_back_the_number_of_the_document(number: int, code: str, accepted: bool) -> None:
    said = ("AK2*850*0001", f"AK5*{code}", f"AK9*{code}*1*1*1")
    (ack,) = events("997", f"AK1*PO*{number}", *said)
    assert isinstance(ack, SyntaxAck)
    assert (ack.control_number, ack.accepted, ack.po_number) == (number, accepted, None)


def test_a_997_without_sets_is_read_by_its_group() -> None:
    (ack,) = events("997", "AK1*PO*17", "AK9*R*1*1*0")
    assert isinstance(ack, SyntaxAck) and not ack.accepted


def test_a_997_of_a_997_says_nothing() -> None:
    assert events("997", "AK1*FA*17", "AK9*A*1*1*1") == ()


@pytest.mark.parametrize(
    "said", [["AK1*PO*x", "AK9*A"], ["AK1*PO*17"], ["AK9*A*1*1*1"], ["AK1*PO*1234567890", "AK9*A"]]
)
def test_a_997_that_says_nothing_readable_goes_to_a_person(said: list[str]) -> None:
    (event,) = events("997", *said)
    assert isinstance(event, Unmatched)


def ta1(segment: str, **settings: object) -> object:
    head = WHOLE[: WHOLE.index(b"GS*")].decode()
    (event,) = codec(**settings).decode(inward(f"{head}{segment}~\nIEA*0*000000041~".encode())).events
    return event


def test_a_ta1_that_accepts_counts_only_without_997s() -> None:
    accepts = "TA1*000000017*261120*0930*A*000"
    assert isinstance(ta1(accepts), Hint)
    assert ta1(accepts, sends_997=False, sends_ta1=True) == SyntaxAck(control_number=17)


def test_a_ta1_that_rejects_always_counts() -> None:
    said = ta1("TA1*000000017*261120*0930*R*006")
    assert said == SyntaxAck(control_number=17, accepted=False, reason="our identifier is not known")


def test_a_ta1_about_a_repeat_says_that_the_first_arrived() -> None:
    repeat = "TA1*000000017*261120*0930*R*025"
    assert isinstance(ta1(repeat), Hint)
    said = ta1(repeat, sends_997=False)
    assert isinstance(said, SyntaxAck) and said.accepted


@pytest.mark.parametrize("segment", ["TA1*", "TA1*x*261120*0930*A*000", "TA1*17*261120*0930*Q*000"])
def test_a_ta1_that_says_nothing_readable_goes_to_a_person(segment: str) -> None:
    assert isinstance(ta1(segment), Unmatched)


def test_control_numbers_are_wrapped_at_nine_digits() -> None:
    assert [wire_number(n) for n in (1, 999_999_999, 1_000_000_000, 2_000_000_000)] == [1, 999_999_999, 1, 2]


@pytest.mark.parametrize(("faults", "accepted"), [("*23", True), ("*5", False), ("*5*23", False), ("", False)])
def test_a_997_for_what_came_twice_says_that_the_first_was_read(faults: str, accepted: bool) -> None:
    (ack,) = events("997", "AK1*PO*17", "AK2*850*0001", f"AK5*R{faults}", "AK9*R*1*1*0")
    assert isinstance(ack, SyntaxAck)
    assert ack.accepted == accepted
