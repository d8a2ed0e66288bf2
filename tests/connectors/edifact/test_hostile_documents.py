"""Nothing that comes in as EDIFACT can hurt: it is read, or turned away with words; time grows with its size only."""

import tracemalloc

import pytest

from connectors.errors import Undecodable
from connectors.suppliers.edifact.interchange import MOST_MESSAGES
from connectors.suppliers.edifact.syntax import LARGEST_MESSAGE, MOST_SEGMENTS, read_segments, written
from connectors.suppliers.issues import MOST_ISSUES, Issues
from domain.supplier_events import OrderAck
from tests.connectors.edifact.shop import codec, inward, message
from tests.connectors.fuzz import FORMATS, damaged, try_one

HEAD = "UNB+UNOC:3+4012345500004:14+5412345000013:14+261122:0900+17'"


def test_damaged_documents_are_read_or_turned_away() -> None:
    edifact, samples = FORMATS["edifact"]()
    readable = sum(try_one(edifact, body) for body in damaged(samples, 2000))
    assert 1000 < readable < 2000


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"", "does not start with UNA or UNB"),
        (b"ISA*00*", "does not start with UNA or UNB"),
        (b"\xff\xfeU\x00N\x00B\x00", "does not start with UNA or UNB"),
        (b"UNA", "ends within its UNA"),
        (b"UNA:+.? ", "ends within its UNA"),
        (b"UNA++.? 'UNB+", "cannot be told apart"),
        (b"UNA:+.?  UNB+", "cannot be told apart"),
        (b"UNAA+.? 'UNB+", "cannot be told apart"),
        (b"UNA:+.+ 'UNB+", "cannot be told apart"),
        (b"UNA:+.? '", "does not start with UNA or UNB"),
        (b"UNBX+UNOC:3'", "UNB that can be read"),
        (HEAD.encode(), "holds no message"),
        (HEAD.encode() + b"UNZ+0+17'", "holds no message"),
        (message("BGM+231+A+29", "RFF+ON:PO-1").encode()[:-30], "cut off within a message"),
        (b"x" * (LARGEST_MESSAGE + 1), "larger than"),
        (HEAD.encode() + b"'" * (MOST_SEGMENTS + 1), "more than 200000 segments"),
        (HEAD.encode() + b"UNH+1+ORDRSP'" * (MOST_MESSAGES + 1), "more than 1000 messages"),
    ],
)
def test_what_is_no_edifact_is_turned_away_with_words(body: bytes, wrong: str) -> None:
    with pytest.raises(Undecodable, match=wrong):
        codec().decode(inward(body))
    codec().addressed(inward(body))  # whose it is cannot be said


def test_a_document_with_the_separators_of_level_b_is_read() -> None:
    body = message("BGM+231+A+29", "RFF+ON:PO-1").translate(str.maketrans("+:'", "\x1d\x1f\x1c"))
    (ack,) = codec().decode(inward(body)).events
    assert isinstance(ack, OrderAck) and ack.po_number == "PO-1"


def test_a_document_with_a_segment_on_each_line_and_no_terminator_is_read() -> None:
    decoded = codec().decode(inward(message("BGM+231+A+29", "RFF+ON:PO-1").replace("'", "\r\n")))
    (ack,) = decoded.events
    assert isinstance(ack, OrderAck) and ack.po_number == "PO-1"
    assert any("each line is taken for one" in issue for issue in decoded.issues)


def test_released_characters_are_data_however_many_there_are() -> None:
    awkward = ["?", "??", "'", "?'", "a+b:c", "'+:?'", "", "x?"]
    text = HEAD + written("FTX", "AAI", tuple(awkward)) + "UNZ+1'"
    ftx = read_segments(text.encode(), Issues()).segments[1]
    assert ftx.elements[1] == awkward


def test_issues_are_few_and_short_however_broken_a_document_is() -> None:
    lines = [f"LIN+1+{n}+A:SA'QTY+21:{n}x{'9' * 900}" for n in range(100, 400)]
    issues = codec().decode(inward(message("BGM+231+A+4", "RFF+ON:PO-1", *lines))).issues
    assert len(issues) == MOST_ISSUES + 1 and issues[-1].endswith(" more")
    assert max(map(len, issues)) <= 500


def test_names_that_no_ledger_can_keep_are_left_out() -> None:
    long = "9" * 201
    decoded = codec().decode(
        inward(message(f"BGM+231+{long}+4", "RFF+ON:PO-1", f"LIN+1+7+{long}:SA", "PIA+1+A\x00B:IN"))
    )
    (ack,) = decoded.events
    assert isinstance(ack, OrderAck) and ack.supplier_order_no is None
    assert (ack.lines[0].line.sku, ack.lines[0].line.supplier_sku) == (None, None)
    assert sum("too long or cannot be printed" in issue for issue in decoded.issues) == 3


@pytest.mark.parametrize(
    "segment",
    ["?" * 20_000, "+" * 20_000, "?'" * 10_000, ":" * 20_000, "\n" * 20_000, "QTY+21:1'" * 1_000, "LIN'" * 500],
)
def test_memory_grows_with_the_size_of_a_document_and_no_faster(segment: str) -> None:
    def peak(times: int) -> int:
        body = message("BGM+231+A+4", "RFF+ON:PO-1", "LIN+1", segment * times).encode()
        tracemalloc.start()
        codec().decode(inward(body))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(8) < 12 * peak(1) + 100_000


def test_an_answer_of_ten_thousand_lines_is_read() -> None:
    lines = [f"LIN+{n}+5+A-{n}:SA'QTY+21:10:PCE'QTY+113:10:PCE'DTM+69:20261204:102" for n in range(1, 10_001)]
    (ack,) = codec().decode(inward(message("BGM+231+A+4", "RFF+ON:PO-1", *lines))).events
    assert isinstance(ack, OrderAck) and len(ack.lines) == 10_000
