"""`python -m devstack.warehouse SUPPLIER=SECONDS ...`: the shop's simulated warehouse, where announced goods arrive.

The simulated http suppliers count at our door themselves. Who speaks EDI or cXML announces a shipment, and that is all:
what it announced is here so many seconds later, and the warehouse hands in its goods receipt as any upstream system
would, by the signal `receipt` to the purchase order.

It keeps nothing: what is announced and not counted stands in the ledger. A receipt told twice counts once.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from temporalio.client import Client
from temporalio.service import RPCError

from activities.announcing import wake_purchase_order
from activities.sealing import ring_of_environment
from domain import names
from ledger.book import Ledger
from workflows.connecting import connect

LOOK_EVERY = 1.0
"""Seconds between two looks at what should have arrived."""

_ANNOUNCED = """
    select distinct on (o.po_number, j.facts ->> 'shipment')
           o.supplier_id, o.po_number, j.facts ->> 'shipment' as shipment, j.at, (
               select json_object_agg(l.line_no, u.value::integer / l.unit_factor)
               from jsonb_each_text(j.facts -> 'units') u join po_line l
               on l.po_number = o.po_number and l.line_no = u.key::integer) as units
    from journal j join purchase_order o on j.subject = 'po/' || o.po_number
    where j.kind = 'shipment' and o.supplier_id = any(%s) and o.closed_at is null and not exists (
        select from receipt r
        where (r.supplier_id, r.po_number, r.receipt_id)
            = (o.supplier_id, o.po_number, 'dock-' || (j.facts ->> 'shipment')))
    order by o.po_number, j.facts ->> 'shipment', j.seq desc
"""
"""Of each shipment the latest word, in purchase units by line; a shipment taken back has none."""

log = logging.getLogger(__name__)


def main() -> int:
    """Count until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m devstack.warehouse", description="the simulated warehouse")
    parser.add_argument("travels", nargs="+", metavar="SUPPLIER=SECONDS", help="how long a supplier's goods travel")
    told = (one.rpartition("=") for one in parser.parse_args().travels)
    asyncio.run(_until_stopped({supplier_id: timedelta(seconds=float(seconds)) for supplier_id, _, seconds in told}))
    return 0


async def _until_stopped(travels: Mapping[str, timedelta]) -> None:
    counting = asyncio.create_task(_count(travels))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, counting.cancel)
    await asyncio.gather(counting, return_exceptions=True)
    if not counting.cancelled():
        counting.result()


async def _count(travels: Mapping[str, timedelta]) -> None:
    client = await connect(ring_of_environment(), lazy=True)
    told: set[str] = set()
    async with await Ledger.open(os.environ["PROMISEKEEPER_LEDGER_DSN"], size=1) as ledger:
        while True:
            try:
                await _count_in(ledger, client, travels, told)
            except (OperationalError, PoolTimeout, RPCError) as away:
                log.warning("nothing is counted just now: %s", away)
            await asyncio.sleep(LOOK_EVERY)


async def _count_in(ledger: Ledger, client: Client, travels: Mapping[str, timedelta], told: set[str]) -> None:
    """Hand in the receipts of what has arrived. `told` are those this process has handed in."""
    async with ledger.read() as connection:
        announced = await (await connection.execute(_ANNOUNCED, (list(travels),))).fetchall()
    now = datetime.now(UTC)
    for supplier_id, po_number, shipment, at, units in announced:
        receipt_id = f"dock-{shipment}"
        if not units or f"{po_number} {receipt_id}" in told or now < at + travels[supplier_id]:
            continue
        lines = [{"line": {"line_no": int(line_no)}, "good": good} for line_no, good in units.items()]
        receipt = {"receipt_id": receipt_id, "lines": lines}
        queue = os.environ.get("PROMISEKEEPER_TASK_QUEUE") or names.TASK_QUEUE
        await wake_purchase_order(client, po_number, names.RECEIPT, receipt, task_queue=queue)
        told.add(f"{po_number} {receipt_id}")
        log.info("%s: counted %s", po_number, receipt_id)


if __name__ == "__main__":
    sys.exit(main())
