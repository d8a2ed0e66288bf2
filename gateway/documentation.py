"""`/docs`: the doors on one page, made from the OpenAPI schema, readable without the internet."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from gateway.connections import Connected
from gateway.customers import shop_name
from gateway.html import page

router = APIRouter(include_in_schema=False)


@router.get("/")
async def doorstep() -> RedirectResponse:
    """Whoever comes to the bare address is shown the doors."""
    return RedirectResponse("/docs")


@router.get("/docs", response_class=HTMLResponse)
async def documentation(request: Request, connections: Connected) -> HTMLResponse:
    """What there is, what it needs, what it answers."""
    return page("documentation.html", shop_name=shop_name(connections.settings), paths=request.app.openapi()["paths"])
