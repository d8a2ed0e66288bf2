"""What a supplier's page shows and puts into its forms; and whether what comes back still fits the order.

Everything counts purchase units, as the supplier does. What a form says by itself is checked where it is read, in
`connectors.suppliers.email_portal.form`; here it is held against the books.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeGuard

from connectors.errors import Undecodable
from connectors.messages.rendering import day
from connectors.suppliers.email_portal import form
from connectors.suppliers.email_portal.form import FieldProblem, plain
from domain.catalogue import LONGEST_LEAD_TIME
from domain.purchase_order_position import OperationKind
from domain.supplier_events import ChangeAck, ChangeVerdict, OrderAck, ShipNotice, Split, SplitStatus, SupplierEvent
from domain.values import Instant
from ledger.supplier_view import Message, SeenLine, SupplierView

DOOR = "page"
"""How messages that were filled in on the page came."""

LONGEST_EARLIER = timedelta(days=1)
"""An order that is placed at night may be here on the day before, where the supplier lives."""


class Said(NamedTuple):
    """Something that the supplier said, as it is shown again."""

    at: Instant
    sentences: tuple[str, ...]


class Forms:
    """The forms of one page: of one order, one revision."""

    def __init__(self, view: SupplierView, revision: int) -> None:
        self.view = view
        self.revision = revision
        self.kind = next(one.kind for one in view.operations if one.revision == revision)
        self._told = [message for message in view.messages if message.door == DOOR]

    @property
    def changes(self) -> list[SeenLine]:
        """The lines that an unanswered change is about; of a cancellation, all that are still to come."""
        if self.kind is OperationKind.CANCEL:
            return [line for line in self.view.lines if line.open]
        return [line for line in self.view.lines if line.to_add or line.asked != line.received + line.open]

    @property
    def asks(self) -> bool:
        """Is a change or cancellation waiting for its answer?"""
        operation = self.view.operation(self.revision)
        return self.kind is not OperationKind.PLACE and operation is not None and operation.answered_at is None

    @property
    def answers(self) -> list[SeenLine]:
        """The lines that can be answered in parts: all of the order as it stands."""
        return [] if self.asks else [line for line in self.view.lines if self.total(line)]

    @property
    def ships(self) -> list[SeenLine]:
        """The lines of which something has not left yet."""
        return [line for line in self.view.lines if line.open > line.in_transit]

    @property
    def answered(self) -> Said | None:
        """The answer to this revision, as it was given last."""
        for message in reversed(self._told):
            for event in message.events:
                if self._is_answer(event):
                    return Said(message.received_at, tuple(sentences(event)))
        return None

    @property
    def shipped(self) -> list[Said]:
        """The shipments told of so far, the oldest first."""
        return [
            Said(message.received_at, tuple(sentences(event)))
            for message in self._told
            for event in message.events
            if isinstance(event, ShipNotice)
        ]

    @property
    def seen(self) -> int:
        """The last message the page knows of."""
        return max((message.inbox_id for message in self._told), default=0)

    def is_repeat(self, body: bytes) -> bool:
        """Was this very form sent before? Then it counts already, however the order stands by now."""
        return any(message.body == body for message in self._told)

    def is_overtaken(self, body: bytes) -> bool:
        """Was this very answer sent before, and another one since, which holds? As by a browser's way back."""
        answers = [message.body for message in self._told if any(map(self._is_answer, message.events))]
        return body in answers[:-1] and body != answers[-1]

    def _is_answer(self, event: SupplierEvent) -> TypeGuard[OrderAck | ChangeAck]:
        return isinstance(event, OrderAck | ChangeAck) and event.revision == self.revision

    def total(self, line: SeenLine) -> Decimal:
        """What a line's parts have to sum up to: what was ordered, until a change of it was agreed."""
        changed = self.view.changed_by(self.revision)
        return units(line, line.received + line.open if changed else line.ordered)

    def shown(self, do: str) -> dict[str, str]:
        """The fields that a form holds without anybody typing, from which it is seen what it is about."""
        hidden: dict[str, str] = {}
        match do:
            case "confirm" | "answer":
                for line in self.answers:
                    hidden[f"asked-{line.line_no}"] = plain(self.total(line))
            case "change" if self.asks:
                for line in self.changes:
                    hidden[f"most-{line.line_no}"] = counted(line, line.open)
                    hidden[f"came-{line.line_no}"] = counted(line, line.received)
            case "ship":
                for line in self.ships:
                    hidden[f"most-{line.line_no}"] = counted(line, line.open - line.in_transit)
            case _:
                pass
        return hidden

    def offered(self, do: str) -> bool:
        """Can the order be answered so, as it stands?"""
        match do:
            case "confirm" | "answer":
                return bool(self.answers)
            case "refuse":
                return bool(self.answers) and not any(line.in_transit or line.received for line in self.view.lines)
            case "change":
                return self.asks
            case _:
                return bool(self.ships)

    def filled(self) -> dict[str, str]:
        """What stands in the form of lines before anybody types: the last answer, else all of it."""
        values: dict[str, str] = {}
        for line in self.answers:
            values[f"now-{line.line_no}"] = plain(self.total(line))
        for message in reversed(self._told):
            for event in message.events:
                if isinstance(event, OrderAck) and event.revision == self.revision:
                    return values | _typed(message)
        return values

    def problems(self, typed: Mapping[str, str], events: tuple[SupplierEvent, ...]) -> Iterator[FieldProblem]:
        """What does not fit the order: parts of a piece, days out of reason, a delivery note that we know."""
        yield from self._broken(events)
        first = self.view.frozen_at.date() - LONGEST_EARLIER
        last = self.view.frozen_at.date() + LONGEST_LEAD_TIME
        for field, value in typed.items():
            if (field == "arrives" or "-on-" in field) and not first <= _date(value, first) <= last:
                line_no = field.rpartition("-")[2]
                where = "The day it arrives" if field == "arrives" else f"Line {line_no}"
                allowed = f"write a day from {first} to {last}, or leave it empty"
                yield FieldProblem(field, f"{where}: {value} is before the order, or years away; {allowed}.")
        told = {
            event.shipment_id for message in self._told for event in message.events if isinstance(event, ShipNotice)
        }
        for event in events:
            if isinstance(event, ShipNotice) and event.shipment_id in told:
                words = (
                    f"You told us of {event.shipment_id} before. Give this shipment another number, or leave it empty; "
                    "to correct the first, reply to our mail."
                )
                yield FieldProblem("shipment", words)

    def _broken(self, events: tuple[SupplierEvent, ...]) -> Iterator[FieldProblem]:
        pieces = {line.line_no: line.unit_factor for line in self.view.lines}
        said = [
            (f"now-{answer.line.line_no}", answer.line.line_no, split.quantity)
            for event in events
            if isinstance(event, OrderAck)
            for answer in event.lines
            for split in answer.splits
        ]
        said += [
            (f"shipped-{sent.line.line_no}", sent.line.line_no, sent.shipped)
            for event in events
            if isinstance(event, ShipNotice)
            for sent in event.lines
        ]
        for field, line_no, quantity in said:
            if line_no in pieces and quantity * pieces[line_no] % 1:
                words = f"Line {line_no}: {plain(quantity)} leaves a part of a piece, which nobody can count."
                yield FieldProblem(field, words)
                return


def units(line: SeenLine, stock_units: int) -> Decimal:
    """Stock units as the supplier counts."""
    return Decimal(stock_units) / line.unit_factor


def counted(line: SeenLine, stock_units: int) -> str:
    """The same, as people read it."""
    return plain(units(line, stock_units))


def sentences(event: SupplierEvent) -> Iterator[str]:
    """What an event says, for whoever said it."""
    match event:
        case OrderAck(accepted=False):
            yield f"You deliver nothing of this order{_because(event.reason)}."
        case OrderAck():
            if event.supplier_order_no:
                yield f"Your order number is {event.supplier_order_no}."
            for line in event.lines:
                yield f"Line {line.line.line_no}: {'; '.join(_part(split) for split in line.splits)}."
        case ChangeAck(verdict=ChangeVerdict.ACCEPTED):
            yield f"You do as asked{_because(event.reason)}."
        case ChangeAck(verdict=ChangeVerdict.REFUSED):
            yield f"You cannot do that{_because(event.reason)}."
        case ChangeAck():
            yield f"You can do a part of it{_because(event.reason)}."
            for line in event.lines:
                total = sum((split.quantity for split in line.splits), start=Decimal(0))
                yield f"Line {line.line.line_no}: {plain(total)} in all."
        case ShipNotice():
            number = "" if event.shipment_id.startswith("page-") else f" {event.shipment_id}"
            tracking = f", tracking {event.tracking}" if event.tracking else ""
            carried = ", ".join(f"{plain(one.shipped)} of line {one.line.line_no}" for one in event.lines)
            arrives = next((one.deliver_on for one in event.lines), None)
            by = f", with us on {day(arrives)}" if arrives else ""
            yield f"Shipment{number}: {carried}{by}{tracking}."
        case _:
            return


def _part(split: Split) -> str:
    if split.status is SplitStatus.REJECTED:
        return f"{plain(split.quantity)} not at all{_because(split.reason)}"
    if split.deliver_on:
        return f"{plain(split.quantity)} by {day(split.deliver_on)}"
    return f"{plain(split.quantity)} {'as ordered' if split.status is SplitStatus.ACCEPTED else 'later, no date yet'}"


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _typed(message: Message) -> dict[str, str]:
    """What was typed when an answer was given in lines; one that took a button typed nothing."""
    try:
        fields = form.fields(message.body)
    except Undecodable:  # written by an older version, perhaps
        return {}
    return fields if fields.get("do") == "answer" else {}


def _date(value: str, otherwise: date) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return otherwise  # nothing, or no date, of which the form's reader has spoken
