"""A shop that buys from Cedar, a supplier with nothing but a mailbox and a browser; its orders go there by mail."""

import itertools
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
from temporalio.testing import WorkflowEnvironment

from devstack.simulators.records import CaughtMail
from domain.catalogue import Catalogue, CutOff, Item, PriceBreak, Supplier, SupplierItem
from ledger import catalogue
from tests.workflows.shop import Shop, open_shop
from workflows import purchase_order_contract

SECRET = "what the links to cedar are signed with"
MAILBOX = "orders@cedar.example"
LINK = re.compile(r"http\S+(/purchase-orders/\S+)")


@dataclass(frozen=True)
class Mailed:
    """A purchase order that was mailed to Cedar."""

    po_number: str
    page: str
    """The path that the mail's link leads to."""
    numbers: tuple[int, ...]
    """Of the backorders on it, one for each line."""


@dataclass
class MailedShop:
    """Commands of a test."""

    shop: Shop
    numbers: Any
    goods: str = "Mug <b>blue</b>"
    """What all items are called."""
    adds: bool = False
    """Cedar takes lines after an order."""

    async def mailed(self, *quantities: int, unit_factor: int = 1) -> Mailed:
        """Have Cedar get an order by mail, with a line of so many for each backorder."""
        po_number, numbers = await self.released(*quantities, unit_factor=unit_factor)
        await self.shop.po_until(po_number, lambda p: p.place is not None and p.place.state == "delivered")
        (mail,) = await self.mails(po_number)
        return Mailed(po_number, link_in(mail), numbers)

    async def released(self, *quantities: int, unit_factor: int = 1) -> tuple[str, tuple[int, ...]]:
        """Have such an order sent; its number, and those of its backorders."""
        numbers = tuple(next(self.numbers) for _ in quantities)
        skus = tuple([await self._item(f"MUG-{number}", unit_factor) for number in numbers])
        po_number = ""
        for number, sku, quantity in zip(numbers, skus, quantities, strict=True):
            await self.shop.order(number, sku=sku, quantity=quantity * unit_factor)
            po_number = await self.shop.po_number(number)  # one after the other, so that the lines have this order
        await self.shop.po(po_number).execute_update(purchase_order_contract.RELEASE_NOW)
        return po_number, numbers

    async def mails(self, po_number: str) -> list[CaughtMail]:
        """The mails to Cedar about an order."""
        return [mail for mail in await self.shop.outside.mails(to=MAILBOX) if po_number in mail.subject]

    async def _item(self, sku: str, unit_factor: int) -> str:
        sold = SupplierItem(
            supplier_id="cedar",
            sku=sku,
            supplier_sku=f"C-{sku}",
            price_breaks=(PriceBreak(from_quantity=1, unit_price=Decimal("3.125")),),
            unit_factor=unit_factor,
        )
        supplier = cedar(self.shop).model_copy(update={"add_to_open_orders": self.adds})
        more = Catalogue(suppliers=(supplier,), items=(Item(sku=sku, name=self.goods),), supplier_items=(sold,))
        await catalogue.load_catalogue(self.shop.world.ledger, more, at=datetime.now(UTC))
        return sku


def cedar(shop: Shop, **changes: Any) -> Supplier:
    """A supplier who gets mails."""
    where = shop.outside.addresses
    config = {
        "to": MAILBOX,
        "sender": "Bříza & Co. <orders@shop.example>",
        "contact": "Mara in purchasing",
        "public_url": shop.gateway_url,
        "link_secret": SECRET,
        "smtp_host": where.smtp_host,
        "smtp_port": where.smtp_port,
        "timeout_seconds": 5,
    }
    passed = (datetime.now(UTC) - timedelta(hours=1)).time().replace(microsecond=0)
    return Supplier(
        supplier_id="cedar",
        name="Cedar",
        currency="USD",
        connector="email",
        connector_config=config | changes,
        cut_off=CutOff(times=(passed,), weekdays=tuple(range(7))),
    )


@asynccontextmanager
async def open_mailed_shop(env: WorkflowEnvironment, folder: Path, dsn: str) -> AsyncIterator[MailedShop]:
    """Open the shop."""
    async with open_shop(env, folder, dsn, uuid.uuid4().hex[:12]) as shop:
        yield MailedShop(shop, itertools.count(1))


def link_in(mail: CaughtMail) -> str:
    """The path of the link in a mail, which is the same in both its bodies."""
    (path,) = {found[1] for found in LINK.finditer(mail.text)}
    assert path in mail.html
    return path


def form_of(page: httpx.Response, do: str) -> dict[str, str]:
    """The fields of one form of a page as a browser would send them, before anybody types."""
    reader = _Forms()
    reader.feed(page.text)
    return next(form for form in reader.forms if form.get("do") == do)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append({})
        unchecked = given.get("type") in {"radio", "checkbox"} and "checked" not in given
        if tag == "input" and not unchecked:
            self.forms[-1][str(given["name"])] = given.get("value") or ""
