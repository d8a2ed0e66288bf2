"""Turns templates into pages that load nothing from anywhere, run no script, leave no referrer and are not cached."""

import hashlib
from base64 import b64encode
from importlib.resources import files
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from connectors.messages.rendering import day, money
from gateway.problems import NOT_STORED, Problem, ProblemKind

_style = files("gateway").joinpath("pages", "style.css").read_text()

HEADERS = {
    **NOT_STORED,
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(_style.encode()).digest()).decode()}'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    # the address of an answer page is a key: it must not travel on to wherever the customer goes next
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


def page(template: str, *, status: int = 200, **facts: Any) -> HTMLResponse:
    """Fill `pages/{template}`."""
    return HTMLResponse(
        _environment.get_template(template).render(facts, style=Markup(_style)), status, headers=HEADERS
    )


_TO_CUSTOMERS = {
    ProblemKind.BAD_REQUEST: "Please open the link in our mail again, and use one of the buttons.",
    ProblemKind.NOT_FOUND: "Please open the link straight from our mail, or copy all of it.",
    ProblemKind.METHOD_NOT_ALLOWED: "Please open the link in our mail again, and use one of the buttons.",
    ProblemKind.UNAVAILABLE: "We could not do that just now. Please try again in a minute.",
    ProblemKind.INTERNAL: "We have a note of it. Please try again later; nothing is done twice.",
}
"""Kinds whose detail is written for the makers of systems."""


def problem_page(problem: Problem, shop_name: str) -> HTMLResponse:
    """A problem as a customer reads it: what is wrong, and what to do, in a sentence."""
    response = page(
        "problem.html",
        status=problem.status_code,
        title=problem.details.title,
        detail=_TO_CUSTOMERS.get(problem.kind, problem.details.detail),
        shop_name=shop_name,
    )
    response.headers.update(problem.headers or {})
    return response


def _template_environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gateway", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # jinja declares filters as the union of those it ships
    environment.filters["day"] = day
    environment.filters["money"] = money  # pyright: ignore[reportArgumentType]
    return environment


_environment = _template_environment()
