"""856: what left, by order, whatever levels a partner writes."""

from datetime import date
from decimal import Decimal

import pytest

from domain.supplier_events import Balance, NoticePurpose, ShipNotice, SupplierEvent, Unmatched
from tests.connectors.x12.partners import events, issues

BSN = "BSN*00*SHIP-9*20261121*1600"


def shipped(notices: tuple[SupplierEvent, ...]) -> dict[str, dict[int | str | None, int]]:
    found: dict[str, dict[int | str | None, int]] = {}
    for notice in notices:
        assert isinstance(notice, ShipNotice)
        found[notice.po_number] = {line.line.line_no or line.line.sku: int(line.shipped) for line in notice.lines}
    return found


def item(hl: str, number: int, quantity: int) -> list[str]:
    return [hl, f"LIN*{number}*BP*SKU-{number}", f"SN1*{number}*{quantity}*EA"]


def test_shipment_order_item() -> None:
    said = ["HL*1**S", "HL*2*1*O", "PRF*PO-1", *item("HL*3*2*I", 1, 5), *item("HL*4*2*I", 2, 6)]
    assert shipped(events("856", BSN, *said)) == {"PO-1": {1: 5, 2: 6}}


def test_several_orders_in_one_notice() -> None:
    said = ["HL*1**S", "HL*2*1*O", "PRF*PO-1", "HL*3*1*O", "PRF*PO-2"]
    interleaved = [*item("HL*4*3*I", 1, 7), *item("HL*5*2*I", 1, 5)]
    assert shipped(events("856", BSN, *said, *interleaved)) == {"PO-1": {1: 5}, "PO-2": {1: 7}}


def test_items_of_a_line_in_several_packs_are_added_up() -> None:
    said = ["HL*1**S", "HL*2*1*O", "PRF*PO-1", "HL*3*2*T", "HL*4*3*P", *item("HL*5*4*I", 1, 5)]
    assert shipped(events("856", BSN, *said, "HL*6*3*P", *item("HL*7*6*I", 1, 4))) == {"PO-1": {1: 9}}


def test_orders_without_parents_take_the_items_behind_them() -> None:
    said = ["HL*1**O", "PRF*PO-1", *item("HL*2**I", 1, 5), "HL*3**O", "PRF*PO-2", *item("HL*4**I", 1, 6)]
    assert shipped(events("856", BSN, *said)) == {"PO-1": {1: 5}, "PO-2": {1: 6}}


def test_a_level_below_none_is_an_issue() -> None:
    said = ["HL*1**O", "PRF*PO-1", *item("HL*2*99*I", 1, 5)]
    assert shipped(events("856", BSN, *said)) == {"PO-1": {1: 5}}
    assert issues("856", BSN, *said) == ("856 0001: level '2' is below '99', which does not exist",)


def test_an_order_named_by_reference() -> None:
    assert shipped(events("856", BSN, "HL*1**S", "REF*PO*PO-1", *item("HL*2*1*I", 1, 5))) == {"PO-1": {1: 5}}


@pytest.mark.parametrize(
    ("code", "balance"),
    [
        ("BP", Balance.OPEN),
        ("IB", Balance.OPEN),
        ("CP", Balance.CLOSED),
        ("AC", Balance.UNKNOWN),
        ("", Balance.UNKNOWN),
    ],
)
def test_whether_more_is_to_come(code: str, balance: Balance) -> None:
    said = ("HL*1**S", "HL*2*1*O", "PRF*PO-1", "HL*3*2*I", "LIN*1*BP*M", f"SN1*1*5*EA**8*EA**{code}")
    (notice,) = events("856", BSN, *said)
    assert isinstance(notice, ShipNotice) and notice.lines[0].balance is balance
    (other,) = events("856", BSN, *said, balance_codes={code: "closed"} if code else {})
    assert isinstance(other, ShipNotice) and other.lines[0].balance is (Balance.CLOSED if code else Balance.UNKNOWN)


@pytest.mark.parametrize(
    ("code", "purpose"),
    [
        ("00", NoticePurpose.ORIGINAL),
        ("01", NoticePurpose.CANCEL),
        ("05", NoticePurpose.REPLACE),
        ("14", NoticePurpose.ORIGINAL),
    ],
)
def test_a_notice_may_replace_or_cancel_another(code: str, purpose: NoticePurpose) -> None:
    said = ["HL*1**S", "HL*2*1*O", "PRF*PO-1", *item("HL*3*2*I", 1, 5)]
    (notice,) = events("856", f"BSN*{code}*SHIP-9*20261121*1600", *said)
    assert isinstance(notice, ShipNotice) and notice.purpose is purpose


def test_a_cancelled_notice_needs_no_items() -> None:
    (notice,) = events("856", "BSN*01*SHIP-9*20261121*1600", "HL*1**O", "PRF*PO-1")
    assert isinstance(notice, ShipNotice) and notice.lines == () and notice.purpose is NoticePurpose.CANCEL


def test_the_day_is_the_item_s_else_the_order_s_else_the_shipment_s() -> None:
    said = ["HL*1**S", "DTM*011*20261120", "DTM*017*20261125", "DTM*002*20261101", "HL*2*1*O", "PRF*PO-1"]
    later = [*item("HL*3*2*I", 1, 5), "DTM*017*20261127", *item("HL*4*2*I", 2, 5)]
    (notice,) = events("856", BSN, *said, *later)
    assert isinstance(notice, ShipNotice)
    assert [line.deliver_on for line in notice.lines] == [date(2026, 11, 27), date(2026, 11, 25)]


def test_a_malformed_day_is_an_issue() -> None:
    said = ("HL*1**S", "DTM*017*200", "HL*2*1*O", "PRF*PO-1", *item("HL*3*2*I", 1, 5))
    assert issues("856", BSN, *said) == ("856 0001: a ship notice: '200' is no date",)


@pytest.mark.parametrize("item", ["SN1*1*x*EA", "SN1*1*5*CA", "SN1*1**EA", "SN1**5*EA"])
def test_an_item_that_cannot_be_read_goes_to_a_person(item: str) -> None:
    lin = "LIN**ZZ*M"
    (event,) = events("856", BSN, "HL*1**O", "PRF*PO-1", "HL*2*1*I", lin, item)
    assert isinstance(event, Unmatched) and event.po_number == "PO-1"


def test_an_item_of_no_order_goes_to_a_person() -> None:
    (event,) = events("856", BSN, "HL*1**S", *item("HL*2*1*I", 1, 5))
    assert isinstance(event, Unmatched) and event.po_number is None


def test_an_empty_notice_goes_to_a_person() -> None:
    (event,) = events("856", BSN, "HL*1**S")
    assert isinstance(event, Unmatched)


def test_a_sum_beyond_reason_goes_to_a_person() -> None:
    said = ["HL*1**O", "PRF*PO-1", *item("HL*2*1*I", 1, 9_999_999), *item("HL*3*1*I", 1, 9_999_999)]
    notice, event = events("856", BSN, *said)
    assert isinstance(notice, ShipNotice) and notice.lines[0].shipped == Decimal(9_999_999)
    assert isinstance(event, Unmatched)


def test_repeats_without_a_shipment_number_have_the_same_name() -> None:
    said = ("BSN*00**20261121*1600", "HL*1**O", "PRF*PO-1", *item("HL*2*1*I", 1, 5))
    first, second = (events("856", *said)[0] for _ in range(2))
    assert isinstance(first, ShipNotice) and first == second and first.shipment_id == "000000041/41/0001"


def test_packs_and_components_below_an_item_are_counted_with_it() -> None:
    said = ["HL*1**S", "HL*2*1*O", "PRF*PO-1", *item("HL*3*2*I", 1, 6)]
    packs = ["HL*4*3*P", "MAN*GM*1", "SN1*1*4*EA", "HL*5*3*P", "MAN*GM*2", "SN1*1*2*EA"]
    components = ["HL*6*3*F", "LIN**VP*PART", "SN1**12*EA", "HL*7*6*F", "LIN**VP*SCREW", "SN1**24*EA"]
    assert shipped(events("856", BSN, *said, *packs, *components)) == {"PO-1": {1: 6}}


def test_an_item_below_another_is_an_item() -> None:
    said = ["HL*1**S", "HL*2*1*O", "PRF*PO-1", *item("HL*3*2*I", 1, 6), *item("HL*4*3*I", 2, 5)]
    assert shipped(events("856", BSN, *said)) == {"PO-1": {1: 6, 2: 5}}
