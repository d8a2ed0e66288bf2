"""The steps of a simulated supplier: it acknowledges, ships, delivers and answers changes, each as its rules say.

It also plays the shop's own warehouse door: what it delivers is counted there, and the goods receipt goes out as a
`received` event. All quantities are purchase units. Whoever calls a step holds a transaction of the book; the webhooks
are queued in the same one.
"""

import json
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from devstack.simulators.courier import Courier
from devstack.simulators.cxml_wire import Documents
from devstack.simulators.settings import Advance, Behaviour, Rule, Step, StepLine, SupplierSettings
from devstack.simulators.supplier_book import SupplierBook

Event = dict[str, Any]
"""One event of the wire, as JSON-ready data."""


class SupplierSteps:
    """What one supplier does and says."""

    def __init__(self, book: SupplierBook, courier: Courier, settings: SupplierSettings) -> None:
        self._book = book
        self._courier = courier
        self._settings = settings
        self._written: Callable[[Event], str] = _as_webhook
        if settings.cxml is not None:
            self._written = Documents(settings.cxml, lambda: book.number("document"), book.filed).write

    def do(self, step: Advance) -> list[Event]:
        """Do one step now; the events it sends. Raises: Problem 404."""
        self._book.order(step.po_number)
        match step.what:
            case Step.ACKNOWLEDGE:
                return self._acknowledge(step)
            case Step.SHIP:
                return self._ship(step)
            case Step.DELIVER:
                return self._deliver(step)
            case Step.ANSWER:
                return self._say(step.po_number, self.answers(step))

    def still_possible(self, step: Advance) -> Advance:
        """A step planned earlier, less what changes have taken off meanwhile."""
        if step.what is not Step.SHIP or step.lines is None:
            return step
        open_units = {
            line["line_no"]: max(0, line["confirmed"] - line["shipped"]) for line in self._book.lines(step.po_number)
        }
        return step.model_copy(
            update={
                "lines": tuple(
                    told.model_copy(update={"quantity": min(told.quantity or 0, open_units[told.line_no])})
                    for told in step.lines
                )
            }
        )

    def _acknowledge(self, step: Advance) -> list[Event]:
        order = self._book.order(step.po_number)
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
        if (rejecting := self._book.rule_with(step.po_number, Behaviour.REJECT_ALL)) is not None:
            self._book.set_state(step.po_number, "rejected")
            self._book.confirm_nothing(step.po_number)
            answer |= {"accepted": False, "reason": rejecting.reason or "we cannot take this order"}
            return self._say(step.po_number, [answer])
        again = order["acknowledgements"] > 0
        parts: dict[date, list[StepLine]] = {}
        for line in self._book.lines(step.po_number):
            rule = self._book.rule(line["sku"])
            first = step.deliver_on or _first_date(order, line, self._settings.lead_days)
            if rule.behaviour is Behaviour.LATE and again and step.deliver_on is None:
                first += timedelta(days=rule.later_days)
            splits = promised(line["ordered"], rule, first)
            if splits:
                answer["lines"].append({"line": _named(line), "splits": [_split(s, line, rule) for s in splits]})
            kept = [(quantity, on) for status, quantity, on in splits if status != "rejected"]
            self._book.set_line(step.po_number, line["line_no"], confirmed=sum(quantity for quantity, _ in kept))
            for quantity, on in kept:
                parts.setdefault(on, []).append(StepLine(line_no=line["line_no"], quantity=quantity))
        self._book.set_state(step.po_number, "acknowledged")
        self._book.count_acknowledgement(step.po_number)
        if not again:
            self._plan_shipments(step.po_number, parts)
        return self._say_before_goods(step.po_number, answer)

    def _plan_shipments(self, po_number: str, parts: dict[date, list[StepLine]]) -> None:
        pace = self._settings.pace.ship_after
        if pace is None:
            return
        wait = pace
        if self._book.rule_with(po_number, Behaviour.LATE) is not None:
            self._book.later(wait, Advance(what=Step.ACKNOWLEDGE, po_number=po_number))
            wait += pace
        for on, lines in sorted(parts.items()):
            self._book.later(wait, Advance(what=Step.SHIP, po_number=po_number, lines=tuple(lines), deliver_on=on))
            wait += pace

    def _ship(self, step: Advance) -> list[Event]:
        order = self._book.order(step.po_number)
        shipped: list[Event] = []
        on_the_way: list[StepLine] = []
        for line, told in self._book.told(step):
            quantity = (
                told.quantity if told and told.quantity is not None else max(0, line["confirmed"] - line["shipped"])
            )
            if quantity == 0:
                continue
            self._book.set_line(step.po_number, line["line_no"], shipped=line["shipped"] + quantity)
            on = step.deliver_on or _first_date(order, line, self._settings.lead_days)
            shipped.append({"line": _named(line), "shipped": str(quantity), "deliver_on": on.isoformat()})
            on_the_way.append(StepLine(line_no=line["line_no"], good=quantity))
        if not shipped:
            return []
        shipment_id = f"SH-{self._book.number('shipment'):05d}"
        notice: Event = {
            "kind": "ship_notice",
            "po_number": step.po_number,
            "shipment_id": shipment_id,
            "lines": shipped,
            "tracking": f"TRK-{self._settings.supplier_id}-{shipment_id}",
        }
        self._book.later(
            self._settings.pace.deliver_after,
            Advance(what=Step.DELIVER, po_number=step.po_number, lines=tuple(on_the_way)),
        )
        return self._say_before_goods(step.po_number, notice)

    def _deliver(self, step: Advance) -> list[Event]:
        arrived: list[Event] = []
        lines = list(self._book.told(step))
        closes = step.closes or any(self._book.rule(line["sku"]).behaviour in _NOTHING_MORE_COMES for line, _ in lines)
        for line, said_of_it in lines:
            told = said_of_it or StepLine(line_no=line["line_no"])
            before = line["good"] + line["damaged"] + line["wrong"]
            # what has left; or, when nothing was announced, what is open
            due = (line["shipped"] - before) or max(0, line["confirmed"] - line["shipped"])
            good = told.good if told.good is not None else max(0, due - told.damaged - told.wrong)
            good, broken = _on_the_way(good, self._book.rule(line["sku"]).behaviour)
            counted = {"good": good + told.over, "damaged": told.damaged + broken, "wrong": told.wrong}
            if not any(counted.values()):
                continue
            shipped = max(line["shipped"], before + sum(counted.values()))
            self._book.set_line(
                step.po_number,
                line["line_no"],
                shipped=shipped,
                confirmed=shipped if closes else line["confirmed"],
                **{condition: line[condition] + units for condition, units in counted.items()},
            )
            arrived.append({"line": _named(line), **{k: str(v) for k, v in counted.items()}})
        if not arrived:
            return []
        receipt: Event = {
            "kind": "received",
            "po_number": step.po_number,
            "receipt_id": f"RC-{self._book.number('receipt'):05d}",
            "lines": arrived,
            "closes": closes,
        }
        said = self._say(step.po_number, [receipt])
        self._courier.release(self._book.lane, step.po_number)
        return said

    def answers(self, step: Advance) -> list[Event]:
        """Decide on what waits for an answer; the answers, which nobody was told yet."""
        answers: list[Event] = []
        for asked in self._book.take_unanswered(step.po_number):
            verdict, reason = self._verdict(step, asked.quantities)
            answer: Event = {
                "kind": "change_ack",
                "po_number": step.po_number,
                "revision": asked.revision,
                "verdict": verdict,
                "reason": reason,
            }
            if verdict == "partly":
                answer["lines"] = [self._as_it_stands(line) for line in self._book.lines(step.po_number)]
            answers.append(answer)
        return answers

    def _verdict(self, step: Advance, quantities: dict[str, int] | None) -> tuple[str, str]:
        """Apply one request as far as it can be. `quantities` by line number; None withdraws the whole order."""
        rule = self._book.rule()
        if step.verdict is not None:
            return step.verdict, rule.reason
        if self._book.rule_with(step.po_number, Behaviour.CANCEL_TOO_LATE) is not None:
            return "refused", rule.reason or "too late: the order is being packed"
        if self._book.rule_with(step.po_number, Behaviour.SHIPS_AFTER_CANCEL) is not None:
            return "accepted", ""
        asked = [
            (line, quantities[str(line["line_no"])] if quantities else 0)
            for line in self._book.lines(step.po_number)
            if quantities is None or str(line["line_no"]) in quantities
        ]
        done = 0
        moved = False
        for line, wanted in asked:
            possible = min(max(wanted, line["shipped"]), line["ordered"])
            done += possible == wanted
            moved = moved or possible < line["ordered"]
            self._book.set_line(
                step.po_number, line["line_no"], ordered=possible, confirmed=min(line["confirmed"], possible)
            )
        if done == len(asked):
            if quantities is None:
                self._book.set_state(step.po_number, "cancelled")
            return "accepted", ""
        return (
            ("partly", "a part has left already")
            if moved
            else ("refused", "it has left already, or is not ours to add")
        )

    def _as_it_stands(self, line: sqlite3.Row) -> Event:
        splits: list[Event] = []
        if line["confirmed"]:
            splits.append({"status": "accepted", "quantity": str(line["confirmed"])})
        if line["ordered"] > line["confirmed"] or not splits:
            splits.append({"status": "rejected", "quantity": str(line["ordered"] - line["confirmed"])})
        return {"line": _named(line), "splits": splits}

    def _say(self, po_number: str, events: list[Event], *, held: bool = False) -> list[Event]:
        repeated = self._book.rule_with(po_number, Behaviour.DUPLICATE) is not None
        for event in events:
            self._courier.post(self._book.lane, po_number, self._written(event), held=held, repeated=repeated)
        return events

    def _say_before_goods(self, po_number: str, event: Event) -> list[Event]:
        """Say what should come before the goods; a supplier that is out of order says it after them."""
        return self._say(po_number, [event], held=self._book.rule_with(po_number, Behaviour.OUT_OF_ORDER) is not None)


def _as_webhook(event: Event) -> str:
    return json.dumps({"events": [event]})


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


_NOTHING_MORE_COMES = {Behaviour.DAMAGED, Behaviour.SHORT_DELIVERY}


def _on_the_way(units: int, behaviour: Behaviour) -> tuple[int, int]:
    """What becomes of units that left: how many arrive whole, and how many broken."""
    match behaviour:
        case Behaviour.DAMAGED if units:
            broken = max(1, units // 3)
            return units - broken, broken
        case Behaviour.SHORT_DELIVERY:
            return units - units // 3, 0
        case _:
            return units, 0


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


def _first_date(order: sqlite3.Row, line: sqlite3.Row, lead_days: int) -> date:
    """The day the buyer wants it on, else so many days after the order's own date."""
    if line["wanted_on"] is not None:
        return date.fromisoformat(line["wanted_on"])
    return date.fromisoformat(order["ordered_on"]) + timedelta(days=lead_days)
