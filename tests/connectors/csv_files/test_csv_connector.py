"""CSV over folders: an order is put, its answer collected; and damaged files leak nothing."""

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.errors import Unsupported
from connectors.suppliers.csv.connector import CsvConnector
from connectors.suppliers.interface import FILE_NAME, Inbound, SendResult
from domain.supplier_events import OrderAck
from tests.connectors.cxml.partner import IDS, PLACED
from tests.connectors.fuzz import FORMATS, damaged, try_one


@pytest.fixture
def connector(tmp_path: Path) -> CsvConnector:
    folders = {name: str(tmp_path / name) for name in ("outbox", "outbox_archive", "inbox", "archive")}
    for folder in folders.values():
        Path(folder).mkdir()
    return CsvConnector("acme", {"transport": {"kind": "folder", "settle_seconds": 0, **folders}})


async def test_an_order_is_put_into_a_folder_and_its_answer_collected(connector: CsvConnector, tmp_path: Path) -> None:
    order = connector.render(PLACED, IDS)
    assert (await connector.send(order)).result is SendResult.DELIVERED
    assert (await connector.send(order)).result is SendResult.DELIVERED
    (put,) = (tmp_path / "outbox").iterdir()
    assert (put.name, put.read_bytes()) == (order.headers[FILE_NAME], order.body)
    assert (await connector.lookup(order)).found

    (tmp_path / "inbox" / "answer.csv").write_bytes(b"po_number,line_no,status,quantity\nPO-1,1,accepted,100\n")
    batch = await connector.poll(None)
    (message,) = batch.messages
    (event,) = connector.decode(message).events
    assert isinstance(event, OrderAck)
    assert (await connector.poll(batch.cursor)).messages == ()
    assert (await connector.check()).ok
    await connector.aclose()


def test_it_can_do_what_codec_and_transport_both_can(connector: CsvConnector, tmp_path: Path) -> None:
    assert connector.capabilities.lookup
    assert connector.capabilities.poll
    assert connector.capabilities.inbound == {Inbound.POLL}
    assert connector.capabilities.splits
    assert not connector.capabilities.acknowledges
    only_out = CsvConnector("acme", {"transport": {"kind": "folder", "outbox": str(tmp_path / "outbox")}})
    assert not only_out.capabilities.poll


async def test_what_a_transport_cannot_do_is_unsupported(tmp_path: Path) -> None:
    only_out = CsvConnector("acme", {"transport": {"kind": "folder", "outbox": str(tmp_path)}})
    with pytest.raises(Unsupported):
        await only_out.poll(None)


def test_wrong_habits_are_named() -> None:
    with pytest.raises(ValidationError, match=r"partner\.delimiter"):
        CsvConnector("acme", {"partner": {"delimiter": ","}, "transport": {"kind": "folder", "outbox": "/x"}})


def test_both_connectors_are_found_by_their_names() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    named = project["project"]["entry-points"]["promisekeeper.connectors"]
    assert named["csv"] == "connectors.suppliers.csv.connector:CsvConnector"
    assert named["cxml"] == "connectors.suppliers.cxml.connector:CxmlConnector"


def test_two_thousand_damaged_files_leak_nothing() -> None:
    codec, samples = FORMATS["csv"]()
    readable = sum(try_one(codec, body) for body in damaged(samples, 2000, seed=5))
    assert readable > 500
