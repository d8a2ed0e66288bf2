"""865: answers to our changes and cancellations, and what a seller changes by itself."""

import pytest

from domain.supplier_events import AS_IT_STANDS, NONE_NAMED, ChangeAck, ChangeVerdict, OrderAck, Unmatched
from tests.connectors.x12.partners import events, issues

BCA = "BCA*{}*{}*PO-1001**{}*20261118"
LINES = {"AC": "lines", "AD": "lines", "RD": "withdrawn", "AT": "accepted", "RJ": "refused"}


def answer(code: str, *segments: str, revision: str = "2", purpose: str = "00", **settings: object) -> ChangeAck:
    (event,) = events("865", BCA.format(purpose, code, revision), *segments, **({"change_codes": LINES} | settings))
    assert isinstance(event, ChangeAck) and event.po_number == "PO-1001"
    return event


def standing(said: ChangeAck) -> list[tuple[int | None, list[tuple[str, int]]]]:
    return [
        (line.line.line_no, [(split.status.value, int(split.quantity)) for split in line.splits]) for line in said.lines
    ]


@pytest.mark.parametrize("code", ["AC", "AD", "AT", "RD", "RJ", "AK", ""])
def test_a_code_that_the_profile_does_not_name_is_unclear(code: str) -> None:
    said = answer(code, "POC*1*QD*30**EA***BP*M", "ACK*IA*30*EA", change_codes={})
    assert said.verdict is ChangeVerdict.UNCLEAR and said.reason == f"code {code}".strip()


def test_the_profile_says_what_a_code_means() -> None:
    assert answer("AT").verdict is ChangeVerdict.ACCEPTED
    assert answer("RJ", "MSG*too late").reason == "too late"
    assert answer("RJ").verdict is ChangeVerdict.REFUSED


def test_the_change_is_named_by_its_number() -> None:
    assert answer("AT", revision="00000002").revision == 2


@pytest.mark.parametrize("revision", ["", "A1", "0", "1234567890"])
def test_an_answer_without_a_number_is_of_the_change_in_flight(revision: str) -> None:
    assert answer("AT", revision=revision).revision == NONE_NAMED


def test_a_number_that_is_none_of_ours_is_an_issue() -> None:
    assert issues("865", BCA.format("00", "AT", "A1")) == (
        "865 0001: the change it answers, 'A1' (BCA05), is no number of ours",
    )


def test_lines_tell_how_they_now_stand() -> None:
    said = answer(
        "AC",
        "POC*1*QD*30**EA***BP*M",
        "ACK*IA*30*EA",
        "POC*2*QI*50**EA***BP*N",
        "ACK*IQ*40*EA",
        "ACK*IB*10*EA",
        "POC*3*DI*5**EA***BP*O",
        "ACK*IA*0*EA",
        "POC*4*CA*9**EA***BP*P",
        "ACK*ID*0*EA",
    )
    assert said.verdict is ChangeVerdict.PARTLY
    assert standing(said) == [
        (1, [("accepted", 30)]),
        (2, [("accepted", 40), ("backordered", 10)]),
        (3, [("rejected", 5)]),
        (4, [("rejected", 9)]),
    ]


def test_a_refused_change_of_a_line_leaves_it_as_it_was() -> None:
    said = answer("AC", "POC*1*QD*30**EA***BP*M", "ACK*IA*30*EA", "POC*2*QD*1**EA***BP*N", "ACK*IR*0*EA")
    assert said.verdict is ChangeVerdict.PARTLY and [line.line.line_no for line in said.lines] == [1]
    none = answer("AC", "POC*2*QD*1**EA***BP*N", "ACK*IR*0*EA", "REF*ZZ**shipped")
    assert (none.verdict, none.reason) == (ChangeVerdict.REFUSED, "shipped")


def test_a_rejected_deletion_is_the_profile_s_to_read() -> None:
    said = ("POC*1*DI*12**EA***BP*M", "ACK*IR*0*EA")
    assert answer("AC", *said).verdict is ChangeVerdict.UNCLEAR
    assert answer("AC", *said, deletion_rejected="stands").verdict is ChangeVerdict.REFUSED
    assert standing(answer("AC", *said, deletion_rejected="deleted")) == [(1, [("rejected", 12)])]


def test_an_order_whose_every_line_is_rejected_is_withdrawn_where_the_profile_says_so() -> None:
    gone = ("POC*1*CA*12**EA***BP*M", "ACK*IR*0*EA", "POC*2*CA*5**EA***BP*N", "ACK*IR*0*EA")
    assert answer("RD", *gone).verdict is ChangeVerdict.ACCEPTED
    asked = ("POC*1*QD*12**EA***BP*M", "ACK*IR*0*EA")
    assert answer("RD", *asked).verdict is ChangeVerdict.REFUSED


def test_lines_that_cannot_be_read_make_the_answer_unclear() -> None:
    said = answer("AC", "POC*1*QD*30**EA***BP*M", "ACK*IA*x*EA")
    assert said.verdict is ChangeVerdict.UNCLEAR and "line 1" in said.reason
    assert answer("AC").verdict is ChangeVerdict.UNCLEAR


OWN = ("POC*1*QD*30**EA***BP*M", "ACK*IA*30*EA*067*20261201", "POC*2*DI*5**EA***BP*N", "POC*3*NC*7**EA***BP*O")


@pytest.mark.parametrize(
    ("purpose", "revision", "settings"), [("06", "3", {}), ("06", "", {}), ("00", "", {"unnumbered_865": "own"})]
)
def test_a_seller_s_own_change_is_how_the_order_now_stands(
    purpose: str, revision: str, settings: dict[str, object]
) -> None:
    (event,) = events("865", BCA.format(purpose, "AT", revision), *OWN, **settings)
    assert isinstance(event, OrderAck) and event.accepted and event.revision == AS_IT_STANDS
    found = [(line.line.line_no, line.splits[0].status.value, int(line.splits[0].quantity)) for line in event.lines]
    assert found == [(1, "accepted", 30), (2, "rejected", 5), (3, "accepted", 7)]


def test_a_seller_cancels_an_order() -> None:
    (event,) = events("865", BCA.format("01", "AC", ""), unnumbered_865="own")
    assert isinstance(event, OrderAck) and not event.accepted


def test_a_seller_s_change_that_names_no_line_goes_to_a_person() -> None:
    (event,) = events("865", BCA.format("06", "AC", ""))
    assert isinstance(event, Unmatched) and event.po_number == "PO-1001"


@pytest.mark.parametrize(("purpose", "kind"), [("00", ChangeAck), ("06", OrderAck)])
def test_another_price_that_cannot_be_read_is_asked_about_beside_the_answer(purpose: str, kind: type) -> None:
    bca = BCA.format(purpose, "AC", "2")
    said, question = events("865", bca, "POC*1*QD*30**EA*17,76**BP*M", "ACK*IP*30*EA", change_codes=LINES)
    assert isinstance(said, ChangeAck | OrderAck) and isinstance(said, kind)
    assert said.lines[0].splits[0].quantity == 30
    assert isinstance(question, Unmatched) and "accepted at another price (IP)" in question.what
