"""The supplier's door: a signed page, without an account or script, on which a purchase order is answered.

Looking changes nothing, since mail scanners follow links; only a form's POST does, and goes the way of every message
of a supplier. A form is checked before anything is kept; what does not add up is shown where it was typed.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from connectors.errors import Undecodable, Unsupported, WronglySetUp
from connectors.link_tokens import InvalidLink
from connectors.suppliers.email_portal import form, links
from connectors.suppliers.email_portal.form import FieldProblem, FormNotRight, plain
from connectors.suppliers.email_portal.links import LinkTooOld, OrderLink
from connectors.suppliers.interface import Connector, Inward
from domain.errors import NotFound
from gateway.connections import Connected, Connections, Now
from gateway.customers import shop_name
from gateway.html import page
from gateway.order_forms import DOOR, Forms, counted, sentences
from gateway.problems import Problem, ProblemKind, declared, unavailable
from gateway.supplier_messages import keep_and_tell
from ledger.supplier_view import supplier_view

Token = Annotated[str, Path(description="From the link in the purchase order's mail.")]

router = APIRouter(
    prefix=f"/{links.PAGE}",
    tags=["suppliers"],
    default_response_class=HTMLResponse,
    responses=declared(
        ProblemKind.INVALID_LINK,
        ProblemKind.ENDED,
        ProblemKind.INVALID,
        ProblemKind.UNAVAILABLE,
    ),
)

CHANGED = (
    "The order has changed since you opened this page, so nothing was sent. It stands below as it is now: please check "
    "what you typed, and send it again."
)
OVERTAKEN = (
    "You sent us this answer before, and another one since, which holds: it stands below. If this one is right after "
    "all, please type it again."
)


@router.get(
    "/{token}", summary="A supplier's page about an order", response_class=HTMLResponse, response_description="The page"
)
async def look(token: Token, connections: Connected) -> HTMLResponse:
    """What is ordered, what was answered, and the forms."""
    _, link, _ = await _proven(connections, token, Inward(body=b"", headers={}))
    forms = await _forms(connections, link)
    return _ended(connections, forms) or _page(connections, forms)


@router.post(
    "/{token}",
    summary="A supplier's answer",
    response_class=HTMLResponse,
    response_description="The answer is kept",
    responses=declared(ProblemKind.TOO_LARGE, ProblemKind.NOT_POSSIBLE),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object", "required": ["do"]}}},
        }
    },
)
async def tell(token: Token, request: Request, connections: Connected, now: Now) -> HTMLResponse:
    """Take an answer, a correction, or word of a shipment."""
    # The link is the key, and no cookie is; but a form on somebody else's page has no business here.
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise Problem(ProblemKind.NOT_POSSIBLE, "Please open the link in our mail, and answer there.")
    posted = Inward(body=await request.body(), headers={"content-type": request.headers.get("content-type", "")})
    connector, link, message = await _proven(connections, token, posted)
    forms = await _forms(connections, link)
    repeated = forms.is_repeat(message.body)
    try:
        typed = form.fields(message.body)
    except Undecodable as unreadable:
        raise _no_form() from unreadable
    if forms.is_overtaken(message.body):
        return _page(connections, forms, notice=OVERTAKEN, status=ProblemKind.NOT_POSSIBLE.status)
    if not repeated and (ended := _ended(connections, forms)):
        return ended
    if not repeated and not _still(forms, typed):
        return _page(connections, forms, typed, notice=CHANGED, status=ProblemKind.NOT_POSSIBLE.status)
    try:
        events = form.events(typed, link.po_number, link.revision, form.digest(message.body)[:16])
    except FormNotRight as wrong:
        return _page(connections, forms, typed, problems=wrong.problems, status=ProblemKind.INVALID.status)
    except Undecodable as unreadable:
        raise _no_form() from unreadable
    if not repeated and (problems := list(forms.problems(typed, events))):
        return _page(connections, forms, typed, problems=problems, status=ProblemKind.INVALID.status)
    await keep_and_tell(connections, link.supplier_id, connector, message, door=DOOR, at=now)
    return page(
        "order_answered.html",
        shop_name=shop_name(connections.settings),
        po_number=link.po_number,
        sentences=[sentence for event in events for sentence in sentences(event)],
        shipment=typed["do"] == "ship",
        here=request.url.path,
    )


async def _proven(connections: Connections, token: str, posted: Inward) -> tuple[Connector, OrderLink, Inward]:
    """The supplier whose link it is, by that supplier's own secret; and what came, as a message of that supplier."""
    try:
        link = links.claimed(token)
        connector = await connections.world.supplier(link.supplier_id)
        message = Inward(body=posted.body, headers={**posted.headers, **links.proof(token)})
        connector.verify(message)
    except LinkTooOld as old:
        raise Problem(ProblemKind.INVALID_LINK, f"{str(old).capitalize()}: reply to our mail.") from old
    except WronglySetUp as ours:
        raise unavailable("this supplier's answers cannot be taken just now") from ours
    except (InvalidLink, NotFound, Unsupported, Undecodable) as invalid:
        # One answer for all: a stranger does not learn which suppliers there are.
        raise Problem(
            ProblemKind.INVALID_LINK, "Please open the link straight from our mail, or copy all of it."
        ) from invalid
    return connector, link, message


def _no_form() -> Problem:
    return Problem(
        ProblemKind.INVALID,
        "We do not understand this form. Please open the link in our mail again, and use the buttons of the page.",
    )


async def _forms(connections: Connections, link: OrderLink) -> Forms:
    try:
        view = await supplier_view(connections.ledger, link.supplier_id, link.po_number, link.revision)
    except NotFound as gone:
        raise Problem(ProblemKind.ENDED, "We no longer have this order on record.") from gone
    return Forms(view, link.revision)


def _still(forms: Forms, typed: dict[str, str]) -> bool:
    """Is the order what the form was about, and can still be answered so?"""
    names, do = ("asked-", "most-", "came-"), typed.get("do", "")
    return forms.offered(do) and forms.shown(do) == {
        name: value for name, value in typed.items() if name.startswith(names)
    }


def _ended(connections: Connections, forms: Forms) -> HTMLResponse | None:
    """The page when there is nothing to answer through this link any more."""
    newer = forms.view.newer_than(forms.revision)
    if not newer and not forms.view.is_over:
        return None
    return page(
        "order_ended.html",
        status=ProblemKind.ENDED.status,
        shop_name=shop_name(connections.settings),
        view=forms.view,
        newer=newer,
    )


def _page(
    connections: Connections,
    forms: Forms,
    typed: dict[str, str] | None = None,
    *,
    problems: list[FieldProblem] | None = None,
    notice: str = "",
    status: int = 200,
) -> HTMLResponse:
    """The page, with what was typed and what is wrong with it."""
    do = typed.get("do", "") if typed else ""
    first: dict[str, str] = {}
    for problem in problems or []:
        first.setdefault(problem.field, problem.words)
    return page(
        "order.html",
        status=status,
        shop_name=shop_name(connections.settings),
        forms=forms,
        view=forms.view,
        values={"answer": forms.filled()} | ({do: typed} if typed else {}),
        do=do,
        problems=first,
        notice=notice,
        units=counted,
        plain=plain,
    )
