"""Damage that real documents come with is survived and told; what cannot be read is `Undecodable`."""

import pytest

from connectors.errors import Undecodable
from connectors.suppliers.issues import MOST_ISSUES
from connectors.suppliers.x12.syntax import LARGEST_DOCUMENT, MOST_INTERCHANGES
from domain.supplier_events import OrderAck, SupplierEvent
from tests.connectors.x12.partners import codec, document, inward

SEGMENTS = ("BAK*00*AC*PO-1001*20261118", "PO1*1*5*EA***BP*MUG-01", "ACK*IA*5*EA", "CTT*1")
WHOLE = document("855", *SEGMENTS)
TEXT = WHOLE.decode()


def read(text: str | bytes) -> tuple[tuple[SupplierEvent, ...], tuple[str, ...]]:
    decoded = codec().decode(inward(text if isinstance(text, bytes) else text.encode()))
    return decoded.events, decoded.issues


(EXPECTED,), NO_ISSUES = read(WHOLE)


def test_a_whole_document_has_no_issues() -> None:
    assert isinstance(EXPECTED, OrderAck) and len(EXPECTED.lines) == 1
    assert NO_ISSUES == ()


@pytest.mark.parametrize(
    "harmless",
    [
        TEXT.replace("~\n", "~"),
        TEXT.replace("~\n", "~\r\n  "),
        TEXT.replace("~\n", "|"),
        TEXT.replace("~\n", "\n"),
        TEXT.replace("~\n", "\r\n"),
        TEXT.replace("~\n", "\r"),
        TEXT.replace("*", "|").replace(">", ":"),
        TEXT.replace("*", "\x1d").replace("~\n", "\x1c"),
        "\r\n\r\n" + TEXT + "\n\n",
        TEXT.replace("00401", "00204"),
        TEXT.replace("U*00401", "^*00501"),
    ],
)
def test_delimiters_are_found(harmless: str) -> None:
    assert read(harmless) == ((EXPECTED,), ())


@pytest.mark.parametrize(
    ("damaged", "told"),
    [
        (b"\xef\xbb\xbf" + WHOLE, "starts with a byte-order mark"),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), "starts with a byte-order mark"),
        (TEXT.replace("CTT*1", "CTT*1****caf\xe9").encode("latin-1"), "UTF-8"),
        (TEXT.replace("SUPPLIER       ", "SUPPLIER"), "fixed width"),
        (TEXT.replace("*          *00*          *", "**00**"), "fixed width"),
        (TEXT.replace("*0*P*>~", "*0*P~"), "15 elements"),
        (TEXT.replace("*0*P*>~", "*0*P~").replace("~\n", "\n"), "15 elements"),
        (TEXT.replace("*0*P*>~", "*0*P*>").replace("~\n", "\n"), None),
        (TEXT.replace("*0*P*>~\n", "~\n"), "13 elements"),
        (TEXT.replace("SE*6", "SE*66"), "(SE01)"),
        (TEXT.replace("SE*6*0001", "SE*6*0002"), "(SE02)"),
        (TEXT.replace("SE*6*0001", "SE"), "(SE01)"),
        (TEXT.replace("SE*6*0001~\n", ""), "has no SE"),
        (TEXT.replace("GE*1*41", "GE*9*41"), "(GE01)"),
        (TEXT.replace("GE*1*41", "GE*1*42"), "(GE02)"),
        (TEXT.replace("GE*1*41~\n", ""), None),
        (TEXT.replace("IEA*1*", "IEA*7*"), "(IEA01)"),
        (TEXT.replace("IEA*1*000000041", "IEA*1*1"), "(IEA02)"),
        (TEXT.replace("IEA*1*000000041~\n", ""), "has no IEA"),
        (TEXT.replace("GE*1*41~\nIEA*1*000000041~\n", ""), "has no IEA"),
        (TEXT.replace("SE*6*0001~\nGE*1*41~\nIEA*1*000000041~\n", ""), "without the SE"),
        (TEXT.replace("GS*PR*", "GS*IN*"), "(GS01)"),
        (TEXT.replace(TEXT[TEXT.index("GS*") : TEXT.index("ST*")], "").replace("*P*>~", "*P*>~\nTA1*1~"), "no GS"),
        (TEXT.replace("EA***BP*MUG-01~\n", "EA***BP*MUG-01\n"), "lost its terminator"),
        (TEXT.replace("ST*855*0001", "ST*855"), "(ST02)"),
        (TEXT + "\x00\x00garbage", "behind the IEA"),
        ("Content-Type: text/plain\n\n" + TEXT, "before the ISA"),
    ],
)
def test_damage_is_survived_and_told(damaged: str | bytes, told: str | None) -> None:
    events, issues = read(damaged)
    assert [event for event in events if isinstance(event, OrderAck)] == [EXPECTED]
    assert told is None or any(told in issue for issue in issues), issues


def test_a_file_cut_into_lines_of_one_length_is_joined() -> None:
    flat = TEXT.replace("~\n", "~")
    assert read("\r\n".join(flat[n : n + 80] for n in range(0, len(flat), 80)))[0] == (EXPECTED,)


def test_several_interchanges_in_a_file() -> None:
    other = document("855", *SEGMENTS, control=42).decode().replace("*", "|").replace("PO-1001", "PO-1002")
    events, issues = read(TEXT + other)
    assert [event.po_number for event in events] == ["PO-1001", "PO-1002"] and issues == ()


def test_an_item_called_isa_begins_nothing() -> None:
    text = TEXT.replace("MUG-01", "ISA").replace("CTT*1", "REF*ZZ**VISA*ISA*x~\nCTT*1").replace("SE*6", "SE*7")
    events, issues = read(text)
    assert len(events) == 1 and issues == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00" * 100,
        b"hello",
        b"ISA",
        b"ISA*",
        WHOLE[:80],
        WHOLE[:106],
        b"UNB+UNOA:1+A+B+200101:0900+1'",
        b"<?xml version='1.0'?><cXML/>",
        b"ISA*00*" * 50,
        WHOLE.replace(b"ST*855", b"ST*820"),
        b" " * (LARGEST_DOCUMENT + 1),
        WHOLE * (MOST_INTERCHANGES + 1),
    ],
)
def test_what_is_no_document_of_ours_is_undecodable(body: bytes) -> None:
    with pytest.raises(Undecodable) as refused:
        codec().decode(inward(body))
    assert len(str(refused.value)) < 600 and str(refused.value).isprintable()


@pytest.mark.parametrize("end", range(WHOLE.index(b"BAK"), WHOLE.index(b"CTT")))
def test_a_document_cut_off_is_not_read_in_part(end: int) -> None:
    with pytest.raises(Undecodable, match="ask for it again"):
        codec().decode(inward(WHOLE[:end]))


def test_issues_are_not_endless() -> None:
    lines = [f"PO1*{n}*5*EA***BP*MUG" for n in range(1, 200)]
    body = document("855", "BAK*00*AC*PO-1001*20261118", *[s for one in lines for s in (one, "ACK*IA*5*EA*067*x")])
    issues = codec().decode(inward(body)).issues
    assert len(issues) == MOST_ISSUES + 1 and issues[-1] == f"and {199 - MOST_ISSUES} more"


def test_the_same_bytes_have_the_same_key_and_others_another() -> None:
    def key(body: bytes) -> str:
        return codec().decode(inward(body)).dedupe_key

    assert key(WHOLE) == key(WHOLE) == key(WHOLE.replace(b"~\n", b"~"))
    assert key(WHOLE).startswith("x12/SUPPLIER/000000041/2611200930/41/0001/")
    assert key(WHOLE.replace(b"PO-1001", b"PO-1002")) != key(WHOLE), "a partner that never counts"
    assert key(document("855", *SEGMENTS, control=42)) != key(WHOLE)
    assert key(WHOLE.replace(b"*261120*", b"*271120*")) != key(WHOLE), "a partner that numbers anew"
    unnumbered = WHOLE.replace(b"*000000041*0*P", b"**0*P")
    assert key(unnumbered) != key(unnumbered.replace(b"PO-1001", b"PO-1002"))
    many = TEXT.replace("SUPPLIER       ", "S" * 90)
    assert len(key(many.encode())) <= 100


def test_who_speaks_to_whom_is_checked() -> None:
    codec().addressed(inward(WHOLE))
    codec().addressed(inward(b"garbage that decode will report"))
    codec(partner_id="supplier").addressed(inward(WHOLE))
    for settings, word in (
        ({"partner_id": "OTHER"}, "ISA06"),
        ({"our_id": "OTHER"}, "ISA08"),
        ({"usage": "T"}, "ISA15"),
    ):
        with pytest.raises(Undecodable, match=word):
            codec(**settings).addressed(inward(WHOLE))


def test_each_interchange_of_a_file_is_checked() -> None:
    stranger = document("855", *SEGMENTS, control=42).replace(b"ZZ*SUPPLIER", b"ZZ*STRANGER")
    with pytest.raises(Undecodable, match="STRANGER"):
        codec().addressed(inward(WHOLE + stranger))
