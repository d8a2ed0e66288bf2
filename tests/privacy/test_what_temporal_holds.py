"""Nobody who reads Temporal's histories and visibility learns who a customer is, or what they said."""

from datetime import timedelta

import httpx
from temporalio.client import Client

from activities.sealing import ENCODING
from domain.orders import Address, Customer
from tests.privacy.raw_temporal import failures, held, payloads
from tests.workflows.shop import Shop
from tests.workflows.test_promises_slip import customers_today

PERSONAL = {
    "name": "Zerlina Quackenbush",
    "mail": "zerlina.q@customer.example",
    "telephone": "+1 212 555 0147",
    "street": "77 Xylophone Passage",
    "town": "Zwolle Heights",
    "postal code": "99177-4242",
    "payment method": "pm_zerlina_4711",
    "reason of the cancel": "moving in with my sister Ottilie",
    "operator's note": "rang her and she wept",
    "message that cannot be read": "deliver to the red door",
    "answer": '"consent"',
}
"""What no raw history may hold, by what it is."""


async def _whole_life(shop: Shop) -> None:
    """Told of a delay, answered, cancelled while a step fails, and settled by an operator."""
    order = shop.order_of(
        promised_by=customers_today() + timedelta(days=10),
        customer=Customer(customer_id="C-1", name=PERSONAL["name"], email=PERSONAL["mail"]),
        payment_method=PERSONAL["payment method"],
        ship_to=Address(
            name=f"{PERSONAL['name']} {PERSONAL['telephone']}",  # where shops put it that have no other field
            street=PERSONAL["street"],
            city=PERSONAL["town"],
            postal_code=PERSONAL["postal code"],
            country="US",
        ),
    )
    async with httpx.AsyncClient(base_url=shop.gateway_url, trust_env=False, timeout=30) as upstream:
        key = {"Authorization": "Bearer upstream-key"}
        accepted = await upstream.post("/backorders", json=order.model_dump(mode="json"), headers=key)
    assert accepted.status_code == 201, accepted.text
    await shop.acknowledged(deliver_on=customers_today() + timedelta(days=25))
    told = await shop.until(
        lambda p: any(n.kind == "first_delay" and n.promised == p.current_promise for n in p.notices)
    )
    (notice,) = [n for n in told.notices if n.kind == "first_delay"]
    assert (await shop.answer(notice.notice_id, "consent"))["outcome"] == "recorded"
    await shop.backorder().signal("receipt", PERSONAL["message that cannot be read"])
    await shop.until(lambda p: p.attention is not None)
    await shop.backorder().execute_update("resolve", {"resolution": "dismiss", "note": PERSONAL["operator's note"]})
    await shop.outside.control_mail(refuse=[PERSONAL["mail"]])
    assert (await shop.cancel(reason=PERSONAL["reason of the cancel"]))["outcome"] == "cancelled"
    await shop.until(lambda p: p.attention is not None)
    await shop.outside.control_mail()
    await shop.forward(shop.backorder(), timedelta(hours=2))
    await shop.closed()
    await shop.backorder().result()


async def test_raw_histories_and_visibility_hold_nothing_of_a_customer(shop: Shop, stranger: Client) -> None:
    await _whole_life(shop)
    raw = [message async for message in held(stranger)]
    said = b"\n".join(message.SerializeToString() for message in raw)
    assert [what for what, words in PERSONAL.items() if words.encode() in said] == []
    assert {payload.metadata["encoding"] for one in raw for payload in payloads(one)} <= {
        ENCODING,
        b"json/plain",  # search attributes, which are checked above like all the rest
        b"binary/null",
    }
    failed = [failure for one in raw for failure in failures(one)]
    assert {(failure.message, failure.stack_trace) for failure in failed} == {("Encoded failure", "")}
    # and it is all there for those who have the keys: nothing is missing because it was never written
    codec = shop.client.data_converter.payload_codec
    assert codec is not None
    opened = b"\n".join(one.data for one in await codec.decode([p for message in raw for p in payloads(message)]))
    assert [what for what, words in PERSONAL.items() if words.encode() not in opened] == []
