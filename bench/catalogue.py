"""The shop that is measured: suppliers whose orders leave when enough has joined, and one that collects for a day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.catalogue import Catalogue, CutOff, Item, PriceBreak, Supplier, SupplierItem
from domain.orders import Address, Customer, Order

QUICK = tuple(f"quick-{number}" for number in range(1, 5))
"""Suppliers of the lifecycle bench; each sells one of its SKUs, so that no single lock is what is measured."""
QUICK_SKUS = tuple(f"ITEM-{number}" for number in range(1, 5))
PATIENT = "patient"
"""Collects until tomorrow, so that nothing leaves while a bench runs."""
HOT_SKU = "HOT"
"""Sold by the patient supplier alone: one SKU, one purchase order, one lock."""


def shop(outside_url: str, webhook_secret: str, orders_on_a_po: int | None = None) -> Catalogue:
    """The catalogue. `orders_on_a_po`: shares (of one unit) after which a quick supplier's order leaves."""
    passed = (datetime.now(UTC) - timedelta(hours=1)).time().replace(microsecond=0)

    def supplier(supplier_id: str, threshold: int | None = None) -> Supplier:
        return Supplier(
            supplier_id=supplier_id,
            name=supplier_id,
            currency="USD",
            connector_config={
                "base_url": f"{outside_url}/suppliers/{supplier_id}",
                "api_key": "bench",
                "webhook_secret": webhook_secret,
            },
            cut_off=CutOff(times=(passed,), weekdays=tuple(range(7))),
            threshold_quantity=threshold,
        )

    def sells(supplier_id: str, sku: str) -> SupplierItem:
        breaks = (PriceBreak(from_quantity=1, unit_price=Decimal(20)),)
        return SupplierItem(supplier_id=supplier_id, sku=sku, supplier_sku=f"S-{sku}", price_breaks=breaks)

    return Catalogue(
        suppliers=(*(supplier(name, orders_on_a_po) for name in QUICK), supplier(PATIENT)),
        items=tuple(Item(sku=sku, name=sku.title()) for sku in (*QUICK_SKUS, HOT_SKU)),
        supplier_items=(
            *(sells(name, sku) for name, sku in zip(QUICK, QUICK_SKUS, strict=True)),
            sells(PATIENT, HOT_SKU),
        ),
    )


def order(backorder_id: str, sku: str) -> Order:
    """An order of one unit, like any other."""
    return Order(
        backorder_id=backorder_id,
        sales_order=f"SO-{backorder_id}",
        customer=Customer(customer_id=f"C-{backorder_id}", name="Ada Lovelace", email="ada@customer.example"),
        ship_to=Address(name="Ada Lovelace", street="1 Main St", city="Boston", postal_code="02101", country="US"),
        sku=sku,
        quantity=1,
        unit_price=Decimal("49.90"),
        currency="USD",
        shipping_charge=Decimal("4.90"),
        payment_method="pm_bench",
    )
