"""A supplier who speaks X12 over two folders, played by mock-edi, which is nobody's code of ours.

It takes files with 850 and 860, answers by 997, 855 and 865, and advises what it ships by 856. Goods are counted by
whoever gets them: see `devstack.warehouse`. What mock-edi remembers is in a database; what a killed predecessor had
in hand is sorted out at the start, so that no document is lost and no order taken twice.
"""

import asyncio
import importlib
import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from devstack.simulators.settings import EdiSettings, Seconds

LOOK_EVERY = 0.5
"""Seconds between two looks into the folder."""

_CLAIMED = ".processing"
"""How mock-edi renames a file while it reads it."""
_NEVER = 365 * 86_400_000
"""Milliseconds until it does what its pace leaves out."""
_PLENTY = 1_000_000

log = logging.getLogger(__name__)


class EdiSupplier:
    """One supplier. Everything happens in `work`, a turn at a time."""

    def __init__(self, folder: Path, settings: EdiSettings) -> None:
        """Open its database in `folder`, made when missing, and sort out what a predecessor left."""
        # by name, since mock-edi has no types
        server: Any = importlib.import_module("mockedi.server")
        self._x12: Any = importlib.import_module("mockedi.x12")
        folder.mkdir(parents=True, exist_ok=True)
        for made in (settings.orders, settings.answers):
            made.mkdir(parents=True, exist_ok=True)
        pace = settings.pace
        config = server.Config(
            db_path=str(folder / f"edi_{settings.supplier_id}.sqlite3"),
            as2_id=settings.identifier,
            name=settings.name,
            response_delay_ms=_milliseconds(pace.acknowledge_after),
            despatch_delay_ms=_milliseconds(pace.ship_after),
            drop_dir=str(settings.orders),
            pickup_dir=str(settings.answers),
            drop_settle_ms=0,  # what is put there is whole
            quiet=True,
        )
        self._mock: Any = server.Mock(config)
        self._mock.pipeline.on_release = None  # a turn hands over what is ready, so that a killed one is made up for
        self._mock.dropbox.prepare()
        self._orders = settings.orders
        self._know(settings)
        self._sort_out(settings.buyer)

    def _know(self, settings: EdiSettings) -> None:
        """The buyer, and what is sold: all of it is always there."""
        partners: Any = importlib.import_module("mockedi.partners")
        if partners.get(self._mock.conn, settings.buyer) is None:
            partners.create(self._mock.conn, settings.buyer, behaviour="no-invoice")
        for item in settings.items:
            self._mock.conn.execute(
                "INSERT OR REPLACE INTO catalog (sku, description, price, in_stock, lead_days) VALUES (?, ?, ?, ?, ?)",
                (item.supplier_sku, item.name, str(item.unit_price), _PLENTY, item.lead_days),
            )
        self._mock.conn.commit()

    def _sort_out(self, buyer: str) -> None:
        """A file that was being read: it was taken if its control number is known, which would be refused again."""
        for claimed in self._orders.glob(f"*{_CLAIMED}"):
            original = claimed.with_suffix("")
            with suppress(ValueError):
                control = self._x12.parse(claimed.read_text("latin-1")).control
                known = "SELECT 1 FROM interchange WHERE direction = 'in' AND partner = ? AND control = ?"
                if self._mock.conn.execute(known, (buyer, control)).fetchone():
                    original = self._orders / "processed" / original.name
            claimed.rename(original)

    def turn(self) -> None:
        """Read what came, do what is due, and leave every answer that is ready in the folder."""
        self._mock.dropbox.scan()
        self._mock.pipeline.release()
        ready = self._mock.conn.execute("SELECT id FROM outbound WHERE status = 'ready' ORDER BY id").fetchall()
        for (document,) in ready:
            # killed between the two, it leaves the document once more, which a receiver knows by its control number
            if self._mock.dropbox.write([document]):
                self._mock.conn.execute("UPDATE outbound SET status = 'collected' WHERE id = ?", (document,))
                self._mock.conn.commit()

    async def work(self) -> None:
        """Take turns until cancelled."""
        while True:
            try:
                self.turn()
            except (OSError, sqlite3.Error) as trouble:
                log.warning("a supplier who speaks X12 cannot work just now: %s", trouble)
            await asyncio.sleep(LOOK_EVERY)

    def close(self) -> None:
        """Close the database."""
        self._mock.close()


def _milliseconds(seconds: Seconds | None) -> int:
    return _NEVER if seconds is None else round(seconds * 1000)
