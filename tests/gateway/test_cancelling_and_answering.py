"""Upstream systems cancel and pass on answers: each outcome has its status, and asking twice counts once."""

from datetime import UTC, datetime, timedelta

import httpx

from domain.orders import Order
from tests.gateway.conftest import body_of, problem_of
from tests.workflows.shop import Shop


async def test_a_cancellation_answers_how_it_ended(
    door: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    await shop.start(order)
    await shop.until(lambda p: bool(p.claims), number)
    answer = await door.post(f"/backorders/{order.backorder_id}/cancel", json={"by": "customer", "reason": "too late"})
    assert answer.status_code == 200
    assert answer.json()["outcome"] == "cancelled"
    assert answer.json()["units_cancelled"] == 2
    view = (await door.get(f"/backorders/{order.backorder_id}")).json()
    assert view["cancellation"]["reason"] == "too late"
    assert view["quantities"]["cancelled"] == 2


async def test_cancelling_again_says_the_same_and_another_caller_learns_that_it_was_cancelled(
    door: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    handle = await shop.start(order)
    await shop.until(lambda p: bool(p.claims), number)
    where = f"/backorders/{order.backorder_id}/cancel"
    first = await door.post(where, json={}, headers={"Idempotency-Key": "once"})
    again = await door.post(where, json={}, headers={"Idempotency-Key": "once"})
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    await handle.result()
    late = await door.post(where, json={}, headers={"Idempotency-Key": "another"})
    assert (late.status_code, late.json()["outcome"]) == (200, "already_cancelled")


async def test_what_the_carrier_holds_cannot_be_cancelled(
    door: httpx.AsyncClient, shop: Shop, in_stock: Order, number: int
) -> None:
    handle = await shop.start(in_stock)
    await shop.parcel_taken(number)
    await handle.result()
    answer = await door.post(f"/backorders/{in_stock.backorder_id}/cancel", json={})
    assert answer.status_code == 409
    reply = problem_of(answer, "too-late")["reply"]
    assert (reply["outcome"], reply["units_shipped"]) == ("too_late", 1)


async def test_a_cancellation_that_takes_its_time_is_taken_and_can_be_followed(
    hurried: httpx.AsyncClient, door: httpx.AsyncClient, shop: Shop, in_stock: Order, number: int
) -> None:
    await shop.start(in_stock)
    await shop.until(lambda p: any(parcel.state == "booked" for parcel in p.parcels), number)
    await shop.outside.carrier.fail_next("503", 10_000, on="void", seconds=0)
    try:
        answer = await hurried.post(f"/backorders/{in_stock.backorder_id}/cancel", json={})
    finally:
        await shop.outside.carrier.fail_next("503", 1, on="void", seconds=0)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/backorders/{in_stock.backorder_id}"
    assert (await door.get(answer.headers["location"])).json()["cancellation"]["by"] == "customer"


async def test_without_a_worker_nobody_is_told_that_something_was_cancelled(
    unmanned: httpx.AsyncClient, order: Order
) -> None:
    await unmanned.post("/backorders", json=body_of(order))
    answer = await unmanned.post(f"/backorders/{order.backorder_id}/cancel", json={})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    problem_of(answer, "unavailable")


async def test_a_backorder_whose_workflow_was_ended_by_hand_is_not_called_cancelled_or_shipped(
    door: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    handle = await shop.start(order)
    await shop.until(lambda p: bool(p.claims), number)
    await handle.terminate("by mistake")
    answer = await door.post(f"/backorders/{order.backorder_id}/cancel", json={})
    assert answer.status_code == 409
    assert "ended by hand" in problem_of(answer, "not-possible")["detail"]


async def test_what_does_not_exist_cannot_be_cancelled_or_answered(door: httpx.AsyncClient, order: Order) -> None:
    answer = await door.post(f"/backorders/{order.backorder_id}/cancel", json={})
    assert answer.status_code == 404
    problem_of(answer, "not-found")
    delay = {"notice_id": "backorder/x/first_delay/1", "answer": "consent"}
    assert (await door.post(f"/backorders/{order.backorder_id}/answer", json=delay)).status_code == 404


async def test_a_key_or_body_that_cannot_be_is_refused(door: httpx.AsyncClient, order: Order) -> None:
    where = f"/backorders/{order.backorder_id}/cancel"
    problem_of(await door.post(where, json={}, headers={"Idempotency-Key": "x" * 201}), "invalid")
    problem_of(await door.post(where, json={"by": "nobody"}), "invalid")
    misspelt = problem_of(await door.post(where, json={"resaon": "ordered twice"}), "invalid")
    assert misspelt["errors"] == [{"field": "resaon", "reason": "is not known here; did you mean reason?"}]
    yes = {"notice_id": "n", "answer": "consent", "notice": "n"}
    again = problem_of(await door.post(f"/backorders/{order.backorder_id}/answer", json=yes), "invalid")
    assert again["errors"] == [{"field": "notice", "reason": "is not known here; did you mean notice_id?"}]


async def test_a_customers_answer_by_telephone_is_recorded_once(
    door: httpx.AsyncClient, shop: Shop, order: Order, number: int
) -> None:
    notice_id = await delayed(shop, order, number)
    where = f"/backorders/{order.backorder_id}/answer"
    yes = {"notice_id": notice_id, "answer": "consent"}
    assert (await door.post(where, json=yes)).json() == {"outcome": "recorded"}
    assert (await door.post(where, json=yes, headers={"Idempotency-Key": "second call"})).status_code == 422
    assert (await door.post(where, json=yes, headers={"Idempotency-Key": "second-call"})).json() == {
        "outcome": "repeat"
    }
    view = (await door.get(f"/backorders/{order.backorder_id}")).json()
    assert [n["answer"] for n in view["notices"] if n["notice_id"] == notice_id] == ["consent"]
    unknown = await door.post(where, json=yes | {"notice_id": f"{notice_id}0"})
    assert unknown.status_code == 404
    await door.post(f"/backorders/{order.backorder_id}/cancel", json={})
    late = await door.post(where, json=yes | {"answer": "cancel"})
    assert late.status_code == 409
    problem_of(late, "too-late")


async def delayed(shop: Shop, order: Order, number: int) -> str:
    """Promise it for soon, then let the supplier move it to next month; gives the notice that told of it."""
    today = datetime.now(UTC).date()
    await shop.start(order.model_copy(update={"promised_by": today + timedelta(days=12)}))
    await shop.acknowledged(number, deliver_on=today + timedelta(days=30))
    position = await shop.until(lambda p: any(n.kind == "first_delay" for n in p.notices), number)
    return next(n.notice_id for n in position.notices if n.kind == "first_delay")
