"""What the page posts, read into events: every kind of answer, what does not add up, and whatever else may come."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from connectors.errors import Undecodable
from connectors.messages.links import answer_link
from connectors.suppliers.email_portal import links
from connectors.suppliers.email_portal.connector import EmailConnector
from connectors.suppliers.email_portal.form import FormNotRight
from connectors.suppliers.email_portal.links import LinkTooOld, OrderLink
from connectors.suppliers.interface import Inward
from domain.supplier_events import (
    AckLine,
    ChangeAck,
    LineRef,
    NoticeLine,
    OrderAck,
    ShipNotice,
    Split,
    SupplierEvent,
    supplier_event,
)
from tests.connectors.email.conftest import SECRET
from tests.connectors.email.test_written_mails import SETTINGS

CONNECTOR = EmailConnector("cedar", SETTINGS)


def posted(revision: int = 0, **fields: object) -> Inward:
    """A form, by its fields: `now_1` is now-1."""
    content = urlencode({name.replace("_", "-").replace("order-no", "order_no"): str(v) for name, v in fields.items()})
    return message(content.encode(), revision)


def message(body: bytes, revision: int = 0) -> Inward:
    return Inward(body=body, headers={links.ORDER: "PO-1", links.REVISION: str(revision)})


def read(sent: Inward) -> SupplierEvent:
    (event,) = CONNECTOR.decode(sent).events
    return event


def part(status: str, quantity: object, deliver_on: str | None = None, reason: str = "") -> Split:
    return TypeAdapter(Split).validate_python(
        {"status": status, "quantity": str(quantity), "deliver_on": deliver_on, "reason": reason}
    )


def answered(n: int, *splits: Split) -> AckLine:
    return AckLine(line=LineRef(line_no=n), splits=splits)


def test_one_button_confirms_every_line() -> None:
    assert read(posted(do="confirm", asked_1=10, asked_2="4", order_no="S-77")) == OrderAck(
        po_number="PO-1",
        supplier_order_no="S-77",
        lines=(answered(1, part("accepted", 10)), answered(2, part("accepted", 4))),
    )


def test_a_line_is_answered_in_parts() -> None:
    sent = posted(
        do="answer",
        asked_1=10,
        now_1=5,
        now_on_1="2026-12-04",
        later_1=2,
        later_on_1="2027-01-10",
        last_1=1,
        not_1=2,
        why_1="no\nclay",
        asked_2=4,
        not_2=4,
    )
    assert read(sent) == OrderAck(
        po_number="PO-1",
        lines=(
            answered(
                1,
                part("accepted", 5, "2026-12-04"),
                part("backordered", 2, "2027-01-10"),
                part("backordered", 1),
                part("rejected", 2, reason="no clay"),
            ),
            answered(2, part("rejected", 4)),
        ),
    )


def test_the_whole_order_is_refused_only_with_the_box_ticked() -> None:
    with pytest.raises(FormNotRight, match="Tick the box"):
        read(posted(do="refuse", asked_1=10))
    assert read(posted(do="refuse", sure="yes", reason="closed")) == OrderAck(
        po_number="PO-1", accepted=False, reason="closed"
    )


def test_a_change_is_answered_with_yes_no_or_a_part() -> None:
    shown: dict[str, Any] = {"do": "change", "most_1": 8, "came_1": 2}
    assert read(posted(3, verdict="accepted", **shown)) == ChangeAck(po_number="PO-1", revision=3, verdict="accepted")
    assert read(posted(3, verdict="refused", reason="packed", **shown)) == ChangeAck(
        po_number="PO-1", revision=3, verdict="refused", reason="packed"
    )
    # in part: the line's new total counts what has come
    assert read(posted(3, verdict="partly", still_1=5, **shown)) == ChangeAck(
        po_number="PO-1", revision=3, verdict="partly", lines=(answered(1, part("accepted", 7)),)
    )
    for wrong, words in (
        ({"verdict": ""}, "Choose one of the answers"),
        ({"verdict": "partly"}, "Line 1: say how many are still to come"),
        ({"verdict": "partly", "still_1": 9}, "Line 1: at most 8 are still to come"),
    ):
        with pytest.raises(FormNotRight, match=words):
            read(posted(3, **shown, **wrong))


def test_a_shipment_is_told_of() -> None:
    sent = posted(do="ship", most_1=10, shipped_1=6, most_2=4, shipment="LS-1", tracking="TRK", arrives="2026-12-05")
    assert read(sent) == ShipNotice(
        po_number="PO-1",
        shipment_id="LS-1",
        tracking="TRK",
        lines=(NoticeLine(line=LineRef(line_no=1), shipped=Decimal(6), deliver_on=date(2026, 12, 5)),),
    )
    unnamed = [read(posted(do="ship", most_1=10, shipped_1=n)) for n in (6, 6, 5)]
    names = [event.shipment_id for event in unnamed if isinstance(event, ShipNotice)]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"now_1": 6, "later_1": 2}, "now-1", "your numbers make 8, but 10 are ordered. Say of the other 2"),
        ({"now_1": 12}, "now-1", "only 10 are ordered. Take 2 off"),
        ({"now_1": "3.0"}, "now-1", "your numbers make 3, but 10 are ordered. Say of the other 7 "),
        ({"now_1": "10.50"}, "now-1", "your numbers make 10.5, but only 10 are ordered. Take 0.5 off"),
        ({}, "now-1", "say how many of the 10 you deliver"),
        ({"now_1": "a few"}, "now-1", "write a number such as 12"),
        ({"now_1": "1e1"}, "now-1", "write a number such as 12"),
        ({"now_1": "\u0661\u0660"}, "now-1", "write a number such as 12"),
        ({"now_1": "99999999"}, "now-1", "write a number such as 12"),
        ({"now_1": 10, "now_on_1": "soon"}, "now-on-1", "write the date as year, month and day"),
        ({"now_1": 10, "now_on_1": "0026-12-04"}, "now-on-1", "0026-12-04 is not a day of the years 2000 to 2099"),
        ({"now_1": 10, "now_on_1": "9999-12-31"}, "now-on-1", "if you do not know the day, leave it empty"),
        ({"now_1": 10, "last_on_1": "2026-12-04"}, "last-1", "say how many come on 2026-12-04"),
        ({"now_1": 10, "why_1": "x" * 201}, "why-1", "at most 200 characters"),
    ],
)
def test_what_does_not_add_up_names_its_field(typed: dict[str, object], field: str, words: str) -> None:
    with pytest.raises(FormNotRight) as wrong:
        read(posted(do="answer", asked_1=10, **typed))
    assert [(problem.field, words in problem.words) for problem in wrong.value.problems] == [(field, True)]


def test_each_wrong_line_is_named() -> None:
    fields: dict[str, object] = {"do": "answer"}
    for n in range(1, 501):
        fields |= {f"asked_{n}": 10, f"now_{n}": 9}
    with pytest.raises(FormNotRight) as wrong:
        read(posted(**fields))
    assert len(wrong.value.problems) == 500
    assert len(str(wrong.value)) < 2000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"do=confirm",
        b"do=answer&now-1=4",
        b"do=confirm&asked-1=",
        b"do=confirm&asked-1=ten",
        b"do=confirm&asked-9999999999=1",
        b"do=confirm&asked-999999999999999999999999=1",
        b"do=change&verdict=partly&most-1=3&still-1=2",
        b"do=steal&asked-1=4",
        b"\xff\xfe",
        b"do=%ff",
        b"&".join(b"a%d=1" % n for n in range(60_000)),
        b"x" * 1_000_001,
    ],
)
def test_what_is_no_form_of_ours_is_undecodable(body: bytes) -> None:
    with pytest.raises(Undecodable):
        CONNECTOR.decode(message(body))


OF_A_LINE = ("asked", "most", "came", "still", "now", "now-on", "later", "later-on", "not", "why", "shipped")
OF_ALL = ("do", "seen", "sure", "verdict", "reason", "order_no", "shipment", "tracking", "arrives")
NAMES = st.sampled_from([*OF_ALL, *(f"{name}-{n}" for n in (1, 2) for name in OF_A_LINE)])
VALUES = st.one_of(
    st.sampled_from(["confirm", "answer", "refuse", "change", "ship", "yes", "partly", "1", "2", "3", "2026-12-04"]),
    st.text(max_size=20),
)


FORMS = st.dictionaries(NAMES, VALUES, max_size=20).map(lambda form: urlencode(form, errors="replace").encode())


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.one_of(st.binary(max_size=300), FORMS),
    headers=st.one_of(
        st.just({links.ORDER: "PO-1", links.REVISION: "0"}),
        st.dictionaries(st.sampled_from([links.ORDER, links.REVISION]), st.text(max_size=10)),
    ),
)
def test_whatever_comes_is_read_or_undecodable_and_fit_to_keep(body: bytes, headers: dict[str, str]) -> None:
    sent = Inward(body=body, headers=headers)
    try:
        decoded = CONNECTOR.decode(sent)
    except Undecodable:
        return
    assert CONNECTOR.decode(sent) == decoded
    for event in decoded.events:
        text = event.model_dump_json()
        assert "\\u0000" not in text
        assert supplier_event.validate_json(text) == event


def test_the_same_form_is_the_same_message_and_another_revision_or_moment_is_not() -> None:
    keys = [
        CONNECTOR.decode(sent).dedupe_key
        for sent in (
            posted(do="confirm", asked_1=10, seen=0),
            posted(do="confirm", asked_1=10, seen=0),
            posted(do="confirm", asked_1=10, seen=4),
            posted(1, do="confirm", asked_1=10, seen=0),
        )
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert all(key.startswith("page/PO-1/") for key in keys)


NOW = datetime.now(UTC)


def through(token: str, **headers: str) -> Inward:
    return Inward(body=b"do=refuse&sure=yes", headers={**links.proof(token), **headers})


def token(secret: str = SECRET, **changes: object) -> str:
    said = {"supplier_id": "cedar", "po_number": "PO-1", "revision": 0, "until": NOW + timedelta(days=1)}
    return links.address("", secret, OrderLink.model_validate(said | changes)).rpartition("/")[2]


def test_a_message_is_proven_by_the_link_it_came_through() -> None:
    CONNECTOR.verify(through(token()))
    for unproven in (
        through(token(secret=f"{SECRET}!")),
        through(token(supplier_id="birch")),
        through(token(), **{links.ORDER: "PO-2"}),
        through(token(), **{links.REVISION: "1"}),
        Inward(body=b"", headers={links.ORDER: "PO-1", links.REVISION: "0"}),
        Inward(body=b"", headers={links.TOKEN: "ü.\udcff"}),
        Inward(body=b"x" * 1_000_001, headers=links.proof(token())),
    ):
        with pytest.raises(Undecodable):
            CONNECTOR.verify(unproven)
    with pytest.raises(LinkTooOld, match="was good until"):
        CONNECTOR.verify(through(token(until=NOW - timedelta(seconds=2))))


def test_a_customers_link_signed_with_the_same_secret_opens_no_order() -> None:
    customers = answer_link("", SECRET, "bo-1", "notice").rpartition("/")[2]
    with pytest.raises(links.InvalidLink, match="not to a purchase order"):
        links.claimed(customers)
    words = token().partition(".")[0]
    with pytest.raises(Undecodable):
        CONNECTOR.verify(through(f"{words}.{customers.partition('.')[2]}"))
