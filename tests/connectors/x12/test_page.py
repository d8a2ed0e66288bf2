"""The page about this connector is true: its example can be used, and its table names every setting."""

import json
import re
from pathlib import Path

from connectors.suppliers.interface import CancelWay, Inbound
from connectors.suppliers.x12.connector import X12Connector
from connectors.suppliers.x12.partner import X12Partner

PAGE = (Path(__file__).parents[3] / "docs" / "suppliers" / "x12.md").read_text()


async def test_the_example_is_a_supplier() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    supplier = json.loads(example)
    connector = X12Connector(supplier["supplier_id"], supplier["connector_config"])
    can = connector.capabilities
    assert (can.reduce_line, can.add_line, can.cancel) == (True, False, CancelWay.REQUEST_REPLY)
    assert can.syntax_ack and can.acknowledges and can.poll and can.inbound == {Inbound.POLL}
    await connector.aclose()


def test_the_table_names_every_setting() -> None:
    table = PAGE[PAGE.index("## The profile") : PAGE.index("## What is approximated")]
    named = re.findall(r"`([a-z0-9_]+)`", "".join(row.split("|")[1] for row in table.splitlines() if "|" in row))
    assert sorted(named) == sorted(X12Partner.model_fields)
