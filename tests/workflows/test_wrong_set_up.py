"""A supplier whose connector cannot be built: the purchase order says so at once, and goes out when it is mended."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus

from connectors.errors import WronglySetUp
from domain.catalogue import Catalogue
from ledger import catalogue
from tests.workflows.shop import Shop, small_catalogue
from workflows import purchase_order_contract

VARIABLE = "PROMISEKEEPER_TEST_ACME_API_KEY"


async def set_up(shop: Shop, **config: object) -> None:
    """Load the shop's catalogue with other connector settings for Acme."""
    plain = small_catalogue(shop.outside).model_dump()
    for supplier in plain["suppliers"]:
        if supplier["supplier_id"] == "acme":
            supplier["connector_config"] |= config
    await catalogue.load_catalogue(shop.world.ledger, Catalogue.model_validate(plain), at=datetime.now(UTC))


async def test_a_variable_that_the_worker_lacks_is_told_at_once_and_the_order_goes_out_once_it_is_mended(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    await set_up(shop, api_key=f"env:{VARIABLE}")
    await shop.order()
    po_number = await shop.po_number()
    await shop.po(po_number).execute_update(purchase_order_contract.RELEASE_NOW)
    stuck = await shop.po_until(po_number, lambda p: p.attention is not None)
    assert f"'acme' is set up wrongly: connector_config.api_key (environment variable {VARIABLE})" in str(
        stuck.attention
    )
    monkeypatch.setenv(VARIABLE, "key-acme")
    await shop.forward(shop.po(po_number), timedelta(minutes=6))
    sent = await shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
    assert [order.po_number for order in (await shop.supplier().books()).orders] == [po_number]
    assert sent.attention is None or "set up wrongly" not in sent.attention


async def test_the_cancel_button_on_an_order_whose_supplier_cannot_be_asked_tells_an_operator(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.order()
    po_number = await shop.acknowledged()
    monkeypatch.delenv(VARIABLE, raising=False)
    await set_up(shop, api_key=f"env:{VARIABLE}")
    await shop.po(po_number).cancel()
    told = await shop.po_until(po_number, lambda p: p.attention is not None)
    assert re.search(r"asked (by us )?to cancel", str(told.attention))
    assert (await shop.po(po_number).describe()).status == WorkflowExecutionStatus.RUNNING


async def test_settings_that_go_wrong_and_right_again_leave_a_connection_that_works(shop: Shop) -> None:
    await shop.world.supplier("acme")
    await set_up(shop, base_url="no address")
    with pytest.raises(WronglySetUp):
        await shop.world.supplier("acme")
    await set_up(shop)
    await (await shop.world.supplier("acme")).check()
