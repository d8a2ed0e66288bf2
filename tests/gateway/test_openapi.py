"""The gateway holds to its own OpenAPI, whatever is sent to it: no crash, no answer that the schema does not know."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    CheckFunction,
    allow_header_conformance,
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.app import create_app
from tests.gateway.conftest import KEY
from tests.patience import PATIENCE
from tests.workflows.shop import Shop

SCHEMA = schemathesis.openapi.from_dict(create_app().openapi())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}
EXAMPLES = 20

# Loads what of the tool is loaded late. pytest rewrites what is imported, and two threads must not do that at once:
# "AST constructor recursion depth mismatch" (python/cpython#106905).
OPERATIONS["POST /backorders"].as_strategy()

TAKES_ANYTHING = {
    "GET /health/live",
    "GET /health/ready",
    "POST /carrier/events",
    "GET /answers/{token}",
    "GET /purchase-orders/{token}",
}
"""Nothing that is sent there is against the schema: a signature is no matter of schemas."""

ALWAYS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    missing_required_header,
    allow_header_conformance,
]


@pytest.fixture(scope="session")
async def known(shop: Shop, numbers: Iterator[int]) -> str:
    """The id of a backorder that is there."""
    number = next(numbers)
    await shop.order(number)
    await shop.until(lambda p: bool(p.claims), number)
    return shop.backorder_id(number)


@pytest.mark.parametrize(
    ("label", "mode"),
    [
        pytest.param(label, mode, id=f"{label}-{mode.value}")
        for label in OPERATIONS
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        if not (mode is GenerationMode.NEGATIVE and label in TAKES_ANYTHING)
    ],
)
# the gateway beside it uses `random`, and hypothesis cannot tell threads apart
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
async def test_it_answers_as_its_schema_says(label: str, mode: GenerationMode, shop: Shop, known: str) -> None:
    # the tool is synchronous, and the gateway runs in this thread
    await asyncio.to_thread(_hold, label, mode, shop.gateway_url, known)


def test_the_schema_is_printed_without_a_connection() -> None:
    schema = create_app().openapi()
    assert schema["openapi"].startswith("3.1")
    problems = {
        media
        for operations in schema["paths"].values()
        for operation in operations.values()
        for status, answer in operation["responses"].items()
        for media in answer.get("content", {})
        if int(status) >= 400
    }
    assert problems == {"application/problem+json", "text/html"}
    assert "HTTPValidationError" not in str(schema)


async def test_the_doors_are_described_on_a_page_that_needs_no_internet(door: httpx.AsyncClient) -> None:
    page = await door.get("/docs")
    assert page.status_code == 200
    assert "POST /backorders/{backorder_id}/cancel" in page.text
    assert "http" not in page.text.replace("http-", "")
    assert (await door.get("/openapi.json")).json()["info"]["title"] == "Promisekeeper"


def _hold(label: str, mode: GenerationMode, url: str, known: str) -> None:
    operation = OPERATIONS[label]
    checks = [*ALWAYS, negative_data_rejection if mode is GenerationMode.NEGATIVE else ignored_auth]

    @given(case=operation.as_strategy(generation_mode=mode), of_a_known_one=st.booleans())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    def hold(case: Case, of_a_known_one: bool) -> None:
        if of_a_known_one and mode is GenerationMode.POSITIVE:
            _make_it_about(case, known)
        case.call_and_validate(base_url=url, headers=dict(KEY), checks=checks, timeout=PATIENCE)

    hold()


def _make_it_about(case: Case, backorder_id: str) -> None:
    """A made-up id finds nothing and a made-up item is refused; so some cases speak of what is there."""
    if "backorder_id" in case.path_parameters:
        case.path_parameters["backorder_id"] = backorder_id
    body: Any = case.body
    if isinstance(body, dict) and "sku" in body:
        body["sku"] = "LAMP"
