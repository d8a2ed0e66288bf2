"""What a simulated supplier does: takes orders, acknowledges, ships, delivers, answers changes, each as commanded.

All quantities are purchase units. It also plays the shop's own warehouse door: what it delivers is counted there, and
the goods receipt goes out as a `received` event. Every step is one transaction in the book; its webhooks are queued in
the same one.
"""

import json
import sqlite3
import time
from collections.abc import Iterable
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any

from devstack.simulators.book import Book
from devstack.simulators.courier import Courier
from devstack.simulators.records import BookedLine, BookedOperation, BookedOrder, BookedWebhook, SupplierBooks
from devstack.simulators.requests import Problem
from devstack.simulators.settings import Advance, Behaviour, Rule, Step, StepLine, SupplierSettings
from devstack.simulators.supplier_wire import CancelBody, ChangeBody, OrderBody

Event = dict[str, Any]
"""One event of the wire, as JSON-ready data."""


class SimulatedSupplier:
    """One supplier's books and habits."""

    def __init__(self, book: Book, courier: Courier, settings: SupplierSettings) -> None:
        self._book = book
        self._courier = courier
        self.settings = settings

    # What the buyer asks

    def place(self, order: OrderBody) -> tuple[int, Event]:
        """Take an order. Raises: Problem 409 when the number came before under another key."""
        if self._find(order.po_number) is not None:
            raise Problem(HTTPStatus.CONFLICT, "duplicate-order", f"order {order.po_number} is here already")
        reference = f"SO-{self._book.number(f'order {self._id}'):05d}"
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
        self._later(self.settings.pace.acknowledge_after, Advance(what=Step.ACKNOWLEDGE, po_number=order.po_number))
        return HTTPStatus.ACCEPTED, {"reference": reference, "events": []}

    def ask_change(self, po_number: str, request: ChangeBody | CancelBody) -> tuple[int, Event]:
        """Take a change or a cancellation; the answer follows. Raises: Problem 404, 409."""
        order = self._order(po_number)
        if request.po_number != po_number:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "po_number differs from the address")
        if request.revision <= order["revision"]:
            raise Problem(HTTPStatus.CONFLICT, "old-revision", f"revision {order['revision']} was here before")
        if isinstance(request, ChangeBody):
            known = {line["line_no"] for line in self._lines(po_number)}
            if unknown := [line.line_no for line in request.lines if line.line_no not in known]:
                raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown-line", f"no line {unknown[0]} in {po_number}")
        self._book.write(
            "UPDATE purchase_order SET revision = ? WHERE supplier_id = ? AND po_number = ?",
            *(request.revision, self._id, po_number),
        )
        quantities = (
            {line.line_no: line.quantity for line in request.lines} if isinstance(request, ChangeBody) else None
        )
        self._book.write(
            "INSERT INTO change_request (supplier_id, po_number, revision, content) VALUES (?, ?, ?, ?)",
            *(self._id, po_number, request.revision, json.dumps(quantities)),
        )
        events: list[Event] = []
        if self._default_rule().synchronous:
            events = self._answer(Advance(what=Step.ANSWER, po_number=po_number), send=False)
        else:
            self._later(self.settings.pace.answer_after, Advance(what=Step.ANSWER, po_number=po_number))
        return HTTPStatus.ACCEPTED, {"reference": order["reference"], "events": events}

    # What it does by itself or when told

    def behave(self, rule: Rule) -> None:
        """Follow a rule from now on, over restarts. A rule for all items replaces every other."""
        with self._book.transaction():
            if not rule.skus:
                self._book.write("DELETE FROM supplier_rule WHERE supplier_id = ?", self._id)
            for sku in rule.skus or ("",):
                self._book.write(
                    "INSERT INTO supplier_rule VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET rule = excluded.rule",
                    *(self._id, sku, rule.model_dump_json()),
                )

    def advance(self, step: Advance) -> list[Event]:
        """Do one step now; the events it sends. Raises: Problem 404."""
        with self._book.transaction():
            self._order(step.po_number)
            match step.what:
                case Step.ACKNOWLEDGE:
                    return self._acknowledge(step)
                case Step.SHIP:
                    return self._ship(step)
                case Step.DELIVER:
                    return self._deliver(step)
                case Step.ANSWER:
                    return self._answer(step, send=True)

    def do_what_is_due(self, now: float) -> float | None:
        """Do every step whose time has come; when the next one is due (epoch seconds)."""
        while True:
            due = self._book.row("SELECT * FROM duty WHERE supplier_id = ? ORDER BY at, duty_id LIMIT 1", self._id)
            if due is None:
                return None
            if due["at"] > now:
                return float(due["at"])
            with self._book.transaction():
                self._book.write("DELETE FROM duty WHERE duty_id = ?", due["duty_id"])
                step = Advance.model_validate_json(due["step"])
                if self._rule_with(step.po_number, Behaviour.SILENT) is None:
                    self.advance(self._still_possible(step))

    def books(self, service: str) -> SupplierBooks:
        """What it believes."""
        orders = self._book.rows("SELECT * FROM purchase_order WHERE supplier_id = ? ORDER BY reference", self._id)
        booked = tuple(
            BookedOrder(
                lines=tuple(
                    BookedLine.model_validate({k: line[k] for k in BookedLine.model_fields})
                    for line in self._lines(order["po_number"])
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
            operations=operations(self._book, service),
            webhooks=webhooks(self._book, service),
            units_shipped=shipped,
        )

    # The steps

    def _acknowledge(self, step: Advance) -> list[Event]:
        order = self._order(step.po_number)
        if order["state"] in {"cancelled", "rejected"}:
            return []
        answer: Event = {
            "kind": "order_ack",
            "po_number": step.po_number,
            "revision": order["revision"],
            "accepted": True,
            "supplier_order_no": order["reference"],
            "lines": [],
        }
        if (rejecting := self._rule_with(step.po_number, Behaviour.REJECT_ALL)) is not None:
            self._set_state(step.po_number, "rejected")
            self._book.write(
                "UPDATE purchase_order_line SET confirmed = 0 WHERE supplier_id = ? AND po_number = ?",
                *(self._id, step.po_number),
            )
            answer |= {"accepted": False, "reason": rejecting.reason or "we cannot take this order"}
            return self._say(step.po_number, [answer])
        again = order["acknowledgements"] > 0
        parts: dict[date, list[StepLine]] = {}
        for line in self._lines(step.po_number):
            rule = self._rule(line["sku"])
            first = step.deliver_on or self._first_date(order, line)
            if rule.behaviour is Behaviour.LATE and again and step.deliver_on is None:
                first += timedelta(days=rule.later_days)
            splits = promised(line["ordered"], rule, first)
            if splits:
                answer["lines"].append({"line": _named(line), "splits": [_split(s, line, rule) for s in splits]})
            kept = [(quantity, on) for status, quantity, on in splits if status != "rejected"]
            self._set_line(step.po_number, line["line_no"], confirmed=sum(quantity for quantity, _ in kept))
            for quantity, on in kept:
                parts.setdefault(on, []).append(StepLine(line_no=line["line_no"], quantity=quantity))
        self._set_state(step.po_number, "acknowledged")
        self._book.write(
            "UPDATE purchase_order SET acknowledgements = acknowledgements + 1 WHERE supplier_id = ? AND po_number = ?",
            *(self._id, step.po_number),
        )
        if not again:
            self._plan_shipments(step.po_number, parts)
        return self._say_before_goods(step.po_number, answer)

    def _plan_shipments(self, po_number: str, parts: dict[date, list[StepLine]]) -> None:
        pace = self.settings.pace.ship_after
        if pace is None:
            return
        wait = pace
        if self._rule_with(po_number, Behaviour.LATE) is not None:
            self._later(wait, Advance(what=Step.ACKNOWLEDGE, po_number=po_number))
            wait += pace
        for on, lines in sorted(parts.items()):
            self._later(wait, Advance(what=Step.SHIP, po_number=po_number, lines=tuple(lines), deliver_on=on))
            wait += pace

    def _still_possible(self, step: Advance) -> Advance:
        """A step planned earlier, less what changes have taken off meanwhile."""
        if step.what is not Step.SHIP or step.lines is None:
            return step
        open_units = {
            line["line_no"]: max(0, line["confirmed"] - line["shipped"]) for line in self._lines(step.po_number)
        }
        return step.model_copy(
            update={
                "lines": tuple(
                    told.model_copy(update={"quantity": min(told.quantity or 0, open_units[told.line_no])})
                    for told in step.lines
                )
            }
        )

    def _ship(self, step: Advance) -> list[Event]:
        order = self._order(step.po_number)
        shipped: list[Event] = []
        on_the_way: list[StepLine] = []
        for line, told in self._told(step):
            quantity = (
                told.quantity if told and told.quantity is not None else max(0, line["confirmed"] - line["shipped"])
            )
            if quantity == 0:
                continue
            self._set_line(step.po_number, line["line_no"], shipped=line["shipped"] + quantity)
            on = step.deliver_on or self._first_date(order, line)
            shipped.append({"line": _named(line), "shipped": str(quantity), "deliver_on": on.isoformat()})
            on_the_way.append(StepLine(line_no=line["line_no"], good=quantity))
        if not shipped:
            return []
        shipment_id = f"SH-{self._book.number(f'shipment {self._id}'):05d}"
        notice: Event = {
            "kind": "ship_notice",
            "po_number": step.po_number,
            "shipment_id": shipment_id,
            "lines": shipped,
            "tracking": f"TRK-{self._id}-{shipment_id}",
        }
        self._later(
            self.settings.pace.deliver_after,
            Advance(what=Step.DELIVER, po_number=step.po_number, lines=tuple(on_the_way)),
        )
        return self._say_before_goods(step.po_number, notice)

    def _deliver(self, step: Advance) -> list[Event]:
        arrived: list[Event] = []
        for line, said_of_it in self._told(step):
            told = said_of_it or StepLine(line_no=line["line_no"])
            before = line["good"] + line["damaged"] + line["wrong"]
            # what has left; or, when nothing was announced, what is open
            due = (line["shipped"] - before) or max(0, line["confirmed"] - line["shipped"])
            good = told.good if told.good is not None else max(0, due - told.damaged - told.wrong)
            counted = {"good": good + told.over, "damaged": told.damaged, "wrong": told.wrong}
            if not any(counted.values()):
                continue
            shipped = max(line["shipped"], before + sum(counted.values()))
            self._set_line(
                step.po_number,
                line["line_no"],
                shipped=shipped,
                confirmed=shipped if step.closes else line["confirmed"],
                **{condition: line[condition] + units for condition, units in counted.items()},
            )
            arrived.append({"line": _named(line), **{k: str(v) for k, v in counted.items()}})
        if not arrived:
            return []
        receipt: Event = {
            "kind": "received",
            "po_number": step.po_number,
            "receipt_id": f"RC-{self._book.number(f'receipt {self._id}'):05d}",
            "lines": arrived,
            "closes": step.closes,
        }
        said = self._say(step.po_number, [receipt])
        self._courier.release(self._lane, step.po_number)
        return said

    def _answer(self, step: Advance, *, send: bool) -> list[Event]:
        waiting = self._book.rows(
            "SELECT * FROM change_request WHERE supplier_id = ? AND po_number = ? AND NOT answered ORDER BY revision",
            *(self._id, step.po_number),
        )
        answers: list[Event] = []
        for request in waiting:
            self._book.write(
                "UPDATE change_request SET answered = 1 WHERE supplier_id = ? AND po_number = ? AND revision = ?",
                *(self._id, step.po_number, request["revision"]),
            )
            verdict, reason = self._verdict(step, json.loads(request["content"]))
            answer: Event = {
                "kind": "change_ack",
                "po_number": step.po_number,
                "revision": request["revision"],
                "verdict": verdict,
                "reason": reason,
            }
            if verdict == "partly":
                answer["lines"] = [self._as_it_stands(line) for line in self._lines(step.po_number)]
            answers.append(answer)
        return self._say(step.po_number, answers) if send else answers

    def _verdict(self, step: Advance, quantities: dict[str, int] | None) -> tuple[str, str]:
        """Apply one request as far as it can be. `quantities` by line number; None withdraws the whole order."""
        rule = self._default_rule()
        if step.verdict is not None:
            return step.verdict, rule.reason
        if self._rule_with(step.po_number, Behaviour.CANCEL_TOO_LATE) is not None:
            return "refused", rule.reason or "too late: the order is being packed"
        if self._rule_with(step.po_number, Behaviour.SHIPS_AFTER_CANCEL) is not None:
            return "accepted", ""
        asked = [
            (line, quantities[str(line["line_no"])] if quantities else 0)
            for line in self._lines(step.po_number)
            if quantities is None or str(line["line_no"]) in quantities
        ]
        done = 0
        moved = False
        for line, wanted in asked:
            possible = min(max(wanted, line["shipped"]), line["ordered"])
            done += possible == wanted
            moved = moved or possible < line["ordered"]
            self._set_line(
                step.po_number, line["line_no"], ordered=possible, confirmed=min(line["confirmed"], possible)
            )
        if done == len(asked):
            if quantities is None:
                self._set_state(step.po_number, "cancelled")
            return "accepted", ""
        return (
            ("partly", "a part has left already")
            if moved
            else ("refused", "it has left already, or is not ours to add")
        )

    # What it knows

    @property
    def _id(self) -> str:
        return self.settings.supplier_id

    @property
    def _lane(self) -> str:
        return f"supplier/{self._id}"

    def _find(self, po_number: str) -> sqlite3.Row | None:
        return self._book.row(
            "SELECT * FROM purchase_order WHERE supplier_id = ? AND po_number = ?", self._id, po_number
        )

    def _order(self, po_number: str) -> sqlite3.Row:
        found = self._find(po_number)
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown-order", f"no order {po_number} is here")
        return found

    def _lines(self, po_number: str) -> list[sqlite3.Row]:
        return self._book.rows(
            "SELECT * FROM purchase_order_line WHERE supplier_id = ? AND po_number = ? ORDER BY line_no",
            *(self._id, po_number),
        )

    def _told(self, step: Advance) -> Iterable[tuple[sqlite3.Row, StepLine | None]]:
        """The lines a step is about, each with what was said about it."""
        lines = {line["line_no"]: line for line in self._lines(step.po_number)}
        if step.lines is None:
            return [(line, None) for line in lines.values()]
        for told in step.lines:
            if told.line_no not in lines:
                raise Problem(HTTPStatus.NOT_FOUND, "unknown-line", f"no line {told.line_no} in {step.po_number}")
        return [(lines[told.line_no], told) for told in step.lines]

    def _first_date(self, order: sqlite3.Row, line: sqlite3.Row) -> date:
        if line["wanted_on"] is not None:
            return date.fromisoformat(line["wanted_on"])
        return date.fromisoformat(order["ordered_on"]) + timedelta(days=self.settings.lead_days)

    def _rule(self, sku: str) -> Rule:
        found = self._book.row(
            "SELECT rule FROM supplier_rule WHERE supplier_id = ? AND sku IN (?, '') ORDER BY sku DESC LIMIT 1",
            *(self._id, sku),
        )
        return Rule() if found is None else Rule.model_validate_json(found["rule"])

    def _default_rule(self) -> Rule:
        return self._rule("")

    def _rule_with(self, po_number: str, behaviour: Behaviour) -> Rule | None:
        """A behaviour that concerns the whole order holds if the rule for all, or for any of its items, says so."""
        skus = ["", *(line["sku"] for line in self._lines(po_number))]
        return next((rule for sku in skus if (rule := self._rule(sku)).behaviour is behaviour), None)

    def drops_response(self, order: OrderBody) -> bool:
        """Whether the first answer to this order is cut."""
        skus = ["", *(line.sku for line in order.lines)]
        return any(self._rule(sku).behaviour is Behaviour.DROP_RESPONSE for sku in skus)

    def _as_it_stands(self, line: sqlite3.Row) -> Event:
        splits: list[Event] = []
        if line["confirmed"]:
            splits.append({"status": "accepted", "quantity": str(line["confirmed"])})
        if line["ordered"] > line["confirmed"] or not splits:
            splits.append({"status": "rejected", "quantity": str(line["ordered"] - line["confirmed"])})
        return {"line": _named(line), "splits": splits}

    # What it writes

    def _set_state(self, po_number: str, state: str) -> None:
        self._book.write(
            "UPDATE purchase_order SET state = ? WHERE supplier_id = ? AND po_number = ?", state, self._id, po_number
        )

    def _set_line(self, po_number: str, line_no: int, **columns: int) -> None:
        settings = ", ".join(f"{column} = ?" for column in columns)
        self._book.write(
            f"UPDATE purchase_order_line SET {settings} WHERE supplier_id = ? AND po_number = ? AND line_no = ?",
            *(*columns.values(), self._id, po_number, line_no),
        )

    def _later(self, after: float | None, step: Advance) -> None:
        if after is not None:
            self._book.write(
                "INSERT INTO duty (supplier_id, step, at) VALUES (?, ?, ?)",
                *(self._id, step.model_dump_json(), time.time() + after),
            )

    def _say(self, po_number: str, events: list[Event], *, held: bool = False) -> list[Event]:
        repeated = self._rule_with(po_number, Behaviour.DUPLICATE) is not None
        for event in events:
            self._courier.post(self._lane, po_number, {"events": [event]}, held=held, repeated=repeated)
        return events

    def _say_before_goods(self, po_number: str, event: Event) -> list[Event]:
        """Say what should come before the goods; a supplier that is out of order says it after them."""
        return self._say(po_number, [event], held=self._rule_with(po_number, Behaviour.OUT_OF_ORDER) is not None)


def promised(quantity: int, rule: Rule, first: date) -> list[tuple[str, int, date]]:
    """What a rule makes of a line: (status, quantity, date) for each part; the quantities add up to `quantity`."""
    later = first + timedelta(days=rule.later_days)
    now = min(quantity, quantity // 2 if rule.confirm is None else rule.confirm)
    match rule.behaviour:
        case Behaviour.SHORT:
            parts = [("accepted", now, first), ("rejected", quantity - now, first)]
        case Behaviour.SPLIT:
            parts = [("accepted", now, first), ("backordered", quantity - now, later)]
        case Behaviour.BACKORDER:
            parts = [("backordered", quantity, later)]
        case Behaviour.REJECT_LINE:
            parts = [("rejected", quantity, first)]
        case _:
            parts = [("accepted", quantity, first)]
    return [part for part in parts if part[1] > 0]


def operations(book: Book, service: str) -> tuple[BookedOperation, ...]:
    """The keyed requests a service has seen."""
    rows = book.rows("SELECT * FROM operation WHERE service = ? ORDER BY rowid", service)
    return tuple(BookedOperation.model_validate({k: row[k] for k in BookedOperation.model_fields}) for row in rows)


def webhooks(book: Book, lane: str) -> tuple[BookedWebhook, ...]:
    """The webhooks of a lane, in the order they leave."""
    rows = book.rows("SELECT * FROM webhook WHERE lane = ? ORDER BY position", lane)
    return tuple(BookedWebhook.model_validate({k: row[k] for k in BookedWebhook.model_fields}) for row in rows)


def _named(line: sqlite3.Row) -> Event:
    return {"line_no": line["line_no"], "sku": line["sku"], "supplier_sku": line["supplier_sku"]}


def _split(part: tuple[str, int, date], line: sqlite3.Row, rule: Rule) -> Event:
    status, quantity, on = part
    if status == "rejected":
        return {"status": status, "quantity": str(quantity), "reason": rule.reason or "not available"}
    price = line["unit_price"] if rule.unit_price is None else format(rule.unit_price, "f")
    return {
        "status": status,
        "quantity": str(quantity),
        "deliver_on": on.isoformat(),
        "unit_price": price,
        "reason": rule.reason,
    }
