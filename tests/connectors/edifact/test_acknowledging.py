"""The CONTRL that is owed: when, about what, and never about another CONTRL."""

import pytest
from mockedi import edifact as mock_edifact

from connectors.suppliers.interface import FILE_NAME, Inward, Reply
from domain.supplier_events import SyntaxAck
from tests.connectors.edifact.judges import segments_by_pydifact
from tests.connectors.edifact.shop import IDS, codec, inward, message

ASKED = message("BGM+231+A1+29", "RFF+ON:PO-1")
NOT_ASKED = message("BGM+231+A1+29", "RFF+ON:PO-1", unb="")
A_CONTRL = message("UCI+17+5412345000013:14+4012345500004:14+7", kind="CONTRL")


def answered(document: str | bytes, **settings: object) -> list[list[str]]:
    """The segments of our CONTRL messages as pydifact cuts them."""
    reply = codec(**settings).acknowledge(inward(document), IDS)
    assert reply is not None and not reply.at_once
    return segments_by_pydifact(reply.body)


def test_what_could_be_read_is_acknowledged_with_its_own_reference_and_addresses() -> None:
    assert answered(ASKED) == [
        ["UNB", "UNOC:3", "5412345000013:14", "4012345500004:14", "261122:1015", "17"],
        ["UNH", "1", "CONTRL:D:3:UN"],
        ["UCI", "17", "4012345500004:14", "5412345000013:14", "7"],
        ["UNT", "3", "1"],
        ["UNZ", "1", "17"],
    ]


def test_mock_edi_reads_our_contrl() -> None:
    reply = codec().acknowledge(inward(ASKED), IDS)
    assert isinstance(reply, Reply)
    interchange = mock_edifact.parse(reply.body.decode("latin-1"))
    ((contrl,),) = (group.messages for group in interchange.groups)
    assert (contrl.code, contrl.version, contrl.segments[1].get(4)) == ("CONTRL", "D:3:UN", "7")
    assert not interchange.ack_requested
    assert (reply.content_type, reply.headers[FILE_NAME]) == ("application/EDIFACT", "00000000000017-CONTRL.edi")


def test_what_could_not_be_read_is_refused_if_its_envelope_can_be() -> None:
    empty = ASKED.split("UNH")[0]
    assert [segment for segment in answered(empty) if segment[0] == "UCI"] == [
        ["UCI", "17", "4012345500004:14", "5412345000013:14", "4", "18"]
    ]


def test_each_interchange_of_a_file_has_its_own_contrl() -> None:
    both = ASKED + ASKED.replace("+17+", "+18+").replace("+17'", "+18'")
    assert [segment[:2] for segment in answered(both) if segment[0] in {"UCI", "UNZ"}] == [
        ["UCI", "17"],
        ["UCI", "18"],
        ["UNZ", "2"],
    ]


@pytest.mark.parametrize(
    ("owed", "document", "sent"),
    [
        ("when asked", ASKED, True),
        ("when asked", NOT_ASKED, False),
        ("always", NOT_ASKED, True),
        ("never", ASKED, False),
        ("always", A_CONTRL, False),
    ],
)
def test_it_is_sent_as_the_profile_has_it_and_never_for_a_contrl(owed: str, document: str, sent: bool) -> None:
    assert (codec(contrl_owed=owed).acknowledge(inward(document), IDS) is not None) is sent
    assert codec(contrl_owed=owed).capabilities.acknowledges is (owed != "never")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no EDIFACT",
        b"UNB",
        ASKED.replace("+17++++1'UNH", "+" + "9" * 15 + "++++1'UNH").encode(),
    ],
)
def test_what_nobody_can_be_told_of_is_not_acknowledged(body: bytes) -> None:
    assert codec(contrl_owed="always").acknowledge(Inward(body=body, headers={}), IDS) is None


def test_delimiters_in_their_names_do_not_get_out() -> None:
    theirs = ASKED.replace("4012345500004:14", "A?'?+?:??B:14")
    assert ["UCI", "17", "A'+:?B:14", "5412345000013:14", "7"] in answered(theirs, partner_id="A'+:?B")


def test_a_document_of_others_is_not_acknowledged() -> None:
    assert codec(contrl_owed="always", partner_id="4099999999999").acknowledge(inward(ASKED), IDS) is None


def test_our_own_contrl_would_be_understood_by_us() -> None:
    reply = codec().acknowledge(inward(ASKED), IDS)
    assert reply is not None
    assert codec().decode(inward(reply.body)).events == (SyntaxAck(control_number=17),)


@pytest.mark.parametrize(("errors", "accepted"), [(["+26"], True), (["+26", "+12"], False), ([""], False)])
def test_a_contrl_for_what_came_twice_says_that_the_first_was_read(errors: list[str], accepted: bool) -> None:
    of_message = [f"UCM+1+ORDERS:D:96A:UN+4{error}" for error in errors[1:]]
    refused = message(f"UCI+17+A:14+B:14+4{errors[0]}", *of_message, kind="CONTRL")
    (ack,) = codec().decode(inward(refused)).events
    assert isinstance(ack, SyntaxAck)
    assert ack.accepted == accepted
