"""Every way in which mock-edi can behave as a supplier, by X12 and by EDIFACT, over folders and over SFTP.

mock-edi also plays buyers (`BUYERS`), who order twice, change and cancel. We buy and do not sell: an order or a change
that comes to us went astray, and what becomes of it is asked in tests/connectors/x12/test_acknowledging.py.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from mockedi import partners

from connectors.suppliers.documents import DocumentConnector
from connectors.suppliers.edifact.connector import EdifactConnector
from connectors.suppliers.interface import Cancel, Change, OrderLine, Place
from connectors.suppliers.x12.connector import X12Connector
from domain.supplier_events import Hint, OrderAck, ShipNotice, SupplierEvent, SyntaxAck
from tests.connectors import mock_edi
from tests.connectors.mock_edi import Trade
from tests.connectors.transports.sftp_partner import PASSWORD, USER, sftp_partner

GEARS = OrderLine(
    line_no=1,
    sku="OUR-1",
    supplier_sku="GEAR-100",
    description="An item, ours",
    quantity=10,
    unit_price=Decimal("8.90"),
    wanted_on=date(2026, 12, 4),
)
BRACKETS = GEARS.model_copy(
    update={"line_no": 2, "sku": "OUR-2", "supplier_sku": "BRKT-050", "quantity": 4, "unit_price": Decimal("4.15")}
)
ORDER = Place(
    po_number="PO-1001",
    supplier_id="mock",
    currency="USD",
    terms="net30",
    ordered_on=date(2026, 11, 20),
    lines=(GEARS, BRACKETS),
)
CHANGE = Change(
    po_number="PO-1001",
    supplier_id="mock",
    revision=1,
    lines=(GEARS.model_copy(update={"quantity": 6}),),
    before={1: 10, 2: 4},
    order=ORDER,
)
CANCEL = Cancel(po_number="PO-1001", supplier_id="mock", revision=2, reason="no longer needed", order=ORDER)

READ = "our order could be read"
TAKEN = "answer: 1 accepted 10, 2 accepted 4"
SHIPPED = "shipped: 1 10, 2 4"
BILLED = "invoice"
ALL_WELL = (READ, TAKEN, SHIPPED, BILLED)

SUPPLIERS: Mapping[str, tuple[str, ...]] = {
    "accept": ALL_WELL,
    "short-ship": (READ, "answer: 1 accepted 8, 1 rejected 2, 2 accepted 3, 2 rejected 1", "shipped: 1 8, 2 3", BILLED),
    # It promises what was ordered, and ships three in ten more: the ship notice says what comes, beside the answer.
    "over-ship": (READ, TAKEN, "shipped: 1 13, 2 6", BILLED),
    "reject-line": (READ, "answer: 1 accepted 10, 2 rejected 4", "shipped: 1 10", BILLED),
    "reject-all": (READ, "refused: Order refused"),
    "reject-ack": ("our order could not be read",),
    "no-ack": (),
    # The same, an hour later.
    "late": ALL_WELL,
    # The same, the answer last.
    "out-of-order": ALL_WELL,
    # It rejects what has any fault, and finds none.
    "strict": ALL_WELL,
    # Wrong counts in its trailers, which are told as issues.
    "corrupt": ALL_WELL,
    "duplicate-invoice": (*ALL_WELL, BILLED),
    "no-invoice": (READ, TAKEN, SHIPPED),
}
"""By behaviour, what we make of all that it ever sends about one order."""
BUYERS = {"duplicate-order", "change-after-confirm", "cancel-late"}


def told(events: Iterable[SupplierEvent]) -> list[str]:
    """Each event in a few words."""
    return [_told(event) for event in events]


def _told(event: SupplierEvent) -> str:
    match event:
        case SyntaxAck(control_number=1):
            return READ if event.accepted else "our order could not be read"
        case OrderAck(accepted=False):
            return f"refused: {event.reason}"
        case OrderAck():
            splits = [(one.line.line_no, f"{s.status.value} {s.quantity:f}") for one in event.lines for s in one.splits]
            return f"answer: {', '.join(f'{line} {said}' for line, said in splits)}"
        case ShipNotice():
            return f"shipped: {', '.join(f'{one.line.line_no} {one.shipped:f}' for one in event.lines)}"
        case Hint(po_number=ORDER.po_number):
            return BILLED
        case _:
            return str(event)


Traders = Callable[..., Awaitable[Trade]]


@pytest.fixture(params=["x12", "edifact"])
def speaks(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def trade(tmp_path: Path, speaks: str) -> AsyncIterator[Traders]:
    """Builds us and a mock-edi of that behaviour, whose folders we reach on this machine or by SFTP."""
    for name in ("to", "from"):
        (tmp_path / name).mkdir()
    async with AsyncExitStack() as stack:

        async def build(behaviour: str, kind: str = "folder", **delays: int) -> Trade:
            folders = {"drop_dir": str(tmp_path / "to"), "pickup_dir": str(tmp_path / "from")}
            clock = {"start_at": "2026-11-20T09:30:00Z", "drop_settle_ms": 0, "drop_interval_ms": 10**8}
            mock = stack.enter_context(mock_edi.running(**folders, **clock, **delays))
            settings: dict[str, object] = {"kind": kind, "settle_seconds": 0}
            if kind == "sftp":
                server = await stack.enter_async_context(sftp_partner(tmp_path))
                login = {"host": "127.0.0.1", "port": server.port, "user": USER, "password": PASSWORD}
                settings |= {**login, "host_keys": server.fingerprint, "outbox": "/to", "inbox": "/from"}
            else:
                settings |= {"outbox": str(tmp_path / "to"), "inbox": str(tmp_path / "from")}
            connector: DocumentConnector
            if speaks == "x12":
                mock.behaviour("ACME", behaviour)
                connector = X12Connector("mock", {"partner": mock_edi.X12, "transport": settings})
            else:
                mock.behaviour("EURODIS", behaviour)
                profile = mock_edi.EDIFACT | {"contrl_owed": "always", "backorders": "dropped"}
                connector = EdifactConnector("mock", {"partner": profile, "transport": settings})
            stack.push_async_callback(connector.aclose)
            return Trade(mock, connector)

        yield build


def test_no_behaviour_is_overlooked() -> None:
    """Red when mock-edi learns another, which nobody here has looked at."""
    assert set(partners.behaviours_for(partners.CUSTOMER)) == set(SUPPLIERS)
    assert set(partners.BEHAVIOURS) - set(SUPPLIERS) == BUYERS


@pytest.mark.parametrize("kind", ["folder", "sftp"])
@pytest.mark.parametrize("behaviour", SUPPLIERS)
async def test_what_it_says_of_an_order_is_understood(trade: Traders, behaviour: str, kind: str) -> None:
    here = await trade(behaviour, kind)
    await here.send(ORDER)
    heard = await here.hear()
    here.mock.advance(everything=True)
    heard += await here.hear()
    assert Counter(told(heard)) == Counter(SUPPLIERS[behaviour])
    assert len(set(here.keys)) == len(heard), "each document is one of its own"
    assert bool(here.issues) == (behaviour == "corrupt")
    assert here.mock.unacknowledged() == [], "it has our word for each of its documents"


async def test_one_who_is_an_hour_late_is_silent_and_takes_a_repeat_for_no_second_order(trade: Traders) -> None:
    here = await trade("late")
    order = here.render(ORDER)
    await here.hand_over(order)
    here.mock.advance(seconds=3_000)
    assert await here.hear() == []
    await here.hand_over(order)
    here.mock.advance(seconds=599)
    assert await here.hear() == []
    here.mock.advance(seconds=1)
    assert Counter(told(await here.hear())) == Counter(ALL_WELL)
    here.mock.advance(everything=True)
    assert not [event for event in await here.hear() if isinstance(event, OrderAck | ShipNotice)]


async def test_a_ship_notice_before_the_answer_is_read_by_itself(trade: Traders) -> None:
    here = await trade("out-of-order", response_delay_ms=3_600_000)
    await here.send(ORDER)
    assert Counter(told(await here.hear())) == Counter((READ, BILLED, SHIPPED))
    here.mock.advance(seconds=3_600)
    assert told(await here.hear()) == [TAKEN]


async def test_the_same_invoice_again_says_nothing_else(trade: Traders) -> None:
    here = await trade("duplicate-invoice")
    await here.send(ORDER)
    first = await here.hear()
    here.mock.advance(everything=True)
    (again,) = await here.hear()
    assert isinstance(again, Hint) and [event for event in first if isinstance(event, Hint)] == [again]


async def test_a_strict_partner_finds_no_fault_in_what_we_write(trade: Traders) -> None:
    here = await trade("strict", despatch_delay_ms=3_600_000, invoice_delay_ms=3_600_000)
    for request in (ORDER, CHANGE, CANCEL):
        await here.send(request)
        heard = await here.hear()
        assert [event.accepted for event in heard if isinstance(event, SyntaxAck)] == [True]
    assert here.mock.order("PO-1001")["status"] == "cancelled"
    assert here.mock.unacknowledged() == []


@pytest.mark.parametrize("behaviour", ["accept", "strict"])
async def test_only_a_strict_partner_refuses_a_small_fault(trade: Traders, behaviour: str, speaks: str) -> None:
    """Or else the test above could not fail."""
    here = await trade(behaviour)
    sound = here.render(ORDER)
    right, wrong = (b"*SA*", b"*??*") if speaks == "x12" else (b"BGM+220", b"BGM+??9")
    assert right in sound.body
    await here.hand_over(sound.model_copy(update={"body": sound.body.replace(right, wrong, 1)}))
    heard = told(await here.hear())
    assert (TAKEN in heard) == (behaviour == "accept"), heard


async def test_what_was_read_from_its_sftp_server_is_put_away_there(trade: Traders, tmp_path: Path) -> None:
    here = await trade("accept", "sftp")
    assert (await here.connector.check()).ok
    await here.send(ORDER)
    inbox = tmp_path / "from"
    assert len([path for path in inbox.iterdir() if path.is_file()]) == len(ALL_WELL)
    assert Counter(told(await here.hear())) == Counter(ALL_WELL)
    assert len(list(inbox.glob("archive/*/*"))) == len(ALL_WELL)
    assert [path.name for path in inbox.iterdir()] == ["archive"]
    assert here.mock.unacknowledged() == []
