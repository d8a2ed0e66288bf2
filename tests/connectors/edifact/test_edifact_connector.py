"""EDIFACT through folders: settings as they stand in a catalogue, mock-edi's gateway on the other side."""

import json
import tomllib
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from mockedi.testing import Mock
from pydantic import ValidationError

from connectors.configuration import problems
from connectors.suppliers.edifact.connector import EdifactConfig, EdifactConnector
from connectors.suppliers.edifact.partner import EdifactPartner
from connectors.suppliers.interface import FILE_NAME, Idempotency, Inbound, SendResult
from domain.supplier_events import OrderAck, SyntaxAck
from tests.connectors import mock_edi
from tests.connectors.edifact.shop import CANCEL, IDS, ORDER, inward, message

SETTINGS: dict[str, object] = {
    "partner": mock_edi.EDIFACT,
    "transport": {"kind": "folder", "outbox": "/there", "inbox": "/here"},
}


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    paths = {name: tmp_path / name for name in ("outbox", "inbox", "archive")}
    for path in paths.values():
        path.mkdir()
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture
async def connector(folders: dict[str, str]) -> AsyncIterator[EdifactConnector]:
    built = EdifactConnector("mock", SETTINGS | {"transport": {"kind": "folder", "settle_seconds": 0, **folders}})
    yield built
    await built.aclose()


@pytest.fixture
def mock() -> Iterator[Mock]:
    with Mock.start() as running:
        yield running


def within(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_it_is_announced_as_an_entry_point() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    module, name = project["project"]["entry-points"]["promisekeeper.connectors"]["edifact"].split(":")
    assert getattr(import_module(module), name) is EdifactConnector
    assert EdifactConnector.manifest.name == "edifact"


def test_every_setting_of_the_profile_is_explained() -> None:
    page = (Path(__file__).parents[3] / "docs" / "suppliers" / "edifact.md").read_text()
    assert [name for name in EdifactPartner.model_fields if f"`{name}`" not in page] == []


def test_settings_survive_a_catalogue_file() -> None:
    config = EdifactConfig.model_validate(SETTINGS)
    assert EdifactConfig.model_validate(json.loads(config.model_dump_json())) == config


def test_what_is_wrong_within_the_profile_is_named() -> None:
    wrong = SETTINGS | {"partner": {"our_id": "EURODIS", "partner_id": "", "charset": "LATIN"}}
    with pytest.raises(ValidationError) as refusal:
        EdifactConnector("mock", wrong)
    named = {problem.field for problem in problems(refusal.value, EdifactConfig, wrong)}
    assert named == {"connector_config.partner.partner_id", "connector_config.partner.charset"}


def test_it_can_do_what_the_format_and_the_folders_can(connector: EdifactConnector) -> None:
    can = connector.capabilities
    assert (can.reduce_line, can.syntax_ack, can.acknowledges, can.multi_po_notice) == (True, True, True, True)
    assert (can.idempotency, can.inbound, can.poll) == (Idempotency.CONTROL_NUMBER, {Inbound.POLL}, True)


async def test_an_order_goes_out_and_its_answers_come_in(
    connector: EdifactConnector, folders: dict[str, str], mock: Mock
) -> None:
    assert (await connector.check()).ok
    order = connector.render(ORDER, IDS)
    for _ in range(2):  # the same file name again is the same document
        assert (await connector.send(order)).result is SendResult.DELIVERED
    assert within(folders["outbox"]) == {order.headers[FILE_NAME]: order.body}

    assert mock.send(order.body.decode("latin-1"))["accepted"]
    for n, row in enumerate(mock.mailbox("EURODIS", leave=False)):
        (Path(folders["inbox"]) / f"{n}.edi").write_bytes(row["payload"].encode("latin-1"))
    batch = await connector.poll(None)
    events = [event for one in batch.messages for event in connector.decode(one).events]
    assert events[0] == SyntaxAck(control_number=IDS.control_number)
    assert isinstance(events[1], OrderAck) and events[1].po_number == ORDER.po_number
    assert (await connector.poll(batch.cursor)).messages == ()


async def test_what_we_owe_goes_out_as_a_file_of_its_own(connector: EdifactConnector, folders: dict[str, str]) -> None:
    theirs = message("BGM+231+A+29", "RFF+ON:PO-1", unb="++++1++1")
    theirs = theirs.replace("4012345500004:14+5412345000013", "MOCKEDI:ZZ+EURODIS")
    reply = connector.acknowledge(inward(theirs), IDS)
    assert reply is not None
    assert (await connector.send(reply.enveloped("x"))).result is SendResult.DELIVERED
    assert within(folders["outbox"]) == {"00000000000017-CONTRL.edi": reply.body}


def test_a_withdrawal_is_written_through_the_connector(connector: EdifactConnector) -> None:
    assert connector.render(CANCEL, IDS).kind == "cancel"
