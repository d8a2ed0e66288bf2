"""Group 4: whatever an order says arrives as it was said, or is refused in words before anything leaves.

Read back by `Peer.read`, so by other code than the connector's. Hypothesis tries the same orders in every run, so that
a grade is a fact about the connector and not about the day.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import Refused
from connectors.suppliers.interface import Connector, OrderLine, Place
from connectors.testing.asking import Group, requires
from connectors.testing.orders import MUG, ORDER, differences, ids
from connectors.testing.peer import Peer

EXAMPLES = 60
tried = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
"""How Hypothesis tries things here."""

plain = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=30)
awkward = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80) | st.text(
    "*~^:>+'?|\\\"<>&;,%{}[]()#\t\r\n é€Ω", min_size=1, max_size=40
)
lines = st.builds(
    OrderLine,
    line_no=st.integers(1, 999),
    sku=plain | awkward,
    supplier_sku=plain | awkward,
    description=awkward,
    quantity=st.integers(1, 1_000_000),
    unit_price=st.decimals(0, 10**6, places=4),
    wanted_on=st.none() | st.dates(date(2000, 1, 1), date(2099, 12, 31)),
)
orders = st.builds(
    Place,
    po_number=plain | awkward,
    supplier_id=st.just("peer"),
    currency=st.sampled_from(["USD", "EUR", "GBP", "CAD", "JPY"]),
    terms=plain | awkward,
    ordered_on=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    lines=st.lists(lines, min_size=1, max_size=5, unique_by=lambda line: line.line_no).map(tuple),
)


def arrives_or_is_refused(connector: Connector, peer: Peer, order: Place) -> bool:
    """Whether an order could be written; then it is read back as it was."""
    try:
        envelope = connector.render(order, ids("place"))
    except Refused as refused:
        assert str(refused).strip(), "a refusal says what cannot be written"
        return False
    assert differences(order, peer.read(envelope), peer) == []
    return True


def saying(**fields: object) -> Place:
    """ORDER with one line that says this."""
    return ORDER.model_copy(update={"lines": (MUG.model_copy(update=fields),)})


class DataTests(Group):
    """Group 4."""

    @requires()
    @pytest.mark.parametrize(
        "text",
        ["a*b~c^d:e>f", "a+b'c:d?e", 'say "cheese", twice; or, not', "<b>&amp;</b>", "a|b\\c", "50% off {x} [y] #1"],
        ids=["X12's", "EDIFACT's", "CSV's", "XML's", "bars and slashes", "others"],
    )
    async def test_delimiters_in_a_text_do_no_harm(self, connector: Connector, peer: Peer, text: str) -> None:
        arrives_or_is_refused(connector, peer, saying(description=text))
        arrives_or_is_refused(connector, peer, saying(supplier_sku=text))

    @requires()
    @pytest.mark.parametrize("text", ["two\nlines", "two\r\nlines", "a\ttab", "a\x00nul", "a\x1bescape", "\u2028"])
    async def test_line_breaks_and_control_characters_do_no_harm(
        self, connector: Connector, peer: Peer, text: str
    ) -> None:
        arrives_or_is_refused(connector, peer, saying(description=text))

    @requires()
    @pytest.mark.parametrize("text", ["Žluťoučký kůň", "Größe Ø 5", "Кружка", "杯子", "كوب", "☕️🫖", "e\u0301"])
    async def test_other_scripts_do_no_harm(self, connector: Connector, peer: Peer, text: str) -> None:
        arrives_or_is_refused(connector, peer, saying(description=text))

    @requires()
    @pytest.mark.parametrize("length", [0, 80, 200, 2000])
    async def test_a_text_of_any_length_does_no_harm(self, connector: Connector, peer: Peer, length: int) -> None:
        arrives_or_is_refused(connector, peer, saying(description="Mug " * (length // 4)))

    @requires()
    @pytest.mark.parametrize("price", ["0", "0.125", "0.0001", "3.1250", "1E+3", "999999.9999"])
    async def test_a_price_is_not_rounded(self, connector: Connector, peer: Peer, price: str) -> None:
        arrives_or_is_refused(connector, peer, saying(unit_price=Decimal(price)))

    @requires()
    @pytest.mark.parametrize("quantity", [1, 999, 1_000, 1_000_000])
    async def test_a_quantity_arrives_whole(self, connector: Connector, peer: Peer, quantity: int) -> None:
        assert arrives_or_is_refused(connector, peer, saying(quantity=quantity)), "these are quantities of every day"

    @requires()
    @pytest.mark.parametrize("wrong", [Decimal("NaN"), Decimal("Infinity"), Decimal(-1)], ids=str)
    async def test_an_impossible_price_is_refused(self, connector: Connector, peer: Peer, wrong: Decimal) -> None:
        assert not arrives_or_is_refused(connector, peer, saying(unit_price=wrong))

    @requires()
    async def test_an_order_without_lines_is_refused(self, connector: Connector, peer: Peer) -> None:
        assert not arrives_or_is_refused(connector, peer, ORDER.model_copy(update={"lines": ()}))

    @requires()
    async def test_an_order_of_any_content_does_no_harm(self, connector: Connector, peer: Peer) -> None:
        written = _every(orders, lambda order: arrives_or_is_refused(connector, peer, order))
        assert written, "of all these orders none could be written"

    @requires()
    async def test_a_plain_order_of_a_hundred_lines_can_be_written(self, connector: Connector, peer: Peer) -> None:
        many = tuple(MUG.model_copy(update={"line_no": n, "sku": f"MUG-{n}"}) for n in range(1, 101))
        assert arrives_or_is_refused(connector, peer, ORDER.model_copy(update={"lines": many}))


def _every(strategy: st.SearchStrategy[Place], trying: Callable[[Place], bool]) -> int:
    """Try each; how many came through."""
    through = 0

    @tried
    @given(strategy)
    def one(order: Place) -> None:
        nonlocal through
        through += trying(order)

    one()
    return through
