"""Orders through the gateway: taken once, refused in words, never confused."""

import asyncio
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from temporalio.service import RPCError, RPCStatusCode

from domain.orders import Order
from gateway.backorder_view import view_of_order
from tests.gateway.conftest import body_of, problem_of
from tests.workflows.shop import Shop
from workflows import backorder_contract


async def test_an_order_is_taken_and_can_be_looked_up(
    door: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    response = await door.post("/backorders", json=body_of(order))
    assert response.status_code == 201
    assert response.headers["location"] == f"/backorders/{order.backorder_id}"
    assert response.json()["status"] == "accepted"
    await shop.until(lambda p: bool(p.claims), number)
    view = (await door.get(response.headers["location"])).json()
    assert view["status"] == "on order"
    assert view["quantities"] == {
        "ordered": 2,
        "unsourced": 0,
        "claimed": 2,
        "allocated": 0,
        "shipped": 0,
        "cancelled": 0,
    }
    assert view["purchase_orders"][0]["supplier_id"] == "acme"
    assert view["money"]["goods_value"] == "99.80"
    assert "Accepted" in view["history"][0]["text"]


async def test_the_same_order_again_starts_nothing(
    door: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await door.post("/backorders", json=body_of(order))
    await shop.until(lambda p: bool(p.claims), number)
    repeat = await door.post("/backorders", json=body_of(order))
    assert repeat.status_code == 200
    assert repeat.json()["quantities"]["claimed"] == 2


async def test_another_order_under_the_same_id_is_a_conflict(
    door: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await door.post("/backorders", json=body_of(order))
    await shop.until(lambda p: bool(p.claims), number)
    conflict = await door.post("/backorders", json=body_of(order, quantity=3))
    assert conflict.status_code == 409
    problem_of(conflict, "order-conflict")
    assert (await shop.position(number)).ordered == 2


async def test_while_no_worker_runs_an_order_is_taken_told_from_a_repeat_and_from_a_conflict(
    unmanned: httpx.AsyncClient, order: Order
) -> None:
    assert (await unmanned.post("/backorders", json=body_of(order))).status_code == 201
    assert (await unmanned.post("/backorders", json=body_of(order))).status_code == 200
    assert (await unmanned.post("/backorders", json=body_of(order, quantity=3))).status_code == 409
    view = await unmanned.get(f"/backorders/{order.backorder_id}")
    assert (view.status_code, view.json()["status"], view.json()["quantities"]["unsourced"]) == (200, "accepted", 2)


async def test_of_many_that_race_for_one_id_one_is_taken_and_its_repeats_are_repeats(
    unmanned: httpx.AsyncClient, order: Order
) -> None:
    bodies = [body_of(order, quantity=2 + n % 2) for n in range(8)]
    answers = await asyncio.gather(*(unmanned.post("/backorders", json=body) for body in bodies))
    statuses = [answer.status_code for answer in answers]
    taken = bodies[statuses.index(201)]["quantity"]
    expected = [200 if body["quantity"] == taken else 409 for body in bodies]
    expected[statuses.index(201)] = 201
    assert statuses == expected


async def test_an_order_that_a_temporal_client_started_is_known_at_the_door(
    door: httpx.AsyncClient, shop: Shop, order: Order
) -> None:
    await shop.start(order)
    assert (await door.post("/backorders", json=body_of(order))).status_code == 200
    assert (await door.post("/backorders", json=body_of(order, sku="CHAIR"))).status_code == 409


async def test_an_order_that_its_workflow_refused_was_never_accepted(
    door: httpx.AsyncClient, shop: Shop, order: Order
) -> None:
    past = order.model_copy(update={"promised_by": date(2020, 1, 1)})
    started = await shop.start(past)
    with pytest.raises(Exception, match="Workflow execution failed"):
        await started.result()
    refused = await door.post("/backorders", json=body_of(order))
    assert refused.status_code == 422
    assert "promised_by 2020-01-01 is past" in problem_of(refused, "order-refused")["detail"]
    unknown = await door.get(f"/backorders/{order.backorder_id}")
    assert unknown.status_code == 404
    assert "promised_by 2020-01-01 is past" in problem_of(unknown, "not-found")["detail"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"currency": "XXX"}, "currency"),
        ({"unit_price": "-1"}, "unit_price"),
        ({"backorder_id": "has spaces"}, "backorder_id"),
        ({"backorder_id": "PO-000030"}, "backorder_id"),
        ({"ship_to": {"name": "Ada"}}, "ship_to.street"),
        ({"ordered_at": "2026-11-21T10:00:00"}, "ordered_at"),
        ({"sku": "NO-SUCH-THING"}, "sku"),
        ({"promised_by": "2020-01-01"}, "promised_by"),
        ({"unit_price": "7.905"}, "unit_price"),
        ({"currency": "JPY", "unit_price": "790", "shipping_charge": 0.5}, "shipping_charge"),
        ({"shiping_charge": "5.00"}, "shiping_charge"),
        ({"ordered_at": (datetime.now(UTC) + timedelta(days=2)).isoformat()}, "ordered_at"),
    ],
)
async def test_nonsense_is_refused_by_field_and_reason_and_starts_nothing(
    door: httpx.AsyncClient, shop: Shop, order: Order, change: dict[str, object], field: str
) -> None:
    response = await door.post("/backorders", json=body_of(order, **change))
    assert response.status_code == 422
    problem = response.json()
    assert problem["type"] in {"urn:promisekeeper:problem:invalid", "urn:promisekeeper:problem:order-refused"}
    assert field in {error["field"] for error in problem["errors"]}
    assert all(error["reason"] for error in problem["errors"])
    handle = shop.client.get_workflow_handle(backorder_contract.workflow_id(order.backorder_id))
    with pytest.raises(RPCError) as missing:
        await handle.describe()
    assert missing.value.status is RPCStatusCode.NOT_FOUND


async def test_a_refusal_does_not_repeat_personal_data(door: httpx.AsyncClient, order: Order) -> None:
    customer = {"customer_id": "C-1", "name": "Grace Hopper", "email": "grace at home"}
    response = await door.post("/backorders", json=body_of(order, customer=customer))
    assert problem_of(response, "invalid")["errors"][0]["field"] == "customer.email"
    assert "grace" not in response.text.lower()


async def test_a_misspelt_field_is_refused_with_the_one_that_was_meant(door: httpx.AsyncClient, order: Order) -> None:
    body = body_of(order, shiping_charge="5.00", ship_to=order.ship_to.model_dump() | {"zome": "Asia/Tokyo"}, zzz=1)
    response = await door.post("/backorders", json=body)
    assert response.status_code == 422
    assert {e["field"]: e["reason"] for e in problem_of(response, "invalid")["errors"]} == {
        "shiping_charge": "is not known here; did you mean shipping_charge?",
        "ship_to.zome": "is not known here; did you mean zone?",
        "zzz": "is not known here",
    }
    found = await door.get("/backorders", params={"statsu": "on order"})
    assert problem_of(found, "invalid")["errors"] == [
        {"field": "statsu", "reason": "is not known here; did you mean status?"}
    ]


async def test_a_field_that_a_newer_version_knows_does_not_stop_a_workflow(
    door: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    newer = body_of(order, gift_wrapping=True)
    await shop.client.start_workflow(
        backorder_contract.WORKFLOW,
        newer,
        id=backorder_contract.workflow_id(order.backorder_id),
        task_queue=shop.task_queue,
    )
    await shop.until(lambda p: bool(p.claims), number)
    # what this version knows of it is the same order
    assert (await door.post("/backorders", json=body_of(order))).status_code == 200
    assert (await door.post("/backorders", json=newer)).status_code == 422


async def test_a_name_that_cannot_be_sent_back_and_a_thousand_of_them_are_refused_like_any(
    door: httpx.AsyncClient, order: Order
) -> None:
    whole = json.dumps(body_of(order))
    strange = f'{whole[:-1]}, "\\ud800{"x" * 10_000}": 1}}'
    many = whole[:-1] + "".join(f', "more_{n}": 1' for n in range(1000)) + "}"
    for body, most in ((strange, 1), (many, 100)):
        response = await door.post("/backorders", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == 422
        errors = problem_of(response, "invalid")["errors"]
        assert len(errors) == most
        assert max(len(error["field"]) for error in errors) <= 210


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b'{\n  "sku": "MUG",\n  "quantity" 3\n}', "application/json", "is not JSON: .* at line 3, column 14"),
        (b"{", "application/json", "is not JSON: .* at line 1, column 2"),
        (b"[]", "application/json", "is not a JSON object"),
        (
            b'{"sku": "MUG"}',
            "application/x-www-form-urlencoded",
            "send it with the header Content-Type: application/json",
        ),
        (b"", "application/json", "required"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused_with_what_is_wrong_and_where(
    door: httpx.AsyncClient, content: bytes, kind: str, reason: str
) -> None:
    response = await door.post("/backorders", content=content, headers={"Content-Type": kind})
    assert response.status_code == 422
    (error,) = problem_of(response, "invalid")["errors"]
    assert error["field"] == "body"
    assert re.search(reason, error["reason"]), error


async def test_the_bare_address_shows_the_doors(door: httpx.AsyncClient) -> None:
    page = await door.get("/", headers={"Authorization": ""}, follow_redirects=True)
    assert (page.status_code, page.url.path) == (200, "/docs")


async def test_amounts_have_the_decimals_of_their_currency(
    door: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    yen = order.model_copy(update={"currency": "JPY", "unit_price": Decimal("790.0000"), "shipping_charge": Decimal(0)})
    taken = (await door.post("/backorders", json=body_of(yen))).json()["money"]
    await shop.until(lambda p: bool(p.claims), number)
    shown = (await door.get(f"/backorders/{yen.backorder_id}")).json()["money"]
    for money in (taken, shown):
        assert [money[of] for of in ("goods_value", "captured", "refunded", "refund_due")] == ["1580", "0", "0", "0"]
    dollars = order.model_copy(update={"unit_price": Decimal("7.9000")})
    assert view_of_order(dollars).money.model_dump(mode="json", exclude={"currency", "refund_deadline"}) == {
        "goods_value": "15.80",
        "captured": "0.00",
        "refunded": "0.00",
        "refund_due": "0.00",
    }


async def test_what_is_said_of_an_order_is_kept_by_no_cache(door: httpx.AsyncClient, order: Order) -> None:
    answers = [
        await door.post("/backorders", json=body_of(order)),
        await door.get("/backorders"),
        await door.get("/backorders/no-such"),
        await door.get("/nowhere"),
    ]
    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * 4


@pytest.mark.parametrize(
    "authorization", ["Bearer wrong", "Bearer", "Basic upstream-key", "upstream-key", "Bearer \xfc", ""]
)
async def test_nobody_comes_in_without_the_key(door: httpx.AsyncClient, order: Order, authorization: str) -> None:
    for method, path in (
        ("POST", "/backorders"),
        ("GET", "/backorders"),
        ("GET", f"/backorders/{order.backorder_id}"),
        ("POST", f"/backorders/{order.backorder_id}/cancel"),
        ("POST", f"/backorders/{order.backorder_id}/answer"),
        ("GET", "/overview"),
    ):
        # the body is nonsense: a stranger does not even learn that
        response = await door.request(
            method, path, headers={"Authorization": authorization.encode("latin-1")}, content=b"{"
        )
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        problem_of(response, "unauthorized")


async def test_a_body_that_announces_to_be_too_large_is_refused(door: httpx.AsyncClient) -> None:
    response = await door.post("/backorders", content=b" " * (1024 * 1024 + 1))
    assert response.status_code == 413
    problem_of(response, "too-large")


async def test_a_body_that_does_not_say_its_size_is_cut_off(unmanned: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> object:
        nonlocal sent
        while True:
            sent += 65536
            yield b" " * 65536

    response = await unmanned.post("/backorders", content=endless(), headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    problem_of(response, "too-large")
    assert sent <= 10 * 1024 * 1024


async def test_what_is_not_there_and_what_is_not_done_here(door: httpx.AsyncClient, order: Order) -> None:
    problem_of(await door.get("/nowhere"), "not-found")
    problem_of(await door.get(f"/backorders/{order.backorder_id}"), "not-found")
    wrong = await door.delete("/backorders")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    problem_of(wrong, "method-not-allowed")


async def test_a_backorder_says_what_it_does_next(
    door: httpx.AsyncClient, unmanned: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    promised = datetime.now(UTC).date() + timedelta(days=20)
    await shop.start(order.model_copy(update={"promised_by": promised}))
    await shop.until(lambda p: any(n.kind == "order_confirmed" for n in p.notices), number)
    view = (await door.get(f"/backorders/{order.backorder_id}")).json()
    assert view["promise"]["first"] == promised.isoformat()
    assert view["next_duty"] is not None
    assert view["notices"][0]["kind"] == "order_confirmed"
    # no worker is needed to know it: the books and the rules say the same
    assert (await unmanned.get(f"/backorders/{order.backorder_id}")).json()["next_duty"]["what"] == view["next_duty"][
        "what"
    ]


async def test_backorders_are_found_by_what_they_are(
    door: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await shop.start(order)
    await shop.until(lambda p: bool(p.claims), number)
    found = (await door.get("/backorders", params={"sku": order.sku, "status": "on order"})).json()
    assert [view["backorder_id"] for view in found] == [order.backorder_id]
    assert (await door.get("/backorders", params={"sku": order.sku, "attention": True})).json() == []
    assert (await door.get("/backorders", params={"status": "lost"})).status_code == 422
    assert (await door.get("/backorders", params={"statsu": "on order"})).status_code == 422
    overview = (await door.get("/overview")).json()
    assert overview["backorders"]["on order"] >= 1
    assert overview["purchase_orders"]["collecting"] >= 1
    assert {"at", "backorder_id", "what"} <= set(overview["recent"][0])
