"""The simulated suppliers as one network service: the http profile under /suppliers/{id}, and how they are commanded.

POST /suppliers/{id}/orders ...        the profile, as `connectors.suppliers.http` documents it
POST /suppliers/{id}/cxml              cXML, for those who speak it instead
PUT  /suppliers/{id}                   a new supplier, or new settings (SupplierSettings)
POST /suppliers/{id}/control           a Rule: how it behaves from now on
POST /suppliers/{id}/fail              a FailNext: what goes wrong with the next requests
POST /suppliers/{id}/advance           an Advance: do one step now; answers {"events": [...]}
GET  /suppliers/{id}/books             what it believes (SupplierBooks)
"""

import json
from collections.abc import Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response

from devstack.simulators import cxml_door
from devstack.simulators.book import Book
from devstack.simulators.courier import Courier
from devstack.simulators.records import SupplierBooks
from devstack.simulators.requests import (
    Door,
    Problem,
    json_answer,
    new_app,
    require_credentials,
)
from devstack.simulators.settings import Advance, FailNext, Rule, SupplierSettings
from devstack.simulators.supplier import SimulatedSupplier
from devstack.simulators.supplier_wire import CancelBody, ChangeBody, OrderBody


class SupplierService:
    """All simulated suppliers of one world."""

    def __init__(self, book: Book, courier: Courier) -> None:
        self._book = book
        self._courier = courier
        self._suppliers: dict[str, tuple[SimulatedSupplier, Door]] = {}
        for row in book.rows("SELECT settings FROM supplier"):
            self._open(SupplierSettings.model_validate_json(row["settings"]))

    def add(self, settings: SupplierSettings) -> None:
        """A new supplier, or new settings for one. Its first rules count only when it is new."""
        new = settings.supplier_id not in self._suppliers
        self._book.write(
            "INSERT INTO supplier VALUES (?, ?) ON CONFLICT DO UPDATE SET settings = excluded.settings",
            *(settings.supplier_id, settings.model_dump_json()),
        )
        self._open(settings)
        if new:
            for rule in settings.rules:
                self._suppliers[settings.supplier_id][0].behave(rule)

    def settings(self, supplier_id: str) -> SupplierSettings:
        """How a supplier is set up. Raises: Problem 404."""
        return self._known(supplier_id)[0].settings

    def do_what_is_due(self, now: float) -> float | None:
        """Let every supplier work; when the next step is due (epoch seconds)."""
        waits = [supplier.do_what_is_due(now) for supplier, _ in self._suppliers.values()]
        return min((wait for wait in waits if wait is not None), default=None)

    def door(self, supplier_id: str) -> Door:
        """Its way in. Raises: Problem 404."""
        return self._known(supplier_id)[1]

    def supplier(self, supplier_id: str) -> SimulatedSupplier:
        """One supplier. Raises: Problem 404."""
        return self._known(supplier_id)[0]

    def books(self, supplier_id: str) -> SupplierBooks:
        """What it believes."""
        return self._known(supplier_id)[0].books()

    def _open(self, settings: SupplierSettings) -> None:
        known = self._suppliers.get(settings.supplier_id)
        # the door stays: it knows what is in flight, and what is to fail next
        door = known[1] if known else Door(self._book, f"supplier/{settings.supplier_id}")
        self._suppliers[settings.supplier_id] = (SimulatedSupplier(self._book, self._courier, settings), door)

    def _known(self, supplier_id: str) -> tuple[SimulatedSupplier, Door]:
        found = self._suppliers.get(supplier_id)
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown-supplier", f"no supplier {supplier_id} is here")
        return found


def supplier_app(service: SupplierService, changed: Callable[[], None]) -> FastAPI:
    """The suppliers' web application. `changed` is told after everything that may have planned a step."""
    app = new_app()

    @app.post("/suppliers/{supplier_id}/orders")
    async def place(supplier_id: str, request: Request) -> Response:
        supplier, door = service.supplier(supplier_id), service.door(supplier_id)
        require_credentials(request, supplier.settings.api_key)
        order = OrderBody.model_validate_json(await request.body())
        answer = await door.write(
            request, "place", lambda _key, _body: supplier.place(order), drop=supplier.drops_response(order)
        )
        changed()
        return answer

    @app.post("/suppliers/{supplier_id}/orders/{po_number:path}/changes")
    async def change(supplier_id: str, po_number: str, request: Request) -> Response:
        supplier, door = service.supplier(supplier_id), service.door(supplier_id)
        require_credentials(request, supplier.settings.api_key)
        body = ChangeBody.model_validate_json(await request.body())
        answer = await door.write(request, "change", lambda _key, _body: supplier.ask_change(po_number, body))
        changed()
        return answer

    @app.post("/suppliers/{supplier_id}/orders/{po_number:path}/cancellation")
    async def cancel(supplier_id: str, po_number: str, request: Request) -> Response:
        supplier, door = service.supplier(supplier_id), service.door(supplier_id)
        require_credentials(request, supplier.settings.api_key)
        body = CancelBody.model_validate_json(await request.body())
        answer = await door.write(request, "cancel", lambda _key, _body: supplier.ask_change(po_number, body))
        changed()
        return answer

    @app.post("/suppliers/{supplier_id}/cxml")
    async def cxml(supplier_id: str, request: Request) -> Response:
        supplier, door = service.supplier(supplier_id), service.door(supplier_id)
        if supplier.settings.cxml is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-cxml", f"{supplier_id} speaks no cXML")
        answer = await cxml_door.take(request, supplier, door, supplier.settings.cxml)
        changed()
        return answer

    @app.get("/suppliers/{supplier_id}/operations/{key:path}")
    async def lookup(supplier_id: str, key: str, request: Request) -> Response:
        door = service.door(supplier_id)
        require_credentials(request, service.settings(supplier_id).api_key)
        return await door.repeatable(request, "lookup", lambda: _taken(door, key))

    @app.get("/suppliers/{supplier_id}/health")
    async def health(supplier_id: str, request: Request) -> Response:
        require_credentials(request, service.settings(supplier_id).api_key)
        return await service.door(supplier_id).repeatable(request, "health", lambda: {"status": "open"})

    @app.put("/suppliers/{supplier_id}")
    async def add(supplier_id: str, settings: SupplierSettings) -> Response:
        if settings.supplier_id != supplier_id:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "supplier_id differs from the address")
        service.add(settings)
        changed()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @app.get("/suppliers/{supplier_id}")
    async def settings_of(supplier_id: str) -> SupplierSettings:
        return service.settings(supplier_id)

    @app.post("/suppliers/{supplier_id}/control")
    async def control(supplier_id: str, rule: Rule) -> Response:
        service.supplier(supplier_id).behave(rule)
        changed()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @app.post("/suppliers/{supplier_id}/fail")
    async def fail(supplier_id: str, fault: FailNext) -> Response:
        service.door(supplier_id).faults.command(fault)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @app.post("/suppliers/{supplier_id}/advance")
    async def advance(supplier_id: str, step: Advance) -> Response:
        events = service.supplier(supplier_id).advance(step)
        changed()
        return json_answer(HTTPStatus.OK, {"events": events})

    @app.get("/suppliers/{supplier_id}/books")
    async def books(supplier_id: str) -> SupplierBooks:
        return service.books(supplier_id)

    return app


def _taken(door: Door, key: str) -> dict[str, object]:
    seen = door.seen(key)
    if seen is None or seen[0] >= HTTPStatus.BAD_REQUEST:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown", f"no operation {key} was taken here")
    return {"operation_id": key, **json.loads(seen[1])}
