"""The simulated carrier: books parcels, voids them while it does not hold them, and says when it has taken one.

The wire is the dialect `connectors.fulfilment.http` documents. A label is not possession: that comes after the pace, or
by POST /parcels/{id}/take when told. POST /fail is a FailNext; PUT /pace sets the pace; GET /books is what it believes.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from devstack.simulators.book import Book
from devstack.simulators.courier import Courier
from devstack.simulators.records import BookedParcel, CarrierBooks, operations, webhooks
from devstack.simulators.requests import Door, Problem, json_answer, new_app, require_credentials
from devstack.simulators.settings import FailNext, Seconds, Value

SERVICE = "carrier"

Filled = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class AddressBody(_Body):
    """Where a parcel goes."""

    name: Filled
    street: Filled
    city: Filled
    region: str
    postal_code: Filled
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class ParcelBody(_Body):
    """A booking."""

    parcel_id: Filled
    ship_to: AddressBody
    sku: Filled
    quantity: int = Field(ge=1)


class PossessionPace(Value):
    """How long after booking the carrier takes a parcel; None: only when told."""

    possession_after: Seconds | None = None


class CarrierService:
    """The carrier's books and habits."""

    def __init__(self, book: Book, courier: Courier, api_key: str, possession_after: float | None) -> None:
        self.api_key = api_key
        self.possession_after = possession_after
        self.door = Door(book, SERVICE)
        self._book = book
        self._courier = courier

    def book_parcel(self, key: str, body: ParcelBody) -> tuple[int, dict[str, str]]:
        """Make a label. Raises: Problem 409 for a parcel that was voided."""
        if key != body.parcel_id:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "the key of a booking is its parcel_id")
        if self._find(body.parcel_id) is not None:
            raise Problem(HTTPStatus.CONFLICT, "voided", f"parcel {body.parcel_id} was voided")
        tracking = f"TRK{self._book.number('parcel'):09d}"
        take_at = None if self.possession_after is None else time.time() + self.possession_after
        self._book.write(
            "INSERT INTO parcel VALUES (?, ?, ?, ?, ?, 'booked', ?, NULL)",
            *(body.parcel_id, tracking, body.sku, body.quantity, body.ship_to.model_dump_json(), take_at),
        )
        return HTTPStatus.CREATED, {"parcel_id": body.parcel_id, "tracking": tracking}

    def void(self, parcel_id: str) -> str:
        """Stop a parcel, unless it is held already."""
        with self._book.transaction():
            found = self._find(parcel_id)
            if found is None:
                self._book.write(
                    "INSERT INTO parcel VALUES (?, '', '', 0, '{}', 'voided', NULL, NULL)",
                    parcel_id,
                )
                return "voided"
            if found["state"] == "booked":
                self._book.write("UPDATE parcel SET state = 'voided', take_at = NULL WHERE parcel_id = ?", parcel_id)
                return "voided"
            return str(found["state"])

    def take(self, parcel_id: str) -> dict[str, str]:
        """Take possession and say so. Raises: Problem 404, 409 when it was voided. Taking twice is one possession."""
        with self._book.transaction():
            found = self._known(parcel_id)
            if found["state"] == "voided":
                raise Problem(HTTPStatus.CONFLICT, "voided", f"parcel {parcel_id} was voided")
            if found["possession"] is not None:
                return dict(json.loads(found["possession"]))
            event = {
                "event_id": f"ev_{self._book.number('possession'):06d}",
                "parcel_id": parcel_id,
                "tracking": found["tracking"],
                "possessed_at": datetime.now(UTC).isoformat(),
            }
            self._book.write(
                "UPDATE parcel SET state = 'possessed', take_at = NULL, possession = ? WHERE parcel_id = ?",
                *(json.dumps(event), parcel_id),
            )
            self._courier.post(SERVICE, parcel_id, json.dumps(event))
            return event

    def parcel(self, parcel_id: str) -> dict[str, Any]:
        """Where a parcel is. Raises: Problem 404."""
        found = self._known(parcel_id)
        possession = None if found["possession"] is None else json.loads(found["possession"])
        return {"parcel_id": parcel_id, "tracking": found["tracking"], "possession": possession}

    def do_what_is_due(self, now: float) -> float | None:
        """Take every parcel whose time has come; when the next one is due (epoch seconds)."""
        for row in self._book.rows("SELECT parcel_id FROM parcel WHERE take_at <= ? ORDER BY take_at", now):
            self.take(row["parcel_id"])
        following = self._book.row("SELECT min(take_at) AS at FROM parcel WHERE take_at IS NOT NULL")
        return None if following is None or following["at"] is None else float(following["at"])

    def books(self) -> CarrierBooks:
        """What it believes."""
        return CarrierBooks(
            parcels=tuple(
                BookedParcel.model_validate({k: row[k] for k in BookedParcel.model_fields})
                for row in self._book.rows("SELECT * FROM parcel ORDER BY rowid")
            ),
            operations=operations(self._book, SERVICE),
            webhooks=webhooks(self._book, SERVICE),
        )

    def _find(self, parcel_id: str) -> Any:
        return self._book.row("SELECT * FROM parcel WHERE parcel_id = ?", parcel_id)

    def _known(self, parcel_id: str) -> Any:
        found = self._find(parcel_id)
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown", f"no parcel {parcel_id} is here")
        return found


def carrier_app(service: CarrierService, changed: Callable[[], None]) -> FastAPI:
    """The carrier's web application. `changed` is told after everything that may have planned a step."""
    app = new_app()

    @app.post("/parcels")
    async def book_parcel(request: Request) -> Response:
        require_credentials(request, service.api_key)
        answer = await service.door.write(
            request, "book", lambda key, body: service.book_parcel(key, ParcelBody.model_validate_json(body))
        )
        changed()
        return answer

    @app.post("/parcels/{parcel_id:path}/void")
    async def void(parcel_id: str, request: Request) -> Response:
        require_credentials(request, service.api_key)
        return await service.door.repeatable(request, "void", lambda: {"outcome": service.void(parcel_id)})

    @app.post("/parcels/{parcel_id:path}/take")
    async def take(parcel_id: str) -> Response:
        event = service.take(parcel_id)
        changed()
        return json_answer(HTTPStatus.OK, event)

    @app.get("/parcels/{parcel_id:path}")
    async def parcel(parcel_id: str, request: Request) -> Response:
        require_credentials(request, service.api_key)
        return await service.door.repeatable(request, "lookup", lambda: service.parcel(parcel_id))

    @app.post("/fail")
    async def fail(fault: FailNext) -> Response:
        service.door.faults.command(fault)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @app.put("/pace")
    async def pace(command: PossessionPace) -> Response:
        service.possession_after = command.possession_after
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @app.get("/books")
    async def books() -> CarrierBooks:
        return service.books()

    return app
