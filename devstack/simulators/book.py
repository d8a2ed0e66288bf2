"""The simulators' shared book: one SQLite file, so that the outside world remembers over a restart what it was told."""

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS supplier (supplier_id TEXT PRIMARY KEY, settings TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS supplier_rule (
    supplier_id TEXT NOT NULL, sku TEXT NOT NULL, rule TEXT NOT NULL, PRIMARY KEY (supplier_id, sku)) STRICT;
CREATE TABLE IF NOT EXISTS purchase_order (
    supplier_id TEXT NOT NULL, po_number TEXT NOT NULL, reference TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 0,
    currency TEXT NOT NULL, ordered_on TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'new',
    acknowledgements INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (supplier_id, po_number)) STRICT;
CREATE TABLE IF NOT EXISTS purchase_order_line (
    supplier_id TEXT NOT NULL, po_number TEXT NOT NULL, line_no INTEGER NOT NULL, sku TEXT NOT NULL,
    supplier_sku TEXT NOT NULL, description TEXT NOT NULL, unit_price TEXT NOT NULL, wanted_on TEXT,
    ordered INTEGER NOT NULL, confirmed INTEGER NOT NULL, shipped INTEGER NOT NULL DEFAULT 0,
    good INTEGER NOT NULL DEFAULT 0, damaged INTEGER NOT NULL DEFAULT 0, wrong INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (supplier_id, po_number, line_no)) STRICT;
CREATE TABLE IF NOT EXISTS change_request (
    supplier_id TEXT NOT NULL, po_number TEXT NOT NULL, revision INTEGER NOT NULL, content TEXT NOT NULL,
    answered INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (supplier_id, po_number, revision)) STRICT;
CREATE TABLE IF NOT EXISTS document (
    supplier_id TEXT NOT NULL, po_number TEXT NOT NULL, revision INTEGER NOT NULL, payload_id TEXT NOT NULL,
    PRIMARY KEY (supplier_id, po_number, revision)) STRICT;
CREATE TABLE IF NOT EXISTS duty (
    duty_id INTEGER PRIMARY KEY, supplier_id TEXT NOT NULL, step TEXT NOT NULL, at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS operation (
    service TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, requests INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (service, key)) STRICT;
CREATE TABLE IF NOT EXISTS webhook (
    position INTEGER PRIMARY KEY, lane TEXT NOT NULL, subject TEXT NOT NULL, webhook_id TEXT NOT NULL,
    body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL DEFAULT 0,
    last_status INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS webhook_pending ON webhook (state, lane, position);
CREATE TABLE IF NOT EXISTS payment (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, amount TEXT NOT NULL, currency TEXT NOT NULL,
    payment_method TEXT NOT NULL, charge_key TEXT, outcome TEXT NOT NULL, reference TEXT NOT NULL,
    reason TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS parcel (
    parcel_id TEXT PRIMARY KEY, tracking TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL,
    ship_to TEXT NOT NULL, state TEXT NOT NULL, take_at REAL, possession TEXT) STRICT;
CREATE TABLE IF NOT EXISTS mail (
    mail_id INTEGER PRIMARY KEY, received_at TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
    message_id TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL, html TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS mail_dealt_with (mail_id INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""


class Book:
    """One SQLite file. Statements outside `transaction` are transactions of their own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.RLock()
        # WAL survives a kill of the process; only a power cut could lose the last moments of a simulation
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing; one at a time; a transaction inside one belongs to it."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def write(self, statement: str, *values: object) -> int:
        """Run one statement; how many rows it touched."""
        with self._lock:
            return self._connection.execute(statement, values).rowcount

    def rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, *values: object) -> sqlite3.Row | None:
        """The first row of a query, if there is one."""
        with self._lock:
            found: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
            return found

    def number(self, counter: str) -> int:
        """The next number of a counter; never the same twice, not even over a restart."""
        with self.transaction():
            self.write(
                "INSERT INTO counter VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
                counter,
            )
            found = self.row("SELECT value FROM counter WHERE name = ?", counter)
            assert found is not None, "it was written in this transaction"
            return int(found["value"])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
