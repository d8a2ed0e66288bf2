"""The door of a simulated supplier who speaks cXML: OrderRequests in, a Response at once.

A document is known by its payloadID; the same one again gets the Response that it got before.
"""

import json
from http import HTTPStatus

from fastapi import Request, Response
from pydantic import ValidationError

from devstack.simulators.cxml_wire import CONTENT_TYPE, OrderDocument, read_request, response
from devstack.simulators.requests import Door, Problem, refuse_unreadable
from devstack.simulators.settings import CxmlWire
from devstack.simulators.supplier import SimulatedSupplier
from devstack.simulators.supplier_steps import Event


async def take(request: Request, supplier: SimulatedSupplier, door: Door, wire: CxmlWire) -> Response:
    """Take one document, and answer it. Whatever is wrong with it is a Response, too."""
    payload_id = "unread"
    try:
        document = read_request(await request.body(), wire)
        if document is None:
            return _answer(HTTPStatus.OK, "we take orders, updates and deletes", payload_id)
        payload_id = document.payload_id
        known = await door.write(
            request,
            {"update": "change", "delete": "cancel"}.get(document.kind, "place"),
            lambda _key, _body: _do(supplier, document),
            drop=document.kind == "new" and supplier.drops_response(document.order),
            key=payload_id,
        )
    except Problem as problem:
        return _answer(problem.status, str(problem), payload_id)
    except ValidationError as no_order:
        return _answer(HTTPStatus.BAD_REQUEST, str(refuse_unreadable(no_order)), payload_id)
    words = "" if known.status_code < HTTPStatus.BAD_REQUEST else json.loads(bytes(known.body))["detail"]
    return _answer(HTTPStatus.OK if not words else known.status_code, words, payload_id)


def _do(supplier: SimulatedSupplier, document: OrderDocument) -> tuple[int, Event]:
    supplier.file(document.po_number, document.revision, document.payload_id)
    match document.kind:
        case "new":
            return supplier.place(document.order)
        case "update":
            return supplier.ask_change(document.po_number, document.change(supplier.line_numbers(document.po_number)))
        case "delete":
            return supplier.ask_change(document.po_number, document.cancel())
        case other:
            raise Problem(HTTPStatus.NOT_IMPLEMENTED, "unknown-type", f"we do not know the type {other!r}")


def _answer(status: int, words: str, payload_id: str) -> Response:
    return Response(response(status, words, f"response.{payload_id}"), HTTPStatus.OK, media_type=CONTENT_TYPE)
