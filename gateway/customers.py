"""The customer's door: a signed page, without an account or script, on which a delay is answered or an order cancelled.

Looking changes nothing, since mail scanners follow links; only the form's POST does. The link itself never expires:
once nothing is left to answer, the page says so.
"""

from datetime import date, datetime
from email.utils import parseaddr
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from activities.settings import Settings
from connectors.link_tokens import InvalidLink
from connectors.messages.links import AnswerToken, read_token
from domain.backorder_duty import Policy, delay_notices, law_of
from domain.backorder_position import Answer, BackorderPosition, CancelledBy, NoticePosition
from domain.errors import NotFound
from gateway import workflow_requests
from gateway.connections import Connected, Connections, Now
from gateway.html import page
from gateway.problems import Problem, ProblemKind, declared, unavailable
from gateway.workflow_requests import NotPossible, NotTaken
from ledger import backorders
from workflows.backorder_contract import CancelOutcome, CancelRequest, DelayAnswer

Token = Annotated[str, Path(description="From the link in the mail.")]

router = APIRouter(
    prefix="/answers",
    tags=["customers"],
    default_response_class=HTMLResponse,
    responses=declared(
        ProblemKind.INVALID_LINK,
        ProblemKind.NOT_POSSIBLE,
        ProblemKind.ENDED,
        ProblemKind.INVALID,
        ProblemKind.UNAVAILABLE,
    ),
)


@router.get(
    "/{token}", summary="A customer's page about an order", response_class=HTMLResponse, response_description="The page"
)
async def look(token: Token, connections: Connected, now: Now) -> HTMLResponse:
    """How it stands, what silence means, and the buttons."""
    position, notice = await _read(connections, token)
    if position.open == 0 or position.cancel_requested_at:
        return _ended(connections.settings, position)
    law = law_of(position, Policy())
    open_to_answer = _may_consent(position, notice, now)
    asked = delay_notices(position)
    return page(
        "ask.html",
        shop_name=shop_name(connections.settings),
        position=position,
        date=_date(position, notice),
        may_consent=open_to_answer,
        asked_since=bool(asked) and asked[-1] != notice and asked[-1].answer is None,
        answered_to_wait=notice is not None and notice.answer is Answer.CONSENT,
        silence_cancels_on=law.cancel_on if law.consent_pending else None,
    )


@router.post(
    "/{token}",
    summary="A customer's answer",
    response_class=HTMLResponse,
    response_description="The answer is on record",
    responses={
        202: {"description": "The answer is taken and being acted on"},
        **declared(ProblemKind.TOO_LARGE),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "required": ["answer"],
                        "properties": {"answer": {"type": "string", "enum": [answer.value for answer in Answer]}},
                    }
                }
            },
        }
    },
)
async def tell(token: Token, request: Request, connections: Connected, now: Now) -> HTMLResponse:
    """Act on a button."""
    position, notice = await _read(connections, token)
    answer = _button(await request.body())
    if position.open == 0:
        return _ended(connections.settings, position)
    waits_already = notice is not None and notice.answer is Answer.CONSENT
    if answer is Answer.CONSENT and not (waits_already or _may_consent(position, notice, now)):
        raise Problem(
            ProblemKind.NOT_POSSIBLE, "There is newer word on this order. Please open the link in our latest mail."
        )
    try:
        if answer is Answer.CONSENT and notice is not None:
            return await _wait(connections, position, notice)
        return await _cancel(connections, position, notice)
    except (NotTaken, NotPossible) as no:
        raise unavailable("the answer could not be taken") from no


def shop_name(settings: Settings) -> str:
    """The shop as its mails are signed."""
    name, address = parseaddr(settings.mail_from)
    return name or address


async def _wait(connections: Connections, position: BackorderPosition, notice: NoticePosition) -> HTMLResponse:
    answer = DelayAnswer(notice_id=notice.notice_id, answer=Answer.CONSENT)
    reply = await workflow_requests.answer_delay(connections, position.backorder_id, answer)
    if reply is not None and reply.outcome == "too_late":
        return _ended(connections.settings, await _position(connections, position.backorder_id))
    return page(
        "thanks.html",
        status=200 if reply else 202,
        shop_name=shop_name(connections.settings),
        position=position,
        date=_date(position, notice),
        waits=True,
        settled=None,
    )


async def _cancel(connections: Connections, position: BackorderPosition, notice: NoticePosition | None) -> HTMLResponse:
    """The answer goes on record first when a delay notice asked for it; the cancellation itself is the same for all."""
    if notice is not None and notice in delay_notices(position):
        answer = DelayAnswer(notice_id=notice.notice_id, answer=Answer.CANCEL)
        await workflow_requests.answer_delay(connections, position.backorder_id, answer)
    request = CancelRequest(by=CancelledBy.CUSTOMER, reason="on the customer's page")
    reply = await workflow_requests.cancel(connections, position.backorder_id, request)
    if reply is not None and reply.outcome is CancelOutcome.TOO_LATE:
        return _ended(connections.settings, await _position(connections, position.backorder_id))
    return page(
        "thanks.html",
        status=200 if reply else 202,
        shop_name=shop_name(connections.settings),
        position=position,
        date=None,
        waits=False,
        settled=reply,
    )


async def _read(connections: Connections, token: str) -> tuple[BackorderPosition, NoticePosition | None]:
    """Whose page it is. The notice is None in the moment between its mail's leaving and its entry in the books."""
    try:
        read: AnswerToken = read_token(connections.settings.link_secret.get_secret_value(), token)
    except InvalidLink as invalid:
        raise Problem(
            ProblemKind.INVALID_LINK, "Please open the link straight from our mail, or copy all of it."
        ) from invalid
    position = await _position(connections, read.backorder_id)
    return position, next((n for n in position.notices if n.notice_id == read.notice_id), None)


async def _position(connections: Connections, backorder_id: str) -> BackorderPosition:
    try:
        return await backorders.position(connections.ledger, backorder_id)
    except NotFound as gone:
        raise Problem(ProblemKind.ENDED, "We no longer have this order on record.") from gone


def _may_consent(position: BackorderPosition, notice: NoticePosition | None, now: datetime) -> bool:
    """Is this the delay notice that waits for an answer? An older one's date is no longer offered."""
    notices = delay_notices(position)
    return (
        notice is not None
        and bool(notices)
        and notice == notices[-1]
        and notice.answer is None
        and notice.sent_at <= now
    )


def _date(position: BackorderPosition, notice: NoticePosition | None) -> date | None:
    """The date that holds: the one a delay notice asks about, else the present promise."""
    notices = delay_notices(position)
    return notice.promised if notice and notices and notice == notices[-1] else position.current_promise


def _button(form: bytes) -> Answer:
    try:
        fields = parse_qs(form.decode("utf-8", errors="replace"), max_num_fields=10)
        return Answer(fields.get("answer", [""])[0])
    except ValueError as neither:
        raise Problem(ProblemKind.INVALID, "Please use one of the buttons.") from neither


def _ended(settings: Settings, position: BackorderPosition) -> HTMLResponse:
    return page("ended.html", status=ProblemKind.ENDED.status, shop_name=shop_name(settings), position=position)
