"""Whatever bytes come: read, or `Undecodable`; and nothing takes longer than its size."""

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.suppliers.x12.syntax import LARGEST_DOCUMENT
from tests.connectors.fuzz import FORMATS, damaged, try_one
from tests.connectors.x12.partners import document

CODEC, SAMPLES = FORMATS["x12"]()
HEAD = document("855", "BAK*00*AC*PO-1001*20261118")
HEAD = HEAD[: HEAD.index(b"SE*")]


def test_mutated_documents_are_read_or_undecodable() -> None:
    read = [try_one(CODEC, body) for body in damaged(SAMPLES, 2_000, seed=4)]
    assert 200 < sum(read) < 1_900, "some of each, or the mutations try nothing"


@hypothesis.settings(deadline=None)
@given(st.binary(max_size=2_000))
def test_arbitrary_bytes_are_read_or_undecodable(body: bytes) -> None:
    try_one(CODEC, body)


@hypothesis.settings(deadline=None)
@given(st.lists(st.lists(st.text(max_size=12), max_size=12), max_size=12))
def test_arbitrary_segments_are_read_or_undecodable(segments: list[list[str]]) -> None:
    text = "~".join("*".join(segment) for segment in segments)
    try_one(CODEC, HEAD + text.encode() + b"~SE*1*0001~GE*1*41~IEA*1*000000041~")


elements = st.sampled_from(
    [
        "",
        "0",
        "1",
        "5",
        "100",
        "IA",
        "IB",
        "IQ",
        "IR",
        "BP",
        "IS",
        "IH",
        "EA",
        "CA",
        "067",
        "068",
        "20261201",
        "VP",
        "X-1",
    ]
)
tags = st.sampled_from(["PO1", "ACK", "SCH", "DTM", "REF", "POC", "BCA", "HL", "PRF", "LIN", "SN1", "CTT", "N1"])


@pytest.mark.parametrize("begin", ["BAK*00*AC*PO-1", "BCA*00*AC*PO-1**2", "BSN*00*S-1*20261121*1600"])
@hypothesis.settings(deadline=None)
@given(segments=st.lists(st.tuples(tags, st.lists(elements, max_size=9)), max_size=15))
def test_likely_segments_in_any_order_are_read_or_undecodable(
    begin: str, segments: list[tuple[str, list[str]]]
) -> None:
    code = {"BAK": "855", "BCA": "865", "BSN": "856"}[begin[:3]]
    body = document(code, begin, *("*".join((tag, *rest)) for tag, rest in segments))
    assert try_one(CODEC, body)


@pytest.mark.parametrize(
    "filling",
    [b"~", b"*", b"\n", b"\r\n ", b"ISA", b"ISA*", b"ISA*0*0*0*0*0*0*0*0*0*0*0", b"PO1*1*1~", b"ACK*IR~", b"GS*~",
     b"HL*1*1*I~SN1*1*1~", b"ST*855*1~", b"\x00", b"A", b"DTM*067*x~", b"SCH*1~"],
)  # fmt: skip
def test_much_of_one_thing_are_read_or_undecodable(filling: bytes) -> None:
    room = LARGEST_DOCUMENT // 25 - len(HEAD)
    try_one(CODEC, HEAD + b"PO1*1*5*EA***BP*M~" + filling * (room // len(filling)))
