"""One simulated supplier: it takes orders and changes as the http profile says, and works through them at its pace.

What it has written down is in `supplier_book.py`, what it does and says in `supplier_steps.py`. Nothing is remembered
here, so it can be made anew at any time.
"""

from http import HTTPStatus

from devstack.simulators.book import Book
from devstack.simulators.courier import Courier
from devstack.simulators.records import SupplierBooks
from devstack.simulators.requests import Problem
from devstack.simulators.settings import Advance, Behaviour, Rule, Step, SupplierSettings
from devstack.simulators.supplier_book import SupplierBook
from devstack.simulators.supplier_steps import Event, SupplierSteps
from devstack.simulators.supplier_wire import CancelBody, ChangeBody, OrderBody


class SimulatedSupplier:
    """One supplier. Every step is one transaction of the book."""

    def __init__(self, book: Book, courier: Courier, settings: SupplierSettings) -> None:
        self.settings = settings
        self._book = SupplierBook(book, settings.supplier_id)
        self._steps = SupplierSteps(self._book, courier, settings)

    def place(self, order: OrderBody) -> tuple[int, Event]:
        """Take an order. Raises: Problem 409 when the number came before under another key."""
        if self._book.find(order.po_number) is not None:
            raise Problem(HTTPStatus.CONFLICT, "duplicate-order", f"order {order.po_number} is here already")
        reference = f"SO-{self._book.number('order'):05d}"
        self._book.add_order(order, reference)
        acknowledge = Advance(what=Step.ACKNOWLEDGE, po_number=order.po_number)
        self._book.later(self.settings.pace.acknowledge_after, acknowledge)
        return HTTPStatus.ACCEPTED, {"reference": reference, "events": []}

    def file(self, po_number: str, revision: int, payload_id: str) -> None:
        """Keep what the buyer's document of that revision is called, for who speaks in documents."""
        self._book.file(po_number, revision, payload_id)

    def line_numbers(self, po_number: str) -> list[int]:
        """The lines of an order that is here."""
        return [int(line["line_no"]) for line in self._book.lines(po_number)]

    def drops_response(self, order: OrderBody) -> bool:
        """Whether the first answer to this order is cut."""
        skus = ["", *(line.sku for line in order.lines)]
        return any(self._book.rule(sku).behaviour is Behaviour.DROP_RESPONSE for sku in skus)

    def ask_change(self, po_number: str, request: ChangeBody | CancelBody) -> tuple[int, Event]:
        """Take a change or a cancellation; the answer follows. Raises: Problem 404, 409."""
        order = self._book.order(po_number)
        if request.po_number != po_number:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "po_number differs from the address")
        if request.revision <= order["revision"]:
            raise Problem(HTTPStatus.CONFLICT, "old-revision", f"revision {order['revision']} was here before")
        quantities: dict[int, int] | None = None
        if isinstance(request, ChangeBody):
            known = {line["line_no"] for line in self._book.lines(po_number)}
            quantities = {line.line_no: line.quantity for line in request.lines}
            if unknown := [line_no for line_no in quantities if line_no not in known]:
                raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown-line", f"no line {unknown[0]} in {po_number}")
        self._book.add_asked(po_number, request.revision, quantities)
        answer = Advance(what=Step.ANSWER, po_number=po_number)
        if self._book.rule().synchronous:
            events = self._steps.answers(answer)
        else:
            events = []
            self._book.later(self.settings.pace.answer_after, answer)
        return HTTPStatus.ACCEPTED, {"reference": order["reference"], "events": events}

    def behave(self, rule: Rule) -> None:
        """Follow a rule from now on, over restarts. A rule for all items replaces every other."""
        with self._book.transaction():
            self._book.follow(rule)

    def advance(self, step: Advance) -> list[Event]:
        """Do one step now; the events it sends. Raises: Problem 404."""
        with self._book.transaction():
            return self._steps.do(step)

    def do_what_is_due(self, now: float) -> float | None:
        """Do every step whose time has come; when the next one is due (epoch seconds)."""
        while (due_at := self._book.next_duty_at()) is not None and due_at <= now:
            with self._book.transaction():
                step = self._book.take_duty()
                if self._book.rule_with(step.po_number, Behaviour.SILENT) is None:
                    self._steps.do(self._steps.still_possible(step))
        return due_at

    def books(self) -> SupplierBooks:
        """What it believes."""
        return self._book.all()
