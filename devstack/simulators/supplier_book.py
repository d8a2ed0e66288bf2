"""One supplier's pages in the shared book: orders and lines, rules, what the buyer asked, what is to be done next.

All quantities are purchase units. Nothing is decided here, and nobody is told anything.
"""

import json
import sqlite3
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple

from devstack.simulators.book import Book
from devstack.simulators.records import BookedLine, BookedOrder, SupplierBooks, operations, webhooks
from devstack.simulators.requests import Problem
from devstack.simulators.settings import Advance, Behaviour, Rule, StepLine
from devstack.simulators.supplier_wire import OrderBody


class Asked(NamedTuple):
    """A change or a cancellation that waits for its answer."""

    revision: int
    quantities: dict[str, int] | None
    """By line number; None: the whole order is withdrawn."""


class SupplierBook:
    """What one supplier has written down."""

    def __init__(self, book: Book, supplier_id: str) -> None:
        self._book = book
        self._id = supplier_id

    @property
    def lane(self) -> str:
        """The lane of its webhooks, under which its keyed requests are kept as well."""
        return f"supplier/{self._id}"

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing."""
        with self._book.transaction():
            yield

    def number(self, what: str) -> int:
        """The next number for an `order`, a `shipment` or a `receipt`."""
        return self._book.number(f"{what} {self._id}")

    # Orders

    def find(self, po_number: str) -> sqlite3.Row | None:
        """An order, if it is here."""
        return self._book.row(
            "SELECT * FROM purchase_order WHERE supplier_id = ? AND po_number = ?", self._id, po_number
        )

    def order(self, po_number: str) -> sqlite3.Row:
        """An order. Raises: Problem 404."""
        found = self.find(po_number)
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown-order", f"no order {po_number} is here")
        return found

    def lines(self, po_number: str) -> list[sqlite3.Row]:
        """The lines of an order."""
        return self._book.rows(
            "SELECT * FROM purchase_order_line WHERE supplier_id = ? AND po_number = ? ORDER BY line_no",
            *(self._id, po_number),
        )

    def told(self, step: Advance) -> Iterable[tuple[sqlite3.Row, StepLine | None]]:
        """The lines a step is about, each with what was said about it. Raises: Problem 404."""
        lines = {line["line_no"]: line for line in self.lines(step.po_number)}
        if step.lines is None:
            return [(line, None) for line in lines.values()]
        for told in step.lines:
            if told.line_no not in lines:
                raise Problem(HTTPStatus.NOT_FOUND, "unknown-line", f"no line {told.line_no} in {step.po_number}")
        return [(lines[told.line_no], told) for told in step.lines]

    def add_order(self, order: OrderBody, reference: str) -> None:
        """Write down a new order; until it is acknowledged, all that is ordered counts as confirmed."""
        self._book.write(
            "INSERT INTO purchase_order (supplier_id, po_number, reference, currency, ordered_on)"
            " VALUES (?, ?, ?, ?, ?)",
            *(self._id, order.po_number, reference, order.currency, order.ordered_on.isoformat()),
        )
        for line in order.lines:
            self._book.write(
                "INSERT INTO purchase_order_line (supplier_id, po_number, line_no, sku, supplier_sku, description,"
                " unit_price, wanted_on, ordered, confirmed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(self._id, order.po_number, line.line_no, line.sku, line.supplier_sku, line.description),
                *(line.unit_price, line.wanted_on and line.wanted_on.isoformat(), line.quantity, line.quantity),
            )

    def set_state(self, po_number: str, state: str) -> None:
        """New, acknowledged, rejected or cancelled."""
        self._book.write(
            "UPDATE purchase_order SET state = ? WHERE supplier_id = ? AND po_number = ?", state, self._id, po_number
        )

    def set_line(self, po_number: str, line_no: int, **columns: int) -> None:
        """New quantities of a line."""
        settings = ", ".join(f"{column} = ?" for column in columns)
        self._book.write(
            f"UPDATE purchase_order_line SET {settings} WHERE supplier_id = ? AND po_number = ? AND line_no = ?",
            *(*columns.values(), self._id, po_number, line_no),
        )

    def confirm_nothing(self, po_number: str) -> None:
        """Nothing of an order will be delivered."""
        self._book.write(
            "UPDATE purchase_order_line SET confirmed = 0 WHERE supplier_id = ? AND po_number = ?",
            *(self._id, po_number),
        )

    def count_acknowledgement(self, po_number: str) -> None:
        """One more acknowledgement of an order went out."""
        self._book.write(
            "UPDATE purchase_order SET acknowledgements = acknowledgements + 1 WHERE supplier_id = ? AND po_number = ?",
            *(self._id, po_number),
        )

    # Changes and cancellations

    def add_asked(self, po_number: str, revision: int, quantities: Mapping[int, int] | None) -> None:
        """Write down what the buyer asks, see `Asked`; the order is at this revision from now on."""
        self._book.write(
            "UPDATE purchase_order SET revision = ? WHERE supplier_id = ? AND po_number = ?",
            *(revision, self._id, po_number),
        )
        self._book.write(
            "INSERT INTO change_request (supplier_id, po_number, revision, content) VALUES (?, ?, ?, ?)",
            *(self._id, po_number, revision, json.dumps(quantities)),
        )

    def take_unanswered(self, po_number: str) -> list[Asked]:
        """What waits for an answer, in the order it was asked; from now on it counts as answered."""
        waiting = self._book.rows(
            "SELECT * FROM change_request WHERE supplier_id = ? AND po_number = ? AND NOT answered ORDER BY revision",
            *(self._id, po_number),
        )
        self._book.write(
            "UPDATE change_request SET answered = 1 WHERE supplier_id = ? AND po_number = ?", self._id, po_number
        )
        return [Asked(row["revision"], json.loads(row["content"])) for row in waiting]

    # Documents, where orders are documents

    def file(self, po_number: str, revision: int, payload_id: str) -> None:
        """Keep what the buyer's document of that revision is called."""
        self._book.write(
            "INSERT OR REPLACE INTO document (supplier_id, po_number, revision, payload_id) VALUES (?, ?, ?, ?)",
            *(self._id, po_number, revision, payload_id),
        )

    def filed(self, po_number: str, revision: int) -> str:
        """What the buyer's document of that revision is called. Raises: Problem 404."""
        found = self._book.row(
            "SELECT payload_id FROM document WHERE supplier_id = ? AND po_number = ? AND revision = ?",
            *(self._id, po_number, revision),
        )
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown-document", f"no revision {revision} of {po_number} is here")
        return str(found["payload_id"])

    # Rules

    def follow(self, rule: Rule) -> None:
        """Keep a rule. One for all items replaces every other."""
        if not rule.skus:
            self._book.write("DELETE FROM supplier_rule WHERE supplier_id = ?", self._id)
        for sku in rule.skus or ("",):
            self._book.write(
                "INSERT INTO supplier_rule VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET rule = excluded.rule",
                *(self._id, sku, rule.model_dump_json()),
            )

    def rule(self, sku: str = "") -> Rule:
        """The rule for an item; without one, the rule for all."""
        found = self._book.row(
            "SELECT rule FROM supplier_rule WHERE supplier_id = ? AND sku IN (?, '') ORDER BY sku DESC LIMIT 1",
            *(self._id, sku),
        )
        return Rule() if found is None else Rule.model_validate_json(found["rule"])

    def rule_with(self, po_number: str, behaviour: Behaviour) -> Rule | None:
        """A behaviour that concerns the whole order holds if the rule for all, or for any of its items, says so."""
        skus = ["", *(line["sku"] for line in self.lines(po_number))]
        return next((rule for sku in skus if (rule := self.rule(sku)).behaviour is behaviour), None)

    # Duties

    def later(self, after: float | None, step: Advance) -> None:
        """Plan a step for so many seconds from now; None: it happens only when told."""
        if after is not None:
            self._book.write(
                "INSERT INTO duty (supplier_id, step, at) VALUES (?, ?, ?)",
                *(self._id, step.model_dump_json(), time.time() + after),
            )

    def next_duty_at(self) -> float | None:
        """When the next step is due (epoch seconds)."""
        due = self._book.row("SELECT min(at) AS at FROM duty WHERE supplier_id = ?", self._id)
        return None if due is None or due["at"] is None else float(due["at"])

    def take_duty(self) -> Advance:
        """The step that is due next; it is planned no more."""
        due = self._book.row("SELECT * FROM duty WHERE supplier_id = ? ORDER BY at, duty_id LIMIT 1", self._id)
        assert due is not None, "its time was read before, and nobody else takes it"
        self._book.write("DELETE FROM duty WHERE duty_id = ?", due["duty_id"])
        return Advance.model_validate_json(due["step"])

    # All of it

    def all(self) -> SupplierBooks:
        """What the supplier believes."""
        orders = self._book.rows("SELECT * FROM purchase_order WHERE supplier_id = ? ORDER BY reference", self._id)
        booked = tuple(
            BookedOrder(
                lines=tuple(
                    BookedLine.model_validate({k: line[k] for k in BookedLine.model_fields})
                    for line in self.lines(order["po_number"])
                ),
                **{k: order[k] for k in ("po_number", "reference", "revision", "currency", "state")},
            )
            for order in orders
        )
        shipped: dict[str, int] = {}
        for line in (line for order in booked for line in order.lines):
            shipped[line.sku] = shipped.get(line.sku, 0) + line.shipped
        return SupplierBooks(
            orders=booked,
            operations=operations(self._book, self.lane),
            webhooks=webhooks(self._book, self.lane),
            units_shipped=shipped,
        )
